"""What a target reports of an execution's deploy, and the switch of a pattern's version when it is live."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from services import approvals, executions, labels, notifications, timeline, workspaces
from services.errors import Conflict
from services.lifecycle import (
    AuthorType,
    DeployStatus,
    ExecutionStatus,
    MessageType,
    VersionStatus,
    WorkspaceStatus,
)
from services.models import (
    DetectorVersion,
    PatternWorkspace,
    VersionPeriod,
    new_id,
    now,
)
from services.states import move_version
from services.texts import storable

MAX_LOG = 200_000  # characters of a deploy's log that are kept; the end is what matters


def deploy_started(session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, deployment_id: str) -> None:
    """A deploy was asked for: queued."""
    execution = executions.locked(session, execution_id, epoch)
    execution.deploy_started_at, execution.deploy_completed_at = now(), None
    execution.deploy_status, execution.deployment_id = DeployStatus.QUEUED, deployment_id
    session.flush()
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.DEPLOY_STARTED,
        data={
            "execution_id": execution.id,
            "commit_hash": execution.commit_hash,
            "deployment_id": deployment_id,
            "target": execution.deploy_target,
        },
        author_type=AuthorType.SYSTEM,
        title="Deploy started",
        execution_id=execution.id,
        dedupe_key=f"deploy_started:{execution.id}:{attempt}",
    )


def deploy_moved(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    attempt: int,
    status: DeployStatus,
    raw: str,
    logs: str,
    url: str | None,
) -> None:
    """What the target says of the deploy: its state (raw beside the seed's five), its log so far, its address."""
    execution = executions.locked(session, execution_id, epoch)
    if execution.deploy_status in (DeployStatus.READY, DeployStatus.ERROR, DeployStatus.CANCELED):
        return
    execution.deploy_status, execution.deploy_state_raw = status, raw
    execution.deploy_logs, execution.deploy_url = storable(logs[-MAX_LOG:]), url or execution.deploy_url
    session.flush()
    if status == DeployStatus.BUILDING:
        timeline.append(
            session,
            execution.workspace_id,
            MessageType.DEPLOY_BUILDING,
            data={"execution_id": execution.id, "deployment_id": execution.deployment_id},
            author_type=AuthorType.SYSTEM,
            title="Deploy building",
            execution_id=execution.id,
            dedupe_key=f"deploy_building:{execution.id}:{attempt}",
        )
    timeline.announce(session, execution.workspace_id, execution_id=execution.id)


def deploy_failed(
    session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, error: str, logs: str, will_retry: bool
) -> None:
    """The deploy of this attempt failed; its log stays with the message."""
    execution = executions.locked(session, execution_id, epoch)
    execution.deploy_status, execution.deploy_completed_at = DeployStatus.ERROR, now()
    execution.deploy_logs = storable(logs[-MAX_LOG:])
    session.flush()
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.DEPLOY_FAILED,
        data={
            "execution_id": execution.id,
            "deployment_id": execution.deployment_id,
            "error": error,
            "logs": storable(logs[-4000:]),
            "retry_count": execution.retry_count,
            "will_retry": will_retry,
        },
        author_type=AuthorType.SYSTEM,
        title="Deploy failed",
        content=error,
        execution_id=execution.id,
        dedupe_key=f"deploy_failed:{execution.id}:{attempt}",
    )
    if not will_retry:
        notifications.deploy_failed(session, execution, error)


def deploy_retry(session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, previous_error: str) -> None:
    """Another try is about to be made; `attempt` is the number of the retry, 1 for the first."""
    execution = executions.locked(session, execution_id, epoch)
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.DEPLOY_RETRY,
        data={
            "execution_id": execution.id,
            "retry_number": attempt,
            "max_retries": execution.max_retries,
            "previous_error": previous_error,
        },
        author_type=AuthorType.SYSTEM,
        title=f"Retry {attempt} of {execution.max_retries}",
        content=previous_error,
        execution_id=execution.id,
        dedupe_key=f"deploy_retry:{execution.id}:{attempt}",
    )


