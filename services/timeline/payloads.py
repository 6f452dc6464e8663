"""The typed `data` of every message type. A message that does not fit its type is a bug, so writing it raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.lifecycle import MessageType as T


@dataclass(frozen=True, slots=True)
class Kept:
    """Marks a field that is kept for the record, for exports or for the worker; the timeline's script doesn't know it."""


KEPT: Final = Kept()


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", use_enum_values=True)


class PatternCreated(Payload):
    pattern_type: Annotated[str, KEPT]
    category: str
    status: Annotated[str, KEPT]


class PatternDescriptionSubmitted(Payload):
    description: str
    identification_steps: list[str]
    attachment_count: Annotated[int, KEPT]


class SessionCreated(Payload):
    session_id: UUID
    name: str
    symbol: str
    timeframe: str
    candle_count: int
    detection_count: Annotated[int | None, KEPT] = None
    version: Annotated[str | None, KEPT] = None
    carried_count: Annotated[int | None, KEPT] = None


class SessionCompleted(Payload):
    session_id: UUID
    tp: int
    fp: int
    fn: int
    success_rate: float | None
    unsure: Annotated[int, KEPT] = 0
    ci_low: float | None = None
    ci_high: float | None = None
    version: Annotated[str | None, KEPT] = None
    marked: int | None = None  # places of a session that was labelled without a detector


class SessionReopened(Payload):
    session_id: Annotated[UUID, KEPT]
    reason: str


class FeedbackAdded(Payload):
    feedback_id: UUID
    verdict: str
    candle_index: int | None = None
    candle_time: datetime | None = None
    made_by: Annotated[str, KEPT] = "person"


class FeedbackBatchSent(Payload):
    session_id: Annotated[UUID | None, KEPT] = None
    session_ids: list[UUID]
    feedback_ids: Annotated[list[UUID], KEPT]
    feedback_count: int
    total_comments: Annotated[int, KEPT]
    total_images: int


class ClaudeStarted(Payload):
    execution_id: UUID
    feedback_count: Annotated[int, KEPT]
    agent: Annotated[str, KEPT]


class ClaudePhaseUpdate(Payload):
    execution_id: UUID
    phase: str
    phase_started_at: Annotated[datetime, KEPT]
    current_task: str | None = None
    checkpoint: Annotated[str | None, KEPT] = None


class ClaudeCheckpoint(Payload):
    execution_id: UUID
    phase: Annotated[str, KEPT]
    checkpoint: str
    details: str | None = None
    files_changed: Annotated[list[str] | None, KEPT] = None


class ClaudeCompleted(Payload):
    execution_id: UUID
    duration_s: Annotated[float, KEPT]
    files_changed: list[str]
    commit_hash: str | None
    commit_message: Annotated[str | None, KEPT]
    summary: Annotated[str | None, KEPT] = None


class ClaudeFailed(Payload):
    execution_id: UUID
    error: str
    phase: str | None
    will_retry: bool
    retry_count: Annotated[int, KEPT]
    advice: Annotated[str | None, KEPT] = None


class DeployStarted(Payload):
    execution_id: UUID
    commit_hash: str
    deployment_id: Annotated[str | None, KEPT] = None
    target: Annotated[str, KEPT] = "local"


class DeployBuilding(Payload):
    execution_id: UUID
    deployment_id: Annotated[str, KEPT]


class DeploySuccess(Payload):
    execution_id: UUID
    deployment_id: Annotated[str, KEPT]
    deploy_url: Annotated[str | None, KEPT]
    version: str
    duration_s: float


class DeployFailed(Payload):
    execution_id: UUID
    deployment_id: Annotated[str | None, KEPT] = None
    error: str
    logs: str
    retry_count: Annotated[int, KEPT]
    will_retry: bool


class DeployRetry(Payload):
    execution_id: UUID
    retry_number: int
    max_retries: int
    previous_error: str


class Approval(Payload):
    previous_status: Annotated[str, KEPT]
    new_status: Annotated[str, KEPT]
    evidence: Annotated[dict[str, Any], KEPT]
    comment: str | None = None


class VersionUpdated(Payload):
    previous_version: str
    new_version: str
    changes: list[str]


class StatusChanged(Payload):
    previous_status: str
    new_status: str
    reason: str | None = None


class Mentioned(Payload):
    """A person whom a comment names as @name."""

    id: Annotated[UUID, KEPT]
    name: str


class Comment(Payload):
    mentions: list[Mentioned] | None = None


class ClaudeAnswer(Payload):
    """An answer to a comment that asks the agent; its text is the message's. `doing` says what happens until it ends."""

    question_id: Annotated[UUID, KEPT]
    asked_message_id: Annotated[UUID, KEPT]
    asked_by: str
    doing: str | None = None
    error: str | None = None
    version: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class AnswerFacts(TypedDict, total=False):
    """What changes of an answer while it is given and at its end; None takes a field away."""

    doing: str | None
    error: str | None
    version: str | None
    model: str | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None


