"""Personal tokens with which a machine reads exports: made, named, narrowed to reports, used, revoked.

A token is shown once, when it is made. The database keeps its SHA-256 (it is 256 random bits, so a slow hash would add
nothing) and its beginning. A token lets its owner's role read what the owner may read, and never more than its reports.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import limiting
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound
from services.exports.reports import find_report
from services.models import AccessToken, User, now
from services.people import Actor, actor_by_id, record, require

PREFIX: Final = "pdt_"
METRICS: Final = "metrics"  # beside the reports: what /metrics tells
MOST_ACTIVE: Final = 50
LONGEST_NAME: Final = 80
LONGEST_DAYS: Final = 3650
_HINT: Final = len(PREFIX) + 6
_NOTE_USE_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. `is_active`: neither revoked nor expired."""

    id: uuid.UUID
    owner_name: str
    owner_email: str
    name: str
    hint: str
    reports: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now())


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made: the only time that its secret can be read."""

    token: Token
    secret: str


def create(session: Session, *, name: str, reports: Sequence[str], days: int | None = None, actor: Actor) -> NewToken:
    """A token of the actor's for these reports (names of `services.exports.REPORTS`, or "metrics").

    `days` is how long it is good for, None for ever. Raises InvalidInput for a name, report or time that can't be,
    NotAllowed for a report that the actor's role can't have, Conflict when the actor has too many.
    """
    require(actor, "export")
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME or not title.isprintable():
        raise InvalidInput(f"Give the token a name of 1 to {LONGEST_NAME} letters, which says what uses it.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"A token is good for 1 to {LONGEST_DAYS} days.")
    wanted = tuple(dict.fromkeys(reports))
    if not wanted:
        raise InvalidInput("Name at least one report that the token may read.")
    for report in wanted:
        _check_report(report, actor)
    mine = select(AccessToken).where(AccessToken.person_id == actor.id, AccessToken.revoked_at.is_(None))
    if len([row for row in session.scalars(mine) if row.expires_at is None or row.expires_at > now()]) >= MOST_ACTIVE:
        raise Conflict(f"You have {MOST_ACTIVE} active tokens; revoke one that is not used any more.")
    limiting.spend("token", actor.id)
    secret = PREFIX + secrets.token_urlsafe(32)
    row = AccessToken(
        person_id=actor.id,
        name=title,
        hint=secret[:_HINT],
        token_sha256=_hash(secret),
        reports=list(wanted),
        expires_at=now() + timedelta(days=days) if days else None,
    )
    session.add(row)
    session.flush()
    record(
        session,
        actor=actor,
        action="token_created",
        object_type="access_token",
        object_id=row.id,
        after={
            "name": title,
            "reports": list(wanted),
            "expires_at": row.expires_at.isoformat() if row.expires_at else None,
        },
    )
    return NewToken(_read(row, actor.name, actor.email), secret)


def list_tokens(session: Session, *, actor: Actor, everybody: bool = False) -> list[Token]:
    """The actor's tokens, the newest first; those of everybody for who may manage people."""
    statement = select(AccessToken, User).join(User, User.id == AccessToken.person_id)
    if everybody:
        require(actor, "manage_people")
    else:
        statement = statement.where(AccessToken.person_id == actor.id)
    rows = session.execute(statement.order_by(AccessToken.created_at.desc(), AccessToken.id.desc()))
    return [_read(row, user.name, user.email) for row, user in rows]


def revoke(session: Session, token_id: uuid.UUID, *, actor: Actor) -> None:
    """Ends a token at once: one's own, or anybody's for who may manage people. Raises NotFound, Conflict."""
    row = session.get(AccessToken, token_id, with_for_update=True)
    if row is None or (row.person_id != actor.id and not actor.may("manage_people")):
        raise NotFound("There is no such token of yours.")
    if row.revoked_at is not None:
        raise Conflict("This token was revoked already.")
    row.revoked_at = now()
    record(
        session,
        actor=actor,
        action="token_revoked",
        object_type="access_token",
        object_id=row.id,
        before={"name": row.name, "reports": list(row.reports)},
    )


def use(session: Session, secret: str, *, report: str) -> Actor:
    """The owner of a token that may read `report`; notes when it was used.

    Raises NotAllowed for a token that is unknown, revoked, expired, for other reports, or of a person shut out.
    """
    row = session.scalar(select(AccessToken).where(AccessToken.token_sha256 == _hash(secret)))
    if row is None:
        raise NotAllowed("This token is not known here.")
    if row.revoked_at is not None:
        raise NotAllowed("This token was revoked.")
    if row.expires_at is not None and row.expires_at <= now():
        raise NotAllowed("This token has expired; make a new one.")
    if report not in row.reports:
        raise NotAllowed(f"This token is for other reports: {', '.join(row.reports)}.")
    if row.last_used_at is None or now() - row.last_used_at > _NOTE_USE_EVERY:
        row.last_used_at = now()
    return actor_by_id(session, row.person_id)


def _check_report(report: str, actor: Actor) -> None:
    if report == METRICS:
        require(actor, "read_audit")
        return
    found = find_report(report)
    if actor.role not in found.roles:
        raise NotAllowed(f"To export '{found.title}' takes a {' or '.join(sorted(found.roles))}.")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _read(row: AccessToken, owner_name: str, owner_email: str) -> Token:
    return Token(
        row.id,
        owner_name,
        owner_email,
        row.name,
        row.hint,
        tuple(row.reports),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
