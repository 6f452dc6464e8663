"""The dialogs of a workspace that people fill in: describe, comment, approve, withdraw, reopen, archive."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import streamlit as st

from pages.components import looks, uploads
from pages.components.actor import acting, require_actor
from pages.components.drawn import checks
from pages.components.errors import guarded
from services import review, timeline, workspaces
from services.database.engine import transaction
from services.people import Actor
from services.review import Guard, Returned
from services.workspaces import WorkspaceDetail


def _detail(workspace_id: uuid.UUID) -> WorkspaceDetail:
    with guarded(stop=True), transaction() as session:
        return workspaces.get(session, workspace_id)
    raise AssertionError("a guarded block that stops does not go on")


def describe(workspace_id: uuid.UUID) -> None:
    """Description, reasoning, steps and pictures: what the first execution works from."""
    _describe(workspace_id, _detail(workspace_id))


@st.dialog("Describe the pattern", width="medium")
def _describe(workspace_id: uuid.UUID, workspace: WorkspaceDetail) -> None:
    with st.form("describe", border=False):
        description = st.text_area(
            "Description",
            workspace.description or "",
            height=110,
            key=f"describe-description-{workspace_id}",
            placeholder="What the pattern is, and where it begins and ends.",
        )
        reasoning = st.text_area(
            "Reasoning",
            workspace.user_reasoning or "",
            height=110,
            key=f"describe-reasoning-{workspace_id}",
            placeholder="Why it matters, and how you tell it from what looks alike.",
        )
        steps = st.text_area(
            "Identification steps, one a line",
            "\n".join(workspace.identification_steps),
            height=110,
            key=f"describe-steps-{workspace_id}",
            placeholder="Find the last confirmed swing\nWait for a close beyond it",
        )
        files = st.file_uploader(
            "Charts and files", uploads.FILE_TYPES, accept_multiple_files=True, key=f"describe-files-{workspace_id}"
        )
        if not st.form_submit_button("Save", type="primary", icon=":material/check:"):
            return
    with guarded():
        actor, kept = acting(), uploads.stored(files)
        with transaction() as session:
            workspaces.describe(
                session,
                workspace_id,
                description=description,
                user_reasoning=reasoning,
                identification_steps=steps.splitlines(),
                attachments=uploads.recorded(session, kept, actor=actor),
                actor=actor,
            )
        st.rerun()


def _worded(
    label: str,
    act: Callable[[str, Actor], None],
    *,
    about: uuid.UUID,
    button: str,
    symbol: str,
    text: str = "",
    lead: str | None = None,
) -> None:
    """One text about one thing, and one button; the text stays when the action is refused."""
    if lead:
        st.text(lead)
    with st.form("worded", border=False):
        words = st.text_area(label, text, height=110, key=f"worded-{button}-{about}")
        if not st.form_submit_button(button, type="primary", icon=f":material/{symbol}:"):
            return
    with guarded():
        act(words, acting())
        st.rerun()


def _confirmed(sentence: str, act: Callable[[Actor], None], *, button: str, symbol: str) -> None:
    """One sentence and one button."""
    st.text(sentence)
    if st.button(button, type="primary", icon=f":material/{symbol}:", key="confirmed"):
        with guarded():
            act(acting())
            st.rerun()


def approve(workspace_id: uuid.UUID) -> None:
    """The evidence as it stands, and a comment for the admin."""
    with guarded(stop=True), transaction() as session:
        guards = review.approval_guards(review.evidence(session, workspace_id))
        returned = review.open_return(session, workspace_id)
    _approve(workspace_id, guards, returned)


@st.dialog("Approve for review")
def _approve(workspace_id: uuid.UUID, guards: Sequence[Guard], returned: Returned | None) -> None:
    checks([(guard.holds, guard.sentence) for guard in guards], key="approve-checks")

    def act(words: str, actor: Actor) -> None:
        with transaction() as session:
            review.approve(session, workspace_id, comment=words, actor=actor)

    label = "Comment for the admin (optional)" if returned is None else "What was done about it"
    lead = None if returned is None else f"{returned.by} returned it: {returned.reason}"
    _worded(label, act, about=workspace_id, button="Approve", symbol="thumb_up", lead=lead)


def blind(workspace_id: uuid.UUID) -> None:
    """Whether people see others' verdicts before giving their own."""
    _blind(workspace_id, _detail(workspace_id).blind_review)


