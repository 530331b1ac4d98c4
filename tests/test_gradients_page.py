"""The Gradients and weights page: what its charts say, and what its choices do."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config
from rnn.analysis.flow import Flow
from rnn.analysis.gradcheck import Entry, GradientCheck
from rnn.analysis.spectrum import spectrum
from rnn.dynamics import LAGS, SMALLEST
from rnn.moments import MEASURES, SIZE_BINS, VALUE_BINS, Moment
from rnn.network import PARAMETERS
from rnn.optimisers import OPTIMISERS
from ui import board
from ui.entries import Entry as Shown
from ui.figures import (
    eigenvalues,
    extremes,
    flow,
    flow_map,
    iterations,
    matrices,
    measures,
    spread,
    step_table,
)
from ui.figures.base import filled
from ui.figures.spread import Spread
from ui.frames import Arrays, Quantised, encode
from ui.live import LiveRun
from ui.palette import DARK, LIGHT, Palette
from ui.place import Source
from ui.runs import RUNS
from ui.views import gradients

ENTRY = str(Path(__file__).parents[1] / "dashboard.py")
TEXT = "the cat sat on the mat, and the rat sat too. " * 5
BYTES_A_FRAME = 40_000
GROUPS = ("Through time", "Norms and rates", "Histograms", "Matrices", "Gradient check")
both_palettes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def moment(iteration: int, **changes: Any) -> Moment:
    flows = np.full(LAGS, np.nan, np.float16)
    flows[:4] = [-1.0, -2.0, -3.0, 4.0]
    plain = Moment(
        iteration=iteration,
        seq_length=4,
        radius=1.5,
        singular=2.5,
        flow=flows,
        measures=np.arange(len(MEASURES) * 5, dtype=np.float32).reshape(-1, 5),
        reach=np.ones(5, np.float32),
        weights=np.full((5, VALUE_BINS), 1 / VALUE_BINS, np.float16),
        gradients=np.full((5, SIZE_BINS), 1 / SIZE_BINS, np.float16),
        activations=np.full(VALUE_BINS, 1 / VALUE_BINS, np.float16),
    )
    return replace(plain, **changes)


def trained(steps: int, text: str = TEXT, **settings: Any) -> LiveRun:
    config = Config(hidden_size=6, seq_length=8, sample_length=5).replace(**settings)
    run = LiveRun(text, config, Source("own", "your own text"))
    if steps:
        run.trainer.advance(steps=steps)
    return run


def moments_of(run: LiveRun) -> tuple[Moment, ...]:
    return run.view().snapshot.moments


def drawn(skeleton: go.Figure, arrays: Arrays) -> go.Figure:
    """The figure as the browser has it, once the arrays have passed the wire."""
    encode(arrays)
    return filled(skeleton, arrays)


def real(value: Any) -> Any:
    return value.array * value.scale if isinstance(value, Quantised) else value


# Through time


@both_palettes
def test_the_flow_now_is_drawn_by_lag(colours: Palette) -> None:
    found = Flow(last=np.array([0.0, -1.0, SMALLEST]), typical=np.array([1.0, 0.0, -1.0]))
    figure = drawn(flow.skeleton(colours), flow.arrays(found))
    typical, last = figure.data
    np.testing.assert_allclose(typical.y, [10.0, 1.0, 0.1])
    np.testing.assert_allclose(last.y, [1.0, 0.1, np.nan])  # nothing is left: the line ends
    assert list(typical.x) == [0, 1, 2]
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.annotations[0].text == "each step back: × 0.1, it fades"


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.97, "it fades"), (0.99, "it keeps its size"), (1.0, "keeps"), (1.3, "it grows")],
)
def test_the_factor_in_words(factor: float, words: str) -> None:
    assert words in flow.verdict(factor)
    assert "no way back" in flow.verdict(None)


@both_palettes
@pytest.mark.parametrize("logarithmic", [False, True])
def test_the_map_shows_the_change_against_the_loss_itself(
    colours: Palette, logarithmic: bool
) -> None:
    figure = drawn(
        flow_map.skeleton(colours, logarithmic), flow_map.arrays([moment(1), moment(512)])
    )
    (heat,) = figure.data
    assert list(heat.x) == [1, 512]
    assert list(heat.y) == [0, 1, 2, 3]
    np.testing.assert_allclose(np.array(heat.z)[:, 0], [0, -1, -2, 5], atol=0.03)
    assert figure.layout.xaxis.type == ("log" if logarithmic else "linear")
    assert not figure.layout.annotations[0].visible


def test_beyond_a_shorter_window_the_map_has_a_gap() -> None:
    longer = np.full(LAGS, np.nan, np.float16)
    longer[:6] = 0.0
    arrays = flow_map.arrays([moment(1), moment(2, flow=longer, seq_length=6)])
    assert np.isnan(arrays["0.z"][4:, 0]).all()  # type: ignore[index, call-overload]
    assert not np.isnan(real(flow_map.arrays([moment(1)])["0.z"])).any()


def test_a_long_window_is_thinned_to_what_can_be_seen() -> None:
    arrays = flow_map.arrays([moment(1, flow=np.zeros(LAGS, np.float16))])
    assert len(arrays["0.y"]) == flow_map.MOST_ROWS  # type: ignore[arg-type]
    beyond = moment(1, flow=np.linspace(0, -30, LAGS).astype(np.float16))
    assert real(flow_map.arrays([beyond])["0.z"]).min() == -flow_map.DECADES


@both_palettes
def test_radius_and_singular_value_over_iterations(colours: Palette) -> None:
    figure = drawn(
        extremes.skeleton(colours, True),
        extremes.arrays([moment(1), moment(2, radius=0.5, singular=np.nan)]),
    )
    lines = {line.name: list(line.y) for line in figure.data}
    assert lines["spectral radius"] == [1.5, 0.5]
    np.testing.assert_allclose(lines["largest singular value"], [2.5, np.nan])
    assert figure.layout.shapes[0].y0 == 1


@both_palettes
def test_eigenvalues_in_and_outside_the_circle(colours: Palette) -> None:
    found = spectrum(np.diag([0.5, -2.0, 1.2]))
    figure = drawn(eigenvalues.skeleton(colours), eigenvalues.arrays(found))
    inside, outside = figure.data
    assert list(inside.x) == [0.5]
    np.testing.assert_allclose(sorted(outside.x), [-2.0, 1.2])
    assert figure.layout.yaxis.scaleanchor == "x"
    low, high = figure.layout.xaxis.range
    assert low == -high
    assert high >= 2.0
    assert "2 of 3 outside · farthest 2" in figure.layout.annotations[1].text


def test_without_a_spectrum_there_is_a_sentence_instead() -> None:
    figure = drawn(eigenvalues.skeleton(LIGHT, "press"), eigenvalues.arrays(None))
    assert figure.layout.annotations[0].text == "press"
    assert figure.layout.annotations[0].visible
    assert not figure.layout.xaxis.visible


# Norms and rates


def all_measured(optimiser: str) -> list[measures.Measured]:
    return [
        measures.NORMS,
        measures.CLIPPED,
        measures.UPDATES,
        measures.rates(optimiser),
        measures.memory(optimiser),
    ]


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_every_optimiser_has_lines_and_numbers_under_its_own_words(optimiser: str) -> None:
    run = trained(40, optimiser=optimiser, learning_rate=0.01)
    for measured in all_measured(optimiser):
        figure = drawn(
            measures.skeleton(LIGHT, measured, True), measures.arrays(measured, moments_of(run))
        )
        assert len(figure.data) == (10 if measured.thin else 5)
        for line in figure.data:
            assert np.isfinite(line.y).sum() > 3, (measured.key, line.name)
        assert [line.name for line in figure.data[:5]] == list(PARAMETERS)
        assert measured.caption.reading.endswith(".")
    names = {"adagrad": "Adagrad", "rmsprop": "RMSprop", "sgd": "SGD", "adam": "Adam"}
    assert names[optimiser] in measures.memory(optimiser).title
    table = drawn(
        step_table.skeleton(LIGHT, optimiser), step_table.arrays(run.rehearsal(), optimiser)
    )
    words, *columns = table.data[0].cells["values"]
    assert len(columns) == 5
    assert all(len(column) == len(words) for column in columns)
    assert "–" not in [number for column in columns for number in column]


def test_lines_hold_their_measure_in_the_unit_of_the_axis() -> None:
    found = [moment(1), moment(2)]
    norms = measures.arrays(measures.NORMS, found)
    row = MEASURES.index("norm")
    assert [norms[f"{place}.y"][0] for place in range(5)] == [  # type: ignore[index, call-overload]
        5.0 * row + place for place in range(5)
    ]
    assert norms["5.y"][0] == 0.0  # type: ignore[index, call-overload]  # the raw norm, in thin lines
    clipped = measures.arrays(measures.CLIPPED, found)
    assert clipped["1.y"][0] == 100.0 * (5 * MEASURES.index("clipped_share") + 1)  # type: ignore[index, call-overload]


def test_infinite_measures_are_gaps() -> None:
    wild = np.full((len(MEASURES), 5), np.inf, np.float32)
    arrays = measures.arrays(measures.NORMS, [moment(1, measures=wild)])
    assert np.isnan(arrays["0.y"]).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1234.5, "1,230"),
        (0.012345, "0.0123"),
        (0.0, "0"),
        (-3.4567, "-3.46"),
        (2.5e-9, "2.50e-09"),
        (3e7, "3.00e+07"),
        (np.nan, "–"),
        (np.inf, "too large"),
    ],
)
def test_numbers_of_the_table(value: float, words: str) -> None:
    table = np.full((len(MEASURES), 5), value, np.float64)
    arrays = step_table.arrays(moment(1, measures=table), "adagrad")
    assert arrays["0.cells.values"][1][0] == words  # type: ignore[index, call-overload]


def test_the_table_says_which_step_it_shows() -> None:
    assert "before it is taken" in step_table.caption(100).reading
    assert "in training" in step_table.caption(1024).reading


# Histograms


@both_palettes
@pytest.mark.parametrize("kind", ["weights", "gradients", "activations"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_maps_and_bars_of_everything(colours: Palette, kind: str, parameter: str) -> None:
    found, chosen = moments_of(trained(40)), Spread(kind, parameter)
    figure = drawn(
        spread.map_skeleton(colours, chosen, True, 5.0), spread.map_arrays(found, chosen, found[2])
    )
    (heat,) = figure.data
    assert np.array(heat.z).shape == (len(heat.y), len(found))
    np.testing.assert_allclose(np.array(heat.z).sum(axis=0), 1.0, atol=0.05)
    assert (np.diff(heat.y) > 0).all()
    assert figure.layout.shapes[0].visible
    assert figure.layout.shapes[0].x0 == found[2].iteration
    bars = drawn(spread.bars_skeleton(colours, chosen), spread.bars_arrays(found, chosen, found[2]))
    assert sum(bars.data[0].x) == pytest.approx(100.0, abs=0.5)
    assert bars.layout.yaxis.range == figure.layout.yaxis.range
    assert bars.layout.annotations[1].text == "after iteration 4"
    assert spread.map_caption(colours, chosen).title.startswith(chosen.what)


def test_weights_of_all_moments_share_their_bins() -> None:
    narrow = moment(1, reach=np.full(5, 0.1, np.float32))
    wide = moment(2, reach=np.full(5, 1.0, np.float32))
    arrays = spread.map_arrays([narrow, wide], Spread("weights", "Whh"), None)
    values = np.asarray(arrays["0.y"])
    z = real(arrays["0.z"]) ** 2
    spreads = [np.sqrt((z[:, column] * values**2).sum()) for column in (0, 1)]
    assert spreads[0] == pytest.approx(0.1 / np.sqrt(3), rel=0.05)
    assert spreads[1] == pytest.approx(1.0 / np.sqrt(3), rel=0.05)
    assert not arrays["layout.shapes.0.visible"]


def test_the_clip_is_a_line_among_the_gradients_only() -> None:
    def lines(kind: str, clip: float) -> list[float]:
        shapes = spread.map_skeleton(LIGHT, Spread(kind), False, clip).layout.shapes
        return [shape.y0 for shape in shapes[1:]]

    assert lines("gradients", 5.0) == [pytest.approx(np.log10(5.0))]
    assert lines("gradients", 0.0) == lines("weights", 5.0) == []


def test_weights_that_ran_away_do_not_break_the_map() -> None:
    wild = moment(1, reach=np.full(5, np.inf, np.float32))
    arrays = spread.map_arrays([wild, moment(2)], Spread("weights"), None)
    assert np.isfinite(np.asarray(arrays["0.y"])).all()


# Matrices


def matrix_arrays(run: LiveRun, name: str) -> tuple[matrices.Shape, Arrays]:
    shape = matrices.Shape(name, run.config.hidden_size, len(run.chars))
    frequent = gradients._most_frequent(run.text, run.chars)
    weights = run.portrait().params[name]
    return shape, matrices.arrays(weights, shape, run.chars, frequent)


@both_palettes
@pytest.mark.parametrize("name", ["Wxh", "Whh", "Why"])
def test_matrices_show_every_weight_on_a_scale_that_is_stated(colours: Palette, name: str) -> None:
    run = trained(3)
    shape, arrays = matrix_arrays(run, name)
    figure = drawn(matrices.skeleton(colours, shape), arrays)
    (heat,) = figure.data
    weights = run.trainer.params[name]
    np.testing.assert_allclose(np.array(heat.z), weights, atol=1e-4)
    assert heat.zmin == -heat.zmax
    assert heat.zmax >= np.abs(weights).max()
    assert heat.showscale is not False
    assert len(heat.x) == weights.shape[1]
    assert len(heat.y) == weights.shape[0]
    marks = {"Wxh": "labels.x", "Why": "labels.y"}.get(name)
    if marks:
        assert "␣" in arrays[marks]  # type: ignore[operator]


def test_a_character_is_no_markup_in_a_hover_label() -> None:
    _, arrays = matrix_arrays(trained(0, text="<b>&amp;</b> " * 20), "Wxh")
    assert "“&lt;”" in arrays["0.x"]  # type: ignore[operator]
    assert "<" in arrays["labels.x"]  # type: ignore[operator]


@pytest.mark.parametrize("name", ["Wxh", "Whh", "Why"])
def test_a_large_network_shows_a_part_and_says_so(name: str) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 700))) + "\u4e05\u4e07" * 300
    shape, arrays = matrix_arrays(trained(0, text=text, hidden_size=300), name)
    assert real(arrays["0.z"]).shape == (matrices.MOST, matrices.MOST)
    said = matrices.caption(shape).reading
    assert "the 128 first of 300 units" in said
    if name != "Whh":
        labels = arrays["labels.x" if name == "Wxh" else "labels.y"]
        assert {"\u4e05", "\u4e07"} <= set(labels)  # type: ignore[arg-type]
        assert "the 128 most frequent of 700 characters" in said
    assert len(encode(arrays)) < BYTES_A_FRAME


# Nothing yet


@both_palettes
def test_charts_over_iterations_say_that_there_is_nothing_yet(colours: Palette) -> None:
    chosen = Spread("weights")
    for skeleton, arrays in (
        (flow_map.skeleton(colours, True), flow_map.arrays([])),
        (extremes.skeleton(colours, True), extremes.arrays([])),
        (
            measures.skeleton(colours, measures.NORMS, True),
            measures.arrays(measures.NORMS, []),
        ),
        (spread.map_skeleton(colours, chosen, True), spread.map_arrays([], chosen, None)),
        (spread.bars_skeleton(colours, chosen), spread.bars_arrays([], chosen, None)),
    ):
        figure = drawn(skeleton, arrays)
        assert figure.layout.annotations[0].visible
        assert figure.layout.annotations[0].text == iterations.EMPTY
        assert not figure.layout.xaxis.visible


# The page


def visit(**address: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    return turn_to(app, "gradients")


def turn_to(app: AppTest, page: str) -> AppTest:
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def run_of(app: AppTest) -> LiveRun:
    value = app.query_params["run"]
    run = RUNS.find(value if isinstance(value, str) else value[0])
    assert run is not None
    return run


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def group(app: AppTest, name: str) -> None:
    app.segmented_control(key="gradients_group").set_value(name).run()
    assert not app.exception


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The frames that pages send while the test goes on."""
    sent: list[bytes] = []
    monkeypatch.setattr(board, "feed", sent.append)
    return sent


