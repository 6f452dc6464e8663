"""A window of a dataset chosen on its chart, from which a session starts."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, NamedTuple

import streamlit as st

from pages.components import looks
from services.datasets import DatasetRow


class Window(NamedTuple):
    """Inclusive indexes of a dataset's bars."""

    start: int
    end: int


def chosen(event: Any, rows: int) -> Window | None:
    """The window that was dragged across the chart; None without one."""
    boxes = (event or {}).get("selection", {}).get("box") or []
    if not boxes or len(boxes[-1].get("x") or []) < 2:
        return None
    ends = sorted(float(x) for x in boxes[-1]["x"][:2])
    start, end = max(0, ceil(ends[0])), min(rows - 1, floor(ends[1]))  # the bars whose middle is inside
    return Window(start, end) if start <= end else None


def bar_of_window(
    dataset: DatasetRow, window: Window | None, shown: Window, times: Any, *, may_run: bool
) -> Window | None:
    """What is chosen, and the button that starts a session on it. Returns the window once it was pressed."""
    here = window or shown
    span = " to ".join(looks.candle_label(None, times[i].to_pydatetime()) for i in here)
    what = "Chosen" if window else "In view"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="dataset-window"):
        st.caption(
            f"{what}: bars #{here.start:,} to #{here.end:,} ({here.end - here.start + 1:,}), {span} UTC. "
            + ("" if window else "Drag across the chart to choose others.")
        )
        if not may_run:
            return None
        if st.button("Start a session on these bars", icon=":material/play_arrow:", key=f"dataset-start-{dataset.id}"):
            return here
    return None
