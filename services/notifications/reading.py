"""The latest notices of a workspace, without the addresses' secrets."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.models import Notification
from services.people import Actor, require

LATEST = 20


@dataclass(frozen=True, slots=True)
class AddressOutcome:
    """What came of one address, redacted. `state` is waiting, sent, failed or removed."""

    address: str
    state: str
    said: str | None


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice. `status` is pending, sent or failed; `tries` were made so far."""

    id: uuid.UUID
    event: str
    title: str
    body: str
    link: str
    status: str
    tries: int
    outcomes: list[AddressOutcome]
    created_at: datetime
    sent_at: datetime | None


def latest(session: Session, workspace_id: uuid.UUID, *, limit: int = LATEST, actor: Actor) -> list[NoticeRow]:
    """The newest notices first. Raises NotAllowed for viewers."""
    require(actor, "notify")
    rows = session.scalars(
        select(Notification)
        .where(Notification.workspace_id == workspace_id)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [
        NoticeRow(
            n.id,
            n.event,
            n.title,
            n.body,
            n.link,
            n.status,
            n.tries,
            [AddressOutcome(o["address"], o["state"], o["said"]) for o in n.outcomes or []],
            n.created_at,
            n.sent_at,
        )
        for n in rows
    ]
