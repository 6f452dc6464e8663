"""Judgements from a file: each row checked first, then all of them stored in one transaction, or none."""

from __future__ import annotations

import csv
import io
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.orm import Session

from services import feedback, releases, sessions
from services.candles.store import load_array
from services.database.engine import transaction
from services.detectors.sandbox import warm
from services.detectors.types import Candles
from services.errors import InvalidInput, PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import Verdict
from services.people import Actor, require
from services.sessions import SessionDetail
from services.settings import get_settings

COLUMNS = ("kind", "direction", "index", "time", "verdict", "expected_index", "price", "low", "high", "reason")
MAX_BYTES = 20_000_000
VERDICTS = (Verdict.CONFIRMED, Verdict.FALSE_POSITIVE, Verdict.FALSE_NEGATIVE, Verdict.ADJUSTMENT, Verdict.UNSURE)
DIRECTIONS = {"1": 1, "+1": 1, "up": 1, "-1": -1, "down": -1, "0": 0, "none": 0, "": 0}


@dataclass(frozen=True, slots=True)
class Row:
    """One judgement of the file. Indexes are those of the session's dataset."""

    number: int
    kind: str
    direction: int
    verdict: Verdict
    place: MarkPosition
    expected: MarkPosition | None
    reason: str | None


def import_judgements(data: bytes, session_id: uuid.UUID, *, actor: Actor) -> int:
    """Stores the judgements of a CSV file as the actor's; how many there were. Raises InvalidInput with the row.

    A row names the candle by `index` or by `time` (ISO, UTC without an offset). A false_negative, and a row where the
    session has no mark, is kept as a place without one.
    """
    require(actor, "judge")
    with transaction() as session:
        detail = sessions.get(session, session_id)
        if detail.dataset_id is None or detail.storage_path is None:
            raise InvalidInput("This session has no dataset, so nothing can be judged in it.")
    candles = load_array(get_settings().storage_root, detail.storage_path)
    kinds = _kinds(detail)
    rows = [_row(number, cells, detail, candles, kinds) for number, cells in _cells(data)]
    _refuse_twice(rows)
    with transaction() as session:
        marks = _marks(session, session_id)
        for row in rows:
            try:
                _store(session, session_id, row, marks, actor)
            except PatternDeskError as error:
                raise InvalidInput(f"Row {row.number}: {error}") from error
    return len(rows)


def _cells(data: bytes) -> list[tuple[int, dict[str, str]]]:
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"The file has {len(data):,} bytes; up to {MAX_BYTES:,} can be read.")
    try:
        text = data.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names = [(n or "").strip().lower() for n in reader.fieldnames or []]
        unknown = [n for n in names if n not in COLUMNS]
        missing = [n for n in ("kind", "verdict") if n not in names]
        if unknown or missing or not {"index", "time"} & set(names):
            raise InvalidInput(f"The columns are {', '.join(COLUMNS)}; kind, verdict and index or time are needed.")
        if len(set(names)) != len(names):
            raise InvalidInput("A column stands twice in the file.")
        found = []
        for number, raw in enumerate(reader, 2):
            if None in raw or None in raw.values():
                raise InvalidInput(f"Row {number} has not as many cells as the header.")
            found.append((number, {n: (v or "").strip() for n, v in zip(names, raw.values(), strict=True)}))
    except UnicodeDecodeError as error:
        raise InvalidInput("The file is no UTF-8 text.") from error
    except csv.Error as error:
        raise InvalidInput(f"The file is no CSV: {error}.") from error
    return found


def _kinds(detail: SessionDetail) -> frozenset[str]:
    """The kinds that the session's detector declares; its pattern's name where there is no detector."""
    if detail.commit_hash is None:
        return frozenset({detail.pattern_type})
    with warm(releases.release(detail.commit_hash), detail.pattern_type) as worker:
        return frozenset(worker.spec().kinds)


