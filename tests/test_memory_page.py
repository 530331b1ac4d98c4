"""The Memory page through AppTest: passages, units, and the analyses of its first blocks."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config
from rnn.analysis.features import FEATURES
from rnn.analysis.passage import Passage, read
from rnn.analysis.units import Findings
from rnn.presets import PRESETS
from rnn.vocabulary import char_mark
from tests.test_page import press, run_of, visit
from tests.test_shell import finished
from ui.entries import Entry
from ui.figures import states, units
from ui.figures.base import filled
from ui.frames import encode
from ui.live import LiveRun
from ui.palette import DARK, LIGHT, Palette
from ui.place import Source
from ui.views import memory
from ui.views import units as unit_views

both_palettes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def visit_memory(**address: str) -> AppTest:
    app = visit(**address)
    app.switch_page("pages/memory.py").run()
    assert not app.exception
    return app


def analysed(app: AppTest, label: str) -> AppTest:
    press(app, label)
    return finished(app, run_of(app))


def said(app: AppTest) -> str:
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.warning])


# The page


@pytest.mark.parametrize("preset", [preset.key for preset in PRESETS])
def test_every_preset_can_be_looked_into(preset: str) -> None:
    app = visit_memory(text=preset)
    for origin in ("sample", "typed", "text"):
        app.segmented_control(key="memory_origin").set_value(origin).run()
        assert not app.exception
    press(app, "Step")
    for order in ("activity", "similarity"):
        app.segmented_control(key="memory_order").set_value(order).run()
        assert not app.exception


@pytest.mark.parametrize("address", [{"hidden_size": "1", "text": "cycle"}, {"seq_length": "1"}])
def test_the_smallest_networks_can_be_looked_into(address: dict[str, str]) -> None:
    app = visit_memory(**address)
    press(app, "Step")
    analysed(app, "Silence them")
    analysed(app, "Silence each by itself")
    assert [metric.label for metric in app.metric] == [
        "With all units",
        "With them silenced",
        "Change",
    ]


def test_later_and_earlier_go_through_the_text_as_far_as_it_reaches() -> None:
    app = visit_memory()
    length = len(run_of(app).text)
    start = app.number_input(key="memory_start")
    assert start.value == 1
    press(app, "Earlier")
    assert app.number_input(key="memory_start").value == 1
    press(app, "Later")
    assert app.number_input(key="memory_start").value == 121
    for _ in range(20):
        press(app, "Later")
    assert app.number_input(key="memory_start").value == length - 120 + 1
    press(app, "Earlier")
    assert app.number_input(key="memory_start").value == length - 240 + 1


def test_a_shorter_text_and_fewer_units_leave_no_choice_out_of_range() -> None:
    app = visit_memory(text="python")
    app.number_input(key="memory_start").set_value(40_000).run()
    app.selectbox(key="memory_unit").set_value(99).run()
    app.multiselect(key="memory_silenced").set_value([3, 99]).run()
    app.selectbox(key="preset").set_value("hello").run()
    assert not app.exception
    assert app.number_input(key="memory_start").value == 300
    assert app.selectbox(key="memory_unit").value == 7
    assert app.multiselect(key="memory_silenced").value == [3]


def test_choices_outlive_a_change_of_page() -> None:
    app = visit_memory()
    app.selectbox(key="memory_unit").set_value(42).run()
    app.segmented_control(key="memory_order").set_value("activity").run()
    app.number_input(key="memory_length").set_value(60).run()
    app.switch_page("pages/data.py").run()
    app.switch_page("pages/memory.py").run()
    assert app.selectbox(key="memory_unit").value == 42
    assert app.segmented_control(key="memory_order").value == "activity"
    assert app.number_input(key="memory_length").value == 60


def test_rows_are_sorted_again_on_demand_only_where_they_stay_while_training() -> None:
    app = visit_memory(autoplay="1")
    assert "Sort again" not in [button.label for button in app.button]
    app.segmented_control(key="memory_order").set_value("similarity").run()
    press(app, "Sort again")
    press(app, "Pause")
    assert "Sort again" not in [button.label for button in app.button]


def test_words_of_one_s_own_are_never_rendered() -> None:
    app = visit_memory()
    app.segmented_control(key="memory_origin").set_value("typed").run()
    app.text_area(key="memory_words").set_value("**bold** :red[x] <b>é</b> $y$").run()
    assert not app.exception
    analysed(app, "Silence them")
    assert "bold" not in said(app)
    assert ":red[" not in said(app)


def test_the_finder_says_what_it_found_and_what_is_too_rare() -> None:
    app = visit_memory(text="brackets", hidden_size="8")
    app.segmented_control(key="memory_amount").set_value(1_000).run()
    analysed(app, "Find units")
    assert "In the first 1,000 characters no unit follows a feature" in said(app)
    assert "Too rare in them to be looked for: letter or space, vowel or consonant" in said(app)
    table = app.dataframe[0].value
    assert list(table.columns) == ["unit", "reading", "r", "chance", "above"]
    assert len(table) == 8 * 4
    assert not table["above"].any()


def test_a_text_without_features_is_one_sentence() -> None:
    app = visit_memory(text="cycle")
    analysed(app, "Find units")
    assert [warning.value[:44] for warning in app.warning] == [
        "This text has none of the features often eno"
    ]


def test_silencing_nothing_is_one_sentence() -> None:
    app = visit_memory(text="hello")
    app.multiselect(key="memory_silenced").set_value([]).run()
    analysed(app, "Silence them")
    assert [warning.value for warning in app.warning] == [
        "No unit is chosen: choose one or more to silence."
    ]


def test_the_unit_that_is_looked_at_can_be_added_to_the_silenced_ones() -> None:
    app = visit_memory(text="hello")
    app.multiselect(key="memory_silenced").set_value([5]).run()
    app.selectbox(key="memory_unit").set_value(2).run()
    press(app, "Add unit 2")
    assert app.multiselect(key="memory_silenced").value == [5, 2]
    assert next(button for button in app.button if button.label == "Add unit 2").disabled
    analysed(app, "Silence them")
    app.multiselect(key="memory_silenced").set_value([2]).run()
    assert "made with other choices" in said(app)


def test_every_unit_is_ranked() -> None:
    app = visit_memory(text="hello")
    run_of(app).trainer.advance(steps=200)
    analysed(app, "Silence each by itself")
    table = app.dataframe[-1].value
    assert sorted(table["unit"]) == list(range(8))
    assert list(table["rank"]) == list(range(1, 9))
    assert list(table["cost"]) == sorted(table["cost"], reverse=True)
    assert table["cost"].max() > 0.05


# What the panels show


@pytest.fixture(scope="module")
def run() -> LiveRun:
    run = LiveRun("the <b>cat</b> & the hat\n" * 40, Config(hidden_size=6), Source("own", "Own"))
    run.trainer.advance(steps=300)
    return run


@pytest.mark.parametrize(("origin", "expected"), [("text", "cat</b>"), ("typed", "a t")])
def test_a_choice_becomes_a_passage(run: LiveRun, origin: str, expected: str) -> None:
    choice = memory.Choice(origin, start=7, length=len(expected), words="a tXY cat")
    passage = choice.passage(run.view())
    assert passage.text == expected
    assert (passage.left_out is not None) == (origin == "typed")


def test_the_live_sample_is_a_passage_that_goes_on_from_training(run: LiveRun) -> None:
    view = run.view()
    passage = memory.Choice("sample", 0, 30, "").passage(view)
    live = view.snapshot.live_sample
    assert live is not None
    assert passage == Passage(live.sample.text[:30], continues=True)
    reading = memory.Readings().of(view.portrait, passage)
    np.testing.assert_allclose(reading.hidden[:-1], live.sample.hidden[1:30], atol=1e-5)


def test_a_reading_is_made_once_for_a_portrait_and_a_passage(run: LiveRun) -> None:
    view, readings = run.view(), memory.Readings()
    first = readings.of(view.portrait, Passage("the cat"))
    assert readings.of(view.portrait, Passage("the cat")) is first
    assert readings.of(view.portrait, Passage("the hat")) is not first
    assert readings.of(run.portrait(), Passage("the hat")) is not first


def test_panels_follow_the_portrait_and_the_passage(run: LiveRun) -> None:
    choice = memory.Choice("text", 0, 5, "")
    source = memory._following(choice, lambda portrait, shown: {"shown": shown.text})
    view = run.view()
    entry: Entry = source(view)
    assert entry.content() == {"shown": "the <"}
    assert source(view).version == entry.version
    run.step()
    assert source(run.view()).version != entry.version


def test_tips_give_the_activation_and_the_likeliest_next_characters(run: LiveRun) -> None:
    portrait = run.portrait()
    reading = read(portrait, Passage("the "))
    tips = memory._tips(portrait.vocabulary.chars, reading, 4)
    assert len(tips) == 4
    first, following, *rows = tips[2].split("\n")
    assert first == f"unit 4: {reading.hidden[2, 4]:+.2f}"
    assert following == "next:"
    assert len(rows) == memory.PREDICTIONS
    best = portrait.vocabulary.chars[int(reading.probabilities[2].argmax())]
    assert rows[0].startswith(char_mark(best))
    assert rows[0].endswith(" %")


def test_two_samples_part_where_they_first_differ() -> None:
    assert unit_views._parting("abcd", "abXd") == 2
    assert unit_views._parting("abcd", "abcd") == 4
    assert unit_views._parting("", "") == 0


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ((7,), "unit 7"),
        ((7, 9), "units 7 and 9"),
        ((1, 2, 3), "units 1, 2 and 3"),
        (tuple(range(9)), "9 units"),
    ],
)
def test_silenced_units_are_named_or_counted(units: tuple[int, ...], words: str) -> None:
    assert unit_views._named(units) == words


# The figures


def states_figure(
    colours: Palette, hidden: np.ndarray, text: str, rows: list[int], unit: int, place: int | None
) -> go.Figure:
    skeleton = states.skeleton(colours, hidden.shape[1])
    return filled(skeleton, states.arrays(hidden, text, rows, unit, place))


@both_palettes
def test_the_heatmap_has_a_row_a_unit_in_the_order_given(colours: Palette) -> None:
    hidden = np.tanh(np.random.default_rng(0).standard_normal((4, 3)))
    figure = states_figure(colours, hidden, "a\n<&", [2, 0, 1], unit=0, place=3)
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, hidden[:, [2, 0, 1]].T, atol=0.005)
    assert (heat.zmin, heat.zmax) == (-1, 1)
    assert list(heat.y) == ["unit 2", "unit 0", "unit 1"]
    assert list(heat.x) == ["1 “a”", "2 “↵”", "3 “&lt;”", "4 “&amp;”"]
    assert list(figure.layout.xaxis.ticktext) == ["a", "↵", "<", "&"]
    row, column = figure.layout.shapes
    assert (row.visible, row.y0, row.y1) == (True, 0.5, 1.5)
    assert (column.visible, column.x0, column.x1) == (True, 2.5, 3.5)
    assert not figure.layout.annotations[0].visible


@both_palettes
def test_an_empty_passage_and_a_sleeping_network_are_told(colours: Palette) -> None:
    empty = states_figure(colours, np.zeros((0, 3)), "", [0, 1, 2], 0, None)
    assert empty.layout.annotations[0].visible
    assert empty.layout.annotations[0].text == states.EMPTY
    asleep = states_figure(colours, np.full((2, 3), 0.01), "ab", [0, 1, 2], 0, None)
    assert asleep.layout.annotations[0].text == states.ASLEEP
    assert asleep.layout.annotations[0].visible
    assert not asleep.layout.shapes[1].visible


def test_many_units_stay_light_and_are_told() -> None:
    hidden = np.tanh(np.random.default_rng(0).standard_normal((memory.LONGEST, 1024)))
    rows = list(range(states.MOST_ROWS))
    frame = encode({"arrays": states.arrays(hidden, "x" * memory.LONGEST, rows, 5, None)})
    assert len(frame) < 28_000
    assert "the 100 most active of 1,024 units" in states.caption(LIGHT, 1024).title
    assert "most active" not in states.caption(LIGHT, 100).title


@pytest.mark.parametrize("count", [1, 32, 100, 1024])
def test_the_heatmap_is_as_high_as_its_rows_need(count: int) -> None:
    height = states.skeleton(LIGHT, count).layout.height
    assert 120 <= height <= 420


def findings(correlations: np.ndarray, chance: list[float]) -> Findings:
    return Findings(FEATURES[: len(chance)], correlations, np.array(chance), FEATURES[6:7], 2_000)


@both_palettes
def test_every_unit_is_a_dot_and_those_above_chance_stand_out(colours: Palette) -> None:
    found = findings(np.array([[0.9, -0.2, 0.1], [0.3, -0.8, 0.6]]), [0.5, 0.7])
    labels = tuple(feature.label for feature in found.features)
    figure = filled(units.finder_skeleton(colours, labels), units.finder_arrays(found))
    below, above, chance = figure.data
    assert sorted(zip(above.customdata, above.y, strict=True)) == [(0, 0.9), (1, 0.8)]
    assert len(below.y) == 4
    assert np.all(np.abs(np.array(above.x) - [0, 1]) < 0.5)
    assert [value for value in chance.y if value is not None] == [0.5, 0.5, 0.7, 0.7]
    assert len(figure.layout.xaxis.ticktext) == 2
    assert "correlation" in figure.layout.yaxis.title.text
    assert encode({"arrays": units.finder_arrays(found)})


def test_of_many_units_the_closest_are_dots() -> None:
    rng = np.random.default_rng(0)
    found = findings(rng.uniform(-1, 1, (2, 1024)), [0.5, 1.0])
    below, above = units.finder_dots(found)
    assert len(below) + len(above) == 2 * units.MOST_DOTS
    size = np.abs(found.correlations)
    kept = {int(unit) for feature, unit in np.vstack([below, above]) if feature == 1}
    assert min(size[1, sorted(kept)]) >= sorted(size[1])[-units.MOST_DOTS]


@pytest.mark.parametrize(
    ("correlations", "chance", "expected"),
    [
        ([[0.1]], [0.5], "no unit follows a feature more closely than chance gives"),
        ([[0.9]], [0.5], "one pair of a unit and a feature is above chance"),
        ([[0.9, -0.8]], [0.5], "2 pairs of a unit and a feature are above chance"),
        ([[0.9]], [0.97], "Nothing can be told about letter or space"),
        ([[0.9]], [0.5], "Too rare in them to be looked for: inside quotes."),
    ],
)
def test_the_verdict_is_told_in_words(
    correlations: list[list[float]], chance: list[float], expected: str
) -> None:
    assert expected in unit_views._verdict(findings(np.array(correlations), chance))


@both_palettes
def test_the_ranking_falls_from_left_to_right(colours: Palette) -> None:
    ranking = unit_views.Ranking(500, 2.0, np.array([0.1, 0.7, -0.05]))
    figure = filled(units.ranking_skeleton(colours), units.ranking_arrays(ranking))
    (dots,) = figure.data
    assert list(dots.y) == [0.7, 0.1, -0.05]
    assert list(dots.customdata) == [1, 0, 2]
    assert "bits/char" in figure.layout.yaxis.title.text
