"""Statuses, message types, roles, and who may move what from where to where. Data only; imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class WorkspaceStatus(StrEnum):
    SOON = "soon"
    IMPLEMENTING = "implementing"
    BETA = "beta"
    IN_REVIEW = "in_review"
    VERIFIED = "verified"


class ExecutionStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRY = "retry"


class ExecutionPhase(StrEnum):
    PLANNING = "planning"
    IMPLEMENTING = "implementing"
    TESTING = "testing"
    REFINING = "refining"
    DEPLOYING = "deploying"


class DeployStatus(StrEnum):
    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    ERROR = "error"
    CANCELED = "canceled"


class MessageType(StrEnum):
    PATTERN_CREATED = "pattern_created"
    PATTERN_DESCRIPTION_SUBMITTED = "pattern_description_submitted"
    SESSION_CREATED = "session_created"
    SESSION_COMPLETED = "session_completed"
    FEEDBACK_ADDED = "feedback_added"
    FEEDBACK_BATCH_SENT = "feedback_batch_sent"
    CLAUDE_STARTED = "claude_started"
    CLAUDE_PHASE_UPDATE = "claude_phase_update"
    CLAUDE_CHECKPOINT = "claude_checkpoint"
    CLAUDE_COMPLETED = "claude_completed"
    CLAUDE_FAILED = "claude_failed"
    DEPLOY_STARTED = "deploy_started"
    DEPLOY_BUILDING = "deploy_building"
    DEPLOY_SUCCESS = "deploy_success"
    DEPLOY_FAILED = "deploy_failed"
    DEPLOY_RETRY = "deploy_retry"
    USER_APPROVED = "user_approved"
    ADMIN_VERIFIED = "admin_verified"
    VERSION_UPDATED = "version_updated"
    STATUS_CHANGED = "status_changed"
    # Ours, beside the seed's twenty.
    COMMENT = "comment"
    REVIEW_RETURNED = "review_returned"
    APPROVAL_VOIDED = "approval_voided"
    GATE_WAIVED = "gate_waived"
    VERSION_ROLLED_BACK = "version_rolled_back"
    MARK_DISPUTED = "mark_disputed"
    SESSION_REOPENED = "session_reopened"
    CLAUDE_ANSWER = "claude_answer"


class MessageStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class AuthorType(StrEnum):
    USER = "user"
    SYSTEM = "system"
    CLAUDE = "claude"


class Role(StrEnum):
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class SessionStatus(StrEnum):
    RUNNING = "running"
    ACTIVE = "active"
    COMPLETED = "completed"
    ARCHIVED = "archived"
    FAILED = "failed"
    # Kept for sessions that were there before workspaces.
    SUBMITTED_FOR_REVIEW = "submitted_for_review"
    IMPLEMENTED = "implemented"


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    FALSE_NEGATIVE = "false_negative"
    ADJUSTMENT = "adjustment"
    UNSURE = "unsure"
    COMMENT = "comment"


class JudgementAction(StrEnum):
    """What a key on the judging board asks for."""

    JUDGE = "judge"
    MISS = "miss"  # a mark that the detector should have made
    REMOVE = "remove"  # takes back a mark that was said to be missed
    UNDO = "undo"
    LOST = "lost"  # the board no longer has the judgement of this number


class JudgementResult(StrEnum):
    DONE = "done"
    REFUSED = "refused"  # for good, with a sentence
    CONFLICT = "conflict"  # the person judged the mark elsewhere since they saw it here


class FeedbackState(StrEnum):
    OPEN = "open"
    SENT = "sent"
    ADDRESSED = "addressed"
    VERIFIED = "verified"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


class MadeBy(StrEnum):
    """Who a judgement comes from: a person, a documented rule, or the session that a retest repeats."""

    PERSON = "person"
    RULE = "rule"
    CARRIED = "carried"


class Severity(StrEnum):
    """How much a correction matters; it orders a batch. Most have none and stand between."""

    HIGH = "high"
    LOW = "low"


class VersionStatus(StrEnum):
    CANDIDATE = "candidate"
    DEPLOYED = "deployed"
    RETIRED = "retired"
    REJECTED = "rejected"


class NotificationEvent(StrEnum):
    RUN_FAILED = "run_failed"
    DEPLOY_FAILED = "deploy_failed"
    REVIEW_WAITING = "review_waiting"
    SUCCESS_RATE_FELL = "success_rate_fell"
    TEST = "test"  # a person tries the addresses
    APPROVAL_VOIDED = "approval_voided"


class JobKind(StrEnum):
    """What a worker does beside executions."""

    PRUNE = "prune"
    BACKUP = "backup"
    EXPORT = "export"
    CONNECTION_TEST = "connection_test"


class JobStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class NotificationStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


LIVE_EXECUTION: Final = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.RETRY)
QUIET_VERDICTS: Final = (Verdict.CONFIRMED, Verdict.UNSURE)  # the others ask for a change
PHASES: Final = tuple(ExecutionPhase)

W = WorkspaceStatus
WORKER: Final = "worker"  # the application itself, never a person


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the lifecycle table. `who` holds the roles, or the worker, that may take it."""

    verb: str
    source: WorkspaceStatus | None
    target: WorkspaceStatus
    who: frozenset[str]


