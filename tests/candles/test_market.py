"""Fetching by the real libraries from stand-ins of Bitstamp and Yahoo on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.candles.bars import frame_to_table
from services.candles.market import extend, fetch, market
from services.candles.market.exchange import Exchange
from services.errors import InvalidInput, Unavailable
from tests.support.market_stand_in import BARS, NOW, START, StandIn


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.close()


def exchange(stand_in: StandIn) -> Exchange:
    return Exchange(
        "bitstamp", urls=dict.fromkeys(("public", "private"), f"{stand_in.address}/api"), sleep=lambda _: None
    )


def test_an_exchange_is_searched_and_fetched_page_by_page(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    assert [i.symbol for i in source.search("btc-usd")] == ["BTC/USD"]
    shares: list[float] = []
    found = fetch(source, "BTC/USD", "5m", start=START, progress=lambda _, share: shares.append(share), now=NOW)
    assert [int(t.timestamp()) for t in found.frame["time"]] == [b[0] for b in BARS]
    assert found.frame["close"].tolist() == [b[4] for b in BARS]
    assert (found.source_format, found.symbol, found.timeframe) == ("bitstamp", "BTC/USD", "5m")
    assert sum("/ohlc/" in path for path in stand_in.asked) >= 3 and shares == sorted(shares) and len(shares) >= 3


def test_what_came_since_is_added_and_an_unfinished_bar_is_not(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    stand_in.upto = 700
    first = fetch(source, "BTC/USD", "5m", start=START, now=datetime.fromtimestamp(BARS[699][0] + 10, UTC))
    assert len(first.frame) == 699 and "was not finished" in " ".join(first.decided)
    stand_in.upto, stand_in.asked = 900, []
    longer = extend(source, "BTC/USD", "5m", frame_to_table(first.frame), now=NOW)
    assert len(longer.frame) == 900 and sum("/ohlc/" in path for path in stand_in.asked) <= 3
    other = frame_to_table(first.frame)
    other["close"][-1] += 1
    with pytest.raises(InvalidInput, match="now gives other prices"):
        extend(source, "BTC/USD", "5m", other, now=NOW)
    with pytest.raises(InvalidInput, match="no finished candles"):
        extend(source, "BTC/USD", "5m", frame_to_table(longer.frame), now=NOW)


def test_refusals_and_errors_of_an_exchange_are_sentences(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    stand_in.refusals = [429, 429]
    assert len(fetch(source, "BTC/USD", "5m", start=START, now=NOW).frame) == len(BARS), "it waits two refusals out"
    stand_in.refusals = [429] * 3
    with pytest.raises(Unavailable, match="refuses more requests"):
        fetch(source, "BTC/USD", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="does not know this symbol"):
        fetch(source, "NO/PE", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="no candles of 7m; it has 1m"):
        fetch(source, "BTC/USD", "7m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="up to 2,000,000"):
        fetch(source, "BTC/USD", "1m", start=datetime(2000, 1, 1, tzinfo=UTC), now=NOW)
    stand_in.close()
    with pytest.raises(Unavailable, match="can't be reached"):
        fetch(source, "BTC/USD", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="is no source"):
        market("nowhere")


@pytest.fixture
def yahoo(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """The real yfinance with the stand-in's address; its cookie is another site's and left out."""
    import yfinance
    from yfinance import base, data, search
    from yfinance.scrapers import history, quote

    yfinance.set_tz_cache_location(str(tmp_path))
    for module in (base, history, search):
        monkeypatch.setattr(module, "_BASE_URL_", stand_in.address)
    monkeypatch.setattr(quote.Quote, "info", property(lambda _: {}))  # asked of other hosts for unknown symbols
    monkeypatch.setattr(data.YfData, "_get_cookie_and_crumb", lambda *a, **k: ("crumb", "basic"))
    return market("yahoo")


def test_yahoo_is_searched_and_fetched(stand_in: StandIn, yahoo: Any) -> None:
    assert [i.symbol for i in yahoo.search("apple")] == ["AAPL"]
    found = fetch(yahoo, "AAPL", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
    assert len(found.frame) == 20 and found.frame["close"].tolist() == [b[4] for b in BARS[:20]]
    assert str(found.frame["time"].iloc[0]) == "2024-03-04 00:00:00+00:00", "days open at midnight UTC as in files"
    assert found.price_adjustment == "split"
    with pytest.raises(InvalidInput, match="Yahoo keeps candles of 1m for 30 days"):
        fetch(yahoo, "AAPL", "1m", start=datetime(2020, 1, 1, tzinfo=UTC), now=datetime(2020, 1, 2, tzinfo=UTC))
    with pytest.raises(InvalidInput, match=r"no (finished )?candles"):
        fetch(yahoo, "NONE", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
    stand_in.refusals = [429] * 8
    with pytest.raises(Unavailable, match="refuses more requests"):
        fetch(yahoo, "MSFT", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
