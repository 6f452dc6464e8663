"""How an execution's records are kept in JSON columns. Rows of older releases are read as far as they say something."""

from __future__ import annotations

from services.codec import Codec, from_json_list, from_json_map
from services.executions.records import Checkpoint, FollowUp, KeptPlan, PhaseState, TestReport
from services.models import ClaudeExecution, ExecutionAttempt

PLAN = Codec(KeptPlan, "execution's plan")
PHASE = Codec(PhaseState, "execution's phase")
CHECKPOINT = Codec(Checkpoint, "execution's checkpoint")
TEST_REPORT = Codec(TestReport, "test report")
FOLLOW_UP = Codec(FollowUp, "decision after an attempt")


def plan_of(execution: ClaudeExecution) -> KeptPlan | None:
    return PLAN.from_json(execution.plan) if execution.plan is not None else None


def phases_of(execution: ClaudeExecution) -> dict[str, PhaseState]:
    """By the phase's name."""
    return from_json_map(PHASE, execution.phases)


def keep_phases(execution: ClaudeExecution, phases: dict[str, PhaseState]) -> None:
    execution.phases = {name: PHASE.to_json(state) for name, state in phases.items()}


def checkpoints_of(execution: ClaudeExecution) -> tuple[Checkpoint, ...]:
    """In the order they came."""
    return from_json_list(CHECKPOINT, execution.checkpoints)


def add_checkpoint(execution: ClaudeExecution, checkpoint: Checkpoint) -> None:
    execution.checkpoints = [*(execution.checkpoints or []), CHECKPOINT.to_json(checkpoint)]


def test_report_of(execution: ClaudeExecution) -> TestReport | None:
    return TEST_REPORT.from_json(execution.test_report) if execution.test_report is not None else None


def follow_up_of(attempt: ExecutionAttempt | None) -> FollowUp | None:
    """What was decided after the attempt; None when it has not ended, ended well or was canceled."""
    return FOLLOW_UP.from_json(attempt.decision) if attempt is not None and attempt.decision else None
