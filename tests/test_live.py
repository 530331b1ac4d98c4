"""A live run does what its buttons say, is the headless run bit for bit, and lets one thread in."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest

from rnn import Config, SettingError, StepRecord, TextError, Trainer
from rnn.levels import levels
from ui.live import GREEDY_LENGTH, LEADER_SILENT, SPARKLINE, LiveRun, LiveView, Target
from ui.pace import SHORTEST_TICK
from ui.place import Source

TEXT = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?\n" * 5
SMALL = Config(hidden_size=8, seq_length=6, sample_length=15, sample_interval=10, seed=3)
SOURCE = Source("own", "a text")
LONG = 10.0  # seconds: a tick that ends only when it is told to
PATIENCE = 10.0  # seconds after which a test gives up waiting


def live(text: str = TEXT, config: Config = SMALL) -> LiveRun:
    return LiveRun(text, config, SOURCE)


def tick(run: LiveRun, seconds: float = LONG) -> None:
    """One tick of at most so many seconds."""
    run.pacer.tick_seconds = seconds
    run.tick()


def run_until(run: LiveRun, iteration: int) -> None:
    run.run_to(Target(iteration=iteration))
    tick(run)
    assert run.iteration == iteration


def trainer_of(run: LiveRun) -> Trainer:
    return run._trainer


def bits(trainer: Trainer) -> dict[str, bytes]:
    """Everything that training changes, and all that it remembers."""
    state = trainer.state()
    written = {name: array.tobytes() for name, array in state.arrays.items()}
    for name, array in state.history.to_arrays().items():
        written[f"history/{name}"] = array.tobytes()
    counted = (state.config, state.iteration, state.pointer, state.epoch, state.smooth_loss)
    written["rest"] = repr((counted, state.characters_seen, state.generators)).encode()
    return written


def in_turn(*actions: Callable[[], object]) -> None:
    for action in actions:
        action()


def headless(steps: int, text: str = TEXT, config: Config = SMALL) -> Trainer:
    trainer = Trainer(text, config)
    if steps:
        trainer.advance(steps=steps)
    return trainer


# The buttons


def test_a_new_run_is_paused_at_iteration_zero() -> None:
    run = live()
    view = run.view()
    assert run.iteration == view.snapshot.iteration == 0
    assert (run.playing, view.playing) == (False, False)
    assert (view.pace, view.target, view.progress, run.notice) == (None, None, None, None)
    assert run.text == TEXT
    assert run.chars == tuple(sorted(set(TEXT)))
    assert run.config == SMALL


def test_a_step_is_exactly_one_iteration() -> None:
    run = live()
    for steps in range(1, 6):
        run.step()
        assert run.iteration == steps
        assert not run.playing
    assert bits(trainer_of(run)) == bits(headless(5))


def test_a_step_pauses_a_run_that_plays() -> None:
    run = live()
    run.play()
    run.step()
    assert run.iteration == 1
    assert not run.playing
    run.tick()
    assert run.iteration == 1


def test_a_tick_does_nothing_while_the_run_is_paused() -> None:
    run = live()
    before = bits(trainer_of(run))
    tick(run)
    assert bits(trainer_of(run)) == before
    run.play()
    run.pause()
    tick(run)
    assert bits(trainer_of(run)) == before


def test_a_tick_trains_at_least_one_step_while_the_run_plays() -> None:
    run = live()
    run.play()
    tick(run, seconds=0.0)
    assert run.iteration == 1
    assert run.playing
    tick(run, seconds=0.01)
    assert run.iteration > 1


def test_a_pause_forgets_the_pace() -> None:
    run = live()
    run.play()
    for _ in range(3):
        tick(run, seconds=0.001)
    assert run.view().pace is not None
    run.pacer.tick_seconds = 1.0
    run.pause()
    assert run.view().pace is None
    assert run.pacer.tick_seconds == SHORTEST_TICK


def test_the_pace_counts_the_characters_of_all_streams() -> None:
    run = live(config=SMALL.replace(streams=3))
    run.play()
    for _ in range(3):
        tick(run, seconds=0.001)
    pace = run.view().pace
    assert pace is not None
    assert pace.characters_per_second == pytest.approx(3 * 6 * pace.iterations_per_second)
    assert 0 < pace.training_share <= 1


# Run to…


@pytest.mark.parametrize("iteration", [1, 37, 250])
def test_run_to_ends_exactly_at_the_iteration(iteration: int) -> None:
    run = live()
    run.run_to(Target(iteration=iteration))
    assert run.playing
    tick(run)
    assert run.iteration == iteration
    assert not run.playing
    assert run.target is None
    assert run.notice is not None
    assert run.notice.kind == "target"
    assert str(iteration) in run.notice.sentence
    assert bits(trainer_of(run)) == bits(headless(iteration))


def test_run_to_needs_no_single_tick() -> None:
    run = live()
    run.run_to(Target(iteration=40))
    while run.playing:
        tick(run, seconds=0.0)
        assert run.iteration <= 40
    assert run.iteration == 40


def test_run_to_a_loss_ends_at_the_first_iteration_that_reaches_it() -> None:
    goal = headless(300).smooth_loss / SMALL.seq_length
    trainer = Trainer(TEXT, SMALL)
    while trainer.smooth_loss / SMALL.seq_length > goal:
        trainer.step()
    assert 0 < trainer.iteration <= 300
    run = live()
    run.run_to(Target(loss=goal))
    tick(run)
    assert run.iteration == trainer.iteration
    assert run.notice is not None
    assert run.notice.kind == "target"
    assert not run.playing


@pytest.mark.parametrize("target", [Target(iteration=5), Target(iteration=3), Target(loss=99.0)])
def test_a_target_that_is_reached_already_is_said_at_once(target: Target) -> None:
    run = live()
    run_until(run, 5)
    run.run_to(target)
    assert not run.playing
    assert run.target is None
    assert run.notice is not None
    assert run.notice.kind == "target"
    assert run.iteration == 5


def test_progress_is_the_share_of_the_way_that_lies_behind() -> None:
    run = live()
    run_until(run, 20)
    run.run_to(Target(iteration=60))
    shares = []
    for _ in range(4):
        shares.append(run.view().progress)
        for _ in range(10):
            tick(run, seconds=0.0)
    assert shares == pytest.approx([0.0, 0.25, 0.5, 0.75])
    assert run.view().progress is None


def test_progress_towards_a_loss_stays_between_nothing_and_all() -> None:
    run = live()
    run.run_to(Target(loss=headless(150).smooth_loss / SMALL.seq_length))
    shares = []
    while run.playing:
        progress = run.view().progress
        assert progress is not None
        shares.append(progress)
        tick(run, seconds=0.0)
    assert shares[0] == 0.0
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares[-1] > 0.9


def test_a_target_outlives_a_pause() -> None:
    run = live()
    run.run_to(Target(iteration=30))
    tick(run, seconds=0.0)
    run.pause()
    assert run.view().target == Target(iteration=30)
    run.play()
    tick(run)
    assert run.iteration == 30
    assert not run.playing


def test_playing_on_from_a_reached_target_has_no_end() -> None:
    run = live()
    run_until(run, 10)
    run.play()
    assert run.notice is None
    tick(run, seconds=0.02)
    assert run.iteration > 10
    assert run.playing


# Reset and restart


def test_a_reset_gives_the_same_initial_weights() -> None:
    run = live()
    run_until(run, 50)
    before = run.serial
    run.reset()
    assert run.serial != before
    assert run.iteration == 0
    assert not run.playing
    assert run.notice is None
    assert run.target is None
    assert bits(trainer_of(run)) == bits(headless(0))


def test_a_reset_repeats_the_run() -> None:
    run = live()
    run_until(run, 50)
    first = bits(trainer_of(run))
    run.reset()
    run_until(run, 50)
    assert bits(trainer_of(run)) == first


def test_a_reset_takes_new_settings_and_keeps_the_text() -> None:
    run = live()
    run_until(run, 5)
    wider = SMALL.replace(hidden_size=11, seed=9)
    run.reset(wider)
    assert run.config == wider
    assert run.text == TEXT
    assert run.source == SOURCE
    assert bits(trainer_of(run)) == bits(headless(0, config=wider))


def test_a_restart_takes_another_text() -> None:
    run = live()
    run_until(run, 5)
    run.levels()
    run.view()
    other = "0123456789" * 9
    run.restart(other, SMALL, Source("counting", "Counting"))
    view = run.view()
    assert (run.text, run.chars) == (other, tuple("0123456789"))
    assert run.source.key == "counting"
    assert view.snapshot.iteration == 0
    assert view.snapshot.live_sample is not None
    assert set(view.snapshot.live_sample.sample.text) <= set(other)
    assert view.sparks["gradient"] == []
    assert run.levels().uniform == pytest.approx(math.log(10))


BAD_BEGINNINGS: list[tuple[type[ValueError], Callable[[LiveRun], None]]] = [
    (TextError, lambda run: run.restart("ab", SMALL, Source("own", "short"))),
    (TextError, lambda run: run.restart("", SMALL, Source("own", "nothing"))),
    (TextError, lambda run: run.reset(SMALL.replace(seq_length=500))),
    (SettingError, lambda run: run.reset(SMALL.replace(hidden_size=4096))),
]


@pytest.mark.parametrize(("error", "begin"), BAD_BEGINNINGS)
def test_a_beginning_that_fails_leaves_the_run_untouched(
    error: type[ValueError], begin: Callable[[LiveRun], None]
) -> None:
    run = live()
    run.run_to(Target(iteration=1000))
    tick(run, seconds=0.0)
    before, serial = bits(trainer_of(run)), run.serial
    with pytest.raises(error):
        begin(run)
    assert bits(trainer_of(run)) == before
    assert (run.serial, run.source, run.text) == (serial, SOURCE, TEXT)
    assert run.playing
    assert run.target == Target(iteration=1000)
    tick(run)
    assert run.iteration == 1000


def test_a_run_that_cannot_begin_says_so() -> None:
    with pytest.raises(TextError):
        live(text="abc")


# Settings


def test_live_settings_act_from_the_next_iteration() -> None:
    run, trainer = live(), headless(20)
    run_until(run, 20)
    changes = {"learning_rate": 0.02, "clip": 1.0, "temperature": 0.5, "seq_length": 9}
    run.apply(**changes)
    trainer.apply(**changes)
    assert run.config == SMALL.replace(**changes)
    run_until(run, 60)
    trainer.advance(steps=40)
    assert bits(trainer_of(run)) == bits(trainer)
    assert [event.name for event in run.view().snapshot.events] == [
        event.name for event in trainer.history.events
    ]


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        (SettingError, {"hidden_size": 9}),
        (SettingError, {"learning_rate": -1.0}),
        (SettingError, {"no_such_setting": 1}),
        (TextError, {"seq_length": 499}),
    ],
)
def test_a_bad_setting_is_refused_and_the_run_goes_on(
    error: type[ValueError], changes: dict[str, Any]
) -> None:
    run = live()
    run.play()
    before = bits(trainer_of(run))
    with pytest.raises(error):
        run.apply(**changes)
    assert bits(trainer_of(run)) == before
    assert run.playing
    # A command that failed is over: the next tick gives way to nobody.
    run_until(run, 25)


# Looking on


def test_a_view_shows_the_moment_and_moves_nothing() -> None:
    run = live()
    run_until(run, 33)
    before = bits(trainer_of(run))
    snapshot = run.view().snapshot
    assert bits(trainer_of(run)) == before
    assert snapshot.iteration == 33
    assert snapshot.smooth_loss == pytest.approx(trainer_of(run).smooth_loss / 6)
    assert snapshot.live_sample is not None
    assert snapshot.live_sample.iteration == 33
    assert len(snapshot.live_sample.sample.ids) == SMALL.sample_length
    assert len(snapshot.live_sample.greedy) == GREEDY_LENGTH
    assert snapshot.gauges.spectral_radius == pytest.approx(
        np.abs(np.linalg.eigvals(trainer_of(run).params["Whh"])).max(), rel=1e-5
    )


def sampled_at(run: LiveRun) -> int:
    sample = run.view().snapshot.live_sample
    assert sample is not None
    return sample.iteration


def test_while_playing_a_sample_stays_for_the_interval() -> None:
    run = live()
    run.play()
    seen = []
    for _ in range(35):
        seen.append(sampled_at(run))
        tick(run, seconds=0.0)
    assert seen == [0] * 10 + [10] * 10 + [20] * 10 + [30] * 5


def test_at_rest_the_sample_is_of_this_moment() -> None:
    run = live()
    for steps in range(1, 15):
        run.step()
        assert sampled_at(run) == steps


def test_a_sample_drawn_at_rest_does_not_outlive_the_interval() -> None:
    """Even if the iteration it was drawn at equals the number of a later interval."""
    run = live()
    run.step()
    assert sampled_at(run) == 1
    run.play()
    while run.iteration < 15:
        tick(run, seconds=0.0)
    assert sampled_at(run) >= 10


def test_a_change_of_the_sampling_is_seen_at_once() -> None:
    run = live()
    run_until(run, 40)
    run.play()
    cold = run.view().snapshot.live_sample
    run.apply(temperature=0.0)
    greedy = run.view().snapshot.live_sample
    assert cold is not None
    assert greedy is not None
    assert greedy.sample.ids.tolist() == greedy.greedy[: SMALL.sample_length].tolist()
    run.apply(sample_length=7)
    shorter = run.view().snapshot.live_sample
    assert shorter is not None
    assert len(shorter.sample.ids) == 7


def test_sparklines_keep_the_newest_figures() -> None:
    run = live()
    newest = []
    for _ in range(SPARKLINE + 10):
        run.step()
        view = run.view()
        newest.append(view.snapshot.gauges.gradient_norm)
    assert view.sparks["gradient"] == newest[-SPARKLINE:]
    assert set(view.sparks) == {"speed", "gradient", "saturated", "update", "rate", "radius"}


def test_the_reference_levels_are_those_of_the_text() -> None:
    run = live()
    trainer = trainer_of(run)
    expected = levels(trainer.vocabulary.encode(TEXT), len(trainer.vocabulary))
    assert run.levels() == run.levels() == expected


# The live run is the headless run


def test_ticks_views_samples_and_pauses_leave_no_trace_in_the_run() -> None:
    config = SMALL.replace(held_out=0.2)
    run = live(config=config)
    looks: list[Callable[[], object]] = [
        run.view,
        lambda: in_turn(run.pause, run.view, run.play),
        lambda: in_turn(run.step, run.play),
        lambda: run.apply(learning_rate=run.config.learning_rate),
        run.levels,
        lambda: tick(run, seconds=0.0),
        lambda: tick(run, seconds=0.002),
    ]
    run.play()
    order = np.random.default_rng(0)
    while run.iteration < 600:
        looks[order.integers(len(looks))]()
    run.pause()
    assert bits(trainer_of(run)) == bits(headless(run.iteration, config=config))


def test_a_changed_setting_leaves_the_same_run_however_it_is_cut() -> None:
    run, trainer = live(), headless(0)
    run.play()
    for iteration, changes in ((7, {"seq_length": 10}), (20, {"clip": 0.5, "temperature": 0.3})):
        while run.iteration < iteration:
            tick(run, seconds=0.0)
            run.view()
        run.apply(**changes)
        trainer.advance(steps=iteration - trainer.iteration)
        trainer.apply(**changes)
    run_until(run, 120)
    trainer.advance(steps=120 - trainer.iteration)
    assert bits(trainer_of(run)) == bits(trainer)


# Divergence


WILD = SMALL.replace(learning_rate=100.0, optimiser="sgd", clip=0.0)


def diverged() -> LiveRun:
    run = live(config=WILD)
    run.run_to(Target(iteration=1_000_000))
    tick(run)
    return run


def assert_paused_after_divergence(run: LiveRun) -> None:
    assert run.notice is not None
    assert run.notice.kind == "diverged"
    assert not run.playing
    assert run.target is None
    for array in trainer_of(run).params.values():
        assert np.all(np.isfinite(array))
    assert "diverged" in [event.kind for event in run.view().snapshot.events]


def test_a_run_that_diverges_pauses_at_its_last_good_state() -> None:
    run = diverged()
    assert_paused_after_divergence(run)
    assert f"{run.iteration:,}" in run.notice.sentence  # type: ignore[union-attr]
    before = run.iteration
    tick(run)
    assert run.iteration == before


def test_a_step_that_diverges_says_so_too() -> None:
    run = live(config=WILD)
    for _ in range(200):
        run.step()
        if run.notice is not None:
            break
    assert_paused_after_divergence(run)


def test_recovering_trains_on_with_a_tenth_of_the_learning_rate() -> None:
    run = diverged()
    start = run.iteration
    for rate in (10.0, 1.0, 0.1, 0.01, 0.001):
        run.recover()
        assert run.config.learning_rate == pytest.approx(rate)
        assert run.playing
        assert run.notice is None
        run.run_to(Target(iteration=start + 100))
        tick(run)
        if run.iteration == start + 100:
            break
        assert_paused_after_divergence(run)
    assert run.iteration == start + 100
    assert math.isfinite(trainer_of(run).smooth_loss)


def test_recovering_never_goes_below_the_smallest_learning_rate() -> None:
    run = live(config=SMALL.replace(learning_rate=1e-6))
    run.recover()
    assert run.config.learning_rate == 1e-6
    assert run.playing


def test_training_on_after_a_divergence_takes_the_notice_away() -> None:
    run = diverged()
    run.play()
    assert run.notice is None


# One thread at a time


@dataclass
class Detector:
    """Notices two threads inside the trainer, holding each one up for a moment so that they meet."""

    most: int = 0
    calls: int = 0
    _inside: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self._lock:
            self.calls += 1
            self._inside += 1
            self.most = max(self.most, self._inside)
        time.sleep(0.0005)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    def watch(self, trainer: Trainer) -> None:
        """Wrap everything that reads or writes what a step writes."""
        # `step` calls `advance` and `periodic_sample` calls `sample`: each thread counts once.
        for name in ("advance", "apply", "sample", "effective_rate"):
            method = getattr(trainer, name)
            setattr(trainer, name, partial(self._watched, method))

    def _watched(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self.entered():
            return method(*args, **kwargs)


class NoLock:
    """Looks like a lock and lets everybody in."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass


