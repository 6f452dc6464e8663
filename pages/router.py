"""The main script: page settings, sign-in, navigation. Every page asks for its actor again, by itself."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamlit as st

from pages.components import looks, notices
from pages.components.actor import current_actor, sign_in_screen
from pages.components.commands.component import ScreenData, commands
from pages.components.links import FILES, exists
from services.database.engine import database_url
from services.database.migrate import current, head, readiness
from services.errors import Unavailable

STATIC = Path(__file__).parent / "static"
SIDEBAR_PX = 248
# path, title, symbol, what it is for, whether the menu shows it
SCREENS = (
    ("", "Workspaces", "grid_view", "All patterns with their status, success rate and live execution.", True),
    ("workspace", "Workspace", "forum", "One pattern: its timeline, its numbers and what comes next.", True),
    ("sessions", "Sessions", "candlestick_chart", "Runs of a detector over candles, to be judged.", True),
    ("session", "Session", "candlestick_chart", "One run: the chart, and a verdict for every mark.", False),
    ("dataset", "Dataset", "database", "One set of candles: chart, quality report, where it is used.", False),
    ("corrections", "Corrections", "edit_location_alt", "What people corrected, and what became of each.", True),
    ("executions", "Executions", "bolt", "What the agents are working on and have done.", True),
    ("execution", "Execution", "bolt", "One execution: phases, log, diff, replay and deploy.", False),
    ("earlier", "Earlier implementations", "history", "What the first app kept, to be read.", False),
    ("review", "Review", "fact_check", "What waits for verification, with its evidence.", True),
    ("versions", "Versions", "history", "Every version of a pattern: what it is worth, roll back, adopt.", False),
    ("disputes", "Disputes", "gavel", "Places where people disagree, and the rules that settle them.", False),
    ("statistics", "Statistics", "query_stats", "Success, executions, deploys and corrections over time.", True),
)
# The entry of the menu that a screen outside of it belongs to.
BELONGS = {
    "session": "sessions",
    "dataset": "sessions",
    "execution": "executions",
    "earlier": "executions",
    "versions": "workspace",
    "disputes": "workspace",
}
ABOUT = """**Pattern Desk** {version}

The judging board draws with TradingView Lightweight Charts™, Copyright (c) 2026 TradingView, Inc.
([tradingview.com](https://www.tradingview.com/)), under the
[Apache License 2.0](https://www.apache.org/licenses/LICENSE-2.0). Its build comes with the package `lwcharts` (MIT).
"""
OWN = (
    ("account", "Account", "account_circle", "Who you are here; switch or sign out."),
    ("admin", "Admin", "admin_panel_settings", "People and roles, the system, the audit trail."),
)


def _version() -> str:
    try:
        return version("patterndesk")
    except PackageNotFoundError:
        return "from source"


def _page(path: str, title: str, symbol: str, note: str, *, shown: bool = True) -> st.Page:
    return st.Page(
        FILES[path],
        title=title,
        icon=f":material/{symbol}:",
        url_path=path or None,
        default=path == "",
        visibility="visible" if shown else "hidden",
        help=note,
    )


def _palette() -> list[ScreenData]:
    """The screens that can be opened without naming a thing."""
    listed = [(path, title, symbol, note) for path, title, symbol, note, shown in SCREENS if shown or path == "earlier"]
    return [
        {"title": title, "symbol": symbol, "note": note, "link": f"/{path}"}
        for path, title, symbol, note in (*listed, *OWN)
        if exists(path)
    ]


@st.cache_data(ttl=30, show_spinner=False)
def _wrong_schema() -> str | None:
    """The sentence for a database of an older or newer schema. When the database can't be
    reached, the pages say so themselves, because they keep what was typed."""
    try:
        url = database_url()
        return readiness(url) if current(url) != head() else None
    except Unavailable:
        return None


st.set_page_config(
    page_title="Pattern Desk",
    page_icon=str(STATIC / "icon.svg"),
    layout="wide",
    initial_sidebar_state=SIDEBAR_PX,
    menu_items={"About": ABOUT.format(version=looks.plain(_version()))},
)
if (reason := _wrong_schema()) is not None:
    _wrong_schema.clear()
    st.error(reason, icon=":material/database_off:")
    st.button("Try again", icon=":material/refresh:")
    st.stop()
actor = current_actor()
screens = [_page(p, title, symbol, note, shown=shown) for p, title, symbol, note, shown in SCREENS if exists(p)]
own = [_page(*screen) for screen in OWN if exists(screen[0])]
# The navigation is declared even when nobody is signed in, so that a deep link is known and lands where it points.
page = st.navigation(
    {"": screens, looks.plain(actor.name) if actor else "Account": own}, position="top" if actor else "hidden"
)
if actor is None:
    sign_in_screen()
    st.stop()
st.set_page_config(page_title=f"{page.title} · Pattern Desk")
st.html(STATIC / "page.css")
st.logo(str(STATIC / "logo.svg"), icon_image=str(STATIC / "icon.svg"))
commands(actor, page=page.url_path, menu=BELONGS.get(page.url_path, page.url_path), screens=_palette())
notices.show(actor)
notices.mentions(actor)
page.run()
