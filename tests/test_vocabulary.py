"""Characters to indices and back, for any Unicode text, and names for characters nobody can see."""

from __future__ import annotations

import copy
import pickle
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn import vocabulary
from rnn.vocabulary import UnknownCharacter, Vocabulary, char_mark, char_name

any_text = st.text(alphabet=st.characters(exclude_categories=()))  # lone surrogates too
any_char = st.characters(exclude_categories=())


class TestVocabulary:
    @given(text=any_text)
    def test_round_trip(self, text: str) -> None:
        words = Vocabulary.from_text(text)
        ids = words.encode(text)
        assert ids.shape == (len(text),)
        assert ids.dtype == np.intp
        assert words.decode(ids) == text
        assert [words.chars[index] for index in ids] == list(text)

    @given(text=any_text)
    def test_characters_are_distinct_and_sorted(self, text: str) -> None:
        assert Vocabulary.from_text(text).chars == tuple(sorted(set(text)))

    @given(known=any_text, other=any_text)
    def test_unknown_characters_are_found(self, known: str, other: str) -> None:
        words = Vocabulary.from_text(known)
        missing = tuple(sorted(set(other) - set(known)))
        assert words.unknown(other) == missing
        if missing:
            with pytest.raises(UnknownCharacter) as error:
                words.encode(other)
            assert error.value.chars == missing
        else:
            assert words.decode(words.encode(other)) == other

    def test_worked_case(self) -> None:
        words = Vocabulary.from_text("hello")
        assert words.chars == ("e", "h", "l", "o")
        assert words.encode("hello").tolist() == [1, 0, 2, 2, 3]
        assert words.decode([3, 2, 2, 0, 1]) == "olleh"
        assert len(words) == 4

    def test_a_text_longer_than_one_piece(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vocabulary, "_PIECE", 3)
        text = "abcdefg\U0001f600\ud83d\ude00"
        words = Vocabulary.from_text(text)
        assert len(words) == 10
        assert words.decode(words.encode(text)) == text

    def test_the_largest_code_point(self) -> None:
        words = Vocabulary.from_text("a" + chr(sys.maxunicode))
        assert words.encode(chr(sys.maxunicode) + "a").tolist() == [1, 0]
        assert Vocabulary.from_text("a").unknown(chr(sys.maxunicode)) == (chr(sys.maxunicode),)

    def test_every_other_code_point_is_unknown(self) -> None:
        words = Vocabulary.from_text("ac")
        for code in range(2000):
            char = chr(code)
            if char not in "ac":
                with pytest.raises(UnknownCharacter):
                    words.encode(char)

    def test_the_empty_text(self) -> None:
        words = Vocabulary.from_text("")
        assert len(words) == 0
        assert words.decode(words.encode("")) == ""
        with pytest.raises(UnknownCharacter):
            words.encode("a")

    @pytest.mark.parametrize("index", [-1, 4])
    def test_an_index_outside_is_refused(self, index: int) -> None:
        with pytest.raises(IndexError, match=r"0\.\.3"):
            Vocabulary.from_text("hello").decode([0, index])

    def test_equality_hash_and_copies(self) -> None:
        words = Vocabulary.from_text("hello")
        assert words == Vocabulary.from_text("holle")
        assert words != Vocabulary.from_text("help")
        assert hash(words) == hash(Vocabulary(("e", "h", "l", "o")))
        for twin in (copy.deepcopy(words), pickle.loads(pickle.dumps(words))):
            assert twin == words
            assert twin.encode("ole").tolist() == words.encode("ole").tolist()

    @pytest.mark.parametrize("chars", [("b", "a"), ("a", "a"), ("ab",), ("",)])
    def test_characters_out_of_order_are_refused(self, chars: tuple[str, ...]) -> None:
        with pytest.raises(ValueError, match="vocabulary"):
            Vocabulary(chars)


class TestUnknownCharacter:
    def test_one(self) -> None:
        assert str(UnknownCharacter(("\n",))) == (
            "The network does not know the character ↵ newline; "
            "use only characters that its training text has."
        )

    def test_many(self) -> None:
        assert "the characters 0, 1, 2, 3, 4, 5, 6, 7 and 2 more;" in str(
            UnknownCharacter(tuple("0123456789"))
        )


class TestNames:
    @pytest.mark.parametrize(
        ("char", "name", "mark"),
        [
            ("a", "a", "a"),
            ("é", "é", "é"),
            ("語", "語", "語"),
            (" ", "␠ space", "␣"),
            ("\n", "↵ newline", "↵"),
            ("\t", "⇥ tab", "⇥"),
            ("\r", "␍ carriage return", "␍"),
            ("\x07", "U+0007 BELL", "U+0007"),
            ("\x01", "U+0001 CONTROL", "U+0001"),
            ("\xa0", "U+00A0 NO-BREAK SPACE", "U+00A0"),
            ("\u200b", "U+200B ZERO WIDTH SPACE", "U+200B"),
            ("\u2028", "U+2028 LINE SEPARATOR", "U+2028"),
            ("\u0301", "◌\u0301 COMBINING ACUTE ACCENT", "◌\u0301"),
            ("\ud83d", "U+D83D LONE SURROGATE", "U+D83D"),
            ("\ue000", "U+E000 PRIVATE USE", "U+E000"),
            ("\U000e0fff", "U+E0FFF UNASSIGNED", "U+E0FFF"),
            ("␣", "␣", "U+2423"),
        ],
    )
    def test_worked_cases(self, char: str, name: str, mark: str) -> None:
        assert char_name(char) == name
        assert char_mark(char) == mark

    @given(char=any_char)
    def test_marks_and_names_can_be_seen_and_printed(self, char: str) -> None:
        for shown in (char_name(char), char_mark(char)):
            assert shown.strip() == shown != ""
            assert not any(unicodedata.category(part)[0] == "C" for part in shown)
            shown.encode("utf-8")

    def test_no_two_characters_share_a_mark(self) -> None:
        marks = {char_mark(chr(code)) for code in range(0x30000)}
        assert len(marks) == 0x30000
