"""Pinned places: no replay of a new version may break one, whatever the policy lets pass."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from services import policies
from services.database.engine import transaction
from services.people import Actor
from services.policies import AgreedRow

SHOWN: Final = 20


def pinned_places(workspace_id: uuid.UUID, actor: Actor) -> None:
    """What is pinned, each with a button that lets it go, and a choice of what else people agree on."""
    with transaction() as session:
        pins = policies.pins(session, workspace_id)
        agreed = policies.agreed(session, workspace_id) if actor.may("pin") else []
    if not pins and not agreed:
        return
    with st.expander(f"Pinned places ({len(pins):,})", icon=":material/keep:", key="versions-pins"):
        st.caption("No replay of a new version may break a pinned place, whatever the policy lets pass.")
        for row in pins[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                where = f"{looks.kind_label(row.kind, row.direction)} at bar {row.bar:,}, pinned by {row.person}"
                st.text(where, width="stretch")
                if actor.may("pin") and st.button("Unpin", icon=":material/keep_off:", key=f"pins-off-{row.id}"):
                    _unpin(workspace_id, row.id)
        if len(pins) > SHOWN:
            st.caption(f"and {len(pins) - SHOWN:,} more; the workspace's settings list all of them")
        if agreed:
            _choose(workspace_id, agreed)


def _choose(workspace_id: uuid.UUID, agreed: list[AgreedRow]) -> None:
    by_id = {row.id: row for row in agreed}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "A place that people agree on", list(by_id), format_func=lambda i: _label(by_id[i]), key="pins-place"
        )
        pressed = st.button("Pin", icon=":material/keep:", key="pins-on")
    if not pressed:
        return
    with guarded() as outcome:
        person = acting()
        with transaction() as session:
            policies.pin(session, workspace_id, chosen, actor=person)
    if outcome.ok:
        st.rerun()


def _label(row: AgreedRow) -> str:
    said = "there" if row.present else "not there"
    return f"{row.symbol} {row.at:%Y-%m-%d}, {looks.kind_label(row.kind, row.direction)}: {said}"


def _unpin(workspace_id: uuid.UUID, pin_id: uuid.UUID) -> None:
    with guarded() as outcome:
        person = acting()
        with transaction() as session:
            policies.unpin(session, workspace_id, pin_id, actor=person)
    if outcome.ok:
        st.rerun()
