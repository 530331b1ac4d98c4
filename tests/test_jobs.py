"""Analyses on their own thread: results, sentences, cancelling, giving way, and being forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from rnn import Config, Trainer
from rnn.analysis import Portrait, Report, portrait_of
from ui.jobs import Jobs

PATIENCE = 20.0


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    trainer = Trainer("the cat sat on the mat. " * 4, Config(hidden_size=3))
    trainer.advance(steps=7)
    return portrait_of(trainer)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs(lambda: False)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.002)


class Held:
    """Work that goes on until the test lets it end, reporting all the while."""

    def __init__(self, result: str = "done") -> None:
        self.result = result
        self.began, self.may_end = threading.Event(), threading.Event()
        self.stopped = threading.Event()

    def __call__(self, portrait: Portrait, report: Report) -> str:
        self.began.set()
        try:
            while not self.may_end.is_set():
                report(0.5)
                time.sleep(0.001)
        finally:
            self.stopped.set()
        return self.result


def test_a_result_stays_with_the_iteration_and_the_choices_it_came_from(
    jobs: Jobs, portrait: Portrait
) -> None:
    jobs.start("a", lambda p, report: p.config.hidden_size, portrait, parameters=("x", 3))
    until(lambda: jobs.done("a") is not None)
    done = jobs.done("a")
    assert done is not None
    assert (done.result, done.iteration, done.parameters) == (3, 7, ("x", 3))
    assert not jobs.working
    assert jobs.under_way("a") is None


def test_progress_can_be_seen_and_an_end_is_counted(jobs: Jobs, portrait: Portrait) -> None:
    held = Held()
    ended = jobs.ended
    jobs.start("a", held, portrait)
    assert jobs.working
    until(lambda: (job := jobs.under_way("a")) is not None and job.share == 0.5)
    assert jobs.done("a") is None
    held.may_end.set()
    until(lambda: jobs.done("a") is not None)
    assert jobs.ended == ended + 1


def test_a_value_error_becomes_a_sentence_and_the_next_attempt_may_succeed(
    jobs: Jobs, portrait: Portrait
) -> None:
    def refuses(portrait: Portrait, report: Report) -> int:
        raise ValueError("The passage is too short; choose a longer one.")

    jobs.start("a", refuses, portrait)
    until(lambda: jobs.done("a") is not None)
    first = jobs.done("a")
    assert first is not None
    assert first.sentence == "The passage is too short; choose a longer one."
    jobs.start("a", lambda p, report: 5, portrait)
    until(lambda: jobs.done("a") is not first)
    second = jobs.done("a")
    assert second is not None
    assert (second.result, second.sentence) == (5, None)
    assert second.number != first.number


def test_another_fault_is_one_sentence_without_its_words(
    jobs: Jobs, portrait: Portrait, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(portrait: Portrait, report: Report) -> int:
        raise KeyError("secret/path")

    jobs.start("a", fails, portrait)
    until(lambda: jobs.done("a") is not None)
    done = jobs.done("a")
    assert done is not None
    assert done.sentence
    assert "secret" not in done.sentence
    assert any("secret" in str(record.exc_info) for record in caplog.records)


def test_cancelling_ends_the_work_and_keeps_the_earlier_result(
    jobs: Jobs, portrait: Portrait
) -> None:
    jobs.start("a", lambda p, report: "early", portrait)
    until(lambda: jobs.done("a") is not None)
    held = Held()
    jobs.start("a", held, portrait)
    assert held.began.wait(PATIENCE)
    jobs.cancel("a")
    assert held.stopped.wait(PATIENCE)
    assert not jobs.working
    done = jobs.done("a")
    assert done is not None
    assert done.result == "early"


def test_starting_anew_replaces_what_is_under_way(jobs: Jobs, portrait: Portrait) -> None:
    held = Held("old")
    jobs.start("a", held, portrait)
    jobs.start("a", lambda p, report: "new", portrait)
    until(lambda: jobs.done("a") is not None)
    held.may_end.set()
    done = jobs.done("a")
    assert done is not None
    assert done.result == "new"


def test_a_forgotten_run_takes_no_late_result(jobs: Jobs, portrait: Portrait) -> None:
    held = Held()
    jobs.start("a", held, portrait)
    assert held.began.wait(PATIENCE)
    jobs.forget()
    held.may_end.set()
    assert held.stopped.wait(PATIENCE)
    after = Held()
    jobs.start("b", after, portrait)  # one worker: when this has begun, the first is over
    assert after.began.wait(PATIENCE)
    assert jobs.done("a") is None
    after.may_end.set()


def test_it_rests_between_pieces_of_work_only_while_the_run_trains(
    portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    monkeypatch.setattr("ui.jobs.time.sleep", rests.append)

    def work(portrait: Portrait, report: Report) -> bool:
        for step in range(5):
            report(step / 5)
        return True

    for training in (False, True):
        rests.clear()
        jobs = Jobs(lambda training=training: training)  # type: ignore[misc]
        jobs.start("a", work, portrait)
        ready = threading.Event()
        while jobs.done("a") is None:
            ready.wait(0.002)
        assert bool(rests) == training
