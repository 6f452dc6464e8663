"""Short-lived signed tokens for the routes beside the screens, where nobody is signed in by the session.

A token names its purpose (one salt each), the person it was minted for and the object it opens. The key is made once
per data folder and signs the cookies too.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from services.errors import NotAllowed, Unavailable
from services.settings import get_settings

LIFETIMES: dict[str, int] = {
    "live": 900,
    "export": 900,
    "attachment": 900,
    "board": 3600,
    "candles": 3600,
    "find": 3600,
    "metrics": 365 * 86400,
}  # seconds
KEY_FILE = "secret.key"
_KEY_BYTES = 32


@dataclass(frozen=True)
class Grant:
    """What a valid token allows: `object` holds what `mint` was given, `expires_at` is UTC."""

    purpose: str
    person_id: str
    object: dict[str, Any]
    expires_at: datetime


def mint(purpose: str, person_id: object, **object: Any) -> str:
    """A token for `purpose` (a key of LIFETIMES), good for that many seconds. Values must fit JSON; ids as text."""
    if purpose not in LIFETIMES:
        raise ValueError(f"unknown purpose {purpose!r}")
    return _serializer(purpose).dumps({"p": str(person_id), "o": object})


def read(purpose: str, token: str | None, max_age: int | None = None) -> Grant:
    """What the token allows. Raises NotAllowed when it is missing, forged, too old or was minted for something else."""
    if not token:
        raise NotAllowed("This address needs a token; open it from the page that links to it.")
    lifetime = LIFETIMES[purpose] if max_age is None else max_age
    try:
        payload, issued_at = _serializer(purpose).loads(token, max_age=lifetime, return_timestamp=True)
    except SignatureExpired:
        raise NotAllowed("This link has expired; reload the page that shows it.") from None
    except BadData:
        raise NotAllowed("This link is not valid; open it again from the page that shows it.") from None
    expires_at = issued_at.astimezone(UTC) + timedelta(seconds=lifetime)
    return Grant(purpose, str(payload["p"]), dict(payload["o"]), expires_at)


def secret_key() -> str:
    """The signing key of the data folder in use, as 64 hex digits."""
    return _stored_key(get_settings().data_dir)


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    salt = f"patterndesk.{purpose}"
    return URLSafeTimedSerializer(secret_key(), salt=salt, signer_kwargs={"digest_method": hashlib.sha256})


@lru_cache(maxsize=4)
def _stored_key(data_dir: Path) -> str:
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _create_key(path)
        path.chmod(0o600)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"The data folder {data_dir} cannot hold the secret key: {_why(error)}.") from error
    if len(key) != 2 * _KEY_BYTES:
        raise Unavailable(f"{path} is damaged; delete it to make a new key, which signs everybody out.")
    return key


def _create_key(path: Path) -> None:
    """The finished file appears in one step, so that of two processes that start together one key wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it is not readable").lower()
