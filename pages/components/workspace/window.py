"""Which part of a timeline is in sight: the newest, or what lies around a message that a link or a date asked for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final

import streamlit as st

from pages.components.actor import viewer_now
from services import timeline
from services.errors import NotFound
from services.people import Actor
from services.timeline import PAGE, TimelineEntry
from services.timeline.reading import Place
from services.workspaces import WorkspaceDetail

AROUND: Final = 25  # messages before and after the one that is sought
_WINDOW: Final = "timeline-window"
_READ: Final = "timeline-read"


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a workspace's timeline around a message, so many before it and after it."""

    workspace_id: uuid.UUID
    place: Place
    before: int = AROUND
    after: int = AROUND

    @property
    def message_id(self) -> uuid.UUID:
        return self.place[1]


@dataclass(frozen=True, slots=True)
class Seen:
    """The entries of a window, and whether there are others on either side."""

    entries: list[TimelineEntry]
    older: bool
    newer: bool


def asked(session: Any, workspace_id: uuid.UUID) -> Window | None:
    """The window of this workspace that is open, opening the one that the address names."""
    held: Window | None = st.session_state.get(_WINDOW)
    if held is not None and held.workspace_id != workspace_id:
        held = None
    named = st.query_params.get("message")
    if named and (held is None or str(held.message_id) != named):
        try:
            place = timeline.place_of(session, workspace_id, uuid.UUID(named))
        except ValueError:
            place = None
        if place is None:
            st.query_params.pop("message", None)
            raise NotFound("There is no such message on this timeline.")
        held = Window(workspace_id, place)
    if held is not None and not named:
        held = None
    st.session_state[_WINDOW] = held
    return held


def read(session: Any, window: Window, actor: Actor) -> Seen:
    """What the window holds for this person, oldest first."""
    place, of = window.place, window.workspace_id
    before = timeline.page(session, of, before=place, limit=window.before + 1, viewer=actor)
    after = timeline.page_after(session, of, place, limit=window.after + 1, viewer=actor)
    older, newer = len(before) > window.before, len(after) > window.after + 1
    return Seen([*before[-window.before :], *after[: window.after + 1]], older, newer)


def show(message_id: object) -> None:
    """Opens the window around a message, and puts it into the address."""
    st.query_params["message"] = str(message_id)


def close() -> None:
    """Back to the newest."""
    st.query_params.pop("message", None)
    st.session_state.pop(_WINDOW, None)


def widen(*, older: bool) -> bool:
    """Shows more on one side; False when no window is open."""
    held: Window | None = st.session_state.get(_WINDOW)
    if held is None:
        return False
    wider = replace(held, before=held.before + PAGE) if older else replace(held, after=held.after + PAGE)
    st.session_state[_WINDOW] = wider
    return True


def jump(workspace_id: uuid.UUID, day: date) -> bool:
    """Opens the window at the first message of a day, in the reader's zone; False when there is none so late."""
    from services.database.engine import transaction

    at = datetime.combine(day, time(), viewer_now().tzinfo)
    with transaction() as session:
        place = timeline.day_start(session, workspace_id, at)
    if place is None:
        return False
    show(place[1])
    return True


def read_before(session: Any, workspace: WorkspaceDetail, actor: Actor) -> int | None:
    """How far the person had read when this visit began; what is drawn now counts as read from here on."""
    held: tuple[uuid.UUID, int | None, int] | None = st.session_state.get(_READ)
    if held is None or held[0] != workspace.id:
        held = (workspace.id, timeline.last_read(session, workspace.id, actor=actor), 0)
    if workspace.message_seq > held[2]:
        timeline.mark_read(session, workspace.id, workspace.message_seq, actor=actor)
    st.session_state[_READ] = (workspace.id, held[1], workspace.message_seq)
    return held[1]
