"""Implementations from before workspaces, as the first app kept them. Nothing here can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.columns import Column, looks_of, table
from pages.components.errors import guarded
from pages.components.parts import download_csv_button, empty_state, header
from pages.components.trail import trail
from services import executions, exports
from services.database.engine import transaction
from services.executions import EarlierRow


def columns() -> list[Column[EarlierRow]]:
    percent = st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d%%")
    when = st.column_config.DatetimeColumn(
        format="YYYY-MM-DD HH:mm", timezone=looks.zone_name(), help=looks.zone_help()
    )
    return [
        Column("Implementation", lambda r: r.title),
        Column("Workspace", lambda r: r.workspace),
        Column("Session", lambda r: r.session_name or looks.MISSING),
        Column("Status", lambda r: looks.look(looks.EXECUTIONS, r.status).label),
        Column("Phase", lambda r: (r.phase or looks.MISSING).capitalize()),
        Column("Progress", lambda r: r.progress, percent),
        Column("Corrections", lambda r: r.feedback_count),
        Column("Files", lambda r: ", ".join(r.files_changed)),
        Column("Commit", lambda r: (r.commit_hash or looks.MISSING)[:8]),
        Column("Retries", lambda r: r.retry_count),
        Column("By", lambda r: r.created_by),
        Column("Begun", lambda r: r.created_at, when),
        Column("Text", lambda r: r.description or ""),
    ]


# These rows never change and come from another app: a file for machines, in the words of its database.
IN_THE_FILE: Final[Sequence[Column[EarlierRow]]] = (
    Column("title", lambda r: r.title),
    Column("workspace", lambda r: r.workspace),
    Column("session_id", lambda r: str(r.session_id)),
    Column("status", lambda r: r.status),
    Column("phase", lambda r: r.phase),
    Column("progress", lambda r: r.progress),
    Column("feedback_count", lambda r: r.feedback_count),
    Column("files_changed", lambda r: " ".join(r.files_changed)),
    Column("commit_hash", lambda r: r.commit_hash),
    Column("retry_count", lambda r: r.retry_count),
    Column("created_by", lambda r: r.created_by),
    Column("created_at", lambda r: r.created_at.isoformat()),
    Column("description", lambda r: r.description),
)


actor = require_actor()
trail((("Executions", "/executions"),), "Earlier implementations")
place = header("Earlier implementations", caption="From before workspaces. Read only: executions took their place.")
shown = columns()
with guarded(stop=True), transaction() as session:
    rows = executions.list_earlier(session, actor=actor)
if not rows:
    empty_state("history", "Nothing from before workspaces", "What runs now is under Executions.")
    st.stop()
with place:
    download_csv_button("CSV", lambda: exports.to_csv(table(IN_THE_FILE, rows)), "earlier-implementations")
if len(rows) == executions.EARLIER_PAGE:
    st.caption(f"The newest {len(rows):,}.")
st.dataframe(
    table(shown, rows),
    column_config=looks_of(shown),
    hide_index=True,
    key="earlier",
    alt="Implementations from before workspaces, the newest first",
)
