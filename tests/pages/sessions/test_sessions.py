"""The list of sessions and datasets: filters, empty states, what is offered to whom, and the import of candle files."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pandas as pd
from streamlit.testing.v1 import AppTest

from pages.components import columns
from pages.components.datasets import preview
from pages.components.datasets.table import dataset_columns
from pages.components.sessions.table import session_columns
from services import datasets, sessions
from services.candles.importer import Reading
from services.database.engine import transaction
from tests.support.product import World, open_page, words

NAIVE = "time,open,high,low,close,volume\n" + "\n".join(
    f"2024-01-02 {hour:02}:00:00,10,11,9,10.5,5" for hour in range(9, 15)
)


def table(at: AppTest, key: str) -> pd.DataFrame:
    found: pd.DataFrame = next(frame.value for frame in at.dataframe if frame.key == key)
    return found


def keys(at: AppTest) -> set[str | None]:
    return {button.key for button in at.button}


def test_before_the_first_session_it_says_what_to_do(world: World) -> None:
    with transaction() as session:
        assert not sessions.list_sessions(session)
    assert "Run the first one" in words(open_page("sessions.py", world.member))
    viewed = open_page("sessions.py", world.viewer)
    assert "A member runs the first one" in words(viewed) and "You are a viewer" in words(viewed)
    assert not keys(viewed) & {"run-next", "run-chosen", "import-open"}


def test_sessions_are_listed_and_filtered(world: World) -> None:
    made = world.run(bars=60)
    at = open_page("sessions.py", world.member)
    assert not at.exception
    shown = table(at, "sessions-table")
    assert list(shown["Pattern"]) == ["Swings"] and list(shown["Candles"]) == [60]
    at.selectbox(key="sessions-pattern").set_value(str(world.bos)).run()
    assert "No session fits" in words(at) and "run-chosen" not in keys(at), "this pattern has no detector to run"
    at.selectbox(key="sessions-pattern").set_value(str(world.swings)).run()
    assert len(table(at, "sessions-table")) == 1 and "run-chosen" in keys(at)
    at.button_group(key="sessions-status").set_value("completed").run()
    assert "No session fits" in words(at)
    with transaction() as session:
        sessions.complete(session, made, actor=world.member)
    at.run()
    assert table(at, "sessions-table")["Status"][0] == ["Completed"]


def test_an_address_with_a_pattern_begins_with_it(world: World) -> None:
    at = open_page("sessions.py", world.member, workspace=str(world.bos))
    assert at.selectbox(key="sessions-pattern").value == str(world.bos)
    assert "No session fits" in words(at)


def test_running_opens_the_dialog_for_the_chosen_pattern(world: World) -> None:
    at = open_page("sessions.py", world.member)
    assert at.selectbox(key="run-pattern").options == ["Swings v0.1.0"]
    at.button(key="run-next").click().run()
    assert not at.exception
    assert [b for b in at.button if b.key == "run-start"]


def test_datasets_show_their_quality_report_and_licence(world: World) -> None:
    at = open_page("sessions.py", world.member)
    at.button_group(key="list").set_value("Datasets").run()
    assert not at.exception
    shown = table(at, "datasets-table")
    assert list(shown["Symbol"]) == ["AAPL"] and shown["Candles"][0] == world.dataset.rows
    assert shown["Warnings"][0] == len(world.dataset.warnings) > 0
    said = words(at).replace("\\", "")
    assert "split?" in said and "public domain" in said
    assert "import-open" in keys(at)
    viewed = open_page("sessions.py", world.viewer)
    viewed.button_group(key="list").set_value("Datasets").run()
    assert "import-open" not in keys(viewed) and len(table(viewed, "datasets-table")) == 1


def test_a_file_without_time_zone_asks_for_one() -> None:
    assert preview.preview(NAIVE.encode(), "x.csv", Reading(), digest="a").asks == "tz"
    found = preview.preview(NAIVE.encode(), "x.csv", Reading(tz="America/New_York"), digest="a")
    assert (found.problem, found.rows, found.timeframe) == (None, 6, "1h")
    assert "14:00" in found.first, "09:00 in New York is 14:00 UTC in winter"
    broken = preview.preview(NAIVE.replace("11,9", "8,9").encode(), "x.csv", Reading(tz="UTC"), digest="b")
    assert broken.problem is not None and "high is below" in broken.problem and broken.asks is None


def _import_page() -> None:
    from pages.components.datasets.import_dialog import import_dialog

    import_dialog()


def test_the_import_dialog_takes_a_file_to_a_dataset(world: World) -> None:
    at = AppTest.from_function(_import_page, default_timeout=30)
    at.session_state["person_id"] = world.member.id
    at.run()
    at.file_uploader[0].set_value(("BINANCE_BTCUSDT, 60.csv", NAIVE.encode(), "text/csv")).run()
    assert "carry no time zone" in words(at) and not [b for b in at.button if b.label == "Import"]
    at.selectbox[0].set_value("UTC").run()
    fields = {field.label: field for field in at.text_input}
    assert (fields["Symbol"].value, fields["Timeframe"].value) == ("BTCUSDT", "1h")
    fields["Where the candles come from, and what may be done with them (optional)"].set_value("Ours")
    next(b for b in at.button if b.label == "Import").click().run()
    with transaction() as session:
        stored = next(d for d in datasets.list_datasets(session) if d.symbol == "BTCUSDT")
    assert (stored.rows, stored.timeframe, stored.licence_note) == (6, "1h", "Ours")
    assert stored.start_at == datetime(2024, 1, 2, 9, tzinfo=UTC)
    assert at.session_state["imported"][2] is False


def test_tables_hold_a_line_for_each_row(world: World) -> None:
    assert list(columns.table(session_columns(), []).columns)[:3] == ["Session", "Pattern", "Version"]
    assert list(columns.table(dataset_columns(), [world.dataset])["Prices"]) == ["Raw, as traded"]
    click = {"selection": {"cells": [(1, "Session")]}}
    assert columns.clicked_row(click, 2) == 1
    assert columns.clicked_row(click, 1) is None, "a row that is gone since"
    assert uuid.UUID(str(world.dataset.id)).version == 7
