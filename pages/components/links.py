"""Addresses of the screens: from the links that services put into errors and messages to Streamlit's pages."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

_PAGES_DIR: Final = Path(__file__).resolve().parent.parent
# The path of an address to the page's file, relative to the router.
FILES: Final = {
    "": "workspaces.py",
    "workspace": "workspace.py",
    "sessions": "sessions.py",
    "session": "session.py",
    "dataset": "dataset.py",
    "corrections": "corrections.py",
    "executions": "executions.py",
    "earlier": "earlier.py",
    "execution": "execution.py",
    "review": "review.py",
    "versions": "versions.py",
    "disputes": "disputes.py",
    "statistics": "stats.py",
    "account": "account.py",
    "admin": "admin.py",
}


def exists(name: str) -> bool:
    """Whether the screen at this path (a key of FILES) is there."""
    return name in FILES and (_PAGES_DIR / FILES[name]).is_file()


def target(link: str) -> tuple[str, dict[str, str]] | None:
    """ "/execution?id=1" → ("execution.py", {"id": "1"}); None for what is no address of ours."""
    parts = urlsplit(link)
    name = parts.path.strip("/")
    if parts.scheme or parts.netloc or not exists(name):
        return None
    return FILES[name], dict(parse_qsl(parts.query))


def go(name: str, **query: object) -> NoReturn:
    """Opens a screen: `go("workspace", id=workspace_id)`."""
    st.switch_page(FILES[name], query_params={key: str(value) for key, value in query.items()})


def open_link(link: str) -> NoReturn:
    """Opens a screen by its address, as services and charts name it."""
    address = target(link)
    assert address is not None, link
    st.switch_page(address[0], query_params=address[1])


def seen(name: str, object_id: uuid.UUID) -> None:
    """Remembers what the screen showed, for `back_to_seen`."""
    st.session_state[f"seen-{name}"] = object_id


def back_to_seen(name: str, object_id: uuid.UUID) -> None:
    """Called when a screen finds nothing under an address: shows what it showed before in this tab, if anything.

    Going from one screen to another leaves an entry in the browser's history that has the first one's path and the
    second one's id, and the back button stops there.
    """
    before = st.session_state.get(f"seen-{name}")
    if before is not None and before != object_id:
        st.query_params["id"] = str(before)
        st.rerun()


def link_to(link: str | None, label: str, *, icon: str | None = None) -> None:
    """A link to a screen, or nothing when the address is none of ours."""
    address = target(link) if link else None
    if address:
        st.page_link(address[0], label=label, icon=icon, query_params=address[1])
