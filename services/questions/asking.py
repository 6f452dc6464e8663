"""Asking: a comment that names @claude, with the message for its answer and the queued job, or the reason why not."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import holding, limiting, timeline
from services.database import queue
from services.database.rows import fetch
from services.errors import Conflict, NotFound, TooMany
from services.lifecycle import AuthorType, JobStatus, MessageStatus, MessageType
from services.models import PatternWorkspace, Question, User, WorkspaceMessage, new_id
from services.people import Actor, require
from services.questions.answering import Outcome, end

NAME: Final = "claude"
_NAMED: Final = re.compile(rf"(?<!\w)@{NAME}(?!\w)", re.IGNORECASE)


def asks_agent(text: str, people: Iterable[str] = ()) -> bool:
    """Whether a comment asks the agent: it names @claude, and not as the beginning of a person's longer name."""
    left = text
    for name in people:
        if name.lower().startswith(f"{NAME} "):
            left = re.sub(rf"(?<!\w)@{re.escape(name)}(?!\w)", " ", left, flags=re.IGNORECASE)
    return _NAMED.search(left) is not None


def comment(
    session: Session, workspace_id: uuid.UUID, text: str, *, attachments: Sequence[str] = (), actor: Actor
) -> uuid.UUID:
    """What a person types into the chat box. One that names @claude is a question too, and its answer follows it."""
    require(actor, "comment")
    message_id = timeline.comment(session, workspace_id, text, attachments=attachments, actor=actor)
    if "@" in text:
        names = [row[0] for row in fetch(session, "SELECT name FROM users WHERE is_active")]
        if asks_agent(text, names):
            _ask(session, workspace_id, message_id, actor)
    return message_id


def ask_again(session: Session, answer_message_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    """Asks a question again whose answer failed; the message of the new answer. Raises NotFound, Conflict."""
    require(actor, "comment")
    row = session.scalar(select(Question).where(Question.answer_message_id == answer_message_id).with_for_update())
    if row is None:
        raise NotFound("There is no such question.")
    if row.status != JobStatus.FAILED:
        raise Conflict("This question was answered, or its answer is on its way.")
    asked = session.get_one(WorkspaceMessage, row.asked_message_id)
    if asked.deleted_at is not None:
        raise Conflict("The question was deleted.")
    others = select(Question.id).where(
        Question.asked_message_id == row.asked_message_id, Question.status != JobStatus.FAILED
    )
    if session.scalars(others.limit(1)).first() is not None:
        raise Conflict("This question was asked again already.")
    return _ask(session, row.workspace_id, row.asked_message_id, actor)


def _ask(session: Session, workspace_id: uuid.UUID, asked_message_id: uuid.UUID, actor: Actor) -> uuid.UUID:
    """The question, the message for its answer and the job; where it can't be asked now, the answer says why."""
    workspace = session.get_one(PatternWorkspace, workspace_id)
    question_id = new_id()
    answer_id = timeline.append(
        session,
        workspace_id,
        MessageType.CLAUDE_ANSWER,
        data={
            "question_id": question_id,
            "asked_message_id": asked_message_id,
            "asked_by": session.get_one(User, actor.id).name,
            "doing": "Waiting for a worker",
        },
        author_type=AuthorType.CLAUDE,
        title=f"Answer to {actor.name}",
        status=MessageStatus.PENDING,
    )
    assert answer_id is not None
    row = Question(
        id=question_id,
        workspace_id=workspace_id,
        asked_message_id=asked_message_id,
        answer_message_id=answer_id,
        asked_by_id=actor.id,
    )
    session.add(row)
    session.flush()
    refused = _refusal(session, workspace, actor)
    if refused is None:
        queue.enqueue_question(session, question_id)
    else:
        end(session, question_id, attempt=0, outcome=Outcome(error=refused))
    return answer_id


def _refusal(session: Session, workspace: PatternWorkspace, actor: Actor) -> str | None:
    """Why the person may not ask now, as a sentence of the thread."""
    try:
        limiting.spend("ask", actor.id)
    except TooMany as error:
        return error.sentence
    spent = holding.cap_is_spent(session, workspace.id, workspace.name)
    return None if spent is None else f"{spent} Ask again after midnight UTC, or ask an admin to raise the cap."
