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
