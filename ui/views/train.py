"""The blocks of the Train page."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from ui import controls, messages, state
from ui import health as health_figures
from ui.figures import hidden as hidden_figure
from ui.figures import loss as loss_figure
from ui.figures import softmax as softmax_figure
from ui.figures import weights as weights_figure
from ui.figures.base import plain
from ui.shell import Page


def loss(page: Page) -> None:
    """The loss curve, and how to see it."""
    controls.loss_options()
    view, run = state.loss_view(), page.run
    figure = plain(loss_figure.skeleton, view, run.levels(), run.config.seq_length, page.palette)
    page.chart("loss", figure, loss_figure.CAPTION, messages.loss_curve(view))


def hidden(page: Page) -> None:
    """The hidden state over the last window."""
    figure = plain(hidden_figure.skeleton, page.run.config.hidden_size, page.palette)
    page.chart("hidden", figure, hidden_figure.caption(page.palette), messages.hidden_state)


def weights(page: Page) -> None:
    """The histograms of the weights."""
    page.feeder.whole = True
    figure = plain(weights_figure.skeleton, page.palette)
    page.chart("weights", figure, weights_figure.CAPTION, messages.weight_histograms)


def sample(page: Page) -> None:
    """The live sample with the greedy continuation."""
    page.feeder.whole = True
    vocabulary = messages.vocabulary(page.run.chars)
    page.panel("sample", "sample", messages.live_sample, vocabulary=vocabulary)


def softmax(page: Page) -> None:
    """The map of probabilities, and the top candidates of the chosen character beside it."""
    page.feeder.whole = True
    wide, narrow = st.columns([0.68, 0.32], gap="small")
    with wide:
        figure = plain(softmax_figure.skeleton, page.palette)
        caption = softmax_figure.caption(page.palette)
        page.chart("softmax", figure, caption, messages.softmax_map)
    with narrow:
        height = softmax_figure.HEIGHT
        page.panel("candidates", "candidates", messages.candidates, height=height)


def health(page: Page) -> None:
    """Six figures on the health of training."""
    page.feeder.whole = True
    figures = [asdict(figure) for figure in health_figures.FIGURES]
    page.panel("health", "health", messages.health_figures, figures=figures)


def diary(page: Page) -> None:
    """Samples of earlier iterations, drawn with the same random numbers."""
    page.panel("diary", "diary", messages.diary)
