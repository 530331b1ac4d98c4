"""One BLAS thread while a network trains, and whatever was set before given back afterwards.

At the sizes of this project a second BLAS thread makes a step slower: handing the work over costs
more than the work, and the browser wants the other core. The number of threads belongs to the
whole process, so it is limited only inside `single_thread`, and the last one to leave restores it.
"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limit:
    """Counts who is inside; the first one in limits the threads, the last one out restores them.

    A class, not a generator function, because it is entered at every single step.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = [(library, library.num_threads) for library in _blas_libraries()]
                for library, threads in self._before:
                    if threads != 1:
                        library.set_num_threads(1)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for library, threads in self._before:
                    if threads != 1:
                        library.set_num_threads(threads)


_limit = _Limit()


def single_thread() -> _Limit:
    """Limit BLAS to one thread in a `with`; may be nested and entered by several threads at once."""
    return _limit


@cache
def _blas_libraries() -> list[Any]:
    """Handles of the loaded BLAS libraries; finding them takes a millisecond, hence the cache."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
