"""Similar moments: the nearest states are found wherever they stand in the text, and only those."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rnn import Config, Trainer
from rnn.analysis import Portrait, moments, portrait_of
from rnn.analysis.moments import APART, LONGEST_SHARED, nearest, similar
from tests.test_recall import SURE, planted

Array = NDArray[Any]

PERIOD = "sing a song of sixpence, a pocket full of rye.\n"
LETTERS = "".join(np.random.default_rng(6).choice(list("abcd"), 4000))


def remembering(text: str, steps: int) -> Portrait:
    """A network that holds the last `steps` characters of a text, each in units of its own."""
    size = len(set(text))
    Wxh = np.zeros((size * steps, size))
    Wxh[:size] = SURE * np.eye(size)
    Whh = SURE * np.eye(size * steps, k=-size)
    return planted(text, Wxh, Whh, np.zeros((size, size * steps)))


@pytest.fixture(scope="module")
def learned() -> Portrait:
    trainer = Trainer(PERIOD * 60, Config(hidden_size=24))
    trainer.advance(steps=1200)
    return portrait_of(trainer)


def test_in_a_periodic_text_similar_moments_are_at_the_same_phase(learned: Portrait) -> None:
    place = 11 * len(PERIOD) + 17
    found = similar(learned, place)
    assert len(found.moments) == moments.COUNT
    assert {moment.place % len(PERIOD) for moment in found.moments} == {17}
    assert all(moment.distance < 0.02 for moment in found.moments)
    assert all(moment.shared == LONGEST_SHARED for moment in found.moments[:3])
    assert found.typical > 0.3


def test_places_that_read_the_same_can_be_passed_over(learned: Portrait) -> None:
    place = 11 * len(PERIOD) + 17
    found = similar(learned, place, unlike=3)
    assert found.moments
    for moment in found.moments:
        assert moment.shared < 3
        assert moment.place % len(PERIOD) != 17
    assert found.moments[0].distance > 0.1


@pytest.mark.parametrize("place", [0, 3, 99, 100, 1234, len(LETTERS) - 1])
def test_what_a_network_remembers_is_what_makes_moments_similar(place: int) -> None:
    """It holds three characters, so the nearest places end on the same three."""
    found = similar(remembering(LETTERS, 3), place)
    last = LETTERS[max(0, place - 2) : place + 1]
    for moment in found.moments:
        if place >= 2:
            assert LETTERS[moment.place - 2 : moment.place + 1] == last
            assert moment.distance == pytest.approx(0.0, abs=1e-6)
        assert abs(moment.place - place) >= APART


def test_a_difference_in_one_remembered_character_has_its_known_distance() -> None:
    # Of 4·2 units two differ by 1: the root of 2/8 is a half.
    found = similar(remembering(LETTERS, 2), 1000, unlike=2)
    assert {round(moment.distance, 3) for moment in found.moments} == {0.5}
    # Three of four places differ in the first of the two characters, three of four in the second.
    assert found.typical == pytest.approx(np.sqrt(4 / 8), abs=0.01)


def test_every_distance_is_that_of_the_text_read_from_its_beginning(learned: Portrait) -> None:
    ids = learned.vocabulary.encode(learned.text)
    states = learned.states(ids).astype(np.float64)
    for place in (5, 150, 2000, len(ids) - 1):
        expected = np.sqrt(np.mean((states - states[place]) ** 2, axis=1))
        found = moments._distances(learned, ids, place, lambda share: None)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert found[place] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("length", [2, 50, 100, 101, 199, 200, 201, 333])
def test_short_texts_are_read_to_their_last_character(length: int) -> None:
    text = LETTERS[:length] if length > 2 else "ab"
    network = remembering(text, 1)
    found = moments._distances(network, network.vocabulary.encode(text), 0, lambda share: None)
    np.testing.assert_allclose(found < 1e-3, [char == text[0] for char in text])


def test_a_text_without_another_moment_has_none() -> None:
    found = similar(remembering(LETTERS[:8], 1), 4)
    assert found.moments == ()
    assert found.compared == 0
    assert found.typical == 0.0


def test_a_place_outside_the_text_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no character 9: the text has 8"):
        similar(remembering(LETTERS[:8], 1), 8)


def test_blocks_change_nothing(learned: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = similar(learned, 700)
    monkeypatch.setattr(moments, "_WORK", 1.0)
    shares: list[float] = []
    parts = similar(learned, 700, shares.append)
    assert [m.place % len(PERIOD) for m in parts.moments] == [
        m.place % len(PERIOD) for m in whole.moments
    ]
    assert parts.typical == pytest.approx(whole.typical, abs=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 100


def test_it_ends_when_it_is_told_to(learned: Portrait) -> None:
    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        similar(learned, 700, stop)


def test_the_nearest_places_keep_their_distance_from_each_other() -> None:
    distances = np.full(100, 9.0, np.float32)
    distances[[20, 21, 25, 29, 30, 60]] = 0.1, 0.05, 0.2, 0.3, 0.4, 0.15
    assert nearest(distances, 2) == [21, 60]
    distances[[0, 99]] = 0.01, np.inf
    assert nearest(distances, 3) == [0, 21, 60]
    assert nearest(np.full(30, np.inf, np.float32), 3) == []


def test_as_many_are_found_as_a_thorough_search_finds() -> None:
    distances = np.random.default_rng(0).random(2000).astype(np.float32)
    # The worst case: each of the best places is surrounded by places that are nearly as good.
    for best in range(100, 2000, 200):
        distances[best - 9 : best + 10] /= 1e6
    expected: list[int] = []
    for place in np.argsort(distances).tolist():
        if all(abs(place - other) >= APART for other in expected):
            expected.append(place)
    assert nearest(distances, 30) == expected[:30]


def test_shared_characters_are_counted_back_from_both_places() -> None:
    ids = np.array([1, 2, 3, 4, 9, 2, 3, 4, 3, 4])
    assert moments._shared(ids, 3, 7) == 3
    assert moments._shared(ids, 3, 9) == 2
    assert moments._shared(ids, 3, 4) == 0
    assert moments._shared(ids, 1, 5) == 1
    assert moments._shared(np.zeros(500), 400, 300) == LONGEST_SHARED
    assert moments._shared(np.zeros(500), 4, 300) == 5


def test_alike_are_the_places_that_end_on_the_same_characters() -> None:
    ids = np.array([1, 2, 3, 1, 2, 3, 9, 2, 3])
    np.testing.assert_array_equal(np.flatnonzero(moments._alike(ids, 5, 3)), [2, 5])
    np.testing.assert_array_equal(np.flatnonzero(moments._alike(ids, 5, 2)), [2, 5, 8])
    np.testing.assert_array_equal(np.flatnonzero(moments._alike(ids, 1, 5)), [1, 4])
