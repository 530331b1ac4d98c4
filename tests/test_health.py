"""The health figures read what the gauges say, and mark it by the edges that they name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rnn import Config
from ui import health
from ui.health import FIGURES, Reading, readings
from ui.live import LiveRun, LiveView
from ui.pace import Pace
from ui.place import Source

TEXT = "The quick brown fox jumps over the lazy dog.\n" * 4
PACE = Pace(iterations_per_second=4812.3, characters_per_second=120307.5, training_share=0.834)


@pytest.fixture
def run() -> LiveRun:
    return LiveRun(
        TEXT, Config(hidden_size=6, seq_length=8, sample_length=10), Source("own", "text")
    )


def by_key(view: LiveView) -> dict[str, Reading]:
    return dict(zip([figure.key for figure in FIGURES], readings(view), strict=True))


def with_gauges(view: LiveView, **gauges: Any) -> LiveView:
    snapshot = replace(view.snapshot, gauges=replace(view.snapshot.gauges, **gauges))
    return replace(view, snapshot=snapshot)


def test_every_figure_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(FIGURES) == 6
    for words in ("key", "label", "help"):
        assert len({getattr(figure, words) for figure in FIGURES}) == 6
    assert all(figure.help.endswith(".") for figure in FIGURES)


def test_a_fresh_run_has_nothing_to_judge_that_needs_a_step(run: LiveRun) -> None:
    fresh = by_key(run.view())
    for key in ("speed", "gradient", "saturated", "update", "rate"):
        assert fresh[key].mark == "none"
    # Adagrad's memory is empty then, and its rate would read a thousand.
    assert fresh["rate"].value == "–"
    # What the weights alone tell is there from the beginning.
    assert fresh["radius"].mark != "none"


def test_after_a_step_everything_but_the_speed_is_judged(run: LiveRun) -> None:
    run.step()
    paused = by_key(run.view())
    assert paused["speed"].mark == "none"
    assert paused["speed"].value == "paused"
    assert all(reading.mark != "none" for key, reading in paused.items() if key != "speed")


def test_a_run_that_plays_is_not_called_paused_before_its_pace_is_known(run: LiveRun) -> None:
    run.play()
    speed = by_key(run.view())["speed"]
    assert speed.mark == "none"
    assert speed.value != "paused"


def test_the_speed_tells_iterations_characters_and_the_share_of_training(run: LiveRun) -> None:
    speed = by_key(replace(run.view(), playing=True, pace=PACE))["speed"]
    assert "4,812" in speed.value
    assert "120,308" in speed.value
    assert "training 83 % of the time" in speed.range
    assert speed.mark == "fine"


@pytest.mark.parametrize(("share", "mark"), [(1.0, "fine"), (0.6, "fine"), (0.599, "watch")])
def test_the_mark_of_the_speed(run: LiveRun, share: float, mark: str) -> None:
    view = replace(run.view(), playing=True, pace=replace(PACE, training_share=share))
    assert by_key(view)["speed"].mark == mark


EDGES: dict[str, tuple[str, list[tuple[float, str]]]] = {
    "gradient": (
        "clipped_share",
        [(0.0, "fine"), (0.01, "fine"), (0.0101, "watch"), (0.1, "watch"), (0.101, "trouble")],
    ),
    "saturated": (
        "saturated_share",
        [(0.0, "fine"), (0.8, "fine"), (0.801, "watch"), (0.95, "watch"), (0.951, "trouble")],
    ),
    "update": (
        "update_ratio",
        [
            (-6.01, "trouble"),
            (-6.0, "watch"),
            (-5.01, "watch"),
            (-5.0, "fine"),
            (-3.0, "fine"),
            (-2.0, "fine"),
            (-1.99, "watch"),
            (-1.0, "watch"),
            (-0.99, "trouble"),
        ],
    ),
    "rate": (
        "effective_rate",
        [(1e-4, "fine"), (0.99e-4, "watch"), (math.inf, "trouble"), (math.nan, "trouble")],
    ),
    "radius": (
        "spectral_radius",
        [
            (0.0, "watch"),
            (0.69, "watch"),
            (0.7, "fine"),
            (8.0, "fine"),
            (8.01, "watch"),
            (15.0, "watch"),
            (15.01, "trouble"),
        ],
    ),
}


@pytest.mark.parametrize(
    ("key", "gauge", "value", "mark"),
    [(key, gauge, *edge) for key, (gauge, edges) in EDGES.items() for edge in edges],
)
def test_the_marks_at_the_edges(
    run: LiveRun, key: str, gauge: str, value: float, mark: str
) -> None:
    run.step()
    judged = by_key(with_gauges(run.view(), **{gauge: value}))
    assert judged[key].mark == mark


def test_every_figure_but_the_speed_has_edges_that_are_tested() -> None:
    assert set(EDGES) | {"speed"} == {figure.key for figure in FIGURES}


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        (lambda: health._gradient(0.01234, 0.002), "0.0123"),
        (lambda: health._gradient(1.0, 0.0234), "2.3 %"),
        (lambda: health._saturated(0.256), "26 %"),
        (lambda: health._update(-3.14), "-3.1"),
        (lambda: health._rate(0.01234), "0.012"),
        (lambda: health._radius(1.005), "1.00"),
    ],
)
def test_the_value_shows_the_figure(judge: Callable[[], Reading], expected: str) -> None:
    assert expected in judge().value


def test_figures_that_are_not_there_yet_have_no_mark() -> None:
    for reading in (
        health._gradient(None, None),
        health._saturated(None),
        health._rate(None),
        health._update(None),
        health._radius(None),
    ):
        assert reading.mark == "none"
        assert not any(character.isdigit() for character in reading.value)


def test_a_value_that_is_no_number_is_trouble() -> None:
    assert health._update(math.nan).mark == "trouble"
    assert health._radius(math.inf).mark == "trouble"
