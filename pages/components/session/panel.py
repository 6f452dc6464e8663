"""The panel beside a session's chart: the mark in question, how it goes so far, what a retest lost, the last verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import drawn, looks, parts
from pages.components.charts.marks import BREAKS
from pages.components.session.judging import Board, Row, find, is_open
from services.labels import SessionScore
from services.lifecycle import SessionStatus
from services.sessions import SessionDetail

RECENT: Final = 5
COUNTED: Final = ("confirmed", "false_positive", "adjustment", "false_negative", "unsure")


def mark_card(board: Board, rows: Sequence[Row], candles: pd.DataFrame) -> None:
    """Which mark of how many, its facts, and what was said of it."""
    with st.container(border=True, gap="xsmall"):
        row = find(rows, board.current)
        if row is None:
            st.markdown("**No marks**")
            st.caption("The detector found nothing in this window. Click a candle to add what it missed.")
            return
        at = [r["id"] for r in rows].index(row["id"])
        left = sum(is_open(r) for r in rows)
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.caption(f"Mark {at + 1} of {len(rows)}", width="content")
            st.caption(f"{left} left" if left else "all judged", width="content")
        st.progress((len(rows) - left) / len(rows))
        st.markdown(f"**{looks.kind_label(str(row['kind']), int(row['direction']))}**")
        drawn.facts(facts_of(row, candles), key="mark-facts")
        if row["verdict"] is not None:
            _verdict(row)


def _verdict(row: Row) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        parts.verdict_badge(str(row["verdict"]))
        if row["state"] not in (None, "open"):
            parts.badge(looks.look(looks.FEEDBACK_STATES, str(row["state"])))
        if row["made_by"] == "carried":
            st.caption("carried over from the session before", width="content")
    if row["reason"]:
        st.caption(looks.plain(str(row["reason"])[:400]))


def facts_of(row: Row, candles: pd.DataFrame) -> list[tuple[str, str]]:
    """Names and values of a mark: where it is, its price, and when it could be known."""
    anchor, confirmed = int(row["anchor_index"]), row["confirmed_index"]
    refs = row["refs"] or []
    found: list[tuple[str, str]] = []
    if row["kind"] in BREAKS:
        swing = int(refs[0]) if refs else row["start_index"]
        if swing is not None and int(swing) != anchor:
            found.append(("Swing", _candle(int(swing), candles)))
        found.append(("Break", _candle(anchor, candles)))
    else:
        found.append(("Candle", _candle(anchor, candles)))
    if row["price_low"] is not None and row["price_high"] is not None:
        found.append(("Zone", f"{looks.price(row['price_low'])}–{looks.price(row['price_high'])}"))
    elif row["price"] is not None:
        found.append(("Level", looks.price(row["price"])))
    if anchor in candles.index:
        found.append(("Close", looks.price(float(candles["close"].loc[anchor]))))
    if row["verdict"] == "adjustment" and row["expected_index"] is not None:
        found.append(("Belongs to", _candle(int(row["expected_index"]), candles)))
    if row["detection_id"] is not None and confirmed is not None:
        found.append(("Known at", f"#{int(confirmed)}"))
    if row["confidence"] is not None:
        found.append(("Confidence", looks.percent(row["confidence"])))
    return found


def _candle(index: int, candles: pd.DataFrame) -> str:
    return looks.candle_label(index, candles["time"].loc[index] if index in candles.index else None)


def score_card(detail: SessionDetail, rows: Sequence[Row], score: SessionScore) -> None:
    """The success rate with its interval and n: the frozen one of a completed session, else as it stands now."""
    counts = Counter(str(r["verdict"]) for r in rows if r["verdict"] is not None)
    shown = {verdict: counts.get(verdict, 0) for verdict in COUNTED}
    now = score.rate
    frozen = detail.status == SessionStatus.COMPLETED
    with st.container(border=True, gap="small"):
        if frozen:
            n = detail.tp + detail.fp + detail.fn
            values = (detail.success_rate, detail.ci_low, detail.ci_high, n)
            drawn.rate_card("Score at completion", *values, key="session-score", counts=shown)
            if (now.tp, now.fp, now.fn) != (detail.tp, detail.fp, detail.fn):
                st.caption(f"Counted now, it is {now.words}.")
            _precision(detail)
        else:
            drawn.rate_card("So far", now.rate, now.ci_low, now.ci_high, now.n, key="session-score", counts=shown)
            if now.rate is not None:
                st.caption(f"{now.words}.")


def _precision(detail: SessionDetail) -> None:
    found = [("Precision", looks.percent(detail.precision))]
    if detail.recall is not None:
        found.append(("Recall", looks.percent(detail.recall)))
    drawn.facts(found, key="session-precision")


def gone_card(gone: Sequence[Mapping[str, Any]], *, may_judge: bool) -> tuple[str, Mapping[str, Any]] | None:
    """Marks that were right before and that this version no longer has. Returns what was pressed: missed or fine."""
    pressed = None
    with st.container(border=True, gap="small"):
        st.markdown(f"**{looks.count(len(gone), 'mark')} gone since the last version**")
        st.caption("They were judged right. Say of each whether it is missed now.")
        with st.container(height=220 if len(gone) > 4 else "content", border=False, gap="xsmall"):
            for item in gone:
                key = str(item["feedback_id"])
                label = looks.kind_label(str(item["kind"]), int(item["direction"]))
                with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                    where = looks.candle_label(item["candle_index"], item["candle_time"])
                    st.caption(f"{label} \\#{item['candle_index']}", width="stretch", help=looks.plain(where))
                    if st.button("Missed", key=f"gone-missed-{key}", disabled=not may_judge):
                        pressed = ("missed", item)
                    if st.button("Fine", key=f"gone-fine-{key}", type="tertiary", disabled=not may_judge):
                        pressed = ("fine", item)
    return pressed


def recent_card(board: Board, rows: Sequence[Row]) -> str | None:
    """The last verdicts of this sitting, newest first. Returns the id of the mark that was pressed."""
    pressed = None
    done = [(d, find(rows, d.mark_id)) for d in reversed(board.history[-RECENT:])]
    if not any(row for _, row in done):
        return None
    with st.container(border=True, gap=None):
        st.caption("Last verdicts")
        for place, (item, row) in enumerate(done):
            if row is None:
                continue
            look = looks.look(looks.VERDICTS, item.verdict)
            name = looks.kind_label(str(row["kind"]), int(row["direction"]))
            label = f":{look.color}[{look.icon}] {name} \\#{int(row['anchor_index'])}"
            if st.button(label, key=f"recent-{place}", type="tertiary"):
                pressed = str(row["id"])
    return pressed
