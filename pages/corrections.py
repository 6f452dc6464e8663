"""All corrections: what people asked to change, and what became of each. Ticked ones are sent or taken back together."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import streamlit as st

from pages.components import address, looks, parts
from pages.components.actor import require_actor, viewer_now
from pages.components.corrections.bulk import bulk_buttons, done_note
from pages.components.corrections.narrowing import (
    KEY,
    MORE,
    VERDICTS,
    from_address,
    in_words,
    report_filters,
    state_label,
)
from pages.components.corrections.rows import columns
from pages.components.errors import guarded
from pages.components.links import go
from pages.components.rows.component import rows_table
from services import feedback, people, workspaces
from services.database.engine import transaction
from services.feedback import CorrectionFilter, CorrectionRow
from services.lifecycle import FeedbackState
from services.people import Actor

STEP: Final = 200
Cursor = tuple[datetime, uuid.UUID]
_PAGES: Final = "corrections-pages"


def page(actor: Actor) -> None:
    with guarded(stop=True), transaction() as session:
        names = workspaces.names(session)
        persons = {person.id: person.name for person in people.list_people(session)}
    place = parts.header("Corrections")
    more, odd = from_address(names)
    address.notes(odd)
    wanted = filters(more, names)
    address.write(
        {"workspace": wanted.workspace_id, "state": list(wanted.states or ()), "verdict": list(wanted.verdicts or ())}
    )
    address.settled(KEY)
    address.narrowed(in_words(more, persons), MORE, key="corrections-all")
    pages = turned(wanted)
    with guarded(stop=True), transaction() as session:
        rows = feedback.corrections(session, wanted, before=pages[-1] if pages else None, limit=STEP, viewer=actor)
        total = feedback.count_corrections(session, wanted, viewer=actor)
    with place:
        words = [names[wanted.workspace_id]] if wanted.workspace_id else []
        words += [*(wanted.states or ()), *(wanted.verdicts or ()), *in_words(more, persons)]
        parts.export_menu("corrections", report_filters(wanted), actor, called=" ".join(words))
    done_note()
    if not rows and not pages:
        nothing(filtered=wanted != CorrectionFilter())
        return
    listing(rows, total, actor, deep=bool(pages))


def filters(more: CorrectionFilter, names: Mapping[uuid.UUID, str]) -> CorrectionFilter:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        workspace_id = st.selectbox(
            "Pattern",
            list(names),
            index=None,
            format_func=names.__getitem__,
            placeholder="All patterns",
            width=230,
            label_visibility="collapsed",
            key="corrections-pattern",
        )
        states = st.pills(
            "State",
            [str(state) for state in FeedbackState],
            selection_mode="multi",
            format_func=state_pill,
            label_visibility="collapsed",
            key="corrections-states",
        )
        verdicts = st.pills(
            "Verdict",
            [str(verdict) for verdict in VERDICTS],
            selection_mode="multi",
            format_func=verdict_pill,
            label_visibility="collapsed",
            key="corrections-verdicts",
        )
    return replace(more, workspace_id=workspace_id, states=states or None, verdicts=verdicts or None)


def state_pill(state: str) -> str:
    look = looks.look(looks.FEEDBACK_STATES, state)
    return f":{look.color}[{look.icon}] {state_label(state)}"


def verdict_pill(verdict: str) -> str:
    look = looks.look(looks.VERDICTS, verdict)
    return f":{look.color}[{look.icon}] {look.label}"


def turned(wanted: CorrectionFilter) -> list[Cursor]:
    """Where each page that was turned over ended; other filters begin at the newest again."""
    held = st.session_state.get(_PAGES)
    if held is None or held[0] != wanted:
        held = (wanted, [])
        st.session_state[_PAGES] = held
    pages: list[Cursor] = held[1]
    return pages


def listing(rows: list[CorrectionRow], total: int, actor: Actor, *, deep: bool) -> None:
    shown = columns(viewer_now())
    bulk = st.container()
    at, chosen = rows_table(
        shown,
        rows,
        key="corrections-table",
        label="Corrections, the newest first; tick rows to send or take back several",
        selection="multi-row",
    )
    ticked = [rows[number] for number in chosen]
    with bulk:
        if ticked:
            bulk_buttons(ticked, actor)
        else:
            more = f"more than {feedback.COUNTED_TO:,} corrections" if total > feedback.COUNTED_TO else None
            words = more or looks.count(total, "correction")
            st.caption(f"{words}; tick rows to send or take back several together")
    with st.container(horizontal=True, gap="small"):
        if deep:
            st.button("Newest", icon=":material/first_page:", key="corrections-newest", on_click=turn, args=(None,))
        if len(rows) == STEP:
            last = (rows[-1].created_at, rows[-1].id)
            st.button("Show older", icon=":material/expand_more:", key="corrections-older", on_click=turn, args=(last,))
    if at is not None and not ticked:
        open_row(rows[at])


def open_row(row: CorrectionRow) -> None:
    """Its mark in the session that it was given in, or the workspace of one in words."""
    if row.session_id is not None:
        go("session", id=row.session_id, mark=row.mark_id)
    go("workspace", id=row.workspace_id)


def turn(place: Cursor | None) -> None:
    """Turns to the page after `place`, or to the newest."""
    pages: list[Cursor] = st.session_state[_PAGES][1]
    if place is None:
        pages.clear()
    else:
        pages.append(place)


def nothing(*, filtered: bool) -> None:
    if filtered:
        parts.empty_state("search_off", "No correction fits", "Change the pattern, the states or the verdicts.")
        return
    text = "Run a session and judge its marks: what is wrong, missed or in the wrong place becomes a correction."
    with parts.empty_state("edit_location_alt", "No corrections yet", text):
        st.page_link("sessions.py", label="Sessions", icon=":material/candlestick_chart:")


page(require_actor())
