"""Who is looking: each open page is a visitor, and of several on one run, one leads."""

from __future__ import annotations

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


def visitor() -> str:
    """What tells this page from all others that are open."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def present(visitor: str) -> bool:
    """Whether that visitor's page is still open."""
    return not runtime.exists() or runtime.get_instance().is_active_session(visitor)
