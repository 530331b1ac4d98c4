"""What all figures have in common: the bare layout, and how arrays fill a skeleton."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import plotly.graph_objects as go

from ui.frames import Arrays, Quantised
from ui.palette import Colours, Palette

FONT_SIZE = 11

# Streamlit loads pandas with the first chart of a page, and Plotly looks into whatever pandas is there: the
# first chart of another page, at that moment, would find half of it and end with an error.
import_module("pandas")


def bare(palette: Palette, height: int, **layout: Any) -> go.Layout:
    """A transparent layout in the theme's colours; a user's zoom outlives new data."""
    margin = layout.pop("margin", {"l": 52, "r": 26, "t": 8, "b": 38})
    return go.Layout(
        template="none",
        height=height,
        autosize=False,
        margin=margin,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": FONT_SIZE, "color": palette.text},
        hoverlabel={
            "bgcolor": palette.ground,
            "bordercolor": palette.faint,
            "font": {"color": palette.text, "size": 12},
            "align": "left",
        },
        hovermode="closest",
        dragmode="zoom",
        showlegend=False,
        uirevision="kept",
        **layout,
    )


LABELLED: dict[str, Any] = {"showgrid": False, "showticklabels": False, "ticks": ""}
"""Options of an axis whose labels the browser draws by itself (``labels.js``)."""

PASSAGE = "passage"
"""A layout's ``meta`` where a text stands along x: the browser never shows only some letters of it."""


def axis(palette: Palette, title: str, **options: Any) -> dict[str, Any]:
    """An axis with a title that tells what is measured, and a quiet grid."""
    standoff = 24 if options.get("showticklabels") is False else 6
    return {
        "title": {"text": title, "standoff": standoff, "font": {"color": palette.muted}},
        "gridcolor": palette.grid,
        "linecolor": palette.faint,
        "tickfont": {"color": palette.muted},
        "zeroline": False,
        # The default measures every label against every other at each frame.
        "ticklabeloverflow": "allow",
        **options,
    }


@dataclass(frozen=True)
class Scale:
    """The colours of a heatmap from left to right, and what its two ends mean."""

    low: str
    high: str
    colours: tuple[str, ...]


@dataclass(frozen=True)
class Caption:
    """What stands above a chart: its title, one sentence on how to read it, and its colours if any."""

    title: str
    reading: str
    scale: Scale | None = None


def ramp(low: str, high: str, colours: Colours) -> Scale:
    """The scale of a heatmap whose colour scale is ``colours``."""
    return Scale(low, high, tuple(f"{colour} {place:.0%}" for place, colour in colours))


@lru_cache(maxsize=64)
def plain(skeleton: Callable[..., go.Figure], *arguments: Hashable) -> dict[str, Any]:
    """``skeleton(*arguments)`` as plain data for the browser.

    Building and checking a figure takes ten milliseconds, and a click would wait for all of them: what was
    built once is used again.
    """
    return dict(skeleton(*arguments).to_plotly_json())


def _plain(value: object) -> object:
    if not isinstance(value, Quantised):
        return value
    real = value.array * value.scale
    return real**2 if value.squared else real


def _set(target: Any, keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        target = target[int(key)] if key.isdigit() else target[key]
    target[keys[-1]] = _plain(value)


def filled(skeleton: go.Figure, arrays: Arrays) -> go.Figure:
    """The figure that the browser shows once ``arrays`` have reached ``skeleton``.

    Labels, which the browser draws by itself, stand here as tick labels.
    """
    figure = go.Figure(skeleton)
    for path, value in arrays.items():
        keys = path.split(".")
        if keys[0] == "labels":
            figure.layout[f"{keys[1]}axis"].ticktext = value
        else:
            _set(figure if keys[0] == "layout" else figure.data, keys, value)
    return figure
