"""What the dashboard is told when it is started: `streamlit run dashboard.py -- --runs FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rnn.store import StoreError, default_folder


def runs_folder() -> Path:
    """Where this server keeps its runs. Raises StoreError if it was started with half an option."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--runs", type=Path)
    try:
        known, _ = parser.parse_known_args(sys.argv[1:])
    except argparse.ArgumentError as error:
        raise StoreError(
            "The option --runs was given without the folder to keep runs in."
        ) from error
    return known.runs or default_folder()
