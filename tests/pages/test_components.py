"""Looks, formats, figures and the checked edges of our own components, as values."""

from __future__ import annotations

import ast
import json
import tomllib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from streamlit import config

from pages.components import charts, looks
from pages.components.charts.base import safe
from pages.components.charts.view import date_labels, view_around
from pages.components.drawn import lifecycle_stops, rate_texts, tally_items
from pages.components.parts import ChartClick, chart_click
from pages.components.timeline.component import TimelineAction, action
from pages.components.workspaces.grid import card_view
from services import lifecycle

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)


def candles(n: int = 300) -> pd.DataFrame:
    close = pd.Series([100 + (i % 40) / 2 for i in range(n)], dtype=float)
    times = pd.date_range("2012-01-02", periods=n, freq="D", tz="UTC")
    frame = {"time": times, "open": close - 0.4, "high": close + 1, "low": close - 1, "close": close, "volume": 1.0}
    return pd.DataFrame(frame).set_index(pd.RangeIndex(50, 50 + n))


def mark(**changes: Any) -> dict[str, Any]:
    row = {"detection_id": str(uuid.uuid4()), "feedback_id": None, "kind": "swing", "direction": 1, "anchor_index": 200}
    row |= {
        "start_index": 200,
        "end_index": 203,
        "price": 101.0,
        "price_low": None,
        "price_high": None,
        "verdict": None,
    }
    return row | changes


def clickable(figure: Any) -> dict[str, tuple[float, float]]:
    """Where each mark can be clicked first: id → (x, y)."""
    found: dict[str, tuple[float, float]] = {}
    for trace in figure.data:
        for place, custom in enumerate(trace.customdata if trace.customdata is not None else []):
            if custom[0] == "mark":
                found.setdefault(custom[1], (trace.x[place], trace.y[place]))
    return found


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


def test_session_chart_places_and_identifies_marks_and_candles() -> None:
    frame = candles()
    high, low = mark(), mark(direction=-1, anchor_index=210, verdict="confirmed")
    broken = mark(kind="bos", anchor_index=230, start_index=215, end_index=230, price=112.5, verdict="false_positive")
    missed = mark(
        detection_id=None, feedback_id="f-1", kind="choch", anchor_index=240, end_index=240, refs=[235], price=99.0
    )
    figure = charts.session_chart(frame, pd.DataFrame([high, low, broken, missed]), current=broken["detection_id"])
    places = clickable(figure)
    assert places[high["detection_id"]] == (200, pytest.approx(frame.loc[200, "high"] * 1.016))
    assert places[low["detection_id"]] == (210, pytest.approx(frame.loc[210, "low"] * 0.984))
    assert places[broken["detection_id"]] == (215, 112.5) and places["f-1"] == (235, 99.0)
    names = [t.name for t in figure.data if t.name]
    assert names == ["Not judged", "Right", "Wrong"]
    bars = next(t for t in figure.data if t.type == "bar")
    assert len(bars.customdata) == len(frame) and list(bars.customdata[0]) == ["candle", 50, 99.6, 101.0, 99.0, 100.0]
    assert figure.layout.annotations[0].text == "<b>BOS up</b>"
    assert not [t for t in figure.data if t.type == "scattergl"]


def test_session_chart_shows_125_candles_and_dates_instead_of_indexes() -> None:
    frame = candles()
    figure = charts.session_chart(frame, pd.DataFrame([mark()]), current=None, view=(100, 224))
    assert list(figure.layout.xaxis.range) == [99, 225]
    assert figure.layout.xaxis.labelalias["50"] == "2 Jan" and figure.layout.yaxis.side == "right"
    seen = frame.loc[100:224]
    assert figure.layout.yaxis.range[0] < seen["low"].min() and figure.layout.yaxis.range[1] > seen["high"].max()
    assert view_around(60, 50, 349) == (50, 174) and view_around(340, 50, 349) == (225, 349)
    hours = pd.Series(pd.date_range("2026-01-05 09:30", periods=3, freq="h", tz="UTC"))
    assert date_labels(hours)["1"] == "5 Jan 10:30"
    assert date_labels(pd.Series(pd.date_range("2012-01-02", periods=400, freq="D")))["0"] == "2 Jan 2012"


