"""The Compare page through AppTest: the table, what can be done with runs, forks, and films."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn.store import Store, StoreError, export_run, import_run
from rnn.store.rows import RunRow
from tests.stocked import SMALL, TEXT, many, trained
from tests.test_page import ENTRY, press, query, run_of
from ui import runs as runs_module
from ui import stored
from ui.film import Film, Picture, Projector
from ui.stored import Kept
from ui.views import run_actions, runs_table

NASTY = "<b>bold</b> :red[red] $x^2$ **no** [l](http://a.b)"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of this test's own, which the page shows."""
    own = Store(tmp_path / "runs")
    monkeypatch.setattr(runs_module, "_stores", [own])
    return own


def visit() -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    return again(app.switch_page("pages/compare.py"))


def again(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def look(app: AppTest, part: str) -> None:
    app.session_state["compare_part"] = part
    again(app)


def table(app: AppTest) -> Any:
    return app.dataframe[0].value


def named(store: Store, name: str) -> RunRow:
    return store.find(name)


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in app.text)


def choose(app: AppTest, *run_ids: str) -> None:
    app.session_state["compare_chosen"] = list(run_ids)
    again(app)


def finished(app: AppTest) -> AppTest:
    run, end = run_of(app), time.monotonic() + 30
    while run.jobs.working:
        assert time.monotonic() < end
        time.sleep(0.005)
    return again(app)


# The table


def test_without_runs_the_page_says_how_they_come_about(store: Store) -> None:
    app = visit()
    assert any("Train a little, and runs appear here." in each.value for each in app.caption)
    assert not app.dataframe


def test_the_table_tells_what_each_run_is_and_how_it_did(store: Store) -> None:
    trained(store, "first")
    trained(store, "second", SMALL.replace(learning_rate=0.5, held_out=0.2))
    shown = table(visit())
    assert list(shown["name"]) == ["second", "first"]
    assert list(shown["status"]) == ["paused", "paused"]
    assert list(shown["text"]) == ["Fox", "Fox"]
    assert list(shown["differs"]) == [
        "learning rate 0.1 → 0.5, held-out share 0 → 0.2",
        "defaults, except hidden size 100 → 12, sequence length 25 → 8, sample length 200 → 20",
    ]
    assert list(shown["iterations"]) == [20, 20]
    run = named(store, "second")
    assert shown["best"][0] == pytest.approx(run.best_loss / 0.6931471805599453)
    assert shown["held_out"][0] == pytest.approx((run.held_out or 0.0) / 0.6931471805599453)
    assert shown["seconds"][0] == pytest.approx(0.2)


def test_a_baseline_can_be_chosen(store: Store) -> None:
    base = trained(store, "base")
    trained(store, "other", SMALL.replace(learning_rate=0.5))
    trained(store, "third", SMALL.replace(learning_rate=0.5, clip=1.0))
    app = visit()
    app.selectbox(key="compare_base").set_value(base).run()
    assert list(table(app)["differs"]) == [
        "learning rate 0.1 → 0.5, gradient clip 5 → 1",
        "learning rate 0.1 → 0.5",
        "the baseline",
    ]


def test_runs_are_found_by_words_text_status_and_as_the_latest(store: Store) -> None:
    trained(store, "fox")
    store.annotate(trained(store, "fox 2"), "calm")
    trained(store, "dog", text="a dog barks at night.\n" * 40, title="Dog")
    app = visit()

    def names() -> list[str]:
        return sorted(table(app)["name"])

    app.text_input(key="compare_find").set_value("CALM").run()
    assert names() == ["fox 2"]
    app.text_input(key="compare_find").set_value("").run()
    app.selectbox(key="compare_text").set_value(named(store, "dog").text_digest).run()
    assert names() == ["dog"]
    app.selectbox(key="compare_text").set_value("").run()
    app.selectbox(key="compare_latest").set_value("name").run()
    assert names() == ["dog", "fox 2"]
    app.selectbox(key="compare_latest").set_value("all").run()
    store.set_status(named(store, "fox").id, "diverged")
    again(app)
    app.selectbox(key="compare_status").set_value("diverged").run()
    assert names() == ["fox"]


