"""Bytes to text, and which texts can be trained on."""

from __future__ import annotations

import codecs
import io
import random
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn.decoding import (
    MAX_BYTES,
    MAX_VOCABULARY,
    DecodingError,
    TextFacts,
    TextProblem,
    check_text,
    decode,
    describe,
)

GREETING = "Grüße aus Köln, naïve Zoë"
GREEK = "Μῆνιν ἄειδε, θεά"
MARKED = {
    "UTF-8": codecs.BOM_UTF8,
    "UTF-16 LE": codecs.BOM_UTF16_LE,
    "UTF-16 BE": codecs.BOM_UTF16_BE,
    "UTF-32 LE": codecs.BOM_UTF32_LE,
    "UTF-32 BE": codecs.BOM_UTF32_BE,
}


def is_one_sentence(message: str) -> bool:
    return message[0].isupper() and message.endswith(".") and ". " not in message


def zip_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text.txt", "some text " * 100)
    return file.getvalue()


# -- what is read ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a", "plain ASCII\n", GREETING, GREEK, "日本語", "👩‍🔬 \u202etxet"]
)
def test_utf8_is_read_without_a_word(text: str) -> None:
    decoded = decode(text.encode())
    assert (decoded.text, decoded.encoding, decoded.note) == (text, "UTF-8", "")


@pytest.mark.parametrize("text", ["a", GREETING, GREEK, "日本語\n", "🙂"])
@pytest.mark.parametrize("encoding", MARKED)
def test_byte_order_mark_is_believed_and_left_out(encoding: str, text: str) -> None:
    decoded = decode(MARKED[encoding] + text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert decoded.note == f"The byte order mark of {encoding} was left out."


@pytest.mark.parametrize(
    "text", ["ab", GREETING, "Μῆνιν ἄειδε, θεά\n", "Привет, мир", "日本\n語 🙂\n"]
)
@pytest.mark.parametrize("encoding", ["UTF-16 LE", "UTF-16 BE"])
def test_utf16_without_a_mark_is_recognised(encoding: str, text: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert decoded.note == f"Without a byte order mark, the file reads as {encoding}."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GREETING, "Latin-1"),
        ("¡Olé!\n", "Latin-1"),
        ("“Smart” quotes — 5 €", "Windows-1252"),
    ],
)
def test_western_single_bytes_are_read_with_a_warning(text: str, encoding: str) -> None:
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.encoding) == (text, encoding)
    assert encoding in decoded.note
    assert "check the accents" in decoded.note


def test_utf8_cut_short_keeps_its_good_characters() -> None:
    decoded = decode(GREETING.encode()[:-1])
    assert decoded.text == GREETING[:-1] + "\N{REPLACEMENT CHARACTER}"
    assert decoded.encoding == "UTF-8"
    assert decoded.note == "The sign \N{REPLACEMENT CHARACTER} stands for 1 damaged place."


@pytest.mark.parametrize(
    ("data", "text", "which"),
    [
        (b"a\r\nb\r\n", "a\nb\n", "CR LF"),
        (b"a\rb\r", "a\nb\n", "CR"),
        (b"a\r\n\rb\nc", "a\n\nb\nc", "CR LF and CR"),
        (b"\r", "\n", "CR"),
    ],
)
def test_line_ends_become_lf(data: bytes, text: str, which: str) -> None:
    decoded = decode(data)
    assert decoded.text == text
    assert decoded.note == f"The line ends {which} were made LF."


def test_two_remarks_make_one_sentence() -> None:
    decoded = decode(codecs.BOM_UTF16_LE + "a\r\nb".encode("UTF-16 LE"))
    assert decoded.text == "a\nb"
    assert decoded.note == (
        "The byte order mark of UTF-16 LE was left out; the line ends CR LF were made LF."
    )


def test_terminal_log_is_text() -> None:
    log = "\x1b[31mred\x1b[0m\tand\fplain\n"
    assert decode(log.encode()).text == log


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1))
def test_every_text_comes_back_from_every_marked_encoding(text: str) -> None:
    for encoding, mark in MARKED.items():
        assert decode(mark + text.encode(encoding)).text == text


