"""One execution: live while it runs, still afterwards."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks, parts
from pages.components.actor import require_actor
from pages.components.dialogs import ask, ask_now
from pages.components.errors import guarded
from pages.components.execution import cards, read, wording
from pages.components.execution.dialogs import open_asked
from pages.components.execution.read import ExecutionView
from pages.components.execution.replay import broken_cases
from pages.components.execution.tabs import tabs
from pages.components.follow.component import execution as follow_execution
from pages.components.follow.component import follow
from pages.components.links import back_to_seen, seen
from pages.components.runs.state import is_canceling, is_live
from pages.components.trail import trail
from services.errors import NotFound
from services.lifecycle import ExecutionStatus

LEFT_WIDTH = 430


def screen(execution_id: uuid.UUID) -> None:
    actor = require_actor()
    with guarded(stop=True):
        try:
            view = read.execution_view(execution_id, actor)
        except NotFound as error:
            back_to_seen("execution", execution_id)
            not_here(error.sentence)
            st.stop()
    seen("execution", execution_id)
    detail, now = view.detail, view.now
    row = detail.row
    trail(
        (("Executions", "/executions"), (row.workspace_name, f"/workspace?id={row.workspace_id}")),
        f"Execution {row.number}",
        copies=[("Id", row.id), ("Commit", row.commit_hash)],
    )
    with parts.header(f"Execution {detail.row.number}", wording.badge(detail, now), wording.caption(detail, now)):
        buttons(view)
    st.fragment(_body)(execution_id, wording.signature(detail, now))
    open_asked(view)


def buttons(view: ExecutionView) -> None:
    """What a person may do with it now: cancel it, run it again, go on from where it failed."""
    row, actor, live = view.detail.row, view.actor, is_live(view.detail.row)
    if actor.may("cancel") and live:
        st.button(
            "Canceling…" if is_canceling(row) else "Cancel",
            icon=":material/stop_circle:",
            disabled=is_canceling(row),
            key="execution-cancel",
            on_click=ask,
            args=("cancel", row.id),
        )
    if not actor.may("launch"):
        return
    offered = view.why_not_continue is None and cards.offers_to_continue(view, broken(row.id))
    if row.status == ExecutionStatus.FAILED and not offered:
        why_not = view.why_not_continue
        st.button(
            "Continue from here",
            icon=":material/resume:",
            disabled=why_not is not None,
            help=looks.plain(why_not) if why_not else None,
            key="execution-continue",
            on_click=ask,
            args=("continue", row.id),
        )
    st.button(
        "Run again",
        icon=":material/replay:",
        disabled=live,
        key="execution-again",
        on_click=ask,
        args=("again", row.id),
    )


def _body(execution_id: uuid.UUID, drawn_for: tuple[object, ...]) -> None:
    """Everything under the header; drawn again when something of the run changed, or its log has grown."""
    actor = require_actor()  # again, because a fragment runs on without the page around it
    with guarded(stop=True):
        view = read.execution_view(execution_id, actor)
    row = view.detail.row
    if wording.signature(view.detail, view.now) != drawn_for:
        st.rerun()  # the header, the buttons and the pace change with it
    if row.error and not is_live(row):
        pressed = cards.error_card(view, broken(execution_id))
        if pressed:
            ask_now(pressed, execution_id)
    if row.waits_for_plan:
        cards.plan_card(view)
    cards.phase_card(view)
    with st.container(horizontal=True, gap="large"):
        with st.container(width=LEFT_WIDTH, gap="small"):
            cards.checkpoint_list(view)
            cards.deploy_facts(view)
            cards.related(view)
        with st.container(width="stretch", gap="small"):
            tabs(view)
    follow(follow_execution(row.workspace_id, row.id), actor, seen=view.position, running=is_live(row))


def broken(execution_id: uuid.UUID) -> tuple[int, int]:
    with guarded(stop=True):
        replay = read.replay_of(execution_id)
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
