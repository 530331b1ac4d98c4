"""Long hours: drives the real app in a real Chromium at random, and looks for what breaks or grows.

    python bench/soak.py --minutes N [--seed S] [--log FILE]

One tab stays open all along; guests come and go, in the same window or as visitors of their own. What
is done, and with what, comes from the seed and from nothing else, so that a failure can be had again.
The log has a line of JSON for every action, every error and every reading.

What a server and a browser hold depends on what is being done with them. So every `EVERY` actions
comes a checkpoint: guests leave, the store keeps its newest runs only, as if somebody had cleared up,
and the tab that stays goes back to the untrained default on the Train page. Only checkpoints are
compared with each other: those of the run's second quarter, when caches are full, with those of its
last. The server keeps a guest and the guest's run for some two minutes more, so that at any checkpoint
there are a few of them; how many is chance, and evens out over a quarter of a run that is long enough.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, Any
from unittest.mock import patch

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, sync_playwright
from playwright.sync_api import Error as BrowserError

from bench import soak_actions as do
from bench.soak_tabs import House, Tab, closed
from bench.table import Row, print_table
from rnn.presets import DEFAULT_PRESET, PRESET
from rnn.store import LeaseError, Store
from rnn.store.index import FILE as INDEX
from tests.browser.serving import ARGUMENTS, browser_path, serving

Action = Callable[[Tab, Random], str]

ACTIONS: dict[Action, int] = {
    # the row of buttons
    do.train: 9,
    do.pause: 5,
    do.step: 3,
    do.reset: 4,
    do.keys: 2,
    do.run_to: 3,
    do.look_on: 4,
    # settings and texts
    do.live_setting: 7,
    do.structural_setting: 4,
    do.preset: 3,
    do.own_text: 4,
    # pages
    do.turn_page: 8,
    do.leaf_through: 2,
    do.zoom: 4,
    do.analyse: 7,
    do.write: 3,
    do.download: 1,
    do.type_anywhere: 4,
    do.look_at_memory: 2,
    do.look_at_gradients: 2,
    do.look_at_data: 2,
    # runs
    do.compare: 3,
    do.tick: 2,
    do.pin: 2,
    do.rename: 2,
    do.delete: 2,
    do.fork: 2,
    do.replay: 2,
    do.open_run: 2,
    # guests
    do.visitor: 3,
    do.second_tab: 3,
    do.come_back: 3,
    do.leave: 2,
    do.reload: 3,
    do.go_back: 2,
    do.hide: 2,
}
"""What is done, and how often in comparison."""

EVERY = 12
"""Actions from one checkpoint to the next."""
SAMPLE_SECONDS = 5.0
KEPT_RUNS = 8
FEWEST = 8
"""Checkpoints without which a quarter of them says nothing."""

ERRORS = {
    "script": "errors in the page's scripts",
    "console": "errors in the browser's console",
    "stranger": "requests that leave the machine",
    "exception": "exceptions shown on the page",
    "fault": "faults told on the page",
    "traceback": "tracebacks in the server's log",
    "answer": "actions that found no answer",
}
LOCAL = ("http://localhost:", "ws://localhost:", "data:", "blob:http://localhost:")
# Streamlit's own page, loaded at an address below another, tries where the server may answer.
PROBE = re.compile(r"/[a-z]+/_stcore/(health|host-config)$")
FAULTY = """() => ({
    exception: [...document.querySelectorAll("[data-testid=stException]")].map(node => node.textContent),
    fault: [...document.querySelectorAll("[data-testid=stAlert], .rnn-complaint")]
        .map(node => node.textContent).filter(text => text.includes("lies in this program")),
})"""


@dataclass(frozen=True)
class Reading:
    """How much there is of everything: bytes of memory, open files, threads, nodes of the document.

    ``files`` are all descriptors but those of the store's index.
    """

    checkpoint: bool
    memory: float
    files: float
    threads: float
    heap: float
    nodes: float


@dataclass
class Diary:
    """What was done, what went wrong, and what was read; each line goes to the log at once."""

    log: IO[str]
    actions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    readings: list[Reading] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """For how long it has gone on."""
        return time.monotonic() - self.began

    def write(self, **words: Any) -> None:
        """Add a line to the log."""
        line = {"at": round(self.seconds, 2), **words}
        print(json.dumps(line), file=self.log, flush=True)

    def wrong(self, kind: str, where: str, words: str) -> None:
        """Note an error of one of the kinds in `ERRORS`."""
        self.errors[kind] += 1
        self.write(error=kind, where=where, words=words[-4000:])

    def read(self, reading: Reading) -> None:
        """Note a reading."""
        self.readings.append(reading)
        self.write(**asdict(reading))


# What goes wrong


class Watch:
    """Looks for errors: in the browser as they happen, on the pages and in the server's log when asked."""

    def __init__(self, diary: Diary, server_log: IO[bytes]) -> None:
        """Note in ``diary`` what goes wrong."""
        self._diary = diary
        self._server_log = server_log
        self._told: dict[Tab, set[str]] = {}

    def window(self, name: str, context: BrowserContext) -> None:
        """Listen to everything in a new window."""

        def request(request: Request) -> None:
            if not request.url.startswith(LOCAL):
                self._diary.wrong("stranger", name, request.url)

        def console(message: ConsoleMessage) -> None:
            if message.type == "error" and not PROBE.search(message.location.get("url", "")):
                self._diary.wrong("console", name, f"{message.text} {message.location}")

        context.on("request", request)
        context.on("console", console)
        context.on("weberror", lambda error: self._diary.wrong("script", name, str(error.error)))

    def look(self, tabs: list[Tab]) -> None:
        """Look at the pages and at the server's log; what stands there for longer counts once."""
        for tab in tabs:
            before, now = self._told.get(tab, set()), set()
            for kind, texts in tab.page.evaluate(FAULTY).items():
                for text in texts:
                    now.add(text)
                    if text not in before:
                        self._diary.wrong(kind, tab.name, text)
            self._told[tab] = now
        new = self._server_log.read().decode("utf-8", "replace")
        for _ in range(new.count("Traceback (most recent call last)")):
            self._diary.wrong("traceback", "server", new)