def hammered(run: LiveRun, rounds: int = 16) -> tuple[Detector, list[BaseException]]:
    """Several threads click and look at once, all starting at the same moment."""
    detector, errors = Detector(), []
    detector.watch(trainer_of(run))
    run.play()
    actions: list[Callable[[], object]] = [
        lambda: tick(run, seconds=0.002),
        lambda: tick(run, seconds=0.002),
        run.step,
        lambda: in_turn(run.pause, run.play),
        lambda: run.apply(learning_rate=0.05 + 0.001 * run.iteration % 0.05),
        run.view,
    ]
    start = threading.Barrier(len(actions))

    def hammer(action: Callable[[], object]) -> None:
        start.wait()
        try:
            for _ in range(rounds):
                action()
        except BaseException as error:  # a thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=hammer, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a thread waits for ever"
    return detector, errors


def test_two_threads_are_never_inside_the_trainer() -> None:
    run = live()
    detector, errors = hammered(run)
    assert errors == []
    assert detector.calls > 20
    assert detector.most == 1
    # Every step was whole: the history has each iteration once.
    curve = trainer_of(run).history.curve()
    assert curve.count.sum() == run.iteration
    np.testing.assert_array_equal(curve.first[1:], curve.last[:-1] + 1)


def test_without_the_lock_two_threads_would_be_found_inside() -> None:
    def unlocked() -> LiveRun:
        run = live()
        run._lock = NoLock()  # type: ignore[assignment]
        return run

    # A busy machine may let one thread after the other run to its end, but not every time.
    assert any(hammered(unlocked())[0].most > 1 for _ in range(20))