def test_text_from_detectors_is_escaped_in_figures() -> None:
    wicked = mark(kind="<b onclick=x>", verdict="<i>odd</i>")
    figure = charts.session_chart(candles(), pd.DataFrame([wicked]), current=wicked["detection_id"])
    strip = charts.overview_strip(pd.DataFrame([wicked]), first=50, last=349, view=(100, 224))
    versions = pd.DataFrame([{"version": "<img src=x>", "n": 12, "rate": 0.5, "ci_low": 0.3, "ci_high": 0.7}])
    for drawn in (figure, strip, charts.success_by_version(versions)):
        text = json.dumps(drawn.to_plotly_json(), default=str)
        assert "<b onclick" not in text.lower() and "<i>" not in text and "<img" not in text
    assert safe("<a href='x'>") == "&lt;a href='x'&gt;"


def test_a_window_without_marks_is_drawn() -> None:
    none = pd.DataFrame([mark()]).iloc[:0]
    assert charts.session_chart(candles(), none).data
    assert charts.overview_strip(none, first=50, last=349, view=None).layout.height == 40


def test_provisional_rates_are_open_and_untested_versions_left_out() -> None:
    rows = [("0.1.0", 9, 0.48, 0.22, 0.75), ("0.2.0", 24, 0.55, 0.36, 0.72), ("0.3.0", 0, None, None, None)]
    trace = charts.success_by_version(pd.DataFrame(rows, columns=["version", "n", "rate", "ci_low", "ci_high"])).data[0]
    assert list(trace.x) == ["0.1.0<br>n 9", "0.2.0<br>n 24"]
    assert list(trace.marker.symbol) == ["circle-open", "circle"]
    assert trace.error_y.array[0] == pytest.approx(0.27) and trace.error_y.arrayminus[0] == pytest.approx(0.26)


def test_bars_sum_per_day_and_empty_frames_say_so() -> None:
    days = pd.to_datetime(["2026-02-14", "2026-02-14", "2026-02-15"])
    frame = pd.DataFrame({"day": days, "outcome": ["failed", "completed", "completed"], "count": [1, 2, 3]})
    figure = charts.executions_per_day(frame)
    assert [(t.name, list(t.y)) for t in figure.data] == [("Completed", [2, 3]), ("Failed", [1, 0])]
    empty = charts.executions_per_day(frame.iloc[:0])
    assert not empty.data and empty.layout.annotations[0].text == "No execution in this period"
    phases = pd.DataFrame({"phase": ["planning", "deploying"], "seconds": [60.0, 90.0]})
    assert [(t.name, list(t.x)) for t in charts.duration_by_phase(phases).data] == [
        ("Deploying", [1.5]),
        ("Planning", [1.0]),
    ]
    weeks = pd.DataFrame({"week": days, "state": ["open", "verified", "open"], "count": [1, 2, 3]})
    assert [t.name for t in charts.feedback_by_state(weeks).data] == ["Open", "Verified"]


def test_a_click_names_the_mark_before_the_candle_behind_it() -> None:
    def event(*custom: object) -> dict[str, Any]:
        return {"selection": {"points": [{"customdata": c} for c in custom]}}

    candle = ["candle", 302, 1.0, 2.0, 0.5, 1.5]
    assert chart_click(event(candle)) == ChartClick(candle_index=302, close=1.5)
    assert chart_click(event({"0": "mark", "1": "m"})) == ChartClick(mark_id="m")
    assert chart_click(event(candle, ["mark", "m"])) == ChartClick(mark_id="m")
    assert chart_click(event()) is None and chart_click(None) is None and chart_click(event("odd", ["mark", 5])) is None


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
