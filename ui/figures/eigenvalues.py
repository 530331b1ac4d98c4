"""The eigenvalues of Whh in the complex plane, with the unit circle."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from rnn.analysis.spectrum import Spectrum
from rnn.snapshot import axis_limit
from ui.figures.base import Caption, axis, bare
from ui.figures.iterations import empty, note
from ui.frames import Arrays
from ui.palette import Palette

HEIGHT = 320
CAPTION = Caption(
    "Eigenvalues of Whh",
    "One dot a direction in which Whh multiplies a state. Outside the circle it grows at every step, inside "
    "it fades; off the horizontal axis it also turns, which makes rhythms.",
)
_INSIDE, _OUTSIDE = 0, 1


def skeleton(palette: Palette, text: str = "") -> go.Figure:
    """The empty plane, both axes to one scale; ``text`` stands in it while there is nothing."""
    plane = {"zeroline": True, "zerolinecolor": palette.faint, "nticks": 7}
    figure = go.Figure(
        layout=bare(
            palette,
            HEIGHT,
            xaxis=axis(palette, "real part", range=[-1.5, 1.5], autorange=False, **plane),
            yaxis=axis(
                palette,
                "imaginary part",
                range=[-1.5, 1.5],
                autorange=False,
                scaleanchor="x",
                constrain="domain",
                **plane,
            ),
            shapes=[_circle(palette)],
            annotations=[note(palette, text), _count(palette)],
        )
    )
    figure.layout.xaxis.constrain = "domain"
    for colour, where in ((palette.main, "inside"), (palette.second, "outside")):
        figure.add_scatter(
            name=where,
            mode="markers",
            marker={"size": 6, "color": colour, "opacity": 0.8},
            customdata=[],
            hovertemplate="%{x:.3f} %{y:+.3f}i<br>× %{customdata:.3f} a step<extra>"
            + where
            + "</extra>",
        )
    return figure


def _circle(palette: Palette) -> dict[str, object]:
    return {
        "type": "circle",
        "x0": -1,
        "x1": 1,
        "y0": -1,
        "y1": 1,
        "line": {"color": palette.muted, "width": 1.2, "dash": "dash"},
    }


def _count(palette: Palette) -> dict[str, object]:
    return {
        "text": "",
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "top",
        "showarrow": False,
        "bgcolor": palette.ground,
        "font": {"color": palette.text, "size": 12},
    }


def arrays(spectrum: Spectrum | None) -> Arrays:
    """The dots, those outside the circle in a colour of their own; the axes reach all of them."""
    values = np.zeros(0, np.complex128) if spectrum is None else spectrum.eigenvalues
    sizes = np.abs(values)
    limit = axis_limit(max(1.25, 1.05 * float(sizes.max(initial=0.0))))
    return {
        **_dots(_INSIDE, values[sizes <= 1.0]),
        **_dots(_OUTSIDE, values[sizes > 1.0]),
        "layout.xaxis.range": [-limit, limit],
        "layout.yaxis.range": [-limit, limit],
        **empty(spectrum is None),
        "layout.shapes.0.visible": spectrum is not None,
        "layout.annotations.1.text": "" if spectrum is None else said(spectrum),
    }


def _dots(trace: int, values: np.ndarray) -> Arrays:
    return {
        f"{trace}.x": values.real.astype(np.float32),
        f"{trace}.y": values.imag.astype(np.float32),
        f"{trace}.customdata": np.abs(values).astype(np.float32),
    }


def said(spectrum: Spectrum) -> str:
    """How many lie outside, and how far the farthest, in words."""
    total = len(spectrum.eigenvalues)
    return f"{spectrum.outside} of {total:,} outside · farthest {spectrum.radius:.3g}"
