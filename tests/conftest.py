"""What all tests share: runs are kept in a folder that goes when the tests are over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

# No test asserts a time, and what passes once passes again.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def runs_folder() -> Iterator[str]:
    """Where this test session's runs are kept; servers that it starts keep theirs there too."""
    with TemporaryDirectory(prefix="runs-", ignore_cleanup_errors=True) as folder:
        os.environ["RNN_RUNS"] = folder
        yield folder
