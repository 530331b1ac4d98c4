"""What the panels of a page show next: each panel has a source, and a frame carries what is new."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ui.live import LiveView

_LOGGER = logging.getLogger(__name__)

TIMES_SENT = 3
"""Streamlit drops a frame that the next one overtakes on the server, so what is new is sent again."""

BROKEN = {
    "broken": "This could not be drawn for a reason that lies in this program; training goes on."
}


@dataclass(frozen=True)
class Entry:
    """What one panel shows; ``content`` is built only where ``version`` is not what it was before."""

    version: Hashable
    content: Callable[[], dict[str, Any]]


Source = Callable[[LiveView], Entry]


@dataclass
class _Sent:
    version: Hashable
    number: int
    content: dict[str, Any]
    times: int


class Feeder:
    """Composes the frames of one run of a page."""

    def __init__(self) -> None:
        """Start without any panel."""
        self.whole = False
        """Whether any panel needs a view that is whole."""
        self._sources: dict[str, tuple[Source, str]] = {}
        self._sent: dict[str, _Sent] = {}

    def add(self, name: str, source: Source, revision: str) -> None:
        """Let ``source`` fill the panel ``name``, whose figure has this revision."""
        self._sources[name] = (source, revision)

    def frame(self, view: LiveView, sequence: int) -> dict[str, Any]:
        """The header of the next frame, arrays in place; `ui.frames.encode` packs it.

        Where a source fails, its panel says so; the other panels, and training, go on.
        """
        entries = {name: self._entry(name, view, sequence) for name in self._sources}
        panels = {name: entry for name, entry in entries.items() if entry is not None}
        return {"sequence": sequence, "panels": panels}

    def _entry(self, name: str, view: LiveView, sequence: int) -> dict[str, Any] | None:
        source, revision = self._sources[name]
        sent = self._sent.get(name)
        try:
            entry = source(view)
            if sent is None or sent.version != entry.version:
                sent = _Sent(entry.version, sequence, entry.content(), 0)
        except Exception:
            if sent is None or sent.content is not BROKEN:
                _LOGGER.exception("the panel %s could not be filled", name)
                sent = _Sent(None, sequence, BROKEN, 0)
        self._sent[name] = sent
        if sent.times == TIMES_SENT:
            return None
        sent.times += 1
        return {**sent.content, "revision": revision, "version": sent.number}
