"""The pool of this server: the runs that it has handed to its crew, how they stand, and how to steer them.

The crew (`rnn.crew`) is a process of its own. It ends when this one does, however that happens: its
workers then save their runs and stop.
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any, Literal

from rnn.crew import places
from rnn.grid import Grid, differences
from rnn.plans import Plan, enter
from rnn.store import Card, Store, StoreError
from rnn.store.rows import new_id
from rnn.trainer import Trainer
from rnn.workers import STATUS, Kind, Progress
from ui.place import Source

_LOGGER = logging.getLogger(__name__)
_ROOT = Path(__file__).resolve().parents[1]

CLOSING_SECONDS = 10.0
"""How long the server's exit waits for the workers to save; they do so in any case."""

CREW_GONE = "The process that keeps the workers was ended from outside."

Phase = Literal["waiting", "training"] | Kind
Wish = Literal["pause", "stop"]

_ENDINGS: dict[Wish, Kind] = {"pause": "paused", "stop": "stopped"}


@dataclass(frozen=True)
class Standing:
    """How a run stands with the crew; what was ``asked`` of it and is not done yet."""

    phase: Phase
    progress: Progress | None = None
    sentence: str = ""
    asked: Wish | None = None

    @property
    def active(self) -> bool:
        """Whether the crew has it in hand."""
        return self.phase in ("waiting", "training")


