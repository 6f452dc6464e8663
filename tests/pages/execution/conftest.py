"""An execution whose candidate was replayed against judged places."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import update

from services import deployments, feedback, labels, releases, sessions, workspaces
from services.database.engine import transaction
from services.detectors.contract import Check, ContractReport
from services.detectors.sandbox import warm
from services.detectors.types import Detection, Matcher
from services.lifecycle import ExecutionStatus, Verdict
from services.models import PatternSession
from services.places import Place, replay_versions
from tests.support.execution_screen import change, made
from tests.support.product import World, head


@pytest.fixture
def judged(world: World) -> uuid.UUID:
    """An execution whose candidate's replay fixed one judged mark and broke another."""
    session_id = world.run(start=900, bars=150)
    with transaction() as session:
        session.execute(update(PatternSession).where(PatternSession.id == session_id).values(split="tune"))
        workspace = workspaces.get(session, world.swings)
        rows = detections(session, session_id)
        for row, verdict in zip(rows, (Verdict.CONFIRMED, Verdict.FALSE_POSITIVE), strict=False):
            feedback.judge(session, uuid.UUID(row), verdict, actor=world.member)
        assert workspace.deployed_version_id is not None
        version = deployments.get_version(session, workspace.deployed_version_id)
    execution_id = made(world, ExecutionStatus.FAILED, workspace_id=world.swings, phase="refining",
                        base_commit=head())  # fmt: skip
    change(execution_id, error="1 judged place that was right is broken. Look at the broken judgements.")
    store_replay(world, execution_id, version)
    return execution_id


def detections(session: Any, session_id: uuid.UUID) -> list[str]:
    return [str(i) for i in sessions.marks(session, session_id)["detection_id"]]


def store_replay(world: World, execution_id: uuid.UUID, version: deployments.VersionRow) -> None:
    with transaction() as session:
        known = labels.label_set(session, world.swings)
    keep, drop = (next(p for p in known.places if p.status == status) for status in ("present", "absent"))

    def at_place(place: Place) -> Detection:
        bar = place.spot.bar
        return Detection(place.kind, place.direction, bar, place.spot.time, bar, bar, bar, price=1.0)

    before = {w: [at_place(keep), at_place(drop)] for w in known.windows}
    result = replay_versions(known, before, {w: [] for w in known.windows}, policy="strict")
    with warm(releases.release(version.commit_hash), "swings") as worker:
        spec = worker.spec()
    with transaction() as session:
        deployments.add_candidate(
            session, execution_id, epoch=1, commit_hash=version.commit_hash, module_path=version.module_path,
            code_sha256=version.code_sha256, params=version.params | {"left": 9}, spec=spec, origin="tuner",
            contract_report=ContractReport(True, (Check("no_look_ahead", True, ""),), 20, 1.0),
        )  # fmt: skip
        deployments.add_replay(session, execution_id, epoch=1, result=result, matcher=Matcher(), runtime_ms=5)
