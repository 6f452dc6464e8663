"""The list of corrections: its columns."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from services.feedback import CorrectionRow


def columns(now: datetime) -> list[Column[CorrectionRow]]:
    """The list's columns as a reader sees them at `now`; its CSV is the report of corrections."""
    kinds = st.column_config
    small = kinds.TextColumn(width="small")
    times = kinds.TextColumn(width="small", help=looks.zone_help())
    verdicts, states = list(looks.VERDICTS.values()), list(looks.FEEDBACK_STATES.values())
    verdict = kinds.MultiselectColumn(
        options=[look.label for look in verdicts], color=[look.color for look in verdicts], width=100
    )
    state = kinds.MultiselectColumn(
        options=[look.label for look in states], color=[look.color for look in states], width=110
    )
    return [
        Column("Pattern", attrgetter("workspace_name"), kinds.TextColumn(width="medium")),
        Column("Verdict", lambda row: [looks.look(looks.VERDICTS, row.verdict).label], verdict),
        Column("State", lambda row: [looks.look(looks.FEEDBACK_STATES, row.state).label], state),
        Column("What became of it", fate, kinds.TextColumn(width="medium")),
        Column("What", _what, small),
        Column("Where", lambda row: looks.candle_label(row.candle_index, row.candle_time)),
        Column("Candles", lambda row: f"{row.symbol} {row.timeframe}" if row.symbol else looks.MISSING, small),
        Column("Reason", lambda row: row.reason or looks.MISSING, kinds.TextColumn(width="large")),
        Column("Session", lambda row: row.session_name or looks.MISSING),
        Column("By", attrgetter("author_name"), small),
        Column("Given", lambda row: looks.ago(row.created_at, now).capitalize(), times),
    ]


def _what(row: CorrectionRow) -> str:
    return looks.kind_label(row.kind, row.direction or 0) if row.kind else looks.MISSING


def fate(row: CorrectionRow) -> str:
    """What became of a correction, in a few words."""
    run = f"execution {row.execution_number}" if row.execution_number else "an execution"
    match row.state:
        case "open" if row.split in ("holdout", "embargo"):
            return "kept for testing"
        case "open" if row.sent_at is not None:
            return f"{run} did not fix it"
        case "open":
            return "waits to be sent"
        case "sent":
            return f"{run} works on it"
        case "addressed":
            return f"fixed in v{row.resolved_version}" if row.resolved_version else "fixed"
        case "verified":
            return f"fixed in v{row.resolved_version}, held" if row.resolved_version else "fixed, held"
        case "disputed":
            return "reviewers disagree"
        case _:
            return "taken back"
