"""What a frame carries: everything new, some times over, and never what has not changed."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from rnn import Config
from ui.entries import BROKEN, TIMES_SENT, Entry, Feeder
from ui.live import LiveRun, LiveView
from ui.place import Source


@pytest.fixture
def view() -> LiveView:
    return LiveRun("the cat sat on the mat. " * 4, Config(hidden_size=3), Source("own", "x")).view()


class Panel:
    """A source whose version and content the test sets; it counts how often it is built."""

    def __init__(self) -> None:
        self.version: object = 0
        self.built = 0

    def __call__(self, view: LiveView) -> Entry:
        return Entry(self.version, self.content)  # type: ignore[arg-type]

    def content(self) -> dict[str, Any]:
        self.built += 1
        return {"says": self.version}


def feeder_of(**panels: Panel) -> Feeder:
    feeder = Feeder()
    for name, panel in panels.items():
        feeder.add(name, panel, f"r-{name}")
    return feeder


def test_what_does_not_change_is_built_once_and_sent_a_few_times(view: LiveView) -> None:
    panel = Panel()
    feeder = feeder_of(one=panel)
    frames = [feeder.frame(view, number) for number in range(TIMES_SENT + 4)]
    assert panel.built == 1
    sent = [frame["panels"] for frame in frames]
    assert sent[:TIMES_SENT] == [
        {"one": {"says": 0, "revision": "r-one", "version": 0}} for _ in range(TIMES_SENT)
    ]
    assert sent[TIMES_SENT:] == [{}] * 4
    assert [frame["sequence"] for frame in frames] == list(range(TIMES_SENT + 4))


def test_a_change_is_sent_at_once_under_a_new_number(view: LiveView) -> None:
    moving, still = Panel(), Panel()
    feeder = feeder_of(moving=moving, still=still)
    for number in range(10):
        moving.version = number
        panels = feeder.frame(view, number)["panels"]
        assert panels["moving"] == {"says": number, "revision": "r-moving", "version": number}
        assert ("still" in panels) == (number < TIMES_SENT)


def test_a_new_run_of_the_page_sends_everything_again(view: LiveView) -> None:
    panel = Panel()
    for number in (5, 6):
        assert feeder_of(one=panel).frame(view, number)["panels"]["one"]["version"] == number


def test_a_source_that_fails_says_so_in_its_panel_and_leaves_the_others(
    view: LiveView, caplog: pytest.LogCaptureFixture
) -> None:
    panel = Panel()

    def fails(view: LiveView) -> Entry:
        raise RuntimeError("no such thing")

    feeder = feeder_of(good=panel)
    feeder.add("bad", fails, "r-bad")
    with caplog.at_level(logging.ERROR):
        frames = []
        for number in range(6):
            panel.version = number
            frames.append(feeder.frame(view, number)["panels"])
    assert [frame["good"]["says"] for frame in frames] == list(range(6))
    assert frames[0]["bad"]["broken"] == BROKEN["broken"]
    assert len(caplog.records) == 1
    assert "bad" not in frames[-1]


def test_a_panel_recovers_when_its_source_does(view: LiveView) -> None:
    def when_paused(view: LiveView) -> Entry:
        if view.playing:
            raise RuntimeError
        return Entry(1, lambda: {"says": "back"})

    feeder = Feeder()
    feeder.add("one", when_paused, "r")
    assert "broken" in feeder.frame(replace(view, playing=True), 1)["panels"]["one"]
    assert feeder.frame(view, 2)["panels"]["one"]["says"] == "back"
