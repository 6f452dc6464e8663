"""Feedback: people's judgements, what of them is open, and the regression cases they make."""

from services.feedback.corrections import (
    COUNTED_TO,
    STAGES,
    CorrectionFilter,
    CorrectionRow,
    corrections,
    count_corrections,
)
from services.feedback.giving import (
    add_comment_item,
    add_missed,
    judge,
    judge_place,
    withdraw,
)
from services.feedback.items import Given
from services.feedback.items import state_of as state_of_item
from services.feedback.many import Sheet, tell
from services.feedback.reading import (
    FeedbackRow,
    OpenCorrections,
    at_candle,
    list_feedback,
    open_batch,
    open_corrections,
    split_sql,
)
from services.labels.filling import MarkPosition

__all__ = [
    "COUNTED_TO",
    "STAGES",
    "CorrectionFilter",
    "CorrectionRow",
    "FeedbackRow",
    "Given",
    "MarkPosition",
    "OpenCorrections",
    "Sheet",
    "add_comment_item",
    "add_missed",
    "at_candle",
    "corrections",
    "count_corrections",
    "judge",
    "judge_place",
    "list_feedback",
    "open_batch",
    "open_corrections",
    "split_sql",
    "state_of_item",
    "tell",
    "withdraw",
]
