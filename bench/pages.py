"""Measures every page in a real Chromium: how soon it opens, answers Pause, trains and paints.

    python bench/pages.py [--quick] [--only PAGE ...] [--runs N]

Server and browser share this machine. A page opens while the run trains, from another page, on a
server that has shown it before; it has opened when its first panel is painted. The Compare page is
measured once more over a store of 200 runs of 100,000 iterations.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page, sync_playwright

from bench.live import CLICK_TO_CHANGE, visitor
from bench.table import Row, percentile, print_table
from rnn import Config, Trainer
from rnn.presets import DEFAULT_PRESET, PRESET
from rnn.store import Card, Recorder, RunRow, Store
from rnn.store.recorder import SAVE_EVERY
from tests.browser.serving import ARGUMENTS, browser_path, serving
from tests.stocked import many

FIRST_PANEL = {
    "Train": "loss",
    "Sample": "written",
    "Memory": "states",
    "Gradients and weights": "flow",
    "Data": "text",
    "Compare": "overlay",
}
"""Each page's first panel from the top."""

OPENS = 1.5  # seconds, the bar
OPENS_FULL = 2.0
PAUSES = 0.5
ITERATIONS = 100_000
PATIENCE = 60.0  # seconds for what has to come; no measure


@dataclass(frozen=True)
class Times:
    """How often something is measured, and for how many seconds training is watched."""

    openings: int
    pauses: int
    watched: float


@dataclass(frozen=True)
class Measured:
    """What was measured of one page, and the bar in seconds for its opening."""

    page: str
    openings: list[float]
    bar: float
    pauses: list[float]
    share: float
    painted: float

    @property
    def opens(self) -> float:
        """The median."""
        return statistics.median(self.openings)

    @property
    def pauses_in(self) -> float:
        """The 90th percentile."""
        return percentile(self.pauses, 0.9)

    def line(self) -> str:
        """A row of the table."""
        missed = [
            what
            for what, figure, bar in (
                ("opening", self.opens, self.bar),
                ("Pause", self.pauses_in, PAUSES),
            )
            if figure > bar
        ]
        verdict = f"missed: {', '.join(missed)}" if missed else "met"
        cells = (
            self.page,
            f"{self.opens:.2f} s (<= {self.bar:g}; slowest {max(self.openings):.2f})",
            f"{self.pauses_in:.2f} s (<= {PAUSES:g})",
            f"{self.share:.2f}",
            f"{self.painted:.1f}",
            verdict,
        )
        return f"| {' | '.join(cells)} |"


OPENING = """
([link, panel]) => new Promise((resolve, reject) => {
    const painted = () => rnnBoard.paints[panel] ?? 0;
    const target = [...document.querySelectorAll('header a')].find(each => each.textContent.trim() === link);
    if (!target) { reject(new Error(`there is no link to ${link}`)); return; }
    const before = painted();
    const began = performance.now();
    const timer = setInterval(() => {
        if (painted() === before) return;
        clearInterval(timer);
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began), 0));
    }, 4);
    target.click();
})
"""
"""Milliseconds from the click on a page's link until its panel has been painted, and is on the screen."""


def open_page(page: Page, name: str) -> float:
    """Seconds that it took to go to a page by its link; then waits for the page to be whole."""
    taken = float(page.evaluate(OPENING, [name, FIRST_PANEL[name]]))
    page.wait_for_function(
        "name => document.querySelector('a[aria-current=page]')?.textContent.trim() === name",
        arg=name,
    )
    page.wait_for_timeout(1200)
    return taken / 1000


def openings(page: Page, name: str, times: int) -> list[float]:
    """Seconds to open a page, each time from another one."""
    elsewhere = "Train" if name != "Train" else "Data"
    taken = []
    for _ in range(times):
        open_page(page, elsewhere)
        taken.append(open_page(page, name))
    return taken


def training(page: Page, store: Store, seconds: float) -> tuple[float, float]:
    """The share of the time that is spent in training steps, and painted frames a second.

    The share is that between two saves of the run, each of which says how long it has trained.
    """
    run_id = str(page.evaluate("new URL(location).searchParams.get('run')"))
    first = saved_after(page, store, run_id, store.run(run_id).updated)
    begin = page.evaluate("[rnnBoard.painted, performance.now()]")
    page.wait_for_timeout(1000 * seconds)
    end = page.evaluate("[rnnBoard.painted, performance.now()]")
    last = saved_after(page, store, run_id, store.run(run_id).updated)
    share = (last.seconds - first.seconds) / (last.updated - first.updated)
    return share, 1000 * (end[0] - begin[0]) / (end[1] - begin[1])


