"""The board's addresses against bad batches: each is one sentence, nothing is half-kept, nothing goes by unseen."""

from __future__ import annotations

import asyncio
import io
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request

from services import people, sessions
from services.database.engine import transaction
from services.errors import InvalidInput, PatternDeskError
from services.lifecycle import Role
from services.models import Detection, FeedbackItem, JudgementOp, User
from services.people import Actor
from services.web import board, routes, tokens
from services.web.live import LiveHub
from tests import factories
from tests.support import scenarios
from tests.support.web_server import LiveWorkspace


@dataclass
class Desk:
    """A session with four marks, and a board of one person that sends by its token."""

    app: Starlette
    actor: Actor
    session_id: uuid.UUID
    marks: list[str]
    token: str
    client: str = field(default_factory=lambda: str(uuid.uuid4()))

    def op(self, seq: int, **more: Any) -> dict[str, Any]:
        made = {"id": str(uuid.uuid4()), "client": self.client, "seq": seq, "do": "judge", "seen": 0}
        return made | {"mark": self.marks[0], "verdict": "confirmed"} | more

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 4000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, **options)

        return asyncio.run(send())

    def send(self, *ops: dict[str, Any]) -> httpx.Response:
        return self.ask("POST", "/board/judgements", json={"ops": list(ops)})

    def kept(self) -> list[str]:
        with transaction() as session:
            mine = select(FeedbackItem.verdict).where(FeedbackItem.session_id == self.session_id)
            return list(session.scalars(mine.order_by(FeedbackItem.candle_index)))


def made(app: Starlette, actor: Actor) -> Desk:
    with transaction() as session:
        stored = factories.dataset(session, actor)
        home = scenarios.in_beta(session, actor)
        found = scenarios.run_session(session, home, actor, stored, anchors=[0, 10, 20, 59])
        marks = session.scalars(
            select(Detection.id).where(Detection.session_id == found).order_by(Detection.anchor_index)
        )
        ids = [str(mark) for mark in marks]
    token = board.mint(
        actor.id, session_id=found, workspace_id=home, sha=stored.content_sha256, key=stored.storage_path
    )
    return Desk(app, actor, found, ids, token)


@pytest.fixture
def app(live_workspace: LiveWorkspace) -> Starlette:
    handlers: Any = {PatternDeskError: routes.expected_error}
    return Starlette(routes=routes.build(LiveHub()), exception_handlers=handlers)


