"""Stores with runs in them, as tests and measurements need them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnn import Config, Trainer
from rnn.history import History
from rnn.settings import Value
from rnn.state import State
from rnn.store import Card, Clock, RunRow, Store

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
    """A store of so many runs with made-up curves of so many iterations each, and real small networks."""
    store = Store(folder)
    sizes = (8, 16, 32)
    trainers = [Trainer(TEXT, SMALL.replace(hidden_size=size)) for size in sizes]
    history = made_up(iterations)
    for number in range(count):
        base = trainers[number % len(sizes)].state()
        config = base.config.replace(learning_rate=round(0.01 * (1 + number % 10), 3))
        loss = 1.0 + 0.01 * number
        state = replace(
            base,
            config=config,
            iteration=iterations,
            characters_seen=iterations * config.seq_length,
            smooth_loss=loss * config.seq_length,
            history=history,
        )
        _enter(store, state, number)
    return store


def _enter(store: Store, state: State, number: int) -> None:
    clock = Clock().at(state.iteration, 60.0 + number)
    store.create(TEXT, state, Card(f"run {number}", "own", "Fox", clock=clock, pace=1000.0))


def made_up(iterations: int) -> History:
    """A history whose loss falls from 3 nats per character towards 1, with some noise."""
    history = History()
    noise = np.random.default_rng(0).normal(0.0, 0.05, iterations)
    for iteration in range(iterations):
        loss = 1.0 + 2.0 * math.exp(-iteration / 3000)
        history.record(iteration, loss + abs(noise[iteration]), loss, 1.0, SMALL.seq_length)
    return history
