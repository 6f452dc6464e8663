"""One session: what the detector said on its candles, judged mark by mark on the board."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.components import looks, parts
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.follow.component import follow
from pages.components.follow.component import workspace as follow_workspace
from pages.components.links import back_to_seen, seen
from pages.components.session import panel
from pages.components.session.header import (
    complete_dialog,
    completing,
    more_menu,
    reopen_button,
    retest_button,
    run_again,
)
from pages.components.session.judging_board import judging_board
from pages.components.trail import trail
from services import feedback, judging, labels, sessions, timeline
from services.database.engine import transaction
from services.errors import NotFound
from services.labels import SessionScore
from services.lifecycle import SessionStatus, Verdict
from services.people import Actor
from services.sessions import SessionDetail


@dataclass(frozen=True, slots=True)
class Content:
    """What stands below the board."""

    score: SessionScore
    counts: dict[str, int]
    open_marks: int
    gone: list[dict[str, Any]]
    masked: bool  # others judged what this person may not see yet


def read(detail: SessionDetail, actor: Actor) -> Content:
    with transaction() as session:
        score = labels.score_session(session, detail.id)
        counts = sessions.verdict_counts(session, detail.id)
        gone = sessions.gone(session, detail.id) if detail.retest_of_id else []
        masked = judging.is_masked(session, detail.id, actor=actor)
    accepted: set[str] = st.session_state.setdefault(f"gone-fine-{detail.id}", set())
    judged = sum(n for verdict, n in counts.items() if verdict != Verdict.FALSE_NEGATIVE)
    left = max(0, detail.detection_count - judged)
    return Content(score, counts, left, [g for g in gone if str(g["feedback_id"]) not in accepted], masked)


@st.fragment
def screen(session_id: uuid.UUID) -> None:
    """Everything of the page, so that a change runs no more than this."""
    actor = require_actor()
    with guarded():
        try:
            with transaction() as session:
                detail = sessions.get(session, session_id)
        except NotFound as missing:
            back_to_seen("session", session_id)
            not_here(missing.sentence)
            return
        seen("session", session_id)
        pattern = (detail.workspace_name, f"/workspace?id={detail.workspace_id}")
        trail((("Sessions", "/sessions"), pattern), detail.name, copies=[("Id", detail.id)])
        if detail.status in (SessionStatus.RUNNING, SessionStatus.FAILED):
            parts.header(detail.name, looks.look(looks.SESSIONS, detail.status), caption(detail))
            unfinished(detail, actor)
        else:
            judged(detail, actor)


def judged(detail: SessionDetail, actor: Actor) -> None:
    """A session with its detections: the board, and below it the score and what a retest lost."""
    content = read(detail, actor)
    heading(detail, content, actor)
    if detail.dataset_id is None or detail.storage_path is None:
        parts.empty_state("candlestick_chart", "No candles", "This session was kept from before datasets were stored.")
    else:
        judging_board(detail, actor=actor, current=st.query_params.get("mark"), key=f"board-{detail.id}")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=360):
            if detail.version_id is None and detail.version is None:
                panel.labels_card(content.counts)
            elif content.masked:
                panel.masked_card()
            else:
                panel.score_card(detail, content.counts, content.score)
        if content.gone and detail.status == SessionStatus.ACTIVE:
            with st.container(width=420):
                pressed = panel.gone_card(content.gone, may_judge=actor.may("judge"))
            if pressed is not None:
                with guarded() as outcome:
                    settle_gone(detail, *pressed, actor=actor)
                if outcome.ok:
                    st.rerun()


def heading(detail: SessionDetail, content: Content, actor: Actor) -> None:
    with parts.header(detail.name, looks.look(looks.SESSIONS, detail.status), caption(detail)):
        if detail.isolation not in (None, "bubblewrap"):
            st.badge(
                "Reduced isolation",
                icon=":material/shield:",
                color="orange",
                help="The detector ran without bubblewrap: with limits and no secrets, but less apart.",
            )
        more_menu(detail, actor)
        reopen_button(detail, actor)
        retest_button(detail, actor)
        completable = detail.status == SessionStatus.ACTIVE and actor.may("complete_session")
        if completable and st.button(
            "Complete session", type="primary", icon=":material/task_alt:", key="session-complete"
        ):
            completing(detail, True)
        if completable and completing(detail):
            complete_dialog(detail, content.open_marks, actor)


def caption(detail: SessionDetail) -> str:
    size = detail.end_index - detail.start_index + 1
    version = f"v{detail.version}" if detail.version else "labels, no detector"
    words = [f"{detail.workspace_name} {version}", looks.count(size, "candle")]
    words.append("fully checked window" if detail.coverage == "exhaustive" else "partial window")
    if detail.split == "holdout":
        words.append("hold-out")
    if detail.retest_of_id:
        words.append("retest")
    return " · ".join(words)


def unfinished(detail: SessionDetail, actor: Actor) -> None:
    """A session without detections: it still runs, or its detector failed."""
    if detail.status == SessionStatus.RUNNING:
        st.info("The detector is running. The marks show up here as soon as it is done.", icon=":material/sync:")
        wait_for(detail.id, actor)
        return
    st.error("The detector could not be run on these candles.", icon=":material/error:")
    st.text(detail.detector_error or "It gave no reason.")
    run_again(detail, actor)


@st.fragment
def wait_for(session_id: uuid.UUID, actor: Actor) -> None:
    """Draws the whole page again once the detector is done."""
    with transaction() as session:
        waited = sessions.get(session, session_id)
        seen_to = timeline.position(session, waited.workspace_id)
        status = sessions.get(session, session_id).status
    if status != SessionStatus.RUNNING:
        st.rerun()
    follow(follow_workspace(waited.workspace_id), actor, seen=seen_to, running=True)


def settle_gone(detail: SessionDetail, word: str, item: Mapping[str, Any], *, actor: Actor) -> None:
    if word == "fine":
        st.session_state[f"gone-fine-{detail.id}"].add(str(item["feedback_id"]))
        return
    kind, direction, index = str(item["kind"]), int(item["direction"]), int(item["candle_index"])
    place = judging.place_at(str(detail.dataset_sha256), str(detail.storage_path), index, kind, direction)
    if place is None:
        raise NotFound("This candle is not one of the dataset's.")
    with transaction() as session:
        feedback.add_missed(session, detail.id, kind=kind, direction=direction, place=place, actor=actor)


def not_here(sentence: str) -> None:
    with parts.empty_state("search_off", "No session to show", sentence):
        st.page_link("sessions.py", label="All sessions", icon=":material/candlestick_chart:")


require_actor()
try:
    wanted = uuid.UUID(st.query_params.get("id", ""))
except ValueError:
    not_here("The address names no session. Choose one from the list.")
else:
    screen(wanted)
