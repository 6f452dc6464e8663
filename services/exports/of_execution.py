"""The reports of one execution that are small frames: its replay and what the agent used, plain and as the screen has them."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Final

import pandas as pd
from sqlalchemy.orm import Session

from services import executions, words
from services.executions import ReplayRow, UsageSum

REPLAY_COLUMNS: Final = (
    "case_id",
    "outcome",
    "verdict",
    "kind",
    "direction",
    "candle_index",
    "candle_time",
    "price",
    "expected_index",
    "before",
    "after",
    "before_seen",
    "after_seen",
    "session_name",
    "split",
)
USAGE_COLUMNS: Final = ("attempt", "turn", "model", "messages", "input_tokens", "output_tokens", "cost_usd")


def replay(session: Session, execution_id: uuid.UUID) -> pd.DataFrame:
    """The judgements of a replay outside the hold-out; empty before testing."""
    kept = executions.replay(session, execution_id)
    rows = [[getattr(row, name) for name in REPLAY_COLUMNS] for row in kept.rows] if kept else []
    return pd.DataFrame(rows, columns=list(REPLAY_COLUMNS))


def replay_shown(session: Session, execution_id: uuid.UUID) -> pd.DataFrame:
    """The same in the columns and the words of the screen's table."""
    kept = executions.replay(session, execution_id)
    before = f"v{kept.baseline_version}" if kept and kept.baseline_version else "Before"
    names = ["Judgement", "Mark", "Candle", "Date (UTC)", "Price", "Expected", before, "Candidate", "Result"]
    return pd.DataFrame([_case(row) for row in kept.rows] if kept else [], columns=names)


def _case(row: ReplayRow) -> list[object]:
    return [
        str(row.case_id)[-4:],
        words.kind(row.kind or "mark", row.direction or 0),
        row.candle_index,
        f"{row.candle_time:%Y-%m-%d %H:%M:%S}" if row.candle_time else None,
        row.price,
        words.expected(row.verdict, row.candle_index, row.expected_index),
        None if row.before is None else row.before_seen,
        row.after_seen,
        words.REPLAYS.get(row.outcome, row.outcome),
    ]


def usage(session: Session, execution_id: uuid.UUID) -> pd.DataFrame:
    """What the agent used, a row per attempt, turn and model."""
    rows = [asdict(one) | {"cost_usd": float(one.cost_usd)} for one in executions.usage(session, execution_id)]
    return pd.DataFrame(rows, columns=list(USAGE_COLUMNS))


def usage_shown(session: Session, execution_id: uuid.UUID) -> pd.DataFrame:
    """The same in the columns and the words of the screen's table, with the sum below."""
    used = executions.usage(session, execution_id)
    rows: list[list[object]] = [
        [one.attempt, words.turn(one.turn), one.model, one.messages, one.input_tokens, one.output_tokens,
         float(one.cost_usd)]
        for one in used
    ]  # fmt: skip
    names = ["Attempt", "Turn", "Model", "Answers", "In", "Out", "Cost"]
    return pd.DataFrame([*rows, _sum(used)] if used else [], columns=names)


def _sum(used: list[UsageSum]) -> list[object]:
    return [
        "All",
        None,
        None,
        sum(one.messages for one in used),
        sum(one.input_tokens for one in used),
        sum(one.output_tokens for one in used),
        float(sum(one.cost_usd for one in used)),
    ]
