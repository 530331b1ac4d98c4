"""What every page has, seen through a small page of its own: pages share the run, analyses are told."""

from __future__ import annotations

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn import snapshot
from tests.test_page import ENTRY, press, query, run_of, visit
from ui import live
from ui.live import LiveRun
from ui.runs import RUNS

PAGES = ["sample", "memory", "gradients", "data", "compare"]


def small_page() -> None:
    import streamlit as st

    from rnn.analysis import Portrait, Report
    from ui import shell

    def count(portrait: Portrait, report: Report) -> int:
        if portrait.config.hidden_size == 7:
            raise ValueError("Seven units are not counted; choose another hidden size.")
        report(0.5)
        return len(portrait.text)

    with shell.page() as page:
        choice = st.selectbox("Choice", ["a", "b"], key="choice")
        found = page.analysis("counting", "Count", count, parameters=(choice,))
        st.text(f"found {found.result} at {found.iteration}")


def visit_small(**address: str) -> AppTest:
    app = AppTest.from_function(small_page, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def finished(app: AppTest, run: LiveRun) -> AppTest:
    end = time.monotonic() + 20
    while run.jobs.working:
        assert time.monotonic() < end
        time.sleep(0.005)
    app.run()
    assert not app.exception
    return app


def test_an_analysis_shows_its_result_and_where_it_came_from() -> None:
    app = visit_small()
    assert app.text[0].value == "found None at None"
    press(app, "Step")
    press(app, "Count")
    finished(app, run_of(app))
    assert app.text[0].value == f"found {len(run_of(app).text)} at 1"
    assert any("at iteration 1" in caption.value for caption in app.caption)


def test_other_choices_than_the_result_s_are_told() -> None:
    app = visit_small()
    press(app, "Count")
    finished(app, run_of(app))
    assert not any("other choices" in caption.value for caption in app.caption)
    app.selectbox(key="choice").set_value("b").run()
    assert any("other choices" in caption.value for caption in app.caption)


def test_an_analysis_that_cannot_be_made_is_one_sentence() -> None:
    app = visit_small(hidden_size="7")
    press(app, "Count")
    finished(app, run_of(app))
    assert [warning.value for warning in app.warning] == [
        "Seven units are not counted; choose another hidden size."
    ]
    assert app.text[0].value == "found None at None"


def test_a_reset_drops_results_about_the_run_before() -> None:
    app = visit_small()
    press(app, "Count")
    finished(app, run_of(app))
    press(app, "Reset")
    assert app.text[0].value == "found None at None"


def test_all_pages_share_the_run_and_its_buttons() -> None:
    app = visit()
    press(app, "Step")
    run_id = query(app, "run")
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, page
        press(app, "Step")
        assert query(app, "run") == run_id
    run = RUNS.find(run_id)
    assert run is not None
    assert run.iteration == 1 + len(PAGES)


def test_a_setting_that_waits_for_reset_outlives_a_change_of_page() -> None:
    app = visit()
    app.number_input(key="setting_hidden_size").set_value(30).run()
    app.switch_page("pages/data.py").run()
    assert app.number_input(key="setting_hidden_size").value == 30
    press(app, "Reset")
    assert run_of(app).config.hidden_size == 30


def test_a_page_can_be_opened_by_its_own_address() -> None:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    app.switch_page("pages/data.py").run()
    assert not app.exception
    assert run_of(app).iteration == 0


@pytest.mark.parametrize(
    ("page", "passage", "draws"),
    [
        ("train", "text", True),
        ("memory", "sample", True),
        *((page, "text", False) for page in PAGES),
    ],
)
def test_what_only_some_panels_show_is_worked_out_for_them_alone(
    page: str, passage: str, draws: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit(text="hello")
    app.switch_page(f"pages/{page}.py").run()
    app.session_state["memory_origin"] = passage
    drawn: set[str] = set()
    for module, name in ((live, "draw_live_sample"), (snapshot, "_histograms")):
        real = getattr(module, name)

        def noted(*arguments: Any, _name: str = name, _real: Any = real) -> Any:
            drawn.add(_name)
            return _real(*arguments)

        monkeypatch.setattr(module, name, noted)
    press(app, "Step")
    assert drawn == ({"draw_live_sample", "_histograms"} if draws else set())
