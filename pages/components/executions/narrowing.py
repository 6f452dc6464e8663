"""What an address narrows the list of executions to, beside the filters that the page always shows."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Final

import streamlit as st

from pages.components import address, looks
from pages.components.charts.kept import cause_label
from services.executions import AGENTS, DEPLOY_TARGETS, OUTCOMES, ExecutionFilter
from services.lifecycle import DeployStatus

KEY: Final = "executions-address"
# Taken off together by one button.
MORE: Final = ("category", "target", "person", "since", "until", "retries", "deploy", "cause")


def from_address(names: Collection[uuid.UUID]) -> tuple[ExecutionFilter, list[str]]:
    """The filters beside pattern, status and agent, and sentences about what the address asks and nobody knows.

    Pattern, status and agent are put into their controls when the address is a new one.
    """
    asked = address.asked()
    if address.arrived(KEY):
        workspace_id = asked.id("workspace")
        if workspace_id is not None and workspace_id not in names:
            asked.odd.append("There is no such pattern; all are shown.")
            workspace_id = None
        taken = {
            "executions-pattern": workspace_id,
            "executions-status": asked.several("status", OUTCOMES),
            "executions-agent": asked.text("agent", AGENTS),
        }
        if any(name in asked.given for name in ("workspace", "status", "agent", *MORE)):
            st.session_state.update(taken)
    since, until = asked.day("since"), asked.day("until")
    if since and until and until <= since:
        asked.odd.append("The period ends before it begins; all days are shown.")
        since = until = None
    more = ExecutionFilter(
        category=asked.text("category"),
        target=asked.text("target", DEPLOY_TARGETS),
        person_id=asked.id("person"),
        since=since,
        until=until,
        retries=asked.whole("retries"),
        deploy=asked.text("deploy", list(DeployStatus)),
        cause=asked.text("cause"),
    )
    return more, asked.odd


def in_words(more: ExecutionFilter, persons: Mapping[uuid.UUID, str]) -> list[str]:
    """What the list is narrowed to, a part a filter."""
    words = [f"category {more.category}"] if more.category else []
    words += [f"deployed to {more.target}"] if more.target else []
    words += [f"launched by {persons.get(more.person_id, 'somebody unknown')}"] if more.person_id else []
    words += [address.days(more.since, more.until)] if more.since or more.until else []
    words += [looks.count(more.retries, "retry", "retries")] if more.retries is not None else []
    words += [f"deploy {looks.look(looks.DEPLOYS, more.deploy).label.lower()}"] if more.deploy else []
    words += [f"failed with {cause_label(more.cause)}"] if more.cause else []
    return words


def report_filters(wanted: ExecutionFilter) -> dict[str, str]:
    """The same for the CSV."""
    given = {
        "workspace": wanted.workspace_id,
        "category": wanted.category,
        "outcome": ",".join(wanted.outcomes or ()),
        "agent": wanted.agent,
        "target": wanted.target,
        "person": wanted.person_id,
        "since": wanted.since,
        "until": wanted.until,
        "retries": wanted.retries,
        "deploy": wanted.deploy,
        "cause": wanted.cause,
    }
    return {name: str(value) for name, value in given.items() if value not in (None, "")}
