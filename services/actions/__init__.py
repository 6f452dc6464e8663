"""What an edge does in several transactions, because something slow happens between them."""

from services.actions.importing import dataset_candles, fetch_candles, find_instruments, import_candles, keep_candles
from services.actions.judging import import_judgements
from services.actions.launching import PreparedLaunch, continue_from, launch, prepare_launch, why_hopeless
from services.actions.sessions import label_window, retest, run_session, session_candles
from services.actions.versions import Beside, HandMade, SideBySide, adopt, hand_made, notice_push, side_by_side

__all__ = [
    "Beside",
    "HandMade",
    "PreparedLaunch",
    "SideBySide",
    "adopt",
    "continue_from",
    "dataset_candles",
    "fetch_candles",
    "find_instruments",
    "hand_made",
    "import_candles",
    "import_judgements",
    "keep_candles",
    "label_window",
    "launch",
    "notice_push",
    "prepare_launch",
    "retest",
    "run_session",
    "session_candles",
    "side_by_side",
    "why_hopeless",
]
