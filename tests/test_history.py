"""A history forgets details, never extremes, and depends only on what was recorded."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnn import history as module
from rnn.history import DIARY, EVENTS, HELD_OUT, Curve, DiaryEntry, Event, History

Step = tuple[float, float, float, int]  # loss, smooth, gradient norm, sequence length

finite = st.floats(0, 1e6)
steps_of_a_run = st.lists(
    st.tuples(finite, finite, finite, st.integers(1, 500)), min_size=0, max_size=200
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capacity that a short run overflows many times."""
    monkeypatch.setattr(module, "CAPACITY", 8)


def recorded(steps: Iterable[Step], start: int = 0) -> History:
    history = History()
    for iteration, step in enumerate(steps, start=start):
        history.record(iteration, *step)
    return history


def wavy(count: int) -> list[Step]:
    """Steps whose every loss differs, so that a wrongly merged bucket shows."""
    return [
        (2 + np.sin(i) + 1e-4 * i, 3 - 1e-3 * i, 1 + abs(np.cos(i)), 25 + i % 3)
        for i in range(count)
    ]


def assert_curve_tells_the_truth(curve: Curve, steps: list[Step], start: int = 0) -> None:
    """Every bucket against the steps that it stands for, and all of them against the run."""
    assert curve.count.sum() == len(steps)
    expected_first = start
    for i in range(len(curve)):
        assert curve.first[i] == expected_first
        expected_first = curve.last[i] + 1
        part = steps[curve.first[i] - start : expected_first - start]
        losses, smooths, norms, lengths = zip(*part, strict=True)
        assert curve.count[i] == len(part)
        assert curve.loss_min[i] == min(losses)
        assert curve.loss_max[i] == max(losses)
        assert curve.loss_mean[i] == pytest.approx(sum(losses) / len(losses), rel=1e-12)
        assert curve.loss_last[i] == losses[-1]
        assert curve.smooth[i] == smooths[-1]
        assert curve.gradient_norm_max[i] == max(norms)
        assert curve.gradient_norm_mean[i] == pytest.approx(sum(norms) / len(norms), rel=1e-12)
        assert curve.seq_length[i] == lengths[-1]
    assert expected_first == start + len(steps)


def assert_same(one: History, other: History) -> None:
    left, right = one.to_arrays(), other.to_arrays()
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)


class TestCurve:
    def test_empty(self) -> None:
        curve = History().curve()
        assert len(curve) == 0
        assert all(array.shape == (0,) for array in vars(curve).values())

    def test_one_step(self) -> None:
        curve = recorded([(2.0, 3.0, 4.0, 25)], start=7).curve()
        assert {name: array.tolist() for name, array in vars(curve).items()} == {
            "first": [7],
            "last": [7],
            "count": [1],
            "loss_min": [2.0],
            "loss_max": [2.0],
            "loss_mean": [2.0],
            "loss_last": [2.0],
            "smooth": [3.0],
            "gradient_norm_max": [4.0],
            "gradient_norm_mean": [4.0],
            "seq_length": [25],
        }

    @pytest.mark.usefixtures("small")
    def test_every_length_up_to_many_mergers(self) -> None:
        steps = wavy(300)
        for count in range(len(steps) + 1):
            curve = recorded(steps[:count]).curve()
            assert len(curve) <= 8
            assert_curve_tells_the_truth(curve, steps[:count])

    @pytest.mark.usefixtures("small")
    def test_a_merger_keeps_half_the_buckets_and_doubles_their_width(self) -> None:
        assert recorded(wavy(7)).curve().count.tolist() == [1] * 7
        assert recorded(wavy(8)).curve().count.tolist() == [2] * 4
        assert recorded(wavy(9)).curve().count.tolist() == [2] * 4 + [1]  # the open bucket
        assert recorded(wavy(15)).curve().count.tolist() == [2] * 7 + [1]
        assert recorded(wavy(16)).curve().count.tolist() == [4] * 4

    @given(steps=steps_of_a_run, start=st.integers(0, 10**9))
    def test_any_run_in_few_buckets(self, steps: list[Step], start: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "CAPACITY", 8)
            curve = recorded(steps, start).curve()
        assert len(curve) <= 8
        assert_curve_tells_the_truth(curve, steps, start)

    def test_a_million_iterations_keep_every_extreme_in_a_bounded_memory(self) -> None:
        history, worst, best = History(), 777_777, 123_456
        losses = {worst: 9.0, best: 0.5}
        for iteration in range(1_000_000):
            history.record(iteration, losses.get(iteration, 2.0), 2.0, 1.0, 25)
        curve = history.curve()
        assert module.CAPACITY // 2 <= len(curve) <= module.CAPACITY
        for iteration, array, loss in ((worst, curve.loss_max, 9.0), (best, curve.loss_min, 0.5)):
            inside = (curve.first <= iteration) & (iteration <= curve.last)
            assert np.flatnonzero(array == loss).tolist() == np.flatnonzero(inside).tolist()
        assert sum(array.nbytes for array in history.to_arrays().values()) < 120_000

    def test_the_returned_arrays_are_the_caller_s(self) -> None:
        history = recorded(wavy(5))
        history.curve().loss_min[:] = -1
        assert history.curve().loss_min.min() > 0


