"""What a statistic is taken over, and the one way from a statement to a DataFrame."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Filters:
    """One workspace or all (None), and a period: `since` is inside it, `until` is not; None is open on that side.

    Raises InvalidInput for a time without a zone, or a period that ends before it begins.
    """

    workspace_id: uuid.UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for at in (self.since, self.until):
            if at is not None and at.tzinfo is None:
                raise InvalidInput("A period's times must say their zone.")
        if self.since and self.until and self.until <= self.since:
            raise InvalidInput("The period ends before it begins.")

    def params(self) -> dict[str, Any]:
        """For the statements: `w`, and `since` and `until` with the open sides as infinities."""
        return {"w": self.workspace_id, "since": self.since or "-infinity", "until": self.until or "infinity"}

    def before(self) -> Filters | None:
        """The period of the same length just before this one; None when this one has no beginning."""
        if self.since is None:
            return None
        length = (self.until or datetime.now(UTC)) - self.since
        return replace(self, since=self.since - length, until=self.since)

    @classmethod
    def of_params(cls, params: Mapping[str, Any]) -> Filters:
        """What `params` came from; parameters that are no filter of a statistic are left out."""
        since, until = (at if isinstance(at, datetime) else None for at in (params["since"], params["until"]))
        return cls(workspace_id=params["w"], since=since, until=until)


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
