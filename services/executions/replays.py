"""The replay of an execution's candidate over all judged places, as it is kept and read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.codec import Codec, from_json_list, to_json_list
from services.database.rows import fetch
from services.detectors.replay import CaseResult, ReplayResult
from services.detectors.scoring import Score
from services.models import Evaluation


@dataclass(frozen=True, slots=True)
class ReplaySplits:
    """The scores by split before and after, and what both prove; None where a split has no case, or no version before.

    Of the hold-out the agent may learn `holdout_word` alone: better, worse or same.
    """

    before: Score | None = None
    tune: Score | None = None
    holdout: Score | None = None
    before_tune: Score | None = None
    before_holdout: Score | None = None
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
_CASES: LiteralString = """
SELECT f.id::text, f.verdict, f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, f.price,
       f.expected_index, s.name, s.split
FROM feedback_items f LEFT JOIN pattern_sessions s ON s.id = f.session_id WHERE f.id = ANY(%(ids)s::uuid[])
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
        if facts[-1] != "holdout"
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
