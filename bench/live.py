"""Measures the live page in a real Chromium: how much it trains, paints, and how soon it answers.

    python bench/live.py [--quick] [--minutes N]

Server and browser share this machine, as they do for a person at home. Every bar is a ratio, a count
or a time that a person feels; the pace is compared with the same trainer headless in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser, Page, sync_playwright

from bench.table import Row, percentile, print_table
from rnn import Trainer
from rnn.presets import DEFAULT_PRESET, PRESET
from rnn.settings import Config
from tests.browser.serving import ARGUMENTS, browser_path, serving
from tests.feeding import whole_frame
from ui.frames import encode
from ui.live import LiveRun
from ui.place import Source

WINDOW = {"width": 1440, "height": 1500}  # all six panels in sight
STATUS = "document.querySelector('.rnn-status-line')?.textContent ?? ''"


def headless_pace(seconds: float) -> float:
    """Iterations a second of the default preset's trainer, without a page."""
    preset = PRESET[DEFAULT_PRESET]
    trainer = Trainer(preset.text(), Config().replace(**preset.config))
    trainer.advance(seconds=1.0)
    before, began = trainer.iteration, time.perf_counter()
    trainer.advance(seconds=seconds)
    return (trainer.iteration - before) / (time.perf_counter() - began)


@contextmanager
def visitor(browser: Browser, url: str) -> Iterator[Page]:
    """A fresh page on the dashboard, training."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("window.rnnBoard && rnnBoard.painted > 2", timeout=60_000)
    yield page
    context.close()


def iteration(page: Page) -> int:
    """The iteration that the newest frame speaks of."""
    return int(
        page.evaluate(
            "Number(rnnBoard.newest('status').entry.line.match(/[\\d,]+/)[0].replaceAll(',', ''))"
        )
    )


def first_chart(browser: Browser, url: str) -> Row:
    """Seconds from opening the page to the first painted chart, the best guess of three visits."""
    times = []
    for _ in range(3):
        context = browser.new_context(viewport=WINDOW)
        page = context.new_page()
        began = time.perf_counter()
        page.goto(url)
        page.wait_for_selector(".st-key-loss .js-plotly-plot .main-svg", state="attached")
        times.append(time.perf_counter() - began)
        context.close()
    seconds = statistics.median(times)
    return Row("page opened to first chart", "<= 1.5 s", f"{seconds:.2f} s", seconds <= 1.5)


CHART_PAINTS = "(p => (p.loss + p.hidden + p.softmax + p.weights) / 4)(rnnBoard.paints)"


def steady(page: Page, seconds: float) -> list[Row]:
    """Share, pace, painted frames and bytes over a stretch of undisturbed training."""
    page.wait_for_timeout(4000)
    begin = page.evaluate(
        "[rnnBoard.painted, rnnBoard.received, rnnBoard.bytes, performance.now()]"
    )
    charts_before = page.evaluate(CHART_PAINTS)
    first = iteration(page)
    page.wait_for_timeout(1000 * seconds)
    end = page.evaluate("[rnnBoard.painted, rnnBoard.received, rnnBoard.bytes, performance.now()]")
    wall = (end[3] - begin[3]) / 1000
    charts = (page.evaluate(CHART_PAINTS) - charts_before) / wall
    live = (iteration(page) - first) / wall
    speed = page.evaluate("rnnBoard.newest('health').entry.figures[0].range")
    share = int(speed.split("training ")[1].split()[0]) / 100
    painted = (end[0] - begin[0]) / wall
    size = (end[2] - begin[2]) / max(1, end[1] - begin[1])
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(1500)
    headless = headless_pace(4.0)
    ratio = live / headless
    return [
        Row("share of the time in training steps", ">= 0.80", f"{share:.2f}", share >= 0.8),
        Row(
            "iterations/s against headless",
            ">= 0.60",
            f"{ratio:.2f} ({live:,.0f} / {headless:,.0f})",
            ratio >= 0.6,
        ),
        Row("painted frames a second", ">= 6", f"{painted:.1f}", painted >= 6),
        Row("each chart painted, times a second", "", f"{charts:.1f}", None),
        Row("bytes a frame", "<= 40 kB", f"{size / 1000:.1f} kB", size <= 40_000),
    ]


CLICK_TO_CHANGE = """
([label, wanted]) => new Promise(resolve => {
    const buttons = () => [...document.querySelectorAll('.st-key-transport button')];
    const find = text => buttons().find(button => button.textContent.includes(text));
    const began = performance.now();
    const timer = setInterval(() => {
        if (find(wanted)) { clearInterval(timer); resolve(performance.now() - began); }
    }, 4);
    find(label).click();
})
"""


def pausing(page: Page, times: int, bar: float, what: str) -> Row:
    """Click on Pause to the page showing it; the page trains before each click."""
    taken = []
    for _ in range(times):
        page.evaluate(CLICK_TO_CHANGE, ["Train", "Pause"])
        page.wait_for_timeout(700)
        taken.append(page.evaluate(CLICK_TO_CHANGE, ["Pause", "Train"]) / 1000)
        page.wait_for_timeout(200)
    p90 = percentile(taken, 0.9)
    return Row(f"{what}, p90 of {times}", f"<= {bar:.2f} s", f"{p90:.2f} s", p90 <= bar)


EVENTS = "rnnBoard.newest('loss').entry.arrays['4.x'].$[2]"


def learning_rate(page: Page, times: int) -> Row:
    """Slider change of the learning rate to a frame of iterations that used it."""
    page.evaluate(CLICK_TO_CHANGE, ["Train", "Pause"])
    slider = page.get_by_role("slider", name="Learning rate")
    taken = []
    for turn in range(times):
        slider.focus()
        before = page.evaluate(EVENTS)
        began = time.perf_counter()
        slider.press("ArrowLeft" if turn % 2 else "ArrowRight")
        page.wait_for_function(f"{EVENTS} > {before}", polling=10)
        taken.append(time.perf_counter() - began)
        page.wait_for_timeout(300)
    p90 = percentile(taken, 0.9)
    return Row(
        f"learning rate's slider to a frame that used it, p90 of {times}",
        "<= 0.50 s",
        f"{p90:.2f} s",
        p90 <= 0.5,
    )


def kept(page: Page, frames: int) -> Row:
    """Chart nodes and the person's zoom over many frames."""
    page.evaluate(
        """() => {
            window.kept = [...document.querySelectorAll('.js-plotly-plot')];
            const node = document.querySelector('.st-key-loss .js-plotly-plot');
            return Plotly.relayout(node, {'xaxis.range[0]': 50, 'xaxis.range[1]': 500});
        }"""
    )
    before = page.evaluate("rnnBoard.painted")
    page.wait_for_function(f"rnnBoard.painted >= {before + frames}", timeout=180_000)
    nodes, same, zoom = page.evaluate(
        """() => {
            const now = [...document.querySelectorAll('.js-plotly-plot')];
            const range = now[0]._fullLayout.xaxis.range;
            return [now.length, now.filter((node, i) => node === kept[i]).length,
                range[0] === 50 && range[1] === 500];
        }"""
    )
    return Row(
        f"chart nodes and zoom kept over {frames} frames",
        "all",
        f"{same} of {nodes}, zoom {'kept' if zoom else 'lost'}",
        same == nodes and zoom,
    )