@pytest.fixture
def desk(app: Starlette, live_workspace: LiveWorkspace, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(factories, "STORAGE", str(live_workspace.data_dir / "storage"))
    with transaction() as session:
        actor = factories.person(session)
    return made(app, actor)


@pytest.fixture
def another(app: Starlette, desk: Desk) -> Desk:
    return made(app, desk.actor)


def sentences(answer: httpx.Response) -> list[tuple[str, str | None]]:
    return [(one["result"], one["sentence"]) for one in answer.json()["results"]]


def test_a_batch_is_kept_and_the_same_one_again_changes_nothing(desk: Desk) -> None:
    batch = [desk.op(1), desk.op(2, mark=desk.marks[1], verdict="false_positive")]
    first = desk.send(*batch)
    assert sentences(first) == [("done", None)] * 2
    again = desk.send(*batch)
    assert again.json()["results"] == first.json()["results"] and desk.kept() == ["confirmed", "false_positive"]


def test_a_batch_out_of_order_waits_for_what_is_missing(desk: Desk) -> None:
    one, two = desk.op(1), desk.op(2, mark=desk.marks[1])
    answer = desk.send(two)
    assert answer.json()["results"][0]["expected"] == 1 and desk.kept() == []
    assert sentences(desk.send(two, one)) == [("gap", None), ("done", None)]
    assert sentences(desk.send(two)) == [("done", None)] and desk.kept() == ["confirmed"] * 2


def test_a_mark_of_another_session_is_refused_and_the_others_are_kept(desk: Desk, another: Desk) -> None:
    answer = desk.send(desk.op(1), desk.op(2, mark=another.marks[0]), desk.op(3, mark=desk.marks[1]))
    assert sentences(answer)[1] == ("refused", "This mark is not one of this session's.")
    assert desk.kept() == ["confirmed"] * 2 and another.kept() == []


def test_a_token_for_another_session_opens_nothing_of_this_one(desk: Desk, another: Desk) -> None:
    answer = desk.ask("GET", f"/board/marks/{another.session_id}/0")
    assert (answer.status_code, answer.text) == (403, "This link is for another session.")
    stolen = another.op(1)
    assert sentences(desk.send(stolen)) == [("refused", "This mark is not one of this session's.")]
    desk.token += "x"
    forged = desk.send(desk.op(2))
    assert forged.status_code == 403 and forged.text.startswith("This link is not valid")
    assert desk.kept() == another.kept() == []


def test_the_token_of_a_datasets_page_opens_its_candles_and_nothing_else(desk: Desk, another: Desk) -> None:
    sha = tokens.read("board", desk.token).object["sha"]
    key = tokens.read("board", desk.token).object["key"]
    desk.token = board.mint_candles(desk.actor.id, sha=sha, key=key)
    assert desk.ask("GET", f"/board/candles/{sha}/1/0").status_code == 200
    other = desk.ask("GET", f"/board/candles/{'0' * 64}/1/0")
    assert (other.status_code, other.text) == (403, "This link is for other candles.")
    for path in (f"/board/marks/{desk.session_id}/0", "/board/state"):
        assert desk.ask("GET", path).status_code == 403
    assert desk.send(desk.op(1)).status_code == 403 and desk.kept() == []
    with transaction() as session:
        session.get_one(User, desk.actor.id).is_active = False
    assert desk.ask("GET", f"/board/candles/{sha}/1/0").status_code == 403


def test_a_person_who_was_shut_out_meanwhile_is_told_so(desk: Desk) -> None:
    with transaction() as session:
        session.get_one(User, desk.actor.id).is_active = False
    answer = desk.send(desk.op(1))
    assert (answer.status_code, answer.text) == (403, "This person is not known here, or is no longer active.")
    with transaction() as session:
        session.get_one(User, desk.actor.id).is_active = True
        admin = factories.person(session, Role.ADMIN)
        people.set_role(session, desk.actor.id, Role.VIEWER, actor=admin)
    answer = desk.send(desk.op(1))
    assert answer.status_code == 403 and answer.text.endswith(".") and desk.kept() == []


def test_a_session_completed_meanwhile_refuses_and_says_how_it_stands(desk: Desk) -> None:
    desk.send(desk.op(1))
    with transaction() as session:
        sessions.complete(session, desk.session_id, actor=desk.actor)
    answer = desk.send(desk.op(2, mark=desk.marks[1])).json()
    assert answer["results"][0]["result"] == "refused" and "not active any more" in answer["results"][0]["sentence"]
    assert answer["state"]["status"] == "completed" and answer["state"]["letters"] == "r..."
    assert desk.kept() == ["confirmed"]


def picture(color: str = "red") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(data, "PNG")
    return data.getvalue()


def test_a_picture_that_is_pasted_on_a_mark_is_kept_with_its_judgement(desk: Desk) -> None:
    held = desk.ask("POST", "/board/files/pasted picture.png", content=picture()).json()
    answer = desk.send(
        desk.op(1, verdict="false_positive", attachments=[held["key"]]),
        desk.op(2, mark=desk.marks[1], attachments=["sha256-unknown.png"]),
        desk.op(3, mark=desk.marks[2], attachments="x"),
    )
    assert sentences(answer) == [
        ("done", None), ("refused", "There is no such attachment."), ("refused", "`attachments` is no list of files."),
    ]  # fmt: skip
    with transaction() as session:
        mine = select(FeedbackItem).where(FeedbackItem.session_id == desk.session_id)
        assert [item.attachments for item in session.scalars(mine)] == [[held["key"]]]
    again = desk.op(4, verdict="unsure", seen=answer.json()["position"])
    assert sentences(desk.send(again)) == [("done", None)]
    with transaction() as session:
        mine = select(FeedbackItem).where(FeedbackItem.session_id == desk.session_id)
        assert [item.attachments for item in session.scalars(mine)] == [[held["key"]]], "it stays with the mark"


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("a.png", b"no picture"), ("b.png", b"")],
)
def test_a_file_that_is_no_picture_is_one_sentence(desk: Desk, name: str, data: bytes) -> None:
    answer = desk.ask("POST", f"/board/files/{name}", content=data)
    assert answer.status_code == 400 and answer.text.endswith(".")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "The judgements are not readable."),
        ("[]", "A batch of judgements holds a list of them under `ops`."),
        ('{"ops": [3]}', "A judgement is an object."),
        ('{"ops": [{"id": "x"}]}', "`id` is no id."),
        ('{"ops": [{}]}', "A judgement has an id, a client and a number `seq` from 1 on."),
        ('{"ops": "' + "x" * 600_000 + '"}', "These are too many judgements at once."),
    ],
)
def test_a_body_that_is_no_batch_is_one_sentence(desk: Desk, body: str, sentence: str) -> None:
    answer = desk.ask("POST", "/board/judgements", content=body.encode())
    assert (answer.status_code, answer.text) == (400, sentence)
    with transaction() as session:
        assert session.scalars(select(JudgementOp).where(JudgementOp.session_id == desk.session_id)).all() == []


def test_a_body_without_an_end_is_read_no_further_than_a_batch_may_be() -> None:
    received = 0

    async def receive() -> dict[str, Any]:
        nonlocal received
        received += 65_536
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(InvalidInput, match="too many"):
        asyncio.run(board._body(request, board.MAX_BODY, "too many"))
    assert received <= board.MAX_BODY + 65_536


def test_more_judgements_than_a_batch_holds_are_refused_whole(desk: Desk) -> None:
    answer = desk.send(*(desk.op(n) for n in range(1, 202)))
    assert answer.status_code == 400 and "up to 200" in answer.text and desk.kept() == []


def test_candles_come_for_the_session_of_the_token_alone(desk: Desk) -> None:
    answer = desk.ask("GET", f"/board/candles/{'0' * 64}/1/0")
    assert (answer.status_code, answer.text) == (403, "This link is for other candles.")
