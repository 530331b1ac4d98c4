"""What a run remembers of itself, in a bounded memory however long the run is.

Losses are in nats per character throughout. Four series thin themselves out as they grow: the
curve into buckets that keep its extremes, the held-out losses by leaving out every second one, the
diary of samples and the traces by doubling the iterations between their entries. What is kept
depends on what was recorded alone, never on who looked when.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnn.moments import Moment
from rnn.traces import Traces

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

CAPACITY = 300  # buckets of the curve, the open one included: about one a pixel of its chart
HELD_OUT = 512  # held-out losses kept beside the newest; even
EVENTS = 500
DIARY = 64


@dataclass(frozen=True)
class Curve:
    """The training curve, one entry a bucket, every array (n,); losses in nats per character.

    A bucket stands for `count` iterations, `first` to `last`. Its minima and maxima are those of
    every single iteration in it, its means weigh them alike; `loss_last`, `smooth` and `seq_length`
    are those at `last`.
    """

    first: Int64Array
    last: Int64Array
    count: Int64Array
    loss_min: FloatArray
    loss_max: FloatArray
    loss_mean: FloatArray
    loss_last: FloatArray
    smooth: FloatArray
    gradient_norm_max: FloatArray
    gradient_norm_mean: FloatArray
    seq_length: Int64Array

    def __len__(self) -> int:
        """How many buckets there are."""
        return len(self.first)


@dataclass(frozen=True)
class Event:
    """Something that happened at an iteration, such as a divergence.

    For kind "setting", the live setting `name` changed from `old` to `new`.
    """

    iteration: int
    kind: str
    text: str
    name: str = ""
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class DiaryEntry:
    """A sample taken after the update of an iteration; `nats_per_char` is the smooth loss then."""

    iteration: int
    text: str
    temperature: float
    top_k: int
    nats_per_char: float


_Entry = TypeVar("_Entry", Event, DiaryEntry)


class History:
    """The curve, the held-out losses, the events, the diary of samples and the traces of one run."""

    def __init__(self) -> None:
        """Start empty."""
        self._buckets = _Buckets()
        self._held_out = _Thinned()
        self._events: list[Event] = []
        self._diary = _Diary()
        self._traces = Traces()

    def record(
        self, iteration: int, loss: float, smooth: float, gradient_norm: float, seq_length: int
    ) -> None:
        """Take in one iteration: finite losses, in nats per character. About half a microsecond."""
        self._buckets.record(iteration, loss, smooth, gradient_norm, seq_length)

    def curve(self) -> Curve:
        """The curve so far, the newest iteration included, in at most CAPACITY buckets."""
        return self._buckets.curve()

    def record_held_out(self, iteration: int, loss: float) -> None:
        """Take in a held-out loss, in nats per character."""
        self._held_out.record(iteration, loss)

    def held_out(self) -> tuple[Int64Array, FloatArray]:
        """Iterations and the held-out losses there, (n,) each; the first and the newest are in."""
        return self._held_out.series()

    def add_event(self, event: Event) -> None:
        """Note an event; of more than EVENTS, the oldest but the very first goes."""
        self._events.append(event)
        if len(self._events) > EVENTS:
            del self._events[1]

    @property
    def events(self) -> tuple[Event, ...]:
        """The events in the order in which they were noted."""
        return tuple(self._events)

    def diary_due(self, iteration: int, interval: int) -> bool:
        """Whether the diary wants a sample at this iteration, with at least `interval` between two.

        True at multiples of interval * 2**k; k grows as the diary fills. Asking changes nothing.
        """
        return iteration % self._diary.stride(interval) == 0

    def add_sample(self, entry: DiaryEntry) -> None:
        """Put a sample in the diary, which then thins itself out to DIARY entries at most."""
        self._diary.add(entry)

    @property
    def diary(self) -> tuple[DiaryEntry, ...]:
        """The samples kept, oldest first; the very first one is always there."""
        return tuple(self._diary.entries)

    def moment_due(self, iteration: int) -> bool:
        """Whether the step that completes this many iterations is to be measured in detail."""
        return self._traces.due(iteration)

    def add_moment(self, moment: Moment) -> None:
        """Note a moment that is due; the traces then thin themselves out."""
        self._traces.add(moment)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The moments kept, oldest first."""
        return self._traces.moments

    def copy(self) -> History:
        """An independent copy; some tens of microseconds."""
        twin = History()
        twin._buckets = self._buckets.copy()
        twin._held_out = self._held_out.copy()
        twin._events = self._events.copy()
        twin._diary = self._diary.copy()
        twin._traces = self._traces.copy()
        return twin

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays that an `.npz` holds without pickle, for `from_arrays`."""
        return {
            "buckets": self._buckets.closed(),
            "bucket_open": self._buckets.open_row(),
            "bucket_stride": np.array(self._buckets.stride, dtype=np.int64),
            "held_out": np.array(self._held_out.kept, dtype=np.float64).reshape(-1, 2),
            "held_out_newest": np.array(self._held_out.newest, dtype=np.float64).reshape(-1, 2),
            "held_out_count": np.array(
                [self._held_out.count, self._held_out.stride], dtype=np.int64
            ),
            "events": _json_bytes(self._events),
            "diary": _json_bytes(self._diary.entries),
            "diary_floor": np.array(self._diary.floor, dtype=np.int64),
            **self._traces.to_arrays(),
        }

    @classmethod
    def from_arrays(cls, mapping: Mapping[str, NDArray[Any]]) -> History:
        """The history that `to_arrays` wrote, exact to the bit.

        Raises ValueError for arrays that are missing or cannot have come from there.
        """
        try:
            return _read(mapping)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"The stored history is damaged: {error}") from error


# How a column of two neighbouring buckets becomes that of the merged one: (left, right) -> merged.
_Merge = Callable[[FloatArray, FloatArray], FloatArray]


def _left(left: FloatArray, right: FloatArray) -> FloatArray:
    return left


def _right(left: FloatArray, right: FloatArray) -> FloatArray:
    return right


_COLUMNS: tuple[tuple[str, _Merge], ...] = (
    ("first", _left),
    ("last", _right),
    ("count", np.add),
    ("loss_min", np.minimum),
    ("loss_max", np.maximum),
    ("loss_sum", np.add),
    ("loss_last", _right),
    ("smooth", _right),
    ("gradient_norm_max", np.maximum),
    ("gradient_norm_sum", np.add),
    ("seq_length", _right),
)
_COLUMN = {name: place for place, (name, _) in enumerate(_COLUMNS)}


class _Buckets:
    """Rows of closed buckets of `stride` iterations each, and one open bucket in plain numbers.

    When the last row is filled, neighbours merge and the stride doubles, so that the open bucket
    always finds a free row and every closed bucket holds the same number of iterations.
    """

    __slots__ = (
        "_count",
        "_first",
        "_last",
        "_loss_last",
        "_loss_max",
        "_loss_min",
        "_loss_sum",
        "_norm_max",
        "_norm_sum",
        "_rows",
        "_seq_length",
        "_smooth",
        "_used",
        "stride",
    )

    def __init__(self) -> None:
        self._rows = np.zeros((CAPACITY, len(_COLUMNS)))
        self._used = 0
        self.stride = 1
        self._open((0.0,) * len(_COLUMNS))

    def _open(self, row: Iterable[float]) -> None:
        """Set the open bucket from the values of a row."""
        first, last, count, low, high, total, newest, smooth, norm_max, norm_sum, seq_length = row
        self._first, self._last, self._count = int(first), int(last), int(count)
        self._loss_min, self._loss_max, self._loss_sum, self._loss_last = low, high, total, newest
        self._smooth, self._norm_max, self._norm_sum = smooth, norm_max, norm_sum
        self._seq_length = int(seq_length)

    def record(
        self, iteration: int, loss: float, smooth: float, gradient_norm: float, seq_length: int
    ) -> None:
        # Called at every step: plain numbers, since one NumPy operation costs as much as all this.
        if self._count:
            if loss < self._loss_min:
                self._loss_min = loss
            elif loss > self._loss_max:
                self._loss_max = loss
            if gradient_norm > self._norm_max:
                self._norm_max = gradient_norm
            self._loss_sum += loss
            self._norm_sum += gradient_norm
        else:
            self._first = iteration
            self._loss_min = self._loss_max = self._loss_sum = loss
            self._norm_max = self._norm_sum = gradient_norm
        self._last = iteration
        self._loss_last = loss
        self._smooth = smooth
        self._seq_length = seq_length
        self._count += 1
        if self._count >= self.stride:
            self._close()

    def _close(self) -> None:
        self._rows[self._used] = self._open_values()
        self._used += 1
        self._count = 0
        if self._used == CAPACITY:
            self._merge()

    def _merge(self) -> None:
        left, right = self._rows[0::2], self._rows[1::2]
        half = len(left)
        merged = np.empty((half, len(_COLUMNS)))
        for place, (_, merge) in enumerate(_COLUMNS):
            merged[:, place] = merge(left[:, place], right[:, place])
        self._rows[:half] = merged
        self._used = half
        self.stride *= 2

    def _open_values(self) -> tuple[float, ...]:
        return (
            self._first,
            self._last,
            self._count,
            self._loss_min,
            self._loss_max,
            self._loss_sum,
            self._loss_last,
            self._smooth,
            self._norm_max,
            self._norm_sum,
            self._seq_length,
        )

    def open_row(self) -> FloatArray:
        """The open bucket as (1, columns), or (0, columns) when the last record closed it."""
        rows = [self._open_values()] if self._count else []
        return np.array(rows, dtype=np.float64).reshape(-1, len(_COLUMNS))

    def closed(self) -> FloatArray:
        """A copy of the closed buckets, (n, columns)."""
        return self._rows[: self._used].copy()

    def curve(self) -> Curve:
        columns = np.concatenate([self._rows[: self._used], self.open_row()]).T.copy()
        by_name = {name: columns[place] for name, place in _COLUMN.items()}
        loss_sum, norm_sum = by_name.pop("loss_sum"), by_name.pop("gradient_norm_sum")
        count = by_name["count"]
        whole = ("first", "last", "count", "seq_length")
        return Curve(
            loss_mean=loss_sum / count,
            gradient_norm_mean=norm_sum / count,
            **{name: by_name.pop(name).astype(np.int64) for name in whole},
            **by_name,
        )

    def copy(self) -> _Buckets:
        twin = copy(self)
        twin._rows = self._rows.copy()
        return twin

    @classmethod
    def restored(cls, closed: FloatArray, open_row: FloatArray, stride: int) -> _Buckets:
        buckets = cls()
        whole = [_COLUMN[name] for name in ("first", "last", "seq_length")]
        _require(bool(np.all(np.isfinite(closed[:, whole]))), "an iteration that is no number")
        _require(len(closed) < CAPACITY and len(open_row) <= 1, "too many buckets")
        _require(stride >= 1 and bool(np.all(closed[:, _COLUMN["count"]] == stride)), "odd buckets")
        buckets._rows[: len(closed)] = closed
        buckets._used = len(closed)
        buckets.stride = stride
        for row in open_row:
            buckets._open(row.tolist())
            _require(0 < buckets._count < stride, "an odd open bucket")
        return buckets


class _Thinned:
    """Every `stride`-th of the pairs (iteration, loss) recorded, and the newest."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, float]] = []
        self.newest: list[tuple[int, float]] = []  # empty when the newest one is among the kept
        self.count = 0
        self.stride = 1

    def record(self, iteration: int, loss: float) -> None:
        wanted = self.count % self.stride == 0
        self.count += 1
        self.newest = [] if wanted else [(iteration, loss)]
        if wanted:
            self.kept.append((iteration, loss))
        if len(self.kept) > HELD_OUT:  # an odd number of them: the newest stays
            self.kept = self.kept[::2]
            self.stride *= 2

    def series(self) -> tuple[Int64Array, FloatArray]:
        pairs = self.kept + self.newest
        iterations = np.array([iteration for iteration, _ in pairs], dtype=np.int64)
        return iterations, np.array([loss for _, loss in pairs], dtype=np.float64)

    def copy(self) -> _Thinned:
        twin = copy(self)
        twin.kept = self.kept.copy()  # `newest` is replaced as a whole, never changed
        return twin

    @classmethod
    def restored(cls, kept: FloatArray, newest: FloatArray, count: int, stride: int) -> _Thinned:
        _require(len(kept) <= HELD_OUT and len(newest) <= 1, "too many held-out losses")
        _require(stride >= 1 and count >= len(kept), "odd held-out counts")
        series = cls()
        series.kept = [(int(iteration), loss) for iteration, loss in kept.tolist()]
        series.newest = [(int(iteration), loss) for iteration, loss in newest.tolist()]
        series.count, series.stride = count, stride
        return series


