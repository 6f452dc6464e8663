"""A database as a team would have left it before workspaces, odd rows included. All rows are made from fixed values."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

START = datetime(2024, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
TYPES = ("false_positive", "false_negative", "adjustment", "other")
OLD_TABLES = ("users", "pattern_sessions", "feedback_items", "implementation_sessions")


def uid(kind: int, number: int) -> uuid.UUID:
    return uuid.UUID(int=(kind << 64) + number)


def candles(count: int, base: float = 100.0) -> list[dict[str, Any]]:
    """Hourly candles as objects, times in unix seconds."""
    rows = []
    for i in range(count):
        price = base + (i * 7 % 11) / 4
        rows.append(
            {
                "time": 1_700_000_400 + 3600 * i,
                "open": price,
                "high": price + 1.5,
                "low": price - 1.25,
                "close": price + 0.5,
                "volume": 10.0 + i,
            }
        )
    return rows


def as_arrays(rows: list[dict[str, Any]], scale: int = 1000) -> list[list[float]]:
    return [[r["time"] * scale, r["open"], r["high"], r["low"], r["close"], r["volume"]] for r in rows]


def as_iso(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**r, "time": datetime.fromtimestamp(r["time"], UTC).isoformat()} for r in rows]


GOOD = candles(60)
OTHER = candles(40, base=55.0)
BAD = [*candles(5), {"time": 1_700_000_400 + 3600 * 5, "open": 3, "high": 1, "low": 2, "close": 3, "volume": 1}]
UNSORTED = [GOOD[1], GOOD[0], *GOOD[2:10]]

# number, pattern, version, status, candles, days after START, updated days later
SESSIONS: tuple[tuple[int, str, str | None, str, Any, int, int], ...] = (
    (1, "swings", "1.2.0", "implemented", GOOD, 0, 4),
    (2, "swings", "v1.4.2", "implemented", as_arrays(GOOD), 3, 2),
    (3, "swings", "2.0.0", "active", as_iso(OTHER), 5, 0),
    (4, "Order Blocks", "latest", "implemented", [list(r.values()) for r in OTHER], 1, 3),
    (5, "order-blocks", None, "completed", None, 2, 1),
    (6, "bos", "0.3.0", "submitted_for_review", [], 4, 1),
    (7, "bos", None, "archived", BAD, 6, 1),
    (8, "bos", "0.3.1", "on_hold", UNSORTED, 7, 1),
    (9, "CHoCH", None, "completed", {"rows": 3}, 8, 0),
    (10, "3 drives", None, "active", [[1, 2]], 9, 0),
    (11, "  ", None, "active", "none", 10, 0),
)
USERS = (
    (1, "ana@example.com", "Ana", "admin"),
    (2, "Ben@example.com", "Ben", "member"),
    (3, "cem@example.com", "Cem", "viewer"),
    (4, "dia@example.com", "Dia", "user"),
    (5, "eli@example.com", "Eli", "superuser"),
)


def fill(connection: Connection) -> None:
    """Rows into the tables of revision 0001: 5 people, 11 sessions, 66 feedback items, 3 implementation sessions."""
    for number, email, name, role in USERS:
        _insert(connection, "users", id=uid(1, number), email=email, name=name, image=None, role=role)
    for number, pattern, version, status, data, day, later in SESSIONS:
        at = START + timedelta(days=day)
        _insert(
            connection,
            "pattern_sessions",
            id=uid(2, number),
            name=f"Session {number}",
            symbol="AAPL",
            timeframe="1h",
            start_time=at if number % 2 else None,
            end_time=None,
            pattern_type=pattern,
            pattern_version=version,
            pattern_settings=json.dumps({"left": number}) if number % 3 else None,
            candle_data=None if data is None else json.dumps(data),
            description=f"About {number}" if number % 2 else None,
            status=status,
            created_by_id=uid(1, number % 4 + 1),
            created_at=at,
            updated_at=at + timedelta(days=later),
        )
    for number in range(66):
        _feedback(connection, number)
    _implementations(connection)


def _feedback(connection: Connection, number: int) -> None:
    session = number % 11 + 1
    day = next(s[5] for s in SESSIONS if s[0] == session)
    index: int | None = number % 30
    if number == 12:  # beyond the candles of its session
        index = 5000
    if number in (1, 5):  # a missed one without a place
        index = None
    if number == 22:
        index = -1
    _insert(
        connection,
        "feedback_items",
        id=uid(3, number),
        session_id=uid(2, session),
        type="weird" if number == 33 else TYPES[number % 4],
        reasoning=None if number % 9 == 0 else f"Because of {number}",
        candle_index=index,
        candle_time=START + timedelta(hours=number) if number % 2 else None,
        price=100.5 + number if number % 5 else None,
        attachments=[f"https://files.example.com/{number}.png"] if number % 7 == 0 else [],
        metadata=(None, json.dumps({"tool": "arrow", "n": number}), json.dumps([1, 2]), "null")[number % 4],
        created_by_id=uid(1, number % 3 + 1),
        created_at=START + timedelta(days=day, minutes=number if number % 6 else 0),
    )


def _implementations(connection: Connection) -> None:
    for number, status in ((1, "completed"), (2, "failed"), (3, "pending")):
        at = START + timedelta(days=number)
        _insert(
            connection,
            "implementation_sessions",
            id=uid(4, number),
            session_id=uid(2, number),
            feedback_ids=[*[str(uid(3, n)) for n in range(66) if n % 11 + 1 == number][:3], "not-an-id"],
            title=f"Implementation {number}",
            description=None,
            type="improve",
            phase="testing",
            status=status,
            progress=number * 30,
            phases=json.dumps({"planning": {"startedAt": at.isoformat()}}),
            checkpoints=json.dumps([{"title": "done"}]),
            files_changed=["a.py", "b.py"],
            commit_hash="abc123" if status == "completed" else None,
            deployment_url=None,
            created_by_id=uid(1, 1),
            started_at=at,
            completed_at=at + timedelta(hours=1) if status == "completed" else None,
            created_at=at,
            updated_at=at,
        )


JSON_COLUMNS = {"pattern_settings", "candle_data", "metadata", "phases", "checkpoints"}


def _insert(connection: Connection, table: str, **row: Any) -> None:
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name in JSON_COLUMNS else f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)


def snapshot(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row and column of the old tables, in the order of their ids."""
    return {
        table: [dict(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).mappings()]
        for table in OLD_TABLES
    }
