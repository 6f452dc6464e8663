"""The room of a place where people disagree: everybody's verdict, what they wrote, and the decision with its rule."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import approvals, labels, timeline, workspaces
from services.database.rows import fetch
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import FeedbackState, MessageType, Verdict
from services.models import CandleDataset, FeedbackItem, PlaceComment, PlaceDecision, PlaceJudgement, new_id
from services.models import PlaceRow as Row
from services.people import Actor, record, require
from services.states import move_correction
from services.texts import cleaned

MAX_TEXT = 4_000  # characters of a comment or of a rule
MAX_RULES = 40_000  # characters of all rules of a workspace
_PRESENT = (Verdict.CONFIRMED, Verdict.FALSE_NEGATIVE)


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place as lists of disputes show it. `bar` counts the bars of its series."""

    id: uuid.UUID
    kind: str
    direction: int
    bar: int
    time: datetime
    status: str
    present_votes: int
    absent_votes: int
    decided: bool
    split: str

    @property
    def title(self) -> str:
        arrow = {1: " up", -1: " down"}.get(self.direction, "")
        return f"{self.kind.replace('_', ' ')}{arrow}, {self.time:%Y-%m-%d}"

    @property
    def votes(self) -> str:
        return f"{self.present_votes} say it is there, {self.absent_votes} say it is not"


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What one person said of the place. `bar` is of the dataset, `expected` where a mark should be."""

    feedback_id: uuid.UUID
    person: str
    verdict: str
    state: str
    bar: int | None
    expected: int | None
    low: float | None
    high: float | None
    reason: str | None
    at: datetime
    made_by: str
    session_id: uuid.UUID | None
    session_name: str | None
    detection_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment in the room."""

    person: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """How the dispute was settled."""

    present: bool
    rule: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """Everything on one place. `index` is its bar in the dataset `storage_path`, None without one."""

    place: PlaceRow
    verdicts: list[VerdictRow]
    remarks: list[Remark]
    decisions: list[DecisionRow]
    storage_path: str | None
    index: int | None
    price_low: float | None
    price_high: float | None

    @property
    def kept_for_testing(self) -> bool:
        return self.place.split != "tune"


_COLUMNS: LiteralString = (
    "p.id, p.kind, p.direction, p.anchor_bar, p.anchor_time, p.status, p.present_votes, p.absent_votes, p.decided, "
    "p.split"
)
_DISPUTES: LiteralString = f"""
SELECT {_COLUMNS} FROM places p WHERE p.workspace_id = %(w)s AND (p.status = 'disputed' OR (%(settled)s AND p.decided))
ORDER BY p.status <> 'disputed', p.anchor_time, p.id
"""
_ONE: LiteralString = f"""
SELECT {_COLUMNS}, p.price_low, p.price_high, d.storage_path, p.anchor_bar - d.series_offset
FROM places p LEFT JOIN LATERAL (
    SELECT c.storage_path, c.series_offset FROM feedback_items f JOIN candle_datasets c ON c.id = f.dataset_id
    WHERE f.id = p.founder_id) d ON true
WHERE p.workspace_id = %(w)s AND p.id = %(p)s
"""
_VERDICTS: LiteralString = """
SELECT f.id, u.name, f.verdict, f.state, f.candle_index, f.expected_index, f.expected_low, f.expected_high, f.reason,
       f.judged_at, f.made_by, f.session_id, s.name, f.detection_id
FROM place_judgements j JOIN feedback_items f ON f.id = j.feedback_id JOIN users u ON u.id = f.author_id
LEFT JOIN pattern_sessions s ON s.id = f.session_id
WHERE j.place_id = %(p)s ORDER BY f.judged_at, f.id
"""
_REMARKS: LiteralString = """
SELECT u.name, c.text, c.created_at FROM places p JOIN place_comments c
  ON (c.workspace_id, c.series_id, c.kind, c.direction, c.anchor_bar)
   = (p.workspace_id, p.series_id, p.kind, p.direction, p.anchor_bar)
JOIN users u ON u.id = c.author_id WHERE p.id = %(p)s ORDER BY c.created_at, c.id
"""
_DECISIONS: LiteralString = """
SELECT d.present, d.rule, u.name, d.created_at FROM places p JOIN place_decisions d
  ON (d.workspace_id, d.series_id, d.kind, d.direction, d.anchor_bar)
   = (p.workspace_id, p.series_id, p.kind, p.direction, p.anchor_bar)
JOIN users u ON u.id = d.decided_by_id WHERE p.id = %(p)s ORDER BY d.created_at DESC, d.id DESC
"""


def list_disputes(session: Session, workspace_id: uuid.UUID, *, settled: bool = False) -> list[PlaceRow]:
    """Places where people disagree, in the order of their time; with `settled` those decided too, last."""
    labels.keep_current(session, workspace_id)
    return [PlaceRow(*row) for row in fetch(session, _DISPUTES, {"w": workspace_id, "settled": settled})]


def room(session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID) -> Room:
    """One place with all that was said of it. Raises NotFound."""
    labels.keep_current(session, workspace_id)
    rows = fetch(session, _ONE, {"w": workspace_id, "p": place_id})
    if not rows:
        raise NotFound("There is no such place; its judgements may have been taken back.")
    params = {"p": place_id}
    return Room(
        PlaceRow(*rows[0][:10]),
        [VerdictRow(*row) for row in fetch(session, _VERDICTS, params)],
        [Remark(*row) for row in fetch(session, _REMARKS, params)],
        [DecisionRow(*row) for row in fetch(session, _DECISIONS, params)],
        rows[0][12],
        rows[0][13],
        rows[0][10],
        rows[0][11],
    )


