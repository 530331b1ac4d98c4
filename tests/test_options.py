"""Where the dashboard keeps its runs, as it is told when it is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rnn.store import Store, StoreError
from ui import runs
from ui.options import runs_folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RNN_RUNS", str(tmp_path / "usual"))


@pytest.mark.parametrize("spelling", [["--runs", "{}"], ["--runs={}"], ["--other", "--runs", "{}"]])
def test_an_option_names_the_folder(
    spelling: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    monkeypatch.setattr(sys, "argv", ["dashboard.py", *(part.format(folder) for part in spelling)])
    stores: list[Store] = []
    monkeypatch.setattr(runs, "_stores", stores)
    assert runs.store().folder == folder
    assert stores == [runs.store()]


def test_without_the_option_it_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["dashboard.py"])
    assert runs_folder() == tmp_path / "usual"


def test_half_an_option_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dashboard.py", "--runs"])
    with pytest.raises(StoreError, match=r"^The option --runs was given without the folder"):
        runs_folder()
