"""The keys of every screen and the palette that Ctrl+K opens, as one component that draws nothing until it is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

import streamlit as st

from pages.components.assets import Component, asset, component
from pages.components.links import open_link, target
from pages.components.rows.component import is_narrow, set_narrow
from services.people import Actor
from services.web import tokens

FRESH_SECONDS: Final = 2400  # of the 3,600 that a token lives
_HELD: Final = "commands-token"
_HERE: Final = Path(__file__).parent


class ScreenData(TypedDict):
    """A screen that can be gone to. `link` is its address, `symbol` a Material symbol's name."""

    title: str
    symbol: str
    note: str
    link: str


class CommandsData(TypedDict):
    """`page` is the path of the screen in sight ("" for the first one), `menu` the path of the menu's entry that it
    belongs to. `narrow` is what the page was drawn for."""

    page: str
    menu: str
    token: str
    narrow: bool
    screens: list[ScreenData]


_COMMANDS: Component[CommandsData] = component(
    "commands",
    CommandsData,
    css=asset("shared.css", _HERE / "component.css"),
    js=asset(
        "shared.js",
        *(_HERE / name for name in ("menu.js", "history.js", "recover.js", "rows.js", "palette.js", "component.js")),
    ),
    triggers=("open", "renew", "width"),
)


def commands(actor: Actor, *, page: str, menu: str, screens: Sequence[ScreenData]) -> None:
    """Mounts the keys and the palette; goes to what was chosen there."""
    data: CommandsData = {
        "page": page,
        "menu": menu,
        "token": _token(actor),
        "screens": list(screens),
        "narrow": is_narrow(),
    }
    result = _COMMANDS(data, key="commands")
    width = getattr(result, "width", None)
    if isinstance(width, bool) and width != is_narrow():
        set_narrow(width)
        st.rerun()
    if getattr(result, "renew", None) is not None:
        st.session_state.pop(_HELD, None)
        st.rerun()
    link = getattr(result, "open", None)
    if isinstance(link, str) and target(link) is not None:
        open_link(link)


def _token(actor: Actor) -> str:
    """The same token for a while, so that the component's data stays the same."""
    held: tuple[float, object, str] | None = st.session_state.get(_HELD)
    if held is None or held[1] != actor.id or time.monotonic() - held[0] > FRESH_SECONDS:
        held = time.monotonic(), actor.id, tokens.mint("find", actor.id)
        st.session_state[_HELD] = held
    return held[2]
