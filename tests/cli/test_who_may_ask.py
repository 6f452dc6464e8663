"""Every address beside the pages for nobody, each role, who is shut out, and what has expired or was revoked.

An address that is not in the table fails the test.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import update

from services import access_tokens, people, storage
from services.database.engine import transaction
from services.errors import NotAllowed
from services.exports.reports import REPORTS
from services.lifecycle import Role
from services.models import AccessToken, Attachment, new_id, now
from services.people import Actor
from services.settings import get_settings
from services.web import board, routes, tokens
from services.web.live import LiveHub
from tests import factories
from tests.cli.conftest import Command
from tests.support.asking import get

OPEN = {
    "/healthz": 200,
    "/readyz": 200,
    "/robots.txt": 200,
    "/old/{table}/{old_id}": 404,
    "/board/assets/{digest}/{name}": 404,
}
# Behind a signed link, which names a person: what it answers to somebody who may. An address of a stream is asked with
# a number that can't be, so that the answer ends.
SIGNED = {
    "/live": 400,
    "/exports/{name}": 200,
    "/attachments/{key:path}": 200,
    "/find": 200,
    "/board/candles/{sha}/{level}/{number:int}": None,
    "/board/marks/{session}/{page:int}": None,
    "/board/state": None,
    "/board/judgements": None,
    "/board/files/{name}": None,
    "/board/events": None,
}
BATCH = {"ops": [{"id": str(uuid.uuid4()), "client": str(uuid.uuid4()), "seq": 1}]}
WRITES = ("/board/judgements", "/board/files/{name}")  # which ask for the role as well
BEARER = {"/metrics", "/exports/{name}"}


def somebody(role: Role) -> Actor:
    with transaction() as session:
        factories.person(session, Role.ADMIN, name="Keeper")
        return factories.person(session, role, name=f"{role.capitalize()} {uuid.uuid4().hex[:6]}")


def shut_out(actor: Actor) -> None:
    with transaction() as session:
        people.set_active(session, actor.id, False, actor=people.actor_by_email(session, "keeper@example.com"))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, links that were made before have expired."""
    return lambda: monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: int(time.time()) + 400 * 86_400)


@pytest.fixture
def there(command: Command) -> str:
    """A workspace and a stored attachment; the attachment's key."""
    key = storage.put(get_settings().storage_root, b"a picture", suffix=".png")
    with transaction() as session:
        admin = factories.person(session, Role.ADMIN, name="Keeper")
        factories.workspace(session, admin)
        session.add(
            Attachment(
                id=new_id(), content_sha256="x", storage_key=key, kind="image", content_type="image/png", name="x.png",
                size_bytes=9, uploaded_by_id=admin.id,
            )
        )  # fmt: skip
    tokens._stored_key.cache_clear()
    return key


def links_of(actor: Actor, key: str) -> dict[str, str]:
    opened = {"session_id": uuid.uuid4(), "workspace_id": uuid.uuid4(), "sha": "0" * 64, "key": "k"}
    signed = board.mint(actor.id, **opened)  # type: ignore[arg-type]
    live = tokens.mint("live", actor.id, workspace_id=str(opened["workspace_id"]))
    return {
        "/live": f"/live?after=never&token={live}",
        "/find": f"/find?q=keeper|{tokens.mint('find', actor.id)}",
        "/exports/{name}": f"/exports/workspaces.csv?token={tokens.mint('export', actor.id, report='workspaces', filters={})}",
        "/attachments/{key:path}": f"/attachments/{key}?token={tokens.mint('attachment', actor.id, key=key)}",
        "/board/candles/{sha}/{level}/{number:int}": f"/board/candles/{opened['sha']}/1/0|{signed}",
        "/board/marks/{session}/{page:int}": f"/board/marks/{opened['session_id']}/0|{signed}",
        "/board/state": f"/board/state|{signed}",
        "/board/judgements": f"/board/judgements|{signed}",
        "/board/files/{name}": f"/board/files/x.png|{signed}",
        "/board/events": f"/board/events?token={signed}",
    }


