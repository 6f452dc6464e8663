"""An identity provider in a process of its own, with people whose claims are what tests ask for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx

from tests.support.waiting import free_port, until

Claims = Mapping[str, object]
PROGRAM: Final = """
import json, sys
from datetime import timedelta
from oidc_provider_mock import User, app
from werkzeug.serving import make_server
port, seconds, people = int(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3])
users = [User(sub=sub, claims=claims) for sub, claims in people.items()]
made = app(access_token_max_age=timedelta(seconds=seconds), user_claims=users)
make_server("localhost", port, made, threaded=True).serve_forever()
"""


@contextmanager
def serving(people: Mapping[str, Claims], *, good_for_s: float = 3600.0) -> Iterator[str]:
    """The provider's address. Its id tokens end after `good_for_s`."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, str(port), str(good_for_s), json.dumps(people)],
        stderr=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        until(
            lambda: httpx.get(f"{address}/.well-known/openid-configuration").is_success, "the provider's first answer"
        )
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
