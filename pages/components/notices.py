"""What everybody has to know before they click: runs are paused, the disk is full, no worker runs."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from services import disk, holding, system
from services.database.engine import is_unreachable, transaction
from services.errors import PatternDeskError
from services.people import Actor
from services.settings import get_settings

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
