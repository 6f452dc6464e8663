"""The guard's decision for every kind of request, and the cookies that prove a browser, without a server."""

from __future__ import annotations

import json
import time
from collections.abc import MutableMapping
from typing import Any

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from services.web.guards import Policy, is_loopback, parse_hosts, refusal
from services.web.headers import inline_script_hashes
from services.web.identity import LocalSession, SignedIn, hardened

SECRET = "0" * 64
HOST = "desk.example.com"


def scope(
    path: str = "/", *, kind: str = "http", method: str = "GET", client: str = "127.0.0.1", server: str = "127.0.0.1",
    **headers: str,
) -> MutableMapping[str, Any]:  # fmt: skip
    named = {"host": "localhost:8501"} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return {
        "type": kind,
        "path": path,
        "method": method,
        "headers": raw,
        "client": (client, 5),
        "server": (server, 8501),
    }


def status(policy: Policy, **request: Any) -> int | None:
    refused = refusal(scope(**request), policy)
    return refused.status if refused else None


LOCAL = Policy(LocalSession(SECRET, 8501))
SIGN_IN = Policy(SignedIn(SECRET), parse_hosts(f"{HOST}, {HOST}:8443"), local=False, https=True)


@pytest.mark.parametrize("address", ["10.0.0.7", "192.168.1.2", "2001:db8::1", "::ffff:10.0.0.7", "", "testclient"])
def test_local_mode_answers_this_machine_only(address: str) -> None:
    assert status(LOCAL) is None
    assert status(LOCAL, client=address) == 403
    assert status(LOCAL, server=address) == 403
    assert status(SIGN_IN, client=address or "10.0.0.1", host=HOST) is None


def test_loopback_in_all_its_forms() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "localhost", None, "128.0.0.1")))


def test_hosts_are_exact_with_their_port() -> None:
    for host in ("localhost:8501", "127.0.0.1:8501", "[::1]:8501", HOST, HOST.upper(), f"{HOST}:8443"):
        assert status(SIGN_IN, host=host) is None, host
    for host in (f"{HOST}:80", f"x.{HOST}", f"{HOST}.", "localhost", "localhost:8502", f"evil@{HOST}", ""):
        assert status(SIGN_IN, host=host) == 421, host
    assert status(LOCAL, host=HOST) == 421
    doubled = scope()
    doubled["headers"].append((b"host", b"localhost:8501"))
    refused = refusal(doubled, LOCAL)
    assert refused is not None and refused.status == 421


def test_behind_a_proxy_the_site_is_its_own_origin() -> None:
    stream = "/_stcore/stream"
    assert status(SIGN_IN, path=stream, kind="websocket", host=HOST, origin=f"https://{HOST}") is None
    assert status(SIGN_IN, path=stream, kind="websocket", host=HOST, origin=f"https://{HOST}:8443") == 403
    assert status(SIGN_IN, path=stream, kind="websocket", host=HOST) == 403
    assert status(SIGN_IN, method="POST", host=HOST, origin="https://evil.example") == 403


def identity_cookie(**claims: Any) -> dict[str, str]:
    value = json.dumps({"origin": f"https://{HOST}", "is_logged_in": True, "email": "a@example.com"} | claims)
    return {"_streamlit_user": create_signed_value(SECRET, "_streamlit_user", value).decode()}


def test_signed_in_is_what_streamlit_signed() -> None:
    identity = SignedIn(SECRET)
    assert identity.proven(identity_cookie(), host=HOST)
    assert identity.proven(identity_cookie(exp=time.time() + 60), host=HOST)
    assert not identity.proven(identity_cookie(exp=time.time() - 60), host=HOST)
    assert not identity.proven(identity_cookie(is_logged_in=False), host=HOST)
    assert not identity.proven(identity_cookie(), host="other.example.com")
    assert not SignedIn("1" * 64).proven(identity_cookie(), host=HOST)
    assert not identity.proven({}, host=HOST)
    assert not identity.proven({"_streamlit_user": "nonsense"}, host=HOST)


def test_an_identity_in_chunks_is_put_together() -> None:
    whole = json.dumps({"origin": f"https://{HOST}", "is_logged_in": True, "groups": ["g" * 20] * 300})
    parts = [whole[start : start + 2000] for start in range(0, len(whole), 2000)]
    named = {"_streamlit_user": f"chunks-{len(parts)}"}
    named |= {f"_streamlit_user_{number}": part for number, part in enumerate(parts, 1)}
    cookies = {name: create_signed_value(SECRET, name, value).decode() for name, value in named.items()}
    assert SignedIn(SECRET).proven(cookies, host=HOST)
    swapped = cookies | {"_streamlit_user_1": cookies["_streamlit_user_2"]}
    assert not SignedIn(SECRET).proven(swapped, host=HOST)
    del cookies["_streamlit_user_2"]
    assert not SignedIn(SECRET).proven(cookies, host=HOST)


@pytest.mark.parametrize(
    "path", ["/media/x.png", "/_stcore/upload_file/a/b", "/_stcore/metrics", "/live", "/exports/x.csv"]
)
def test_content_needs_a_sign_in(path: str) -> None:
    assert status(SIGN_IN, path=path, host=HOST) == 401
    cookie = "; ".join(f"{name}={value}" for name, value in identity_cookie().items())
    assert status(SIGN_IN, path=path, host=HOST, cookie=cookie) is None
    other_app = 'settings={"a": [1, 2]}; bad name=x; '
    assert status(SIGN_IN, path=path, host=HOST, cookie=other_app + cookie) is None
    assert status(SIGN_IN, path=path, host=HOST, cookie=cookie, sec_fetch_site="cross-site") == 403


def test_the_agent_interface_is_closed_and_its_neighbours_are_not() -> None:
    assert status(LOCAL, path="/_stcore/agent/interact", method="POST") == 404
    assert status(LOCAL, path="/_stcore/health") is None
    assert status(LOCAL, path="/lively") is None


def test_a_local_session_is_of_one_port_and_key() -> None:
    session = LocalSession(SECRET, 8501)
    name, _, rest = (session.page_cookie({}) or "").partition("=")
    cookies = {name: rest.partition(";")[0]}
    assert session.proven(cookies, host="") and session.page_cookie(cookies) is None
    assert not LocalSession(SECRET, 8502).proven(cookies, host="")
    assert not LocalSession("1" * 64, 8501).proven(cookies, host="")


def test_streamlits_cookies_are_hardened() -> None:
    cookie = b"_streamlit_user=abc; HttpOnly; Max-Age=2592000; Path=/; SameSite=lax"
    assert hardened(cookie, https=True) == b"_streamlit_user=abc; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure"
    assert b"Secure" not in hardened(cookie, https=False)
    removal = b"_streamlit_user=; Max-Age=0; Path=/"
    assert b"Max-Age=0" in hardened(removal, https=True)
    assert hardened(b"other=1; Max-Age=99999999", https=True) == b"other=1; Max-Age=99999999"


def test_inline_scripts_are_hashed_by_their_exact_text() -> None:
    html = "<script src='a.js'></script><!-- <script>no</script> --><script>alert(1)</script><style>x</style>"
    assert inline_script_hashes(html) == ["'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"]
