"""Measures one server with 1, 4 and 8 visitors who train at once, and what they leave behind.

    python bench/visitors.py [--quick]

The visitors (`bench.browsing`) speak to the server as browsers do, but paint nothing: in a class, each
has a computer of their own for that. All train the same preset, so that shares can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from streamlit import config
from streamlit.web import cli

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.browsing import LightVisitor, Seen, visiting
from bench.table import Row, percentile, print_table
from tests.browser.serving import ROOT, free_port, wait_until_healthy
from ui.runs import RUNS, TIDY_SECONDS

CLASS = 8
SETTLE_SECONDS = 5.0
"""From the moment that the last one has come to the moment from which on shares are measured."""
TRAIN_SECONDS = 1.0
"""Of training before each click on Pause."""
MARGIN = 30.0
"""Seconds beyond those after which a visitor's memory should be given back."""
LAST = 1
"""Runs that stay: Streamlit holds on to the last page that was open until somebody else comes."""
LARGEST = 1024
"""Hidden units."""


# The server, which also tells how many runs it has in memory


class Server:
    """A dashboard in a process of its own."""

    def __init__(self, url: str, process: psutil.Process, questions: Connection) -> None:
        """At ``url``; it answers each question with the number of its runs."""
        self.url = url
        self._process = process
        self._questions = questions

    def runs(self) -> int:
        """How many runs are in its memory."""
        self._questions.send("runs")
        return int(self._questions.recv())

    def resident(self) -> float:
        """The memory that it occupies, in megabytes."""
        return float(self._process.memory_info().rss) / 1e6


@contextmanager
def serving() -> Iterator[Server]:
    """A server with a store of its own."""
    port = free_port()
    url = f"http://localhost:{port}"
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="runs-", ignore_cleanup_errors=True) as folder:
        os.environ["RNN_RUNS"] = folder
        process = context.Process(target=_serve, args=(port, there))
        process.start()
        try:
            wait_until_healthy(url, lambda: not process.is_alive())
            yield Server(url, psutil.Process(process.pid), here)
        finally:
            process.terminate()
            process.join(20)


def _serve(port: int, questions: Connection) -> None:
    os.chdir(ROOT)
    threading.Thread(target=_tell, args=(questions,), daemon=True).start()
    options = ["--server.port", str(port), "--server.headless", "true"]
    cli.main(["run", "dashboard.py", *options, "--logger.hideWelcomeMessage", "true"])


def _tell(questions: Connection) -> None:
    try:
        while questions.recv():
            questions.send(RUNS.alive)
    except EOFError:  # who asked is gone, and so nobody will end this server
        os.kill(os.getpid(), signal.SIGTERM)


# Shares


@dataclass(frozen=True)
class Shares:
    """What each visitor gained over the same stretch, in iterations a second; and the server's memory."""

    gained: list[float]
    megabytes: float

    @property
    def together(self) -> float:
        """The sum of all, in iterations a second."""
        return sum(self.gained)

    @property
    def fairness(self) -> float:
        """Jain's index: 1 if all gained alike, 1/n if one gained everything."""
        return self.together**2 / (len(self.gained) * sum(pace * pace for pace in self.gained))


async def shares(server: Server, visitors: Sequence[LightVisitor], seconds: float) -> Shares:
    """Measure over a stretch of undisturbed training."""
    await asyncio.sleep(SETTLE_SECONDS)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    gained = [_pace([seen for seen in visitor.frames if seen.at >= began]) for visitor in visitors]
    return Shares(gained, server.resident())


def _pace(frames: Sequence[Seen]) -> float:
    """Iterations a second from the first frame to the last; frames come seldom where many train."""
    if len(frames) < 2:
        return 0.0
    return (frames[-1].iteration - frames[0].iteration) / (frames[-1].at - frames[0].at)


# Clicks


async def pausing(visitors: Sequence[LightVisitor], times: int) -> list[float]:
    """Seconds from a click on Pause to the message that shows it, for one visitor after another."""
    taken = []
    for number in range(times):
        visitor = visitors[number % len(visitors)]
        began = time.monotonic()
        await visitor.press("Pause")
        await visitor.wait_for(lambda it: "Train" in it.buttons)
        taken.append(time.monotonic() - began)
        await visitor.press("Train")
        await visitor.wait_for(lambda it: "Pause" in it.buttons)
        await asyncio.sleep(TRAIN_SECONDS)
    return taken


# A class that comes, and goes


@dataclass(frozen=True)
class Lesson:
    """What was measured while a class was there: shares by the number of visitors, and clicks."""

    by_crowd: dict[int, Shares]
    pauses: list[float]
    complaints: list[str]


async def lesson(
    server: Server, crowds: Sequence[int], seconds: float, clicks: int = 0, settings: str = ""
) -> Lesson:
    """Let visitors come until there are as many as each crowd has, measure, and let all leave."""
    by_crowd = {}
    async with AsyncExitStack() as doors:
        visitors: list[LightVisitor] = []
        for crowd in crowds:
            while len(visitors) < crowd:
                coming = visiting(server.url, f"autoplay=1{settings}")
                visitors.append(await doors.enter_async_context(coming))
            by_crowd[crowd] = await shares(server, visitors, seconds)
        pauses = await pausing(visitors, clicks)
        complaints = [
            said for visitor in visitors for said in visitor.exceptions + visitor.sentences
        ]
    return Lesson(by_crowd, pauses, complaints)


