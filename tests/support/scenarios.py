"""The loop as a worker drives it, by the services alone: what an execution writes, without a repository or a detector."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services import deployments, executions, feedback, labels, sessions
from services.datasets import DatasetRow
from services.detectors.types import Detection as Found
from services.detectors.types import DetectorSpec, ParamSpec
from services.lifecycle import DeployStatus, ExecutionPhase, Verdict
from services.models import ClaudeExecution, Detection, PatternWorkspace, WorkspaceMessage
from services.people import Actor
from tests import factories
from tests.support.batches import disagreements

P = ExecutionPhase
SPEC = DetectorSpec("swings", ("swing_high",), (ParamSpec("left", "int", 3, 1, 20, 1),), 0, 3, 50)


def commit_hash(label: object) -> str:
    """A well-formed commit hash for a label."""
    return uuid.uuid5(uuid.NAMESPACE_OID, str(label)).hex + "0" * 8


def code_hash(label: object) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"code {label}").hex * 2


def launch(session: Session, workspace_id: uuid.UUID, actor: Actor, **options: Any) -> uuid.UUID:
    return executions.launch(session, workspace_id, prompt_file="prompts/one.json", actor=actor, **options)


def begin(session: Session, execution_id: uuid.UUID) -> int:
    """A worker takes the run and starts it; its epoch."""
    epoch = executions.take_over(session, execution_id, worker_id="worker 1")
    executions.begin(session, execution_id, epoch=epoch, worker_id="worker 1", base_commit=commit_hash("base"))
    return epoch


def phase(session: Session, execution_id: uuid.UUID, epoch: int, name: P, attempt: int = 1, **facts: Any) -> None:
    """Goes through one phase, with a report and a checkpoint in it."""
    place: dict[str, Any] = {"epoch": epoch, "phase": name, "attempt": attempt}
    executions.begin_phase(session, execution_id, task=f"{name} begins", **place)
    executions.report(session, execution_id, fraction=0.5, task="half way", **place)
    executions.checkpoint(session, execution_id, key=f"{name}", text=f"{name} done", **place)
    executions.end_phase(session, execution_id, facts=executions.PhaseFacts(**facts), **place)


def candidate(
    session: Session,
    execution_id: uuid.UUID,
    epoch: int,
    *,
    code: object = "a",
    params: Mapping[str, Any] | None = None,
) -> uuid.UUID:
    """Up to a tested candidate that was handed to the deployer."""
    made = commit_hash((execution_id, code))
    phase(session, execution_id, epoch, P.PLANNING)
    phase(session, execution_id, epoch, P.IMPLEMENTING, commit_hash=made, commit_message="Change it",
          files_changed=["detectors/swings.py"])  # fmt: skip
    version = deployments.add_candidate(
        session, execution_id, epoch=epoch, commit_hash=made, module_path="detectors/swings.py",
        code_sha256=code_hash(code), params=params or {"left": 3}, spec=SPEC, origin="tuner",
        contract_report=None,
    )  # fmt: skip
    phase(session, execution_id, epoch, P.TESTING)
    return version


def start_deploy(session: Session, execution_id: uuid.UUID, epoch: int, attempt: int = 1) -> None:
    deployments.deploy_started(session, execution_id, epoch=epoch, attempt=attempt, deployment_id=f"dep_{attempt}")
    deployments.deploy_moved(
        session, execution_id, epoch=epoch, attempt=attempt, status=DeployStatus.BUILDING, raw="BUILDING",
        logs="building", url=None,
    )  # fmt: skip


def finish(
    session: Session, execution_id: uuid.UUID, epoch: int, fixed: Collection[str] = (), attempt: int = 1
) -> None:
    deployments.deploy_succeeded(
        session, execution_id, epoch=epoch, attempt=attempt, url="file:///release", raw="READY", logs="ready",
        changes=["left 3 → 4"], holding_ids=fixed, summary="Better now.",
    )  # fmt: skip


def deploy(
    session: Session, execution_id: uuid.UUID, *, fixed: Collection[str] = (), code: object = "a",
    params: Mapping[str, Any] | None = None,
) -> uuid.UUID:  # fmt: skip
    """A whole run, from the queue to the deployed version; its id."""
    epoch = begin(session, execution_id)
    version = candidate(session, execution_id, epoch, code=code, params=params)
    start_deploy(session, execution_id, epoch)
    finish(session, execution_id, epoch, fixed)
    return version


def in_beta(session: Session, actor: Actor, pattern_type: str | None = None) -> uuid.UUID:
    """A workspace whose first execution deployed 0.1.0."""
    workspace_id = factories.workspace(session, actor, pattern_type)
    deploy(session, launch(session, workspace_id, actor))
    return workspace_id


def run_session(
    session: Session, workspace_id: uuid.UUID, actor: Actor, stored: DatasetRow, *,
    anchors: Sequence[int] = (10, 20, 30), retest_of: uuid.UUID | None = None, coverage: str = "partial",
) -> uuid.UUID:  # fmt: skip
    """A session of the deployed version over the whole dataset, with a detection at each anchor."""
    array = factories.dataset_candles(stored)
    plan = sessions.create(
        session, workspace_id, dataset_id=stored.id, start_index=0, end_index=stored.rows - 1, retest_of_id=retest_of,
        coverage=coverage, actor=actor,
    )  # fmt: skip
    found = [
        Found("swing_high", 1, i, int(array["time"][i]), i, i, min(i + 3, stored.rows - 1), float(array["high"][i]))
        for i in anchors
    ]
    sessions.record(session, plan.session_id, found, array, run_ms=5, isolation="reduced", context_bars=0, actor=actor)
    return plan.session_id


def detections(session: Session, session_id: uuid.UUID) -> dict[int, uuid.UUID]:
    """The ids of a session's detections by anchor index."""
    rows = session.execute(select(Detection.anchor_index, Detection.id).where(Detection.session_id == session_id))
    return dict(rows.all())


