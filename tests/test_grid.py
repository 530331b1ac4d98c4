"""Grids: which runs they make, what they refuse, and what is remembered of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rnn.grid import (
    MOST_RUNS,
    VARIABLE,
    GridError,
    differences,
    grid,
    listed,
    parse_values,
    require_trainable,
    suggested,
)
from rnn.plans import FOLDER, Plan, enter, plans
from rnn.presets import PRESETS
from rnn.settings import SETTING, SETTINGS, Config, Setting, SettingError
from rnn.store import StoreError
from rnn.windows import TextError

BASE = Config(hidden_size=12, seq_length=8, seed=3)


# Which runs


def test_three_rates_and_three_sizes_make_nine_runs() -> None:
    made = grid(BASE, {"learning_rate": [0.01, 0.1, 1.0], "hidden_size": [4, 8, 16]}, [3])
    pairs = [(config.hidden_size, config.learning_rate) for config in made.configs]
    assert pairs == [(size, rate) for size in (4, 8, 16) for rate in (0.01, 0.1, 1.0)]
    assert made.varied == ("hidden_size", "learning_rate")
    assert {config.replace(hidden_size=12, learning_rate=0.1) for config in made.configs} == {BASE}


def test_seeds_multiply_the_runs() -> None:
    made = grid(BASE, {"clip": [1, 5]}, [0, 1, 2])
    assert len(made.configs) == 6
    assert made.varied == ("clip", "seed")
    assert {(config.clip, config.seed) for config in made.configs} == {
        (clip, seed) for clip in (1.0, 5.0) for seed in (0, 1, 2)
    }


def test_a_setting_with_one_value_is_set_and_does_not_count_as_varied() -> None:
    made = grid(BASE, {"hidden_size": [20], "learning_rate": [0.1, 0.2]}, [9])
    assert made.varied == ("learning_rate",)
    assert {(config.hidden_size, config.seed) for config in made.configs} == {(20, 9)}


def test_no_setting_at_all_makes_one_run() -> None:
    assert grid(BASE, {}, [BASE.seed]).configs == (BASE,)


def test_a_value_that_stands_there_twice_counts_once() -> None:
    made = grid(BASE, {"learning_rate": [0.1, 0.2, 0.1]}, [1, 1])
    assert [config.learning_rate for config in made.configs] == [0.1, 0.2]


def test_choices_can_be_varied() -> None:
    made = grid(BASE, {"optimiser": ["adam", "sgd"]}, [0])
    assert [config.optimiser for config in made.configs] == ["adam", "sgd"]


# What is refused, each in one sentence


BAD: list[tuple[dict[str, list[Any]], list[Any], str]] = [
    ({"learning_rate": [0.1, 1000.0]}, [0], "Learning rate must be between 1e-06 and 100"),
    ({"hidden_size": [2.5]}, [0], "Hidden size must be a whole number"),
    ({"optimiser": ["magic"]}, [0], "Optimiser must be one of"),
    ({"hidden_size": [4]}, [-1], "Seed must be between"),
    ({"hidden_size": []}, [0], "Hidden size has no value"),
    ({"hidden_size": [4]}, [], "Seed has no value"),
    ({"hiden_size": [4]}, [0], "There is no setting called"),
    ({name: [1] for name in ("clip", "top_k", "streams", "hidden_size")}, [0], "at most 3"),
    ({"hidden_size": list(range(1, MOST_RUNS + 2))}, [0], f"at most {MOST_RUNS}"),
    ({"hidden_size": list(range(1, 1000)), "seq_length": list(range(1, 400))}, [0], "398,601 runs"),
]


@pytest.mark.parametrize(("axes", "seeds", "words"), BAD)
def test_what_cannot_be_made_is_one_sentence(
    axes: dict[str, list[Any]], seeds: list[Any], words: str
) -> None:
    with pytest.raises((GridError, SettingError), match=words) as refusal:
        grid(BASE, axes, seeds)
    assert str(refusal.value).count(". ") == 0


def test_the_largest_number_of_runs_is_allowed() -> None:
    assert len(grid(BASE, {"hidden_size": list(range(1, MOST_RUNS + 1))}, [0]).configs) == MOST_RUNS


def test_a_text_that_is_too_short_for_one_of_the_runs_is_told() -> None:
    configs = grid(BASE, {"seq_length": [4, 400]}, [0]).configs
    require_trainable("ab" * 500, configs)
    with pytest.raises(TextError, match="sequence length of 400 needs at least 401"):
        require_trainable("ab" * 50, configs)


def test_a_run_that_would_fill_the_memory_is_told() -> None:
    configs = grid(BASE, {"hidden_size": [4, 1024], "streams": [256]}, [0]).configs
    with pytest.raises(SettingError, match="GB of memory"):
        require_trainable("ab" * 100_000, [config.replace(seq_length=400) for config in configs])


# Lists of values as people write them


@pytest.mark.parametrize(
    "text", ["0.1,0.2,0.5", " 0.1; 0.2 ;0.5 ", "0.1 0.2\t0.5", "0.1, 0.2,,0.5,"]
)
def test_values_are_separated_by_commas_semicolons_or_spaces(text: str) -> None:
    assert parse_values(SETTING["learning_rate"], text) == (0.1, 0.2, 0.5)


def test_equal_values_are_read_once() -> None:
    assert parse_values(SETTING["hidden_size"], "10, 1e1, 20") == (10, 20)


@pytest.mark.parametrize("text", ["", " , ;"])
def test_an_empty_list_is_told_with_an_example(text: str) -> None:
    with pytest.raises(
        GridError, match=r"Hidden size has no value yet; list some, such as 50, 100"
    ):
        parse_values(SETTING["hidden_size"], text)


@pytest.mark.parametrize("text", ["0.1, fast", "nan", "1e9", "0.1 0"])
def test_a_bad_value_in_the_list_is_told(text: str) -> None:
    with pytest.raises(SettingError, match="Learning rate must be"):
        parse_values(SETTING["learning_rate"], text)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_is_suggested_can_be_read_back_and_made(setting: Setting) -> None:
    bounds = [setting.default, *(end for end in (setting.low, setting.high) if end is not None)]
    for value in [*bounds, *(preset.config.get(setting.name, bounds[0]) for preset in PRESETS)]:
        kept = setting.check(value)
        offered = suggested(setting, kept)
        assert kept in offered
        if setting.kind is not str:
            assert parse_values(setting, listed(setting, kept)) == offered
            assert len(offered) >= 2


def test_the_value_in_force_is_offered_to_the_last_digit() -> None:
    assert listed(SETTING["learning_rate"], 0.0123456789) == "0.00617, 0.0123456789, 0.0247"
    assert listed(SETTING["hidden_size"], 100) == "50, 100, 200"
    assert listed(SETTING["top_k"], 0) == "0, 1, 2"
    assert listed(SETTING["hidden_size"], 1) == "1, 2"


def test_the_seed_has_a_list_of_its_own() -> None:
    assert {setting.name for setting in SETTINGS} - {setting.name for setting in VARIABLE} == {
        "seed"
    }


def test_a_run_is_named_by_what_sets_it_apart() -> None:
    values = BASE.as_dict()
    assert differences(values, ("hidden_size", "learning_rate", "seed")) == (
        "hidden size 12, learning rate 0.1, seed 3"
    )
    assert differences(values, ()) == "all as it was"


# What is remembered


def test_a_plan_is_read_back_and_the_next_one_has_the_next_number(tmp_path: Path) -> None:
    first = enter(tmp_path, 500, ("hidden_size",), ["a" * 16, "b" * 16], 10.0)
    second = enter(tmp_path, 700, ("clip", "seed"), ["c" * 16], 20.0)
    assert first == Plan(1, 10.0, 500, ("hidden_size",), ("a" * 16, "b" * 16))
    assert plans(tmp_path) == [second, first]
    assert second.number == 2
    assert not [path for path in (tmp_path / FOLDER).iterdir() if path.suffix != ".json"]


def test_without_any_plan_there_is_none(tmp_path: Path) -> None:
    assert plans(tmp_path) == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"format": 1}', '{"format": 99}', "null"])
def test_a_file_that_is_no_plan_is_passed_over(tmp_path: Path, content: str) -> None:
    plan = enter(tmp_path, 500, (), ["a" * 16], 10.0)
    (tmp_path / FOLDER / "other.json").write_text(content, encoding="utf-8")
    assert plans(tmp_path) == [plan]


def test_a_setting_that_this_version_does_not_know_is_left_out(tmp_path: Path) -> None:
    enter(tmp_path, 500, ("clip",), ["a" * 16], 10.0)
    (path,) = (tmp_path / FOLDER).glob("*.json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**stored, "varied": ["clip", "wings"]}), encoding="utf-8")
    assert plans(tmp_path)[0].varied == ("clip",)


def test_a_plan_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="The grid could not be written"):
        enter(tmp_path, 500, (), ["a" * 16], 10.0)