def panels(frame: bytes) -> dict[str, Any]:
    length = int.from_bytes(frame[:4], "little")
    found: dict[str, Any] = json.loads(frame[4 : 4 + length])["panels"]
    return found


SHOWN = {
    "Through time": {"flow", "flow_map", "eigenvalues", "extremes"},
    "Norms and rates": {"step_table", "norms", "clipped", "updates", "rates", "memory"},
    "Histograms": {"spread_map", "spread_bars"},
    "Matrices": {"matrix"},
    "Gradient check": set(),
}


@pytest.mark.parametrize("steps", [0, 3])
def test_one_group_at_a_time_is_sent_and_nothing_is_broken(frames: list[bytes], steps: int) -> None:
    app = visit()
    for _ in range(steps):
        press(app, "Step")
    for name in GROUPS:
        group(app, name)
        sent = panels(frames[-1])
        assert set(sent) == SHOWN[name] | {"status"}
        assert not any("broken" in entry for entry in sent.values()), name
        assert len(frames[-1]) < BYTES_A_FRAME
    assert not app.warning


EXTREMES = [
    {"text": "cycle"},
    {"text": "python"},
    {"text": "counting", "hidden_size": "1", "seq_length": "1"},
    {"seq_length": "500", "hidden_size": "20"},
    {"streams": "8", "optimiser": "adam", "learning_rate": "0.002"},
    {"optimiser": "rmsprop", "learning_rate": "0.002", "dtype": "float64"},
    {"optimiser": "sgd", "clip": "0"},
    {"hidden_size": "300", "init_scale": "1"},
    {"init_scale": "0"},
]


