"""A short piece of what `bench/soak.py` does for hours: anything, in any order, and nothing goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.soak import EVERY, soak

SEED = 3
ACTIONS = EVERY + 4  # with one checkpoint


@pytest.mark.browser
def test_nothing_goes_wrong_whatever_is_clicked(browser: Browser, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    diary = soak(browser, SEED, log, lambda it: it.actions.total() > ACTIONS)
    wrong = [line for line in log.read_text("utf-8").splitlines() if '"error": ' in line]
    assert not wrong
    assert not diary.errors
    assert [reading for reading in diary.readings if reading.checkpoint]
