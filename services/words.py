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