def comment(session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID, text: str, *, actor: Actor) -> None:
    """Adds to what people wrote about a place."""
    require(actor, "judge")
    words = _words(text, "Write a comment first.")
    place = _place(session, workspace_id, place_id)
    session.add(
        PlaceComment(
            id=new_id(),
            workspace_id=workspace_id,
            series_id=place.series_id,
            kind=place.kind,
            direction=place.direction,
            anchor_bar=place.anchor_bar,
            text=words,
            author_id=actor.id,
        )
    )
    session.flush()


def settle(
    session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID, *, present: bool, rule: str, actor: Actor
) -> None:
    """Decides a dispute: the event is there, or it is not, by a rule in words. What people said stays as it was.

    The rule joins the workspace's rules, which the next prompt sends; that of a place kept for testing stays in its
    room. Raises Conflict when somebody was quicker.
    """
    require(actor, "judge")
    words = _words(rule, "Write the rule that settles it.")
    workspace = workspaces.lock(session, workspace_id)
    labels.keep(session, workspace_id)
    place = _place(session, workspace_id, place_id)
    if place.status != "disputed":
        last = next(iter(room(session, workspace_id, place_id).decisions), None)
        who = f"{last.person} settled this dispute already" if last and place.decided else "Nobody disagrees here now"
        raise Conflict(f"{who}; look at the room again.")
    session.add(
        PlaceDecision(
            id=new_id(),
            workspace_id=workspace_id,
            series_id=place.series_id,
            kind=place.kind,
            direction=place.direction,
            anchor_bar=place.anchor_bar,
            anchor_time=place.anchor_time,
            price_low=place.price_low,
            price_high=place.price_high,
            level=place.level,
            slack=place.slack,
            present=present,
            rule=words,
            decided_by_id=actor.id,
        )
    )
    session.flush()
    _follow(session, place, present=present)
    if place.split == "tune":
        workspace.rules = _joined(workspace.rules, words)
    word = "it is there" if present else "it is not there"
    told = f"Settled the dispute at {place.anchor_time:%Y-%m-%d %H:%M}: {word}. Rule: {words}"
    if place.split != "tune":  # an agent that answers questions reads the timeline
        told = "Settled a dispute about a place that is kept for testing; its decision and its rule stay in its room."
    timeline.append(
        session,
        workspace_id,
        MessageType.COMMENT,
        data={},
        actor=actor,
        title="Settled a dispute",
        content=told,
    )
    record(
        session,
        actor=actor,
        action="settle_dispute",
        object_type="workspace",
        object_id=workspace_id,
        after={"place": str(place_id), "present": present, "rule": words},
    )
    labels.keep(session, workspace_id)
    approvals.evidence_changed(session, workspace_id, reason=f"{actor.name} settled a dispute")


def _says_present(session: Session, item: FeedbackItem, place: Row) -> bool:
    """What a judgement says of the place. A move says that it is there of where it moves to, and not of where from."""
    if item.verdict != Verdict.ADJUSTMENT or item.expected_index is None or item.candle_index is None:
        return item.verdict in _PRESENT
    dataset = session.get(CandleDataset, item.dataset_id) if item.dataset_id else None
    bar = place.anchor_bar - (dataset.series_offset if dataset is not None else 0)
    to, of = abs(bar - item.expected_index), abs(bar - item.candle_index)
    if to == of:  # another zone on the same bar
        return place.price_low is not None and place.price_low == item.expected_low
    return to < of


def _follow(session: Session, place: Row, *, present: bool) -> None:
    """Judgements that agree with the decision may be sent again; the others stay disputed, so that no agent gets them."""
    items = session.scalars(
        select(FeedbackItem)
        .join(PlaceJudgement, PlaceJudgement.feedback_id == FeedbackItem.id)
        .where(
            PlaceJudgement.place_id == place.id, FeedbackItem.state.in_([FeedbackState.OPEN, FeedbackState.DISPUTED])
        )
    )
    for item in items:
        agrees = _says_present(session, item, place) == present
        move_correction(item, FeedbackState.OPEN if agrees else FeedbackState.DISPUTED)
    session.flush()


def set_rules(session: Session, workspace_id: uuid.UUID, text: str, *, actor: Actor) -> None:
    """Changes the workspace's rules in words, which every prompt sends."""
    require(actor, "edit_rules")
    words = cleaned(text)
    if len(words) > MAX_RULES:
        raise InvalidInput(f"The rules hold up to {MAX_RULES:,} characters; these have {len(words):,}.")
    workspace = workspaces.lock(session, workspace_id)
    before, workspace.rules = workspace.rules, words or None
    record(
        session,
        actor=actor,
        action="edit_rules",
        object_type="workspace",
        object_id=workspace_id,
        before={"rules": before},
        after={"rules": workspace.rules},
    )
    session.flush()
    timeline.announce(session, workspace_id)


def _joined(rules: str | None, rule: str) -> str:
    lines = [line for line in (rules or "").splitlines() if line.strip()]
    text = "\n".join([*lines, f"- {' '.join(rule.split())}"])
    if len(text) > MAX_RULES:
        raise InvalidInput(f"The workspace's rules hold up to {MAX_RULES:,} characters; shorten them first.")
    return text


def _words(text: str, otherwise: str) -> str:
    words = cleaned(text)
    if not words:
        raise InvalidInput(otherwise)
    if len(words) > MAX_TEXT:
        raise InvalidInput(f"It holds up to {MAX_TEXT:,} characters; this one has {len(words):,}.")
    return words


def _place(session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID) -> Row:
    place = session.get(Row, place_id, populate_existing=True)
    if place is None or place.workspace_id != workspace_id:
        raise NotFound("There is no such place; its judgements may have been taken back.")
    return place
