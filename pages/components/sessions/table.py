"""Sessions as a table: what the list's rows come to, and how its columns look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from services.sessions import SessionRow

SESSION_COLUMNS: Final = (
    "Session", "Pattern", "Version", "Status", "Judged", "Success", "Interval, n", "Window", "Candles", "Notes",
    "By", "Made",
)  # fmt: skip


def session_table(rows: Sequence[SessionRow]) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    return pd.DataFrame([_session(row) for row in rows], columns=list(SESSION_COLUMNS))


def _session(row: SessionRow) -> tuple[Any, ...]:
    n = row.tp + row.fp + row.fn
    scored = row.success_rate is not None
    share = 100 * row.judged_count / row.detection_count if row.detection_count else None
    words = ["hold-out"] if row.split == "holdout" else []
    words += ["fully checked"] if row.coverage == "exhaustive" else []
    return (
        row.name,
        row.workspace_name,
        row.version or looks.MISSING,
        [looks.look(looks.SESSIONS, row.status).label],
        None if share is None else min(share, 100.0),
        looks.percent(row.success_rate),
        f"{looks.interval(row.ci_low, row.ci_high)}, n {n}" if scored else looks.MISSING,
        f"{row.symbol} {row.timeframe} #{row.start_index}–#{row.end_index}",
        row.end_index - row.start_index + 1,
        ", ".join(words) or looks.MISSING,
        row.created_by_name,
        looks.ago(row.created_at).capitalize(),
    )


def session_columns() -> dict[str, Any]:
    kinds = st.column_config
    states = list(looks.SESSIONS.values())
    return {
        "Session": kinds.TextColumn(width="medium"),
        "Version": kinds.TextColumn(width="small"),
        "Status": kinds.MultiselectColumn(
            options=[look.label for look in states], color=[look.color for look in states], width="small"
        ),
        "Judged": kinds.ProgressColumn(min_value=0, max_value=100, format="%d%%", width="small"),
        "Success": kinds.TextColumn(width="small", alignment="right", help="Frozen when the session was completed"),
        "Interval, n": kinds.TextColumn(width="small", help="95% interval of the success rate, and on how many marks"),
        "Candles": kinds.NumberColumn(width="small"),
        "By": kinds.TextColumn(width="small"),
        "Made": kinds.TextColumn(width="small"),
    }


def clicked_row(event: Any, count: int) -> int | None:
    """The row of the cell that was clicked in a table of `count` rows."""
    cells = event["selection"]["cells"]
    return int(cells[0][0]) if cells and cells[0][0] < count else None
