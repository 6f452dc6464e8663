"""Questions that people ask the agent on a timeline: asked here, answered by a worker that can read and change nothing.

A comment that names @claude is a question. It and the message that will hold its answer are written in one transaction
with the queued job; what the answer rests on is read by `material`, without anything that is kept for testing.
"""

from services.questions.answering import (
    MOST_ATTEMPTS,
    Begun,
    Outcome,
    SpentRow,
    add_usage,
    beat,
    begin,
    end,
    tell,
    wait,
)
from services.questions.asking import ask_again, asks_agent, comment
from services.questions.material import Material, documents, held_candle, read

__all__ = [
    "MOST_ATTEMPTS",
    "Begun",
    "Material",
    "Outcome",
    "SpentRow",
    "add_usage",
    "ask_again",
    "asks_agent",
    "beat",
    "begin",
    "comment",
    "documents",
    "end",
    "held_candle",
    "read",
    "tell",
    "wait",
]
