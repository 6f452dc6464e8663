"""Whose files have this shape: a name for the dataset's source, and what the source documents of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from services.candles import names
from services.candles.grid import Grid
from services.candles.roles import Roles


@dataclass(frozen=True, slots=True)
class Vendor:
    """`zone` holds for times without one (with the reason), `likely` are zones to offer, `order` of day and month."""

    name: str
    price_adjustment: str = "unknown"
    zone: str | None = None
    zone_from: str = ""
    likely: tuple[str, ...] = ()
    order: str | None = None
    order_why: str = ""


def vendor_of(grid: Grid, roles: Roles, filename: str) -> Vendor:
    """The vendor by a grid's heads and the places of its columns."""
    if grid.kind in ("parquet", "feather", "workbook", "json"):
        return Vendor(grid.kind, _adjustment([names.cleaned(n) for heads in grid.names for n in heads]))
    raw = [n.strip().lower() for heads in grid.names for n in heads[:1]]
    heads = [names.cleaned(n) for n in raw]
    if not grid.has_header:
        return _headless(grid, roles, filename)
    if {"tickvol", "spread"} <= set(heads) or raw[:1] == ["<date>"]:
        return Vendor("metatrader5", likely=("Europe/Athens", "UTC"))
    if {"ticker", "per", "date"} <= set(heads) and "<ticker>" in raw:
        return Vendor("finam", likely=("Europe/Moscow", "UTC"))
    if {"up", "down"} <= set(heads):
        why = "as TradeStation writes them, whose columns these are"
        return Vendor("tradestation", likely=("America/New_York", "America/Chicago"), order="mdy", order_why=why)
    if "gmttime" in heads:
        return Vendor("dukascopy", order="dmy", order_why="as Dukascopy writes them")
    if heads[:1] == ["opentime"] and grid.width >= 11:
        return Vendor("binance", "raw")
    if raw[:5] == ["time", "open", "high", "low", "close"] and _tradingview(grid):
        return Vendor("tradingview", likely=("UTC", "America/New_York"))
    if heads[0] in ("date", "datetime", "price") and "close" in heads and _plain_date(heads):
        return Vendor("yahoo", _adjustment(heads), likely=("America/New_York",))
    foreign = next((h for h in heads if h in names.FOREIGN_DAY_FIRST), None)
    if foreign:
        why = f"as it is usual in the language of the head “{foreign}”"
        return Vendor("csv", _adjustment(heads), order="dmy", order_why=why)
    return Vendor("csv", _adjustment(heads), likely=("America/New_York", "UTC"))


def _adjustment(heads: list[str]) -> str:
    """Beside an adjusted close, the other prices are adjusted for splits and not for dividends."""
    return "split" if {"adjclose", "adjustedclose"} & set(heads) else "unknown"


def _tradingview(grid: Grid) -> bool:
    return [h[0] for h in grid.names[5:] if h] != ["volume"]


def _plain_date(heads: list[str]) -> bool:
    return {"open", "high", "low"} <= set(heads) and not {"time", "clock"} & set(heads[1:])


def _headless(grid: Grid, roles: Roles, filename: str) -> Vendor:
    first = grid.sample[0][roles.time] if grid.sample else ""
    if grid.delimiter == ";" and len(first) == 15 and first[8:9] == " ":
        if PurePath(filename).name.upper().startswith("DAT_"):
            why = "as HistData documents for its files, which have such names (EST without summer time)"
            return Vendor("histdata", zone="-05:00", zone_from=why)
        return Vendor("histdata", likely=("-05:00", "America/New_York", "America/Chicago", "UTC"))
    if grid.width == 12 and first.isdigit() and len(first) in (13, 16):
        return Vendor("binance", "raw")
    if roles.clock is not None and first[4:5] == ".":
        return Vendor("metatrader4", likely=("Europe/Athens", "-05:00", "UTC"))
    return Vendor("csv", likely=("UTC", "America/New_York"))
