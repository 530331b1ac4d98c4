"""The grid's block: its form, its table, and how the runs stand in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config, Trainer
from rnn.grid import grid
from rnn.plans import Plan, plans
from rnn.presets import PRESET
from rnn.store import Card, RunRow, Store
from rnn.workers import Progress
from ui import pool as pools
from ui import runs
from ui.grids import Watch, known_plans, line, phase_of
from ui.place import Source
from ui.pool import Pool, Standing
from ui.views import grid as view

TEXT = PRESET["verse"].text()
SMALL = Config(hidden_size=4, sample_length=10)
SOURCE = Source("verse", "Verse")


class StillPool(Pool):
    """A pool whose crew only takes note of its orders."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, most=1)
        self.orders: list[dict[str, Any]] = []

    def _order(self, order: dict[str, Any]) -> None:
        self.orders.append(order)

    def hear(self, run_id: str, phase: str, **told: Any) -> None:
        self._hear(json.dumps({"run": run_id, "phase": phase, **told}))

    def progress(self, run_id: str, iteration: int, nats: float = 1.0, trouble: str = "") -> None:
        told = asdict(Progress(iteration, nats, 100.0, trouble))
        self.hear(run_id, "training", **told)

    @property
    def trained(self) -> list[tuple[str, int]]:
        return [(order["run"], order["goal"]) for order in self.orders if order["order"] == "train"]

    @property
    def dropped(self) -> list[tuple[str, str]]:
        return [(order["run"], order["kind"]) for order in self.orders if order["order"] == "drop"]


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StillPool]:
    store = Store(tmp_path / "runs")
    pool = StillPool(store)
    monkeypatch.setattr(runs, "_stores", [store])
    monkeypatch.setattr(pools, "_pools", [pool])
    yield pool
    store.close()


def grid_page() -> None:
    from ui import shell
    from ui.views import grid

    with shell.page() as page:
        grid.block(page)