class TestHeldOut:
    def test_empty(self) -> None:
        iterations, losses = History().held_out()
        assert iterations.shape == losses.shape == (0,)
        assert (iterations.dtype, losses.dtype) == (np.int64, np.float64)

    def test_short_series_are_whole(self) -> None:
        history = History()
        for i in range(HELD_OUT):
            history.record_held_out(500 * i, 3.0 - 1e-3 * i)
        iterations, losses = history.held_out()
        assert iterations.tolist() == [500 * i for i in range(HELD_OUT)]
        assert losses.tolist() == [3.0 - 1e-3 * i for i in range(HELD_OUT)]

    def test_long_series_are_thinned_evenly_and_keep_first_and_newest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "HELD_OUT", 4)
        history = History()
        for i in range(200):
            history.record_held_out(10 * i, float(i))
            iterations, losses = history.held_out()
            assert len(iterations) <= 5
            assert iterations[0] == 0
            assert iterations[-1] == 10 * i
            assert (iterations == 10 * losses).all()
            assert len(set(np.diff(iterations[:-1]))) <= 1  # evenly spaced but for the newest
            assert (np.diff(iterations) > 0).all()


class TestEvents:
    def test_they_stand_in_order(self) -> None:
        history = History()
        events = tuple(Event(i, "setting", f"event {i}", "clip", "1", "2") for i in range(5))
        for event in events:
            history.add_event(event)
        assert history.events == events

    def test_the_first_and_the_newest_stay(self) -> None:
        history = History()
        for i in range(EVENTS + 100):
            history.add_event(Event(i, "setting", ""))
        assert [event.iteration for event in history.events] == [0, *range(101, EVENTS + 100)]


def entry(iteration: int, text: str = "a") -> DiaryEntry:
    return DiaryEntry(iteration, text, 1.0, 0, 2.5)


def kept(history: History) -> list[int]:
    return [entry.iteration for entry in history.diary]


def write_diary(history: History, iterations: Iterable[int], interval: int) -> None:
    for iteration in iterations:
        if history.diary_due(iteration, interval):
            history.add_sample(entry(iteration))


class TestDiary:
    @pytest.mark.parametrize("interval", [1, 7, 100])
    @pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 100, 128, 129, 1000, 1025])
    def test_entries_are_the_multiples_of_a_doubled_interval(
        self, interval: int, count: int
    ) -> None:
        history = History()
        write_diary(history, range(count * interval), interval)
        stride = interval
        while len(range(0, count * interval, stride)) > DIARY:
            stride *= 2
        assert kept(history) == list(range(0, count * interval, stride))

    def test_a_first_entry_off_the_stride_stays(self) -> None:
        history = History()
        write_diary(history, range(100, 10_000), 100)
        assert kept(history) == [100, *range(200, 10_000, 200)]

    def test_asking_changes_nothing(self) -> None:
        quiet, asked = History(), History()
        for iteration in range(3000):
            for interval in (1, 13, 5000):
                asked.diary_due(iteration, interval)
            write_diary(quiet, [iteration], 10)
            write_diary(asked, [iteration], 10)
        assert_same(quiet, asked)

    @given(
        stretches=st.lists(
            st.tuples(st.integers(1, 300), st.integers(1, 100)), min_size=1, max_size=20
        )
    )
    def test_bounded_and_ordered_however_the_interval_changes(
        self, stretches: list[tuple[int, int]]
    ) -> None:
        history, start = History(), 0
        for length, interval in stretches:
            for iteration in range(start, start + length):
                write_diary(history, [iteration], interval)
                assert len(history.diary) <= DIARY
            start += length
        assert kept(history)[0] == 0
        assert kept(history) == sorted(set(kept(history)))

    def test_a_changed_interval_leaves_the_past_in_place(self) -> None:
        history = History()
        write_diary(history, range(6000), 100)
        assert len(kept(history)) == 60
        write_diary(history, range(6000, 6500), 97)  # not a multiple: 6014, 6111, ..., 6499
        assert len(kept(history)) <= DIARY
        assert sum(iteration < 6000 for iteration in kept(history)) >= 30
        assert kept(history)[-1] >= 6400

    def test_a_longer_interval_is_honoured_after_thinning(self) -> None:
        history = History()
        write_diary(history, range(20_000), 100)
        write_diary(history, range(20_000, 60_000), 10_000)
        assert kept(history)[-4:] == [20_000, 30_000, 40_000, 50_000]


