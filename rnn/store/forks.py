"""Forks: a new run that goes on from a snapshot of another, with some settings changed.

Weights, optimiser memory, hidden state, pointer and random streams are those of the snapshot, so a
fork without a change is the same run over again. Only what the weights can follow may change: the
live settings. Each of the others is refused with its reason.
"""

from __future__ import annotations

from rnn.settings import SETTING, find
from rnn.store.errors import ForkError
from rnn.store.rows import Card
from rnn.store.store import Store
from rnn.trainer import Trainer

REASONS = {
    "hidden_size": "the weights that were learnt have the shape of the old one",
    "optimiser": "what one optimiser remembers of past gradients means nothing to another",
    "init_scale": "it only matters when weights are drawn, and a fork keeps those it has",
    "seed": "it only matters when a run begins, and a fork keeps its weights and random streams",
    "dtype": "rounding the weights to another precision would make them other weights",
    "streams": "there is one hidden state for every stream, and new streams would have none",
    "held_out": "the network may have learnt from what would be held out now",
}
"""Why a fork cannot change a structural setting, by its name; the rest of a sentence."""


def fork(
    store: Store, run_id: str, iteration: int, name: str | None = None, **changes: object
) -> str:
    """Enter a run that goes on from a snapshot of another; returns its id.

    Each change leaves an event at the fork, as a live change does. Raises ForkError for a setting
    that cannot change, SettingError or TextError for a value it cannot have, NoRunError or
    DamagedError if there is no such snapshot, NameTakenError if another run has that `name`.
    """
    parent = store.run(run_id)
    trainer = store.load_snapshot(run_id, iteration)
    _apply(trainer, changes)
    card = Card(
        name=name or parent.name,
        source_key=parent.source_key,
        source_title=parent.source_title,
        parent=run_id,
        fork_iteration=iteration,
        clock=store.clock(run_id).until(iteration),
        pace=parent.pace,
    )
    return store.create(trainer.text, trainer.state(), card, exact_name=name is not None)


def _apply(trainer: Trainer, changes: dict[str, object]) -> None:
    present = trainer.config.as_dict()
    wanted = trainer.config.replace(**changes).as_dict()
    changed = {name: value for name, value in wanted.items() if value != present[name]}
    refused = [name for name in changed if not find(name).live]
    if refused:
        reasons = "; ".join(f"{SETTING[name].label}: {REASONS[name]}" for name in refused)
        raise ForkError(f"A fork cannot change this ({reasons}); start a new run instead.")
    trainer.apply(**changed)
