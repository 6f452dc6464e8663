"""Going back to an earlier version: asking for it, and the switch once the deploy target runs it again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import approvals, labels, people, timeline, workspaces
from services.database.queue import enqueue_roll_back
from services.deployments.recording import switch_version
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import LIVE_EXECUTION, ExecutionPhase, MessageType, WorkspaceStatus
from services.models import (
    ClaudeExecution,
    DetectorVersion,
    Evaluation,
    PatternWorkspace,
    User,
    VersionSwitch,
    new_id,
    now,
)
from services.people import Actor, record, require
from services.states import end_switch
from services.texts import cleaned

PENDING = "pending"


@dataclass(frozen=True, slots=True)
class RollBack:
    """A roll back as the worker carries it out and screens show it."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    pattern_type: str
    from_commit: str
    to_version_id: uuid.UUID
    to_commit: str
    to_version: str
    deploy_target: str
    reason: str
    requested_by: str
    status: str
    error: str | None
    created_at: datetime


def request_roll_back(
    session: Session, workspace_id: uuid.UUID, version_id: uuid.UUID, *, reason: str, actor: Actor
) -> uuid.UUID:
    """Queues the roll back to an earlier version that was deployed once. Returns its id.

    Raises a sentence when an execution is deploying, another roll back is under way, or the version can't be run.
    """
    require(actor, "roll_back")
    words = cleaned(reason)
    if not words:
        raise InvalidInput("A reason is required; it shows on the timeline.")
    workspace = workspaces.lock(session, workspace_id)
    target = session.get(DetectorVersion, version_id)
    if target is None or target.workspace_id != workspace_id:
        raise NotFound("There is no such version of this pattern.")
    _refuse(session, workspace, target)
    assert workspace.deployed_version_id is not None  # there is an earlier version, so there is one now
    switch = VersionSwitch(
        id=new_id(),
        workspace_id=workspace_id,
        from_version_id=workspace.deployed_version_id,
        to_version_id=target.id,
        reason=words,
        requested_by_id=actor.id,
    )
    try:
        with session.begin_nested():
            session.add(switch)
    except IntegrityError as error:
        raise Conflict("A roll back is under way here already.") from error
    record(
        session,
        actor=actor,
        action="roll_back",
        object_type="workspace",
        object_id=workspace_id,
        after={"to": target.version, "reason": words},
    )
    enqueue_roll_back(session, switch.id)
    timeline.announce(session, workspace_id)
    return switch.id


def _refuse(session: Session, workspace: PatternWorkspace, target: DetectorVersion) -> None:
    if workspace.archived_at is not None:
        raise Conflict(f"{workspace.name} is archived; restore it first.")
    if target.id == workspace.deployed_version_id:
        raise Conflict(f"v{target.version} is deployed already.")
    if target.deployed_at is None:
        raise Conflict(f"v{target.version} was never deployed, so there is nothing to go back to.")
    number = deploying_execution(session, workspace.id)
    if number is not None:
        raise Conflict(f"Execution {number} is deploying; wait for its end, or cancel it.")
    if pending_roll_back(session, workspace.id) is not None:
        raise Conflict("A roll back is under way here already.")


def deploying_execution(session: Session, workspace_id: uuid.UUID) -> int | None:
    """The number of the execution that deploys in this workspace now."""
    return session.scalar(
        select(ClaudeExecution.number).where(
            ClaudeExecution.workspace_id == workspace_id,
            ClaudeExecution.status.in_(LIVE_EXECUTION),
            ClaudeExecution.phase == ExecutionPhase.DEPLOYING,
        )
    )


def pending_roll_back(session: Session, workspace_id: uuid.UUID) -> RollBack | None:
    """The roll back that a worker has yet to carry out, if there is one."""
    found = session.scalar(
        select(VersionSwitch.id).where(VersionSwitch.workspace_id == workspace_id, VersionSwitch.status == PENDING)
    )
    return get_roll_back(session, found) if found is not None else None


def roll_back_under_way(session: Session, workspace_id: uuid.UUID) -> bool:
    """Whether a worker has yet to carry one out. Waits for one that is just being asked for: the workspace is locked."""
    workspaces.lock(session, workspace_id)
    return pending_roll_back(session, workspace_id) is not None


