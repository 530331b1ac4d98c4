"""One BLAS thread while a network trains, and whatever was set before given back afterwards.

At the sizes of this project a second BLAS thread makes every product slower: handing over the
work costs more than the work. The number of threads belongs to the whole process, so it is
limited only inside `single_thread`, and the last one to leave restores it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def single_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside; may be nested and entered by several threads at once."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _before
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = [library.num_threads for library in _blas_libraries()]
            for library in _blas_libraries():
                library.set_num_threads(1)


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            for library, threads in zip(_blas_libraries(), _before, strict=True):
                library.set_num_threads(threads)


@cache
def _blas_libraries() -> list[Any]:
    """Handles of the loaded BLAS libraries; finding them takes a millisecond, hence the cache."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
