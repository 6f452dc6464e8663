"""What tests need to be there: people, workspaces, datasets, versions, sessions, feedback, executions.

Plain functions on the caller's session. Those that say "through the service" leave everything behind that the product
would (messages, counters, audit); the others write one row with the times and outcomes that a test asks for.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services import datasets, people, sessions, workspaces
from services.candles.importer import ImportedCandles, read_candles
from services.candles.store import load_array, save_parquet
from services.datasets import DatasetRow
from services.detectors.types import Candles
from services.detectors.types import Detection as Found
from services.lifecycle import (
    ExecutionStatus,
    FeedbackState,
    Role,
    SessionStatus,
    Verdict,
    VersionStatus,
    WorkspaceStatus,
)
from services.models import (
    CandleDataset,
    ClaudeExecution,
    Detection,
    DetectorVersion,
    ExecutionFeedback,
    FeedbackItem,
    PatternSession,
    PatternWorkspace,
    new_id,
)
from services.people import Actor

STORAGE = "memory://factories"  # an fsspec store in this process
DAY_ONE = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday


def days(count: float) -> timedelta:
    return timedelta(days=count)


def person(session: Session, role: Role = Role.MEMBER, name: str | None = None) -> Actor:
    """A person of this role, through the service. Without a name each call makes another one."""
    called = name or f"{role.value.capitalize()} {uuid.uuid4().hex[:6]}"
    address = f"{called.replace(' ', '.').lower()}@example.com"
    return people.ensure_person(session, email=address, name=called, role=role)


def workspace(
    session: Session,
    actor: Actor,
    pattern_type: str | None = None,
    *,
    name: str | None = None,
    described: bool = True,
    category: str = "price_action",
) -> uuid.UUID:
    """A workspace in `soon`, through the service, described unless told otherwise."""
    kind = pattern_type or f"pattern_{uuid.uuid4().hex[:8]}"
    workspace_id = workspaces.create(
        session, pattern_type=kind, name=name or kind.capitalize(), category=category, actor=actor
    )
    if described:
        workspaces.describe(
            session, workspace_id, description="A high between lower ones.", user_reasoning="Price turns there.",
            identification_steps=["Find the high", "Look at both sides"], actor=actor,
        )  # fmt: skip
    return workspace_id


def candles(rows: int = 60, *, seed: int = 1) -> ImportedCandles:
    """Daily candles of a seeded random walk, read by the importer from a file of the canonical form."""
    steps = np.random.default_rng(seed)
    closes = 100 + np.cumsum(steps.normal(0, 1, rows + 1))
    lines = ["time,open,high,low,close,volume"]
    for i in range(rows):
        low, high = sorted((closes[i], closes[i + 1]))
        at = int((DAY_ONE + days(i)).timestamp())
        lines.append(f"{at},{closes[i]:.4f},{high + 0.5:.4f},{low - 0.5:.4f},{closes[i + 1]:.4f},1000")
    return read_candles("\n".join(lines).encode(), filename="walk.csv", price_adjustment="raw")


def dataset(session: Session, actor: Actor, *, rows: int = 60, seed: int = 1, symbol: str = "TEST") -> DatasetRow:
    """A stored dataset, through the service; its Parquet is in STORAGE."""
    imported = candles(rows, seed=seed)
    key = save_parquet(STORAGE, imported)
    return datasets.import_dataset(
        session, imported, storage_key=key, name=f"{symbol} 1d", symbol=symbol, timeframe="1d", actor=actor
    )


def dataset_candles(dataset: DatasetRow) -> Candles:
    return load_array(STORAGE, dataset.storage_path)


def version(
    session: Session,
    workspace_id: uuid.UUID,
    number: str = "0.1.0",
    *,
    status: VersionStatus = VersionStatus.DEPLOYED,
    at: datetime = DAY_ONE,
    params: dict[str, Any] | None = None,
) -> uuid.UUID:
    """A detector version. A deployed one retires the one before and puts the workspace into beta when it was new."""
    if status == VersionStatus.DEPLOYED:
        session.execute(
            update(DetectorVersion)
            .where(DetectorVersion.workspace_id == workspace_id, DetectorVersion.status == VersionStatus.DEPLOYED)
            .values(status=VersionStatus.RETIRED, retired_at=at)
        )
    made = DetectorVersion(
        id=new_id(), workspace_id=workspace_id, version=number, commit_hash=uuid.uuid4().hex + "0" * 8,
        module_path="detectors/swings.py", code_sha256=uuid.uuid4().hex * 2, params=params or {"left": 3, "right": 3},
        origin="tuner", status=status, created_at=at,
        deployed_at=at if status in (VersionStatus.DEPLOYED, VersionStatus.RETIRED) else None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    if status == VersionStatus.DEPLOYED:
        row = session.get(PatternWorkspace, workspace_id, populate_existing=True)
        assert row is not None
        row.deployed_version_id, row.version, row.success_rate = made.id, number, None
        row.success_tp = row.success_fp = row.success_fn = 0
        if row.status in (WorkspaceStatus.SOON, WorkspaceStatus.IMPLEMENTING):
            row.status, row.implemented_at = WorkspaceStatus.BETA, at
        session.flush()
    return made.id


def completed_session(
    session: Session,
    workspace_id: uuid.UUID,
    version_id: uuid.UUID | None,
    actor: Actor,
    *,
    tp: int = 8,
    fp: int = 1,
    fn: int = 1,
    at: datetime = DAY_ONE,
    name: str = "Session",
    status: SessionStatus = SessionStatus.COMPLETED,
) -> uuid.UUID:
    """A session with this frozen score, completed at `at`; without dataset, detections and verdicts."""
    n = tp + fp + fn
    number = session.scalar(select(DetectorVersion.version).where(DetectorVersion.id == version_id))
    made = PatternSession(
        id=new_id(), workspace_id=workspace_id, name=name, symbol="TEST", timeframe="1d", status=status,
        detector_version_id=version_id, pattern_version=number, created_by_id=actor.id, tp=tp, fp=fp, fn=fn,
        success_rate=tp / n if n else None, created_at=at - timedelta(hours=1),
        completed_at=at if status == SessionStatus.COMPLETED else None,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made.id


def active_session(
    session: Session, workspace_id: uuid.UUID, actor: Actor, *, anchors: Sequence[int] = (10, 20, 30),
    kind: str = "swing_high",
) -> tuple[uuid.UUID, list[uuid.UUID]]:  # fmt: skip
    """A session on the deployed version with a detection at each anchor, through the service: its id and theirs."""
    stored = dataset(session, actor)
    array = dataset_candles(stored)
    plan = sessions.create(
        session, workspace_id, dataset_id=stored.id, start_index=0, end_index=stored.rows - 1, actor=actor
    )
    found = [
        Found(kind, 1, i, int(array["time"][i]), i, i, min(i + 3, stored.rows - 1), price=float(array["high"][i]))
        for i in anchors
    ]
    sessions.record(session, plan.session_id, found, array, run_ms=5, isolation="reduced", context_bars=0, actor=actor)
    ids = session.scalars(
        select(Detection.id).where(Detection.session_id == plan.session_id).order_by(Detection.anchor_index)
    )
    return plan.session_id, list(ids)


def feedback_item(
    session: Session,
    workspace_id: uuid.UUID,
    actor: Actor,
    *,
    verdict: Verdict = Verdict.FALSE_POSITIVE,
    state: FeedbackState = FeedbackState.OPEN,
    at: datetime = DAY_ONE,
    reason: str | None = None,
    session_id: uuid.UUID | None = None,
    index: int = 10,
    made_by: str = "person",
) -> uuid.UUID:
    """One feedback item, given and last changed at `at`."""
    dataset_id = session.scalar(select(CandleDataset.id).limit(1))
    made = FeedbackItem(
        id=new_id(), workspace_id=workspace_id, session_id=session_id, author_id=actor.id, verdict=verdict, state=state,
        candle_index=index, candle_time=DAY_ONE + days(index), price=100.0, expected_kind="swing_high",
        expected_direction=1, expected_index=index, dataset_id=dataset_id, reason=reason, made_by=made_by,
        created_at=at, updated_at=at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made.id


def execution(
    session: Session,
    workspace_id: uuid.UUID,
    actor: Actor,
    *,
    status: ExecutionStatus = ExecutionStatus.COMPLETED,
    at: datetime = DAY_ONE,
    took: timedelta = timedelta(hours=1),
    canceled: bool = False,
    feedback_ids: Collection[uuid.UUID] = (),
    fixed_ids: Collection[uuid.UUID] = (),
    **columns: Any,
) -> uuid.UUID:
    """An execution launched at `at` that ended `took` later (when it ended), with its links to the feedback it took.

    `columns` are further columns of `claude_executions`.
    """
    owner = session.get(PatternWorkspace, workspace_id, populate_existing=True)
    assert owner is not None
    owner.execution_seq += 1
    ended = status in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)
    made = ClaudeExecution(
        id=new_id(), workspace_id=workspace_id, number=owner.execution_seq, triggered_by=actor.id, triggered_at=at,
        status=status, feedback_ids=[str(i) for i in feedback_ids], started_at=at,
        completed_at=at + took if status == ExecutionStatus.COMPLETED else None,
        errored_at=at + took if status == ExecutionStatus.FAILED else None,
        error="It failed." if status == ExecutionStatus.FAILED else None,
        canceled_at=at + took if canceled else None, canceled_by_id=actor.id if canceled else None, **columns,
    )  # fmt: skip
    session.add(made)
    session.flush()
    for item in feedback_ids:
        outcome = ("fixed" if item in fixed_ids else "not_fixed") if ended else None
        session.add(ExecutionFeedback(execution_id=made.id, feedback_id=item, outcome=outcome))
    session.flush()
    return made.id