@pytest.mark.parametrize("address", EXTREMES, ids=lambda address: " ".join(address.values()))
def test_every_kind_of_run_can_be_looked_at(frames: list[bytes], address: dict[str, str]) -> None:
    app = visit(**address)
    press(app, "Step")
    press(app, "Step")
    for name in GROUPS[:-1]:
        group(app, name)
        broken = [panel for panel, entry in panels(frames[-1]).items() if "broken" in entry]
        assert not broken, (name, broken)
        assert len(frames[-1]) < BYTES_A_FRAME
    assert not app.error


def test_frames_of_a_long_run_stay_small(frames: list[bytes]) -> None:
    app = visit(text="cycle")
    trainer = run_of(app).trainer
    full = np.linspace(0, -20, LAGS).astype(np.float16)
    for iteration in range(1, 60_000):
        if trainer.history.moment_due(iteration):
            trainer.history.add_moment(moment(iteration, flow=full))
    assert len(trainer.history.moments) > 60
    for name in GROUPS:
        group(app, name)
        assert len(frames[-1]) < BYTES_A_FRAME, name


def test_choices_outlive_a_visit_to_another_page() -> None:
    app = visit()
    group(app, "Histograms")
    app.segmented_control(key="gradients_kind").set_value("gradients").run()
    app.toggle(key="gradients_log").set_value(False).run()
    turn_to(app, "data")
    turn_to(app, "gradients")
    assert app.segmented_control(key="gradients_group").value == "Histograms"
    assert app.segmented_control(key="gradients_kind").value == "gradients"
    assert app.toggle(key="gradients_log").value is False


