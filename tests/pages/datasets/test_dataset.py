"""A dataset's page: its bars, the report that leads to them, names, putting away; and how a shape is remembered."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from pages.components.datasets.chart import Begin, read_begin
from services import actions, dataset_changes, datasets
from services.candles.importer import Reading
from services.database.engine import transaction
from tests.support.product import World, given, open_page, words

HOLE = "time,open,high,low,close,volume\n" + "".join(
    f"{1_704_067_200 + 60 * i},10,12,9,11,{0 if i == 40 else 5}\n" for i in range(1_000) if not 500 <= i < 520
)


def _dialog() -> None:
    from pages.components.datasets.import_dialog import import_dialog

    import_dialog()


def candles(at: AppTest) -> dict[str, Any]:
    """What the chart was given."""
    return next(data for data in given(at) if "totals" in data)


def test_the_page_shows_bars_report_and_uses(world: World) -> None:
    at = open_page("dataset.py", world.member, id=str(world.dataset.id))
    assert not at.exception
    said = words(at).replace("\\", "")
    assert "AAPL" in said and "split?" in said and "No session runs on these candles yet." in said
    shown = candles(at)
    assert (shown["total"], shown["at"], shown["may_run"]) == (world.dataset.rows, None, True)
    assert shown["totals"]["1"] == world.dataset.rows > shown["totals"]["4"]
    assert candles(open_page("dataset.py", world.member, id=str(world.dataset.id), bar="12"))["at"] == 12
    assert not candles(open_page("dataset.py", world.viewer, id=str(world.dataset.id)))["may_run"]


def test_a_row_of_the_report_leads_to_its_bars(world: World) -> None:
    made = actions.import_candles(HOLE.encode(), filename="HOLE.csv", actor=world.member)
    at = open_page("dataset.py", world.member, id=str(made.id))
    assert "A gap in time" in words(at)
    rows = at.dataframe[0].value
    assert list(rows["What"]) == ["Volume is 0 or missing", "After a gap"]
    at.session_state["dataset-places"] = {"selection": {"rows": [], "columns": [], "cells": [(1, "What")]}}
    at.run()
    assert not at.exception and (candles(at)["at"], candles(at)["asked"]) == (500, 1)
    at.session_state["dataset-places"] = {"selection": {"rows": [], "columns": [], "cells": [(0, "What")]}}
    at.run()
    assert (candles(at)["at"], candles(at)["asked"]) == (40, 2)


def test_what_the_browser_sends_is_a_window_of_the_dataset_or_nothing() -> None:
    assert read_begin({"what": "run", "start": 59, "end": 35}, 120) == Begin("run", 35, 59)
    assert read_begin({"what": "label", "start": -4, "end": 500}, 120) == Begin("label", 0, 119)
    for nothing in (None, "run", {}, {"what": "drop", "start": 1, "end": 2}, {"what": "run", "start": True, "end": 2},
                    {"what": "run", "start": "1", "end": 2}):  # fmt: skip
        assert read_begin(nothing, 120) is None


def test_names_change_and_a_dataset_is_put_away_and_back(world: World) -> None:
    content = HOLE.replace(",5\n", ",6\n").encode()
    made = actions.import_candles(content, filename="x.csv", symbol="OLD", timeframe="1m", actor=world.member)
    at = open_page("dataset.py", world.member, id=str(made.id))
    next(f for f in at.text_input if f.label == "Symbol").set_value("new")
    next(b for b in at.button if b.label == "Save").click().run()
    at.button(key="dataset-archive").click().run()
    assert "put away" in words(at)
    with transaction() as session:
        assert datasets.get(session, made.id).symbol == "NEW"
        assert made.id not in [d.id for d in datasets.list_datasets(session)]
    again = actions.import_candles(content, filename="x.csv", symbol="NEW", timeframe="1m", actor=world.member)
    assert again.existed and again.id == made.id
    with transaction() as session:
        assert made.id in [d.id for d in datasets.list_datasets(session)]


def test_a_viewer_changes_nothing(world: World) -> None:
    at = open_page("dataset.py", world.viewer, id=str(world.dataset.id))
    assert not at.exception and not [b for b in at.button if b.key == "dataset-archive" or b.label == "Save"]


def test_the_answers_for_a_shape_are_remembered(world: World) -> None:
    text = "stamp;first;top;bottom;end\n" + "".join(f"0{i}/02/2024;1,500;3,000;1,000;{i},000\n" for i in (1, 2, 3))
    at = AppTest.from_function(_dialog, default_timeout=60)
    at.session_state["person_id"] = world.member.id
    at.run()
    at.file_uploader[0].set_value(("mine.csv", text.encode(), "text/csv")).run()
    for label, place in (("Time", "1"), ("Open", "2"), ("High", "3"), ("Low", "4"), ("Close", "5")):
        next(s for s in at.selectbox if s.label == label).set_value(place)
    next(s for s in at.selectbox if s.label == "Dates").set_value("dmy")
    next(s for s in at.selectbox if s.label == "Decimal sign").set_value(",")
    next(b for b in at.button if b.label == "Read it so").click().run()
    assert not at.exception
    next(f for f in at.text_input if f.label == "Symbol").set_value("MINE")
    next(b for b in at.button if b.label == "Import").click().run()
    with transaction() as session:
        stored = next(d for d in datasets.list_datasets(session) if d.symbol == "MINE")
    assert f"{stored.start_at:%d %m}" == "01 02" and stored.rows == 3
    other = AppTest.from_function(_dialog, default_timeout=60)
    other.session_state["person_id"] = world.member.id
    other.run()
    other.file_uploader[0].set_value(("next.csv", text.replace("2024", "2025").encode(), "text/csv")).run()
    assert "Read as the last file of this shape" in words(other)
    with transaction() as session:
        dataset_changes.remember(session, "0" * 64, Reading(tz="UTC"), actor=world.member)
        assert dataset_changes.remembered(session, "0" * 64) == Reading(tz="UTC")
        assert dataset_changes.remembered(session, "1" * 64) is None
