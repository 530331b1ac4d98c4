"""Keeps the C library's heaps few, and hands back what is free in them.

glibc lets threads make heaps of their own, up to eight for each core, and here every click is answered
by a new thread. What was freed in one heap serves only the threads that use the same one: in an hour of
clicks the heaps came to hold as much free memory as memory in use. Python's own lock lets one thread work
at a time anyhow, so nothing is gained by many heaps.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

_ARENA_MAX = -8
"""The number by which glibc's `mallopt` knows the most heaps that may be made (M_ARENA_MAX, malloc.h)."""


def keep_few() -> None:
    """Let threads that are still to come share the heaps that there are; on glibc only."""
    limit = _of_c_library("mallopt")
    if limit is not None:
        limit(_ARENA_MAX, 1)


def hand_back() -> None:
    """Give the free memory in all heaps back to the system; on glibc only."""
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def _of_c_library(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
