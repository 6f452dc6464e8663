"""How a dialog opens: a click anywhere on the page asks for it, and the page's next run opens it.

Streamlit closes an open dialog when the whole page runs again and keeps it while only a part does. So nothing opens a
dialog from a part that reruns by itself; it asks, and the page looks at its end what was asked for.
"""

from __future__ import annotations

from typing import Final, NoReturn

import streamlit as st

ASKED: Final = "dialog"


def ask(name: str, *details: object) -> None:
    """Asks for a dialog of this page. For callbacks, after which the page runs again by itself."""
    st.session_state[ASKED] = (name, details)


def ask_now(name: str, *details: object) -> NoReturn:
    """Asks for a dialog and runs the whole page again, so that it opens."""
    ask(name, *details)
    st.rerun()


def asked() -> tuple[str, tuple[object, ...]] | None:
    """The dialog to open in this run and what it is about, once."""
    request: tuple[str, tuple[object, ...]] | None = st.session_state.pop(ASKED, None)
    return request
