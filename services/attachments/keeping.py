"""Keeping attachments: the bytes behind fsspec before the transaction, one row by content inside it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services import limiting, storage
from services.attachments.checking import Checked
from services.database.rows import fetch
from services.errors import NotFound
from services.models import Attachment, new_id
from services.people import Actor, require
from services.settings import get_settings


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """A stored attachment; `size_bytes` is that of what is stored."""

    id: uuid.UUID
    storage_key: str
    kind: str
    content_type: str
    name: str
    size_bytes: int
    uploaded_by_id: uuid.UUID
    created_at: datetime


class Opened(NamedTuple):
    data: bytes
    content_type: str
    name: str


_ONE: LiteralString = """
SELECT id, storage_key, kind, content_type, name, size_bytes, uploaded_by_id, created_at
FROM attachments WHERE storage_key = %(key)s
"""


_SEVERAL: LiteralString = """
SELECT id, storage_key, kind, content_type, name, size_bytes, uploaded_by_id, created_at
FROM attachments WHERE storage_key = ANY(%(keys)s)
"""


def store(checked: Checked, *, root: str | None = None) -> str:
    """Put the bytes into the storage, before the transaction that calls `add`; the same bytes have the same key.

    `root` None is the storage of the settings. Raises Unavailable when it cannot be written.
    """
    return storage.put(root or get_settings().storage_root, checked.data, suffix=checked.suffix)


def add(session: Session, checked: Checked, *, storage_key: str, actor: Actor) -> str:
    """Records a stored upload, once by its content, and returns the key that messages and feedback carry.

    Who uploads the same content later gets the first one's key, and its name stays.
    """
    require(actor, "upload")
    limiting.spend("upload", actor.id)
    digest = hashlib.sha256(checked.data).hexdigest()
    session.execute(
        insert(Attachment)
        .values(
            id=new_id(),
            content_sha256=digest,
            storage_key=storage_key,
            kind=checked.kind,
            content_type=checked.content_type,
            name=checked.name,
            size_bytes=len(checked.data),
            uploaded_by_id=actor.id,
        )
        .on_conflict_do_nothing(index_elements=["content_sha256"])
    )
    return session.scalars(select(Attachment.storage_key).where(Attachment.content_sha256 == digest)).one()


def find(session: Session, key: str) -> AttachmentRow:
    """The attachment under a storage key. Raises NotFound."""
    rows = fetch(session, _ONE, {"key": key})
    if not rows:
        raise NotFound("There is no such attachment.")
    return AttachmentRow(*rows[0])


def several(session: Session, keys: Collection[str]) -> list[AttachmentRow]:
    """The attachments under these storage keys, without those that are not there."""
    return [AttachmentRow(*row) for row in fetch(session, _SEVERAL, {"keys": list(keys)})] if keys else []


def open_attachment(session: Session, key: str, *, root: str | None = None) -> Opened:
    """An attachment's bytes, content type and name. Only what was recorded as an attachment is opened.

    Raises NotFound when there is none, Unavailable when its bytes are gone or damaged.
    """
    row = find(session, key)
    return Opened(storage.get(root or get_settings().storage_root, key), row.content_type, row.name)
