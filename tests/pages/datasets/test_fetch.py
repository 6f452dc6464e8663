"""Fetching on the screen, by the real library from a stand-in of an exchange on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from services import datasets
from services.database.engine import transaction
from services.settings import get_settings
from tests.support.market_stand_in import BARS, StandIn
from tests.support.product import World, open_page, words


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    made = StandIn()
    monkeypatch.setattr(get_settings(), "market_urls", f"bitstamp={made.address}")
    yield made
    made.close()


def _dialog() -> None:
    from pages.components.datasets.fetch_dialog import fetch_dialog

    fetch_dialog()


def dialog(world: World) -> AppTest:
    at = AppTest.from_function(_dialog, default_timeout=60)
    at.session_state["person_id"] = world.member.id
    at.run()
    return at


def test_candles_are_searched_fetched_and_fetched_further(world: World, stand_in: StandIn) -> None:
    stand_in.upto = 700
    at = dialog(world)
    at.selectbox(key="fetch-source").set_value("bitstamp").run()
    at.text_input(key="fetch-text").set_value("btc")
    next(b for b in at.button if b.label == "Search").click().run()
    assert next(i for i in at.selectbox if i.label == "Found").options == ["BTC/USD · BTC in USD, spot"]
    at.selectbox(key="fetch-timeframe").set_value("5m")
    first = datetime.fromtimestamp(BARS[0][0], UTC).date()
    at.date_input(key="fetch-from").set_value(first).run()
    at.button(key="fetch-start").click().run()
    assert not at.exception and not at.error
    with transaction() as session:
        made = next(d for d in datasets.list_datasets(session) if d.source_format == "bitstamp")
    assert (made.symbol, made.timeframe, made.rows) == ("BTC/USD", "5m", 700)
    stand_in.upto = 900
    page = open_page("dataset.py", world.member, id=str(made.id))
    page.button(key="dataset-update").click().run()
    assert not page.exception
    with transaction() as session:
        rows = sorted(d.rows for d in datasets.list_datasets(session) if d.source_format == "bitstamp")
    assert rows == [700, 900]


def test_a_refusal_is_a_sentence_and_nothing_is_kept(world: World, stand_in: StandIn) -> None:
    at = dialog(world)
    at.selectbox(key="fetch-source").set_value("bitstamp").run()
    at.text_input(key="fetch-text").set_value("NO/PE").run()
    at.button(key="fetch-start").click().run()
    assert not at.exception
    assert "does not know this symbol" in words(at)
