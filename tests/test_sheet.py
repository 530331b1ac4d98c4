"""The sheet: one text that clicks, beats and analyses carry on, whoever looks."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from rnn import Config, Trainer, UnknownCharacter
from rnn.analysis import Portrait, portrait_of
from rnn.analysis.writer import Writer
from ui import sheet as module
from ui.live import LiveRun
from ui.place import Source
from ui.sheet import (
    MOST_PRIMED,
    Recipe,
    Sheet,
    compare,
    sheet_of,
    write,
    write_side_by_side,
)

TEXT = "the cat sat on the mat, and the rat sat too.\n" * 5


def quiet(share: float) -> None:
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    trainer = Trainer(TEXT, Config(hidden_size=12))
    trainer.advance(steps=100)
    return trainer


@pytest.fixture(scope="module")
def portrait(trainer: Trainer) -> Portrait:
    return portrait_of(trainer)


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every beat finds that the time for a character has come."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.0)


def text_of(paper: Sheet) -> str:
    written = paper.glance().written
    return "" if written is None else written.text


def test_one_by_one_and_all_at_once_write_what_the_trainer_samples(
    trainer: Trainer, portrait: Portrait
) -> None:
    recipe = Recipe(prime="the", seed=4, temperature=0.8, top_k=6)
    sample = trainer.sample(30, temperature=0.8, prime="the", seed=4, top_k=6)
    paper = Sheet()
    for _ in range(30):
        paper.add(recipe, lambda: portrait)
    assert text_of(paper) == write(recipe, 30, portrait, quiet).text == sample.text
    written = paper.glance().written
    assert written is not None
    assert written.whole == "the" + sample.text
    assert written.iteration == 100


@pytest.mark.usefixtures("due")
def test_playing_writes_the_same_text_and_can_be_stopped(portrait: Portrait) -> None:
    paper, recipe = Sheet(), Recipe(seed=1)
    paper.add(recipe, lambda: portrait)
    assert not paper.beat(recipe)
    assert len(text_of(paper)) == 1
    paper.play()
    assert all(paper.beat(recipe) for _ in range(20))
    assert text_of(paper) == Writer(portrait, seed=1).write(21)
    paper.rest()
    assert not paper.beat(recipe)
    assert len(text_of(paper)) == 21


def test_a_beat_before_its_time_writes_nothing(
    portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 1000.0)
    paper, recipe = Sheet(), Recipe()
    paper.add(recipe, lambda: portrait)
    paper.play()
    assert paper.beat(recipe)
    assert len(text_of(paper)) == 1


@pytest.mark.usefixtures("due")
def test_the_temperature_acts_on_the_next_character(portrait: Portrait) -> None:
    paper = Sheet()
    paper.add(Recipe(temperature=3.0), lambda: portrait)
    paper.play()
    for _ in range(10):
        paper.beat(Recipe(temperature=0.0))
        choice = paper.choice()
        assert choice is not None
        assert choice.temperature == 0.0
        assert choice.character == choice.before.argmax()


@pytest.mark.usefixtures("due")
def test_a_full_sheet_stops_playing_and_says_so_to_a_click(
    portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WRITTEN", 5)
    paper, recipe = Sheet(), Recipe()
    paper.add(recipe, lambda: portrait)
    paper.play()
    for _ in range(4):
        assert paper.beat(recipe)
    assert not paper.beat(recipe)
    assert not paper.playing
    with pytest.raises(ValueError, match="holds 5 characters"):
        paper.add(recipe, lambda: portrait)
    assert len(text_of(paper)) == 5


def test_a_prime_that_cannot_be_read_leaves_the_text_as_it_is(portrait: Portrait) -> None:
    paper = Sheet()
    with pytest.raises(UnknownCharacter, match="<"):
        paper.add(Recipe(prime="the <b>"), lambda: portrait)
    with pytest.raises(ValueError, match="100,000 characters"):
        paper.add(Recipe(prime="t" * 100_000), lambda: portrait)
    assert paper.glance().written is None
    paper.add(Recipe(prime="t" * MOST_PRIMED), lambda: portrait)
    paper.add(Recipe(prime="🙂"), lambda: portrait)  # acts only when the text starts over
    assert len(text_of(paper)) == 2
    assert not paper.follows(Recipe(prime="🙂"))
    assert paper.follows(Recipe(prime="t" * MOST_PRIMED, temperature=2.0))


def test_a_result_is_adopted_once_and_not_again_after_starting_over(portrait: Portrait) -> None:
    recipe = Recipe(seed=2)
    writer = write(recipe, 40, portrait, quiet)
    paper = Sheet()
    paper.play()
    paper.adopt(7, writer, recipe)
    assert not paper.playing
    assert len(text_of(paper)) == 40
    paper.add(recipe, lambda: portrait)
    paper.adopt(7, writer, recipe)
    assert len(text_of(paper)) == 41
    paper.clear()
    paper.adopt(7, writer, recipe)
    assert paper.glance().written is None
    paper.adopt(8, write(recipe, 3, portrait, quiet), recipe)
    assert len(text_of(paper)) == 3


def test_picking_a_character_shows_its_choice_until_more_is_written(portrait: Portrait) -> None:
    paper, recipe = Sheet(), Recipe()
    assert paper.choice() is None
    assert paper.glance().picked is None
    paper.pick(3)
    assert paper.choice() is None
    paper.adopt(1, write(recipe, 10, portrait, quiet), recipe)
    written = paper.glance().written
    assert written is not None
    assert paper.glance().picked == 9
    for index in (0, 4):
        paper.pick(index)
        choice = paper.choice()
        assert choice is not None
        assert portrait.vocabulary.chars[choice.character] == written.text[index]
        assert paper.glance().picked == index
    for outside in (-1, 10, None):
        paper.pick(outside)
        assert paper.glance().picked == 9
    paper.pick(4)
    paper.add(recipe, lambda: portrait)
    assert paper.glance().picked == 10


def test_what_was_copied_belongs_to_the_very_text(portrait: Portrait) -> None:
    paper, recipe = Sheet(), Recipe(temperature=0.0)
    assert paper.uncompared() is None
    paper.adopt(1, write(recipe, 60, portrait, quiet), recipe)
    paper.play()
    assert paper.uncompared() is None
    paper.rest()
    waiting = paper.uncompared()
    assert waiting is not None
    assert paper.uncompared() is None  # it is asked for once
    edition, text, of = waiting
    found = compare(text, of, quiet)
    before = paper.glance().number
    paper.note(edition, found)
    after = paper.glance()
    assert after.written is not None
    assert after.written.found is found
    assert after.number != before
    paper.note(edition, found)
    assert paper.glance().number == after.number
    paper.add(recipe, lambda: portrait)
    paper.note(edition, compare("", of, quiet))
    grown = paper.glance().written
    assert grown is not None
    assert grown.found is found


def test_comparing_leaves_out_what_was_held_out() -> None:
    text = "abcdefghij" * 8 + "0123456789" * 2
    portrait = portrait_of(Trainer(text, Config(hidden_size=2, seq_length=5, held_out=0.2)))
    assert compare("abcdefghij", portrait, quiet).share == 1.0
    assert compare("0123456789", portrait, quiet).share == 0.0


def test_side_by_side_differ_by_temperature_alone(trainer: Trainer, portrait: Portrait) -> None:
    temperatures = (0.0, 0.5, 1.0, 2.0)
    shares: list[float] = []
    recipe = Recipe(prime="the ", seed=9, temperature=0.1)
    texts = write_side_by_side(recipe, temperatures, 50, portrait, shares.append)
    for temperature, written in zip(temperatures, texts, strict=True):
        sample = trainer.sample(50, temperature=temperature, prime="the ", seed=9)
        assert written.text == sample.text
        assert written.found is not None
        assert written.found.length == 50
        drawn = sample.probabilities[np.arange(50), sample.ids]
        assert written.mean_bits == pytest.approx(-np.log2(drawn).mean(), rel=1e-4)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_threads_may_write_at_once(portrait: Portrait) -> None:
    paper, recipe = Sheet(), Recipe(seed=3)

    def work() -> None:
        for _ in range(50):
            paper.add(recipe, lambda: portrait)
            written = paper.glance().written
            assert written is not None
            assert len(written.text) == len(written.probabilities)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert text_of(paper) == Writer(portrait, seed=3).write(200)


def test_a_run_has_one_sheet_until_it_begins_anew() -> None:
    run = LiveRun(TEXT, Config(hidden_size=4), Source("own", "mine"))
    other = LiveRun(TEXT, Config(hidden_size=4), Source("own", "mine"))
    paper = sheet_of(run)
    paper.add(Recipe(), run.portrait)
    run.step()
    assert sheet_of(run) is paper
    assert sheet_of(other) is not paper
    run.reset()
    assert sheet_of(run) is not paper
    assert sheet_of(run).glance().written is None


def test_a_sheet_goes_with_its_run() -> None:
    run = LiveRun(TEXT, Config(hidden_size=4), Source("own", "mine"))
    sheet_of(run).add(Recipe(), run.portrait)
    paper = weakref.ref(sheet_of(run))
    del run
    gc.collect()
    assert paper() is None
