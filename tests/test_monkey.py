"""A monkey at the page: random clicks, choices and texts on all pages, and nothing ever breaks.

It finds the widgets by looking, so that new ones are tried without being named here. Of what it may
not press there is one thing: starting worker processes, which have tests of their own.
"""

from __future__ import annotations

import logging
import math
import random
import re
import string
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import (
    Button,
    ButtonGroup,
    Checkbox,
    DownloadButton,
    FileUploader,
    Multiselect,
    NumberInput,
    Radio,
    Selectbox,
    SelectSlider,
    Slider,
    TextArea,
    TextInput,
    Toggle,
    Widget,
)

from rnn.settings import SETTINGS
from tests.nasty import NASTY
from tests.test_page import ENTRY, query
from ui.live import LiveRun
from ui.runs import RUNS

ACTIONS = 120  # of each monkey
PAGES = ("train", "sample", "memory", "gradients", "data", "compare")
HANDS_OFF = re.compile(r"Start \d+ runs?")

PASTED = (
    "",
    "a",
    "ab" * 40,
    "to be or not to be, that is the question. " * 20,
    "".join(map(chr, range(0x4E00, 0x4E00 + 400))) * 2,
    "\x00\x07\x1b[31m \u202e\u0301👩\u200d🔬\ufeff\r\n" * 30,
    *NASTY[:3],
    " ".join(NASTY).replace("\ud800", ""),
)
FILES = (
    b"",
    b"\x89PNG\r\n\x1a\n" + bytes(50),
    b"PK\x03\x04" + bytes(50),
    "grüße aus köln, ".encode("latin-1") * 20,
    "\ufeffein Text mit Zeilen\r\n".encode("utf-16") * 20,
    ("\n".join(PASTED[3:]) * 2).encode(),
)


class Monkey:
    """Acts on a page at random, from a seed; `did` says what, so that a fault can be told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.app = AppTest.from_file(ENTRY, default_timeout=120).run()
        self.did: list[str] = []

    def act(self) -> None:
        """One random action, a beat of training if the run plays, and a look whether all is well."""
        if self.random.random() < 0.1:
            self._turn_page()
        else:
            self._use(self.random.choice(list(self._usable(self.app._tree))))
        self.app.run()
        self._look()
        run = self.run
        if run.playing:
            for _ in range(self.random.randrange(4)):
                run.tick()
            self._look()

    @property
    def run(self) -> LiveRun:
        run = RUNS.find(query(self.app, "run"))
        assert run is not None, self._story()
        return run

    def _turn_page(self) -> None:
        page = self.random.choice(PAGES)
        self.did.append(f"page {page}")
        self.app.switch_page(f"pages/{page}.py")

    def _usable(self, node: Any) -> Iterator[Widget]:
        if isinstance(node, Widget):
            hands_off = HANDS_OFF.fullmatch(getattr(node, "label", "") or "")
            if type(node) in {**VALUES, **CHOICES} and not (
                hands_off or getattr(node, "disabled", False)
            ):
                yield node
            return
        for child in (getattr(node, "children", None) or {}).values():
            yield from self._usable(child)

    def _use(self, widget: Widget) -> None:
        name = getattr(widget, "label", None) or widget.key
        if type(widget) in CHOICES:
            value: Any = CHOICES[type(widget)](self.random, widget)
            choose(widget, value)
        else:
            value = VALUES[type(widget)](self.random, widget)
            widget.set_value(value)
        self.did.append(f"{type(widget).__name__} {name!r}: {value!r:.60}")

    def _look(self) -> None:
        assert not self.app.exception, f"{self.app.exception[0].message}\n{self._story()}"
        run = self.run
        assert math.isfinite(run.trainer.smooth_loss), self._story()
        assert np.isfinite(run.trainer.network.weights).all(), self._story()
        for setting in SETTINGS:
            setting.check(getattr(run.config, setting.name))
        view = run.view()
        assert view.snapshot.iteration == run.iteration, self._story()
        assert set(view.snapshot.chars) == set(run.text), self._story()

    def _story(self) -> str:
        return "\n".join(self.did)


def _number(chance: random.Random, widget: NumberInput) -> float | None:
    low, high = widget.min, widget.max
    low, high = (-1e6 if low is None else low), (1e6 if high is None else high)
    whole = isinstance(widget.value, int) or float(widget.step or 1).is_integer()
    inside = chance.randint(int(low), int(high)) if whole else chance.uniform(low, high)
    near = widget.value if widget.value is None else widget.value + widget.step
    small = min(high, max(low, chance.choice([1, 2, 7, 30])))
    picked = chance.choice([low, small, small, inside, near, near])
    return picked if picked is None or not whole else int(picked)


def _text(chance: random.Random, widget: TextArea | TextInput) -> str:
    letters = "".join(chance.choices(string.printable, k=chance.randrange(60)))
    return chance.choice([*PASTED, letters, "0.01, 0.1", "1, x, 1e999", "Who killed"])


def choose(widget: Any, options: list[str]) -> None:
    """Choose as a browser does, which knows options by how they look alone; AppTest knows values."""
    sent = WidgetState(id=widget.id)
    if isinstance(widget, Selectbox | Radio):
        sent.string_value = options[0]
    else:
        sent.string_array_value.data[:] = options
    chosen = property(lambda self: sent)
    widget.__class__ = type(type(widget).__name__, (type(widget),), {"_widget_state": chosen})


def _one(chance: random.Random, widget: Any) -> list[str]:
    return [chance.choice(widget.options)]


def _some(chance: random.Random, widget: Any) -> list[str]:
    most = getattr(widget.proto, "max_selections", 0) or 5
    return chance.sample(widget.options, chance.randint(0, min(most, len(widget.options))))


def _group(chance: random.Random, widget: ButtonGroup[Any]) -> list[str]:
    return (_one if widget._is_single_select else _some)(chance, widget)


def _upload(chance: random.Random, widget: FileUploader) -> Any:
    name = chance.choice(["a.txt", "../../etc/passwd", "<b>:red[x]</b>.txt", "run.rnn"])
    return None if chance.random() < 0.1 else (name, chance.choice(FILES), "text/plain")


def _click(chance: random.Random, widget: Any) -> bool:
    return True


def _switch(chance: random.Random, widget: Any) -> bool:
    return chance.random() < 0.5


def _slide(chance: random.Random, widget: Slider[float]) -> float:
    return chance.uniform(widget.min, widget.max)


VALUES: dict[type[Widget], Callable[[random.Random, Any], Any]] = {
    Button: _click,
    DownloadButton: _click,
    Checkbox: _switch,
    Toggle: _switch,
    NumberInput: _number,
    Slider: _slide,
    TextArea: _text,
    TextInput: _text,
    FileUploader: _upload,
}
CHOICES: dict[type[Widget], Callable[[random.Random, Any], list[str]]] = {
    Selectbox: _one,
    Radio: _one,
    SelectSlider: _one,
    ButtonGroup: _group,
    Multiselect: _some,
}


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the project's own modules logged: a panel that could not be filled, a save that failed."""
    ours = ("ui.", "rnn.")
    return [record.message for record in caplog.records if record.name.startswith(ours)]


@pytest.mark.parametrize("seed", range(4))
def test_a_monkey_breaks_nothing(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    monkey = Monkey(seed)
    with caplog.at_level(logging.WARNING, logger="ui"):
        for _ in range(ACTIONS):
            monkey.act()
            assert not complaints(caplog), f"{caplog.text}\n{monkey._story()}"
    assert len(monkey.did) == ACTIONS
