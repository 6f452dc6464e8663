"""Judging a session: which mark is in question, what a click or a key means, and how to take it back.

`Board` is what one browser tab remembers of one session; everything else is read from the database on each run.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from pages.components.charts import VIEW_CANDLES, view_around
from pages.components.parts import ChartClick
from services import feedback
from services.database.engine import transaction
from services.errors import InvalidInput
from services.feedback import MarkPosition
from services.lifecycle import Verdict
from services.people import Actor
from services.sessions import SessionDetail

MAX_DRAWN: Final = 2_000  # candles of one figure; a longer window is drawn in parts
MARGIN: Final = 6  # candles between a mark and the edge of the view, below which the view moves
ALL_JUDGED: Final = "Every mark is judged. Add what was missed, or complete the session."

Row = Mapping[str, Any]


@dataclass(slots=True)
class Done:
    """A judgement of this sitting. `before` is the viewer's own mark as it was, None when there was none."""

    feedback_id: str
    mark_id: str
    verdict: str
    before: dict[str, Any] | None = None


@dataclass(slots=True)
class Board:
    """What a tab remembers. `view` and `candle` are dataset indexes; ids are those of `mark_id`.

    `clicks` holds what each chart had selected when it was last looked at, `drawn` what made up the chart's figure.
    """

    current: str | None = None
    view: tuple[int, int] | None = None
    moving: str | None = None
    reason: str = ""
    candle: int | None = None
    notice: str | None = None
    completing: bool = False
    clicks: dict[str, ChartClick | None] = field(default_factory=dict)
    drawn: object = None
    history: list[Done] = field(default_factory=list)
    accepted_gone: set[str] = field(default_factory=set)

    def calm(self) -> None:
        """Leaves the moving of a mark and the adding of a missed one."""
        self.moving, self.candle, self.reason = None, None, ""


def mark_id(row: Row) -> str:
    """A mark's identity on the chart: its detection, or its feedback when it is a missed place."""
    return str(row["detection_id"] or row["feedback_id"])


def rows_of(marks: pd.DataFrame) -> list[dict[str, Any]]:
    """The marks' frame as dicts in its order, missing numbers as None, with `id` added."""
    rows: list[dict[str, Any]] = marks.astype(object).where(marks.notna(), None).to_dict("records")  # type: ignore[assignment]
    for row in rows:
        row["id"] = mark_id(row)
    return rows


def find(rows: Sequence[Row], wanted: str | None) -> dict[str, Any] | None:
    return next((dict(r) for r in rows if r["id"] == wanted), None)


def is_open(row: Row) -> bool:
    return row["verdict"] is None


def settle(board: Board, rows: Sequence[Row], detail: SessionDetail) -> None:
    """After anything changed: a current mark that is still there, and a view that shows it."""
    if find(rows, board.current) is None:
        first = next((r for r in rows if is_open(r)), rows[0] if rows else None)
        board.current = first["id"] if first else None
    row = find(rows, board.current)
    if board.candle is not None:
        show(board, board.candle, detail)
    elif row is not None:
        show(board, int(row["anchor_index"]), detail)
    elif board.view is None:
        show(board, detail.end_index, detail)


def show(board: Board, index: int, detail: SessionDetail) -> None:
    """Moves the view when the candle is not well inside it."""
    first, last = detail.start_index, detail.end_index
    if board.view is not None:
        low = board.view[0] + (MARGIN if board.view[0] > first else 0)
        high = board.view[1] - (MARGIN if board.view[1] < last else 0)
        if low <= index <= high:
            return
    board.view = view_around(index, first, last, VIEW_CANDLES)


