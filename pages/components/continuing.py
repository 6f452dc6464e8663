"""Until both exist: what continuing a run needs of the services."""

from __future__ import annotations

import uuid
from typing import Any

from services import actions, executions
from services.people import Actor


def why_not_continue(session: Any, execution_id: uuid.UUID) -> str | None:
    found: Any = getattr(executions, "why_not_continue", None)
    return "It can't be continued yet." if found is None else found(session, execution_id)


def continue_from(execution_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    found: Any = actions
    made: uuid.UUID = found.continue_from(execution_id, actor=actor)
    return made
