"""What a statistic is taken over, and the one way from a statement to a DataFrame."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.errors import InvalidInput

Places = Literal["all", "seen", "unseen"]
PLACES: Final = ("all", "seen", "unseen")


@dataclass(frozen=True, slots=True)
class Filters:
    """One workspace or all (None), and a period: `since` is inside it, `until` is not; None is open on that side.

    `category` narrows the workspaces, `person_id` to who launched a run or gave a correction, `agent` and `target` to
    runs, `symbol` to corrections and sessions, `places` the success rates to what an agent has had or not.
    Raises InvalidInput for a time without a zone, or a period that ends before it begins.
    """

    workspace_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    category: str | None = None
    person_id: uuid.UUID | None = None
    agent: str | None = None
    target: str | None = None
    symbol: str | None = None
    places: Places = "all"

    def __post_init__(self) -> None:
        for at in (self.since, self.until):
            if at is not None and at.tzinfo is None:
                raise InvalidInput("A period's times must say their zone.")
        if self.since and self.until and self.until <= self.since:
            raise InvalidInput("The period ends before it begins.")

    @property
    def scope(self) -> str:
        """The scope of the kept sums that these filters ask for. A workspace needs no category beside it."""
        place = f"w:{self.workspace_id}" if self.workspace_id else f"c:{self.category}" if self.category else "all"
        return f"{place} p:{self.person_id}" if self.person_id else place

    @property
    def days(self) -> tuple[date, date]:
        """The days of UTC that the period touches, the second one after its last; open sides reach as far as dates do."""
        first = self.since.astimezone(UTC).date() if self.since else date.min
        if self.until is None:
            return first, date.max
        until = self.until.astimezone(UTC)
        return first, until.date() + timedelta(days=until.time() > time())

    def params(self) -> dict[str, Any]:
        """For the statements: `w`, and `since` and `until` with the open sides as infinities."""
        return {
            "w": self.workspace_id,
            "since": self.since or "-infinity",
            "until": self.until or "infinity",
            "category": self.category,
            "person": self.person_id,
            "agent": self.agent,
            "target": self.target,
            "symbol": self.symbol,
        }

    def before(self) -> Filters | None:
        """The period of the same length just before this one; None when this one has no beginning."""
        if self.since is None:
            return None
        length = (self.until or datetime.now(UTC)) - self.since
        try:
            return replace(self, since=self.since - length, until=self.since)
        except OverflowError:
            return None  # it would begin before there are dates

    def year_before(self) -> Filters | None:
        """The same days a year ago; None when this period has no beginning."""
        if self.since is None:
            return None
        try:
            return replace(self, since=_year_ago(self.since), until=_year_ago(self.until or datetime.now(UTC)))
        except (ValueError, OverflowError):
            return None

    @classmethod
    def of_params(cls, params: Mapping[str, Any]) -> Filters:
        """What `params` came from; parameters that are no filter of a statistic are left out."""
        since, until = (at if isinstance(at, datetime) else None for at in (params["since"], params["until"]))
        return cls(
            workspace_id=params["w"],
            since=since,
            until=until,
            category=params["category"],
            person_id=params["person"],
            agent=params["agent"],
            target=params["target"],
            symbol=params["symbol"],
            places=params["places"] or "all",
        )


def _year_ago(at: datetime) -> datetime:
    return at.replace(year=at.year - 1, day=28) if (at.month, at.day) == (2, 29) else at.replace(year=at.year - 1)


def chosen_sql(workspace_id: LiteralString) -> LiteralString:
    """The condition that a row's workspace is among the chosen ones; `workspace_id` is the statement's column.

    Every statistic and report narrows by it, so a filter that concerns the workspace is added here alone.
    """
    return "(%(w)s::uuid IS NULL OR " + workspace_id + " = %(w)s)"


ALL: Final = Filters()  # every workspace, all the time


def frame(
    session: Session,
    sql: LiteralString,
    filters: Filters,
    columns: Sequence[str],
    *,
    times: Iterable[str] = (),
    floats: Iterable[str] = (),
) -> pd.DataFrame:
    """The rows as a frame; `times` are datetime64[us, UTC] and `floats` float64 also when there is no row at all."""
    table = pd.DataFrame(fetch(session, sql, filters.params()), columns=list(columns))
    for name in times:
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return table.astype(dict.fromkeys(floats, "float64"))