# What grows


class Gauge:
    """Reads what the server and the browser hold."""

    def __init__(self, server: int, resident: Tab) -> None:
        """Of the server's process, and of the tab that stays."""
        self._server = psutil.Process(server)
        self._client = resident.page.context.new_cdp_session(resident.page)
        self._page = resident.page

    def read(self) -> Reading:
        """What there is at this moment, in the browser without its garbage."""
        self._client.send("HeapProfiler.collectGarbage")
        with self._server.oneshot():
            return Reading(
                checkpoint=False,
                memory=self._server.memory_info().rss,
                files=self._server.num_fds() - self._descriptors_of_index(),
                threads=self._server.num_threads(),
                heap=self._client.send("Runtime.getHeapUsage")["usedSize"],
                nodes=self._client.send("Memory.getDOMCounters")["nodes"],
            )

    def _descriptors_of_index(self) -> int:
        """Of the store's index SQLite keeps as many as were ever needed at once; there is a test of that."""
        return sum(Path(file.path).name == INDEX for file in self._server.open_files())

    def read_at_rest(self) -> Reading:
        """What there is once all that was under way is over: the least of several readings."""
        readings = []
        for _ in range(6):
            self._page.wait_for_timeout(400)
            readings.append(asdict(self.read()))
        least = {name: min(reading[name] for reading in readings) for name in readings[0]}
        return Reading(**least | {"checkpoint": True})


def flatness(what: str, values: list[float], shown: Callable[[float], str]) -> Row:
    """How much more there is at the end than after a while; ``values`` are those of the checkpoints."""
    return _compared(what, values, statistics.median, 0.05, shown)


def no_leak(what: str, values: list[float]) -> Row:
    """Whether a count stays as it is.

    The least of each quarter is compared: what is there for a while only, such as a thread that serves
    files, is not in it, and what is never given back is.
    """
    return _compared(what, values, min, 0.0, "{:,.0f}".format)


def _compared(
    what: str,
    values: list[float],
    typical: Callable[[list[float]], float],
    allowed: float,
    shown: Callable[[float], str],
) -> Row:
    """The second quarter beside the last, which may exceed it by less than the share ``allowed``."""
    bar = f"< {allowed:.0%} more" if allowed else "no more"
    if len(values) < FEWEST:
        return Row(what, bar, f"too few checkpoints ({len(values)})", None)
    quarter = len(values) // 4
    before, after = typical(values[quarter : 2 * quarter]), typical(values[-quarter:])
    growth = after / before - 1
    figure = f"{growth:+.1%} ({shown(before)} → {shown(after)})"
    return Row(what, bar, figure, growth < allowed or after <= before)


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"


# The whole


