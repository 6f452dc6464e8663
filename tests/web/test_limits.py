"""Each limit through the door that people and machines come by: reached, said with when to try again, and released."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from services import access_tokens, attachments, limiting, notifications
from services.database.engine import transaction
from services.errors import PatternDeskError, TooMany
from services.models import Detection, Notification
from services.people import Actor
from services.settings import get_settings
from services.web import board, routes
from services.web.guards import Policy, parse_hosts, refusal
from services.web.identity import SignedIn
from services.web.live import LiveHub
from services.web.tokens import mint
from tests import factories
from tests.support import scenarios
from tests.support.waiting import until
from tests.support.web_server import LiveWorkspace

RULES = ("sign_in", "upload", "judge", "export", "token", "wrong_token", "notice_test")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636060606000000005000"
    "1a5f645400000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def two_in_two_seconds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIMITS", ", ".join(f"{rule}=2/2 seconds" for rule in RULES))
    get_settings.cache_clear()
    limiting.forget()
    yield
    limiting.forget()
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def person(live_workspace: LiveWorkspace, monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setattr(factories, "STORAGE", str(live_workspace.data_dir / "storage"))
    with transaction() as session:
        return factories.person(session)


@pytest.fixture
def app(live_workspace: LiveWorkspace) -> Starlette:
    handlers: Any = {PatternDeskError: routes.expected_error}
    return Starlette(routes=routes.build(LiveHub()), exception_handlers=handlers)


def ask(app: Starlette, method: str, path: str, **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def reached_and_released(use: Callable[[], None]) -> None:
    """Two uses, a third that is refused with a sentence, and another one once the time has passed."""
    use()
    use()
    with pytest.raises(TooMany, match=r"^That was more than 2 .* in one 2 seconds; try again in \d seconds\.$"):
        use()

    def again() -> bool:
        try:
            use()
        except TooMany:
            return False
        return True

    until(again, "the end of the limit")


def answered(answer: httpx.Response) -> None:
    if answer.status_code == 429:
        assert int(answer.headers["Retry-After"]) >= 1
        raise TooMany(answer.text)
    assert answer.status_code == 200, answer.text


def test_uploads(person: Actor) -> None:
    def use() -> None:
        with transaction() as session:
            checked = attachments.check(PNG, "a.png")
            attachments.add(session, checked, storage_key="ab/cd/x.png", actor=person)

    reached_and_released(use)


def test_tokens(person: Actor) -> None:
    def use() -> None:
        with transaction() as session:
            access_tokens.create(session, name=uuid.uuid4().hex[:8], reports=["workspaces"], actor=person)

    reached_and_released(use)


def test_tests_of_notification_addresses(person: Actor) -> None:
    with transaction() as session:
        home = scenarios.in_beta(session, person)
        notifications.set_urls(session, home, ["json://127.0.0.1:9/"], actor=person)

    def use() -> None:
        with transaction() as session:
            for row in session.scalars(select(Notification).where(Notification.workspace_id == home)):
                row.status = "failed"  # the last one is over
            notifications.send_test(session, home, actor=person)

    reached_and_released(use)


def test_judgements_are_counted_one_by_one(app: Starlette, person: Actor) -> None:
    with transaction() as session:
        stored = factories.dataset(session, person)
        home = scenarios.in_beta(session, person)
        found = scenarios.run_session(session, home, person, stored, anchors=[0, 10])
        marks = [str(mark) for mark in session.scalars(select(Detection.id).where(Detection.session_id == found))]
    token = board.mint(
        person.id, session_id=found, workspace_id=home, sha=stored.content_sha256, key=stored.storage_path
    )
    client, seq = str(uuid.uuid4()), iter(range(1, 100))

    def send(number: int) -> None:
        ops = [
            {"id": str(uuid.uuid4()), "client": client, "seq": next(seq), "do": "judge", "seen": 0, "mark": marks[i],
             "verdict": "confirmed"} for i in range(number)
        ]  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        answered(ask(app, "POST", "/board/judgements", json={"ops": ops}, headers=headers))

    reached_and_released(lambda: send(1))
    limiting.forget()
    send(2)
    with pytest.raises(TooMany):
        send(1)


def test_exports_of_people_and_machines(app: Starlette, person: Actor) -> None:
    with transaction() as session:
        secret = access_tokens.create(session, name="t", reports=["workspaces"], actor=person).secret

    def by_machine() -> None:
        answered(ask(app, "GET", "/exports/workspaces.csv", headers={"Authorization": f"Bearer {secret}"}))

    def by_person() -> None:
        token = mint("export", str(person.id), report="workspaces", filters={})
        answered(ask(app, "GET", f"/exports/workspaces.csv?token={token}"))

    reached_and_released(by_machine)
    limiting.forget()
    reached_and_released(by_person)


def test_tokens_that_are_not_known(app: Starlette) -> None:
    def use() -> None:
        answer = ask(app, "GET", "/exports/workspaces.csv", headers={"Authorization": "Bearer pd_wrong"})
        if answer.status_code == 429:
            answered(answer)
        assert answer.status_code in (401, 403), answer.text

    reached_and_released(use)


def test_sign_ins_of_an_address() -> None:
    policy = Policy(SignedIn("0" * 64), parse_hosts("desk.example.com"), local=False, https=True)

    def come(address: str) -> None:
        scope: Any = {
            "type": "http", "path": "/oauth2callback", "method": "GET", "headers": [(b"host", b"desk.example.com")],
            "client": (address, 5), "server": ("127.0.0.1", 8501),
        }  # fmt: skip
        refused = refusal(scope, policy)
        if refused is not None:
            assert refused.status == 429
            raise TooMany(refused.sentence)

    reached_and_released(lambda: come("10.0.0.1"))
    for _ in range(3):
        with suppress(TooMany):
            come("10.0.0.1")
    come("10.0.0.2")
