"""All executions: live ones first and refreshing, then what has ended; filters by pattern, status and agent, CSV."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import streamlit as st

from pages.components import parts
from pages.components.actor import require_actor, viewer_now
from pages.components.columns import clicked_row, csv_frame, looks_of, table
from pages.components.errors import guarded
from pages.components.executions.rows import FILTERS, columns, filter_label, fits, live_card
from pages.components.links import go
from pages.components.runs.component import live_runs
from pages.components.runs.state import is_live, waits_for_worker
from services import executions, exports, system, workspaces
from services.database.engine import transaction
from services.executions import AGENTS, ExecutionRow
from services.people import Actor

LIVE_SECONDS, IDLE_SECONDS = 1.0, 5.0  # between looks at the database, while something is live and while nothing is
STEP = 200
_SHOWN, _LIVE = "executions-shown", "executions-live"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the filters let through; `more` says that older ones were not read."""

    live: list[ExecutionRow]
    ended: list[ExecutionRow]
    more: bool
    workers: int | None  # how many are connected; counted only where a run waits for one


def read(workspace_id: uuid.UUID | None, chosen: list[str], agent: str | None, limit: int) -> Listed:
    with transaction() as session:
        active = executions.list_active(session)
        rows = executions.list_executions(
            session, workspace_id=workspace_id, outcomes=chosen or None, agent=agent, limit=limit
        )
        waiting = any(waits_for_worker(row) for row in active)
        workers = len(system.list_workers(session)) if waiting else None
    live = [
        row
        for row in active
        if fits(row, chosen) and workspace_id in (None, row.workspace_id) and agent in (None, row.agent)
    ]
    ended = [row for row in rows if not is_live(row)]
    return Listed(live, ended, len(rows) == limit, workers)


def listing() -> None:
    """The filters and what they let through; reads the database again by itself."""
    actor = require_actor()  # again, because a fragment runs on without the page around it
    with guarded(stop=True), transaction() as session:
        names = {row.id: row.name for row in workspaces.list_workspaces(session, archived=True)}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        workspace_id = st.selectbox(
            "Pattern",
            list(names),
            index=None,
            format_func=names.__getitem__,
            placeholder="All patterns",
            width=230,
            label_visibility="collapsed",
            key="executions-pattern",
            persist_state="session",
        )
        chosen = st.pills(
            "Status",
            FILTERS,
            selection_mode="multi",
            format_func=filter_label,
            label_visibility="collapsed",
            key="executions-status",
            persist_state="session",
        )
        agent = st.selectbox(
            "Agent",
            AGENTS,
            index=None,
            format_func=str.capitalize,
            placeholder="All agents",
            width=150,
            label_visibility="collapsed",
            key="executions-agent",
            persist_state="session",
        )
        st.space("stretch")
        csv_place = st.container(width="content")
    limit = st.session_state.setdefault(_SHOWN, STEP)
    with guarded(stop=True):
        listed = read(workspace_id, chosen, agent, limit)
    with csv_place:
        parts.download_csv_button(
            "CSV", lambda: exports.to_csv(csv_frame(columns(viewer_now()), [*listed.live, *listed.ended])), "executions"
        )
    filtered = bool(workspace_id or chosen or agent)
    opened = draw(listed, actor, filtered=filtered)
    if opened is not None:
        go("execution", id=opened)
    if bool(listed.live) != st.session_state.get(_LIVE, False):
        st.session_state[_LIVE] = bool(listed.live)
        st.rerun()  # the pace of the looks changes with the page


def draw(listed: Listed, actor: Actor, *, filtered: bool) -> uuid.UUID | None:
    if not listed.live and not listed.ended:
        nothing(actor, filtered=filtered)
        return None
    now = viewer_now()
    opened = None
    if listed.live:
        st.subheader("Live", anchor=False)
        opened = live_runs([live_card(row, now, listed.workers) for row in listed.live], key="executions-cards")
    if listed.ended:
        # The table's own toolbar floats above it, unseen but in the way of clicks; the heading keeps the CSV button clear.
        st.subheader("Ended", anchor=False)
        event = st.dataframe(
            table(columns(now), listed.ended),
            column_config=looks_of(columns(now)),
            hide_index=True,
            row_height=32,
            on_select="rerun",
            selection_mode="single-cell",
            key="executions-table",
            alt="Executions that have ended, the newest first",
            height=min(32 * (len(listed.ended) + 1) + 2, 680),
        )
        at = clicked_row(event, len(listed.ended))
        opened = listed.ended[at].id if at is not None else opened
    if listed.more:
        st.button("Show older", icon=":material/expand_more:", key="executions-older", on_click=show_older)
    return opened


def show_older() -> None:
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, STEP) + STEP


def nothing(actor: Actor, *, filtered: bool) -> None:
    if filtered:
        parts.empty_state("search_off", "No execution fits", "Change the pattern, the statuses or the agent.")
        return
    who = "launch" if actor.may("launch") else "ask a member to launch"
    with parts.empty_state(
        "bolt", "No executions yet", f"Describe a pattern in its workspace, then {who} its first execution."
    ):
        st.page_link("workspaces.py", label="Workspaces", icon=":material/grid_view:")


require_actor()
with parts.header("Executions"):
    with guarded(), transaction() as session:
        earlier = executions.has_earlier(session)
    if earlier:
        st.page_link("earlier.py", label="From before workspaces", icon=":material/history:")
st.fragment(listing, run_every=LIVE_SECONDS if st.session_state.get(_LIVE) else IDLE_SECONDS)()
