"""What a workspace asks for and holds back: policies of approval and replay, the hold-out's share, pins, releases."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services import approvals, labels, timeline, workspaces
from services.database.rows import fetch
from services.errors import Conflict, InvalidInput, NotFound
from services.models import ClaudeExecution, PatternWorkspace, PlacePin, PlaceRow, ReleasedBlock, new_id
from services.people import Actor, record, require
from services.places import BLOCK_BARS, ApprovalPolicy
from services.places.blocks import MAX_SHARE

MOST_JUDGED = 10_000  # places that a policy may ask for


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace's policies as they are in force. `replay` is None where it follows the status."""

    approval: ApprovalPolicy
    replay: str | None
    holdout_share: float
    share_is_fixed: bool


def read(session: Session, workspace_id: uuid.UUID) -> Settings:
    """Raises NotFound."""
    workspace = session.get(PatternWorkspace, workspace_id)
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return Settings(
        labels.approval_policy(session, workspace_id),
        workspace.replay_policy,
        workspace.holdout_share,
        _has_executions(session, workspace_id),
    )


def set_approval_policy(session: Session, workspace_id: uuid.UUID, policy: ApprovalPolicy, *, actor: Actor) -> None:
    """What an approval takes from now on; one that stands is void when it does not meet it."""
    require(actor, "set_policy")
    if not 1 <= policy.judged <= MOST_JUDGED or not 0 <= policy.unseen <= policy.judged:
        raise InvalidInput(f"An approval takes 1 to {MOST_JUDGED:,} judged places, and no more unseen ones than that.")
    if policy.lower_bound is not None and not 0 <= policy.lower_bound < 1:
        raise InvalidInput("The lower bound of the rate is a share from 0 to under 1.")
    workspace = workspaces.lock(session, workspace_id)
    before, workspace.approval_policy = dict(workspace.approval_policy), asdict(policy)
    _record(session, workspace_id, "set_approval_policy", before, asdict(policy), actor)
    approvals.evidence_changed(session, workspace_id, reason=f"{actor.name} changed the approval's policy")


def set_replay_policy(session: Session, workspace_id: uuid.UUID, policy: str | None, *, actor: Actor) -> None:
    """What the replay lets pass: `strict`, `net`, or None, which follows the status."""
    require(actor, "set_policy")
    if policy not in (None, "strict", "net"):
        raise InvalidInput("The replay's policy is strict, net, or that of the status.")
    workspace = workspaces.lock(session, workspace_id)
    before, workspace.replay_policy = workspace.replay_policy, policy
    _record(session, workspace_id, "set_replay_policy", {"replay": before}, {"replay": policy}, actor)


def set_holdout_share(session: Session, workspace_id: uuid.UUID, share: float, *, actor: Actor) -> None:
    """How much of the candles is kept for testing. Only before the first execution: later it would be known."""
    require(actor, "set_policy")
    if not 0 <= share <= MAX_SHARE:
        raise InvalidInput(f"The share kept for testing is 0 to {MAX_SHARE:.0%}.")
    workspace = workspaces.lock(session, workspace_id)
    if _has_executions(session, workspace_id):
        raise Conflict("An execution has run here, so the share kept for testing is fixed.")
    before, workspace.holdout_share = workspace.holdout_share, share
    _record(session, workspace_id, "set_holdout_share", {"share": before}, {"share": share}, actor)
    session.flush()
    labels.keep(session, workspace_id)


def pin(session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID, *, actor: Actor) -> None:
    """No replay may break this place from now on. A place is pinned once, however often it is asked for."""
    require(actor, "pin")
    workspaces.lock(session, workspace_id)
    place = _place(session, workspace_id, place_id)
    if place.status not in ("present", "absent"):
        raise Conflict("A place is pinned once people agree on it; this one is " + place.status + ".")
    if session.scalar(select(PlacePin.id).where(*_at(place))) is None:
        session.add(
            PlacePin(
                id=new_id(),
                workspace_id=workspace_id,
                series_id=place.series_id,
                kind=place.kind,
                direction=place.direction,
                anchor_bar=place.anchor_bar,
                pinned_by_id=actor.id,
            )
        )
        _record(session, workspace_id, "pin", None, {"place": str(place_id)}, actor)
    session.flush()


def unpin(session: Session, workspace_id: uuid.UUID, pin_id: uuid.UUID, *, actor: Actor) -> None:
    """A replay may break the place again, by the policy."""
    require(actor, "pin")
    workspaces.lock(session, workspace_id)
    row = session.get(PlacePin, pin_id)
    if row is None or row.workspace_id != workspace_id:
        raise NotFound("There is no such pin any more.")
    session.execute(delete(PlacePin).where(PlacePin.id == pin_id))
    _record(session, workspace_id, "unpin", {"bar": row.anchor_bar, "kind": row.kind}, None, actor)


@dataclass(frozen=True, slots=True)
class PinRow:
    """A pinned place."""

    id: uuid.UUID
    kind: str
    direction: int
    bar: int
    person: str
    at: datetime


_PINS: LiteralString = """
SELECT p.id, p.kind, p.direction, p.anchor_bar, u.name, p.created_at FROM place_pins p JOIN users u
ON u.id = p.pinned_by_id WHERE p.workspace_id = %(w)s ORDER BY p.created_at, p.id
"""


def pins(session: Session, workspace_id: uuid.UUID) -> list[PinRow]:
    return [PinRow(*row) for row in fetch(session, _PINS, {"w": workspace_id})]


