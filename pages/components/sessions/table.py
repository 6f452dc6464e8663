"""The list of sessions: its columns."""

from __future__ import annotations

from operator import attrgetter

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from services.sessions import SessionRow


def session_columns() -> list[Column[SessionRow]]:
    """The list's columns. Its CSV is the report of sessions, which holds more rows than the list."""
    kinds = st.column_config
    states = list(looks.SESSIONS.values())
    small = kinds.TextColumn(width="small")
    times = kinds.TextColumn(width="small", help=looks.zone_help())
    status = kinds.MultiselectColumn(
        options=[look.label for look in states], color=[look.color for look in states], width="small"
    )
    success = kinds.TextColumn(width="small", alignment="right", help="Frozen when the session was completed")
    interval = kinds.TextColumn(width="small", help="95% interval of the success rate, and on how many marks")
    judged = kinds.ProgressColumn(min_value=0, max_value=100, format="%d%%", width="small")
    return [
        Column("Session", attrgetter("name"), kinds.TextColumn(width="medium")),
        Column("Pattern", attrgetter("workspace_name")),
        Column("Version", lambda row: row.version or looks.MISSING, small),
        Column("Status", lambda row: [looks.look(looks.SESSIONS, row.status).label], status),
        Column("Judged", _judged_percent, judged),
        Column("Success", lambda row: looks.percent(row.success_rate), success),
        Column("Interval, n", _interval, interval),
        Column("Window", lambda row: f"{row.symbol} {row.timeframe} #{row.start_index}–#{row.end_index}"),
        Column("Candles", lambda row: row.end_index - row.start_index + 1, kinds.NumberColumn(width="small")),
        Column("Notes", _notes),
        Column("By", attrgetter("created_by_name"), small),
        Column("Made", lambda row: looks.ago(row.created_at).capitalize(), times),
    ]


def _judged_percent(row: SessionRow) -> float | None:
    return min(100 * row.judged_count / row.detection_count, 100.0) if row.detection_count else None


def _interval(row: SessionRow) -> str:
    if row.success_rate is None:
        return looks.MISSING
    return f"{looks.interval(row.ci_low, row.ci_high)}, n {row.tp + row.fp + row.fn}"


def _notes(row: SessionRow) -> str:
    notes = ["hold-out"] if row.split == "holdout" else []
    notes += ["fully checked"] if row.coverage == "exhaustive" else []
    return ", ".join(notes) or looks.MISSING
