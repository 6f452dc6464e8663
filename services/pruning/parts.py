"""One thing that may be removed, and what every rule has to know of the database before it can say so."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.settings import Settings

KEY: Final[LiteralString] = r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}(?:\.[a-z0-9]{1,16}){0,2}"


@dataclass(frozen=True, slots=True)
class Item:
    """A thing of a part: its bytes, and how it is removed; `remove` None: its rule keeps it."""

    size: int
    remove: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The state that all rules look at. `ended`: executions with the time of their end, None while they live."""

    settings: Settings
    now: datetime
    ended: dict[str, datetime | None]
    waits_for_plan: frozenset[str]
    commits: frozenset[str]

    def over(self, execution: str, days: int) -> bool:
        """Whether an execution ended so many days ago, or is not known at all; 0 days are never over."""
        if not days:
            return False
        if execution not in self.ended:
            return True
        at = self.ended[execution]
        return at is not None and self.old(at, days)

    def old(self, at: datetime, days: int) -> bool:
        return bool(days) and self.now - at > timedelta(days=days)


_EXECUTIONS: LiteralString = """
SELECT id, CASE WHEN status IN ('completed', 'failed')
                THEN coalesce(completed_at, errored_at, canceled_at, triggered_at) END,
       stop_after_planning AND status = 'running' AND plan_accepted_at IS NULL AND worker_id IS NULL
FROM claude_executions
"""
_COMMITS: LiteralString = """
SELECT commit_hash FROM detector_versions WHERE status IN ('deployed', 'candidate') AND commit_hash IS NOT NULL
UNION SELECT base_commit FROM claude_executions WHERE status NOT IN ('completed', 'failed') AND base_commit IS NOT NULL
"""


def facts(session: Session, settings: Settings, now: datetime) -> Facts:
    rows = fetch(session, _EXECUTIONS)
    return Facts(
        settings,
        now,
        {str(row[0]): row[1] for row in rows},
        frozenset(str(row[0]) for row in rows if row[2]),
        frozenset(str(row[0]) for row in fetch(session, _COMMITS)),
    )


def changed_at(path: Path) -> datetime:
    """When it was last changed; now for what vanished meanwhile, since a run or a deploy works with it."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.now(UTC)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for file in [path, *path.rglob("*")] if path.is_dir() and not path.is_symlink() else [path]:
        try:
            info = file.lstat()
        except OSError:
            continue
        total += info.st_size if not file.is_dir() or file.is_symlink() else 0
    return total


def entries(folder: Path) -> Iterator[Path]:
    """What lies in a folder, in a fixed order; nothing when there is no such folder."""
    try:
        yield from sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return


def remove(path: Path) -> None:
    """Removes a file or a folder; a folder is moved aside first, so that nobody meets half of it."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    path.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def is_id(name: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", name) is not None
