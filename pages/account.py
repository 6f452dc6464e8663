"""Who you are here, and how to become somebody else."""

from __future__ import annotations

import streamlit as st

from pages.components.actor import require_actor, sign_out
from pages.components.drawn import facts
from pages.components.parts import header
from pages.components.tokens import own_tokens
from services.settings import get_settings

actor = require_actor()
header("Account")
with st.container(border=True, width=440):
    facts([("Name", actor.name), ("E-mail", actor.email), ("Role", actor.role)], key="account-facts")
    if get_settings().oidc_configured:
        st.caption("An admin changes roles.")
    else:
        st.caption("Local mode: this machine only. Anybody at it can pick any person.")
    label = "Sign out" if get_settings().oidc_configured else "Switch person"
    if st.button(label, icon=":material/logout:"):
        sign_out()
        st.rerun()
with st.container(width=720):
    own_tokens(actor)
