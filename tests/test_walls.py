"""Who may import whom, and what pages must not hold; told with file and line where it is broken."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("rnn", "ui", "pages", "tests", "bench")


@dataclass(frozen=True)
class Code:
    """A file of the project: its path from the root, and what it says."""

    path: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """As it would be imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def within(self, room: str) -> bool:
        return self.path.startswith(f"{room}/")


Finding = tuple[int, str]  # a line, and what is wrong there
Wall = Callable[[Code], Iterator[Finding]]


def parsed(path: str, source: str) -> Code:
    return Code(path, ast.parse(source, filename=path))


@cache
def imports(code: Code) -> list[Finding]:
    """Line and full name of everything imported; `from a import b` gives a.b, which may be a module."""
    return [finding for node in ast.walk(code.tree) for finding in imported_by(node, code)]


def imported_by(node: ast.AST, code: Code) -> Iterator[Finding]:
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = code.path.split("/")[: -node.level] if node.level else []
        module = [*package, *([node.module] if node.module else [])]
        yield from ((node.lineno, ".".join([*module, alias.name])) for alias in node.names)
    elif isinstance(node, ast.Call):
        yield from imported_by_call(node)


def imported_by_call(call: ast.Call) -> Iterator[Finding]:
    function = (
        call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    )
    if function in ("import_module", "__import__", "importorskip") and call.args:
        name = call.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield call.lineno, name.value


def root(module: str) -> str:
    return module.split(".")[0]


# The walls


def rnn_stands_alone(code: Code) -> Iterator[Finding]:
    if not code.within("rnn"):
        return
    for line, module in imports(code):
        if root(module) not in {"rnn", "numpy", "threadpoolctl", *sys.stdlib_module_names}:
            yield line, f"rnn imports {module}"


def figures_know_no_streamlit(code: Code) -> Iterator[Finding]:
    if code.within("ui/figures"):
        for line, module in imports(code):
            if root(module) == "streamlit":
                yield line, f"a figure imports {module}"


SESSION = ("session_state", "query_params")


def one_module_holds_the_session(code: Code) -> Iterator[Finding]:
    if code.path == "ui/state.py" or code.within("tests") or code.within("bench"):
        return
    for node in ast.walk(code.tree):
        for line, name in names_in(node):
            if name in SESSION:
                yield line, f"{name} belongs to ui/state.py"


def names_in(node: ast.AST) -> Iterator[Finding]:
    """What a node names by itself: an attribute, a variable, an imported name, a string."""
    if isinstance(node, ast.Attribute):
        yield node.lineno, node.attr
    elif isinstance(node, ast.Name):
        yield node.lineno, node.id
    elif isinstance(node, ast.ImportFrom):
        yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value


def nothing_imports_pages_or_the_entry(code: Code) -> Iterator[Finding]:
    for line, module in imports(code):
        if root(module) in ("pages", "dashboard"):
            yield line, f"imports {module}"


def pages_hold_no_arithmetic(code: Code) -> Iterator[Finding]:
    if not code.within("pages"):
        return
    allowed = set(unions_of_types(code.tree))
    for node in ast.walk(code.tree):
        if isinstance(node, ast.BinOp | ast.AugAssign) and node not in allowed:
            yield node.lineno, f"a page works out {ast.unparse(node)}"


def unions_of_types(tree: ast.Module) -> Iterator[ast.BinOp]:
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                parts = (part for part in ast.walk(annotation) if isinstance(part, ast.BinOp))
                yield from (part for part in parts if isinstance(part.op, ast.BitOr))


WALLS: tuple[Wall, ...] = (
    rnn_stands_alone,
    figures_know_no_streamlit,
    one_module_holds_the_session,
    nothing_imports_pages_or_the_entry,
    pages_hold_no_arithmetic,
)


def breaches(code: Code) -> list[str]:
    """Where the file breaks a wall, as `path:line: what`."""
    return [f"{code.path}:{line}: {what}" for wall in WALLS for line, what in wall(code)]


# The project


