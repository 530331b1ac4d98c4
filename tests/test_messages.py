"""A frame tells every panel what it needs, in few bytes, and builds no figure to do so."""

from __future__ import annotations

import ast
import math
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.basedatatypes import BaseFigure, BasePlotlyType

from rnn import Config, DiaryEntry, Trainer
from rnn.analysis import portrait_of
from rnn.history import CAPACITY
from rnn.levels import UNITS, Levels
from rnn.snapshot import draw_live_sample, take
from rnn.vocabulary import char_mark, char_name
from tests.feeding import REVISION, whole_frame
from ui.figures import hidden, loss
from ui.figures.loss import LossView
from ui.frames import encode
from ui.health import FIGURES
from ui.live import GREEDY_LENGTH, SPARKLINE, LiveView, Target
from ui.messages import (
    DIARY_CHARACTERS,
    DIARY_SHOWN,
    diary_entries,
    status_line,
    target_words,
    vocabulary,
)
from ui.pace import Pace
from ui.palette import LIGHT
from ui.views import train as train_views

MOST_BYTES = 40_000
MOST_GROWTH = 1.1

PACE = Pace(iterations_per_second=4812.34, characters_per_second=120308.5, training_share=0.83)


def text_of_37_characters() -> str:
    """1,700 characters in which each of 37 occurs; nothing that could be learned away."""
    alphabet = string.ascii_lowercase + "ABCDE \n.,;'"
    assert len(set(alphabet)) == 37
    rng = np.random.default_rng(0)
    return alphabet + "".join(rng.choice(list(alphabet), 1663))


def view_of(trainer: Trainer, **changes: Any) -> LiveView:
    """What the live loop would show while `trainer` plays, with sparklines as long as they get."""
    live = draw_live_sample(trainer, GREEDY_LENGTH)
    view = LiveView(
        serial=1,
        snapshot=take(trainer, trainer.initial_params, live, spectral_radius=1.23),
        portrait=portrait_of(trainer),
        playing=True,
        pace=PACE,
        target=Target(iteration=10_000_000),
        progress=0.123456789,
        sparks={figure.key: [math.pi * i for i in range(SPARKLINE)] for figure in FIGURES},
    )
    return replace(view, **changes)


def frame_bytes(trainer: Trainer) -> int:
    return len(encode(whole_frame(view_of(trainer), sequence=123_456)))


def small_trainer(steps: int = 0) -> Trainer:
    config = Config(hidden_size=5, seq_length=6, sample_length=12, held_out=0.1)
    trainer = Trainer("a tale of two cities\n" * 9, config)
    if steps:
        trainer.advance(steps=steps)
    return trainer


@pytest.fixture(scope="module")
def view() -> LiveView:
    return view_of(small_trainer(30))


def fresh_view() -> LiveView:
    trainer = small_trainer()
    return LiveView(
        serial=1,
        snapshot=take(trainer, trainer.initial_params, None, None),
        portrait=portrait_of(trainer),
        playing=False,
        pace=None,
        target=None,
        progress=None,
        sparks={figure.key: [] for figure in FIGURES},
    )


# The status line


def with_snapshot(view: LiveView, **changes: Any) -> LiveView:
    return replace(view, snapshot=replace(view.snapshot, **changes))


def test_the_status_line_says_where_the_run_stands(view: LiveView) -> None:
    there = with_snapshot(view, iteration=12_345, epoch=7, smooth_loss=2.01 * math.log(2))
    line = status_line(there)
    for words in ("iteration 12,345", "epoch 7", "2.01 bits/char", "4,812 it/s"):
        assert words in line.split(" · ")


@pytest.mark.parametrize(
    ("iteration", "words"),
    [
        (0, "iteration 0"),
        (999, "iteration 999"),
        (1_000, "iteration 1,000"),
        (1_234_567, "iteration 1,234,567"),
    ],
)
def test_iterations_are_counted_with_commas(view: LiveView, iteration: int, words: str) -> None:
    assert words in status_line(with_snapshot(view, iteration=iteration)).split(" · ")


def test_without_a_pace_the_line_tells_whether_the_run_stands_still(view: LiveView) -> None:
    playing = replace(view, pace=None)
    paused = replace(playing, playing=False)
    assert "it/s" not in status_line(playing)
    assert status_line(paused) != status_line(playing)
    assert status_line(paused) != status_line(with_snapshot(paused, iteration=0))


