"""What can be done with stored runs: open, rename, note, pin, delete and bring back, save to files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from rnn.store import (
    RunRow,
    Store,
    diary_text,
    export_run,
    history_csv,
    import_run,
)
from rnn.store.rows import LONGEST_NAME, LONGEST_NOTE
from ui import desk, state, visitors
from ui.desk import Desk

_HAND = "compare_hand"
_GO = "compare_go"
_LARGEST_IMPORT = 400  # megabytes; a run's states take at most about a third of this
TRAIN_PAGE = "pages/train.py"


def actions(at: Desk) -> None:
    """The row of buttons below the table, and what the last one had to say."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="run_actions"):
        _of_one(at)
        _of_all_chosen(at)
        _imports(at.store)
        _deleted(at)
    _tell(at.store)


def leave_if_asked() -> None:
    """Go to the Train page where an action has opened a run; call it before anything is drawn."""
    if state.widget_value(_GO, False):
        state.set_widget(_GO, False)
        st.switch_page(TRAIN_PAGE)


def open_and_leave(run_id: str) -> None:
    """Let the visit be about this run, on the Train page. Raises StoreError."""
    state.open_run(run_id)
    state.set_widget(_GO, True)


def attempt(action: Callable[[], object]) -> None:
    """Do what was asked for; what stands in the way is said, as plain text."""
    desk.say("")
    try:
        action()
    except ValueError as error:
        desk.say(str(error))


# One run


def _of_one(at: Desk) -> None:
    named = {run.id: run.name for run in at.chosen}
    run_id = st.selectbox(
        "Run in hand",
        list(named),
        format_func=lambda run_id: named.get(run_id, ""),
        key=_HAND,
        placeholder="choose runs above",
        width=230,
        help="One of the chosen runs, for the three buttons beside it.",
    )
    run = next((run for run in at.chosen if run.id == run_id), None)
    st.button(
        "Open",
        icon=":material/open_in_new:",
        disabled=run is None,
        on_click=partial(attempt, partial(open_and_leave, run_id or "")),
        help="Go on with it on the Train page.",
    )
    with st.popover("Rename, note…", icon=":material/edit:", disabled=run is None):
        if run is not None:
            _words(at.store, run)
    with st.popover("Save to a file…", icon=":material/download:", disabled=run is None):
        if run is not None:
            _files(at.store, run)


def _words(store: Store, run: RunRow) -> None:
    # The keys hold the id, so that each run's own words stand in the fields.
    name_key, note_key = f"name_{run.id}", f"note_{run.id}"
    st.text_input("Name", run.name, key=name_key, max_chars=LONGEST_NAME)
    st.text_area("Note", run.note, key=note_key, max_chars=LONGEST_NOTE, height=110)
    st.button(
        "Keep these words",
        type="primary",
        on_click=partial(attempt, partial(_keep_words, store, run)),
    )


def _keep_words(store: Store, run: RunRow) -> None:
    name = str(state.widget_value(f"name_{run.id}", run.name))
    note = str(state.widget_value(f"note_{run.id}", run.note))
    if name != run.name:
        store.rename(run.id, name)
    if note != run.note:
        store.annotate(run.id, note)


def _files(store: Store, run: RunRow) -> None:
    stem = file_stem(run.name)
    for label, ending, mime, build in (
        ("The whole run, to import elsewhere", ".rnnrun", "application/zip", exported),
        ("Its history as CSV", ".csv", "text/csv", history_file),
        ("Its diary of samples as text", ".txt", "text/plain", diary_file),
    ):
        st.download_button(
            label,
            data=partial(build, store, run.id),
            file_name=f"{stem}{ending}",
            mime=mime,
            key=f"save{ending}",
            on_click="ignore",
            width="stretch",
        )
    st.caption("As it was last saved. Nothing is put together before you press.")


def file_stem(name: str) -> str:
    """A run's name as the beginning of a file's."""
    return re.sub(r"[^\w.() -]+", "_", name).strip(" .") or "run"


