"""The dialog that makes a workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.links import go
from services import releases, workspaces
from services.agents.registry import agents
from services.database.engine import transaction
from services.detectors.bundle import patterns
from services.errors import RepositoryError

CATEGORIES: Final = ("Market structure", "Zones", "Liquidity", "Price action")
_NAME, _TYPE, _SUGGESTED = "create-name", "create-type", "create-suggested"


def suggestion(name: str) -> str:
    """ "Break of structure" → "break_of_structure": what a pattern type may look like, or "" when nothing is left."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return re.sub(r"^[^a-z]+", "", words)[:63].rstrip("_")


def _suggest() -> None:
    """Follows the name until somebody writes a pattern type of their own."""
    if st.session_state.get(_TYPE, "") in ("", st.session_state.get(_SUGGESTED, "")):
        st.session_state[_SUGGESTED] = st.session_state[_TYPE] = suggestion(st.session_state[_NAME])


def create_dialog() -> None:
    """Opens the dialog with the categories that are in use, and the pattern types that have a detector to begin with."""
    with guarded(stop=True), transaction() as session:
        used = workspaces.categories(session)
        taken = {row.pattern_type for row in workspaces.list_workspaces(session)}
    try:
        ready = [name for name in patterns(releases.repository()) if name not in taken]
    except RepositoryError:  # Admin says what is wrong with it; a workspace can be made all the same
        ready = []
    claude = any(agent.available for agent in agents() if agent.name == "claude")
    _create(sorted({*CATEGORIES, *used}), ready, claude)


def type_words(pattern_type: str, ready: Sequence[str], *, claude: bool) -> str:
    """What can make a detector of this pattern type, as a sentence under its field."""
    begun = f"A detector to begin with is there for {', '.join(ready)}. " if ready else ""
    if pattern_type in ready:
        return f"The tuner can begin with the detector of '{pattern_type}'."
    if claude:
        return f"{begun}Any other type is written by Claude."
    other = f"'{pattern_type}' has none, and" if pattern_type else "Any other type needs Claude, and"
    return f"{begun}{other} Claude is not connected here, so {'it' if pattern_type else 'that'} can be labelled and not launched."


@st.dialog("New workspace")
def _create(categories: list[str], ready: list[str], claude: bool) -> None:
    """Asks for name, pattern type and category; what was typed stays when the workspace is refused."""
    st.text_input("Name", key=_NAME, max_chars=120, live=True, on_change=_suggest, placeholder="Break of structure")
    with st.form("create", border=False):
        st.text_input(
            "Pattern type", key=_TYPE, max_chars=63, help="One workspace per pattern type; agents and files go by it."
        )
        st.caption(looks.plain(type_words(st.session_state.get(_TYPE, ""), ready, claude=claude)))
        category = st.selectbox(
            "Category",
            categories,
            index=None,
            accept_new_options=True,
            key="create-category",
            placeholder="Choose one or type a new one",
        )
        if not st.form_submit_button("Create", type="primary", icon=":material/add:"):
            return
    with guarded():
        with transaction() as session:
            workspace_id = workspaces.create(
                session,
                pattern_type=st.session_state[_TYPE],
                name=st.session_state[_NAME],
                category=category or "",
                actor=acting(),
            )
        go("workspace", id=workspace_id)