class ReviewReturned(Payload):
    previous_status: Annotated[str, KEPT]
    new_status: Annotated[str, KEPT]
    reason: str


class VoidCause(Payload):
    """What changed under an approval, from what to what."""

    what: str
    before: str
    after: str


class ApprovalVoided(Payload):
    previous_status: Annotated[str, KEPT]
    new_status: Annotated[str, KEPT]
    reason: str
    causes: Annotated[list[VoidCause], KEPT] = []


class GateWaived(Payload):
    """A replay's broken places that an execution may break, or a line of the approval's policy."""

    execution_id: Annotated[UUID | None, KEPT] = None
    broken_ids: Annotated[list[UUID], KEPT] = []
    line: Annotated[str | None, KEPT] = None
    reason: str


class VersionRolledBack(Payload):
    previous_version: str
    new_version: str
    reason: str


class MarkDisputed(Payload):
    feedback_ids: Annotated[list[UUID], KEPT]
    candle_index: int | None = None
    candle_time: datetime | None = None


PAYLOADS: dict[T, type[Payload]] = {
    T.PATTERN_CREATED: PatternCreated,
    T.PATTERN_DESCRIPTION_SUBMITTED: PatternDescriptionSubmitted,
    T.SESSION_CREATED: SessionCreated,
    T.SESSION_COMPLETED: SessionCompleted,
    T.SESSION_REOPENED: SessionReopened,
    T.FEEDBACK_ADDED: FeedbackAdded,
    T.FEEDBACK_BATCH_SENT: FeedbackBatchSent,
    T.CLAUDE_STARTED: ClaudeStarted,
    T.CLAUDE_PHASE_UPDATE: ClaudePhaseUpdate,
    T.CLAUDE_CHECKPOINT: ClaudeCheckpoint,
    T.CLAUDE_COMPLETED: ClaudeCompleted,
    T.CLAUDE_FAILED: ClaudeFailed,
    T.DEPLOY_STARTED: DeployStarted,
    T.DEPLOY_BUILDING: DeployBuilding,
    T.DEPLOY_SUCCESS: DeploySuccess,
    T.DEPLOY_FAILED: DeployFailed,
    T.DEPLOY_RETRY: DeployRetry,
    T.USER_APPROVED: Approval,
    T.ADMIN_VERIFIED: Approval,
    T.VERSION_UPDATED: VersionUpdated,
    T.STATUS_CHANGED: StatusChanged,
    T.COMMENT: Comment,
    T.REVIEW_RETURNED: ReviewReturned,
    T.APPROVAL_VOIDED: ApprovalVoided,
    T.GATE_WAIVED: GateWaived,
    T.VERSION_ROLLED_BACK: VersionRolledBack,
    T.MARK_DISPUTED: MarkDisputed,
    T.CLAUDE_ANSWER: ClaudeAnswer,
}


def validated(kind: T, data: dict[str, Any]) -> dict[str, Any]:
    """The payload as stored in jsonb. Raises pydantic.ValidationError when it does not fit the type."""
    return PAYLOADS[kind].model_validate(data).model_dump(mode="json", exclude_none=True)
