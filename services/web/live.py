"""Live updates: one LISTEN connection per server process, fanned out to the open pages of each workspace.

What is committed is notified on one channel; the entry it names is read once per notification, whatever the number of
viewers. A reader that reconnects says which `seq` it saw last and gets what came after it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from prometheus_client import Gauge
from sse_starlette import ServerSentEvent

from services import timeline
from services.database.engine import database_url, is_unreachable, plain_url
from services.errors import Unavailable
from services.logs import get_logger, log_unexpected
from services.people import SHUT_OUT_CHANNEL
from services.web.entries import Entry, EntrySource, TimelineSource, tells_of_others

QUEUE_SIZE = 256  # events a viewer may lag behind before it is dropped and reconnects
PAGE = 200
RETRY_MS = 2000
_FIRST_PAUSE, _LONGEST_PAUSE, _PROBE_SECONDS = 0.5, 30.0, 60.0  # seconds
_VIEWERS = Gauge("patterndesk_live_viewers", "Open live streams")
_LISTENING = Gauge("patterndesk_live_listening", "1 while the server listens to the database")


@dataclass(frozen=True)
class Note:
    """One notification. `seq` and `message_id` name the entry that was written or changed, `execution_id` a run."""

    workspace_id: uuid.UUID
    seq: int | None = None
    message_id: uuid.UUID | None = None
    execution_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None  # whose judgements changed
    log_of: uuid.UUID | None = None  # the execution whose log has grown, which nothing but its own page shows

    @staticmethod
    def parse(payload: str) -> Note:
        """Raises ValueError, KeyError or TypeError when the payload isn't ours."""
        values = json.loads(payload)
        message, execution, seq, judged, log = (values.get(name) for name in ("m", "e", "s", "j", "l"))
        return Note(
            workspace_id=uuid.UUID(values["w"]),
            seq=None if seq is None else int(seq),
            message_id=None if message is None else uuid.UUID(message),
            execution_id=None if execution is None else uuid.UUID(execution),
            session_id=None if judged is None else uuid.UUID(judged),
            log_of=None if log is None else uuid.UUID(log),
        )


@dataclass(frozen=True)
class Update:
    """What a viewer's stream does next: send these entries, read what it missed, tell the page to refresh."""

    entries: tuple[Entry, ...] = ()
    executions: tuple[str | None, ...] = ()
    catch_up: bool = False
    sessions: tuple[uuid.UUID, ...] = ()

    def concerns(self, session_id: uuid.UUID) -> bool:
        """Whether the session's judgements or its status may have changed."""
        of_it = (entry["session"] is not None and entry["session"]["id"] == str(session_id) for entry in self.entries)
        return self.catch_up or session_id in self.sessions or any(of_it)


@dataclass(eq=False)
class Viewer:
    """One open stream. None in the queue ends it."""

    workspace_id: uuid.UUID
    person_id: uuid.UUID | None = None
    queue: asyncio.Queue[Update | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_SIZE))

    def push(self, update: Update) -> bool:
        """Whether the viewer kept up; one that didn't is ended, and catches up when it connects again."""
        try:
            self.queue.put_nowait(update)
        except asyncio.QueueFull:
            self.end()
            return False
        return True

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


@dataclass(eq=False)
class Watcher:
    """A page that is only told that something changed (`services.web.changes`)."""

    wants: Callable[[Note], bool]
    person_id: uuid.UUID | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    changed: bool = False
    doubt: bool = False  # something may have passed unseen

    @property
    def ended(self) -> bool:
        return self.over.is_set()

    def call(self, *, doubt: bool = False) -> None:
        self.changed, self.doubt = self.changed or not doubt, self.doubt or doubt
        self.called.set()

    def end(self) -> None:
        self.over.set()
        self.called.set()

    def take(self) -> bool:
        """Whether something changed since this was last asked."""
        was, self.changed = self.changed, False
        return was

    def take_doubt(self) -> bool:
        was, self.doubt = self.doubt, False
        return was


async def connect() -> psycopg.AsyncConnection[Any]:
    """The connection that listens, with keepalives so that a silent loss is noticed."""
    url = plain_url(database_url())
    name = "patterndesk live"
    alive: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=5, application_name=name, **alive
    )


