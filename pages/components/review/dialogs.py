"""The decisions of a review: return with a reason, verify after a confirmation."""

from __future__ import annotations

import uuid
from typing import Final, NoReturn

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.done import done
from pages.components.drawn import checks
from pages.components.errors import guarded
from services import review, workspaces
from services.database.engine import transaction
from services.lifecycle import verified_version

LINES: Final = {
    "judged": "judged places",
    "unseen": "unseen places",
    "lower_bound": "the rate's lower bound",
    "settled": "disputes settled",
}


def _next_of(workspace_id: uuid.UUID) -> uuid.UUID | None:
    """What waits after this one in the queue, else what waits before it."""
    with transaction() as session:
        waiting = [row.workspace_id for row in review.queue(session)]
    if workspace_id not in waiting:
        return None
    at = waiting.index(workspace_id)
    others = [*waiting[at + 1 :], *reversed(waiting[:at])]
    return others[0] if others else None


def _decided(sentence: str, symbol: str, then: uuid.UUID | None) -> NoReturn:
    """As `done`, with the next of the queue in sight."""
    if then is not None:
        st.query_params["id"] = str(then)
    done(sentence, symbol)


@st.dialog("Return to beta", icon=":material/undo:")
def return_to_beta(workspace_id: uuid.UUID) -> None:
    """A reason, which shows on the timeline; it stays in the field when the return is refused."""
    actor = require_actor()
    st.text("The approval is taken away and the workspace goes back to beta. The reason shows on its timeline.")
    with st.form("return", border=False):
        reason = st.text_area(
            "Reason",
            height=110,
            max_chars=4000,
            key="return-reason",
            placeholder="What has to change before it can be verified",
        )
        if not st.form_submit_button("Return", type="primary", icon=":material/undo:", key="return-yes"):
            return
    then = _next_of(workspace_id)
    with guarded() as outcome, transaction() as session:
        review.return_to_beta(session, workspace_id, reason=reason, actor=actor)
    if outcome.ok:
        _decided("Returned to beta.", "undo", then)


@st.dialog("Approve for review", icon=":material/thumb_up:")
def approve(workspace_id: uuid.UUID) -> None:
    """The checklist as it stands, and a comment for the admin: after a return, what was done about its reason."""
    actor = require_actor()
    with guarded(stop=True), transaction() as session:
        guards = review.approval_guards(review.evidence(session, workspace_id))
        returned = review.open_return(session, workspace_id)
    checks([(guard.holds, guard.sentence) for guard in guards], key="approve-checks")
    if returned is not None:
        st.text(f"{returned.by} returned it: {returned.reason}")
    with st.form("approve", border=False):
        label = "What was done about it" if returned is not None else "Comment for the admin (optional)"
        comment = st.text_area(label, height=110, max_chars=4000, key="approve-comment")
        if not st.form_submit_button("Approve", type="primary", icon=":material/thumb_up:", key="approve-yes"):
            return
    with guarded() as outcome, transaction() as session:
        review.approve(session, workspace_id, comment=comment, actor=actor)
    if outcome.ok:
        done("Approved for review.", "thumb_up")


@st.dialog("Waive a line of the checklist", icon=":material/gpp_maybe:")
def waive(workspace_id: uuid.UUID, line: str, sentence: str) -> None:
    """A reason, which shows on the timeline and beside the line, for the version that is deployed now."""
    actor = require_actor()
    st.text(f"{sentence}. The deployed version may be approved without it; the next version may not.")
    with st.form("waive", border=False):
        reason = st.text_area("Reason", height=110, max_chars=4000, key="waive-reason")
        if not st.form_submit_button("Waive", type="primary", icon=":material/gpp_maybe:", key="waive-yes"):
            return
    with guarded() as outcome, transaction() as session:
        review.waive_line(session, workspace_id, line, reason=reason, actor=actor)
    if outcome.ok:
        done("The line is waived for this version.", "gpp_maybe")


@st.dialog("Verify", icon=":material/verified:")
def verify(workspace_id: uuid.UUID) -> None:
    """What is verified and what it becomes, with the guards as they stand at this moment."""
    actor = require_actor()
    with guarded(stop=True), transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        guards = review.verification_guards(session, workspace_id, actor)
    new = verified_version(workspace.version)
    st.markdown(f"**{looks.plain(workspace.name)} v{looks.plain(workspace.version)}** becomes **v{looks.plain(new)}**.")
    checks([(guard.holds, guard.sentence) for guard in guards], key="verify-checks")
    with st.form("verify", border=False):
        comment = st.text_area("Comment (optional)", height=90, max_chars=4000, key="verify-comment")
        if not st.form_submit_button(f"Verify as {new}", type="primary", icon=":material/verified:", key="verify-yes"):
            return
    then = _next_of(workspace_id)
    with guarded() as outcome, transaction() as session:
        review.verify(session, workspace_id, comment=comment, actor=actor)
    if outcome.ok:
        _decided(f"{workspace.name} is verified as v{new}.", "verified", then)
