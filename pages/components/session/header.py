"""What a session's header does: rename, note, download, retest, run again, complete."""

from __future__ import annotations

import streamlit as st

from pages.components import looks, parts
from pages.components.errors import guarded
from pages.components.links import go, link_to
from services import actions, feedback, sessions
from services.database.engine import transaction
from services.lifecycle import SessionStatus
from services.people import Actor
from services.sessions import SessionDetail


def complete_dialog(detail: SessionDetail, left: int, actor: Actor) -> None:
    """Asks before the score is frozen, with how many marks are judged and how many are `left`. It is drawn for as long as
    `completing` says so, because the board lets the screen run again now and then."""

    def dismissed() -> None:
        completing(detail, False)

    @st.dialog("Complete this session?", icon=":material/task_alt:", on_dismiss=dismissed)
    def ask() -> None:
        if detail.version is None:
            with guarded(stop=True), transaction() as session:
                marked = sessions.marked_places(session, detail.id)
            st.markdown(f"**{looks.count(marked, 'place')} marked.**")
            st.markdown(
                "Completing ends the marking in this session. What is marked goes to the agent with the next launch; "
                "there is no score, for no detector has said anything yet."
            )
            buttons()
            return
        judged = detail.detection_count - left
        st.markdown(f"**{judged:,} judged, {left:,} not judged.**")
        st.markdown(
            "Completing freezes the score of this session, so its marks can't be judged any more. "
            "Marks that nobody judged don't count. For the deployed version it moves the workspace's success rate."
        )
        if not judged:
            st.warning("Nothing is judged yet, so this session would have no score.", icon=":material/info:")
        buttons()

    def buttons() -> None:
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Keep judging" if detail.version else "Keep marking", key="complete-no"):
                dismissed()
                st.rerun()
            if st.button("Complete", key="complete-yes", type="primary"):
                with guarded() as outcome, transaction() as session:
                    sessions.complete(session, detail.id, actor=actor)
                if outcome.ok:
                    dismissed()
                    st.rerun()

    ask()


def completing(detail: SessionDetail, wanted: bool | None = None) -> bool:
    """Whether this tab asks to complete the session; `wanted` sets it."""
    key = f"completing-{detail.id}"
    if wanted is not None:
        st.session_state[key] = wanted
    return bool(st.session_state.get(key))


def retest_button(detail: SessionDetail, actor: Actor) -> None:
    """Runs the same window with the version that is deployed now, when it is another one."""
    another = detail.deployed_version_id not in (None, detail.version_id)
    if not another or detail.dataset_id is None or not actor.may("run_session"):
        return
    label = f"Retest with v{detail.deployed_version}"
    if st.button(
        label,
        key="session-retest",
        icon=":material/replay:",
        help="The same candles with the deployed version. Verdicts on marks that stayed the same carry over.",
    ):
        with guarded(), st.spinner("The detector is running…"):
            made = actions.retest(detail.id, actor=actor)
            go("session", id=made)


def run_again(detail: SessionDetail, actor: Actor) -> None:
    """A new session on the same window, after the detector failed."""
    with st.container(horizontal=True):
        if actor.may("run_session") and detail.dataset_id is not None:
            again = st.button("Run again", key="session-again", type="primary", icon=":material/replay:")
            if again:
                with guarded(), st.spinner("The detector is running…"):
                    made = actions.run_session(
                        detail.workspace_id,
                        dataset_id=detail.dataset_id,
                        start_index=detail.start_index,
                        end_index=detail.end_index,
                        name=detail.name,
                        coverage=detail.coverage,
                        retest_of_id=detail.retest_of_id,
                        actor=actor,
                    )
                    go("session", id=made)
        link_to(f"/workspace?id={detail.workspace_id}", detail.workspace_name, icon=":material/forum:")


def more_menu(detail: SessionDetail, actor: Actor) -> None:
    """What is done now and then: the CSV, a note for the agent, another name, the workspace."""
    with st.popover("More", type="tertiary", icon=":material/more_horiz:"):
        parts.export_link("Marks as CSV", "marks", {"session": str(detail.id)}, actor, called=detail.name)
        link_to(f"/workspace?id={detail.workspace_id}", looks.plain(detail.workspace_name), icon=":material/forum:")
        if actor.may("judge") and detail.status in (SessionStatus.ACTIVE, SessionStatus.COMPLETED):
            _note(detail, actor)
        if actor.may("run_session"):
            with st.form("session-rename", border=False):
                name = st.text_input("Name", value=detail.name, max_chars=120)
                if st.form_submit_button("Rename"):
                    with guarded() as outcome, transaction() as session:
                        sessions.rename(session, detail.id, name, actor=actor)
                    if outcome.ok:
                        st.rerun()


def reopen_button(detail: SessionDetail, actor: Actor) -> None:
    """Opens a completed session again, for who completed it within a day and for admins."""
    if detail.status != SessionStatus.COMPLETED:
        return
    with transaction() as session:
        if not sessions.may_reopen(session, detail.id, actor=actor):
            return
    with (
        st.popover("Open again", type="tertiary", icon=":material/lock_open:"),
        st.form("session-reopen", border=False),
    ):
        st.caption("The score as it is now stays as a revision. An approval that counts this session is void.")
        reason = st.text_input("Reason", max_chars=1000, placeholder="It shows on the timeline")
        if st.form_submit_button("Open this session again", type="primary"):
            with guarded() as outcome, transaction() as session:
                sessions.reopen(session, detail.id, reason=reason, actor=actor)
            if outcome.ok:
                st.rerun()


def _note(detail: SessionDetail, actor: Actor) -> None:
    with st.form("session-note", border=False, clear_on_submit=True):
        text = st.text_area(
            "Note for the agent", max_chars=4000, placeholder="What should change, beyond single marks", height=90
        )
        if st.form_submit_button("Add note"):
            with guarded() as outcome, transaction() as session:
                feedback.add_comment_item(session, detail.workspace_id, text, session_id=detail.id, actor=actor)
            if outcome.ok:
                st.toast("The note was added; it goes to the agent with the next batch.", icon=":material/check:")
