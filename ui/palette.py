"""Colours for the light and the dark theme, told apart by colour-blind eyes too.

The hues follow Okabe and Ito (2008), "Color Universal Design", lightened where the ground is dark.
"""

from __future__ import annotations

from dataclasses import dataclass

Colours = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Palette:
    """The colours of one theme; scales run from low to high."""

    text: str
    muted: str
    grid: str
    ground: str
    main: str
    second: str
    third: str
    faint: str
    band: str
    diverging: Colours
    sequential: Colours


LIGHT = Palette(
    text="#24292f",
    muted="#5b6570",
    grid="#e4e7eb",
    ground="#ffffff",
    main="#0072b2",
    second="#d55e00",
    third="#007a5a",
    faint="#9aa4ae",
    band="rgba(0, 114, 178, 0.16)",
    diverging=(
        (0.0, "#b34700"),
        (0.25, "#f0a35e"),
        (0.5, "#ffffff"),
        (0.75, "#6fb3e0"),
        (1.0, "#00558a"),
    ),
    sequential=((0.0, "#ffffff"), (0.15, "#d3e6f4"), (0.5, "#6fb3e0"), (1.0, "#004b7a")),
)

DARK = Palette(
    text="#e6edf3",
    muted="#a3adb8",
    grid="#2b323b",
    ground="#0f1318",
    main="#56b4e9",
    second="#ff9d4d",
    third="#3fcfa0",
    faint="#77818c",
    band="rgba(86, 180, 233, 0.20)",
    diverging=(
        (0.0, "#ffb066"),
        (0.25, "#a35a1c"),
        (0.5, "#151a21"),
        (0.75, "#1f6fa8"),
        (1.0, "#7cc8f5"),
    ),
    sequential=((0.0, "#151a21"), (0.15, "#173b57"), (0.5, "#2b83bd"), (1.0, "#b9e3fb")),
)


def palette(theme: str | None) -> Palette:
    """The palette of Streamlit's theme type: ``"dark"``, or light for anything else."""
    return DARK if theme == "dark" else LIGHT
