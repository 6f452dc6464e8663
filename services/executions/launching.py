"""Launching, canceling and running again: what people do to executions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import feedback, holding, timeline, workspaces
from services.database.queue import enqueue, wake
from services.errors import Conflict, InvalidInput, NotFound
from services.executions.ending import end_canceled
from services.feedback import FeedbackRow
from services.lifecycle import ExecutionStatus, FeedbackState, MessageType, Verdict, WorkspaceStatus
from services.models import ClaudeExecution, ExecutionFeedback, PatternWorkspace, new_id, now
from services.people import Actor, record, require
from services.rules import agent_in_words, is_described
from services.states import move_corrections

AGENTS = ("tuner", "claude")
BY_HAND = "manual"  # no agent: a commit that a person made goes through the gates
DEPLOY_TARGETS = ("local", "vercel")


def link(execution_id: uuid.UUID) -> str:
    """The address of the execution's screen."""
    return f"/execution?id={execution_id}"


def check_launchable(session: Session, workspace: PatternWorkspace) -> None:
    """Raises a sentence when nothing can be launched in this workspace now."""
    live = workspaces.has_live_execution(session, workspace.id)
    if live is not None:
        raise Conflict(f"Execution {live.number} of {workspace.name} is live; one runs at a time.", link=link(live.id))
    if workspace.archived_at is not None:
        raise Conflict(f"{workspace.name} is archived; restore it first.", link=workspaces.link(workspace.id))
    if workspace.status == WorkspaceStatus.IN_REVIEW:
        raise Conflict(
            f"{workspace.name} is in review; withdraw the approval first, then launch.",
            link=workspaces.link(workspace.id),
        )
    if workspace.deployed_version_id is None and not is_described(workspace):
        raise InvalidInput(
            f"{workspace.name} is not described yet; write its description, reasoning and steps, then launch."
        )


def batch(session: Session, workspace: PatternWorkspace, feedback_ids: Sequence[uuid.UUID] | None) -> list[FeedbackRow]:
    """The corrections a launch sends: all open ones, or the chosen ones. Raises a sentence when there is none."""
    known = feedback.open_corrections(session, workspace.id)
    available = known.sent
    if feedback_ids is not None:
        chosen = set(feedback_ids)
        missing = chosen - {f.id for f in available}
        if missing:
            raise Conflict(
                f"{len(missing)} of the chosen corrections can't be sent: they were sent, taken back, contradicted by "
                "others or are kept for testing. Look at the prompt again."
            )
        available = [f for f in available if f.id in chosen]
    if not available and workspace.deployed_version_id is not None:
        if known.contradicted and feedback_ids is None:
            raise InvalidInput(
                f"Others contradict {known.contradicted} of the open corrections, so they are not sent; settle who is "
                "right, or judge another window."
            )
        if known.held and feedback_ids is None:
            raise InvalidInput(
                f"All {known.held} open corrections are kept for testing, so the agent never sees them; "
                "judge another window first."
            )
        raise InvalidInput("There is no open correction to send; judge a session or write a correction first.")
    return available


def launch(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    feedback_ids: Sequence[uuid.UUID] | None = None,
    prompt_file: str | None,
    agent: str = "tuner",
    deploy_target: str = "local",
    stop_after_planning: bool = False,
    parent_execution_id: uuid.UUID | None = None,
    max_retries: int = 10,
    continues: bool = False,
    commit_hash: str | None = None,
    actor: Actor,
) -> uuid.UUID:
    """Writes the execution, its links, its messages and its queued job in the caller's one transaction.

    `prompt_file` is the storage key of the prompt that was shown. One that `continues` its parent may have no
    correction left to send, and neither does one by hand, which takes `commit_hash`. Returns the execution's id.
    """
    require(actor, "launch")
    if (agent == BY_HAND) != (commit_hash is not None):
        raise InvalidInput("A commit made by hand is adopted, and an agent is launched.")
    if agent not in AGENTS and agent != BY_HAND:
        raise InvalidInput(f"There is no agent called {agent}; there are {', '.join(AGENTS)}.")
    if deploy_target not in DEPLOY_TARGETS:
        raise InvalidInput(f"There is no deploy target called {deploy_target}; there are {', '.join(DEPLOY_TARGETS)}.")
    workspace = workspaces.lock(session, workspace_id)
    check_launchable(session, workspace)
    holding.check_cap(session, workspace, agent)
    none = (continues and not feedback_ids) or agent == BY_HAND
    items = [] if none else batch(session, workspace, feedback_ids)
    workspace.execution_seq += 1
    execution = ClaudeExecution(
        id=new_id(),
        workspace_id=workspace_id,
        triggered_by=actor.id,
        number=workspace.execution_seq,
        prompt_file=prompt_file,
        agent=agent,
        deploy_target=deploy_target,
        stop_after_planning=stop_after_planning,
        parent_execution_id=parent_execution_id,
        max_retries=max_retries,
        is_first=workspace.deployed_version_id is None,
        continues=continues,
        commit_hash=commit_hash,
    )
    try:
        with session.begin_nested():
            session.add(execution)
    except IntegrityError as error:
        raise Conflict("Another execution was launched here at the same moment.") from error
    if items:
        _send(session, execution, items, actor)
    if workspace.status == WorkspaceStatus.SOON:
        workspaces.move(session, workspace, "launch_first", actor=actor, reason=f"execution {execution.number}")
    record(
        session,
        actor=actor,
        action="launch",
        object_type="execution",
        object_id=execution.id,
        after={"number": execution.number, "agent": agent, "feedback_count": len(items)},
    )
    enqueue(session, execution.id, workspace_id)
    timeline.announce(session, workspace_id, execution_id=execution.id)
    return execution.id


