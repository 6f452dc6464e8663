"""All patterns as cards or as a table: search, status, category, and the dialog that makes a new one."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.follow.component import ALL_WORKSPACES, follow
from pages.components.links import go
from pages.components.parts import empty_state, export_menu, header
from pages.components.rows.component import rows_table
from pages.components.workspaces.create_dialog import create_dialog
from pages.components.workspaces.grid import workspace_grid
from pages.components.workspaces.notices import demo_banner
from pages.components.workspaces.paging import ARCHIVED, STEP, Listed, Wanted, place, read, report_filters
from pages.components.workspaces.rows import card, columns, is_live
from services import workspaces
from services.database.engine import transaction
from services.people import Actor
from services.workspaces import Place, WorkspaceRow

VIEWS = {"cards": ":material/grid_view:", "table": ":material/table_rows:"}
_PAGES = "workspaces-pages"


def _status_label(status: str) -> str:
    if status == ARCHIVED:
        return ":gray[:material/inventory_2:] Archived"
    look = looks.STATUSES[status]
    return f":{look.color}[{look.icon}] {look.label}"


def _plain_label(status: str) -> str:
    return "Archived" if status == ARCHIVED else looks.STATUSES[status].label


def _pages(wanted: Wanted) -> list[Place]:
    """Where each page that was turned over ended; other filters begin at the first again."""
    held: tuple[Wanted, list[Place]] | None = st.session_state.get(_PAGES)
    if held is None or held[0] != wanted:
        held = (wanted, [])
        st.session_state[_PAGES] = held
    return held[1]


def turn(after: Place | None) -> None:
    """Turns to the page after a place, or back by one."""
    pages: list[Place] = st.session_state[_PAGES][1]
    if after is not None:
        pages.append(after)
    elif pages:
        pages.pop()


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
    with guarded(stop=True), transaction() as session:
        known = workspaces.categories(session)
    with category_place:
        category = st.selectbox(
            "Category",
            known,
            index=None,
            placeholder="All categories",
            label_visibility="collapsed",
            key="workspaces-category",
        )
    wanted = Wanted((search or "").strip(), tuple(statuses), category)
    pages = _pages(wanted)
    with guarded(stop=True):
        listed = read(wanted, pages[-1] if pages else None)
    with csv_place:
        words = [wanted.search, *(_plain_label(status) for status in statuses), category or ""]
        export_menu("workspaces", report_filters(wanted), actor, called=" ".join(word for word in words if word))
    opened = _draw(listed.rows, listed.sparks, view, actor, filtered=bool(search or statuses or category))
    if opened is not None:
        go("workspace", id=opened)
    _turning(listed, pages)
    follow(ALL_WORKSPACES, actor, seen=listed.position, running=any(is_live(row) for row in listed.rows))


def _turning(listed: Listed, pages: list[Place]) -> None:
    """Says which of all are shown, and turns the pages, where there are several."""
    if not pages and len(listed.rows) >= listed.total:
        return
    first = STEP * len(pages) + 1
    last = first + len(listed.rows) - 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if pages:
            st.button("Back", icon=":material/chevron_left:", key="workspaces-back", on_click=turn, args=(None,))
        if last < listed.total and listed.rows:
            last_shown = place(listed.rows[-1])
            st.button(
                "Show more", icon=":material/chevron_right:", key="workspaces-more", on_click=turn, args=(last_shown,)
            )
        st.caption(f"{first:,}–{last:,} of {looks.count(listed.total, 'workspace')}", width="content")


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