def last_roll_back(session: Session, workspace_id: uuid.UUID) -> RollBack | None:
    """The newest one, whatever became of it."""
    found = session.scalar(
        select(VersionSwitch.id)
        .where(VersionSwitch.workspace_id == workspace_id)
        .order_by(VersionSwitch.created_at.desc(), VersionSwitch.id.desc())
        .limit(1)
    )
    return get_roll_back(session, found) if found is not None else None


def get_roll_back(session: Session, switch_id: uuid.UUID) -> RollBack:
    """Raises NotFound."""
    switch = session.get(VersionSwitch, switch_id, populate_existing=True)
    if switch is None:
        raise NotFound("There is no such roll back.")
    workspace = session.get_one(PatternWorkspace, switch.workspace_id)
    old = session.get_one(DetectorVersion, switch.from_version_id)
    new = session.get_one(DetectorVersion, switch.to_version_id)
    made_by = session.get(ClaudeExecution, new.execution_id) if new.execution_id else None
    return RollBack(
        switch.id,
        switch.workspace_id,
        workspace.pattern_type,
        old.commit_hash,
        new.id,
        new.commit_hash,
        new.version,
        made_by.deploy_target if made_by is not None else "local",
        switch.reason,
        session.scalar(select(User.name).where(User.id == switch.requested_by_id)) or "somebody",
        switch.status,
        switch.error,
        switch.created_at,
    )


def finish_roll_back(session: Session, switch_id: uuid.UUID) -> None:
    """The target runs the earlier version: switches the workspace's version, its rate, its status. Twice is once."""
    found = session.get(VersionSwitch, switch_id, populate_existing=True)
    if found is None or found.status != PENDING:
        return
    workspace = workspaces.lock(session, found.workspace_id)
    switch = session.get_one(VersionSwitch, switch_id, populate_existing=True)
    target = session.get_one(DetectorVersion, switch.to_version_id)
    old = session.get_one(DetectorVersion, switch.from_version_id)
    if workspace.deployed_version_id != old.id:
        raise Conflict("Another version was deployed meanwhile.")
    previous, at = workspace.version, now()
    switch_version(session, workspace, target, at, how="roll_back")
    labels.note_rate(session, workspace)
    end_switch(switch, "done")
    switch.ended_at = at
    session.flush()
    timeline.append(
        session,
        workspace.id,
        MessageType.VERSION_ROLLED_BACK,
        data={"previous_version": previous, "new_version": workspace.version, "reason": switch.reason},
        actor=people.known_actor(session, switch.requested_by_id),
        title=f"Rolled back to v{workspace.version}",
        content=switch.reason,
        dedupe_key=f"rolled_back:{switch.id}",
    )
    if workspace.status == WorkspaceStatus.VERIFIED and target.release is None:
        workspaces.move(session, workspace, "redeployed", actor=None, reason=f"rolled back to v{workspace.version}")
    approvals.void_if_changed(session, workspace.id, reason=f"It was rolled back to v{workspace.version}")


def fail_roll_back(session: Session, switch_id: uuid.UUID, sentence: str) -> None:
    """What was deployed stays, and the versions page says why."""
    switch = session.get(VersionSwitch, switch_id, populate_existing=True)
    if switch is None or switch.status != PENDING:
        return
    workspaces.lock(session, switch.workspace_id)
    end_switch(switch, "failed")
    switch.error, switch.ended_at = sentence[:2000], now()
    session.flush()
    timeline.announce(session, switch.workspace_id)


def baseline_moved(session: Session, execution_id: uuid.UUID) -> bool:
    """Whether another version is deployed than the one that the execution's candidate was replayed against."""
    execution = session.get(ClaudeExecution, execution_id, populate_existing=True)
    if execution is None or execution.candidate_version_id is None:
        return False
    workspace = session.get_one(PatternWorkspace, execution.workspace_id, populate_existing=True)
    replayed = session.execute(
        select(Evaluation.baseline_version_id)
        .where(
            Evaluation.execution_id == execution_id,
            Evaluation.kind == "replay",
            Evaluation.detector_version_id == execution.candidate_version_id,
        )
        .order_by(Evaluation.created_at.desc())
        .limit(1)
    ).first()
    return replayed is not None and replayed[0] != workspace.deployed_version_id
