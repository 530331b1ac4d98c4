"""The command line: `python -m rnn train FILE`, `sample CHECKPOINT`, and `runs`, `export`, `import`.

Training without a screen, the same run bit for bit as on the page, and with `--run NAME` in the same
store. Standard output holds what was asked for (what the network writes, the list of runs) and
nothing else; notes, progress and errors go to standard error.

Exit codes: 0 when the run ended as asked (also when the reader of the output went away), 2 after
an error that the person can mend, always said in one sentence, and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn, TextIO

from rnn.checkpoint import CheckpointError
from rnn.decoding import DecodingError, TextProblem, check_text, decode
from rnn.limits import Limits, Listener, Watch, interruptible, run
from rnn.outputs import LOG_EVERY, LogError, Printer, Progress, Saver, open_log, printable
from rnn.settings import SETTING, SETTINGS, Config, Setting, SettingError
from rnn.store import LeaseError, NoRunError, Recorder, Status, Store, StoreError, default_folder
from rnn.store.keeping import (
    SAVE_EVERY,
    Keeper,
    KeptWatch,
    begun,
    existing,
    export_to,
    import_from,
    list_runs,
    resumed,
)
from rnn.trainer import Divergence, Trainer
from rnn.vocabulary import UnknownCharacter
from rnn.windows import TextError

FINISHED, USER_ERROR, INTERRUPTED = 0, 2, 130


class UsageError(ValueError):
    """The command cannot be carried out as given; `str(error)` is one sentence for people."""


USER_ERRORS = (
    UsageError,
    LogError,
    SettingError,
    TextError,
    DecodingError,
    TextProblem,
    CheckpointError,
    StoreError,
    UnknownCharacter,
)


# -- train and sample ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainOptions:
    """What `train` was asked for; `settings` holds the settings that were given, as text."""

    file: Path | None
    settings: dict[str, str]
    limits: Limits
    log: Path | None = None
    checkpoint: Path | None = None
    resume: Path | None = None
    run: str | None = None
    runs: Path | None = None
    save_every: float = SAVE_EVERY


def train(options: TrainOptions, out: TextIO, err: TextIO) -> int:
    """Train as asked and return the exit code; raises one of USER_ERRORS."""
    _require_distinct_files(options)
    _require_folder(options.checkpoint)
    with ExitStack() as stack:
        trainer, recorder = prepare(options, err)
        if recorder:
            stack.callback(recorder.close)
        _require_iterations_left(trainer, options.limits)
        watch = _watch(trainer, options.limits, stack.enter_context(interruptible()), recorder)
        listeners = _listeners(trainer, watch, options, out, err, stack)
        if recorder:
            listeners.append(Keeper(recorder, watch, err))
        trouble: Exception | None = None
        try:
            run(trainer, watch, listeners, LOG_EVERY)
        except (Divergence, OSError, *USER_ERRORS) as error:
            trouble = error  # raised between two whole iterations: what there is can be saved
        if options.checkpoint:
            trainer.save(options.checkpoint)
        if recorder and not isinstance(trouble, LeaseError | NoRunError):
            recorder.save(trainer, _status(trouble, watch.reason))
    if isinstance(trouble, Divergence):
        raise UsageError(_after_divergence(trouble, trainer, options)) from trouble
    if trouble:
        raise trouble
    _say_why(watch.reason, trainer, options, err)
    return INTERRUPTED if watch.reason == "interrupted" else FINISHED


def _watch(
    trainer: Trainer, limits: Limits, interrupted: Callable[[], bool], recorder: Recorder | None
) -> Watch:
    if recorder is None:
        return Watch(trainer, limits, interrupted)
    return KeptWatch(trainer, limits, interrupted, recorder)


def _status(trouble: Exception | None, reason: str) -> Status:
    """How the store says that the run stands when the command ends."""
    if isinstance(trouble, Divergence):
        return "diverged"
    unfinished = trouble or reason == "interrupted" or reason.startswith("asked to")
    return "paused" if unfinished else "done"


def _require_iterations_left(trainer: Trainer, limits: Limits) -> None:
    if limits.iterations is not None and trainer.iteration >= limits.iterations:
        raise UsageError(
            f"The run already has {trainer.iteration:,} iterations; ask for more with --iterations."
        )


def prepare(options: TrainOptions, err: TextIO) -> tuple[Trainer, Recorder | None]:
    """A new run on the file's text, or one to go on with; raises one of USER_ERRORS.

    A run that is kept in the store comes with its recorder, which leads it.
    """
    if options.run is not None:
        return _kept(options, options.run, err)
    if options.resume:
        return _resumed(options, options.resume, err), None
    return _new(options, err), None


def _new(options: TrainOptions, err: TextIO) -> Trainer:
    if options.file is None:
        raise UsageError("Say which text to train on: python -m rnn train FILE.")
    config = Config.from_strings(options.settings)
    return Trainer(read_text(options.file, err), config)


def _kept(options: TrainOptions, name: str, err: TextIO) -> tuple[Trainer, Recorder]:
    if options.resume:
        raise UsageError(
            "A run goes on by its --run or from a --resume file; leave one of them out."
        )
    store = Store(options.runs or default_folder())
    row = existing(store, name)
    if row is None:
        trainer = _new(options, err)
        assert options.file is not None
        return trainer, begun(store, name, trainer, options.file.name, options.save_every)
    trainer, recorder = resumed(store, row, options.save_every, err)
    try:
        origin = f"the run {row.name}"
        _go_on(trainer, options, origin, "choose another name for --run", err)
    except BaseException:
        recorder.close()
        raise
    return trainer, recorder


def _resumed(options: TrainOptions, resume: Path, err: TextIO) -> Trainer:
    trainer = Trainer.load(resume)
    _go_on(trainer, options, str(resume), "start a new run without --resume", err)
    return trainer


def _go_on(
    trainer: Trainer, options: TrainOptions, origin: str, otherwise: str, err: TextIO
) -> None:
    """Check that the text is the run's, if it was given again, and change live settings as asked."""
    if options.file and read_text(options.file, err) != trainer.text:
        raise UsageError(
            f"{options.file} is not the text that {origin} was trained on; "
            f"leave the file out, or {otherwise}."
        )
    before = trainer.config.as_dict()
    asked = Config.from_strings(options.settings, trainer.config).as_dict()
    changes = {name: value for name, value in asked.items() if value != before[name]}
    for name in changes:
        if not SETTING[name].live:
            raise UsageError(
                f"{SETTING[name].label} cannot change in a resumed run; "
                f"leave {option_of(name)} out, or {otherwise}."
            )
    trainer.apply(**changes)


