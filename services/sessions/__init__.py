"""Sessions: one detector version run over a window of candles, judged by people."""

from services.sessions.labelling import open_for_labels
from services.sessions.opening import DEFAULT_WINDOW, MAX_WINDOW, bar_time
from services.sessions.reading import SessionDetail, SessionRow, get, gone, list_sessions, marks
from services.sessions.reopening import may_reopen, reopen
from services.sessions.running import (
    INTERRUPTED,
    SessionPlan,
    complete,
    create,
    fail,
    fail_interrupted,
    record,
    rename,
)
from services.sessions.scores import freeze, marked_places, verdict_counts
from services.sessions.upkeep import derive_places, note_difference

__all__ = [
    "DEFAULT_WINDOW",
    "INTERRUPTED",
    "MAX_WINDOW",
    "SessionDetail",
    "SessionPlan",
    "SessionRow",
    "bar_time",
    "complete",
    "create",
    "derive_places",
    "fail",
    "fail_interrupted",
    "freeze",
    "get",
    "gone",
    "list_sessions",
    "marked_places",
    "marks",
    "may_reopen",
    "note_difference",
    "open_for_labels",
    "record",
    "rename",
    "reopen",
    "verdict_counts",
]
