"""Live runs last: what was trained is found again, and never do two programs train one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.store import LeaseError, NoRunError, Recorder, Store, StoreError
from ui import place as place_module
from ui.live import LiveRun, Target
from ui.place import Place, Source
from ui.runs import Runs

TEXT = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?\n" * 5
SMALL = Config(hidden_size=8, seq_length=6, sample_length=15, sample_interval=10, seed=3)
SOURCE = Source("own", "a text")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(opened=lambda: store)


def begin(runs: Runs) -> LiveRun:
    run = LiveRun(TEXT, SMALL, SOURCE, runs.place())
    runs.add(run)
    return run


def train_to(run: LiveRun, iteration: int) -> None:
    run.run_to(Target(iteration=iteration))
    while run.playing:
        run.tick()
    assert run.iteration == iteration
    run.settle()


def again(store: Store, run: LiveRun) -> LiveRun:
    """The run as another server finds it, which has nothing in memory."""
    return Runs(opened=lambda: store).reach(run.run_id)


def bits(trainer: Trainer) -> dict[str, bytes]:
    state = trainer.state()
    written = {name: array.tobytes() for name, array in state.arrays.items()}
    for name, array in state.history.to_arrays().items():
        written[f"history/{name}"] = array.tobytes()
    written["rest"] = repr(
        (state.config, state.iteration, state.pointer, state.smooth_loss, state.generators)
    ).encode()
    return written


def elsewhere(store: Store, run: LiveRun, take_over: bool = False) -> Recorder:
    """Another program that has taken the lead of the run."""
    lease = store.lead(run.run_id, "command line", take_over=take_over)
    return Recorder(store, lease, store.load(run.run_id))


def test_a_run_that_was_never_trained_leaves_nothing_behind(store: Store, runs: Runs) -> None:
    run = begin(runs)
    run.apply(learning_rate=0.05)
    run.pause()
    run.settle()
    assert store.runs() == []


@pytest.mark.parametrize("trained", [1, 60])
def test_what_was_trained_is_found_again_bit_for_bit(
    store: Store, runs: Runs, trained: int
) -> None:
    run = begin(runs)
    train_to(run, trained)
    found = again(store, run)
    assert found is not run
    assert not found.playing
    assert found.source == SOURCE
    assert bits(found.trainer) == bits(run.trainer)
    unbroken = Trainer(TEXT, SMALL)
    unbroken.advance(steps=trained + 40)
    train_to(found, trained + 40)
    assert bits(found.trainer) == bits(unbroken)


def test_a_step_is_kept_too(store: Store, runs: Runs) -> None:
    run = begin(runs)
    for _ in range(3):
        run.step()
    run.settle()
    assert again(store, run).iteration == 3
    assert store.run(run.run_id).status == "paused"


def test_a_setting_changed_at_rest_is_kept(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    run.apply(learning_rate=0.01)
    run.settle()
    assert again(store, run).config.learning_rate == 0.01


def test_a_run_is_saved_while_it_trains(
    store: Store, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crash would find: nobody has paused."""
    run = begin(runs)
    run.play()
    while run.iteration < 400:
        run.tick()
    found = again(store, run)
    assert 0 < found.iteration <= run.iteration
    run.pause()


def test_a_reset_begins_a_run_of_its_own_and_keeps_the_one_before(store: Store, runs: Runs) -> None:
    run = begin(runs)
    first = run.run_id
    run.reset()
    assert run.run_id == first  # nothing had been trained: there is nothing to keep apart
    train_to(run, 20)
    run.reset()
    assert run.run_id != first
    train_to(run, 5)
    assert {row.iteration for row in store.runs()} == {5, 20}
    assert runs.find(first) is None
    assert runs.reach(first).iteration == 20


def test_a_reset_amid_training_loses_nothing(store: Store, runs: Runs) -> None:
    run = begin(runs)
    first = run.run_id
    run.play()
    run.tick()
    reached = run.iteration
    place = run.place
    run.reset()
    place.settle()
    assert store.load(first).iteration == reached


