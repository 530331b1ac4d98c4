"""Reference levels against entropies worked out by hand and by counting; the units of the loss."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn import levels as module
from rnn.levels import UNITS, Levels, convert, levels
from rnn.vocabulary import Vocabulary


def levels_of(text: str) -> Levels:
    words = Vocabulary.from_text(text)
    return levels(words.encode(text), len(words))


def counted(text: str, order: int) -> float:
    """The mean of -ln(count / count of the context), n-gram by n-gram."""
    ngrams = [text[i : i + order] for i in range(len(text) - order + 1)]
    counts, contexts = Counter(ngrams), Counter(ngram[:-1] for ngram in ngrams)
    return -sum(math.log(counts[n] / contexts[n[:-1]]) for n in ngrams) / len(ngrams)


class TestLevels:
    def test_a_loop_is_known_from_one_character_on(self) -> None:
        known = levels_of("012" * 20)
        assert known.uniform == pytest.approx(math.log(3))
        assert known.unigram == pytest.approx(math.log(3))
        assert known.bigram == pytest.approx(0, abs=1e-12)
        assert known.trigram == pytest.approx(0, abs=1e-12)

    def test_worked_by_hand(self) -> None:
        # aabab: a 3 times, b twice; pairs aa, ab, ba, ab; triples aab, aba, bab
        known = levels_of("aabab")
        assert known.unigram == pytest.approx(-(3 * math.log(3 / 5) + 2 * math.log(2 / 5)) / 5)
        assert known.bigram == pytest.approx(-(math.log(1 / 3) + 2 * math.log(2 / 3)) / 4)
        assert known.trigram == pytest.approx(0, abs=1e-12)

    @given(text=st.text(alphabet="abcdé", min_size=3, max_size=80))
    def test_against_plain_counting(self, text: str) -> None:
        known = levels_of(text)
        for order, level in enumerate((known.unigram, known.bigram, known.trigram), start=1):
            assert level == pytest.approx(counted(text, order), abs=1e-12)

    @given(text=st.text(alphabet="abcdé", min_size=3, max_size=80))
    def test_many_characters_are_counted_the_same_way(self, text: str) -> None:
        ids = Vocabulary.from_text("abcdé").encode(text)
        huge = 0x110000  # too many for a table of n-grams
        assert 5**3 < module._DENSE < huge**2
        dense, sorted_ = levels(ids, 5), levels(ids * 200_000, huge)
        assert sorted_.bigram == pytest.approx(dense.bigram, abs=1e-12)
        assert sorted_.trigram == pytest.approx(dense.trigram, abs=1e-12)

    @pytest.mark.parametrize(
        ("text", "missing"),
        [
            ("", ["uniform", "unigram", "bigram", "trigram"]),
            ("a", ["bigram", "trigram"]),
            ("ab", ["trigram"]),
            ("abc", []),
        ],
    )
    def test_short_texts(self, text: str, missing: list[str]) -> None:
        assert [name for name, level in vars(levels_of(text)).items() if level is None] == missing

    def test_one_character_only(self) -> None:
        assert levels_of("aaaa") == Levels(0.0, 0.0, 0.0, 0.0)


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "value"), [("window", 50.0), ("nats", 2.0), ("bits", 2 / math.log(2))]
    )
    def test_worked_cases(self, unit: str, value: float) -> None:
        assert convert(2.0, unit, 25) == pytest.approx(value)

    def test_perplexity_of_the_uniform_guess_is_the_number_of_characters(self) -> None:
        assert convert(math.log(37), "perplexity", 25) == pytest.approx(37)

    @pytest.mark.parametrize("unit", [unit.key for unit in UNITS])
    def test_arrays_convert_element_by_element(self, unit: str) -> None:
        losses, lengths = np.array([0.5, 1.5, 3.0]), np.array([10, 20, 25])
        converted = convert(losses, unit, lengths)
        assert isinstance(converted, np.ndarray)
        singly = [convert(float(x), unit, int(t)) for x, t in zip(losses, lengths, strict=True)]
        assert converted.tolist() == pytest.approx(singly)
        assert losses.tolist() == [0.5, 1.5, 3.0]

    def test_shapes_and_types_stay(self) -> None:
        assert type(convert(1.0, "bits", 25)) is float
        assert convert(np.empty(0), "perplexity", 25).shape == (0,)

    def test_a_huge_loss_has_infinite_perplexity_without_a_warning(self) -> None:
        assert convert(1000.0, "perplexity", 25) == math.inf

    def test_an_unknown_unit(self) -> None:
        with pytest.raises(ValueError, match="no unit 'bit'; choose from window, nats, bits"):
            convert(1.0, "bit", 25)
