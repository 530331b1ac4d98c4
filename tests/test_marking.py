"""What the Sample page's ribbons and charts say: shades, marks, tips, words, bars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.copied import Copied, Span
from rnn.analysis.surprise import surprise
from rnn.analysis.writer import Choice, Writer
from rnn.levels import Levels, levels
from ui import marking, ribbon
from ui.figures import choices, rivals
from ui.figures.base import filled
from ui.frames import encode
from ui.palette import DARK, LIGHT
from ui.sheet import Glance, Written

TEXT = "the cat sat on the mat, and the rat sat too.\n" * 5


def quiet(share: float) -> None:
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    trainer = Trainer(TEXT, Config(hidden_size=12))
    trainer.advance(steps=100)
    return portrait_of(trainer)


def shades(content: dict[str, Any]) -> list[float]:
    quantised = content["shade"]
    return list(np.round(quantised.array * quantised.scale, 2))


FOUND = Copied(12, (Span(2, 10, 30),), words=4, known_words=1, new_words=("zork", "blip"))


def written(found: Copied | None = None, prime: str = "ab") -> Written:
    probabilities = np.array([1.0, 0.5, 0.0] + [0.5] * 9)
    return Written(prime, "<b>:red[x\n$]", probabilities, 40, found)


def glance(text: Written | None, picked: int | None = None, playing: bool = False) -> Glance:
    return Glance(1, 1, text, picked, playing)


# -- what was written ------------------------------------------------------------------------------


def test_a_sheet_is_shaded_by_probability_and_its_prime_is_muted() -> None:
    content = marking.sheet(glance(written(), picked=1))
    assert content["marks"][:5] == ["a", "b", "<", "b", ">"]
    assert shades(content)[:5] == [0.0, 0.0, 0.65, 0.0, -0.65]
    assert content["flags"].tolist() == [ribbon.MUTED] * 2 + [0] * 12
    assert content["picked"] == 3
    assert content["tips"][0] == "read, not written"
    assert content["tips"][2] == "<  100.0%"
    assert content["tips"][11] == "↵  50.0%"


def test_what_was_copied_is_underlined_and_told() -> None:
    content = marking.sheet(glance(written(FOUND)))
    assert content["flags"].tolist() == [ribbon.MUTED] * 2 + [0] * 2 + [ribbon.SPAN] * 8 + [0] * 2
    assert content["tips"][4] == ">  0.0%\ncopied: 8 characters, text from 30"
    words = content["empty"]
    assert "67% of it stands word for word" in words
    assert "the longest has 8." in words
    assert "The text contains 25% of its 4 words. New: zork, blip." in words


def test_a_text_that_has_grown_since_says_so() -> None:
    grown = Written("", "x" * 20, np.full(20, 0.5), 0, FOUND)
    content = marking.sheet(glance(grown))
    assert "67% of its first 12 characters" in content["empty"]
    assert content["flags"].tolist() == [0] * 2 + [ribbon.SPAN] * 8 + [0] * 10


def test_words_for_what_is_all_new_and_for_no_words_at_all() -> None:
    nothing = Copied(20, (), words=0, known_words=0, new_words=())
    assert (
        marking.copied_words(nothing, 20)
        == "No 8 characters in a row of it stand in the training text."
    )
    many = Copied(9, (), 30, 0, tuple(f"w{i}" for i in range(30)))
    assert marking.copied_words(many, 9).endswith("w22, w23, …")
    assert "once it rests" in marking.copied_words(None, 5)


def test_an_empty_sheet_says_so() -> None:
    assert marking.sheet(glance(None))["empty"] == "Nothing has been written yet."
    assert marking.side(None)["empty"] == "Nothing has been written yet."


def test_a_long_text_has_tips_only_at_rest() -> None:
    long = Written("", "x" * 600, np.full(600, 0.5), 0, None)
    assert marking.sheet(glance(long, playing=True))["tips"] is None
    assert len(marking.sheet(glance(long))["tips"]) == 600


def test_a_growing_text_fits_a_frame(portrait: Portrait) -> None:
    for n, playing in ((500, True), (1999, True)):
        writer = Writer(portrait)
        text = Written("", writer.write(n), writer.probabilities, 0, None)
        panels = {"written": marking.sheet(glance(text, playing=playing))}
        assert len(encode({"panels": panels})) < 40_000


def test_one_of_several_texts_tells_its_figures() -> None:
    words = marking.side(written(FOUND))["empty"]
    assert words.endswith("67% copied, 25% of the words known.")
    even = Written("", "xxxx", np.full(4, 0.25), 0, None)
    assert marking.side(even)["empty"] == "2.00 bits per character."


def test_any_character_can_be_sent() -> None:
    strange = Written("\ud800", "🙂\udfff\x00", np.array([0.1, 0.2, 0.3]), 0, None)
    assert encode({"panels": {"written": marking.sheet(glance(strange))}})


# -- surprise --------------------------------------------------------------------------------------


def test_surprise_is_shaded_from_nothing_to_full() -> None:
    trainer = Trainer("abcd" * 20, Config(hidden_size=4, init_scale=0.0, dtype="float64"))
    trainer.params["by"][...] = np.log([0.5, 0.25, 0.25 - 2**-9, 2**-9])
    found = surprise(portrait_of(trainer), "a<abd", quiet)
    content = marking.surprised(found, trainer.vocabulary.chars)
    assert content["flags"].tolist() == [ribbon.MUTED, ribbon.UNKNOWN, 0, 0, 0]
    assert shades(content) == [0.0, 0.0, -0.13, -0.25, -1.0]
    tips = content["tips"]
    assert tips[0] == "a: read only"
    assert tips[1] == "<: not in the vocabulary, passed over"
    assert tips[2] == "a: 1.00 bits (50.0%)\nexpected: a 50%  b 25%  c 25%  d 0%"
    words = content["empty"]
    assert "12.0 bits for 3 characters: 4.000 bits per character" in words
    assert "among 16.0 even ones" in words
    assert "The network does not know <: it passes over them" in words


def test_many_unknown_characters_are_named_up_to_a_limit(portrait: Portrait) -> None:
    found = surprise(portrait, "".join(map(chr, range(0x410, 0x430))), quiet)
    words = marking.surprise_words(found)
    assert words.startswith("There is nothing to predict")
    assert "А, Б" in words
    assert "and 20 more" in words


def test_a_surprise_not_yet_measured_says_so(portrait: Portrait) -> None:
    assert "Nothing has been measured" in marking.surprised(None, ())["empty"]
    assert marking.surprised(surprise(portrait, "", quiet), ())["marks"] == []


# -- how a character was chosen --------------------------------------------------------------------


def choice(before: list[float], after: list[float], character: int) -> Choice:
    return Choice(character, 1.0, 0, np.zeros(2), np.array(before), np.array(after))


def test_bars_stand_in_order_with_the_drawn_one_framed() -> None:
    shown = choices.arrays(
        choice([0.125, 0.5, 0.25, 0.125], [0.0, 0.75, 0.25, 0.0], 2), tuple("ab<\n")
    )
    figure = filled(choices.skeleton(LIGHT), shown)
    np.testing.assert_allclose(figure.data[0].y, [0.5, 0.25, 0.125, 0.125])
    np.testing.assert_allclose(figure.data[1].y, [0.75, 0.25, 0.0, 0.0])
    assert figure.layout.xaxis.ticktext == ("b", "<", "a", "↵")
    assert shown["0.customdata"] == ["b", "&lt;", "a", "↵ newline"]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0.5, 1.5)
    before, after = (note.text for note in figure.layout.annotations[1:3])
    assert before == "expected: 1.75 bits, like 3.4 even choices"
    assert after == "drawn from: 0.81 bits, like 1.8 even choices"
    assert figure.layout.yaxis.range[1] == pytest.approx(0.75 * 1.14)


def test_the_last_bar_gathers_all_others_and_what_was_drawn_is_never_among_them() -> None:
    p = np.linspace(1, 0.1, 3000)
    p /= p.sum()
    chars = tuple(map(chr, range(0x4E00, 0x4E00 + 3000)))
    shown = choices.arrays(choice(list(p), list(p), 2500), chars)
    assert len(shown["0.y"]) == choices.MOST_BARS + 1
    assert float(np.sum(shown["0.y"])) == pytest.approx(1.0)
    assert shown["labels.x"][-2:] == [chars[2500], "⋯"]
    assert shown["0.customdata"][-1] == "the other 2,976 together"
    assert shown["layout.shapes.0.x0"] == choices.MOST_BARS - 1.5


@pytest.mark.parametrize("size", [1, 3, choices.MOST_BARS, choices.MOST_BARS + 1])
def test_a_small_vocabulary_has_all_its_bars(size: int) -> None:
    p = [1 / size] * size
    shown = choices.arrays(choice(p, p, size - 1), tuple(map(chr, range(65, 65 + size))))
    assert len(shown["0.y"]) == size
    assert "⋯" not in shown["labels.x"]


def test_charts_are_empty_without_data_and_say_so() -> None:
    for palette in (LIGHT, DARK):
        figure = filled(choices.skeleton(palette), choices.arrays(None, ()))
        assert figure.layout.annotations[0].visible
        nothing = rivals.arrays(None, Levels(None, None, None, None))
        figure = filled(rivals.skeleton(palette), nothing)
        assert figure.layout.annotations[0].visible
        assert isinstance(figure, go.Figure)


def test_rivals_stand_beside_the_levels_of_their_text(portrait: Portrait) -> None:
    found = surprise(portrait, TEXT[:100], quiet)
    own = levels(portrait.vocabulary.encode(TEXT), len(portrait.vocabulary))
    shown = rivals.arrays(found, own)
    assert found.mean is not None
    assert found.model_means is not None
    np.testing.assert_allclose(shown["0.y"], [found.mean, *found.model_means[::-1]], rtol=1e-6)
    assert own.trigram is not None
    assert own.bigram is not None
    assert own.unigram is not None
    assert shown["1.x"] == [1, 2, 3]
    expected = np.array([own.trigram, own.bigram, own.unigram]) / math.log(2)
    np.testing.assert_allclose(shown["1.y"], expected, rtol=1e-6)
    figure = filled(rivals.skeleton(LIGHT), shown)
    assert figure.layout.yaxis.range[1] > max(shown["0.y"])


def test_a_text_too_short_for_levels_has_bars_alone(portrait: Portrait) -> None:
    shown = rivals.arrays(surprise(portrait, "the cat", quiet), Levels(1.0, None, None, None))
    assert shown["1.x"] == []
    assert len(shown["0.y"]) == 5