def _send(session: Session, execution: ClaudeExecution, items: Sequence[FeedbackRow], actor: Actor) -> None:
    session.execute(insert(ExecutionFeedback), [{"execution_id": execution.id, "feedback_id": f.id} for f in items])
    sent = move_corrections(
        session, [f.id for f in items], FeedbackState.OPEN, FeedbackState.SENT, sent_to_claude_at=now()
    )
    if sent != len(items):
        raise Conflict(
            "Some of these corrections were sent or taken back at the same moment. Look at the prompt again."
        )
    session.refresh(execution, ["feedback_ids"])  # follows the links by a trigger
    sessions = list(dict.fromkeys(f.session_id for f in items if f.session_id))
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.FEEDBACK_BATCH_SENT,
        data={
            "session_id": sessions[0] if len(sessions) == 1 else None,
            "session_ids": sessions,
            "feedback_ids": [f.id for f in items],
            "feedback_count": len(items),
            "total_comments": sum(1 for f in items if f.reason or f.verdict == Verdict.COMMENT),
            "total_images": sum(len(f.attachments) for f in items),
        },
        actor=actor,
        title=f"Feedback sent to {agent_in_words(execution.agent)}",
        content=f"Sent {len(items)} corrections for analysis",
        execution_id=execution.id,
    )


def cancel(session: Session, execution_id: uuid.UUID, *, actor: Actor) -> None:
    """Asks for the end of a live execution. One that no worker is busy with ends here (queued, between retries,
    waiting for its plan to be accepted); a running one is ended by its worker.
    """
    require(actor, "cancel")
    workspace_id = session.scalar(select(ClaudeExecution.workspace_id).where(ClaudeExecution.id == execution_id))
    if workspace_id is None:
        raise NotFound("There is no such execution.")
    workspaces.lock(session, workspace_id)
    execution = session.get(ClaudeExecution, execution_id, with_for_update=True, populate_existing=True)
    assert execution is not None
    if execution.status in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED):
        raise Conflict(f"Execution {execution.number} has ended already.", link=link(execution_id))
    if execution.canceled_at is not None:
        return
    execution.canceled_at, execution.canceled_by_id = now(), actor.id
    record(session, actor=actor, action="cancel", object_type="execution", object_id=execution.id)
    if execution.status == ExecutionStatus.RETRY:
        wake(session, execution_id)
    if execution.status != ExecutionStatus.RUNNING or execution.worker_id is None:
        end_canceled(session, execution)
    session.flush()
    timeline.announce(session, workspace_id, execution_id=execution.id)


def accept_plan(session: Session, execution_id: uuid.UUID, *, actor: Actor) -> None:
    """Says yes to the plan of an execution that stopped after planning, and queues what follows."""
    require(actor, "launch")
    execution = session.get(ClaudeExecution, execution_id, with_for_update=True, populate_existing=True)
    if execution is None:
        raise NotFound("There is no such execution.")
    waits = execution.stop_after_planning and execution.status == ExecutionStatus.RUNNING
    if not waits or execution.plan is None or execution.canceled_at is not None:
        raise Conflict("This execution is not waiting for its plan to be accepted.", link=link(execution_id))
    if execution.plan_accepted_at is not None:
        return
    execution.plan_accepted_at = now()
    record(session, actor=actor, action="accept_plan", object_type="execution", object_id=execution.id)
    if execution.worker_id is None:  # else its worker is about to look, and goes on by itself
        enqueue(session, execution.id, execution.workspace_id, accepted=True)
    timeline.announce(session, execution.workspace_id, execution_id=execution.id)


def adopted_commits(session: Session, workspace_id: uuid.UUID) -> set[str]:
    """The commits made by hand that were sent through the gates, without those whose execution failed."""
    query = select(ClaudeExecution.commit_hash).where(
        ClaudeExecution.workspace_id == workspace_id,
        ClaudeExecution.agent == BY_HAND,
        ClaudeExecution.status != ExecutionStatus.FAILED,
    )
    return {sha for sha in session.scalars(query) if sha}
