"""The addresses of the rows behind a bar or a point: the lists of executions and of corrections, narrowed to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

import pandas as pd

from services.stats import Filters
from services.stats.periods import Period, span

Link = Callable[[str, pd.Timestamp], str]


@dataclass(frozen=True, slots=True)
class Links:
    """What the page is narrowed to goes along with every address."""

    filters: Filters
    period: Period

    def _to(self, screen: str, **more: object) -> str:
        f = self.filters
        shared = {"workspace": f.workspace_id, "category": f.category, "person": f.person_id}
        own = {"agent": f.agent, "target": f.target} if screen == "executions" else {"symbol": f.symbol}
        asked = {name: str(value) for name, value in (shared | own | more).items() if value not in (None, "")}
        return f"/{screen}?{urlencode(asked)}"

    def _days(self) -> dict[str, date]:
        return {"since": self.period.since.date(), "until": self.period.until.date()}

    def period_runs(self) -> str:
        return self._to("executions", **self._days())

    def runs(self, grain: str) -> Link:
        """Executions of an outcome (any, when that is "") launched in a bar's span."""

        def link(outcome: str, at: pd.Timestamp) -> str:
            since, until = span(at, grain)
            return self._to("executions", status=outcome, since=since, until=until)

        return link

    def deploys(self, grain: str) -> Link:
        def link(status: str, at: pd.Timestamp) -> str:
            since, until = span(at, grain)
            return self._to("executions", deploy=status, since=since, until=until)

        return link

    def retries(self, outcome: str, number: int) -> str:
        return self._to("executions", status=outcome, retries=number, **self._days())

    def cause(self, kind: str) -> str:
        return self._to("executions", cause=kind, **self._days())

    def sessions(self, version: str) -> str:
        return self._to("sessions", version=version)

    def standing(self, grain: str) -> Link:
        """Corrections that stood in a state at the end of a bar's span."""

        def link(state: str, at: pd.Timestamp) -> str:
            return self._to("corrections", stood=state, on=span(at, grain)[1])

        return link

    def moved(self, grain: str) -> Link:
        """Corrections that came to a state in a bar's span."""

        def link(state: str, at: pd.Timestamp) -> str:
            since, until = span(at, grain)
            return self._to("corrections", moved=state, since=since, until=until)

        return link

    def stage(self, stage: str) -> str:
        return self._to("corrections", stage=stage, **self._days())

    def fixed_in(self, low: float, high: float) -> str:
        return self._to("corrections", moved="addressed", fix_low=f"{low:.6g}", fix_high=f"{high:.6g}", **self._days())
