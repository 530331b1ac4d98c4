"""The figures of the Compare page: what reaches the browser, and that a person's words stay words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnn.compare import COLUMN, Branch, Line, varied
from rnn.snapshot import Histogram
from rnn.stills import GROUPS
from rnn.store import RunRow
from tests.stocked import row
from ui.figures import overlay, parallel, scatter, sides, strokes, tree
from ui.figures.base import filled
from ui.figures.overlay import Drawn, OverlayView
from ui.frames import encode
from ui.palette import DARK, LIGHT

NASTY = "<b>bold</b> & $x$ **no**"
ESCAPED = "&lt;b&gt;bold&lt;/b&gt; &amp; $x$ **no**"
PALETTES = [LIGHT, DARK]


def nobody(_: str) -> str | None:
    return None


def sent(arrays: dict[str, Any]) -> int:
    """Bytes of a frame with these arrays; fails for what a frame cannot carry."""
    return len(encode({"arrays": arrays}))


# Strokes


def test_every_place_has_a_stroke_of_its_own() -> None:
    for palette in PALETTES:
        assert len({strokes.stroke(palette, place) for place in range(strokes.MOST)}) == 12
    assert strokes.stroke(LIGHT, 0) != strokes.stroke(DARK, 0)


def test_a_run_keeps_its_stroke_as_long_as_it_is_chosen() -> None:
    first = strokes.assigned(["a", "b", "c"], {})
    assert first == {"a": 0, "b": 1, "c": 2}
    without = strokes.assigned(["a", "c"], first)
    assert without == {"a": 0, "c": 2}
    assert strokes.assigned(["d", "c", "a"], without) == {"d": 1, "c": 2, "a": 0}


def test_more_runs_than_strokes_leave_the_last_ones_without() -> None:
    many = [str(number) for number in range(15)]
    assert list(strokes.assigned(many, {})) == many[: strokes.MOST]


# Overlaid curves


def drawn(name: str = "a", mark: float | None = None) -> Drawn:
    return Drawn(name, Line(np.array([0.0, 10.0, 20.0]), np.array([2.0, 1.0, 0.5])), mark)


@pytest.mark.parametrize("palette", PALETTES)
def test_each_run_is_a_line_in_its_stroke_and_unit(palette: Any) -> None:
    view = OverlayView()
    places = (0, 7)
    runs = [drawn("a"), drawn(NASTY, mark=15.0)]
    figure = filled(overlay.skeleton(view, places, palette), overlay.arrays(view, runs))
    assert len(figure.data) == 3
    for trace, place in zip(figure.data, places, strict=False):
        look = strokes.stroke(palette, place)
        assert (trace.line.color, trace.line.dash) == (look.colour, look.dash)
    np.testing.assert_allclose(figure.data[0].y, np.array([2.0, 1.0, 0.5]) / np.log(2), rtol=1e-6)
    assert figure.data[1].name == ESCAPED
    marks = figure.data[2]
    assert list(marks.x) == [15.0]
    np.testing.assert_allclose(marks.y, 0.75 / np.log(2), rtol=1e-6)
    assert marks.text == (f"forked here: {ESCAPED}",)
    assert figure.layout.yaxis.title.text == "training loss (bits per character)"
    assert not figure.layout.annotations[0].visible


@pytest.mark.parametrize("unit", list(overlay.UNIT))
def test_every_unit_is_per_character(unit: str) -> None:
    view = OverlayView(unit=unit)
    figure = filled(overlay.skeleton(view, (0,), LIGHT), overlay.arrays(view, [drawn()]))
    expected = {"nats": 2.0, "bits": 2.0 / np.log(2), "perplexity": np.exp(2.0)}[unit]
    assert figure.data[0].y[0] == pytest.approx(expected, rel=1e-6)
    assert "window" not in overlay.UNIT


def test_a_logarithmic_axis_leaves_out_what_has_no_place_there() -> None:
    view = OverlayView(log_x=True, log_y=True)
    arrays = overlay.arrays(view, [drawn(mark=0.0)])
    np.testing.assert_array_equal(arrays["0.x"], [10.0, 20.0])
    np.testing.assert_array_equal(arrays["1.x"], [10.0])  # the mark stands at the line's beginning
    assert overlay.skeleton(view, (0,), LIGHT).layout.xaxis.type == "log"


def test_without_a_curve_the_chart_says_what_to_do() -> None:
    view = OverlayView()
    nothing = Drawn("a", Line(np.zeros(0), np.zeros(0)), 5.0)
    for runs in ([], [nothing]):
        arrays = overlay.arrays(view, runs)
        figure = filled(overlay.skeleton(view, (0,) * len(runs), LIGHT), arrays)
        assert figure.layout.annotations[0].visible
        sent(arrays)


def test_twelve_full_curves_fit_a_frame() -> None:
    at = np.arange(1.0, 301.0)
    runs = [Drawn(f"run {n}", Line(at, np.exp(-at / 100.0)), 50.0) for n in range(12)]
    assert sent(overlay.arrays(OverlayView(), runs)) < 40_000


# Points


def test_points_have_both_values_and_say_whose_they_are() -> None:
    runs = [row(NASTY, learning_rate=0.5), row("b", pace=None)]
    points = scatter.points(runs, COLUMN["learning_rate"], COLUMN["pace"])
    assert points.ids == (NASTY,)
    assert (points.x, points.y) == ((0.5,), (100.0,))
    assert points.tips == (f"{ESCAPED}<br>learning rate: 0.5<br>pace (iterations per second): 100",)


def test_names_on_an_axis_are_cut_and_carry_no_markup() -> None:
    points = scatter.points([row("a", source_title=NASTY * 2)], COLUMN["text"], COLUMN["best"])
    assert points.x[0].startswith("&lt;b&gt;bold")
    assert points.x[0].endswith("…")


def test_a_scatter_shows_chosen_runs_in_their_colour() -> None:
    runs = [row("a"), row("b")]
    points = scatter.points(runs, COLUMN["hidden_size"], COLUMN["best"])
    arrays = scatter.arrays(points, lambda run_id: "#123456" if run_id == "b" else None, LIGHT)
    skeleton = scatter.skeleton("hidden size", "best", (True, False), (False, False), LIGHT)
    figure = filled(skeleton, arrays)
    assert list(figure.data[0].marker.color) == [LIGHT.faint, "#123456"]
    assert figure.layout.xaxis.type == "log"
    assert not figure.layout.annotations[0].visible
    sent(arrays)


def test_a_scatter_without_points_says_so() -> None:
    points = scatter.points([row("a")], COLUMN["hidden_size"], COLUMN["test"])
    assert scatter.arrays(points, nobody, LIGHT)["layout.annotations.0.visible"]


# Parallel coordinates


def test_an_axis_s_scale_is_linear_or_logarithmic_as_its_values_ask() -> None:
    np.testing.assert_allclose(parallel.scaled([1.0, 2.0, 3.0]).places, [0, 0.5, 1])
    np.testing.assert_allclose(parallel.scaled([0.001, 0.01, 0.1]).places, [0, 0.5, 1])
    np.testing.assert_allclose(parallel.scaled([0.0, 50.0, 100.0]).places, [0, 0.5, 1])
    assert parallel.scaled([5.0, 5.0]).places.tolist() == [0.5, 0.5]
    assert parallel.scaled([0.001, 0.1]).names == ((0.0, "0.001"), (1.0, "0.1"))


def test_names_are_spread_evenly() -> None:
    scale = parallel.scaled(["b", "a", "c", "a"])
    np.testing.assert_allclose(scale.places, [0.5, 0, 1, 0])
    assert scale.names == ((0.0, "a"), (0.5, "b"), (1.0, "c"))
    assert parallel.scaled(["only"]).places.tolist() == [0.5]
    many = parallel.scaled([f"text {number:02}" for number in range(20)])
    assert [name for _, name in many.names] == ["text 00", "text 19"]


def several() -> list[RunRow]:
    return [
        row(f"run {n}", hidden_size=10 * (n + 1), learning_rate=0.1 / (n + 1), best_loss=1.0 + n)
        for n in range(5)
    ]


def test_each_run_is_one_line_in_the_shade_of_its_result() -> None:
    runs = several()
    columns = varied(runs)
    result = COLUMN["best"]
    arrays = parallel.arrays(runs, columns, result, ["run 3"], LIGHT)
    figure = filled(parallel.skeleton(LIGHT), arrays)
    for shade in range(5):  # five runs, one in each fifth
        trace = figure.data[shade]
        assert len(trace.y) == len(columns) + 2
        np.testing.assert_allclose(
            trace.y[:-1], [shade / 4, *_falling(shade), shade / 4], atol=1e-6
        )
        assert np.isnan(trace.y[-1])
        assert trace.text[0] == f"run {shade}<br>hidden size (units): {10 * (shade + 1)}"
    np.testing.assert_allclose(figure.data[5].y[:-1], figure.data[3].y[:-1])
    assert list(figure.layout.xaxis.ticktext) == [
        "hidden<br>size",
        "learning<br>rate",
        "best<br>loss",
    ]


def _falling(shade: int) -> list[float]:
    rates = [0.1 / (n + 1) for n in range(5)]
    return [(rates[shade] - rates[-1]) / (rates[0] - rates[-1])]


def test_equal_results_share_a_shade() -> None:
    runs = [row("a", seed=1), row("b", seed=2)]
    arrays = parallel.arrays(runs, varied(runs), COLUMN["best"], [], LIGHT)
    assert len(arrays["2.y"]) == 2 * 3  # neither low nor high
    assert not any(len(arrays[f"{shade}.y"]) for shade in (0, 1, 3, 4))


@pytest.mark.parametrize("count", [2, 3, 4, 7, 200])
def test_the_lowest_result_is_in_the_first_shade_and_the_highest_in_the_last(count: int) -> None:
    runs = [row(f"run {n}", seed=n, best_loss=1.0 + n) for n in range(count)]
    arrays = parallel.arrays(runs, varied(runs), COLUMN["best"], [], LIGHT)
    lows, highs = arrays["0.text"], arrays["4.text"]
    assert lows[0].startswith("run 0<br>")
    assert highs[-2].startswith(f"run {count - 1}<br>")
    shades = [len(arrays[f"{shade}.y"]) // 3 for shade in range(5)]
    assert sum(shades) == count
    assert max(shades) - min(shades) <= 1


def test_runs_without_the_result_are_left_out_and_without_any_it_says_so() -> None:
    runs = [row("a", held_out=1.0), row("b")]
    arrays = parallel.arrays(runs, varied(runs), COLUMN["test"], [], LIGHT)
    assert len(arrays["2.y"]) == 2
    none = parallel.arrays(runs[1:], [], COLUMN["test"], [], LIGHT)
    assert "No run" in none["layout.annotations"][0]["text"]
    sent(none)


def test_words_of_a_person_are_no_markup_in_parallel_coordinates() -> None:
    runs = [row(NASTY, source_title=NASTY), row("b", source_title="Other")]
    arrays = parallel.arrays(runs, varied(runs), COLUMN["best"], [], LIGHT)
    shown = str([arrays["2.text"], arrays["layout.annotations"]])
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown


def test_two_hundred_runs_fit_a_frame() -> None:
    runs = [row(f"run {n}", hidden_size=1 + n, seed=n, best_loss=1.0 + n) for n in range(200)]
    columns = varied(runs)
    assert sent(parallel.arrays(runs, columns, COLUMN["best"], [], LIGHT)) < 100_000


# The tree


def test_a_branch_leaves_its_parent_at_the_fork() -> None:
    parent, child = row("a"), row(NASTY, deleted=3.0)
    branches = [Branch(parent, 0, 0, 1_000, None), Branch(child, 1, 400, 900, 0)]
    arrays = tree.arrays(branches, lambda run_id: "#123456" if run_id == "a" else None, LIGHT)
    figure = filled(tree.skeleton(2, LIGHT), arrays)
    np.testing.assert_array_equal(figure.data[0].x, [0, 1000, np.nan, 400, 400, 900, np.nan])
    np.testing.assert_array_equal(figure.data[0].y, [0, 0, np.nan, 0, 1, 1, np.nan])
    assert list(figure.data[1].marker.color) == ["#123456", LIGHT.faint]
    assert figure.layout.yaxis.ticktext == ("a", f"{ESCAPED} (deleted)")
    assert (
        figure.data[1].customdata[1] == f"{ESCAPED}<br>to iteration 900<br>forked at iteration 400"
    )
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first row is on top


# What states hold


def test_states_are_drawn_unit_by_character() -> None:
    hidden = np.array([[0.0, 1.0, -1.0], [0.5, 0.25, 0.0]], dtype=np.float32)
    arrays = sides.states_arrays(hidden, "a\n")
    figure = filled(sides.states_skeleton(DARK), arrays)
    np.testing.assert_allclose(figure.data[0].z, hidden.T, atol=1e-4)
    assert figure.layout.xaxis.ticktext == ("a", "↵")
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    assert not figure.layout.annotations[0].visible


def test_of_many_units_evenly_spaced_ones_are_shown() -> None:
    hidden = np.tile(np.linspace(-1, 1, 1024, dtype=np.float32), (64, 1))
    arrays = sides.states_arrays(hidden, "x" * 64)
    units = arrays["0.y"]
    assert isinstance(units, np.ndarray)
    assert (len(units), units[0], units[-1]) == (sides.MOST_UNITS, 0, 1023)
    assert sent(arrays) < 20_000


def test_without_a_passage_the_states_say_so() -> None:
    arrays = sides.states_arrays(np.zeros((0, 5), np.float32), "")
    assert filled(sides.states_skeleton(LIGHT), arrays).layout.annotations[0].visible


def test_the_ring_marks_the_character_that_comes() -> None:
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    arrays = sides.expected_arrays(probabilities, np.array([0, 2, 1]), np.array([1, 2]), "abc")
    figure = filled(sides.expected_skeleton(LIGHT), arrays)
    np.testing.assert_allclose(figure.data[0].z, probabilities.T, atol=0.004)
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([0.0, 1.0], [1.0, 0.0])
    assert figure.layout.xaxis.ticktext == ("a", "c", "b")
    assert figure.layout.yaxis.ticktext == ("b", "c")
    sent(sides.expected_arrays(np.zeros((0, 2)), np.zeros(0, np.intp), np.array([1, 2]), "abc"))


def test_of_a_large_vocabulary_the_likeliest_characters_have_rows() -> None:
    peaks = np.zeros(3_000)
    peaks[[7, 2_999]] = 0.5
    rows = sides.likeliest_rows(peaks)
    assert len(rows) == sides.MOST_ROWS
    assert {7, 2_999} <= set(rows.tolist())
    assert rows.tolist() == sorted(rows.tolist())
    assert sides.likeliest_rows(peaks[:5]).tolist() == [0, 1, 2, 3, 4]


def test_two_runs_weights_stand_on_one_scale() -> None:
    edges = np.linspace(-1, 1, 4)
    shown = {
        name: Histogram(edges, now=np.array([0.2, 0.6, 0.2]), initial=np.array([0.0, 0.8, 0.2]))
        for name in GROUPS
    }
    assert sides.tallest(shown) == pytest.approx(80.0)
    figure = filled(sides.weights_skeleton(LIGHT), sides.weights_arrays(shown, 92.0))
    right, left = figure.data
    assert (left.name, right.name) == ("left", "right")
    np.testing.assert_allclose(left.y[:3], [20, 60, 20], rtol=1e-5)
    np.testing.assert_allclose(right.y[:3], [0, 80, 20], rtol=1e-5)
    assert (left.line.color, right.line.color) == (LIGHT.main, LIGHT.second)
    assert list(figure.layout.yaxis.range) == [0.0, 92.0]
