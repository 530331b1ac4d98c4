"""The Train page as a person meets it: a real server, a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import (
    iteration,
    open_train,
    press,
    settled_iteration,
    wait_for_iteration,
)

pytestmark = pytest.mark.browser


def test_first_load_shows_a_network_before_any_training(page: Page, server: str) -> None:
    open_train(page, server)
    assert iteration(page) == 0
    for name in ("Train", "Step", "Reset"):
        assert page.get_by_role("button", name=re.compile(rf"\b{name}\b")).first.is_visible()
    # 200 characters of gibberish, each a span, and the likeliest candidates of the last one
    assert page.locator(".st-key-sample .rnn-text span").count() == 200
    assert page.locator(".st-key-softmax .rnn-bar-row").count() == 8
    page.wait_for_function(
        "[...document.querySelectorAll('.rnn-bar-mark')].every(mark => mark.textContent.length)"
    )
    assert page.locator(".st-key-health .rnn-card").count() == 6


def test_axes_of_empty_charts_begin_where_the_numbers_will(page: Page, server: str) -> None:
    page.goto(f"{server}/?text=hello&hidden_size=12")
    chart = "document.querySelector('.st-key-{} .js-plotly-plot')?._fullLayout"
    page.wait_for_function(f"{chart.format('loss')}?.xaxis.range[0] === 0")
    page.wait_for_function(f"String({chart.format('hidden')}?.yaxis.range) === '-0.5,11.5'")


def test_step_train_pause_and_reset(page: Page, server: str) -> None:
    open_train(page, server)
    press(page, "Step")
    wait_for_iteration(page, 1)
    press(page, "Step")
    wait_for_iteration(page, 2)
    assert settled_iteration(page) == 2
    press(page, "Train")
    wait_for_iteration(page, 200)
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    stopped = settled_iteration(page)
    assert stopped >= 200
    press(page, "Reset")
    page.wait_for_function(
        "document.querySelector('.rnn-status-line').textContent.startsWith('iteration 0 ')"
    )


def test_autoplay_trains_at_once(page: Page, server: str) -> None:
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 100)


def test_a_link_reproduces_the_set_up(page: Page, server: str) -> None:
    open_train(page, f"{server}/?text=cycle&hidden_size=33&learning_rate=0.07")
    assert "text=cycle" in page.url
    assert "hidden_size=33" in page.url
    assert "learning_rate=0.07" in page.url
    rows = "document.querySelector('.st-key-hidden .js-plotly-plot').data[0].z.length"
    press(page, "Step")
    wait_for_iteration(page, 1)
    page.wait_for_function(f"{rows} === 33")


def test_bad_settings_in_the_address_become_one_sentence(page: Page, server: str) -> None:
    open_train(page, f"{server}/?learning_rate=lots")
    expect(page.locator("[data-testid=stAlert]")).to_contain_text("Learning rate must be")
    press(page, "Step")
    wait_for_iteration(page, 1)


def test_learning_rate_changes_while_training(page: Page, server: str) -> None:
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 50)
    slider = page.get_by_role("slider", name="Learning rate")
    slider.focus()
    slider.press("ArrowLeft")
    page.wait_for_url(re.compile("learning_rate="))
    # The change is marked on the loss curve, and training has not stopped for it.
    marks = "document.querySelector('.st-key-loss .js-plotly-plot').data[4].x.length"
    page.wait_for_function(f"{marks} >= 1")
    wait_for_iteration(page, iteration(page) + 100)


def test_charts_keep_their_nodes_and_the_zoom(page: Page, server: str) -> None:
    open_train(page, f"{server}/?autoplay=1")
    wait_for_iteration(page, 300)
    page.evaluate(
        """() => {
            window.kept = [...document.querySelectorAll('.js-plotly-plot')];
            const node = document.querySelector('.st-key-loss .js-plotly-plot');
            return Plotly.relayout(node, {'xaxis.range[0]': 20, 'xaxis.range[1]': 120});
        }"""
    )
    painted = int(page.evaluate("rnnBoard.painted"))
    page.wait_for_function("before => rnnBoard.painted >= before + 20", arg=painted)
    assert page.evaluate(
        "() => { const now = [...document.querySelectorAll('.js-plotly-plot')];"
        " return now.length === kept.length && now.every((node, i) => node === kept[i]); }"
    )
    shown = page.evaluate(
        "document.querySelector('.st-key-loss .js-plotly-plot')._fullLayout.xaxis.range"
    )
    assert shown == [20, 120]


def test_upload_begins_a_run_on_that_text(page: Page, server: str, tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_text("ab <b>bold</b> $x$ " * 40, encoding="utf-8")
    open_train(page, server)
    page.get_by_role("button", name=re.compile("Your own text")).click()
    page.locator("input[type=file]").set_input_files(text)
    expect(page.locator("[data-testid=stSidebar]")).to_contain_text("760 characters")
    press(page, "Step")
    wait_for_iteration(page, 1)
    # The text's markup is shown as it is, never turned into elements.
    assert page.locator(".st-key-sample b").count() == 0


def test_a_bad_upload_leaves_the_run_as_it_was(page: Page, server: str, tmp_path: Path) -> None:
    picture = tmp_path / "picture.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    open_train(page, server)
    for wanted in (1, 2):
        press(page, "Step")
        wait_for_iteration(page, wanted)
    page.get_by_role("button", name=re.compile("Your own text")).click()
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.locator("[data-testid=stAlert]").first).to_be_visible()
    assert iteration(page) == 2


def test_reloading_the_page_keeps_the_run(page: Page, server: str) -> None:
    open_train(page, server)
    press(page, "Train")
    wait_for_iteration(page, 100)
    press(page, "Pause")
    page.get_by_role("button", name=re.compile(r"\bTrain\b")).first.wait_for()
    stopped = settled_iteration(page)
    page.reload()
    page.wait_for_function("window.rnnBoard && rnnBoard.painted > 0")
    wait_for_iteration(page, stopped)
    assert settled_iteration(page) == stopped


def test_run_to_an_iteration_stops_exactly_there(page: Page, server: str) -> None:
    open_train(page, server)
    press(page, "Run to")
    field = page.get_by_role("spinbutton", name="Iteration")
    field.fill("321")
    field.press("Enter")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("[data-testid=stAlert]").first).to_contain_text("Iteration 321 is reached")
    assert settled_iteration(page) == 321


def test_charts_wait_for_the_vocabulary_of_a_sample_that_came_before_it(
    page: Page, server: str
) -> None:
    open_train(page, server)
    page.evaluate(
        """() => {
            const sample = rnnBoard.newest("sample").entry.decoded;
            sample.ids = Array.from(sample.ids, () => 99999);
            for (const name of ["softmax", "candidates"]) rnnBoard.repaint(name);
        }"""
    )
    expect(page.locator(".st-key-softmax .rnn-bars")).not_to_contain_text("undefined")


def test_divergence_pauses_and_offers_the_last_good_state(page: Page, server: str) -> None:
    address = f"{server}/?text=counting&optimiser=sgd&learning_rate=100&clip=0&autoplay=1"
    open_train(page, address)
    alert = page.locator("[data-testid=stAlert]").first
    expect(alert).to_contain_text("diverged")
    page.get_by_role("button", name=re.compile("tenth of the learning rate")).click()
    page.wait_for_url(re.compile("learning_rate=10"))


def test_resting_on_the_softmax_names_what_could_have_come_and_what_was_written(
    page: Page, server: str
) -> None:
    open_train(page, server)
    page.locator(".st-key-sample .rnn-text span").nth(30).hover()
    chart = page.locator(".st-key-softmax .js-plotly-plot").first
    labels = chart.locator(".rnn-labels-x span")
    expect(labels.first).not_to_be_empty()
    chart.locator(".nsewdrag").hover(position={"x": 20, "y": 60})
    shown = chart.locator(".hovertext")
    expect(shown).to_have_text(re.compile(r"^wrote “.”.+: \d+\.\d%$"))
    written = (shown.text_content() or "").split("”")[0][-1]
    assert written in labels.all_inner_texts()[:4]


def test_resting_on_a_character_shows_what_was_expected_there(page: Page, server: str) -> None:
    open_train(page, server)
    page.locator(".st-key-sample .rnn-text span").nth(30).hover()
    mark = "document.querySelectorAll('.st-key-softmax .js-plotly-plot')[0].layout.shapes[0].x0"
    page.wait_for_function(f"{mark} === 29.5")
    shares = page.locator(".st-key-softmax .rnn-bar-track i").evaluate_all(
        "bars => bars.map(bar => parseFloat(bar.style.width))"
    )
    assert len(shares) == 8
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 100.01
