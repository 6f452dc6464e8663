"""Which corrections a launch sends: narrowed by session, kind, severity and reason, with a tick for each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import looks
from services.feedback import FeedbackRow

SEVERITIES: Final[Mapping[str | None, str]] = {"high": "High", None: "Normal", "low": "Low"}


def choose_items(items: Sequence[FeedbackRow]) -> list[uuid.UUID]:
    """The corrections as a table with a tick for each; all that are left by the filters are ticked at first."""
    left = _narrowed(items)
    if not left:
        st.caption("No correction is left by these filters.")
        return []
    frame = pd.DataFrame([item_line(item) for item in left])
    key = f"launch-items-{hash(tuple(item.id for item in left))}"  # ticks belong to these rows and to no others
    edited = st.data_editor(
        frame,
        hide_index=True,
        key=key,
        disabled=[c for c in frame.columns if c != "Send"],
        height=min(38 + 35 * len(left) + 3, 250),
        num_rows="fixed",
        column_config={
            "Send": st.column_config.CheckboxColumn(width="small"),
            "Reason": st.column_config.TextColumn(width="large"),
        },
        alt="Open corrections to send",
    )
    return [item.id for item, send in zip(left, edited["Send"], strict=True) if send]


def item_line(item: FeedbackRow) -> dict[str, bool | str]:
    """A correction as a row of the table."""
    return {
        "Send": True,
        "Severity": severity_label(item.severity),
        "Verdict": looks.look(looks.VERDICTS, item.verdict).label,
        "What": _kind(item),
        "Where": looks.candle_label(item.candle_index, item.candle_time),
        "Reason": item.reason or looks.MISSING,
        "Session": item.session_name or looks.MISSING,
        "By": item.author_name,
    }


def severity_label(severity: str | None) -> str:
    return SEVERITIES.get(severity, str(severity))


def _kind(item: FeedbackRow) -> str:
    return looks.kind_label(item.kind, item.direction or 0) if item.kind else looks.MISSING


_FILTERS: Final[Mapping[str, Callable[[FeedbackRow], str]]] = {
    "Session": lambda item: item.session_name or looks.MISSING,
    "Kind": _kind,
    "Severity": lambda item: severity_label(item.severity),
    "Reason": lambda item: item.reason or "Without a reason",
}


def _narrowed(items: Sequence[FeedbackRow]) -> list[FeedbackRow]:
    """Those that every filter with a choice lets through. A filter with one value alone is not shown."""
    left = list(items)
    options = {name: list(dict.fromkeys(map(of, items))) for name, of in _FILTERS.items()}
    offered = {name: values for name, values in options.items() if len(values) > 1}
    if not offered:
        return left
    with st.popover("Filter", icon=":material/filter_list:", type="tertiary"):
        for name, values in offered.items():
            wanted = st.multiselect(name, values, key=f"launch-filter-{name.lower()}", placeholder="All")
            if wanted:
                left = [item for item in left if _FILTERS[name](item) in wanted]
    if len(left) < len(items):
        st.caption(f"{len(left):,} of {looks.count(len(items), 'open correction')} after filtering.")
    return left
