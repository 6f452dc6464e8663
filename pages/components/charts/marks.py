"""Marks on the session's chart: swings as triangles, breaks as segments, zones as boxes, in the verdict's colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from pages.components import looks
from pages.components.charts.base import CLEAR, rgba, safe

OFFSET: Final = 0.016  # triangles keep this share of the price away from the candle
BREAKS: Final = frozenset({"bos", "choch"})
ORDER: Final = (None, "confirmed", "false_positive", "false_negative", "adjustment", "unsure", "comment")
LEGEND: Final = {verdict: looks.VERDICTS[verdict].label if verdict else "Not judged" for verdict in ORDER}
Trace = dict[str, Any]  # as plotly's JSON has it; validating each value takes five times as long as all the rest
CLICKS: Final = 14  # places along a segment that can be clicked


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of the marks' frame with its drawing decided. `at` is the height of its symbol, `level` of its line."""

    id: str
    kind: str
    direction: int
    anchor: int
    start: int
    end: int
    level: float
    at: float
    low: float
    high: float
    verdict: str | None
    is_zone: bool

    @property
    def is_break(self) -> bool:
        return self.kind in BREAKS and not self.is_zone

    @property
    def label(self) -> str:
        return looks.kind_label(self.kind, self.direction)


def as_marks(marks: pd.DataFrame, candles: pd.DataFrame | None) -> list[Mark]:
    """Rows as marks. With candles, symbols are placed at the bar's high or low; without, heights are zero."""
    return [_mark(row, candles) for row in marks.to_dict("records")]


def on_chart(items: Sequence[Mark]) -> list[str | None]:
    """The verdicts that occur, in the legend's order; unknown ones count as unsure's gray, at the end."""
    present = {m.verdict for m in items}
    return [v for v in ORDER if v in present] + sorted(v for v in present if v is not None and v not in ORDER)


def mark_traces(items: Sequence[Mark], current: str | None) -> list[Trace]:
    """The marks of each verdict as traces, with one legend entry that shows and hides them."""
    traces: list[Trace] = []
    for verdict in on_chart(items):
        group = [m for m in items if m.verdict == verdict]
        color = looks.mark_color(verdict)
        traces.append(_legend_entry(verdict, color))
        shared: dict[str, Any] = {"legendgroup": safe(verdict), "showlegend": False}
        if lines := [m for m in group if m.is_break]:
            traces += _segments(lines, color, current, shared)
        traces += [_zone(m, color, current, shared) for m in group if m.is_zone]
        if points := [m for m in group if not m.is_break]:
            traces.append(_symbols(points, color, current, shared))
    return traces


def _mark(row: dict[Any, Any], candles: pd.DataFrame | None) -> Mark:
    anchor = int(row["anchor_index"])
    kind, direction = str(row["kind"]), int(row["direction"])
    start, end = _index(row.get("start_index"), anchor), _index(row.get("end_index"), anchor)
    refs = row.get("refs")
    if kind in BREAKS and isinstance(refs, (list, tuple)) and len(refs):
        start = int(refs[0])
    low, high = _number(row.get("price_low")), _number(row.get("price_high"))
    zone = low is not None and high is not None
    tip = _tip(candles, anchor, direction)
    price = _number(row.get("price"))
    level = price if price is not None else (high if high is not None else tip)
    is_break = kind in BREAKS and not zone
    if kind not in BREAKS and not zone:
        start = end = anchor  # a point, however long it took to confirm
    at = level if is_break else tip * (1 + OFFSET if direction >= 0 else 1 - OFFSET)
    return Mark(
        id=_identity(row),
        kind=kind,
        direction=direction,
        anchor=anchor,
        start=min(start, end),
        end=max(start, end),
        level=level,
        at=at,
        low=low if zone and low is not None else min(level, at),
        high=high if zone and high is not None else max(level, at),
        verdict=None if pd.isna(row.get("verdict")) else str(row["verdict"]),
        is_zone=zone,
    )


def _tip(candles: pd.DataFrame | None, anchor: int, direction: int) -> float:
    if candles is None or anchor not in candles.index:
        return 0.0
    return float(candles["low" if direction < 0 else "high"].to_numpy()[candles.index.get_loc(anchor)])


def _identity(row: dict[Any, Any]) -> str:
    for name in ("detection_id", "feedback_id"):
        value = row.get(name)
        if value is not None and not pd.isna(value):
            return str(value)
    raise ValueError("a mark needs a detection_id or a feedback_id")


