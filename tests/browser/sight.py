"""Waiting for what is painted only in sight."""

from __future__ import annotations

from playwright.sync_api import Page


def wait_in_sight(page: Page, selector: str, condition: str) -> None:
    """Until the condition holds of `node`, the first that the selector finds.

    Until then it is brought into sight again and again: while a page is still growing, what was brought
    there once may be pushed out again, and out of sight it is not painted.
    """
    page.wait_for_function(
        f"""selector => {{
            const node = document.querySelector(selector);
            if (node && ({condition})) return true;
            node?.scrollIntoView({{ block: "nearest" }});
            return false;
        }}""",
        arg=selector,
    )


def wait_for_chart(page: Page, place: str, condition: str) -> None:
    """Until the condition holds of `node`, the first chart in the place with this key."""
    wait_in_sight(page, f".st-key-{place} .js-plotly-plot", f"node.data && ({condition})")
