"""The number of BLAS threads is the program's, whichever of its threads asks for it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from rnn import threads as module
from rnn.threads import single_thread, stay_single

SEVERAL = 2
PATIENCE = 30.0  # seconds; for a slow machine, not a measure


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def several(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a program that has limited nothing yet, on a machine of several cores."""
    monkeypatch.setattr(module, "_limit", module._Limit())
    with threadpool_limits(SEVERAL, user_api="blas"):
        assert set(blas_threads()) == {SEVERAL}
        OpenBLASController.clear_controlling_thread(force=True)
        yield


def test_a_limit_holds_though_another_thread_that_has_set_one_lives_on() -> None:
    was_inside, may_go = threading.Event(), threading.Event()

    def limit_and_live_on() -> None:
        with single_thread():
            pass
        was_inside.set()
        may_go.wait(PATIENCE)

    other = threading.Thread(target=limit_and_live_on)
    other.start()
    assert was_inside.wait(PATIENCE)
    try:
        with single_thread():
            assert set(blas_threads()) == {1}
    finally:
        may_go.set()
        other.join(PATIENCE)
    assert set(blas_threads()) == {SEVERAL}


def test_one_who_stays_single_outlives_all_others() -> None:
    with single_thread():
        stay_single()
    assert set(blas_threads()) == {1}


def test_a_thread_that_has_ended_is_not_held() -> None:
    def limit() -> None:
        with single_thread():
            pass

    other = threading.Thread(target=limit)
    other.start()
    other.join(PATIENCE)
    ended = weakref.ref(other)
    del other
    gc.collect()
    assert ended() is None
