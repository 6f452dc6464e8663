"""Everything that touches apprise: which addresses are taken, and a small process that sends one notice to several.

Run by its path as a process of its own, it reads one job as a line of JSON and prints an outcome as each address
answers. The worker can kill it whatever an address does, a crash in a plugin stays in it, and a service that never
ends its answer holds no thread of a run. It ends at once when its standard input closes, so a dead worker leaves none.

Taken are services that are reached over a network. AddressRefused are those that work on the server itself: its desktop
(`dbus`, `kde`, `qt`, `glib`, `gio`, `gnome`, `macosx`, `windows`), its log (`syslog`; `rsyslog` is a network's), a
device at its USB port (`blink1`), any later plugin that needs no address at all, and parameters by which a service
reads a file of the server (keys, templates, subscriptions; apprise takes `file://` and bare paths there). Plugins of
one's own, apprise's configuration files and their `include` are never loaded, and nothing is ever attached.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

LOCAL: Final = frozenset(
    {"blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "vapid", "windows"}
)  # vapid does nothing without files of the server
FILES: Final = ("keyfile", "subfile", "pgppub", "pgpprv", "pgp_key", "pgp_privkey")
# Those whose parameter `template` is a file; elsewhere it is the name of a template at the service.
TEMPLATE_FILES: Final = frozenset({"discord", "slack", "tgram", "workflow", "workflows"})
# Apprise's own retries and its "count a failure as a success": the worker decides about both.
OURS: Final = ("retry", "wait", "optional")
ANSWERED: Final = re.compile(r"\berror[=: ]+(\d{3})\b")
UNREACHED: Final = re.compile(r"(?i)connection|socket|timed? ?out|i/o|unreachable|resolve")
UNREACHABLE: Final = "It could not be reached, or did not answer."
NO_REASON: Final = "It did not take the notice, and gave no reason that can be shown."


class AddressRefused(ValueError):
    """An address that is not taken; the sentence's second half, which never repeats the address."""


def service(url: str) -> NotifyBase:
    """The service behind an address. Raises AddressRefused."""
    from apprise import Apprise
    from apprise.manager_attachment import AttachmentManager
    from apprise.manager_plugins import NotificationManager
    from apprise.plugins import url_to_dict

    parts = url_to_dict(url)  # type: ignore[no-untyped-call]
    if not parts:
        raise AddressRefused(
            "it is no address that apprise knows; it begins with a service, as mailtos:// or slack:// do"
        )
    scheme = str(parts["schema"])
    plugin = NotificationManager()[scheme]  # type: ignore[no-untyped-call]
    if scheme in LOCAL or any(re.fullmatch(r"\{schema\}://[_/]*", form) for form in plugin.templates):
        raise AddressRefused(
            f"{scheme}:// works on the server itself (its desktop, log or files); only services on a network are taken"
        )
    asked = set(parts.get("qsd") or {}) | {name for name, value in parts.items() if value is not None}
    for name in (*FILES, *(("template",) if scheme in TEMPLATE_FILES else ())):
        if name in asked:
            raise AddressRefused(f"its parameter '{name}' would read a file of the server")
    if not plugin.enabled:
        raise AddressRefused(f"{scheme}:// needs a package that is not installed on the server")
    for name in OURS:
        parts.pop(name, None)
    # Whatever a plugin attaches by itself, it is no file from here.
    AttachmentManager().remove("file", unload=False)  # type: ignore[no-untyped-call]
    made = Apprise.instantiate(parts, asset=_asset())
    if made is None:
        raise AddressRefused(f"a part of it is missing or wrong; apprise's page on {scheme}:// says what it needs")
    return made


def _asset() -> AppriseAsset:
    """Nothing is kept on the disk, pictures are not apprise's, text is taken as it is; who waits is the worker."""
    from apprise import AppriseAsset, PersistentStoreMode

    return AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY,
        app_id="Pattern Desk",
        app_desc="Pattern Desk",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        service_timeout=0,
        interpret_emojis=False,
        interpret_escapes=False,
        default_service_retry=0,
        pgp_autogen=False,
        pem_autogen=False,
    )


def send(url: str, title: str, body: str, kind: str) -> tuple[bool, str]:
    """Sends to one address: whether it was taken, and a sentence that holds nothing of the address."""
    from apprise import Apprise, NotifyFormat, NotifyType

    try:
        made = service(url)
    except AddressRefused as error:
        return False, f"The address is not taken: {error}."
    sender = Apprise(asset=_asset())
    sender.add(made)
    result = sender.notify(body, title, notify_type=NotifyType(kind), body_format=NotifyFormat.TEXT)
    return (True, "Sent.") if result else (False, _why(" ".join(str(entry) for entry in result.logs())))


def _why(logs: str) -> str:
    """A sentence of our own: the logs may quote the address or the answer."""
    if answered := ANSWERED.search(logs):
        return f"It answered with the error {answered[1]}."
    return UNREACHABLE if UNREACHED.search(logs) else NO_REASON


def _outcome(address: dict[str, str], job: dict[str, Any]) -> None:
    try:
        sent, said = send(address["url"], job["title"], job["body"], job["kind"])
    except Exception as error:  # noqa: BLE001  # whatever a plugin raises
        sent, said = False, f"Sending it broke ({type(error).__name__})."
    line = json.dumps({"id": address["id"], "sent": sent, "said": said})
    os.write(1, (line + "\n").encode())  # one write, so that two threads don't mix


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """One job, from standard input: {title, body, kind, addresses: [{id, url}]}."""
    logging.getLogger("apprise").addHandler(logging.NullHandler())  # its logs are read from results, and go nowhere
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threads = [threading.Thread(target=_outcome, args=(address, job)) for address in job["addresses"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


if __name__ == "__main__":
    main()
