"""The command line: what it prints, when it stops, what it saves, and how it complains."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rnn import cli, outputs
from rnn.decoding import DecodingError
from rnn.limits import Limits, Watch, interruptible, run
from rnn.outputs import COLUMNS, Progress, Saver, clock_time, printable
from rnn.settings import SETTINGS, Config
from rnn.store import Store, StoreError
from rnn.trainer import StepRecord, Trainer

ROOT = Path(__file__).resolve().parent.parent
TEXT = "the cat sat on the mat\n" * 12
SMALL = ["--hidden-size", "8", "--seq-length", "5", "--sample-length", "20"]
CONFIG = Config(hidden_size=8, seq_length=5, sample_length=20)


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one sentence that these arguments are refused with."""
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.endswith(".\n")
    assert "Traceback" not in captured.err
    return captured.err.rstrip("\n")


def assert_same_run(one: Trainer, other: Trainer) -> None:
    assert one.iteration == other.iteration
    assert one.smooth_loss == other.smooth_loss
    assert one.pointer == other.pointer
    for name, array in one.params.items():
        np.testing.assert_array_equal(array, other.params[name])
    for name, array in one.history.to_arrays().items():
        np.testing.assert_array_equal(array, other.history.to_arrays()[name], err_msg=name)
    assert one.sample(30).text == other.sample(30).text