def read_text(path: Path, err: TextIO) -> str:
    """The text of a file, with a note on `err` if its encoding was guessed or changed.

    Raises UsageError if the file cannot be read, DecodingError if its bytes are no text,
    TextProblem if it cannot be trained on.
    """
    try:
        decoded = decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if decoded.note:
        print(decoded.note, file=err)
    check_text(decoded.text)
    return decoded.text


def _listeners(
    trainer: Trainer,
    watch: Watch,
    options: TrainOptions,
    out: TextIO,
    err: TextIO,
    stack: ExitStack,
) -> list[Listener]:
    """What watches the run, in the order of their turns; `stack` closes them at the end."""
    listeners: list[Listener] = [Printer(out)]
    if err.isatty():
        progress = Progress(watch, err)
        stack.callback(progress.clear)
        listeners = [progress.clear, *listeners, progress]
    if options.log:
        listeners.append(stack.enter_context(open_log(options.log, trainer.iteration)))
    if options.checkpoint:
        listeners.append(Saver(options.checkpoint))
    return listeners


def _say_why(reason: str, trainer: Trainer, options: TrainOptions, err: TextIO) -> None:
    """On a terminal, or when it isn't plain from the command, say why the run ended."""
    if reason == "all iterations done" and not err.isatty():
        return
    places = [str(options.checkpoint)] if options.checkpoint else []
    places += [f"the run {options.run}"] if options.run is not None else []
    saved = f"; saved in {' and '.join(places)}" if places else ""
    print(f"Stopped at iteration {trainer.iteration:,}: {reason}{saved}.", file=err)


def _after_divergence(divergence: Divergence, trainer: Trainer, options: TrainOptions) -> str:
    what = f"Training diverged at iteration {divergence.iteration:,}: {divergence.reason}"
    lower = f"a smaller --learning-rate (it was {trainer.config.learning_rate:g})"
    if options.run is not None:
        origin = f"--run {options.run}"
    elif options.checkpoint:
        origin = f"--resume {options.checkpoint}"
    else:
        return f"{what}; start again with {lower}."
    return (
        f"{what}; iteration {divergence.restored:,}, the last good one, is saved: go on from it "
        f"with {origin} and {lower}."
    )


def _require_distinct_files(options: TrainOptions) -> None:
    """Refuse to write over the text or to write two things into one file."""
    named = [
        ("the text", options.file),
        ("--log", options.log),
        ("--checkpoint", options.checkpoint),
    ]
    if options.resume != options.checkpoint:
        named.append(("--resume", options.resume))
    seen: dict[Path, str] = {}
    for role, path in named:
        if path is None:
            continue
        other = seen.setdefault(path.resolve(), role)
        if other != role:
            raise UsageError(f"{path} is given as {other} and as {role}; use two different files.")


