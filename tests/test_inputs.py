"""What people may bring, one row a case: the sentence that they see, and a run that goes on untouched.

Rows give what is brought, and words of the sentence with which it is refused; where it is accepted,
the words of the note, or none. Every test checks that the run in progress is the same object, at the
same iteration, with the same weights.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from rnn import Config, Trainer, cli
from rnn.decoding import MAX_BYTES
from rnn.settings import SETTINGS, Setting
from rnn.store import Card, export_run
from tests.nasty import NASTY
from tests.test_monkey import choose
from tests.test_page import press, query, run_of, visit
from tests.test_plain import read
from ui.live import LiveRun
from ui.place import Source
from ui.runs import RUNS, store

PAGES = ("train", "sample", "memory", "gradients", "data", "compare")
VERSE = "three blind mice, see how they run. " * 8


# -- the run in progress -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def working() -> AppTest:
    """A visit whose run is in progress, paused at iteration 3."""
    app = visit()
    for _ in range(3):
        press(app, "Step")
    return app


@pytest.fixture(scope="module")
def guest() -> AppTest:
    """A visit for what is accepted, which begins a new run each time."""
    return visit()


def everything(run: LiveRun) -> tuple[object, ...]:
    """All that training changes, and what it stands on."""
    state = run.trainer.state()
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return (
        id(run.trainer),
        run.run_id,
        run.iteration,
        run.config,
        run.source,
        id(run.text),
        run.playing,
        state.smooth_loss,
        state.pointer,
        state.generators,
        arrays,
    )


@contextmanager
def untouched(app: AppTest) -> Iterator[None]:
    """Inside, whatever is tried leaves the run in progress alone."""
    run = run_of(app)
    before = everything(run)
    yield
    assert run_of(app) is run
    assert everything(run) == before
    assert before[2] == 3


def told(app: AppTest) -> str:
    """What the page says, as it is read."""
    assert not app.exception
    return " ".join(read(box.value) for box in (*app.error, *app.warning))


def one_sentence(said: str, words: str) -> None:
    """The words are all there is but what belongs to their sentence."""
    assert words in said
    assert said[0].isupper()
    assert said.endswith(".")
    assert len(said) < 300
    assert "Traceback" not in said


# -- texts that are pasted -----------------------------------------------------------------------

WINDOW = "The text has 7 characters to train on, but a sequence length of 25 needs at least 26; "
DISTINCT = "".join(map(chr, [*range(0x20, 0xD800), *range(0xE000, 1_002_080)]))
assert len(DISTINCT) == 1_000_000

PASTED_REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", "The text is empty: paste some, or choose another one."),
    (
        "one character",
        "a",
        "The text is a single character (a), so there is no next one to predict",
    ),
    ("one mark", "\u0301", "is a single character (◌\u0301 COMBINING ACUTE ACCENT), so"),
    ("one distinct", "a" * 60, "The text only repeats one character (a), so there is nothing to "),
    ("one distinct, unseen", "\n" * 60, "only repeats one character (↵ newline), so"),
    ("one distinct, markup", "*" * 60, "only repeats one character (*), so"),
    ("only NUL", "\0" * 60, "only repeats one character (U+0000 NULL), so"),
    ("shorter than a window", "abcdefg", WINDOW + "choose a longer text or a shorter"),
    ("a byte order mark alone", "\ufeff", "The text is empty"),
    ("too short but for its CR", "a\r\n" * 12, "The text has 24 characters to train on"),
    ("a million distinct", DISTINCT, "1,000,000 distinct characters, and the network has room for"),
]


@pytest.mark.parametrize(
    ("text", "words"), [row[1:] for row in PASTED_REFUSED], ids=[row[0] for row in PASTED_REFUSED]
)
def test_a_pasted_text_is_refused(working: AppTest, text: str, words: str) -> None:
    with untouched(working):
        working.text_area(key="pasted").set_value(text).run()
        press(working, "Learn this text")
        one_sentence(told(working), words)


MARKUP = "<script>alert(1)</script> **b** $x^2$ :red[c] :smile: [d](http://e.f) `g` &lt;\n"

PASTED_ACCEPTED: list[tuple[str, str, str, str]] = [  # and what the run's text is, if it is another
    ("just a window", "abcdefghijklmnopqrstuvwxyz", "", ""),
    ("NUL", "a\0b" * 20, "", ""),
    ("control characters", "\x01\x07\x08\x1b[31m\x7f\x85" * 20, "", ""),
    ("right to left", "שלום עולם \u202eabc\u202c مرحبا " * 4, "", ""),
    ("combining marks", "e\u0301o\u0308u\u0335" * 20 + "Z\u0351\u036b\u0343\u036a", "", ""),
    ("emoji", "👩\u200d🔬🏳️\u200d🌈🇩🇪 :smile: " * 8, "", ""),
    ("beyond 16 bits", "𝔘𝔫𝔦 𐍈 \U0010ffff" * 8, "", ""),
    ("a byte order mark", "\ufeffHello, world, hello! " * 2, "The byte order mark was left", "BOM"),
    ("CRLF", "one\r\ntwo\r\n" * 8, "The line ends CR LF were made LF.", "one\ntwo\n" * 8),
    ("CR", "one\rtwo\r" * 8, "The line ends CR were made LF.", "one\ntwo\n" * 8),
    ("markup and scripts", MARKUP * 3, "", ""),
    ("everything nasty", "\n".join(NASTY).replace("\ud800", ""), "", ""),
]


@pytest.mark.parametrize(
    ("text", "note", "becomes"),
    [row[1:] for row in PASTED_ACCEPTED],
    ids=[row[0] for row in PASTED_ACCEPTED],
)
def test_a_pasted_text_is_learned_as_it_is(
    working: AppTest, guest: AppTest, text: str, note: str, becomes: str
) -> None:
    with untouched(working):
        guest.text_area(key="pasted").set_value(text).run()
        press(guest, "Learn this text")
        assert note in told(guest)
        assert bool(note) == bool(told(guest))
        expected = text.removeprefix("\ufeff") if becomes == "BOM" else becomes or text
        assert run_of(guest).text == expected
        assert run_of(guest).iteration == 0
        press(guest, "Step")
        assert run_of(guest).iteration == 1
        assert_never_rendered(guest)


def assert_never_rendered(app: AppTest) -> None:
    """No piece of a text's markup stands where Streamlit would render it."""
    rendered = [*app.markdown, *app.caption, *app.warning, *app.info, *app.error, *app.success]
    for element in rendered:
        for piece in ("<script>", "$x^2$", ":red[c]", ":smile:", "http://e.f"):
            assert piece not in str(element.value)


