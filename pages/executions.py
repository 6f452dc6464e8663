"""All executions: live ones first, told of changes by the live stream, then what has ended, a page at a time; filters in the address, CSV."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any, Final

import streamlit as st

from pages.components import address, looks, parts
from pages.components.actor import require_actor, viewer_now
from pages.components.errors import guarded
from pages.components.executions.narrowing import KEY, MORE, from_address, in_words, report_filters
from pages.components.executions.rows import FILTERS, columns, filter_label, fits, live_card
from pages.components.follow.component import ALL_EXECUTIONS, follow
from pages.components.links import go
from pages.components.rows.component import rows_table
from pages.components.runs.component import live_runs
from pages.components.runs.state import is_live, waits_for_worker
from services import executions, people, stats, system, timeline, workspaces
from services.database.engine import transaction
from services.executions import AGENTS, ExecutionFilter, ExecutionRow
from services.people import Actor
from services.stats import Filters

STEP: Final = 200
Cursor = tuple[datetime, uuid.UUID]
_PAGES: Final = "executions-pages"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the filters let through; `more` says that older ones were not read."""

    live: list[ExecutionRow]
    ended: list[ExecutionRow]
    more: bool
    workers: int | None  # how many are connected; counted only where a run waits for one
    total: int | None  # how many there are, where that is kept
    position: int  # of the timelines before the rows were read


def read(wanted: ExecutionFilter, before: Cursor | None) -> Listed:
    with transaction() as session:
        position = timeline.position(session)
        active = [] if before else executions.list_active(session)
        rows = executions.page_of(session, wanted, before=before, limit=STEP)
        waiting = any(waits_for_worker(row) for row in active)
        workers = len(system.list_workers(session)) if waiting else None
        total = _kept_total(session, wanted)
    chosen = list(wanted.outcomes or ())
    listed = {row.id for row in rows}
    live = [row for row in active if fits(row, chosen) and (row.id in listed or _passes(row, wanted))]
    ended = [row for row in rows if not is_live(row)]
    return Listed(live, ended, len(rows) == STEP, workers, total, position)


def _passes(row: ExecutionRow, wanted: ExecutionFilter) -> bool:
    """A live run that is older than the page's rows: whether the filters that a row can answer let it through."""
    plain = replace(wanted, workspace_id=None, agent=None, outcomes=None)
    return (
        plain == ExecutionFilter()
        and wanted.workspace_id in (None, row.workspace_id)
        and wanted.agent in (None, row.agent)
    )


def _kept_total(session: Any, wanted: ExecutionFilter) -> int | None:
    """From the sums that are kept, so that nothing is scanned; None for filters that they don't know."""
    if wanted.retries is not None or wanted.deploy or wanted.cause or "deploy_failed" in (wanted.outcomes or ()):
        return None
    since, until = (datetime.combine(day, time(), UTC) if day else None for day in (wanted.since, wanted.until))
    sums = stats.run_totals(
        session,
        Filters(wanted.workspace_id, since, until, wanted.category, wanted.person_id, wanted.agent, wanted.target),
    )
    return sum(n for outcome, n in sums.items() if outcome in (wanted.outcomes or sums))


def listing() -> None:
    """The filters and what they let through; drawn again when an execution changed."""
    actor = require_actor()  # again, because a fragment runs on without the page around it
    with guarded(stop=True), transaction() as session:
        names = workspaces.names(session)
        persons = {person.id: person.name for person in people.list_people(session)}
    more, odd = from_address(names)
    address.notes(odd)
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
    wanted = replace(more, workspace_id=workspace_id, outcomes=chosen or None, agent=agent)
    _write(wanted)
    address.narrowed(in_words(more, persons), MORE, key="executions-all")
    pages = _pages(wanted)
    with guarded(stop=True):
        listed = read(wanted, pages[-1] if pages else None)
    with csv_place:
        words = [names[workspace_id]] if workspace_id else []
        words += [*(wanted.outcomes or ()), *([agent] if agent else []), *in_words(more, persons)]
        parts.export_menu("executions", report_filters(wanted), actor, called=" ".join(words))
    filtered = wanted != ExecutionFilter()
    opened = draw(listed, actor, filtered=filtered, deep=bool(pages))
    if opened is not None:
        go("execution", id=opened)
    follow(ALL_EXECUTIONS, actor, seen=listed.position, running=bool(listed.live))


def _write(wanted: ExecutionFilter) -> None:
    """The usual filters into the address; what a link narrowed to stands there already."""
    chosen: Mapping[str, address.Written] = {
        "workspace": wanted.workspace_id,
        "status": list(wanted.outcomes or ()),
        "agent": wanted.agent,
    }
    address.write(chosen)
    address.settled(KEY)


def _pages(wanted: ExecutionFilter) -> list[Cursor]:
    """Where each page that was turned over ended; other filters begin at the newest again."""
    held = st.session_state.get(_PAGES)
    if held is None or held[0] != wanted:
        held = (wanted, [])
        st.session_state[_PAGES] = held
    pages: list[Cursor] = held[1]
    return pages


def draw(listed: Listed, actor: Actor, *, filtered: bool, deep: bool) -> uuid.UUID | None:
    if not listed.live and not listed.ended and not deep:
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
        label = "Executions that have ended, the newest first"
        at, _ = rows_table(columns(now), listed.ended, key="executions-table", label=label, titles=2)
        opened = listed.ended[at].id if at is not None else opened
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if deep:
            st.button("Newest", icon=":material/first_page:", key="executions-newest", on_click=turn, args=(None,))
            st.button("Newer", icon=":material/chevron_left:", key="executions-newer", on_click=turn, args=(None, True))
        if listed.more:
            last = listed.ended[-1] if listed.ended else listed.live[-1]
            place = (last.triggered_at, last.id)
            st.button("Show older", icon=":material/expand_more:", key="executions-older", on_click=turn, args=(place,))
        if listed.total is not None:
            st.caption(f"{looks.count(listed.total, 'execution')} in all", width="content")
    return opened


def turn(place: Cursor | None, back: bool = False) -> None:
    """Turns to the page after `place`, back by one, or to the newest."""
    pages: list[Cursor] = st.session_state[_PAGES][1]
    if place is not None:
        pages.append(place)
    elif back:
        pages.pop()
    else:
        pages.clear()


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
st.fragment(listing)()