@pytest.fixture(scope="module")
def project() -> list[Code]:
    files = [ROOT / "dashboard.py"]
    for room in ROOMS:
        files += sorted((ROOT / room).rglob("*.py"))
    return [
        parsed(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
        for file in files
    ]


def test_no_wall_is_broken(project: list[Code]) -> None:
    broken = [breach for code in project for breach in breaches(code)]
    assert not broken, "\n".join(["walls are broken:", *broken])


def test_every_room_was_looked_into(project: list[Code]) -> None:
    paths = {code.path for code in project}
    assert {"dashboard.py", "rnn/trainer.py", "ui/state.py", "ui/figures/loss.py"} <= paths
    assert {"pages/train.py", "tests/test_walls.py"} <= paths
    others = {path.name for path in ROOT.glob("*.py")} - {"dashboard.py"}
    assert others == set()


def reached(start: Code, modules: dict[str, Code]) -> set[str]:
    """Everything that is imported once `start` is, by way of the project's own modules."""
    seen: set[str] = set()
    waiting = [module for _, module in imports(start)]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            code = modules.get(".".join(parts[:end]))
            waiting += [name for _, name in imports(code)] if code else []
    return seen


def test_figures_and_messages_bring_no_streamlit_in_by_another_door(project: list[Code]) -> None:
    modules = {code.name: code for code in project}
    starts = [
        code for code in project if code.within("ui/figures") or code.path == "ui/messages.py"
    ]
    assert len(starts) > 4
    for start in starts:
        found = {module for module in reached(start, modules) if root(module) == "streamlit"}
        assert not found, f"{start.path} brings in {found}"
    assert any(root(module) == "streamlit" for module in reached(modules["ui.board"], modules))


# The walls themselves


BROKEN = [
    ("rnn/a.py", "import os\nimport streamlit", 2, "rnn imports streamlit"),
    ("rnn/a.py", "from plotly import graph_objects", 1, "rnn imports plotly.graph_objects"),
    ("rnn/a.py", "from ui.pace import Meter", 1, "rnn imports ui.pace.Meter"),
    ("rnn/a.py", "def f():\n    import scipy.linalg", 2, "rnn imports scipy.linalg"),
    ("rnn/a.py", "import importlib\nimportlib.import_module('torch')", 2, "rnn imports torch"),
    ("ui/figures/a.py", "import streamlit as st", 1, "a figure imports streamlit"),
    ("ui/figures/a.py", "from streamlit import cache_data", 1, "a figure imports streamlit"),
    ("ui/a.py", "import streamlit as st\n\nst.session_state['x'] = 1", 3, "session_state"),
    ("pages/a.py", "x = st.query_params", 1, "query_params belongs to ui/state.py"),
    ("dashboard.py", "from streamlit import session_state", 1, "session_state"),
    ("ui/a.py", "getattr(st, 'session_state')", 1, "session_state"),
    ("ui/a.py", "import dashboard", 1, "imports dashboard"),
    ("tests/a.py", "from pages import train", 1, "imports pages.train"),
    ("tests/a.py", "from pages.train import run", 1, "imports pages.train.run"),
    ("bench/a.py", "from .. import pages", 1, "imports pages"),
    ("pages/a.py", "x = 1\ny = x + 1", 2, "works out x + 1"),
    ("pages/a.py", "f(2 * x)", 1, "works out 2 * x"),
    ("pages/a.py", "x = {} | y", 1, "works out {} | y"),
    ("pages/a.py", "x += 1", 1, "works out x += 1"),
    ("pages/a.py", "s = '%d' % x", 1, "works out"),
]


@pytest.mark.parametrize(("path", "source", "line", "what"), BROKEN)
def test_a_breach_is_found_and_told_with_file_and_line(
    path: str, source: str, line: int, what: str
) -> None:
    (breach,) = breaches(parsed(path, source))
    assert breach.startswith(f"{path}:{line}: ")
    assert what in breach


def test_every_wall_has_been_seen_to_hold() -> None:
    holding = {
        wall for path, source, *_ in BROKEN for wall in WALLS if list(wall(parsed(path, source)))
    }
    assert holding == set(WALLS)


SOUND = [
    ("rnn/a.py", "import json\nimport numpy as np\nfrom threadpoolctl import ThreadpoolController"),
    ("rnn/a.py", "from rnn.network import Network\nfrom . import state\nfrom __future__ import x"),
    ("ui/figures/a.py", "import plotly.graph_objects as go\nfrom ui.frames import Arrays"),
    ("ui/figures/a.py", "from rnn.snapshot import Histogram\nimport numpy as np"),
    ("ui/state.py", "import streamlit as st\nst.session_state['x'] = st.query_params"),
    ("ui/a.py", '"""The only one that touches ``st.session_state``."""\nimport streamlit'),
    ("ui/a.py", "from ui import state\nx = 1 + 2"),
    ("pages/a.py", "def f(x: int | None) -> str | None: ...\ny: list[int | str] = []"),
    ("pages/a.py", "from ui import board\nboard.mount()"),
    ("dashboard.py", "st.Page('pages/train.py')"),
]


@pytest.mark.parametrize(("path", "source"), SOUND)
def test_what_is_allowed_is_no_breach(path: str, source: str) -> None:
    assert breaches(parsed(path, source)) == []
