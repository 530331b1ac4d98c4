"""What can go wrong with a store, each said in one sentence for people.

A sentence may hold the name of a run, which a person chose: show it as text, never as Markdown.
"""

from __future__ import annotations


class StoreError(ValueError):
    """The store cannot do what was asked; what is in memory and what was saved are untouched."""


class StoreGoneError(StoreError):
    """The store's folder or its index was taken away after it had been opened."""


class NoRunError(StoreError):
    """There is no such run, or no such snapshot of it."""


class NameTakenError(StoreError):
    """Another run has that name already."""


class LeaseError(StoreError):
    """Somebody else leads the run: it may be watched, but not trained or written from here."""


class ForkError(StoreError):
    """The weights cannot follow a change that was asked of a fork."""


class TransferError(StoreError):
    """A file that cannot be imported as a run, or a run that cannot be written to one."""


class DamagedError(StoreError):
    """A saved state cannot be read.

    `iteration` is that of the damaged state, `whole` the newest iteration of the same run that can
    be read, None if there is none.
    """

    def __init__(self, sentence: str, iteration: int, whole: int | None = None) -> None:
        """Keep the sentence and the iterations it speaks of."""
        super().__init__(sentence)
        self.iteration, self.whole = iteration, whole
