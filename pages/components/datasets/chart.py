"""The candles of a dataset in the board's chart, where a window is chosen for a session: its scripts come from their own
address, candles as tiles, so that two million of them open like two thousand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

import streamlit as st

from pages.components.assets import Component, component
from services.candles import tiles
from services.datasets import DatasetRow
from services.people import Actor
from services.web import board

# The line break keeps Streamlit from taking the text for the path of a file.
_SHIM: Final = "export default async (c) =>\n  (await import(new URL(c.data.module, document.baseURI).href)).default(c)"
FRESH_SECONDS: Final = 2400  # of the 3,600 that a token lives
POINTED: Final = "dataset-pointed"
_DAYS: Final = ("d", "w", "mo")


class CandlesData(TypedDict):
    """`totals` are the numbers of bars by level of detail. `at` is a candle to point at, shown anew when `asked` is
    another number."""

    token: str
    sha: str
    total: int
    totals: dict[str, int]
    decimals: int
    symbol: str
    timeframe: str
    intraday: bool
    may_run: bool
    at: int | None
    asked: int


class MountedData(CandlesData):
    module: str  # read by the line that loads the chart


@dataclass(frozen=True, slots=True)
class Pointed:
    """The candle of a dataset that was asked for last, and how often one was."""

    sha: str
    at: int | None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Begin:
    """What a person starts on a window of the chart; the indexes are inclusive."""

    what: Literal["run", "label"]
    start: int
    end: int


_CANDLES: Component[MountedData] = component(
    "candles", CandlesData, js=_SHIM, css=(board.ASSETS / "board.css").read_text("utf-8"), html="<div></div>",
    triggers=("renew", "start"),
)  # fmt: skip


def candles_chart(dataset: DatasetRow, *, actor: Actor) -> Begin | None:
    """Mounts the chart. Returns what was started on it in this run."""
    sha, key = dataset.content_sha256, dataset.storage_path
    totals = {level: tiles.bars_of(sha, key, level) for level in tiles.LEVELS}
    pointed = asked(dataset)
    data: MountedData = {
        "module": board.asset_url("browse.mjs"),
        "token": _token(dataset, actor),
        "sha": sha,
        "total": dataset.rows,
        "totals": {level: bars for level, bars in totals.items() if level == "1" or 8 <= bars < dataset.rows},
        "decimals": tiles.decimals(sha, key),
        "symbol": dataset.symbol,
        "timeframe": dataset.timeframe,
        "intraday": not dataset.timeframe.lower().endswith(_DAYS),
        "may_run": actor.may("run_session"),
        "at": pointed.at,
        "asked": pointed.asked,
    }
    result = _CANDLES(data, key=f"candles-{dataset.id}")
    if getattr(result, "renew", None) is not None:
        st.session_state.pop(_held(dataset, actor), None)
        st.rerun()
    return read_begin(getattr(result, "start", None), dataset.rows)


def read_begin(sent: Any, rows: int) -> Begin | None:
    """What the browser sent when a window was started; None for what is no window of the dataset."""
    if not isinstance(sent, dict) or sent.get("what") not in ("run", "label"):
        return None
    ends = [sent.get("start"), sent.get("end")]
    if not all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
        return None
    start, end = sorted(min(max(0, int(end)), rows - 1) for end in ends)  # type: ignore[arg-type]
    return Begin(sent["what"], start, end)


def asked(dataset: DatasetRow) -> Pointed:
    """The candle that a row of the report or the address asks for."""
    held: Pointed | None = st.session_state.get(POINTED)
    if held is None or held.sha != dataset.content_sha256:
        named = st.query_params.get("bar", "")
        at = min(int(named), dataset.rows - 1) if named.isdecimal() and len(named) < 10 else None
        held = Pointed(dataset.content_sha256, at)
        st.session_state[POINTED] = held
    return held


def point(dataset: DatasetRow, index: int) -> None:
    """Has the chart show a candle and point at it."""
    held = asked(dataset)
    st.session_state[POINTED] = Pointed(dataset.content_sha256, index, held.asked + 1)


def _held(dataset: DatasetRow, actor: Actor) -> str:
    return f"candles-token-{dataset.id}-{actor.id}"


def _token(dataset: DatasetRow, actor: Actor) -> str:
    """The same token for a while, so that the chart's data stays the same."""
    held: tuple[float, str] | None = st.session_state.get(_held(dataset, actor))
    if held is None or time.monotonic() - held[0] > FRESH_SECONDS:
        token = board.mint_candles(actor.id, sha=dataset.content_sha256, key=dataset.storage_path)
        held = time.monotonic(), token
        st.session_state[_held(dataset, actor)] = held
    return held[1]
