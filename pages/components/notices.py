"""What everybody has to know before they click: runs are paused, the disk is full, no worker runs."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.links import go
from services import disk, holding, system, timeline
from services.database.engine import is_unreachable, transaction
from services.errors import PatternDeskError
from services.people import Actor
from services.settings import get_settings

SHOWN: Final = 3  # mentions above a page
NO_WORKER = "No worker runs: sessions can be judged, and executions wait until one starts (patterndesk worker)."


@st.cache_data(ttl=3, show_spinner=False)
def current() -> list[tuple[str, str]]:
    """Kind and sentence of each thing that stands in the way now, the gravest first."""
    notices: list[tuple[str, str]] = []
    room = disk.look(get_settings())
    if room.state != "enough":
        notices.append((f"disk {room.state}", room.sentence))
    try:
        with transaction() as session:
            pause = holding.paused(session)
            elsewhere = holding.other_disks(session)
            workers = system.list_workers(session)
    except PatternDeskError:
        return notices
    except Exception as error:
        if is_unreachable(error):  # the page says so itself
            return notices
        raise
    for machine, (state, sentence) in elsewhere.items():
        if sentence.partition(":")[0] != room.sentence.partition(":")[0]:
            notices.append((f"disk {state}", f"{machine}: {sentence}"))
    if pause is not None:
        notices.append(("paused", pause.sentence))
    if not workers:
        notices.append(("no worker", NO_WORKER))
    return notices


def show(actor: Actor) -> None:
    """The notices above a page. That the disk is nearly full is for admins, who can do something about it."""
    for kind, sentence in current():
        if kind == "disk low" and not actor.may("operate"):
            continue
        symbol = {"paused": "pause_circle", "no worker": "power_off"}.get(kind, "storage")
        (st.error if kind == "disk full" else st.warning)(looks.plain(sentence), icon=f":material/{symbol}:")


@st.cache_data(ttl=3, show_spinner=False)
def _mentions(person_id: uuid.UUID, _actor: Actor) -> list[timeline.Mention]:
    try:
        with transaction() as session:
            return timeline.mentions(session, actor=_actor, limit=SHOWN)
    except Exception as error:
        if is_unreachable(error):  # the page says so itself
            return []
        raise


def mentions(actor: Actor) -> None:
    """Comments that name the person and that they have not seen; opening one leads to it in its context."""
    for mention in _mentions(actor.id, actor):
        open_now = {"id": str(mention.workspace_id), "message": str(mention.message_id)}
        if st.query_params.get("message") == open_now["message"]:
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            words = f"{mention.author} named you in {mention.workspace_name}: {mention.words}"
            st.markdown(f":material/alternate_email: {looks.plain(words)}", width="stretch")
            if st.button("Open", key=f"mention-{mention.message_id}"):
                _mentions.clear()
                go("workspace", **open_now)
