"""One session: what the detector said on its candles, judged mark by mark by mouse, finger or keyboard."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.components import looks, parts
from pages.components.actor import require_actor
from pages.components.charts import overview_strip, session_chart
from pages.components.errors import guarded
from pages.components.links import back_to_seen, seen
from pages.components.session import board as session_board
from pages.components.session import judging
from pages.components.session import panel as session_panel
from pages.components.session.header import complete_dialog, more_menu, retest_button, run_again
from pages.components.session.judging import Board
from pages.components.session.place_rows import candle_row, moving_row
from services import actions, labels, sessions
from services.database.engine import transaction
from services.errors import NotFound, PatternDeskError
from services.labels import SessionScore
from services.lifecycle import SessionStatus
from services.people import Actor
from services.sessions import SessionDetail

PANEL_WIDTH: Final = 290  # pixels
CHART: Final = "session-chart"
STRIP: Final = "session-strip"


@dataclass(frozen=True)
class Content:
    """What the database says of a session in this run."""

    rows: list[dict[str, Any]]
    marks: pd.DataFrame
    score: SessionScore
    gone: list[dict[str, Any]]


@st.cache_data(max_entries=32, show_spinner=False)
def window(_detail: SessionDetail, sha256: str | None, start: int, end: int) -> pd.DataFrame:
    """The candles of a window, kept by their content."""
    return actions.session_candles(_detail)


def read(detail: SessionDetail, actor: Actor, board: Board) -> Content:
    with transaction() as session:
        marks = sessions.marks(session, detail.id, viewer_id=actor.id)
        score = labels.score_session(session, detail.id)
        gone = sessions.gone(session, detail.id) if detail.retest_of_id else []
    rows = judging.rows_of(marks)
    judging.settle(board, rows, detail)
    return Content(rows, marks, score, [g for g in gone if str(g["feedback_id"]) not in board.accepted_gone])


@st.fragment
def screen(session_id: uuid.UUID) -> None:
    """Everything of the page, so that a click or key runs no more than this."""
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
        board = board_of(session_id)
        if detail.status in (SessionStatus.RUNNING, SessionStatus.FAILED):
            parts.header(detail.name, looks.look(looks.SESSIONS, detail.status), caption(detail))
            unfinished(detail, actor)
        else:
            judged(detail, board, actor)


def board_of(session_id: uuid.UUID) -> Board:
    """What this tab remembers of the session. A selection left by the session before it is no click on this one."""
    board: Board = st.session_state.setdefault(f"board-{session_id}", Board())
    if st.session_state.get("session-open") != session_id:
        st.session_state["session-open"] = session_id
        board.clicks = {key: parts.chart_click(st.session_state.get(key)) for key in (STRIP, CHART)}
    return board


def judged(detail: SessionDetail, board: Board, actor: Actor) -> None:
    """A session with its detections: takes what was pressed and clicked first, then draws what is so now."""
    candles = window(detail, detail.dataset_sha256, detail.start_index, detail.end_index)
    may_judge = detail.status == SessionStatus.ACTIVE and actor.may("judge")
    undone, missed = heading(detail, board, actor, may_judge=may_judge)
    content = read(detail, actor, board)
    changed = take_clicks(board, content, candles, actor, may_judge=may_judge)
    if undone:
        attempt(board, lambda: judging.undo(board, candles, actor=actor))
    if missed:
        board.moving, board.candle = None, middle_of(board, content)
    if may_judge:
        above, pressed = bar(detail, board, content, actor)
        if pressed or undone or changed:
            content = read(detail, actor, board)
        rows_above(above, detail, board, content, candles, actor)
    else:
        judging.settle(board, content.rows, detail)
        why_read_only(detail, actor)
    if candles.empty:
        parts.empty_state("candlestick_chart", "No candles", "This session was kept from before datasets were stored.")
        return
    draw(detail, board, content, candles, actor, may_judge=may_judge)
    if board.completing:
        complete_dialog(detail, board, content.rows, actor)


def heading(detail: SessionDetail, board: Board, actor: Actor, *, may_judge: bool) -> tuple[bool, bool]:
    """The first row. Returns whether Undo and Missed were pressed."""
    undone = missed = False
    with parts.header(detail.name, looks.look(looks.SESSIONS, detail.status), caption(detail)):
        if detail.isolation not in (None, "bubblewrap"):
            st.badge(
                "Reduced isolation",
                icon=":material/shield:",
                color="orange",
                help="The detector ran without bubblewrap: with limits and no secrets, but less apart.",
            )
        if may_judge:
            undone = session_board.undo_button(key="session")
            missed = st.button(
                "Missed", type="tertiary", icon=":material/add_location_alt:", shortcut="M", key="session-missed"
            )
        more_menu(detail, board, actor)
        retest_button(detail, actor)
        if detail.status == SessionStatus.ACTIVE and actor.may("complete_session"):
            board.completing |= st.button(
                "Complete session", type="primary", icon=":material/task_alt:", key="session-complete"
            )
    return undone, missed


def caption(detail: SessionDetail) -> str:
    size = detail.end_index - detail.start_index + 1
    words = [f"{detail.workspace_name} v{detail.version or '–'}", looks.count(size, "candle")]
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
        wait_for(detail.id)
        return
    st.error("The detector could not be run on these candles.", icon=":material/error:")
    st.text(detail.detector_error or "It gave no reason.")
    run_again(detail, actor)


@st.fragment(run_every="2s")
def wait_for(session_id: uuid.UUID) -> None:
    with transaction() as session:
        if sessions.get(session, session_id).status != SessionStatus.RUNNING:
            st.rerun()


def attempt(board: Board, act: Callable[[], object]) -> None:
    """Runs what a click or key asked for; when it is refused, the sentence shows above the bar."""
    try:
        act()
    except PatternDeskError as error:
        board.notice = error.sentence


def take_clicks(board: Board, content: Content, candles: pd.DataFrame, actor: Actor, *, may_judge: bool) -> bool:
    """A clicked mark becomes the current one; a clicked candle is where a mark is moved to, or where one was missed."""
    changed = False
    for key in (STRIP, CHART):
        click = judging.new_click(board, key, parts.chart_click(st.session_state.get(key)))
        if click is None:
            continue
        changed = True
        if click.mark_id is not None:
            board.calm()
            board.current = click.mark_id
        elif may_judge and click.candle_index is not None:
            attempt(board, partial(take_candle, board, content, candles, click.candle_index, actor))
    return changed


def take_candle(board: Board, content: Content, candles: pd.DataFrame, index: int, actor: Actor) -> None:
    if board.moving is not None:
        judging.move_to(board, content.rows, candles, index, actor=actor)
    else:
        board.candle = None if board.candle == index else index


def middle_of(board: Board, content: Content) -> int:
    row = judging.find(content.rows, board.current)
    if row is not None:
        return int(row["anchor_index"])
    return sum(board.view) // 2 if board.view else 0


def bar(detail: SessionDetail, board: Board, content: Content, actor: Actor) -> tuple[DeltaGenerator, bool]:
    """The bar at the bottom. Returns the place above it, and whether anything was pressed."""
    with st.bottom:
        above = st.container(gap="small")
        pressed, reason = session_board.judging_bar(key=f"bar-{detail.id}")
    if pressed == session_board.BACK:
        judging.step(board, content.rows, -1)
    elif pressed == session_board.SKIP:
        judging.step(board, content.rows, 1)
    elif pressed is not None:
        attempt(board, lambda: judging.judge(board, content.rows, pressed, reason, actor=actor))
    return above, pressed is not None


def rows_above(
    above: DeltaGenerator, detail: SessionDetail, board: Board, content: Content, candles: pd.DataFrame, actor: Actor
) -> None:
    """What a clicked candle or a moved mark asks for, and what was refused."""
    with above:
        notice, board.notice = board.notice, None
        if notice:
            st.warning(looks.plain(notice), icon=":material/info:")
        if board.moving is not None:
            moving_row(detail, board, content.rows, candles, actor)
        elif board.candle is not None:
            candle_row(detail, board, content.rows, candles, actor)


def why_read_only(detail: SessionDetail, actor: Actor) -> None:
    with st.bottom:
        if detail.status == SessionStatus.ACTIVE:
            st.caption(
                f":material/visibility: You are a {actor.role}: you can look at the marks; judging takes a member."
            )
        else:
            st.caption(":material/lock: This session is closed: its marks and its score stay as they are.")


def draw(
    detail: SessionDetail, board: Board, content: Content, candles: pd.DataFrame, actor: Actor, *, may_judge: bool
) -> None:
    """Chart and strip at the left, the panel at the right (below on a phone)."""
    dark = st.context.theme.type == "dark"
    first, last = judging.drawn_window(board, detail)
    drawn = content.marks
    if last - first < detail.end_index - detail.start_index:
        drawn = drawn[drawn["anchor_index"].between(first, last)]
    verdicts = tuple(zip(drawn["detection_id"], drawn["feedback_id"], drawn["verdict"], strict=True))
    judging.note_drawn(board, (first, last, board.view, board.current, board.candle, dark, verdicts))
    with st.container(horizontal=True, gap="medium"):
        with st.container(gap="xsmall", width="stretch"):
            chart = session_chart(
                candles.loc[first:last], drawn, current=board.current, view=board.view, dark=dark, picked=board.candle
            )
            parts.figure(
                chart, key=CHART, alt=f"Candles of {detail.name} with the detector's marks", clickable=True, zoom=True
            )
            strip = overview_strip(
                content.marks,
                first=detail.start_index,
                last=detail.end_index,
                view=board.view,
                current=board.current,
                dark=dark,
            )
            parts.figure(strip, key=STRIP, alt="All marks of the session by verdict", clickable=True)
        with st.container(width=PANEL_WIDTH, gap="small"):
            panel(detail, board, content, candles, actor, may_judge=may_judge)


def panel(
    detail: SessionDetail, board: Board, content: Content, candles: pd.DataFrame, actor: Actor, *, may_judge: bool
) -> None:
    session_panel.mark_card(board, content.rows, candles)
    row = judging.find(content.rows, board.current)
    own_missed = row is not None and row["detection_id"] is None and row["author_id"] == str(actor.id)
    if may_judge and own_missed:
        st.button(
            "Remove this missed mark",
            icon=":material/delete:",
            key="session-remove",
            width="stretch",
            on_click=drop_missed,
            args=(board, actor),
        )
    session_panel.score_card(detail, content.rows, content.score)
    if content.gone and detail.status == SessionStatus.ACTIVE:
        pressed = session_panel.gone_card(content.gone, may_judge=may_judge)
        if pressed is not None:
            attempt(board, lambda: settle_gone(board, detail, candles, *pressed, actor=actor))
            st.rerun()
    chosen = session_panel.recent_card(board, content.rows)
    if chosen is not None:
        board.current = chosen
        st.rerun()


def drop_missed(board: Board, actor: Actor) -> None:
    attempt(board, lambda: judging.remove(board, str(board.current), actor=actor))


def settle_gone(
    board: Board, detail: SessionDetail, candles: pd.DataFrame, word: str, item: Mapping[str, Any], *, actor: Actor
) -> None:
    if word == "fine":
        board.accepted_gone.add(str(item["feedback_id"]))
        return
    kind, direction = str(item["kind"]), int(item["direction"])
    place = judging.place_at(candles, int(item["candle_index"]), kind, direction)
    judging.add_missed(board, detail, place, kind=kind, direction=direction, reason="", actor=actor)


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