def test_the_first_runs_are_chosen_until_a_person_chooses(store: Store) -> None:
    ids = [trained(store, f"run {number}") for number in range(4)]
    app = visit()
    assert app.session_state["compare_chosen"] == ids[:0:-1]
    assert app.session_state["runs_table"]["selection"]["rows"] == [0, 1, 2]
    newest = trained(store, "newest")
    again(app)
    assert newest not in app.session_state["compare_chosen"]
    assert app.session_state["runs_table"]["selection"]["rows"] == [1, 2, 3]  # they moved down


def test_ticks_follow_runs_when_rows_move(store: Store) -> None:
    one, other = trained(store, "one"), trained(store, "other")
    app = visit()
    choose(app, one)
    assert app.session_state["runs_table"]["selection"]["rows"] == [1]
    store.pin(one)
    again(app)
    assert list(table(app)["name"]) == ["one", "other"]
    assert app.session_state["runs_table"]["selection"]["rows"] == [0]
    assert app.session_state["compare_chosen"] == [one]
    assert other not in app.session_state["compare_chosen"]


def test_ticking_keeps_the_order_and_what_the_filter_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    picked: list[list[str]] = []
    monkeypatch.setattr(runs_table.desk, "choose", lambda ids: picked.append(list(ids)))
    ticks: list[int] = []
    monkeypatch.setattr(
        runs_table.state, "widget_value", lambda *_: {"selection": {"rows": list(ticks)}}
    )
    ticks[:] = [0, 2]
    runs_table._picked(["a", "b", "c"], ["hidden", "c"])
    assert picked[-1] == ["hidden", "c", "a"]
    ticks[:] = [0]
    runs_table._picked(["a", "b", "c"], ["hidden", "c", "a"])
    assert picked[-1] == ["hidden", "a"]


def test_a_person_s_words_are_never_rendered(store: Store) -> None:
    run_id = trained(store, NASTY, title=NASTY)
    store.annotate(run_id, NASTY)
    app = visit()
    for part in ("Settings and results", "Side by side", "Fork", "Replay"):
        look(app, part)
        rendered = [*app.markdown, *app.caption, *app.warning, *app.info, *app.error]
        assert not any("bold" in element.value for element in rendered), part
        labels = [*app.button, *app.selectbox, *app.text_input, *app.multiselect]
        assert not any("bold" in (element.label or "") for element in labels), part
        helps = [getattr(element, "help", None) or "" for element in labels]
        assert not any("bold" in help for help in helps), part


# What can be done


def test_renaming_and_noting(store: Store) -> None:
    run_id = trained(store, "fox")
    trained(store, "taken")
    app = visit()
    choose(app, run_id)
    app.text_input(key=f"name_{run_id}").set_value("reynard").run()
    app.text_area(key=f"note_{run_id}").set_value("a *note*").run()
    press(app, "Keep these words")
    assert store.run(run_id).name == "reynard"
    assert store.run(run_id).note == "a *note*"
    app.text_input(key=f"name_{run_id}").set_value("taken").run()
    press(app, "Keep these words")
    assert store.run(run_id).name == "reynard"
    assert "choose another name" in words(app)


def test_pinning_puts_runs_first(store: Store) -> None:
    old = trained(store, "old")
    trained(store, "new")
    app = visit()
    choose(app, old)
    press(app, "Pin")
    assert list(table(app)["name"]) == ["old", "new"]
    press(app, "Unpin")
    assert list(table(app)["name"]) == ["new", "old"]


def test_deleting_can_be_undone(store: Store) -> None:
    ids = [trained(store, f"run {number}") for number in range(3)]
    app = visit()
    choose(app, *ids[:2])
    press(app, "Delete")
    assert list(table(app)["name"]) == ["run 2"]
    assert "2 runs deleted." in words(app)
    press(app, "Undo")
    assert sorted(table(app)["name"]) == ["run 0", "run 1", "run 2"]
    assert "2 runs brought back." in words(app)