def throttled(page: Page, times: int) -> Row:
    """Pause in a browser six times slower."""
    client = page.context.new_cdp_session(page)
    client.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    row = pausing(page, times, 1.0, "Pause in a browser 6x slower")
    client.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return row


SLOW_TIMERS = """
const quick = window.setInterval.bind(window);
window.setInterval = (callback, delay, ...rest) => {
    let last = 0;
    return quick(() => {
        const now = performance.now();
        if (window.rnnHidden && now - last < 1000) return;
        last = now;
        callback(...rest);
    }, delay);
};
"""

# The moments that a tab is hidden, or returns: the page is told so, and its timers go slowly.
HIDE = """hidden => {
    window.rnnHidden = hidden;
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def hidden_tab(browser: Browser, url: str) -> list[Row]:
    """Timers at most once a second, as in a hidden tab, and the return to full pace."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.add_init_script(SLOW_TIMERS)
    page.goto(url)
    page.wait_for_function("window.rnnBoard && rnnBoard.painted > 2", timeout=60_000)
    page.wait_for_timeout(4000)
    page.evaluate(HIDE, True)
    page.wait_for_timeout(5000)
    first, began = iteration(page), time.perf_counter()
    page.wait_for_timeout(10_000)
    hidden = (iteration(page) - first) / (time.perf_counter() - began)
    page.evaluate(HIDE, False)
    page.wait_for_timeout(1000)
    before = page.evaluate("[rnnBoard.received, performance.now()]")
    page.wait_for_timeout(2000)
    after = page.evaluate("[rnnBoard.received, performance.now()]")
    frames = 1000 * (after[0] - before[0]) / (after[1] - before[1])
    context.close()
    ratio = hidden / headless_pace(4.0)
    return [
        Row("hidden tab: iterations/s against headless", ">= 0.50", f"{ratio:.2f}", ratio >= 0.5),
        Row(
            "frames a second from 1 s after the return",
            ">= 6",
            f"{frames:.1f}",
            frames >= 6,
        ),
    ]


