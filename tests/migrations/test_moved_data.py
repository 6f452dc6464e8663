"""A populated old database goes up, down and up again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from services.candles import store
from services.database import migrate
from services.lifecycle import MessageType
from services.settings import get_settings
from services.timeline.payloads import PAYLOADS
from tests.support import old_data
from tests.support.databases import NewDatabase, engine_of
from tests.support.old_data import uid

pytestmark = pytest.mark.migration


def filled(url: str) -> str:
    """The address of a database at 0001, now with a team's old rows in it."""
    migrate.upgrade(url, "0001")
    with engine_of(url).begin() as connection:
        old_data.fill(connection)
    return url


@pytest.fixture
def old(database: str) -> str:
    return filled(database)


@pytest.fixture(scope="module")
def moved(new_database: NewDatabase) -> Iterator[Connection]:
    """A connection to such a database after the way up; for reading only."""
    url = filled(new_database())
    migrate.upgrade(url, with_engine=False)
    with engine_of(url).connect() as connection:
        yield connection


def rows(connection: Connection, sql: str, **params: Any) -> list[Any]:
    return list(connection.execute(text(sql), params).all())


def test_up_down_and_up_again_leave_the_old_rows_as_they_were(old: str) -> None:
    with engine_of(old).connect() as connection:
        before = old_data.snapshot(connection)
    assert [len(found) for found in before.values()] == [5, 11, 66, 3]
    migrate.upgrade(old, with_engine=False)
    first = _new_rows(old)
    migrate.downgrade(old, "0001")
    with engine_of(old).connect() as connection:
        assert old_data.snapshot(connection) == before
    migrate.upgrade(old, with_engine=False)
    assert _new_rows(old) == first
    assert len(first["workspace_messages"]) > 80


def test_there_is_a_workspace_for_each_pattern(moved: Connection) -> None:
    found = {
        row.pattern_type: (row.name, row.category, row.status, row.version, row.session_count, row.created_by_id)
        for row in rows(moved, "SELECT * FROM pattern_workspaces")
    }
    assert found == {
        "swings": ("Swings", "price_action", "beta", "1.4.2", 3, uid(1, 2)),
        "order_blocks": ("Order Blocks", "order_blocks", "beta", "0.1.0", 2, uid(1, 1)),
        "bos": ("BOS", "price_action", "soon", "0.0.0", 3, uid(1, 3)),
        "choch": ("CHoCH", "price_action", "soon", "0.0.0", 1, uid(1, 2)),
        "pattern_3_drives": ("3 Drives", "price_action", "soon", "0.0.0", 1, uid(1, 3)),
        "unnamed": ("Unnamed", "price_action", "soon", "0.0.0", 1, uid(1, 4)),
    }
    swings = rows(moved, "SELECT * FROM pattern_workspaces WHERE pattern_type = 'swings'")[0]
    assert swings.created_at == old_data.START
    assert swings.implemented_at is not None and swings.last_tested_at is not None
    assert swings.id.version == 7


def test_sessions_and_feedback_are_linked_to_the_workspace_of_their_pattern(moved: Connection) -> None:
    patterns = {
        row.id: row.pattern_type
        for row in rows(
            moved,
            "SELECT s.id, w.pattern_type FROM pattern_sessions s JOIN pattern_workspaces w ON w.id = s.workspace_id",
        )
    }
    expected = ["swings"] * 3 + ["order_blocks"] * 2 + ["bos"] * 3 + ["choch", "pattern_3_drives", "unnamed"]
    assert patterns == {uid(2, n): pattern for n, pattern in enumerate(expected, start=1)}
    strays = rows(
        moved,
        "SELECT f.id FROM feedback_items f JOIN pattern_sessions s ON s.id = f.session_id "
        "WHERE f.workspace_id <> s.workspace_id",
    )
    assert strays == []


