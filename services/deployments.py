"""Detector versions and their deploys: candidates, what deploys tell, and the switch of a pattern's version."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import executions, notifications, timeline, workspaces
from services.codec import Codec
from services.detectors.contract import ContractReport
from services.detectors.types import DetectorSpec, Matcher, Params
from services.errors import Conflict, NotFound
from services.lifecycle import (
    AuthorType,
    DeployStatus,
    ExecutionStatus,
    MessageType,
    VersionStatus,
    WorkspaceStatus,
    bump,
)
from services.models import (
    DetectorVersion,
    Evaluation,
    PatternWorkspace,
    new_id,
    now,
)
from services.places import ReplayResult
from services.states import move_version
from services.texts import storable

_CONTRACT = Codec(ContractReport, "contract report")
MAX_LOG = 200_000  # characters of a deploy's log that are kept; the end is what matters


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A detector version as screens show it."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    version: str
    build_label: str | None
    commit_hash: str
    module_path: str
    code_sha256: str
    params: Params
    origin: str
    status: str
    execution_id: uuid.UUID | None
    contract_report: ContractReport | None
    created_at: datetime
    deployed_at: datetime | None
    retired_at: datetime | None


def _row(v: DetectorVersion) -> VersionRow:
    return VersionRow(
        v.id, v.workspace_id, v.version, v.build_label, v.commit_hash, v.module_path, v.code_sha256, dict(v.params),
        v.origin, v.status, v.execution_id, _contract_of(v), v.created_at, v.deployed_at, v.retired_at,
    )  # fmt: skip


def _contract_of(version: DetectorVersion) -> ContractReport | None:
    """What the contract's check came to; None for a version that was made without one."""
    return _CONTRACT.from_json(version.contract_report) if version.contract_report else None


def get_version(session: Session, version_id: uuid.UUID) -> VersionRow:
    """One version. Raises NotFound."""
    version = session.get(DetectorVersion, version_id)
    if version is None:
        raise NotFound("There is no such detector version.")
    return _row(version)


def list_versions(session: Session, workspace_id: uuid.UUID) -> list[VersionRow]:
    """A workspace's versions, newest first."""
    rows = session.scalars(
        select(DetectorVersion)
        .where(DetectorVersion.workspace_id == workspace_id)
        .order_by(DetectorVersion.created_at.desc(), DetectorVersion.id.desc())
    )
    return [_row(v) for v in rows]


def add_candidate(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    commit_hash: str,
    module_path: str,
    code_sha256: str,
    params: Params,
    spec: DetectorSpec,
    origin: str,
    contract_report: ContractReport | None,
) -> uuid.UUID:
    """The candidate of an execution's present attempt; the same commit and parameters again are the same row."""
    execution = executions.locked(session, execution_id, epoch)
    workspace = workspaces.lock(session, execution.workspace_id)
    parent = session.get(DetectorVersion, workspace.deployed_version_id) if workspace.deployed_version_id else None
    kept_report = _CONTRACT.to_json(contract_report) if contract_report is not None else None
    existing = session.get(DetectorVersion, execution.candidate_version_id) if execution.candidate_version_id else None
    if existing and existing.commit_hash == commit_hash and existing.params == dict(params):
        existing.contract_report = kept_report
        return existing.id
    if existing and existing.status == VersionStatus.CANDIDATE:
        move_version(existing, VersionStatus.REJECTED)
    label = _next_version(workspace, parent, code_sha256)
    version = DetectorVersion(
        id=new_id(), workspace_id=workspace.id, version=label, build_label=label,
        parent_id=parent.id if parent else None, commit_hash=commit_hash, module_path=module_path,
        code_sha256=code_sha256, params=dict(params), param_schema=[asdict(p) for p in spec.params], origin=origin, confirmation_lag=spec.confirmation_lag,
        execution_id=execution.id, contract_report=kept_report,
    )  # fmt: skip
    session.add(version)
    session.flush()
    execution.candidate_version_id = version.id
    return version.id


def _next_version(workspace: PatternWorkspace, parent: DetectorVersion | None, code_sha256: str) -> str:
    if parent is None:
        return "0.1.0" if workspace.version == "0.0.0" else bump(workspace.version, code_changed=True)
    return bump(workspace.version, code_changed=parent.code_sha256 != code_sha256)


def candidate_params(session: Session, execution_id: uuid.UUID) -> list[Params]:
    """The parameters of every candidate that an execution brought so far, oldest first."""
    rows = session.scalars(
        select(DetectorVersion.params)
        .where(DetectorVersion.execution_id == execution_id)
        .order_by(DetectorVersion.created_at, DetectorVersion.id)
    )
    return [dict(p) for p in rows]


def reject_candidate(session: Session, execution_id: uuid.UUID, *, epoch: int) -> None:
    """Marks the execution's candidate as one that is not to be deployed."""
    execution = executions.locked(session, execution_id, epoch)
    if execution.candidate_version_id:
        version = session.get(DetectorVersion, execution.candidate_version_id)
        if version and version.status == VersionStatus.CANDIDATE:
            move_version(version, VersionStatus.REJECTED)


