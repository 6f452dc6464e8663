"""What waits for verification, with its evidence side by side; verify it, or return it with a reason."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.done import tell
from pages.components.drawn import checks
from pages.components.errors import guarded
from pages.components.links import exists
from pages.components.parts import badge, empty_state, header
from pages.components.review import evidence
from pages.components.review.component import queue_list
from pages.components.review.dialogs import LINES, approve, return_to_beta, verify, waive
from pages.components.trail import trail
from pages.components.workspace.dialogs import reopen, withdraw
from services import actions, review, workspaces
from services.database.engine import transaction
from services.errors import NotFound
from services.lifecycle import WorkspaceStatus, verified_version
from services.people import Actor
from services.review import Guard, QueueRow
from services.workspaces import WorkspaceDetail

QUEUE_WIDTH: Final = 268  # pixels
WAITING: Final = "waiting"
DECIDED: Final = "decided"
VIEW: Final = "review-view"
VIEW_OF: Final = {WorkspaceStatus.IN_REVIEW: WAITING, WorkspaceStatus.VERIFIED: DECIDED}
NOTHING: Final = {
    WAITING: (
        "Nothing waits for verification",
        "When somebody approves a pattern, it shows up here with its evidence.",
    ),
    DECIDED: ("Nothing is verified yet", "A pattern that an admin verifies shows up here."),
}


def _wanted() -> WorkspaceDetail | None:
    """The workspace that the address names, None when it names none. Raises NotFound."""
    given = st.query_params.get("id")
    if not given:
        return None
    try:
        wanted = uuid.UUID(given)
    except ValueError:
        raise NotFound("The address names no workspace; choose one from the queue.") from None
    with transaction() as session:
        return workspaces.get(session, wanted)


def _forget() -> None:
    st.query_params.pop("id", None)


def _view(waiting: int, wanted: WorkspaceDetail | None) -> str:
    """The header with the switch; a deep link opens the side that its workspace is on."""
    if wanted is not None and (side := VIEW_OF.get(WorkspaceStatus(wanted.status))):
        st.session_state[VIEW] = side
    else:
        st.session_state.setdefault(VIEW, WAITING)
    with header("Review"):
        labels = {WAITING: f"Waiting {waiting:,}", DECIDED: "Decided"}
        chosen = st.segmented_control(
            "Show",
            list(labels),
            format_func=labels.__getitem__,
            required=True,
            label_visibility="collapsed",
            key=VIEW,
            on_change=_forget,
        )
    return str(chosen)


def _not_in_review(workspace: WorkspaceDetail, actor: Actor) -> None:
    """What an approval would take: the policy's lines, each met or not, and why it was returned if it was."""
    status = looks.look(looks.STATUSES, workspace.status)
    st.markdown(f"### {looks.plain(workspace.name)} is not in review")
    st.caption(looks.plain(f"Its status is {status.label.lower()} now."))
    if exists("workspace"):
        st.page_link(
            "workspace.py", label="Open its workspace", icon=":material/forum:", query_params={"id": str(workspace.id)}
        )
    if workspace.status != WorkspaceStatus.BETA:
        return
    with transaction() as session:
        guards = review.approval_guards(review.evidence(session, workspace.id))
        returned = review.open_return(session, workspace.id)
    if returned is not None:
        st.warning(
            looks.plain(f"Returned by {returned.by}, {looks.when(returned.at)}: {returned.reason}"),
            icon=":material/undo:",
        )
    with st.container(border=True, gap="xsmall"):
        st.markdown("**What an approval takes**")
        checks([(guard.holds, guard.sentence) for guard in guards], key="policy-checks")
        missing = [guard for guard in guards if guard.waivable]
        if missing and actor.may("waive_line"):
            with st.container(horizontal=True, gap="small"):
                for guard in missing:
                    label = f"Waive “{LINES[guard.name]}”"
                    if st.button(label, icon=":material/gpp_maybe:", key=f"waive-{guard.name}"):
                        waive(workspace.id, guard.name, guard.sentence)
        elif missing:
            st.caption("An admin may waive a line with a reason.")
    if actor.may("approve") and st.button(
        "Approve for review", icon=":material/thumb_up:", type="primary", key="review-approve"
    ):
        approve(workspace.id)


