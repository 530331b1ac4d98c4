"""Forks: the same run over again without a change, and only changes that the weights can follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnn import Config, SettingError, TextError, Trainer
from rnn.optimisers import OPTIMISERS
from rnn.settings import SETTINGS
from rnn.store import Card, DamagedError, ForkError, NameTakenError, NoRunError, Store, fork
from rnn.store.forks import REASONS
from tests.test_trainer import assert_same_run

VERSE = "three blind mice, see how they run. 🐭 \ud83d lone\r\n" * 10
CONFIG = Config(
    hidden_size=6, seq_length=5, sample_interval=20, streams=2, held_out=0.1, learning_rate=0.01
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def parent(store: Store) -> str:
    """A run of 100 iterations, with snapshots at 0, 30 and 100."""
    trainer = Trainer(VERSE, CONFIG)
    run_id = store.create(VERSE, trainer.state(), Card("mice", "verse", "Three blind mice"))
    lease = store.lead(run_id, "dashboard")
    for steps, seconds in ((30, 3.0), (70, 10.0)):
        trainer.advance(steps=steps)
        store.save(lease, VERSE, trainer.state(), seconds=seconds)
    store.release(lease)
    return run_id


@pytest.mark.parametrize("iteration", [0, 30, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_without_a_change_it_is_the_unbroken_run(
    tmp_path: Path, optimiser: str, dtype: str, iteration: int
) -> None:
    store = Store(tmp_path / "runs")
    config = CONFIG.replace(optimiser=optimiser, dtype=dtype)
    unbroken, trainer = Trainer(VERSE, config), Trainer(VERSE, config)
    run_id = store.create(VERSE, trainer.state(), Card("mice", "verse", "Three blind mice"))
    lease = store.lead(run_id, "dashboard")
    for steps in (30, 70):
        trainer.advance(steps=steps)
        trainer.sample(7)  # moves the sampling stream, which is saved too
        store.save(lease, VERSE, trainer.state(), seconds=1.0)
    forked = store.load(fork(store, run_id, iteration))
    unbroken.advance(steps=iteration) if iteration else None
    for _ in range({0: 0, 30: 1, 100: 2}[iteration]):
        unbroken.sample(7)
    assert_same_run(forked, unbroken)
    for one in (forked, unbroken):
        one.advance(steps=437)
    assert_same_run(forked, unbroken)
    assert forked.sample(20).text == unbroken.sample(20).text


def test_a_changed_setting_acts_from_the_fork_on(store: Store, parent: str) -> None:
    forked = store.load(fork(store, parent, 30, learning_rate=0.03, seq_length=7))
    expected = Trainer(VERSE, CONFIG)
    expected.advance(steps=30)
    expected.apply(learning_rate=0.03, seq_length=7)
    for one in (forked, expected):
        one.advance(steps=50)
    assert_same_run(forked, expected)
    assert [event.iteration for event in forked.history.events] == [30, 30]


def test_it_says_where_it_comes_from(store: Store, parent: str) -> None:
    row = store.run(fork(store, parent, 30, temperature=0.5))
    assert (row.parent, row.fork_iteration) == (parent, 30)
    assert (row.source_key, row.source_title) == ("verse", "Three blind mice")
    assert (row.name, row.iteration, row.seconds) == ("mice 2", 30, 3.0)
    assert row.settings["temperature"] == 0.5
    again = store.run(fork(store, row.id, 30, name="a fork of a fork"))
    assert (again.parent, again.name) == (row.id, "a fork of a fork")
    assert store.run(parent).iteration == 100  # untouched
    with pytest.raises(NameTakenError):
        fork(store, parent, 30, name="mice")


OTHER: dict[str, object] = {
    "hidden_size": 7,
    "optimiser": "adam",
    "init_scale": 0.5,
    "seed": 3,
    "dtype": "float64",
    "streams": 1,
    "held_out": 0.0,
}


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if not setting.live])
def test_a_structural_change_is_refused_with_its_reason(
    store: Store, parent: str, name: str
) -> None:
    before = store.runs()
    with pytest.raises(ForkError) as refused:
        fork(store, parent, 30, **{name: OTHER[name], "learning_rate": 0.5})
    sentence = str(refused.value)
    assert REASONS[name] in sentence
    assert sentence.endswith("; start a new run instead.")
    assert store.runs() == before
    fork(store, parent, 30, **{name: getattr(CONFIG, name)})  # as it was: no change at all


def test_values_that_cannot_be(store: Store, parent: str) -> None:
    with pytest.raises(SettingError, match="Learning rate must be"):
        fork(store, parent, 30, learning_rate=-1)
    with pytest.raises(SettingError, match="no setting called"):
        fork(store, parent, 30, learning=1)
    with pytest.raises(TextError, match="needs at least"):
        fork(store, parent, 30, seq_length=400)
    assert len(store.runs()) == 1


def test_snapshots_that_are_not_there(store: Store, parent: str) -> None:
    with pytest.raises(NoRunError, match="no snapshot at iteration 31"):
        fork(store, parent, 31)
    store.snapshot_path(parent, 30).write_bytes(b"not much")
    with pytest.raises(DamagedError, match="iteration 30 is damaged"):
        fork(store, parent, 30)
    with pytest.raises(NoRunError):
        fork(store, "AAAAAAAAAAAAAAAA", 30)
