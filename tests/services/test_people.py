"""People, their roles, and the one admin that always stays."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import people
from services.database.engine import engine_for, transaction
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound
from services.lifecycle import Role
from services.models import AuditEvent, User, now
from services.people import Actor
from tests import factories
from tests.support import scenarios


def test_somebody_new_is_a_viewer_until_an_admin_says_otherwise(session: Session, admin: Actor) -> None:
    new = people.sign_in(session, email=" New.Person@Example.com ", name="New")
    assert (new.role, new.email) == (Role.VIEWER, "new.person@example.com")
    people.set_role(session, new.id, Role.MEMBER, actor=admin)
    assert people.sign_in(session, email="new.person@example.COM", name="Another name").role == Role.MEMBER
    assert people.actor_by_email(session, "NEW.person@example.com").id == new.id
    joined = session.scalars(
        select(AuditEvent).where(AuditEvent.object_id == str(new.id)).order_by(AuditEvent.id)
    ).all()
    assert [(e.action, e.after) for e in joined] == [("person_joined", None), ("role_changed", {"role": "member"})]


def test_an_address_is_needed(session: Session) -> None:
    with pytest.raises(InvalidInput, match="no e-mail address"):
        people.sign_in(session, email="  ", name="Nobody")


def test_whoever_was_shut_out_stays_out_until_let_in_again(session: Session, admin: Actor) -> None:
    member = factories.person(session, name="Sam Out")
    people.set_active(session, member.id, False, actor=admin)
    for attempt in (
        lambda: people.sign_in(session, email=member.email, name="Sam"),
        lambda: people.actor_by_email(session, member.email),
        lambda: people.actor_by_id(session, member.id),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    people.set_active(session, member.id, True, actor=admin)
    assert people.actor_by_id(session, member.id) == member
    with pytest.raises(NotAllowed):
        people.actor_by_id(session, uuid.uuid4())
    with pytest.raises(NotFound):
        people.set_active(session, uuid.uuid4(), True, actor=admin)


def test_the_last_active_admin_stays(session: Session, admin: Actor) -> None:
    other = factories.person(session, Role.ADMIN)
    people.set_active(session, other.id, False, actor=admin)
    before = scenarios.everything(session)
    for attempt in (
        lambda: people.set_role(session, admin.id, Role.MEMBER, actor=admin),
        lambda: people.set_active(session, admin.id, False, actor=admin),
    ):
        with pytest.raises(Conflict, match="at least one active admin"):
            attempt()
    assert scenarios.everything(session) == before
    people.set_active(session, other.id, True, actor=admin)
    people.set_role(session, admin.id, Role.MEMBER, actor=admin)
    assert [p.role for p in people.list_people(session) if p.id == admin.id] == ["member"]


def test_when_somebody_was_last_here_is_kept_to_five_minutes(session: Session) -> None:
    actor = people.sign_in(session, email="seen@example.com", name="Seen")
    user = session.get_one(User, actor.id)
    first = user.last_seen_at
    people.sign_in(session, email="seen@example.com", name="Seen")
    assert user.last_seen_at == first is not None
    user.last_seen_at = now() - timedelta(minutes=6)
    people.sign_in(session, email="seen@example.com", name="Seen")
    assert user.last_seen_at > now() - timedelta(minutes=1)


def test_first_requests_at_once_make_one_person(clone_url: str) -> None:
    engine = engine_for(clone_url)

    def sign_in(_: int) -> uuid.UUID:
        with transaction(engine) as session:
            return people.sign_in(session, email="twice@example.com", name="Twice").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(sign_in, range(8)))) == 1
    with transaction(engine) as session:
        assert [p.email for p in people.list_people(session)] == ["twice@example.com"]
    engine.dispose()


def test_admins_who_step_down_at_once_leave_one(clone_url: str) -> None:
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        admins = [factories.person(session, Role.ADMIN) for _ in range(4)]

    def step_down(actor: Actor) -> bool:
        try:
            with transaction(engine) as session:
                people.set_role(session, actor.id, Role.MEMBER, actor=actor)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(step_down, admins)) == [False, True, True, True]
    with transaction(engine) as session:
        assert [p.role for p in people.list_people(session)].count("admin") == 1
    engine.dispose()
