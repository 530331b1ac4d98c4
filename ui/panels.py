"""The panels of the pages: each mounts its figure or its words; frames fill it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import streamlit as st

from ui import board, messages, state
from ui import health as health_figures
from ui.figures import hidden as hidden_figure
from ui.figures import loss as loss_figure
from ui.figures import softmax as softmax_figure
from ui.figures import weights as weights_figure
from ui.figures.base import plain
from ui.live import LiveRun
from ui.messages import Scene
from ui.palette import Palette, palette


@dataclass(frozen=True)
class PageScene(Scene):
    """A scene with the colours of the page."""

    palette: Palette


def scene(run: LiveRun, theme: str | None) -> PageScene:
    """How the page shows ``run`` now, in the theme's colours."""
    view = state.loss_view()
    revision = f"{run.serial}/{view.revision}/{theme}"
    return PageScene(loss=view, revision=revision, palette=palette(theme))


def notices(run: LiveRun) -> None:
    """What the person should know: why training paused, and what could not be done."""
    if run.notice is not None:
        if run.notice.kind == "diverged":
            st.error(run.notice.sentence, icon=":material/trending_up:")
            st.button(
                "Go on with a tenth of the learning rate",
                on_click=_recover,
                args=(run,),
                icon=":material/healing:",
            )
        elif run.notice.kind == "fault":
            st.error(run.notice.sentence, icon=":material/error:")
        else:
            st.success(run.notice.sentence, icon=":material/flag:")
    for sentence in state.complaints():
        st.warning(sentence, icon=":material/info:")


def _recover(run: LiveRun) -> None:
    run.recover()
    state.follow(run.config)


def status(scene: PageScene) -> None:
    """The status line with the progress bar."""
    board.panel("status", "status", scene.revision)


def loss(run: LiveRun, scene: PageScene) -> None:
    """The loss curve."""
    figure = plain(
        loss_figure.skeleton, scene.loss, run.levels(), run.config.seq_length, scene.palette
    )
    board.chart("loss", figure, scene.revision, loss_figure.CAPTION)


def hidden(scene: PageScene) -> None:
    """The hidden state over the last window."""
    figure = plain(hidden_figure.skeleton, scene.palette)
    board.chart("hidden", figure, scene.revision, hidden_figure.caption(scene.palette))


def weights(scene: PageScene) -> None:
    """The histograms of the weights."""
    figure = plain(weights_figure.skeleton, scene.palette)
    board.chart("weights", figure, scene.revision, weights_figure.CAPTION)


def sample(run: LiveRun, scene: PageScene) -> None:
    """The live sample with the greedy continuation."""
    board.panel("sample", "sample", scene.revision, vocabulary=messages.vocabulary(run.chars))


def softmax(scene: PageScene) -> None:
    """The map of probabilities, and the top candidates of the chosen character beside it."""
    wide, narrow = st.columns([0.68, 0.32], gap="small")
    with wide:
        figure = plain(softmax_figure.skeleton, scene.palette)
        board.chart("softmax", figure, scene.revision, softmax_figure.caption(scene.palette))
    with narrow:
        board.panel("candidates", "candidates", scene.revision, height=softmax_figure.HEIGHT)


def health(scene: PageScene) -> None:
    """Six figures on the health of training."""
    figures = [asdict(figure) for figure in health_figures.FIGURES]
    board.panel("health", "health", scene.revision, figures=figures)


def diary(scene: PageScene) -> None:
    """Samples of earlier iterations, drawn with the same random numbers."""
    board.panel("diary", "diary", scene.revision)
