"""The dialog that cancels a live execution, from every screen that shows one."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from services import executions, workspaces
from services.database.engine import transaction
from services.executions import ExecutionDetail
from services.lifecycle import WorkspaceStatus


def cancel(execution_id: uuid.UUID) -> None:
    """Asks once more, because it can't be undone."""
    with guarded(stop=True), transaction() as session:
        detail = executions.get(session, execution_id)
        workspace_status = workspaces.get(session, detail.row.workspace_id).status
    _cancel(detail, workspace_status)


@st.dialog("Cancel the execution")
def _cancel(detail: ExecutionDetail, workspace_status: str) -> None:
    st.text(what_cancel_means(detail, workspace_status))
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if st.button("Keep it running", key="cancel-keep"):
            st.rerun()
        sure = st.button(
            f"Cancel execution {detail.row.number}", type="primary", icon=":material/stop_circle:", key="cancel-sure"
        )
    if sure:
        with guarded():
            with transaction() as session:
                executions.cancel(session, detail.row.id, actor=acting())
            st.rerun()


def what_cancel_means(detail: ExecutionDetail, workspace_status: str) -> str:
    """What is lost by canceling, and what stays."""
    parts = ["The run ends within seconds. Running it again starts from the beginning."]
    if detail.plan:
        parts = ["The run ends within seconds. Its plan is kept, so it can be continued from there."]
    if detail.row.commit_hash:
        parts = ["The run ends within seconds. What it committed is kept, so it can be continued from there."]
    if detail.row.feedback_count:
        parts.append(f"Its {looks.count(detail.row.feedback_count, 'correction')} will be open again.")
    if workspace_status == WorkspaceStatus.IMPLEMENTING:
        parts.append("The workspace goes back to Soon.")
    else:
        parts.append(f"v{detail.current_version} stays deployed.")
    return " ".join(parts)
