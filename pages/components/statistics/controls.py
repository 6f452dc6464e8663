"""The header of the statistics page: what is chosen stands in the address, so that it can be shared."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import streamlit as st

from services.executions import AGENTS, DEPLOY_TARGETS
from services.exports import REPORTS
from services.people import Person
from services.rules import agent_name
from services.stats import Filters, Places
from services.stats.periods import COMPARED, CUSTOM, PERIODS, Period, period_of
from services.workspaces import WorkspaceChoice

ALL: Final = "All patterns"
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 12, 31)
PLACES: Final[Mapping[str, Places]] = {"All places": "all", "Unseen by agents": "unseen", "Seen by agents": "seen"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from."""

    workspaces: Sequence[WorkspaceChoice]
    people: Sequence[Person]
    symbols: Sequence[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the header's controls narrow the page to."""

    workspace: WorkspaceChoice | None  # None is all patterns
    period: Period
    filters: Filters
    compared: str

    @property
    def other(self) -> Filters | None:
        """What the period is compared with."""
        return self.filters.year_before() if self.compared == COMPARED[1] else self.filters.before()

    def report_filters(self, report: str) -> dict[str, str]:
        """As a report takes them; what it can't be narrowed by is left out."""
        given = {
            "workspace": self.workspace.id if self.workspace else None,
            "since": self.period.since.isoformat(),
            "until": self.period.until.isoformat(),
            "category": self.filters.category,
            "person": self.filters.person_id,
            "agent": self.filters.agent,
            "target": self.filters.target,
            "symbol": self.filters.symbol,
        }
        takes = REPORTS[report].filters
        return {name: str(value) for name, value in given.items() if value and name in takes}

    @property
    def whose(self) -> str:
        return self.workspace.name if self.workspace else self.filters.category or "all patterns"

    def file_name(self, name: str) -> str:
        return f"{self.workspace.pattern_type if self.workspace else 'all patterns'} {name}"


def labels_of(rows: Sequence[WorkspaceChoice]) -> dict[str, WorkspaceChoice]:
    """Workspaces by what the menu calls them; those that share a name carry their pattern type."""
    names = [row.name for row in rows]
    return {row.name if names.count(row.name) == 1 else f"{row.name} ({row.pattern_type})": row for row in rows}


def people_labels(people: Sequence[Person]) -> dict[str, uuid.UUID]:
    names = [person.name for person in people]
    return {p.name if names.count(p.name) == 1 else f"{p.name} ({p.email})": p.id for p in people}


def controls(choices: Choices) -> Chosen:
    """Draws the controls. Raises InvalidInput for a period that ends before it begins."""
    patterns = labels_of(choices.workspaces)
    pattern = st.selectbox(
        "Pattern", [ALL, *patterns], label_visibility="collapsed", width=210, key="pattern", bind="query-params"
    )
    name = st.selectbox(
        "Period",
        PERIODS,
        index=PERIODS.index("30 days"),
        label_visibility="collapsed",
        width=140,
        key="period",
        bind="query-params",
    )
    first = last = None
    if name == CUSTOM:
        first, last = _day("From", "from"), _day("To", "to")
    more = _more(choices)
    compared = str(more.pop("compared"))
    period = period_of(str(name), datetime.now(UTC), first=first, last=last, compared=compared)
    workspace = patterns.get(str(pattern))
    people = people_labels(choices.people)
    filters = Filters(
        workspace_id=workspace.id if workspace else None,
        since=period.since,
        until=period.until,
        category=None if workspace else more["category"],
        person_id=people.get(more["person"] or ""),
        agent=more["agent"],
        target=more["target"],
        symbol=more["symbol"],
        places=PLACES.get(more["places"] or "", "all"),
    )
    return Chosen(workspace, period, filters, compared)


def _day(label: str, key: str) -> date | None:
    chosen = st.date_input(
        label,
        None,
        EARLIEST,
        LATEST,
        key=key,
        label_visibility="collapsed",
        width=130,
        bind="query-params",
        help=f"{label}, in UTC",
    )
    return chosen if isinstance(chosen, date) else None


def _more(choices: Choices) -> dict[str, str | None]:
    """The filters that are used less, behind a button that says how many are set."""
    names = ("category", "person", "agent", "target", "symbol", "places", "compared")
    given = sum(st.session_state.get(name) is not None for name in names[:-1])
    with st.popover(f"Filters · {given}" if given else "Filters", icon=":material/filter_list:"):
        chosen = {
            "category": _choice("Category", sorted({row.category for row in choices.workspaces}), "category"),
            "person": _choice(
                "Person",
                list(people_labels(choices.people)),
                "person",
                help="Who launched the execution, or gave the correction",
            ),
            "agent": _choice("Agent", list(AGENTS), "agent", help="Of executions alone"),
            "target": _choice("Deploy target", list(DEPLOY_TARGETS), "target", help="Of executions alone"),
            "symbol": _choice("Symbol", list(choices.symbols), "symbol", help="Of corrections, and rates by version"),
            "places": _choice(
                "Places",
                list(PLACES)[1:],
                "places",
                help="Success rates on places that no prompt and no search has had, hold-out among them",
            ),
        }
        chosen["compared"] = st.selectbox("Compare with", COMPARED, key="compared", bind="query-params")
    return chosen


def _choice(label: str, options: list[str], key: str, *, help: str | None = None) -> str | None:
    shown = agent_name if key == "agent" else str
    return st.selectbox(
        label, options, index=None, placeholder="All", format_func=shown, key=key, bind="query-params", help=help
    )