# -- files that are uploaded ---------------------------------------------------------------------

PROSE = "Grüße aus Köln, naïve Zoë, und noch ein Wort dazu.\n"


def zipped(name: str = "text.txt") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, PROSE)
    return file.getvalue()


UPLOAD_REFUSED: list[tuple[str, bytes, str]] = [
    ("an empty file", b"", "The file is empty: choose one with some text in it."),
    ("a mark alone", codecs.BOM_UTF8, "The file holds a byte order mark and no text"),
    ("a PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "The file is a PNG image: save its words as plain"),
    ("a JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF", "The file is a JPEG image"),
    ("a zip", zipped(), "The file is a ZIP archive (Word and OpenDocument files are too)"),
    ("a zip with a path", zipped("../../etc/passwd"), "The file is a ZIP archive"),
    ("a gzip", gzip.compress(PROSE.encode()), "The file is a gzip archive"),
    ("a PDF", b"%PDF-1.7\n" + PROSE.encode(), "The file is a PDF document"),
    ("random bytes", random.Random(0).randbytes(5_000), "The file "),
    ("NUL inside", b"a text\0with a zero" * 9, "The file holds NUL bytes, as only binary files do"),
    ("control bytes", bytes(range(1, 32)) * 9, "The file holds control bytes"),
    ("UTF-16, cut", codecs.BOM_UTF16_LE + b"a\0b", "is marked as UTF-16 LE but is damaged at byte"),
    (
        "a lone surrogate in UTF-16",
        codecs.BOM_UTF16_LE + "ab\ud800cd".encode("UTF-16 LE", "surrogatepass"),
        "The file is marked as UTF-16 LE but is damaged at byte 6: save it again as UTF-8.",
    ),
    ("Cyrillic in one byte", ("Привет, мир " * 9).encode("cp1251"), "save it again as UTF-8"),
    ("Shift JIS", ("こんにちは、世界" * 9).encode("shift_jis"), "save it again as UTF-8"),
    ("one distinct", b"a" * 99, "The text only repeats one character (a)"),
    ("shorter than a window", b"abcdefg", WINDOW),
    ("a million distinct", DISTINCT.encode(), "1,000,000 distinct"),
    ("NUL first of all", b"\0" * 99, "The file holds "),
    (
        "a byte more than 50 MB",
        b"ab" * (MAX_BYTES // 2) + b"c",
        "has 50.1 MB and at most 50 MB can",
    ),
]


def upload(app: AppTest, data: bytes, name: str = "text.txt") -> None:
    uploader = next(box for box in app.file_uploader if box.label == "Or upload a text file")
    uploader.set_value((name, data, "text/plain")).run()


@pytest.mark.parametrize(
    ("data", "words"), [row[1:] for row in UPLOAD_REFUSED], ids=[row[0] for row in UPLOAD_REFUSED]
)
def test_an_uploaded_file_is_refused(working: AppTest, data: bytes, words: str) -> None:
    with untouched(working):
        upload(working, data)
        one_sentence(told(working), words)


UPLOAD_ACCEPTED: list[tuple[str, bytes, str, str]] = [
    ("UTF-8", PROSE.encode(), PROSE, ""),
    ("UTF-8 with a mark", codecs.BOM_UTF8 + PROSE.encode(), PROSE, "mark of UTF-8 was left out"),
    ("UTF-16 with a mark", PROSE.encode("utf-16"), PROSE, "mark of UTF-16 LE was left out"),
    ("UTF-16 BE without", PROSE.encode("UTF-16 BE"), PROSE, "the file reads as UTF-16 BE"),
    ("UTF-32", codecs.BOM_UTF32_BE + PROSE.encode("UTF-32 BE"), PROSE, "mark of UTF-32 BE was"),
    ("Latin-1", PROSE.encode("latin-1"), PROSE, "was read as Latin-1, so check the accents"),
    ("Windows-1252", f"“{PROSE}”".encode("cp1252"), f"“{PROSE}”", "was read as Windows-1252"),
    ("CRLF", PROSE.replace("\n", "\r\n").encode(), PROSE, "The line ends CR LF were made LF."),
    (
        "UTF-8, cut",
        (PROSE * 2).encode() + "é".encode()[:1],
        PROSE * 2 + "\N{REPLACEMENT CHARACTER}",
        "The sign \N{REPLACEMENT CHARACTER} stands for 1 damaged place.",
    ),
    (
        "a lone surrogate in UTF-8",
        PROSE.encode() + "\ud800".encode("utf-8", "surrogatepass"),
        PROSE + 3 * "\N{REPLACEMENT CHARACTER}",
        "stands for 3 damaged places",
    ),
    ("markup and scripts", MARKUP.encode(), MARKUP, ""),
    ("a terminal's log", b"\x1b[31mred\x1b[0m and more of it\n", "", ""),
]


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [row[1:] for row in UPLOAD_ACCEPTED],
    ids=[row[0] for row in UPLOAD_ACCEPTED],
)
def test_an_uploaded_file_is_learned(
    working: AppTest, guest: AppTest, data: bytes, text: str, note: str
) -> None:
    with untouched(working):
        upload(guest, data, name="../<b>:red[x]</b>.txt")
        assert note in told(guest)
        assert bool(note) == bool(told(guest))
        assert run_of(guest).text == (text or data.decode())
        press(guest, "Step")
        assert run_of(guest).iteration == 1
        assert_never_rendered(guest)


def test_fifty_megabytes_are_learned(working: AppTest) -> None:
    app = visit(text="cycle")
    line = "the largest text that may be brought, over and over, and "
    data = (line * (MAX_BYTES // len(line) + 1)).encode()[:MAX_BYTES]
    with untouched(working):
        upload(app, data)
        assert told(app) == ""
        run = run_of(app)
        assert len(run.text) == MAX_BYTES
        run.trainer.step()
        app.selectbox(key="preset").set_value("cycle").run()  # so that its memory is given back
        assert run_of(app).source.key == "cycle"


# -- settings ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bad:
    """A setting and what it cannot be, as text and as a number, with words of the sentence."""

    setting: Setting
    text: str
    words: str


def bad_values() -> Iterator[Bad]:
    """Every setting below and above its range, and what is no number."""
    for setting in SETTINGS:
        label = f"{setting.label} must be "
        if setting.low is None or setting.high is None:
            for text in ("magic", "", "nan"):
                yield Bad(setting, text, f"{label}one of {', '.join(setting.choices)}, but was")
            continue
        within = f"between {setting.low:.10g} and {setting.high:.10g}, but was"
        whole = setting.kind is int
        noun = "a whole number " if whole else "a number "
        step = 1 if whole else 1e-9
        for text in (repr(setting.low - step), repr(setting.high + max(step, 1e-9)), "inf", "-inf"):
            yield Bad(setting, text, label + within)
        for text in ("nan", "ten", ""):
            yield Bad(setting, text, label + noun + within)


def case(bad: Bad) -> str:
    return f"{bad.setting.name}={bad.text}"


ROWS = list(bad_values())
RANGED = [setting for setting in SETTINGS if setting.low is not None]
ENDS = [(setting, end) for setting in RANGED for end in (setting.low, setting.high)]
TYPED = [s for s in SETTINGS if s.kind is not str and not (s.log and s.live)]  # number fields


@pytest.mark.parametrize("bad", ROWS, ids=case)
def test_a_bad_setting_in_the_address(working: AppTest, bad: Bad) -> None:
    with untouched(working):
        app = visit(text="hello", **{bad.setting.name: bad.text})
        said = told(app)
        assert bad.words in said
        assert said.endswith(" The address is followed without its settings.")
        assert run_of(app).source.key == "hello"
        assert bad.setting.name not in app.query_params
        press(app, "Step")
        assert run_of(app).iteration == 1


@pytest.mark.parametrize(("setting", "end"), ENDS, ids=lambda value: getattr(value, "name", value))
def test_both_ends_of_a_range_in_the_address(
    working: AppTest, setting: Setting, end: float
) -> None:
    with untouched(working):
        app = visit(text="alice", **{setting.name: repr(end)})
        assert told(app) == ""
        assert getattr(run_of(app).config, setting.name) == end
        press(app, "Step")
        assert run_of(app).iteration == 1 or "diverged" in told(app)


@pytest.mark.parametrize("bad", ROWS, ids=case)
def test_a_bad_setting_on_the_command_line(
    working: AppTest, bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(VERSE)
    option = f"{cli.option_of(bad.setting.name)}={bad.text}"
    with untouched(working):
        assert cli.main(["train", str(text), "--iterations=1", option]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        one_sentence(captured.err.strip(), bad.words)
        assert [entry.name for entry in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.parametrize(("setting", "end"), ENDS, ids=lambda value: getattr(value, "name", value))
def test_both_ends_of_a_range_on_the_command_line(
    setting: Setting, end: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, file = tmp_path / "text.txt", tmp_path / "run.npz"
    text.write_text(VERSE * 40)
    option = f"{cli.option_of(setting.name)}={end!r}"
    assert cli.main(["train", str(text), "--iterations=1", option, f"--checkpoint={file}"]) == 0
    assert getattr(Trainer.load(file).config, setting.name) == end
    assert capsys.readouterr().err == ""


# A browser sends no letters from a number field, and no infinite number from one for whole numbers.
SENT = [
    bad
    for bad in ROWS
    if bad.setting in TYPED
    and bad.text not in ("ten", "")
    and (bad.setting.kind is float or bad.text.strip("-").isdecimal())
]


@pytest.mark.parametrize("bad", SENT, ids=case)
def test_a_number_field_lets_nothing_through_that_is_out_of_range(
    working: AppTest, bad: Bad
) -> None:
    """A browser refuses it with a sentence of its own; what comes all the same changes nothing."""
    field = f"setting_{bad.setting.name}"
    with untouched(working):
        working.number_input(key=field).set_value(float(bad.text)).run()
        assert told(working) == ""
        present = getattr(run_of(working).config, bad.setting.name)
        assert working.number_input(key=field).value == present
        assert not working.info


@pytest.mark.parametrize(("setting", "end"), ENDS, ids=lambda value: getattr(value, "name", value))
def test_both_ends_of_a_range_in_the_field(working: AppTest, setting: Setting, end: float) -> None:
    app = visit(text="alice")
    kind = app.number_input if setting in TYPED else app.select_slider
    with untouched(working):
        kind(key=f"setting_{setting.name}").set_value(end).run()
        press(app, "Reset")
        assert told(app) == ""
        assert getattr(run_of(app).config, setting.name) == end


SLIDERS = [s.name for s in SETTINGS if s.log and s.live]


@pytest.mark.parametrize("value", ["-1", "0", "nan", "1e999", "ten", "", "<b>"])
@pytest.mark.parametrize("name", [*SLIDERS, "optimiser", "dtype"])
def test_a_choice_that_is_not_offered_changes_nothing(
    working: AppTest, name: str, value: str
) -> None:
    boxes = working.select_slider if name in SLIDERS else working.selectbox
    with untouched(working):
        choose(boxes(key=f"setting_{name}"), [value])
        working.run()
        assert told(working) == ""


ADDRESSES: list[tuple[str, dict[str, str], str, dict[str, object]]] = [
    ("a text that is none", {"text": "nowhere"}, "not among the presets, so another takes", {}),
    ("a path as a text", {"text": "../../etc/passwd"}, "not among the presets", {}),
    ("one's own text", {"text": "own"}, "The text of that run is no longer here, so a preset", {}),
    ("a text with markup", {"text": "<b>:red[x]</b>"}, "not among the presets", {}),
    ("a run that is none", {"run": "A" * 16}, "", {}),
    ("a path as a run", {"run": "../../../etc/passwd"}, "", {}),
    ("a script as a run", {"run": "<script>alert(1)</script>"}, "", {}),
    ("a run of megabytes", {"run": "x" * 1_000_000}, "", {}),
    ("no run", {"run": ""}, "", {}),
    ("a name that is no setting", {"colour": "red", "__class__": "x"}, "", {}),
    ("another word for autoplay", {"autoplay": "yes"}, "", {}),
    ("space around a number", {"hidden_size": " 64 "}, "", {"hidden_size": 64}),
    ("a power of ten", {"hidden_size": "1e2", "learning_rate": "1E-3"}, "", {"hidden_size": 100}),
    ("digits of another script", {"hidden_size": "٦٤"}, "", {"hidden_size": 64}),
    ("half a unit", {"hidden_size": "10.5"}, "Hidden size must be a whole number between 1", {}),
    ("minus zero", {"clip": "-0.0"}, "", {"clip": 0.0}),
    ("a hexadecimal number", {"hidden_size": "0x10"}, "but was '0x10'", {}),
    ("a number of 10,000 digits", {"seed": "9" * 10_000}, "Seed must be ", {}),
    ("a word of 10,000 letters", {"clip": "w" * 10_000}, "wwww…. The address is", {}),
    ("a script", {"learning_rate": "<script>x</script>"}, "but was '<script>x</script>'.", {}),
    ("Markdown", {"learning_rate": "**x** $y$ :red[z]"}, "but was '**x** $y$ :red[z]'.", {}),
    ("NUL", {"learning_rate": "\0"}, r"but was '\x00'.", {}),
    ("right to left", {"learning_rate": "\u202e"}, r"but was '\u202e'.", {}),
    (
        "a window longer than the text",
        {"text": "cycle", "seq_length": "500"},
        "but a sequence length of 500 needs at least 501; choose a longer text or a shorter",
        {},
    ),
    (
        "streams beyond the text",
        {"text": "hello", "streams": "256"},
        "in each of 256 streams needs at least",
        {},
    ),
]


@pytest.mark.parametrize(
    ("address", "words", "settings"),
    [row[1:] for row in ADDRESSES],
    ids=[row[0] for row in ADDRESSES],
)
def test_an_address(
    working: AppTest, address: dict[str, str], words: str, settings: dict[str, object]
) -> None:
    with untouched(working):
        app = visit(**address)
        assert words in told(app)
        assert bool(words) == bool(told(app))
        assert len(told(app)) < 300
        for name, value in settings.items():
            assert getattr(run_of(app).config, name) == value
        press(app, "Step")
        assert run_of(app).iteration == 1
        assert not run_of(app).playing


def test_settings_beside_a_run_in_the_address_do_not_touch_it(working: AppTest) -> None:
    with untouched(working):
        app = visit(run=query(working, "run"), hidden_size="7", learning_rate="nan", text="hello")
        assert told(app) == ""
        assert run_of(app) is run_of(working)


# -- checkpoints, which the command line reads ---------------------------------------------------

SMALL = Config(hidden_size=6, seq_length=5, sample_interval=20)
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole checkpoint."""
    path = tmp_path_factory.mktemp("good") / "run.npz"
    trainer = Trainer(VERSE, SMALL)
    trainer.advance(steps=30)
    trainer.save(path)
    return path.read_bytes()


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def array(value: np.ndarray, **options: Any) -> bytes:
    """An array as it stands in a checkpoint."""
    out = io.BytesIO()
    np.save(out, value, **options)
    return out.getvalue()


def claiming(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """The header of an array of this shape, and nothing behind it."""
    out = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue()


def put(name: str, content: bytes) -> Callable[[bytes], bytes]:
    return lambda data: packed(members_of(data) | {name: content})


def described(**changes: object) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        members = members_of(data)
        description = json.loads(np.load(io.BytesIO(members["description.npy"])).tobytes())
        written = json.dumps(description | changes).encode()
        return packed(members | {"description.npy": array(np.frombuffer(written, np.uint8))})

    return change


def flipped(name: str) -> Callable[[bytes], bytes]:
    """One bit of this member is another."""

    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[data.index(members_of(data)[name]) + 130] ^= 1
        return bytes(changed)

    return change


def bomb(name: str, megabytes: int) -> Callable[[bytes], bytes]:
    """A member of zeros, which take a thousandth of their size in the file."""
    zeros = claiming((megabytes << 20,), "|u1") + bytes(megabytes << 20)
    return lambda data: packed(members_of(data) | {name: zeros}, zipfile.ZIP_DEFLATED)


def twice(name: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        out = io.BytesIO(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(out, "a") as archive:
                archive.writestr(name, b"")
        return out.getvalue()

    return change


def same(data: bytes) -> bytes:
    return data


WHOLE = "is not a checkpoint, or it is damaged"
SHAPE = "has the wrong type, shape or size"
PICKLE = array(np.array([[{"os": "system"}] * 6] * 6, dtype=object), allow_pickle=True)

CHECKPOINTS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("as it was", same, ""),
    ("nothing", lambda data: b"", WHOLE),
    ("a text", lambda data: VERSE.encode(), WHOLE),
    ("a PNG", lambda data: b"\x89PNG\r\n\x1a\n" + bytes(99), WHOLE),
    ("another zip", lambda data: zipped(), "it has no array description"),
    ("a zip with a path", lambda data: zipped("../../etc/passwd"), "it has no array description"),
    ("a byte less", lambda data: data[:-1], WHOLE),
    ("half of it", lambda data: data[: len(data) // 2], WHOLE),
    ("its first bytes", lambda data: data[:100], WHOLE),
    ("a bit of the weights", flipped("params/Whh.npy"), WHOLE),
    ("a bit of the text", flipped("text.npy"), WHOLE),
    ("another version", described(version=2), "has version 2, but this program reads 1"),
    ("another program's", described(format="poems"), "it was not written by this program"),
    ("a bad setting", described(config=Config().as_dict() | {"clip": -1}), "Gradient clip must be"),
    ("too long a window", described(config=SMALL.as_dict() | {"seq_length": 500}), "at least 501"),
    ("a place beyond the text", described(pointer=10**9), "its pointer lies outside the text"),
    ("less than no iterations", described(iteration=-1), "its iteration is -1"),
    ("a loss that is none", described(smooth_loss=float("nan")), "its smooth_loss is nan"),
    ("other random streams", described(generators=[{}, {}]), "its random streams cannot be"),
    ("another text", put("text.npy", array(np.zeros(9, np.uint8))), "its text is not the one"),
    ("a wrong shape", put("params/Whh.npy", array(np.zeros((6, 7), np.float32))), SHAPE),
    ("a wrong type", put("params/Whh.npy", array(np.zeros((6, 6)))), SHAPE),
    ("weights without end", put("params/bh.npy", array(np.full(6, np.inf, "f4"))), "not finite"),
    ("a pickle", put("params/Whh.npy", PICKLE), SHAPE),
    ("a pickle in its history", put("history/buckets.npy", PICKLE), SHAPE),
    ("a pickle as its text", put("text.npy", PICKLE), SHAPE),
    ("a claim of terabytes", put("params/Whh.npy", claiming((1 << 40, 6))), SHAPE),
    ("a claim beyond numbers", put("text.npy", claiming((1 << 62, 1 << 62), "|u1")), SHAPE),
    ("a text of terabytes", put("text.npy", claiming((1 << 40,), "|u1")), SHAPE),
    ("a bomb in its history", bomb("history/buckets.npy", 80), SHAPE),
    ("a bomb as weights", bomb("params/Whh.npy", 80), SHAPE),
    ("a member outside its folder", put("../../outside.npy", array(np.zeros(9))), ""),
    ("a member with a root", put("/tmp/outside.npy", array(np.zeros(9))), ""),
    ("a member twice", twice("params/Whh.npy"), "params/Whh cannot be understood"),
]


@pytest.mark.parametrize(
    ("change", "words"), [row[1:] for row in CHECKPOINTS], ids=[row[0] for row in CHECKPOINTS]
)
def test_a_checkpoint(
    working: AppTest,
    good: bytes,
    change: Callable[[bytes], bytes],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    file = folder / "run.npz"
    file.write_bytes(change(good))
    before = file.read_bytes()
    with untouched(working):
        code = cli.main(["sample", str(file), "--length=5"])
        captured = capsys.readouterr()
        assert code == (2 if words else 0)
        if words:
            assert captured.out == ""
            assert re.fullmatch(r"(The checkpoint )?run\.npz .*\.\n", captured.err)
            one_sentence(captured.err.strip().replace("run.npz", "It", 1), words)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "c", "run.npz"]
    assert file.read_bytes() == before


def test_a_bad_checkpoint_does_not_end_the_run_that_it_would_replace(
    good: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, bad = tmp_path / "run.npz", tmp_path / "bad.npz"
    file.write_bytes(good)
    bad.write_bytes(good[:-100])
    arguments = ["train", f"--resume={bad}", f"--checkpoint={file}", "--iterations=99"]
    assert cli.main(arguments) == 2
    assert WHOLE in capsys.readouterr().err
    assert file.read_bytes() == good


# -- runs in one file, which the Compare page reads ----------------------------------------------

NO_RUN = "The file is not an exported run, or it is damaged."
NO_PART = "The file holds something that is no part of a run; it is refused."


@pytest.fixture(scope="module")
def run_file() -> bytes:
    """A whole run as one file, whose name and note are nasty."""
    trainer = Trainer(VERSE, SMALL)
    run_id = store().create(VERSE, trainer.state(), Card("<b>:red[mice]</b>", "own", "**mice**"))
    out = io.BytesIO()
    export_run(store(), run_id, out)
    return out.getvalue()


def in_state(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        members = members_of(data)
        return packed(members | {"states/0.npz": change(members["states/0.npz"])})

    return changed


def manifest(**changes: object) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        members = members_of(data)
        entries = json.loads(members["manifest.json"]) | changes
        return packed(members | {"manifest.json": json.dumps(entries).encode()})

    return change


def compressed(data: bytes) -> bytes:
    return packed(members_of(data), zipfile.ZIP_DEFLATED)


RUN_FILES: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("as it was", same, "The run has been imported; it is the one that is chosen now."),
    ("nothing", lambda data: b"", NO_RUN),
    ("a text", lambda data: VERSE.encode(), NO_RUN),
    ("a zip", lambda data: zipped(), "The file was packed by another program; it is refused."),
    ("a checkpoint", lambda data: members_of(data)["states/0.npz"], NO_PART),
    ("a byte less", lambda data: data[:-1], NO_RUN),
    ("half of it", lambda data: data[: len(data) // 2], NO_RUN),
    ("a bit of the manifest", lambda data: data.replace(b'"mice', b'"nice', 1)[:-1], NO_RUN),
    ("a bit of a state", in_state(flipped("params/Whh.npy")), "The file cannot be imported: "),
    ("a newer version", manifest(version=2), "The file has format 2, but this program reads 1; "),
    ("a state of another version", in_state(described(version=2)), "has version 2, but this"),
    ("a wrong shape", in_state(put("hidden.npy", array(np.zeros(6, "f4")))), SHAPE),
    ("a pickle", in_state(put("params/Whh.npy", PICKLE)), SHAPE),
    ("a claim of terabytes", in_state(put("hidden.npy", claiming((1 << 40,)))), SHAPE),
    ("a bomb", compressed, "The file was packed by another program; it is refused."),
    ("a bomb in a state", in_state(bomb("text.npy", 20)), "was packed by another program"),
    ("a path upwards", put("../../outside.npz", b""), NO_PART),
    ("a path from the root", put("/tmp/outside.npz", b""), NO_PART),
    ("a path within", put("states/../../outside.npz", b""), NO_PART),
    ("a program", put("run.py", b"print()"), NO_PART),
    ("a state too many", put("states/7.npz", b""), "does not hold what its manifest lists"),
]


@pytest.mark.parametrize(
    ("change", "words"), [row[1:] for row in RUN_FILES], ids=[row[0] for row in RUN_FILES]
)
def test_a_run_in_one_file(
    working: AppTest, run_file: bytes, change: Callable[[bytes], bytes], words: str
) -> None:
    app = visit(run=query(working, "run"))
    app.switch_page("pages/compare.py").run()
    kept = store().runs()
    with untouched(working):
        uploader = next(box for box in app.file_uploader if "saved to a file" in box.label)
        uploader.set_value(("../../../etc/<b>.run", change(run_file), "")).run()
        assert not app.exception
        said = [box.value for box in app.text if words in box.value]
        assert len(said) == 1
        one_sentence(said[0], words)
        if change is same:
            (new,) = [run for run in store().runs() if run not in kept]
            assert new.name == "<b>:red[mice]</b> 2"
            assert_never_rendered(app)
        else:
            assert store().runs() == kept


# -- texts that no browser sends, but a library or a file may bring --------------------------------

ODD: list[tuple[str, str]] = [
    ("lone surrogates", "\ud83d lone \udc00\ud83d and \ud800 more\n" * 20),
    ("controls and NUL", "".join(map(chr, range(0x21))) * 10 + "\x7f\x85\u2028\ufeff" * 20),
    ("scripts of all kinds", "שלום مرحبا 日本語 𝔘𝔫𝔦 e\u0301 👩\u200d🔬 \u202eabc\u202c\n" * 20),
    ("markup", MARKUP * 10),
    ("everything nasty", "\n".join(NASTY) * 2),
    ("two characters", "ab" * 40),
    ("three thousand characters", "".join(map(chr, range(0x4E00, 0x4E00 + 3_000))) * 2),
]


@pytest.mark.parametrize("text", [row[1] for row in ODD], ids=[row[0] for row in ODD])
def test_any_text_is_shown_on_every_page(
    working: AppTest, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = LiveRun(text, Config(hidden_size=8, seq_length=9), Source("own", "**Own** :red[x]"))
    RUNS.add(run)
    with untouched(working):
        app = visit(run=run.run_id)
        for page in PAGES:
            app.switch_page(f"pages/{page}.py").run()
            press(app, "Step")
            assert told(app) == "", page
            assert_never_rendered(app)
        assert run.iteration == len(PAGES)
        faults = [one for one in caplog.records if one.name.startswith(("ui.", "rnn."))]
        assert not faults, caplog.text
