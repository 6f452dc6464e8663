"""What is done with several corrections at once: taken back, or sent to an agent."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.launch.dialog import launch
from services import feedback
from services.database.engine import transaction
from services.errors import PatternDeskError
from services.feedback import CorrectionRow
from services.people import Actor

_DONE = "corrections-done"


def bulk_buttons(rows: Sequence[CorrectionRow], actor: Actor) -> None:
    """What the ticked rows can be put to; says why not, where they can't."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{looks.count(len(rows), 'correction')} ticked**", width="content")
        if not actor.may("judge"):
            st.caption(f"You are a {actor.role}: taking back and sending takes a member.")
            return
        sendable = [row for row in rows if row.state == "open" and row.split in (None, "tune")]
        patterns = {row.workspace_id for row in sendable}
        if len(patterns) == 1 and actor.may("launch"):
            label = f"Send {looks.count(len(sendable), 'open one')}"
            if st.button(label, icon=":material/send:", type="primary", key="corrections-send"):
                send(sendable)
        elif len(patterns) > 1:
            st.caption("An execution is of one pattern; tick those of one to send them.")
        mine = [row for row in rows if row.author_id == actor.id and row.state in ("open", "disputed")]
        if mine and st.button(f"Take back {len(mine):,}", icon=":material/undo:", key="corrections-withdraw"):
            withdraw_dialog([row.id for row in mine])
        if not mine and not sendable:
            st.caption("Only open corrections are sent, and only one's own are taken back while they are open.")


def send(rows: Sequence[CorrectionRow]) -> None:
    """Opens the launch dialog with exactly these."""
    with guarded(stop=True), transaction() as session:
        items = feedback.list_feedback(session, rows[0].workspace_id, states=["open"], ids=[row.id for row in rows])
    launch(rows[0].workspace_id, items=items)


@st.dialog("Take back corrections")
def withdraw_dialog(ids: Sequence[uuid.UUID]) -> None:
    """Asks once more, then takes each back by itself, so that one that can't be keeps none of the others."""
    st.markdown(
        f"{looks.count(len(ids), 'correction')} of yours will ask for nothing any more, and leave the score of their "
        "session. They can be given again on the session's screen."
    )
    if st.button("Take back", type="primary", icon=":material/undo:", key="corrections-withdraw-yes"):
        with guarded():
            st.session_state[_DONE] = withdraw(ids)
            st.rerun()


def withdraw(ids: Sequence[uuid.UUID]) -> tuple[int, list[str]]:
    """How many were taken back, and why the others were not."""
    actor, done, refused = acting(), 0, []
    for feedback_id in ids:
        try:
            with transaction() as session:
                feedback.withdraw(session, feedback_id, actor=actor)
            done += 1
        except PatternDeskError as error:
            refused.append(error.sentence)
    return done, refused


def done_note() -> None:
    """What came of taking back, once."""
    made: tuple[int, list[str]] | None = st.session_state.pop(_DONE, None)
    if made is None:
        return
    done, refused = made
    if done:
        st.success(f"{looks.count(done, 'correction')} taken back.", icon=":material/check_circle:")
    for sentence in sorted(set(refused)):
        st.warning(f"{looks.count(refused.count(sentence), 'correction')}: {looks.plain(sentence)}")