def judged(
    session: Session, workspace_id: uuid.UUID, actor: Actor, *, right: int = 10, wrong: int = 0, series: int = 1
) -> uuid.UUID:
    """A completed session on the deployed version, judged right and wrong as often as asked. Sessions of one series
    judge the same places; another number gives candles of their own."""
    stored = factories.dataset(session, actor, seed=series, symbol=f"TEST{series}" if series > 1 else "TEST")
    made = run_session(session, workspace_id, actor, stored, anchors=range(right + wrong))
    for anchor, detection in detections(session, made).items():
        verdict = Verdict.CONFIRMED if anchor < right else Verdict.FALSE_POSITIVE
        feedback.judge(session, detection, verdict, actor=actor)
    sessions.complete(session, made, actor=actor)
    return made


def row(session: Session, workspace_id: uuid.UUID) -> PatternWorkspace:
    """The workspace as the database has it now."""
    session.flush()
    found = session.get(PatternWorkspace, workspace_id, populate_existing=True)
    assert found is not None
    return found


def run_row(session: Session, execution_id: uuid.UUID) -> ClaudeExecution:
    session.flush()
    found = session.get(ClaudeExecution, execution_id, populate_existing=True)
    assert found is not None
    return found


def kinds(session: Session, workspace_id: uuid.UUID) -> list[str]:
    """The types of a timeline's messages in their order."""
    query = select(WorkspaceMessage.type).where(WorkspaceMessage.workspace_id == workspace_id)
    return list(session.scalars(query.order_by(WorkspaceMessage.seq)))


TABLES = (
    "pattern_workspaces", "workspace_messages", "claude_executions", "execution_attempts", "execution_feedback",
    "pattern_sessions", "feedback_items", "detections", "detector_versions", "audit_events", "users",
    "notifications",
)  # fmt: skip


def everything(session: Session) -> dict[str, Any]:
    """A fingerprint of every table that the loop writes, to show that a refusal changed nothing."""
    session.flush()
    queries = [f"SELECT '{t}', md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM {t} x" for t in TABLES]
    return dict(session.execute(text(" UNION ALL ".join(queries))).all())