def test_activations_have_no_parameter_to_choose() -> None:
    app = visit()
    group(app, "Histograms")
    assert [control.key for control in app.segmented_control].count("gradients_parameter") == 1
    app.segmented_control(key="gradients_kind").set_value("activations").run()
    assert not app.exception
    assert "gradients_parameter" not in [control.key for control in app.segmented_control]


def test_the_slider_picks_a_moment_and_follows_the_newest_until_then(frames: list[bytes]) -> None:
    app = visit()
    group(app, "Histograms")
    assert app.select_slider(key="gradients_moment").disabled
    for _ in range(4):
        press(app, "Step")
    slider = app.select_slider(key="gradients_moment")
    assert slider.value == 0

    def shown() -> str:
        arrays = panels(frames[-1])["spread_bars"]["arrays"]
        return str(arrays["layout.annotations.1.text"])

    assert shown() == "after iteration 4"
    slider.set_value(2).run()
    assert shown() == "after iteration 2"
    assert panels(frames[-1])["spread_map"]["arrays"]["layout.shapes.0.x0"] == 2
    press(app, "Step")
    assert shown() == "after iteration 2"
    press(app, "Reset")
    assert not app.exception
    assert app.select_slider(key="gradients_moment").value == 0


def test_a_click_on_the_map_picks_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    picked: list[tuple[str, object]] = []
    monkeypatch.setattr(
        gradients.state, "set_widget", lambda key, value: picked.append((key, value))
    )
    gradients._pick_moment({"x": 2.0, "y": 0.1, "point": [3, 1], "curve": 0})
    assert picked == [("gradients_moment", 2)]