def _row(number: int, cells: Mapping[str, str], detail: SessionDetail, candles: Candles, kinds: frozenset[str]) -> Row:
    def refuse(reason: str) -> InvalidInput:
        return InvalidInput(f"Row {number}: {reason}")

    def price(name: str) -> float | None:
        text = cells.get(name, "")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError as error:
            raise refuse(f"'{text[:40]}' is no price.") from error
        if not math.isfinite(value):
            raise refuse(f"'{text[:40]}' is no price that can be kept.")
        return value

    def bar(name: str) -> int | None:
        text = cells.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise refuse(f"'{text[:40]}' is no candle index.")
        index = int(text)
        if not detail.start_index <= index <= detail.end_index:
            raise refuse(f"#{index} is outside the session's window #{detail.start_index} to #{detail.end_index}.")
        return index

    verdict = cells["verdict"].lower()
    if verdict not in {v.value for v in VERDICTS}:
        raise refuse(f"'{verdict[:40]}' is no verdict; they are {', '.join(VERDICTS)}.")
    kind = cells["kind"]
    if kind not in kinds:
        raise refuse(f"'{kind[:40]}' is no kind of this pattern; it has {', '.join(sorted(kinds))}.")
    direction = cells.get("direction", "").lower()
    if direction not in DIRECTIONS:
        raise refuse(f"'{direction[:40]}' is no direction; it is 1, -1 or 0.")
    index = bar("index")
    if index is None:
        index = _at(cells.get("time", ""), detail, candles, refuse)
    expected_index = bar("expected_index")
    if verdict == Verdict.ADJUSTMENT and expected_index is None:
        raise refuse("an adjustment needs the expected_index.")
    low, high = price("low"), price("high")
    of_place = verdict != Verdict.ADJUSTMENT
    place = MarkPosition(
        index, sessions.bar_time(candles, index), price("price"), low if of_place else None, high if of_place else None
    )
    expected = None
    if expected_index is not None and not of_place:
        expected = MarkPosition(expected_index, sessions.bar_time(candles, expected_index), price("price"), low, high)
    return Row(number, kind, DIRECTIONS[direction], Verdict(verdict), place, expected, cells.get("reason") or None)


def _at(text: str, detail: SessionDetail, candles: Candles, refuse: Callable[[str], InvalidInput]) -> int:
    """The index of the candle that opens at a time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"'{text[:40]}' is no time, and no index is given.") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    times = candles["time"]
    index = int(np.searchsorted(times, int(at.timestamp())))
    if index >= len(times) or int(times[index]) != int(at.timestamp()):
        raise refuse(f"no candle opens at {at.isoformat()}.")
    if not detail.start_index <= index <= detail.end_index:
        raise refuse(f"{at.isoformat()} is outside the session's window.")
    return index


def _refuse_twice(rows: list[Row]) -> None:
    known: dict[tuple[str, int, int, bool], int] = {}
    for row in rows:
        key = (row.kind, row.direction, row.place.index, row.verdict == Verdict.FALSE_NEGATIVE)
        if key in known:
            raise InvalidInput(f"Row {row.number} judges the same place as row {known[key]}.")
        known[key] = row.number


def _marks(session: Session, session_id: uuid.UUID) -> dict[tuple[str, int, int], uuid.UUID]:
    """The session's marks by kind, direction and bar."""
    found = sessions.marks(session, session_id)
    return {
        (str(m["kind"]), int(m["direction"]), int(m["anchor_index"])): uuid.UUID(m["detection_id"])
        for m in found.to_dict("records")
        if m["detection_id"] is not None
    }


def _store(
    session: Session,
    session_id: uuid.UUID,
    row: Row,
    marks: Mapping[tuple[str, int, int], uuid.UUID],
    actor: Actor,
) -> None:
    if row.verdict == Verdict.FALSE_NEGATIVE:
        feedback.add_missed(
            session, session_id, kind=row.kind, direction=row.direction, place=row.place, reason=row.reason, actor=actor
        )
        return
    mark = marks.get((row.kind, row.direction, row.place.index))
    if mark is not None:
        feedback.judge(session, mark, row.verdict, reason=row.reason, expected=row.expected, actor=actor)
        return
    feedback.judge_place(
        session,
        session_id,
        row.verdict,
        kind=row.kind,
        direction=row.direction,
        place=row.place,
        expected=row.expected,
        reason=row.reason,
        actor=actor,
    )
