"""How measurements are told: one table in Markdown, each figure beside the bar that it should reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, the bar it should reach, and whether it does."""

    measure: str
    bar: str
    figure: str
    met: bool | None


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def print_table(rows: list[Row]) -> None:
    """The table in Markdown."""
    print("| measure | bar | figure | |\n|---|---|---|---|")
    for row in rows:
        verdict = {True: "met", False: "missed", None: ""}[row.met]
        print(f"| {row.measure} | {row.bar} | {row.figure} | {verdict} |", flush=True)
