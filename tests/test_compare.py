"""Runs against each other: what differs, which are shown, curves on one scale, and the tree of forks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.analysis.passage import Passage
from rnn.compare import (
    COLUMN,
    SETTING_COLUMNS,
    along,
    bases,
    bits,
    changes,
    family,
    latest,
    line,
    matches,
    nearest,
    smoothed,
    tree,
    varied,
)
from rnn.stills import GROUPS, Lens, histograms, limits, look, shared_passage
from rnn.store import Curve, RunRow, Store, fork
from tests.stocked import SMALL, TEXT, row, trained

# What differs


def words(run: RunRow, base: RunRow | None) -> list[str]:
    return [str(change) for change in changes(run, base)]


def test_only_what_differs_is_told() -> None:
    one = row("a")
    other = row("b", learning_rate=0.05, hidden_size=1_000, optimiser="adam")
    assert words(other, one) == [
        "hidden size 100 → 1,000",
        "learning rate 0.1 → 0.05",
        "optimiser Adagrad → Adam",
    ]
    assert words(one, one) == []


def test_without_a_base_it_is_compared_with_the_defaults() -> None:
    assert words(row("a"), None) == []
    assert words(row("a", clip=1.0, dtype="float64"), None) == [
        "gradient clip 5 → 1",
        "precision float32 → float64",
    ]


def test_another_text_comes_first_and_texts_of_one_title_are_told_apart() -> None:
    verse = row("a")
    other = row("b", text_digest="d2", source_title="Alice", text_length=90_000, seed=3)
    assert words(other, verse) == ["text Verse → Alice", "seed 0 → 3"]
    longer = row("c", text_digest="d3", text_length=2_000)
    assert words(longer, verse) == ["text Verse (1,695 characters) → Verse (2,000 characters)"]


def test_a_run_is_compared_with_the_one_before_it_and_a_fork_with_its_parent() -> None:
    first, second, third = row("a", 1), row("b", 2), row("c", 3, parent="a")
    before = bases([third, first, second])
    assert before["a"] is None
    assert before["b"] is first
    assert before["c"] is first


def test_a_deleted_parent_is_still_the_one_a_fork_is_compared_with_but_no_run_before() -> None:
    gone = row("a", 1, deleted=5.0)
    first, forked = row("b", 2), row("c", 3, parent="a")
    before = bases([first, forked], [gone, first, forked])
    assert before["b"] is None
    assert before["c"] is gone
    assert bases([first, forked])["c"] is first


# Which runs


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("verse", "verse"),
        ("verse 2", "verse"),
        ("verse-12", "verse"),
        ("verse_3", "verse"),
        ("verse #4", "verse"),
        ("verse (5)", "verse"),
        ("H100", "H100"),
        ("rate 0.1", "rate 0.1"),
        ("42", "42"),
        ("a 1 b", "a 1 b"),
    ],
)
def test_names_that_differ_in_a_number_at_their_end_are_one_family(name: str, kind: str) -> None:
    assert family(name) == kind


def test_the_latest_of_each_text_and_of_each_name() -> None:
    runs = [
        row("verse", 1),
        row("verse 2", 4),
        row("alice", 3, text_digest="d2"),
        row("alice 2", 2, text_digest="d2"),
        row("other", 2),
    ]

    def names(of_each: str) -> list[str]:
        return [run.name for run in latest(runs, of_each)]  # type: ignore[arg-type]

    assert names("all") == ["verse", "verse 2", "alice", "alice 2", "other"]
    assert names("text") == ["verse 2", "alice"]
    assert names("name") == ["verse 2", "alice", "other"]


def test_all_words_have_to_be_found_in_any_case() -> None:
    run = row("Verse with ADAM", note="calm start", status="diverged")
    assert matches(run, "")
    assert matches(run, "adam CALM")
    assert matches(run, "diverged")
    assert not matches(run, "adam wild")


# What is measured


def test_columns_are_in_the_units_they_name() -> None:
    run = row("a", held_out=3.0 * math.log(2), learning_rate=0.02)
    assert COLUMN["best"].value(run) == pytest.approx(1.5)
    assert COLUMN["last"].value(run) == pytest.approx(2.0)
    assert COLUMN["test"].value(run) == pytest.approx(3.0)
    assert COLUMN["best"].title == "best loss (bits per character)"
    assert COLUMN["learning_rate"].value(run) == 0.02
    assert COLUMN["optimiser"].value(run) == "Adagrad"
    assert COLUMN["test"].value(row("b")) is None
    assert bits(None) is None


def test_every_setting_is_a_column() -> None:
    assert {column.key for column in SETTING_COLUMNS} > set(Config().as_dict())


def test_settings_that_differ_come_with_those_of_sampling_last() -> None:
    runs = [row("a"), row("b", temperature=0.5, learning_rate=0.5)]
    assert [column.key for column in varied(runs)] == ["learning_rate", "temperature"]
    assert varied(runs[:1]) == []


# Curves


def curve(iterations: list[float], losses: list[float], length: int = 10) -> Curve:
    at = np.array(iterations)
    return Curve(
        iteration=at,
        characters=at * length,
        seconds=at / 100.0,
        loss=np.array(losses),
        smooth=np.array(losses),
        held_out_iteration=np.array([2.0]),
        held_out=np.array([9.0]),
    )


def test_a_line_over_each_axis() -> None:
    shown = curve([1.0, 2.0, 4.0], [3.0, 2.0, 1.0])
    np.testing.assert_array_equal(line(shown, "iteration").x, [1, 2, 4])
    np.testing.assert_array_equal(line(shown, "characters").x, [10, 20, 40])
    np.testing.assert_array_equal(line(shown, "seconds").x, [0.01, 0.02, 0.04])
    np.testing.assert_array_equal(line(shown, "iteration").y, [3, 2, 1])
    held_out = line(shown, "characters", "held-out")
    np.testing.assert_array_equal(held_out.x, [20.0])
    np.testing.assert_array_equal(held_out.y, [9.0])


def test_an_iteration_s_place_on_another_axis_is_between_its_neighbours() -> None:
    shown = curve([2.0, 4.0], [3.0, 1.0])
    np.testing.assert_allclose(along(shown, "characters", np.array([0.0, 1.0, 3.0])), [0, 10, 30])
    nothing = curve([], [])
    np.testing.assert_array_equal(along(nothing, "seconds", np.array([5.0])), [0.0])


def test_smoothing_is_the_weighted_mean_that_it_says() -> None:
    at, losses, over = np.array([1.0, 2.0, 5.0]), np.array([4.0, 2.0, 1.0]), 3
    weights = np.array([1.0, 1.0, 3.0])  # the iterations that each point stands for
    for last in range(3):
        share = weights[: last + 1] * np.exp((at[: last + 1] - at[last]) / over)
        expected = float((share * losses[: last + 1]).sum() / share.sum())
        assert smoothed(at, losses, over)[last] == pytest.approx(expected)
    assert smoothed(at, losses, 0) is losses


def test_a_constant_loss_stays_itself_however_it_is_smoothed() -> None:
    at = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(smoothed(at, np.full(3, 2.5), 1_000), 2.5)


def test_smoothing_does_not_depend_on_how_finely_a_curve_was_kept() -> None:
    fine = np.arange(1.0, 2001.0)
    losses = np.exp(-fine / 500.0)
    coarse = fine[7::8]
    means = losses.reshape(-1, 8).mean(axis=1)
    one, other = smoothed(fine, losses, 300)[-1], smoothed(coarse, means, 300)[-1]
    assert one == pytest.approx(other, rel=0.02)


@pytest.mark.parametrize(
    ("wanted", "found"), [(10, 10), (14, 10), (99, 50), (0, 1), (1, 1), (49, 20)]
)
def test_the_nearest_saved_moment_lies_at_or_below(wanted: int, found: int) -> None:
    assert nearest([1, 10, 20, 50], wanted) == found


def test_nothing_is_nearest_where_nothing_is() -> None:
    assert nearest([], 5) is None


# Forks


def test_a_tree_draws_each_family_below_each_other_and_later_forks_higher() -> None:
    runs = [
        row("alone", 9),
        row("old", 1, iteration=5_000),
        row("early", 2, parent="old", fork_iteration=500, iteration=700),
        row("late", 3, parent="old", fork_iteration=2_000, iteration=2_500),
        row("grandchild", 4, parent="late", fork_iteration=2_200, iteration=2_300),
        row("new", 5, iteration=100),
        row("of new", 6, parent="new", fork_iteration=50, iteration=60),
    ]
    found = [
        (each.run.name, each.row, each.start, each.end, each.parent_row) for each in tree(runs, 40)
    ]
    assert found == [
        ("new", 0, 0, 100, None),
        ("of new", 1, 50, 60, 0),
        ("old", 2, 0, 5_000, None),
        ("late", 3, 2_000, 2_500, 2),
        ("grandchild", 4, 2_200, 2_300, 3),
        ("early", 5, 500, 700, 2),
    ]
    assert [each.run.name for each in tree(runs, 2)] == ["new", "of new"]


def test_there_is_no_tree_without_a_fork() -> None:
    assert tree([row("a"), row("b", parent="gone", fork_iteration=5)], 40) == []


# Stills


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_still_of_a_saved_state_is_what_the_trainer_would_show(store: Store) -> None:
    run_id = trained(store, "fox")
    trainer = store.load_snapshot(run_id, 5)
    passage = Passage(TEXT[:12], "")
    still = look(trainer, Lens(passage, length=15, temperature=0.7, seed=3))
    assert still.iteration == 5
    sample = trainer.sample(15, temperature=0.7, prime=TEXT[:12], seed=3)
    assert still.sample.text == sample.text
    assert still.hidden.shape == (12, SMALL.hidden_size)
    np.testing.assert_allclose(still.probabilities.sum(axis=1), 1.0)
    # the sample's first character was drawn from what was expected after the passage
    np.testing.assert_allclose(
        still.drawn[0], still.probabilities[-1, still.sample.ids[0]], rtol=1e-4
    )


def test_looking_leaves_training_as_it_was(store: Store) -> None:
    run_id = trained(store, "fox")
    untouched, looked_at = store.load(run_id), store.load(run_id)
    look(looked_at, Lens(Passage("the"), seed=1))
    for trainer in (untouched, looked_at):
        trainer.advance(steps=5)
    np.testing.assert_array_equal(untouched.params["Whh"], looked_at.params["Whh"])
    assert untouched.sample(20).text == looked_at.sample(20).text


def test_a_fork_without_a_change_looks_like_its_parent(store: Store) -> None:
    run_id = trained(store, "fox")
    forked = fork(store, run_id, 10)
    lens = Lens(Passage("the quick"), length=30)
    one = look(store.load_snapshot(run_id, 10), lens)
    other = look(store.load_snapshot(forked, 10), lens)
    assert one.sample.text == other.sample.text
    np.testing.assert_array_equal(one.hidden, other.hidden)


def test_histograms_of_two_runs_share_their_bins() -> None:
    narrow = {group: np.array([-0.01, 0.0, 0.01]) for group in GROUPS}
    wide = {group: np.array([-0.9, 0.0, 0.9]) for group in GROUPS}
    within = limits(narrow, wide)
    assert set(within.values()) == {1.0}
    shown = histograms(narrow, wide, within)
    for histogram in shown.values():
        assert (histogram.edges[0], histogram.edges[-1]) == (-1.0, 1.0)
        assert histogram.now.sum() == pytest.approx(1.0)
        assert histogram.initial.sum() == pytest.approx(1.0)
        assert histogram.now.max() == pytest.approx(1.0)  # all three in the middle bin
        assert np.count_nonzero(histogram.initial) == 3


def test_weights_beyond_the_scale_stand_in_the_outermost_bins() -> None:
    far = {group: np.array([-7.0, 7.0, 7.0]) for group in GROUPS}
    shown = histograms(far, far, dict.fromkeys(GROUPS, 1.0))
    assert shown["Whh"].now[0] == pytest.approx(1 / 3)
    assert shown["Whh"].now[-1] == pytest.approx(2 / 3)


def test_a_shared_passage_has_what_all_know() -> None:
    assert shared_passage("abcab", [("a", "b"), ("b", "c")]) == "bb"
    assert shared_passage("xyz", [("a",)]) == ""


def test_an_empty_passage_shows_no_states_but_a_sample() -> None:
    still = look(Trainer(TEXT, SMALL), Lens(Passage(""), length=5))
    assert still.hidden.shape == (0, SMALL.hidden_size)
    assert len(still.sample.text) == 5
