"""Runs that last: every run's place on disk, who leads it, its snapshots, forks and files."""

import os
from pathlib import Path

from rnn.store.errors import (
    DamagedError,
    ForkError,
    LeaseError,
    NameTakenError,
    NoRunError,
    StoreError,
    StoreGoneError,
    TransferError,
)
from rnn.store.forks import fork
from rnn.store.leases import Lease
from rnn.store.recorder import Recorder
from rnn.store.reports import diary_text, history_csv
from rnn.store.rows import Card, Clock, Curve, Leader, RunRow, Status
from rnn.store.snapshots import Snapshot
from rnn.store.store import Store
from rnn.store.transfer import export_run, import_run

__all__ = [
    "Card",
    "Clock",
    "Curve",
    "DamagedError",
    "ForkError",
    "Leader",
    "Lease",
    "LeaseError",
    "NameTakenError",
    "NoRunError",
    "Recorder",
    "RunRow",
    "Snapshot",
    "Status",
    "Store",
    "StoreError",
    "StoreGoneError",
    "TransferError",
    "default_folder",
    "diary_text",
    "export_run",
    "fork",
    "history_csv",
    "import_run",
]

ENVIRONMENT = "RNN_RUNS"


def default_folder() -> Path:
    """Where runs are kept unless somebody says otherwise: `RNN_RUNS`, else `runs` in the project."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(__file__).resolve().parents[2] / "runs"
