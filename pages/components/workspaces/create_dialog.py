"""The dialog that makes a workspace."""

from __future__ import annotations

import re
from typing import Final

import streamlit as st

from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.links import go
from services import workspaces
from services.database.engine import transaction

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
    """Opens the dialog with the categories that are in use."""
    with guarded(stop=True), transaction() as session:
        used = workspaces.categories(session)
    _create(sorted({*CATEGORIES, *used}))


@st.dialog("New workspace")
def _create(categories: list[str]) -> None:
    """Asks for name, pattern type and category; what was typed stays when the workspace is refused."""
    st.text_input("Name", key=_NAME, max_chars=120, live=True, on_change=_suggest, placeholder="Break of structure")
    with st.form("create", border=False):
        st.text_input(
            "Pattern type", key=_TYPE, max_chars=63, help="One workspace per pattern type; agents and files go by it."
        )
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
