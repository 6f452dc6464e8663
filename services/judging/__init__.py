"""The judging board's side of the server: marks and verdicts to draw, and batches of judgements to take."""

from services.judging.ops import MAX_BATCH, Op, read_ops
from services.judging.places import place_at
from services.judging.state import LETTERS, MARKS_PAGE, StateJson, is_masked, letter, marks, state_of
from services.judging.taking import AnswerJson, judge_many

__all__ = [
    "LETTERS",
    "MARKS_PAGE",
    "MAX_BATCH",
    "AnswerJson",
    "Op",
    "StateJson",
    "is_masked",
    "judge_many",
    "letter",
    "marks",
    "place_at",
    "read_ops",
    "state_of",
]
