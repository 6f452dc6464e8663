"""Where the live streams have a timeline's entries from: read once for all viewers, kept back from those in a blind review."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, Protocol

from services import timeline
from services.database.engine import transaction
from services.lifecycle import MessageType
from services.people import actor_by_id
from services.timeline import EntryJson

Entry = EntryJson
_TELLS: Final = {MessageType.FEEDBACK_ADDED, MessageType.MARK_DISPUTED, MessageType.SESSION_COMPLETED}


def tells_of_others(entry: Entry, person_id: uuid.UUID | None) -> bool:
    """Whether an entry may tell a person of others' verdicts, so that a blind review may keep it back."""
    author = entry["author"]
    return entry["type"] in _TELLS and (author is None or author["id"] != str(person_id))


class EntrySource(Protocol):
    """Where entries come from, as JSON objects; called in threads."""

    def after(
        self, workspace_id: uuid.UUID, seq: int, limit: int, person_id: uuid.UUID | None = None
    ) -> Sequence[Entry]:
        """Entries of the workspace whose seq is above `seq`, oldest first, without what is kept from the person."""
        ...

    def kept_back(self, message_ids: Sequence[str], person_id: uuid.UUID) -> set[str]:
        """Which of these entries a blind review keeps from the person."""
        ...

    def named(self, message_ids: Sequence[uuid.UUID]) -> Sequence[Entry]:
        """The entries with these ids in that order, without those that are gone."""
        ...


class TimelineSource:
    """Entries from the timeline service."""

    def after(
        self, workspace_id: uuid.UUID, seq: int, limit: int, person_id: uuid.UUID | None = None
    ) -> Sequence[Entry]:
        with transaction() as session:
            viewer = actor_by_id(session, person_id) if person_id else None
            entries = timeline.entries_after(session, workspace_id, seq, limit, viewer=viewer)
            return [entry.as_json() for entry in entries]

    def kept_back(self, message_ids: Sequence[str], person_id: uuid.UUID) -> set[str]:
        with transaction() as session:
            return timeline.kept_back(session, message_ids, viewer=actor_by_id(session, person_id))

    def named(self, message_ids: Sequence[uuid.UUID]) -> Sequence[Entry]:
        with transaction() as session:
            found = [timeline.entry(session, message_id) for message_id in message_ids]
            return [entry.as_json() for entry in found if entry is not None]