@dataclass(frozen=True, slots=True)
class AgreedRow:
    """A place that people agree on and that is not pinned. `bar` counts the bars of its series."""

    id: uuid.UUID
    kind: str
    direction: int
    bar: int
    at: datetime
    symbol: str
    present: bool


_AGREED: LiteralString = """
SELECT p.id, p.kind, p.direction, p.anchor_bar, p.anchor_time, c.symbol, p.status = 'present' FROM places p
JOIN LATERAL (SELECT symbol FROM candle_datasets c WHERE c.series_id = p.series_id ORDER BY c.created_at LIMIT 1) c ON true
WHERE p.workspace_id = %(w)s AND p.status IN ('present', 'absent') AND NOT EXISTS (
    SELECT 1 FROM place_pins q WHERE q.workspace_id = p.workspace_id AND q.series_id = p.series_id AND q.kind = p.kind
      AND q.direction = p.direction AND q.anchor_bar = p.anchor_bar)
ORDER BY c.symbol, p.anchor_time, p.kind, p.id
"""


def agreed(session: Session, workspace_id: uuid.UUID) -> list[AgreedRow]:
    """The places that can be pinned, by symbol and time."""
    labels.keep_current(session, workspace_id)
    return [AgreedRow(*row) for row in fetch(session, _AGREED, {"w": workspace_id})]


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block of time that is kept for testing, or was released, where this workspace has judged places."""

    series_id: uuid.UUID
    block: int
    symbol: str
    timeframe: str
    first: datetime
    last: datetime
    places: int
    released: bool


_BLOCKS: LiteralString = """
SELECT p.series_id, p.anchor_time, c.symbol, c.timeframe, p.split FROM places p JOIN LATERAL (
    SELECT symbol, timeframe FROM candle_datasets c WHERE c.series_id = p.series_id ORDER BY c.created_at LIMIT 1) c ON true
WHERE p.workspace_id = %(w)s
"""


def blocks(session: Session, workspace_id: uuid.UUID) -> list[BlockRow]:
    """The blocks that hold judged places kept for testing, and those released, by series and time."""
    labels.keep_current(session, workspace_id)
    facts = labels.series_seconds(session, workspace_id)
    released = labels.released_blocks(session, workspace_id)
    found: dict[tuple[uuid.UUID, int], list[Any]] = {}
    for series, at, symbol, timeframe, split in fetch(session, _BLOCKS, {"w": workspace_id}):
        seconds = facts.get(str(series))
        if seconds is None:
            continue
        block = int(at.timestamp()) // (BLOCK_BARS * seconds)
        free = block in released.get(str(series), frozenset())
        if split == "holdout" or free:
            row = found.setdefault((series, block), [symbol, timeframe, at, at, 0, free])
            row[2], row[3], row[4] = min(row[2], at), max(row[3], at), row[4] + 1
    return [BlockRow(series, block, *values) for (series, block), values in sorted(found.items(), key=str)]


def release_block(
    session: Session, workspace_id: uuid.UUID, series_id: uuid.UUID, block: int, *, reason: str, actor: Actor
) -> None:
    """An admin takes a block out of what is kept for testing: its places are seen for ever from then on."""
    require(actor, "release_block")
    if not reason.strip():
        raise InvalidInput("A reason is required; it is kept in the audit trail.")
    workspaces.lock(session, workspace_id)
    if not any((b.series_id, b.block, b.released) == (series_id, block, False) for b in blocks(session, workspace_id)):
        raise Conflict("That block is not kept for testing here, or it was released already.")
    before = labels.label_set(session, workspace_id)
    session.add(ReleasedBlock(workspace_id=workspace_id, series_id=series_id, block=block, released_by_id=actor.id))
    session.flush()
    seconds = labels.series_seconds(session, workspace_id)[str(series_id)]
    inside = [p for p in before.places if p.series == str(series_id) and p.spot.time // (BLOCK_BARS * seconds) == block]
    labels.mark_seen(session, workspace_id, inside, execution_id=None)
    _record(
        session,
        workspace_id,
        "release_block",
        None,
        {"series": str(series_id), "block": block, "places": len(inside), "reason": reason.strip()},
        actor,
    )
    labels.keep(session, workspace_id)
    approvals.evidence_changed(session, workspace_id, reason=f"{actor.name} released a block kept for testing")


def _has_executions(session: Session, workspace_id: uuid.UUID) -> bool:
    return (
        session.scalar(select(ClaudeExecution.id).where(ClaudeExecution.workspace_id == workspace_id).limit(1))
        is not None
    )


def _place(session: Session, workspace_id: uuid.UUID, place_id: uuid.UUID) -> PlaceRow:
    labels.keep_current(session, workspace_id)
    place = session.get(PlaceRow, place_id, populate_existing=True)
    if place is None or place.workspace_id != workspace_id:
        raise NotFound("There is no such place; its judgements may have been taken back.")
    return place


def _at(place: PlaceRow) -> tuple[Any, ...]:
    return (
        PlacePin.workspace_id == place.workspace_id,
        PlacePin.series_id == place.series_id,
        PlacePin.kind == place.kind,
        PlacePin.direction == place.direction,
        PlacePin.anchor_bar == place.anchor_bar,
    )


def _record(session: Session, workspace_id: uuid.UUID, action: str, before: Any, after: Any, actor: Actor) -> None:
    record(
        session, actor=actor, action=action, object_type="workspace", object_id=workspace_id, before=before, after=after
    )
    session.flush()
    timeline.announce(session, workspace_id)
