"""Creating, describing and moving a workspace. `move` is the one door for a change of status."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services import timeline
from services.errors import Conflict, IllegalTransition, InvalidInput, NotAllowed, NotFound
from services.lifecycle import LIVE_EXECUTION, WORKER, MessageType, WorkspaceStatus, transition
from services.models import ClaudeExecution, PatternWorkspace, now
from services.people import Actor, record, require
from services.texts import cleaned

PATTERN_TYPE = re.compile(r"^[a-z][a-z0-9_]{1,62}$")
MAX_TEXT = 20_000  # characters of a description or a reasoning
MAX_STEPS = 50
MAX_STEP = 2_000  # characters


def lock(session: Session, workspace_id: uuid.UUID) -> PatternWorkspace:
    """The workspace with its row locked until the transaction ends. Raises NotFound."""
    workspace = session.get(PatternWorkspace, workspace_id, with_for_update=True, populate_existing=True)
    if workspace is None:
        raise NotFound("There is no such workspace.")
    return workspace


def link(workspace_id: uuid.UUID) -> str:
    """The address of the workspace's screen."""
    return f"/workspace?id={workspace_id}"


def create(session: Session, *, pattern_type: str, name: str, category: str, actor: Actor) -> uuid.UUID:
    """A new workspace in `soon`. One per pattern type: a second is refused with a link to the first."""
    require(actor, "create_workspace")
    pattern_type, name, category = (cleaned(text) for text in (pattern_type.lower(), name, category))
    if not PATTERN_TYPE.match(pattern_type):
        raise InvalidInput(
            "A pattern type is 2 to 63 lower-case letters, digits and underscores, and begins with a letter."
        )
    if not 1 <= len(name) <= 120:
        raise InvalidInput("A name has 1 to 120 characters.")
    if not 1 <= len(category) <= 60:
        raise InvalidInput("A category has 1 to 60 characters.")
    _refuse_second(session, pattern_type)
    workspace = PatternWorkspace(pattern_type=pattern_type, name=name, category=category, created_by_id=actor.id)
    try:
        with session.begin_nested():
            session.add(workspace)
    except IntegrityError:  # somebody else was first, between the look and the insert
        _refuse_second(session, pattern_type)
        raise
    data = {"pattern_type": pattern_type, "category": category, "status": WorkspaceStatus.SOON}
    timeline.append(session, workspace.id, MessageType.PATTERN_CREATED, data=data, actor=actor, title=name)
    record(session, actor=actor, action="create", object_type="workspace", object_id=workspace.id, after=data)
    return workspace.id


def _refuse_second(session: Session, pattern_type: str) -> None:
    existing = session.execute(
        select(PatternWorkspace.id, PatternWorkspace.name).where(PatternWorkspace.pattern_type == pattern_type)
    ).first()
    if existing:
        raise Conflict(
            f"There is a workspace for the pattern type '{pattern_type}' already: {existing.name}.",
            link=link(existing.id),
        )


def describe(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    description: str,
    user_reasoning: str,
    identification_steps: Sequence[str],
    attachments: Sequence[str] = (),
    actor: Actor,
) -> None:
    """Stores how people see the pattern. Steps are one line each; attachments are storage keys."""
    require(actor, "describe_workspace")
    workspace = lock(session, workspace_id)
    description, user_reasoning = cleaned(description), cleaned(user_reasoning)
    steps = [step for s in identification_steps if (step := cleaned(s))]
    for label, text in (("description", description), ("reasoning", user_reasoning)):
        if not text:
            raise InvalidInput(f"The {label} is empty.")
        if len(text) > MAX_TEXT:
            raise InvalidInput(f"The {label} holds up to {MAX_TEXT:,} characters; this one has {len(text):,}.")
    if not 1 <= len(steps) <= MAX_STEPS:
        raise InvalidInput(f"Give 1 to {MAX_STEPS} identification steps, one a line.")
    if max(map(len, steps)) > MAX_STEP:
        raise InvalidInput(f"An identification step holds up to {MAX_STEP:,} characters.")
    workspace.description, workspace.user_reasoning = description, user_reasoning
    workspace.identification_steps = list(steps)
    workspace.attachments = list(dict.fromkeys([*workspace.attachments, *attachments]))
    timeline.append(
        session,
        workspace_id,
        MessageType.PATTERN_DESCRIPTION_SUBMITTED,
        data={
            "description": workspace.description,
            "identification_steps": list(steps),
            "attachment_count": len(attachments),
        },
        actor=actor,
        title="Described the pattern",
        content=workspace.user_reasoning,
        attachments=attachments,
    )


