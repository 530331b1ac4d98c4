"""The Data page: what is marked in the text, what the charts say, and what its buttons do."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config
from rnn.analysis import corpus as corpora
from rnn.analysis.corpus import Guesser, corpus_of
from rnn.presets import PRESET
from ui import ribbon, textpage
from ui.figures import frequencies, ngrams
from ui.figures.base import filled
from ui.frames import Arrays, encode
from ui.live import LiveRun, LiveView
from ui.palette import DARK, LIGHT, Palette
from ui.place import Source
from ui.runs import RUNS
from ui.textpage import HIT, THIS_HIT, WINDOW, Shown, held_out_said, hits_said, passage, search
from ui.views import data

ENTRY = str(Path(__file__).parents[1] / "dashboard.py")
OWN = Source("own", "your own text")
LINES = "".join(f"line {number:03d} of a text that has several pages\n" for number in range(120))
MARKUP = "**bold** $x$ <b>a</b> :red[b] &lt; # [c](d) `e`\n" * 60
LN2 = math.log(2)
both_palettes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


# The text, marked


def run_on(text: str, steps: int = 0, **settings: Any) -> LiveRun:
    run = LiveRun(text, Config(hidden_size=3, seq_length=10).replace(**settings), OWN)
    for _ in range(steps):
        run.step()
    return run


def shown(text: str, page: int = 0, follow: bool = False, typed: str = "", hit: int = 0) -> Shown:
    return Shown(text, textpage.pages_of(text), page, follow, search(text, typed, False), hit)


def content(view: LiveView, what: Shown) -> dict[str, Any]:
    return passage(what)(view).content()


def shades(entry: dict[str, Any]) -> list[float]:
    return [round(q * entry["shade"].scale, 3) for q in entry["shade"].array.tolist()]


def places(entry: dict[str, Any], shade: float) -> list[int]:
    return [place for place, value in enumerate(shades(entry)) if value == shade]


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_the_window_that_is_read_next_is_marked(steps: int) -> None:
    entry = content(run_on(LINES, steps).view(), shown(LINES))
    start = 10 * steps
    assert places(entry, WINDOW) == list(range(start, start + 10))
    assert f"The next window: characters {start + 1:,} to {start + 10:,}." in entry["empty"]


def test_the_page_stands_there_character_by_character() -> None:
    entry = content(run_on(LINES).view(), shown(LINES, page=1))
    start, stop = textpage.pages_of(LINES).bounds(1)
    assert entry["marks"] == [ribbon.visible(char) for char in LINES[start:stop]]
    assert places(entry, WINDOW) == []
    assert entry["picked"] is None
    assert f"Page 2 of 3, characters {start + 1:,} to {stop:,}." in entry["empty"]


def test_several_streams_have_several_windows() -> None:
    text = LINES[:1000]
    entry = content(run_on(text, 2, streams=4).view(), shown(text))
    windows = [range(start, start + 10) for start in (20, 270, 520, 770)]
    assert places(entry, WINDOW) == [place for window in windows for place in window]
    assert "4 streams each read a window of 10 characters" in entry["empty"]
    assert "character 21." in entry["empty"]


def test_a_window_across_two_pages_is_marked_on_both() -> None:
    cut = textpage.pages_of(LINES).starts[1]
    run = run_on(LINES, cut // 10)
    before = cut - cut // 10 * 10
    assert 0 < before < 10
    first = places(content(run.view(), shown(LINES)), WINDOW)
    assert first == list(range(cut - before, cut))
    assert places(content(run.view(), shown(LINES, page=1)), WINDOW) == list(range(10 - before))


def test_following_the_reader_shows_its_page_and_scrolls_to_it() -> None:
    cut = textpage.pages_of(LINES).starts[1]
    run = run_on(LINES, cut // 10 + 1)
    entry = content(run.view(), shown(LINES, follow=True))
    assert entry["empty"].startswith("Page 2 of 3")
    assert entry["picked"] == (cut // 10 + 1) * 10 - cut
    assert places(entry, WINDOW)[0] == entry["picked"]


def test_a_frame_is_made_anew_only_when_page_or_reader_have_moved() -> None:
    run = run_on(LINES, 3)
    view = run.view()
    versions = {passage(shown(LINES))(view).version for _ in range(3)}
    assert len(versions) == 1
    versions.add(passage(shown(LINES, page=1))(view).version)
    run.step()
    versions.add(passage(shown(LINES))(run.view()).version)
    run.apply(seq_length=11)
    versions.add(passage(shown(LINES))(run.view()).version)
    assert len(versions) == 4


def test_hits_are_marked_and_the_one_looked_at_most() -> None:
    text = "abcabc-abc" * 3
    entry = content(run_on(text).view(), shown(text, typed="ABC", hit=1))
    assert places(entry, THIS_HIT) == [3, 4, 5]
    assert entry["picked"] == 3
    starts = [start for start in range(30) if text.startswith("abc", start) and start != 3]
    expected = sorted(start + part for start in starts for part in range(3))
    assert places(entry, HIT) == expected
    assert places(entry, WINDOW) == [6]  # of the first ten, what no hit covers


def test_overlapping_hits_leave_the_one_looked_at_whole() -> None:
    text = "aaaaaaaaaaaaab"
    entry = content(run_on(text).view(), shown(text, typed="aaa", hit=2))
    assert places(entry, THIS_HIT) == [2, 3, 4]


def test_the_held_out_part_is_faded_and_named() -> None:
    run = run_on(LINES, held_out=0.25)
    start = run.portrait().held_out_start
    page = textpage.pages_of(LINES).of(start)
    begin, stop = textpage.pages_of(LINES).bounds(page)
    flags = content(run.view(), shown(LINES, page=page))["flags"].tolist()
    assert flags == [0] * (start - begin) + [ribbon.MUTED] * (stop - start)
    assert set(content(run.view(), shown(LINES))["flags"].tolist()) == {0}
    said = held_out_said(run.portrait())
    assert f"The last {len(LINES) - start:,} characters, from character {start + 1:,}" in said
    assert f"page {page + 1}" in said
    assert "Nothing is held out" in held_out_said(run_on(LINES).portrait())


def test_only_what_cannot_be_seen_is_named_in_a_tip() -> None:
    text = "a b\ne\u0301\x07" * 20
    tips = content(run_on(text).view(), shown(text))["tips"]
    assert tips[:3] == ["", "␠ space", ""]
    assert tips[3] == "↵ newline"
    assert tips[6] == "U+0007 BELL"
    assert "COMBINING ACUTE ACCENT" in tips[5]


@pytest.mark.parametrize(
    "text",
    [" \n\t" * 700, "\ud800\udc00x" * 700, "e\u0301" * 1000, "𝒳\u200d" * 1000, "x" * 2000],
    ids=["unseen", "surrogates", "combining", "astral", "plain"],
)
def test_a_full_page_of_any_text_fits_a_frame(text: str) -> None:
    entry = content(run_on(text).view(), shown(text, typed="x"))
    frame = encode({"sequence": 1, "panels": {"text": entry}})
    assert len(entry["marks"]) == min(2000, len(text))
    assert len(frame) < 80_000


def test_a_full_page_of_common_text_is_light() -> None:
    text = PRESET["alice"].text()
    entry = content(run_on(text).view(), shown(text))
    assert len(encode({"sequence": 1, "panels": {"text": entry}})) < 40_000


# Search


def test_a_line_break_is_typed_as_it_is_shown() -> None:
    assert search("a\nb a\tb", "a↵b", True).starts.tolist() == [0]
    assert search("a\nb a\tb", "a⇥b", True).starts.tolist() == [4]
    # a text that has the sign itself means it
    assert search("a\nb a↵b", "a↵b", True).starts.tolist() == [4]


@pytest.mark.parametrize("text", ["caf\u00e9", "cafe\u0301"])
@pytest.mark.parametrize("typed", ["f\u00e9", "fe\u0301"])
def test_an_accent_is_found_however_it_is_spelled(text: str, typed: str) -> None:
    assert search(text, typed, True).starts.tolist() == [2]


def test_what_was_found_is_said() -> None:
    assert hits_said(search("abcabc", "x", True), 0).startswith("Not found")
    assert hits_said(search("abcabc", "cab", True), 0) == "1 hit, at character 3."
    said = hits_said(search("abcabc", "b", True), 1)
    assert said == "2 hits; number 2, the darkest, is at character 5."


# Charts


def as_drawn(skeleton: go.Figure, arrays: Arrays) -> dict[str, Any]:
    """What Plotly has checked and would draw."""
    figure: dict[str, Any] = json.loads(filled(skeleton, arrays).to_json())
    return figure


def values(array: Any) -> list[float]:
    return np.asarray(array).tolist()


@both_palettes
def test_bars_stand_in_order_of_frequency(colours: Palette) -> None:
    corpus = corpus_of("aaaa bb<")
    arrays = frequencies.arrays(corpus, log=False)
    assert values(arrays["0.y"]) == [50.0, 25.0, 12.5, 12.5]
    assert arrays["labels.x"] == ["a", "b", "␣", "<"]
    hover: Any = arrays["0.customdata"]
    assert hover[0].startswith("a<br>4 times, 50 %")
    assert hover[3].startswith("&lt;<br>1 times")
    figure = as_drawn(frequencies.skeleton(colours, False), arrays)
    assert figure["layout"]["yaxis"]["range"][0] == 0
    assert "%" in figure["layout"]["yaxis"]["title"]["text"]


@both_palettes
def test_a_logarithmic_scale_has_room_for_the_rarest(colours: Palette) -> None:
    corpus = corpus_of("a" * 9_999 + "b")
    figure = as_drawn(frequencies.skeleton(colours, True), frequencies.arrays(corpus, log=True))
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < math.log10(0.01)
    assert high > 2 - 0.001
    assert figure["layout"]["yaxis"]["type"] == "log"


def test_a_large_vocabulary_shows_its_most_frequent_characters() -> None:
    text = "".join(chr(0x4E00 + i) * (300 - i) for i in range(300))
    corpus = corpus_of(text)
    arrays = frequencies.arrays(corpus, log=False)
    assert arrays["labels.x"] == list(corpus.chars[: frequencies.MOST_BARS])
    assert "The 100 most frequent of 300 characters;" in frequencies.caption(corpus).reading
    assert frequencies.caption(corpus_of("abc")).reading == (
        "One bar a character, the most frequent first."
    )


def test_the_share_of_the_ten_most_frequent_is_told() -> None:
    text = "".join(char * 9 for char in "abcdefghij") + "klmnopqrst"
    assert "the first 10 make up 90% of the text" in frequencies.caption(corpus_of(text)).reading


def test_a_character_without_a_sign_does_not_cover_its_neighbours() -> None:
    assert frequencies.arrays(corpus_of("a\x07"), log=False)["labels.x"] == ["▯", "a"]


GUESSERS = (
    Guesser("guessing", "nothing", 4 * LN2),
    Guesser("1-gram", "counts", 3 * LN2),
    Guesser("2-gram", "pairs", 2 * LN2),
)


@both_palettes
def test_the_networks_lines_stand_among_the_guessers(colours: Palette) -> None:
    arrays = ngrams.arrays(GUESSERS, 2.5 * LN2, 3.5 * LN2, colours)
    figure = as_drawn(ngrams.skeleton(GUESSERS, colours), arrays)
    assert figure["data"][0]["x"] == pytest.approx([4, 3, 2])
    smooth, held_out = figure["layout"]["shapes"]
    assert (smooth["x0"], smooth["visible"]) == (pytest.approx(2.5), True)
    assert (held_out["x0"], held_out["visible"]) == (pytest.approx(3.5), True)
    said = [annotation["text"] for annotation in figure["layout"]["annotations"]]
    assert said == [
        "Smooth loss 2.50: has beaten the 1-gram",
        "On held-out text 3.50: has beaten guessing",
    ]
    beaten, standing = colours.grid, colours.faint
    assert figure["data"][0]["marker"]["color"] == [beaten, beaten, standing]
    assert "bits per character" in figure["layout"]["xaxis"]["title"]["text"]


def test_without_held_out_text_there_is_one_line() -> None:
    figure = as_drawn(
        ngrams.skeleton(GUESSERS, LIGHT), ngrams.arrays(GUESSERS, 5 * LN2, None, LIGHT)
    )
    assert [shape["visible"] for shape in figure["layout"]["shapes"]] == [True, False]
    assert figure["layout"]["annotations"][1]["text"] == ""
    # a loss beyond every guesser is still in sight
    assert figure["layout"]["xaxis"]["range"][1] > 5


def test_what_has_been_beaten_is_said_in_words() -> None:
    assert ngrams.verdict(GUESSERS, 4 * LN2) == "no guesser beaten yet"
    assert ngrams.verdict(GUESSERS, 3.9 * LN2) == "has beaten guessing"
    assert ngrams.verdict(GUESSERS, 1.9 * LN2) == "all beaten, the 2-gram too"
    assert ngrams.verdict((), 1.0) == "no guesser beaten yet"


# The page


def visit(page: str = "data", **address: str) -> AppTest:
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    return turn_to(app, page)


def turn_to(app: AppTest, page: str) -> AppTest:
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def run_of(app: AppTest) -> LiveRun:
    value = app.query_params["run"]
    run = RUNS.find(value if isinstance(value, str) else value[0])
    assert run is not None
    return run


@pytest.fixture
def alice() -> AppTest:
    return visit(text="alice")


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def page_number(app: AppTest) -> int:
    return int(app.number_input(key="data_page").value)


def disabled(app: AppTest) -> set[str]:
    return {button.label for button in app.main.button if button.disabled}


def type_in(app: AppTest, typed: str) -> None:
    app.text_input(key="data_search").set_value(typed).run()
    assert not app.exception


def said(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.main.caption)


def table(app: AppTest, column: str) -> Any:
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


def test_a_fresh_page_tells_the_facts_and_trains_nothing() -> None:
    app = visit()
    facts = {metric.label: metric.value for metric in app.metric}
    assert facts["Characters"] == "1,695"
    assert facts["Distinct"] == "37"
    assert facts["Lines"] == "94"
    assert run_of(app).iteration == 0
    assert not app.warning
    assert "Nothing is held out" in said(app)


def test_the_vocabulary_is_complete_and_counts_up_to_the_text() -> None:
    shown = table(visit(), "index")
    text = PRESET["verse"].text()
    assert shown["count"].sum() == len(text)
    assert shown["share"].sum() == pytest.approx(100)
    space = shown[shown["code point"] == "U+0020"].iloc[0]
    assert (space["character"], space["name"], space["index"]) == ("␣", "space", 1)
    assert space["count"] == text.count(" ")


def test_what_each_guesser_knows_is_told_with_its_loss() -> None:
    app = visit()
    shown = table(app, "guesser")
    assert shown["guesser"].tolist() == ["guessing", "1-gram", "2-gram", "3-gram"]
    assert shown["bits per character"][0] == pytest.approx(math.log2(37))
    assert shown["perplexity"][0] == pytest.approx(37)
    levels = run_of(app).levels()
    assert levels.trigram is not None
    assert shown["bits per character"][3] == pytest.approx(levels.trigram / LN2)


def test_ngrams_of_the_chosen_length() -> None:
    app = visit()
    app.segmented_control(key="data_n").set_value(5).run()
    shown = table(app, "piece")
    expected = corpora.most_frequent(corpus_of(PRESET["verse"].text()), 5, data.NGRAMS_SHOWN)
    assert shown["count"].tolist() == expected.counts.tolist()
    assert shown["piece"][0] == "␣the␣"
    assert f"{expected.distinct:,} different ones among {expected.total:,}" in said(app)


def test_a_sign_of_several_letters_stands_in_brackets() -> None:
    app = visit()
    run_of(app).restart("a\x07b" * 40, Config(hidden_size=3, seq_length=5), OWN)
    app.run()
    assert "a‹U+0007›b" in table(app, "piece")["piece"].tolist()


def test_pages_turn_and_end(alice: AppTest) -> None:
    assert disabled(alice) >= {"First", "Previous"}
    press(alice, "Next")
    assert page_number(alice) == 2
    press(alice, "Previous")
    assert page_number(alice) == 1
    press(alice, "Last")
    assert page_number(alice) == 16
    assert disabled(alice) >= {"Next", "Last"}
    press(alice, "First")
    assert page_number(alice) == 1
    alice.number_input(key="data_page").set_value(7).run()
    assert page_number(alice) == 7


def test_a_shorter_text_has_fewer_pages(alice: AppTest) -> None:
    press(alice, "Last")
    run = run_of(alice)
    run.restart("short text, " * 30, run.config, OWN)
    alice.run()
    assert not alice.exception
    assert page_number(alice) == 1
    assert alice.number_input(key="data_page").max == 1


def test_search_goes_to_the_first_hit_and_on_around_the_end(alice: AppTest) -> None:
    text = PRESET["alice"].text()
    type_in(alice, "caucus")
    places = [place for place in range(len(text)) if text[place:].lower().startswith("caucus")]
    assert len(places) > 1
    assert f"{len(places)} hits; number 1" in said(alice)
    pages = corpora.pages(text)
    assert page_number(alice) == pages.of(places[0]) + 1
    press(alice, "Previous hit")
    assert f"number {len(places)}, " in said(alice)
    assert page_number(alice) == pages.of(places[-1]) + 1
    press(alice, "Next hit")
    assert f"at character {places[0] + 1:,}." in said(alice)


def test_search_begins_at_the_page_that_is_looked_at(alice: AppTest) -> None:
    press(alice, "Last")
    type_in(alice, "Alice")
    assert page_number(alice) == 16


def test_case_matters_when_asked(alice: AppTest) -> None:
    type_in(alice, "CAUCUS")
    assert "hits; number" in said(alice)
    alice.toggle(key="data_case").set_value(True).run()
    assert "Not found" in said(alice)
    assert disabled(alice) >= {"Previous hit", "Next hit"}


def test_following_the_reader_and_staying_where_it_was(alice: AppTest) -> None:
    run = run_of(alice)
    for _ in range(120):
        run.step()
    reading = textpage.reader_page(run.portrait()) + 1
    assert reading > 1
    alice.toggle(key="data_follow").set_value(True).run()
    assert alice.number_input(key="data_page").disabled
    alice.toggle(key="data_follow").set_value(False).run()
    assert page_number(alice) == reading
    alice.toggle(key="data_follow").set_value(True).run()
    press(alice, "Next")
    assert not alice.toggle(key="data_follow").value
    assert page_number(alice) == reading + 1


def test_choices_outlive_a_change_of_page(alice: AppTest) -> None:
    type_in(alice, "caucus")
    at = page_number(alice)
    alice.toggle(key="data_log").set_value(True).run()
    alice.segmented_control(key="data_n").set_value(2).run()
    turn_to(turn_to(alice, "train"), "data")
    assert alice.text_input(key="data_search").value == "caucus"
    assert page_number(alice) == at
    assert alice.toggle(key="data_log").value
    assert alice.segmented_control(key="data_n").value == 2


def test_held_out_text_is_told(alice: AppTest) -> None:
    assert "The last 3,135 characters, from character 28,217" in said(alice)


def test_the_persons_text_is_never_taken_for_markup() -> None:
    app = visit()
    run_of(app).restart(MARKUP, Config(hidden_size=3, seq_length=5), OWN)
    app.run()
    type_in(app, "<b>a</b> **bold**")
    rendered = [element.value for element in (*app.main.markdown, *app.main.caption)]
    rendered += [metric.value for metric in app.metric]
    assert rendered
    assert not any("<b>" in value or "bold" in value or "$x$" in value for value in rendered)
    # yet the tables hold it, as it is
    app.segmented_control(key="data_n").set_value(4).run()
    assert "<b>a" in table(app, "piece")["piece"].tolist()


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("ab" * 4, {"hidden_size": 1, "seq_length": 1}),
        ("ab", {"hidden_size": 1, "seq_length": 1}),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 3_000))) * 2, {"hidden_size": 2, "seq_length": 3}),
        ("\ud800\udfff e\u0301\u200d\n" * 20, {"hidden_size": 2, "seq_length": 3}),
        (LINES, {"hidden_size": 2, "seq_length": 3, "streams": 8, "held_out": 0.5}),
    ],
    ids=["tiny", "two characters", "3,000 characters", "odd characters", "streams"],
)
def test_any_run_can_be_looked_at(text: str, settings: dict[str, Any]) -> None:
    app = visit()
    run = run_of(app)
    run.restart(text, Config(**settings), OWN)
    app.run()
    assert not app.exception
    run.step()
    app.run()
    assert not app.exception
    assert table(app, "index")["count"].sum() == len(text)


def test_a_text_shorter_than_n_says_so() -> None:
    app = visit()
    run_of(app).restart("abc", Config(hidden_size=1, seq_length=1), OWN)
    app.run()
    app.segmented_control(key="data_n").set_value(6).run()
    assert not app.exception
    assert "The text is shorter than 6 characters." in said(app)


def test_a_very_long_text_is_counted_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "QUICK", 10)
    app = visit()
    assert not any("piece" in frame.value.columns for frame in app.dataframe)
    press(app, "Count them")
    jobs, end = run_of(app).jobs, time.monotonic() + 30
    while jobs.working and time.monotonic() < end:
        time.sleep(0.01)
    app.run()
    assert table(app, "piece")["count"].max() == 48
    assert not app.exception
