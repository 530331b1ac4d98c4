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
                        _set_threads(library, 1)

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for library, threads in self._before:
                    if threads != 1:
                        _set_threads(library, threads)


_limit = _Limit()


def single_thread() -> _Limit:
    """Limit BLAS to one thread in a `with`; may be nested and entered by several threads at once."""
    return _limit


def stay_single() -> None:
    """Limit BLAS to one thread until the process ends; for programs of which training is the purpose.

    OpenBLAS lets a thread spin for a tenth of a second after each product that it took part in. A
    single larger product between two ticks, again and again, keeps a whole core busy with nothing.
    """
    _limit.__enter__()


def _set_threads(library: Any, threads: int) -> None:
    """Set a library's number of threads, whichever thread of the program has set it before.

    Of OpenBLAS, threadpoolctl lets only the thread that was first set it again as long as that lives,
    and holds on to it even when it has ended, with all that hangs on it.
    """
    let_go = getattr(library, "clear_controlling_thread", None)
    if let_go is not None:
        let_go(force=True)
    library.set_num_threads(threads)
    if let_go is not None:
        let_go(force=True)


@cache
def _blas_libraries() -> list[Any]:
    """Handles of the loaded BLAS libraries; finding them takes a millisecond, hence the cache."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
