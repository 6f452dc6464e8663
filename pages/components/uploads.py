"""Files that people attach: checked and stored before the transaction that records them, and shown by signed links."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

import streamlit as st

from services import attachments, timeline
from services.attachments import ACCEPTED, Checked
from services.errors import InvalidInput
from services.people import Actor
from services.timeline import AttachmentJson, AttachmentName, EntryJson, TimelineEntry
from services.web import tokens

FILE_TYPES: Final = list(ACCEPTED)
_LINKS: Final = "attachment-links"
_FRESH_SECONDS: Final = 600  # of the 900 that a link's token lives; a link that stays the same is not loaded again


class Upload(Protocol):
    """What Streamlit's uploaders hand over."""

    name: str

    def getvalue(self) -> bytes: ...


def stored(files: Sequence[Upload]) -> list[tuple[Checked, str]]:
    """Each file checked and put into the storage, with its key. Raises InvalidInput that names the file at fault."""
    kept = []
    for file in files:
        try:
            checked = attachments.check(file.getvalue(), file.name)
        except InvalidInput as error:
            raise InvalidInput(f"{attachments.clean_name(file.name)}: {error.sentence}") from error
        kept.append((checked, attachments.store(checked)))
    return kept


def recorded(session: Any, kept: Sequence[tuple[Checked, str]], *, actor: Actor) -> list[str]:
    """The keys of stored files, recorded in the caller's transaction."""
    return [attachments.add(session, checked, storage_key=key, actor=actor) for checked, key in kept]


def shown(session: Any, entries: Sequence[TimelineEntry], *, actor: Actor) -> list[EntryJson]:
    """Entries as JSON with their attachments as name, kind and a signed link."""
    keys = list(dict.fromkeys(key for entry in entries for key in entry.attachments))
    known = timeline.attachment_names(session, keys) if keys else {}
    found = []
    for entry in entries:
        made = entry.as_json()
        made["attachments"] = [_link(key, known.get(key), actor) for key in entry.attachments]
        found.append(made)
    return found


def _link(key: str, row: AttachmentName | None, actor: Actor) -> AttachmentJson:
    if row is None:
        return {"name": "File", "kind": "file", "url": ""}
    return {"name": row.name, "kind": row.kind, "url": link(key, actor)}


def link(key: str, actor: Actor) -> str:
    """The address of an attachment for this person; the same one for some minutes."""
    links: dict[tuple[str, str], tuple[float, str]] = st.session_state.setdefault(_LINKS, {})
    minted, address = links.get((str(actor.id), key), (0.0, ""))
    if time.monotonic() - minted > _FRESH_SECONDS or not address:
        address = f"/attachments/{key}?token={tokens.mint('attachment', actor.id, key=key)}"
        links[str(actor.id), key] = (time.monotonic(), address)
    return address
