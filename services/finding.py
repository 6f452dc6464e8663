"""What a person looks for by a few letters: patterns, sessions, executions, datasets and people, each with its address."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, LiteralString, TypedDict

from sqlalchemy.orm import Session

from services.database.rows import fetch_together
from services.people import Actor, require
from services.texts import storable

EACH: Final = 6  # results of one kind
LONGEST: Final = 200  # characters of what is typed that are looked at
_NUMBER: Final = re.compile(r"(?:execution|run)?\s*#?\s*(\d{1,9})", re.IGNORECASE)
_COMMIT: Final = re.compile(r"[0-9a-f]{6,40}")

_PATTERNS: LiteralString = """
SELECT id, name, category, version FROM pattern_workspaces
WHERE archived_at IS NULL AND name ILIKE %(like)s
ORDER BY name ILIKE %(start)s DESC, updated_at DESC, id LIMIT %(n)s"""
_SESSIONS: LiteralString = """
SELECT s.id, s.name, w.name, s.status FROM pattern_sessions s JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.name ILIKE %(like)s ORDER BY s.created_at DESC, s.id LIMIT %(n)s"""
_NUMBERED: LiteralString = """
SELECT e.id, e.number, w.name, e.status FROM claude_executions e JOIN pattern_workspaces w ON w.id = e.workspace_id
WHERE e.number = %(number)s ORDER BY e.triggered_at DESC, e.id LIMIT %(n)s"""
_COMMITTED: LiteralString = """
SELECT e.id, e.number, w.name, e.status FROM claude_executions e JOIN pattern_workspaces w ON w.id = e.workspace_id
WHERE e.commit_hash LIKE %(start)s ORDER BY e.triggered_at DESC, e.id LIMIT %(n)s"""
_DATASETS: LiteralString = """
SELECT id, name, symbol, timeframe FROM candle_datasets
WHERE name ILIKE %(like)s OR symbol ILIKE %(like)s ORDER BY created_at DESC, id LIMIT %(n)s"""
_PEOPLE: LiteralString = """
SELECT id, name, role FROM users WHERE is_active AND (name ILIKE %(like)s OR email ILIKE %(like)s)
ORDER BY name, id LIMIT %(n)s"""


class FoundItem(TypedDict):
    """`kind` is pattern, session, execution, dataset or person; `link` an address of a screen."""

    kind: str
    label: str
    note: str
    link: str


def find(session: Session, words: str, *, actor: Actor) -> list[FoundItem]:
    """What fits the words, a few of each kind: names by any part of them, executions by number or commit."""
    require(actor, "read")
    words = " ".join(storable(words[:LONGEST]).split())
    if not words:
        return []
    escaped = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    params: dict[str, Any] = {"like": f"%{escaped}%", "start": f"{escaped}%", "n": EACH}
    queries: list[tuple[LiteralString, dict[str, Any]]] = [(_PATTERNS, params)]
    makers: list[Callable[[tuple[Any, ...]], list[FoundItem]]] = [_pattern]
    number, commit = _NUMBER.fullmatch(words), _COMMIT.fullmatch(words.lower())
    if number and int(number[1]) <= 2**31 - 1:
        queries.append((_NUMBERED, params | {"number": int(number[1])}))
        makers.append(_execution)
    if commit:
        queries.append((_COMMITTED, params | {"start": f"{words.lower()}%"}))
        makers.append(_execution)
    queries += [(_SESSIONS, params), (_DATASETS, params), (_PEOPLE, params)]
    makers += [_session, _dataset, _person]
    answers = fetch_together(session, queries)
    return [result for make, rows in zip(makers, answers, strict=True) for row in rows for result in make(row)]


def _result(kind: str, label: str, note: str, link: str) -> list[FoundItem]:
    return [{"kind": kind, "label": label, "note": note, "link": link}]


def _pattern(row: tuple[Any, ...]) -> list[FoundItem]:
    return _result("pattern", row[1], f"{row[2]} · v{row[3]}", f"/workspace?id={row[0]}")


def _session(row: tuple[Any, ...]) -> list[FoundItem]:
    return _result("session", row[1], f"{row[2]} · {row[3].replace('_', ' ')}", f"/session?id={row[0]}")


def _execution(row: tuple[Any, ...]) -> list[FoundItem]:
    return _result("execution", f"Execution {row[1]}", f"{row[2]} · {row[3]}", f"/execution?id={row[0]}")


def _dataset(row: tuple[Any, ...]) -> list[FoundItem]:
    return _result("dataset", row[1], f"{row[2]} {row[3]}", f"/dataset?id={row[0]}")


def _person(row: tuple[Any, ...]) -> list[FoundItem]:
    """What a person corrected and what they launched: people have no screen of their own."""
    return [
        *_result("person", row[1], "their corrections", f"/corrections?person={row[0]}"),
        *_result("person", row[1], "their executions", f"/executions?person={row[0]}"),
    ]
