"""Writing to a timeline: the message and its place in the order in one statement, and a call to live readers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.database import notes
from services.database.rows import fetch
from services.errors import InvalidInput, NotAllowed, NotFound
from services.lifecycle import AuthorType, MessageStatus, MessageType
from services.models import WorkspaceMessage, new_id, now
from services.people import Actor, require
from services.texts import cleaned
from services.timeline.payloads import AnswerFacts, validated
from services.timeline.readers import named_in

MAX_COMMENT = 20_000  # characters
LIVE_CHANNEL = "patterndesk_live"

_APPEND = """
WITH w AS (
    UPDATE pattern_workspaces SET message_seq = message_seq + 1, updated_at = now()
    WHERE id = %(workspace_id)s
      AND NOT EXISTS (SELECT FROM workspace_messages WHERE dedupe_key = %(dedupe_key)s)
    RETURNING message_seq
), m AS (
    INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_id, author_type, title, content,
                                    data, attachments, session_id, feedback_id, execution_id, status, progress,
                                    dedupe_key)
    SELECT %(id)s, %(workspace_id)s, w.message_seq, %(type)s, coalesce(%(created_at)s, clock_timestamp()),
           %(author_id)s, %(author_type)s, %(title)s, %(content)s, %(data)s, %(attachments)s, %(session_id)s,
           %(feedback_id)s, %(execution_id)s, %(status)s, %(progress)s, %(dedupe_key)s
    FROM w
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT m.id, w.message_seq FROM w LEFT JOIN m ON true
"""

# Somebody else wrote the same key while this one waited for the row: the number it took belongs to the next message.
_GIVE_BACK = (
    "UPDATE pattern_workspaces SET message_seq = message_seq - 1 WHERE id = %(workspace_id)s RETURNING message_seq"
)


def append(
    session: Session,
    workspace_id: uuid.UUID,
    kind: MessageType,
    *,
    data: Mapping[str, Any],
    actor: Actor | None = None,
    author_type: AuthorType | None = None,
    title: str | None = None,
    content: str | None = None,
    attachments: Sequence[str] = (),
    session_id: uuid.UUID | None = None,
    feedback_id: uuid.UUID | None = None,
    execution_id: uuid.UUID | None = None,
    status: MessageStatus | None = None,
    progress: int | None = None,
    dedupe_key: str | None = None,
    created_at: datetime | None = None,
) -> uuid.UUID | None:
    """Appends one message under the workspace's row lock, in the transaction of the change it tells of.

    Returns its id, or None when a message with the same `dedupe_key` is already there (a step that ran twice).
    `data` is checked against the type's payload. Raises NotFound for an unknown workspace.
    """
    payload = validated(kind, dict(data))
    params = {
        "id": new_id(),
        "workspace_id": workspace_id,
        "type": kind.value,
        "created_at": created_at,
        "author_id": actor.id if actor else None,
        "author_type": (author_type or (AuthorType.USER if actor else AuthorType.SYSTEM)).value,
        "title": title,
        "content": content,
        "data": Jsonb(payload),
        "attachments": list(attachments),
        "session_id": session_id,
        "feedback_id": feedback_id,
        "execution_id": execution_id,
        "status": status.value if status else None,
        "progress": progress,
        "dedupe_key": dedupe_key,
    }
    rows = fetch(session, _APPEND, params)
    if not rows:
        if dedupe_key is not None and _exists(session, dedupe_key):
            return None
        raise NotFound("There is no such workspace.")
    message_id: uuid.UUID | None = rows[0][0]
    if message_id is None:
        fetch(session, _GIVE_BACK, {"workspace_id": workspace_id})
        return None
    _call(session, workspace_id, seq=rows[0][1], message_id=message_id, execution_id=execution_id)
    return message_id


def _exists(session: Session, dedupe_key: str) -> bool:
    found = select(WorkspaceMessage.id).where(WorkspaceMessage.dedupe_key == dedupe_key)
    return session.scalar(found) is not None


def update_progress(
    session: Session,
    dedupe_key: str,
    *,
    status: MessageStatus,
    progress: int,
    current_task: str | None = None,
    checkpoint: str | None = None,
) -> None:
    """Moves the one message that may change: a phase's, while the phase runs. Progress never goes back."""
    message = session.scalar(
        select(WorkspaceMessage).where(WorkspaceMessage.dedupe_key == dedupe_key).with_for_update()
    )
    if message is None or message.type != MessageType.CLAUDE_PHASE_UPDATE:
        raise NotFound("There is no such phase message.")
    data = dict(message.data or {})
    if current_task is not None:
        data["current_task"] = current_task
    if checkpoint is not None:
        data["checkpoint"] = checkpoint
    message.data = validated(MessageType.CLAUDE_PHASE_UPDATE, data)
    message.status = status
    message.progress = max(message.progress or 0, progress)
    session.flush()
    announce(session, message.workspace_id, message_id=message.id, execution_id=message.execution_id)


