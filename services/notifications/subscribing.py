"""A workspace's addresses: who may see and change them, and a notice to try them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import limiting
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import NotificationEvent, NotificationStatus
from services.models import Notification, PatternWorkspace, new_id
from services.notifications.addresses import checked, scheme
from services.notifications.writing import notify
from services.people import Actor, record, require


def get_urls(session: Session, workspace_id: uuid.UUID, *, actor: Actor) -> list[str]:
    """The addresses whole, to be edited. Raises NotAllowed for viewers, NotFound."""
    require(actor, "notify")
    return list(_workspace(session, workspace_id).notification_urls)


def set_urls(session: Session, workspace_id: uuid.UUID, urls: Sequence[str], *, actor: Actor) -> list[str]:
    """Replaces the addresses; returns those that were kept. `urls` are the lines of a text, empty ones are left out.

    Taken is what apprise reaches over a network; see `services.notifications.sender` for what is refused. The audit
    trail knows how many there are and of which services, never the addresses. Raises InvalidInput.
    """
    require(actor, "notify")
    workspace = _workspace(session, workspace_id, lock=True)
    kept = checked(urls)
    if kept != workspace.notification_urls:
        before, workspace.notification_urls = workspace.notification_urls, kept
        record(
            session,
            actor=actor,
            action="notification_addresses_changed",
            object_type="workspace",
            object_id=workspace_id,
            before=_summary(before),
            after=_summary(kept),
        )
    return kept


def send_test(session: Session, workspace_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    """Queues a notice to all addresses, which is tried once; the id shows what came of it.

    Raises InvalidInput when there are none, Conflict while the last test is under way.
    """
    require(actor, "notify")
    workspace = _workspace(session, workspace_id, lock=True)
    if not workspace.notification_urls:
        raise InvalidInput("There are no addresses yet; add one and save it first.")
    waiting = select(Notification.id).where(
        Notification.workspace_id == workspace_id,
        Notification.event == NotificationEvent.TEST,
        Notification.status == NotificationStatus.PENDING,
    )
    if session.scalars(waiting).first() is not None:
        raise Conflict("A test is under way already; its outcome shows here in a moment.")
    limiting.spend("notice_test", actor.id)
    sent = notify(
        session,
        workspace_id,
        NotificationEvent.TEST,
        title=f"{workspace.name[:80]}: a test",
        body=f"{actor.name} tries the addresses of this workspace. Failed runs and deploys, reviews that wait and a "
        "success rate that fell are reported here.",
        link=f"/workspace?id={workspace_id}",
        dedupe_key=f"test:{new_id()}",
    )
    if sent is None:
        raise Conflict("The test could not be queued; try again in a moment.")
    return sent


def _workspace(session: Session, workspace_id: uuid.UUID, *, lock: bool = False) -> PatternWorkspace:
    found = session.get(PatternWorkspace, workspace_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFound("There is no such workspace; it may have been removed, or the link is wrong.")
    return found


class _Summary(TypedDict):
    """How many addresses there are, and how many of each service: all that the audit trail may know of them."""

    count: int
    services: dict[str, int]


def _summary(urls: Sequence[str]) -> _Summary:
    return {"count": len(urls), "services": dict(sorted(Counter(scheme(url) for url in urls).items()))}
