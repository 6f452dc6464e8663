"""What a list's page is told: that something changed, once for what comes together, and nothing else."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sse_starlette import ServerSentEvent

from services import people, timeline
from services.database.engine import transaction
from services.errors import NotAllowed
from services.lifecycle import Role
from services.web import tokens
from services.web.changes import EXECUTION, EXECUTIONS, WORKSPACE, WORKSPACES, Scope, scope_of, stream
from services.web.live import LiveHub, Note
from tests import factories
from tests.support.live_hub import eventually, listening
from tests.support.web_server import LiveWorkspace, running

LISTS = (Scope(EXECUTIONS), Scope(WORKSPACES))


def position(scope: Scope) -> int:
    with transaction() as session:
        return timeline.position(session, scope.workspace_id)


@asynccontextmanager
async def opened(hub: LiveHub, scope: Scope, **changed: Any) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    options: dict[str, Any] = {
        "seen": position(scope),
        "expires_at": datetime.now(UTC) + timedelta(minutes=5),
    } | changed
    events = stream(hub, scope, **options)
    first = await anext(events)
    assert first.comment == "live"
    yield events
    await events.aclose()  # type: ignore[attr-defined]


async def told(events: AsyncIterator[ServerSentEvent], seconds: float = 15) -> str | None:
    """The name of the next event; None when there is none in time or the stream ends."""
    try:
        async with asyncio.timeout(seconds):
            event = await anext(events)
    except (TimeoutError, StopAsyncIteration):
        return None
    assert json.loads(str(event.data)) in ({}, {"execution": None}), "no id and no word of what changed"
    return event.event


def test_each_scope_is_told_of_its_own_and_of_nothing_else() -> None:
    here, there, run, other = (uuid.uuid4() for _ in range(4))
    comment, of_run, log = (
        Note(here, seq=4, message_id=uuid.uuid4()),
        Note(here, execution_id=run),
        Note(here, log_of=run),
    )
    elsewhere = Note(there, execution_id=other)
    told_of = {
        kind: [note for note in (comment, of_run, log, elsewhere) if scope.concerns(note)]
        for kind, scope in {
            "executions": Scope(EXECUTIONS),
            "workspaces": Scope(WORKSPACES),
            "workspace": Scope(WORKSPACE, here),
            "execution": Scope(EXECUTION, here, run),
        }.items()
    }
    assert told_of == {
        "executions": [of_run, elsewhere],
        "workspaces": [comment, of_run, elsewhere],
        "workspace": [comment, of_run],
        "execution": [of_run, log],
    }


def test_a_token_names_one_scope() -> None:
    for scope in (*LISTS, Scope(WORKSPACE, uuid.uuid4()), Scope(EXECUTION, uuid.uuid4(), uuid.uuid4())):
        assert scope_of(json.loads(json.dumps(scope.grant()))) == scope
    assert scope_of({"workspace_id": str(uuid.uuid4())}) is None, "a timeline's token is for a timeline"
    for wrong in ({"changes": "people"}, {"changes": "workspace"}, {"changes": "execution", "workspace_id": "x"}):
        with pytest.raises(NotAllowed):
            scope_of(wrong)


def test_what_comes_together_is_told_once_and_an_idle_list_is_told_nothing(live_workspace: LiveWorkspace) -> None:
    scope = Scope(WORKSPACES)

    async def scene() -> None:
        async with listening() as hub, opened(hub, scope) as events:
            assert await told(events, 2) is None, "nothing has changed"
        async with listening() as hub, opened(hub, scope) as events:
            waiting = asyncio.create_task(told(events))
            await eventually(lambda: bool(hub._watchers))
            for text in ("one", "two", "three"):
                await asyncio.to_thread(live_workspace.comment, text)
            assert await waiting == "tick"
            assert await told(events) == "tick", "what came after the first"
            await asyncio.to_thread(live_workspace.comment, "four")
            assert await told(events) == "tick"
            assert not hub._watchers or await told(events, 2) is None, "all of it has been told"

    asyncio.run(scene())


def test_what_came_between_the_page_and_its_stream_is_told_at_once(live_workspace: LiveWorkspace) -> None:
    scope = Scope(WORKSPACE, live_workspace.workspace_id)
    before = position(scope)
    live_workspace.comment("while the page was on its way")

    async def scene() -> None:
        async with listening() as hub, opened(hub, scope, seen=before) as events:
            assert await told(events) == "tick"

    asyncio.run(scene())


def test_a_change_of_which_nobody_was_told_is_found_at_the_next_look(live_workspace: LiveWorkspace) -> None:
    scope = Scope(WORKSPACES)

    async def scene() -> None:
        async with listening() as hub, opened(hub, scope) as events:
            waiting = asyncio.create_task(told(events))
            await eventually(lambda: bool(hub._watchers))
            hub._call_watchers(doubt=True)
            await asyncio.sleep(0.5)
            assert not waiting.done(), "a doubt alone is no news"
            await asyncio.to_thread(_without_a_call, live_workspace)
            hub._call_watchers(doubt=True)
            assert await waiting == "tick"

    asyncio.run(scene())


def _without_a_call(live_workspace: LiveWorkspace) -> None:
    """A comment whose writer died between its commit and its call."""
    with transaction() as session:
        timeline.comment(session, live_workspace.workspace_id, "unheard", actor=live_workspace.actor)
        session.info.clear()


def test_a_stream_ends_when_the_person_is_shut_out_and_when_its_time_is_over(live_workspace: LiveWorkspace) -> None:
    with transaction() as session:
        leaving = factories.person(session)

    def shut_out() -> None:
        with transaction() as session:
            people.set_active(session, leaving.id, False, actor=None)

    async def scene() -> None:
        async with listening() as hub:
            async with opened(hub, LISTS[0], person_id=leaving.id) as events:
                waiting = asyncio.create_task(told(events))
                await eventually(lambda: bool(hub._watchers))
                await asyncio.to_thread(shut_out)
                assert await waiting is None and not hub._watchers, "the stream has ended"
            soon = datetime.now(UTC) + timedelta(seconds=0.5)
            async with opened(hub, LISTS[0], expires_at=soon) as events:
                assert await told(events) == "expired"

    asyncio.run(scene())


@pytest.mark.long
def test_the_route_streams_to_whoever_may_look_and_to_nobody_else(
    live_workspace: LiveWorkspace, tmp_path: Path
) -> None:
    with transaction() as session:
        viewer = factories.person(session, role=Role.VIEWER)
    address = live_workspace.url
    with running(tmp_path / "app", DATABASE_URL=address, DATA_DIR=str(live_workspace.data_dir)) as server:
        client = httpx.Client(base_url=server.url, timeout=15)
        client.get("/")  # the page's own cookie
        token = tokens.mint("live", viewer.id, **Scope(WORKSPACES).grant())
        seen = position(Scope(WORKSPACES))
        with client.stream("GET", f"/live?token={token}&after={seen}") as answer:
            assert answer.status_code == 200
            lines = answer.iter_lines()
            assert next(lines).startswith(":")
            live_workspace.comment("secret words")
            heard = [line for line in (next(lines) for _ in range(5)) if line]
            assert "event: tick" in heard and not any("secret" in line for line in heard)
        forged = tokens.mint("live", viewer.id, changes="people")
        assert client.get(f"/live?token={forged}").status_code == 403
        with transaction() as session:
            people.set_active(session, viewer.id, False, actor=None)
        assert client.get(f"/live?token={token}").status_code == 403
