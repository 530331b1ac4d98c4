"""The Sample page as a person meets it: what it writes, letter by letter, and what surprises it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import open_page, press, wait_for_chart, wait_for_charts

pytestmark = pytest.mark.browser

WRITTEN = ".st-key-sheet .rnn-ribbon-text"
BARS = "document.querySelector('.st-key-choice .js-plotly-plot')"


def open_sample(page: Page, url: str, address: str = "") -> None:
    open_page(page, f"{url}/sample?{address}")
    wait_for_charts(page, "choice", "surprise")


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Control+Enter")


def characters(page: Page) -> Locator:
    return page.locator(f"{WRITTEN} span")


def wait_for_more_than(page: Page, count: int) -> None:
    page.wait_for_function(
        "([path, count]) => document.querySelectorAll(path).length > count",
        arg=[f"{WRITTEN} span", count],
    )


def test_a_fresh_page_says_that_nothing_has_been_written(page: Page, server: str) -> None:
    open_sample(page, server)
    expect(page.locator(".st-key-sheet")).to_contain_text("Nothing has been written yet.")
    expect(page.locator(".st-key-surprise")).to_contain_text("Nothing has been measured yet.")
    assert characters(page).count() == 0
    assert page.locator(".st-key-temperatures .rnn-ribbon").count() == 4


def test_generate_and_look_into_one_choice(page: Page, server: str, tmp_path: Path) -> None:
    open_sample(page, server)
    press(page, "Generate")
    expect(characters(page)).to_have_count(400)
    expect(page.locator(".st-key-sheet")).to_contain_text("characters in a row of it stand")
    # Of 37 characters, 24 have a bar of their own and the others share one.
    wait_for_chart(page, "choice", "node.data[0].y?.length === 25")
    characters(page).nth(33).click()
    expect(characters(page).nth(33)).to_have_class(re.compile("rnn-picked"))
    chosen = characters(page).nth(33).inner_text()
    framed = f"{BARS}._fullLayout.shapes[0].x0 + 0.5"
    label = page.locator(".st-key-choice .rnn-labels-x span")
    expect(label.first).to_be_visible()
    mark = label.nth(int(page.evaluate(framed))).inner_text()
    assert mark == {" ": "␣", "\xa0": "␣"}.get(chosen, chosen.strip("\n"))
    with page.expect_download() as download:
        press(page, "Download the text")
    saved = tmp_path / "sample.txt"
    download.value.save_as(saved)
    shown = "".join(characters(page).all_text_contents()).replace("↵\n", "\n")
    assert saved.read_text(encoding="utf-8") == shown


def test_one_character_and_play_write_without_training(page: Page, server: str) -> None:
    open_sample(page, server)
    press(page, "One character")
    expect(characters(page)).to_have_count(1)
    press(page, "One character")
    expect(characters(page)).to_have_count(2)
    press(page, "Play")
    wait_for_more_than(page, 6)
    press(page, "Stop writing")
    page.get_by_role("button", name=re.compile(r"\bPlay\b")).wait_for()
    page.wait_for_timeout(600)
    stopped = characters(page).count()
    page.wait_for_timeout(1200)
    assert characters(page).count() == stopped
    expect(page.locator(".st-key-live-status")).to_contain_text("iteration 0 ")
    press(page, "Start over")
    expect(page.locator(".st-key-sheet")).to_contain_text("Nothing has been written yet.")


def test_playing_and_training_go_on_together_on_kept_charts(page: Page, server: str) -> None:
    open_sample(page, server)
    press(page, "Play")
    wait_for_more_than(page, 1)
    press(page, "Train")
    page.get_by_role("button", name=re.compile(r"\bPause\b")).wait_for()
    page.evaluate("window.kept = [...document.querySelectorAll('.js-plotly-plot')]")
    wait_for_more_than(page, characters(page).count() + 6)
    assert page.evaluate(
        "() => { const now = [...document.querySelectorAll('.js-plotly-plot')];"
        " return now.length === kept.length && now.every((node, i) => node === kept[i]); }"
    )
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).wait_for()
    assert "iteration 0 " not in page.locator(".st-key-live-status").inner_text()
    before = characters(page).count()
    wait_for_more_than(page, before + 2)  # it still plays
    # The page comes back to the sheet as it was.
    press(page, "Stop writing")
    page.get_by_role("button", name=re.compile(r"\bPlay\b")).wait_for()
    page.get_by_role("link", name="Train", exact=True).click()
    page.wait_for_selector(".st-key-weights .js-plotly-plot", state="attached")
    page.get_by_role("link", name="Sample", exact=True).click()
    wait_for_more_than(page, before + 2)


def test_a_prime_with_unknown_characters_is_one_sentence(page: Page, server: str) -> None:
    open_sample(page, server)
    fill(page, "Prime", "<b>Who</b>")
    press(page, "One character")
    alert = page.locator("[data-testid=stMain] [data-testid=stAlert]")
    expect(alert).to_contain_text("does not know the characters /, <, >")
    assert alert.count() == 1
    fill(page, "Prime", "Who killed")
    press(page, "One character")
    expect(characters(page)).to_have_count(11)
    assert page.locator(f"{WRITTEN} .rnn-muted").count() == 10


def test_four_temperatures_stand_side_by_side(page: Page, server: str) -> None:
    open_sample(page, server)
    press(page, "Write all four")
    for place in range(4):
        spans = page.locator(f".st-key-warmth_{place} .rnn-ribbon-text span")
        expect(spans).to_have_count(400)
    tops = page.locator(".st-key-temperatures .rnn-ribbon-text").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == 1


def test_any_text_can_be_read_and_its_markup_stays_text(page: Page, server: str) -> None:
    open_sample(page, server)
    fill(page, "Text to read", "Who <b>killed</b> 🙂 Robin?")
    press(page, "Measure the surprise")
    block = page.locator(".st-key-surprise")
    spans = block.locator(".rnn-ribbon-text span")
    expect(spans).to_have_count(26)
    assert block.locator("b").count() == 0
    assert block.locator(".rnn-unknown").count() == 6  # < > < / > and the smile
    expect(block).to_contain_text("The network does not know /, <, >, 🙂")
    spans.nth(1).hover()
    tip = page.locator("body > .rnn-tip")
    expect(tip).to_contain_text("h: ")
    expect(tip).to_contain_text("expected: ")
    wait_for_chart(page, "surprise", "node.data[0].y?.length === 5")


def test_a_hundred_thousand_pasted_characters_are_read_up_to_the_limit(
    page: Page, server: str
) -> None:
    open_sample(page, server)
    fill(page, "Text to read", "Who killed Cock Robin? " * 4500)
    expect(page.locator(".st-key-surprise")).to_contain_text("the first 2,000 of them are read")
    press(page, "Measure the surprise")
    expect(page.locator(".st-key-surprise .rnn-ribbon-text span")).to_have_count(2000)
