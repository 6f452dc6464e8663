"""The rows above the judging bar: where a mark was missed, and where a moved one belongs. Both work without a mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.session import judging
from pages.components.session.judging import Board, Row
from services.errors import PatternDeskError
from services.people import Actor
from services.sessions import SessionDetail

SWING_SIDES: Final = {1: "High", -1: "Low"}
SIDES: Final = {1: "Up", -1: "Down"}


def moving_row(detail: SessionDetail, board: Board, rows: Sequence[Row], candles: pd.DataFrame, actor: Actor) -> None:
    """Says what to click for a mark that is to be moved; its candle's number can be typed as well."""
    row = judging.find(rows, board.moving)
    if row is None:
        board.calm()
        return
    name = looks.kind_label(str(row["kind"]), int(row["direction"]))
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":violet[:material/moving:] Click the candle where **{name} \\#{int(row['anchor_index'])}** belongs, "
            "or give its number.",
            width="stretch",
        )
        key = f"move-to-{board.moving}"
        _number(detail, int(row["anchor_index"]), key)
        st.button(
            "Move here", key="move-here", type="primary", on_click=_moved, args=(board, rows, candles, key, actor)
        )
        st.button("Cancel", key="move-cancel", type="tertiary", on_click=board.calm)


def candle_row(detail: SessionDetail, board: Board, rows: Sequence[Row], candles: pd.DataFrame, actor: Actor) -> None:
    """Asks what is missing on the chosen candle."""
    index = board.candle
    if index is None or index not in candles.index:
        return
    kinds = judging.kinds_of(rows, detail.pattern_type)
    sides = SWING_SIDES if kinds[0].startswith("swing") else SIDES
    key = f"missed-{index}"
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        candle = judging.candle_at(candles, index)
        st.markdown(
            f":orange[:material/add_location_alt:] **{looks.candle_label(index, candle['time'])}** "
            f":gray[close {looks.price(float(candle['close']))}]",
            width="content",
        )
        _number(detail, index, f"{key}-at", on_change=lambda: _go_to(board, f"{key}-at"))
        if len(kinds) > 1:
            st.selectbox(
                "Kind", kinds, format_func=looks.kind_label, key=f"{key}-kind", width=150, label_visibility="collapsed"
            )
        st.segmented_control(
            "Direction",
            list(sides),
            default=judging.likely_direction(candles, index),
            required=True,
            format_func=lambda side: sides[side],
            key=f"{key}-side",
            label_visibility="collapsed",
        )
        st.text_input(
            "Reason",
            key=f"{key}-reason",
            placeholder="Reason (optional)",
            label_visibility="collapsed",
            max_chars=2000,
            on_change="ignore",
            width=220,
        )
        st.button(
            "Add missed here",
            key="missed-add",
            type="primary",
            on_click=_added,
            args=(detail, board, candles, index, kinds, actor),
        )
        st.button("Cancel", key="missed-cancel", type="tertiary", on_click=board.calm)


def _number(detail: SessionDetail, value: int, key: str, on_change: Callable[[], None] | None = None) -> None:
    st.number_input(
        "Candle",
        min_value=detail.start_index,
        max_value=detail.end_index,
        value=value,
        step=1,
        key=key,
        label_visibility="collapsed",
        width=130,
        on_change=on_change or "ignore",
    )


def _go_to(board: Board, key: str) -> None:
    board.candle = int(st.session_state[key])


def _moved(board: Board, rows: Sequence[Row], candles: pd.DataFrame, key: str, actor: Actor) -> None:
    try:
        judging.move_to(board, rows, candles, int(st.session_state[key]), actor=actor)
    except PatternDeskError as error:
        board.notice = error.sentence


def _added(
    detail: SessionDetail, board: Board, candles: pd.DataFrame, index: int, kinds: Sequence[str], actor: Actor
) -> None:
    key = f"missed-{index}"
    kind = str(st.session_state.get(f"{key}-kind", kinds[0]))
    side = int(st.session_state[f"{key}-side"])
    reason = str(st.session_state.get(f"{key}-reason", ""))
    try:
        place = judging.place_at(candles, index, kind, side)
        judging.add_missed(board, detail, place, kind=kind, direction=side, reason=reason, actor=actor)
    except PatternDeskError as error:
        board.notice = error.sentence
