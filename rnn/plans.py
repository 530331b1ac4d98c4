"""What was planned: which runs of a store belong to which grid, and how far each is to be trained.

A plan is one small file in the store's folder that never changes once it is written. How its runs
stand is for the store to say.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rnn.settings import SETTING
from rnn.store.errors import StoreError

FOLDER = "grids"  # in the store's folder; no id of a run has so few characters
FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """A grid that was begun: its number, from 1, when (seconds since 1970), and its runs by id.

    `goal` is how many iterations each run is to have, `varied` names the settings that differ.
    """

    number: int
    created: float
    goal: int
    varied: tuple[str, ...]
    runs: tuple[str, ...]


def enter(
    folder: Path, goal: int, varied: Sequence[str], runs: Sequence[str], created: float
) -> Plan:
    """Write a plan under the next number. Raises StoreError when the disk refuses."""
    number = 1 + max((plan.number for plan in plans(folder)), default=0)
    plan = Plan(number, created, goal, tuple(varied), tuple(runs))
    home = folder / FOLDER
    staged = home / f".{secrets.token_hex(8)}.tmp"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with staged.open("w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, **asdict(plan)}, file)
            file.flush()
            os.fsync(file.fileno())
        staged.rename(home / f"{secrets.token_hex(8)}.json")
    except OSError as error:
        raise StoreError(
            f"The grid could not be written to {home}: {error.strerror or error}."
        ) from error
    return plan


def plans(folder: Path) -> list[Plan]:
    """All plans of a store, the newest first; a file that is no plan is passed over."""
    found = (_read(path) for path in (folder / FOLDER).glob("*.json"))
    known = [plan for plan in found if plan is not None]
    return sorted(known, key=lambda plan: (plan.number, plan.created), reverse=True)


def _read(path: Path) -> Plan | None:
    try:
        stored = json.loads(path.read_bytes())
        if stored.pop("format") != FORMAT:
            return None
        varied, runs = stored.pop("varied"), stored.pop("runs")
        known = tuple(name for name in varied if name in SETTING)
        return Plan(varied=known, runs=tuple(runs), **stored)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