def _index(value: Any, default: int) -> int:
    return default if value is None or pd.isna(value) else int(value)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _hover(mark: Mark) -> str:
    verdict = LEGEND.get(mark.verdict, str(mark.verdict))
    return f"<b>{safe(mark.label)}</b> · {safe(verdict)}<br>#{mark.anchor} · {looks.price(mark.level)}"


def _legend_entry(verdict: str | None, color: str) -> Trace:
    fill = CLEAR if verdict is None else color
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": safe(LEGEND.get(verdict, str(verdict))),
        "legendgroup": safe(verdict),
        "marker": {"symbol": "circle", "size": 10, "color": fill, "line": {"color": color, "width": 2}},
    }


def _segments(group: list[Mark], color: str, current: str | None, shared: Trace) -> list[Trace]:
    traces: list[Trace] = []
    for chosen in (False, True):
        lines = [m for m in group if (m.id == current) is chosen]
        if not lines:
            continue
        traces.append(
            dict(
                type="scatter",
                x=[x for m in lines for x in (m.start, m.end, None)],
                y=[y for m in lines for y in (m.level, m.level, None)],
                mode="lines",
                line={"color": color, "width": 3.5 if chosen else 1.8},
                hoverinfo="skip",
                **shared,
            )
        )
        traces += [_ends(lines, color, chosen, shared), _along(lines, color, shared)]
    return traces


def _ends(lines: list[Mark], color: str, chosen: bool, shared: Trace) -> Trace:
    """The bar that broke the level: open until judged. The mark in question also shows the swing that it broke."""
    sizes = [x for _ in lines for x in ((6, 12) if chosen else (0, 6))]
    fills = [x for m in lines for x in (color, CLEAR if m.verdict is None else color)]
    return dict(
        type="scatter",
        x=[x for m in lines for x in (m.start, m.end)],
        y=[m.level for m in lines for _ in (0, 1)],
        mode="markers",
        marker={"size": sizes, "color": fills, "line": {"color": color, "width": 1.8}, "opacity": 1},
        unselected={"marker": {"opacity": 1}},
        customdata=[["mark", m.id] for m in lines for _ in (0, 1)],
        hovertext=[_hover(m) for m in lines for _ in (0, 1)],
        hoverinfo="text",
        **shared,
    )


def _along(lines: list[Mark], color: str, shared: Trace) -> Trace:
    """Unseen points along the segments, so that a click on the line itself finds its mark."""
    places = [(m, x) for m in lines for x in range(m.start, m.end + 1, max(1, (m.end - m.start) // CLICKS))]
    return dict(
        type="scatter",
        x=[x for _, x in places],
        y=[m.level for m, _ in places],
        mode="markers",
        marker={"size": 9, "color": color, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[["mark", m.id] for m, _ in places],
        hovertext=[_hover(m) for m, _ in places],
        hoverinfo="text",
        **shared,
    )


def _symbols(group: list[Mark], color: str, current: str | None, shared: Trace) -> Trace:
    shapes = {1: "triangle-down", -1: "triangle-up", 0: "diamond"}
    return dict(
        type="scatter",
        x=[m.anchor for m in group],
        y=[m.at for m in group],
        mode="markers",
        marker={
            "symbol": [shapes.get(m.direction, "diamond") for m in group],
            "size": [15 if m.id == current else 11 for m in group],
            "color": CLEAR if group[0].verdict is None else color,
            "opacity": 1,
            "line": {"color": color, "width": [2.6 if m.id == current else 1.8 for m in group]},
        },
        unselected={"marker": {"opacity": 1}},
        customdata=[["mark", m.id] for m in group],
        hovertext=[_hover(m) for m in group],
        hoverinfo="text",
        **shared,
    )


def _zone(mark: Mark, color: str, current: str | None, shared: Trace) -> Trace:
    return dict(
        type="scatter",
        x=[mark.start - 0.5, mark.end + 0.5, mark.end + 0.5, mark.start - 0.5, mark.start - 0.5],
        y=[mark.low, mark.low, mark.high, mark.high, mark.low],
        mode="lines",
        fill="toself",
        fillcolor=rgba(color, 0.2 if mark.id == current else 0.1),
        line={"color": color, "width": 2 if mark.id == current else 1},
        hoverinfo="skip",
        **shared,
    )
