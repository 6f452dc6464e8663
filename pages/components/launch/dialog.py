"""The dialog that launches an execution, by itself or as one that follows an execution that has ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.launch.choices import choose, claude_limits, may_work, not_available
from pages.components.launch.corrections import choose_items
from pages.components.launch.pictures import choose_pictures, chosen_before
from pages.components.launch.prompt_view import prompt, prompt_view, size_text
from pages.components.links import go
from services import actions, feedback
from services.actions import PreparedLaunch
from services.agents.registry import agents
from services.database.engine import transaction
from services.deploys.registry import targets
from services.executions import ExecutionDetail
from services.feedback import FeedbackRow, OpenCorrections

_PREPARED: Final = "launch-prepared"


def launch(workspace_id: uuid.UUID, parent: ExecutionDetail | None = None, items: Sequence[FeedbackRow] = ()) -> None:
    """Opens the dialog: agent, deploy target, corrections and pictures are chosen, and exactly what it shows is sent.

    With a `parent` the new execution follows that one, begins with its choices, and takes all open corrections.
    `items` are the open corrections to choose from, where those are not all.
    """
    st.session_state.pop(_PREPARED, None)  # the prompt is made anew for what is open now
    actor = acting()
    with guarded(stop=True), transaction() as session:
        known = feedback.open_corrections(session, workspace_id, viewer=actor)
    if parent is None:
        items = items or known.sent
    title = "Launch an execution" if parent is None else "Run again"
    st.dialog(title, width="large")(_body)(workspace_id, items, known, parent)


def _body(
    workspace_id: uuid.UUID, items: Sequence[FeedbackRow], known: OpenCorrections, parent: ExecutionDetail | None
) -> None:
    key = "launch" if parent is None else "again"
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key=f"{key}-head"):
        agent = choose("Agent", agents(), key=f"{key}-agent", before=parent.row.agent if parent else None)
        target = choose(
            "Deploy to", targets(), key=f"{key}-target", before=parent.row.deploy_target if parent else None
        )
        send = st.container(width="content")  # filled at the end, and seen without scrolling
    not_available([*agents(), *targets()])
    if agent == "claude":
        st.caption(claude_limits())
    if not may_work(agent, workspace_id):
        return
    chosen = choose_items(items) if items else None
    if chosen is None and known.masked:  # all of them would be the others' as well
        chosen = [item.id for item in known.sent]
    if parent is None or known.masked:
        _not_sent(known)
    stop = st.toggle(
        "Stop after planning, until somebody accepts the plan",
        value=parent is not None and parent.stop_after_planning,
        key=f"{key}-stop",
    )
    if chosen is not None and not chosen:
        st.caption("Choose at least one correction." if items else "There is nothing that you can send yet.")
        send.button("Send", type="primary", icon=":material/send:", key=f"{key}-send-none", disabled=True)
        return
    prepared: PreparedLaunch | None = None
    with guarded():
        prepared = _prepared(workspace_id, chosen, agent)
    if prepared is None:
        return
    choose_pictures(prepared, chosen)
    _introduce(prepared, parent)
    name = "prompt" if parent is None else f"{parent.row.pattern_type}-prompt"
    st.caption(looks.plain(size_text(prompt(prepared.prompt_file)[2])))  # what it comes to, before the prompt is opened
    with st.expander("The prompt, as it is sent", icon=":material/description:"):
        prompt_view(prepared.prompt_file, name=name, key=f"{key}-prompt", height="17rem")
    if send.button(_send_label(prepared, parent), type="primary", icon=":material/send:", key=f"{key}-send"):
        with guarded():
            execution_id = actions.launch(
                prepared,
                stop_after_planning=stop,
                deploy_target=target,
                parent_execution_id=parent.row.id if parent else None,
                actor=acting(),
            )
            st.session_state.pop(_PREPARED, None)
            if parent is not None:
                go("execution", id=execution_id)
            st.rerun()


def _not_sent(known: OpenCorrections) -> None:
    """Says why some open corrections are not in the list."""
    if known.held:
        kept = "correction is" if known.held == 1 else "corrections are"
        st.caption(f":material/lock: {known.held:,} more open {kept} kept for testing (hold-out) and never sent.")
    if known.masked:
        one = known.masked == 1
        st.caption(
            f":material/visibility_off: {known.masked:,} open {'correction' if one else 'corrections'} of others "
            f"{'is' if one else 'are'} left out: this review is blind and you have not judged "
            f"{'that mark' if one else 'those marks'} yet. A completed session is blind to nobody."
        )
    if known.contradicted:
        one = known.contradicted == 1
        st.caption(
            f":material/forum: {known.contradicted:,} more open {'correction is' if one else 'corrections are'} "
            "contradicted by others' verdicts and not sent until they agree."
        )


def _introduce(prepared: PreparedLaunch, parent: ExecutionDetail | None) -> None:
    if parent is None:
        return
    count = len(prepared.items)
    what = f"All {looks.count(count, 'open correction')}" if count else "The description of the pattern"
    st.caption(f"{what} will be sent as a new execution that follows execution {parent.row.number}.")


def _send_label(prepared: PreparedLaunch, parent: ExecutionDetail | None) -> str:
    if parent is not None:
        return "Run again"
    return f"Send {looks.count(len(prepared.items), 'correction')}" if prepared.items else "Launch"


def _prepared(workspace_id: uuid.UUID, chosen: Sequence[uuid.UUID] | None, agent: str) -> PreparedLaunch:
    """The prompt for this choice, made once for as long as the choice stays."""
    pictures = chosen_before(agent, chosen)
    choice = (workspace_id, tuple(chosen or ()), agent, pictures)
    held: tuple[Any, PreparedLaunch] | None = st.session_state.get(_PREPARED)
    if held is None or held[0] != choice:
        made = actions.prepare_launch(workspace_id, feedback_ids=chosen, agent=agent, pictures=pictures, actor=acting())
        held = choice, made
        st.session_state[_PREPARED] = held
    return held[1]
