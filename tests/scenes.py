"""Plays asynchronous scenes in tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run ``scene`` to its end, on a thread of its own.

    Where browser tests have run before, the main thread already has an event loop, and a second
    one cannot run in it.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, scene).result()
