"""The judging board as a component: its scripts come from their own address, its data is ids, sizes and a token."""

from __future__ import annotations

from typing import Final, TypedDict

import streamlit as st

from pages.components.assets import Component, component
from services import datasets
from services.candles import tiles
from services.database.engine import transaction
from services.judging import MARKS_PAGE
from services.lifecycle import SessionStatus
from services.people import Actor
from services.sessions import SessionDetail
from services.web import board

# The line break keeps Streamlit from taking the text for the path of a file.
_SHIM: Final = "export default async (c) =>\n  (await import(new URL(c.data.module, document.baseURI).href)).default(c)"
FRESH_SECONDS: Final = 2400  # of the 3,600 that a token lives
_DAYS: Final = ("d", "w", "mo")


class BoardData(TypedDict):
    """`totals` are the numbers of bars by level of detail; `marks` come in pages of `page`. Indexes are the dataset's.
    `labelling`: no detector ran, and places are marked one after the other."""

    session: str
    person: str
    token: str
    sha: str
    total: int
    totals: dict[str, int]
    decimals: int
    start: int
    end: int
    marks: int
    page: int
    symbol: str
    timeframe: str
    intraday: bool
    may_judge: bool
    why_not: str
    missed_kind: str
    labelling: bool
    current: str | None


class MountedData(BoardData):
    module: str  # read by the line that loads the board


_BOARD: Component[MountedData] = component(
    "board", BoardData, js=_SHIM, css=(board.ASSETS / "board.css").read_text("utf-8"), html="<div></div>",
    triggers=("renew", "settled"),
)  # fmt: skip


def judging_board(detail: SessionDetail, *, actor: Actor, current: str | None, key: str) -> None:
    """Mounts the board. A rerun hands it the same data, so nothing of it is drawn anew."""
    assert detail.dataset_id is not None and detail.dataset_sha256 is not None and detail.storage_path is not None
    with transaction() as session:
        rows = datasets.get(session, detail.dataset_id).rows
    sha, storage_key = detail.dataset_sha256, detail.storage_path
    totals = {level: tiles.bars_of(sha, storage_key, level) for level in tiles.LEVELS}
    totals = {level: bars for level, bars in totals.items() if level == "1" or 8 <= bars < rows}
    may_judge = actor.may("judge")
    data: MountedData = {
        "module": board.asset_url("board.mjs"),
        "session": str(detail.id),
        "person": str(actor.id),
        "token": _token(detail, actor),
        "sha": sha,
        "total": rows,
        "totals": totals,
        "decimals": tiles.decimals(sha, storage_key),
        "start": detail.start_index,
        "end": detail.end_index,
        "marks": detail.detection_count,
        "page": MARKS_PAGE,
        "symbol": detail.symbol,
        "timeframe": detail.timeframe,
        "intraday": not detail.timeframe.lower().endswith(_DAYS),
        "may_judge": may_judge,
        "why_not": _why_not(detail, actor),
        "missed_kind": _missed_kind(detail.pattern_type),
        "current": current,
        "labelling": detail.version_id is None and not detail.detection_count,
    }
    result = _BOARD(data, key=key)
    if getattr(result, "renew", None) is not None:
        st.session_state.pop(_held(detail, actor), None)
        st.rerun(scope="fragment")


def _held(detail: SessionDetail, actor: Actor) -> str:
    return f"board-token-{detail.id}-{actor.id}"


def _token(detail: SessionDetail, actor: Actor) -> str:
    """The same token for a while, so that the board's data stays the same."""
    import time

    held: tuple[float, str] | None = st.session_state.get(_held(detail, actor))
    if held is None or time.monotonic() - held[0] > FRESH_SECONDS:
        token = board.mint(
            actor.id,
            session_id=detail.id,
            workspace_id=detail.workspace_id,
            sha=str(detail.dataset_sha256),
            key=str(detail.storage_path),
        )
        held = time.monotonic(), token
        st.session_state[_held(detail, actor)] = held
    return held[1]


def _why_not(detail: SessionDetail, actor: Actor) -> str:
    if detail.status != SessionStatus.ACTIVE:
        return "This session is closed"
    return "" if actor.may("judge") else f"You are a {actor.role}; judging takes a member"


def _missed_kind(pattern_type: str) -> str:
    return "swing" if pattern_type == "swings" else pattern_type
