"""The table of settings, the checks it makes, and a config's way to text and back."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn.settings import SETTING, SETTINGS, Config, Setting, SettingError, Value, find

NUMBERS = [setting for setting in SETTINGS if setting.kind is not str]
CHOICES = [setting for setting in SETTINGS if setting.kind is str]


def by_name(setting: Setting) -> str:
    return setting.name


def values_of(setting: Setting) -> st.SearchStrategy[Value]:
    if setting.kind is str:
        return st.sampled_from(setting.choices)
    assert setting.low is not None
    assert setting.high is not None
    if setting.kind is int:
        return st.integers(int(setting.low), int(setting.high))
    return st.floats(setting.low, setting.high)


configs = st.fixed_dictionaries({s.name: values_of(s) for s in SETTINGS}).map(
    lambda values: Config().replace(**values)
)


class TestTable:
    def test_config_has_the_table_s_settings_in_its_order(self) -> None:
        assert [field.name for field in dataclasses.fields(Config)] == [s.name for s in SETTINGS]

    def test_defaults_are_those_of_the_classic(self) -> None:
        assert Config().as_dict() == {
            "hidden_size": 100,
            "seq_length": 25,
            "learning_rate": 0.1,
            "clip": 5.0,
            "optimiser": "adagrad",
            "init_scale": 0.01,
            "seed": 0,
            "dtype": "float32",
            "streams": 1,
            "held_out": 0.0,
            "sample_interval": 100,
            "sample_length": 200,
            "temperature": 1.0,
            "top_k": 0,
        }

    def test_live_settings(self) -> None:
        assert {s.name for s in SETTINGS if s.live} == {
            "seq_length",
            "learning_rate",
            "clip",
            "sample_interval",
            "sample_length",
            "temperature",
            "top_k",
        }

    @pytest.mark.parametrize("setting", SETTINGS, ids=by_name)
    def test_a_row_is_complete(self, setting: Setting) -> None:
        assert setting.check(setting.default) == setting.default
        assert type(setting.default) is setting.kind
        assert setting.live == (setting.group != "Network")
        assert len(setting.choices) == len(setting.choice_labels)
        assert (setting.low is None) == (setting.high is None) == bool(setting.choices)
        if setting.log:
            assert setting.low is not None
            assert setting.low > 0

    @pytest.mark.parametrize("setting", SETTINGS, ids=by_name)
    def test_help_is_one_sentence(self, setting: Setting) -> None:
        assert setting.help[0].isupper()
        assert setting.help.endswith(".")
        assert ". " not in setting.help


class TestCheck:
    @pytest.mark.parametrize("setting", NUMBERS, ids=by_name)
    def test_both_ends_of_the_range_belong_to_it(self, setting: Setting) -> None:
        assert setting.low is not None
        assert setting.high is not None
        assert setting.check(setting.low) == setting.low
        assert setting.check(setting.high) == setting.high
        below = setting.low - 1 if setting.kind is int else math.nextafter(setting.low, -math.inf)
        above = setting.high + 1 if setting.kind is int else math.nextafter(setting.high, math.inf)
        for outside in (below, above):
            with pytest.raises(SettingError, match=rf"^{setting.label} must be between .* but was"):
                setting.check(outside)

    @pytest.mark.parametrize("setting", NUMBERS, ids=by_name)
    @pytest.mark.parametrize("value", [True, np.True_, math.nan, math.inf, None, "1", 1j, [1]])
    def test_what_is_no_number_is_refused(self, setting: Setting, value: object) -> None:
        with pytest.raises(SettingError, match=rf"^{setting.label} must be "):
            setting.check(value)

    @pytest.mark.parametrize("value", [np.int64(50), np.uint8(50), np.float32(50), 50.0])
    def test_numpy_and_whole_floats_become_plain(self, value: object) -> None:
        checked = SETTING["hidden_size"].check(value)
        assert checked == 50
        assert type(checked) is int
        assert type(SETTING["learning_rate"].check(value)) is float

    def test_minus_zero_becomes_zero(self) -> None:
        assert str(Config(clip=-0.0).clip) == "0.0"

    @pytest.mark.parametrize("setting", CHOICES, ids=by_name)
    def test_choices(self, setting: Setting) -> None:
        for choice in setting.choices:
            assert setting.check(np.str_(choice)) == choice
            assert type(setting.check(np.str_(choice))) is str
        for value in ("", "Adagrad ", 1, None):
            with pytest.raises(SettingError, match=rf"^{setting.label} must be one of "):
                setting.check(value)

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("learning_rate", 0, "Learning rate must be between 1e-06 and 100, but was 0."),
            (
                "hidden_size",
                10.5,
                "Hidden size must be a whole number between 1 and 1024, but was 10.5.",
            ),
            (
                "clip",
                math.nan,
                "Gradient clip must be a number between 0 and 1000, but was nan.",
            ),
            (
                "seed",
                10**40,
                "Seed must be between 0 and 4294967295, but was a number of more than 30 digits.",
            ),
            (
                "dtype",
                "float16",
                "Precision must be one of float32, float64, but was 'float16'.",
            ),
        ],
    )
    def test_sentences(self, name: str, value: object, sentence: str) -> None:
        with pytest.raises(SettingError) as error:
            SETTING[name].check(value)
        assert str(error.value) == sentence

    def test_a_number_too_long_to_print_is_refused(self) -> None:
        with pytest.raises(SettingError, match=r"^Gradient clip must be between 0 and 1000"):
            SETTING["clip"].check(10**5000)

    def test_a_long_value_is_cut(self) -> None:
        with pytest.raises(SettingError) as error:
            SETTING["dtype"].check("x" * 10_000)
        assert len(str(error.value)) < 120


class TestParse:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("hidden_size", " 64 ", 64),
            ("hidden_size", "1e2", 100),
            ("learning_rate", "1e-3", 0.001),
            ("learning_rate", "1", 1.0),
            ("optimiser", "adam", "adam"),
        ],
    )
    def test_texts(self, name: str, text: str, value: Value) -> None:
        parsed = SETTING[name].parse(text)
        assert parsed == value
        assert type(parsed) is type(value)

    @pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "1e999", "-1", "9" * 6000, "0x10"])
    def test_bad_texts(self, text: str) -> None:
        with pytest.raises(SettingError, match=r"^Hidden size must be "):
            SETTING["hidden_size"].parse(text)


class TestConfig:
    def test_every_field_is_checked(self) -> None:
        for setting in SETTINGS:
            with pytest.raises(SettingError, match=rf"^{setting.label} must be "):
                Config().replace(**{setting.name: -1})

    def test_equal_configs_are_equal_and_hash_alike(self) -> None:
        assert Config(hidden_size=np.int64(7)) == Config(hidden_size=7)  # type: ignore[arg-type]
        assert len({Config(seed=1), Config(seed=1), Config(seed=2)}) == 2

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Config().seed = 3  # type: ignore[misc]

    def test_replace_leaves_the_original(self) -> None:
        config = Config(seed=3)
        changed = config.replace(learning_rate=0.5, seq_length=10)
        assert changed == Config(seed=3, learning_rate=0.5, seq_length=10)
        assert config == Config(seed=3)

    @given(config=configs)
    def test_strings_round_trip(self, config: Config) -> None:
        assert Config.from_strings(config.to_strings()) == config

    @given(config=configs, base=configs)
    def test_strings_round_trip_from_any_base(self, config: Config, base: Config) -> None:
        assert Config.from_strings(config.to_strings(base), base) == config

    @given(
        spelled=st.dictionaries(
            st.sampled_from(list(SETTING)) | st.text(max_size=12),
            st.text(max_size=20)
            | st.integers().map(str)
            | st.floats().map(str)
            | st.sampled_from(["adam", "float64", "1e3", "0x10", "1_000", " 5 ", "٣", "--", "5."]),
            max_size=4,
        )
    )
    def test_an_address_makes_sound_settings_or_one_sentence(self, spelled: dict[str, str]) -> None:
        try:
            config = Config.from_strings(spelled)
        except SettingError as error:
            told = str(error)
            assert told[0].isupper()
            assert told.endswith((".", "?"))
            assert "\n" not in told
        else:
            assert set(spelled) <= set(SETTING)
            assert config == Config().replace(**config.as_dict())  # within every range
            assert Config.from_strings(config.to_strings()) == config

    def test_strings_hold_the_differences_only(self) -> None:
        assert Config().to_strings() == {}
        assert Config(seed=3, optimiser="adam").to_strings() == {"seed": "3", "optimiser": "adam"}
        assert Config().to_strings(Config(seed=3)) == {"seed": "0"}

    def test_an_unknown_name_suggests_the_nearest(self) -> None:
        sentence = "There is no setting called 'hiden_size'; did you mean hidden_size?"
        for call in (
            lambda: Config.from_strings({"hiden_size": "5"}),
            lambda: Config().replace(hiden_size=5),
            lambda: find("hiden_size"),
        ):
            with pytest.raises(SettingError) as error:
                call()
            assert str(error.value) == sentence

    def test_a_name_like_no_other_lists_them_all(self) -> None:
        with pytest.raises(
            SettingError, match=r"the settings are hidden_size, seq_length, .*top_k"
        ):
            find("zzz")