def _row(verb: str, source: WorkspaceStatus | None, target: WorkspaceStatus, *who: str) -> Transition:
    return Transition(verb, source, target, frozenset(who))


_MEMBERS: Final = (Role.MEMBER, Role.ADMIN)
TRANSITIONS: Final[tuple[Transition, ...]] = (
    _row("create", None, W.SOON, *_MEMBERS),
    _row("launch_first", W.SOON, W.IMPLEMENTING, *_MEMBERS),
    _row("implemented", W.IMPLEMENTING, W.BETA, WORKER),
    _row("implementation_failed", W.IMPLEMENTING, W.SOON, WORKER, *_MEMBERS),  # people: by canceling a queued one
    _row("approve", W.BETA, W.IN_REVIEW, *_MEMBERS),
    _row("verify", W.IN_REVIEW, W.VERIFIED, Role.ADMIN),
    _row("void", W.IN_REVIEW, W.BETA, WORKER),
    _row("return", W.IN_REVIEW, W.BETA, Role.ADMIN),
    _row("withdraw", W.IN_REVIEW, W.BETA, *_MEMBERS),
    _row("reopen", W.VERIFIED, W.BETA, Role.ADMIN),
    _row("redeployed", W.VERIFIED, W.BETA, WORKER),
)

EXECUTION_TRANSITIONS: Final[frozenset[tuple[ExecutionStatus, ExecutionStatus]]] = frozenset(
    {
        (ExecutionStatus.PENDING, ExecutionStatus.RUNNING),
        (ExecutionStatus.PENDING, ExecutionStatus.FAILED),
        (ExecutionStatus.RUNNING, ExecutionStatus.COMPLETED),
        (ExecutionStatus.RUNNING, ExecutionStatus.FAILED),
        (ExecutionStatus.RUNNING, ExecutionStatus.RETRY),
        (ExecutionStatus.RETRY, ExecutionStatus.RUNNING),
        (ExecutionStatus.RETRY, ExecutionStatus.FAILED),
    }
)

SESSION_TRANSITIONS: Final[frozenset[tuple[SessionStatus, SessionStatus]]] = frozenset(
    {
        (SessionStatus.RUNNING, SessionStatus.ACTIVE),
        (SessionStatus.RUNNING, SessionStatus.FAILED),
        (SessionStatus.ACTIVE, SessionStatus.COMPLETED),
        (SessionStatus.COMPLETED, SessionStatus.ACTIVE),  # opened again, with a reason
    }
)