class TestPrinting:
    def test_samples_and_smooth_losses_as_the_classic_prints_them(
        self, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["train", text, *SMALL, "--iterations", "201"]) == 0
        trainer, expected = Trainer(TEXT, CONFIG), ""
        for iteration in (0, 100, 200):
            record = trainer.advance(steps=iteration + 1 - trainer.iteration)
            sample = trainer.periodic_sample().text
            expected += f"----\n {sample} \n----\niter {iteration}, loss: {record.smooth_loss:f}\n"
        captured = capsys.readouterr()
        assert captured.out == expected
        assert captured.err == ""

    def test_the_sample_interval_is_a_setting(
        self, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cli.main(["train", text, *SMALL, "--iterations", "100", "--sample-interval", "30"])
        printed = re.findall(r"^iter (\d+), loss: \d+\.\d{6}$", capsys.readouterr().out, re.M)
        assert printed == ["0", "30", "60", "90"]

    def test_printing_goes_on_where_the_diary_thins_out(
        self, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cli.main(["train", text, *SMALL, "--iterations", "200", "--sample-interval", "1"])
        trainer, samples = Trainer(TEXT, CONFIG), []
        for _ in range(200):
            trainer.step()
            samples.append(trainer.periodic_sample().text)
        assert re.findall(r"^----\n (.*?) \n----$", capsys.readouterr().out, re.M | re.S) == samples

    def test_control_characters_reach_a_file_but_no_terminal(self) -> None:
        text = "a\x1b[2J\r\n\tb\x9b"
        assert printable(text, io.StringIO()) == text
        assert printable(text, Terminal()) == "a�[2J�\n\tb�"

    def test_a_sample_that_the_output_s_encoding_lacks_is_escaped(self, tmp_path: Path) -> None:
        path = tmp_path / "text.txt"
        path.write_text("äöü日本" * 20, encoding="utf-8")
        command = [sys.executable, "-m", "rnn", "train", str(path), *SMALL, "--iterations", "1"]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\\xe4" in done.stdout


class TestHelp:
    def test_every_setting_is_an_option_with_its_help(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as done:
            cli.main(["train", "--help"])
        assert done.value.code == 0
        shown = " ".join(capsys.readouterr().out.split())
        for setting in SETTINGS:
            assert f"--{setting.name.replace('_', '-')} " in shown
            remark = f"({setting.range_text}; default: {setting.default})"
            # argparse may break a line after any hyphen
            assert re.sub(r"- ", "-", f"{setting.help} {remark}") in re.sub(r"- ", "-", shown)

    def test_every_setting_reaches_the_run(self, text: str, tmp_path: Path) -> None:
        config = Config(
            hidden_size=7,
            seq_length=6,
            learning_rate=0.05,
            clip=1.5,
            optimiser="adam",
            init_scale=0.02,
            seed=3,
            dtype="float64",
            streams=2,
            held_out=0.1,
            sample_interval=7,
            sample_length=9,
            temperature=0.5,
            top_k=4,
        )
        strings = config.to_strings()
        assert len(strings) == len(SETTINGS)
        options = [f"--{name.replace('_', '-')}={value}" for name, value in strings.items()]
        file = tmp_path / "run.npz"
        cli.main(["train", text, "--iterations", "3", "--checkpoint", str(file), *options])
        assert Trainer.load(file).config == config


class TestLimits:
    def stopped(self, limits: Limits, clock: Callable[[], float] | None = None) -> Trainer:
        trainer = Trainer(TEXT, CONFIG)
        watch = Watch(trainer, limits, **({"clock": clock} if clock else {}))
        run(trainer, watch, [], every=100)
        assert watch.reason
        return trainer

    def test_iterations(self) -> None:
        assert self.stopped(Limits(iterations=1)).iteration == 1
        assert self.stopped(Limits(iterations=123)).iteration == 123

    def test_target_loss_stops_at_the_very_iteration(self) -> None:
        trainer = self.stopped(Limits(target_loss=11.0))
        assert trainer.smooth_loss <= 11.0
        again = Trainer(TEXT, CONFIG)
        assert again.advance(steps=trainer.iteration - 1).smooth_loss > 11.0

    def test_patience_counts_from_the_lowest_smooth_loss(self) -> None:
        config = CONFIG.replace(learning_rate=1.0)  # learns little
        trainer, smooth = Trainer(TEXT, config), []
        watch = Watch(trainer, Limits(patience=50, iterations=5000))
        run(trainer, watch, [lambda t, record: smooth.append(record.smooth_loss)], every=1)
        best = int(np.argmin(smooth))
        assert watch.reason == "no new lowest smooth loss for 50 iterations"
        assert trainer.iteration == len(smooth) == best + 1 + 50

    def test_seconds(self) -> None:
        clock = Clock()
        trainer = Trainer(TEXT, CONFIG)
        watch = Watch(trainer, Limits(seconds=10.0), clock=clock)

        def work(trainer: Trainer, record: StepRecord) -> None:
            clock.now += 4.0

        run(trainer, watch, [work], every=1)
        assert trainer.iteration == 4  # at 0, 4, 8 and 12 seconds
        assert watch.reason == "the time is up"

    def test_the_first_reached_of_several(self) -> None:
        limits = Limits(iterations=40, target_loss=1e-9, patience=10**6, seconds=1e6)
        assert self.stopped(limits).iteration == 40

    def test_an_interruption_ends_the_run_after_the_step(self) -> None:
        trainer = Trainer(TEXT, CONFIG)
        watch = Watch(trainer, Limits(), interrupted=lambda: trainer.iteration == 7)
        run(trainer, watch, [], every=100)
        assert (trainer.iteration, watch.reason) == (7, "interrupted")

    def test_estimates(self) -> None:
        clock, trainer = Clock(), Trainer(TEXT, CONFIG)
        trainer.advance(steps=100)
        watch = Watch(trainer, Limits(iterations=400, seconds=50.0), clock=clock)
        trainer.advance(steps=100)
        clock.now += 10.0
        assert watch.pace() == pytest.approx(10.0)
        assert watch.seconds_left() == pytest.approx(20.0)
        clock.now += 30.0
        assert watch.seconds_left() == pytest.approx(10.0)
        assert Watch(trainer, Limits()).seconds_left() == math.inf

    def test_reasons_are_told(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["train", text, *SMALL, "--target-loss", "11"]) == 0
        said = capsys.readouterr().err
        assert re.fullmatch(
            r"Stopped at iteration [\d,]+: the smooth loss reached 11\.00 nats per window\.\n", said
        )


class TestProgress:
    def test_on_a_terminal_only(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        options = cli.TrainOptions(Path(text), {"hidden_size": "8"}, Limits(iterations=150))
        piped, terminal = io.StringIO(), Terminal()
        assert cli.train(options, io.StringIO(), piped) == 0
        assert cli.train(options, io.StringIO(), terminal) == 0
        assert piped.getvalue() == ""
        shown = terminal.getvalue()
        assert re.search(r"\r\x1b\[2Kiteration 100 · [\d,]+ it/s · eta 0:0\d", shown)
        assert shown.endswith("\r\x1b[2KStopped at iteration 150: all iterations done.\n")

    def test_no_eta_without_an_end(self) -> None:
        trainer, terminal = Trainer(TEXT, CONFIG), Terminal()
        Progress(Watch(trainer, Limits(target_loss=1.0)), terminal)(trainer, trainer.step())
        assert "it/s" in terminal.getvalue()
        assert "eta" not in terminal.getvalue()

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0, "0:00"), (4.2, "0:05"), (59.9, "1:00"), (754, "12:34"), (11_554, "3:12:34")],
    )
    def test_clock_time(self, seconds: float, shown: str) -> None:
        assert clock_time(seconds) == shown


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class TestLog:
    def test_a_row_every_hundred_iterations(self, text: str, tmp_path: Path) -> None:
        log = tmp_path / "log.csv"
        options = [*SMALL, "--iterations", "601", "--held-out", "0.2", "--sample-interval", "70"]
        cli.main(["train", text, *options, "--log", str(log)])
        rows = rows_of(log)
        assert [row["iteration"] for row in rows] == ["0", "100", "200", "300", "400", "500", "600"]

        trainer = Trainer(TEXT, CONFIG.replace(held_out=0.2, sample_interval=70))
        for row in rows:
            assert list(row) == list(COLUMNS)
            record = trainer.advance(steps=int(row["iteration"]) + 1 - trainer.iteration)
            assert float(row["loss"]) == record.loss
            assert float(row["smooth_loss"]) == record.smooth_loss
            assert float(row["nats_per_char"]) == pytest.approx(record.smooth_loss / 5)
            assert float(row["bits_per_char"]) == pytest.approx(record.smooth_loss / 5 / np.log(2))
        measured = dict(zip(*(a.tolist() for a in trainer.history.held_out()), strict=True))
        assert {
            int(r["iteration"]): float(r["held_out"]) for r in rows if r["held_out"]
        } == measured
        assert 500 in measured

    def test_a_new_run_begins_its_log_anew(self, text: str, tmp_path: Path) -> None:
        log = tmp_path / "log.csv"
        for _ in range(2):
            cli.main(["train", text, *SMALL, "--iterations", "150", "--log", str(log)])
        assert [row["iteration"] for row in rows_of(log)] == ["0", "100"]

    @pytest.mark.parametrize("content", ["my notes\n", "a,b\n1,2\n", "\xff", "\n"])
    def test_another_file_is_not_written_over(
        self, text: str, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = tmp_path / "notes.txt"
        log.write_text(content, encoding="latin-1")
        said = complaint(capsys, "train", text, "--iterations", "1", "--log", str(log))
        assert said == f"{log} is there and is not a log of a run; give --log another name."
        assert log.read_text(encoding="latin-1") == content


class TestCheckpoint:
    def train(self, *arguments: str) -> None:
        assert cli.main(["train", *arguments]) == 0

    def test_stopped_and_resumed_is_never_stopped(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        whole, halves = tmp_path / "whole", tmp_path / "halves"
        self.train(
            text, *SMALL, "--iterations=620", f"--log={whole}.csv", f"--checkpoint={whole}.npz"
        )
        straight = capsys.readouterr().out
        files = [f"--log={halves}.csv", f"--checkpoint={halves}.npz"]
        self.train(text, *SMALL, "--iterations=333", *files)
        self.train(f"--resume={halves}.npz", "--iterations=620", *files)
        assert capsys.readouterr().out == straight
        assert (tmp_path / "halves.csv").read_text() == (tmp_path / "whole.csv").read_text()
        assert_same_run(Trainer.load(f"{halves}.npz"), Trainer.load(f"{whole}.npz"))

    def test_rows_that_are_about_to_be_repeated_go(self, text: str, tmp_path: Path) -> None:
        early, log = tmp_path / "early.npz", tmp_path / "log.csv"
        self.train(text, *SMALL, "--iterations=150", f"--checkpoint={early}")
        self.train(text, *SMALL, "--iterations=401", f"--log={log}")
        before = log.read_text()
        self.train(f"--resume={early}", "--iterations=401", f"--log={log}")
        assert log.read_text() == before
        assert before.count("\n") == 6

    def test_the_text_may_be_given_again(self, text: str, tmp_path: Path) -> None:
        file = str(tmp_path / "run.npz")
        self.train(text, *SMALL, "--iterations=5", "--checkpoint", file)
        self.train(text, *SMALL, "--iterations=9", "--resume", file, "--checkpoint", file)
        assert Trainer.load(file).iteration == 9

    def test_live_settings_may_change_and_leave_an_event(self, text: str, tmp_path: Path) -> None:
        file = str(tmp_path / "run.npz")
        self.train(text, *SMALL, "--iterations=5", "--checkpoint", file)
        change = ["--learning-rate", "0.01", "--seq-length", "7"]
        self.train("--resume", file, "--iterations=6", *change, "--checkpoint", file)
        resumed = Trainer.load(file)
        assert resumed.config == CONFIG.replace(learning_rate=0.01, seq_length=7)
        assert {event.name for event in resumed.history.events} == {"learning_rate", "seq_length"}

    def test_what_cannot_be_resumed(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = str(tmp_path / "run.npz")
        self.train(text, *SMALL, "--iterations=5", "--checkpoint", file)
        capsys.readouterr()
        other = tmp_path / "other.txt"
        other.write_text(TEXT + "!")
        resume = ["train", "--resume", file]
        assert complaint(capsys, *resume, "--hidden-size", "9") == (
            "Hidden size cannot change in a resumed run; "
            "leave --hidden-size out, or start a new run without --resume."
        )
        assert complaint(capsys, *resume, str(other)).startswith(f"{other} is not the text that ")
        assert complaint(capsys, *resume, "--iterations", "5") == (
            "The run already has 5 iterations; ask for more with --iterations."
        )
        assert "needs at least" in complaint(capsys, *resume, "--seq-length", "400")

    def test_periodic_saving(self, tmp_path: Path) -> None:
        clock, file, trainer = Clock(), tmp_path / "run.npz", Trainer(TEXT, CONFIG)
        saver = Saver(file, clock)
        record = trainer.step()
        for now, expected in ((159.9, None), (160.0, 1), (161.0, 1), (219.0, 1), (220.0, 2)):
            clock.now = now
            if now > 160:
                trainer.advance(steps=2 - trainer.iteration) if trainer.iteration < 2 else None
            saver(trainer, record)
            saved = Trainer.load(file).iteration if file.exists() else None
            assert saved == expected, now


class TestSample:
    @pytest.fixture
    def checkpoint(self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
        file = str(tmp_path / "run.npz")
        cli.main(["train", text, *SMALL, "--iterations", "300", "--checkpoint", file])
        capsys.readouterr()
        return file

    def test_as_in_the_run(self, checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["sample", checkpoint]) == 0
        assert capsys.readouterr().out == Trainer.load(checkpoint).sample(20).text + "\n"

    def test_with_everything_set(self, checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--length=50", "--temperature=0.7", "--top-k=3", "--prime=the c", "--seed=5"]
        assert cli.main(["sample", checkpoint, *options]) == 0
        expected = Trainer.load(checkpoint).sample(50, 0.7, "the c", seed=5, top_k=3).text
        assert capsys.readouterr().out == f"the c{expected}\n"

    def test_what_is_refused(self, checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert complaint(capsys, "sample", checkpoint, "--length", "0") == (
            "Length must be between 1 and 10000, but was 0."
        )
        assert complaint(capsys, "sample", checkpoint, "--prime", "Z").startswith(
            "The network does not know the character Z;"
        )


COMMANDS = r"train\|sample\|runs\|export\|import"


class TestComplaints:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ([], rf"The following arguments are required: {COMMANDS}; see python -m rnn --help"),
            (["fly"], rf"Argument {COMMANDS}: invalid choice: 'fly'.*"),
            (["train"], r"Say which text to train on: python -m rnn train FILE"),
            (["train", "TEXT", "--hidden", "5"], r"Unrecognized arguments: --hidden 5; see .*"),
            (["train", "TEXT", "--hidden-size"], r"Argument --hidden-size: expected one .*"),
            (["train", "nowhere.txt"], r"nowhere.txt cannot be read: No such file or directory"),
            (["train", "."], r"\. cannot be read: Is a directory"),
            (["train", "TEXT", "--hidden-size", "0"], r"Hidden size must be between 1 and 1024.*"),
            (["train", "TEXT", "--learning-rate", "x"], r"Learning rate must be a number .*"),
            (["train", "TEXT", "--optimiser", "adm"], r"Optimiser must be one of .* was 'adm'"),
            (["train", "TEXT", "--iterations", "0"], r"Iterations must be between 1 and .*"),
            (["train", "TEXT", "--seconds", "-1"], r"Seconds must be between 0 and .* was -1"),
            (["train", "TEXT", "--patience", "1.5"], r"Patience must be a whole number .*"),
            (["train", "TEXT", "--target-loss", "nan"], r"Target loss must be a number .*"),
            (["train", "TEXT", "--seq-length", "500"], r"The text has 276 characters .*"),
            (["train", "--resume", "nowhere.npz"], r"There is no checkpoint nowhere\.npz"),
            (["train", "--resume", "TEXT"], r"text\.txt is not a checkpoint.*"),
            (["train", "TEXT", "--log", "no/log.csv"], r"The log cannot be written: No such .*"),
            (["train", "TEXT", "--log", "."], r"The log cannot be .*: Is a directory"),
            (
                ["train", "TEXT", "--checkpoint", "no/run.npz"],
                r"no/run\.npz cannot be the checkpoint: its folder cannot be written to; .*",
            ),
            (["train", "TEXT", "--checkpoint", "."], r"\. cannot be the .*: it is a folder; .*"),
            (
                ["train", "TEXT", "--log", "TEXT"],
                r".*text\.txt is given as the text and as --log; use two different files",
            ),
            (
                ["train", "TEXT", "--checkpoint", "x", "--log", "./x"],
                r"x is given as --log and as --checkpoint; use two different files",
            ),
            (
                ["train", "--resume", "x", "--log", "x"],
                r"x is given as --log and as --resume; use two different files",
            ),
            (["sample"], r"The following arguments are required: CHECKPOINT; see .*"),
            (["sample", "nowhere.npz"], r"There is no checkpoint nowhere\.npz"),
            (["sample", "TEXT", "--top-k", "-1"], r"Top-k must be between 0 and 10000, but was -1"),
            (["train", "--run", "x", "--resume", "y"], r"A run goes on by its --run or from .*"),
            (
                ["train", "TEXT", "--run", "x", "--save-every", "11"],
                r"Save every must be between .*",
            ),
            (["train", "TEXT", "--run", "x", "--runs", "TEXT"], r"The store .* cannot be used: .*"),
            (["runs", "--runs", "TEXT"], r"The store .*text\.txt cannot be used: File exists"),
            (["export", "x"], r"The following arguments are required: FILE; see .*"),
            (["import"], r"The following arguments are required: FILE; see .*"),
        ],
    )
    def test_one_sentence(
        self,
        arguments: list[str],
        sentence: str,
        text: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        given = [text if argument == "TEXT" else argument for argument in arguments]
        said = complaint(capsys, *given)
        assert re.fullmatch(rf"{sentence}\.", said), said
        assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]

    @pytest.mark.parametrize(
        ("content", "advice"),
        [
            ("", "choose one with some text in it"),
            ("aaaaaaaa", "use at least two different ones"),
            ("ab", "choose a longer text"),
        ],
    )
    def test_a_text_that_cannot_be_trained_on(
        self, content: str, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "short.txt"
        path.write_text(content)
        assert advice in complaint(capsys, "train", str(path))

    def test_bytes_that_are_no_text(
        self, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(data: bytes) -> None:
            raise DecodingError("The file is not text.")

        monkeypatch.setattr(cli, "decode", refuse)
        assert complaint(capsys, "train", text) == "The file is not text."

    def test_a_guessed_encoding_is_noted(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "text.txt"
        path.write_bytes(TEXT.encode("utf-16"))
        assert cli.main(["train", str(path), *SMALL, "--iterations", "1"]) == 0
        assert "UTF-16" in capsys.readouterr().err

    DIVERGING = ("--learning-rate=100", "--optimiser=sgd", "--clip=0", "--iterations=5000")

    def test_divergence(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        said = complaint(capsys, "train", text, *SMALL, *self.DIVERGING)
        assert re.fullmatch(
            r"Training diverged at iteration \d+: .*; "
            r"start again with a smaller --learning-rate \(it was 100\)\.",
            said,
        )

    def test_divergence_leaves_the_last_good_state(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = str(tmp_path / "run.npz")
        said = complaint(capsys, "train", text, *SMALL, *self.DIVERGING, "--checkpoint", file)
        assert said.endswith(
            f"is saved: go on from it with --resume {file} "
            "and a smaller --learning-rate (it was 100)."
        )
        lower = ["--learning-rate=0.01", "--iterations=50", "--checkpoint", file]
        assert cli.main(["train", "--resume", file, *lower]) == 0
        assert Trainer.load(file).iteration == 50

    def test_a_log_that_the_disk_refuses_ends_the_run_but_not_the_checkpoint(
        self,
        text: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def refuse(trainer: Trainer, iteration: int) -> float:
            if iteration == 100:
                raise outputs.LogError("The log cannot be written: No space left on device.")
            return 0.0

        monkeypatch.setattr(outputs, "_held_out_at", refuse)
        file, log = tmp_path / "run.npz", tmp_path / "log.csv"
        options = [*SMALL, "--iterations=500", f"--checkpoint={file}", f"--log={log}"]
        assert "No space left" in complaint(capsys, "train", text, *options)
        assert Trainer.load(file).iteration == 101


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that runs are kept in, as the environment names it."""
    monkeypatch.setenv("RNN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


class TestKeptRuns:
    KEPT = ("--run", "cat", "--iterations")

    def train(self, *arguments: str) -> None:
        assert cli.main(["train", *arguments]) == 0

    def test_two_halves_are_the_whole(self, text: str, runs: Path) -> None:
        self.train(text, *SMALL, *self.KEPT, "300")
        store = Store(runs)
        row = store.find("cat")
        assert (row.status, row.iteration, row.source_title) == ("done", 300, "text.txt")
        assert row.leader is None
        self.train(*self.KEPT, "700")
        whole = Trainer(TEXT, CONFIG)
        whole.advance(steps=700)
        (row,) = store.runs()
        assert_same_run(store.load(row.id), whole)
        series = [0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700]
        assert [state.iteration for state in store.snapshots(row.id)] == series
        assert row.seconds > 0.0

    def test_keeping_a_run_changes_nothing_that_is_printed(
        self, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, "--iterations", "501")
        plain = capsys.readouterr()
        self.train(text, *SMALL, *self.KEPT, "501", "--runs", str(tmp_path / "here"))
        assert capsys.readouterr() == plain
        assert Store(tmp_path / "here").find("cat").iteration == 501

    def test_settings_and_text_of_a_run_that_is_there(
        self, text: str, tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, *self.KEPT, "5")
        self.train(text, *SMALL, "--learning-rate", "0.01", *self.KEPT, "9")
        store = Store(runs)
        assert store.load(store.find("cat").id).config == CONFIG.replace(learning_rate=0.01)
        capsys.readouterr()
        other = tmp_path / "other.txt"
        other.write_text(TEXT + "!")
        assert complaint(capsys, "train", *self.KEPT, "20", "--hidden-size", "9") == (
            "Hidden size cannot change in a resumed run; "
            "leave --hidden-size out, or choose another name for --run."
        )
        assert complaint(capsys, "train", str(other), *self.KEPT, "20") == (
            f"{other} is not the text that the run cat was trained on; "
            "leave the file out, or choose another name for --run."
        )
        assert complaint(capsys, "train", *self.KEPT, "9") == (
            "The run already has 9 iterations; ask for more with --iterations."
        )
        assert complaint(capsys, "train", "--run", "dog") == (
            "Say which text to train on: python -m rnn train FILE."
        )
        assert complaint(capsys, "train", text, "--run", "two\nlines").startswith("A run's name")
        (row,) = store.runs()
        assert (row.iteration, row.leader) == (9, None)
        store.delete(row.id)
        assert "was deleted" in complaint(capsys, "train", "--run", row.id)

    def test_a_run_that_is_trained_elsewhere(
        self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, *self.KEPT, "5")
        capsys.readouterr()
        store = Store(runs)
        lease = store.lead(store.find("cat").id, "dashboard")
        said = complaint(capsys, "train", *self.KEPT, "9")
        assert said.startswith("This run is being trained by the dashboard (process ")
        store.release(lease)
        self.train(*self.KEPT, "9")

    def test_a_run_that_is_taken_over_stops(
        self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def take(trainer: Trainer, record: StepRecord) -> None:
            if record.iteration >= 200 and not taken:
                taken.append(store.lead(store.find("cat").id, "dashboard", take_over=True))

        store, taken = Store(runs), list[object]()
        options = [*SMALL, "--run", "cat", "--save-every", "0", "--iterations", "100000"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli, "Printer", lambda out: take)
            said = complaint(capsys, "train", text, *options)
        assert said.startswith(
            "The lead of this run was taken over: it is being trained by the dash"
        )
        assert store.find("cat").leader is not None

    def test_a_wish_from_elsewhere_pauses_it(
        self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def wish(trainer: Trainer, record: StepRecord) -> None:
            if record.iteration == 200:
                store.wish(store.find("cat").id, "pause")

        store = Store(runs)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli, "Printer", lambda out: wish)
            patch.setattr("rnn.store.recorder.BEAT", 0.0)
            self.train(text, *SMALL, *self.KEPT, "1000000")
        row = store.find("cat")
        assert (row.status, row.leader) == ("paused", None)
        assert capsys.readouterr().err == (
            f"Stopped at iteration {row.iteration:,}: asked to pause; saved in the run cat.\n"
        )
        self.train(*self.KEPT, str(row.iteration + 50))  # the wish was for the earlier training
        assert store.find("cat").status == "done"

    def test_a_damaged_state_is_told_and_the_whole_one_before_goes_on(
        self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, *self.KEPT, "60")
        store = Store(runs)
        run_id = store.find("cat").id
        store.snapshot_path(run_id, 60).write_bytes(b"rot")
        capsys.readouterr()
        self.train(*self.KEPT, "100")
        assert capsys.readouterr().err == (
            "The state that was saved at iteration 60 is damaged; "
            "iteration 50 is whole: go on from there.\n"
        )
        whole = Trainer(TEXT, CONFIG)
        whole.advance(steps=100)
        assert_same_run(store.load(run_id), whole)
        for state in store.snapshots(run_id):
            store.snapshot_path(run_id, state.iteration).write_bytes(b"rot")
        assert "no earlier one is whole" in complaint(capsys, "train", "--run", "cat")
        assert store.leader(run_id) is None

    DIVERGING = ("--learning-rate=100", "--optimiser=sgd", "--clip=0")

    def test_divergence(self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = complaint(capsys, "train", text, *SMALL, *self.DIVERGING, *self.KEPT, "5000")
        assert said.endswith(
            "is saved: go on from it with --run cat and a smaller --learning-rate (it was 100)."
        )
        assert Store(runs).find("cat").status == "diverged"
        self.train("--learning-rate=0.01", *self.KEPT, "50")
        assert Store(runs).find("cat").status == "done"

    def test_a_disk_that_refuses_does_not_end_the_training(
        self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, *self.KEPT, "5")
        save, refusals = Store.save, iter([True] * 3)

        def refuse(*arguments: Any, **named: Any) -> None:
            if next(refusals, False):
                raise StoreError("The disk is full.")
            save(*arguments, **named)

        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "save", refuse)
            self.train(*self.KEPT, "300", "--sample-interval", "100000")
        assert capsys.readouterr().err == (
            "The disk is full. Training goes on, and so do the attempts.\n"
        )
        whole = Trainer(TEXT, CONFIG)
        whole.advance(steps=5)
        whole.apply(sample_interval=100_000)
        whole.advance(steps=295)
        store = Store(runs)
        assert_same_run(store.load(store.find("cat").id), whole)
        refusals = iter([True] * 99)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Store, "save", refuse)
            assert cli.main(["train", *self.KEPT, "400"]) == 2
        assert capsys.readouterr().err.endswith("The disk is full.\n")

    def test_the_list(self, text: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["runs"]) == 0
        assert capsys.readouterr().out == f"There are no runs in {runs} yet.\n"
        self.train(text, *SMALL, "--held-out", "0.2", *self.KEPT, "1234")
        capsys.readouterr()
        row = Store(runs).find("cat")
        assert row.held_out is not None
        assert cli.main(["runs"]) == 0
        header, line = capsys.readouterr().out.splitlines()
        assert header.split() == [
            "name",
            "status",
            "iterations",
            "bits/char",
            "held",
            "out",
            "text",
            "saved",
            "id",
        ]
        bits, held_out = row.loss / math.log(2), row.held_out / math.log(2)
        cells = re.split(r" {2,}", line)
        assert cells[:6] == ["cat", "done", "1,234", f"{bits:.3f}", f"{held_out:.3f}", "text.txt"]
        assert cells[7] == row.id
        assert header.index("status") == line.index("done")

    def test_out_and_in_again(
        self, text: str, tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.train(text, *SMALL, *self.KEPT, "50")
        capsys.readouterr()
        file, there = tmp_path / "cat.run", ["--runs", str(tmp_path / "there")]
        assert cli.main(["export", "cat", str(file)]) == 0
        assert capsys.readouterr().out == f"cat, iteration 50, is in {file}.\n"
        assert cli.main(["import", str(file), *there]) == 0
        assert cli.main(["import", str(file), *there]) == 0
        store, said = Store(tmp_path / "there"), capsys.readouterr().out.splitlines()
        for name, line in zip(("cat", "cat 2"), said, strict=True):
            run_id = store.find(name).id
            assert line == f"{name}, iteration 50, is in the store as {run_id}."
            assert_same_run(store.load(run_id), Store(runs).load(Store(runs).find("cat").id))
        assert complaint(capsys, "export", "cat", str(file)) == (
            f"{file} is there already; choose another name."
        )
        assert complaint(capsys, "export", "dog", str(tmp_path / "dog")) == (
            f"There is no run called dog in {runs}."
        )
        assert "No such file" in complaint(capsys, "export", "cat", str(tmp_path / "no" / "x"))
        assert "No such file" in complaint(capsys, "import", str(tmp_path / "nothing"))
        assert complaint(capsys, "import", text) == (
            "The file is not an exported run, or it is damaged."
        )
        assert {path.name for path in tmp_path.iterdir()} == {
            "text.txt",
            "runs",
            "there",
            "cat.run",
        }


class TestInterruption:
    def test_the_first_is_noted_the_second_interrupts(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        with interruptible() as interrupted:
            assert not interrupted()
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupted()
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before

    def test_in_another_thread_nothing_changes(self) -> None:
        answers: list[bool] = []

        def work() -> None:
            with interruptible() as interrupted:
                answers.append(interrupted())

        before = signal.getsignal(signal.SIGINT)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert answers == [False]
        assert signal.getsignal(signal.SIGINT) is before

    def test_a_keyboard_interrupt_outside_training_is_quiet(
        self, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(cli, "read_text", interrupt)
        assert cli.main(["train", text]) == 130
        assert capsys.readouterr().err == ""


def started(*arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
    """The real command, with standard output buffered, as it is unless somebody turns that off."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-m", "rnn", "train", *arguments, *SMALL],
        cwd=ROOT,
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


class TestRealProcess:
    def test_ctrl_c_saves_and_ends_cleanly(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "run.npz"
        with started(text, "--checkpoint", str(file)) as process:
            assert process.stdout is not None
            while not process.stdout.readline().startswith("iter 300,"):
                pass
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        saved = Trainer.load(file)
        assert saved.iteration > 300
        assert said == f"Stopped at iteration {saved.iteration:,}: interrupted; saved in {file}.\n"
        never_stopped = Trainer(TEXT, CONFIG)
        never_stopped.advance(steps=saved.iteration)
        assert_same_run(saved, never_stopped)

    def test_ctrl_c_saves_a_kept_run(self, text: str, tmp_path: Path) -> None:
        with started(text, "--run", "cat", "--runs", str(tmp_path / "runs")) as process:
            assert process.stdout is not None
            while not process.stdout.readline().startswith("iter 300,"):
                pass
            store = Store(tmp_path / "runs")
            leader = store.find("cat").leader
            assert leader is not None
            assert (leader.kind, leader.pid) == ("command line", process.pid)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        row = store.find("cat")
        assert (row.status, row.leader) == ("paused", None)
        assert (
            said == f"Stopped at iteration {row.iteration:,}: interrupted; saved in the run cat.\n"
        )
        never_stopped = Trainer(TEXT, CONFIG)
        never_stopped.advance(steps=row.iteration)
        assert_same_run(store.load(row.id), never_stopped)

    def test_a_reader_that_goes_away_ends_it_cleanly(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "run.npz"
        with started(text, "--checkpoint", str(file)) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "----\n"
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait(timeout=30) == 0
        assert Trainer.load(file).iteration > 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk(self, text: str) -> None:
        with Path("/dev/full").open("w") as full, started(text, stdout=full) as process:
            _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        assert said == "The output cannot be written: No space left on device.\n"

    def test_an_error_is_one_sentence(self) -> None:
        with started("nowhere.txt") as process:
            out, said = process.communicate(timeout=30)
        assert (process.returncode, out) == (2, "")
        assert said == "nowhere.txt cannot be read: No such file or directory.\n"
