"""The audit trail in words: names of people and things, filters, search."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from services import audit, people, words, workspaces
from services.audit import AuditFilter
from services.errors import NotAllowed
from services.lifecycle import TRANSITIONS, Role
from services.people import Actor
from services.settings import ROOT
from tests import factories


@pytest.fixture
def admin(session: Session) -> Actor:
    return factories.person(session, Role.ADMIN, "Adam")


def told(session: Session, actor: Actor, **wanted: object) -> list[tuple[str | None, str, str | None]]:
    rows = audit.list_events(session, AuditFilter(**wanted), actor=actor)  # type: ignore[arg-type]
    return [(row.actor_name, row.what, row.object_name) for row in rows]


def test_the_trail_names_who_did_what_to_what_and_is_narrowed_in_sql(session: Session, admin: Actor) -> None:
    mara = factories.person(session, name="Mara_100%")
    home = workspaces.create(session, pattern_type="audited", name="Order blocks", category="Zones", actor=mara)
    people.set_role(session, mara.id, Role.VIEWER, actor=admin)
    session.flush()
    created = ("Mara_100%", "created", "Order blocks")
    changed = ("Adam", "changed the role of", "Mara_100%")
    assert told(session, admin)[:2] == [changed, created]
    assert told(session, admin, actor_id=mara.id) == [created]
    assert told(session, admin, object_type="user")[0] == changed
    assert told(session, admin, search="order BLOCKS") == [created], "by the name of the thing"
    assert told(session, admin, search="the role") == [changed], "by the words of the action"
    assert created in told(session, admin, search="mara_100%") and told(session, admin, search="mara_1x0") == []
    assert told(session, admin, search="'; DROP TABLE users --") == []
    [row] = audit.list_events(session, AuditFilter(actor_id=mara.id), actor=admin)
    assert row.link == f"/workspace?id={home}"


def test_a_thing_that_is_gone_or_has_no_id_breaks_nothing(session: Session, admin: Actor) -> None:
    for kind, thing in (("workspace", "all"), ("execution", "0" * 36), ("unknown", "x" * 300)):
        people.record(session, actor=None, action="odd_thing", object_type=kind, object_id=thing)
    session.flush()
    rows = audit.list_events(session, actor=admin)[:3]
    assert {(row.actor_name, row.what, row.object_name, row.link) for row in rows} == {(None, "odd thing", None, None)}
    with pytest.raises(NotAllowed):
        audit.list_events(session, actor=factories.person(session, Role.VIEWER))


def test_every_action_that_is_recorded_has_words() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    actions = set(re.findall(r'action="([^"]+)"', source)) | {row.verb for row in TRANSITIONS}
    assert len(actions) > 25 and sorted(actions - set(words.AUDIT_ACTIONS)) == []