class Pool:
    """Trains runs of one store beside the live run, at most ``most`` at a time; the others wait."""

    def __init__(self, store: Store, most: int | None = None) -> None:
        """Start without any run and without a crew; as many train at a time as `places` says if None."""
        self.store = store
        self.most = most or places()
        self.changes = 0
        """A number that grows whenever a run enters another phase."""
        self._lock = threading.Lock()
        self._standings: dict[str, Standing] = {}
        self._crew: Popen[str] | None = None
        self._ear: threading.Thread | None = None

    # -- what is known -----------------------------------------------------------------------------

    def standing(self, run_id: str) -> Standing | None:
        """How the run stands with the crew; None if this server has never handed it over."""
        return self._standings.get(run_id)

    def _note(self, run_id: str, standing: Standing) -> None:
        before = self._standings.get(run_id)
        self._standings[run_id] = standing
        if before is None or (before.phase, before.asked) != (standing.phase, standing.asked):
            self.changes += 1

    # -- what can be asked -------------------------------------------------------------------------

    def begin(self, text: str, source: Source, grid: Grid, goal: int) -> Plan:
        """Enter a grid's runs into the store, to be trained for ``goal`` iterations each.

        Raises StoreError when the disk refuses, TextError or SettingError when a run cannot be made.
        """
        runs = [new_id() for _ in grid.configs]
        plan = enter(self.store.folder, goal, grid.varied, runs, time.time())
        for run_id, config in zip(runs, grid.configs, strict=True):
            card = Card(
                name=f"Grid {plan.number}: {differences(config.as_dict(), grid.varied)}",
                source_key=source.key,
                source_title=source.title,
                status="waiting",
            )
            self.store.create(text, Trainer(text, config).state(), card, run_id=run_id)
        self.train(runs, goal)
        return plan

    def train(self, run_ids: Iterable[str], goal: int) -> None:
        """Train these runs until they have ``goal`` iterations, as soon as there is a place for each.

        Raises StoreError when the disk refuses, or the crew cannot be started.
        """
        for run_id in run_ids:
            standing = self.standing(run_id)
            if standing is not None and standing.active and standing.asked is None:
                continue
            self.store.wish(run_id, None)
            self.store.set_status(run_id, "waiting")
            with self._lock:
                self._order({"order": "train", "run": run_id, "goal": goal})
                now = self._standings.get(run_id)
                if now is None or not now.active:
                    now = Standing("waiting")
                self._note(run_id, replace(now, asked=None))

    def ask(self, run_id: str, wish: Wish) -> None:
        """Have a run paused or stopped, whoever trains it; at rest, it only counts as such from now on.

        Raises StoreError when the disk refuses.
        """
        with self._lock:
            standing = self._standings.get(run_id)
            if standing is not None and standing.active:
                self.store.wish(run_id, wish)
                self._note(run_id, replace(standing, asked=wish))
                with suppress(StoreError):  # a crew that is no more trains nothing
                    self._order({"order": "drop", "run": run_id, "kind": _ENDINGS[wish]})
                return
        if self.store.leader(run_id) is not None:
            self.store.wish(run_id, wish)
            return
        self.store.set_status(run_id, STATUS[_ENDINGS[wish]])
        with self._lock:
            self._note(run_id, Standing(_ENDINGS[wish]))

    def close(self) -> None:
        """Let every worker save its run and stop; waits for that, though not for ever."""
        with self._lock:
            crew, ear = self._crew, self._ear
            if crew is None or ear is None:
                return
            _end_input(crew)
        with suppress(TimeoutExpired):
            crew.wait(CLOSING_SECONDS)
        ear.join(1.0)

    # -- the crew ----------------------------------------------------------------------------------

    def _order(self, order: dict[str, Any]) -> None:
        """Send an order; to a new crew if the one before is no more."""
        line = json.dumps(order) + "\n"
        if self._crew is not None and not _sent(self._crew, line):
            self._lose(self._crew)
        if self._crew is None and not _sent(self._start(), line):
            raise StoreError("The process that trains runs beside the page ended at once.")

    def _start(self) -> Popen[str]:
        command = [sys.executable, "-m", "rnn.crew", str(self.store.folder), str(self.most)]
        try:
            # In a process group of its own: a Ctrl-C is for the server, whose end the crew then sees.
            # Not in a session of its own: the kernel may share the cores evenly between sessions, and
            # then the workers' low priority would count for nothing.
            self._crew = crew = Popen(
                command,
                stdin=PIPE,
                stdout=PIPE,
                encoding="utf-8",
                cwd=_ROOT,
                process_group=0,
            )
        except OSError as error:
            raise StoreError(
                f"No process could be started to train runs beside the page: {error.strerror}."
            ) from error
        self._ear = threading.Thread(target=self._listen, args=(crew,), name="crew", daemon=True)
        self._ear.start()
        return crew

    def _listen(self, crew: Popen[str]) -> None:
        assert crew.stdout is not None
        with crew.stdout:
            for line in crew.stdout:
                self._hear(line)
        crew.wait()
        with self._lock:
            self._lose(crew)

    def _hear(self, line: str) -> None:
        try:
            told = json.loads(line)
            run_id, phase = told["run"], told["phase"]
            if phase == "training":
                progress = Progress(*(told[field.name] for field in fields(Progress)))
        except (ValueError, KeyError, TypeError):
            _LOGGER.warning("the crew said something else: %.200s", line.rstrip())
            return
        with self._lock:
            before = self._standings.get(run_id, Standing("waiting"))
            if phase == "training":
                self._note(run_id, replace(before, phase=phase, progress=progress))
            else:
                sentence = told.get("sentence", "")
                self._note(run_id, Standing(phase, before.progress, sentence))

    def _lose(self, crew: Popen[str]) -> None:
        """Note that a crew is no more: what it had in hand stands where it was last saved."""
        if self._crew is not crew:
            return
        self._crew = None
        _end_input(crew)
        for run_id, standing in self._standings.items():
            if standing.active:
                self._note(run_id, Standing("killed", standing.progress, CREW_GONE))


def _sent(crew: Popen[str], line: str) -> bool:
    assert crew.stdin is not None
    try:
        crew.stdin.write(line)
        crew.stdin.flush()
    except (OSError, ValueError):  # it is no more, or its input is closed already
        return False
    return True


def _end_input(crew: Popen[str]) -> None:
    assert crew.stdin is not None
    with suppress(OSError):
        crew.stdin.close()


_OPENING = threading.Lock()
_pools: list[Pool] = []


def pool_of(store: Store) -> Pool:
    """The one pool of this server, made when it is first asked for."""
    with _OPENING:
        if not _pools:
            _pools.append(Pool(store))
            atexit.register(_pools[0].close)
        return _pools[0]
