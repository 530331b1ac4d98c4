"""The one table of settings, and `Config`, a checked set of their values.

The command line, the widgets, the validation and the address all read `SETTINGS`: a setting's
default, range and sentence of help are written there and nowhere else.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeVar

import numpy as np

Value = int | float | str
Group = Literal["Network", "Training", "Sampling"]
_Kind = TypeVar("_Kind", int, float, str)


class SettingError(ValueError):
    """A setting that does not exist or a value it cannot take, said in one sentence for people."""


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    `live` settings act on the next iteration; the others (structural) wait for a reset.
    `low` and `high` are inclusive and None for a setting with `choices`.
    `log` asks a slider for a logarithmic scale; `step` is one press of a number field's arrow.
    """

    name: str
    label: str
    default: Value
    kind: type[int] | type[float] | type[str]
    live: bool
    group: Group
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    choice_labels: tuple[str, ...] = ()
    log: bool = False
    step: float = 1

    @property
    def range_text(self) -> str:
        """The permitted values in words: "between 1 and 1024" or "one of float32, float64"."""
        if self.low is None or self.high is None:
            return f"one of {', '.join(self.choices)}"
        return f"between {_plain(self.low)} and {_plain(self.high)}"

    def check(self, value: object) -> Value:
        """The value as a plain `int`, `float` or `str` of this setting's kind.

        NumPy scalars are welcome, and so is a whole number written as a float; a bool is no number
        here. Raises SettingError for a value of the wrong kind or out of range.
        """
        if self.kind is str:
            return self._check_choice(value)
        number = _number(value)  # NaN is the one that differs from itself
        if number is None or number != number:
            raise self._refusal(value, _NOUN[self.kind])
        if not self._in_range(number):
            raise self._refusal(value)
        if self.kind is float:
            return float(number) + 0.0  # -0.0 becomes 0.0
        if number != int(number):
            raise self._refusal(value, _NOUN[self.kind])
        return int(number)

    def parse(self, text: str) -> Value:
        """The value that a text from the command line or an address stands for, checked.

        Raises SettingError as `check` does.
        """
        text = text.strip()
        if self.kind is str:
            return self.check(text)
        try:
            return self.check(_read(text))
        except SettingError:
            raise
        except ValueError:
            raise self._refusal(text, _NOUN[self.kind]) from None

    def _check_choice(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise self._refusal(value)
        return str(value)

    def _in_range(self, number: int | float) -> bool:
        assert self.low is not None
        assert self.high is not None
        return self.low <= number <= self.high

    def _refusal(self, value: object, noun: str = "") -> SettingError:
        return SettingError(
            f"{self.label} must be {noun}{self.range_text}, but was {_shown(value)}."
        )


_NOUN: dict[type, str] = {int: "a whole number ", float: "a number "}


def _read(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _plain(number: float) -> str:
    return repr(number).removesuffix(".0")


def _number(value: object) -> int | float | None:
    """A Python or NumPy number as a plain one; None for anything else, a bool included."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, float | np.floating) else None


def _shown(value: object) -> str:
    """The refused value as the person wrote it, cut to a length that fits a sentence."""
    number = _number(value)
    if isinstance(number, int) and abs(number) > 10**30:
        return "a number of more than 30 digits"
    text = repr(value) if number is None else _plain(number)
    return text if len(text) <= 40 else f"{text[:39]}…"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="hidden_size",
        label="Hidden size",
        default=100,
        kind=int,
        low=1,
        high=1024,
        live=False,
        group="Network",
        log=True,
        help="How many hidden units (the network's memory cells) there are: "
        "more can remember more of the text, but every iteration takes longer.",
    ),
    Setting(
        name="seq_length",
        label="Sequence length",
        default=25,
        kind=int,
        low=1,
        high=500,
        live=True,
        group="Training",
        log=True,
        help="How many characters one iteration reads and learns from: "
        "a longer window can learn longer dependencies, but each iteration is slower.",
    ),
    Setting(
        name="learning_rate",
        label="Learning rate",
        default=0.1,
        kind=float,
        low=1e-6,
        high=100.0,
        live=True,
        group="Training",
        log=True,
        step=0.01,
        help="How far each update moves the weights (no unit): too low and learning crawls, "
        "too high and the loss jumps about or explodes; Adam and RMSprop want about 0.002.",
    ),
    Setting(
        name="clip",
        label="Gradient clip",
        default=5.0,
        kind=float,
        low=0.0,
        high=1000.0,
        live=True,
        group="Training",
        step=0.5,
        help="The largest size (in nats per unit of weight) that an element of the gradient may "
        "have: lower is calmer and slower, 0 turns clipping off.",
    ),
    Setting(
        name="optimiser",
        label="Optimiser",
        default="adagrad",
        kind=str,
        choices=("adagrad", "sgd", "rmsprop", "adam"),
        choice_labels=("Adagrad", "SGD with momentum", "RMSprop", "Adam"),
        live=False,
        group="Network",
        help="The rule that turns gradients into updates: Adagrad slows down by itself, RMSprop "
        "and Adam adapt to recent gradients, SGD with momentum 0.9 is the plainest.",
    ),
    Setting(
        name="init_scale",
        label="Initial scale",
        default=0.01,
        kind=float,
        low=0.0,
        high=10.0,
        live=False,
        group="Network",
        step=0.01,
        help="The standard deviation of the random weights at the start (no unit): near 0 the "
        "network starts by guessing evenly, large values saturate the hidden units from the start.",
    ),
    Setting(
        name="seed",
        label="Seed",
        default=0,
        kind=int,
        low=0,
        high=2**32 - 1,
        live=False,
        group="Network",
        help="The number that all random choices of the run come from: the same seed, text and "
        "settings give the same run, another seed gives another.",
    ),
    Setting(
        name="dtype",
        label="Precision",
        default="float32",
        kind=str,
        choices=("float32", "float64"),
        choice_labels=("float32 (faster)", "float64 (more exact)"),
        live=False,
        group="Network",
        help="How many bits hold each number: 32 are faster, 64 are exact to about 16 digits "
        "instead of 7.",
    ),
    Setting(
        name="streams",
        label="Parallel streams",
        default=1,
        kind=int,
        low=1,
        high=256,
        live=False,
        group="Network",
        log=True,
        help="How many windows, from evenly spaced places of the text, one iteration reads side by "
        "side: more of them smooth the gradient and read more characters a second, but each "
        "iteration takes longer.",
    ),
    Setting(
        name="held_out",
        label="Held-out share",
        default=0.0,
        kind=float,
        low=0.0,
        high=0.5,
        live=False,
        group="Network",
        step=0.05,
        help="The fraction of the text, at its end, that is kept from training to test the "
        "network: with more the test is surer, but less is left to learn from; 0 turns it off.",
    ),
    Setting(
        name="sample_interval",
        label="Sample interval",
        default=100,
        kind=int,
        low=1,
        high=100_000,
        live=True,
        group="Sampling",
        log=True,
        help="How many iterations pass from one sample to the next: "
        "fewer show more of the way, but writing samples takes time from training.",
    ),
    Setting(
        name="sample_length",
        label="Sample length",
        default=200,
        kind=int,
        low=1,
        high=2000,
        live=True,
        group="Sampling",
        log=True,
        help="How many characters the network writes in each sample: "
        "longer ones show more, but take time from training.",
    ),
    Setting(
        name="temperature",
        label="Temperature",
        default=1.0,
        kind=float,
        low=0.0,
        high=5.0,
        live=True,
        group="Sampling",
        step=0.05,
        help="How daring the sample is (no unit): 0 always takes the likeliest character, 1 draws "
        "from the network's own probabilities, more brings surprises and nonsense.",
    ),
    Setting(
        name="top_k",
        label="Top-k",
        default=0,
        kind=int,
        low=0,
        high=10_000,
        live=True,
        group="Sampling",
        help="The sample draws only from this many of the likeliest characters: "
        "fewer give safer, more repetitive text, 0 allows all.",
    ),
)

SETTING: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}


def _default(name: str, kind: type[_Kind]) -> _Kind:
    value = SETTING[name].default
    assert isinstance(value, kind)
    return value


@dataclass(frozen=True)
class Config:
    """A value for every setting, each checked against the table.

    Raises SettingError when a value has the wrong kind or is out of range.
    """

    hidden_size: int = _default("hidden_size", int)
    seq_length: int = _default("seq_length", int)
    learning_rate: float = _default("learning_rate", float)
    clip: float = _default("clip", float)
    optimiser: str = _default("optimiser", str)
    init_scale: float = _default("init_scale", float)
    seed: int = _default("seed", int)
    dtype: str = _default("dtype", str)
    streams: int = _default("streams", int)
    held_out: float = _default("held_out", float)
    sample_interval: int = _default("sample_interval", int)
    sample_length: int = _default("sample_length", int)
    temperature: float = _default("temperature", float)
    top_k: int = _default("top_k", int)

    def __post_init__(self) -> None:
        """Check every field and bring it to its plain kind."""
        for setting in SETTINGS:
            object.__setattr__(self, setting.name, setting.check(getattr(self, setting.name)))

    def replace(self, **changes: object) -> Config:
        """A copy with some settings changed; raises SettingError for a bad value or name."""
        for name in changes:
            find(name)
        return replace(self, **changes)  # type: ignore[arg-type]  # __post_init__ checks every value

    @classmethod
    def from_strings(cls, mapping: Mapping[str, str], base: Config | None = None) -> Config:
        """`base` (the defaults if None) with the settings that `mapping` spells out as text.

        Raises SettingError for an unknown name or a text that its setting cannot take.
        """
        changes = {name: find(name).parse(text) for name, text in mapping.items()}
        return (base or cls()).replace(**changes)

    def to_strings(self, base: Config | None = None) -> dict[str, str]:
        """What differs from `base` (the defaults if None), as text for `from_strings`."""
        origin = (base or Config()).as_dict()
        return {name: str(value) for name, value in self.as_dict().items() if value != origin[name]}

    def as_dict(self) -> dict[str, Value]:
        """Every setting by name, in the order of the table."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def find(name: str) -> Setting:
    """The setting of this name; raises SettingError, suggesting the nearest name, without one."""
    if name in SETTING:
        return SETTING[name]
    near = difflib.get_close_matches(name, SETTING, n=1)
    advice = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTING)}."
    raise SettingError(f"There is no setting called {_shown(name)}; {advice}")
