"""Sessions: one detector version run over a window of candles, judged by people."""

from services.sessions.reading import SessionDetail, SessionRow, exhaustive_windows, get, gone, list_sessions, marks
from services.sessions.running import (
    DEFAULT_WINDOW,
    INTERRUPTED,
    MAX_WINDOW,
    SessionPlan,
    bar_time,
    complete,
    create,
    fail,
    fail_interrupted,
    record,
    rename,
)
from services.sessions.scores import consensus_tally, verdict_counts

__all__ = [
    "DEFAULT_WINDOW",
    "INTERRUPTED",
    "MAX_WINDOW",
    "SessionDetail",
    "SessionPlan",
    "SessionRow",
    "bar_time",
    "complete",
    "consensus_tally",
    "create",
    "exhaustive_windows",
    "fail",
    "fail_interrupted",
    "get",
    "gone",
    "list_sessions",
    "marks",
    "record",
    "rename",
    "verdict_counts",
]