def test_many_units_wait_for_the_button_before_their_eigenvalues(frames: list[bytes]) -> None:
    app = visit(text="counting", hidden_size="130")
    assert panels(frames[-1])["eigenvalues"]["arrays"]["layout.annotations.0.visible"]
    press(app, "Find the eigenvalues")
    wait_for(app)
    arrays = panels(frames[-1])["eigenvalues"]["arrays"]
    assert not arrays["layout.annotations.0.visible"]
    assert "of 130 outside" in arrays["layout.annotations.1.text"]


def wait_for(app: AppTest) -> None:
    """Until the analysis under way has come to its end."""
    jobs = run_of(app).jobs
    while jobs.working:
        time.sleep(0.02)
    app.run()
    assert not app.exception


def test_the_gradient_check_tells_its_result_with_a_table() -> None:
    app = visit(text="counting")
    press(app, "Step")
    group(app, "Gradient check")
    assert not app.dataframe
    app.number_input(key="gradients_entries").set_value(4).run()
    press(app, "Check the gradients")
    wait_for(app)
    assert "All 20 derivatives agree" in app.success[0].value
    table = app.dataframe[0].value
    assert len(table) == 20
    assert list(table["parameter"].unique()) == list(PARAMETERS)
    assert table["verdict"].str.startswith("agrees").all()
    app.number_input(key="gradients_seed").set_value(7).run()
    assert any("other choices" in caption.value for caption in app.caption)


