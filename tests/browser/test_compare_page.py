"""The Compare page as a person meets it: runs over each other, a fork, a film, and pictures to keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect

from rnn.store import Store
from tests.browser.serving import PATIENCE, serving
from tests.browser.visitor import (
    iteration,
    open_page,
    press,
    settled_iteration,
    spot,
    wait_for_chart,
    wait_for_iteration,
)
from tests.stocked import SMALL, trained

pytestmark = pytest.mark.browser

SAVED = (1, 2, 5, 10, 20, 50, 100)
OVERLAY = ".st-key-curves .js-plotly-plot"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The folder that this module's server keeps its runs in."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_RUNS", str(folder))
        store = Store(folder)
        yield store
        store.close()


@pytest.fixture(scope="module")
def url(store: Store) -> Iterator[str]:
    with serving() as (url, _):
        yield url


@pytest.fixture
def pair(store: Store) -> tuple[str, str]:
    """The names of two new runs, at a learning rate of 0.02 and of 0.2."""
    number = len(store.runs())
    calm, daring = f"calm {number}", f"daring {number}"
    for name, rate in ((calm, 0.02), (daring, 0.2)):
        trained(store, name, SMALL.replace(learning_rate=rate), SAVED)
    return calm, daring


def open_compare(page: Page, url: str) -> None:
    open_page(page, f"{url}/compare")
    wait_for_chart(page, "curves", "node.data.length > 2 && node.data.at(-2).x?.length > 0")


def of_chart(page: Page, chart: str, what: str) -> Any:
    return page.evaluate(
        f"chart => {{ const node = document.querySelector(chart); return {what}; }}", chart
    )


def look_closer(page: Page, part: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(part, exact=True).click()


def names(page: Page) -> list[str]:
    """The runs in the legend of the overlaid curves."""
    return page.locator(".rnn-run b").all_inner_texts()


def test_two_runs_are_compared_and_are_there_again_after_a_reload(
    page: Page, url: str, store: Store, pair: tuple[str, str]
) -> None:
    open_compare(page, url)
    assert set(pair) <= set(names(page))
    table = page.get_by_test_id("stDataFrame").first.locator("[role=grid]")
    expect(table).to_contain_text("learning rate 0.02 → 0.2")
    ends = of_chart(
        page, OVERLAY, "node.data.filter(line => line.mode === 'lines').map(line => line.x.at(-1))"
    )
    assert ends.count(100) >= 2
    page.reload()
    open_compare(page, page.url)
    assert set(pair) <= set(names(page))

    # What another program enters into the store meanwhile is shown without a click.
    trained(store, "newcomer", saved_at=(1,))
    expect(table).to_contain_text("newcomer", timeout=PATIENCE * 1000)


def test_a_fork_begins_at_its_moment_and_its_curve_shows_where(
    page: Page, url: str, store: Store, pair: tuple[str, str]
) -> None:
    _, daring = pair
    open_compare(page, url)
    look_closer(page, "Fork")
    page.get_by_role("combobox", name="Run to fork").click()
    page.get_by_role("option", name=daring, exact=True).click()
    page.get_by_role("textbox", name="Name of the new run").fill("tamed")
    slider = page.locator(".st-key-fork").get_by_role("slider", name="Saved at iteration")
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "50")
    changes = page.get_by_role("combobox", name="Settings to change")
    changes.fill("Learning rate")
    changes.press("Enter")
    changes.press("Escape")
    rate = page.get_by_role("spinbutton", name="Learning rate, so far 0.2")
    rate.fill("0.05")
    rate.press("Enter")
    press(page, "Fork, and open it on the Train page")
    page.wait_for_function("document.querySelector('a[aria-current=page]').textContent === 'Train'")
    wait_for_iteration(page, 50)
    assert iteration(page) == 50
    press(page, "Train")
    wait_for_iteration(page, 200)
    press(page, "Pause")
    page.get_by_role("button", name="Train").first.wait_for()
    reached = settled_iteration(page)
    row = store.find("tamed")
    assert (row.parent, row.fork_iteration) == (store.find(daring).id, 50)
    assert (row.iteration, row.settings["learning_rate"]) == (reached, 0.05)

    page.get_by_role("link", name="Compare", exact=True).first.click()
    wait_for_chart(page, "curves", "node.data.at(-1).text?.length === 1")
    assert "tamed" in names(page)
    assert of_chart(page, OVERLAY, "[node.data.at(-1).x[0], node.data.at(-1).text[0]]") == [
        50,
        "forked here: tamed",
    ]
    look_closer(page, "Fork")
    tree = page.locator(".st-key-tree .js-plotly-plot")
    expect(tree).to_contain_text(daring)
    expect(tree).to_contain_text("tamed")


def test_a_film_moves_everything_at_once(page: Page, url: str, pair: tuple[str, str]) -> None:
    _, daring = pair
    page.set_viewport_size({"width": 1440, "height": 2600})  # what is out of sight is not painted
    open_compare(page, url)
    look_closer(page, "Replay")
    page.get_by_role("combobox", name="Run to replay").click()
    page.get_by_role("option", name=daring, exact=True).click()
    press(page, "Load the film")
    slider = page.get_by_role("slider", name="Moment of the run")
    slider.wait_for()
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^iteration 100 ·"))
    last = pictures(page, 100)
    assert re.fullmatch(r"unit 3, after “.”: -?0\.\d{3}", rested_on(page, 1, "[4, 3]"))
    assert re.fullmatch(r"“.” after “.”: \d+\.\d%", rested_on(page, 2, "[4, 3]"))
    slider.press("Home")
    first = pictures(page, 1)
    for part, shown in first.items():
        assert shown != last[part], part
    slider.press("End")
    assert pictures(page, 100) == last

    # Played, the film begins anew and comes to its end by itself.
    page.get_by_role("combobox", name="Pictures a second").click()
    page.get_by_role("option", name="7 a second").click()
    press(page, "Play")
    pictures(page, 100)
    page.get_by_role("button", name="Play").wait_for()

    # In a narrow window the slider has a line of its own.
    page.set_viewport_size({"width": 820, "height": 2600})
    page.wait_for_function(
        """slider => {
            const place = slider.getBoundingClientRect();
            return place.width > 100 && place.right < innerWidth && place.right
                < document.querySelector('.st-key-replay_steering').getBoundingClientRect().right + 1;
        }""",
        arg=slider.element_handle(),
    )


def rested_on(page: Page, part: int, cell: str) -> str:
    """What a chart of the film says of a cell, given as [column, row], on which the pointer rests."""
    plot = f"document.querySelectorAll('.st-key-part .js-plotly-plot')[{part}]"
    label = page.locator(".st-key-part .js-plotly-plot").nth(part).locator(".hovertext").first
    for _ in range(40):  # the page may still be settling: what is rested on moves away
        page.mouse.move(*spot(page, plot, cell))
        page.wait_for_timeout(250)
        if label.count():
            break
    return label.text_content() or ""


def pictures(page: Page, moment: int) -> dict[str, Any]:
    """What the film shows once the mark on the loss stands at this iteration and all have followed."""
    part = ".st-key-part .js-plotly-plot"
    page.wait_for_function(
        f"moment => document.querySelectorAll('{part}')[0]?.data.at(-1).x[0] === moment", arg=moment
    )
    wait_for_all(page)
    arrays = page.evaluate(
        f"""() => [...document.querySelectorAll('{part}')].map(node => node.data.map(trace => [
            trace.z?.map(row => [...row]), trace.y && [...trace.y], trace.x && [...trace.x]]))"""
    )
    loss, states, expected, weights = arrays
    return {
        "loss": loss[-1],
        "states": states,
        "expected": expected,
        "weights": weights,
        "sample": page.locator(".st-key-part .rnn-ribbon-text").inner_text(),
    }


def wait_for_all(page: Page) -> None:
    """Until no panel has been painted for a second: charts take turns."""
    paints = "Object.values(rnnBoard.paints).reduce((sum, count) => sum + count, 0)"
    before, now = -1, int(page.evaluate(paints))
    while now != before:
        page.wait_for_timeout(1000)
        before, now = now, int(page.evaluate(paints))


def test_a_chart_can_be_kept_as_a_picture(
    page: Page, url: str, pair: tuple[str, str], tmp_path: Path
) -> None:
    open_compare(page, url)
    png = saved(page, OVERLAY, "PNG", tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG\r\n")
    svg = ElementTree.parse(saved(page, OVERLAY, "SVG", tmp_path)).getroot()
    assert svg.tag == f"{SVG}svg"
    shown = "".join(svg.itertext())
    for words in (
        *pair,
        "Loss of the chosen runs",
        "training loss (bits per character)",
    ):
        assert words in shown

    # Labels that the page draws beside a chart are in its picture, and so is the scale of its colours.
    page.get_by_role("link", name="Train", exact=True).first.click()
    hidden = ".st-key-hidden .js-plotly-plot"
    press(page, "Step")
    wait_for_chart(page, "hidden", "node.data[0].z?.length > 0")
    page.locator(f"{hidden} .rnn-labels-x span").first.wait_for(state="attached")
    labels = page.locator(f"{hidden} .rnn-labels-x span").all_inner_texts()
    svg = ElementTree.parse(saved(page, hidden, "SVG", tmp_path)).getroot()
    ticks = [
        "".join(node.itertext()) for node in svg.iter(f"{SVG}g") if node.get("class") == "xtick"
    ]
    assert len(ticks) > 0.8 * len(labels)
    assert set(ticks) <= set(labels)
    assert any(node.get("class", "").startswith("cb") for node in svg.iter(f"{SVG}g"))


def saved(page: Page, chart: str, kind: str, folder: Path) -> Path:
    """The file that a chart's button for this kind of picture gives."""
    page.locator(chart).hover()
    with page.expect_download() as download:
        page.locator(f"{chart} [data-title='Save as {kind}']").click()
    name = download.value.suggested_filename
    assert re.fullmatch(rf"[\w-]+\.{kind.lower()}", name)
    path = folder / name
    download.value.save_as(path)
    return path
