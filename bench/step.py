"""How fast a training step is, against the same step done in other ways, on one core.

    python -m bench.step            the whole table, a few minutes
    python -m bench.step --quick    fewer rounds, half a minute

All contenders train the same text from the same start, take turns in short rounds and are timed
with everything that a step of theirs does: ours with its history, diary and checks. The table
gives medians over the rounds; a ratio is the median of the rounds' ratios, so that a machine that
is slower for a while slows both sides of it. PyTorch and JAX take part where they are installed.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
# Read when the libraries are first imported: one thread for every contender.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import numpy as np  # noqa: E402  # the threads have to be set first

from bench import peers  # noqa: E402  # the path has to be set first
from rnn import Config, Trainer  # noqa: E402
from rnn.threads import single_thread  # noqa: E402
from tests.reference import PlainLoop  # noqa: E402

TEXT = (ROOT / "data" / "verse.txt").read_text(encoding="utf-8")
VOCABULARY = len(set(TEXT))
SINGLE, DOUBLE, SINGLY = "float32", "float64", "float32, by step()"
PLAIN, TORCH, JAX = "plain loop, float64", "PyTorch, float32", "JAX, float32"

Contender = Callable[[int], float]  # takes so many steps and returns the last one's loss in nats


@dataclass(frozen=True)
class Size:
    """A network's size, and how many steps of it make a round."""

    hidden_size: int
    seq_length: int
    steps: int

    def __str__(self) -> str:
        """As the headings have it."""
        return f"H={self.hidden_size}, T={self.seq_length}, V={VOCABULARY}"


@dataclass(frozen=True)
class Bar:
    """What is asked for: `ours` at least so many times as fast as `peer`."""

    ours: str
    peer: str
    least: float


SIZES = {
    Size(100, 25, 100): (
        Bar(SINGLE, PLAIN, 6.0),
        Bar(DOUBLE, PLAIN, 4.0),
        Bar(SINGLE, TORCH, 8.0),
        Bar(SINGLE, JAX, 1.5),
    ),
    Size(256, 50, 20): (Bar(SINGLE, PLAIN, 8.0), Bar(SINGLE, JAX, 1.0)),
    Size(512, 50, 5): (Bar(SINGLE, JAX, 1.0),),
}


# -- the contenders ------------------------------------------------------------------------------


def trainer_for(size: Size, dtype: str, streams: int = 1) -> Trainer:
    """Our trainer at this size, all else as by default."""
    return Trainer(
        TEXT,
        Config(
            hidden_size=size.hidden_size, seq_length=size.seq_length, dtype=dtype, streams=streams
        ),
    )


def ours(size: Size, dtype: str) -> Contender:
    """Our trainer, driven as the command line and the page drive it."""
    trainer = trainer_for(size, dtype)
    return lambda steps: trainer.advance(steps=steps).loss


def repeated(step: Callable[[], float]) -> Contender:
    """Something that takes a single step, as a contender."""

    def run(steps: int) -> float:
        with single_thread():
            return [step() for _ in range(steps)][-1]

    return run


def contenders_for(size: Size) -> dict[str, Contender]:
    """All that are installed, by name; raises if they do not compute the same."""
    start = trainer_for(size, "float64")
    ids = start.vocabulary.encode(TEXT)
    singly = trainer_for(size, "float32")
    contenders = {
        SINGLE: ours(size, "float32"),
        SINGLY: repeated(lambda: singly.step().loss),
        DOUBLE: ours(size, "float64"),
        PLAIN: repeated(PlainLoop(ids, start.params, size.seq_length).step),
    }
    for library, make in peers.INSTALLED.items():
        for dtype in ("float32", "float64"):
            step = make(ids, start.params, size.seq_length, dtype)
            contenders[f"{library}, {dtype}"] = repeated(step)

    # The second loss already depends on every gradient and on the update, whose first step has the
    # same length in every weight, so that rounding to 7 digits shows in it.
    losses = {name: run(2) for name, run in contenders.items()}
    for name, loss in losses.items():
        if abs(loss / losses[PLAIN] - 1) > (1e-6 if "float64" in name else 0.2):
            raise ArithmeticError(f"{name} lost {loss} nats, {PLAIN} {losses[PLAIN]}")
    return contenders


# -- measuring -----------------------------------------------------------------------------------


def seconds(run: Callable[[], object]) -> float:
    """How long a call takes; the garbage is collected before it, not within."""
    gc.collect()
    gc.disable()
    start = perf_counter()
    run()
    taken = perf_counter() - start
    gc.enable()
    return taken


