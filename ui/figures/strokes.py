"""How the lines of several runs are told apart: a colour and a dash for each of a fixed number of places."""

from __future__ import annotations

from dataclasses import dataclass

from ui.palette import DARK, Palette

# After Okabe and Ito (2008), as the palette is; darker or lighter where they are drawn on the ground.
_LIGHT = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96", "#a87400", "#3b3f46")
_DARK = ("#56b4e9", "#ff9d4d", "#3fcfa0", "#dd9fd6", "#f0d35b", "#c4ccd4")
_DASHES = ("solid", "dash")

MOST = len(_LIGHT) * len(_DASHES)
"""How many runs can be told apart, and so the most that are drawn together."""


@dataclass(frozen=True)
class Stroke:
    """A colour, and a Plotly dash."""

    colour: str
    dash: str


def stroke(palette: Palette, place: int) -> Stroke:
    """The stroke of a place from 0 to `MOST` - 1."""
    colours = _DARK if palette == DARK else _LIGHT
    round_, colour = divmod(place, len(colours))
    return Stroke(colours[colour], _DASHES[round_])


def assigned(chosen: list[str], before: dict[str, int]) -> dict[str, int]:
    """A place for each of the chosen runs: the one it had before, else the lowest that is free.

    Of more than `MOST` runs, the first so many get one.
    """
    few = chosen[:MOST]
    places = {run_id: before[run_id] for run_id in few if run_id in before}
    free = (place for place in range(MOST) if place not in places.values())
    for run_id in few:
        if run_id not in places:
            places[run_id] = next(free)
    return {run_id: places[run_id] for run_id in few}
