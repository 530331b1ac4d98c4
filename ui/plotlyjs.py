"""Brings Plotly's JavaScript, which its Python package ships, to where the browser can fetch it.

A file that the server serves is loaded beside everything else and kept in the browser's cache. Where
the project's folder cannot be written, the code travels with the page instead, which takes longer.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import NamedTemporaryFile

from plotly.offline import get_plotlyjs, get_plotlyjs_version

STATIC = Path(__file__).parent.parent / "static"
"""Streamlit serves this folder, which stands beside the entry script, as ``app/static``."""

TRACES = ("bar", "heatmap", "table")
"""The kinds of trace that figures are made of, beside the scatter that Plotly always has."""


def served_path(folder: Path = STATIC) -> str | None:
    """The address of the served copy, relative to the app's; made now if there is none yet.

    ``None`` where the folder cannot be written.
    """
    copy = folder / f"plotly-{get_plotlyjs_version()}-{'-'.join(TRACES)}.min.js"
    try:
        if not copy.is_file():
            folder.mkdir(exist_ok=True)
            _write(copy, _unwrapped(_lean(get_plotlyjs())))
    except OSError:
        return None
    return f"app/static/{copy.name}"


_NAME = r"[\w$]+"
_LISTED = re.compile(rf"\.register\(\[({_NAME}\(\)(?:,{_NAME}\(\))*)\]\)")


def _lean(code: str) -> str:
    """``code`` that starts up no kinds of trace but `TRACES`, so that the first chart comes sooner.

    Each kind, with all that it needs, is in modules that run once they are called for, and one list
    calls for all kinds. Code in which the list, or a kind in it, is not found stays as it is.
    """
    listed = _LISTED.search(code)
    calls = [_call(code, kind) for kind in TRACES]
    if not listed or not set(calls) <= set(listed[1].split(",")):
        return code
    return code[: listed.start(1)] + ",".join(calls) + code[listed.end(1) :]


def _call(code: str, kind: str) -> str:
    """How the list calls for a kind of trace; empty where that is not found."""
    module = _module_around(code, f'moduleType:"trace",name:"{kind}"')
    # What is listed is a module that only hands on the one of the kind.
    listed = _module_around(code, f".exports={module}()}}") if module else None
    return f"{listed}()" if listed else ""


def _module_around(code: str, words: str) -> str | None:
    """The name of the module that has these words in it, such as ``x`` in ``x=W((e,t)=>{words``."""
    begin = code.rfind("=W((", 0, max(0, code.find(words)))
    name = re.search(rf"{_NAME}$", code[max(0, begin - 20) : max(0, begin)])
    return name[0] if name else None


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
