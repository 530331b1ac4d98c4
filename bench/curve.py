"""The known curve, reproduced: the smooth loss of five seeds with the default settings.

Run from the root of the repository: `python bench/curve.py` (10 to 20 seconds). A text read again
and again is learnt by heart; how soon differs much between seeds, so the median is what counts.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rnn import Config, Trainer  # noqa: E402  # the path has to be set first

# iteration -> smooth loss in nats per window: 1,681 characters of verse, 37 of them distinct
KNOWN = {
    0: 90.27,
    100: 90.68,
    200: 89.50,
    3_500: 33.18,
    7_000: 12.91,
    10_500: 6.64,
    10_800: 6.26,
}
SEEDS = range(5)
BAR = 15.0  # nats per window that the median shall be below at the end


def smooth_losses(trainer: Trainer) -> list[float]:
    """Train, and note the smooth loss after each iteration of KNOWN, in nats per window."""
    return [
        trainer.advance(steps=iteration + 1 - trainer.iteration).smooth_loss for iteration in KNOWN
    ]


def table(curves: list[list[float]]) -> str:
    """A row an iteration: every seed's smooth loss, their median and the known figure."""
    head = [f"{'iteration':>9}", *(f"seed {seed}" for seed in SEEDS), "median", " known"]
    rows = ["  ".join(head)]
    for (iteration, known), losses in zip(KNOWN.items(), zip(*curves, strict=True), strict=True):
        figures = [*losses, statistics.median(losses), known]
        rows.append("  ".join([f"{iteration:>9,}", *(f"{figure:6.2f}" for figure in figures)]))
    return "\n".join(rows)


def main() -> None:
    """Train with each seed and print the table and a few lines of the middle run's last sample."""
    text = (ROOT / "data" / "verse.txt").read_text(encoding="utf-8")
    trainers = [Trainer(text, Config(seed=seed)) for seed in SEEDS]
    print(
        f"data/verse.txt: {len(text):,} characters, {len(trainers[0].vocabulary)} distinct; "
        "default settings; smooth loss in nats per window\n"
    )
    curves = [smooth_losses(trainer) for trainer in trainers]
    print(table(curves))

    last = [losses[-1] for losses in curves]
    median = statistics.median(last)
    seed = last.index(median)
    verdict = "met" if median < BAR else "missed"
    print(f"\nbar: median below {BAR:g} at iteration {max(KNOWN):,}: {median:.2f}, {verdict}")
    lines = trainers[seed].periodic_sample().text.split("\n")[1:]  # the first begins mid-line
    print(f"\nfrom seed {seed}'s sample there:\n")
    print(*(f"  {line}" for line in lines if line), sep="\n")


if __name__ == "__main__":
    main()