def test_deleted_runs_come_back_later_or_go_for_good(store: Store) -> None:
    one, other = trained(store, "one"), trained(store, "other")
    trained(store, "stays")
    store.delete(one)
    store.delete(other)
    app = visit()
    box = next(box for box in app.selectbox if box.label == "Deleted runs")
    box.set_value(one).run()
    press(app, "Bring it back")
    assert store.run(one).deleted is None
    press(app, "Remove it for good")
    with pytest.raises(StoreError):
        store.run(other)


def test_what_is_open_or_trained_is_not_deleted(store: Store) -> None:
    run_id, busy = trained(store, "open here"), trained(store, "busy")
    app = visit()
    choose(app, run_id)
    press(app, "Open")
    again(app.switch_page("pages/compare.py"))
    lease = store.lead(busy, "test")
    store.save(lease, TEXT, store.load(busy).state(), seconds=1.0)
    choose(app, run_id, busy)
    press(app, "Delete")
    assert {run.deleted for run in store.runs(include_deleted=True)} == {None}
    assert "2 runs kept" in words(app)


def test_opening_a_run_goes_on_with_it_on_the_train_page(store: Store) -> None:
    run_id = trained(store, "fox")
    app = visit()
    choose(app, run_id)
    press(app, "Open")
    assert query(app, "run") == run_id
    assert run_of(app).iteration == 20
    assert not app.dataframe  # the Train page has no table


def test_files_of_a_run(store: Store, tmp_path: Path) -> None:
    run_id = trained(store, "fox/../hound: 1")
    whole = run_actions.exported(store, run_id)
    elsewhere = Store(tmp_path / "elsewhere")
    twin = import_run(elsewhere, io.BytesIO(whole))
    assert elsewhere.load(twin).iteration == 20
    assert run_actions.history_file(store, run_id).startswith(b"first_iteration,")
    assert b"after iteration 0" in run_actions.diary_file(store, run_id)
    assert run_actions.file_stem("fox/../hound: 1") == "fox_.._hound_ 1"
    assert run_actions.file_stem("...") == "run"


def test_a_run_is_imported_and_chosen_and_a_bad_file_is_one_sentence(store: Store) -> None:
    run_id = trained(store, "fox")
    target = io.BytesIO()
    export_run(store, run_id, target)
    app = visit()
    upload(app, target.getvalue())
    new = named(store, "fox 2")
    assert app.session_state["compare_chosen"] == [new.id]
    assert "has been imported" in words(app)
    upload(app, b"no run at all")
    assert len(store.runs()) == 2
    assert "not an exported run" in words(app)


def upload(app: AppTest, data: bytes) -> None:
    uploader = next(each for each in app.file_uploader if each.label.startswith("A run"))
    uploader.set_value(("run.rnnrun", data, "application/zip"))
    again(app)


def test_a_store_that_cannot_be_read_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit()

    def broken(*_: object, **__: object) -> list[RunRow]:
        raise StoreError("The store *here* cannot be used: the disk is full.")

    monkeypatch.setattr(Store, "runs", broken)
    again(app)
    assert "The store *here* cannot be used" in words(app)


# Looking closer


@pytest.mark.parametrize("axis", ["iteration", "characters", "seconds"])
@pytest.mark.parametrize("kind", ["training", "held-out"])
def test_curves_can_be_seen_in_every_way(store: Store, axis: str, kind: str) -> None:
    trained(store, "one", SMALL.replace(held_out=0.2))
    trained(store, "other")
    app = visit()
    app.selectbox(key="overlay_axis").set_value(axis).run()
    app.selectbox(key="overlay_kind").set_value(kind).run()
    app.selectbox(key="overlay_unit").set_value("perplexity").run()
    app.toggle(key="overlay_log_x").set_value(True).run()
    app.toggle(key="overlay_log_y").set_value(True).run()
    assert not app.exception


def test_any_setting_against_any_result(store: Store) -> None:
    trained(store, "one", SMALL.replace(optimiser="adam", learning_rate=0.01))
    trained(store, "other")
    app = visit()
    app.toggle(key="scatter_log_x").set_value(True).run()
    for x in app.selectbox(key="scatter_x").options:
        app.selectbox(key="scatter_x").select(x).run()
        assert not app.exception, x
    for result in app.selectbox(key="parallel_result").options:
        app.selectbox(key="parallel_result").select(result).run()
        assert not app.exception, result


