"""The Memory page's blocks on whole states: what they say, show and do, on runs of every kind."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from rnn import Config
from rnn.analysis import portrait_of
from rnn.analysis.moments import Moment, Similar, similar
from rnn.analysis.projection import KINDS, Projection, project, project_text
from rnn.analysis.recall import Recall
from rnn.presets import PRESET
from ui import shell, visitors
from ui.figures import projection as plane
from ui.figures import recall as recall_figure
from ui.figures.base import filled
from ui.frames import encode
from ui.live import LiveRun
from ui.palette import DARK, LIGHT, Palette
from ui.place import Source
from ui.runs import RUNS
from ui.views import recall as views

Array = NDArray[Any]
ENTRY = str(Path(__file__).parents[1] / "dashboard.py")
OWN = Source("own", "your own text")
MARKUP = "<b>&amp; one two three</b> four five six,\nseven 8 _nine_ :red[ten]!\n" * 12
both_palettes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
both_scales = pytest.mark.parametrize("log", [True, False], ids=["log", "linear"])


# How far back it remembers: the chart


def measured(change: list[float], cost: list[float] | None = None, **other: Any) -> Recall:
    changes = np.array(change)
    zeros = np.zeros(len(changes))
    values: dict[str, Any] = {
        "change": changes,
        "change_error": zeros + 0.01,
        "cost": changes / 2 if cost is None else np.array(cost),
        "cost_error": zeros + 0.001,
        "jog": zeros,
        "jog_error": zeros,
        "unseen": 0.02,
        "places": 1000,
        "seq_length": 3,
    }
    return Recall(**values | other)


FADING = measured([2.0, 0.5, 0.1, 0.03, 0.0], cost=[1.9, 0.2, -0.1, 0.0, 0.0])


@both_palettes
@both_scales
def test_the_chart_takes_what_was_measured(colours: Palette, log: bool) -> None:
    figure = filled(recall_figure.skeleton(colours, log), recall_figure.arrays(FADING, log))
    band, change, cost, chance = figure.data
    assert list(change.x) == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(change.y[:4], FADING.change[:4], rtol=1e-6)
    np.testing.assert_allclose(chance.y, 0.02, rtol=1e-6)
    np.testing.assert_allclose(band.y[:4], FADING.change[:4] - 0.02, rtol=1e-5)
    np.testing.assert_allclose(band.y[::-1][:4], FADING.change[:4] + 0.02, rtol=1e-6)
    np.testing.assert_allclose(cost.y[:2], [1.9, 0.2], rtol=1e-6)
    assert all(figure.layout[axis].title.text for axis in ("xaxis", "yaxis"))


def test_a_logarithmic_axis_reaches_below_chance_and_has_no_place_for_zero() -> None:
    arrays = recall_figure.arrays(FADING, True)
    low, high = arrays["layout.yaxis.range"]
    assert 10**low == pytest.approx(0.001)
    assert 10**high > 2.0
    for path in ("0.y", "1.y"):
        assert np.asarray(arrays[path]).min() > 0
    assert np.isnan(np.asarray(arrays["2.y"])[2:]).all()


def test_a_linear_axis_shows_what_makes_guesses_better_too() -> None:
    arrays = recall_figure.arrays(FADING, False)
    low, high = arrays["layout.yaxis.range"]
    assert low < -0.1
    assert high > 2.0
    np.testing.assert_allclose(np.asarray(arrays["2.y"]), FADING.cost, rtol=1e-6)


@pytest.mark.parametrize(
    ("found", "t_line", "end_line"),
    [
        (FADING, 3, 3),
        (measured([2.0, 1.0], seq_length=25), None, None),  # T and the end are out of sight
        (measured([0.001, 0.0, 0.0]), 3, None),
    ],
)
def test_the_sequence_length_and_the_memory_s_end_are_marked(
    found: Recall, t_line: int | None, end_line: int | None
) -> None:
    figure = filled(recall_figure.skeleton(LIGHT, True), recall_figure.arrays(found, True))
    for shape, expected in zip(figure.layout.shapes, (t_line, end_line), strict=True):
        assert shape.visible == (expected is not None)
        if expected is not None:
            assert shape.x0 == shape.x1 == expected
    assert figure.layout.shapes[0].label.text == f"T = {found.seq_length}"


def test_a_measure_of_nothing_at_all_can_be_drawn() -> None:
    nothing = measured([0.0, 0.0], cost=[0.0, 0.0], change_error=np.zeros(2))
    for log in (True, False):
        low, high = recall_figure.arrays(nothing, log)["layout.yaxis.range"]
        assert math.isfinite(low)
        assert low < high


# The plane of states: the chart


def projected(points: Array) -> Projection:
    return project(np.asarray(points, np.float64))


MANY = tuple(sorted("ab12c.,<>&lt;/ \n"))


def groups_of(text: str, by_next: bool = True, chars: tuple[str, ...] = MANY) -> plane.Grouping:
    return plane.grouping(text, 0, len(text) - 1, by_next, chars)


def test_every_point_is_in_the_trace_of_its_kind() -> None:
    text = "ab, 1\nb"
    groups = groups_of(text)
    assert dict(zip(KINDS, groups.sizes, strict=True)) == {
        "vowel": 0,
        "consonant": 2,
        "space": 1,
        "line break": 1,
        "punctuation": 1,
        "digit": 1,
        "other": 0,
    }
    assert groups.order == (0, 5, 2, 4, 1, 3)
    assert groups.tips[0] == "after “a”<br>comes b"
    assert groups.tips[3] == "after “ab,␣1”<br>comes ↵ newline"
    assert groups_of(text, by_next=False).sizes == (1, 1, 1, 1, 1, 1, 0)


def test_of_few_characters_each_has_its_own_colour() -> None:
    groups = groups_of("(()\n())<", chars=("\n", "(", ")", "<"))
    assert groups.names == ("↵ newline", "(", ")", "&lt;")
    assert groups.sizes == (1, 2, 3, 1)
    figure = filled(plane.skeleton(LIGHT, groups), plane.arrays(projected(np.eye(7)), groups))
    assert [len(trace.x) for trace in figure.data] == [1, 2, 3, 1]


def test_tips_are_no_markup() -> None:
    tips = groups_of("<b>&lt;</b>\n").tips
    assert all(tip.replace("<br>", "").count("<") == 0 for tip in tips)
    assert "after “&lt;b&gt;”<br>comes &amp;" in tips


@both_palettes
def test_points_and_tips_stay_together(colours: Palette) -> None:
    text = "a1b 2c.\n"
    groups = groups_of(text)
    angles = np.arange(len(text) - 1)
    found = projected(np.column_stack([3 * np.cos(angles), np.sin(angles)]))
    figure = filled(plane.skeleton(colours, groups), plane.arrays(found, groups))
    assert [trace.name for trace in figure.data] == list(KINDS)
    told = {}
    for trace in figure.data:
        assert len(trace.x) == len(trace.y) == len(trace.customdata or ())
        assert bool(trace.showlegend) == bool(trace.customdata)
        told |= {tip: (x, y) for tip, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)}
    assert len(told) == len(text) - 1
    first = told["after “a”<br>comes 1"]
    np.testing.assert_allclose(first, found.points[0], atol=1e-3)
    titles = figure.layout.xaxis.title.text, figure.layout.yaxis.title.text
    assert titles == tuple(
        f"{name} component: {share:.0%} of the variance"
        for name, share in zip(("1st", "2nd"), found.shares, strict=False)
    )
    assert len({(trace.marker.color, trace.marker.symbol) for trace in figure.data}) == len(KINDS)
    assert len({trace.marker.color for trace in figure.data}) == len(KINDS)


def test_equal_states_are_one_point() -> None:
    groups = groups_of("aaaa")
    arrays = plane.arrays(projected(np.ones((3, 2))), groups)
    figure = filled(plane.skeleton(LIGHT, groups), arrays)
    assert list(figure.data[0].x) == [0, 0, 0]


@both_palettes
def test_the_shares_stand_as_bars_in_percent(colours: Palette) -> None:
    found = projected(np.random.default_rng(0).standard_normal((50, 8)))
    figure = filled(plane.scree_skeleton(colours), plane.scree_arrays(found))
    np.testing.assert_allclose(figure.data[0].y, 100 * found.shares)
    assert figure.layout.yaxis.title.text == "share of the variance (%)"


def test_a_frame_of_the_plane_is_light() -> None:
    text = "the cat sat on the mat, and so on. " * 20
    groups = plane.grouping(text, 0, plane.MOST_POINTS, True, tuple(sorted(set(text))))
    states = np.random.default_rng(0).standard_normal((plane.MOST_POINTS, 5))
    assert len(encode({"arrays": plane.arrays(projected(states), groups)})) < 6_000


# What is said of a result


def test_the_verdict_tells_how_many_characters_and_whether_they_help() -> None:
    said = views._verdict(FADING)
    assert "remembers about 3 characters" in said
    assert "1,000 places" in said
    assert "T = 3 back" in said
    assert "Up to 2 characters back, remembering surely makes its guesses better" in said


def test_the_verdict_on_an_endless_a_useless_and_an_absent_memory() -> None:
    assert "at least 2 characters" in views._verdict(measured([1.0, 1.0]))
    assert "about 1 character**" in views._verdict(measured([1.0, 0.0]))
    useless = views._verdict(measured([1.0, 0.0], cost=[-0.5, 0.0]))
    assert "does not help its guesses" in useless
    assert "no single changed character moves" in views._verdict(measured([0.0, 0.0]))


def rows(text: str, found: Similar) -> list[dict[str, Any]]:
    entry = views._rows(text, found)
    encode(entry)  # it can go into a frame
    shown: list[dict[str, Any]] = entry["rows"]
    return shown


def test_a_row_parts_what_reads_the_same_from_what_does_not() -> None:
    text = "one cat sat\ntwo cats sat\n"
    found = Similar(10, (Moment(23, 0.25, 4), Moment(0, 0.5, 0)), typical=0.5, compared=20)
    chosen, near, far = rows(text, found)
    assert (chosen["chosen"], near["chosen"], far["chosen"]) == (True, False, False)
    assert chosen["distance"] == "here"
    assert (chosen["unlike"], chosen["here"], chosen["after"]) == (
        "one cat sa",
        "t",
        "↵two cats sat↵",
    )
    assert near["place"] == "24"
    assert near["at"] == 23
    assert near["unlike"] == "one cat sat↵two cats"
    assert (near["alike"], near["here"], near["after"]) == (" sa", "t", "↵")
    assert (near["distance"], near["share"]) == ("0.250", 0.5)
    assert (far["unlike"], far["alike"], far["here"]) == ("", "", "o")


@pytest.mark.parametrize(
    ("distance", "said"),
    [(0.0, "0.000"), (1e-9, "<0.0001"), (0.00123, "0.0012"), (0.0123, "0.012"), (1.5, "1.500")],
)
def test_small_distances_keep_their_digits(distance: float, said: str) -> None:
    assert views._figure(distance) == said


def test_a_text_without_another_moment_says_so() -> None:
    entry = views._rows("ab", Similar(0, (), 0.0, 0))
    assert entry["words"] == "There is no other moment to compare with."
    assert len(entry["rows"]) == 1


# The blocks on a page


@dataclass
class Panels:
    """What a page has mounted, by name."""

    sources: dict[str, Any] = field(default_factory=dict)
    picks: dict[str, Callable[[Any], None]] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> Panels:
    """Notes what every page mounts from now on."""
    seen = Panels()
    mount = shell.Page.panel

    def noted(
        page: shell.Page, name: str, kind: str, source: Any, on_pick: Any = None, **data: Any
    ) -> None:
        seen.sources[name], seen.picks[name], seen.data[name] = source, on_pick, data
        mount(page, name, kind, source, on_pick, **data)

    monkeypatch.setattr(shell.Page, "panel", noted)
    return seen


def visit(**address: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=120)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    app.switch_page("pages/memory.py").run()
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


def wait_for(app: AppTest, name: str) -> None:
    """Until the analysis has come to its end, and the page shows it."""
    jobs = run_of(app).jobs
    end = time.monotonic() + 120
    while jobs.under_way(name) is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
    app.run()
    assert not app.exception


def content(app: AppTest, panels: Panels, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = panels.sources[name](run_of(app).view()).content()
    encode(entry)
    return entry


def words(app: AppTest) -> str:
    return " ".join(element.value for element in [*app.main.markdown, *app.main.caption])


# Runs that begin anew elsewhere


@pytest.mark.parametrize(
    "text", [PRESET["verse"].text(), "tick tock " * 9], ids=["longer", "shorter"]
)
def test_a_run_that_begins_anew_while_its_page_is_drawn_is_shown_by_a_page_of_its_own(
    text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = visit(text="hello")
    run, enter = run_of(app), visitors.enter

    def begin_anew() -> None:
        """Another tab does, just when all blocks of this page stand."""
        if run.text != text:
            run.restart(text, run.config, OWN)
        enter()

    monkeypatch.setattr(visitors, "enter", begin_anew)
    app.run()
    assert not app.exception
    assert f"After character (1 to {len(text):,})" in [field.label for field in app.number_input]
    assert not [record for record in caplog.records if record.name.startswith("ui.")]


def test_a_run_that_begins_anew_amid_a_block_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    app = visit(text="hello")
    run, block = run_of(app), views.similar_moments

    def begin_anew(page: shell.Page) -> None:
        """Another tab does, and what the block has read of two texts does not go together."""
        if len(page.run.text) > 90:
            run.restart("tick tock " * 9, run.config, OWN)
            raise IndexError
        block(page)

    monkeypatch.setattr(views, "similar_moments", begin_anew)
    app.run()
    assert not app.exception
    assert "After character (1 to 90)" in [field.label for field in app.number_input]


def test_a_block_that_fails_by_itself_is_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = visit(text="hello")
    block = Mock(side_effect=IndexError)
    monkeypatch.setattr(views, "similar_moments", block)
    app.run()
    assert len(app.exception) == block.call_count == 1


def test_a_short_text_shows_its_moments_and_its_plane_at_once(panels: Panels) -> None:
    app = visit()
    run = run_of(app)
    found = content(app, panels, "moments")
    assert len(found["rows"]) == 11
    place = len(run.text) // 2
    assert found["rows"][0]["at"] == place
    expected = similar(portrait_of(run.trainer), place)
    assert [row["at"] for row in found["rows"][1:]] == [m.place for m in expected.moments]
    ribbon = content(app, panels, "moments_text")
    assert ribbon["marks"][ribbon["picked"]] == run.text[place].replace("\n", "↵\n")
    points = content(app, panels, "projection")["arrays"]
    assert sum(len(points[f"{i}.x"].array) for i in range(len(KINDS))) == plane.MOST_POINTS
    portrait = portrait_of(run.trainer)
    shares = project_text(portrait, 0, plane.MOST_POINTS).shares
    np.testing.assert_allclose(content(app, panels, "scree")["arrays"]["0.y"], 100 * shares)
    assert "Nothing has been measured yet" in words(app)


def test_a_frame_is_made_anew_only_when_the_network_has_changed(panels: Panels) -> None:
    app = visit()
    run = run_of(app)

    def versions() -> list[Any]:
        view = run.view()
        return [panels.sources[name](view).version for name in ("moments", "projection", "scree")]

    before = versions()
    assert versions() == before
    run.step()
    assert all(one != other for one, other in zip(versions(), before, strict=True))


def test_another_place_is_chosen_by_number_by_click_and_by_chance(panels: Panels) -> None:
    app = visit()
    app.number_input(key="moments_place").set_value(101).run()
    assert content(app, panels, "moments")["rows"][0]["at"] == 100
    ribbon = content(app, panels, "moments_text")
    assert ribbon["picked"] == 100
    seen = {100}
    for _ in range(3):
        press(app, "Elsewhere")
        seen.add(content(app, panels, "moments")["rows"][0]["at"])
    assert len(seen) == 4
    chosen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views.state, "set_widget", lambda key, value: chosen.append(value))
        panels.picks["moments"](56)
        around = content(app, panels, "moments_text")
        panels.picks["moments_text"](around["picked"] + 2)
    at = content(app, panels, "moments")["rows"][0]["at"]
    assert chosen == [57, at + 3]


def test_places_that_read_the_same_are_passed_over_when_asked(panels: Panels) -> None:
    app = visit(text="hello")
    full = content(app, panels, "moments")["rows"]
    assert all(row["alike"] for row in full[1:])
    app.segmented_control(key="moments_unlike").set_value(3).run()
    assert not app.exception
    assert all(len(row["alike"]) < 2 for row in content(app, panels, "moments")["rows"][1:])


def test_memory_is_measured_when_asked_and_shown_on_either_scale(panels: Panels) -> None:
    app = visit(text="hello")
    press(app, "Step")
    press(app, "Measure its memory")
    wait_for(app, "recall")
    assert "Made from the network at iteration 1" in words(app)
    assert "Over 140 places" in words(app) or "over 140 places" in words(app)
    arrays = content(app, panels, "recall")["arrays"]
    assert len(arrays["1.y"]) == 60
    app.toggle(key="recall_log").set_value(False).run()
    assert not app.exception
    assert panels.data["recall"]["figure"]["layout"]["yaxis"]["type"] == "linear"


def test_a_long_text_is_searched_when_asked(panels: Panels) -> None:
    app = visit(text="alice")
    assert "moments" not in panels.sources
    press(app, "Find similar moments")
    wait_for(app, "moments")
    before = content(app, panels, "moments")["rows"]
    assert len(before) == 11
    app.number_input(key="moments_place").set_value(40).run()
    assert "made with other choices" in words(app)
    assert content(app, panels, "moments")["rows"] == before


def test_a_large_network_is_projected_when_asked(panels: Panels) -> None:
    app = visit(text="counting", hidden_size="300")
    assert "projection" not in panels.sources
    press(app, "Project the states")
    wait_for(app, "projecting")
    assert len(content(app, panels, "scree")["arrays"]["0.y"]) == 6
    # What is shown stays whole while another stretch is being chosen.
    app.number_input(key="projection_start").set_value(200).run()
    assert "made with other choices" in words(app)
    arrays = content(app, panels, "projection")["arrays"]
    sizes = [
        len(trace.get("customdata", ())) for trace in panels.data["projection"]["figure"]["data"]
    ]
    assert [len(arrays[f"{i}.x"].array) for i in range(len(KINDS))] == sizes


def test_colours_are_chosen(panels: Panels) -> None:
    app = visit()

    def spaces() -> set[str]:
        traces = panels.data["projection"]["figure"]["data"]
        return set(traces[KINDS.index("space")]["customdata"])

    assert all(tip.endswith("comes ␠ space") for tip in spaces())
    app.segmented_control(key="projection_colour").set_value(False).run()
    assert not app.exception
    assert all("␣”<br>comes" in tip for tip in spaces())
    assert "just read" in panels.data["projection"]["reading"]
    content(app, panels, "projection")


def many_characters() -> str:
    return "".join(chr(0x4E00 + i * 7919 % 3000) for i in range(3600))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("ab", {"hidden_size": 1, "seq_length": 1}),
        ("abcab" * 3, {"hidden_size": 2, "seq_length": 1}),
        (MARKUP, {"hidden_size": 3, "dtype": "float64"}),
        (many_characters(), {"hidden_size": 8}),
        ("aaaa" * 20, {"hidden_size": 2}),
    ],
    ids=["two characters", "tiny", "markup", "3,000 characters", "one character"],
)
def test_every_kind_of_run_can_be_looked_at(
    panels: Panels, text: str, settings: dict[str, Any]
) -> None:
    app = visit()
    run_of(app).restart(text, Config().replace(**settings), OWN)
    app.run()
    assert not app.exception
    for name in ("moments", "moments_text", "projection", "scree"):
        json.dumps(content(app, panels, name), default=str)
    press(app, "Measure its memory")
    wait_for(app, "recall")
    if len(set(text)) == 1:
        assert "repeats a single character" in " ".join(warning.value for warning in app.warning)
    else:
        content(app, panels, "recall")


def test_a_shorter_text_moves_the_places_that_were_chosen_into_it(panels: Panels) -> None:
    app = visit()
    app.number_input(key="moments_place").set_value(1500).run()
    app.number_input(key="projection_start").set_value(1000).run()
    run_of(app).restart("short text, " * 12, Config(hidden_size=4), OWN)
    app.run()
    assert not app.exception
    assert app.number_input(key="moments_place").value == 144
    assert content(app, panels, "moments")["rows"][0]["at"] == 143
    content(app, panels, "projection")


def test_the_text_of_the_person_is_never_markdown(panels: Panels) -> None:
    app = visit()
    run_of(app).restart(MARKUP, Config(hidden_size=4), OWN)
    app.run()
    press(app, "Measure its memory")
    wait_for(app, "recall")
    assert ":red[ten]" not in words(app)
    assert not any(":red[" in button.label for button in app.button)
