"""A page of the list of workspaces, narrowed in SQL, and the same filters for the file that holds all of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from services import timeline, workspaces
from services.database.engine import transaction
from services.workspaces import Place, WorkspaceRow

STEP: Final = 100  # workspaces of a page
ARCHIVED: Final = "archived"  # beside the statuses


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to."""

    search: str
    statuses: tuple[str, ...]
    category: str | None

    @property
    def archived(self) -> bool:
        return ARCHIVED in self.statuses

    @property
    def live_statuses(self) -> list[str] | None:
        return [status for status in self.statuses if status != ARCHIVED] or None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the list, how many there are of all, and the position of the timelines before it was read."""

    rows: list[WorkspaceRow]
    sparks: dict[uuid.UUID, list[float]]
    total: int
    position: int


def _rows(session: Any, wanted: Wanted, after: Place | None, limit: int) -> list[WorkspaceRow]:
    return workspaces.list_workspaces(
        session,
        statuses=wanted.live_statuses,
        search=wanted.search or None,
        category=wanted.category,
        only_archived=wanted.archived,
        after=after,
        limit=limit,
    )


def read(wanted: Wanted, after: Place | None) -> Listed:
    with transaction() as session:
        position = timeline.position(session)
        rows = _rows(session, wanted, after, STEP)
        total = workspaces.count(
            session,
            statuses=wanted.live_statuses,
            search=wanted.search or None,
            category=wanted.category,
            only_archived=wanted.archived,
        )
        return Listed(rows, workspaces.sparklines(session, [row.id for row in rows]), total, position)


def report_filters(wanted: Wanted) -> dict[str, str]:
    """The same for the report that is exported."""
    given = {
        "search": wanted.search,
        "status": ",".join(wanted.live_statuses or []),
        "category": wanted.category or "",
        "archived": "yes" if wanted.archived else "no",
    }
    return {name: value for name, value in given.items() if value}


def place(row: WorkspaceRow) -> Place:
    return row.category, row.name, row.id
