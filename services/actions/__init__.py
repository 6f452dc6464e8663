"""What an edge does in several transactions, because something slow happens between them."""

from services.actions.importing import dataset_candles, fetch_candles, import_candles, keep_candles
from services.actions.judging import import_judgements
from services.actions.launching import PreparedLaunch, continue_from, launch, prepare_launch
from services.actions.sessions import reopen, retest, run_session, session_candles

__all__ = [
    "PreparedLaunch",
    "continue_from",
    "dataset_candles",
    "fetch_candles",
    "import_candles",
    "import_judgements",
    "keep_candles",
    "launch",
    "prepare_launch",
    "reopen",
    "retest",
    "run_session",
    "session_candles",
]
