"""What the list of corrections is narrowed to: by its controls, and by what an address asks for beside them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Final

import streamlit as st

from pages.components import address, looks
from services.feedback import STAGES, CorrectionFilter
from services.lifecycle import FeedbackState, Verdict

KEY: Final = "corrections-address"
# Those of open corrections and of what became of them; "right" and "unsure" ask for nothing.
VERDICTS: Final = (Verdict.FALSE_POSITIVE, Verdict.FALSE_NEGATIVE, Verdict.ADJUSTMENT, Verdict.COMMENT)
MOVED: Final = (*map(str, FeedbackState), "reopened")
# Taken off together by one button.
MORE: Final = ("category", "person", "symbol", "since", "until", "moved", "fix_low", "fix_high", "stood", "on", "stage")
STAGE_WORDS: Final = {
    "given": "given",
    "sent": "sent to an agent",
    "fixed": "fixed",
    "held": "fixed, and a retest confirmed it",
}


def from_address(names: Collection[uuid.UUID]) -> tuple[CorrectionFilter, list[str]]:
    """The filters beside pattern, state and verdict, and sentences about what the address asks and nobody knows.

    Pattern, states and verdicts are put into their controls when the address is a new one.
    """
    asked = address.asked()
    if address.arrived(KEY):
        workspace_id = asked.id("workspace")
        if workspace_id is not None and workspace_id not in names:
            asked.odd.append("There is no such pattern; all are shown.")
            workspace_id = None
        if any(name in asked.given for name in ("workspace", "state", "verdict", *MORE)):
            st.session_state["corrections-pattern"] = workspace_id
            st.session_state["corrections-states"] = asked.several("state", list(FeedbackState))
            st.session_state["corrections-verdicts"] = asked.several("verdict", VERDICTS)
    since, until = asked.day("since"), asked.day("until")
    if since and until and until <= since:
        asked.odd.append("The period ends before it begins; all days are shown.")
        since = until = None
    more = CorrectionFilter(
        category=asked.text("category"),
        person_id=asked.id("person"),
        symbol=asked.text("symbol"),
        since=since,
        until=until,
        moved=asked.text("moved", MOVED),
        fix_low=asked.number("fix_low"),
        fix_high=asked.number("fix_high"),
        stood=asked.text("stood", list(FeedbackState)),
        on=asked.day("on"),
        stage=asked.text("stage", STAGES),
    )
    return more, asked.odd


def in_words(more: CorrectionFilter, persons: Mapping[uuid.UUID, str]) -> list[str]:
    """What the list is narrowed to, a part a filter."""
    words = [f"category {more.category}"] if more.category else []
    words += [f"by {persons.get(more.person_id, 'somebody unknown')}"] if more.person_id else []
    words += [more.symbol] if more.symbol else []
    days = address.days(more.since, more.until) if more.since or more.until else ""
    if more.moved:
        state = "opened again" if more.moved == "reopened" else f"became {state_label(more.moved).lower()}"
        words.append(f"{state} {days}".strip())
    elif days:
        words.append(f"given {days}")
    if more.fix_high is not None:
        words.append(f"fixed in {looks.duration(more.fix_low or 0)} to {looks.duration(more.fix_high)}")
    if more.stood and more.on:
        words.append(f"{state_label(more.stood).lower()} at the beginning of {more.on.day} {more.on:%b %Y}")
    words += [STAGE_WORDS[more.stage]] if more.stage else []
    return words


def state_label(state: str) -> str:
    return looks.look(looks.FEEDBACK_STATES, state).label


def report_filters(wanted: CorrectionFilter) -> dict[str, str]:
    """The same for the CSV."""
    given = {
        "workspace": wanted.workspace_id,
        "category": wanted.category,
        "person": wanted.person_id,
        "symbol": wanted.symbol,
        "state": ",".join(wanted.states or ()),
        "verdict": ",".join(wanted.verdicts or ()),
        "since": wanted.since,
        "until": wanted.until,
        "moved": wanted.moved,
        "fix_low": wanted.fix_low,
        "fix_high": wanted.fix_high,
        "stood": wanted.stood,
        "on": wanted.on,
        "stage": wanted.stage,
    }
    return {name: str(value) for name, value in given.items() if value not in (None, "")}