def _detail(workspace_id: uuid.UUID, actor: Actor) -> None:
    actions.notice_push(workspace_id)
    dossier = evidence.read(workspace_id, actor)
    if dossier.workspace.status not in VIEW_OF:
        _not_in_review(dossier.workspace, actor)
        return
    workspace = dossier.workspace
    own = workspace.approved_by_id == actor.id
    guards = _concerning(dossier.guards, actor, own=own) if dossier.in_review else []
    _head(dossier, guards, actor, own=own)
    if guards:
        checks([(guard.holds, guard.sentence) for guard in guards], key="review-checks")
        st.caption("The policy's checklist")
        checks([(guard.holds, guard.sentence) for guard in dossier.checklist], key="review-policy")
    if dossier.in_review and not actor.may("verify"):
        st.caption(
            f":material/visibility: You are a {actor.role}, so you can read all of this; an admin verifies or "
            "returns it."
        )
    evidence.cards(dossier)
    evidence.since_approval(dossier)


def _concerning(guards: list[Guard], actor: Actor, *, own: bool) -> list[Guard]:
    """Who approved matters to the approver and to whoever may verify."""
    return [guard for guard in guards if guard.name != "other_person" or own or actor.may("verify")]


def _head(dossier: evidence.Dossier, guards: list[Guard], actor: Actor, *, own: bool) -> None:
    workspace = dossier.workspace
    who = (
        f"approved by {workspace.approved_by_name or 'somebody'}, {looks.when(workspace.approved_at)}"
        if dossier.in_review
        else f"verified by {workspace.verified_by_name or 'somebody'}, {looks.when(workspace.verified_at)}"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(looks.plain(workspace.name), anchor=False, width="content")
        badge(looks.look(looks.STATUSES, workspace.status))
        st.caption(looks.plain(f"v{workspace.version} · {who}"), width="content")
        st.space("stretch")
        with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
            if exists("workspace"):
                st.page_link(
                    "workspace.py", label="Workspace", icon=":material/forum:", query_params={"id": str(workspace.id)}
                )
            if dossier.in_review:
                _decide(workspace, guards, actor, own=own)
            elif actor.may("reopen") and st.button("Reopen", icon=":material/lock_open:", key="review-reopen"):
                reopen(workspace.id)


def _decide(workspace: WorkspaceDetail, guards: list[Guard], actor: Actor, *, own: bool) -> None:
    """The buttons that the person may press; one that can't be pressed says why."""
    if own and st.button("Withdraw", icon=":material/undo:", key="review-withdraw", help="Take your approval back."):
        withdraw(workspace.id)
    if actor.may("return") and not own and st.button("Return", icon=":material/undo:", key="review-return"):
        return_to_beta(workspace.id)
    if not actor.may("verify"):
        return
    failing = [guard.sentence for guard in guards if not guard.holds]
    pressed = st.button(
        f"Verify as {verified_version(workspace.version)}",
        type="primary",
        icon=":material/verified:",
        key="review-verify",
        disabled=bool(failing),
        help=looks.plain("; ".join(failing)) or None,
    )
    if pressed:
        verify(workspace.id)


def _beside(rows: list[QueueRow], wanted: WorkspaceDetail | None, actor: Actor) -> None:
    """The queue at the left, what is selected beside it (below it on a phone)."""
    selected = wanted.id if wanted else rows[0].workspace_id
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=QUEUE_WIDTH):
            opened = queue_list(rows, selected=selected, key="review-queue")
        if opened is not None and opened != selected:
            st.query_params["id"] = str(opened)
            st.rerun()
        with st.container(width="stretch", gap="small"):
            if wanted is not None and wanted.status not in VIEW_OF:
                _not_in_review(wanted, actor)
            else:
                _detail(selected, actor)


def page() -> None:
    actor = require_actor()
    tell()
    with guarded(stop=True):
        lost: NotFound | None = None
        wanted = None
        try:
            wanted = _wanted()
        except NotFound as error:
            lost = error
        with transaction() as session:
            waiting = review.queue(session)
        if wanted is not None:
            above = (("Review", "/review"), (wanted.name, f"/workspace?id={wanted.id}"))
            trail(above, f"Evidence of v{wanted.version}")
        view = _view(len(waiting), wanted)
        if lost is not None:
            empty_state("search_off", "Nothing to show", lost.sentence)
            return
        rows = waiting
        if view == DECIDED:
            with transaction() as session:
                rows = review.queue(session, decided=True)
        if rows:
            _beside(rows, wanted, actor)
        elif wanted is not None and wanted.status not in VIEW_OF:
            _not_in_review(wanted, actor)
        else:
            empty_state("fact_check", *NOTHING[view])


page()
