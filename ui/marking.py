"""What the ribbons of the Sample page show: texts with shades, marks, tips and words below them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn.analysis.copied import SHORTEST, Copied
from rnn.analysis.surprise import Surprise
from rnn.vocabulary import char_mark, char_name
from ui import ribbon
from ui.figures.base import Scale
from ui.sheet import Glance, Written

LARGEST_SURPRISE = 8.0
"""Bits at which the shade of a character is full."""
_STRENGTH = 0.65  # of the shades of what is written, so that underlines stay clear on them
SURE = Scale(
    "0 %",
    "100 %",
    ("rgba(var(--rnn-surprised), 0.42) 0%", "transparent 50%", "rgba(var(--rnn-sure), 0.42) 100%"),
)
SURPRISED = Scale(
    "0 bits",
    f"{LARGEST_SURPRISE:.0f} or more",
    ("transparent 0%", "rgba(var(--rnn-surprised), 0.65) 100%"),
)
_MOST_NEW_WORDS = 24
_MOST_NAMED = 12
_MOST_TIPS_PLAYING = 500  # a longer text has no tips while it grows: they would fill every frame

Content = dict[str, Any]


# What was written


def sheet(glance: Glance) -> Content:
    """The sheet's text: shaded by probability, what is copied underlined, one character marked."""
    if glance.written is None:
        return ribbon.content("", empty="Nothing has been written yet.")
    written = glance.written
    picked = None if glance.picked is None else len(written.prime) + glance.picked
    content = _marked(written, picked, copied_words(written.found, len(written.text)))
    if glance.playing and len(written.text) > _MOST_TIPS_PLAYING:
        content["tips"] = None
    return content


def side(written: Written | None) -> Content:
    """One of several texts: shaded and underlined as the sheet's."""
    if written is None:
        return ribbon.content("", empty="Nothing has been written yet.")
    found = written.found
    words = [f"{written.mean_bits:.2f} bits per character"] if written.text else []
    if found is not None and found.share is not None:
        words.append(f"{found.share:.0%} copied")
    if found is not None and found.word_share is not None:
        words.append(f"{found.word_share:.0%} of the words known")
    return _marked(written, None, ", ".join(words) + ".")


def _marked(written: Written, picked: int | None, words: str) -> Content:
    before = len(written.prime)
    shade = np.zeros(len(written.whole))
    shade[before:] = _STRENGTH * (2.0 * written.probabilities - 1.0)
    owners = _owners(written)
    flags = np.full(len(written.whole), ribbon.MUTED, np.uint8)
    flags[before:] = np.where(owners >= 0, ribbon.SPAN, 0)
    tips = ["read, not written"] * before + _tips(written, owners)
    return ribbon.content(written.whole, shade, flags, tips, picked, words)


def _owners(written: Written) -> NDArray[np.intp]:
    """(n,) the number of the span that each character was copied in, or -1."""
    owners = np.full(len(written.text), -1)
    if written.found is not None:
        owners[: written.found.length] = written.found.owners
    return owners


def _tips(written: Written, owners: NDArray[np.intp]) -> list[str]:
    spans = written.found.spans if written.found else ()
    copies = [f"\ncopied: {span.length} characters, text from {span.place:,}" for span in spans]
    return [
        f"{char_mark(char)}  {p:.1%}{copies[owner] if owner >= 0 else ''}"
        for char, p, owner in zip(written.text, written.probabilities, owners, strict=True)
    ]


def copied_words(found: Copied | None, length: int) -> str:
    """How much of a sample of `length` characters stands in the training text, in sentences."""
    if found is None:
        return "Underlined, once it rests: what stands word for word in the training text."
    of = "it" if found.length == length else f"its first {found.length:,} characters"
    if found.longest is None:
        sentence = f"No {SHORTEST} characters in a row of {of} stand in the training text."
    else:
        sentence = (
            f"Underlined: {found.share:.0%} of {of} stands word for word in the training text, in spans "
            f"of at least {SHORTEST} characters; the longest has {found.longest.length:,}."
        )
    return f"{sentence} {_word_sentence(found)}".strip()


def _word_sentence(found: Copied) -> str:
    if found.word_share is None:
        return ""
    sentence = f"The text contains {found.word_share:.0%} of its {found.words:,} words."
    if not found.new_words:
        return sentence
    more = ", …" if len(found.new_words) > _MOST_NEW_WORDS else "."
    return f"{sentence} New: {', '.join(found.new_words[:_MOST_NEW_WORDS])}{more}"


# Surprise


def surprised(found: Surprise | None, chars: tuple[str, ...]) -> Content:
    """A text shaded by its surprisal; at each character, what it cost and the top guesses."""
    if found is None:
        return ribbon.content("", empty="Nothing has been measured yet.")
    scored = ~np.isnan(found.bits)
    shade = np.where(scored, -np.minimum(1.0, np.nan_to_num(found.bits) / LARGEST_SURPRISE), 0.0)
    strange = set(found.unknown)
    unknown = np.array([char in strange for char in found.text], bool)
    flags = np.where(unknown, ribbon.UNKNOWN, np.where(scored, 0, ribbon.MUTED))
    tips = [_surprise_tip(found, place, chars) for place in range(len(found.text))]
    return ribbon.content(found.text, shade, flags, tips, empty=surprise_words(found))


def _surprise_tip(found: Surprise, place: int, chars: tuple[str, ...]) -> str:
    char, bits = found.text[place], found.bits[place]
    if math.isnan(bits):
        passed = "not in the vocabulary, passed over" if char in found.unknown else "read only"
        return f"{char_name(char)}: {passed}"
    guesses = zip(found.guesses[place], found.shares[place], strict=True)
    expected = "  ".join(f"{char_mark(chars[guess])} {share:.0%}" for guess, share in guesses)
    return f"{char_mark(char)}: {bits:.2f} bits ({2.0**-bits:.1%})\nexpected: {expected}"


def surprise_words(found: Surprise) -> str:
    """The totals of a text, and which of its characters the network does not know."""
    if found.mean is None:
        sentence = "There is nothing to predict: it takes two characters that the network knows."
    else:
        sentence = (
            f"{found.total:,.1f} bits for {found.scored:,} characters: {found.mean:.3f} bits per character, "
            f"like choosing among {2.0**found.mean:,.1f} even ones each time. The first character is "
            "only read."
        )
    return f"{sentence} {_unknown_sentence(found.unknown)}".strip()


def _unknown_sentence(unknown: tuple[str, ...]) -> str:
    if not unknown:
        return ""
    named = ", ".join(char_name(char) for char in unknown[:_MOST_NAMED])
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    return (
        f"The network does not know {named}{more}: it passes over them as if they were not there."
    )
