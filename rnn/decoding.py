"""What a person brings: bytes to text, the facts to show of it, whether it can be trained on.

The rules of `decode` are few and strict. A byte order mark is believed; without one, valid UTF-8 is
UTF-8; otherwise an encoding is guessed only when the outcome reads like text, and `Decoded.note`
says so. Everything else is refused with one sentence.
"""

from __future__ import annotations

import codecs
import math
import unicodedata
from dataclasses import dataclass

from rnn.vocabulary import char_name

# 50 MB is some seven minutes of reading at 5,000 windows of 25 characters a second, so training
# hardly comes round to the start of more; and the text with its indices already fills 0.5 GB.
MAX_BYTES = 50 << 20

# A Chinese novel has about 4,000. Each character costs 2 H weights, and training keeps about ten
# numbers a weight: 80 MB at this limit with H = 100 and float32, 0.8 GB with H = 1024.
MAX_VOCABULARY = 10_000

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32 LE"),
    (codecs.BOM_UTF32_BE, "UTF-32 BE"),
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "UTF-16 BE"),
)
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (Word and OpenDocument files are too)"),
    (b"\x1f\x8b\x08", "a gzip archive"),
)
_TEXT_CONTROLS = "\t\n\v\f\r\x1a\x1b"  # Ctrl-Z ends some old files, escape colours terminal logs
_OTHER_CONTROLS = bytes(set(range(1, 0x20)) - set(_TEXT_CONTROLS.encode())) + b"\x7f"
_UPPER_HALF = bytes(range(0x80, 0x100))
_BEYOND_LATIN_1 = bytes(range(0x80, 0xA0))  # printable in Windows-1252 only
_CONTROLS_SHARE = 0.1  # more than this, and valid UTF-8 is still no text
_ACCENTS_SHARE = 0.5  # French has about 0.05; Cyrillic or Greek in one byte each, about 0.8

_Reading = tuple[str, str, str]  # text, encoding, what to say of it


class DecodingError(ValueError):
    """The bytes cannot be read as text; the message is one sentence for the person."""


class TextProblem(ValueError):
    """The text cannot be trained on; the message is one sentence for the person."""


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was in (a name that `codecs` knows), and what was guessed or changed.

    `note` is one sentence, or empty for plain UTF-8 with nothing changed.
    """

    text: str
    encoding: str
    note: str


@dataclass(frozen=True)
class TextFacts:
    """What to show of any text: how many characters, distinct characters and lines it has."""

    length: int
    distinct: int
    lines: int


def describe(text: str) -> TextFacts:
    """Count a text's characters, distinct characters and lines; a last line may lack its end."""
    unended = bool(text) and not text.endswith("\n")
    return TextFacts(len(text), len(set(text)), text.count("\n") + unended)


def check_text(text: str) -> None:
    """Raise TextProblem for a text that no network can be trained on.

    Whether it is long enough for a given window is the trainer's to say.
    """
    if not text:
        raise TextProblem("The text is empty: paste some, or choose another one.")
    if len(text) == 1:
        raise TextProblem(
            f"The text is a single character ({char_name(text)}), so there is no next one to "
            "predict: add some more."
        )
    distinct = len(set(text))
    if distinct == 1:
        raise TextProblem(
            f"The text only repeats one character ({char_name(text[0])}), so there is nothing to "
            "learn: use at least two different ones."
        )
    if distinct > MAX_VOCABULARY:
        raise TextProblem(
            f"The text has {distinct:,} distinct characters, and the network has room for "
            f"{MAX_VOCABULARY:,}: choose a text in fewer scripts."
        )


def decode(data: bytes) -> Decoded:
    """Read a file's bytes as text, with LF at the end of every line.

    UTF-8, UTF-16 and UTF-32 with a byte order mark; without one UTF-8, UTF-16, and Windows-1252 or
    Latin-1 where most characters are ASCII.
    Raises DecodingError for no bytes, more than MAX_BYTES, or bytes that do not look like text.
    """
    _check_size(len(data))
    _check_signature(data)
    text, encoding, said = _marked(data) or _unmarked(data)
    if not text:
        raise DecodingError("The file holds a byte order mark and no text: choose another one.")
    if "\0" in text:
        raise DecodingError("The file holds NUL bytes, as only binary files do: choose a text.")
    text, changed = _with_lf(text)
    return Decoded(text, encoding, _sentence(said, changed))


def unified(text: str) -> tuple[str, str]:
    """A text that came as characters as a file's would be: without a byte order mark, lines with LF.

    With it comes one sentence on what was changed, empty if nothing was.
    """
    said = ""
    if text.startswith("\ufeff"):
        text, said = text[1:], "the byte order mark was left out"
    text, changed = _with_lf(text)
    return text, _sentence(said, changed)