VERSION_TRANSITIONS: Final[frozenset[tuple[VersionStatus, VersionStatus]]] = frozenset(
    {
        (VersionStatus.CANDIDATE, VersionStatus.DEPLOYED),
        (VersionStatus.CANDIDATE, VersionStatus.REJECTED),
        (VersionStatus.DEPLOYED, VersionStatus.RETIRED),
        (VersionStatus.RETIRED, VersionStatus.DEPLOYED),  # rolled back to
    }
)

FEEDBACK_TRANSITIONS: Final[frozenset[tuple[FeedbackState, FeedbackState]]] = frozenset(
    {
        (FeedbackState.OPEN, FeedbackState.SENT),
        (FeedbackState.OPEN, FeedbackState.ADDRESSED),  # fixed along with others that were sent
        (FeedbackState.OPEN, FeedbackState.DISPUTED),
        (FeedbackState.OPEN, FeedbackState.WITHDRAWN),
        (FeedbackState.SENT, FeedbackState.ADDRESSED),
        (FeedbackState.SENT, FeedbackState.OPEN),
        (FeedbackState.ADDRESSED, FeedbackState.VERIFIED),
        (FeedbackState.ADDRESSED, FeedbackState.OPEN),
        (FeedbackState.VERIFIED, FeedbackState.OPEN),
        # A verdict that was carried over keeps the state of the one it copies, and may be taken back.
        (FeedbackState.ADDRESSED, FeedbackState.WITHDRAWN),
        (FeedbackState.VERIFIED, FeedbackState.WITHDRAWN),
        (FeedbackState.DISPUTED, FeedbackState.OPEN),
        (FeedbackState.DISPUTED, FeedbackState.WITHDRAWN),
    }
)

# Every verb of the services that a person can ask for, and the roles that may.
EVERYONE: Final = frozenset({Role.VIEWER, Role.MEMBER, Role.ADMIN})
MEMBERS: Final = frozenset(_MEMBERS)
ADMINS: Final = frozenset({Role.ADMIN})
PERMISSIONS: Final[dict[str, frozenset[Role]]] = {
    "read": EVERYONE,
    "export": EVERYONE,
    "read_audit": MEMBERS,
    "create_workspace": MEMBERS,
    "describe_workspace": MEMBERS,
    "comment": MEMBERS,
    "upload": MEMBERS,
    "import_candles": MEMBERS,
    "run_session": MEMBERS,
    "judge": MEMBERS,
    "complete_session": MEMBERS,
    "launch": MEMBERS,
    "cancel": MEMBERS,
    "waive": MEMBERS,
    "notify": MEMBERS,
    "approve": MEMBERS,
    "withdraw": MEMBERS,
    "verify": ADMINS,
    "return": ADMINS,
    "reopen": ADMINS,
    "roll_back": MEMBERS,
    "pin": MEMBERS,
    "edit_rules": MEMBERS,
    "set_policy": ADMINS,
    "waive_line": ADMINS,
    "release_block": ADMINS,
    "archive": ADMINS,
    "manage_people": ADMINS,
    "operate": ADMINS,  # pause and resume, spend caps, schedules, backups, connections
}


def transition(verb: str, source: WorkspaceStatus | None) -> Transition | None:
    """The row for this verb out of this status, or None when the table does not hold it."""
    return next((t for t in TRANSITIONS if t.verb == verb and t.source == source), None)


def bump(version: str, *, code_changed: bool) -> str:
    """The next semantic version of a deploy: minor when code changed, patch when only parameters did."""
    major, minor, patch = (int(part) for part in version.split("."))
    return f"{major}.{minor + 1}.0" if code_changed else f"{major}.{minor}.{patch + 1}"


def verified_version(version: str) -> str:
    """The version a verification makes: 1.0.0 the first time, the next major later."""
    return f"{int(version.split('.', 1)[0]) + 1}.0.0"
