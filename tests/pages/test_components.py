"""Looks, formats, figures and the checked edges of our own components, as values."""

from __future__ import annotations

import ast
import json
import tomllib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from streamlit import config

from pages.components import charts, looks
from pages.components.charts.base import safe
from pages.components.corrections.rows import columns
from pages.components.drawn import lifecycle_stops, rate_texts, tally_items
from pages.components.timeline.component import TimelineAction, action
from pages.components.workspaces.grid import card_view
from services import lifecycle

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)


def test_numbers_read_as_the_design_says() -> None:
    assert [looks.percent(v) for v in (0.71, 0.705, 0, 1, None, float("nan"))] == ["71%", "71%", "0%", "100%", "–", "–"]
    assert looks.interval(0.61, 0.79) == "61–79%" and looks.interval(None, 0.5) == "–"
    assert [looks.duration(s) for s in (401, 51, 7500, 3600, 90000, 0, 0.4, None)] == [
        "6 min 41 s", "51 s", "2 h 5 min", "1 h", "1 d 1 h", "0 s", "under 1 s", "–",
    ]  # fmt: skip
    assert [looks.clock(s) for s in (151, 8, 3725, None)] == ["2:31", "0:08", "1:02:05", "–"]
    assert [looks.price(p) for p in (174.9, 1.08345, 12345.6, None)] == ["174.90", "1.08345", "12,345.60", "–"]
    assert looks.money(0.83) == "$0.83" and looks.count(1, "session") == "1 session"


def test_candles_and_times_read_as_the_design_says() -> None:
    assert looks.candle_label(312, datetime(2013, 6, 17)) == "#312 · 17 Jun 2013"
    assert looks.candle_label(0, datetime(2013, 6, 17, 9, 30)) == "#0 · 17 Jun 2013 09:30"
    assert looks.candle_label(None, None) == "–"
    ages = [
        timedelta(seconds=20),
        timedelta(minutes=14),
        timedelta(hours=3, minutes=18),
        timedelta(days=1),
        timedelta(days=35),
    ]
    assert [looks.when(NOW - age, NOW) for age in ages] == [
        "just now",
        "14 min ago",
        "today 10:42",
        "yesterday 14:00",
        "3 Feb",
    ]
    assert looks.when(datetime(2024, 2, 3), NOW) == "3 Feb 2024" and looks.when(None) == "–"
    assert [looks.ago(NOW - age, NOW) for age in ages] == ["just now", "14 min ago", "3 h ago", "yesterday", "3 Feb"]
    assert looks.ago(NOW - timedelta(hours=15), NOW) == "yesterday"


def test_every_state_of_the_lifecycle_has_a_look() -> None:
    tables = [
        (looks.STATUSES, lifecycle.WorkspaceStatus), (looks.VERDICTS, lifecycle.Verdict), (looks.PHASES, lifecycle.ExecutionPhase),
        (looks.EXECUTIONS, lifecycle.ExecutionStatus), (looks.SESSIONS, lifecycle.SessionStatus),
        (looks.FEEDBACK_STATES, lifecycle.FeedbackState), (looks.DEPLOYS, lifecycle.DeployStatus),
    ]  # fmt: skip
    for table, states in tables:
        assert {str(s) for s in states} <= set(table), states.__name__
    assert set(looks.MARKS) == {str(v) for v in lifecycle.Verdict}
    assert looks.execution_look("failed", canceled=True).label == "Canceled"
    assert looks.look(looks.STATUSES, "no_such").label == "No such"


def test_symbols_exist_in_the_font_that_streamlit_brings() -> None:
    from streamlit.material_icon_names import ALL_MATERIAL_ICONS

    tables = (looks.STATUSES, looks.VERDICTS, looks.EXECUTIONS, looks.PHASES, looks.PHASE_STATES, looks.SESSIONS)
    more = (looks.FEEDBACK_STATES, looks.DEPLOYS, looks.REPLAYS)
    assert {entry.symbol for table in (*tables, *more) for entry in table.values()} <= set(ALL_MATERIAL_ICONS)


