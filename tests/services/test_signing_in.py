"""What a provider's claims mean: the address, whether it is proven, and the role that groups or settings give."""

from __future__ import annotations

import time

import pytest
from sqlalchemy.orm import Session

from services import people
from services.errors import InvalidInput, NotAllowed
from services.lifecycle import Role
from services.settings import Settings
from services.signing_in import read_claims
from tests import factories


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize("claim", [True, "true", "TRUE", "1", None])
def test_a_verified_address_is_taken_however_the_provider_words_it(
    claim: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = read_claims({"email": "Ada@Desk.example", "email_verified": claim}, settings(monkeypatch))
    assert known is not None
    assert (known.email, known.role) == ("ada@desk.example", None)


@pytest.mark.parametrize("claim", [False, "false", "False", "0", "", 0, "no"])
def test_an_address_that_is_not_verified_is_refused(claim: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAllowed, match="not verified"):
        read_claims({"email": "ada@desk.example", "email_verified": claim}, settings(monkeypatch))


def test_claims_without_an_address_or_past_their_time_let_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAllowed, match="no e-mail address"):
        read_claims({"name": "Ada"}, settings(monkeypatch))
    assert read_claims({"email": "ada@desk.example", "exp": time.time() - 1}, settings(monkeypatch)) is None


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["traders"], Role.MEMBER),
        (["a"] * 300 + ["traders", "desk admins"], Role.ADMIN),
        ("traders", Role.MEMBER),
        (["others"], Role.VIEWER),
        ([], Role.VIEWER),
        (None, Role.VIEWER),
        ({"traders": 1}, Role.VIEWER),
    ],
)
def test_the_highest_group_gives_the_role(groups: object, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(monkeypatch, OIDC_GROUP_ROLES="traders=member, desk admins=admin, all=viewer")
    known = read_claims({"email": "ada@desk.example", "groups": groups}, ours)
    assert known is not None
    assert known.role == role


def test_admin_emails_wins_over_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(monkeypatch, OIDC_GROUP_ROLES="traders=member", ADMIN_EMAILS="ADA@desk.example, bo@desk.example")
    known = read_claims({"email": "ada@Desk.example", "groups": ["traders"]}, ours)
    assert known is not None
    assert known.role == Role.ADMIN


def test_group_roles_that_cannot_be_read_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="traders=owner"):
        read_claims({"email": "a@desk.example"}, settings(monkeypatch, OIDC_GROUP_ROLES="traders=owner"))


def test_a_sign_in_follows_the_provider_but_keeps_the_last_admin(session: Session) -> None:
    first = people.sign_in(session, email="first@desk.example", name="First", role=Role.ADMIN)
    assert first.role == Role.ADMIN
    second = people.sign_in(session, email="second@desk.example", name="Second", role=Role.MEMBER)
    assert people.sign_in(session, email="second@desk.example", name="Second", role=Role.VIEWER).role == Role.VIEWER
    assert people.sign_in(session, email="second@desk.example", name="Second").role == Role.VIEWER
    others = [p for p in people.list_people(session) if p.role == Role.ADMIN and p.id != first.id]
    admin = factories.person(session, Role.ADMIN)
    for other in others:
        people.set_role(session, other.id, Role.MEMBER, actor=admin)
    people.set_role(session, admin.id, Role.MEMBER, actor=admin)
    assert people.sign_in(session, email="first@desk.example", name="First", role=Role.MEMBER).role == Role.ADMIN
    assert second.email == "second@desk.example"
