"""Copied spans and words, against an exhaustive search and on cases whose answer is plain."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn.analysis.copied import Copied, copied

TEXT = "Who killed Cock Robin? I, said the Sparrow, with my bow and arrow, I killed Cock Robin.\n"


def quiet(share: float) -> None:
    assert 0.0 <= share <= 1.0


def compare(sample: str, text: str, shortest: int = 8) -> Copied:
    return copied(sample, text, quiet, shortest)


def spans(found: Copied) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in found.spans]


def exhaustive(sample: str, text: str, shortest: int) -> list[tuple[int, int]]:
    """Every stretch that the text has, without those inside a longer one."""
    n = len(sample)
    ends = [max((e for e in range(s, n + 1) if sample[s:e] in text), default=s) for s in range(n)]
    maximal = [(s, e) for s, e in enumerate(ends) if s == 0 or e > ends[s - 1]]
    return [(s, e) for s, e in maximal if e - s >= shortest]


# -- spans -----------------------------------------------------------------------------------------


@given(
    sample=st.text("ab", max_size=40),
    text=st.text("ab", max_size=60),
    shortest=st.integers(1, 9),
)
def test_spans_are_those_of_an_exhaustive_search(sample: str, text: str, shortest: int) -> None:
    found = compare(sample, text, shortest)
    assert spans(found) == exhaustive(sample, text, shortest)
    for span in found.spans:
        assert text[span.place : span.place + span.length] == sample[span.start : span.end]


@pytest.mark.parametrize("seed", range(5))
def test_spans_of_a_patchwork_are_those_of_an_exhaustive_search(seed: int) -> None:
    generator = random.Random(seed)
    text = "".join(generator.choice("abc ") for _ in range(3000))
    patches = []
    for _ in range(12):
        start = generator.randrange(len(text))
        patches.append(text[start : start + generator.randrange(5, 60)])
    sample = "".join(patches)
    assert spans(compare(sample, text)) == exhaustive(sample, text, 8)


def test_a_copied_line_between_new_ones() -> None:
    found = compare("xx zz, said the Sparrow, qq yy", TEXT)
    (span,) = found.spans
    assert "xx zz, said the Sparrow, qq yy"[span.start : span.end] == ", said the Sparrow, "
    assert TEXT[span.place :].startswith(", said the Sparrow, ")
    assert found.share == pytest.approx(20 / 30)
    assert found.longest == span
    assert found.owners.tolist() == [-1] * 5 + [0] * 20 + [-1] * 5


def test_eight_characters_count_and_seven_do_not() -> None:
    assert spans(compare("12345678", "--12345678--")) == [(0, 8)]
    assert spans(compare("1234567x", "--12345678--")) == []


def test_spans_that_overlap_are_both_kept_and_counted_once() -> None:
    found = compare("abcdefghijklmnop", "..abcdefghijkl..efghijklmnop..")
    assert spans(found) == [(0, 12), (4, 16)]
    assert found.share == 1.0
    # Of two, the longer has the character; here they are as long, and the later one has it.
    assert set(found.owners[:4]) == {0}
    assert set(found.owners[12:]) == {1}


def test_a_sample_that_is_the_text_is_one_span() -> None:
    (span,) = compare(TEXT, TEXT).spans
    assert (span.start, span.end, span.place) == (0, len(TEXT), 0)


def test_nothing_is_copied_from_another_text_or_by_an_empty_sample() -> None:
    assert compare("completely different, really", "0123456789" * 5).share == 0.0
    empty = compare("", TEXT)
    assert (empty.spans, empty.share, empty.word_share, empty.longest) == ((), None, None, None)
    assert compare(TEXT, "short").spans == ()


def test_any_character_will_do() -> None:
    text = "\ud800🙂<b>&amp;\x00 é́ \ud800🙂"
    (span,) = compare("new" + text + "new", "old" + text + "old").spans
    assert (span.start, span.end, span.place) == (3, 3 + len(text), 3)


def test_a_million_repetitive_characters_come_to_an_end() -> None:
    # A third of a million places for every run of the sample: comparing them pair by pair would not.
    noisy = ("abc" * 8 + "x") * 80
    found = compare(noisy, "abc" * 333_333)
    assert spans(found) == [(start, start + 24) for start in range(0, len(noisy), 25)]


def test_the_work_is_reported_often_and_can_be_ended() -> None:
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        if share > 0.7:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        copied(TEXT * 3, TEXT * 3000, stop)
    assert shares == sorted(shares)
    assert len(shares) > 10


# -- words -----------------------------------------------------------------------------------------


def test_words_are_whole_words() -> None:
    found = compare("x killed Robi Cock said cock Zork Zork x", TEXT)
    # Of the inner words, killed, Cock and said are in the text; Robi is only a part of one.
    assert (found.words, found.known_words) == (7, 3)
    assert found.word_share == pytest.approx(3 / 7)
    assert found.new_words == ("Robi", "cock", "Zork")


def test_words_at_the_edges_may_be_cut_and_do_not_count() -> None:
    assert compare("lled Cock Rob", TEXT).words == 1
    assert compare(" killed ", TEXT).word_share == 1.0
    assert compare("killed", TEXT).word_share is None


def test_apostrophes_and_signs() -> None:
    text = "who'll snake_case don’t 42\n"
    found = compare("- who'll who snake_case don’t 42 -", text)
    assert found.new_words == ("who",)
    assert found.words == 5