def test_markdown_of_people_is_shown_as_typed() -> None:
    assert looks.plain("**a** :red[b]\n![x](http://y)") == r"\*\*a\*\* \:red\[b\] \!\[x\]\(http\://y\)"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_theme_names_only_keys_that_streamlit_has_and_is_readable(mode: str) -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    known = config.get_config_options()
    side = theme[mode]["sidebar"]
    shared = [name for name, value in theme.items() if not isinstance(value, dict)]
    names = [f"theme.{n}" for n in shared] + [f"theme.{mode}.{n}" for n in theme[mode] if n != "sidebar"]
    assert [n for n in [*names, *(f"theme.{mode}.sidebar.{n}" for n in side)] if n not in known] == []
    assert len(theme[mode]["chartSequentialColors"]) == 10
    colors = theme[mode]
    pairs = [
        ("textColor", "backgroundColor"),
        ("textColor", "secondaryBackgroundColor"),
        ("linkColor", "backgroundColor"),
    ]
    hues = ("red", "orange", "green", "blue", "violet", "gray")
    for text, ground in pairs + [(f"{hue}TextColor", f"{hue}BackgroundColor") for hue in hues]:
        assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    assert contrast("#FFFFFF", colors["primaryColor"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio of two sRGB colours."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_charts_import_no_streamlit() -> None:
    for path in (ROOT / "pages" / "components" / "charts").glob("*.py"):
        modules = [n for node in ast.walk(ast.parse(path.read_text())) for n in imported(node)]
        assert not [m for m in modules if m.split(".")[0] in ("streamlit", "sqlalchemy")], path.name


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [name.name for name in node.names] if isinstance(node, ast.Import) else []


def test_text_of_versions_is_escaped_in_figures() -> None:
    versions = pd.DataFrame([{"version": "<img src=x>", "n": 12, "rate": 0.5, "ci_low": 0.3, "ci_high": 0.7}])
    text = json.dumps(charts.success_by_version(versions).to_plotly_json(), default=str)
    assert "<img" not in text
    assert safe("<a href='x'>") == "&lt;a href='x'&gt;"


def test_provisional_rates_are_open_and_untested_versions_left_out() -> None:
    rows = [("0.1.0", 9, 0.48, 0.22, 0.75), ("0.2.0", 24, 0.55, 0.36, 0.72), ("0.3.0", 0, None, None, None)]
    trace = charts.success_by_version(pd.DataFrame(rows, columns=["version", "n", "rate", "ci_low", "ci_high"])).data[0]
    assert list(trace.x) == ["0.1.0<br>n 9", "0.2.0<br>n 24"]
    assert list(trace.marker.symbol) == ["circle-open", "circle"]
    assert trace.error_y.array[0] == pytest.approx(0.27) and trace.error_y.arrayminus[0] == pytest.approx(0.26)


def test_triggers_of_the_browser_are_checked() -> None:
    known = str(uuid.uuid4())

    def sent(**values: object) -> TimelineAction | None:
        return action(SimpleNamespace(**values))

    assert sent(open={"kind": "session", "id": known}) == TimelineAction("open", "session", known)
    assert sent(refresh={"at": 1}, delete=known) == TimelineAction("delete", None, known)
    assert sent(older={"at": 1}) == TimelineAction("older") and sent() is None
    assert sent(open={"kind": "admin", "id": known}) is None and sent(edit="1; drop table") is None
    assert set(looks.FOR_COMPONENTS["phases"]) == {str(p) for p in lifecycle.ExecutionPhase}


def test_a_card_says_what_is_known_and_what_is_not() -> None:
    base = {
        "id": "w",
        "name": "Breaker blocks",
        "category": "Zones",
        "version": "0.1.0",
        "status": "beta",
        "sessions": 1,
    }
    tested = base | {
        "rate": 0.44,
        "ci_low": 0.16,
        "ci_high": 0.75,
        "n": 7,
        "note": "not enough judged, 7 of 30",
        "unseen": "50% · 12–88% · n 4",
        "spark": [0.5, 0.44],
    }
    card = card_view(tested | {"open_feedback": 5, "last_tested_at": NOW - timedelta(days=1), "live": None}, NOW)
    assert (card["rate"], card["evidence"]) == ("44%", "16–75% · n 7 · not enough judged, 7 of 30")
    assert (card["open"], card["tested"], card["sessions"]) == ("5 open", "Tested yesterday", "1 session")
    waiting = base | {"rate": None, "version": None, "live": {"phase": None, "progress": 0, "status": "pending"}}
    card = card_view(waiting, NOW)
    assert (card["rate"], card["subtitle"]) == ("–", "Zones · no version yet") and card["tested"] == "Never tested"
    assert card["live"]["label"] == "Waiting for a worker" and card["live"]["progress"] is None


def test_summaries_are_worded_once() -> None:
    assert [i["text"] for i in tally_items({"confirmed": 68, "false_negative": 9})] == ["68 right", "9 missed"]
    assert rate_texts(0.44, 0.16, 0.75, 7)["n_text"] == "n 7 · not enough judged, 7 of 10"
    assert rate_texts(None, None, None, 0)["interval_text"] == "not judged yet"
    stops = lifecycle_stops("beta", {"soon": NOW, "in_review": NOW})
    assert [s["state"] for s in stops] == ["passed", "passed", "here", "ahead", "ahead"]
    assert stops[0]["date"] == "10 Mar" and stops[3]["date"] == ""  # a later status of an earlier round is not reached


def test_a_table_says_in_which_zone_its_times_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for zone, words in (("Asia/Kolkata", "Times of Asia/Kolkata, UTC+05:30"), ("UTC", "Times of UTC, UTC+00:00")):
        monkeypatch.setattr(looks, "_reader", [lambda zone=zone: datetime(2026, 3, 10, tzinfo=ZoneInfo(zone))])
        assert looks.zone_help() == words
        times = [column for column in columns(looks.now_here()) if column.heading == "Given"]
        assert times[0].look is not None and times[0].look["help"] == words
