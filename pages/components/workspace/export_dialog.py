"""The dialog that hands out a workspace's reports as CSV."""

from __future__ import annotations

import uuid
from functools import partial

import streamlit as st

from pages.components.actor import require_actor
from services import exports
from services.people import Actor


@st.dialog("Export")
def export(workspace_id: uuid.UUID) -> None:
    """The workspace's reports as CSV, read on the click."""
    actor = require_actor()
    st.caption("Cells that a spreadsheet would take for a formula are defused by a leading '.")
    for report in ("timeline", "sessions", "feedback", "executions"):
        title = exports.REPORTS[report].title
        st.download_button(
            title,
            partial(_report, report, workspace_id, actor),
            file_name=exports.file_name(report, {}),
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"export-{report}",
            width="stretch",
        )


def _report(report: str, workspace_id: uuid.UUID, actor: Actor) -> bytes:
    return b"".join(exports.stream_csv(report, {"workspace": str(workspace_id)}, actor_id=actor.id))