def test_candles_become_datasets_where_they_can_be_used_as_they_stand(moved: Connection) -> None:
    sessions = {
        row.id: row
        for row in rows(
            moved,
            "SELECT s.id, s.dataset_id, s.start_index, s.end_index, s.candle_data, d.rows, d.storage_path, d.start_at "
            "FROM pattern_sessions s LEFT JOIN candle_datasets d ON d.id = s.dataset_id",
        )
    }
    good, other = sessions[uid(2, 1)], sessions[uid(2, 3)]
    assert sessions[uid(2, 2)].dataset_id == good.dataset_id  # the same candles as arrays in milliseconds
    assert sessions[uid(2, 4)].dataset_id == other.dataset_id  # ISO times, and arrays in seconds
    assert (good.rows, good.start_index, good.end_index, other.rows) == (60, 0, 59, 40)
    assert good.start_at.timestamp() == old_data.GOOD[0]["time"]
    assert len(rows(moved, "SELECT id FROM candle_datasets")) == 2
    for number in range(5, 12):
        assert sessions[uid(2, number)].dataset_id is None
    assert sessions[uid(2, 7)].candle_data == old_data.BAD
    stored = store.load_array(get_settings().storage_root, good.storage_path)
    assert [dict(zip(stored.dtype.names or (), row, strict=True)) for row in stored.tolist()] == old_data.GOOD
    why = dict(
        rows(moved, "SELECT object_id, after ->> 'reason' FROM audit_events WHERE action = 'candles_left_in_session'")
    )
    assert set(why) == {str(uid(2, n)) for n in (7, 8, 9, 10, 11)}
    assert "high is below" in why[str(uid(2, 7))]
    assert "order of time" in why[str(uid(2, 8))]


def test_types_become_verdicts_and_names_change(moved: Connection) -> None:
    items = {row.id: row for row in rows(moved, "SELECT * FROM feedback_items")}
    for number in range(66):
        item = items[uid(3, number)]
        expected = {"other": "comment", "weird": "comment"}.get(item.type, item.type)
        if number in (1, 5):
            expected = "comment"  # a missed one without a place
        assert item.verdict == expected, number
        assert item.reason == (None if number % 9 == 0 else f"Because of {number}")
        assert item.author_id == uid(1, number % 3 + 1)
        assert item.updated_at == item.created_at
    missed = items[uid(3, 13)]  # of session 3
    assert (missed.verdict, missed.expected_index, missed.window_start, missed.window_end) == (
        "false_negative", 13, 0, 39,
    )  # fmt: skip
    assert missed.dataset_id is not None
    assert items[uid(3, 12)].dataset_id is None  # its index lies outside the candles
    assert items[uid(3, 22)].candle_index is None
    assert [items[uid(3, n)].state for n in (0, 11, 22, 33, 2)] == ["addressed"] * 3 + ["open", "open"]
    assert items[uid(3, 0)].sent_to_claude_at is not None


def test_messages_stand_in_the_old_order_of_time_with_payloads_that_fit(moved: Connection) -> None:
    found = rows(moved, "SELECT * FROM workspace_messages ORDER BY workspace_id, seq")
    counts = {kind: sum(row.type == kind for row in found) for kind in {row.type for row in found}}
    assert counts == {"pattern_created": 6, "session_created": 11, "session_completed": 6, "feedback_added": 66}
    for row in found:
        PAYLOADS[MessageType(row.type)].model_validate(row.data)
    by_workspace: dict[Any, list[Any]] = {}
    for row in found:
        by_workspace.setdefault(row.workspace_id, []).append(row)
    for messages in by_workspace.values():
        assert messages[0].type == "pattern_created"
        assert [m.seq for m in messages] == list(range(1, len(messages) + 1))
        assert sorted(messages, key=lambda m: (m.created_at, m.id)) == messages
    times = rows(
        moved,
        "SELECT m.id FROM workspace_messages m JOIN feedback_items f ON f.id = m.feedback_id "
        "WHERE m.created_at = f.created_at AND m.author_id = f.author_id AND m.attachments = f.attachments",
    )
    assert len(times) == 66


