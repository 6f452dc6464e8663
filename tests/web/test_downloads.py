"""How the routes hand out exports and files: status before the first byte, safe names and headers, no reader left open."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import types
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette

import services
from services import attachments
from services.database.engine import transaction
from services.errors import NotAllowed, NotFound, PatternDeskError
from services.exports.streaming import file_name
from services.web import routes, tokens
from services.web.live import LiveHub
from services.web.routes import disposition, file_headers
from tests.support.web_server import LiveWorkspace

PERSON = uuid.UUID("018f0000-0000-7000-8000-000000000001")


class Reports:
    """A source of rows with the signature of the exports service, so that the route's own work shows."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], uuid.UUID]] = []
        self.closed = False

    def stream_csv(self, report: str, filters: dict[str, Any], actor_id: uuid.UUID) -> Iterator[bytes]:
        self.asked.append((report, filters, actor_id))
        if report == "unknown":
            raise NotFound("There is no report of that name.")
        if report == "people":
            raise NotAllowed("Only an admin exports people.")
        try:
            yield b"a,b\r\n"
            yield b""
            for number in range(1000):
                yield b"%d,x\r\n" % number
        finally:
            self.closed = True


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Reports:
    module, source = types.ModuleType("services.exports"), Reports()
    module.stream_csv, module.file_name = source.stream_csv, file_name  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "services.exports", module)
    monkeypatch.setattr(services, "exports", module, raising=False)
    return source


class Client:
    """Asks an app in this process, from another machine's address."""

    def __init__(self, app: Starlette) -> None:
        self.transport = httpx.ASGITransport(app, client=("10.0.0.9", 4000))

    def get(self, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url="http://localhost") as client:
                return await client.get(path, **options)

        return asyncio.run(ask())


@pytest.fixture
def client(data_dir: Path) -> Client:
    handlers = {PatternDeskError: routes.expected_error}
    return Client(Starlette(routes=routes.build(LiveHub()), exception_handlers=handlers))


def export_of(report: str, **filters: Any) -> str:
    return f"/exports/{report}.csv?token=" + tokens.mint("export", PERSON, report=report, filters=filters)


def test_an_export_is_streamed_for_the_person_of_the_token(client: Client, reports: Reports) -> None:
    answer = client.get(export_of("executions", days=30))
    assert answer.status_code == 200 and answer.text.count("\r\n") == 1001
    assert reports.asked == [("executions", {"days": "30"}, PERSON)] and reports.closed
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    named = re.search(r'^attachment; filename="(.*?)"', answer.headers["content-disposition"])
    assert named and re.fullmatch(r"patterndesk-executions-\d{4}-\d\d-\d\d\.csv", named[1])
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("report", "status"), [("unknown", 404), ("people", 403)])
def test_a_refusal_has_its_status_and_sentence(client: Client, reports: Reports, report: str, status: int) -> None:
    answer = client.get(export_of(report))
    assert (answer.status_code, answer.text[-1]) == (status, ".")


@pytest.mark.parametrize("report", ["../secret", "A", "a b", ""])
def test_only_plain_report_names_pass(client: Client, reports: Reports, report: str) -> None:
    token = tokens.mint("export", PERSON, report=report, filters={})
    assert client.get("/exports/x.csv", params={"token": token}).status_code == 403
    assert reports.asked == []


def test_a_file_is_opened_for_active_people_only(client: Client, live_workspace: LiveWorkspace) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    checked = attachments.check(picture.getvalue(), "swing high.png")
    key = attachments.store(checked)
    with transaction() as session:
        key = attachments.add(session, checked, storage_key=key, actor=live_workspace.actor)
    answer = client.get(
        f"/attachments/{key}", params={"token": tokens.mint("attachment", live_workspace.actor.id, key=key)}
    )
    assert (answer.status_code, answer.content) == (200, checked.data)
    assert answer.headers["content-type"] == "image/png" and "sandbox" in answer.headers["content-security-policy"]
    stranger = tokens.mint("attachment", uuid.uuid4(), key=key)
    assert client.get(f"/attachments/{key}", params={"token": stranger}).status_code == 403
    missing = key.replace(key[6:20], "0" * 14)
    token = tokens.mint("attachment", live_workspace.actor.id, key=missing)
    assert client.get(f"/attachments/{missing}", params={"token": token}).status_code == 404


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/pdf", "text/csv"])
def test_files_never_run_in_the_page(content_type: str) -> None:
    served, headers = file_headers(content_type, 'a"\r\nX: y/..ä.svg')
    assert served == "application/octet-stream"
    assert headers["Content-Disposition"].startswith('attachment; filename="a_X_ y_.._.svg"')
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("../../etc/passwd", "_.._etc_passwd"), ("", "download"), ("....", "download"), ("ok 1.csv", "ok 1.csv")],
)
def test_download_names_hold_nothing_but_plain_characters(name: str, expected: str) -> None:
    assert f'filename="{expected}"' in disposition("attachment", name)


def test_metrics_need_a_token_from_elsewhere(client: Client) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    token = tokens.mint("metrics", PERSON)
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and "patterndesk_unexpected_errors_total" in answer.text
