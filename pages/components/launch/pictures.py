"""Which pictures go along with a launch: a tick for each, what they add, and a sentence when none does."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from services import prompts
from services.actions import PreparedLaunch


def choose_pictures(prepared: PreparedLaunch, items: Sequence[uuid.UUID] | None) -> None:
    """The table of pictures, folded. A changed tick makes the prompt anew on the run that it begins."""
    if prepared.agent != "claude":
        if any(item.attachments for item in prepared.items):
            st.caption(":material/hide_image: The tuner looks at no pictures, so none is sent.")
        return
    if not prepared.offered:
        st.caption(":material/hide_image: No picture goes along: nothing is attached, and no correction has a place.")
        return
    going = set(prepared.pictures)
    none = "" if going else " No picture is sent."
    label = f"Pictures: {len(going)} of {len(prepared.offered)} go along"
    with st.expander(label, icon=":material/image:", key="launch-pictures"):
        st.caption(f"Up to {prompts.MOST} go with a prompt, each about as large as 1,600 tokens at most.{none}")
        frame = pd.DataFrame(
            [{"Send": one.id in going, "Picture": one.title, "Of": one.of.capitalize()} for one in prepared.offered]
        )
        st.data_editor(
            frame,
            hide_index=True,
            disabled=["Picture", "Of"],
            column_config={
                "Send": st.column_config.CheckboxColumn(width="small"),
                "Picture": st.column_config.TextColumn(width="large"),
                "Of": st.column_config.TextColumn(width="small"),
            },
            num_rows="fixed",
            key=_key(prepared),
            height=min(38 + 35 * len(frame) + 3, 220),
            alt="Pictures to send",
            on_change=_changed,
            args=(prepared, items),
        )
    if none:
        st.caption(f":material/hide_image:{none}")


def chosen_before(agent: str, items: Sequence[uuid.UUID] | None) -> tuple[str, ...] | None:
    """What was ticked for these corrections; None while nothing was changed."""
    ticked: tuple[str, ...] | None = st.session_state.get(_ticks(agent, items))
    return ticked


def _ticks(agent: str, items: Sequence[uuid.UUID] | None) -> str:
    return f"launch-pictures-{agent}-{hash(tuple(items or ()))}"


def _key(prepared: PreparedLaunch) -> str:
    return f"launch-pictures-table-{hash((prepared.offered, prepared.pictures))}"


def _changed(prepared: PreparedLaunch, items: Sequence[uuid.UUID] | None) -> None:
    """Only what fits is taken: of more than `prompts.MOST` ticked ones the last are left out."""
    edits = st.session_state[_key(prepared)]["edited_rows"]
    ticked = tuple(
        one.id
        for place, one in enumerate(prepared.offered)
        if edits.get(place, {}).get("Send", one.id in prepared.pictures)
    )
    if len(ticked) > prompts.MOST:
        st.toast(f"Up to {prompts.MOST} pictures go with a prompt; untick others first.", icon=":material/info:")
    st.session_state[_ticks(prepared.agent, items)] = ticked[: prompts.MOST]
