"""The texts on offer: what they hold, and that a network learns from them what they promise."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from rnn import presets
from rnn.decoding import check_text, decode, describe
from rnn.levels import levels
from rnn.presets import DEFAULT_PRESET, PRESET, PRESETS, PresetError
from rnn.settings import Config
from rnn.trainer import Trainer
from rnn.vocabulary import Vocabulary


def trained(key: str, iterations: int) -> Trainer:
    preset = PRESET[key]
    trainer = Trainer(preset.text(), Config().replace(**preset.config))
    trainer.advance(steps=iterations)
    return trainer


def is_balanced(line: str) -> bool:
    """Whether the first bracket is closed by the last one and nowhere before."""
    depths = np.cumsum([1 if char == "(" else -1 for char in line])
    return bool(depths[-1] == 0 and np.all(depths[:-1] > 0))


# -- all of them -------------------------------------------------------------------------------


def test_order_and_default() -> None:
    assert [preset.key for preset in PRESETS] == [
        "cycle",
        "hello",
        "brackets",
        "counting",
        "verse",
        "alice",
        "python",
    ]
    assert all(PRESET[preset.key] is preset for preset in PRESETS)
    assert DEFAULT_PRESET in PRESET


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_every_preset_can_be_trained_on_as_it_is(preset: presets.Preset) -> None:
    text = preset.text()
    check_text(text)
    config = Config().replace(**preset.config)  # raises SettingError for a bad name or value
    Trainer(text, config)  # raises TextError if a window did not fit
    assert preset.text() == text
    assert text.isascii()
    assert "\r" not in text
    defaults = Config().as_dict()
    assert all(defaults[name] != value for name, value in preset.config.items())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_what_a_person_reads_is_short_and_complete(preset: presets.Preset) -> None:
    assert preset.title
    assert preset.watch_for.endswith(".")
    assert preset.watch_for.count(". ") <= 1, "one or two sentences"
    assert len(preset.watch_for) <= 270
    assert "\n" not in preset.watch_for


@pytest.mark.parametrize("path", sorted(presets.DATA.glob("*.txt")), ids=lambda path: path.name)
def test_shipped_files_are_plain_utf8_with_lf(path: Path) -> None:
    decoded = decode(path.read_bytes())
    assert (decoded.encoding, decoded.note) == ("UTF-8", "")
    assert decoded.text.endswith("\n")
    assert not decoded.text.endswith("\n\n")
    assert all(line == line.rstrip() for line in decoded.text.splitlines())
    assert "gutenberg" not in decoded.text.lower()


# -- one by one --------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "unit"), [("cycle", "012"), ("hello", "hello ")])
def test_loops_repeat_whole_rounds_and_so_does_a_window(key: str, unit: str) -> None:
    text = PRESET[key].text()
    assert text == unit * (len(text) // len(unit))
    assert len(text) >= 300
    assert Config().replace(**PRESET[key].config).seq_length % len(unit) == 0


def test_bracket_lines_are_balanced_nested_and_fit_a_window() -> None:
    lines = PRESET["brackets"].text().splitlines()
    assert len(lines) == 1_000
    assert all(is_balanced(line) for line in lines)
    assert max(map(len, lines)) == 24
    depths = {max(np.cumsum([1 if char == "(" else -1 for char in line])) for line in lines}
    assert depths == {1, 2, 3, 4, 5, 6}
    assert lines[:3] == ["()", "()", "((((()(()())(())(())))))"], "must never change with Python"


def test_what_the_brackets_leave_to_chance() -> None:
    """The sentence's 0.35: the entropy of each free choice, shared out over all characters."""
    text = PRESET["brackets"].text()
    free = 0
    for line in text.splitlines():
        depths = np.cumsum([1 if char == "(" else -1 for char in line])
        opened = np.cumsum([char == "(" for char in line])
        free += int(np.sum((depths[:-1] < 6) & (opened[:-1] < 12)))
    entropy = -(0.7 * math.log(0.7) + 0.3 * math.log(0.3))
    assert free * entropy / len(text) == pytest.approx(0.354, abs=0.002)
    assert "0.35 nats" in PRESET["brackets"].watch_for