A_FEW = 2
WHOLE_TICK = 1000  # steps


@dataclass
class Turn:
    """The steps of a tick when somebody else wished for a turn, when they had it, and in all."""

    wished_at: int = 0
    served_at: int = 0
    taken: int = 0


def during_a_long_tick(
    run: LiveRun, command: Callable[[], object], patience: float = PATIENCE
) -> Turn:
    """Train for as long as it takes to serve `command`, which is given after the fifth step.

    The tick waits there until the wish is known, at most `patience` seconds, so that what counts is
    steps and not how the machine shares out its time.
    """
    turn, trainer = Turn(), trainer_of(run)
    advance = trainer.advance

    def serve() -> None:
        command()
        turn.served_at = turn.taken

    def counted(
        seconds: float | None = None,
        steps: int | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> StepRecord:
        assert should_stop is not None

        def asked() -> bool:
            turn.taken += 1
            if turn.taken == 5:
                clicker.start()
                wait_until(should_stop, patience)
                turn.wished_at = turn.taken
            # The test itself ends a tick that gives way to nobody.
            return should_stop() or turn.taken == WHOLE_TICK

        # From here on, it is the command that may call it.
        trainer.advance = advance  # type: ignore[method-assign]
        return advance(seconds, steps, asked)

    clicker = threading.Thread(target=serve)
    trainer.advance = counted  # type: ignore[method-assign]
    run.play()
    tick(run)
    clicker.join(PATIENCE)
    assert not clicker.is_alive()
    return turn


def wait_until(known: Callable[[], bool], patience: float) -> None:
    deadline = time.perf_counter() + patience
    while not known() and time.perf_counter() < deadline:
        time.sleep(0.0005)


COMMANDS: dict[str, Callable[[LiveRun], object]] = {
    "pause": LiveRun.pause,
    "step": LiveRun.step,
    "play": LiveRun.play,
    "view": LiveRun.view,
    "apply": lambda run: run.apply(learning_rate=0.01),
    "run_to": lambda run: run.run_to(Target(iteration=7)),
    "recover": LiveRun.recover,
    "reset": LiveRun.reset,
    "levels": LiveRun.levels,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_served_after_at_most_a_few_steps_of_a_long_tick(name: str) -> None:
    run = live()
    turn = during_a_long_tick(run, lambda: COMMANDS[name](run))
    assert turn.wished_at == 5
    assert turn.wished_at <= turn.served_at <= turn.wished_at + A_FEW
    assert turn.taken <= turn.wished_at + A_FEW


def test_a_command_that_did_not_wish_would_wait_for_the_whole_tick() -> None:
    """What the test above would find if commands took the lock without a word."""
    run = live()

    @contextmanager
    def silent() -> Iterator[Trainer]:
        with run._lock:
            yield trainer_of(run)

    run._steering = silent  # type: ignore[method-assign]
    turn = during_a_long_tick(run, run.pause, patience=0.2)
    assert turn.served_at == WHOLE_TICK


def test_two_ticks_do_not_cut_each_other_short() -> None:
    """Two pages may show one run: the beat of the one is no command to the other."""
    run = live()
    turn = during_a_long_tick(run, lambda: tick(run, seconds=0.0), patience=0.2)
    assert turn.taken == WHOLE_TICK


def test_a_pause_during_a_tick_ends_the_training() -> None:
    run = live()
    turn = during_a_long_tick(run, run.pause)
    assert run.iteration == turn.taken <= 5 + A_FEW
    assert not run.playing
    tick(run)
    assert run.iteration == turn.taken


def test_a_reset_during_a_tick_starts_over() -> None:
    run = live()
    during_a_long_tick(run, run.reset)
    assert run.iteration == 0
    assert not run.playing
    assert bits(trainer_of(run)) == bits(headless(0))


def test_views_of_several_threads_are_whole() -> None:
    """Each is of one moment: its curve ends where its iteration says."""
    run, end = live(), 40
    run.play()
    views: list[LiveView] = []
    start = threading.Barrier(4)

    def train() -> None:
        start.wait()
        while run.iteration < end:
            tick(run, seconds=0.0)

    def look() -> None:
        start.wait()
        views.append(run.view())
        while run.iteration < end:
            views.append(run.view())

    threads = [threading.Thread(target=action) for action in (train, look, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert len(views) >= 3
    for view in views:
        assert view.snapshot.curve.count.sum() == view.snapshot.iteration
        assert view.snapshot.characters_seen == view.snapshot.iteration * SMALL.seq_length


# Several tabs on one run


def always(visitor: str) -> bool:
    return True


def test_the_first_tab_leads_and_the_others_follow() -> None:
    run = live()
    assert run.leads("one", always)
    assert not run.leads("two", always)
    assert run.leads("one", always)


def test_a_tab_that_has_closed_gives_the_lead_up_at_once() -> None:
    run = live()
    assert run.leads("one", always)
    assert run.leads("two", lambda visitor: visitor != "one")
    assert not run.leads("one", always)


def test_a_tab_that_falls_silent_loses_the_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    run = live()
    now = 1000.0
    monkeypatch.setattr("ui.live.time.monotonic", lambda: now)
    assert run.leads("one", always)
    now += 0.9 * LEADER_SILENT
    assert not run.leads("two", always)
    now += 0.2 * LEADER_SILENT
    assert run.leads("two", always)


def test_the_lead_can_be_taken() -> None:
    run = live()
    assert run.leads("one", always)
    run.take_lead("two")
    assert run.leads("two", always)
    assert not run.leads("one", always)


def test_a_view_without_hurry_leaves_the_tick_its_length() -> None:
    run = live()
    stops: list[bool] = []
    run.play()
    original = run.trainer.advance

    def slow(*args: Any, should_stop: Any, **kwargs: Any) -> Any:
        began.set()
        time.sleep(0.1)
        stops.append(should_stop())
        return original(steps=1)

    began = threading.Event()
    run.trainer.advance = slow  # type: ignore[method-assign]
    for hurry in (False, True):
        began.clear()
        tick = threading.Thread(target=run.tick)
        tick.start()
        assert began.wait(20)
        run.view(hurry=hurry)
        tick.join()
    assert stops == [False, True]
