"""What the worker reads and writes of a delivery. Each address's outcome is recorded by itself, as soon as it is known."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from services.database import queue
from services.lifecycle import NotificationEvent, NotificationStatus
from services.models import Notification, PatternWorkspace, now
from services.notifications.addresses import mark

KINDS: Final = {
    NotificationEvent.RUN_FAILED: "failure",
    NotificationEvent.DEPLOY_FAILED: "failure",
    NotificationEvent.SUCCESS_RATE_FELL: "warning",
    NotificationEvent.APPROVAL_VOIDED: "warning",
}  # apprise's words; everything else is "info"
REMOVED: Final = "The address was taken out of the workspace."


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try of a notice: what to send, and the addresses that have not taken it yet, by their mark."""

    title: str
    body: str
    kind: str
    urls: dict[str, str]


def load(session: Session, notification_id: uuid.UUID, number: int) -> Delivery | None:
    """What try number `number` (1 is the first) has to send; None when it was made already, or the notice is over.

    An address that was taken out of the workspace meanwhile gets nothing more.
    """
    row = session.get(Notification, notification_id, with_for_update=True, populate_existing=True)
    if row is None or row.status != NotificationStatus.PENDING or row.tries >= number:
        return None
    workspace = session.get(PatternWorkspace, row.workspace_id, populate_existing=True)
    known = {mark(row.id, url): url for url in workspace.notification_urls} if workspace else {}
    waiting = [o["id"] for o in row.outcomes or [] if o["state"] in ("waiting", "failed")]
    for address in waiting:
        if address not in known:
            _note(row, address, "removed", REMOVED)
    event = NotificationEvent(row.event)
    urls = {address: known[address] for address in waiting if address in known}
    return Delivery(row.title, f"{row.body}\n\n{row.link}", KINDS.get(event, "info"), urls)


def note(session: Session, notification_id: uuid.UUID, address: str, *, sent: bool, said: str) -> None:
    """What came of one address. One that took the notice never goes back."""
    row = session.get(Notification, notification_id, with_for_update=True, populate_existing=True)
    if row is not None:
        _note(row, address, "sent" if sent else "failed", said)


def _note(row: Notification, address: str, state: str, said: str) -> None:
    row.outcomes = [
        outcome | {"state": state, "said": said, "at": now().isoformat()}
        if outcome["id"] == address and outcome["state"] != "sent"
        else outcome
        for outcome in row.outcomes or []
    ]


def end_try(session: Session, notification_id: uuid.UUID, number: int, pauses: Sequence[float]) -> NotificationStatus:
    """Ends a try: the notice is sent, or failed when the pauses are spent, or its next try is queued after a pause.

    A test is tried once, since somebody waits for its outcome. A second call does nothing.
    """
    row = session.get(Notification, notification_id, with_for_update=True, populate_existing=True)
    if row is None:
        return NotificationStatus.FAILED
    if row.status != NotificationStatus.PENDING or row.tries >= number:
        return NotificationStatus(row.status)
    row.tries = number
    states = {outcome["state"] for outcome in row.outcomes or []}
    left = () if row.event == NotificationEvent.TEST else pauses[number - 1 :]
    if not states & {"waiting", "failed"}:
        row.status = NotificationStatus.SENT if "sent" in states else NotificationStatus.FAILED
    elif not left:
        row.status = NotificationStatus.FAILED
    else:
        queue.enqueue_delivery(session, row.id, number + 1, delay_s=left[0])
    if row.status == NotificationStatus.SENT:
        row.sent_at = now()
    return NotificationStatus(row.status)