def move(
    session: Session,
    workspace: PatternWorkspace,
    verb: str,
    *,
    actor: Actor | None,
    reason: str | None = None,
    dedupe_key: str | None = None,
) -> None:
    """Changes the status of a locked workspace: checks the table and the role, writes, tells the timeline.

    `actor` None is the application. Guards that need more than the status are checked by the caller before.
    """
    row = transition(verb, WorkspaceStatus(workspace.status))
    if row is None:
        raise IllegalTransition(
            f"{workspace.name} is in the status '{workspace.status.replace('_', ' ')}'; "
            f"'{verb.replace('_', ' ')}' is not possible from there.",
            link=link(workspace.id),
        )
    who = actor.role if actor else WORKER
    if who not in row.who:
        raise NotAllowed(f"To {verb.replace('_', ' ')} takes a {' or '.join(sorted(row.who))}.")
    previous, workspace.status = workspace.status, row.target
    session.flush()
    timeline.append(
        session,
        workspace.id,
        MessageType.STATUS_CHANGED,
        data={"previous_status": previous, "new_status": row.target, "reason": reason},
        actor=actor,
        title=f"{previous} → {row.target}",
        dedupe_key=dedupe_key,
    )
    record(
        session,
        actor=actor,
        action=verb,
        object_type="workspace",
        object_id=workspace.id,
        before={"status": previous},
        after={"status": row.target, "reason": reason},
    )


def has_live_execution(session: Session, workspace_id: uuid.UUID) -> ClaudeExecution | None:
    """The live execution of the workspace (pending, running, retry), if there is one."""
    return session.scalar(
        select(ClaudeExecution).where(
            ClaudeExecution.workspace_id == workspace_id, ClaudeExecution.status.in_(LIVE_EXECUTION)
        )
    )


def archive(session: Session, workspace_id: uuid.UUID, *, actor: Actor) -> None:
    """Hides the workspace from lists; all of it stays. Refused while an execution is live."""
    require(actor, "archive")
    workspace = lock(session, workspace_id)
    if has_live_execution(session, workspace_id):
        raise Conflict("An execution is live here; cancel it or wait for its end, then archive.")
    if workspace.archived_at is None:
        workspace.archived_at = now()
        record(session, actor=actor, action="archive", object_type="workspace", object_id=workspace.id)


def restore(session: Session, workspace_id: uuid.UUID, *, actor: Actor) -> None:
    """Brings an archived workspace back into the lists."""
    require(actor, "archive")
    workspace = lock(session, workspace_id)
    if workspace.archived_at is not None:
        workspace.archived_at = None
        record(session, actor=actor, action="restore", object_type="workspace", object_id=workspace.id)


def set_blind_review(session: Session, workspace_id: uuid.UUID, blind: bool, *, actor: Actor) -> None:
    """Whether people see others' verdicts on a mark only after giving one themselves."""
    require(actor, "describe_workspace")
    workspace = lock(session, workspace_id)
    if workspace.blind_review != blind:
        workspace.blind_review = blind
        action = "blind review on" if blind else "blind review off"
        record(session, actor=actor, action=action, object_type="workspace", object_id=workspace.id)
