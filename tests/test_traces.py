"""Traces: what is noted, when, that it is right, and that training does not feel it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn import Config, Divergence, Trainer
from rnn.dynamics import LAGS, SMALLEST
from rnn.history import History
from rnn.moments import (
    DECADES,
    MEASURES,
    SIZE_BINS,
    VALUE_BINS,
    Moment,
    after_update,
    before_clip,
    size_edges,
)
from rnn.network import PARAMETERS, Network, Unrolled
from rnn.optimisers import OPTIMISERS
from rnn.traces import FIRST_STRIDE, MOST, MULTIPLES, Traces
from tests.reference import column, loss_and_gradients

TEXT = "the cat sat on the mat, and the rat sat too. " * 5
SMALL = Config(hidden_size=8, seq_length=9, sample_length=5)


def moment(iteration: int, value: float = 0.5) -> Moment:
    return Moment(
        iteration=iteration,
        seq_length=25,
        radius=1.5 + value,
        singular=2.5,
        flow=np.full(LAGS, value, np.float16),
        measures=np.full((len(MEASURES), 5), value, np.float32),
        reach=np.full(5, value, np.float32),
        weights=np.full((5, VALUE_BINS), value, np.float16),
        gradients=np.full((5, SIZE_BINS), value, np.float16),
        activations=np.full(VALUE_BINS, value, np.float16),
    )


def noted(last: int, traces: Traces | None = None, first: int = 1) -> Traces:
    traces = traces or Traces()
    for iteration in range(first, last + 1):
        if traces.due(iteration):
            traces.add(moment(iteration))
    return traces


def kept(traces: Traces) -> list[int]:
    return [moment.iteration for moment in traces.moments]


def same(one: Moment, other: Moment) -> bool:
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name), equal_nan=True)
        for f in fields(Moment)
    )


def params_of(trainer: Trainer) -> bytes:
    return trainer.network.weights.tobytes() + trainer.hidden.tobytes()


# Which moments are kept


def test_at_first_powers_of_two_then_multiples_of_the_stride() -> None:
    powers = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert kept(noted(300)) == powers
    assert kept(noted(2000)) == [*powers, 512, 1024, 1536]


@pytest.mark.parametrize("last", [1, 511, 513, 33_000, 33_280, 70_000, 400_000])
def test_what_is_kept_follows_from_the_iterations_alone(last: int) -> None:
    stride = FIRST_STRIDE
    while last // stride > MULTIPLES:
        stride *= 2
    expected = set(range(stride, last + 1, stride))
    expected |= {1 << k for k in range(last.bit_length()) if 1 << k <= last}
    assert kept(noted(last)) == sorted(expected)
    assert len(kept(noted(last))) <= 96


def test_even_after_the_longest_run_they_are_few() -> None:
    traces, iteration = Traces(), 1
    while iteration < 1 << 40:
        traces.add(moment(iteration))
        assert len(traces.moments) <= 96 + 10 < MOST
        iteration += max(1, iteration // 50)
        while not traces.due(iteration):
            step = iteration & -iteration
            iteration += step
    assert traces.moments[0].iteration == 1


def test_a_copy_is_independent() -> None:
    traces = noted(40)
    twin = traces.copy()
    twin.add(moment(64))
    assert kept(traces) == [1, 2, 4, 8, 16, 32]
    assert kept(twin)[-1] == 64


def test_moments_are_sealed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        moment(1).flow[0] = 3.0


# Files


def test_arrays_bring_everything_back() -> None:
    traces = Traces()
    for iteration, value in ((1, np.nan), (2, 0.25), (512, np.inf), (1024, -3.0)):
        traces.add(moment(iteration, value))
    arrays = traces.to_arrays()
    assert all(not array.dtype.hasobject for array in arrays.values())
    again = Traces.from_arrays(arrays)
    assert kept(again) == [1, 2, 512, 1024]
    assert all(map(same, traces.moments, again.moments))
    assert kept(Traces.from_arrays(Traces().to_arrays())) == []


def test_a_long_run_goes_on_from_a_file_as_if_never_stopped() -> None:
    again = Traces.from_arrays(noted(40_000).to_arrays())
    assert kept(noted(90_000, again, first=40_001)) == kept(noted(90_000))


@pytest.mark.parametrize(
    "damage",
    [
        lambda a: a.pop("trace_flow"),
        lambda a: a.pop("trace_iteration"),
        lambda a: a.update(trace_iteration=a["trace_iteration"][::-1].copy()),
        lambda a: a.update(trace_iteration=a["trace_iteration"] - 1),
        lambda a: a.update(trace_iteration=a["trace_iteration"].astype(np.float64)),
        lambda a: a.update(trace_flow=a["trace_flow"][:, :-1]),
        lambda a: a.update(trace_flow=a["trace_flow"].astype(np.float64)),
        lambda a: a.update(trace_measures=a["trace_measures"][:-1]),
        lambda a: a.update(trace_radius=a["trace_radius"].astype(np.int64)),
        lambda a: a.update(trace_iteration=np.arange(1, 3000)),
        lambda a: a.update(trace_iteration=np.array(1)),
    ],
)
def test_damaged_traces_are_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    history = History()
    for iteration in (1, 2, 4):
        history.add_moment(moment(iteration))
    arrays = history.to_arrays()
    damage(arrays)
    with pytest.raises(ValueError, match="The stored history is damaged"):
        History.from_arrays(arrays)


def test_histories_from_before_there_were_traces_still_load() -> None:
    arrays = {
        name: array
        for name, array in History().to_arrays().items()
        if not name.startswith("trace_")
    }
    assert History.from_arrays(arrays).moments == ()


def test_checkpoints_carry_the_traces(tmp_path: Path) -> None:
    trainer = Trainer(TEXT, SMALL)
    trainer.advance(steps=70)
    trainer.save(tmp_path / "run.npz")
    again = Trainer.load(tmp_path / "run.npz")
    for run in (trainer, again):
        run.advance(steps=500)
    assert [m.iteration for m in again.history.moments][-3:] == [128, 256, 512]
    assert all(map(same, trainer.history.moments, again.history.moments))


# Training does not feel it


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_noting_changes_no_bit_of_the_run(monkeypatch: pytest.MonkeyPatch, optimiser: str) -> None:
    config = SMALL.replace(optimiser=optimiser, learning_rate=0.01, streams=2)
    watched, alone = Trainer(TEXT, config), Trainer(TEXT, config)
    watched.advance(steps=140)
    monkeypatch.setattr(History, "moment_due", lambda self, iteration: False)
    alone.advance(steps=140)
    assert len(watched.history.moments) == 8
    assert alone.history.moments == ()
    assert params_of(watched) == params_of(alone)
    assert watched.smooth_loss == alone.smooth_loss


def test_moments_do_not_depend_on_how_the_run_is_cut() -> None:
    whole, stepwise = Trainer(TEXT, SMALL), Trainer(TEXT, SMALL)
    whole.advance(steps=70)
    for _ in range(70):
        stepwise.step()
        stepwise.rehearsal()
    assert all(map(same, whole.history.moments, stepwise.history.moments))
    assert [m.iteration for m in stepwise.history.moments] == [1, 2, 4, 8, 16, 32, 64]


def test_after_a_divergence_the_moments_are_those_of_the_state_it_went_back_to() -> None:
    trainer = Trainer(TEXT, SMALL.replace(optimiser="sgd", clip=0.0, learning_rate=1e-3))
    trainer.advance(steps=210)
    trainer.apply(learning_rate=100.0)
    with pytest.raises(Divergence):
        trainer.advance(steps=400)
    assert trainer.iteration == 200
    assert [m.iteration for m in trainer.history.moments] == [1, 2, 4, 8, 16, 32, 64, 128]


# What a moment says


def stepped(config: Config, steps: int) -> tuple[Trainer, Trainer]:
    """A run before and after the step that its last moment is of."""
    before, after = Trainer(TEXT, config), Trainer(TEXT, config)
    if steps > 1:
        before.advance(steps=steps - 1)
    after.advance(steps=steps)
    assert after.history.moments[-1].iteration == steps
    return before, after


def test_norms_shares_and_ratios_are_those_of_the_step() -> None:
    config = SMALL.replace(dtype="float64", clip=0.02)
    before, after = stepped(config, 16)
    ids = before.vocabulary.encode(TEXT[before.pointer : before.pointer + 10])
    params = {name: column(value) for name, value in before.params.items()}
    hidden = column(before.hidden)
    _, raw, _ = loss_and_gradients(params, ids[:-1].tolist(), ids[1:].tolist(), hidden)
    found = after.history.moments[-1]
    squares = after.optimiser_memory["squares"]
    for place, name in enumerate(PARAMETERS):
        clipped = np.clip(raw[name], -0.02, 0.02)
        change = (after.params[name] - before.params[name]).ravel()
        weights = after.params[name].ravel()
        memory = np.sort(squares[name].ravel())
        middle = memory[len(memory) // 2]
        expected = {
            "raw_norm": np.linalg.norm(raw[name]),
            "norm": np.linalg.norm(clipped),
            "clipped_share": np.mean(np.abs(raw[name]) > 0.02),
            "update_ratio": np.log10(np.linalg.norm(change) / np.linalg.norm(weights)),
            "squares_mean": memory.mean(),
            "squares_median": middle,
        }
        for measure, value in expected.items():
            assert found.measure(measure)[place] == pytest.approx(value, rel=1e-5), measure
        rates = np.sort(0.1 / np.sqrt(memory + 1e-8))
        assert found.measure("effective_rate")[place] in rates.astype(np.float32)
        assert found.reach[place] == pytest.approx(np.abs(weights).max())
    assert 0.1 < found.measure("clipped_share").max() <= 1.0
    assert np.isnan(found.measure("momentum_mean")).all()


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_the_memory_is_that_of_the_optimiser(optimiser: str) -> None:
    _, after = stepped(SMALL.replace(optimiser=optimiser, learning_rate=0.01), 8)
    found = after.history.moments[-1]
    for slot in ("squares", "momentum"):
        mean = found.measure(f"{slot}_mean")
        if slot in after.optimiser_memory:
            sizes = [np.abs(after.optimiser_memory[slot][name]).mean() for name in PARAMETERS]
            np.testing.assert_allclose(mean, sizes, rtol=1e-4)
        else:
            assert np.isnan(mean).all()
    if optimiser == "sgd":
        np.testing.assert_allclose(found.measure("effective_rate"), 0.01, rtol=1e-6)


def test_histograms_count_every_entry_once() -> None:
    _, after = stepped(SMALL, 32)
    found = after.history.moments[-1]
    for part in (found.weights, found.gradients, found.activations[None]):
        np.testing.assert_allclose(part.sum(axis=1, dtype=np.float64), 1.0, rtol=1e-3)
    for place, name in enumerate(PARAMETERS):
        reach = float(found.reach[place])
        counts, _ = np.histogram(after.params[name], VALUE_BINS, (-reach, reach))
        shares = counts / counts.sum()
        assert np.abs(found.weights[place] - shares).sum() < 0.05  # rounding at the bins' edges
    states, window = after.history.moments[-1].activations, after.last_window
    assert window is not None
    counts, _ = np.histogram(window.hidden, VALUE_BINS, (-1, 1))
    np.testing.assert_allclose(states, counts / counts.sum(), atol=0.03)


def test_gradient_sizes_lie_in_bins_of_their_logarithm() -> None:
    network = Network(4, 3, "float64")
    unrolled = Unrolled(network, 2)
    network.gradients["Why"][...] = np.array([[0.0, 1e-20, 1.1e-9, 0.03]] * 3)
    network.gradients["by"][...] = [-5e9, np.nan, 30.0]
    found = before_clip(unrolled, 0.0).gradients
    edges = size_edges()
    assert len(edges) == SIZE_BINS
    assert (edges[0], edges[-1]) == DECADES
    why = dict(zip(np.flatnonzero(found[2]), found[2][found[2] > 0], strict=True))
    places = [0, 1, int(np.searchsorted(edges, np.log10(0.03)))]
    assert list(why) == places
    np.testing.assert_allclose(list(why.values()), [0.5, 0.25, 0.25])
    assert edges[places[2] - 1] <= np.log10(0.03) < edges[places[2]]
    by = np.flatnonzero(found[4]).tolist()
    assert by == [0, int(np.searchsorted(edges, np.log10(30.0))), SIZE_BINS - 1]


def test_the_flow_of_a_moment_ends_where_the_window_does() -> None:
    _, after = stepped(SMALL, 4)
    flow = after.history.moments[-1].flow
    assert flow.shape == (LAGS,)
    assert np.isfinite(flow[:9]).all()
    assert np.isnan(flow[9:]).all()
    assert (flow[:9] > SMALLEST).all()


def test_large_parameters_are_sampled_evenly() -> None:
    network = Network(300, 5)
    rng = np.random.default_rng(0)
    network.weights[...] = rng.uniform(-1, 1, network.weights.shape)
    unrolled = Unrolled(network, 3)
    optimiser = OPTIMISERS["adagrad"](len(network.weights), network.dtype)
    optimiser.slots["squares"][...] = np.square(network.weights)
    found = after_update(before_clip(unrolled, 5.0), 1, unrolled, optimiser, 0.1)
    np.testing.assert_allclose(found.weights[1], 1 / VALUE_BINS, rtol=0.3)
    assert found.measure("squares_mean")[1] == pytest.approx(1 / 3, rel=0.03)
    assert found.measure("squares_median")[1] == pytest.approx(0.25, rel=0.05)


# The rehearsal


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
@pytest.mark.parametrize("steps", [0, 1, 31])
def test_the_rehearsal_is_the_next_step(optimiser: str, steps: int) -> None:
    trainer = Trainer(TEXT, SMALL.replace(optimiser=optimiser, learning_rate=0.01, streams=2))
    if steps:
        trainer.advance(steps=steps)
    before = params_of(trainer), trainer.state()
    foreseen = trainer.rehearsal()
    assert params_of(trainer) == before[0]
    assert trainer.state().arrays.keys() == before[1].arrays.keys()
    for name, array in trainer.state().arrays.items():
        np.testing.assert_array_equal(array, before[1].arrays[name])
    trainer.step()  # the next one is due
    assert same(foreseen, trainer.history.moments[-1])


def test_the_rehearsal_at_the_end_of_the_text_starts_over() -> None:
    trainer = Trainer(TEXT, SMALL)
    while trainer.pointer or not trainer.iteration:
        trainer.step()
    expected = replace(trainer.rehearsal(), iteration=0)
    fresh = Trainer(TEXT, SMALL)
    np.copyto(fresh.network.weights, trainer.network.weights)
    for name, memory in trainer.optimiser_memory["squares"].items():
        fresh.optimiser_memory["squares"][name][...] = memory
    assert same(expected, replace(fresh.rehearsal(), iteration=0))


def test_a_rehearsal_of_a_step_that_would_diverge_still_says_something() -> None:
    trainer = Trainer(TEXT, SMALL)
    trainer.advance(steps=3)
    trainer.network.weights[...] = np.float32(1e30)
    found = trainer.rehearsal()
    assert found.iteration == 4
    assert found.gradients.shape == (5, SIZE_BINS)
    trainer.network.weights[...] = np.nan
    assert np.isnan(trainer.rehearsal().radius)
