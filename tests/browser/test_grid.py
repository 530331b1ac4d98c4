"""Train several at once as a person meets it: a real server, real workers, a real Chromium."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from rnn.plans import Plan, plans
from rnn.store import Store
from tests.browser.serving import PATIENCE, ROOT, serving
from tests.browser.visitor import open_page
from ui.plotlyjs import served_path

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
HEAVY = re.compile("site-packages/(streamlit|pandas|pyarrow|tornado|google|PIL)")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Where the servers that a test starts keep their runs."""
    monkeypatch.setenv("RNN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Store(tmp_path / "runs")


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A page with nothing but the grid, and what is served beside it."""
    served_path(tmp_path / "static")
    return str(shutil.copy(HERE / "grid_page.py", tmp_path))


def open_grid(page: Page, url: str) -> None:
    open_page(page, url)
    page.get_by_text("Train several at once").wait_for()


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("textbox", name=label, exact=True)
    field.fill(value)
    field.press("Enter")


def begin(page: Page, sizes: str, goal: int) -> None:
    """Begin a grid of two learning rates and these sizes."""
    fill(page, "Learning rate: values", "0.05, 0.1")
    fill(page, "Hidden size: values", sizes)
    field = page.get_by_role("spinbutton", name="Iterations of each run")
    field.fill(str(goal))
    field.press("Enter")
    start = page.get_by_role("button", name=re.compile(r"Start \d+ runs"))
    expect(page.get_by_text(re.compile(rf"\d+ × {goal:,} iterations"))).to_be_visible()
    start.click()


def row(page: Page, run_id: str) -> Locator:
    return page.locator(f".st-key-grid_row_{run_id}")


def shows(page: Page, run_id: str, words: str) -> None:
    """Wait until the run's row holds these words, a regular expression."""
    expect(row(page, run_id)).to_contain_text(re.compile(words), timeout=PATIENCE * 1000)


def press(page: Page, run_id: str, name: str) -> None:
    row(page, run_id).get_by_role("button", name=name, exact=True).click()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)


def the_plan(store: Store) -> Plan:
    wait_until(lambda: bool(plans(store.folder)))
    return plans(store.folder)[0]


def worker_of(store: Store, run_id: str) -> psutil.Process:
    wait_until(lambda: store.leader(run_id) is not None)
    leader = store.leader(run_id)
    assert leader is not None
    return psutil.Process(leader.pid)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_grid_runs_beside_the_live_run_and_each_run_is_steered(
    page: Page, store: Store, script: str
) -> None:
    with serving(script=script) as (url, server):
        open_grid(page, f"{url}/?text=hello&autoplay=1")
        begin(page, "20, 30", 100_000_000)
        first = the_plan(store).runs[0]
        shows(page, first, r"training: [1-9][\d,]* of 100,000,000")
        shows(page, the_plan(store).runs[3], "waiting for its turn")

        # The worker has no more than it needs, and leaves the cores to the page.
        worker = worker_of(store, first)
        loaded = {Path(region.path).as_posix() for region in worker.memory_maps()}
        assert any("numpy" in path for path in loaded)
        assert not [path for path in loaded if HEAVY.search(path)]
        served = psutil.Process(server.pid).memory_maps()
        assert any(HEAVY.search(Path(region.path).as_posix()) for region in served)
        assert worker.nice() > psutil.Process(server.pid).nice()

        # The live run trains meanwhile.
        status = page.locator(".rnn-status-line")
        before = status.inner_text()
        expect(status).not_to_have_text(before, timeout=PATIENCE * 1000)
        page.get_by_role("button", name=re.compile(r"\bPause\b")).first.click()
        page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()

        # While the live run rests, the table goes on; a run is paused, and the next one begins.
        press(page, first, "Pause")
        shows(page, first, r"paused: [1-9]")
        second = the_plan(store).runs[1]
        shows(page, second, "training:")
        press(page, second, "Stop")
        shows(page, second, "stopped:")

        # A reloaded page finds all as it was.
        page.reload()
        shows(page, first, r"paused: [1-9]")
        shows(page, second, "stopped:")
        press(page, first, "Resume")
        shows(page, first, "waiting for its turn")

        # A worker that is killed is told of, and its run goes on when it is asked to.
        third = the_plan(store).runs[2]
        worker_of(store, third).kill()
        shows(page, third, "ended from outside, so it is paused")
        expect(row(page, third).get_by_role("button", name="Resume")).to_be_enabled()
    standing = [store.run(run_id) for run_id in the_plan(store).runs]
    assert [each.status for each in standing] == ["paused", "done", "paused", "paused"]
    assert {each.leader for each in standing} == {None}


def test_a_server_that_is_killed_leaves_runs_that_the_next_one_can_resume(
    page: Page, store: Store, script: str
) -> None:
    with serving(script=script) as (url, server):
        open_grid(page, f"{url}/?text=hello")
        begin(page, "8, 12", 2_000_000)
        runs = the_plan(store).runs
        worker = worker_of(store, runs[0])
        shows(page, runs[0], r"training: [1-9]")
        server.kill()
        wait_until(lambda: ended(worker))
    wait_until(lambda: all(store.leader(run_id) is None for run_id in runs))
    assert {store.run(run_id).status for run_id in runs} == {"paused"}
    saved = store.run(runs[0]).iteration
    assert saved > 0
    assert store.load(runs[0]).iteration == saved

    with serving(script=script) as (url, _):
        open_grid(page, f"{url}/?text=hello")
        shows(page, runs[0], f"paused: {saved:,} of 2,000,000")
        shows(page, runs[1], "not begun")
        press(page, runs[0], "Resume")
        shows(page, runs[0], "training:")
        wait_until(lambda: store.run(runs[0]).iteration > saved)


def test_a_grid_comes_to_its_end_and_names_the_lowest_loss(
    page: Page, store: Store, script: str
) -> None:
    with serving(script=script) as (url, _):
        open_grid(page, f"{url}/?text=hello")
        begin(page, "4, 8", 200)
        for run_id in the_plan(store).runs:
            shows(page, run_id, "done: 200 of 200 iterations")
            expect(row(page, run_id).get_by_role("button", name="Stop")).to_be_disabled()
        expect(page.get_by_text("lowest loss so far")).to_have_count(1, timeout=PATIENCE * 1000)
        page.get_by_text("Train several at once").click()
        fill(page, "Learning rate: values", "0.1, fast")
        expect(page.get_by_text("Learning rate must be a number between")).to_be_visible()
        expect(page.get_by_role("button", name="Start the run")).to_be_disabled()
