"""Feedback: people's judgements, what of them is open, and the regression cases they make."""

from services.feedback.giving import (
    MarkPosition,
    add_comment_item,
    add_missed,
    judge,
    settle_dispute,
    withdraw,
)
from services.feedback.giving import state_of as state_of_item
from services.feedback.many import Sheet, tell
from services.feedback.reading import FeedbackRow, cases, list_feedback, open_batch

__all__ = [
    "FeedbackRow",
    "MarkPosition",
    "Sheet",
    "add_comment_item",
    "add_missed",
    "cases",
    "judge",
    "list_feedback",
    "open_batch",
    "settle_dispute",
    "state_of_item",
    "tell",
    "withdraw",
]