@given(st.binary(max_size=200))
def test_any_bytes_give_a_text_or_a_sentence(data: bytes) -> None:
    try:
        decoded = decode(data)
    except DecodingError as error:
        sentence = str(error)
    else:
        sentence = decoded.note or "Nothing to say."
        assert decoded.text
        assert not {"\0", "\r"} & set(decoded.text)
        assert codecs.lookup(decoded.encoding)
    assert is_one_sentence(sentence)


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (codecs.BOM_UTF8, "no text"),
        (codecs.BOM_UTF16_LE, "no text"),
        (codecs.BOM_UTF32_BE, "no text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PNG image"),
        (zip_archive(), "ZIP archive"),
        (b"%PDF-1.7\nall of it ASCII", "PDF document"),
        (b"\x1f\x8b\x08\x00", "gzip archive"),
        (b"\xff\xd8\xff\xe0", "JPEG image"),
        (b"GIF89a", "GIF image"),
        (b"a text with a\0zero in it", "NUL bytes"),
        (b"ab\0c", "NUL bytes"),
        ("Grüße mit einer Null\0!".encode(), "NUL bytes"),
        (b"a\0\0\0b\0\0\0", "NUL bytes"),
        (GREETING.encode("Latin-1") + b"\0", "save it again as UTF-8"),
        (b"\0\x01\0\x02\0\x03", "control bytes"),
        (b"a\0" * 8 + b"\x01\xd8", "save it again as UTF-8"),
        (codecs.BOM_UTF8 + b"a\0b", "NUL bytes"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "marked as UTF-16 LE but is damaged at byte 2"),
        (codecs.BOM_UTF8 + b"ab\xff", "marked as UTF-8 but is damaged at byte 5"),
        (bytes(range(1, 128)), "control bytes"),
        (b"\x01\x02\x03", "control bytes"),
        ("Привет, мир".encode("cp1251"), "save it again as UTF-8"),
        ("こんにちは、世界".encode("shift_jis"), "save it again as UTF-8"),
        ("你好，世界".encode("gbk"), "save it again as UTF-8"),
        (b"mostly ASCII, but \x81 stands for nothing", "save it again as UTF-8"),
        (b"an accent \xe9 beside a control \x02", "save it again as UTF-8"),
    ],
)
def test_what_is_not_text_is_refused_with_one_sentence(data: bytes, expected: str) -> None:
    with pytest.raises(DecodingError, match=expected) as caught:
        decode(data)
    assert is_one_sentence(str(caught.value))


def test_random_bytes_are_never_taken_for_text() -> None:
    generator = random.Random(0)
    for _ in range(200):
        with pytest.raises(DecodingError):
            decode(generator.randbytes(200))


def test_the_largest_file_is_read_and_one_byte_more_is_not() -> None:
    largest = b"0123456789abcde\n" * (MAX_BYTES // 16)
    assert len(decode(largest).text) == MAX_BYTES
    with pytest.raises(DecodingError, match=r"has 50\.1 MB and at most 50 MB") as caught:
        decode(largest + b"x")
    assert is_one_sentence(str(caught.value))


# -- what can be trained on --------------------------------------------------------------------


def distinct_characters(count: int) -> str:
    return "".join(map(chr, range(count)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("x", r"single character \(x\)"),
        ("\ud800", "single character"),
        ("aaaa", r"one character \(a\)"),
        ("\n\n", "newline"),
        (distinct_characters(MAX_VOCABULARY + 1), "10,001 distinct characters"),
        (distinct_characters(1_000_000), "1,000,000 distinct characters"),
    ],
)
def test_a_text_that_cannot_be_learnt_is_a_problem(text: str, expected: str) -> None:
    with pytest.raises(TextProblem, match=expected) as caught:
        check_text(text)
    assert is_one_sentence(str(caught.value))
    str(caught.value).encode()  # shows even a lone surrogate in a form that a page can send


@pytest.mark.parametrize(
    "text",
    [
        "ab",
        "a\0",
        "a\ud800",
        "<script>alert(1)</script>",
        distinct_characters(MAX_VOCABULARY),
        distinct_characters(2) * 1_000,
    ],
)
def test_any_two_different_characters_will_do(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", TextFacts(length=0, distinct=0, lines=0)),
        ("a", TextFacts(length=1, distinct=1, lines=1)),
        ("ab\nba\n", TextFacts(length=6, distinct=3, lines=2)),
        ("ab\n\nba", TextFacts(length=6, distinct=3, lines=3)),
        ("🙂e\u0301", TextFacts(length=3, distinct=3, lines=1)),
        (chr(sys.maxunicode) + "\ud800", TextFacts(length=2, distinct=2, lines=1)),
    ],
)
def test_facts_count_characters_and_lines(text: str, facts: TextFacts) -> None:
    assert describe(text) == facts
