"""Starts the dashboard as the README does, and finds a browser for it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 60.0  # seconds; for a slow machine, not a measure


class NoBrowser(RuntimeError):
    """There is no Chromium on this machine."""


def browser_path() -> str:
    """Where Chromium is; raises `NoBrowser`."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise NoBrowser(f"no browser found (looked for {', '.join(BROWSERS)})")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str, ended: Callable[[], object]) -> None:
    """Return once the server answers. Raises RuntimeError if it has ended, or takes too long."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        if ended():
            raise RuntimeError("the server ended before it answered")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not answer in time")


@contextmanager
def serving(
    port: int | None = None, script: str = "dashboard.py", log: IO[bytes] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of a dashboard, or of another script, on a free port if none is given.

    What the server has to say goes to ``log``, if there is one.
    """
    port = port or free_port()
    with TemporaryFile() as unread:
        said = log or unread
        command = [sys.executable, "-m", "streamlit", "run", script]
        options = ["--server.port", str(port), "--server.headless", "true"]
        process = subprocess.Popen(command + options, cwd=ROOT, stdout=said, stderr=said)
        url = f"http://localhost:{port}"
        try:
            wait_until_healthy(url, lambda: process.poll() is not None)
            yield url, process
        finally:
            process.terminate()
            process.wait(timeout=20)
