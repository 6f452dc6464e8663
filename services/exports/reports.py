"""The reports that can be exported, what each can be narrowed by, and the reading of those filters."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services import executions, feedback, people, sessions, stats, workspaces
from services.errors import InvalidInput
from services.executions.launching import AGENTS
from services.exports import of_execution
from services.exports import statements as sql
from services.exports.overview import lines_frame
from services.lifecycle import (
    EVERYONE,
    MEMBERS,
    DeployStatus,
    ExecutionStatus,
    FeedbackState,
    NotificationStatus,
    Role,
    SessionStatus,
    Verdict,
    WorkspaceStatus,
)
from services.stats.filters import PLACES
from services.stats.periods import named, period_of
from services.stats.runs import DURATIONS
from services.stats.success import OVER_TIME
from services.texts import storable

Params = dict[str, Any]
_OF_ONE_REPORT: Final = (
    "session", "execution", "status", "state", "verdict", "agent", "outcome", "retries", "deploy", "cause", "moved",
    "fix_low", "fix_high", "stood", "on", "stage", "version", "period", "search", "archived", "places",
)  # fmt: skip
_ANY: Final[Params] = stats.Filters().params() | dict.fromkeys((*_OF_ONE_REPORT, "viewer"))


@dataclass(frozen=True, slots=True)
class Report:
    """A report: `filters` it takes, the one it can't do without (`needs`), who may have it, and either a statement that
    is streamed or a function that makes a small frame. `shown` makes the same rows as the screen's table has them;
    for a statement `sheets` has the columns. `statuses` are the values of its filter `status`."""

    title: str
    filters: tuple[str, ...] = ()
    needs: str | None = None
    sql: LiteralString | None = None
    frame: Callable[[Session, Params], pd.DataFrame] | None = None
    shown: Callable[[Session, Params], pd.DataFrame] | None = None
    statuses: type[StrEnum] | None = None
    roles: frozenset[Role] = EVERYONE


def _of_execution(function: Callable[[Session, uuid.UUID], pd.DataFrame]) -> Callable[[Session, Params], pd.DataFrame]:
    return lambda session, params: function(session, params["execution"])


def _statistic(function: Callable[[Session, stats.Filters], pd.DataFrame]) -> Callable[[Session, Params], pd.DataFrame]:
    return lambda session, params: function(session, stats.Filters.of_params(params))


_PERIOD: Final = ("workspace", "since", "until")
REPORTS: Final[Mapping[str, Report]] = {
    "workspaces": Report(
        "Workspaces", ("status", "search", "category", "archived"), sql=sql.WORKSPACES, statuses=WorkspaceStatus
    ),
    "timeline": Report("Timeline of a workspace", _PERIOD, needs="workspace", sql=sql.TIMELINE),
    "sessions": Report("Sessions", (*_PERIOD, "status", "version"), sql=sql.SESSIONS, statuses=SessionStatus),
    "marks": Report("Marks of a session", ("session",), needs="session", sql=sql.MARKS),
    "feedback": Report("Judgements", (*_PERIOD, "session", "state", "verdict"), sql=sql.FEEDBACK),
    "corrections": Report(
        "Corrections",
        (
            *_PERIOD,
            "category",
            "person",
            "symbol",
            "state",
            "verdict",
            "moved",
            "fix_low",
            "fix_high",
            "stood",
            "on",
            "stage",
        ),
        sql=sql.CORRECTIONS,
    ),
    "executions": Report(
        "Executions",
        (*_PERIOD, "status", "agent", "category", "outcome", "target", "person", "retries", "deploy", "cause"),
        sql=sql.EXECUTIONS,
        statuses=ExecutionStatus,
    ),
    "attempts": Report("Attempts of executions", (*_PERIOD, "execution"), sql=sql.ATTEMPTS),
    "replay": Report(
        "Replay of an execution",
        ("execution",),
        needs="execution",
        frame=_of_execution(of_execution.replay),
        shown=_of_execution(of_execution.replay_shown),
    ),
    "usage": Report(
        "Cost of an execution by turn",
        ("execution",),
        needs="execution",
        frame=_of_execution(of_execution.usage),
        shown=_of_execution(of_execution.usage_shown),
    ),
    "success_by_version": Report("Success rate by version", _PERIOD, frame=_statistic(stats.success_by_version)),
    "success_over_time": Report("Success rate over time", _PERIOD, sql=OVER_TIME),
    "executions_by_day": Report("Executions by day and outcome", _PERIOD, frame=_statistic(stats.executions_by_day)),
    "duration_by_phase": Report("Duration by phase", _PERIOD, sql=DURATIONS),
    "retries": Report("Executions by retries", _PERIOD, frame=_statistic(stats.retries)),
    "deploy_outcomes": Report("Deploy outcomes", _PERIOD, frame=_statistic(stats.deploy_outcomes)),
    "feedback_flow": Report("Corrections that moved, by week", _PERIOD, frame=_statistic(stats.feedback_flow)),
    "time_to_fix": Report("Time from correction to fix", _PERIOD, frame=_statistic(stats.time_to_fix)),
    "cost": Report("Cost by day and agent", _PERIOD, frame=_statistic(stats.cost)),
    "overview": Report(
        "Report of a period",
        ("workspace", "period", "since", "until", "category", "person", "agent", "target", "symbol", "places"),
        frame=_statistic(lines_frame),
    ),
    "notifications": Report(
        "Notifications", (*_PERIOD, "status"), sql=sql.NOTIFICATIONS, statuses=NotificationStatus, roles=MEMBERS
    ),
    "people": Report("People", sql=sql.PEOPLE, roles=MEMBERS),
    "audit": Report("Audit trail", ("since", "until"), sql=sql.AUDIT, roles=MEMBERS),
}


def find_report(name: str) -> Report:
    """Raises InvalidInput for a name that no report has."""
    report = REPORTS.get(name)
    if report is None:
        raise InvalidInput(f"There is no report '{str(name)[:60]}'; there are {', '.join(sorted(REPORTS))}.")
    return report


def read_filters(session: Session, report: Report, filters: Mapping[str, str]) -> Params:
    """The statement's parameters. Empty filters count as not given.

    A workspace is a pattern type or an id; `since` (inside) and `until` (outside) are ISO dates or times, UTC unless
    they say otherwise. Raises InvalidInput for an unknown filter or value, NotFound for what does not exist.
    """
    texts = {name: storable(str(value)).strip() for name, value in filters.items() if value is not None}
    given = {name: value for name, value in texts.items() if value}
    lost = [name for name, text in texts.items() if not text and str(filters[name]).strip()]
    if lost:  # it would read everything where a part was asked for
        raise InvalidInput(f"The filter '{lost[0][:60]}' holds signs that can't be read, and nothing else.")
    unknown = sorted(set(filters) - set(report.filters))
    if unknown:
        can = f"it can be narrowed by {', '.join(report.filters)}" if report.filters else "it has no filters"
        raise InvalidInput(f"The report '{report.title}' has no filter '{unknown[0][:60]}'; {can}.")
    if report.needs and report.needs not in given:
        raise InvalidInput(f"The report '{report.title}' needs to know which {report.needs}.")
    params = dict(_ANY)
    for name, value in given.items():
        params["w" if name == "workspace" else name] = _value(session, report, name, value)
    if params["period"]:
        chosen = period_of(params["period"], datetime.now(UTC))
        params |= {"since": chosen.since, "until": chosen.until}
    if all(isinstance(params[k], datetime) for k in ("since", "until")) and params["until"] <= params["since"]:
        raise InvalidInput("The period ends before it begins.")
    return params


def _value(session: Session, report: Report, name: str, value: str) -> Any:
    match name:
        case "workspace":
            return workspaces.find_id(session, value)
        case "session":
            return sessions.get(session, _id(name, value)).id
        case "execution":
            return executions.get(session, _id(name, value)).row.id
        case "since" | "until" | "on":
            return _time(name, value)
        case "person":
            return people.find(session, value).id if "@" in value else _id(name, value)
        case "places":
            return _one_of(name, value, PLACES)
        case "period":
            return named(value)
        case "retries":
            return _whole(name, value)
        case "fix_low" | "fix_high":
            return _number(name, value)
        case "category" | "symbol" | "cause" | "version":
            return value
        case "target":
            return _one_of(name, value, executions.DEPLOY_TARGETS)
        case "deploy":
            return _one_of(name, value, DeployStatus)
        case "outcome":
            return [_one_of(name, one, executions.OUTCOMES) for one in value.split(",")]
        case "moved" | "stood":
            return _one_of(name, value, (*FeedbackState, "reopened"))
        case "stage":
            return _one_of(name, value, feedback.STAGES)
        case "search":
            return workspaces.like_pattern(value)
        case "archived":
            return _one_of(name, value, ("yes", "no")) == "yes"
        case "status" if report.sql is sql.WORKSPACES:
            return ",".join(_one_of(name, one, report.statuses or ()) for one in value.split(","))
        case "status":
            return _one_of(name, value, report.statuses or ())
        case "state" if report.sql is sql.CORRECTIONS:
            return ",".join(_one_of(name, one, FeedbackState) for one in value.split(","))
        case "verdict" if report.sql is sql.CORRECTIONS:
            return ",".join(_one_of(name, one, Verdict) for one in value.split(","))
        case "state":
            return _one_of(name, value, FeedbackState)
        case "verdict":
            return _one_of(name, value, Verdict)
        case _:
            return _one_of(name, value, AGENTS)


def _id(name: str, value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise InvalidInput(f"'{value[:60]}' is no id of a {name}.") from None


def _time(name: str, value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"'{value[:60]}' is no date for {name}; write it as 2026-01-31.") from None


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value):
        raise InvalidInput(f"'{value[:60]}' is no number for {name}; write a whole one.")
    return int(value)


def _number(name: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput(f"'{value[:60]}' is no number for {name}.")
    return found


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    words = [str(word) for word in known]
    if value not in words:
        raise InvalidInput(f"'{value[:60]}' is no {name}; there are {', '.join(words)}.")
    return value
