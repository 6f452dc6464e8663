"""One pattern: the others at the left, its timeline in the middle, its numbers and what comes next at the right."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime

import streamlit as st

from pages.components import looks, uploads
from pages.components.actor import acting, require_actor
from pages.components.dialogs import ask_now, asked
from pages.components.errors import guarded
from pages.components.follow.component import follow
from pages.components.follow.component import workspace as follow_workspace
from pages.components.launch.dialog import launch
from pages.components.links import back_to_seen, exists, go, seen
from pages.components.parts import empty_state, header
from pages.components.runs.cancel_dialog import cancel
from pages.components.runs.state import state
from pages.components.sessions.run_dialog import run_session
from pages.components.timeline.component import NOTHING_YET, TimelineAction, say_state, timeline
from pages.components.workspace import dialogs, summary, window
from pages.components.workspace.chat import chat_box
from pages.components.workspace.export_dialog import export
from pages.components.workspace.notifications_dialog import notifications_of
from pages.components.workspace.pattern_list import pattern_list
from pages.components.workspace.settings_dialog import settings
from services import executions, feedback, questions, workspaces
from services import timeline as entries_of
from services.database.engine import transaction
from services.errors import NotFound
from services.people import Actor
from services.timeline import FILTERS, PAGE
from services.web import tokens

FILTER_LABELS = {"people": "People", "corrections": "Corrections", "executions": "Executions", "deploys": "Deploys"}
MORE = {
    "versions": ("history", "Versions", "read"),
    "disputes": ("gavel", "Disputes and rules", "read"),
    "policies": ("policy", "Policies", "read"),
    "describe": ("edit_note", "Describe", "describe_workspace"),
    "description": ("description", "Read the description", "read"),
    "blind": ("visibility_lock", "Blind review", "describe_workspace"),
    "export": ("download", "Export CSV", "export"),
    "notifications": ("notifications", "Notifications", "notify"),
    "archive": ("archive", "Archive", "archive"),
    "restore": ("unarchive", "Restore", "archive"),
}
DIALOGS: dict[str, Callable[..., None]] = {
    "versions": lambda workspace_id: go("versions", id=workspace_id),
    "disputes": lambda workspace_id: go("disputes", id=workspace_id),
    "policies": settings,
    "launch": launch,
    "run_session": run_session,
    "export": export,
    "notifications": notifications_of,
    "describe": dialogs.describe,
    "description": dialogs.description,
    "blind": dialogs.blind,
    "approve": dialogs.approve,
    "withdraw": dialogs.withdraw,
    "reopen": dialogs.reopen,
    "archive": dialogs.archive,
    "restore": dialogs.restore,
    "cancel": cancel,
    "edit_comment": dialogs.edit_comment,
    "delete_comment": dialogs.delete_comment,
}


def _chosen(actor: Actor) -> uuid.UUID | None:
    """The workspace of the address, else the one looked at last, else the first; the address then says which."""
    given = st.query_params.get("id")
    if given:
        try:
            return uuid.UUID(given)
        except ValueError:
            raise NotFound("There is no such workspace; it may have been removed, or the link is wrong.") from None
    last: uuid.UUID | None = st.session_state.get("seen-workspace")
    if last is None:
        with transaction() as session:
            first = workspaces.list_workspaces(session, limit=1)
        last = first[0].id if first else None
    if last is not None:
        st.query_params["id"] = str(last)
    return last


@st.fragment
def patterns(selected: uuid.UUID | None) -> None:
    """The list at the left, narrowed as one types."""
    actor = require_actor()
    search = st.text_input(
        "Find a pattern",
        type="search",
        placeholder="Find a pattern",
        label_visibility="collapsed",
        live=True,
        key="patterns-search",
        persist_state="session",
    )
    with guarded(stop=True):
        with transaction() as session:
            rows = workspaces.list_workspaces(session, search=(search or "").strip() or None)
            unread = entries_of.unread(session, actor=actor)
        new = {row_id: n for row_id, n in unread.items() if row_id != selected}
        opened = pattern_list(rows, selected=selected, unread=new, key="patterns")
        if opened is not None and opened != selected:
            go("workspace", id=opened)


@st.fragment
def board(workspace_id: uuid.UUID) -> None:
    """Everything that live events change: header, timeline and summary. Reruns by itself, at most once a second."""
    actor = require_actor()
    with guarded(stop=True):
        try:
            view = summary.read(workspace_id, actor)
        except NotFound:
            back_to_seen("workspace", workspace_id)
            raise
        seen("workspace", workspace_id)
        _header(view, actor)
        with st.container(horizontal=True, gap="medium"):
            with st.container(width="stretch", gap="small"):
                _act(_timeline(view, actor), workspace_id)
            with st.container(width=summary.WIDTH, gap="small"):
                summary.summary(view, actor)


def _header(view: summary.View, actor: Actor) -> None:
    workspace = view.workspace
    version = f"v{workspace.version}" if workspace.deployed_version_id else "no version yet"
    archived = " · archived" if workspace.archived_at else ""
    with header(
        workspace.name, looks.look(looks.STATUSES, workspace.status), f"{version} · {workspace.category}{archived}"
    ):
        if view.active is not None and exists("session"):
            if st.button("Open session", icon=":material/candlestick_chart:", help=looks.plain(view.active.name)):
                go("session", id=view.active.id)
        elif _may_run_beside(view, actor) and st.button(_session_label(view), icon=":material/candlestick_chart:"):
            ask_now("run_session", workspace.id)
        hidden = "archive" if workspace.archived_at else "restore"
        offered = [name for name, (_, _, right) in MORE.items() if name != hidden and actor.may(right)]
        picked = st.menu_button("More", offered, icon=":material/more_horiz:", format_func=_more_label, key="more")
        if picked:
            ask_now(picked, workspace.id)


def _more_label(name: str) -> str:
    symbol, label, _ = MORE[name]
    return f":material/{symbol}: {label}"


def _may_run_beside(view: summary.View, actor: Actor) -> bool:
    """Whether the header offers a session, because nothing at the right does."""
    offered = {offer.action for offer in (view.step.main, *view.step.others) if offer}
    return view.workspace.archived_at is None and actor.may("run_session") and "run_session" not in offered


def _session_label(view: summary.View) -> str:
    return "Run a session" if view.workspace.deployed_version_id is not None else "Label a window"


def _timeline(view: summary.View, actor: Actor) -> TimelineAction | None:
    workspace = view.workspace
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = st.segmented_control(
            "Show",
            ["all", *FILTERS],
            default="all",
            required=True,
            key="timeline-kind",
            format_func=lambda name: FILTER_LABELS.get(name, "All"),
            label_visibility="collapsed",
        )
        st.space("stretch")
        with st.popover("", icon=":material/calendar_month:", help="Go to a day", key="timeline-days"):
            day = st.date_input("Go to a day", value=None, key="timeline-day")
            if st.button("Go", key="timeline-day-go") and isinstance(day, date) and not window.jump(workspace.id, day):
                window.close()
        words = st.text_input(
            "Search timeline",
            type="search",
            placeholder="Words or #candle",
            label_visibility="collapsed",
            width=200,
            live=True,
            key="timeline-search",
        )
    kinds, search = (None if kind == "all" else kind), (words or "").strip()
    limit = _limit(view, (str(workspace.id), kind, search))
    read_to = None
    if not kinds and not search:
        with transaction() as session:
            read_to = window.read_before(session, workspace, actor)
            opened = window.asked(session, workspace.id)
        if opened is not None:
            return _window(opened, view, actor)
    with transaction() as session:
        page = entries_of.page(session, workspace.id, limit=limit + 1, kinds=kinds, search=search or None, viewer=actor)
        entries = uploads.shown(session, page[-limit:], actor=actor)
    if view.live is not None:
        say_state(entries, view.live.row.id, state(view.live.row, datetime.now(UTC)))
    empty = ("Nothing fits", "Change the filter or the search.") if kinds or search else NOTHING_YET
    if search:
        _follow_beside(view, actor)
    return timeline(
        entries,
        live_url=None if search else _live_url(workspace.id, actor),
        can_load_older=len(page) > limit,
        viewer_id=str(actor.id),
        may_ask=actor.may("comment"),
        key=f"timeline-{workspace.id}",
        scope=f"{kind}/{search}",
        kinds=None if kinds is None else [str(name) for name in FILTERS[kinds]],
        last_seq=None if search else workspace.message_seq,
        empty=empty,
        workspace_id=workspace.id,
        read_to=read_to if read_to is not None and read_to < workspace.message_seq else None,
    )


def _window(opened: window.Window, view: summary.View, actor: Actor) -> TimelineAction | None:
    """What lies around a message that a link or a date asked for; it follows the stream only where it ends at now."""
    workspace = view.workspace
    with transaction() as session:
        seen_now = window.read(session, opened, actor)
        entries = uploads.shown(session, seen_now.entries, actor=actor)
    if seen_now.newer:
        _follow_beside(view, actor)
    return timeline(
        entries,
        live_url=None if seen_now.newer else _live_url(workspace.id, actor),
        can_load_older=seen_now.older,
        viewer_id=str(actor.id),
        may_ask=actor.may("comment"),
        key=f"timeline-{workspace.id}",
        scope=f"around/{opened.message_id}",
        last_seq=None if seen_now.newer else workspace.message_seq,
        workspace_id=workspace.id,
        focus=opened.message_id,
        can_load_newer=seen_now.newer,
    )


def _follow_beside(view: summary.View, actor: Actor) -> None:
    """What stands beside a timeline that follows no stream, because it shows a search or an earlier place, follows one."""
    workspace = view.workspace
    follow(follow_workspace(workspace.id), actor, seen=workspace.message_seq, running=view.live is not None)


def _limit(view: summary.View, scope: tuple[str, str, str]) -> int:
    """How many entries to show: the pages asked for, and all that came since, so that none drops out above."""
    held = st.session_state.get("timeline-pages")
    if held is None or held["scope"] != scope:
        held = {"scope": scope, "pages": 1, "seq": view.workspace.message_seq}
        st.session_state["timeline-pages"] = held
    return int(PAGE * held["pages"] + view.workspace.message_seq - held["seq"])


def _live_url(workspace_id: uuid.UUID, actor: Actor) -> str:
    """The address of the event stream; the same one until its token runs out."""
    owner = (workspace_id, actor.id)
    held = st.session_state.get("live-url")
    if held is None or held[0] != owner:
        token = tokens.mint("live", actor.id, workspace_id=str(workspace_id))
        held = owner, f"/live?token={token}"
        st.session_state["live-url"] = held
    return str(held[1])


def _act(action: TimelineAction | None, workspace_id: uuid.UUID) -> None:
    """Does what was clicked in the timeline, or what its live stream asks for."""
    if action is None or action.name == "refresh":
        return  # this run of the fragment was the refresh
    if action.name in ("older", "newer"):
        if not window.widen(older=action.name == "older"):
            st.session_state["timeline-pages"]["pages"] += 1
        st.rerun(scope="fragment")
    if action.name == "newest":
        window.close()
        st.rerun(scope="fragment")
    if action.name == "number":
        _open_number(workspace_id, action.number or 0)
        return
    if action.name == "renew":
        st.session_state.pop("live-url", None)
        st.rerun(scope="fragment")
    assert action.id is not None
    if action.name == "show":
        window.show(action.id)
        st.rerun(scope="fragment")
    if action.name == "again":
        with guarded(), transaction() as session:
            questions.ask_again(session, uuid.UUID(action.id), actor=acting())
        return
    if action.name in ("edit", "delete"):
        ask_now(f"{action.name}_comment", uuid.UUID(action.id))
    _open(action, workspace_id)


def _open_number(workspace_id: uuid.UUID, number: int) -> None:
    """What people mean by #number: the pattern's execution of that number, else a correction at that candle."""
    with transaction() as session:
        run = executions.numbered(session, workspace_id, number)
        at = None if run else feedback.at_candle(session, workspace_id, number)
    if run is not None:
        go("execution", id=run)
    if at is not None:
        go("session", id=at[0], mark=at[1])
    st.toast(f"There is no execution {number} and no correction at candle #{number}.", icon=":material/search_off:")


def _open(action: TimelineAction, workspace_id: uuid.UUID) -> None:
    if action.kind == "feedback":
        with transaction() as session:
            corrections = feedback.list_feedback(
                session, workspace_id, ids=[uuid.UUID(str(action.id))], asking_only=False
            )
        if corrections and corrections[0].session_id and exists("session"):
            go("session", id=corrections[0].session_id, mark=corrections[0].detection_id or corrections[0].id)
    elif action.kind and exists(action.kind):
        go(action.kind, id=action.id)


actor = require_actor()
with guarded(stop=True):
    workspace_id = _chosen(actor)
    with st.sidebar:
        patterns(workspace_id)
    if workspace_id is None:
        with empty_state("candlestick_chart", "No workspaces yet", "Create the first one; its timeline shows here."):
            if st.button("Go to workspaces", type="primary"):
                go("")
        st.stop()
    chat_box(workspace_id, actor)
    board(workspace_id)
    dialog = asked()
    if dialog is not None:
        DIALOGS[dialog[0]](*dialog[1])
