"""The text as data: counts, n-grams, search, pages and windows, against plain Python's answers."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn import Config, Trainer
from rnn.analysis import corpus as corpora
from rnn.analysis import portrait_of
from rnn.analysis.corpus import Guesser, corpus_of, facts, find, most_frequent, pages
from rnn.decoding import describe
from rnn.levels import Levels, levels
from rnn.vocabulary import Vocabulary

texts = st.text(alphabet=st.sampled_from("ab \nßİé\ud800́"), max_size=60)
any_text = st.text(alphabet=st.characters(), max_size=40)


def grams(text: str, n: int, most: int = 10_000) -> list[tuple[str, int]]:
    corpus = corpus_of(text)
    found = most_frequent(corpus, n, most)
    spelled = ["".join(corpus.chars[i] for i in gram) for gram in found.ids]
    return list(zip(spelled, found.counts.tolist(), strict=True))


def counted(text: str, n: int) -> list[tuple[str, int]]:
    """The same by a plain loop: by falling count, then by code points."""
    windows = Counter(text[i : i + n] for i in range(len(text) - n + 1))
    return sorted(windows.items(), key=lambda pair: (-pair[1], [ord(c) for c in pair[0]]))


def places(text: str, needle: str, match_case: bool = True) -> list[tuple[int, int]]:
    hits = find(corpus_of(text), needle, match_case)
    return list(zip(hits.starts.tolist(), hits.ends.tolist(), strict=True))


# Counts


def test_counts_shares_and_ranking_of_a_known_text() -> None:
    corpus = corpus_of("banana!")
    assert corpus.chars == ("!", "a", "b", "n")
    assert corpus.counts.tolist() == [1, 3, 1, 2]
    assert corpus.shares.tolist() == [1 / 7, 3 / 7, 1 / 7, 2 / 7]
    # equally frequent characters stay in order
    assert corpus.ranking.tolist() == [1, 3, 0, 2]


@given(any_text)
def test_counts_are_those_of_a_plain_loop(text: str) -> None:
    corpus = corpus_of(text)
    assert dict(zip(corpus.chars, corpus.counts.tolist(), strict=True)) == Counter(text)
    assert "".join(corpus.chars[i] for i in corpus.ids) == text


def test_a_given_vocabulary_is_used() -> None:
    vocabulary = Vocabulary.from_text("abc")
    assert corpus_of("abc", vocabulary).chars is vocabulary.chars


# Facts


def test_facts_of_a_known_text() -> None:
    found = facts(corpus_of("To be,\n\nor  not to be?\nno"))
    assert (found.lines, found.longest_line) == (4, len("or  not to be?"))
    assert (found.words, found.longest_word) == (7, 3)
    assert (found.characters, found.distinct) == (25, 11)


@given(texts)
def test_facts_agree_with_splitting_the_text(text: str) -> None:
    found = facts(corpus_of(text))
    assert found.words == len(text.split())
    assert found.longest_word == max(map(len, text.split()), default=0)
    assert found.longest_line == max(map(len, text.split("\n")))
    known = describe(text)
    assert (found.characters, found.distinct, found.lines) == (
        known.length,
        known.distinct,
        known.lines,
    )


# n-grams


def test_the_most_frequent_bigrams_of_banana() -> None:
    assert grams("bananas", 2) == [("an", 2), ("na", 2), ("as", 1), ("ba", 1)]
    found = most_frequent(corpus_of("bananas"), 2, 1)
    assert (found.total, found.distinct, len(found.ids)) == (6, 4, 1)
    assert found.shares.tolist() == [2 / 6]


@given(texts, st.integers(1, corpora.LONGEST_NGRAM), st.integers(1, 12))
def test_ngrams_are_those_of_a_plain_loop(text: str, n: int, most: int) -> None:
    assert grams(text, n, most) == counted(text, n)[:most]


@pytest.mark.parametrize("n", [1, 3, 5, 6])
def test_ngrams_whose_codes_do_not_fit_64_bits(n: int) -> None:
    # 8,000 distinct characters: their 6-grams would need 78 bits, the 5-grams 65
    rng = np.random.default_rng(0)
    once = "".join(chr(0x4E00 + i) for i in range(8_000))
    often = "".join(chr(0x4E00 + i) for i in rng.integers(7_990, 8_000, 3_000))
    text = once + often + once[::-1]
    assert grams(text, n, 40) == counted(text, n)[:40]


def test_a_text_shorter_than_n_has_no_ngrams() -> None:
    found = most_frequent(corpus_of("abc"), 4, 5)
    assert (found.total, found.distinct, found.ids.shape) == (0, 0, (0, 4))
    assert len(found.shares) == 0


@pytest.mark.parametrize(("n", "most"), [(0, 5), (7, 5), (2, 0)])
def test_what_cannot_be_counted_is_refused(n: int, most: int) -> None:
    with pytest.raises(ValueError, match="n from 1 to 6"):
        most_frequent(corpus_of("abc"), n, most)


# Guessers


def test_guessers_stand_in_order_and_convert_their_loss() -> None:
    found = corpora.guessers(Levels(math.log(8), math.log(4), math.log(2), 0.0))
    assert [g.name for g in found] == ["guessing", "1-gram", "2-gram", "3-gram"]
    assert [g.bits for g in found] == pytest.approx([3, 2, 1, 0])
    assert [g.perplexity for g in found] == pytest.approx([8, 4, 2, 1])
    assert len({g.knows for g in found}) == 4


def test_a_text_too_short_for_a_guesser_goes_without() -> None:
    corpus = corpus_of("ab")
    names = [g.name for g in corpora.guessers(levels(corpus.ids.astype(np.intp), 2))]
    assert names == ["guessing", "1-gram", "2-gram"]
    assert corpora.guessers(Levels(None, None, None, None)) == ()


def test_beaten_is_the_guesser_that_knows_most_of_those_that_lose_more() -> None:
    found = (Guesser("a", "", 3.0), Guesser("b", "", 2.0), Guesser("c", "", 1.0))
    assert corpora.beaten(found, 4.0) is None
    assert corpora.beaten(found, 3.0) is None
    assert corpora.beaten(found, 2.5) is found[0]
    assert corpora.beaten(found, 0.5) is found[2]


# Search


def test_overlapping_hits_are_all_found() -> None:
    assert places("banana", "ana") == [(1, 4), (3, 6)]
    assert places("aaaa", "aa") == [(0, 2), (1, 3), (2, 4)]


def test_case_matters_only_when_asked() -> None:
    assert places("Ana, ANA", "ana") == []
    assert places("Ana, ANA", "ana", match_case=False) == [(0, 3), (5, 8)]


def test_case_folding_may_change_the_length() -> None:
    text = "Straße, STRASSE"
    assert places(text, "strasse", match_case=False) == [(0, 6), (8, 15)]
    assert places(text, "ß", match_case=False) == [(4, 5), (12, 14)]
    # half a character is no hit
    assert places("ß", "s", match_case=False) == []


def test_combining_marks_and_lone_surrogates_are_characters_like_others() -> None:
    text = "e\u0301 \ud800x \ud800"
    assert places(text, "e") == [(0, 1)]
    assert places(text, "\u0301") == [(1, 2)]
    assert places(text, "\ud800") == [(3, 4), (6, 7)]
    assert places(text, "\ud800X", match_case=False) == [(3, 5)]


@pytest.mark.parametrize("needle", ["", "z", "ab" * 10])
@pytest.mark.parametrize("match_case", [True, False])
def test_what_is_not_there_is_not_found(needle: str, match_case: bool) -> None:
    assert places("abab", needle, match_case) == []
    assert places("", needle, match_case) == []


@given(texts, st.text(alphabet=st.sampled_from("ab \nßİé\ud800́"), min_size=1, max_size=3))
def test_search_is_that_of_a_plain_loop(text: str, needle: str) -> None:
    expected = [i for i in range(len(text)) if text.startswith(needle, i)]
    assert [start for start, _ in places(text, needle)] == expected
    folded = [
        (i, j)
        for i in range(len(text))
        for j in range(i + 1, len(text) + 1)
        if text[i:j].casefold() == needle.casefold()
    ]
    assert places(text, needle, match_case=False) == folded


def test_hits_on_a_stretch_and_the_next_one() -> None:
    hits = find(corpus_of("aab--aab--"), "aab")
    assert (hits.starts.tolist(), hits.ends.tolist()) == ([0, 5], [3, 8])
    assert list(hits.within(0, 5)) == [0]
    assert list(hits.within(2, 6)) == [0, 1]
    assert list(hits.within(3, 5)) == []
    assert list(hits.within(7, 10)) == [1]
    assert [hits.at_or_after(place) for place in (0, 1, 5, 6)] == [0, 1, 1, 0]


def test_without_hits_there_is_nothing_to_step_through() -> None:
    hits = find(corpus_of("ab"), "c")
    assert len(hits) == 0
    assert list(hits.within(0, 2)) == []
    assert hits.at_or_after(1) == 0


# Pages


def test_pages_end_where_a_line_or_a_word_does_if_one_is_near() -> None:
    cut = pages("word " * 10, size=22)
    assert cut.starts == (0, 20, 40, 50)
    lines = pages(("x" * 8 + "\n") * 3 + "yy zz", size=10)
    assert lines.bounds(0) == (0, 9)
    assert pages("x" * 25, size=10).starts == (0, 10, 20, 25)


@given(texts, st.integers(1, 25))
def test_pages_hold_the_whole_text_in_order(text: str, size: int) -> None:
    cut = pages(text, size)
    parts = [text[slice(*cut.bounds(page))] for page in range(len(cut))]
    assert "".join(parts) == text
    assert all(0 < len(part) <= size for part in parts) or not text
    assert [cut.of(place) for place in range(len(text))] == [
        page for page, part in enumerate(parts) for _ in part
    ]


def test_a_page_that_does_not_exist_is_the_nearest_one() -> None:
    cut = pages("x" * 25, size=10)
    assert cut.bounds(-3) == cut.bounds(0) == (0, 10)
    assert cut.bounds(99) == (20, 25)
    assert (cut.of(-1), cut.of(25)) == (0, 2)


def test_an_empty_text_has_one_empty_page() -> None:
    cut = pages("")
    assert len(cut) == 1
    assert cut.bounds(0) == (0, 0)


# Windows


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("steps", [0, 1, 7, 40])
def test_window_starts_are_where_the_next_step_reads(streams: int, steps: int) -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("abcdefgh"), 200))
    trainer = Trainer(text, Config(hidden_size=3, seq_length=8, streams=streams, held_out=0.2))
    for _ in range(steps):
        trainer.step()
    starts = corpora.window_starts(portrait_of(trainer))
    assert len(starts) == streams
    trainer.step()
    assert trainer.last_window is not None
    read = trainer.vocabulary.decode(trainer.last_window.inputs)
    assert text[starts[0] : starts[0] + 8] == read
    assert np.diff(starts).tolist() == [160 // streams] * (streams - 1)
    assert starts[-1] + 8 < 160
