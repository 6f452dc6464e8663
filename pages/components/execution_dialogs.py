"""The dialogs of an execution: cancel it, run it again."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.execution_drawn import text
from pages.components.links import go
from services import actions, executions
from services.actions import PreparedLaunch
from services.agents.registry import agents
from services.database.engine import transaction
from services.executions import ExecutionDetail
from services.lifecycle import WorkspaceStatus

_PREPARED: Final = "again-prepared"


def what_cancel_means(detail: ExecutionDetail, workspace_status: str) -> str:
    """What is lost by canceling, and what stays."""
    parts = ["The run ends within seconds and can't go on; running it again starts from the beginning."]
    if detail.row.feedback_count:
        parts.append(f"Its {looks.count(detail.row.feedback_count, 'correction')} will be open again.")
    if workspace_status == WorkspaceStatus.IMPLEMENTING:
        parts.append("The workspace goes back to Soon.")
    else:
        parts.append(f"v{detail.current_version} stays deployed.")
    return " ".join(parts)


@st.dialog("Cancel this execution?")
def cancel_dialog(detail: ExecutionDetail, workspace_status: str) -> None:
    """Asks once more, because it can't be undone."""
    actor = require_actor()
    st.text(what_cancel_means(detail, workspace_status))
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        if st.button("Keep it running", key="cancel-keep"):
            st.rerun()
        sure = st.button(f"Cancel execution {detail.row.number}", type="primary", icon=":material/stop_circle:",
                         key="cancel-sure")  # fmt: skip
    if sure:
        with guarded():
            with transaction() as session:
                executions.cancel(session, detail.row.id, actor=actor)
            st.rerun()


def forget_prepared() -> None:
    """A dialog that opens anew makes its prompt anew."""
    st.session_state.pop(_PREPARED, None)


@st.dialog("Run again", width="large")
def run_again_dialog(detail: ExecutionDetail) -> None:
    """Shows the new prompt and sends exactly that, as a child of the old execution."""
    actor = require_actor()
    usable = {a.name: a.title for a in agents() if a.available}
    before = detail.row.agent if detail.row.agent in usable else next(iter(usable))
    agent = before
    if len(usable) > 1:
        agent = st.segmented_control(
            "Agent", list(usable), default=before, required=True, format_func=usable.__getitem__, key="again-agent"
        )
    stop = st.toggle(
        "Stop after planning, until somebody accepts the plan", value=detail.stop_after_planning, key="again-stop"
    )
    prepared: PreparedLaunch | None = None
    with guarded():
        held = st.session_state.get(_PREPARED)
        if held is None or held[0] != (detail.row.id, agent):
            made = actions.prepare_launch(detail.row.workspace_id, agent=agent, actor=actor)
            held = st.session_state[_PREPARED] = ((detail.row.id, agent), made)
        prepared = held[1]
    if prepared is None:
        return
    count = len(prepared.items)
    what = f"All {looks.count(count, 'open correction')}" if count else "The description of the pattern"
    st.caption(f"{what} will be sent as a new execution that follows execution {detail.row.number}. The prompt:")
    text(prepared.text, label="The prompt as it is sent", key="again-prompt", height="18rem")
    if st.button("Run again", type="primary", icon=":material/send:", key="again-send"):
        with guarded():
            made_id = actions.launch(
                prepared, stop_after_planning=stop, deploy_target=detail.row.deploy_target,
                parent_execution_id=detail.row.id, actor=actor,
            )  # fmt: skip
            forget_prepared()
            go("execution", id=made_id)