def saved_after(page: Page, store: Store, run_id: str, moment: float) -> RunRow:
    """The run once it has been saved later than at this moment."""
    end = time.monotonic() + PATIENCE
    while (row := store.run(run_id)).updated <= moment:
        if time.monotonic() > end:
            raise TimeoutError("the run is not saved")
        page.wait_for_timeout(100)
    return row


def pausing(page: Page, times: int) -> list[float]:
    """Seconds from a click on Pause to the page showing it, the run training before and afterwards."""
    taken = []
    for _ in range(times):
        taken.append(float(page.evaluate(CLICK_TO_CHANGE, ["Pause", "Train"])) / 1000)
        page.wait_for_timeout(200)
        page.evaluate(CLICK_TO_CHANGE, ["Train", "Pause"])
        page.wait_for_timeout(1000)
    return taken


def measure(
    page: Page, store: Store, name: str, times: Times, bar: float = OPENS, called: str = ""
) -> Measured:
    """Everything about one page, on which the run trains."""
    opened = openings(page, name, times.openings)
    page.wait_for_timeout(3000)
    share, painted = training(page, store, times.watched)
    return Measured(called or name, opened, bar, pausing(page, times.pauses), share, painted)


@contextmanager
def serving_from(folder: str) -> Iterator[str]:
    """The address of a server that keeps its runs in this folder."""
    os.environ["RNN_RUNS"] = folder
    with serving() as (url, _):
        yield url


def usual(browser: Browser, names: list[str], times: Times) -> list[Measured]:
    """The pages, over a store with one run."""
    with (
        TemporaryDirectory() as folder,
        serving_from(folder) as url,
        visitor(browser, f"{url}/?autoplay=1") as page,
    ):
        for name in [*FIRST_PANEL][1:]:
            open_page(page, name)
        return [measure(page, Store(folder), name, times) for name in names]


def full(browser: Browser, count: int, times: Times) -> tuple[Measured, Row]:
    """The Compare page over a store of many long runs; and its first opening on that server."""
    name = f"Compare, {count} runs of {ITERATIONS:,} iterations"
    with TemporaryDirectory() as folder:
        store = many(Path(folder), count, ITERATIONS)
        with serving_from(folder) as url, visitor(browser, f"{url}/?autoplay=1") as page:
            cold = open_page(page, "Compare")
            measured = measure(page, store, "Compare", times, OPENS_FULL, name)
    what = "the same page for the first time on its server"
    return measured, Row(what, f"<= {OPENS_FULL:g} s", f"{cold:.2f} s", cold <= OPENS_FULL)


def saving(times: int) -> list[Row]:
    """What a save costs, as a share of the training between two of them: a small and a large network."""
    preset = PRESET[DEFAULT_PRESET]
    text = preset.text()
    rows = []
    for size in (100, 1024):
        trainer = Trainer(text, Config().replace(**preset.config, hidden_size=size))
        trainer.advance(steps=100)
        with TemporaryDirectory() as folder:
            store = Store(folder)
            run_id = store.create(text, trainer.state(), Card("saved", preset.key, preset.title))
            recorder = Recorder(store, store.lead(run_id, "bench"), trainer)
            taken = [_save(recorder, trainer) for _ in range(times)]
            recorder.close()
        seconds = statistics.median(taken)
        share = seconds / SAVE_EVERY
        figure = f"{share:.1%} ({1000 * seconds:.0f} ms every {SAVE_EVERY:g} s)"
        what = f"a save's time over that between two saves, {size} hidden units"
        rows.append(Row(what, "< 5 %", figure, share < 0.05))
    return rows


def _save(recorder: Recorder, trainer: Trainer) -> float:
    trainer.step()
    began = time.perf_counter()
    recorder.save(trainer)
    return time.perf_counter() - began


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--only", nargs="+", choices=FIRST_PANEL, default=list(FIRST_PANEL))
    parser.add_argument("--runs", type=int, default=200, help="runs in the full store; 0: without")
    options = parser.parse_args()
    times = Times(3, 5, 4.0) if options.quick else Times(5, 10, 15.0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        pages = usual(browser, options.only, times)
        others = saving(times.pauses)
        if options.runs:
            page, first = full(browser, options.runs, times)
            pages, others = [*pages, page], [first, *others]
        browser.close()
    print(f"| page | opens, median of {times.openings} | Pause, p90 of {times.pauses} | ", end="")
    print("share of the time in training | painted frames/s | |\n|---|---|---|---|---|---|")
    print("\n".join(page.line() for page in pages), end="\n\n")
    print_table(others)


if __name__ == "__main__":
    main()
