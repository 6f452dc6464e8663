"""Detector versions: candidates of executions with their contract report and replay, and reading them."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import executions, workspaces
from services.codec import Codec
from services.detectors.contract import ContractReport
from services.detectors.types import DetectorSpec, Matcher, Params
from services.errors import Conflict, NotFound
from services.lifecycle import (
    VersionStatus,
    bump,
)
from services.models import (
    DetectorVersion,
    Evaluation,
    PatternWorkspace,
    new_id,
)
from services.places import ReplayResult
from services.states import move_version

_CONTRACT = Codec(ContractReport, "contract report")


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
    release: str | None = None
    parent_id: uuid.UUID | None = None
    confirmation_lag: int | None = None

    @property
    def name(self) -> str:
        """The number it ran under, with the name that its verification gave it: "0.3.1, released as 1.0.0"."""
        return f"{self.version}, released as {self.release}" if self.release else self.version


def _row(v: DetectorVersion) -> VersionRow:
    return VersionRow(
        v.id,
        v.workspace_id,
        v.version,
        v.build_label,
        v.commit_hash,
        v.module_path,
        v.code_sha256,
        dict(v.params),
        v.origin,
        v.status,
        v.execution_id,
        _contract_of(v),
        v.created_at,
        v.deployed_at,
        v.retired_at,
        v.release,
        v.parent_id,
        v.confirmation_lag,
    )


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
    label = _next_version(session, workspace, parent, code_sha256)
    version = DetectorVersion(
        id=new_id(),
        workspace_id=workspace.id,
        version=label,
        build_label=label,
        parent_id=parent.id if parent else None,
        commit_hash=commit_hash,
        module_path=module_path,
        code_sha256=code_sha256,
        params=dict(params),
        param_schema=[asdict(p) for p in spec.params],
        origin=origin,
        confirmation_lag=spec.confirmation_lag,
        execution_id=execution.id,
        contract_report=kept_report,
    )
    session.add(version)
    session.flush()
    execution.candidate_version_id = version.id
    return version.id


def _next_version(
    session: Session, workspace: PatternWorkspace, parent: DetectorVersion | None, code_sha256: str
) -> str:
    """The number after the greatest that this pattern's deployed versions ever had, so that none comes twice."""
    if parent is None and workspace.version == "0.0.0":
        return "0.1.0"
    had = select(DetectorVersion.version, DetectorVersion.release).where(
        DetectorVersion.workspace_id == workspace.id, DetectorVersion.deployed_at.is_not(None)
    )
    numbers = [workspace.version, *(n for row in session.execute(had) for n in row if n and _is_number(n))]
    greatest = max(numbers, key=lambda n: tuple(int(part) for part in n.split(".")))
    return bump(greatest, code_changed=parent is None or parent.code_sha256 != code_sha256)


def _is_number(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts)


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
