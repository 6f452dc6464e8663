"""The addresses of a workspace: which are taken, and how they are shown. They hold tokens and passwords."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from services.errors import InvalidInput
from services.notifications import sender

MOST: Final = 10
LONGEST: Final = 2000  # characters
# Services whose addresses name a host behind "://", and nothing else there; with others that place may be the token.
HOSTED: Final = frozenset(
    """
    amqp amqps apprise apprises bark barks deltachat deltachats emby embys enigma2 enigma2s evolution evolutions
    flowtriq flowtriqs form forms goalert goalerts gorush gorushs gotify gotifys growl hassio hassios humhub humhubs
    infobip irc ircs jellyfin jellyfins json jsons kodi kodis mailgun mailto mailtos mastodon mastodons misskey
    misskeys mmost mmosts mqtt mqtts ncloud nclouds nctalk nctalks onebot onebots parsep parseps pinglet pinglets
    pjet pjets rocket rockets rsyslog sendpulse session sessions signal signals smpp smpps smseagle smseagles
    smtp2go sogs sparkpost synology synologys toot toots wechat workflow workflows xbmc xbmcs xmatters xml xmls xmpp
    xmpps
    http https
    """.split()  # noqa: SIM905  # ninety words read better so
)


def checked(lines: Sequence[str]) -> list[str]:
    """The addresses of a text, one a line, empty lines and repetitions left out.

    Raises InvalidInput that names the line and what is wrong with it, and quotes nothing of it. For what is refused and
    why see `services.notifications.sender`.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        if url := line.strip():
            if why := _fault(url):
                raise InvalidInput(f"Line {number} can't be used: {why}.")
            found[url] = None
    if len(found) > MOST:
        raise InvalidInput(f"A workspace has up to {MOST} addresses; these are {len(found)}.")
    return list(found)


def _fault(url: str) -> str | None:
    if len(url) > LONGEST:
        return f"it has more than {LONGEST:,} characters"
    if not url.isprintable():
        return "it holds characters that can't be seen"
    logging.getLogger("apprise").disabled = True  # it may quote an address
    try:
        sender.service(url)
    except sender.AddressRefused as error:
        return str(error)
    except Exception:  # noqa: BLE001  # whatever a plugin makes of rubbish
        return "apprise can't read it"
    return None


def scheme(url: str) -> str:
    """ "slack" of "slack://…"; what stands before "://", which is no secret."""
    return url.partition("://")[0].lower()


def redacted(url: str) -> str:
    """Scheme and host alone, and the host only where it can't be a token: "json://127.0.0.1:8080", "slack://…"."""
    name, _, rest = url.partition("://")
    name = name.lower()
    authority = rest.partition("/")[0].partition("?")[0]
    if name not in HOSTED or "@" in rest.removeprefix(authority):  # a password with a slash moves the host
        return f"{name}://…"
    try:
        parts = urlsplit(f"//{authority}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{name}://…"
    return f"{name}://{parts.hostname}{port}" if parts.hostname else f"{name}://…"


def mark(notification_id: uuid.UUID, url: str) -> str:
    """What an outcome knows an address by. Nothing of the address can be told from it, nor two notices be linked."""
    return hashlib.sha256(f"{notification_id} {url}".encode()).hexdigest()[:24]