def eventful() -> History:
    history = recorded(wavy(3001))
    for i in range(700):
        history.record_held_out(500 * i, 3.0 - 1e-3 * i)
    history.add_event(Event(3, "setting", "Clip: 5.0 → 1.0", "clip", "5.0", "1.0"))
    history.add_event(Event(9, "diverged", "the loss rose to nan"))
    for i in range(100):
        text = f"{i}\n\x00\u2028\ud83d\ude00\U0001f600 “é”"  # two lone surrogates in a row
        history.add_sample(DiaryEntry(10 * i, text, 0.7, 3, 0.1 + 0.2 * i))
    return history


def grown(history: History) -> History:
    """More of everything, so that the hidden counters have to be right as well."""
    for iteration in range(3001, 9000):
        history.record(iteration, 1 / iteration, 0.5, 2.0, 25)
        write_diary(history, [iteration], 10)
    for i in range(700, 2000):
        history.record_held_out(500 * i, 1.0)
    return history


class TestCopiesAndFiles:
    def test_a_copy_is_equal_and_independent(self) -> None:
        history = eventful()
        twin = history.copy()
        assert_same(history, twin)
        grown(history).add_event(Event(9000, "resumed", ""))
        assert_same(twin, eventful())
        assert_same(grown(twin), grown(eventful()))

    def test_arrays_round_trip_through_a_file_without_pickle(self) -> None:
        file = io.BytesIO()
        np.savez(file, **eventful().to_arrays())
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            restored = History.from_arrays(arrays)
        assert_same(restored, eventful())
        assert restored.diary == eventful().diary
        assert restored.events == eventful().events
        assert_same(grown(restored), grown(eventful()))

    @pytest.mark.usefixtures("small")
    def test_a_run_may_be_stored_at_any_moment(self) -> None:
        steps = wavy(70)
        for moment in range(len(steps)):
            history = History.from_arrays(recorded(steps[:moment]).to_arrays())
            for iteration in range(moment, len(steps)):
                history.record(iteration, *steps[iteration])
            assert_same(history, recorded(steps))

    def test_an_empty_history_round_trips(self) -> None:
        assert_same(History.from_arrays(History().to_arrays()), History())

    def test_the_arrays_are_copies(self) -> None:
        history = eventful()
        for array in history.to_arrays().values():
            array[...] = 0
        assert_same(history, eventful())

    @pytest.mark.parametrize("name", sorted(History().to_arrays()))
    @pytest.mark.parametrize(
        "bad",
        [
            None,
            np.zeros((2, 3), dtype=np.float32),
            np.zeros(5),
            np.array("x"),
            np.array(-1, dtype=np.int64),
            np.full((2000, 11), np.nan),
            np.full((2000, 2), 1.0),
            np.full((1, 11), 0.5),
            np.frombuffer(b'{"a":', dtype=np.uint8),
            np.frombuffer(b"[1]", dtype=np.uint8),
            np.frombuffer(b'[{"iteration": 1}]', dtype=np.uint8),
            np.frombuffer(b"[" * 100_000, dtype=np.uint8),
            np.frombuffer(b"\xff", dtype=np.uint8),
        ],
    )
    def test_damaged_arrays_are_refused(self, name: str, bad: NDArray[Any] | None) -> None:
        arrays = History().to_arrays()
        del arrays[name]
        if bad is not None:
            arrays[name] = bad
        with pytest.raises(ValueError, match=r"^The stored history is damaged: "):
            History.from_arrays(arrays)

    @pytest.mark.parametrize(
        ("name", "value"), [("iteration", "3"), ("text", 3), ("nats_per_char", None)]
    )
    def test_odd_entries_are_refused(self, name: str, value: object) -> None:
        arrays = eventful().to_arrays()
        text = arrays["diary"].tobytes().decode("utf-8", "surrogatepass")
        fields = module.json.loads(text)
        fields[0][name] = value
        arrays["diary"] = np.frombuffer(module.json.dumps(fields).encode(), dtype=np.uint8)
        with pytest.raises(ValueError, match=rf"damaged: an odd {name}"):
            History.from_arrays(arrays)
