"""Line 4: a message with the change it tells of, in one durable commit; by one writer and by eight.

Two use cases: a comment (message and the workspace's place in the order), and an execution that enters a phase (its
row, the workspace's row, the message). The floor writes the same rows by hand: it locks the workspace's row, updates,
inserts and commits, once with and once without the notification that live pages wait for.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.database import connect
from benchmarks.measuring import Call, Rate, Result, races, rate
from services import executions, people, timeline
from services.database.engine import engine_for, transaction
from services.lifecycle import ExecutionPhase
from services.models import new_id, now

WRITERS = 8
REACH = 0.6
_TEXT = "The highs before the break are too close together; the second one is the one that counts."
_TASK = "Replaying 300 judged places"

_LOCK = "SELECT message_seq FROM pattern_workspaces WHERE id = %s FOR UPDATE"
_SEQ = "UPDATE pattern_workspaces SET message_seq = %s, updated_at = now() WHERE id = %s"
_COMMENT = (
    "INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_id, author_type, content, data, "
    "attachments) VALUES (%s, %s, %s, 'comment', clock_timestamp(), %s, 'user', %s, %s, %s)"
)
_ENTER = (
    "UPDATE claude_executions SET phase = %s, progress = greatest(progress, %s), phases = %s, heartbeat_at = now() "
    "WHERE id = %s AND epoch = %s"
)
_PHASE = (
    "INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_type, title, data, attachments, "
    "execution_id, status, progress, dedupe_key) VALUES (%s, %s, %s, 'claude_phase_update', clock_timestamp(), "
    "'system', %s, %s, %s, %s, 'in_progress', %s, %s)"
)
_NOTIFY = "SELECT pg_notify('patterndesk_live', %s)"


class Places:
    """Where the writers write: a workspace each with a live execution, and somebody who may comment."""

    def __init__(self, url: str) -> None:
        self.url = url
        sql = ("SELECT w.id, e.id FROM pattern_workspaces w JOIN claude_executions e ON e.workspace_id = w.id "
               "WHERE e.status = 'running' ORDER BY w.pattern_type LIMIT %s")  # fmt: skip
        with connect(url) as connection:
            self.live: list[tuple[uuid.UUID, uuid.UUID]] = connection.execute(sql, (WRITERS,)).fetchall()
            row = connection.execute("SELECT email FROM users WHERE role = 'member' LIMIT 1").fetchone()
        assert len(self.live) == WRITERS and row is not None
        self.engine = engine_for(url)
        with transaction(self.engine) as session:
            self.actor = people.actor_by_email(session, row[0])
        self.attempts = itertools.count(1)  # each entered phase has a message of its own
        self.open = ExitStack()

    def comment(self, i: int) -> Call:
        workspace_id = self.live[i][0]

        def write() -> None:
            with transaction(self.engine) as session:
                timeline.comment(session, workspace_id, _TEXT, actor=self.actor)

        return write

    def phase(self, i: int) -> Call:
        execution_id = self.live[i][1]

        def write() -> None:
            with transaction(self.engine) as session:
                executions.begin_phase(
                    session, execution_id, epoch=1, phase=ExecutionPhase.TESTING, attempt=next(self.attempts),
                    task=_TASK,
                )  # fmt: skip

        return write

    def floor_comment(self, i: int, *, notify: bool) -> Call:
        workspace_id, connection = self.live[i][0], self.open.enter_context(connect(self.url))
        cursor, author = connection.cursor(), self.actor.id

        def write() -> None:
            seq = _value(cursor.execute(_LOCK, (workspace_id,))) + 1
            cursor.execute(_SEQ, (seq, workspace_id))
            message_id = new_id()
            cursor.execute(_COMMENT, (message_id, workspace_id, seq, author, _TEXT, Jsonb({}), []))
            if notify:
                cursor.execute(_NOTIFY, (f'{{"w":"{workspace_id}","s":{seq},"m":"{message_id}","e":null}}',))
            connection.commit()

        return write

    def floor_phase(self, i: int, *, notify: bool) -> Call:
        (workspace_id, execution_id), connection = self.live[i], self.open.enter_context(connect(self.url))
        cursor = connection.cursor()
        sql = "SELECT phases FROM claude_executions WHERE id = %s"
        phases = _value(connection.execute(sql, (execution_id,)))
        connection.commit()

        def write() -> None:
            attempt, at = next(self.attempts), now().isoformat()
            seq = _value(cursor.execute(_LOCK, (workspace_id,))) + 1
            phases["testing"] = {"attempt": attempt, "started_at": at, "status": "running", "current_task": _TASK,
                                 "completed_at": None}  # fmt: skip
            cursor.execute(_ENTER, ("testing", 50, Jsonb(phases), execution_id, 1))
            cursor.execute(_SEQ, (seq, workspace_id))
            data = {
                "execution_id": str(execution_id),
                "phase": "testing",
                "phase_started_at": at,
                "current_task": _TASK,
            }
            message_id = new_id()
            cursor.execute(
                _PHASE,
                (message_id, workspace_id, seq, "Testing", Jsonb(data), [], execution_id, 50,
                 f"phase:{execution_id}:{attempt}:testing"),
            )  # fmt: skip
            if notify:
                note = f'{{"w":"{workspace_id}","s":{seq},"m":"{message_id}","e":"{execution_id}"}}'
                cursor.execute(_NOTIFY, (note,))
            connection.commit()

        return write


def _value(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def run(url: str, *, commits: int, rounds: int) -> list[Result]:
    """Rates of both use cases beside their floors. `commits` is how many one measure makes in all its rounds."""
    places = Places(url)
    results: list[Result] = []
    with places.open:
        for writers in (1, WRITERS):
            each = max(1, commits // rounds // writers)
            for name, ours, floor in (
                ("a comment", places.comment, places.floor_comment),
                ("a phase entered", places.phase, places.floor_phase),
            ):
                found = _measure(ours, floor, writers=writers, rounds=rounds, commits=each)
                label = f"{name}, {writers} writer{'s, a workspace each' if writers > 1 else ''}"
                results += [
                    rate(4, label, found["ours"], found["notify"], against="SQL by hand, with notify", least=REACH),
                    rate(4, label, found["ours"], found["quiet"], against="SQL by hand, no notify", least=REACH),
                ]
        same = Places(url)
        same.live = [places.live[0]] * WRITERS
        with same.open:
            found = _measure(
                same.comment, same.floor_comment, writers=WRITERS, rounds=rounds,
                commits=max(1, commits // rounds // WRITERS // 2),
            )  # fmt: skip
        label = f"a comment, {WRITERS} writers on one workspace"
        results.append(rate(4, label, found["ours"], found["notify"], against="SQL by hand, with notify", least=None))
    return results


def _measure(
    ours: Callable[[int], Call], floor: Callable[..., Call], *, writers: int, rounds: int, commits: int
) -> dict[str, Rate]:
    makers: dict[str, Callable[[int], Any]] = {
        "ours": ours,
        "notify": lambda i: floor(i, notify=True),
        "quiet": lambda i: floor(i, notify=False),
    }
    return races(makers, writers=writers, rounds=rounds, commits=commits)