def test_while_another_program_trains_the_run_this_one_does_not(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    other = elsewhere(store, run)
    for command in (run.play, run.step, lambda: run.run_to(Target(iteration=99))):
        command()
        run.tick()
        assert run.iteration == 10
        assert not run.playing
        assert run.notice is not None
        assert "command line" in run.notice.sentence
    other.close()
    run.play()
    assert run.playing
    assert run.notice is None
    run.pause()
    run.settle()


def test_what_another_program_has_trained_is_taken_up(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    trainer = store.load(run.run_id)
    other = elsewhere(store, run)
    trainer.advance(steps=30)
    other.save(trainer)
    assert run.iteration == 10
    sentence = run.watch()
    assert sentence is not None
    assert "command line" in sentence
    assert run.iteration == 40
    trainer.advance(steps=7)
    other.save(trainer)
    other.close()
    train_to(run, 60)
    unbroken = Trainer(TEXT, SMALL)
    unbroken.advance(steps=60)
    assert bits(run.trainer) == bits(unbroken)
    assert run.watch() is None


def test_the_lead_can_be_taken_over_and_the_other_is_refused(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    other, trainer = elsewhere(store, run), store.load(run.run_id)
    run.take_over()
    assert run.playing
    trainer.advance(steps=5)
    with pytest.raises(LeaseError):
        other.save(trainer)
    run.pause()
    run.settle()


def test_a_run_that_is_taken_over_stops_here(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    run.play()
    elsewhere(store, run, take_over=True)
    for _ in range(200):
        run.tick()
        if not run.playing:
            break
        run.place._recorder._saved = -1e9  # type: ignore[union-attr]
    assert not run.playing
    assert run.notice is not None
    assert run.notice.kind == "led"


class Refusing:
    """A store that cannot be opened until it is told to relent."""

    def __init__(self, store: Store) -> None:
        self.store: Store | None = None
        self.real = store

    def __call__(self) -> Store:
        if self.store is None:
            raise StoreError("The disk is full.")
        return self.store


def test_training_goes_on_without_a_disk_and_is_saved_once_there_is_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(store)
    run = LiveRun(TEXT, SMALL, SOURCE, Place(refusing))
    run.play()
    run.tick()
    reached = run.iteration
    assert reached > 0
    assert run.place.trouble == "The disk is full."
    refusing.store = store
    monkeypatch.setattr(place_module.time, "monotonic", _later(place_module.time.monotonic))
    run.tick()
    assert run.place.trouble is None
    run.pause()
    run.settle()
    assert store.load(run.run_id).iteration == run.iteration > reached


def _later(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: clock() + 2 * place_module.RETRY_SECONDS


def test_a_damaged_state_gives_way_to_the_newest_whole_one(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 10)
    train_to(run, 300)
    newest = max((store.folder / run.run_id).glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-100])
    found = again(store, run)
    assert 0 < found.iteration < 300
    assert found.notice is not None
    assert "damaged" in found.notice.sentence
    np.testing.assert_array_equal(
        found.trainer.params["Whh"],
        store.load_snapshot(run.run_id, found.iteration).params["Whh"],
    )


def test_a_deleted_or_unknown_run_cannot_be_reached(store: Store, runs: Runs) -> None:
    run = begin(runs)
    train_to(run, 5)
    store.delete(run.run_id)
    with pytest.raises(NoRunError):
        again(store, run)
    for unknown in ("", "../../etc", "A" * 16, "a/b"):
        with pytest.raises(NoRunError):
            runs.reach(unknown)


def test_when_the_server_ends_all_is_saved(store: Store, runs: Runs) -> None:
    run = begin(runs)
    run.play()
    run.tick()
    runs.close()
    assert store.load(run.run_id).iteration == run.iteration > 0
