"""The numbers of the statistics page counted once more with pandas, from the tables alone: no service and no kept sum is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, text

_RUNS = """
SELECT e.id::text, e.workspace_id::text AS workspace, w.category, e.triggered_by::text AS person, e.agent,
       e.deploy_target AS target, e.status, e.canceled_at IS NOT NULL AS canceled, e.retry_count AS retries, e.deploy_status AS deploy,
       e.triggered_at AS at, coalesce(e.deploy_started_at, e.triggered_at) AS deployed_at, e.cost_usd::float8 AS cost, e.phases
FROM claude_executions e JOIN pattern_workspaces w ON w.id = e.workspace_id
"""
_ATTEMPTS = """
SELECT a.execution_id::text AS id, a.outcome, a.ended_at, coalesce(a.decision->>'kind', 'unknown') AS cause
FROM execution_attempts a
"""
_QUESTIONS = """
SELECT q.workspace_id::text AS workspace, w.category, q.asked_by_id::text AS person, 'claude' AS agent, '' AS target,
       q.created_at AS at, q.cost_usd::float8 AS cost
FROM questions q JOIN pattern_workspaces w ON w.id = q.workspace_id
"""
_CORRECTIONS = """
SELECT f.id::text, f.workspace_id::text AS workspace, w.category, f.author_id::text AS person, coalesce(d.symbol, '') AS symbol,
       f.state, f.created_at AS at, f.sent_to_claude_at IS NOT NULL AS was_sent
FROM feedback_items f JOIN pattern_workspaces w ON w.id = f.workspace_id LEFT JOIN candle_datasets d ON d.id = f.dataset_id
WHERE f.made_by <> 'carried' AND f.verdict NOT IN ('confirmed', 'unsure')
"""
STATES = ("open", "sent", "addressed", "verified", "disputed")


@dataclass(frozen=True)
class Chosen:
    """What the page is narrowed to; `since` is in the period and `until` is not."""

    since: datetime
    until: datetime
    grain: str = "day"
    workspace: str | None = None
    category: str | None = None
    person: str | None = None
    agent: str | None = None
    target: str | None = None
    symbol: str | None = None


@dataclass(frozen=True)
class Step:
    """A change of a correction's state, as whoever made it wrote it down."""

    id: str
    source: str | None
    target: str
    at: datetime


