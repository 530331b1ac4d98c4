"""The windows of the text that the network reads, left to right and around again."""

from __future__ import annotations

import numpy as np

from rnn.network import Array


class TextError(ValueError):
    """The text cannot be trained on as asked; `str(error)` is one sentence for people."""


class Reader:
    """Cuts a text (as indices) into B equal parts and reads all of them in step.

    `pointer` is where the next window starts, counted from the start of each part, unless `wraps`;
    `epoch` counts how often the parts have been read to their end.
    """

    def __init__(self, ids: Array, streams: int) -> None:
        """Prepare to read `ids` (n,) in `streams` parts of n // streams characters."""
        self.pointer = 0
        self.epoch = 0
        self._characters = len(ids)
        self._streams = streams
        self._length = len(ids) // streams
        compact = np.uint16 if ids.max(initial=0) < 1 << 16 else np.uint32
        parts = ids[: self._length * streams].astype(compact).reshape(streams, self._length)
        self._columns = parts.T  # (n // B, B): a window is a slice of rows

    def require(self, seq_length: int) -> None:
        """Raise TextError unless a window and its last target fit in every part."""
        if self._length < seq_length + 1:
            parts = f" in each of {self._streams} streams" if self._streams > 1 else ""
            raise TextError(
                f"The text has {self._characters:,} characters to train on, but a sequence length "
                f"of {seq_length}{parts} needs at least {(seq_length + 1) * self._streams:,}; "
                "choose a longer text or a shorter sequence length."
            )

    def wraps(self, seq_length: int) -> bool:
        """Whether the next window of this length starts over, from a zero hidden state."""
        return self.pointer + seq_length + 1 >= self._length

    def read(self, ids: Array) -> bool:
        """Fill `ids` (T + 1, B) with the next window and move on; True if it started over."""
        steps = len(ids) - 1
        wraps = self.wraps(steps)
        if wraps:
            self.epoch += self.pointer > 0
            self.pointer = 0
        ids[...] = self._columns[self.pointer : self.pointer + steps + 1]
        self.pointer += steps
        return wraps