def alternate(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Let them take turns, after one round of warming up; seconds a round for each.

    Every second round goes backwards, so that nobody always follows the same one.
    """
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds):
        for name in list(runs)[:: -1 if i % 2 else 1]:
            times[name].append(seconds(runs[name]))
    return times


def ratio(times: dict[str, list[float]], slower: str, faster: str) -> float:
    """How many times as long `slower` took: the median over the rounds."""
    pairs = zip(times[slower], times[faster], strict=True)
    return statistics.median(one / other for one, other in pairs)


# -- the tables ----------------------------------------------------------------------------------


def report(what: str, found: float, least: float) -> None:
    """One line: the ratio found, what is asked for, and whether it is met."""
    verdict = "met" if found >= least else "NOT MET"
    print(f"  {what:44}{found:6.2f}x   at least {least:g}x: {verdict}")


def compare(size: Size, bars: tuple[Bar, ...], rounds: int) -> None:
    """Print the times at one size, and the bars."""
    times = alternate(
        {name: lambda run=run: run(size.steps) for name, run in contenders_for(size).items()},
        rounds,
    )
    print(f"\n{size}: microseconds an iteration, and as a multiple of the first")
    for name, taken in times.items():
        print(
            f"  {name:24}{statistics.median(taken) / size.steps * 1e6:10,.0f}"
            f"{ratio(times, name, SINGLE):10.2f}x"
        )
    for bar in bars:
        if bar.peer in times:
            report(f"{bar.ours} against {bar.peer}", ratio(times, bar.peer, bar.ours), bar.least)
        else:
            print(f"  {bar.ours} against {bar.peer}: not installed")


def compare_streams(rounds: int) -> None:
    """Print characters a second with 32 streams against one, and what the core has room for."""
    size, many_steps, edge = Size(256, 25, 40), 5, 768
    one, many = trainer_for(size, "float32"), trainer_for(size, "float32", streams=32)
    square, product = np.ones((2, edge, edge), np.float32)

    def multiply() -> None:
        with single_thread():
            np.dot(square, square, product)

    times = alternate(
        {
            "one": lambda: one.advance(steps=size.steps),
            "many": lambda: many.advance(steps=many_steps),
            "product": multiply,
        },
        rounds,
    )
    read = {"one": size.steps * size.seq_length, "many": many_steps * size.seq_length * 32}
    print(f"\nparallel streams at {size}, float32: characters a second")
    for name, streams in (("one", 1), ("many", 32)):
        print(f"  B={streams:<22}{read[name] / statistics.median(times[name]):10,.0f}")
    faster = ratio(times, "one", "many") * read["many"] / read["one"]
    report("B=32 against B=1", faster, 6.0)

    # Multiplications a character: H² each for the state, its way back and dWhh; H·V each for the
    # logits, their way back, dWhy and dWxh.
    h, v = size.hidden_size, VOCABULARY
    large_products = (3 * h * h + 4 * h * v) * read["many"] / edge**3
    share = large_products * ratio(times, "product", "many")
    print(f"  one large product of as many multiplications takes {share:.0%} of B=32's time,")
    print(
        f"  so that this core cannot do more than {faster / share:.1f}x, however they are arranged"
    )


def measure_memory() -> None:
    """Print what 400 steps allocate at most, and what is left of it."""
    trainer = trainer_for(Size(256, 25, 1), "float32")
    tracemalloc.start()
    trainer.advance(steps=401)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    trainer.advance(steps=400)
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    model = sum(parameter.nbytes for parameter in trainer.params.values())
    print("\nmemory over 400 iterations at H=256, T=25, V=37, in kB")
    print(f"  the parameters, for comparison{model / 1e3:8,.1f}")
    print(f"  most allocated at any time{(peak - before) / 1e3:12,.1f}")
    print(f"  left afterwards (the diary){(after - before) / 1e3:11,.1f}")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description="Measure the training step.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no H=512")
    quick = parser.parse_args().quick
    rounds = 7 if quick else 41
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    for library in peers.LIBRARIES:
        print(f"{library}: {peers.VERSIONS.get(library, 'not installed')}")
    for size, bars in SIZES.items():
        if size.hidden_size < 512 or not quick:
            compare(size, bars, rounds)
    compare_streams(rounds)
    measure_memory()


if __name__ == "__main__":
    main()
