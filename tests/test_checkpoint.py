"""Checkpoints: a run goes on bit for bit, and what is not a checkpoint is refused."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn import CheckpointError, Config, Trainer
from rnn.optimisers import OPTIMISERS
from tests.test_trainer import assert_same_run

VERSE = "three blind mice, see how they run. 🐭 \ud83d lone\r\n" * 10
SMALL = Config(hidden_size=6, seq_length=5, sample_interval=20)

Arrays = dict[str, np.ndarray]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as can be, also in the middle of what Python itself parses."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()

    def take_a_moment(*_: object) -> None:
        sum(range(300))

    gc.callbacks.append(take_a_moment)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.callbacks.remove(take_a_moment)


def assert_goes_on(trainer: Trainer, path: Path) -> None:
    """Save, load, continue: nothing tells the two runs apart."""
    trainer.save(path)
    loaded = Trainer.load(path)
    assert_same_run(trainer, loaded)
    assert loaded.text == trainer.text
    assert loaded.vocabulary == trainer.vocabulary
    assert loaded.sample(20).text == trainer.sample(20).text
    for one in (trainer, loaded):
        one.advance(steps=37)
        one.apply(learning_rate=0.03, seq_length=7)
        one.advance(steps=520)
    assert_same_run(trainer, loaded)
    assert loaded.sample(20).text == trainer.sample(20).text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_loaded_run_goes_on_bit_for_bit(tmp_path: Path, optimiser: str, dtype: str) -> None:
    trainer = Trainer(
        VERSE,
        SMALL.replace(
            optimiser=optimiser, dtype=dtype, streams=2, held_out=0.1, learning_rate=0.01
        ),
    )
    trainer.advance(steps=150)
    trainer.apply(temperature=0.7, clip=1.0)
    trainer.sample(7)
    trainer.advance(steps=3)
    assert_goes_on(trainer, tmp_path / "run.npz")


@st.composite
def runs(draw: st.DrawFn) -> Trainer:
    """A run of any text and settings, at most some dozens of iterations old, sometimes changed on the way."""
    length, streams = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    held_out = draw(st.sampled_from([0.0, 0.3]))
    size = 2 * (length + 1) * streams
    text = draw(st.text(min_size=size, max_size=3 * size).filter(lambda text: len(set(text)) > 1))
    config = Config(
        hidden_size=draw(st.integers(1, 5)),
        seq_length=length,
        streams=streams,
        held_out=held_out,
        optimiser=draw(st.sampled_from(list(OPTIMISERS))),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        learning_rate=draw(st.floats(1e-6, 0.05)),
        seed=draw(st.integers(0, 2**32 - 1)),
        sample_interval=draw(st.integers(1, 9)),
        sample_length=draw(st.integers(1, 9)),
    )
    trainer = Trainer(text, config)
    for steps in draw(st.lists(st.integers(1, 20), max_size=3)):
        trainer.advance(steps=steps)
        trainer.apply(clip=draw(st.floats(0, 10)), temperature=draw(st.floats(0, 5)))
    return trainer


@given(trainer=runs())
@settings(deadline=None, max_examples=60)
def test_any_run_comes_back_and_goes_on_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, trainer: Trainer
) -> None:
    path = tmp_path_factory.mktemp("any") / "run.npz"
    trainer.save(path)
    loaded = Trainer.load(path)
    assert loaded.text == trainer.text
    assert loaded.config == trainer.config
    for one in (trainer, loaded):
        one.sample(3)
        one.advance(steps=11)
    assert_same_run(trainer, loaded)


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    assert_goes_on(Trainer(VERSE, SMALL), tmp_path / "run.npz")


@pytest.mark.usefixtures("restless")
def test_threads_may_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    Trainer(VERSE, SMALL).save(path)

    def read(_: int) -> None:
        for _ in range(25):
            Trainer.load(path)

    with ThreadPoolExecutor(4) as readers:
        list(readers.map(read, range(4)))


def test_where_another_thread_disturbs_the_parser_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(VERSE, SMALL).save(tmp_path / "run.npz")
    parse, calls = np.lib.format.read_array_header_1_0, count()

    def disturbed(file: Any) -> Any:
        if next(calls) % 2 == 0:
            raise SystemError("AST constructor recursion depth mismatch (before=60, after=39)")
        return parse(file)

    monkeypatch.setattr(np.lib.format, "read_array_header_1_0", disturbed)
    assert_same_run(Trainer.load(tmp_path / "run.npz"), Trainer(VERSE, SMALL))


def test_the_last_update_is_still_known(tmp_path: Path) -> None:
    trainer = Trainer(VERSE, SMALL.replace(optimiser="adam"))
    trainer.advance(steps=5)
    trainer.apply(learning_rate=0.5)
    trainer.save(tmp_path / "run.npz")
    loaded = Trainer.load(tmp_path / "run.npz")
    for name, update in trainer.last_update().items():
        np.testing.assert_array_equal(loaded.last_update()[name], update)
        np.testing.assert_array_equal(loaded.gradients[name], trainer.gradients[name])


def test_the_file_holds_no_pickle_and_names_its_parts(tmp_path: Path) -> None:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=2)
    trainer.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        for name, value in trainer.params.items():
            np.testing.assert_array_equal(arrays[f"params/{name}"], value)
            np.testing.assert_array_equal(
                arrays[f"memory/squares/{name}"], trainer.optimiser_memory["squares"][name]
            )
        assert arrays["text"].tobytes().decode("utf-8", "surrogatepass") == VERSE
        assert json.loads(arrays["description"].tobytes())["version"] == 1


def test_saving_replaces_the_old_file_at_once_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trainer = Trainer(VERSE, SMALL)
    trainer.save(path)
    trainer.advance(steps=3)
    trainer.save(path)
    assert Trainer.load(path).iteration == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    trainer = Trainer(VERSE, SMALL)
    trainer.save(path)
    trainer.advance(steps=3)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        trainer.save(path)
    assert Trainer.load(path).iteration == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.npz"]


def test_saving_where_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="could not be written"):
        Trainer(VERSE, SMALL).save(tmp_path / "nowhere" / "run.npz")


# -- what is refused -----------------------------------------------------------------------------


def refuse(path: Path) -> str:
    """Load a bad file; returns the sentence."""
    with pytest.raises(CheckpointError) as caught:
        Trainer.load(path)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.fixture
def good(tmp_path: Path) -> Path:
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=30)
    trainer.save(tmp_path / "good.npz")
    return tmp_path / "good.npz"


def changed(good: Path, change: Callable[[Arrays], object]) -> Path:
    """A copy of the good checkpoint with some arrays changed."""
    with np.load(good) as arrays:
        parts = dict(arrays)
    change(parts)
    np.savez(good.with_name("changed.npz"), **parts)
    return good.with_name("changed.npz")


def described(good: Path, **changes: object) -> Path:
    """A copy with some entries of the description changed."""

    def change(arrays: Arrays) -> None:
        description = json.loads(arrays["description"].tobytes()) | changes
        arrays["description"] = np.frombuffer(json.dumps(description).encode(), np.uint8)

    return changed(good, change)


def test_the_unchanged_copy_is_fine(good: Path) -> None:
    assert Trainer.load(described(good)).iteration == 30


def test_no_file(tmp_path: Path) -> None:
    assert "There is no checkpoint nothing.npz" in refuse(tmp_path / "nothing.npz")
    refuse(tmp_path)  # a directory


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY" + bytes(100)])
def test_not_a_zip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(data)
    assert "not a checkpoint, or it is damaged" in refuse(path)


def test_truncated_anywhere(good: Path) -> None:
    data = good.read_bytes()
    path = good.with_name("short.npz")
    for part in (0.01, 0.3, 0.9, 0.999):
        path.write_bytes(data[: int(len(data) * part)])
        refuse(path)


def test_flipped_bytes_never_escape_as_another_error(good: Path) -> None:
    data = bytearray(good.read_bytes())
    rng = np.random.default_rng(0)
    path = good.with_name("flipped.npz")
    for place in rng.integers(0, len(data), 300).tolist():
        data[place] ^= 0x41
        path.write_bytes(data)
        with suppress(CheckpointError):
            Trainer.load(path)
        data[place] ^= 0x41


@pytest.mark.parametrize(
    "name",
    [
        "description",
        "text",
        "vocabulary",
        "hidden",
        "params/Whh",
        "memory/squares/by",
        "gradients/bh",
    ],
)
def test_missing_arrays(good: Path, name: str) -> None:
    assert f"no array {name}" in refuse(changed(good, lambda arrays: arrays.pop(name)))


def test_a_missing_part_of_the_history(good: Path) -> None:
    assert "history" in refuse(changed(good, lambda arrays: arrays.pop("history/buckets")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("params/Whh", np.zeros((6, 7), np.float32)),
        ("params/Whh", np.zeros((6, 6), np.float64)),
        ("params/Whh", np.array([[None] * 6] * 6, dtype=object)),
        ("params/bh", np.zeros((6, 1), np.float32)),
        ("hidden", np.zeros(6, np.float32)),
        ("hidden", np.zeros((2, 6), np.float32)),
        ("text", np.zeros(4, np.float32)),
        ("text", np.zeros((4, 4), np.uint8)),
        ("memory/squares/Why", np.float32(3.0)),
        ("description", np.array("text")),
        ("history/buckets", np.array([{}], dtype=object)),
    ],
)
def test_arrays_of_the_wrong_kind(good: Path, name: str, value: np.ndarray) -> None:
    path = changed(good, lambda arrays: arrays.update({name: value}))
    assert "wrong type, shape or size" in refuse(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["params/Whh", "memory/squares/by", "hidden"])
def test_numbers_that_are_not_finite(good: Path, name: str, value: float) -> None:
    def change(arrays: Arrays) -> None:
        arrays[name].flat[0] = value

    assert f"{name} holds numbers that are not finite" in refuse(changed(good, change))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "something else"}, "not written by this program"),
        ({"version": 2}, "has version 2"),
        ({"config": {"hidden_size": 6}}, "settings"),
        ({"config": None}, "settings"),
        ({"config": Config(hidden_size=7).as_dict()}, "shape"),
        ({"config": Config().as_dict() | {"hidden_size": -1}}, "must be"),
        ({"config": Config().as_dict() | {"hidden_size": [6]}}, "must be"),
        ({"config": SMALL.as_dict() | {"seq_length": 500}}, "needs at least"),
        ({"iteration": -1}, "iteration"),
        ({"iteration": 1.5}, "iteration"),
        ({"iteration": True}, "iteration"),
        ({"smooth_loss": float("nan")}, "smooth_loss"),
        ({"smooth_loss": "12"}, "smooth_loss"),
        ({"pointer": 10**9}, "pointer"),
        ({"text_sha256": "0" * 64}, "text"),
        ({"generators": []}, "random streams"),
        ({"generators": [{}, {}]}, "random streams"),
        ({"generators": [{"bit_generator": "MT19937"}] * 2}, "random streams"),
    ],
)
def test_a_description_that_does_not_fit(good: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refuse(described(good, **changes))


def test_a_description_without_a_number(good: Path) -> None:
    def change(arrays: Arrays) -> None:
        description = json.loads(arrays["description"].tobytes())
        del description["epoch"]
        arrays["description"] = np.frombuffer(json.dumps(description).encode(), np.uint8)

    assert "epoch" in refuse(changed(good, change))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_description_that_is_none(good: Path, data: bytes) -> None:
    refuse(changed(good, lambda a: a.update(description=np.frombuffer(data, np.uint8))))


def test_another_text_or_vocabulary(good: Path) -> None:
    def text(arrays: Arrays) -> None:
        arrays["text"] = np.frombuffer(b"another text, long enough to train on", np.uint8)

    def vocabulary(arrays: Arrays) -> None:
        arrays["vocabulary"] = np.frombuffer(b"abc", np.uint8)

    assert "text" in refuse(changed(good, text))
    assert "vocabulary" in refuse(changed(good, vocabulary))


@pytest.mark.parametrize("shape", [(2**40,), (2**62, 2**62), (-1,)])
@pytest.mark.parametrize("name", ["params/Whh", "text", "history/buckets"])
def test_absurd_sizes_are_refused_before_anything_is_read(
    good: Path, name: str, shape: tuple[int, ...]
) -> None:
    """The header promises more than any machine has; the data behind it is a few bytes."""
    header = io.BytesIO()
    kind = "|u1" if name == "text" else "<f4"
    np.lib.format.write_array_header_1_0(
        header, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    path = good.with_name("absurd.npz")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
        for member in source.namelist():
            data = source.read(member)
            target.writestr(member, header.getvalue() if member == f"{name}.npy" else data)
    refuse(path)
