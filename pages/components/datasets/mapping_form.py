"""The form that changes how a file is read: which column is what, the order of dates, the decimal sign, the zone."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from pages.components.datasets.preview import Preview
from services.candles import zones
from services.candles.importer import Glance, Reading
from services.candles.orders import WORDS

ROLES: Final = {
    "time": "Time", "clock": "Time of day (if apart)", "open": "Open", "high": "High", "low": "Low", "close": "Close",
    "volume": "Volume",
}  # fmt: skip
DECIMALS: Final = {".": "Point (1,234.5)", ",": "Comma (1.234,5)"}


def zone_label(name: str) -> str:
    """A zone with its abbreviations, so that people find it by what they call it."""
    short = [a for a, meant in zones.ZONES.items() if meant == name]
    short += [a for a, several in zones.SEVERAL.items() if name in several]
    return f"{name.replace('_', ' ')} ({', '.join(short)})" if short else name.replace("_", " ")


def zone_choice(label: str, likely: tuple[str, ...], key: str, value: str | None = None) -> str | None:
    """A zone, searched by city or abbreviation; an offset may be typed."""
    known = list(dict.fromkeys([*likely, *([value] if value else []), *zones.zone_names()]))
    chosen: str | None = st.selectbox(
        label, known, index=known.index(value) if value else None, accept_new_options=True, format_func=zone_label,
        placeholder="A city, an abbreviation such as EST, or an offset such as +02:00", key=key,
    )  # fmt: skip
    return chosen


def mapping_form(table: Glance, found: Preview, reading: Reading, digest: str) -> Reading | None:
    """Shows the file's first rows as they stand and asks how to read them. Returns the answers once they were sent."""
    st.dataframe(pd.DataFrame(table.rows, columns=_unique(table.heads)), hide_index=True, key=f"import-raw-{digest}")
    taken = {**found.columns, **reading.columns}
    taken.setdefault("time", taken.get("date", ""))
    places = [str(i + 1) for i in range(len(table.heads))]

    def head(place: str) -> str:
        return f"{place}: {table.heads[int(place) - 1]}"

    with st.form(f"import-mapping-{digest}", border=False):
        columns: dict[str, str] = {}
        with st.container(horizontal=True, gap="small"):
            for role, label in ROLES.items():
                chosen = st.selectbox(
                    label, places, index=_place(table, taken.get(role, "")), format_func=head, width=170,
                    placeholder="Not in the file", key=f"import-{role}-{digest}",
                )  # fmt: skip
                if chosen:
                    columns[role] = chosen
        with st.container(horizontal=True, gap="small"):
            order = st.selectbox("Dates", list(WORDS), index=_at(list(WORDS), reading.date_order),
                                 format_func=WORDS.__getitem__, placeholder="As decided", width=190,
                                 key=f"import-order-{digest}")  # fmt: skip
            decimal = st.selectbox("Decimal sign", list(DECIMALS), index=_at(list(DECIMALS), reading.decimal),
                                   format_func=DECIMALS.__getitem__, placeholder="As decided", width=190,
                                   key=f"import-decimal-{digest}")  # fmt: skip
            tz = zone_choice("Zone of times without one", found.options if found.asks == "tz" else (),
                             f"import-mapping-zone-{digest}", reading.tz)  # fmt: skip
        if not st.form_submit_button("Read it so", icon=":material/refresh:"):
            return None
    if "clock" in columns:
        columns["date"] = columns.pop("time", "")
    return Reading({role: place for role, place in columns.items() if place}, order, decimal, tz)


def _unique(heads: tuple[str, ...]) -> list[str]:
    return [f"{i}: {head}" for i, head in enumerate(heads, start=1)]


def _place(table: Glance, column: str) -> int | None:
    if column.isdigit() and 1 <= int(column) <= len(table.heads):
        return int(column) - 1
    return table.heads.index(column) if column in table.heads else None


def _at(options: list[str], value: str | None) -> int | None:
    return options.index(value) if value in options else None
