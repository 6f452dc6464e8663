"""A dataset's page: its bars, the report that leads to them, names, putting away; and how a shape is remembered."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from pages.components.datasets import details, window
from services import actions, dataset_changes, datasets
from services.candles.importer import Reading
from services.database.engine import transaction
from tests.support.product import World, open_page, words

HOLE = "time,open,high,low,close,volume\n" + "".join(
    f"{1_704_067_200 + 60 * i},10,12,9,11,5\n" for i in range(1_000) if not 500 <= i < 520
)


def _dialog() -> None:
    from pages.components.datasets.import_dialog import import_dialog

    import_dialog()


def test_the_page_shows_bars_report_and_uses(world: World) -> None:
    at = open_page("dataset.py", world.member, id=str(world.dataset.id))
    assert not at.exception
    said = words(at).replace("\\", "")
    assert "AAPL" in said and "split?" in said and "No session runs on these candles yet." in said
    assert at.session_state[details.SHOW_FROM] == world.dataset.rows - 300
    at.button(key="dataset-oldest").click().run()
    assert "Bars #0 to #299" in words(at)


def test_a_row_of_the_report_leads_to_its_bars(world: World) -> None:
    made = actions.import_candles(HOLE.encode(), filename="HOLE.csv", actor=world.member)
    at = open_page("dataset.py", world.member, id=str(made.id))
    assert "A gap in time" in words(at)
    event = {"selection": {"rows": [], "columns": [], "cells": [(0, "After")]}}
    at.session_state["dataset-gaps"] = event
    at.run()
    assert at.session_state[details.POINTED] == 500
    assert at.session_state[details.SHOW_FROM] == 350


def test_a_window_is_what_was_dragged_on_the_chart() -> None:
    event = {"selection": {"box": [{"x": [59.4, 34.6], "y": [0, 1]}]}}
    assert window.chosen(event, 120) == window.Window(35, 59)
    assert window.chosen({"selection": {"box": [{"x": [-4.0, 500.0]}]}}, 120) == window.Window(0, 119)
    for nothing in (None, {"selection": {"box": []}}, {"selection": {"box": [{"x": [3.2, 3.4]}]}}):
        assert window.chosen(nothing, 120) is None


def test_a_session_starts_on_the_bars_in_view(world: World) -> None:
    at = open_page("dataset.py", world.member, id=str(world.dataset.id))
    at.button(key="dataset-oldest").click().run()
    at.button(key=f"dataset-start-{world.dataset.id}").click().run()
    assert not at.exception
    assert [n.value for n in at.number_input if n.label in ("First candle", "Last candle")] == [0, 299]


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