def test_the_status_panel_tells_the_target_and_how_far_it_is(view: LiveView) -> None:
    status = whole_frame(view)["panels"]["status"]
    assert status_line(view) in status["line"]
    assert "10,000,000" in status["line"]
    assert "10,000,000" in status["target"]
    assert status["progress"] == pytest.approx(view.progress)
    assert status["playing"] is True


def test_without_a_target_there_is_no_progress() -> None:
    status = whole_frame(fresh_view())["panels"]["status"]
    assert status["progress"] is status["target"] is None
    assert status["playing"] is False
    assert "iteration 0" in status["line"].split(" · ")


def test_a_target_in_words_holds_its_number() -> None:
    assert "12,345" in target_words(Target(iteration=12_345))
    assert "0.6931" in target_words(Target(loss=math.log(2)))


# The whole frame


def test_every_panel_that_waits_for_frames_gets_them(view: LiveView) -> None:
    names = set(mounted_panels())
    assert {"status", "loss", "hidden", "weights", "softmax", "sample", "health"} <= names
    assert set(whole_frame(view)["panels"]) == names


def mounted_panels() -> Iterator[str]:
    """The names under which the Train page's blocks mount their panels and charts."""
    yield "status"
    source = Path(train_views.__file__).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("page.panel", "page.chart"):
            name = node.args[0]
            assert isinstance(name, ast.Constant)
            yield str(name.value)


def test_every_entry_carries_its_revision_and_the_frame_it_was_made_for(view: LiveView) -> None:
    for a_view in (view, fresh_view()):
        frame = whole_frame(a_view, sequence=42)
        assert frame["sequence"] == 42
        assert {entry["revision"] for entry in frame["panels"].values()} == {REVISION}
        assert {entry["version"] for entry in frame["panels"].values()} == {42}


@pytest.mark.parametrize("unit", [unit.key for unit in UNITS])
@pytest.mark.parametrize("log", [False, True])
def test_a_frame_can_be_sent_at_any_moment_and_in_any_unit(unit: str, log: bool) -> None:
    shown = LossView(unit, log, log)
    for a_view in (fresh_view(), view_of(small_trainer(1)), view_of(small_trainer(600))):
        message = encode(whole_frame(a_view, shown))
        # The same view gives the same frame: composing leaves nothing behind.
        assert encode(whole_frame(a_view, shown)) == message


def test_the_person_chooses_the_unit_of_the_loss(view: LiveView) -> None:
    for unit in ("window", "perplexity"):
        shown = LossView(unit)
        s = view.snapshot
        expected = loss.arrays(shown, s.curve, s.held_out, s.events, s.seq_length)
        sent = whole_frame(view, shown)["panels"]["loss"]["arrays"]
        assert encode({"arrays": sent}) == encode({"arrays": expected})


def test_the_sample_s_title_names_its_iteration(view: LiveView) -> None:
    assert view.snapshot.live_sample is not None
    late = replace(view.snapshot.live_sample, iteration=12_345)
    sample = whole_frame(with_snapshot(view, live_sample=late))["panels"]["sample"]
    assert "12,345" in sample["title"]
    assert not re.search(r"\d", whole_frame(fresh_view())["panels"]["sample"]["title"])


def test_health_brings_six_figures_with_short_sparklines(view: LiveView) -> None:
    sparks = {figure.key: [1 / 3, 20_000 / 3] for figure in FIGURES}
    figures = whole_frame(replace(view, sparks=sparks))["panels"]["health"]["figures"]
    assert len(figures) == len(FIGURES)
    for figure in figures:
        assert figure["spark"] == pytest.approx([1 / 3, 20_000 / 3], rel=0.01)
        assert len(str(figure["spark"])) < 20
        assert figure["mark"] in ("fine", "watch", "trouble", "none")


def test_the_vocabulary_has_a_mark_and_a_name_for_each_character() -> None:
    chars = ("\n", " ", "a")
    assert vocabulary(chars) == {
        "chars": ["\n", " ", "a"],
        "marks": [char_mark(char) for char in chars],
        "names": [char_name(char) for char in chars],
    }


# The diary


def with_diary(view: LiveView, count: int, text: str = "") -> LiveView:
    entries = [DiaryEntry(100 * i, f"entry {i}{text}", 1.0, 0, math.log(2)) for i in range(count)]
    return with_snapshot(view, diary=tuple(entries))


