"""What a run leaves outside the trainer: printed samples, a progress line, a log, checkpoints.

Each is called with the trainer and its newest record and decides for itself whether it is time.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import IO, TextIO

from rnn.levels import convert
from rnn.limits import Watch
from rnn.trainer import StepRecord, Trainer

LOG_EVERY = 100  # iterations between two rows of the log
SAVE_EVERY = 60.0  # seconds between two periodic checkpoints
COLUMNS = ("iteration", "loss", "smooth_loss", "nats_per_char", "bits_per_char", "held_out")


class LogError(ValueError):
    """A log that cannot be read or written; `str(error)` is one sentence for people."""


class Printer:
    """Prints the sample and the smooth loss in nats per window, as the classic does."""

    def __init__(self, out: TextIO) -> None:
        """Print to `out`."""
        self._out = out

    def __call__(self, trainer: Trainer, record: StepRecord) -> None:
        """Print if this iteration's sample is due."""
        if record.iteration % trainer.config.sample_interval:
            return
        text = printable(_sample_after(trainer, record.iteration), self._out)
        loss = f"iter {record.iteration}, loss: {record.smooth_loss:f}"
        print(f"----\n {text} \n----\n{loss}", file=self._out, flush=True)


def _sample_after(trainer: Trainer, iteration: int) -> str:
    """The diary's sample if it has this iteration's, which would be drawn the same again."""
    diary = trainer.history.diary
    if diary and diary[-1].iteration == iteration:
        return diary[-1].text
    return trainer.periodic_sample().text


def printable(text: str, out: TextIO) -> str:
    """The text; for a terminal without control characters, which could rewrite the screen."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "�", text) if out.isatty() else text


class Progress:
    """A line that rewrites itself on a terminal: iteration, iterations a second, time left."""

    def __init__(self, watch: Watch, err: TextIO) -> None:
        """Write to `err`."""
        self._watch = watch
        self._err = err

    def __call__(self, trainer: Trainer, record: StepRecord) -> None:
        """Write the line anew."""
        line = f"iteration {record.iteration:,} · {self._watch.pace():,.0f} it/s"
        left = self._watch.seconds_left()
        if left < math.inf:
            line += f" · eta {clock_time(left)}"
        self._err.write(f"\r\x1b[2K{line}")
        self._err.flush()

    def clear(self, *_: object) -> None:
        """Take the line away, so that something else can be printed in its place."""
        self._err.write("\r\x1b[2K")
        self._err.flush()


def clock_time(seconds: float) -> str:
    """Seconds as `0:05`, `12:34` or `3:12:34`."""
    minutes, second = divmod(math.ceil(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class Log:
    """A CSV file with a row for every hundredth iteration.

    `loss` and `smooth_loss` are nats per window, `nats_per_char` and `bits_per_char` the smooth
    loss on those scales, `held_out` nats per character where it was measured at that iteration.
    """

    def __init__(self, file: IO[str]) -> None:
        """Write to `file`, which is open and stands at its end."""
        self._file = file
        self._writer = csv.writer(file, lineterminator="\n")

    def __call__(self, trainer: Trainer, record: StepRecord) -> None:
        """Write a row if it is due; raises LogError if the disk refuses it."""
        if record.iteration % LOG_EVERY:
            return
        length = trainer.config.seq_length
        nats = record.smooth_loss / length
        row = (
            record.iteration,
            record.loss,
            record.smooth_loss,
            nats,
            convert(nats, "bits", length),
            _held_out_at(trainer, record.iteration),
        )
        with _log_trouble("written"):
            self._writer.writerow(row)
            self._file.flush()


def _held_out_at(trainer: Trainer, iteration: int) -> float | str:
    iterations, losses = trainer.history.held_out()
    measured = len(iterations) > 0 and iterations[-1] == iteration
    return float(losses[-1]) if measured else ""


@contextmanager
def open_log(path: Path, iteration: int) -> Iterator[Log]:
    """A log that goes on at `iteration`.

    At 0 the file is begun anew; later, its rows before that iteration stay and those after it,
    which the run is about to repeat, go. Raises LogError.
    """
    rows = _rows_before(path, iteration)
    with _log_trouble("written"):
        file = path.open("w", newline="", encoding="utf-8")
    with file:
        with _log_trouble("written"):
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
            file.flush()
        yield Log(file)


def _rows_before(path: Path, iteration: int) -> list[list[str]]:
    """The rows of the log that is there; raises LogError for a file that is no log."""
    with _log_trouble("read"):
        if not path.exists() or path.stat().st_size == 0:
            return []
        content = path.read_bytes()
    try:
        header, *rows = csv.reader(content.decode("utf-8").splitlines())
        if tuple(header) == COLUMNS:
            return [row for row in rows if int(row[0]) < iteration]
    except (ValueError, IndexError, csv.Error):
        pass  # not a log either
    raise LogError(f"{path} is there and is not a log of a run; give --log another name.")


class Saver:
    """Saves the run from time to time."""

    def __init__(self, path: Path, clock: Callable[[], float] = perf_counter) -> None:
        """Save to `path`, first a minute from now."""
        self._path = path
        self._clock = clock
        self._saved = clock()

    def __call__(self, trainer: Trainer, record: StepRecord) -> None:
        """Save if it is time; raises CheckpointError."""
        if self._clock() - self._saved >= SAVE_EVERY:
            trainer.save(self._path)
            self._saved = self._clock()


@contextmanager
def _log_trouble(doing: str) -> Iterator[None]:
    """Turn an OSError inside into one sentence."""
    try:
        yield
    except OSError as error:
        raise LogError(f"The log cannot be {doing}: {error.strerror or error}.") from error
