"""Threads that come and go share the C library's heaps, and what is free in those goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info") if sys.platform == "linux" else True,
    reason="other C libraries than glibc keep their heaps in another way",
)

ROOT = Path(__file__).parents[1]

HEAPS = """
import ctypes, sys, threading
{first}
c_library = ctypes.CDLL(None)
c_library.malloc.restype = ctypes.c_void_p
both = threading.Barrier(9)

def use():
    c_library.malloc(1000)
    both.wait()

threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
both.wait()
c_library.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(c_library.fdopen(1, b"w"))
c_library.malloc_info(0, stream)
c_library.fflush(stream)
"""


def heaps(first: str) -> int:
    """How many heaps there are after eight threads have taken memory at once."""
    ended = subprocess.run(
        [sys.executable, "-c", HEAPS.format(first=first)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.count("<heap nr=")


def test_threads_share_the_heaps_that_there_are() -> None:
    assert heaps("") > 2
    assert heaps("from ui.heap import keep_few; keep_few()") == 1


def test_the_dashboard_keeps_few_heaps() -> None:
    assert heaps("import ui.state") <= 2


RESIDENT = """
import ctypes
from ui.heap import hand_back
c_library = ctypes.CDLL(None)
c_library.malloc.restype = ctypes.c_void_p

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

pieces = [ctypes.c_void_p(c_library.malloc(100_000)) for _ in range(500)]
for piece in pieces:
    ctypes.memset(piece, 1, 100_000)
for piece in pieces[:-1]:
    c_library.free(piece)
before = resident()
hand_back()
print(before - resident())
"""


def test_what_is_free_goes_back_to_the_system() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", RESIDENT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(ended.stdout) > 40e6
