"""Signing in by an identity provider's own process: roles by groups, addresses that are not verified, the end of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.support.identity_provider import serving
from tests.support.screens import Person, Visit
from tests.support.server import Server, running

pytestmark = pytest.mark.browser
GOOD_FOR_S = 120.0
MANY = [f"group-{number}" for number in range(300)]
PEOPLE = {
    "ada": {"email": "Ada@Desk.example", "name": "Ada", "email_verified": True, "groups": ["desk-admins"]},
    "mel": {"email": "mel@desk.example", "name": "Mel", "email_verified": "true", "groups": [*MANY, "traders"]},
    "vic": {"email": "vic@desk.example", "name": "Vic", "groups": ["somebody-else"]},
    "eve": {"email": "eve@desk.example", "name": "Eve", "email_verified": "false", "groups": ["desk-admins"]},
    "nil": {"name": "Nil", "groups": ["desk-admins"]},
    "boss": {"email": "boss@desk.example", "name": "Boss", "email_verified": True},
}


@pytest.fixture(scope="module")
def desk(browser: object) -> Iterator[Server]:
    with (
        serving(PEOPLE, good_for_s=GOOD_FOR_S) as provider,
        running(
            DEMO="false",
            OIDC_CLIENT_ID="pattern-desk",
            OIDC_CLIENT_SECRET="of the client",
            OIDC_SERVER_METADATA_URL=f"{provider}/.well-known/openid-configuration",
            OIDC_GROUP_ROLES="desk-admins=admin, traders=member",
            ADMIN_EMAILS="boss@desk.example",
        ) as started,
    ):
        yield started


def sign_in(visit: Visit, desk: Server, sub: str) -> Person:
    person = visit(desk.url.replace("127.0.0.1", "localhost"), sub)
    person.open("/admin")
    person.button("Sign in").click()
    person.page.get_by_role("button", name=sub, exact=True).click()
    person.page.wait_for_url(f"{person.url}/**")
    person.page.locator("[data-testid='stMain']").wait_for()
    person.open("/admin")
    return person


def role_of(desk: Server, email: str) -> list[tuple[object, ...]]:
    return desk.rows("SELECT role, is_active FROM users WHERE email = %(email)s", email=email)


@pytest.mark.long
def test_groups_give_roles_and_admin_emails_an_admin(desk: Server, visit: Visit) -> None:
    ada = sign_in(visit, desk, "ada")
    ada.see("mel@desk.example", shown=False)
    ada.title("Admin")
    ada.picture("oidc-admin")
    assert role_of(desk, "ada@desk.example") == [("admin", True)]
    mel = sign_in(visit, desk, "mel")
    mel.open("/account")
    mel.see("mel@desk.example")
    assert role_of(desk, "mel@desk.example") == [("member", True)]
    sign_in(visit, desk, "vic").see(re.compile("This is for members and admins"))
    assert role_of(desk, "vic@desk.example") == [("viewer", True)]
    sign_in(visit, desk, "boss").title("Admin")
    assert role_of(desk, "boss@desk.example") == [("admin", True)]


@pytest.mark.long
def test_an_address_that_is_missing_or_not_verified_is_refused(desk: Server, visit: Visit) -> None:
    eve = sign_in(visit, desk, "eve")
    eve.see(re.compile("has not verified this e-mail address"))
    eve.picture("oidc-not-verified")
    sign_in(visit, desk, "nil").see(re.compile("sent no e-mail address"))
    assert role_of(desk, "eve@desk.example") == []


@pytest.mark.long
def test_signing_out_forgets_who_was_here(desk: Server, visit: Visit) -> None:
    mel = sign_in(visit, desk, "mel")
    mel.open("/account")
    mel.button("Sign out").click()
    mel.page.get_by_role("button", name="End session").click()  # the provider's own page, which leads back
    mel.page.wait_for_url(f"{mel.url}/**")
    mel.open("/account")
    mel.see("Sign in with your team's account.")
    mel.picture("oidc-signed-out")


@pytest.mark.long
def test_a_sign_in_ends_when_the_providers_time_is_over(desk: Server, visit: Visit) -> None:
    ada = sign_in(visit, desk, "ada")
    began = time.monotonic()
    ada.open("/account")
    ada.see("ada@desk.example")
    time.sleep(max(0.0, GOOD_FOR_S + 2 - (time.monotonic() - began)))
    ada.open("/account")
    ada.see("Sign in with your team's account.")
    ada.see("ada@desk.example", shown=False)


@pytest.mark.long
def test_who_is_shut_out_loses_an_open_page(desk: Server, visit: Visit) -> None:
    vic = sign_in(visit, desk, "vic")
    vic.open("/account")
    vic.see("vic@desk.example")
    boss = sign_in(visit, desk, "boss")
    [(person_id,)] = desk.rows("SELECT id FROM users WHERE email = 'vic@desk.example'")
    boss.key(f"active-{person_id}-True-0").get_by_text("Active").click()
    boss.settle()
    vic.open("/account")
    vic.see(re.compile("was deactivated"))
    vic.picture("oidc-shut-out")
    assert role_of(desk, "vic@desk.example") == [("viewer", False)]