def test_counters_equal_a_recount(moved: Connection) -> None:
    wrong = rows(
        moved,
        """
        SELECT w.pattern_type FROM pattern_workspaces w
        WHERE w.session_count <> (SELECT count(*) FROM pattern_sessions s WHERE s.workspace_id = w.id)
           OR w.feedback_count <> (SELECT count(*) FROM feedback_items f
                                   WHERE f.workspace_id = w.id AND f.verdict NOT IN ('confirmed', 'unsure'))
           OR w.message_seq <> (SELECT count(*) FROM workspace_messages m WHERE m.workspace_id = w.id)
        """,
    )
    assert wrong == []
    assert rows(moved, "SELECT sum(session_count), sum(feedback_count) FROM pattern_workspaces") == [(11, 66)]


def test_what_no_longer_may_be_is_changed_and_noted(moved: Connection) -> None:
    assert rows(moved, "SELECT role FROM users ORDER BY id") == [
        ("admin",), ("member",), ("viewer",), ("member",), ("viewer",),
    ]  # fmt: skip
    assert rows(moved, "SELECT status FROM pattern_sessions WHERE id = :id", id=uid(2, 8)) == [("archived",)]
    noted = rows(moved, "SELECT object_type, before FROM audit_events WHERE action = 'migrated' ORDER BY object_id")
    assert noted == [
        ("user", {"role": "user"}),
        ("user", {"role": "superuser"}),
        ("pattern_session", {"status": "on_hold"}),
        ("feedback_item", {"candle_index": -1}),
    ]


@pytest.mark.long
def test_what_came_after_workspaces_survives_the_way_down(old: str) -> None:
    migrate.upgrade(old, with_engine=False)
    with engine_of(old).begin() as connection:
        for statement in NEWER:
            connection.execute(text(statement))
    migrate.downgrade(old, "0001")
    with engine_of(old).connect() as connection:
        session = rows(connection, "SELECT * FROM pattern_sessions WHERE name = 'Newer'")[0]
        items = rows(connection, "SELECT * FROM feedback_items WHERE reasoning LIKE 'newer%' ORDER BY reasoning")
    assert (session.pattern_type, session.pattern_version, session.status) == ("swings", "1.5.0", "active")
    assert session.pattern_settings == {"left": 5}
    assert session.candle_data == old_data.GOOD
    assert [(i.type, i.session_id, i.candle_index) for i in items] == [
        ("other", session.id, 0),
        ("false_negative", session.id, 7),
        ("other", session.id, None),
    ]
    migrate.upgrade(old, with_engine=False)
    with engine_of(old).connect() as connection:
        again = rows(connection, "SELECT verdict, state FROM feedback_items WHERE reason LIKE 'newer%' ORDER BY reason")
        datasets = rows(connection, "SELECT count(*) FROM candle_datasets")
    assert again == [("confirmed", "open"), ("false_negative", "open"), ("comment", "withdrawn")]
    assert datasets == [(2,)]