def test_two_runs_of_different_shapes_and_texts_stand_side_by_side(store: Store) -> None:
    left = trained(store, "left", saved_at=(1, 4, 9))
    right = trained(
        store, "right", SMALL.replace(hidden_size=5), (2, 6), "a dog barks at night.\n" * 40
    )
    app = visit()
    choose(app, left, right)
    look(app, "Side by side")
    assert app.session_state["sides_iteration"] == 6
    told = " ".join(caption.value for caption in app.caption)
    assert "4 at the left, 6 at the right" in told
    assert "other characters" in told
    assert "never seen are left out" in told
    app.number_input(key="sides_seed").set_value(5).run()
    app.text_input(key="sides_passage").set_value("the dog").run()
    assert not app.exception


def test_one_run_alone_can_be_beside_itself(store: Store) -> None:
    trained(store, "only", saved_at=(3,))
    app = visit()
    for part in ("Side by side", "Fork", "Replay"):
        look(app, part)


def test_a_fork_opens_on_the_train_page_and_grows_the_tree(store: Store) -> None:
    parent = trained(store, "fox")
    app = visit()
    choose(app, parent)
    look(app, "Fork")
    assert any("No run has been forked yet" in caption.value for caption in app.caption)
    app.select_slider(key=f"fork_state_{parent}").set_value(5).run()
    app.multiselect(key="fork_changes").set_value(["learning_rate"]).run()
    app.number_input(key="fork_learning_rate").set_value(0.02).run()
    app.text_input(key="fork_name").set_value("cautious fox").run()
    press(app, "Fork, and open it on the Train page")
    forked = named(store, "cautious fox")
    assert (forked.parent, forked.fork_iteration) == (parent, 5)
    assert query(app, "run") == forked.id
    run = run_of(app)
    assert run.iteration == 5
    assert run.config.learning_rate == 0.02
    assert app.select_slider(key="setting_learning_rate").value == 0.02
    again(app.switch_page("pages/compare.py"))
    assert next(iter(table(app)["differs"])) == "learning rate 0.1 → 0.02"
    assert app.session_state["compare_chosen"] == [parent, forked.id]
    look(app, "Fork")
    assert not any("No run has been forked yet" in caption.value for caption in app.caption)


def test_a_structural_change_is_refused_with_its_reason(store: Store) -> None:
    trained(store, "fox")
    app = visit()
    look(app, "Fork")
    app.multiselect(key="fork_changes").set_value(["hidden_size", "clip"]).run()
    told = " ".join(info.value for info in app.info)
    assert "Hidden size cannot change in a fork: the weights" in told
    assert app.number_input(key="fork_clip").value == 5.0


def test_a_value_that_a_fork_cannot_have_is_one_sentence(store: Store) -> None:
    trained(store, "fox", text="abcdefgh" * 4, saved_at=(1, 3))
    app = visit()
    look(app, "Fork")
    app.multiselect(key="fork_changes").set_value(["seq_length"]).run()
    app.number_input(key="fork_seq_length").set_value(400).run()
    press(app, "Fork, and open it on the Train page")
    assert len(store.runs()) == 1
    assert "text" in words(app)


def test_a_film_is_loaded_and_moved_through(store: Store) -> None:
    run_id = trained(store, "fox")
    app = visit()
    choose(app, run_id)
    look(app, "Replay")
    assert any("5 moments" in caption.value for caption in app.caption)
    press(app, "Load the film")
    finished(app)
    projector = app.session_state["replay_projector"]
    assert (projector.place, projector.count) == (4, 5)
    press(app, "Play")
    assert projector.playing
    press(app, "Stop")
    assert not projector.playing
    lease = store.lead(run_id, "test")
    trainer = store.load(run_id)
    trainer.advance(steps=10)
    store.save(lease, TEXT, trainer.state(), seconds=1.0, status="paused")
    again(app)
    assert any("load it again" in caption.value for caption in app.caption)


