"""Every figure says what it measures, keeps its scale, and shows the numbers that it was given."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray

from rnn import Config, Event, History, Trainer
from rnn.history import CAPACITY
from rnn.levels import UNITS, Levels
from rnn.sampler import Sample
from rnn.snapshot import Histogram, LiveSample, Snapshot, WindowView, draw_live_sample, take
from rnn.vocabulary import char_mark, char_name
from ui import palette as palettes
from ui.figures import hidden, loss, softmax, weights
from ui.figures.base import Caption, filled
from ui.figures.loss import LossView
from ui.frames import Arrays
from ui.palette import DARK, LIGHT, Palette, palette

Array = NDArray[Any]
both_palettes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])

TEXT = "One two.\nThree four; five six, seven eight: nine ten!\n" * 6
LN2 = math.log(2)
LEVELS = Levels(uniform=4 * LN2, unigram=3 * LN2, bigram=2 * LN2, trigram=LN2)
NO_LEVELS = Levels(None, None, None, None)
NONE_HELD_OUT = (np.empty(0, np.int64), np.empty(0))
NO_NOISE = 1e-6


def snapshot(iterations: int, **settings: Any) -> Snapshot:
    config = Config(hidden_size=6, seq_length=10, sample_length=30, held_out=0.2)
    trainer = Trainer(TEXT, config.replace(**settings))
    if iterations:
        trainer.advance(steps=iterations)
    live = draw_live_sample(trainer, 12) if iterations else None
    return take(trainer, trainer.initial_params, live, None)


def live_sample(probabilities: Array, ids: list[int] | None = None) -> LiveSample:
    """A sample of which only what the figures read is given."""
    drawn = np.array(ids if ids is not None else [0] * len(probabilities), np.intp)
    sample = Sample("", drawn, probabilities, np.zeros((len(drawn), 1)))
    return LiveSample(7, sample, np.array([1, 0], np.intp))


def chars(count: int) -> tuple[str, ...]:
    return tuple(chr(0x4E00 + i) for i in range(count))


# All figures alike


def loss_of(s: Snapshot, view: LossView = LossView()) -> Arrays:  # noqa: B008 - frozen
    return loss.arrays(view, s.curve, s.held_out, s.events, s.seq_length)


FIGURES: dict[str, tuple[Callable[[Palette], go.Figure], Callable[[Snapshot], Arrays]]] = {
    "loss": (lambda colours: loss.skeleton(LossView(), LEVELS, 10, colours), loss_of),
    "hidden": (partial(hidden.skeleton, 6), lambda s: hidden.arrays(s.window, s.chars)),
    "softmax": (softmax.skeleton, lambda s: softmax.arrays(s.live_sample, s.chars)),
    "weights": (weights.skeleton, lambda s: weights.arrays(s.histograms)),
}
all_figures = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture(scope="module")
def moments() -> dict[str, Snapshot]:
    """A run before its first step, after it, and after enough for a merged curve."""
    return {"empty": snapshot(0), "one": snapshot(1), "many": snapshot(CAPACITY + 100)}


@all_figures
@both_palettes
@pytest.mark.parametrize("moment", ["empty", "one", "many"])
def test_a_figure_takes_what_a_run_holds(
    name: str, colours: Palette, moment: str, moments: dict[str, Snapshot]
) -> None:
    skeleton, arrays = FIGURES[name]
    filled_in = arrays(moments[moment])
    figure = filled(skeleton(colours), filled_in)
    # Plotly checks every value that it is given; what it did not know would not be in its JSON.
    plain = json.loads(figure.to_json())
    for path in filled_in:
        part = plain if path.startswith("layout") else plain["data"]
        if not path.startswith("labels"):
            assert has(part, path.split(".")), path
    assert any(entries(trace) for trace in plain["data"]) == (
        moment != "empty" or name == "weights"
    )


def has(part: Any, keys: list[str]) -> bool:
    for key in keys:
        if isinstance(part, list):
            part = part[int(key)]
        elif key in part:
            part = part[key]
        else:
            return False
    return True


def entries(trace: dict[str, Any]) -> int:
    values = trace["y"] if "y" in trace else trace["z"]
    return len(values["bdata"]) if isinstance(values, dict) else len(values)


@all_figures
def test_filling_leaves_the_skeleton_empty(name: str, moments: dict[str, Snapshot]) -> None:
    skeleton, arrays = FIGURES[name]
    empty = skeleton(LIGHT)
    before = empty.to_json()
    filled(empty, arrays(moments["many"]))
    assert empty.to_json() == before


@all_figures
def test_every_moment_fills_the_same_paths(name: str, moments: dict[str, Snapshot]) -> None:
    """What an earlier frame brought is always replaced by the next one."""
    _, arrays = FIGURES[name]
    paths = {moment: set(arrays(s)) for moment, s in moments.items()}
    assert paths["empty"] == paths["one"] == paths["many"]


@all_figures
@both_palettes
def test_every_axis_says_what_it_measures(name: str, colours: Palette) -> None:
    layout = FIGURES[name][0](colours).to_plotly_json()["layout"]
    axes = {key: value for key, value in layout.items() if key[1:].startswith("axis")}
    assert len(axes) >= 2
    assert [key for key, axis in axes.items() if not axis["title"]["text"]] == []


@all_figures
def test_a_figure_brings_its_own_style_and_no_template(name: str) -> None:
    """A template would go to the browser with every figure, larger than the figure itself.

    Streamlit's own, which stands in for the default, names its colours by placeholders that nobody
    replaces here.
    """
    layout = FIGURES[name][0](LIGHT).to_plotly_json()["layout"]
    assert len(json.dumps(layout.get("template"))) < 100


def test_no_figure_can_meet_a_half_loaded_pandas() -> None:
    """As it did where a click came, or a second visitor, while a fresh server drew its first page."""
    asked = (
        "import sys; import ui.figures.base; print(hasattr(sys.modules.get('pandas'), 'Series'))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "True"


def test_no_axis_goes_without_a_name_because_it_stands_in_none_of_these_figures() -> None:
    traces = {trace.yaxis for name in FIGURES for trace in FIGURES[name][0](LIGHT).data}
    assert traces <= {None, "y"}


@all_figures
def test_the_colours_follow_the_theme(name: str) -> None:
    skeleton = FIGURES[name][0]
    for colours in (LIGHT, DARK):
        layout = skeleton(colours).layout
        assert layout.font.color == colours.text
        assert layout.hoverlabel.bgcolor == colours.ground
    assert skeleton(LIGHT).to_json() != skeleton(DARK).to_json()


@all_figures
def test_a_zoom_outlives_new_data(name: str, moments: dict[str, Snapshot]) -> None:
    skeleton, arrays = FIGURES[name]
    kept = [filled(skeleton(LIGHT), arrays(s)).layout.uirevision for s in moments.values()]
    assert kept[0] is not None
    assert set(kept) == {kept[0]}


# The loss


def recorded(*losses: float, smooth: float = 5.0, seq_length: int = 4) -> History:
    history = History()
    for iteration, value in enumerate(losses):
        history.record(iteration, value, smooth, 1.0, seq_length)
    return history


def loss_figure(
    history: History, view: LossView, events: list[Event] | None = None, levels: Levels = NO_LEVELS
) -> go.Figure:
    arrays = loss.arrays(view, history.curve(), history.held_out(), events or [], 4)
    return filled(loss.skeleton(view, levels, 4, LIGHT), arrays)


def lines(figure: go.Figure) -> list[go.Scatter]:
    """The lines that have something to show: neither the band nor the marks of events."""
    traces = [trace for trace in figure.data if "lines" in trace.mode and trace.fill is None]
    return [trace for trace in traces if len(trace.y)]


def heights(figure: go.Figure) -> list[list[float]]:
    return [[float(y) for y in line.y] for line in lines(figure)]


# A loss of ln 2 and a smooth loss of ln 4 nats per character, in windows of 4 characters.
WORKED = {
    "window": (4 * LN2, 8 * LN2),
    "nats": (LN2, 2 * LN2),
    "bits": (1.0, 2.0),
    "perplexity": (2.0, 4.0),
}


def test_every_unit_has_a_worked_case() -> None:
    assert set(WORKED) == {unit.key for unit in UNITS}


@pytest.mark.parametrize("unit", WORKED)
def test_the_loss_in_each_unit(unit: str) -> None:
    figure = loss_figure(recorded(LN2, smooth=2 * LN2), LossView(unit))
    raw, smoothed = heights(figure)
    assert raw + smoothed == pytest.approx(WORKED[unit], rel=NO_NOISE)


@pytest.mark.parametrize("unit", WORKED)
def test_the_held_out_loss_is_shown_in_the_same_unit(unit: str) -> None:
    history = recorded(LN2, LN2)
    history.record_held_out(1, 2 * LN2)
    held_out = lines(loss_figure(history, LossView(unit)))[-1]
    assert list(held_out.x) == [1]
    assert held_out.y[0] == pytest.approx(WORKED[unit][1], rel=NO_NOISE)


@pytest.mark.parametrize("unit", WORKED)
def test_the_axis_names_the_unit(unit: str) -> None:
    titles = {u.key: u.axis_title for u in UNITS}
    assert loss_figure(recorded(1.0), LossView(unit)).layout.yaxis.title.text == titles[unit]


def test_a_window_s_loss_counts_the_characters_that_it_had_then() -> None:
    history = recorded(LN2, seq_length=10)
    history.record(1, LN2, 5.0, 1.0, 20)
    raw, smoothed = heights(loss_figure(history, LossView("window")))
    assert raw == pytest.approx([10 * LN2, 20 * LN2], rel=NO_NOISE)
    assert smoothed == pytest.approx([10 * 5.0, 20 * 5.0], rel=NO_NOISE)


def test_a_loss_beyond_all_scales_is_shown_without_a_warning() -> None:
    # e^100 is more than single precision holds; training goes on up to some hundred nats.
    raw, _ = heights(loss_figure(recorded(1.0, 100.0), LossView("perplexity")))
    assert raw[0] == pytest.approx(math.e)
    assert raw[1] > 1e38


def test_each_loss_stands_at_its_iteration() -> None:
    figure = loss_figure(recorded(3.0, 2.0, 1.0), LossView("nats"))
    raw, _ = lines(figure)
    assert list(zip(raw.x, raw.y, strict=True)) == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "linear"


def test_log_axes_are_logarithmic() -> None:
    figure = loss_figure(recorded(1.0), LossView("nats", log_iterations=True, log_loss=True))
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.rangemode != "tozero"


def test_a_log_axis_never_gets_iteration_zero() -> None:
    history = recorded(3.0, 2.0, 1.0)
    history.record_held_out(0, 3.0)
    events = [Event(0, "setting", "Learning rate: 0.1 → 0.2"), Event(2, "setting", "back")]
    figure = loss_figure(history, LossView("nats", log_iterations=True), events)
    places = [float(x) for trace in figure.data for x in trace.x]
    assert len(places) > 6
    assert min(places) == 1
    assert max(places) == 2


def test_a_linear_axis_keeps_iteration_zero() -> None:
    raw = lines(loss_figure(recorded(3.0, 2.0), LossView()))[0]
    assert list(raw.x) == [0, 1]


def band(figure: go.Figure) -> list[tuple[int, float]]:
    """The corners of the one filled outline."""
    (outline,) = (trace for trace in figure.data if trace.fill is not None)
    assert outline.fill == "toself"
    return [(int(x), float(y)) for x, y in zip(outline.x, outline.y, strict=True)]


def test_there_is_no_band_while_every_iteration_stands_alone() -> None:
    most = CAPACITY - 1
    figure = loss_figure(recorded(*[1.0] * most), LossView())
    assert band(figure) == []
    assert [len(height) for height in heights(figure)] == [most, most]


def test_merged_buckets_have_a_band_that_keeps_the_extremes() -> None:
    losses = [2.0 + 0.1 * (-1) ** i for i in range(5000)]
    losses[1234], losses[2345] = 9.0, 0.5
    figure = loss_figure(recorded(*losses), LossView("nats"))
    mean = lines(figure)[0]
    corners = band(figure)
    assert len(corners) == 2 * len(mean.y) <= 2 * CAPACITY
    low, high = corners[: len(mean.y)], corners[: len(mean.y) - 1 : -1]
    assert [x for x, _ in low] == [x for x, _ in high] == list(mean.x)
    for (_, lowest), middle, (_, highest) in zip(low, mean.y, high, strict=True):
        assert lowest <= middle <= highest
    assert [y for _, y in high if y > 3] == [9.0]
    assert [y for _, y in low if y < 1] == [0.5]
    place = next(place for place, (_, y) in enumerate(high) if y == 9.0)
    assert high[place][0] >= 1234 > high[place - 1][0]


def level_heights(view: LossView, levels: Levels) -> list[float]:
    shapes = loss.skeleton(view, levels, 4, LIGHT).layout.shapes
    assert all(shape.type == "line" and shape.y0 == shape.y1 for shape in shapes)
    return [shape.y0 for shape in shapes]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("window", [16 * LN2, 12 * LN2, 8 * LN2, 4 * LN2]),
        ("nats", [4 * LN2, 3 * LN2, 2 * LN2, LN2]),
        ("bits", [4.0, 3.0, 2.0, 1.0]),
        ("perplexity", [16.0, 8.0, 4.0, 2.0]),
    ],
)
def test_the_reference_levels_stand_in_the_unit_of_the_loss(
    unit: str, expected: list[float]
) -> None:
    assert level_heights(LossView(unit), LEVELS) == pytest.approx(expected)


def test_a_level_that_the_text_is_too_short_for_has_no_line() -> None:
    levels = Levels(uniform=2 * LN2, unigram=LN2, bigram=None, trigram=None)
    assert level_heights(LossView("bits"), levels) == pytest.approx([2.0, 1.0])
    assert level_heights(LossView("bits"), NO_LEVELS) == []


def test_a_log_axis_has_no_place_for_a_level_of_zero() -> None:
    levels = Levels(uniform=LN2, unigram=LN2, bigram=0.0, trigram=0.0)
    assert len(level_heights(LossView("bits", log_loss=True), levels)) == 2
    assert len(level_heights(LossView("bits"), levels)) == 4
    assert len(level_heights(LossView("perplexity", log_loss=True), levels)) == 4


def test_each_level_has_a_name_of_its_own() -> None:
    shapes = loss.skeleton(LossView("bits"), LEVELS, 4, LIGHT).layout.shapes
    names = [shape.label.text for shape in shapes]
    assert len(set(names)) == 4
    for name, height in zip(names, ("4", "3", "2", "1"), strict=True):
        assert name.endswith(height)


def event_marks(figure: go.Figure) -> go.Scatter:
    (marks,) = (trace for trace in figure.data if trace.mode == "markers")
    return marks


def test_events_are_marked_at_their_iterations() -> None:
    events = [Event(2, "setting", "Clip: 5 → 1"), Event(40, "diverged", "It ran away")]
    history = History()
    for iteration in range(50):
        history.record(iteration, 9.0, 100.0 - iteration, 1.0, 4)
    marks = event_marks(loss_figure(history, LossView("nats"), events))
    assert list(marks.x) == [2, 40]
    assert list(marks.text) == ["Clip: 5 → 1", "It ran away"]
    assert list(marks.y) == pytest.approx([98.0, 60.0])


def test_an_event_before_the_first_step_is_no_trouble() -> None:
    marks = event_marks(loss_figure(History(), LossView(), [Event(0, "setting", "Clip: 5 → 1")]))
    assert list(marks.x) == [0]
    assert np.all(np.isfinite(marks.y))


def test_a_zoom_made_for_other_axes_is_dropped() -> None:
    views = [LossView(u.key, i, j) for u in UNITS for i in (False, True) for j in (False, True)]
    assert len({view.revision for view in views}) == len(views)
    kept = {loss.skeleton(view, LEVELS, 4, LIGHT).layout.uirevision for view in views}
    assert len(kept) == len(views)


# The hidden state


def test_the_hidden_state_is_on_a_fixed_scale_from_minus_one_to_one() -> None:
    (heatmap,) = hidden.skeleton(6, LIGHT).data
    assert (heatmap.zmin, heatmap.zmax) == (-1, 1)


def test_the_rows_have_their_places_before_anything_is_read() -> None:
    rows = hidden.skeleton(6, LIGHT).layout.yaxis
    assert (rows.range, rows.autorange) == ((-0.5, 5.5), False)


def test_a_zoom_is_kept_for_as_long_as_there_are_as_many_units() -> None:
    six, again, seven = (hidden.skeleton(size, LIGHT).layout.uirevision for size in (6, 6, 7))
    assert six == again != seven


def test_the_columns_are_the_window_s_characters_and_the_rows_its_units() -> None:
    trainer = Trainer(TEXT, Config(hidden_size=6, seq_length=10))
    trainer.advance(steps=2)
    s = take(trainer, trainer.initial_params, None, None)
    figure = filled(hidden.skeleton(6, LIGHT), hidden.arrays(s.window, s.chars))
    assert list(figure.layout.xaxis.ticktext) == [char_mark(char) for char in TEXT[10:20]]
    window = trainer.last_window
    assert window is not None
    assert figure.data[0].z.shape == (6, 10)
    np.testing.assert_allclose(figure.data[0].z, window.hidden.T, atol=1 / 65000)


def test_a_long_window_shows_its_newest_characters() -> None:
    size = hidden.MOST_COLUMNS + 7
    ids = np.arange(size) % 3
    states = np.linspace(-1, 1, size)[:, None] * np.array([1.0, -0.5])
    figure = filled(
        hidden.skeleton(2, LIGHT), hidden.arrays(WindowView(ids, states), ("a", "b", "\n"))
    )
    marks = ["a", "b", char_mark("\n")]
    assert list(figure.layout.xaxis.ticktext) == [marks[i] for i in ids[7:]]
    assert figure.data[0].z.shape == (2, hidden.MOST_COLUMNS)
    np.testing.assert_allclose(figure.data[0].z, states[7:].T, atol=1 / 65000)


# The softmax and the sample


def test_probabilities_are_on_a_fixed_scale_from_zero_to_one() -> None:
    (heatmap,) = softmax.skeleton(LIGHT).data
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)


def test_each_row_of_the_map_is_a_character_and_each_column_a_place() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.0, 0.9, 0.1]])
    arrays = softmax.arrays(live_sample(probabilities), ("\n", "a", "b"))
    figure = filled(softmax.skeleton(LIGHT), arrays)
    np.testing.assert_allclose(figure.data[0].z, probabilities.T, atol=0.004)
    assert list(figure.layout.yaxis.ticktext) == [char_mark("\n"), "a", "b"]
    assert list(figure.data[0].meta) == [char_name(char) for char in ("\n", "a", "b")]


def test_a_large_vocabulary_shows_the_characters_that_the_sample_found_likeliest() -> None:
    rng = np.random.default_rng(0)
    size = softmax.MOST_ROWS * 3
    probabilities = rng.dirichlet(np.full(size, 0.05), 40)
    arrays = softmax.arrays(live_sample(probabilities), chars(size))
    figure = filled(softmax.skeleton(LIGHT), arrays)
    assert figure.data[0].z.shape == (softmax.MOST_ROWS, 40)
    shown = list(figure.layout.yaxis.ticktext)
    place = [chars(size).index(char) for char in shown]
    assert place == sorted(set(place))
    peaks = probabilities.max(axis=0)
    assert peaks[place].min() >= np.sort(peaks)[-softmax.MOST_ROWS]
    np.testing.assert_allclose(figure.data[0].z, probabilities[:, place].T, atol=0.004)


def test_a_vocabulary_that_just_fits_is_shown_whole() -> None:
    size = softmax.MOST_ROWS
    arrays = softmax.arrays(live_sample(np.full((2, size), 1 / size)), chars(size))
    assert arrays["labels.y"] == list(chars(size))


def sample_values(live: LiveSample) -> dict[str, Array]:
    values: dict[str, Array] = {}
    for name, value in softmax.sample_arrays(live).items():
        if isinstance(value, np.ndarray):
            values[name] = value
        else:
            values[name] = value.array * value.scale  # type: ignore[union-attr]
    return values


def test_the_sample_knows_how_likely_each_of_its_characters_was() -> None:
    probabilities = np.array([[0.5, 0.2, 0.3], [0.0, 0.9, 0.1]])
    values = sample_values(live_sample(probabilities, [2, 1]))
    assert values["ids"].tolist() == [2, 1]
    assert values["drawn"] == pytest.approx([0.3, 0.9])
    assert values["greedy"].tolist() == [1, 0]


def test_the_candidates_come_from_the_likeliest_down() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(50), 20)
    values = sample_values(live_sample(probabilities))
    assert values["top"].shape == values["top_ids"].shape == (20, softmax.TOP)
    assert values["top"] == pytest.approx(
        -np.sort(-probabilities, axis=1)[:, : softmax.TOP], abs=1e-5
    )
    own = np.take_along_axis(probabilities, values["top_ids"].astype(np.intp), axis=1)
    assert values["top"] == pytest.approx(own, abs=1e-5)


def test_a_small_vocabulary_has_no_more_candidates_than_characters() -> None:
    values = sample_values(live_sample(np.array([[0.25, 0.75]])))
    assert values["top_ids"].tolist() == [[1, 0]]
    assert values["top"] == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-5)


def test_before_any_sample_every_entry_is_empty() -> None:
    empty = softmax.sample_arrays(None)
    assert set(empty) == set(softmax.sample_arrays(live_sample(np.array([[1.0]]))))
    assert set(empty.values()) == {None}


# The weights


def histograms_of(figure: go.Figure) -> list[list[go.Scatter]]:
    """The four stretches of each trace, as (weights, percentages), parted where the line is."""
    parted = []
    for trace in figure.data:
        x, y, of = (np.asarray(values) for values in (trace.x, trace.y, trace.customdata))
        gaps = np.flatnonzero(np.isnan(y))
        np.testing.assert_array_equal(gaps, np.flatnonzero(np.isnan(x)))
        pieces = [np.split(values, gaps) for values in (x, of, y)]
        parted.append([[p[~np.isnan(p)] for p in part] for part in zip(*pieces, strict=True)])
    return parted


def test_the_shares_of_all_bins_sum_to_one_hundred_percent(moments: dict[str, Snapshot]) -> None:
    for s in moments.values():
        figure = filled(weights.skeleton(LIGHT), weights.arrays(s.histograms))
        for trace in histograms_of(figure):
            assert len(trace) == len(weights.NAMES) == 4
            assert [sum(y) for _, _, y in trace] == pytest.approx([100] * 4, rel=1e-5)


def test_before_any_step_the_weights_are_where_they_started(moments: dict[str, Snapshot]) -> None:
    figure = filled(weights.skeleton(LIGHT), weights.arrays(moments["empty"].histograms))
    initial, now = figure.data
    np.testing.assert_array_equal(initial.y, now.y)


def spread(now: list[float], initial: list[float], limit: float) -> Histogram:
    return Histogram(np.linspace(-limit, limit, len(now) + 1), np.array(now), np.array(initial))


@pytest.fixture
def worked_histograms() -> go.Figure:
    """Four parameters of the same shape, whose weights reach to 1, 2, 3 and 4."""
    histograms = {
        name: spread([0.0, 0.2, 0.8, 0.0], [0.0, 1.0, 0.0, 0.0], float(place))
        for place, name in enumerate(weights.NAMES, start=1)
    }
    return filled(weights.skeleton(LIGHT), weights.arrays(histograms))


def test_each_parameter_shows_its_weights_and_their_shares(worked_histograms: go.Figure) -> None:
    initial, now = histograms_of(worked_histograms)
    for limit, before, after in zip((1, 2, 3, 4), initial, now, strict=True):
        assert list(after[1]) == pytest.approx(
            [-0.75 * limit, -0.25 * limit, 0.25 * limit, 0.75 * limit]
        )
        assert list(after[2]) == pytest.approx([0, 20, 80, 0])
        assert list(before[2]) == pytest.approx([0, 100, 0, 0])


def test_the_labels_of_the_shared_axis_are_weights(worked_histograms: go.Figure) -> None:
    """Between two labels, the weight of every bin is where the labels say it is."""
    axis = worked_histograms.layout.xaxis
    ticks, labels = list(axis.tickvals), [float(text) for text in axis.ticktext]
    assert labels == [-1, 0, 1, -2, 0, 2, -3, 0, 3, -4, 0, 4]
    assert ticks == sorted(ticks)
    for x, of, _ in histograms_of(worked_histograms)[1]:
        np.testing.assert_allclose(np.interp(x, ticks, labels), of, rtol=1e-5)
    low, high = axis.range
    assert low < ticks[0] < ticks[-1] < high


def test_the_height_follows_the_present_shape(worked_histograms: go.Figure) -> None:
    low, high = worked_histograms.layout.yaxis.range
    assert low == 0
    assert 80 < high < 100


def test_each_parameter_s_name_stands_above_its_histogram(worked_histograms: go.Figure) -> None:
    names = worked_histograms.layout.annotations
    assert [name.text for name in names] == list(weights.NAMES.values())
    middles = [np.mean(x) for x, _, _ in histograms_of(worked_histograms)[1]]
    assert [name.x for name in names] == pytest.approx(middles, abs=1e-6)
    for key, text in weights.NAMES.items():
        assert key in text or key == "biases"


# The palettes


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_as_wcag_works_it_out() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@both_palettes
def test_words_and_lines_stand_out_from_the_ground(colours: Palette) -> None:
    for words in (colours.text, colours.muted):
        assert contrast(words, colours.ground) >= 4.5
    for line in (colours.main, colours.second, colours.third):
        assert contrast(line, colours.ground) >= 3


@both_palettes
def test_a_scale_begins_at_the_ground_s_end_and_moves_one_way(colours: Palette) -> None:
    for scale in (colours.sequential, colours.diverging):
        places = [place for place, _ in scale]
        assert (places[0], places[-1]) == (0.0, 1.0)
        assert places == sorted(set(places))
    lightness = [luminance(colour) for _, colour in colours.sequential]
    assert lightness == sorted(lightness, reverse=colours is LIGHT)


@both_palettes
def test_zero_is_the_quietest_colour_of_the_diverging_scale(colours: Palette) -> None:
    distance = [contrast(colour, colours.ground) for _, colour in colours.diverging]
    middle = len(distance) // 2
    assert colours.diverging[middle][0] == 0.5
    assert distance[: middle + 1] == sorted(distance[: middle + 1], reverse=True)
    assert distance[middle:] == sorted(distance[middle:])


def test_the_theme_chooses_the_palette() -> None:
    assert palette("dark") is DARK
    assert palette("light") is palette(None) is LIGHT


def other_palettes() -> Iterator[str]:
    for name, value in vars(palettes).items():
        if isinstance(value, Palette) and value is not LIGHT and value is not DARK:
            yield name


def test_there_are_two_palettes() -> None:
    assert list(other_palettes()) == []


@both_palettes
@pytest.mark.parametrize(
    ("caption", "name"), [(hidden.caption, "hidden"), (softmax.caption, "softmax")]
)
def test_a_map_s_caption_shows_the_colours_of_its_scale(
    caption: Callable[[Palette], Caption], name: str, colours: Palette
) -> None:
    scale = caption(colours).scale
    heatmap = FIGURES[name][0](colours).data[0]
    assert scale is not None
    assert float(scale.low) == heatmap.zmin
    assert float(scale.high) == heatmap.zmax
    shown = [stop.split()[0] for stop in scale.colours]
    assert shown == [colour for _, colour in heatmap.colorscale]
