"""Who a request comes from, as far as a cookie can prove it outside the screens.

With OIDC the proof is Streamlit's signed identity cookie. In local mode nobody signs in, so the page hands the browser a
signed random cookie that other sites' pages can't send.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from itsdangerous import BadData, URLSafeTimedSerializer

IDENTITY_COOKIE = "_streamlit_user"
SIGN_IN_SECONDS = 12 * 3600
LOCAL_SESSION_SECONDS = 30 * 86400
_MOST_CHUNKS = 32
_MAX_AGE = re.compile(rb"(?i)max-age=(\d+)")


class Identity(Protocol):
    """Proves a browser by its cookies, and may hand it the cookie that does."""

    def proven(self, cookies: Mapping[str, str], *, host: str) -> bool:
        """Whether the cookies prove a signed-in browser of the site `host` (name and port)."""
        ...

    def page_cookie(self, cookies: Mapping[str, str]) -> str | None:
        """A Set-Cookie value to send along with the page, or None when there is nothing to set."""
        ...


@dataclass(frozen=True)
class LocalSession:
    """Local mode. Cookies are shared by all ports of a host, so the name holds ours."""

    secret: str
    port: int

    @property
    def cookie_name(self) -> str:
        return f"patterndesk_{self.port}"

    def proven(self, cookies: Mapping[str, str], *, host: str) -> bool:
        try:
            self._serializer().loads(cookies.get(self.cookie_name, ""), max_age=LOCAL_SESSION_SECONDS)
        except BadData:
            return False
        return True

    def page_cookie(self, cookies: Mapping[str, str]) -> str | None:
        if self.proven(cookies, host=""):
            return None
        value = self._serializer().dumps(secrets.token_hex(16))
        return f"{self.cookie_name}={value}; Path=/; HttpOnly; SameSite=Strict"

    def _serializer(self) -> URLSafeTimedSerializer:
        kwargs = {"digest_method": hashlib.sha256}
        return URLSafeTimedSerializer(self.secret, salt="patterndesk.local-session", signer_kwargs=kwargs)


@dataclass(frozen=True)
class SignedIn:
    """OIDC. Reads the identity cookie that `st.login` set: signature, age, site and the id token's own end."""

    secret: str

    def proven(self, cookies: Mapping[str, str], *, host: str) -> bool:
        try:
            claims = json.loads(self._whole(cookies))
        except (BadData, ValueError, KeyError):
            return False
        return isinstance(claims, dict) and bool(claims.get("is_logged_in")) and self._still_holds(claims, host)

    def page_cookie(self, cookies: Mapping[str, str]) -> str | None:
        return None

    def _whole(self, cookies: Mapping[str, str]) -> str:
        """The cookie's text, put together again where the browser's limit split it into numbered chunks."""
        first = self._one(cookies, IDENTITY_COOKIE)
        if not first.startswith("chunks-"):
            return first
        count = min(int(first.removeprefix("chunks-")), _MOST_CHUNKS)
        return "".join(self._one(cookies, f"{IDENTITY_COOKIE}_{number + 1}") for number in range(count))

    def _one(self, cookies: Mapping[str, str], name: str) -> str:
        return str(URLSafeTimedSerializer(self.secret, salt=name).loads(cookies[name], max_age=SIGN_IN_SECONDS))

    @staticmethod
    def _still_holds(claims: dict[str, Any], host: str) -> bool:
        origin = str(claims.get("origin", ""))
        if origin.lower().rpartition("://")[2] != host:
            return False
        ends = claims.get("exp")
        return not isinstance(ends, int | float) or ends > time.time()


def hardened(cookie: bytes, *, https: bool) -> bytes:
    """A Set-Cookie value of Streamlit's made stricter: a sign-in lasts half a day, and `Secure` where the site is https."""
    if not cookie.startswith(b"_streamlit_"):
        return cookie
    if cookie.startswith(IDENTITY_COOKIE.encode()):
        cookie = _MAX_AGE.sub(lambda found: b"Max-Age=%d" % min(int(found[1]), SIGN_IN_SECONDS), cookie)
    if https and b"secure" not in {part.strip().lower() for part in cookie.split(b";")}:
        cookie += b"; Secure"
    return cookie