def update_answer(
    session: Session, message_id: uuid.UUID, *, status: MessageStatus, content: str | None, data: AnswerFacts
) -> None:
    """Moves an answer of the agent while it is given: its text so far, and the fields of its payload that changed.

    A field that is None goes. Nothing moves once the answer has ended.
    """
    message = session.get(WorkspaceMessage, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.type != MessageType.CLAUDE_ANSWER:
        raise NotFound("There is no such answer.")
    if message.status in (MessageStatus.COMPLETED, MessageStatus.FAILED):
        return
    message.data = validated(MessageType.CLAUDE_ANSWER, {**(message.data or {}), **data})
    message.status, message.content = status, content
    session.flush()
    announce(session, message.workspace_id, message_id=message.id)


def announce(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    message_id: uuid.UUID | None = None,
    execution_id: uuid.UUID | None = None,
    session_id: uuid.UUID | None = None,
) -> None:
    """Calls live readers once this is committed: the workspace's message, execution or judgements changed."""
    _call(session, workspace_id, message_id=message_id, execution_id=execution_id, session_id=session_id)


def announce_log(session: Session, workspace_id: uuid.UUID, execution_id: uuid.UUID) -> None:
    """Calls the readers of an execution's own page once this is committed: its log has grown."""
    notes.keep(session, LIVE_CHANNEL, json.dumps({"w": str(workspace_id), "l": str(execution_id)}))


def _call(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    seq: int | None = None,
    message_id: uuid.UUID | None,
    execution_id: uuid.UUID | None,
    session_id: uuid.UUID | None = None,
) -> None:
    note = {
        "w": str(workspace_id),
        "s": seq,
        "m": str(message_id) if message_id else None,
        "e": str(execution_id) if execution_id else None,
        "j": str(session_id) if session_id else None,
    }
    notes.keep(session, LIVE_CHANNEL, json.dumps(note))


def comment(
    session: Session, workspace_id: uuid.UUID, text: str, *, attachments: Sequence[str] = (), actor: Actor
) -> uuid.UUID:
    """What a person types into the chat box."""
    require(actor, "comment")
    words = _checked(text, attachments)
    message_id = append(
        session,
        workspace_id,
        MessageType.COMMENT,
        data=_naming(session, words),
        actor=actor,
        content=words,
        attachments=attachments,
    )
    assert message_id is not None
    return message_id


def edit_comment(session: Session, message_id: uuid.UUID, text: str, *, actor: Actor) -> None:
    """Changes one's own comment; it is marked as edited."""
    message = _own_comment(session, message_id, actor)
    message.content, message.edited_at = _checked(text, message.attachments), now()
    message.data = validated(MessageType.COMMENT, _naming(session, message.content))
    session.flush()
    announce(session, message.workspace_id, message_id=message.id)


def delete_comment(session: Session, message_id: uuid.UUID, *, actor: Actor) -> None:
    """Takes back one's own comment; its place stays, marked as deleted."""
    message = _own_comment(session, message_id, actor)
    session.execute(
        update(WorkspaceMessage)
        .where(WorkspaceMessage.id == message.id)
        .values(content=None, attachments=[], deleted_at=now())
    )
    announce(session, message.workspace_id, message_id=message.id)


def _own_comment(session: Session, message_id: uuid.UUID, actor: Actor) -> WorkspaceMessage:
    require(actor, "comment")
    message = session.get(WorkspaceMessage, message_id, with_for_update=True)
    if message is None or message.deleted_at is not None:
        raise NotFound("There is no such comment.")
    if message.type != MessageType.COMMENT:
        raise NotAllowed("Only comments can be changed; everything else on the timeline stays as it happened.")
    if message.author_id != actor.id:
        raise NotAllowed("Only the person who wrote a comment can change it.")
    return message


def _naming(session: Session, words: str) -> dict[str, Any]:
    """The payload of a comment: whom it names."""
    if "@" not in words:
        return {}
    active = fetch(session, "SELECT id, name FROM users WHERE is_active")
    named = named_in(words, [(row[0], row[1]) for row in active])
    return {"mentions": named} if named else {}


def _checked(text: str, attachments: Sequence[str]) -> str:
    words = cleaned(text)
    if not words and not attachments:
        raise InvalidInput("Write something first.")
    if len(words) > MAX_COMMENT:
        raise InvalidInput(f"A comment holds up to {MAX_COMMENT:,} characters; this one has {len(words):,}.")
    return words
