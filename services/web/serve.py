"""Start the web server in this process: `python -m services.web.serve`."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from services.errors import InvalidInput, PatternDeskError, Unavailable
from services.logs import configure, get_logger
from services.running import private_files
from services.settings import ROOT, Settings, get_settings
from services.web.guards import is_loopback

BACKLOG = 2048
GRACE_SECONDS = 5
MAX_HEADER_BYTES = 65536


def check_address(settings: Settings) -> None:
    """Raises InvalidInput unless HOST is an address literal, and a loopback one while nobody has to sign in."""
    try:
        ipaddress.ip_address(settings.host)
    except ValueError:
        raise InvalidInput(f"HOST must be an address such as 127.0.0.1, not {settings.host!r}.") from None
    if not settings.oidc_configured and not is_loopback(settings.host):
        raise InvalidInput(
            f"HOST {settings.host} is reachable from other machines, which needs sign-in: configure OIDC or use 127.0.0.1."
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on exactly that address. Raises Unavailable with the sentence for the person."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name != "nt":  # there it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(_why(error, host, port)) from error
    listener.setblocking(False)
    return listener


def serve(settings: Settings, folder: Path = ROOT) -> None:
    """Run `app.py` of the folder until a signal stops it. Raises InvalidInput or Unavailable before it serves."""
    check_address(settings)
    configure("web", settings.data_dir)
    listener = bind(settings.host, settings.port)
    sys.path[:0] = [str(folder), str(ROOT)]  # `app` and `services`, whatever folder this was started in
    # A person in many groups has more than 8 kB of sign-in cookies; the websocket's handshake must take as much as a page.
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", str(MAX_HEADER_BYTES))
    config = uvicorn.Config(
        "app:app",
        host=settings.host,
        port=settings.port,
        lifespan="on",
        proxy_headers=False,  # it would believe X-Forwarded-For from any process of this machine
        ws="websockets-sansio",
        ws_ping_interval=30,
        ws_ping_timeout=30,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    get_logger(__name__).info("serving", url=f"http://{shown}:{settings.port}")
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def main() -> int:
    """The process's exit code: 0 after a stop by signal, 2 for a setting that can't be used, 1 for what isn't there."""
    private_files()
    try:
        serve(get_settings())
    except KeyboardInterrupt:
        return 0
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        print(f"The setting {first['loc'][0]} cannot be used: {first['msg'].lower()}.", file=sys.stderr)
        return InvalidInput.exit_code
    except PatternDeskError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    return 0


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use; set PORT to another one."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; set PORT to one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST {host} is no address of this machine."
    return f"The server cannot listen on {host} port {port}: {(error.strerror or 'unknown reason').lower()}."


if __name__ == "__main__":
    sys.exit(main())