def add_replay(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    result: ReplayResult,
    matcher: Matcher,
    runtime_ms: int,
) -> uuid.UUID:
    """Stores how the execution's candidate did on all judged places; a second run of the step replaces the first."""
    execution = executions.locked(session, execution_id, epoch)
    if execution.candidate_version_id is None:
        raise Conflict("This execution has no candidate to score.")
    workspace = workspaces.lock(session, execution.workspace_id)
    score = result.score
    row = session.scalar(
        select(Evaluation).where(
            Evaluation.execution_id == execution_id,
            Evaluation.detector_version_id == execution.candidate_version_id,
            Evaluation.kind == "replay",
        )
    )
    if row is None:
        row = Evaluation(id=new_id(), workspace_id=workspace.id, execution_id=execution_id, kind="replay")
        session.add(row)
    row.detector_version_id = execution.candidate_version_id
    row.baseline_version_id = workspace.deployed_version_id
    row.label_set_sha256, row.matcher = result.label_set_sha256, asdict(matcher)
    row.tp, row.fp, row.fn, row.unjudged = score.tp, score.fp, score.fn, score.unjudged
    row.success_rate, row.ci_low, row.ci_high = score.rate, score.ci_low, score.ci_high
    row.precision = score.tp / (score.tp + score.fp) if score.tp + score.fp else None
    row.fixed_ids, row.broken_ids = list(result.fixed_ids), list(result.broken_ids)
    row.p_value, row.runtime_ms = result.claim.p_value if result.claim else None, runtime_ms
    executions.keep_results(row, result)
    session.flush()
    return row.id


def deploy_started(session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, deployment_id: str) -> None:
    """A deploy was asked for: queued."""
    execution = executions.locked(session, execution_id, epoch)
    execution.deploy_started_at, execution.deploy_completed_at = now(), None
    execution.deploy_status, execution.deployment_id = DeployStatus.QUEUED, deployment_id
    session.flush()
    timeline.append(
        session, execution.workspace_id, MessageType.DEPLOY_STARTED,
        data={"execution_id": execution.id, "commit_hash": execution.commit_hash, "deployment_id": deployment_id,
              "target": execution.deploy_target},
        author_type=AuthorType.SYSTEM, title="Deploy started", execution_id=execution.id,
        dedupe_key=f"deploy_started:{execution.id}:{attempt}",
    )  # fmt: skip


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
            session, execution.workspace_id, MessageType.DEPLOY_BUILDING,
            data={"execution_id": execution.id, "deployment_id": execution.deployment_id},
            author_type=AuthorType.SYSTEM, title="Deploy building", execution_id=execution.id,
            dedupe_key=f"deploy_building:{execution.id}:{attempt}",
        )  # fmt: skip
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
        session, execution.workspace_id, MessageType.DEPLOY_FAILED,
        data={"execution_id": execution.id, "deployment_id": execution.deployment_id, "error": error,
              "logs": storable(logs[-4000:]), "retry_count": execution.retry_count,
              "will_retry": will_retry},
        author_type=AuthorType.SYSTEM, title="Deploy failed", content=error, execution_id=execution.id,
        dedupe_key=f"deploy_failed:{execution.id}:{attempt}",
    )  # fmt: skip
    if not will_retry:
        notifications.deploy_failed(session, execution, error)


def deploy_retry(session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, previous_error: str) -> None:
    """Another try is about to be made; `attempt` is the number of the retry, 1 for the first."""
    execution = executions.locked(session, execution_id, epoch)
    timeline.append(
        session, execution.workspace_id, MessageType.DEPLOY_RETRY,
        data={"execution_id": execution.id, "retry_number": attempt, "max_retries": execution.max_retries,
              "previous_error": previous_error},
        author_type=AuthorType.SYSTEM, title=f"Retry {attempt} of {execution.max_retries}", content=previous_error,
        execution_id=execution.id, dedupe_key=f"deploy_retry:{execution.id}:{attempt}",
    )  # fmt: skip


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
    fixed_ids: Collection[str],
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
    _switch(session, workspace, candidate, at)
    started = execution.deploy_started_at or at
    timeline.append(
        session, workspace.id, MessageType.DEPLOY_SUCCESS,
        data={"execution_id": execution.id, "deployment_id": execution.deployment_id, "deploy_url": url,
              "version": candidate.version, "duration_s": round((at - started).total_seconds(), 3)},
        author_type=AuthorType.SYSTEM, title=f"Deployed v{candidate.version}", execution_id=execution.id,
        dedupe_key=f"deploy_success:{execution.id}",
    )  # fmt: skip
    timeline.append(
        session, workspace.id, MessageType.VERSION_UPDATED,
        data={"previous_version": previous, "new_version": candidate.version, "changes": list(changes)},
        author_type=AuthorType.SYSTEM, title=f"{previous} → {candidate.version}", execution_id=execution.id,
        dedupe_key=f"version:{execution.id}",
    )  # fmt: skip
    if workspace.status == WorkspaceStatus.IMPLEMENTING:
        workspace.implemented_at = workspace.implemented_at or at
        workspaces.move(session, workspace, "implemented", actor=None, reason=f"v{candidate.version} is live",
                        dedupe_key=f"status:{execution.id}:beta")  # fmt: skip
    elif workspace.status == WorkspaceStatus.VERIFIED:
        workspaces.move(session, workspace, "redeployed", actor=None, reason=f"v{candidate.version} is live",
                        dedupe_key=f"status:{execution.id}:beta")  # fmt: skip
    executions.complete(session, execution, summary=summary, fixed_ids=fixed_ids, resolved_version_id=candidate.id)


def _switch(session: Session, workspace: PatternWorkspace, candidate: DetectorVersion, at: datetime) -> None:
    if workspace.deployed_version_id and workspace.deployed_version_id != candidate.id:
        old = session.get(DetectorVersion, workspace.deployed_version_id)
        if old is not None:
            move_version(old, VersionStatus.RETIRED)
            old.retired_at = at
            session.flush()  # before the new one takes the place that the partial unique index holds
    move_version(candidate, VersionStatus.DEPLOYED)
    candidate.deployed_at = at
    workspace.deployed_version_id, workspace.version = candidate.id, candidate.version
    workspace.success_rate = None
    workspace.success_tp = workspace.success_fp = workspace.success_fn = 0
    session.flush()