def _drawing(run: LiveRun) -> tuple[float, int]:
    taken, size = [], 0
    for number in range(40):
        began = time.perf_counter()
        message = encode(whole_frame(run.view(), sequence=number))
        taken.append(time.perf_counter() - began)
        size = len(message)
    return statistics.median(taken), size


def long_history() -> list[Row]:
    """A frame's cost and size on the server after a million iterations against after a thousand."""
    preset = PRESET[DEFAULT_PRESET]
    config = Config().replace(**preset.config)
    young = LiveRun(preset.text(), config, Source(preset.key, preset.title))
    old = LiveRun(preset.text(), config, Source(preset.key, preset.title))
    for run, length in ((young, 1_000), (old, 1_000_000)):
        trainer = run.trainer
        trainer.advance(steps=20)
        for number in range(trainer.iteration, length):
            trainer.history.record(number, 2.0 + 0.1 * (number % 7), 2.0, 1.0, config.seq_length)
    (fast, small), (slow, large) = _drawing(young), _drawing(old)
    return [
        Row(
            "time to draw a frame, 1,000,000 / 1,000 iterations",
            "<= 1.2",
            f"{slow / fast:.2f} ({1000 * slow:.1f} / {1000 * fast:.1f} ms)",
            slow <= 1.2 * fast,
        ),
        Row(
            "bytes of a frame, 1,000,000 / 1,000 iterations",
            "<= 1.1",
            f"{large / small:.2f} ({large:,} / {small:,})",
            large <= 1.1 * small,
        ),
    ]


def memory(page: Page, server: psutil.Process, minutes: float) -> list[Row]:
    """Growth of the browser's heap and the server's memory after the first minute of training."""
    client = page.context.new_cdp_session(page)

    def heap() -> float:
        client.send("HeapProfiler.collectGarbage")
        return float(client.send("Runtime.getHeapUsage")["usedSize"])

    def resident() -> float:
        return float(server.memory_info().rss)

    def settled(figure: Callable[[], float]) -> float:
        return statistics.median(figure() for _ in range(3))

    page.wait_for_timeout(60_000)
    heap_before, resident_before = settled(heap), settled(resident)
    page.wait_for_timeout(60_000 * (minutes - 1))
    rows = []
    for what, before, after in (
        ("browser heap", heap_before, settled(heap)),
        ("server memory", resident_before, settled(resident)),
    ):
        growth = after / before - 1
        rows.append(
            Row(
                f"growth of {what}, minute 1 to {minutes:g}",
                "< 5 %",
                f"{growth:+.1%} ({before / 1e6:.0f} -> {after / 1e6:.0f} MB)",
                growth < 0.05,
            )
        )
    return rows


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--minutes", type=float, default=0.0, help="watch memory for this long")
    options = parser.parse_args()
    times, seconds = (6, 8.0) if options.quick else (20, 20.0)
    rows = long_history()
    with serving() as (url, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        rows.append(first_chart(browser, url))
        with visitor(browser, f"{url}/?autoplay=1") as page:
            rows += steady(page, seconds)
            rows.append(pausing(page, times, 0.4, "click on Pause to the page showing it"))
            rows.append(learning_rate(page, times))
            rows.append(kept(page, 200))
            page.evaluate(CLICK_TO_CHANGE, ["Pause", "Train"])
            rows.append(throttled(page, times))
        rows += hidden_tab(browser, f"{url}/?autoplay=1")
        if options.minutes > 1:
            with visitor(browser, f"{url}/?autoplay=1") as page:
                rows += memory(page, psutil.Process(process.pid), options.minutes)
        browser.close()
    print_table(rows)


if __name__ == "__main__":
    main()
