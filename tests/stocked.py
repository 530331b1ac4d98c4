"""Stores with runs in them, as tests and measurements need them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rnn import Config, Trainer
from rnn.settings import Value
from rnn.state import State
from rnn.store import Card, Clock, RunRow, Snapshot, Store, files
from rnn.store.snapshots import next_due

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
SMALL = Config(hidden_size=12, seq_length=8, sample_length=20)


def row(name: str, created: float = 0.0, held_out: float | None = None, **over: object) -> RunRow:
    """A row of the store's table; a setting's name changes that setting, any other that column."""
    settings: dict[str, Value] = Config().as_dict()
    columns = {key: value for key, value in over.items() if key not in settings}
    settings.update((key, value) for key, value in over.items() if key in settings)  # type: ignore[misc]
    base = RunRow(
        id=name,
        name=name,
        note="",
        pinned=False,
        created=created,
        updated=created,
        deleted=None,
        parent=None,
        fork_iteration=None,
        source_key="verse",
        source_title="Verse",
        text_digest="d1",
        text_length=1_695,
        settings=settings,
        status="paused",
        leader=None,
        iteration=1_000,
        characters=25_000,
        seconds=10.0,
        pace=100.0,
        loss=2.0 * math.log(2),
        best_loss=1.5 * math.log(2),
        held_out=held_out,
        bytes=1,
    )
    return replace(base, **columns)  # type: ignore[arg-type]


def trained(
    store: Store,
    name: str,
    config: Config = SMALL,
    saved_at: Sequence[int] = (1, 2, 5, 10, 20),
    text: str = TEXT,
    title: str = "Fox",
) -> str:
    """Enter a run that has really been trained, with a snapshot at each of these iterations."""
    trainer = Trainer(text, config)
    trainer.advance(steps=saved_at[0])
    card = Card(name, "own", title, clock=Clock().at(saved_at[0], 0.01 * saved_at[0]))
    run_id = store.create(text, trainer.state(), card)
    lease = store.lead(run_id, "test")
    for iteration in saved_at[1:]:
        trainer.advance(steps=iteration - trainer.iteration)
        status = "paused" if iteration == saved_at[-1] else "training"
        seconds = 0.01 * iteration
        store.save(lease, text, trainer.state(), seconds=seconds, pace=100.0, status=status)
    store.release(lease)
    return run_id


def many(folder: Path, count: int, iterations: int) -> Store:
    """A store of so many runs of so many iterations each, with their snapshots, curves and diaries.

    Three small networks are really trained. Each run is one of them at another learning rate from its
    newest state on; the earlier states of the three are shared between the runs' folders.
    """
    store = Store(folder)
    with TemporaryDirectory(dir=folder) as place:
        originals = [
            _Original.train(
                Path(place), SMALL.replace(hidden_size=size, held_out=held_out), iterations
            )
            for size, held_out in ((8, 0.0), (16, 0.1), (32, 0.0))
        ]
        for number in range(count):
            originals[number % len(originals)].enter(store, number)
    return store


@dataclass(frozen=True)
class _Original:
    """A trained run that others are copies of: its earlier states, in files of `place`, and its newest."""

    place: Path
    earlier: tuple[Snapshot, ...]
    newest: State
    clock: Clock

    @classmethod
    def train(cls, place: Path, config: Config, iterations: int) -> _Original:
        """Train, with a snapshot at every iteration at which the store wants one."""
        trainer, clock, earlier = Trainer(TEXT, config), Clock(), []
        began = time.perf_counter()
        while trainer.iteration < iterations:
            goal = min(next_due(trainer.iteration), iterations)
            trainer.advance(steps=goal - trainer.iteration)
            clock = clock.at(trainer.iteration, time.perf_counter() - began)
            if trainer.iteration < iterations:
                earlier.append(files.write(place, TEXT, trainer.state()))
        return cls(place, tuple(earlier), trainer.state(), clock)

    def enter(self, store: Store, number: int) -> None:
        """Enter a copy into the store."""
        rate = round(0.01 * (1 + number % 10), 3)
        newest = replace(self.newest, config=self.newest.config.replace(learning_rate=rate))
        card = Card(f"run {number}", "own", "Fox", clock=self.clock, pace=1000.0)
        with store.staging() as folder:
            for state in self.earlier:
                (folder / state.file).hardlink_to(self.place / state.file)
            states = [*self.earlier, files.write(folder, TEXT, newest)]
            store.adopt(folder, TEXT, states, newest, card)