def shown_entries(view: LiveView) -> list[int]:
    texts = [text for _, text in diary_entries(view.snapshot)]
    return [int(text.removeprefix("entry ")) for text in texts]


@pytest.mark.parametrize("count", range(1, DIARY_SHOWN + 1))
def test_a_short_diary_is_shown_whole_newest_first(view: LiveView, count: int) -> None:
    assert shown_entries(with_diary(view, count)) == list(range(count))[::-1]


@pytest.mark.parametrize("count", range(DIARY_SHOWN + 1, 65))
def test_a_long_diary_keeps_the_first_and_the_newest(view: LiveView, count: int) -> None:
    shown = shown_entries(with_diary(view, count))
    assert len(shown) == DIARY_SHOWN
    assert shown[0] == count - 1
    assert shown[-1] == 0
    gaps = [earlier - later for earlier, later in pairwise(shown)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


def test_an_empty_diary_shows_nothing(view: LiveView) -> None:
    assert diary_entries(with_diary(view, 0).snapshot) == []


def test_a_diary_entry_tells_its_iteration_and_its_loss(view: LiveView) -> None:
    entry = DiaryEntry(12_300, "Once upon", 1.0, 0, 2.5 * math.log(2))
    ((when, text),) = diary_entries(with_snapshot(view, diary=(entry,)).snapshot)
    assert "iteration 12,300" in when
    assert "2.50 bits" in when
    assert text == "Once upon"


def test_a_diary_entry_is_cut_to_its_beginning(view: LiveView) -> None:
    ((_, text),) = diary_entries(with_diary(view, 1, "x" * 2000).snapshot)
    assert len(text) == DIARY_CHARACTERS
    assert text.startswith("entry 0xx")


# What it costs


@pytest.fixture(scope="module")
def default_trainer() -> Trainer:
    """The default settings on a text of 37 characters, after 1,500 iterations."""
    trainer = Trainer(text_of_37_characters(), Config())
    assert (trainer.config.hidden_size, trainer.config.seq_length) == (100, 25)
    trainer.advance(steps=1500)
    return trainer


def test_a_frame_at_default_settings_is_small(default_trainer: Trainer) -> None:
    assert frame_bytes(default_trainer) <= MOST_BYTES


def test_a_frame_is_small_when_the_curve_is_fullest(default_trainer: Trainer) -> None:
    full = CAPACITY
    while full <= 1500:
        full *= 2
    with recorded_until(default_trainer, full - 1):
        assert len(default_trainer.history.curve()) >= CAPACITY - 1
        assert frame_bytes(default_trainer) <= MOST_BYTES


def test_after_a_million_iterations_a_frame_is_hardly_larger(default_trainer: Trainer) -> None:
    early = frame_bytes(default_trainer)
    with recorded_until(default_trainer, 1_000_000):
        late = frame_bytes(default_trainer)
    assert late <= MOST_GROWTH * early
    assert late <= MOST_BYTES


@contextmanager
def recorded_until(trainer: Trainer, end: int) -> Iterator[None]:
    """Inside, the trainer's history goes on to iteration `end`, without the training."""
    state = trainer.state()
    record = trainer.history.record
    for iteration in range(trainer.iteration, end):
        record(iteration, 1.0 + iteration % 7, 2.0, 3.0, 25)
    yield
    trainer.restore(state)


class FigureBuilt(AssertionError):
    pass


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever builds a Plotly figure, a layout or a trace meets an error."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise FigureBuilt

    monkeypatch.setattr(go, "Figure", refuse)
    monkeypatch.setattr(BaseFigure, "__init__", refuse)
    monkeypatch.setattr(BasePlotlyType, "__init__", refuse)


@pytest.mark.usefixtures("no_figures")
def test_composing_a_frame_builds_no_figure(view: LiveView) -> None:
    encode(whole_frame(view))
    encode(whole_frame(fresh_view()))


@pytest.mark.usefixtures("no_figures")
def test_a_figure_that_is_built_would_be_noticed() -> None:
    with pytest.raises(FigureBuilt):
        hidden.skeleton(6, LIGHT)
    with pytest.raises(FigureBuilt):
        loss.skeleton(LossView(), Levels(None, None, None, None), 25, LIGHT)
    with pytest.raises(FigureBuilt):
        go.Heatmap()
