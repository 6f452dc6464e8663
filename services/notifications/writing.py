"""One notice and its delivery, written in the transaction of the change that it tells of."""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Any, Final

import psycopg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from services.database import queue
from services.lifecycle import NotificationEvent
from services.logs import log_unexpected, redact
from services.models import Notification, PatternWorkspace, new_id
from services.notifications.addresses import mark, redacted
from services.settings import get_settings

TITLE: Final = 150  # characters
BODY: Final = 2000
# What chat services turn into a call to everybody, or to somebody.
_CALLS: Final = re.compile(r"@(?=everyone|here|channel|all\b|room\b)|<(?=[!@#&])", re.IGNORECASE)
_UNSEEN: Final = "\u200b"


def notify(
    session: Session,
    workspace_id: uuid.UUID,
    event: NotificationEvent,
    *,
    title: str,
    body: str,
    link: str,
    execution_id: uuid.UUID | None = None,
    dedupe_key: str,
) -> uuid.UUID | None:
    """Writes a notice to all addresses of the workspace and queues its delivery; both are there, or neither is.

    Returns its id; None when the workspace has no addresses, or when the key is there already. `link` is the address of
    a screen ("/execution?id=…"). What goes wrong here is logged and harms nothing of the caller's, but for a lost
    database.
    """
    session.flush()
    try:
        with session.begin_nested():
            return _write(session, workspace_id, event, title, body, link, execution_id, dedupe_key)
    except (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001  # the run, the approval, the session go on without their notice
        log_unexpected(error, workspace=str(workspace_id), event_kind=event.value)
        return None


def _write(
    session: Session,
    workspace_id: uuid.UUID,
    event: NotificationEvent,
    title: str,
    body: str,
    link: str,
    execution_id: uuid.UUID | None,
    dedupe_key: str,
) -> uuid.UUID | None:
    workspace = session.get(PatternWorkspace, workspace_id)
    urls = workspace.notification_urls if workspace else []
    if not urls:
        return None
    notification_id = new_id()
    values: dict[str, Any] = {
        "id": notification_id,
        "workspace_id": workspace_id,
        "execution_id": execution_id,
        "event": event.value,
        "dedupe_key": dedupe_key,
        "title": plain(" ".join(title.split()), TITLE),
        "body": plain(body, BODY),
        "link": get_settings().address + link,
        "outcomes": [
            {"id": mark(notification_id, url), "address": redacted(url), "state": "waiting", "said": None, "at": None}
            for url in urls
        ],
    }
    statement = insert(Notification).values(values).on_conflict_do_nothing(index_elements=["dedupe_key"])
    if session.scalar(statement.returning(Notification.id)) is None:
        return None
    queue.enqueue_delivery(session, notification_id)
    return notification_id


def plain(text: str, most: int) -> str:
    """Text of people and logs as data: no control or direction characters, no secrets, no calls to a whole chat."""
    seen = "".join(
        c
        for c in text.replace("\t", " ")
        if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
    )
    seen = _CALLS.sub(lambda found: found[0] + _UNSEEN, redact(seen)).strip()
    return seen if len(seen) <= most else seen[: most - 1].rstrip() + "…"
