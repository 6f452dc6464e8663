"""Tells a fragment that what it shows has changed: it is drawn again then, and not before."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final, TypedDict

import streamlit as st

from pages.components.assets import Component, asset, component
from services.people import Actor
from services.web import tokens
from services.web.changes import EXECUTION, EXECUTIONS, WORKSPACE, WORKSPACES, Scope

ALL_EXECUTIONS: Final = Scope(EXECUTIONS)
ALL_WORKSPACES: Final = Scope(WORKSPACES)
_URLS: Final = "follow-urls"
_MOST_URLS: Final = 20


class FollowData(TypedDict):
    """`seen` is the position of what is shown; `running` says that something on the page is at work."""

    url: str
    seen: int
    running: bool


_HERE: Final = Path(__file__).parent
HTML: Final = (
    '<div class="root"><div class="offline small muted" role="status" hidden>'
    "The live connection broke off; this page looks again every ten seconds.</div></div>"
)
CSS: Final = asset("shared.css", _HERE / "component.css")
JS: Final = asset("shared.js", "live.js", _HERE / "component.js")
_FOLLOW: Component[FollowData] = component(
    "follow", FollowData, html=HTML, css=CSS, js=JS, triggers=("refresh", "renew")
)


def workspace(workspace_id: uuid.UUID) -> Scope:
    return Scope(WORKSPACE, workspace_id)


def execution(workspace_id: uuid.UUID, execution_id: uuid.UUID) -> Scope:
    return Scope(EXECUTION, workspace_id, execution_id)


def follow(scope: Scope, actor: Actor, *, seen: int, running: bool = False, key: str = "follow") -> None:
    """Draws the fragment that calls it again when something of the scope changes, at most once a second.

    `seen` is `timeline.position`, read before what is shown. While something is `running` the page also looks after ten
    seconds without news, because a run that falls silent raises no event; so it does when the live connection is lost.
    """
    asked = _FOLLOW({"url": _url(scope, actor), "seen": seen, "running": running}, key=key)
    if getattr(asked, "renew", None) is not None:
        _urls().pop((scope, actor.id), None)
        st.rerun(scope="fragment")


def _url(scope: Scope, actor: Actor) -> str:
    """The address of the event stream; the same one until its token runs out."""
    urls = _urls()
    if (scope, actor.id) not in urls:
        while len(urls) >= _MOST_URLS:
            urls.pop(next(iter(urls)))
        urls[scope, actor.id] = f"/live?token={tokens.mint('live', actor.id, **scope.grant())}"
    return urls[scope, actor.id]


def _urls() -> dict[tuple[Scope, uuid.UUID], str]:
    held: dict[tuple[Scope, uuid.UUID], str] = st.session_state.setdefault(_URLS, {})
    return held