class _Diary:
    """Samples at multiples of a stride of at least `floor` iterations.

    When there are too many, the floor rises to twice the smallest distance between two of them and,
    of those between two multiples of the floor, only the first stays. With one interval throughout,
    these are the multiples of the doubled stride; when the interval was changed on the way, the
    denser stretches thin first.
    """

    def __init__(self) -> None:
        self.entries: list[DiaryEntry] = []
        self.floor = 1

    def stride(self, interval: int) -> int:
        """The smallest interval * 2**k, in iterations, that reaches the floor."""
        stride = interval
        while stride < self.floor:
            stride *= 2
        return stride

    def add(self, entry: DiaryEntry) -> None:
        self.entries.append(entry)
        while len(self.entries) > DIARY:
            iterations = [entry.iteration for entry in self.entries]
            gap = min(later - earlier for earlier, later in pairwise(iterations))
            self.floor = 2 * max(self.floor, gap)
            first_of: dict[int, DiaryEntry] = {}
            for kept in self.entries:
                first_of.setdefault(kept.iteration // self.floor, kept)
            self.entries = list(first_of.values())

    def copy(self) -> _Diary:
        twin = copy(self)
        twin.entries = self.entries.copy()
        return twin

    @classmethod
    def restored(cls, entries: list[DiaryEntry], floor: int) -> _Diary:
        _require(len(entries) <= DIARY and floor >= 1, "too many samples")
        diary = cls()
        diary.entries, diary.floor = entries, floor
        return diary


def _read(mapping: Mapping[str, NDArray[Any]]) -> History:
    history = History()
    history._buckets = _Buckets.restored(
        _rows(mapping["buckets"], len(_COLUMNS)),
        _rows(mapping["bucket_open"], len(_COLUMNS)),
        _whole(mapping["bucket_stride"]),
    )
    count, stride = mapping["held_out_count"]
    history._held_out = _Thinned.restored(
        _rows(mapping["held_out"], 2),
        _rows(mapping["held_out_newest"], 2),
        _whole(count),
        _whole(stride),
    )
    history._events = _entries(Event, mapping["events"])
    _require(len(history._events) <= EVENTS, "too many events")
    history._diary = _Diary.restored(
        _entries(DiaryEntry, mapping["diary"]), _whole(mapping["diary_floor"])
    )
    history._traces = Traces.from_arrays(mapping)
    return history


def _rows(array: NDArray[Any], width: int) -> FloatArray:
    _require(array.dtype == np.float64 and array.ndim == 2, "an array of the wrong type")
    _require(array.shape[1] == width, "an array of the wrong width")
    return array


def _whole(array: NDArray[Any]) -> int:
    _require(array.dtype == np.int64 and array.ndim == 0, "a count that is not a whole number")
    return int(array)


def _json_bytes(entries: Iterable[Event | DiaryEntry]) -> NDArray[np.uint8]:
    # Not ASCII: two escaped lone surrogates in a row would be read back as one character.
    text = json.dumps([asdict(entry) for entry in entries], ensure_ascii=False)
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).copy()


def _entries(kind: type[_Entry], array: NDArray[Any]) -> list[_Entry]:
    _require(array.dtype == np.uint8 and array.ndim == 1, "a text of the wrong type")
    entries = json.loads(array.tobytes().decode("utf-8", "surrogatepass"))
    _require(isinstance(entries, list), "a list was expected")
    return [_entry(kind, values) for values in entries]


def _entry(kind: type[_Entry], values: dict[str, Any]) -> _Entry:
    for field in fields(kind):
        expected = {"str": str, "int": int}.get(str(field.type), int | float)
        _require(isinstance(values[field.name], expected), f"an odd {field.name}")
    return kind(**values)


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise ValueError(complaint)