@st.dialog("Blind review")
def _blind(workspace_id: uuid.UUID, on: bool) -> None:
    def act(actor: Actor) -> None:
        with transaction() as session:
            workspaces.set_blind_review(session, workspace_id, not on, actor=actor)

    if on:
        sentence = "Others' verdicts on a mark show only once one has judged it. Shall everybody see them at once?"
    else:
        sentence = "Everybody sees others' verdicts at once. Shall they show only once one has judged the mark?"
    _confirmed(sentence, act, button="Show them at once" if on else "Judge blind", symbol="visibility_lock")


@st.dialog("Withdraw the approval")
def withdraw(workspace_id: uuid.UUID) -> None:
    """Back to beta by the person who approved."""

    def act(words: str, actor: Actor) -> None:
        with transaction() as session:
            review.withdraw(session, workspace_id, reason=words.strip() or None, actor=actor)

    lead = "The workspace goes back to beta."
    _worded("Reason (optional)", act, about=workspace_id, button="Withdraw", symbol="undo", lead=lead)


@st.dialog("Reopen")
def reopen(workspace_id: uuid.UUID) -> None:
    """From verified back to beta, with a reason."""

    def act(words: str, actor: Actor) -> None:
        with transaction() as session:
            review.reopen(session, workspace_id, reason=words, actor=actor)

    lead = "The workspace goes back to beta; the reason shows on the timeline."
    _worded("Reason", act, about=workspace_id, button="Reopen", symbol="lock_open", lead=lead)


@st.dialog("Archive")
def archive(workspace_id: uuid.UUID) -> None:
    """Hides the workspace from lists."""

    def act(actor: Actor) -> None:
        with transaction() as session:
            workspaces.archive(session, workspace_id, actor=actor)

    _confirmed(
        "It disappears from the lists; all of it is kept, and an admin can restore it.",
        act,
        button="Archive",
        symbol="archive",
    )


@st.dialog("Restore")
def restore(workspace_id: uuid.UUID) -> None:
    """Brings an archived workspace back."""

    def act(actor: Actor) -> None:
        with transaction() as session:
            workspaces.restore(session, workspace_id, actor=actor)

    _confirmed("It comes back into the lists as it was.", act, button="Restore", symbol="unarchive")


def edit_comment(message_id: uuid.UUID) -> None:
    """Changes one's own comment."""
    with guarded(stop=True), transaction() as session:
        comment = timeline.entry(session, message_id)
    _edit_comment(message_id, (comment.content or "") if comment else "")


@st.dialog("Edit comment")
def _edit_comment(message_id: uuid.UUID, text: str) -> None:

    def act(words: str, actor: Actor) -> None:
        with transaction() as session:
            timeline.edit_comment(session, message_id, words, actor=actor)

    _worded("Comment", act, about=message_id, button="Save", symbol="check", text=text)


@st.dialog("Delete comment")
def delete_comment(message_id: uuid.UUID) -> None:
    """Takes back one's own comment."""

    def act(actor: Actor) -> None:
        with transaction() as session:
            timeline.delete_comment(session, message_id, actor=actor)

    _confirmed(
        "Its place on the timeline stays and says that a comment was deleted.", act, button="Delete", symbol="delete"
    )


@st.dialog("The pattern as it was described", width="medium")
def description(workspace_id: uuid.UUID) -> None:
    """What the agents work from, to read."""
    actor, workspace = require_actor(), _detail(workspace_id)
    if not workspace.is_described:
        st.caption("Nobody has described this pattern yet.")
        return
    for label, text in (("Description", workspace.description), ("Reasoning", workspace.user_reasoning)):
        st.markdown(f"**{label}**")
        st.text(text or looks.MISSING)
    st.markdown("**Identification steps**")
    st.text("\n".join(f"{n}. {step}" for n, step in enumerate(workspace.identification_steps, 1)))
    _pictures(workspace.attachments, actor)


def _pictures(keys: Sequence[str], actor: Actor) -> None:
    if not keys:
        return
    with transaction() as session:
        known = timeline.attachment_names(session, keys)
    st.markdown("**Files**")
    for key in keys:
        if key in known:
            st.markdown(f"[{looks.plain(known[key].name)}]({uploads.link(key, actor)})")
