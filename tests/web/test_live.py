"""Live updates on a real database: what is committed reaches every viewer, also after everything that goes wrong."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy.orm import Session
from sse_starlette import ServerSentEvent

from services import feedback, people, timeline
from services.database.engine import get_engine, plain_url, transaction
from services.lifecycle import Verdict
from services.people import Actor
from services.web import live, tokens
from services.web.entries import Entry, TimelineSource
from services.web.live import QUEUE_SIZE, LiveHub, Note, Update, stream
from tests import factories
from tests.support import scenarios
from tests.support.live_hub import eventually, listening
from tests.support.processes import slower
from tests.support.web_server import LiveWorkspace, running


class Counting(TimelineSource):
    """The real source, counting how often entries are fetched."""

    def __init__(self) -> None:
        self.fetches = 0

    def named(self, message_ids: Sequence[uuid.UUID]) -> Sequence[Entry]:
        self.fetches += 1
        return super().named(message_ids)


def open_stream(
    hub: LiveHub, live_workspace: LiveWorkspace, *, after: int | None = 0, resumed: bool = False, seconds: float = 60
) -> Any:
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return stream(hub, live_workspace.workspace_id, after=after, resumed=resumed, expires_at=expires_at)


async def following(events: AsyncIterator[ServerSentEvent]) -> ServerSentEvent:
    """The next event that is no comment."""
    async with asyncio.timeout(15):
        async for event in events:
            if event.event:
                return event
    raise AssertionError("the stream ended")


def loaded(event: ServerSentEvent) -> Any:
    return json.loads(str(event.data))


def texts(event: ServerSentEvent) -> list[str | None]:
    assert event.event == "entries"
    return [entry["content"] for entry in loaded(event)]


def test_a_stream_begins_with_earlier_entries_and_continues_with_new_ones(live_workspace: LiveWorkspace) -> None:
    async def scene() -> None:
        async with listening() as hub:
            events = open_stream(hub, live_workspace)
            first = await following(events)
            [created] = loaded(first)
            assert (created["type"], created["seq"], first.id) == ("pattern_created", 1, "1")
            message = await asyncio.to_thread(live_workspace.comment, "one")
            second = await following(events)
            assert (texts(second), second.id) == (["one"], "2")
            await asyncio.to_thread(live_workspace.comment, "two")
            assert texts(await following(events)) == ["two"]
            await asyncio.to_thread(live_workspace.edit, message, "one, better")
            changed = await following(events)
            assert (texts(changed), changed.id) == (["one, better"], "3")  # the place in the stream never goes back
            await events.aclose()

    asyncio.run(scene())


def test_a_roll_back_is_not_shown_and_other_workspaces_stay_apart(live_workspace: LiveWorkspace) -> None:
    def fail() -> None:
        with pytest.raises(ZeroDivisionError), transaction() as session:
            timeline.comment(session, live_workspace.workspace_id, "never", actor=live_workspace.actor)
            raise ZeroDivisionError

    async def scene() -> None:
        async with listening() as hub:
            events = open_stream(hub, live_workspace, after=1)
            waiting = asyncio.create_task(following(events))
            await eventually(lambda: bool(hub._all()))
            await asyncio.to_thread(fail)
            hub.notify(Note(uuid.uuid4(), seq=1, message_id=uuid.uuid4()))
            await asyncio.to_thread(live_workspace.comment, "kept")
            assert texts(await waiting) == ["kept"]

    asyncio.run(scene())


def test_a_persons_streams_end_at_once_when_they_are_shut_out(live_workspace: LiveWorkspace) -> None:
    with transaction() as session:
        leaving, staying = factories.person(session), factories.person(session)

    def shut_out() -> None:
        with transaction() as session:
            people.set_active(session, leaving.id, False, actor=None)

    async def scene() -> None:
        async with listening() as hub:
            until = datetime.now(UTC) + timedelta(minutes=5)
            theirs, others = (
                hub.session_changes(live_workspace.workspace_id, uuid.uuid4(), until=until, person_id=person.id)
                for person in (leaving, staying)
            )
            assert [await anext(theirs), await anext(others)] == [False, False]
            waiting = asyncio.create_task(anext(others))
            await asyncio.to_thread(shut_out)
            async with asyncio.timeout(10):
                assert [changed async for changed in theirs] == []
            assert not waiting.done(), "nobody else's stream ends"
            waiting.cancel()

    asyncio.run(scene())


def test_an_entry_is_read_once_for_all_viewers(live_workspace: LiveWorkspace) -> None:
    async def scene() -> None:
        source = Counting()
        async with listening(source) as hub:
            viewers = [open_stream(hub, live_workspace, after=1) for _ in range(20)]
            waiting = [asyncio.create_task(following(events)) for events in viewers]
            await eventually(lambda: len(hub._all()) == 20)
            await asyncio.to_thread(live_workspace.comment, "for all")
            assert [texts(event) for event in await asyncio.gather(*waiting)] == [["for all"]] * 20
            assert source.fetches == 1

    asyncio.run(scene())


def test_a_blind_review_keeps_anothers_correction_from_a_stream_until_its_reader_has_judged(
    live_workspace: LiveWorkspace,
) -> None:
    with transaction() as session:
        reader, other = factories.person(session), factories.person(session)
        stored = factories.dataset(session, other)
        home = scenarios.in_beta(session, other)
        made = scenarios.run_session(session, home, other, stored, anchors=[0, 10])
        marks = scenarios.detections(session, made)
        seq = timeline.position(session, home)

    def judge(anchor: int, actor: Actor) -> None:
        with transaction() as session:
            feedback.judge(session, marks[anchor], Verdict.FALSE_POSITIVE, reason=f"noise at {anchor}", actor=actor)

    def comment() -> None:
        with transaction() as session:
            timeline.comment(session, home, "a comment", actor=other)

    async def scene() -> None:
        soon = datetime.now(UTC) + timedelta(seconds=60)

        def opened(person: Actor, after: int = seq) -> Any:
            return stream(hub, home, after=after, resumed=False, expires_at=soon, person_id=person.id)

        async with listening() as hub:
            blind, own = opened(reader), opened(other)
            waiting = [asyncio.create_task(following(events)) for events in (blind, own)]
            await eventually(lambda: len(hub._all()) == 2)
            await asyncio.to_thread(judge, 0, other)
            await asyncio.to_thread(comment)
            for_reader, for_other = await asyncio.gather(*waiting)
            assert texts(for_reader) == ["a comment"], "the correction of the other reviewer never came"
            assert texts(for_other)[0] == "noise at 0"
            again = await following(opened(reader))
            assert texts(again) == ["a comment"], "nor does it come when the stream is begun again"
            await asyncio.to_thread(judge, 0, reader)
            assert texts(await following(blind)) == ["noise at 0"], "one's own comes at once"
            caught_up = await following(opened(reader))
            assert texts(caught_up) == ["noise at 0", "a comment", "noise at 0"]

    asyncio.run(scene())


def test_an_execution_ticks_and_a_resumed_reader_is_told_to_refresh(live_workspace: LiveWorkspace) -> None:
    execution = uuid.uuid4()

    def announce() -> None:
        with transaction() as session:
            timeline.announce(session, live_workspace.workspace_id, execution_id=execution)

    async def scene() -> None:
        async with listening() as hub:
            events = open_stream(hub, live_workspace, after=1, resumed=True)
            event = await following(events)
            assert (event.event, loaded(event)) == ("tick", {"execution": None})
            await asyncio.to_thread(announce)
            event = await following(events)
            assert (event.event, loaded(event)) == ("tick", {"execution": str(execution)})

    asyncio.run(scene())


def test_nothing_is_missed_while_the_listener_was_cut_off(live_workspace: LiveWorkspace) -> None:
    def cut() -> None:
        with psycopg.connect(plain_url(live_workspace.url), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'patterndesk live' AND datname = current_database()"
            )

    async def scene() -> None:
        async with listening() as hub:
            events = open_stream(hub, live_workspace, after=1)
            waiting = asyncio.create_task(following(events))
            await eventually(lambda: bool(hub._all()))
            await asyncio.to_thread(cut)
            await eventually(lambda: not hub.listening)
            await asyncio.to_thread(live_workspace.comment, "in the dark")
            assert texts(await waiting) == ["in the dark"]
            assert (await following(events)).event == "tick"
            await asyncio.to_thread(live_workspace.comment, "in the light")
            assert texts(await following(events)) == ["in the light"]

    asyncio.run(scene())


def test_an_entry_whose_writer_died_before_its_call_is_found(
    live_workspace: LiveWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_PROBE_SECONDS", 0.3)

    def comment_and_die() -> None:
        with Session(get_engine()) as session:  # commits, but calls nobody
            timeline.comment(session, live_workspace.workspace_id, "unheard", actor=live_workspace.actor)
            session.commit()

    async def scene() -> None:
        async with listening() as hub:
            events = open_stream(hub, live_workspace, after=1)
            waiting = asyncio.create_task(following(events))
            await eventually(lambda: bool(hub._all()))
            await asyncio.to_thread(comment_and_die)
            assert texts(await waiting) == ["unheard"]

    asyncio.run(scene())


def test_a_viewer_that_lags_is_dropped_and_the_others_are_not(live_workspace: LiveWorkspace) -> None:
    async def scene() -> None:
        hub = LiveHub()
        with hub.viewing(live_workspace.workspace_id) as slow, hub.viewing(live_workspace.workspace_id) as quick:
            for _ in range(QUEUE_SIZE + 1):
                hub._push(hub._all(), Update(executions=(None,)))
                quick.queue.get_nowait()
            assert hub._all() == [quick]
            assert slow.queue.get_nowait() is None
        assert not hub._viewers

    asyncio.run(scene())


def test_the_stream_ends_with_its_token(live_workspace: LiveWorkspace) -> None:
    async def scene() -> None:
        async with listening() as hub:
            events = [event async for event in open_stream(hub, live_workspace, after=1, seconds=0.2)]
            assert events[-1].event == "expired" and not hub._all()

    asyncio.run(scene())


def test_the_stream_through_a_real_server(live_workspace: LiveWorkspace, tmp_path: Path) -> None:
    with running(tmp_path / "app", DATABASE_URL=live_workspace.url) as server, httpx.Client(timeout=10) as browser:
        assert browser.get(server.url + "/readyz").json() == {"status": "ok"}
        (live_workspace.data_dir / tokens.KEY_FILE).write_text((server.data_dir / tokens.KEY_FILE).read_text())
        tokens._stored_key.cache_clear()
        browser.get(server.url + "/")
        token = tokens.mint("live", live_workspace.actor.id, workspace_id=str(live_workspace.workspace_id))
        with browser.stream("GET", server.url + "/live", params={"token": token, "after": 1}) as answer:
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith(":"))  # the stream is open
            time.sleep(0.2)
            started = time.monotonic()
            live_workspace.comment("live")
            data = next(line for line in lines if line.startswith("data:"))
            took = time.monotonic() - started
            assert json.loads(data.removeprefix("data:"))[0]["content"] == "live"
            assert took < 2 * slower(), took
            stranger = tokens.mint("live", uuid.uuid4(), workspace_id=str(live_workspace.workspace_id))
            refused = browser.get(server.url + "/live", params={"token": stranger})
            assert refused.status_code == 403 and refused.text.endswith(".")
            bad = browser.get(server.url + "/live", params={"token": token, "after": "x"})
            assert bad.status_code == 400
            started = time.monotonic()
            server.process.terminate()
            server.process.wait(10)
            assert time.monotonic() - started < 6 * slower()  # an open stream does not hold the server up
