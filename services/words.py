"""What the values of the database are called where people read them: on screens and in the files made for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Words = Mapping[str, str]
STATUSES: Final[Words] = {
    "soon": "Soon",
    "implementing": "Implementing",
    "beta": "Beta",
    "in_review": "In review",
    "verified": "Verified",
}
VERDICTS: Final[Words] = {
    "confirmed": "Right",
    "false_positive": "Wrong",
    "false_negative": "Missed",
    "adjustment": "Moved",
    "unsure": "Unsure",
    "comment": "Comment",
}
EXECUTIONS: Final[Words] = {
    "pending": "Waiting",
    "running": "Running",
    "completed": "Completed",
    "failed": "Failed",
    "retry": "Retrying",
    "canceled": "Canceled",
}
PHASES: Final[Words] = {
    "planning": "Planning",
    "implementing": "Implementing",
    "testing": "Testing",
    "refining": "Refining",
    "deploying": "Deploying",
}
SESSIONS: Final[Words] = {
    "running": "Running",
    "active": "Active",
    "completed": "Completed",
    "archived": "Archived",
    "failed": "Failed",
    "submitted_for_review": "Submitted",
    "implemented": "Implemented",
}
FEEDBACK_STATES: Final[Words] = {
    "open": "Open",
    "sent": "Sent",
    "addressed": "Addressed",
    "verified": "Verified",
    "disputed": "Disputed",
    "withdrawn": "Withdrawn",
}
DEPLOYS: Final[Words] = {
    "queued": "Queued",
    "building": "Building",
    "ready": "Ready",
    "error": "Failed",
    "canceled": "Canceled",
}
REPLAYS: Final[Words] = {"fixed": "Fixed", "broken": "Broken", "unchanged": "Unchanged"}
# What an attempt is at, or how it ended.
ATTEMPTS: Final[Words] = {
    "completed": EXECUTIONS["completed"],
    "failed": EXECUTIONS["failed"],
    "retry": "Retried",
    "canceled": EXECUTIONS["canceled"],
    "not_begun": "Not begun",
    "canceling": "Canceling…",
    "waits_for_plan": "Waits for its plan",
    "stalled": "Stalled",
    "pending": EXECUTIONS["pending"],
    "running": EXECUTIONS["running"],
    "retrying": EXECUTIONS["retry"],
}
_GATES: Final[Words] = {
    "deploy.failed": "a failed deploy",
    "tests": "failed tests",
    "contract": "a broken contract",
    "replay": "broken places",
    "files": "files it may not touch",
}
_TURNS: Final[Words] = {"plan": "Planning", "implement": "Implementing", "refine": "Refining"}
NOTICES: Final[Words] = {
    "pending": "On its way",
    "retry": "Being tried again",
    "sent": "Sent",
    "partly": "Delivered to some",
    "failed": "Not delivered",
}
KINDS: Final[Words] = {
    "swing": "Swing",
    "swing_high": "Swing high",
    "swing_low": "Swing low",
    "bos": "BOS",
    "choch": "CHoCH",
    "order_block": "Order block",
    "fvg": "Fair value gap",
}
# What people and the app do, as the audit trail tells it: "Mara launched execution 4 of Swings".
AUDIT_ACTIONS: Final[Words] = {
    "create": "created",
    "describe": "described",
    "launch": "launched",
    "cancel": "canceled",
    "accept_plan": "accepted the plan of",
    "continue": "continued",
    "waive": "deployed over broken places by",
    "roll_back": "rolled back",
    "archive": "archived",
    "restore": "restored",
    "blind review on": "turned blind review on in",
    "blind review off": "turned blind review off in",
    "edit_rules": "changed the rules of",
    "settle_dispute": "settled a dispute in",
    "reopen session": "reopened",
    "approve": "approved",
    "withdraw": "took back the approval of",
    "verify": "verified",
    "return": "returned",
    "reopen": "reopened",
    "user_approved": "approved",
    "admin_verified": "verified",
    "review_returned": "returned",
    "approval_voided": "voided the approval of",
    "launch_first": "moved to implementing:",
    "implemented": "moved to beta:",
    "implementation_failed": "moved back to soon:",
    "void": "voided the approval of",
    "redeployed": "moved back to beta:",
    "waive_line": "waived a line of the checklist of",
    "set_approval_policy": "changed the approval policy of",
    "set_replay_policy": "changed the replay policy of",
    "set_holdout_share": "changed the share kept for testing of",
    "pin": "pinned a place of",
    "unpin": "unpinned a place of",
    "notification_addresses_changed": "changed the notification addresses of",
    "import_candles": "imported",
    "rename_dataset": "renamed",
    "archive_dataset": "put away",
    "restore_dataset": "brought back",
    "person_added": "added",
    "person_joined": "signed in for the first time:",
    "role_changed": "changed the role of",
    "active_changed": "changed the access of",
    "token_created": "made the token",
    "token_revoked": "revoked the token",
    "runs_paused": "paused all runs in",
    "runs_resumed": "let runs go on in",
    "spend_cap_changed": "changed the cap of spending of",
    "job_asked": "asked for",
    "schedule_added": "added the schedule",
    "schedule_removed": "removed the schedule",
    "schedule_paused": "paused the schedule",
    "schedule_resumed": "resumed the schedule",
    "existing_system_imported": "moved the existing system into",
}
AUDIT_OBJECTS: Final[Words] = {
    "workspace": "Workspace",
    "execution": "Execution",
    "session": "Session",
    "dataset": "Dataset",
    "user": "Person",
    "access_token": "Token",
    "background_job": "Job",
    "schedule": "Schedule",
    "installation": "Installation",
}
# Fields of what changed, where their name in the database says too little.
AUDIT_FIELDS: Final[Words] = {
    "is_active": "may sign in",
    "usd_per_day": "dollars a day",
    "feedback_count": "corrections",
    "content_sha256": "content",
    "source_format": "format",
    "expires_at": "good until",
}


def kind(name: str, direction: int = 0) -> str:
    """`bos`, 1 → "BOS up"; a swing's direction reads as high or low."""
    if name == "swing":
        return {1: "Swing high", -1: "Swing low"}.get(direction, "Swing")
    word = KINDS.get(name) or name.replace("_", " ").capitalize()
    if name in ("swing_high", "swing_low"):
        return word
    return word + {1: " up", -1: " down"}.get(direction, "")


def turn(name: str) -> str:
    """ "refine-deploy.failed-1" → "Refining after a failed deploy, round 1"; an unknown one as it is."""
    first, _, rest = name.partition("-")
    known = _TURNS.get(first) or PHASES.get(first)
    if known is None:
        return name
    gate, _, number = rest.rpartition("-")
    if not number.isdigit():
        gate, number = rest, ""
    after = f" after {_GATES.get(gate, gate)}" if gate else ""
    return f"{known}{after}" + (f", round {number}" if int(number or 0) else "")


def expected(verdict: str, candle_index: int | None, expected_index: int | None) -> str:
    """What should be at a judged place: "Right", "Missed", "Moved +2"."""
    word = VERDICTS.get(verdict, verdict)
    if verdict != "adjustment" or expected_index is None or candle_index is None:
        return word
    return f"{word} {expected_index - candle_index:+d}".replace("-", "−")


def why_not_connected(title: str, reason: str) -> str:
    """The reason with the name of what it is about, once: some reasons begin with it."""
    return reason if reason.startswith(title) else f"{title} is not connected: {reason}"