async def emptied(server: Server) -> float:
    """Wait until no run is in memory but `LAST`, or it has taken too long; returns the seconds."""
    limit = config.get_option("server.disconnectedSessionTTL") + MARGIN
    began = time.monotonic()
    while server.runs() > LAST and time.monotonic() - began < limit:
        await asyncio.sleep(1.0)
    took = time.monotonic() - began
    await asyncio.sleep(2 * TIDY_SECONDS)
    return took


@dataclass(frozen=True)
class Memory:
    """The server's memory in megabytes: before the first of several classes, with each, after each."""

    before: float
    during: list[float]
    after: list[float]


async def classes(server: Server, number: int, seconds: float) -> Memory:
    """So many classes with the largest network, one after the other."""
    before, during, after = server.resident(), [], []
    for _ in range(number):
        there = await lesson(server, (CLASS,), seconds, settings=f"&hidden_size={LARGEST}")
        during.append(there.by_crowd[CLASS].megabytes)
        await emptied(server)
        after.append(server.resident())
    return Memory(before, during, after)


# What it comes to


def crowd_rows(single: float, crowd: int, measured: Shares) -> list[Row]:
    """Whether all had their fair share, and how much it was together."""
    ratio = measured.together / single
    return [
        Row(
            f"{crowd} visitors: Jain's index of the iterations that each gained",
            ">= 0.90",
            f"{measured.fairness:.3f}",
            measured.fairness >= 0.9,
        ),
        Row(
            f"{crowd} visitors: iterations/s of all against a single visitor's",
            ">= 0.75",
            f"{ratio:.2f} ({measured.together:,.0f} / {single:,.0f})",
            ratio >= 0.75,
        ),
    ]


def pause_row(pauses: list[float]) -> Row:
    """How soon a click is answered while all train."""
    p90 = percentile(pauses, 0.9)
    return Row(
        f"{CLASS} visitors: click on Pause to the message that shows it, p90 of {len(pauses)}",
        "<= 1.50 s",
        f"{p90:.2f} s",
        p90 <= 1.5,
    )


def each_row(what: str, megabytes: float, bar: float) -> Row:
    """The memory that a visitor takes."""
    return Row(
        f"server memory for each visitor with {what}",
        f"<= {bar:.0f} MB",
        f"{megabytes:.1f} MB",
        megabytes <= bar,
    )


def given_back_rows(memory: Memory) -> list[Row]:
    """How much of the memory is given back, and whether there is more with, or after, each class."""
    before, during, after = memory.before, memory.during[0], memory.after[0]
    share = (during - after) / (during - before)
    rows = [
        Row(
            "of that, given back after they have left",
            ">= 0.60",
            f"{share:.2f} ({before:.0f} -> {during:.0f} -> {after:.0f} MB)",
            share >= 0.6,
        )
    ]
    if len(memory.after) > 1:
        rows.append(growth_row("memory over several such classes", memory.during))
        rows.append(growth_row("what stays after each class", memory.after))
    return rows


def growth_row(what: str, megabytes: list[float]) -> Row:
    """How much more there was, at the most, than the first time."""
    growth = max(megabytes[1:]) / megabytes[0] - 1
    figure = f"{growth:+.1%} ({', '.join(f'{each:.0f}' for each in megabytes)} MB)"
    return Row(f"growth of {what}", "<= 10 %", figure, growth <= 0.1)


async def measured(server: Server, seconds: float, clicks: int, number: int) -> list[Row]:
    """Everything, in the order of the table."""
    first = await lesson(server, (1, 4, CLASS), seconds, clicks)
    took = await emptied(server)
    held = server.runs()
    again = await lesson(server, (1,), seconds)
    memory = await classes(server, number, seconds)
    singles = [first.by_crowd[1].together, again.by_crowd[1].together]
    single = statistics.mean(singles)
    told = f"{singles[0]:,.0f}, {singles[1]:,.0f}"
    rows = [Row("a single visitor's iterations/s, before and after", "", told, None)]
    for crowd in (4, CLASS):
        rows += crowd_rows(single, crowd, first.by_crowd[crowd])
    rows.append(pause_row(first.pauses))
    alone, all_there = first.by_crowd[1].megabytes, first.by_crowd[CLASS].megabytes
    rows.append(each_row("the usual network", (all_there - alone) / (CLASS - 1), 25.0))
    rows.append(each_row("the largest network", (memory.during[0] - memory.before) / CLASS, 100.0))
    rows += given_back_rows(memory)
    rows.append(
        Row(
            f"runs in memory of the {CLASS}, after they have left",
            f"<= {LAST}",
            f"{held} ({took:.0f} s later)",
            held <= LAST,
        )
    )
    complaints = first.complaints + again.complaints
    rows.append(Row("sentences about anything wrong", "0", str(len(complaints)), not complaints))
    return rows


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, a single class")
    options = parser.parse_args()
    seconds, clicks, number = (8.0, 16, 1) if options.quick else (20.0, 40, 3)
    with serving() as server:
        rows = asyncio.run(measured(server, seconds, clicks, number))
    print_table(rows)


if __name__ == "__main__":
    main()
