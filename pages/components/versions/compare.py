"""Two versions on the same window, side by side: a chart each, and a table of every event."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.charts import ChartMark, place_chart
from pages.components.parts import download_csv_button, figure
from services import actions
from services.actions import Beside, SideBySide
from services.candles.store import load_frame
from services.deployments import VersionRow, WindowRow
from services.errors import PatternDeskError
from services.settings import get_settings

WINDOW: Final = 160  # candles that a chart shows at first
HEIGHT: Final = 380
VERDICT_OF: Final = {"present": "confirmed", "absent": "false_positive", "unsure": "unsure", "disputed": "unsure"}
SAID: Final = {
    "present": "There",
    "absent": "Not there",
    "disputed": "Disputed",
    "unsure": "Unsure",
    None: "Not judged",
}


def compare(
    workspace_id: uuid.UUID,
    pair: tuple[VersionRow, VersionRow],
    window: WindowRow,
    *,
    judged_at: object,
) -> None:
    """Draws the comparison. `judged_at` is when the places were derived, so that a new judgement draws it anew."""
    try:
        found = _beside(workspace_id, pair[0].id, pair[1].id, window, judged_at)
    except PatternDeskError as error:
        st.warning(looks.plain(error.sentence), icon=":material/error:")
        return
    candles = load_frame(get_settings().storage_root, window.storage_path).iloc[window.start : window.end + 1]
    differing = [row for row in found.rows if row.differs]
    st.caption(
        looks.plain(
            f"{looks.count(len(differing), 'event')} of {len(found.rows):,} differ. Green marks are judged to be there, "
            "red ones not to be there, open ones were not judged."
        )
    )
    middle = differing[0].bar if differing else window.end - WINDOW // 2
    first = max(window.start, min(middle - WINDOW // 2, window.end - WINDOW))
    view = (first, min(window.end, first + WINDOW))
    grid = st.grid(2, min_column_width=420, gap="small")
    counts = (found.first_counts, found.second_counts)
    for side, (version, its) in enumerate(zip(pair, counts, strict=True)):
        with grid.container(border=True, gap="xsmall"):
            st.markdown(
                f"**v{looks.plain(version.name)}** :gray[{its.tp:,} right, {its.fp:,} wrong, {its.fn:,} missed, "
                f"{its.unjudged:,} unjudged]"
            )
            chart = place_chart(candles, marks_of(found.rows, side), view=view, height=HEIGHT)
            figure(chart, key=f"compare-{side}", alt=f"Candles with the marks of version {version.name}")
    table = table_of(found.rows, pair)
    only = st.toggle("Only what differs", value=bool(differing), key="compare-differs")
    st.dataframe(table[table["Differs"]] if only else table, hide_index=True, key="compare-table")
    download_csv_button("CSV", table.to_csv(index=False), f"compare {pair[0].version} {pair[1].version}")


@st.cache_data(max_entries=16, show_spinner="Running both versions on the window")
def _beside(
    workspace_id: uuid.UUID, first: uuid.UUID, second: uuid.UUID, window: WindowRow, judged_at: object
) -> SideBySide:
    return actions.side_by_side(workspace_id, first, second, window)


def marks_of(rows: Sequence[Beside], side: int) -> list[ChartMark]:
    """The marks of one version for the chart, and the places that it misses."""
    made = []
    for row in rows:
        mark = row.first if side == 0 else row.second
        if mark is not None:
            made.append(
                ChartMark(
                    mark.kind,
                    mark.direction,
                    mark.anchor_index,
                    mark.start_index,
                    mark.end_index,
                    mark.price_low,
                    mark.price_high,
                    VERDICT_OF.get(row.status or ""),
                )
            )
        elif row.status == "present":
            made.append(ChartMark(row.kind, row.direction, row.bar, row.bar, row.bar, verdict="false_negative"))
    return made


def table_of(rows: Sequence[Beside], pair: tuple[VersionRow, VersionRow]) -> pd.DataFrame:
    """One row an event."""
    names = [f"v{version.version}" for version in pair]
    if names[0] == names[1]:
        names = [f"{name} ({version.commit_hash[:7]})" for name, version in zip(names, pair, strict=True)]
    if names[0] == names[1]:
        names[1] += " again"
    return pd.DataFrame(
        [
            {
                "Candle": row.bar,
                "Event": looks.kind_label(row.kind, row.direction),
                "People say": SAID.get(row.status, row.status),
                names[0]: "marked" if row.first is not None else looks.MISSING,
                names[1]: "marked" if row.second is not None else looks.MISSING,
                "Differs": row.differs,
            }
            for row in rows
        ],
        columns=["Candle", "Event", "People say", *names, "Differs"],
    )