def entry(parameter: str, place: tuple[int, ...], numeric: float, bend: float = 0.0) -> Entry:
    return Entry(parameter, place, 1.0, numeric, 1e-9, bend)


def test_weights_are_named_and_judged_in_words() -> None:
    chars = ("\n", "a", "*")
    name = gradients._weight_name
    assert name(entry("Wxh", (3, 1), 1.0), chars) == "“a” → unit 3"
    assert name(entry("Whh", (3, 4), 1.0), chars) == "unit 4 → unit 3"
    assert name(entry("Why", (2, 4), 1.0), chars) == "unit 4 → “*”"
    assert name(entry("bh", (3,), 1.0), chars) == "unit 3"
    assert name(entry("by", (0,), 1.0), chars) == "“↵ newline”"
    said = gradients._said
    assert said(entry("bh", (0,), 1.0)) == "agrees"
    assert said(entry("bh", (0,), 1.5)) == "differs"
    assert said(entry("bh", (0,), 1.5, bend=0.5)).startswith("cannot tell")
    assert said(Entry("bh", (0,), 0.0, 0.0, 1e-9, 0.0)) == "agrees: both are 0"
    assert said(Entry("bh", (0,), 1e-6, 1.0005e-6, 1e-9, 0.0)) == "agrees, to rounding"


def verdict(found: GradientCheck) -> AppTest:
    def script(found) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        from ui.views import gradients

        gradients._verdict(found)

    return AppTest.from_function(script, args=(found,)).run()


def test_verdicts_that_are_not_all_well() -> None:
    fine, wrong = entry("bh", (0,), 1.0), entry("bh", (0,), 1.5)
    bent = entry("bh", (0,), 1.5, bend=0.5)
    assert "1 of 2 derivatives differ" in verdict(GradientCheck((fine, wrong))).error[0].value
    told = verdict(GradientCheck((fine, bent)))
    assert "1 of 2 derivatives agree, and 1 cannot be judged" in told.warning[0].value


def test_what_a_source_shows_changes_with_its_version_only() -> None:
    run = trained(0)
    source = gradients._over_iterations(flow_map.arrays)
    first: Shown = source(run.view())
    run.step()
    second = source(run.view())
    assert first.version != second.version
    for _ in range(2):
        run.step()  # the third step is not noted
    assert source(run.view()).version == (2, 2)
    assert gradients._flow_now(run.view()).version == (3, 8)


def test_a_large_network_is_rehearsed_at_rest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    run = trained(2, text="ab" * 40, hidden_size=step_table.QUICK + 1)
    rehearsed: list[int] = []

    def rehearsal() -> Moment:
        rehearsed.append(1)
        return moment(3)

    monkeypatch.setattr(run, "rehearsal", rehearsal)
    source = gradients._step_now(run)
    view = run.view()
    source(view).content()
    assert rehearsed == [1]
    playing = source(replace(view, playing=True))
    playing.content()
    assert rehearsed == [1]
    assert playing.version == (2, 2)
