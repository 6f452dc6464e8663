"""People: who acts, what their role lets them do, and the audit trail of what they did."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.database import notes
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound
from services.lifecycle import PERMISSIONS, Role
from services.models import AuditEvent, User, now
from services.texts import storable

_ADDRESS: Final = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,189}")
LONGEST_NAME: Final = 120
SHUT_OUT_CHANNEL: Final = "patterndesk_shut_out"  # names a person whose open streams end


@dataclass(frozen=True, slots=True)
class Actor:
    """The person in whose name a use case runs. Made by this module only, from a row that is active."""

    id: uuid.UUID
    name: str
    email: str
    role: Role

    def may(self, permission: str) -> bool:
        return self.role in PERMISSIONS[permission]


@dataclass(frozen=True, slots=True)
class Person:
    id: uuid.UUID
    email: str
    name: str
    image: str | None
    role: str
    is_active: bool
    created_at: datetime
    last_seen_at: datetime | None


def require(actor: Actor, permission: str) -> None:
    """Raises NotAllowed with a sentence when the actor's role does not cover the permission."""
    if actor.role not in PERMISSIONS[permission]:
        needed = " or ".join(sorted(PERMISSIONS[permission]))
        raise NotAllowed(f"{actor.name} is a {actor.role}; to {permission.replace('_', ' ')} takes a {needed}.")


def _actor(user: User) -> Actor:
    return Actor(id=user.id, name=user.name, email=user.email, role=Role(user.role))


def actor_by_id(session: Session, person_id: uuid.UUID) -> Actor:
    """The actor for an active person; raises NotAllowed for one who is unknown or was deactivated."""
    user = session.get(User, person_id)
    if user is None or not user.is_active:
        raise NotAllowed("This person is not known here, or is no longer active.")
    return _actor(user)


def known_actor(session: Session, person_id: uuid.UUID) -> Actor | None:
    """The person who asked for something that is carried out later, also one who was deactivated since."""
    user = session.get(User, person_id)
    return _actor(user) if user is not None else None


def actor_by_email(session: Session, email: str) -> Actor:
    """The actor for an active person's address, whatever its case."""
    user = session.scalar(select(User).where(func.lower(User.email) == email.strip().lower()))
    if user is None or not user.is_active:
        raise NotAllowed(f"Nobody active here has the address {email}.")
    return _actor(user)


def sign_in(
    session: Session, *, email: str, name: str | None, image: str | None = None, role: Role | None = None
) -> Actor:
    """The actor for somebody an identity provider vouches for; a new person starts as a viewer.

    `role` is what the settings give this person (a group of the provider's, ADMIN_EMAILS), None where they say nothing:
    then the role that an admin gave stays.
    """
    address = email.strip().lower()
    if "@" not in address:
        raise InvalidInput("The identity provider sent no e-mail address.")
    user = session.scalar(select(User).where(func.lower(User.email) == address))
    if user is None:
        user = _joined(
            session,
            User(
                email=address,
                name=(storable(name or "").strip() or address)[:LONGEST_NAME],
                image=image,
                role=role or Role.VIEWER,
            ),
        )
    elif role is not None and user.is_active and user.role != role:
        _follow_provider(session, user, role)
    if not user.is_active:
        raise NotAllowed("This account was deactivated; an admin can turn it on again.")
    if user.last_seen_at is None or now() - user.last_seen_at > timedelta(minutes=5):
        user.last_seen_at = now()
    return _actor(user)


def _follow_provider(session: Session, user: User, role: Role) -> None:
    """The role that the provider's groups or ADMIN_EMAILS give; the last active admin keeps the role all the same."""
    if user.role == Role.ADMIN:
        try:
            _keep_an_admin(session, user)
        except Conflict:
            return
    before, user.role = user.role, role
    record(
        session,
        actor=None,
        action="role_changed",
        object_type="user",
        object_id=user.id,
        before={"role": before},
        after={"role": role, "by": "sign-in"},
    )


def _joined(session: Session, user: User) -> User:
    """The new person, or the row that another request of the same person made a moment before."""
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        return session.scalars(select(User).where(func.lower(User.email) == user.email)).one()
    record(session, actor=None, action="person_joined", object_type="user", object_id=user.id)
    return user