# What every workspace must satisfy whatever happened; each row that comes back is a lie of a counter.
_LIES = """
SELECT w.pattern_type, 'sessions' FROM pattern_workspaces w
WHERE w.session_count <> (SELECT count(*) FROM pattern_sessions s WHERE s.workspace_id = w.id)
UNION ALL SELECT w.pattern_type, 'feedback' FROM pattern_workspaces w
WHERE w.feedback_count <> (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id
                           AND f.verdict NOT IN ('confirmed', 'unsure'))
UNION ALL SELECT w.pattern_type, 'messages' FROM pattern_workspaces w
WHERE (w.message_seq, w.message_seq) <> (SELECT coalesce(max(seq), 0), count(*) FROM workspace_messages m
                                         WHERE m.workspace_id = w.id)
UNION ALL SELECT w.pattern_type, 'executions' FROM pattern_workspaces w
WHERE w.execution_seq <> (SELECT count(*) FROM claude_executions e WHERE e.workspace_id = w.id)
UNION ALL SELECT w.pattern_type, 'live' FROM pattern_workspaces w
WHERE (SELECT count(*) FROM claude_executions e WHERE e.workspace_id = w.id
       AND e.status IN ('pending', 'running', 'retry')) > 1
UNION ALL SELECT w.pattern_type, 'implementing' FROM pattern_workspaces w
WHERE (w.status = 'implementing') <> (w.deployed_version_id IS NULL AND EXISTS (
    SELECT FROM claude_executions e WHERE e.workspace_id = w.id AND e.status IN ('pending', 'running', 'retry')))
UNION ALL SELECT w.pattern_type, 'reviewed while live' FROM pattern_workspaces w
WHERE w.status = 'in_review' AND EXISTS (
    SELECT FROM claude_executions e WHERE e.workspace_id = w.id AND e.status IN ('pending', 'running', 'retry'))
UNION ALL SELECT w.pattern_type, 'deployed' FROM pattern_workspaces w
WHERE ARRAY(SELECT v.id FROM detector_versions v WHERE v.workspace_id = w.id AND v.status = 'deployed')
      <> array_remove(ARRAY[w.deployed_version_id], NULL)
UNION ALL SELECT f.id::text, 'sent' FROM feedback_items f LEFT JOIN claude_executions e ON e.id = f.execution_id
WHERE f.state = 'sent' AND coalesce(e.status, '') NOT IN ('pending', 'running', 'retry')
UNION ALL SELECT m.seq::text, 'phase under way' FROM workspace_messages m
JOIN claude_executions e ON e.id = m.execution_id
WHERE m.type = 'claude_phase_update' AND m.status = 'in_progress' AND e.status IN ('completed', 'failed')
"""


def lies(session: Session) -> list[tuple[str, str]]:
    """What does not equal a recount, as (where, what); empty when all is well."""
    session.flush()
    counters = [(str(a), str(b)) for a, b in session.execute(text(_LIES))]
    return counters + stale_rates(session) + [(what, value) for what, value, _ in disagreements(session)]


def stale_rates(session: Session) -> list[tuple[str, str]]:
    """Workspaces whose stored rate is not what their judgements say now. That the rate itself is counted rightly is
    the matter of tests/places, which count apart."""
    stale = []
    for workspace in session.scalars(select(PatternWorkspace).execution_options(populate_existing=True)):
        stored = (workspace.success_tp, workspace.success_fp, workspace.success_fn, workspace.success_rate)
        counted: tuple[int, int, int, float | None] = (0, 0, 0, None)
        if workspace.deployed_version_id is not None:
            rate = labels.version_rates(session, workspace.id, workspace.deployed_version_id).all
            counted = (rate.tp, rate.fp, rate.fn, rate.rate)
        if stored != counted:
            stale.append((workspace.pattern_type, f"rate {stored}, counted now {counted}"))
    return stale


def count(session: Session, model: type[Any], *where: Any) -> int:
    session.flush()
    return session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def retry(session: Session, execution_id: uuid.UUID, epoch: int, attempt: int, reason: str, *, kind: str) -> None:
    """The attempt failed and another one follows after four seconds."""
    follow_up = executions.FollowUp(kind, "retry", 4.0)
    of_deploy = kind.startswith("deploy")
    executions.begin_retry(
        session, execution_id, epoch=epoch, attempt=attempt, reason=reason, follow_up=follow_up, announce=not of_deploy
    )