class Soak:
    """One run of it: what to do next, and what to look at in between."""

    def __init__(self, house: House, watch: Watch, gauge: Gauge, diary: Diary, seed: int) -> None:
        """Begin with the first action that the seed gives."""
        self._house, self._watch, self._gauge, self._diary = house, watch, gauge, diary
        self._seed = seed
        self._number = 0
        self._read_at = 0.0

    def act(self) -> None:
        """One action, a look whether all is well, and a checkpoint or a reading if one is due.

        An action has its own random numbers, so that how the last ones went changes nothing.
        """
        self._number += 1
        chance = Random(f"{self._seed}/{self._number}")
        action = chance.choices(list(ACTIONS), list(ACTIONS.values()))[0]
        tab = chance.choice(self._house.tabs)
        self._try(action.__name__, tab, lambda: action(tab, chance))
        if self._number % EVERY == 0:
            self._try("checkpoint", self._house.resident, self._checkpoint)
        elif time.monotonic() - self._read_at > SAMPLE_SECONDS:
            self._diary.read(self._gauge.read())
            self._read_at = time.monotonic()
        self._house.resident.wait(chance, 0.8)

    def _try(self, name: str, tab: Tab, action: Callable[[], str]) -> None:
        self._diary.actions[name] += 1
        # Before it is done, so that the log has it if it never ends.
        self._diary.write(number=self._number, action=name, tab=tab.name)
        try:
            tab.page.bring_to_front()  # the browser hardly paints another one
            closed(tab)  # what the last action may have left open
            self._diary.write(number=self._number, did=action())
            self._watch.look(self._house.tabs)
        except BrowserError as error:
            self._diary.wrong("answer", f"{tab.name}, {tab.page.url}", f"{name}: {error}")

    def _checkpoint(self) -> str:
        self._house.dismiss_all()
        self._house.links.clear()
        resident = self._house.resident
        resident.turn_to("Train")
        do.pause(resident, Random())
        for key in ("cycle", DEFAULT_PRESET):
            do.choose_preset(resident, PRESET[key].title)
            resident.page.wait_for_timeout(500)
        _clear_up()
        self._diary.read(self._gauge.read_at_rest())
        return do.train(resident, Random(0))  # most people let it train while they look around


def _clear_up() -> None:
    """Remove all runs but the newest for good."""
    store = Store(os.environ["RNN_RUNS"])
    runs = sorted(store.runs(include_deleted=True), key=lambda run: run.created)
    for run in runs[:-KEPT_RUNS]:
        with suppress(LeaseError):
            store.purge(run.id)
    store.close()


@contextmanager
def _server_with_log() -> Iterator[tuple[str, int, IO[bytes]]]:
    """The app on a store of its own: address, process, and its log to be read."""
    with TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "server.log"
        with (
            patch.dict(os.environ, RNN_RUNS=f"{folder}/runs"),
            log.open("wb") as written,
            log.open("rb") as read,
            serving(log=written) as (url, process),
        ):
            yield url, process.pid, read


def soak(browser: Browser, seed: int, log: Path, enough: Callable[[Diary], bool]) -> Diary:
    """Do what the seed says until there has been ``enough``; what came of it."""
    with log.open("w", encoding="utf-8") as lines, _server_with_log() as (url, server, server_log):
        diary = Diary(lines)
        watch = Watch(diary, server_log)
        house = House(browser, url, watch.window)
        run = Soak(house, watch, Gauge(server, house.resident), diary, seed)
        while not enough(diary):
            run.act()
        house.close()
        return diary


def table(diary: Diary) -> list[Row]:
    """What was done, what went wrong, and what has grown."""
    checkpoints = [reading for reading in diary.readings if reading.checkpoint]

    def values(name: str) -> list[float]:
        return [getattr(reading, name) for reading in checkpoints]

    counts = ", ".join(f"{name} {count}" for name, count in diary.actions.most_common())
    highest = max((reading.memory for reading in diary.readings), default=0.0)
    return [
        Row("actions", "", f"{diary.actions.total():,}: {counts}", None),
        *(
            Row(words, "0", str(diary.errors[kind]), diary.errors[kind] == 0)
            for kind, words in ERRORS.items()
        ),
        flatness("server's memory", values("memory"), _megabytes),
        Row("server's memory at its highest", "", _megabytes(highest), None),
        flatness("browser's heap", values("heap"), _megabytes),
        flatness("nodes in the browser", values("nodes"), "{:,.0f}".format),
        no_leak("server's open files but the index", values("files")),
        no_leak("server's threads", values("threads")),
    ]


def main() -> None:
    """Soak, print the table, and end with 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="what is done comes from it")
    parser.add_argument("--log", type=Path, help="where the log goes (default: a temporary file)")
    options = parser.parse_args()
    log = options.log or Path(gettempdir()) / f"soak-{options.seed}.jsonl"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        diary = soak(browser, options.seed, log, lambda it: it.seconds >= 60 * options.minutes)
        browser.close()
    print_table(table(diary))
    print(f"\nThe log is {log}.")
    sys.exit(1 if diary.errors else 0)


if __name__ == "__main__":
    main()