def visit(**address: str) -> AppTest:
    app = AppTest.from_function(grid_page, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception


def says(app: AppTest, words: str) -> bool:
    return any(words in text.value for text in app.text)


def planned(pool: Pool, count: int = 2, goal: int = 100) -> Plan:
    return pool.begin(TEXT, SOURCE, grid(SMALL, {}, list(range(count))), goal)


# The form


def test_at_first_three_rates_and_three_sizes_are_offered(pool: StillPool) -> None:
    app = visit()
    assert app.button(key="grid_start").label == "Start 9 runs"
    assert says(app, "9 × 5,000 iterations")
    press(app, "grid_start")
    (plan,) = plans(pool.store.folder)
    assert plan.varied == ("hidden_size", "learning_rate")
    assert pool.trained == [(run_id, 5_000) for run_id in plan.runs]
    rows = [pool.store.run(run_id) for run_id in plan.runs]
    assert {(row.settings["hidden_size"], row.settings["learning_rate"]) for row in rows} == {
        (size, rate) for size in (50, 100, 200) for rate in (0.05, 0.1, 0.2)
    }
    assert {(row.status, row.source_key, row.text_length) for row in rows} == {
        ("waiting", "verse", len(TEXT))
    }
    assert not app.warning


def test_what_is_typed_and_clicked_at_once_is_trained_or_refused(pool: StillPool) -> None:
    app = visit()
    app.text_input(key="grid_values_learning_rate").set_value("0.1, fast")
    press(app, "grid_start")  # the button was drawn before this was typed
    assert not plans(pool.store.folder)
    app.text_input(key="grid_values_learning_rate").set_value("0.3").run()
    app.number_input(key="grid_goal").set_value(70)
    press(app, "grid_start")
    (plan,) = plans(pool.store.folder)
    assert plan.goal == 70
    assert {pool.store.run(run_id).settings["learning_rate"] for run_id in plan.runs} == {0.3}


def test_what_is_typed_is_what_is_trained(pool: StillPool) -> None:
    app = visit(text="counting", hidden_size="8")
    app.multiselect(key="grid_settings").set_value(["clip", "optimiser"]).run()
    app.text_input(key="grid_values_clip").set_value("1, 5").run()
    app.multiselect(key="grid_values_optimiser").set_value(["adam", "sgd"]).run()
    app.text_input(key="grid_values_seed").set_value("3 4").run()
    app.number_input(key="grid_goal").set_value(70).run()
    assert app.button(key="grid_start").label == "Start 8 runs"
    press(app, "grid_start")
    (plan,) = plans(pool.store.folder)
    assert (plan.goal, plan.varied) == (70, ("clip", "optimiser", "seed"))
    settings = [pool.store.run(run_id).settings for run_id in plan.runs]
    assert {(each["clip"], each["optimiser"], each["seed"]) for each in settings} == {
        (clip, optimiser, seed)
        for clip in (1.0, 5.0)
        for optimiser in ("adam", "sgd")
        for seed in (3, 4)
    }
    assert {each["hidden_size"] for each in settings} == {8}
    assert {pool.store.run(run_id).source_key for run_id in plan.runs} == {"counting"}


@pytest.mark.parametrize(
    ("key", "typed", "words"),
    [
        ("learning_rate", "0.1, fast", "Learning rate must be a number between 1e-06 and 100"),
        ("learning_rate", "0.1, 500", "Learning rate must be between 1e-06 and 100, but was 500."),
        ("learning_rate", "", "Learning rate has no value yet"),
        ("hidden_size", "12.5", "Hidden size must be a whole number"),
        ("hidden_size", ",".join(map(str, range(1, 20))), "That would make 57 runs"),
        ("seed", "-1", "Seed must be between"),
        (
            "hidden_size",
            "![x](http://example.org/x.png)",
            "but was '![x](http://example.org/x.png)'",
        ),
    ],
)
def test_bad_values_are_one_sentence_and_nothing_can_be_started(
    pool: StillPool, key: str, typed: str, words: str
) -> None:
    app = visit()
    app.text_input(key=f"grid_values_{key}").set_value(typed).run()
    assert not app.exception
    assert says(app, words)
    assert app.button(key="grid_start").disabled
    assert not any(typed in element.value for element in [*app.markdown, *app.warning] if typed)


def test_a_text_that_is_too_short_is_one_sentence(pool: StillPool) -> None:
    app = visit(text="cycle")
    app.multiselect(key="grid_settings").set_value(["seq_length"]).run()
    app.text_input(key="grid_values_seq_length").set_value("10, 400").run()
    assert says(app, "a sequence length of 400 needs at least 401")
    assert app.button(key="grid_start").disabled
    app.text_input(key="grid_values_seq_length").set_value("10, 40").run()
    assert not app.button(key="grid_start").disabled


def test_no_setting_at_all_is_one_run(pool: StillPool) -> None:
    app = visit()
    app.multiselect(key="grid_settings").set_value([]).run()
    assert app.button(key="grid_start").label == "Start the run"
    press(app, "grid_start")
    assert len(pool.trained) == 1


def test_the_live_run_is_not_touched(pool: StillPool) -> None:
    app = visit(text="hello")
    before = app.query_params["run"]
    press(app, "grid_start")
    assert app.query_params["run"] == before
    assert len(pool.store.runs()) == 9


# The table


def test_runs_are_paused_resumed_and_stopped_one_by_one(pool: StillPool) -> None:
    first, second = planned(pool).runs
    pool.progress(first, 30)
    app = visit()
    assert says(app, "seed 0")
    assert says(app, "Verse, 1,695 characters")
    press(app, f"grid_pause_{first}")
    assert pool.dropped == [(first, "paused")]
    assert pool.store.wished(first) == "pause"
    pool.store.set_status(first, "paused")
    pool.hear(first, "paused", sentence="")
    app.run()
    pool.orders.clear()
    press(app, f"grid_resume_{first}")
    assert pool.trained == [(first, 100)]
    assert pool.store.wished(first) is None
    press(app, f"grid_stop_{second}")
    assert pool.dropped == [(second, "stopped")]
    pool.store.set_status(second, "done")
    pool.hear(second, "stopped", sentence="")
    app.run()
    assert app.button(key=f"grid_stop_{second}").disabled
    assert not app.button(key=f"grid_resume_{second}").disabled


def test_all_runs_are_steered_at_once(pool: StillPool) -> None:
    plan = planned(pool, 3)
    app = visit()
    assert app.button(key="grid_resume_all").disabled
    press(app, "grid_pause_all")
    assert pool.dropped == [(run_id, "paused") for run_id in plan.runs]
    for run_id in plan.runs:
        pool.store.set_status(run_id, "paused")
        pool.hear(run_id, "paused")
    pool.ask(plan.runs[0], "stop")
    pool.orders.clear()
    app.run()
    assert app.button(key="grid_pause_all").disabled
    press(app, "grid_resume_all")
    assert pool.trained == [(run_id, 100) for run_id in plan.runs[1:]]  # not the stopped one


def test_an_id_of_any_form_can_be_shown(pool: StillPool, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["ab__cd--ef__gh--", "a" * 15 + "_", "b" + "_" * 15])
    monkeypatch.setattr(pools, "new_id", lambda: next(ids))
    plan = planned(pool, 3)
    app = visit()
    for run_id in plan.runs:
        press(app, f"grid_pause_{run_id}")


def test_a_reloaded_page_shows_the_table_again(pool: StillPool) -> None:
    plan = planned(pool)
    for _ in range(2):
        app = visit()
        assert app.button(key=f"grid_pause_{plan.runs[0]}")
        assert not app.exception


def test_after_the_server_ended_the_runs_can_be_resumed(
    pool: StillPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(pool)
    fresh = StillPool(pool.store)
    monkeypatch.setattr(pools, "_pools", [fresh])
    app = visit()
    press(app, "grid_resume_all")
    assert fresh.trained == [(run_id, 100) for run_id in plan.runs]


def test_the_newest_grid_is_shown_and_an_earlier_one_can_be_chosen(pool: StillPool) -> None:
    early, late = planned(pool), planned(pool, goal=200)
    app = visit()
    assert app.button(key=f"grid_pause_{late.runs[0]}")
    app.selectbox(key="grid_shown").set_value(early.number).run()
    assert app.button(key=f"grid_pause_{early.runs[0]}")
    assert f"grid_pause_{late.runs[0]}" not in {button.key for button in app.button}
    press(app, "grid_start")
    newest = plans(pool.store.folder)[0]
    assert newest.number == 3
    assert app.button(key=f"grid_pause_{newest.runs[0]}")


def test_deleted_runs_leave_the_table_and_a_grid_without_any_is_gone(pool: StillPool) -> None:
    plan = planned(pool)
    pool.store.delete(plan.runs[0])
    app = visit()
    keys = {button.key for button in app.button}
    assert f"grid_pause_{plan.runs[0]}" not in keys
    assert f"grid_pause_{plan.runs[1]}" in keys
    pool.store.delete(plan.runs[1])
    assert known_plans(pool.store) == []
    assert not any("grid_stop" in str(button.key) for button in visit().button)


def test_a_store_that_cannot_be_used_is_one_sentence(
    pool: StillPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(store: Store, include_deleted: bool = False) -> list[RunRow]:
        raise runs.NoRunError("The store cannot be used.")

    monkeypatch.setattr(Store, "runs", broken)
    assert says(visit(), "The store cannot be used.")


# What the browser is sent


def words(watch: Watch, run_id: str) -> tuple[str, float]:
    entry = view._progress(watch, run_id)(None)  # type: ignore[arg-type]
    content = entry.content()
    assert entry.version == (content["words"], content["share"])
    return content["words"], content["share"]


def test_progress_reaches_the_panel_without_a_run_of_the_page(pool: StillPool) -> None:
    plan = planned(pool)
    watch = Watch(plan, pool)
    assert words(watch, plan.runs[0]) == ("waiting for its turn", 0.0)
    pool.progress(plan.runs[0], 40, 0.6931471805599453)
    watch.look()
    assert words(watch, plan.runs[0]) == (
        "training: 40 of 100 iterations · 1.000 bits/char · 100 iterations/s · lowest loss so far",
        0.4,
    )


def test_the_page_runs_again_when_the_buttons_change_and_not_for_progress(pool: StillPool) -> None:
    plan = planned(pool)
    page = SimpleNamespace(pulse=None)
    watch = Watch(plan, pool)
    view._keep_current(page, watch)  # type: ignore[arg-type]
    assert page.pulse()
    pool.progress(plan.runs[0], 10)
    assert page.pulse()
    pool.hear(plan.runs[0], "killed", sentence="It was killed.")
    assert not page.pulse()


def test_another_block_s_pulse_is_kept(pool: StillPool) -> None:
    plan, calls = planned(pool), []

    def other() -> bool:
        calls.append("other")
        return len(calls) < 2

    page = SimpleNamespace(pulse=other)
    view._keep_current(page, Watch(plan, pool))  # type: ignore[arg-type]
    assert page.pulse()
    assert not page.pulse()
    assert calls == ["other", "other"]


def test_the_table_rests_when_nothing_is_under_way(pool: StillPool) -> None:
    plan = planned(pool)
    watch = Watch(plan, pool)
    assert watch.active
    for run_id in plan.runs:
        pool.store.set_status(run_id, "paused")
        pool.hear(run_id, "paused")
    watch.look()
    assert not watch.active


# How a run stands, in words


def row_of(pool: StillPool, status: str = "paused", iteration: int = 40) -> RunRow:
    trainer = Trainer(TEXT, SMALL)
    if iteration:
        trainer.advance(steps=iteration)
    card = Card("one", "verse", "Verse", status=status)  # type: ignore[arg-type]
    return pool.store.run(pool.store.create(TEXT, trainer.state(), card))


PLAN = Plan(1, 0.0, 100, ("hidden_size",), ())


@pytest.mark.parametrize(
    ("status", "iteration", "standing", "phase", "words"),
    [
        ("waiting", 0, Standing("waiting"), "waiting", "waiting for its turn"),
        ("waiting", 0, None, "paused", "not begun"),
        ("paused", 40, None, "paused", "paused: 40 of 100 iterations"),
        ("paused", 40, Standing("waiting"), "waiting", "waiting for its turn: 40 of 100"),
        ("done", 100, Standing("done"), "done", "done: 100 of 100 iterations"),
        ("done", 40, Standing("stopped"), "stopped", "stopped: 40 of 100 iterations"),
        ("done", 40, None, "stopped", "stopped: 40 of 100 iterations"),
        ("diverged", 40, None, "diverged", "diverged, and back at its last good state: 40 of"),
        ("training", 40, None, "paused", "paused: 40 of 100 iterations"),
        (
            "training",
            40,
            Standing("killed", None, "It was ended."),
            "killed",
            "It was ended, so it is paused where it was last saved: 40 of 100 iterations",
        ),
        ("paused", 40, Standing("waiting", None, "", "pause"), "waiting", "pausing: waiting"),
    ],
)
def test_each_way_to_stand_has_its_words(
    pool: StillPool, status: str, iteration: int, standing: Standing, phase: str, words: str
) -> None:
    row = row_of(pool, status, iteration)
    assert phase_of(row, standing, PLAN.goal) == phase
    shown = line(row, standing, PLAN)
    assert shown.words.startswith(words)
    assert shown.label == "hidden size 4"
    assert shown.share == iteration / 100


@pytest.mark.parametrize(
    ("standing", "rest", "go_on", "end"),
    [
        (Standing("training", Progress(5, 1.0)), True, False, True),
        (Standing("training", Progress(5, 1.0), "", "pause"), False, True, True),
        (Standing("paused"), False, True, True),
        (Standing("killed"), False, True, True),
    ],
)
def test_what_can_be_asked_of_it(
    pool: StillPool, standing: Standing, rest: bool, go_on: bool, end: bool
) -> None:
    shown = line(row_of(pool), standing, PLAN)
    assert (shown.can_rest, shown.can_go_on, shown.can_end) == (rest, go_on, end)


def test_a_run_that_another_program_trains_is_left_to_it(pool: StillPool) -> None:
    row = row_of(pool)
    pool.store.lead(row.id, "command line")
    shown = line(pool.store.run(row.id), None, PLAN)
    assert shown.words.startswith("trained by the command line: 40 of 100")
    assert (shown.can_rest, shown.can_go_on, shown.can_end) == (False, False, False)


def test_a_run_that_another_server_s_grid_trains_can_be_paused_from_here(pool: StillPool) -> None:
    row = row_of(pool)
    pool.store.lead(row.id, "grid")
    shown = line(pool.store.run(row.id), None, PLAN)
    assert shown.phase == "training"
    pool.ask(row.id, "pause")
    assert pool.store.wished(row.id) == "pause"


def test_the_lowest_loss_of_the_grid_is_marked(pool: StillPool) -> None:
    plan = planned(pool, 3)
    for run_id, nats in zip(plan.runs, (2.0, 1.0), strict=False):
        pool.progress(run_id, 10, nats)
    watch = Watch(plan, pool)
    marked = ["lowest" in each.words for each in watch.lines.values()]
    assert marked == [False, True, False]  # the third has not begun


def test_a_run_that_cannot_be_saved_says_so(pool: StillPool) -> None:
    plan = planned(pool)
    pool.progress(plan.runs[0], 10, trouble="The disk is full.")
    assert "not saved: The disk is full." in Watch(plan, pool).lines[plan.runs[0]].words


def test_held_out_losses_are_shown(pool: StillPool) -> None:
    trainer = Trainer(TEXT, SMALL.replace(held_out=0.1))
    trainer.advance(steps=3)
    row = pool.store.run(pool.store.create(TEXT, trainer.state(), Card("h", "verse", "Verse")))
    assert "held out" in line(row, None, PLAN).words