def asked(link: str, secret: str | None = None) -> int:
    path, _, bearer = link.partition("|")
    if "judgements" in path or "/files/" in path:
        return get(path, secret or bearer or None, method="POST", body=BATCH).status_code
    return get(path, secret or bearer or None).status_code


def test_every_address_is_in_the_table() -> None:
    there = {route.path for route in routes.build(LiveHub())}
    assert there == {*OPEN, *SIGNED, *BEARER}


def test_what_is_open_tells_nothing_of_anybody(there: str) -> None:
    for path, status in OPEN.items():
        asked_for = path.replace("{table}", "PatternSession").replace("{old_id}", "c1").replace("{digest}", "0")
        answer = get(asked_for.replace("{name}", "board.js"))
        assert answer.status_code == status, path
        assert "Keeper" not in answer.text


@pytest.mark.parametrize("path", sorted({*SIGNED, *BEARER}))
def test_nobody_gets_through(there: str, path: str) -> None:
    for given in ("", "nonsense"):
        concrete = path.replace("{name}", "workspaces.csv").replace("{key:path}", there).replace("{session}", "1")
        concrete = concrete.replace("{sha}", "0").replace("{level}", "1").replace("{number:int}", "0")
        concrete = concrete.replace("{page:int}", "0") + (f"?token={given}" if given else "")
        assert asked(concrete, given or None) in (401, 403), path


@pytest.mark.parametrize("role", list(Role))
def test_signed_links_open_for_the_active_alone(there: str, role: Role, later: Callable[[], None]) -> None:
    actor = somebody(role)
    given = links_of(actor, there)
    assert set(given) == set(SIGNED)
    for path, status in SIGNED.items():
        if path != "/board/events":  # whose answer has no end
            found = asked(given[path])
            assert found == status if status else found not in (401, 403) or path in WRITES, (path, found)
    shut_out(actor)
    assert {path: asked(link) for path, link in given.items() if path != "/attachments/{key:path}"} == {
        path: 403 for path in SIGNED if path != "/attachments/{key:path}"
    }
    assert asked(given["/attachments/{key:path}"]) == 403
    with transaction() as session:
        people.set_active(session, actor.id, True, actor=people.actor_by_email(session, "keeper@example.com"))
    later()
    assert {path: asked(link) for path, link in given.items()} == dict.fromkeys(SIGNED, 403)


@pytest.mark.parametrize("role", list(Role))
def test_tokens_read_what_their_owner_may(there: str, role: Role) -> None:
    actor = somebody(role)
    for report in ("workspaces", "people", "audit", "metrics"):
        needs = {Role.MEMBER, Role.ADMIN} if report == "metrics" else REPORTS[report].roles
        path = "/metrics" if report == "metrics" else f"/exports/{report}.json"
        if role not in needs:
            with transaction() as session, pytest.raises(NotAllowed):
                access_tokens.create(session, name="x", reports=[report], actor=actor)
            continue
        with transaction() as session:
            made = access_tokens.create(session, name="x", reports=[report], days=1, actor=actor)
        assert asked(path, made.secret) == 200, report
        with transaction() as session:
            session.execute(
                update(AccessToken).where(AccessToken.id == made.token.id).values(expires_at=now() - timedelta(hours=1))
            )
        assert asked(path, made.secret) == 403
        with transaction() as session:
            row = session.get_one(AccessToken, made.token.id)
            row.expires_at = None
        assert asked(path, made.secret) == 200
        with transaction() as session:
            access_tokens.revoke(session, made.token.id, actor=actor)
        assert asked(path, made.secret) == 403
    with transaction() as session:
        made = access_tokens.create(session, name="x", reports=["workspaces"], actor=actor)
    shut_out(actor)
    assert asked("/exports/workspaces.csv", made.secret) == 403


def test_a_token_of_a_person_who_lost_the_role_reads_less(there: str) -> None:
    actor = somebody(Role.MEMBER)
    with transaction() as session:
        made = access_tokens.create(session, name="x", reports=["people"], actor=actor)
        people.set_role(session, actor.id, Role.VIEWER, actor=people.actor_by_email(session, "keeper@example.com"))
    assert asked("/exports/people.csv", made.secret) == 403
