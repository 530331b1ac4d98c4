"""The gradient check agrees with right gradients, and tells wrong ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.gradcheck import AGREEMENT, Entry, GradientCheck, check
from rnn.network import PARAMETERS, Unrolled

TEXT = "the cat sat on the mat, and the rat sat too. " * 5


def portrait(steps: int = 60, **settings: object) -> Portrait:
    trainer = Trainer(TEXT, Config(hidden_size=9, seq_length=10).replace(**settings))
    if steps:
        trainer.advance(steps=steps)
    return portrait_of(trainer)


def silent(share: float) -> None:
    """A report that nobody listens to."""


@pytest.mark.parametrize("steps", [0, 1, 60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("streams", [1, 3])
def test_right_gradients_agree(steps: int, dtype: str, streams: int) -> None:
    found = check(portrait(steps, dtype=dtype, streams=streams), silent)
    counts = Counter(entry.parameter for entry in found.entries)
    assert counts == {"Wxh": 10, "Whh": 10, "Why": 10, "bh": 9, "by": 10}
    assert found.agreeing == len(found.entries)
    assert found.differing == found.undecided == 0
    assert found.worst < AGREEMENT
    assert any(abs(entry.analytic) > 1e-3 for entry in found.entries)


def test_the_clip_has_no_part_in_it() -> None:
    run = portrait(clip=1e-4)
    found = check(run, silent)
    assert found.agreeing == len(found.entries)
    assert max(abs(entry.analytic) for entry in found.entries) > 1e-2


def forget_the_slope(unrolled: Unrolled) -> None:
    """Backward as it would be without the derivative of tanh."""
    unrolled._h1[:, :-1] = 0.0
    right(unrolled)


def forget_one_bias(unrolled: Unrolled) -> None:
    right(unrolled)
    unrolled.network.gradients["by"][...] *= 1.001


def forget_to_look_back(unrolled: Unrolled) -> None:
    right(unrolled)
    unrolled.network.gradients["Whh"][...] = 0.0


right = Unrolled.backward


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (forget_the_slope, {"Wxh", "Whh", "Why", "bh"}),
        (forget_one_bias, {"by"}),
        (forget_to_look_back, {"Whh"}),
    ],
)
def test_wrong_gradients_are_found(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Unrolled], None], where: set[str]
) -> None:
    run = portrait()
    monkeypatch.setattr(Unrolled, "backward", wrong)
    found = check(run, silent, entries=40)
    differing = {e.parameter for e in found.entries if not e.agrees and not e.undecided}
    assert differing == where
    assert found.differing > 0
    assert found.worst > AGREEMENT


def test_the_same_seed_draws_the_same_entries_and_another_seed_others() -> None:
    run = portrait()
    once, again, other = (check(run, silent, seed=seed) for seed in (3, 3, 4))
    assert once == again
    assert [e.place for e in once.entries] != [e.place for e in other.entries]
    drawn = [(e.parameter, e.place) for e in once.entries]
    assert len(set(drawn)) == len(drawn)
    for entry in once.entries:
        shape = run.params[entry.parameter].shape
        assert all(0 <= i < size for i, size in zip(entry.place, shape, strict=True))


def test_the_portrait_stays_as_it_is_and_the_work_is_reported() -> None:
    run = portrait()
    before = {name: array.copy() for name, array in run.params.items()}
    told: list[float] = []
    found = check(run, told.append, entries=4)
    assert len(found.entries) == 20
    assert len(told) == 20
    assert told == sorted(told)
    assert 0.0 <= told[0] < told[-1] < 1.0
    for name in PARAMETERS:
        np.testing.assert_array_equal(run.params[name], before[name])


def test_cancelling_ends_it() -> None:
    class Enough(Exception):
        pass

    def report(share: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        check(portrait(), report)


def test_the_smallest_network() -> None:
    found = check(portrait(3, hidden_size=1, seq_length=1), silent)
    assert found.agreeing == len(found.entries) > 0


def test_where_gradients_explode_finite_differences_cannot_tell() -> None:
    trainer = Trainer(TEXT, Config(hidden_size=60, seq_length=60, init_scale=0.4))
    found = check(portrait_of(trainer), silent)
    assert found.undecided > 10
    assert found.differing == 0


def entry(analytic: float, numeric: float, rounding: float = 1e-9, bend: float = 0.0) -> Entry:
    return Entry("Whh", (0, 0), analytic, numeric, rounding, bend)


def test_verdicts() -> None:
    assert entry(0.0, 0.0).agrees
    assert entry(0.0, 0.0).error == 0.0
    assert entry(1.0, 1.0 + 0.9 * AGREEMENT).agrees
    assert not entry(1.0, 1.0 + 1.1 * AGREEMENT).agrees
    assert not entry(1.0, 1.0 + 1.1 * AGREEMENT).undecided
    assert entry(1.0, 1.1, bend=0.05).undecided
    assert entry(1e-9, 5e-10).agrees  # no more than rounding
    assert entry(1e-9, 5e-10).tiny
    assert entry(0.5, 1e-9, bend=1e-9).undecided is False
    few = GradientCheck((entry(1.0, 1.0), entry(1e-9, 5e-10), entry(1.0, 1.5)))
    assert (few.agreeing, few.differing, few.undecided) == (2, 1, 0)
    assert few.worst == pytest.approx(1 / 3)
    assert GradientCheck((entry(1e-9, 5e-10),)).worst == 0.0
