"""The chat box at the foot of a workspace: a comment, or a correction in words, with files."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from pages.components import uploads
from pages.components.errors import Problem, guarded, show
from pages.components.summary import WIDTH
from services import feedback, timeline
from services.database.engine import transaction
from services.people import Actor

_AS_CORRECTION: Final = "chat-correction"
_KEPT: Final = "chat-kept"  # what was typed and why it was not sent: (text, problem)


def chat_box(workspace_id: uuid.UUID, actor: Actor) -> None:
    """Posts what is sent; on an error the text comes back into the box, with the sentence above it."""
    key = f"chat-{workspace_id}"
    kept: tuple[str, Problem] | None = st.session_state.pop(_KEPT, None)
    if kept is not None:
        st.session_state[key] = kept[0]
    with st.bottom:
        if kept is not None:
            show(kept[1])
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            with st.container(width="stretch"):
                sent = st.chat_input(
                    "Comment, or attach a chart to a correction" if actor.may("comment") else "Viewers read along",
                    key=key, accept_file="multiple", file_type=uploads.FILE_TYPES, submit_mode="disable",
                    disabled=not actor.may("comment"),
                )  # fmt: skip
            if sent is not None:
                _post(workspace_id, sent.text, sent.files, actor)
            with st.container(width=WIDTH):
                st.toggle(
                    "Send as a correction", key=_AS_CORRECTION, disabled=not actor.may("judge"),
                    help="A correction goes to the agent with the next launch; a comment is for people.",
                )  # fmt: skip


def _post(workspace_id: uuid.UUID, text: str, files: Sequence[Any], actor: Actor) -> None:
    correction = bool(st.session_state.get(_AS_CORRECTION))
    with st.empty(), guarded() as outcome:
        kept = uploads.stored(files)
        with transaction() as session:
            keys = uploads.recorded(session, kept, actor=actor)
            if correction:
                feedback.add_comment_item(session, workspace_id, text, attachments=keys, actor=actor)
            else:
                timeline.comment(session, workspace_id, text, attachments=keys, actor=actor)
    if outcome.problem is not None:
        st.session_state[_KEPT] = (text, outcome.problem)
        st.rerun()
    st.session_state[_AS_CORRECTION] = False  # the next one is a comment again, unless somebody says so