def add(session: Session, *, email: str, name: str, role: Role, actor: Actor | None) -> Person:
    """A new person. `actor` None is the command line, whose user holds the database anyway.

    Raises InvalidInput for an address or name that can't be one, Conflict when the address is here already.
    """
    if actor is not None:
        require(actor, "manage_people")
    address, shown = email.strip().lower(), " ".join(name.split())
    if not _ADDRESS.fullmatch(address):
        raise InvalidInput(f"'{email[:100]}' is no e-mail address.")
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        raise InvalidInput(f"Give a name of 1 to {LONGEST_NAME} letters.")
    known = session.scalar(select(User).where(func.lower(User.email) == address))
    if known is not None:
        raise Conflict(f"{known.name} is here already with this address, as {known.role}.")
    user = User(email=address, name=shown, role=role)
    session.add(user)
    session.flush()
    record(session, actor=actor, action="person_added", object_type="user", object_id=user.id, after={"role": role})
    return _person(user)


def find(session: Session, email: str) -> Person:
    """The person with this address, whatever its case. Raises NotFound."""
    user = session.scalar(select(User).where(func.lower(User.email) == email.strip().lower()))
    if user is None:
        raise NotFound(f"Nobody here has the address {email[:100]}.")
    return _person(user)


class PersonJson(TypedDict):
    """A person as the command line prints one."""

    id: str
    email: str
    name: str
    role: str
    is_active: bool
    created_at: datetime
    last_seen_at: datetime | None


def as_row(person: Person) -> PersonJson:
    """For the command line."""
    return {
        "id": str(person.id),
        "email": person.email,
        "name": person.name,
        "role": str(person.role),
        "is_active": person.is_active,
        "created_at": person.created_at,
        "last_seen_at": person.last_seen_at,
    }


def ensure_person(session: Session, *, email: str, name: str, role: Role) -> Actor:
    """The person with this address, made with this role when missing. For the command line and the demo."""
    user = session.scalar(select(User).where(func.lower(User.email) == email.lower()))
    if user is None:
        user = User(email=email.lower(), name=name, role=role)
        session.add(user)
        session.flush()
        record(session, actor=None, action="person_added", object_type="user", object_id=user.id, after={"role": role})
    return _actor(user)


def list_people(session: Session) -> list[Person]:
    users = session.scalars(select(User).order_by(User.created_at, User.id))
    return [_person(user) for user in users]


def _person(u: User) -> Person:
    return Person(u.id, u.email, u.name, u.image, u.role, u.is_active, u.created_at, u.last_seen_at)


def set_role(session: Session, person_id: uuid.UUID, role: Role, *, actor: Actor | None) -> None:
    """Gives a person a role. The last active admin cannot step down. `actor` None is the command line."""
    if actor is not None:
        require(actor, "manage_people")
    user = _locked(session, person_id)
    if user.role == Role.ADMIN and role != Role.ADMIN:
        _keep_an_admin(session, user)
    before, user.role = user.role, role
    record(
        session,
        actor=actor,
        action="role_changed",
        object_type="user",
        object_id=user.id,
        before={"role": before},
        after={"role": role},
    )


def set_active(session: Session, person_id: uuid.UUID, active: bool, *, actor: Actor | None) -> None:
    """Lets a person in or shuts them out from their next request on. The last active admin stays."""
    if actor is not None:
        require(actor, "manage_people")
    user = _locked(session, person_id)
    if not active and user.role == Role.ADMIN:
        _keep_an_admin(session, user)
    before, user.is_active = user.is_active, active
    record(
        session,
        actor=actor,
        action="active_changed",
        object_type="user",
        object_id=user.id,
        before={"is_active": before},
        after={"is_active": active},
    )
    if not active:
        notes.keep(session, SHUT_OUT_CHANNEL, str(user.id))


def _locked(session: Session, person_id: uuid.UUID) -> User:
    """The person, with all admins locked first and in one order, so that two who step down don't wait in a circle."""
    session.execute(select(User.id).where(User.role == Role.ADMIN).order_by(User.id).with_for_update())
    user = session.get(User, person_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound("There is no such person.")
    return user


def _keep_an_admin(session: Session, leaving: User) -> None:
    others = select(User.id).where(User.role == Role.ADMIN, User.is_active, User.id != leaving.id).with_for_update()
    if not session.scalars(others).first():
        raise Conflict("There must be at least one active admin; make somebody else an admin first.")


def record(
    session: Session,
    *,
    actor: Actor | None,
    action: str,
    object_type: str,
    object_id: uuid.UUID | str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Appends to the audit trail; `actor` None is the application itself."""
    session.add(
        AuditEvent(
            actor_id=actor.id if actor else None,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            before=dict(before) if before else None,
            after=dict(after) if after else None,
        )
    )