def test_counting_rhyme_counts_to_twenty_and_begins_again() -> None:
    text = PRESET["counting"].text()
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    words += ["eleven", "twelve"]
    words += [f"{stem}teen" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")]
    words += ["twenty"]
    heads = [line.rstrip(",;").lower().split(", ") for line in text.split("\n") if line][::2]
    assert [word for head in heads for word in head] == words * 4
    assert describe(text).lines == 4 * 20 + 3


def test_verse_has_the_size_of_the_known_curve() -> None:
    preset = PRESET["verse"]
    facts = describe(preset.text())
    assert 1_681 <= facts.length <= 1_700
    assert facts.distinct == 37
    assert preset.config == {}, "the known curve is that of the defaults"
    assert preset.text().count("All the birds of the air") == 5


def test_story_is_the_first_three_chapters_of_alice() -> None:
    text = PRESET["alice"].text()
    assert len(text) >= 20_000
    assert text.startswith("CHAPTER I\n\nDown the Rabbit-Hole\n\nAlice was beginning to get very ")
    assert text.endswith("had changed his mind, and was coming back to\nfinish his story.\n")
    assert text.count("CHAPTER ") == 3
    assert not set("`_*") & set(text)


def test_program_is_this_pythons_own_source() -> None:
    text = PRESET["python"].text()
    assert 20_000 <= len(text) <= 60_000
    assert "class TextWrapper:" in text
    assert "class Queue:" in text
    assert ast.parse(text).body


@pytest.mark.parametrize("key", ["alice", "python"])
def test_long_texts_hold_something_out(key: str) -> None:
    trainer = trained(key, 1)
    assert len(trainer.text) - trainer.held_out_start > 2_000
    assert trainer.held_out_loss() is not None


def test_texts_are_in_order_of_difficulty() -> None:
    """The short ones by their uncertainty after one known character, the long ones by length."""
    short = []
    for preset in PRESETS[:3]:
        vocabulary = Vocabulary.from_text(preset.text())
        short.append(levels(vocabulary.encode(preset.text()), len(vocabulary)).bigram)
    assert short == sorted(short)
    lengths = [len(preset.text()) for preset in PRESETS[3:]]
    assert lengths == sorted(lengths)


# -- when a text is not there ------------------------------------------------------------------


def test_missing_or_damaged_file_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "DATA", tmp_path)
    (tmp_path / "damaged.txt").write_bytes(b"\xff\xfe\xff")
    for name in ("missing.txt", "damaged.txt"):
        with pytest.raises(PresetError, match=f"data/{name} cannot be read") as caught:
            presets._from_file(name)
        assert str(caught.value).endswith(".")


def test_python_without_its_source_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(module: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr(presets.inspect, "getsource", unavailable)
    presets._python_source.cache_clear()
    with pytest.raises(PresetError, match="without the source of its standard library"):
        PRESET["python"].text()
    monkeypatch.undo()
    assert PRESET["python"].text(), "a failure is not remembered"


# -- what they promise -------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "unit"), [("cycle", "012"), ("hello", "hello ")])
def test_loops_are_learnt_within_300_iterations(key: str, unit: str) -> None:
    trainer = trained(key, 300)
    assert trainer.sample(60, temperature=0).text in unit * 40
    drawn = trainer.sample(1_000, seed=1).text
    right = sum(drawn[i : i + 3] in unit * 2 for i in range(len(drawn) - 2))
    assert right / (len(drawn) - 2) > 0.9


def test_default_preset_visibly_learns_within_2000_iterations() -> None:
    trainer = trained(DEFAULT_PRESET, 1)
    uniform = 25 * math.log(37)
    assert trainer.smooth_loss == pytest.approx(uniform, abs=0.01)
    trainer.advance(steps=1_999)
    assert trainer.smooth_loss < 0.75 * uniform
