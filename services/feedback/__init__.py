"""Feedback: people's judgements, what of them is open, and the regression cases they make."""

from services.feedback.giving import (
    MarkPosition,
    add_comment_item,
    add_missed,
    judge,
    judge_place,
    withdraw,
)
from services.feedback.reading import FeedbackRow, list_feedback, open_batch, split_sql

__all__ = [
    "FeedbackRow",
    "MarkPosition",
    "add_comment_item",
    "add_missed",
    "judge",
    "judge_place",
    "list_feedback",
    "open_batch",
    "split_sql",
    "withdraw",
]
