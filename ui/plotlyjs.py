"""Brings Plotly's JavaScript, which its Python package ships, to where the browser can fetch it.

A file that the server serves is loaded beside everything else and kept in the browser's cache. Where
the project's folder cannot be written, the code travels with the page instead, which takes longer.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from plotly.offline import get_plotlyjs, get_plotlyjs_version

STATIC = Path(__file__).parent.parent / "static"
"""Streamlit serves this folder, which stands beside the entry script, as ``app/static``."""


def served_path(folder: Path = STATIC) -> str | None:
    """The address of the served copy, relative to the app's; made now if there is none yet.

    ``None`` where the folder cannot be written.
    """
    copy = folder / f"plotly-{get_plotlyjs_version()}-bare.min.js"
    try:
        if not copy.is_file():
            folder.mkdir(exist_ok=True)
            _write(copy, _unwrapped(get_plotlyjs()))
    except OSError:
        return None
    return f"app/static/{copy.name}"


_LICENCE_END, _BODY, _END = "*/", '"use strict";var Plotly=', "return Plotly;"


def _unwrapped(code: str) -> str:
    """``code`` without its wrapper for module loaders, so that it starts sooner.

    The wrapper holds the whole library in a function, and a browser reads what is inside a function
    twice: to skip it, and to run it. Code that is wrapped in another way stays as it is.
    """
    licence, body, end = code.find(_LICENCE_END), code.find(_BODY), code.rfind(_END)
    if not -1 < licence < body < end:
        return code
    return code[: licence + len(_LICENCE_END)] + "\n" + code[body:end]


def _write(path: Path, text: str) -> None:
    # Two servers may start at once: each writes a file of its own, and either may take the name.
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
