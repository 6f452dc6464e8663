"""Lines at the top of a screen that say what the whole product is busy with."""

from __future__ import annotations

import streamlit as st

from pages.components import looks
from pages.components.errors import guarded
from services import demo_state
from services.database.engine import transaction


def demo_banner() -> None:
    """Says that the demo is being built and which step it is at, or why it could not be."""
    demo = None
    with guarded(), transaction() as session:
        demo = demo_state.read(session)
    if demo is None or demo.state == "ready":
        return
    step = looks.plain(demo.step).rstrip(".")
    if demo.state == "building":
        st.info("The demo is being built" + (f": {step}." if step else "."), icon=":material/construction:")
    else:
        st.warning("The demo could not be built" + (f": {step}." if step else "."), icon=":material/warning:")
