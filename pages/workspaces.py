"""All patterns as cards or as a table: search, status, category, and the dialog that makes a new one."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.columns import csv_frame
from pages.components.errors import guarded
from pages.components.follow.component import ALL_WORKSPACES, follow
from pages.components.links import go
from pages.components.parts import download_csv_button, empty_state, header
from pages.components.rows.component import rows_table
from pages.components.workspaces.create_dialog import create_dialog
from pages.components.workspaces.grid import workspace_grid
from pages.components.workspaces.notices import demo_banner
from pages.components.workspaces.rows import card, columns, is_live
from services import timeline, workspaces
from services.database.engine import transaction
from services.exports import to_csv
from services.people import Actor
from services.workspaces import WorkspaceRow

VIEWS = {"cards": ":material/grid_view:", "table": ":material/table_rows:"}
ARCHIVED = "archived"


def _status_label(status: str) -> str:
    if status == ARCHIVED:
        return ":gray[:material/inventory_2:] Archived"
    look = looks.STATUSES[status]
    return f":{look.color}[{look.icon}] {look.label}"


def _read(search: str, statuses: list[str]) -> tuple[list[WorkspaceRow], dict[uuid.UUID, list[float]], int]:
    archived = ARCHIVED in statuses
    wanted = [status for status in statuses if status != ARCHIVED]
    with transaction() as session:
        position = timeline.position(session)
        rows = workspaces.list_workspaces(session, statuses=wanted or None, search=search or None, archived=archived)
        kept = [row for row in rows if not archived or row.archived_at is not None]
        return kept, workspaces.sparklines(session, [row.id for row in kept]), position


def _listing() -> None:
    """The filters and what they let through; drawn again when a workspace changed."""
    actor = require_actor()  # again and again: a fragment runs on without the page around it
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        search = st.text_input(
            "Search patterns",
            type="search",
            placeholder="Search patterns",
            label_visibility="collapsed",
            width=260,
            live=True,
            key="workspaces-search",
            persist_state="session",
        )
        statuses = st.pills(
            "Status",
            [*looks.STATUSES, ARCHIVED],
            selection_mode="multi",
            format_func=_status_label,
            label_visibility="collapsed",
            key="workspaces-status",
            persist_state="session",
        )
        category_place = st.container(width=190)
        st.space("stretch")
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default="cards",
            required=True,
            format_func=VIEWS.__getitem__,
            label_visibility="collapsed",
            key="workspaces-view",
            persist_state="session",
        )
        csv_place = st.container(width="content")
    with guarded(stop=True):
        rows, sparks, position = _read((search or "").strip(), statuses)
    with category_place:
        category = st.selectbox(
            "Category",
            sorted({row.category for row in rows}),
            index=None,
            placeholder="All categories",
            label_visibility="collapsed",
            key="workspaces-category",
        )
    chosen = [row for row in rows if category is None or row.category == category]
    with csv_place:
        download_csv_button("CSV", lambda: to_csv(csv_frame(columns(sparks), chosen)), "workspaces")
    opened = _draw(chosen, sparks, view, actor, filtered=bool(search or statuses or category))
    if opened is not None:
        go("workspace", id=opened)
    follow(ALL_WORKSPACES, actor, seen=position, running=any(is_live(row) for row in rows))


def _draw(
    rows: list[WorkspaceRow], sparks: dict[uuid.UUID, list[float]], view: str, actor: Actor, *, filtered: bool
) -> uuid.UUID | None:
    if not rows and filtered:
        empty_state("search_off", "No pattern fits", "Change the search, the statuses or the category.")
        return None
    if not rows:
        who = "Create the first one." if actor.may("create_workspace") else "A member creates the first one."
        empty_state("candlestick_chart", "No workspaces yet", f"A workspace holds one chart pattern. {who}")
        return None
    if view == "cards":
        opened = workspace_grid([card(row, sparks.get(row.id, [])) for row in rows], key="workspaces-grid")
        return uuid.UUID(opened) if opened else None
    label = "Workspaces with status, success rate and counts"
    at, _ = rows_table(columns(sparks), rows, key="workspaces-table", label=label, row_height=36, most=722)
    return None if at is None else rows[at].id


actor = require_actor()
with header("Workspaces"):
    if actor.may("create_workspace") and st.button("New workspace", type="primary", icon=":material/add:"):
        create_dialog()
demo_banner()
st.fragment(_listing)()
