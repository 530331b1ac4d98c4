"""The Memory page's blocks on single units: which feature each one follows, and what each is worth."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from rnn.analysis import Portrait, Report, ablation, units
from rnn.analysis.ablation import Ablation, Ranking
from rnn.analysis.passage import Passage
from rnn.analysis.units import Finding, Findings
from ui import ribbon, state
from ui.entries import Entry, Source
from ui.figures import units as figures
from ui.figures.base import plain, ramp
from ui.live import LiveRun
from ui.shell import Page
from ui.views import memory

_AMOUNTS = (1_000, 4_000, 16_000)
_USUAL_AMOUNT = 4_000
_MOST_ROWS = 200
_TABLE_HEIGHT = 330
_LOW = 110
_NO_TELLING = 0.9
"""Where chance alone reaches this correlation, hardly anything can be more."""

_METHOD = (
    "For each unit and each feature, **r** is the correlation of the unit's activation with the feature, "
    "from -1 to 1; for places and depths, with their rank. With many units some always fit a little. So the "
    "best unit is compared with the best one of two kinds of **chance**: the feature is shifted along the "
    f"text, {units.SHIFTS} times, and the network's weights are shuffled, {units.SHUFFLES} times. What "
    "counts as above chance happens in only one of twenty such tries, for all units and features together."
)

_SAMPLE_LENGTH = 200
_WORST = 3.0  # bits that shade a character of the passage to the full
_SILENCED = "memory_silenced"


# The unit finder


def finder(page: Page) -> None:
    """Which features of the text single units follow, beyond chance."""
    with st.container(horizontal=True, vertical_alignment="center", key="finder_heading"):
        st.markdown("**Unit finder: does any unit follow the text?**")
        with st.popover("How it is measured", icon=":material/info:"):
            st.markdown(_METHOD)
    st.caption(
        "Is there one that knows it is inside brackets, or how far the line has come? Try *Balanced "
        "brackets* after 5,000 iterations: several units count the depth."
    )
    amount = _choose_amount()
    analysis = page.analysis("finder", "Find units", partial(_find, amount), parameters=amount)
    if analysis.result is not None:
        _findings(page, analysis.result, analysis.version)


def _choose_amount() -> int:
    amount = st.segmented_control(
        "Characters of the text to look at",
        _AMOUNTS,
        format_func=lambda number: f"first {number:,}",
        default=_USUAL_AMOUNT,
        required=True,
        key="memory_amount",
        persist_state="session",
    )
    return amount or _USUAL_AMOUNT


def _find(amount: int, portrait: Portrait, report: Report) -> Findings:
    return units.find(portrait, amount, report)


def _findings(page: Page, found: Findings, version: Any) -> None:
    st.caption(_verdict(found))
    left, right = st.columns([0.56, 0.44], gap="medium")
    labels = tuple(feature.label for feature in found.features)
    dots = figures.finder_dots(found)
    with left:
        page.chart(
            "finder",
            plain(figures.finder_skeleton, page.palette, labels),
            figures.FINDER,
            _standing(version, lambda: {"arrays": figures.finder_arrays(found)}),
            on_pick=partial(_pick_dot, [part[:, 1].tolist() for part in dots]),
        )
    with right:
        _findings_table(found.ranked()[:_MOST_ROWS])
    memory.unit_text(page, "found_unit", tell=False, height=_LOW)


def _standing(version: Any, content: Any) -> Source:
    """What changes only with the result that it shows."""
    return lambda view: Entry(version, content)


def _verdict(found: Findings) -> str:
    above = sum(finding.above_chance for finding in found.ranked())
    said = [f"In the first {found.characters:,} characters {_counted(above)}."]
    hopeless = [
        feature.label
        for feature, level in zip(found.features, found.chance, strict=True)
        if level > _NO_TELLING
    ]
    if hopeless:
        said.append(
            f"Nothing can be told about {_listed(hopeless)}: chance alone comes close to 1 there, because "
            "a few characters decide it or the text repeats itself."
        )
    if found.too_rare:
        rare = _listed([feature.label for feature in found.too_rare])
        said.append(f"Too rare in them to be looked for: {rare}.")
    return " ".join(said)


def _counted(above: int) -> str:
    if above == 0:
        return "no unit follows a feature more closely than chance gives"
    pairs = (
        "one pair of a unit and a feature is"
        if above == 1
        else f"{above:,} pairs of a unit and a feature are"
    )
    return f"{pairs} above chance"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _findings_table(findings: list[Finding]) -> None:
    st.dataframe(
        {
            "unit": [finding.unit for finding in findings],
            "reading": [_reading(finding) for finding in findings],
            "r": [finding.correlation for finding in findings],
            "chance": [finding.chance for finding in findings],
            "above": [finding.above_chance for finding in findings],
        },
        hide_index=True,
        height=_TABLE_HEIGHT,
        key="memory_findings",
        on_select=partial(_pick_row, "memory_findings", [finding.unit for finding in findings]),
        selection_mode="single-row",
        column_config={
            "unit": st.column_config.NumberColumn(format="%d", width=50),
            "reading": st.column_config.TextColumn("activation is", width=150),
            "r": st.column_config.NumberColumn(format="%+.2f", width=60),
            "chance": st.column_config.NumberColumn(format="%.2f", width=60),
            "above": st.column_config.CheckboxColumn("above it", width=60),
        },
    )


def _reading(finding: Finding) -> str:
    return f"{'higher' if finding.correlation > 0 else 'lower'} {finding.feature.high}"


def _pick_row(key: str, numbers: list[int]) -> None:
    """Look at the unit of the row that was chosen; unchoosing a row leaves things as they are."""
    rows = state.widget_value(key, {}).get("selection", {}).get("rows", [])
    if rows:
        memory.look_at_unit(numbers[rows[0]])


def _pick_dot(numbers: list[list[int]], point: dict[str, Any]) -> None:
    curve = int(point["curve"])
    if curve < len(numbers):
        memory.look_at_unit(numbers[curve][int(point["point"])])


# Ablation


def silencing(page: Page) -> None:
    """Silence chosen units: what it costs, where in the passage, and how the writing changes."""
    st.markdown("**Ablation: what if these units were silent?**")
    st.caption(
        "A silenced unit stays at 0 whatever is read; what then gets worse is what it was good for. A unit "
        "that is always on serves as a bias, and is missed although it remembers nothing."
    )
    chosen = _choose_silenced(page.run)
    choice = memory.choice(page.run)
    passage = choice.passage(page.run.view(whole=choice.of_sample))
    analysis = page.analysis(
        "silencing", "Silence them", partial(_silence, chosen, passage), (chosen, choice)
    )
    if analysis.result is not None:
        _silenced(page, *analysis.result, analysis.version)


def _choose_silenced(run: LiveRun) -> tuple[int, ...]:
    size, looked_at = run.config.hidden_size, memory.unit(run)
    kept = state.widget_value(_SILENCED, None)
    wanted = [looked_at] if kept is None else [number for number in kept if number < size]
    if wanted != kept:
        state.set_widget(_SILENCED, wanted)
    with st.container(horizontal=True, vertical_alignment="bottom", key="memory_silencing"):
        chosen = st.multiselect(
            "Units to silence",
            range(size),
            format_func=lambda number: f"unit {number}",
            key=_SILENCED,
            select_all=False,
            persist_state="session",
        )
        st.button(
            f"Add unit {looked_at}",
            key="memory_add",
            disabled=looked_at in chosen,
            on_click=partial(state.set_widget, _SILENCED, [*chosen, looked_at]),
        )
    return tuple(sorted(chosen))


def _silence(
    chosen: tuple[int, ...], passage: Passage, portrait: Portrait, report: Report
) -> tuple[Ablation, Passage, Any]:
    found = ablation.ablate(portrait, chosen, _SAMPLE_LENGTH, report)
    return found, passage, ablation.cost_by_character(portrait, passage, chosen)


def _silenced(page: Page, found: Ablation, passage: Passage, costs: Any, version: Any) -> None:
    with st.container(horizontal=True, gap="medium", key="memory_costs"):
        st.metric("With all units", f"{found.loss:.3f} bits/char", width="content")
        st.metric("With them silenced", f"{found.silenced_loss:.3f} bits/char", width="content")
        # Adding 0 makes a plain zero of a negative one.
        st.metric("Change", f"{round(found.cost, 3) + 0.0:+.3f} bits/char", width="content")
    st.caption(f"Over the first {found.characters:,} characters of the text.")
    page.ribbon(
        "missed",
        _standing(version, partial(_missed, passage, costs)),
        f"Where {_named(found.units)} is missed"
        if len(found.units) == 1
        else "Where they are missed",
        "Orange: harder to foretell without; blue: easier. Rest on a character for the bits.",
        scale=ramp(f"+{_WORST:g} bits", f"-{_WORST:g} bits", page.palette.diverging),
        height=_LOW,
    )
    left, right = st.columns(2, gap="medium")
    for column, name, title, said in (
        (left, "whole", "What it writes with all units", found.whole),
        (right, "without", f"What it writes without {_named(found.units)}", found.without),
    ):
        with column, st.container(key=f"sample_{name}"):
            page.ribbon(
                name,
                _standing(version, partial(_written, said, found)),
                title,
                "Underlined from where the two part; both are drawn with the same random numbers.",
                height=130,
            )


def _named(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 4:
        return f"{len(numbers):,} units"
    noun = "unit" if len(numbers) == 1 else "units"
    return f"{noun} {_listed([str(number) for number in numbers])}"


def _missed(passage: Passage, costs: Any) -> dict[str, Any]:
    return ribbon.content(
        passage.text,
        shade=np.clip(-costs / _WORST, -1.0, 1.0),
        tips=[f"{cost:+.2f} bits" for cost in costs],
        empty="" if passage.text else "The passage is empty.",
    )


def _written(said: str, found: Ablation) -> dict[str, Any]:
    flags = np.zeros(len(said), np.uint8)
    flags[_parting(found.whole, found.without) :] = ribbon.SPAN
    return ribbon.content(said, flags=flags)


def _parting(one: str, other: str) -> int:
    """The first place where two texts of one length differ; their length if they are the same."""
    pairs = enumerate(zip(one, other, strict=True))
    return next((place for place, (a, b) in pairs if a != b), len(one))


# Every unit by itself


def worth(page: Page) -> None:
    """Every unit silenced by itself: who is missed most."""
    st.markdown("**Which units matter most?**")
    analysis = page.analysis("worth", "Silence each by itself", ablation.rank)
    if analysis.result is not None:
        _ranking(page, analysis.result, analysis.version)


def _ranking(page: Page, ranking: Ranking, version: Any) -> None:
    order = ranking.order.tolist()
    st.caption(
        f"Over the first {ranking.characters:,} characters of the text, "
        f"which cost {ranking.loss:.3f} bits each with all units."
    )
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        page.chart(
            "worth",
            plain(figures.ranking_skeleton, page.palette),
            figures.RANKING,
            _standing(version, lambda: {"arrays": figures.ranking_arrays(ranking)}),
            on_pick=partial(_pick_dot, [order]),
        )
    with right:
        st.dataframe(
            {"rank": range(1, len(order) + 1), "unit": order, "cost": ranking.costs[order]},
            hide_index=True,
            height=_TABLE_HEIGHT,
            key="memory_ranking",
            on_select=partial(_pick_row, "memory_ranking", order),
            selection_mode="single-row",
            column_config={
                "rank": st.column_config.NumberColumn(width=50),
                "unit": st.column_config.NumberColumn(format="%d", width=50),
                "cost": st.column_config.NumberColumn("bits/char more", format="%+.3f"),
            },
        )
    memory.unit_text(page, "ranked_unit", tell=False, height=_LOW)
