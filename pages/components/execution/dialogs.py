"""The dialogs of an execution: cancel it, run it again, continue it, deploy it although it breaks judged places."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.execution import wording as view
from pages.components.execution.replay import Cell
from pages.components.execution.text_viewer import prompt_view
from pages.components.launch.choices import choose, claude_limits, may_work, not_available
from pages.components.links import go
from pages.components.runs import component as drawn
from pages.components.runs.state import agent as agent_name
from services import actions, executions
from services.actions import PreparedLaunch
from services.agents.registry import agents
from services.database.engine import transaction
from services.deploys.registry import targets
from services.executions import ExecutionDetail
from services.lifecycle import WorkspaceStatus

ASKED: Final = "execution-ask"
_PREPARED: Final = "again-prepared"


def ask(what: str, execution_id: uuid.UUID) -> None:
    """Remembers which dialog was asked for; it opens at the end of the page's next run."""
    forget_prepared()
    st.session_state[ASKED] = (what, execution_id)


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
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        agent = choose("Agent", agents(), key="again-agent", before=detail.row.agent)
        target = choose("Deploy to", targets(), key="again-target", before=detail.row.deploy_target)
    not_available([*agents(), *targets()])
    if agent == "claude":
        st.caption(claude_limits())
    if not may_work(agent, detail.row.workspace_id):
        return
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
    st.caption(f"{what} will be sent as a new execution that follows execution {detail.row.number}.")
    prompt_view(prepared.prompt_file, name=f"{detail.row.pattern_type}-prompt", key="again-prompt", height="16rem")
    if st.button("Run again", type="primary", icon=":material/send:", key="again-send"):
        with guarded():
            made_id = actions.launch(
                prepared, stop_after_planning=stop, deploy_target=target,
                parent_execution_id=detail.row.id, actor=actor,
            )  # fmt: skip
            forget_prepared()
            go("execution", id=made_id)


@st.dialog("Continue from here", width="medium")
def continue_dialog(detail: ExecutionDetail) -> None:
    """Says what a continued run keeps and what it is told, then launches it."""
    actor = require_actor()
    st.text(f"A new execution goes on where execution {detail.row.number} ended, instead of beginning anew.")
    drawn.facts(what_continues(detail), key="continue-facts", beside=True)
    if detail.row.agent == "claude":
        st.caption(claude_limits())
    st.caption(f"Why execution {detail.row.number} ended")
    st.text(view.error_parts(detail)[0])
    if st.button("Continue from here", type="primary", icon=":material/resume:", key="continue-send"):
        with guarded():
            made_id = actions.continue_from(detail.row.id, actor=actor)
            go("execution", id=made_id)


@st.dialog("Deploy anyway?", width="medium")
def waive_dialog(detail: ExecutionDetail, broken: int) -> None:
    """Asks for the reason why judged places may break, and launches the run that deploys the candidate."""
    actor = require_actor()
    places = looks.count(broken, "judged place")
    st.text(
        f"The candidate of execution {detail.row.number} breaks {places} that held before. A new execution tests it "
        f"again, lets {'it' if broken == 1 else 'these'} break and no other, and deploys it."
    )
    reason = st.text_area("Why is that right?", max_chars=2000, key="waive-reason",
                          help="It shows on the timeline and in the review, with your name.")  # fmt: skip
    if st.button(f"Deploy and break {places}", type="primary", icon=":material/gavel:", key="waive-send"):
        with guarded():
            with transaction() as session:
                made_id = executions.waive(session, detail.row.id, reason=reason, actor=actor)
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