class LiveHub:
    """Listens and fans out. `start` and `close` belong to the server's lifespan."""

    def __init__(
        self,
        source: EntrySource | None = None,
        connect: Callable[[], Awaitable[psycopg.AsyncConnection[Any]]] = connect,
    ) -> None:
        self.source: EntrySource = source or TimelineSource()
        self.listening = False
        self._connect = connect
        self._viewers: dict[uuid.UUID, set[Viewer]] = defaultdict(set)
        self._watchers: set[Watcher] = set()
        self._notes: asyncio.Queue[Note] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._dispatch())]

    async def close(self) -> None:
        for viewer in self._all():
            viewer.end()
        for watcher in self._watchers:
            watcher.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextmanager
    def viewing(self, workspace_id: uuid.UUID, person_id: uuid.UUID | None = None) -> Iterator[Viewer]:
        """A viewer of the workspace for as long as the block runs. It is ended when the person is shut out."""
        viewer = Viewer(workspace_id, person_id)
        self._viewers[workspace_id].add(viewer)
        try:
            with _VIEWERS.track_inprogress():
                yield viewer
        finally:
            self._drop(viewer)

    @contextmanager
    def watching(self, wants: Callable[[Note], bool], person_id: uuid.UUID | None = None) -> Iterator[Watcher]:
        """A watcher of the notifications that it wants. It is ended when the person is shut out."""
        watcher = Watcher(wants, person_id)
        self._watchers.add(watcher)
        try:
            with _VIEWERS.track_inprogress():
                yield watcher
        finally:
            self._watchers.discard(watcher)

    async def session_changes(
        self, workspace_id: uuid.UUID, session_id: uuid.UUID, *, until: datetime, person_id: uuid.UUID | None = None
    ) -> AsyncIterator[bool]:
        """True each time the session may have changed, until the given time; False at once, so that a reader knows that
        it is heard. Changes that come together are one."""
        with self.viewing(workspace_id, person_id) as viewer:
            yield False
            while True:
                try:
                    remaining = (until - datetime.now(UTC)).total_seconds()
                    update = await asyncio.wait_for(viewer.queue.get(), max(remaining, 0))
                except TimeoutError:
                    return
                changed = False
                while update is not None:
                    changed = changed or update.concerns(session_id)
                    if viewer.queue.empty():
                        break
                    update = viewer.queue.get_nowait()
                if update is None:
                    return
                if changed:
                    yield True

    def notify(self, note: Note) -> None:
        """Take a notification in; does nothing for workspaces that nobody looks at."""
        for watcher in self._watchers:
            if watcher.wants(note):
                watcher.call()
        if note.workspace_id in self._viewers and note.log_of is None:
            self._notes.put_nowait(note)

    def shut_out(self, person_id: uuid.UUID) -> None:
        """Ends the streams of a person; whoever may still look on connects again."""
        streams: list[Viewer | Watcher] = [*self._all(), *self._watchers]
        for each in streams:
            if each.person_id == person_id:
                each.end()

    async def _listen(self) -> None:
        pause, lost = _FIRST_PAUSE, False
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {timeline.LIVE_CHANNEL}")
                    await connection.execute(f"LISTEN {SHUT_OUT_CHANNEL}")
                    self._set_listening(True)
                    if lost:
                        self._push(self._all(), Update(executions=(None,), catch_up=True))
                        self._call_watchers(doubt=False)
                    pause, lost = _FIRST_PAUSE, True
                    await self._receive(connection)
            except (psycopg.Error, OSError, Unavailable) as error:
                get_logger(__name__).warning("live updates wait for the database", error=str(error), pause=pause)
            except Exception as error:  # noqa: BLE001  # a bug here must not end live updates for good
                log_unexpected(error, part="live updates")
            self._set_listening(False)
            lost = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _receive(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            async for notification in connection.notifies(timeout=_PROBE_SECONDS):
                try:
                    if notification.channel == SHUT_OUT_CHANNEL:
                        self.shut_out(uuid.UUID(notification.payload))
                    else:
                        self.notify(Note.parse(notification.payload))
                except (ValueError, KeyError, TypeError, AttributeError):
                    get_logger(__name__).warning("unreadable notification", size=len(notification.payload))
            await connection.execute("SELECT 1")  # a server that vanished without a word raises here
            # A writer that died between its commit and its call left an entry that nobody was told of.
            self._push(self._all(), Update(catch_up=True))
            self._call_watchers(doubt=True)

    async def _dispatch(self) -> None:
        while True:
            notes = [await self._notes.get()]
            while not self._notes.empty():
                notes.append(self._notes.get_nowait())
            grouped: dict[uuid.UUID, list[Note]] = defaultdict(list)
            for note in notes:
                grouped[note.workspace_id].append(note)
            for workspace_id, group in grouped.items():
                update = await self._update(group)
                self._push(list(self._viewers.get(workspace_id, ())), update)

    async def _update(self, notes: list[Note]) -> Update:
        """One update for all notes of a workspace that wait; entries that can't be read now are caught up later."""
        ids = list(dict.fromkeys(note.message_id for note in notes if note.message_id))
        executions = tuple(dict.fromkeys(str(note.execution_id) for note in notes if note.execution_id))
        catch_up = any(note.seq is not None and note.message_id is None for note in notes)
        try:
            entries = tuple(await asyncio.to_thread(self.source.named, ids)) if ids else ()
        except Exception as error:  # noqa: BLE001  # viewers catch up by themselves
            if not is_unreachable(error):
                log_unexpected(error, part="live updates")
            return Update(executions=(*executions, None), catch_up=True)
        sessions = tuple(dict.fromkeys(note.session_id for note in notes if note.session_id))
        return Update(entries, executions, catch_up, sessions)

    def _push(self, viewers: list[Viewer], update: Update) -> None:
        for viewer in viewers:
            if not viewer.push(update):
                self._drop(viewer)

    def _call_watchers(self, *, doubt: bool) -> None:
        for watcher in self._watchers:
            watcher.call(doubt=doubt)

    def _drop(self, viewer: Viewer) -> None:
        viewers = self._viewers.get(viewer.workspace_id, set())
        viewers.discard(viewer)
        if not viewers:
            self._viewers.pop(viewer.workspace_id, None)

    def _all(self) -> list[Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    def _set_listening(self, listening: bool) -> None:
        self.listening = listening
        _LISTENING.set(listening)


async def stream(
    hub: LiveHub,
    workspace_id: uuid.UUID,
    *,
    after: int | None,
    resumed: bool,
    expires_at: datetime,
    person_id: uuid.UUID | None = None,
) -> AsyncIterator[ServerSentEvent]:
    """The events of one viewer: `entries` (a JSON list; the id is the last seq seen), `tick` ({"execution": id or null}:
    refresh), `expired` (the token's time is over; the page mints another).

    `after`: the last seq the page holds, None for live only. `resumed`: the browser reconnected by itself, so changes
    to entries that it already holds may have passed unseen, and a tick tells the page to refresh.
    """
    reader = _Reader(hub.source, workspace_id, after, person_id)
    with hub.viewing(workspace_id, person_id) as viewer:
        yield ServerSentEvent(comment="live", retry=RETRY_MS)
        update: Update | None = Update(executions=(None,) if resumed else (), catch_up=True)
        while update is not None:
            try:
                async for event in reader.events(update):
                    yield event
            except Exception as error:  # noqa: BLE001  # logged, and the stream ends
                if not is_unreachable(error) and not isinstance(error, Unavailable):
                    log_unexpected(error, part="live stream", workspace_id=str(workspace_id))
                return  # the browser reconnects and catches up
            try:
                remaining = (expires_at - datetime.now(UTC)).total_seconds()
                update = await asyncio.wait_for(viewer.queue.get(), max(remaining, 0))
            except TimeoutError:
                yield ServerSentEvent(event="expired", data="{}")
                return


@dataclass
class _Reader:
    source: EntrySource
    workspace_id: uuid.UUID
    last: int | None
    person_id: uuid.UUID | None = None

    async def events(self, update: Update) -> AsyncIterator[ServerSentEvent]:
        if update.catch_up and self.last is not None:
            after, who = self.source.after, self.person_id
            while page := await asyncio.to_thread(after, self.workspace_id, self.last, PAGE, who):
                yield self._entries(page)
                if len(page) < PAGE:
                    break
        if entries := await self._for_person(update.entries):
            yield self._entries(entries)
        for execution in update.executions:
            yield ServerSentEvent(event="tick", data=json.dumps({"execution": execution}), id=self._id())

    async def _for_person(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The entries without those that a blind review keeps from this person; they are read once for all viewers."""
        telling = [entry["id"] for entry in entries if tells_of_others(entry, self.person_id)]
        if self.person_id is None or not telling:
            return entries
        kept = await asyncio.to_thread(self.source.kept_back, telling, self.person_id)
        return [entry for entry in entries if entry["id"] not in kept]

    def _entries(self, entries: Sequence[Entry]) -> ServerSentEvent:
        self.last = max(self.last or 0, *(int(entry["seq"]) for entry in entries))
        return ServerSentEvent(event="entries", data=json.dumps(list(entries)), id=self._id())

    def _id(self) -> str | None:
        return None if self.last is None else str(self.last)