def drawn_window(board: Board, detail: SessionDetail) -> tuple[int, int]:
    """The candles that go into the figure: all of a short window, else a stable part of it around the view."""
    first, last = detail.start_index, detail.end_index
    if last - first < MAX_DRAWN:
        return first, last
    middle = sum(board.view) // 2 if board.view else last
    step = MAX_DRAWN // 4
    start = max(first, min((middle // step) * step - MAX_DRAWN // 2 + step // 2, last - MAX_DRAWN + 1))
    return start, min(last, start + MAX_DRAWN - 1)


def new_click(board: Board, key: str, now: ChartClick | None) -> ChartClick | None:
    """What was clicked on the chart `key` since the last run, given what it has selected `now`.

    A second click on the same point takes the selection away, so that counts as a click on it too.
    """
    before, board.clicks[key] = board.clicks.get(key), now
    return (now or before) if now != before else None


def note_drawn(board: Board, figure: object) -> None:
    """Told what makes up the chart: one that changed is drawn anew, and then nothing is selected on it."""
    if board.drawn != figure:
        board.drawn = figure
        board.clicks.clear()


def step(board: Board, rows: Sequence[Row], by: int) -> None:
    """The mark before or after, stopping at the ends."""
    board.calm()
    ids = [r["id"] for r in rows]
    if ids:
        at = ids.index(board.current) if board.current in ids else 0
        board.current = ids[max(0, min(len(ids) - 1, at + by))]


def to_next_open(board: Board, rows: Sequence[Row]) -> None:
    """The next mark that nobody judged, from the current one on and then from the start; else it says that all are."""
    ids = [r["id"] for r in rows]
    at = ids.index(board.current) if board.current in ids else -1
    ahead = [r for r in (*rows[at + 1 :], *rows[: at + 1]) if is_open(r) and r["id"] != board.current]
    if ahead:
        board.current = ahead[0]["id"]
    else:
        board.notice = ALL_JUDGED


def judge(
    board: Board, rows: Sequence[Row], verdict: str, reason: str, *, actor: Actor, expected: MarkPosition | None = None
) -> None:
    """Gives the current mark a verdict and goes on to the next. `adjustment` without a place waits for its candle."""
    row = find(rows, board.moving or board.current)
    if row is None:
        board.notice = "There is no mark to judge; click one first."
        return
    if row["detection_id"] is None:
        raise InvalidInput("This mark was added as missed; it can be removed, not judged.")
    if verdict == Verdict.ADJUSTMENT and expected is None:
        board.calm()
        board.moving, board.reason = row["id"], reason
        return
    with transaction() as session:
        made = feedback.judge(
            session,
            uuid.UUID(row["detection_id"]),
            Verdict(verdict),
            reason=reason or None,
            expected=expected,
            actor=actor,
        )
    own = row if row["author_id"] == str(actor.id) and row["verdict"] is not None else None
    board.history.append(Done(str(made), row["id"], verdict, own))
    board.calm()
    to_next_open(board, rows)


def place_at(candles: pd.DataFrame, index: int, kind: str, direction: int) -> MarkPosition:
    """The place of a mark on a candle: its high or low for a swing, else its close. Raises InvalidInput outside."""
    if index not in candles.index:
        raise InvalidInput(f"Candle #{index} is outside the session's window.")
    candle = candle_at(candles, index)
    column = {1: "high", -1: "low"}.get(direction, "close") if kind.startswith("swing") else "close"
    return MarkPosition(index=index, time=candle["time"].to_pydatetime(), price=float(candle[column]))


def candle_at(candles: pd.DataFrame, index: int) -> dict[str, Any]:
    """One candle's values by name."""
    return dict(candles.loc[index])


def move_to(board: Board, rows: Sequence[Row], candles: pd.DataFrame, index: int, *, actor: Actor) -> None:
    """The candle where the mark being moved belongs."""
    row = find(rows, board.moving)
    if row is None:
        board.calm()
        return
    expected = place_at(candles, index, str(row["kind"]), int(row["direction"]))
    board.current = row["id"]
    judge(board, rows, Verdict.ADJUSTMENT, board.reason, actor=actor, expected=expected)


def add_missed(
    board: Board, detail: SessionDetail, place: MarkPosition, *, kind: str, direction: int, reason: str, actor: Actor
) -> None:
    """A mark that the detector should have made on this candle."""
    with transaction() as session:
        made = feedback.add_missed(
            session, detail.id, kind=kind, direction=direction, place=place, reason=reason or None, actor=actor
        )
    board.history.append(Done(str(made), str(made), Verdict.FALSE_NEGATIVE))
    board.calm()
    show(board, place.index, detail)


def remove(board: Board, feedback_id: str, *, actor: Actor) -> None:
    """Takes a judgement back for good, whether it was given in this sitting or before."""
    with transaction() as session:
        feedback.withdraw(session, uuid.UUID(feedback_id), actor=actor)
    board.history = [d for d in board.history if d.feedback_id != feedback_id]
    board.calm()


def undo(board: Board, candles: pd.DataFrame, *, actor: Actor) -> None:
    """Takes the last judgement of this sitting back: what was there before it stands again."""
    if not board.history:
        board.notice = "There is nothing to undo in this sitting."
        return
    last = board.history.pop()
    with transaction() as session:
        if last.before is None:
            feedback.withdraw(session, uuid.UUID(last.feedback_id), actor=actor)
        else:
            before = last.before
            feedback.judge(
                session,
                uuid.UUID(before["detection_id"]),
                Verdict(before["verdict"]),
                reason=before["reason"],
                expected=_place_of(before, candles),
                made_by=before["made_by"],
                actor=actor,
            )
    board.calm()
    if last.verdict != Verdict.FALSE_NEGATIVE:
        board.current = last.mark_id


def _place_of(before: Row, candles: pd.DataFrame) -> MarkPosition | None:
    if before["verdict"] != Verdict.ADJUSTMENT or before["expected_index"] is None:
        return None
    return place_at(candles, int(before["expected_index"]), str(before["kind"]), int(before["direction"]))


def kinds_of(rows: Sequence[Row], pattern_type: str) -> list[str]:
    """The kinds that a missed mark can have: those the detector says, the most frequent first."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["kind"])] = counts.get(str(row["kind"]), 0) + 1
    single = "swing" if pattern_type == "swings" else pattern_type
    return sorted(counts, key=lambda k: (-counts[k], k)) or [single]


def likely_direction(candles: pd.DataFrame, index: int, span: int = 3) -> int:
    """+1 or -1: the end of its neighbours that this candle makes, else the way it closed."""
    near = candles.loc[index - span : index + span]
    candle = candle_at(candles, index)
    top, bottom = candle["high"] >= near["high"].max(), candle["low"] <= near["low"].min()
    if top != bottom:
        return 1 if top else -1
    return 1 if candle["close"] >= candle["open"] else -1
