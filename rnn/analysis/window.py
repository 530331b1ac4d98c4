"""The window that the next training step will read."""

from __future__ import annotations

from rnn.analysis.portrait import Portrait
from rnn.network import Array


def next_window(portrait: Portrait) -> Array:
    """(T + 1,) the characters of the first stream's next window, its last target included.

    The state that it is read from is `portrait.hidden`.
    """
    end = portrait.pointer + portrait.config.seq_length + 1
    return portrait.vocabulary.encode(portrait.text[portrait.pointer : end])