NEWER = (
    """INSERT INTO detector_versions (id, workspace_id, version, commit_hash, module_path, code_sha256, origin, status)
    SELECT gen_random_uuid(), id, '1.5.0', 'c', 'm', 's', 'agent', 'deployed' FROM pattern_workspaces
    WHERE pattern_type = 'swings'""",
    "UPDATE pattern_workspaces w SET deployed_version_id = v.id FROM detector_versions v WHERE v.workspace_id = w.id",
    """INSERT INTO claude_executions (id, workspace_id, triggered_by, number, candidate_version_id)
    SELECT gen_random_uuid(), w.id, w.created_by_id, 1, w.deployed_version_id FROM pattern_workspaces w
    WHERE pattern_type = 'swings'""",
    "UPDATE detector_versions v SET execution_id = e.id FROM claude_executions e",
    """INSERT INTO pattern_sessions (id, workspace_id, name, symbol, timeframe, dataset_id, start_index, end_index,
        detector_version_id, params, status, created_by_id)
    SELECT gen_random_uuid(), s.workspace_id, 'Newer', 'AAPL', '1h', s.dataset_id, 10, 30, v.id, '{"left": 5}',
        'running', s.created_by_id
    FROM pattern_sessions s JOIN detector_versions v ON v.workspace_id = s.workspace_id WHERE s.name = 'Session 1'""",
    """INSERT INTO detections (id, session_id, detector_version_id, key, kind, direction, anchor_index, anchor_time,
        start_index, end_index, confirmed_index, confirmed_at)
    SELECT gen_random_uuid(), id, detector_version_id, 'k', 'swing', 1, 0, now(), 0, 0, 2, now()
    FROM pattern_sessions WHERE name = 'Newer'""",
    """INSERT INTO feedback_items (id, workspace_id, session_id, detection_id, author_id, verdict, candle_index, reason)
    SELECT gen_random_uuid(), s.workspace_id, s.id, d.id, s.created_by_id, 'confirmed', 0, 'newer 1'
    FROM pattern_sessions s JOIN detections d ON d.session_id = s.id""",
    """INSERT INTO feedback_items (id, workspace_id, session_id, author_id, verdict, candle_index, reason, state,
        execution_id)
    SELECT gen_random_uuid(), s.workspace_id, s.id, s.created_by_id, 'false_negative', 7, 'newer 2', 'sent', e.id
    FROM pattern_sessions s JOIN claude_executions e ON e.workspace_id = s.workspace_id WHERE s.name = 'Newer'""",
    """INSERT INTO execution_feedback (execution_id, feedback_id)
    SELECT execution_id, id FROM feedback_items WHERE execution_id IS NOT NULL""",
    """INSERT INTO feedback_items (id, workspace_id, author_id, verdict, reason, state)
    SELECT gen_random_uuid(), id, created_by_id, 'comment', 'newer 3', 'withdrawn' FROM pattern_workspaces
    WHERE pattern_type = 'swings'""",
    """INSERT INTO workspace_messages (id, workspace_id, type, seq, execution_id)
    SELECT gen_random_uuid(), workspace_id, 'claude_started', 9999, id FROM claude_executions""",
    """INSERT INTO evaluations (id, workspace_id, detector_version_id, execution_id, kind, label_set_sha256)
    SELECT gen_random_uuid(), workspace_id, id, execution_id, 'replay', 'x' FROM detector_versions""",
    """INSERT INTO gate_waivers (id, workspace_id, execution_id, detector_version_id, waived_by_id, reason)
    SELECT gen_random_uuid(), e.workspace_id, e.id, e.candidate_version_id, e.triggered_by, 'r'
    FROM claude_executions e""",
)


def _new_rows(url: str) -> dict[str, list[Any]]:
    """What the way up makes, without the ids that it makes anew each time."""
    wanted = {
        "pattern_workspaces": "pattern_type, name, category, status, version, created_at, updated_at, implemented_at, "
        "session_count, feedback_count, last_tested_at, created_by_id, message_seq",
        "workspace_messages": "type, created_at, author_id, title, content, data, attachments, session_id, feedback_id",
        "candle_datasets": "name, rows, start_at, end_at, content_sha256, storage_path, quality, uploaded_by_id",
        "pattern_sessions": "id, status, completed_at, start_index, end_index",
        "feedback_items": "id, verdict, state, candle_index, expected_index, window_start, window_end, "
        "sent_to_claude_at, updated_at",
        "users": "id, role",
    }
    with engine_of(url).connect() as connection:
        return {
            table: rows(connection, f"SELECT {columns} FROM {table} ORDER BY {_columns(columns)}")
            for table, columns in wanted.items()
        }


def _columns(columns: str) -> str:
    return ", ".join(str(number + 1) for number in range(columns.count(",") + 1))