def exported(store: Store, run_id: str) -> bytes:
    """The run as one file, for `import_run`. Raises StoreError."""
    target = io.BytesIO()
    export_run(store, run_id, target)
    return target.getvalue()


def history_file(store: Store, run_id: str) -> bytes:
    """The run's history as CSV. Raises StoreError."""
    trainer = store.load(run_id)
    return history_csv(trainer.history, trainer.config.streams).encode("utf-8")


def diary_file(store: Store, run_id: str) -> bytes:
    """The run's diary as text. Raises StoreError."""
    text = diary_text(store.load(run_id).history)
    return text.encode("utf-8", "backslashreplace")


# The chosen runs


def _of_all_chosen(at: Desk) -> None:
    ids = [run.id for run in at.chosen]
    pinned = bool(ids) and all(run.pinned for run in at.chosen)
    st.button(
        "Unpin" if pinned else "Pin",
        key="compare_pin",
        icon=":material/keep:",
        disabled=not ids,
        on_click=partial(attempt, partial(_pin, at.store, ids, not pinned)),
        help="All chosen runs. Pinned ones come first in the table.",
    )
    st.button(
        "Delete",
        icon=":material/delete:",
        disabled=not ids,
        on_click=partial(attempt, partial(_delete, at)),
        help="All chosen runs. They can be brought back.",
    )


def _pin(store: Store, run_ids: Sequence[str], pinned: bool) -> None:
    for run_id in run_ids:
        store.pin(run_id, pinned)


def _delete(at: Desk) -> None:
    here = at.page.run.run_id
    gone = [run for run in at.chosen if run.status != "training" and run.id != here]
    for run in gone:
        at.store.delete(run.id)
    kept = len(at.chosen) - len(gone)
    sentence = f"{_runs(len(gone))} deleted. " if gone else ""
    if kept:
        sentence += f"{_runs(kept)} kept: what is open on the Train page or being trained cannot be deleted."
    desk.say(sentence.strip(), [run.id for run in gone])


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


# Other runs


def _imports(store: Store) -> None:
    number = state.widget_value("imports", 0)
    with st.popover("Import…", icon=":material/upload:"):
        st.file_uploader(
            "A run that was saved to a file",
            key=f"import_{number}",
            max_upload_size=_LARGEST_IMPORT,
            on_change=partial(attempt, partial(_import, store, number)),
        )


def _import(store: Store, number: int) -> None:
    upload = state.widget_value(f"import_{number}", None)
    if upload is None:
        return
    # The next run of the page shows an empty uploader, so that the file's bytes are not kept.
    state.set_widget("imports", number + 1)
    run_id = import_run(store, upload)
    visitors.meet(run_id)
    desk.choose([run_id])
    desk.say("The run has been imported; it is the one that is chosen now.")


def _deleted(at: Desk) -> None:
    gone = {run.id: run.name for run in at.everything if run.deleted is not None}
    if not gone:
        return
    with st.popover("Deleted…", icon=":material/restore_from_trash:", key="compare_deleted"):
        run_id = st.selectbox(
            "Deleted runs", list(gone), format_func=lambda run_id: gone.get(run_id, "")
        )
        st.button("Bring it back", on_click=partial(attempt, partial(_restore, at.store, [run_id])))
        st.button(
            "Remove it for good",
            on_click=partial(attempt, partial(_purge, at.store, run_id)),
            help="Its files go too. This cannot be undone.",
        )


def _restore(store: Store, run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        store.restore(run_id)
    desk.say(f"{_runs(len(run_ids))} brought back.")


def _purge(store: Store, run_id: str) -> None:
    store.purge(run_id)
    desk.say("1 run removed for good.")


def _tell(store: Store) -> None:
    sentence, undo = desk.said()
    if not sentence:
        return
    with st.container(
        horizontal=True, vertical_alignment="center", border=True, key="compare_said_box"
    ):
        st.text(sentence)
        if undo:
            st.button(
                "Undo",
                icon=":material/undo:",
                on_click=partial(attempt, partial(_restore, store, undo)),
            )
