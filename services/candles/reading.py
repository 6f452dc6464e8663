"""From a grid to bars: numbers and times of the chosen columns, with every fault and every decision named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.candles import names
from services.candles.bars import PRICES, Bars, Floats, Mask
from services.candles.grid import Columns, Grid
from services.candles.mapping import Reading
from services.candles.moments import TimeHints, read_moments
from services.candles.numerals import Decimal, decide_decimal, parse_numbers
from services.candles.questions import Faults
from services.candles.roles import Roles
from services.candles.vendors import Vendor
from services.candles.zones import SEVERAL
from services.errors import InvalidInput


@dataclass(frozen=True)
class ReadBars:
    """Bars as they stand in the file, faults and all. Rows without prices are left out already."""

    bars: Bars
    faults: Faults
    ragged: tuple[int, ...]
    decided: list[str]
    warnings: list[str]
    dates_only: bool
    symbol: str | None
    timeframe: str | None


def read_bars(grid: Grid, roles: Roles, vendor: Vendor, reading: Reading) -> ReadBars:
    """Raises Question for what the file leaves open, InvalidInput for columns that hold something else."""
    columns = grid.load(roles.wanted())
    if not len(columns.rows):
        raise InvalidInput("The file has a header but no candles.")
    decimal = _decimal(grid, columns, roles, reading)
    parsed = {
        i: parse_numbers(columns.cells[i], decimal.sign) for i in (*roles.prices, *roles.volume, *roles.volume_else)
    }
    _must_hold_numbers(grid, columns, roles, parsed)
    keep, notes = _without_empty(columns, roles, parsed)
    columns, parsed = _kept(columns, parsed, keep)
    faults = Faults(columns.rows)
    for i in dict.fromkeys((*roles.prices, *roles.volume)):
        bad = parsed[i][1]
        cell = str(columns.cells[i][int(np.flatnonzero(bad)[0])].as_py())[:40] if bad.any() else ""
        faults.add(f'the column "{grid.name(i)}" must hold numbers and holds "{cell}"', bad)
    clock = None if roles.clock is None else columns.cells[roles.clock]
    time = read_moments(columns.cells[roles.time], clock, faults, _hints(grid, roles, vendor, reading))
    volume, volume_notes = _volume(grid, roles, parsed)
    first, high, low, last = (parsed[i][0] for i in roles.prices)
    bars = Bars(time.seconds, first, high, low, last, volume, columns.rows)
    decided = [
        *([decimal.why] if decimal.why else []),
        *_between(columns.remarks),
        *notes,
        *time.decided,
        *volume_notes,
    ]
    return ReadBars(
        bars,
        faults,
        tuple(columns.ragged.tolist()),
        decided,
        _unfinished(roles, columns),
        time.dates_only,
        _one(columns, roles.symbol, "instruments"),
        _one(columns, roles.timeframe, "timeframes"),
    )


def _between(remarks: Sequence[str]) -> list[str]:
    if not remarks:
        return []
    first = " ".join(remarks[0].split())[:60]
    if len(remarks) == 1:
        return [f"A line between the candles that is none (“{first}”) was left out."]
    return [f"{len(remarks):,} lines between the candles that are none (the first is “{first}”) were left out."]


def _decimal(grid: Grid, columns: Columns, roles: Roles, reading: Reading) -> Decimal:
    texts = [columns.cells[i] for i in (*roles.prices, *roles.volume) if pa.types.is_string(columns.cells[i].type)]
    if not texts:
        return Decimal(".")
    return decide_decimal(texts, asked=reading.decimal, semicolons=grid.delimiter in (";", "\t"))


Parsed = dict[int, tuple[Floats, Mask]]


def _must_hold_numbers(grid: Grid, columns: Columns, roles: Roles, parsed: Parsed) -> None:
    for role, i in (*zip(PRICES, roles.prices, strict=True), *(("volume", i) for i in roles.volume)):
        bad = parsed[i][1]
        if len(bad) > 1 and bad.mean() > 0.5:
            cell = str(columns.cells[i][int(np.flatnonzero(bad)[0])].as_py())[:40]
            raise InvalidInput(
                f'The column "{grid.name(i)}" cannot be the {role}: it holds "{cell}" in row '
                f"{int(columns.rows[bad][0])} and no number in {int(bad.sum()):,} of {len(bad):,} rows."
            )


def _without_empty(columns: Columns, roles: Roles, parsed: Parsed) -> tuple[Mask, list[str]]:
    """Rows to keep: those without any price are holidays, or blank."""
    nothing = np.ones(len(columns.rows), dtype=np.bool_)
    for i in roles.prices:
        nothing &= np.isnan(parsed[i][0]) & ~parsed[i][1]
    if not nothing.any() or nothing.all():
        return np.ones(len(nothing), dtype=np.bool_), []
    count = int(nothing.sum())
    what = "A row without prices (a holiday?) was" if count == 1 else f"{count:,} rows without prices (holidays?) were"
    return ~nothing, [f"{what} left out."]


def _kept(columns: Columns, parsed: Parsed, keep: Mask) -> tuple[Columns, Parsed]:
    if keep.all():
        return columns, parsed
    chosen = pa.array(keep)
    cells: dict[int, Any] = {i: c.filter(chosen) for i, c in columns.cells.items()}
    return replace(columns, cells=cells, rows=columns.rows[keep]), {
        i: (values[keep], bad[keep]) for i, (values, bad) in parsed.items()
    }


def _hints(grid: Grid, roles: Roles, vendor: Vendor, reading: Reading) -> TimeHints:
    columns = [i for i in (roles.time, roles.clock) if i is not None]
    head = next((z for i in columns for n in grid.names[i] if (z := names.zone_in(n))), None)
    zone, why, likely = vendor.zone, vendor.zone_from, vendor.likely
    if grid.facts.zone:
        zone, why = grid.facts.zone, "as the file says"
    if head:
        zone, why = head, "as the head of the column says"
    several = SEVERAL.get(zone.upper()) if zone else None
    if several:  # a name of several zones is asked for
        zone, likely = None, several
    return TimeHints(reading.tz, reading.date_order, zone, why, likely, vendor.order, vendor.order_why)


def _volume(grid: Grid, roles: Roles, parsed: Parsed) -> tuple[Floats, list[str]]:
    def total(places: Sequence[int]) -> Floats:
        every: Floats = np.sum(
            [np.nan_to_num(parsed[i][0], nan=0.0, posinf=np.inf, neginf=-np.inf) for i in places], axis=0
        )
        return every

    if not roles.volume:
        return np.zeros(len(next(iter(parsed.values()))[0])), []
    volume = total(roles.volume)
    notes = []
    if len(roles.volume) > 1:
        notes.append(f"The volume is {' and '.join(grid.name(i) for i in roles.volume)} together.")
    if roles.volume_else and not (volume > 0).any():
        other = total(roles.volume_else)
        if (other > 0).any():
            name = grid.name(roles.volume_else[0])
            return other, [f"{grid.name(roles.volume[0])} is 0 in every row, so {name} was taken as the volume."]
    return np.asarray(volume), notes


def _unfinished(roles: Roles, columns: Columns) -> list[str]:
    if roles.complete is None:
        return []
    cells = pc.utf8_lower(pc.cast(columns.cells[roles.complete], pa.string()))
    open_ = np.asarray(pc.fill_null(pc.is_in(cells, pa.array(["false", "0", "f", "no"])), False))
    if not open_.any() or open_.all():
        return []
    return [f"The file marks {int(open_.sum()):,} of the bars as not finished; their prices may still change."]


def _one(columns: Columns, place: int | None, what: str) -> str | None:
    """The one value of a column that must be the same in all rows."""
    if place is None:
        return None
    values = [str(v).strip() for v in pc.unique(columns.cells[place]).to_pylist() if v not in (None, "")]
    if len(values) > 1 and what == "instruments":
        named = ", ".join(values[:3]) + (", …" if len(values) > 3 else "")
        raise InvalidInput(f"The file holds {len(values):,} instruments ({named}); import one at a time.")
    return values[0] if len(values) == 1 else None
