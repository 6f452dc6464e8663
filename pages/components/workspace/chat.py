"""The chat box at the foot of a workspace: a comment, or a correction in words, with files."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from pages.components import uploads
from pages.components.actor import acting
from pages.components.errors import Problem, explain, show
from pages.components.workspace.summary import WIDTH
from pages.components.workspace.writing import writing
from services import feedback, people, questions
from services.database.engine import transaction
from services.people import Actor

AGENT: Final = "Claude"  # what completes an @ before any person
_AS_CORRECTION: Final = "chat-correction"
_KEPT: Final = "chat-kept"  # what was typed and why it was not sent: (text, problem)


def chat_box(workspace_id: uuid.UUID, actor: Actor) -> None:
    """Posts what is sent; on an error the text comes back into the box, with the sentence above it."""
    key = f"chat-{workspace_id}"
    kept: tuple[str, Problem] | None = st.session_state.pop(_KEPT, None)
    if kept is not None:
        st.session_state[key] = kept[0]
    with transaction() as session:
        names = [person.name for person in people.list_people(session) if person.is_active]
    with st.bottom:
        writing(workspace_id, actor.id, [AGENT, *names])
        if kept is not None:
            show(kept[1])
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            with st.container(width="stretch"):
                st.chat_input(
                    "Comment, or ask @Claude" if actor.may("comment") else "Viewers read along",
                    key=key,
                    accept_file="multiple",
                    file_type=uploads.FILE_TYPES,
                    submit_mode="disable",
                    disabled=not actor.may("comment"),
                    on_submit=_post,
                    args=(workspace_id, key),
                )
            with st.container(width=WIDTH):
                st.toggle(
                    "Send as a correction",
                    key=_AS_CORRECTION,
                    disabled=not actor.may("judge"),
                    help="A correction goes to the agent with the next launch; a comment is for people. One that names @Claude is "
                    "answered here: it reads about this pattern, and changes nothing.",
                )


def _post(workspace_id: uuid.UUID, key: str) -> None:
    """Runs before the page does, so that the text is kept even when the page itself can't be drawn."""
    sent, correction = st.session_state[key], bool(st.session_state.get(_AS_CORRECTION))
    try:
        _write(workspace_id, sent.text, sent.files, correction=correction)
    except Exception as error:  # noqa: BLE001  # the edge: every error becomes a sentence or a reference
        st.session_state[_KEPT] = (sent.text, explain(error))
    else:
        st.session_state[_AS_CORRECTION] = False  # the next one is a comment again, unless somebody says so


def _write(workspace_id: uuid.UUID, text: str, files: Sequence[Any], *, correction: bool) -> None:
    actor, kept = acting(), uploads.stored(files)
    with transaction() as session:
        keys = uploads.recorded(session, kept, actor=actor)
        if correction:
            feedback.add_comment_item(session, workspace_id, text, attachments=keys, actor=actor)
        else:
            questions.comment(session, workspace_id, text, attachments=keys, actor=actor)