def test_a_film_can_read_the_person_s_own_passage(store: Store) -> None:
    trained(store, "fox")
    app = visit()
    look(app, "Replay")
    app.text_input(key="replay_passage").set_value("the 狐 fox").run()
    assert any("never seen" in caption.value for caption in app.caption)
    press(app, "Load the film")
    finished(app)
    assert app.session_state["replay_projector"].count == 5


# The projector


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def film(key: str, count: int) -> Film:
    return Film(key, tuple(Picture(n, 1.0, {}, {}, {}, {}) for n in range(count)))


def test_a_film_runs_by_the_clock_and_stops_at_its_end() -> None:
    clock = Clock()
    projector = Projector(clock)
    projector.load(film("a", 5))
    assert projector.place == 4
    projector.play()  # from the end it begins again
    assert (projector.place, projector.playing) == (0, True)
    clock.now = 0.9
    assert projector.beat()
    assert projector.place == 1
    projector.speed(4)
    clock.now = 1.2
    assert projector.beat()
    assert projector.place == 2
    clock.now = 60.0
    assert not projector.beat()
    assert projector.place == 4
    assert not projector.playing


def test_moving_the_slider_stops_the_film_within_its_ends() -> None:
    projector = Projector(Clock())
    projector.load(film("a", 5))
    projector.play()
    projector.seek(2)
    assert (projector.place, projector.playing) == (2, False)
    projector.seek(99)
    assert projector.place == 4
    projector.seek(-1)
    assert projector.place == 0


def test_another_film_stands_at_its_end_and_the_same_one_stays() -> None:
    projector = Projector(Clock())
    projector.load(film("a", 5))
    projector.seek(1)
    projector.load(film("a", 5))
    assert projector.place == 1
    projector.load(film("b", 3))
    assert projector.place == 2
    single = Projector(Clock())
    single.load(film("c", 1))
    single.play()
    assert not single.playing


# What is read


def test_values_are_made_once_and_the_longest_unused_goes() -> None:
    kept: Kept[int] = Kept(2)
    made: list[str] = []

    def make(name: str) -> Callable[[], int]:
        def value() -> int:
            made.append(name)
            return len(made)

        return value

    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, make(name))
    assert made == ["a", "b", "c", "b"]


def test_curves_are_read_again_only_when_a_run_has_gone_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [trained(store, "one"), trained(store, "other")]
    asked: list[set[str]] = []
    real = Store.curves

    def counted(self: Store, run_ids: Any = None) -> Any:
        asked.append(set(run_ids))
        return real(self, run_ids)

    monkeypatch.setattr(Store, "curves", counted)
    monkeypatch.setattr(stored, "_curves", Kept(2))
    for _ in range(2):
        assert set(stored.curves(store, store.runs())) == set(ids)
    assert asked == [set(ids)]
    lease = store.lead(ids[0], "test")
    trainer = store.load(ids[0])
    for done in (23, 26):
        trainer.advance(steps=3)
        store.save(lease, TEXT, trainer.state(), seconds=1.0)
        found = stored.curves(store, [store.run(ids[0])])
        assert found[ids[0]].iteration[-1] == done
    # A run's new curve takes the place of its old one, not that of another run.
    stored.curves(store, store.runs())
    assert asked == [set(ids), {ids[0]}, {ids[0]}]


def test_a_full_store_is_read_in_few_queries_and_without_its_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = many(tmp_path / "full", 30, 2_000)
    monkeypatch.setattr(runs_module, "_stores", [full])
    reads: list[str] = []
    for name in ("runs", "curves", "snapshots", "load", "load_snapshot"):
        real = getattr(Store, name)

        def counted(
            self: Store, *args: Any, _name: str = name, _real: Any = real, **kwargs: Any
        ) -> Any:
            reads.append(_name)
            return _real(self, *args, **kwargs)

        monkeypatch.setattr(Store, name, counted)
    app = AppTest.from_file(ENTRY, default_timeout=60).run()
    reads.clear()
    again(app.switch_page("pages/compare.py"))
    assert len(table(app)) == 30
    assert reads.count("curves") == 1
    assert not {"load", "load_snapshot", "snapshots"} & set(reads)
