"""Implementations from before workspaces, as the first app kept them. Nothing here can be changed."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.columns import Column, csv_frame, looks_of, table
from pages.components.errors import guarded
from pages.components.parts import download_csv_button, empty_state, header
from pages.components.trail import trail
from services import executions, exports
from services.database.engine import transaction
from services.executions import EarlierRow


def columns() -> list[Column[EarlierRow]]:
    return [
        Column("Implementation", lambda r: r.title, raw=lambda r: r.title, csv="title"),
        Column("Workspace", lambda r: r.workspace, raw=lambda r: r.workspace, csv="workspace"),
        Column("Session", lambda r: r.session_name or looks.MISSING, raw=lambda r: str(r.session_id), csv="session_id"),
        Column("Status", lambda r: looks.look(looks.EXECUTIONS, r.status).label, raw=lambda r: r.status, csv="status"),
        Column("Phase", lambda r: (r.phase or looks.MISSING).capitalize(), raw=lambda r: r.phase, csv="phase"),
        Column(
            "Progress",
            lambda r: r.progress,
            st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d%%"),
            lambda r: r.progress,
            "progress",
        ),
        Column("Corrections", lambda r: r.feedback_count, raw=lambda r: r.feedback_count, csv="feedback_count"),
        Column(
            "Files", lambda r: ", ".join(r.files_changed), raw=lambda r: " ".join(r.files_changed), csv="files_changed"
        ),
        Column(
            "Commit", lambda r: (r.commit_hash or looks.MISSING)[:8], raw=lambda r: r.commit_hash, csv="commit_hash"
        ),
        Column("Retries", lambda r: r.retry_count, raw=lambda r: r.retry_count, csv="retry_count"),
        Column("By", lambda r: r.created_by, raw=lambda r: r.created_by, csv="created_by"),
        Column(
            "Begun",
            lambda r: r.created_at,
            st.column_config.DatetimeColumn(
                format="YYYY-MM-DD HH:mm", timezone=looks.zone_name(), help=looks.zone_help()
            ),
            lambda r: r.created_at.isoformat(),
            "created_at",
        ),
        Column("Text", lambda r: r.description or "", raw=lambda r: r.description, csv="description"),
    ]


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
    download_csv_button("CSV", lambda: exports.to_csv(csv_frame(shown, rows)), "earlier-implementations")
if len(rows) == executions.EARLIER_PAGE:
    st.caption(f"The newest {len(rows):,}.")
st.dataframe(
    table(shown, rows),
    column_config=looks_of(shown),
    hide_index=True,
    key="earlier",
    alt="Implementations from before workspaces, the newest first",
)
