"""What an execution keeps of itself as JSON: its plan, its phases, its checkpoints, its test report, its attempts' ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What the agent means to do, for people to read."""

    summary: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseState:
    """Where a phase stands, in the attempt that entered it last."""

    status: Literal["running", "completed", "failed"] = "running"
    attempt: int = 1
    started_at: datetime | None = None
    completed_at: datetime | None = None
    current_task: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Something that was done or found, once per attempt and key."""

    key: str = ""
    attempt: int = 1
    phase: str = ""
    text: str = ""
    details: str | None = None
    ok: bool = True
    at: datetime | None = None
    files_changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the repository's tests came to; `output` is the end of what they wrote."""

    __test__ = False  # pytest takes classes of this name for tests

    passed: bool = True
    total: int = 0
    failed: int = 0
    duration_s: float = 0.0
    output: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What was decided after an attempt failed. `kind` and `action` are those of `services.worker.decisions`."""

    kind: str = ""
    action: str = ""
    pause_s: float = 0.0
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseFacts:
    """What a phase established about its execution; None leaves what is there."""

    plan: KeptPlan | None = None
    test_report: TestReport | None = None
    base_commit: str | None = None
    commit_hash: str | None = None
    commit_message: str | None = None
    files_changed: Sequence[str] | None = None
    summary: str | None = None
    log_key: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try at an execution. `log_key` and `deploy_log_key` name stored texts; `phase` is where it ended."""

    number: int
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    cost_usd: Decimal = Decimal(0)
    input_tokens: int = 0
    output_tokens: int = 0
    commit_hash: str | None = None
    deployment_id: str | None = None
    deploy_status: str | None = None
    deploy_log_key: str | None = None
    log_key: str | None = None
    phase: str | None = None
    follow_up: FollowUp | None = None


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What the agent used in one turn of an attempt with one model; `messages` counts its answers."""

    attempt: int
    turn: str
    model: str
    messages: int
    cost_usd: Decimal
    input_tokens: int
    output_tokens: int
