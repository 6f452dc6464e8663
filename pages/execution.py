"""One execution: live while it runs, still afterwards."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks, parts
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.execution import cards as bits
from pages.components.execution import read as data
from pages.components.execution import wording as view
from pages.components.execution.dialogs import (
    ASKED,
    ask,
    cancel_dialog,
    continue_dialog,
    run_again_dialog,
    waive_dialog,
)
from pages.components.execution.read import Facts
from pages.components.execution.replay import broken_cases
from pages.components.execution.tabs import tabs
from pages.components.links import back_to_seen, seen
from pages.components.runs.state import is_canceling, is_live
from services.errors import NotFound
from services.lifecycle import ExecutionStatus
from services.people import Actor

LIVE_SECONDS = 1.0
LEFT_WIDTH = 430


def screen(execution_id: uuid.UUID) -> None:
    actor = require_actor()
    with guarded(stop=True):
        try:
            facts = data.read(execution_id)
        except NotFound as error:
            back_to_seen("execution", execution_id)
            not_here(error.sentence)
            st.stop()
    seen("execution", execution_id)
    detail, now = facts.detail, bits.viewer_now()
    with parts.header(f"Execution {detail.row.number}", view.badge(detail, now), view.caption(detail, now)):
        buttons(facts, actor)
    live = is_live(detail.row)
    body = st.fragment(_body, run_every=LIVE_SECONDS if live else None)
    body(execution_id, view.signature(detail, now))
    open_dialog(facts)


def buttons(facts: Facts, actor: Actor) -> None:
    """What a person may do with it now: cancel it, run it again, go on from where it failed."""
    row, live = facts.detail.row, is_live(facts.detail.row)
    if actor.may("cancel") and live:
        st.button(
            "Canceling…" if is_canceling(row) else "Cancel", icon=":material/stop_circle:",
            disabled=is_canceling(row), key="execution-cancel", on_click=ask, args=("cancel", row.id),
        )  # fmt: skip
    if not actor.may("launch"):
        return
    offered = facts.why_not_continue is None and bits.offers_to_continue(facts, broken(row.id))
    if row.status == ExecutionStatus.FAILED and not offered:
        why_not = facts.why_not_continue
        st.button("Continue from here", icon=":material/resume:", disabled=why_not is not None,
                  help=looks.plain(why_not) if why_not else None, key="execution-continue", on_click=ask,
                  args=("continue", row.id))  # fmt: skip
    st.button("Run again", icon=":material/replay:", disabled=live, key="execution-again", on_click=ask,
              args=("again", row.id))  # fmt: skip


def open_dialog(facts: Facts) -> None:
    what, execution_id = st.session_state.pop(ASKED, (None, None))
    if execution_id != facts.detail.row.id:
        return
    live = is_live(facts.detail.row)
    if what == "cancel" and live:
        cancel_dialog(facts.detail, facts.workspace_status)
    elif what == "again" and not live:
        run_again_dialog(facts.detail)
    elif what == "continue" and facts.why_not_continue is None:
        continue_dialog(facts.detail)
    elif what == "waive" and facts.why_not_continue is None:
        waive_dialog(facts.detail, data.waivable(execution_id))


def _body(execution_id: uuid.UUID, drawn_for: tuple[object, ...]) -> None:
    """Everything under the header; reads the database again by itself while the run is live."""
    actor = require_actor()  # again, because a fragment runs on without the page around it
    with guarded(stop=True):
        facts = data.read(execution_id)
    detail, now = facts.detail, bits.viewer_now()
    if view.signature(detail, now) != drawn_for:
        st.rerun()  # the header, the buttons and the pace change with it
    if detail.row.error and not is_live(detail.row):
        wanted = bits.error_card(facts, broken=broken(execution_id), may_run=actor.may("launch"))
        if wanted:
            ask(wanted, execution_id)
            st.rerun()
    if detail.row.waits_for_plan:
        bits.plan_card(detail, may_accept=actor.may("launch"))
    bits.phase_card(detail, now, facts.workers)
    with st.container(horizontal=True, gap="large"):
        with st.container(width=LEFT_WIDTH, gap="small"):
            bits.checkpoint_list(detail, now)
            bits.deploy_facts(facts)
            bits.related(detail)
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
