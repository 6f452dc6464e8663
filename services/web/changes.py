"""What a page that shows a list, or one execution, is told: that something of it changed, and nothing else.

The stream carries no row and no id, so that there is nothing in it that a reader may not see; the page reads the
database again, as whoever looks at it may. Changes that come together are told once.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sse_starlette import ServerSentEvent

from services import timeline
from services.database.engine import is_unreachable, transaction
from services.errors import NotAllowed, Unavailable
from services.logs import log_unexpected
from services.web.live import RETRY_MS, LiveHub, Note, Watcher

PAUSE_S: Final = 1.0  # between two tellings
EXECUTIONS, WORKSPACES, WORKSPACE, EXECUTION = "executions", "workspaces", "workspace", "execution"
_KINDS: Final = frozenset({EXECUTIONS, WORKSPACES, WORKSPACE, EXECUTION})


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched: all executions, all workspaces, one workspace, or one execution with its log."""

    kind: str
    workspace_id: uuid.UUID | None = None
    execution_id: uuid.UUID | None = None

    def concerns(self, note: Note) -> bool:
        """Whether the notification speaks of something that is shown."""
        if self.workspace_id not in (None, note.workspace_id):
            return False
        if note.log_of is not None:
            return self.kind == EXECUTION and note.log_of == self.execution_id
        return self.kind in (WORKSPACES, WORKSPACE) or note.execution_id is not None

    def grant(self) -> dict[str, str]:
        """The scope as the object of a token."""
        ids = {"workspace_id": self.workspace_id, "execution_id": self.execution_id}
        return {"changes": self.kind} | {name: str(value) for name, value in ids.items() if value is not None}


def scope_of(granted: Mapping[str, object]) -> Scope | None:
    """The scope of a token's object; None for a token of a timeline. Raises NotAllowed for one that names nothing."""
    kind = granted.get("changes")
    if kind is None:
        return None
    try:
        ids = [uuid.UUID(str(granted[name])) if name in granted else None for name in ("workspace_id", "execution_id")]
    except ValueError:
        raise NotAllowed("This link is for no page.") from None
    if kind not in _KINDS or (kind in (WORKSPACE, EXECUTION) and ids[0] is None):
        raise NotAllowed("This link is for no page.")
    return Scope(str(kind), *ids)


async def stream(
    hub: LiveHub, scope: Scope, *, seen: int | None, expires_at: datetime, person_id: uuid.UUID | None = None
) -> AsyncIterator[ServerSentEvent]:
    """`tick` each time something of the scope changed, at most once in PAUSE_S; `expired` when the token's time is over.

    `seen` is the position (`timeline.position`) of what the page shows: when there is more by now, it is told at once.
    """
    with hub.watching(scope.concerns, person_id) as watcher:
        yield ServerSentEvent(comment="live", retry=RETRY_MS)
        reader = _Position(scope, seen)
        try:
            changed = await reader.moved()
            while not watcher.ended:
                if changed:
                    yield ServerSentEvent(event="tick", data=json.dumps({"execution": None}))
                    await _pause(watcher, expires_at)
                if not await _woken(watcher, expires_at):
                    yield ServerSentEvent(event="expired", data="{}")
                    return
                changed = watcher.take()
                if watcher.take_doubt():
                    changed = await reader.moved() or changed
        except Exception as error:  # noqa: BLE001  # logged, and the stream ends: the browser connects again
            if not is_unreachable(error) and not isinstance(error, Unavailable):
                log_unexpected(error, part="stream of changes")


@dataclass(slots=True)
class _Position:
    scope: Scope
    last: int | None

    async def moved(self) -> bool:
        """Whether the timelines have gone on since it was last asked."""
        before, self.last = self.last, await asyncio.to_thread(self._read)
        return before is not None and before != self.last

    def _read(self) -> int:
        with transaction() as session:
            return timeline.position(session, self.scope.workspace_id)


async def _pause(watcher: Watcher, expires_at: datetime) -> None:
    """Lets what comes together be told together; a stream that has to end does so at once."""
    try:
        await asyncio.wait_for(watcher.over.wait(), min(PAUSE_S, _left(expires_at)))
    except TimeoutError:
        return


async def _woken(watcher: Watcher, expires_at: datetime) -> bool:
    """Waits for a call; False when the token's time is over first."""
    try:
        await asyncio.wait_for(watcher.called.wait(), _left(expires_at))
    except TimeoutError:
        return False
    watcher.called.clear()
    return True


def _left(expires_at: datetime) -> float:
    return max((expires_at - datetime.now(UTC)).total_seconds(), 0)
