"""What every screen is put together from: headers, badges, metrics, empty states, figures, downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, cast

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.components import looks
from services import exports
from services.people import Actor
from services.web import tokens

BadgeColor = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "grey", "primary"]
# Languages whose spreadsheets take a comma for the decimal sign, and so a semicolon between cells.
DECIMAL_COMMA: Final = frozenset(
    [
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "pl",
        "cs",
        "sk",
        "da",
        "sv",
        "nb",
        "no",
        "fi",
        "ru",
        "uk",
        "tr",
        "el",
        "hu",
        "ro",
        "bg",
        "hr",
        "sl",
        "lt",
        "lv",
        "et",
        "id",
        "vi",
    ]
)
CONFIG: Final = {"displayModeBar": False, "scrollZoom": False, "displaylogo": False}
Csv = str | bytes | Callable[[], str | bytes]


def badge(look: looks.Look, label: str | None = None) -> None:
    """A state as a badge, in its colour and with its symbol."""
    st.badge(looks.plain(label or look.label), icon=look.icon, color=cast("BadgeColor", look.color))


def verdict_badge(verdict: str) -> None:
    """A verdict as people say it: right, wrong, missed, moved."""
    badge(looks.look(looks.VERDICTS, verdict))


def header(title: str, look: looks.Look | None = None, caption: str | None = None) -> DeltaGenerator:
    """The first row of a screen: title, badge, caption. Returns the place for its buttons, at the right.

    Title and caption may come from people; they are shown as typed. The browser's tab takes the title too, so that two
    tabs of one screen can be told apart.
    """
    st.set_page_config(page_title=f"{title} · Pattern Desk")
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        st.title(looks.plain(title), anchor=False, width="content")
        if look is not None:
            badge(look)
        if caption:
            st.caption(looks.plain(caption), width="content")
        st.space("stretch")
        return st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")


def empty_state(symbol: str, title: str, what_to_do: str) -> DeltaGenerator:
    """Says what is not here yet and what to do first. Returns the place for the button that does it."""
    with st.container(horizontal_alignment="center", gap="xsmall"):
        st.space("medium")
        st.markdown(f"## :gray[:material/{symbol}:]", width="content", anchors=False)
        st.markdown(f"**{looks.plain(title)}**", width="content")
        st.caption(looks.plain(what_to_do), width="content")
        place = st.container(horizontal=True, horizontal_alignment="center", gap="small")
        st.space("medium")
    return place


def figure(chart: go.Figure, *, key: str, alt: str) -> None:
    """Draws a figure without plotly's toolbar."""
    st.plotly_chart(chart, key=key, config=CONFIG, alt=alt)


def chart_card(title: str, note: str, chart: go.Figure, csv: Csv, *, name: str, alt: str) -> str | None:
    """A bordered chart with its title, a note beside it and a small button for exactly the rows that it shows.

    Returns the address that the clicked bar or point carries as its custom data, if one was clicked in this run.
    """
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{looks.plain(title)}** :gray[{looks.plain(note)}]", width="stretch")
            download_csv_button("CSV", csv, name, type="tertiary")
        if not any(trace.customdata is not None for trace in chart.data):
            figure(chart, key=f"chart-{name}", alt=alt)
            return None
        event = st.plotly_chart(
            chart, key=f"chart-{name}", config=CONFIG, alt=alt, on_select="rerun", selection_mode="points"
        )
        return _address(event)


def _address(event: object) -> str | None:
    selection = event.get("selection") if isinstance(event, Mapping) else None
    points = selection.get("points", []) if isinstance(selection, Mapping) else []
    for point in points:
        custom = point.get("customdata") if isinstance(point, Mapping) else None
        value = next(iter(custom), None) if isinstance(custom, list | tuple) else custom
        if isinstance(value, str) and value.startswith("/"):
            return value
    return None


def export_link(
    label: str,
    report: str,
    filters: Mapping[str, str],
    actor: Actor,
    *,
    called: str = "",
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
) -> None:
    """A link to the route that streams a report as CSV: nothing is read before the click, or kept in memory after it.

    Its token is good for a short while; the page's next run makes a new one.
    """
    asked = {name: value for name, value in filters.items() if value}
    token = tokens.mint("export", actor.id, report=report, filters=asked, called=called)
    st.link_button(
        label, f"/exports/{report}.csv?token={token}", icon=":material/download:", type=type, key=f"csv-{report}"
    )


def export_menu(
    report: str,
    filters: Mapping[str, str],
    actor: Actor,
    *,
    called: str = "",
    label: str = "CSV",
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
) -> None:
    """The list as a file, all its rows: as the table shows it for a spreadsheet, or plain for a machine.

    `called` says in words what the list is narrowed to, for the file's name.
    """
    asked = {name: value for name, value in filters.items() if value}
    with st.popover(label, icon=":material/download:", type=type, key=f"export-{report}"):
        separator = st.segmented_control(
            "Separator",
            list(exports.SEPARATORS),
            default="semicolon" if _decimal_comma() else "comma",
            required=True,
            format_func=str.capitalize,
            key=f"separator-{report}",
        )
        internal = st.toggle(
            "Internal columns beside", key=f"internal-{report}", help="Ids and the database's own words"
        )
        sheet = exports.Sheet(
            str(separator),
            decimal_comma=separator == "semicolon" and _decimal_comma(),
            internal=internal,
            zone=st.context.timezone or "UTC",
        )
        token = tokens.mint(
            "export", actor.id, report=report, filters=asked, sheet=exports.words_of(sheet), called=called
        )
        st.link_button(
            "For a spreadsheet",
            f"/exports/{report}.csv?token={token}",
            icon=":material/table:",
            type="primary",
            key=f"sheet-{report}",
            width="stretch",
        )
        token = tokens.mint("export", actor.id, report=report, filters=asked, called=called)
        st.link_button(
            "For a machine",
            f"/exports/{report}.csv?token={token}",
            icon=":material/data_object:",
            key=f"csv-{report}",
            width="stretch",
        )


def _decimal_comma() -> bool:
    """Whether the reader's language writes 0,5, as far as the browser tells it."""
    return (st.context.locale or "en").split("-")[0].lower() in DECIMAL_COMMA


def download_csv_button(
    label: str, data: Csv, name: str, *, type: Literal["primary", "secondary", "tertiary"] = "secondary"
) -> None:
    """Downloads `data` as <name>.csv without a rerun; a callable is asked only on the click."""
    safe_name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "export"
    st.download_button(
        label,
        data,
        file_name=f"{safe_name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        type=type,
        key=f"csv-{safe_name}",
    )