def _require_folder(checkpoint: Path | None) -> None:
    """Better refused now than after hours of training."""
    if checkpoint and (checkpoint.is_dir() or not os.access(checkpoint.parent, os.W_OK)):
        what = "it is a folder" if checkpoint.is_dir() else "its folder cannot be written to"
        raise UsageError(f"{checkpoint} cannot be the checkpoint: {what}; choose another place.")


def sample(checkpoint: Path, settings: dict[str, str], prime: str, out: TextIO) -> int:
    """Print a sample of a saved run and return the exit code; raises one of USER_ERRORS.

    `settings` holds, as text, what is not to be as in the run, by the names of SAMPLE_OPTIONS.
    """
    values = {
        option.name: option.parse(settings[option.name])
        for option in SAMPLE_OPTIONS
        if option.name in settings
    }
    trainer = Trainer.load(checkpoint)
    config = trainer.config
    written = trainer.sample(
        int(values.get("length", config.sample_length)),
        temperature=float(values.get("temperature", config.temperature)),
        top_k=int(values.get("top_k", config.top_k)),
        prime=prime,
        seed=int(values["seed"]) if "seed" in values else None,
    )
    print(printable(prime + written.text, out), file=out, flush=True)
    return FINISHED


# -- reading the arguments -----------------------------------------------------------------------


def _limit(name: str, label: str, kind: type[int] | type[float], high: float, help: str) -> Setting:
    """An option that is checked and explained like a setting but belongs to the command alone."""
    low = 1 if kind is int else 0.0
    return Setting(
        name, label, kind(high), kind, live=True, group="Training", help=help, low=low, high=high
    )


LIMITS: tuple[Setting, ...] = (
    _limit(
        "iterations",
        "Iterations",
        int,
        10**12,
        "Stop when the run has this many iterations, those before a resume included.",
    ),
    _limit(
        "target_loss",
        "Target loss",
        float,
        1e9,
        "Stop when the smooth loss is this low, in nats per window, as it is printed.",
    ),
    _limit("seconds", "Seconds", float, 1e9, "Stop after this time, in seconds."),
    _limit(
        "patience",
        "Patience",
        int,
        10**12,
        "Stop after this many iterations without a new lowest smooth loss.",
    ),
)

SAVING = replace(
    _limit(
        "save_every",
        "Save every",
        float,
        10.0,
        "Save a run that is kept with --run at least this often, in seconds.",
    ),
    default=SAVE_EVERY,
)

SAMPLE_OPTIONS: tuple[Setting, ...] = (
    replace(SETTING["sample_length"], name="length", label="Length", high=10_000),
    SETTING["temperature"],
    SETTING["top_k"],
    replace(SETTING["seed"], help="The same number gives the same sample."),
)


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence instead of a screenful."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the settings' options come from the table."""
    parser = _Parser(
        prog="python -m rnn",
        description="Train a character-level recurrent network on a text, and let it write.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(
        dest="command", metavar="train|sample|runs|export|import", required=True
    )
    _add_train(
        commands.add_parser(
            "train",
            help="train on a text",
            description="Train on a text; prints a sample and the smooth loss (nats per window) at "
            "every sample interval.",
            epilog="Ctrl-C ends the run after the iteration under way, saves the checkpoint if one "
            "was asked for, and gives the exit code 130. Without a limit, training goes on until "
            "then. Errors give the exit code 2.",
            allow_abbrev=False,
        )
    )
    _add_sample(
        commands.add_parser(
            "sample",
            help="let a saved network write",
            description="Print a sample of a saved run: the prime, if any, and what follows. What "
            "isn't given is as in the run.",
            allow_abbrev=False,
        )
    )
    _add_store_commands(commands)
    return parser


def _add_store_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    """The commands on the store: what `train --run` and the dashboard keep."""
    listing = "list the runs that are kept"
    writing = "write a kept run to one file, to take it to another machine"
    reading = "take in a run that was exported"
    parsers = {
        name: commands.add_parser(name, help=help, description=f"{help}.", allow_abbrev=False)
        for name, help in (("runs", listing), ("export", writing), ("import", reading))
    }
    parsers["export"].add_argument("run", metavar="NAME", help="the run's name or id")
    parsers["export"].add_argument("file", type=Path, metavar="FILE", help="a new file")
    parsers["import"].add_argument("file", type=Path, metavar="FILE", help="an exported run")
    for parser in parsers.values():
        _add_runs(parser)


