"""The replay of an execution's candidate over all judged places, as it is kept and read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.codec import Codec, from_json_list, to_json_list
from services.database.rows import fetch
from services.executions.runs import locked
from services.feedback import split_sql
from services.models import Evaluation
from services.places import CaseResult, Rate, ReplayResult


@dataclass(frozen=True, slots=True)
class ReplaySplits:
    """The scores by split before and after, and what both prove; None where a split has no case, or no version before.

    Of the hold-out the agent may learn `holdout_word` alone: better, worse or same.
    """

    before: Rate | None = None
    tune: Rate | None = None
    holdout: Rate | None = None
    before_tune: Rate | None = None
    before_holdout: Rate | None = None
    holdout_word: str | None = None
    evidence: str = ""
    disputed_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One judged place: what a person said of it, and how both versions did there."""

    case_id: str
    verdict: str
    kind: str | None
    direction: int | None
    candle_index: int | None
    candle_time: datetime | None
    price: float | None
    expected_index: int | None
    session_name: str | None
    split: str | None
    before: bool | None
    after: bool
    outcome: str
    before_seen: str | None
    after_seen: str


@dataclass(frozen=True, slots=True)
class KeptReplay:
    """A replay as people read it. `results` hold every case, `rows` those of the tune sessions, broken ones first."""

    candidate_version: str
    baseline_version: str | None
    results: tuple[CaseResult, ...]
    rows: tuple[ReplayRow, ...]
    splits: ReplaySplits

    @property
    def fixed_ids(self) -> tuple[str, ...]:
        """Cases that pass now and did not before."""
        return tuple(result.case_id for result in self.results if result.outcome == "fixed")

    @property
    def broken_ids(self) -> tuple[str, ...]:
        """Cases that passed before and do not now."""
        return tuple(result.case_id for result in self.results if result.outcome == "broken")


_RESULT = Codec(CaseResult, "result of a replayed case")
_SPLITS = Codec(ReplaySplits, "splits of a replay")
_EVALUATION: LiteralString = """
SELECT v.version, b.version, ev.case_results, ev.splits
FROM evaluations ev
JOIN detector_versions v ON v.id = ev.detector_version_id
LEFT JOIN detector_versions b ON b.id = ev.baseline_version_id
WHERE ev.execution_id = %(id)s AND ev.kind = 'replay' ORDER BY ev.created_at DESC LIMIT 1
"""
_CASES: LiteralString = f"""
SELECT f.id::text, f.verdict, f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, f.price,
       f.expected_index, s.name, {split_sql()}
FROM feedback_items f LEFT JOIN pattern_sessions s ON s.id = f.session_id WHERE f.id = ANY(%(ids)s::uuid[])
ORDER BY f.id
"""
_ORDER = {"broken": 0, "fixed": 1, "unchanged": 2}


def replay(session: Session, execution_id: uuid.UUID) -> KeptReplay | None:
    """The newest replay of an execution's candidate with a row a case, broken ones first; None before testing.

    Hold-out cases are left out of the rows: only their sum is shown.
    """
    evaluations = fetch(session, _EVALUATION, {"id": execution_id})
    if not evaluations:
        return None
    version, baseline, case_results, splits = evaluations[0]
    results = from_json_list(_RESULT, case_results)
    by_case = {result.case_id: result for result in results}
    rows = [
        _row(by_case[facts[0]], facts)
        for facts in fetch(session, _CASES, {"ids": list(by_case)})
        if facts[-1] in (None, "tune")
    ]
    rows.sort(key=lambda row: (_ORDER.get(row.outcome, 3), -1 if row.candle_index is None else row.candle_index))
    kept = _SPLITS.from_json(splits) if splits else ReplaySplits()
    return KeptReplay(version, baseline, results, tuple(rows), kept)


def _row(result: CaseResult, facts: tuple[Any, ...]) -> ReplayRow:
    case_id, verdict, kind, direction, candle_index, candle_time, price, expected_index, session_name, split = facts
    return ReplayRow(
        case_id,
        verdict,
        kind,
        direction,
        candle_index,
        candle_time,
        price,
        expected_index,
        session_name,
        split,
        result.before,
        result.after,
        result.outcome,
        result.before_seen,
        result.after_seen,
    )


def ask_holdout(session: Session, execution_id: uuid.UUID, *, epoch: int) -> bool:
    """Whether what is kept for testing may decide on the execution's candidate: it does once an execution.

    The same candidate may ask again, since a step may run twice; another one, after a deploy that failed, may not.
    """
    execution = locked(session, execution_id, epoch)
    if execution.holdout_asked_of is None:
        execution.holdout_asked_of = execution.candidate_version_id
        session.flush()
    return execution.holdout_asked_of == execution.candidate_version_id


_ASKED: LiteralString = """
SELECT count(*) FROM claude_executions WHERE workspace_id = %(w)s AND holdout_asked_of IS NOT NULL
"""


def times_asked(session: Session, workspace_id: uuid.UUID) -> int:
    """How many executions of a workspace asked what is kept for testing."""
    return int(fetch(session, _ASKED, {"w": workspace_id})[0][0])


def keep_results(row: Evaluation, result: ReplayResult) -> None:
    """Puts the cases and the scores by split into an evaluation's JSON columns."""
    row.case_results = to_json_list(_RESULT, result.results)
    row.splits = _SPLITS.to_json(
        ReplaySplits(
            result.before_score,
            result.tune,
            result.holdout,
            result.before_tune,
            result.before_holdout,
            result.holdout_word,
            result.evidence,
            result.disputed_ids,
        )
    )
