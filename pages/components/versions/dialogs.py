"""What can be done to versions, each asked first: roll back with a reason, adopt a commit made by hand."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components.actor import require_actor
from pages.components.done import done
from pages.components.errors import guarded
from pages.components.links import exists, go
from services import actions, deployments
from services.actions import HandMade
from services.database.engine import transaction


@st.dialog("Roll back", icon=":material/history:")
def roll_back(workspace_id: uuid.UUID, version_id: uuid.UUID) -> None:
    """What it does, and a reason; the worker then has the deploy target run the version again."""
    actor = require_actor()
    with guarded(stop=True), transaction() as session:
        version = deployments.get_version(session, version_id)
    st.text(
        f"v{version.name} is deployed again and its files are put back onto main. Its rate comes back with it. An "
        "approval of the version that runs now is void, and a verified pattern goes back to beta unless this version "
        "was verified."
    )
    with st.form("roll-back", border=False):
        reason = st.text_area("Reason", height=110, max_chars=4000, key="roll-back-reason")
        pressed = st.form_submit_button(
            f"Roll back to v{version.version}", type="primary", icon=":material/history:", key="roll-back-yes"
        )
    if not pressed:
        return
    with guarded() as outcome, transaction() as session:
        deployments.request_roll_back(session, workspace_id, version_id, reason=reason, actor=actor)
    if outcome.ok:
        done(f"Rolling back to v{version.version}.", "history")


@st.dialog("Adopt a commit", icon=":material/merge:")
def adopt(workspace_id: uuid.UUID, commit: HandMade) -> None:
    """The commit, and what happens to it."""
    actor = require_actor()
    st.text(f"{commit.commit[:12]} by {commit.author}: {commit.subject}")
    st.text("It goes through the same gates as an agent's change, and is deployed when it passes.")
    if not st.button("Adopt", type="primary", icon=":material/merge:", key="adopt-yes"):
        return
    with guarded() as outcome:
        execution_id = actions.adopt(workspace_id, commit.commit, actor=actor)
    if outcome.ok and exists("execution"):
        go("execution", id=execution_id)