def _add_runs(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--runs",
        type=Path,
        metavar="FOLDER",
        help="where runs are kept (default: the environment variable RNN_RUNS, else runs/ beside "
        "the program)",
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the text; not needed to go on with a run",
    )
    limits = parser.add_argument_group("when to stop")
    for setting in LIMITS:
        _add_option(limits, setting, "default: no limit")
    files = parser.add_argument_group("files")
    for name, metavar, help in (
        ("--log", "FILE.csv", "write a row of losses here every 100 iterations"),
        ("--checkpoint", "FILE.npz", "save the run here at the end and once a minute"),
        ("--resume", "FILE.npz", "go on with this saved run; live settings may be changed"),
    ):
        files.add_argument(name, type=Path, metavar=metavar, help=help)
    files.add_argument(
        "--run",
        metavar="NAME",
        help="keep the run under this name in the dashboard's store, saved every few seconds; if it "
        "is there, go on with it; live settings may be changed",
    )
    _add_option(files, SAVING, f"{SAVING.range_text}; default: {SAVING.default}")
    _add_runs(files)
    for title in dict.fromkeys(setting.group for setting in SETTINGS):
        group = parser.add_argument_group(f"{title.lower()} settings")
        for setting in SETTINGS:
            if setting.group == title:
                _add_option(group, setting, f"{setting.range_text}; default: {setting.default}")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a saved run")
    parser.add_argument("--prime", default="", metavar="TEXT", help="what the network reads first")
    for setting in SAMPLE_OPTIONS:
        default = "the run's own random stream" if setting.name == "seed" else "as in the run"
        _add_option(parser, setting, f"{setting.range_text}; default: {default}")


def _add_option(group: argparse._ActionsContainer, setting: Setting, remark: str) -> None:
    sentence = f"{setting.help} ({remark})"
    group.add_argument(
        option_of(setting.name),
        dest=setting.name,
        metavar="|".join(setting.choices) or {int: "N", float: "X"}[setting.kind],
        help=sentence.replace("%", "%%"),
    )


def option_of(name: str) -> str:
    """The option of a setting: `--hidden-size` of `hidden_size`."""
    return f"--{name.replace('_', '-')}"


def _given(arguments: argparse.Namespace, settings: Sequence[Setting]) -> dict[str, str]:
    """The options among these settings that stand on the command line, still as text."""
    values = {setting.name: getattr(arguments, setting.name) for setting in settings}
    return {name: text for name, text in values.items() if text is not None}


def parse_limits(texts: dict[str, str]) -> Limits:
    """The limits that the texts spell out; raises SettingError."""
    values = {limit.name: limit.parse(texts[limit.name]) for limit in LIMITS if limit.name in texts}
    return Limits(**values)  # type: ignore[arg-type]  # each of its option's kind


def _seconds_between_saves(arguments: argparse.Namespace) -> float:
    return float(SAVING.parse(_given(arguments, (SAVING,)).get(SAVING.name, str(SAVE_EVERY))))


def _on_the_store(arguments: argparse.Namespace, out: TextIO) -> int:
    store = Store(arguments.runs or default_folder())
    if arguments.command == "runs":
        list_runs(store, out)
    elif arguments.command == "export":
        export_to(store, arguments.run, arguments.file, out)
    else:
        import_from(store, arguments.file, out)
    return FINISHED


def _dispatch(arguments: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    if arguments.command in ("runs", "export", "import"):
        return _on_the_store(arguments, out)
    if arguments.command == "sample":
        given = _given(arguments, SAMPLE_OPTIONS)
        return sample(arguments.checkpoint, given, arguments.prime, out)
    options = TrainOptions(
        file=arguments.file,
        settings=_given(arguments, SETTINGS),
        limits=parse_limits(_given(arguments, LIMITS)),
        log=arguments.log,
        checkpoint=arguments.checkpoint,
        resume=arguments.resume,
        run=arguments.run,
        runs=arguments.runs,
        save_every=_seconds_between_saves(arguments),
    )
    return train(options, out, err)


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the command of `argv` (the process's own if None) and return the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a sample may hold any character
    try:
        try:
            return _dispatch(build_parser().parse_args(argv), sys.stdout, sys.stderr)
        finally:
            sys.stdout.flush()
    except USER_ERRORS as error:
        print(error, file=sys.stderr)
        return USER_ERROR
    except BrokenPipeError:
        _forget(sys.stdout)
        return FINISHED
    except OSError as error:
        _forget(sys.stdout)
        print(f"The output cannot be written: {error.strerror or error}.", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _forget(out: TextIO) -> None:
    """Send what is left of the output nowhere, so that Python's exit does not trip over it."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
