"""One execution: live while it runs, still afterwards."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import execution_data as data
from pages.components import execution_parts as bits
from pages.components import execution_view as view
from pages.components import parts
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.execution_data import Facts
from pages.components.execution_dialogs import cancel_dialog, forget_prepared, run_again_dialog
from pages.components.execution_tables import broken_cases
from pages.components.execution_tabs import tabs
from services.errors import NotFound

LIVE_SECONDS = 1.0
LEFT_WIDTH = 430


def screen(execution_id: uuid.UUID) -> None:
    actor = require_actor()
    with guarded(stop=True):
        try:
            facts = data.read(execution_id)
        except NotFound as error:
            not_here(error.sentence)
            st.stop()
    detail = facts.detail
    live = view.is_live(detail)
    now = bits.viewer_now()
    with parts.header(f"Execution {detail.row.number}", view.badge(detail), view.caption(detail, now)):
        if actor.may("cancel") and live:
            st.button(
                "Canceling…" if view.is_canceling(detail) else "Cancel", icon=":material/stop_circle:",
                disabled=view.is_canceling(detail), key="execution-cancel",
                on_click=ask, args=("cancel", execution_id),
            )  # fmt: skip
        if actor.may("launch"):
            st.button("Run again", icon=":material/replay:", disabled=live, key="execution-again",
                      on_click=ask, args=("again", execution_id))  # fmt: skip
    body = st.fragment(_body, run_every=LIVE_SECONDS if live else None)
    body(execution_id, view.signature(detail))
    open_dialog(facts)


def ask(what: str, execution_id: uuid.UUID) -> None:
    """Remembers which dialog was asked for; it opens at the end of the run."""
    forget_prepared()
    st.session_state["execution-ask"] = (what, execution_id)


def open_dialog(facts: Facts) -> None:
    what, execution_id = st.session_state.pop("execution-ask", (None, None))
    if execution_id != facts.detail.row.id:
        return
    if what == "cancel" and view.is_live(facts.detail):
        cancel_dialog(facts.detail, facts.workspace_status)
    elif what == "again" and not view.is_live(facts.detail):
        run_again_dialog(facts.detail)


def _body(execution_id: uuid.UUID, drawn_for: tuple[object, ...]) -> None:
    """Everything under the header; reads the database again by itself while the run is live."""
    actor = require_actor()  # again, because a fragment runs on without the page around it
    with guarded(stop=True):
        facts = data.read(execution_id)
        parent = data.parent_number(facts.detail)
    detail, now = facts.detail, bits.viewer_now()
    if view.signature(detail) != drawn_for:
        st.rerun()  # the header, the buttons and the pace change with it
    if detail.row.error and not view.is_live(detail):
        again = bits.error_card(facts, broken=broken(execution_id), may_run=actor.may("launch"))
        if again:
            ask("again", execution_id)
            st.rerun()
    if view.waits_for_plan(detail):
        bits.plan_card(detail, may_accept=actor.may("launch"))
    bits.phase_card(detail, now)
    with st.container(horizontal=True, gap="large"):
        with st.container(width=LEFT_WIDTH, gap="small"):
            bits.checkpoint_list(detail, now)
            bits.deploy_facts(facts)
            bits.related(detail, parent)
        with st.container(width="stretch", gap="small"):
            tabs(facts, now)


def broken(execution_id: uuid.UUID) -> tuple[int, int]:
    with guarded(stop=True):
        replay = data.read_replay(execution_id)
    return broken_cases(replay) if replay else (0, 0)


def not_here(sentence: str) -> None:
    with parts.empty_state("search_off", "No execution to show", sentence):
        st.page_link("executions.py", label="All executions", icon=":material/bolt:")


require_actor()
try:
    wanted = uuid.UUID(st.query_params.get("id", ""))
except ValueError:
    not_here("The address names no execution. Choose one from the list.")
else:
    screen(wanted)
