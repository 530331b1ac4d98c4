"""Features of texts short enough to be told by eye."""

from __future__ import annotations

import numpy as np
import pytest

from rnn.analysis.features import DEPTH, FEATURES, FEWEST, observe

FEATURE = {feature.key: feature for feature in FEATURES}


def told(key: str, text: str) -> str:
    """A feature of every character: a digit, or a dot where the question does not arise."""
    values = FEATURE[key].measure(text)
    assert values.shape == (len(text),)
    return "".join("." if np.isnan(value) else f"{value:.0f}" for value in values)


CASES = [
    ("letter", "Ab, c1\n", "11.01.."),
    ("vowel", "Yes, Élan\n", "010..1010."),
    ("vowel", "Яма ςα 水 ß", "101.01...0"),
    ("capital", "aB 1Ǆß水", "01..10."),
    ("newline", "a\n\nb", "0110"),
    ("brackets", "a(b)c", "01100"),
    ("brackets", "([x])]y", "1111000"),
    ("brackets", "a) b", "0000"),
    ("depth", "f(g[1],(2))\n", "011221122100"),
    ("depth", "(a\n(b\n\nc", "111222" + "00"),
    ("quotes", 'a "b c" d', "001111000"),
    ("quotes", "«a» “b” ‘c’", "110" + "0" + "110" + "0" + "110"),
    ("quotes", "he said 'don't go' to", "000000001111111110000"),
    ("quotes", "the dogs' tail, it's", "0" * 20),
    ("quotes", "'it is \"so\" now' x", "1" * 15 + "000"),
    ("quotes", '"a\n\nb', "11100"),
    ("line", "ab\n\nc", "12001"),
    ("line", "abc", "..."),
    ("word", "It's a_b 12-x", "1234.123.12.1"),
    ("word", "'so' ", ".12.."),
    ("word", "012012", "......"),
]


@pytest.mark.parametrize(("key", "text", "expected"), CASES)
def test_known_cases(key: str, text: str, expected: str) -> None:
    assert told(key, text) == expected


@pytest.mark.parametrize("key", FEATURE)
@pytest.mark.parametrize("text", ["", "\n", "(", "'", "\ud800", "a\u0301", "\x00\t\r", "“”’"])
def test_any_text_can_be_asked(key: str, text: str) -> None:
    values = FEATURE[key].measure(text)
    assert values.shape == (len(text),)
    kept = values[~np.isnan(values)]
    assert np.all(kept >= 0)
    if not FEATURE[key].graded:
        assert set(kept) <= {0.0, 1.0}


def test_what_a_text_has_enough_of_is_observed_where_it_applies() -> None:
    observed, too_rare = observe("One two\n" * FEWEST)
    present = {one.feature.key: one for one in observed}
    assert set(present) == {"letter", "vowel", "capital", "newline", "line", "word"}
    assert {feature.key for feature in too_rare} == {"brackets", "quotes"}
    assert len(present["vowel"].places) == 6 * FEWEST
    assert present["vowel"].values.mean() == 0.5
    assert present["newline"].values.sum() == FEWEST


@pytest.mark.parametrize("ones", [FEWEST - 1, FEWEST])
def test_a_feature_is_too_rare_below_a_stated_number_of_places(ones: int) -> None:
    observed, too_rare = observe("abc " * 100 + "A" * ones)
    assert ("capital" in {one.feature.key for one in observed}) == (ones == FEWEST)
    assert ("capital" in {feature.key for feature in too_rare}) == (ones < FEWEST)


def test_depth_is_asked_only_where_brackets_stand_in_brackets() -> None:
    flat, too_rare = observe("(a)b\n" * 50)
    assert DEPTH not in {one.feature for one in flat}
    assert DEPTH not in too_rare
    nested, _ = observe("((a))b\n" * 50)
    assert DEPTH in {one.feature for one in nested}


def test_an_empty_text_has_none() -> None:
    observed, too_rare = observe("")
    assert observed == ()
    assert set(too_rare) == set(FEATURES) - {DEPTH}