@dataclass
class Recounted:
    """The tables, and the trail of states that the test kept by itself."""

    connection: Connection
    steps: list[Step] = field(default_factory=list)

    def _read(self, query: str, chosen: Chosen, *names: str) -> pd.DataFrame:
        frame = pd.read_sql(text(query), self.connection)
        for name in names:
            if (value := getattr(chosen, name)) is not None:
                frame = frame[frame[name] == value]
        return frame

    def runs(self, chosen: Chosen) -> pd.DataFrame:
        frame = self._read(_RUNS, chosen, "workspace", "category", "person", "agent", "target")
        ended = frame["status"].isin(["completed", "failed"])
        outcome = (
            frame["status"]
            .where(ended, "live")
            .mask(ended & (frame["status"] == "failed") & frame["canceled"], "canceled")
        )
        return frame.assign(outcome=outcome)

    def executions(self, chosen: Chosen) -> dict[tuple[Any, ...], int]:
        """By span of the launch and outcome, those that ended."""
        frame = _within(self.runs(chosen), chosen)
        return _counts(frame[frame["outcome"] != "live"], ["span", "outcome"])

    def retries(self, chosen: Chosen) -> dict[tuple[Any, ...], int]:
        frame = _within(self.runs(chosen), chosen)
        return _counts(frame[frame["outcome"] != "live"], ["retries", "outcome"])

    def deploys(self, chosen: Chosen) -> dict[tuple[Any, ...], int]:
        frame = self.runs(chosen)
        frame = _within(frame[frame["deploy"].notna()].assign(at=frame["deployed_at"]), chosen)
        return _counts(frame, ["span", "target", "deploy"])

    def causes(self, chosen: Chosen) -> dict[tuple[Any, ...], int]:
        attempts = pd.read_sql(text(_ATTEMPTS), self.connection).rename(columns={"outcome": "result"})
        frame = self.runs(chosen).drop(columns="at").merge(attempts, on="id").rename(columns={"ended_at": "at"})
        return _counts(_within(frame[frame["result"].isin(["failed", "retry"])], chosen), ["cause"])

    def phases(self, chosen: Chosen) -> dict[str, list[float]]:
        """The seconds that each phase took, by its name, of runs launched in the period."""
        found: dict[str, list[float]] = {}
        for phases in _within(self.runs(chosen), chosen)["phases"]:
            for name, times in (phases or {}).items():
                took = pd.Timestamp(times["completed_at"]) - pd.Timestamp(times["started_at"])
                found.setdefault(name, []).append(took.total_seconds())
        return found

    def spent(self, chosen: Chosen) -> dict[Any, float]:
        """By span: what runs cost by their launch, and answers to questions."""
        asked = self._read(_QUESTIONS, chosen, "workspace", "category", "person", "agent", "target")
        both = _within(pd.concat([self.runs(chosen)[["at", "cost"]], asked[["at", "cost"]]]), chosen)
        return {span: cost for span, cost in both.groupby("span")["cost"].sum().items() if cost > 0}

    def corrections(self, chosen: Chosen) -> pd.DataFrame:
        return self._read(_CORRECTIONS, chosen, "workspace", "category", "person", "symbol")

    def moves(self, chosen: Chosen) -> pd.DataFrame:
        """Every change of state of the chosen corrections, their giving too, in order."""
        given = self.corrections(chosen)[["id", "at"]]
        steps = pd.DataFrame(
            [(s.id, s.source, s.target, s.at) for s in self.steps], columns=["id", "source", "target", "at"]
        )
        steps = steps[steps["id"].isin(given["id"])]
        frame = pd.concat(
            [given.assign(source=None, target="open"), steps.assign(at=pd.to_datetime(steps["at"], utc=True))]
        )
        return frame.sort_values("at", kind="stable")

    def flow(self, chosen: Chosen) -> dict[tuple[Any, ...], int]:
        frame = self.moves(chosen)
        again = (frame["target"] == "open") & frame["source"].notna()
        return _counts(_within(frame.assign(state=frame["target"].mask(again, "reopened")), chosen), ["span", "state"])

    def stock(self, chosen: Chosen) -> dict[tuple[Any, str], int]:
        """How many stood in each state at the end of each day of the period."""
        frame = self.moves(chosen)
        found: dict[tuple[Any, str], int] = {}
        for day in pd.date_range(chosen.since, chosen.until, freq="D", inclusive="left"):
            now = frame[frame["at"] < day + pd.Timedelta(days=1)].groupby("id")["target"].last().value_counts()
            found |= {(day, state): int(now.get(state, 0)) for state in STATES}
        return found

    def funnel(self, chosen: Chosen) -> dict[str, int]:
        given = _within(self.corrections(chosen), chosen)
        fixed = given["state"].isin(["addressed", "verified"])
        held = given["state"] == "verified"
        counts = (len(given), int((given["was_sent"] | fixed).sum()), int(fixed.sum()), int(held.sum()))
        return dict(zip(("given", "sent", "fixed", "held"), counts, strict=True)) if len(given) else {}

    def fixes(self, chosen: Chosen) -> list[float]:
        """Seconds from giving to the fix that stands, by the day of the fix."""
        given = self.corrections(chosen).set_index("id")
        fixed = self.moves(chosen).query("target == 'addressed'").groupby("id").last()
        fixed = fixed[given.loc[fixed.index, "state"].isin(["addressed", "verified"])]
        return _seconds(fixed, given, chosen)

    def waits(self, chosen: Chosen) -> list[float]:
        """Seconds from giving to the first sending, by the day of that."""
        given = self.corrections(chosen).set_index("id")
        return _seconds(self.moves(chosen).query("target == 'sent'").groupby("id").first(), given, chosen)


def _within(frame: pd.DataFrame, chosen: Chosen) -> pd.DataFrame:
    at = pd.to_datetime(frame["at"], utc=True)
    span = at.dt.floor("h" if chosen.grain == "hour" else "D")
    if chosen.grain == "week":
        span -= pd.to_timedelta(span.dt.day_of_week, unit="D")
    elif chosen.grain == "month":
        span -= pd.to_timedelta(span.dt.day - 1, unit="D")
    return frame.assign(span=span)[(at >= chosen.since) & (at < chosen.until)]


def _counts(frame: pd.DataFrame, by: list[str]) -> dict[tuple[Any, ...], int]:
    found = frame.groupby(by).size()
    return {key if isinstance(key, tuple) else (key,): int(n) for key, n in found.items()}


def _seconds(moves: pd.DataFrame, given: pd.DataFrame, chosen: Chosen) -> list[float]:
    if moves.empty:
        return []
    its = _within(moves.reset_index(), chosen)
    begun = pd.to_datetime(its["id"].map(given["at"]), utc=True)
    return [float(s) for s in (pd.to_datetime(its["at"], utc=True) - begun).dt.total_seconds()]
