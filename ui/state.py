"""The one place that touches ``st.session_state`` and the address.

A visit starts from the address: the run it names if this server still holds it, else a new run with the
text and settings that it spells out. After that the address follows the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from rnn import Config
from rnn.presets import DEFAULT_PRESET, PRESET, Preset, PresetError
from rnn.settings import SETTING, SETTINGS
from rnn.store import NoRunError, StoreError
from ui import visitors
from ui.figures.loss import LossView
from ui.live import LiveRun
from ui.place import Source
from ui.runs import RUNS
from ui.sessions import keep_order

OWN_TEXT = "own"
_RUN = "run"
_TEXT = "text"
_AUTOPLAY = "autoplay"
_WIDGET = "setting_"
_ASKED = "asked_for_"

keep_order()


def current_run() -> LiveRun:
    """This visit's run; on the first call it is found or made from the address."""
    run_id = st.session_state.get(_RUN)
    run = _reached(run_id) if run_id else None
    if run is None:
        run = _arrive()
    return run


def _reached(run_id: str) -> LiveRun | None:
    """The run of this id, in memory or in the store; what stands in the way becomes a sentence."""
    try:
        return RUNS.reach(run_id)
    except NoRunError:
        return None
    except StoreError as error:
        complain(str(error))
        return None


def _arrive() -> LiveRun:
    query = dict(st.query_params)
    run = _found(query[_RUN]) if _RUN in query else None
    if run is None:
        run = _run_from_address(query)
        RUNS.add(run)
    moved(run)
    if query.get(_AUTOPLAY) == "1":
        run.play()
    return run


def _found(run_id: str) -> LiveRun | None:
    """The run that the address names; if it had to be read from the disk, that is told once."""
    held = RUNS.find(run_id)
    run = held or _reached(run_id)
    if run is not None and held is None and run.notice is None and not run.playing:
        run.say("opened", f"The run stands as it was last saved, at iteration {run.iteration:,}.")
    return run


def moved(run: LiveRun) -> None:
    """Let this visit be about ``run`` from now on, under the id that it has now."""
    visitors.meet(run.run_id)
    st.session_state[_RUN] = run.run_id


def open_run(run_id: str) -> None:
    """Let this visit be about the run of this id. Raises StoreError if it cannot be opened."""
    run = RUNS.reach(run_id)
    moved(run)
    follow(run.config)


def _run_from_address(query: Mapping[str, str]) -> LiveRun:
    key = query.get(_TEXT, DEFAULT_PRESET)
    if key == OWN_TEXT:
        complain("The text of that run is no longer here, so a preset takes its place.")
    elif key not in PRESET:
        complain(
            "The address names a text that is not among the presets, so another takes its place."
        )
    preset = PRESET.get(key, PRESET[DEFAULT_PRESET])
    usual = preset_config(preset)
    spelled = {name: value for name, value in query.items() if name in SETTING}
    try:
        config = Config.from_strings(spelled, usual)
        return LiveRun(preset.text(), config, preset_source(preset), RUNS.place())
    except ValueError as error:
        complain(f"{error} The address is followed without its settings.")
        return LiveRun(preset.text(), usual, preset_source(preset), RUNS.place())


def preset_config(preset: Preset) -> Config:
    """The settings that a preset starts with."""
    return Config().replace(**preset.config)


def preset_source(preset: Preset) -> Source:
    """What a run on this preset's text is called."""
    return Source(preset.key, preset.title)


def write_address(run: LiveRun) -> None:
    """Let the address name the run, its text and every setting that differs from the text's own."""
    preset = PRESET.get(run.source.key)
    base = preset_config(preset) if preset else Config()
    address = {_RUN: run.run_id, _TEXT: run.source.key}
    address |= run.config.to_strings(base)
    if dict(st.query_params) != address:
        st.query_params.from_dict(address)


# Sentences that wait to be shown once


def complain(sentence: str) -> None:
    """Keep a sentence about something that went wrong, for the page to show."""
    st.session_state.setdefault("complaints", []).append(sentence)


def complaints() -> list[str]:
    """The sentences kept since the last call."""
    return list(st.session_state.pop("complaints", []))


def ask_for(name: str, serial: int) -> None:
    """For a button: the page is to begin the analysis ``name``, of the run that has this serial number.

    It does so where it draws the analysis anew, with the choices of then: a field may have changed just
    before the click, when the button still knew the ones before.
    """
    st.session_state[_ASKED + name] = serial


def asked_for(name: str, serial: int) -> bool:
    """Whether the analysis was asked for since the last call, of this run."""
    return bool(st.session_state.pop(_ASKED + name, None) == serial)


def guarded(action: Callable[[], object]) -> None:
    """Do what a person asked for; bad input becomes a sentence, and the run goes on as it was."""
    try:
        action()
    except (ValueError, PresetError) as error:
        complain(str(error))
    except MemoryError:
        complain(
            "This computer has not enough free memory for that: choose a smaller network or text."
        )


# Widgets


def widget_key(name: str) -> str:
    """The key of the widget for the setting ``name``."""
    return _WIDGET + name


def prepare_widgets(config: Config) -> None:
    """Give every setting's widget its value: the one that it has, or else that of ``config``.

    What takes effect at once is always that of ``config``, which another tab may have changed. A value
    that is not given anew counts as dropped after a change of page: the browser would then send the
    widget's smallest one, as if the person had chosen it.
    """
    for setting in SETTINGS:
        key, value = widget_key(setting.name), getattr(config, setting.name)
        st.session_state[key] = value if setting.live else st.session_state.get(key, value)


def follow(config: Config) -> None:
    """Let every setting's widget show ``config``; only before the widgets are drawn."""
    for setting in SETTINGS:
        st.session_state[widget_key(setting.name)] = getattr(config, setting.name)


def drafted() -> dict[str, Any]:
    """The value of every setting's widget."""
    return {setting.name: st.session_state[widget_key(setting.name)] for setting in SETTINGS}


def drafted_config(run: LiveRun) -> Config:
    """The run's settings with the widgets' values; raises `SettingError` for a bad one."""
    return run.config.replace(**drafted())


def pending(run: LiveRun) -> list[str]:
    """The structural settings whose widgets wait for a reset, in words."""
    values = drafted()
    return [
        f"{setting.label} {getattr(run.config, setting.name)} → {values[setting.name]}"
        for setting in SETTINGS
        if not setting.live and values[setting.name] != getattr(run.config, setting.name)
    ]


def widget_value(key: str, default: Any) -> Any:
    """What the widget ``key`` holds, or ``default`` before it is drawn."""
    return st.session_state.get(key, default)


def set_widget(key: str, value: object) -> None:
    """Give the widget ``key`` a value; only before it is drawn."""
    st.session_state[key] = value


def hand_picked(key: str, on_pick: Callable[[Any], None]) -> None:
    """Hand what was picked in the panel ``key`` to ``on_pick``; bad input becomes a sentence."""
    value = st.session_state[key].picked
    guarded(lambda: on_pick(value))


def loss_view() -> LossView:
    """How the person wants to see the loss."""
    return LossView(
        unit=widget_value("loss_unit", LossView.unit) or LossView.unit,
        log_iterations=widget_value("log_iterations", LossView.log_iterations),
        log_loss=widget_value("log_loss", LossView.log_loss),
    )


def next_sequence() -> int:
    """The number of the next frame of this visit."""
    number = int(st.session_state.get("sequence", 0)) + 1
    st.session_state["sequence"] = number
    return number
