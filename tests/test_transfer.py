"""One file a run: out and in again bit for bit, and whatever else somebody offers is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn import Config, Trainer
from rnn.optimisers import OPTIMISERS
from rnn.store import Card, Store, StoreError, TransferError, export_run, fork, import_run, plainzip
from tests.test_trainer import assert_same_run

VERSE = "three blind mice, see how they run. 🐭 \ud83d lone\r\n" * 10
CONFIG = Config(hidden_size=6, seq_length=5, sample_interval=20, held_out=0.1, learning_rate=0.01)

Members = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Store:
    return Store(tmp_path / "elsewhere")


@pytest.fixture
def run_id(store: Store) -> str:
    trainer = Trainer(VERSE, CONFIG)
    run_id = store.create(VERSE, trainer.state(), Card("mice", "verse", "Three blind mice"))
    lease = store.lead(run_id, "dashboard")
    for steps in (30, 70):
        trainer.advance(steps=steps)
        store.save(lease, VERSE, trainer.state(), seconds=trainer.iteration / 10, pace=5.0)
    return run_id


@pytest.fixture
def exported(store: Store, run_id: str) -> bytes:
    out = io.BytesIO()
    export_run(store, run_id, out)
    return out.getvalue()


def states(store: Store, run_id: str) -> dict[int, bytes]:
    return {
        state.iteration: store.snapshot_path(run_id, state.iteration).read_bytes()
        for state in store.snapshots(run_id)
    }


class TestRoundTrip:
    def test_bit_for_bit(
        self, store: Store, elsewhere: Store, run_id: str, exported: bytes
    ) -> None:
        store.annotate(run_id, "*nice*\nmice")
        out = io.BytesIO()
        export_run(store, run_id, out)
        new_id = import_run(elsewhere, out)
        assert new_id != run_id
        assert states(elsewhere, new_id) == states(store, run_id)
        there, here = elsewhere.run(new_id), store.run(run_id)
        for name in (
            "name",
            "note",
            "settings",
            "iteration",
            "seconds",
            "pace",
            "bytes",
            "held_out",
            "source_key",
            "source_title",
            "text_digest",
            "loss",
            "best_loss",
        ):
            assert getattr(there, name) == getattr(here, name), name
        assert (there.status, there.leader) == ("paused", None)  # it was being trained here
        mine, theirs = store.curves()[run_id], elsewhere.curves()[new_id]
        for name in mine.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        unbroken, loaded = Trainer(VERSE, CONFIG), elsewhere.load(new_id)
        unbroken.advance(steps=100)
        for one in (unbroken, loaded):
            one.advance(steps=137)
        assert_same_run(unbroken, loaded)
        again = io.BytesIO()
        export_run(elsewhere, new_id, again)
        assert zipfile.ZipFile(again).read("states/100.npz") == states(store, run_id)[100]

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("optimiser", OPTIMISERS)
    def test_an_imported_run_goes_on_as_the_unbroken_one(
        self, store: Store, elsewhere: Store, optimiser: str, dtype: str
    ) -> None:
        trainer = Trainer(VERSE, CONFIG.replace(optimiser=optimiser, dtype=dtype))
        trainer.advance(steps=100)
        run_id = store.create(VERSE, trainer.state(), Card("mice", "verse", "Three blind mice"))
        out = io.BytesIO()
        export_run(store, run_id, out)
        imported = elsewhere.load(import_run(elsewhere, out))
        for one in (trainer, imported):
            one.advance(steps=437)
        assert_same_run(imported, trainer)
        assert imported.sample(20).text == trainer.sample(20).text

    def test_into_the_same_store_it_is_another_run(
        self, store: Store, run_id: str, exported: bytes
    ) -> None:
        new_id = import_run(store, io.BytesIO(exported))
        assert store.run(new_id).name == "mice 2"
        assert store.run(run_id).name == "mice"

    def test_a_parent_is_known_only_where_it_is(
        self, store: Store, elsewhere: Store, run_id: str
    ) -> None:
        out = io.BytesIO()
        export_run(store, fork(store, run_id, 30), out)
        here, there = store.run(import_run(store, out)), elsewhere.run(import_run(elsewhere, out))
        assert (here.parent, here.fork_iteration) == (run_id, 30)
        assert (there.parent, there.fork_iteration) == (None, None)

    def test_a_disk_that_is_full(self, store: Store, run_id: str) -> None:
        class Full(io.BytesIO):
            def write(self, data: Any) -> int:
                raise OSError(28, os.strerror(28))

        with pytest.raises(TransferError, match=f"cannot be exported: {os.strerror(28)}"):
            export_run(store, run_id, Full())

    def test_a_run_that_is_replaced_while_it_is_read(
        self, store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path_of, missing = store.snapshot_path, iter([True, True, False])

        def path(run: str, iteration: int) -> Path:
            found = path_of(run, iteration)
            return found.with_name("gone") if iteration == 100 and next(missing) else found

        monkeypatch.setattr(store, "snapshot_path", path)
        export_run(store, run_id, io.BytesIO())
        missing = iter([True] * 9)
        with pytest.raises(TransferError, match="too often"):
            export_run(store, run_id, io.BytesIO())


# -- what is refused -----------------------------------------------------------------------------


def refusal(store: Store, data: bytes) -> str:
    """The sentence that an import ends with; nothing of it is left behind."""
    before = sorted(store.folder.rglob("*.npz"))
    with pytest.raises(StoreError) as refused:
        import_run(store, io.BytesIO(data))
    assert sorted(store.folder.rglob("*.npz")) == before
    assert not list(store.folder.glob(".new-*"))
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_members(change: Callable[[Members], object]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        members = members_of(data)
        change(members)
        return packed(members)

    return changed


def with_manifest(**changes: object) -> Callable[[bytes], bytes]:
    def change(members: Members) -> None:
        members["manifest.json"] = json.dumps(
            json.loads(members["manifest.json"]) | changes
        ).encode()

    return with_members(change)


def renamed(old: str, new: str) -> Callable[[bytes], bytes]:
    return with_members(lambda members: members.update({new: members.pop(old)}))


def compressed_inside(members: Members) -> None:
    """A state whose text is a bomb: its gigabyte of zeros takes a megabyte in the file."""
    parts = members_of(members["states/30.npz"])
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 24,)}
    )
    parts["text.npy"] = header.getvalue() + bytes(1 << 24)
    members["states/30.npz"] = packed(parts, zipfile.ZIP_DEFLATED)


def state_of(config: Config, steps: int, text: str = VERSE) -> bytes:
    trainer = Trainer(text, config)
    trainer.advance(steps=steps)
    path = Path(os.environ["PYTEST_STATE"])
    trainer.save(path)
    return path.read_bytes()


def with_a_pickle(members: Members) -> None:
    parts = members_of(members["states/100.npz"])
    out = io.BytesIO()
    np.save(out, np.array([{"os": "system"}], dtype=object), allow_pickle=True)
    parts["params/Whh.npy"] = out.getvalue()
    members["states/100.npz"] = packed(parts)


def two_of_one_name(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members_of(data).items():
            archive.writestr(name, content)
        archive.writestr("states/30.npz", b"")
    return out.getvalue()


def directory(data: bytes) -> int:
    """Where the first entry of the directory is; inside the states are others."""
    (offset,) = struct.unpack("<L", data[-6:-2])
    assert data[offset : offset + 4] == b"PK\1\2"
    return int(offset)


def overlapping(data: bytes) -> bytes:
    """Every entry of the directory claims the whole file."""
    changed, place = bytearray(data), directory(data)
    while place >= 0:
        changed[place + 20 : place + 28] = struct.pack("<LL", len(data), len(data))
        place = data.find(b"PK\1\2", place + 4)
    return bytes(changed)


def encrypted(data: bytes) -> bytes:
    changed, place = bytearray(data), directory(data)
    changed[place + 8] |= 1
    return bytes(changed)


def crowded(data: bytes) -> bytes:
    return packed({f"states/{number}.npz": b"" for number in range(2_000)})


def many(data: bytes) -> bytes:
    """More states than a store would keep, and few enough for a small directory."""
    states = members_of(data)["states/0.npz"]
    names = {f"states/{number}.npz": states for number in range(41)}
    manifest = json.loads(members_of(data)["manifest.json"]) | {"states": list(range(41))}
    return packed({"manifest.json": json.dumps(manifest).encode()} | names)


def zip64(data: bytes) -> bytes:
    locator = b"PK\6\7" + bytes(16)
    return data[:-22] + locator + data[-22:]


DAMAGED = "not an exported run, or it is damaged"
NO_PART = "something that is no part of a run"
UNLIKE = "does not hold what its manifest lists"

BAD: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("nothing", lambda data: b"", DAMAGED),
    ("a text", lambda data: b"hello", DAMAGED),
    ("a pickle", lambda data: pickle.dumps({"weights": [1.0]}), DAMAGED),
    ("half a file", lambda data: data[: len(data) // 2], DAMAGED),
    ("a byte less", lambda data: data[:-1], DAMAGED),
    ("a byte more", lambda data: data + b"\0", DAMAGED),
    ("an empty zip", lambda data: packed({}), DAMAGED),
    ("another zip", lambda data: packed({"word/document.xml": b""}), NO_PART),
    ("a checkpoint", lambda data: members_of(data)["states/100.npz"], NO_PART),
    ("no manifest", with_members(lambda m: m.pop("manifest.json")), DAMAGED),
    ("a state is missing", with_members(lambda m: m.pop("states/30.npz")), UNLIKE),
    ("a state too many", with_members(lambda m: m.update({"states/31.npz": b""})), UNLIKE),
    ("a path upwards", renamed("states/30.npz", "../../states/30.npz"), NO_PART),
    ("an absolute path", renamed("states/30.npz", "/etc/30.npz"), NO_PART),
    ("a path for Windows", renamed("states/30.npz", "states\\..\\30.npz"), NO_PART),
    ("a number with noughts", renamed("states/30.npz", "states/030.npz"), NO_PART),
    ("digits of another script", renamed("states/30.npz", "states/٣٠.npz"), NO_PART),
    ("a name with a line", renamed("states/30.npz", "states/30.npz\n"), NO_PART),
    ("a file of one's own", with_members(lambda m: m.update({"run.py": b"print()"})), NO_PART),
    ("two of one name", two_of_one_name, "two members of the same name"),
    ("compressed", lambda data: packed(members_of(data), zipfile.ZIP_DEFLATED), "another program"),
    ("encrypted", encrypted, "another program"),
    ("a bomb inside a state", with_members(compressed_inside), "another program"),
    ("members over each other", overlapping, "more than it can"),
    ("a crowd of members", crowded, "more members than any"),
    ("too many states", many, UNLIKE),
    ("a zip64 directory", zip64, DAMAGED),
    ("a manifest of megabytes", with_manifest(note="x" * (1 << 20)), DAMAGED),
    ("a manifest that is none", with_members(lambda m: m.update({"manifest.json": b"["})), DAMAGED),
    ("a deep one", with_members(lambda m: m.update({"manifest.json": b"[" * 100_000})), DAMAGED),
    ("a list", with_members(lambda m: m.update({"manifest.json": b"[]"})), DAMAGED),
    ("another format", with_manifest(format="a song"), "not an exported run."),
    ("a newer version", with_manifest(version=2), "has format 2, but this program reads 1"),
    ("an odd version", with_manifest(version="1"), DAMAGED),
    ("no states", with_manifest(states=[]), UNLIKE),
    ("states out of order", with_manifest(states=[30, 0, 100]), UNLIKE),
    ("a state twice", with_manifest(states=[0, 30, 30, 100]), UNLIKE),
    ("half a state", with_manifest(states=[0, 30.5, 100]), DAMAGED),
    ("a name that is none", with_manifest(name=None), DAMAGED),
    ("half a source", with_manifest(source=["verse"]), DAMAGED),
    ("seconds that go back", with_manifest(clock=[[5, 1.0], [3, 2.0]]), DAMAGED),
    ("seconds without end", with_manifest(clock=[[0, float("inf")]]), DAMAGED),
    ("a pace that is none", with_manifest(pace=float("nan")), DAMAGED),
    (
        "a cut state",
        with_members(lambda m: m.update({"states/30.npz": m["states/30.npz"][:500]})),
        DAMAGED,
    ),
    (
        "a state that is text",
        with_members(lambda m: m.update({"states/30.npz": b"hi" * 50})),
        DAMAGED,
    ),
    (
        "a state twice over",
        with_members(lambda m: m.update({"states/30.npz": m["states/0.npz"]})),
        "cannot be imported: the state that was saved at iteration 30 is damaged",
    ),
    (
        "a pickle inside a state",
        with_members(with_a_pickle),
        "iteration 100 cannot be used: its array params/Whh has the wrong type",
    ),
    (
        "a state of another text",
        with_members(lambda m: m.update({"states/30.npz": state_of(CONFIG, 30, VERSE + "!")})),
        "more than one run",
    ),
    (
        "a state of another size",
        with_members(
            lambda m: m.update({"states/30.npz": state_of(CONFIG.replace(hidden_size=7), 30)})
        ),
        "more than one run",
    ),
]


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_no_exported_run_is_refused(
    elsewhere: Store,
    exported: bytes,
    change: Callable[[bytes], bytes],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_STATE", str(tmp_path / "state.npz"))
    assert words in refusal(elsewhere, change(exported))
    assert elsewhere.runs() == []


def test_packed_again_without_a_change_it_is_fine(elsewhere: Store, exported: bytes) -> None:
    import_run(elsewhere, io.BytesIO(packed(members_of(exported))))


def test_flipped_bytes_are_found_or_harmless(elsewhere: Store, exported: bytes) -> None:
    good = members_of(exported)
    rng = np.random.default_rng(0)
    places = [
        *rng.integers(0, len(exported), 40).tolist(),
        *range(len(exported) - 60, len(exported)),
    ]
    refused = 0
    for place in places:
        data = bytearray(exported)
        data[place] ^= 0x41
        try:
            new_id = import_run(elsewhere, io.BytesIO(data))
        except StoreError:
            refused += 1
            continue
        for iteration, state in states(elsewhere, new_id).items():
            assert state == good[f"states/{iteration}.npz"]
    assert refused > 50


def test_names_and_notes_from_a_file_are_cleaned(elsewhere: Store, exported: bytes) -> None:
    change = with_manifest(
        name="\x1b[2J\n<b>" + "x" * 100,
        note="y" * 3_000,
        source=["\ud83d", "a\0b"],
        status="flying",
        parent="../..",
        fork_iteration=None,
        pace=None,
        clock=[],
    )
    row = elsewhere.run(import_run(elsewhere, io.BytesIO(change(exported))))
    assert row.name == ("[2J <b>" + "x" * 100)[:80]
    assert (len(row.note), row.source_key, row.source_title) == (2_000, "run", "a b")
    assert (row.status, row.parent, row.fork_iteration) == ("paused", None, None)
    assert (row.seconds, row.pace) == (0.0, None)


def test_a_file_that_is_too_large(
    elsewhere: Store, exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plainzip, "LARGEST_FILE", len(exported) - 1)
    assert "larger than" in refusal(elsewhere, exported)


def test_a_store_that_is_full_says_so(
    elsewhere: Store, exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object, length: int = 0) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    assert f"cannot be used: {os.strerror(28)}" in refusal(elsewhere, exported)
    assert elsewhere.runs() == []