def deploy_succeeded(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    attempt: int,
    url: str | None,
    raw: str,
    logs: str,
    changes: Sequence[str],
    holding_ids: Collection[str],
    summary: str,
) -> None:
    """The candidate is live: switches the workspace's version, moves its status, settles corrections, ends the run.

    One transaction, so that the timeline, the version and the counters never disagree. A second call does nothing.
    """
    execution = executions.locked(session, execution_id, epoch)
    workspace = workspaces.lock(session, execution.workspace_id)
    candidate = session.get(DetectorVersion, execution.candidate_version_id) if execution.candidate_version_id else None
    if candidate is None:
        raise Conflict("This execution has no candidate to deploy.")
    if execution.status == ExecutionStatus.COMPLETED:
        return
    at = now()
    execution.deploy_status, execution.deploy_state_raw = DeployStatus.READY, raw
    execution.deploy_completed_at, execution.deploy_url = at, url
    execution.deploy_logs = storable(logs[-MAX_LOG:])
    previous = workspace.version
    switch_version(session, workspace, candidate, at)
    started = execution.deploy_started_at or at
    timeline.append(
        session,
        workspace.id,
        MessageType.DEPLOY_SUCCESS,
        data={
            "execution_id": execution.id,
            "deployment_id": execution.deployment_id,
            "deploy_url": url,
            "version": candidate.version,
            "duration_s": round((at - started).total_seconds(), 3),
        },
        author_type=AuthorType.SYSTEM,
        title=f"Deployed v{candidate.version}",
        execution_id=execution.id,
        dedupe_key=f"deploy_success:{execution.id}",
    )
    timeline.append(
        session,
        workspace.id,
        MessageType.VERSION_UPDATED,
        data={"previous_version": previous, "new_version": candidate.version, "changes": list(changes)},
        author_type=AuthorType.SYSTEM,
        title=f"{previous} → {candidate.version}",
        execution_id=execution.id,
        dedupe_key=f"version:{execution.id}",
    )
    if workspace.status == WorkspaceStatus.IMPLEMENTING:
        workspace.implemented_at = workspace.implemented_at or at
        workspaces.move(
            session,
            workspace,
            "implemented",
            actor=None,
            reason=f"v{candidate.version} is live",
            dedupe_key=f"status:{execution.id}:beta",
        )
    elif workspace.status == WorkspaceStatus.VERIFIED:
        workspaces.move(
            session,
            workspace,
            "redeployed",
            actor=None,
            reason=f"v{candidate.version} is live",
            dedupe_key=f"status:{execution.id}:beta",
        )
    executions.complete(session, execution, summary=summary, holding_ids=holding_ids, resolved_version_id=candidate.id)
    approvals.void_if_changed(session, workspace.id, reason=f"v{candidate.version} was deployed")


def switch_version(
    session: Session, workspace: PatternWorkspace, candidate: DetectorVersion, at: datetime, *, how: str = "deploy"
) -> None:
    """Makes a version the deployed one of a locked workspace: its status, its period, the number that screens show.

    The rate is unknown then; the last one stays beside it.
    """
    if workspace.deployed_version_id and workspace.deployed_version_id != candidate.id:
        old = session.get(DetectorVersion, workspace.deployed_version_id)
        if old is not None:
            move_version(old, VersionStatus.RETIRED)
            old.retired_at = at
            session.flush()  # before the new one takes the place that the partial unique index holds
    move_version(candidate, VersionStatus.DEPLOYED)
    candidate.deployed_at, candidate.retired_at = at, None
    session.execute(
        update(VersionPeriod)
        .where(VersionPeriod.workspace_id == workspace.id, VersionPeriod.ended_at.is_(None))
        .values(ended_at=at)
    )
    session.add(VersionPeriod(id=new_id(), workspace_id=workspace.id, version_id=candidate.id, started_at=at, how=how))
    workspace.rate = labels.forget_rates(workspace.rate, workspace.version)
    workspace.deployed_version_id, workspace.version = candidate.id, candidate.release or candidate.version
    workspace.success_rate = None
    workspace.success_tp = workspace.success_fp = workspace.success_fn = 0
    session.flush()
