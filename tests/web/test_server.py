"""The real server, asked over the wire: who is refused, what every answer carries, where a deep link goes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Origin, Subprotocol

from services.settings import ROOT
from services.web import tokens
from tests.support.web_server import Running, environment, free_port, running

PERSON = "018f0000-0000-7000-8000-000000000001"
EVERY_ANSWER = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:1", "127.0.0.1.nip.io:{port}", "localhost.:{port}"]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/static/x.js"])
def test_other_host_names_are_refused(server: Running, host: str, path: str) -> None:
    answer = httpx.get(server.url + path, headers={"Host": host.format(port=server.port)})
    assert answer.status_code == 421
    assert answer.text.count(".") == 1 and "host name" in answer.text
    assert set(EVERY_ANSWER) <= set(answer.headers)


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via"])
def test_a_proxy_is_refused_without_sign_in(server: Running, header: str) -> None:
    assert httpx.get(server.url + "/healthz", headers={header: "10.0.0.1"}).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://evil.example", "null", "file://"])
def test_a_foreign_origin_cannot_write(server: Running, origin: str) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = httpx.request(method, server.url + "/healthz", headers={"Origin": origin})
        assert (answer.status_code, "own page" in answer.text) == (403, True)
    assert httpx.post(server.url + "/healthz", headers={"Origin": server.url}).status_code == 405


async def _handshake(server: Running, origin: str | None, host: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    try:
        async with websockets.connect(
            f"ws://{server.host}/_stcore/stream",
            origin=Origin(origin) if origin else None,
            additional_headers=headers,
            subprotocols=[Subprotocol("streamlit")],
        ):
            return 101
    except websockets.InvalidStatus as refused:
        assert b"." in refused.response.body
        assert set(EVERY_ANSWER) <= {name.lower() for name in refused.response.headers}
        return refused.response.status_code


def test_a_websocket_carries_the_origin_of_its_host(server: Running) -> None:
    assert asyncio.run(_handshake(server, server.url)) == 101
    for origin in (None, "http://localhost:3000", f"http://localhost:{server.port}", "http://evil.example", "null"):
        assert asyncio.run(_handshake(server, origin)) == 403, origin


def test_a_websocket_takes_the_cookies_of_somebody_in_many_groups(server: Running) -> None:
    async def connect() -> str | None:
        big = {"Cookie": "; ".join(f"_streamlit_user_{n}={'x' * 3900}" for n in range(6))}
        url, origin = f"ws://{server.host}/_stcore/stream", Origin(server.url)
        async with websockets.connect(
            url, origin=origin, additional_headers=big, subprotocols=[Subprotocol("streamlit")]
        ) as connection:
            return connection.subprotocol

    assert asyncio.run(connect()) == "streamlit"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/healthz", 200), ("/readyz", 503), ("/second/_stcore/health", 404), ("/media/x", 401), ("/broken", 500),
     ("/_stcore/agent/openapi.json", 404), ("/exports/x.csv", 401), ("/second", 200)],
)  # fmt: skip
def test_every_answer_carries_the_headers(server: Running, path: str, status: int) -> None:
    answer = httpx.get(server.url + path)
    assert answer.status_code == status
    assert set(EVERY_ANSWER) <= set(answer.headers)
    assert "server" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    assert re.search(r"script-src [^;]*'sha256-[A-Za-z0-9+/]{43}='", policy)


def test_an_unexpected_error_shows_a_reference_and_the_log_keeps_the_secret_out(server: Running) -> None:
    answer = httpx.get(server.url + "/broken")
    found = re.fullmatch(r"Something went wrong on our side; the log holds it under ([0-9A-Z]{8})\.", answer.text)
    assert found, answer.text
    [line] = [json.loads(line) for line in server.log().splitlines() if found[1] in line]
    assert "RuntimeError" in line["exception"] and line["path"] == "/broken"
    assert "hunter2secret" not in server.log()


def test_health_does_not_depend_on_the_database_and_readiness_does(server: Running) -> None:
    assert httpx.get(server.url + "/healthz").json() == {"status": "ok"}
    answer = httpx.get(server.url + "/readyz").json()
    assert answer["status"] == "unavailable" and answer["reason"].endswith(".")


def test_metrics_count_answers_and_are_for_this_machine(server: Running) -> None:
    def count() -> float:
        text = httpx.get(server.url + "/metrics").text
        found = re.search(r'patterndesk_http_requests_total\{method="GET",status="421"\} (\S+)', text)
        return float(found[1]) if found else 0.0

    before = count()
    httpx.get(server.url + "/", headers={"Host": "evil.example"})
    assert count() == before + 1
    assert httpx.get(server.url + "/_stcore/metrics").status_code == 401


def test_media_and_uploads_are_for_the_browser_that_opened_the_page(server: Running) -> None:
    media, upload = server.url + "/media/" + "a" * 56 + ".png", server.url + "/_stcore/upload_file/session/file"
    for answer in (httpx.get(media), httpx.put(upload, content=b"x"), httpx.get(server.url + "/_stcore/metrics")):
        assert (answer.status_code, answer.text[:7]) == (401, "Sign in")
    forged = {"Cookie": f"patterndesk_{server.port}=ImFiYyI.aaaa.bbbb"}
    assert httpx.get(media, headers=forged).status_code == 401
    with httpx.Client() as browser:
        page = browser.get(server.url + "/")
        cookie = page.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and cookie.startswith(f"patterndesk_{server.port}=")
        assert "set-cookie" not in browser.get(server.url + "/").headers  # it has one already
        assert browser.get(media).status_code == 404
        assert browser.put(upload, content=b"x").status_code == 403  # past our guard, stopped by Streamlit's XSRF check
        assert browser.get(media, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403


@pytest.mark.usefixtures("minting")
def test_each_route_refuses_wrong_expired_and_foreign_tokens(server: Running) -> None:
    workspace, key = "018f0000-0000-7000-8000-00000000000a", "ab/" + "c" * 64
    good = {
        "/live": tokens.mint("live", PERSON, workspace_id=workspace),
        "/exports/executions.csv": tokens.mint("export", PERSON, report="executions", filters={}),
        f"/attachments/{key}": tokens.mint("attachment", PERSON, key=key),
    }
    with httpx.Client() as browser:
        browser.get(server.url + "/")
        for path, token in good.items():
            others = [other for name, other in good.items() if name != path]
            assert browser.get(server.url + path).status_code == 401
            for refused in ["nonsense", token[:-2] + "xx", *others]:
                answer = browser.get(server.url + path, params={"token": refused})
                assert answer.status_code == 403 and answer.text.endswith("."), path
        for path, token in (
            ("/exports/people.csv", good["/exports/executions.csv"]),  # another report than the token's
            ("/attachments/ab/" + "d" * 64, good[f"/attachments/{key}"]),
            ("/live", tokens.mint("live", PERSON, workspace_id="nonsense")),
        ):
            assert browser.get(server.url + path, params={"token": token}).status_code == 403
    for path, token in good.items():  # a good token, but not the browser that opened the page
        assert httpx.get(server.url + path, params={"token": token}).status_code == 401


@pytest.mark.usefixtures("minting")
def test_a_deep_link_into_a_fresh_server_goes_through_the_router(tmp_path: Path) -> None:
    async def shown(fresh: Running) -> str:
        url, text = f"ws://{fresh.host}/_stcore/stream", ""
        async with websockets.connect(
            url, origin=Origin(fresh.url), subprotocols=[Subprotocol("streamlit")]
        ) as connection:
            ask = BackMsg()
            ask.rerun_script.page_name = "second"
            await connection.send(ask.SerializeToString())
            while True:
                message = ForwardMsg()
                message.ParseFromString(bytes(await asyncio.wait_for(connection.recv(), 20)))  # type: ignore[arg-type]
                text += str(message)
                if message.WhichOneof("type") == "script_finished":
                    return text

    with running(tmp_path / "app") as fresh:
        text = asyncio.run(shown(fresh))
    assert "second page" in text and "the router ran" in text


def test_the_settings_of_the_folder_hold_wherever_it_is_started(server: Running) -> None:
    settings = httpx.get(server.url + "/_stcore/host-config").json()
    assert settings["allowedOrigins"] == []  # ours; the default lists other sites that may steer the app


def _start(tmp_path: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    port = int(extra.pop("PORT", str(free_port())))
    return subprocess.run(
        [sys.executable, "-m", "services.web.serve"],
        env=environment(tmp_path / "var", port, **extra),
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "localhost"])
def test_only_a_loopback_literal_is_served_without_sign_in(tmp_path: Path, host: str) -> None:
    ended = _start(tmp_path, HOST=host)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "Traceback" not in ended.stderr


def test_a_port_in_use_is_one_sentence(tmp_path: Path, server: Running) -> None:
    ended = _start(tmp_path, PORT=str(server.port))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"Port {server.port} is in use; set PORT to another one."


def test_a_bad_port_is_one_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.web.serve"],
        env=environment(tmp_path, 1) | {"PORT": "web"},
        cwd=ROOT, capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2 and ended.stderr.startswith("The setting PORT cannot be used")
