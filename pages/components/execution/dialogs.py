"""The dialogs of an execution's screen: run it again, continue it, deploy it although it breaks judged places."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.dialogs import asked
from pages.components.errors import guarded
from pages.components.execution import read, wording
from pages.components.execution.read import ExecutionView
from pages.components.launch.choices import claude_limits
from pages.components.launch.dialog import launch
from pages.components.links import go
from pages.components.runs import component
from pages.components.runs.cancel_dialog import cancel
from pages.components.runs.cells import Cell
from pages.components.runs.state import agent_name, is_live
from services import actions, executions
from services.database.engine import transaction
from services.executions import ExecutionDetail


def open_asked(view: ExecutionView) -> None:
    """Opens the dialog that was asked for, as long as what it does is still possible."""
    request = asked()
    row = view.detail.row
    if request is None or request[1] != (row.id,):
        return
    what, live = request[0], is_live(row)
    if what == "cancel" and live:
        cancel(row.id)
    elif what == "again" and not live:
        launch(row.workspace_id, view.detail)
    elif what == "continue" and view.why_not_continue is None:
        continue_dialog(view.detail)
    elif what == "waive" and view.why_not_continue is None:
        waive_dialog(view.detail, read.waivable(row.id))


@st.dialog("Continue from here", width="medium")
def continue_dialog(detail: ExecutionDetail) -> None:
    """Says what a continued run keeps and begins with, then launches it."""
    st.text(
        f"A new execution goes on where execution {detail.row.number} ended, instead of starting from the beginning."
    )
    component.facts(what_continues(detail), key="continue-facts", beside=True)
    if detail.row.agent == "claude":
        st.caption(claude_limits())
    st.caption(f"Why execution {detail.row.number} ended")
    st.text(wording.error_parts(detail)[0])
    if st.button("Continue from here", type="primary", icon=":material/resume:", key="continue-send"):
        with guarded():
            made_id = actions.continue_from(detail.row.id, actor=acting())
            go("execution", id=made_id)


@st.dialog("Deploy anyway?", width="medium")
def waive_dialog(detail: ExecutionDetail, broken: int) -> None:
    """Asks for the reason why judged places may break, and launches the run that deploys the candidate."""
    places = looks.count(broken, "judged place")
    st.text(
        f"The candidate of execution {detail.row.number} breaks {places} that held before. A new execution tests it "
        f"again, lets {'it' if broken == 1 else 'these'} break and no other, and deploys it."
    )
    reason = st.text_area(
        "Why is that right?",
        max_chars=2000,
        key="waive-reason",
        help="It shows on the timeline and in the review, with your name.",
    )
    if st.button(f"Deploy and break {places}", type="primary", icon=":material/gavel:", key="waive-send"):
        with guarded():
            with transaction() as session:
                made_id = executions.waive(session, detail.row.id, reason=reason, actor=acting())
            go("execution", id=made_id)


def what_continues(detail: ExecutionDetail) -> list[tuple[str, Cell]]:
    """What a continued run keeps of this one, what it begins with, and who works on it."""
    row = detail.row
    plan = detail.plan.summary if detail.plan else ""
    commit: Cell = {"t": "none was made"}
    if row.commit_hash:
        files = looks.count(len(detail.files_changed), "changed file")
        commit = {"t": f"{row.commit_hash[:7]} · {files}", "title": detail.commit_message}
    sent = f"{looks.count(row.feedback_count, 'correction')}, as far as still open" if row.feedback_count else "none"
    return [
        ("Keeps the commit", commit),
        ("Keeps the plan", {"t": plan or "there was none"}),
        ("Takes the corrections", {"t": sent}),
        ("Begins with", {"t": begins_with(detail)}),
        ("Agent", {"t": agent_name(row.agent)}),
        ("Deploys to", {"t": row.deploy_target}),
        ("Retries", {"t": f"{row.max_retries} of its own"}),
    ]


def begins_with(detail: ExecutionDetail) -> str:
    """The first thing a continued run does, which follows from how this one ended."""
    if detail.row.commit_hash is None:
        return "carrying out the plan"
    last = detail.attempts[-1].follow_up if detail.attempts else None
    if last is not None and last.kind == "deploy.failed":
        return "the agent mending the change, with why the deploy failed and the end of its log"
    return "testing the kept change again, then deploying it"
