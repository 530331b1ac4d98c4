"""The buttons and the sidebar: widgets made from the table of settings, and what they do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import streamlit as st

from rnn.decoding import check_text, decode, unified
from rnn.levels import UNITS
from rnn.presets import PRESET, PRESETS
from rnn.settings import SETTINGS, Config, Setting, SettingError
from ui import estimate, state
from ui.live import LiveRun, Target
from ui.place import Source
from ui.plain import plain

_UNIT_LABELS = {unit.key: unit.label for unit in UNITS}
_LOG_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
_NEWEST_SEED = 2**32
_KINDS = ("iteration", "smooth loss")
_USUAL_GOAL, _USUAL_BITS = 10_000, 1.0


# The row of buttons


def transport(run: LiveRun) -> None:
    """The buttons Train or Pause, Step, Run to…, Reset and New seed, with their keys."""
    with st.container(horizontal=True, key="transport", width="content"):
        if run.playing:
            st.button(
                "Pause", icon=":material/pause:", type="primary", shortcut="T", on_click=run.pause
            )
        else:
            st.button(
                "Train",
                icon=":material/play_arrow:",
                type="primary",
                shortcut="T",
                on_click=run.play,
            )
        st.button(
            "Step",
            icon=":material/skip_next:",
            shortcut="S",
            on_click=run.step,
            help="Pause, and train exactly one iteration.",
        )
        _run_to(run)
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            shortcut="Z",
            on_click=_guarded(partial(_reset, run)),
            help="Begin anew from the same initial weights, with the settings that wait in the sidebar.",
        )
        st.button(
            "New seed",
            icon=":material/casino:",
            shortcut="N",
            on_click=_guarded(partial(_new_seed, run)),
            help="Begin anew from other initial weights.",
        )


def _guarded(action: Callable[[], object]) -> Callable[[], None]:
    return partial(state.guarded, action)


def _reset(run: LiveRun) -> None:
    run.reset(state.drafted_config(run))
    state.moved(run)


def _new_seed(run: LiveRun) -> None:
    config = state.drafted_config(run)
    run.reset(config.replace(seed=(config.seed + 1) % _NEWEST_SEED))
    state.moved(run)
    state.follow(run.config)


def _run_to(run: LiveRun) -> None:
    with st.popover("Run to…", icon=":material/flag:"):
        kind = st.radio("Train until", _KINDS, key="target_kind", horizontal=True)
        if kind == _KINDS[0]:
            st.number_input(
                "Iteration", min_value=1, value=_USUAL_GOAL, step=1000, key="target_iteration"
            )
        else:
            st.number_input(
                "Bits per character", min_value=0.0, value=_USUAL_BITS, step=0.1, key="target_bits"
            )
        st.button("Go", type="primary", on_click=partial(_go, run), width="stretch")


def _go(run: LiveRun) -> None:
    if state.widget_value("target_kind", _KINDS[0]) == _KINDS[0]:
        run.run_to(Target(iteration=int(state.widget_value("target_iteration", _USUAL_GOAL))))
    else:
        bits = float(state.widget_value("target_bits", _USUAL_BITS))
        run.run_to(Target(loss=bits * math.log(2)))


# The sidebar


def sidebar(run: LiveRun) -> None:
    """Text, network, training and sampling: each a group that folds."""
    state.prepare_widgets(run.config)
    with st.sidebar:
        _text_group(run)
        _settings_group(run, "Training", "Takes effect at once.", expanded=True)
        _settings_group(run, "Sampling", "Takes effect at once.", expanded=False)
        _settings_group(run, "Network", "Takes effect at Reset.", expanded=False)
        waiting = state.pending(run)
        if waiting:
            sentence = "Waiting for Reset: " + ", ".join(waiting)
            st.info(plain(sentence), icon=":material/hourglass_top:")


def _settings_group(run: LiveRun, group: str, caption: str, *, expanded: bool) -> None:
    with st.expander(group, expanded=expanded):
        st.caption(caption)
        for setting in SETTINGS:
            if setting.group == group:
                _widget(run, setting)
        if group == "Network":
            _network_estimate(run)


def _network_estimate(run: LiveRun) -> None:
    try:
        config = state.drafted_config(run)
    except SettingError:
        return  # Reset will say what is wrong
    st.caption(plain(estimate.network_words(config, run.text, run.chars)))


def _widget(run: LiveRun, setting: Setting) -> None:
    key = state.widget_key(setting.name)
    change = partial(_changed, run, setting) if setting.live else None
    present = getattr(run.config, setting.name)
    if setting.kind is str:
        labels = dict(zip(setting.choices, setting.choice_labels, strict=True))
        st.selectbox(
            setting.label,
            setting.choices,
            format_func=lambda choice: labels[choice],
            key=key,
            help=setting.help,
            on_change=change,
            persist_state="session",
        )
    elif setting.log and setting.live:
        st.select_slider(
            setting.label,
            _log_options(setting, present),
            value=present,
            format_func=_in_short,
            key=key,
            help=setting.help,
            on_change=change,
            persist_state="session",
        )
    else:
        _number(setting, present, key, change)


def _number(setting: Setting, present: float, key: str, change: Callable[[], None] | None) -> None:
    """A field for a number. What it cannot take becomes the ``present`` value, not the smallest one."""
    low, high = _bounds(setting)
    if setting.kind is int:
        st.number_input(
            setting.label,
            min_value=int(low),
            max_value=int(high),
            value=int(present),
            step=int(setting.step),
            key=key,
            help=setting.help,
            on_change=change,
            persist_state="session",
        )
    else:
        st.number_input(
            setting.label,
            min_value=low,
            max_value=high,
            value=present,
            step=float(setting.step),
            format="%g",
            key=key,
            help=setting.help,
            on_change=change,
            persist_state="session",
        )


def _bounds(setting: Setting) -> tuple[float, float]:
    assert setting.low is not None
    assert setting.high is not None
    return float(setting.low), float(setting.high)


def _log_options(setting: Setting, current: float) -> list[float]:
    """Round values over the setting's range, evenly spaced to the eye, and the present one.

    No two look alike: the browser knows them by how they look alone.
    """
    low, high = _bounds(setting)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [float(f"{step * 10.0**power:.3g}") for power in powers for step in _LOG_STEPS]
    kept = [low, high, *(step for step in steps if low <= step <= high), current]
    kind = int if setting.kind is int else float
    return sorted({_in_short(value): kind(value) for value in kept}.values())


def _in_short(value: float) -> str:
    return f"{value:g}"


def _changed(run: LiveRun, setting: Setting) -> None:
    value = state.widget_value(state.widget_key(setting.name), None)
    state.guarded(lambda: run.apply(**{setting.name: value}))
    state.set_widget(state.widget_key(setting.name), getattr(run.config, setting.name))


def _text_group(run: LiveRun) -> None:
    with st.expander("Text", expanded=True):
        keys = [preset.key for preset in PRESETS]
        if run.source.key not in PRESET:
            keys.append(run.source.key)
        state.set_widget("preset", run.source.key)
        st.selectbox(
            "Preset",
            keys,
            format_func=lambda key: PRESET[key].title if key in PRESET else run.source.title,
            key="preset",
            on_change=_guarded(partial(_choose_preset, run)),
            help="Texts from easy to hard. Choosing one begins a new run on it.",
        )
        st.caption(f"{len(run.text):,} characters, {len(run.chars):,} distinct.")
        if run.source.key in PRESET:
            st.caption(PRESET[run.source.key].watch_for)
        with st.popover("Your own text…", icon=":material/edit_note:", width="stretch"):
            _own_text(run)


def _choose_preset(run: LiveRun) -> None:
    preset = PRESET.get(state.widget_value("preset", None) or "")
    if preset is None:
        return
    _begin_with(run, preset.text(), state.preset_config(preset), state.preset_source(preset))


def _begin_with(run: LiveRun, text: str, config: Config, source: Source) -> None:
    was_playing = run.playing
    check_text(text)
    run.restart(text, config, source)
    state.moved(run)
    state.follow(run.config)
    if was_playing:
        run.play()


def _own_text(run: LiveRun) -> None:
    st.text_area("Paste a text", key="pasted", height=160, max_chars=estimate.MOST_PASTED)
    st.button("Learn this text", type="primary", on_click=_guarded(partial(_use_pasted, run)))
    number = state.widget_value("uploads", 0)
    st.file_uploader(
        "Or upload a text file",
        key=f"upload_{number}",
        on_change=_guarded(partial(_use_upload, run, number)),
        help="UTF-8 is best; other encodings are recognised or refused. The file stays on this computer.",
    )
    st.caption(plain(estimate.text_words(run.config, len(run.chars))))


def _use_pasted(run: LiveRun) -> None:
    text, note = unified(state.widget_value("pasted", ""))
    _begin_with(run, text, run.config, Source(state.OWN_TEXT, "your own text"))
    if note:
        state.complain(note)


def _use_upload(run: LiveRun, number: int) -> None:
    upload = state.widget_value(f"upload_{number}", None)
    if upload is None:
        return
    # The next run shows an empty uploader, so that the file's bytes are not kept beside its text.
    state.set_widget("uploads", number + 1)
    decoded = decode(upload.getvalue())
    _begin_with(run, decoded.text, run.config, Source(state.OWN_TEXT, "your own text"))
    if decoded.note:
        state.complain(decoded.note)


# How the loss is shown


def loss_options() -> None:
    """The unit of the loss, and which axes are logarithmic."""
    view = state.loss_view()
    with st.container(horizontal=True, key="loss_options"):
        st.selectbox(
            "Unit of the loss",
            list(_UNIT_LABELS),
            index=list(_UNIT_LABELS).index(view.unit),
            format_func=lambda key: _UNIT_LABELS[key],
            key="loss_unit",
            label_visibility="collapsed",
            width=190,
        )
        st.toggle("log iterations", key="log_iterations")
        st.toggle("log loss", key="log_loss")