def _check_size(size: int) -> None:
    if size == 0:
        raise DecodingError("The file is empty: choose one with some text in it.")
    if size > MAX_BYTES:
        megabytes = math.ceil(size / (1 << 20) * 10) / 10  # rounded up, so never the limit itself
        raise DecodingError(
            f"The file has {megabytes:,.1f} MB and at most {MAX_BYTES >> 20} MB can be read: "
            "choose a part of it."
        )


def _check_signature(data: bytes) -> None:
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            raise DecodingError(f"The file is {kind}: save its words as plain text first.")


def _marked(data: bytes) -> _Reading | None:
    """What stands behind a byte order mark; None without one."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                text = data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise DecodingError(
                    f"The file is marked as {encoding} but is damaged at byte "
                    f"{len(mark) + error.start:,}: save it again as UTF-8."
                ) from None
            return text, encoding, f"the byte order mark of {encoding} was left out"
    return None


def _unmarked(data: bytes) -> _Reading:
    wide = _wide(data)
    if wide is not None:
        return wide
    if _share(data, _OTHER_CONTROLS) > _CONTROLS_SHARE:
        raise DecodingError("The file holds control bytes, as binary files do: choose a text.")
    try:
        return data.decode("UTF-8"), "UTF-8", ""
    except UnicodeDecodeError:
        return _damaged(data) or _single_bytes(data)


def _wide(data: bytes) -> _Reading | None:
    """UTF-16: enough zeros, all in even or all in odd places, and nothing strange when read."""
    even, odd = data[::2].count(0), data[1::2].count(0)
    if len(data) % 2 or bool(even) == bool(odd):
        return None
    if (even + odd) * 2 < len(data) * _zeros_expected(data):
        return None
    encoding = "UTF-16 BE" if even else "UTF-16 LE"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    if any(_is_strange(char) for char in set(text)):
        return None
    return text, encoding, f"without a byte order mark, the file reads as {encoding}"


def _zeros_expected(data: bytes) -> float:
    """The share of zero bytes, of every other byte, from which on UTF-16 is considered.

    Spaces and line ends make a tenth in any script with spaces; but what would be a good text but
    for its zeros needs so many that most of it is ASCII in two bytes each.
    """
    try:
        data.decode("UTF-8")
    except UnicodeDecodeError:
        return 0.1
    return 0.1 if _share(data, _OTHER_CONTROLS) > _CONTROLS_SHARE else 0.8


def _is_strange(char: str) -> bool:
    """Whether text has no use for it, but misread bytes do: control, private or unassigned."""
    return unicodedata.category(char) in ("Cc", "Co", "Cn") and char not in _TEXT_CONTROLS


def _damaged(data: bytes) -> _Reading | None:
    """UTF-8 with a few bad bytes, as in a file cut short: the good sequences outnumber the bad."""
    text = data.decode("UTF-8", "replace")
    bad = text.count("\ufffd")
    good = len(text) - len(text.encode("ASCII", "ignore")) - bad
    if good <= bad:
        return None
    places = f"{bad:,} damaged place" if bad == 1 else f"{bad:,} damaged places"
    return text, "UTF-8", f"the sign \N{REPLACEMENT CHARACTER} stands for {places}"


def _single_bytes(data: bytes) -> _Reading:
    """Windows-1252 or Latin-1, if ASCII with some accents is all that the bytes hold."""
    encoding = "Windows-1252" if _share(data, _BEYOND_LATIN_1) else "Latin-1"
    accents = _share(data, _UPPER_HALF)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:  # five bytes stand for nothing in Windows-1252
        accents = 1.0
    if accents > _ACCENTS_SHARE or _share(data, _OTHER_CONTROLS + b"\0"):
        raise DecodingError(
            "The file is not text in an encoding that can be told: save it again as UTF-8."
        )
    return text, encoding, f"it is not UTF-8 and was read as {encoding}, so check the accents"


def _share(data: bytes, which: bytes) -> float:
    """The share of the bytes that are among `which`."""
    return 1 - len(data.translate(None, which)) / len(data)


def _with_lf(text: str) -> tuple[str, str]:
    """The text with LF as its only line end, and what was changed."""
    if "\r" not in text:
        return text, ""
    windows = text.count("\r\n")
    text = text.replace("\r\n", "\n")
    old = "CR LF" if windows else "CR"
    if windows and "\r" in text:
        old = "CR LF and CR"
    return text.replace("\r", "\n"), f"the line ends {old} were made LF"


def _sentence(*clauses: str) -> str:
    """The clauses that say something, as one sentence."""
    joined = "; ".join(filter(None, clauses))
    return f"{joined[0].upper()}{joined[1:]}." if joined else ""
