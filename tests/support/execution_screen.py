"""Executions in every state, their screen, and what it shows."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.components.execution.cards import TABS_KEY
from services import executions
from services.database.engine import transaction
from services.lifecycle import ExecutionPhase, ExecutionStatus
from services.models import ClaudeExecution, ExecutionAttempt, now
from services.people import Actor
from tests import factories
from tests.support.product import World, open_page, words

HOSTILE = "<img src=x onerror=alert(1)>"


def made(world: World, status: ExecutionStatus = ExecutionStatus.RUNNING, **columns: Any) -> uuid.UUID:
    """An execution in a workspace of its own, with its first attempt."""
    with transaction() as session:
        workspace_id = columns.pop("workspace_id", None) or factories.workspace(session, world.member)
        execution_id = factories.execution(
            session, workspace_id, world.member, status=status, at=now() - timedelta(minutes=3),
            took=timedelta(minutes=2), **columns,
        )  # fmt: skip
        session.add(ExecutionAttempt(execution_id=execution_id, number=1, reason=columns.get("error")))
    return execution_id


def running(world: World, **columns: Any) -> uuid.UUID:
    """A run in its second phase, written as its worker writes it."""
    execution_id = made(world, worker_id="worker-1", **columns)
    writer: dict[str, Any] = {"epoch": 1, "attempt": 1}
    with transaction() as session:
        executions.begin_phase(session, execution_id, phase=ExecutionPhase.PLANNING, task="Reading", **writer)
        executions.checkpoint(session, execution_id, phase=ExecutionPhase.PLANNING, key="read", text="Read 8 corrections",
                              details="5 wrong, 3 missed", **writer)  # fmt: skip
        executions.end_phase(session, execution_id, phase=ExecutionPhase.PLANNING, **writer)
        executions.begin_phase(session, execution_id, phase=ExecutionPhase.IMPLEMENTING, task="Changing", **writer)
        executions.report(session, execution_id, phase=ExecutionPhase.IMPLEMENTING, fraction=0.5,
                          task="Tried 150 of 300 points", **writer)  # fmt: skip
    return execution_id


def change(execution_id: uuid.UUID, **columns: Any) -> None:
    with transaction() as session:
        session.execute(update(ClaudeExecution).where(ClaudeExecution.id == execution_id).values(**columns))


def open_execution(execution_id: uuid.UUID | str, actor: Actor, *, tab: str | None = None) -> AppTest:
    at = open_page("execution.py", actor, id=str(execution_id))
    if tab:
        at.session_state[TABS_KEY] = tab
        at.run()
    assert not at.exception
    return at


def button(at: AppTest, label: str) -> Any:
    return next((b for b in at.button if b.label == label), None)


def said(at: AppTest) -> str:
    return words(at).replace("\\", "")


def badges(at: AppTest) -> str:
    """The page's badges and other Markdown, without its escapes."""
    return "\n".join(str(m.value) for m in at.markdown).replace("\\", "")
