"""Which column of a grid is what: by the person's mapping, by the heads of columns, and by the cells themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.candles import names
from services.candles.arrangement import arrange
from services.candles.cells import CellKind, goes_back, kind_of, on_whole_seconds
from services.candles.grid import Grid
from services.candles.numerals import is_number
from services.candles.questions import Question
from services.errors import InvalidInput

ROLES: Final = ("time", "date", "clock", "open", "high", "low", "close", "volume", "symbol", "timeframe")
PRICES: Final = ("open", "high", "low", "close")
_TICKER: Final = re.compile(r"(?=.*[A-Z])[A-Z0-9^][A-Z0-9._:/=^&-]{0,19}")


@dataclass(frozen=True, slots=True)
class Roles:
    """Positions of the columns. `clock` is the time of day where it has a column of its own; the volume is the sum of
    `volume`'s columns, or, where that is 0 everywhere, that of `volume_else`."""

    time: int
    clock: int | None
    prices: tuple[int, int, int, int]
    volume: tuple[int, ...] = ()
    volume_else: tuple[int, ...] = ()
    symbol: int | None = None
    timeframe: int | None = None
    complete: int | None = None
    decided: tuple[str, ...] = ()

    def wanted(self) -> list[int]:
        others = (self.clock, self.symbol, self.timeframe, self.complete)
        every = [self.time, *self.prices, *self.volume, *self.volume_else, *(i for i in others if i is not None)]
        return list(dict.fromkeys(every))


def find_roles(grid: Grid, given: Mapping[str, str]) -> Roles:
    """The roles of a grid's columns. `given` maps roles to heads or 1-based places of columns.

    Raises InvalidInput for a mapping that fits no column, Question when a price or the time can't be told.
    """
    chosen = {role: _position(grid, role, column) for role, column in given.items()}
    by_name = _named(grid, set(chosen.values()))
    timely = {*by_name.get("time", []), *(i for r, i in chosen.items() if r in ("time", "date", "clock"))}
    kinds = [kind_of([row[i] for row in grid.sample], times=i in timely) for i in range(grid.width)]
    time, clock, decided = _time(grid, chosen, by_name, kinds)
    prices = {p: chosen.get(p, by_name.get(p, [None])[0]) for p in PRICES}
    missing = [p for p in PRICES if prices[p] is None]
    volume: tuple[int, ...] = (chosen["volume"],) if "volume" in chosen else _volume(by_name)
    if missing:
        found = _by_content(grid, {time, clock, *chosen.values()}, kinds, missing, by_name)
        prices, volume_ = found.prices, found.volume
        volume = volume or ((volume_,) if volume_ is not None else ())
        decided += found.decided
    taken = [(p, i) for p, i in prices.items() if i is not None]
    doubled = [p for p, i in taken if [j for _, j in taken].count(i) > 1]
    if doubled:
        raise InvalidInput(f"One column cannot be both {' and '.join(doubled)}.")
    decided += _twice(grid, by_name, chosen)
    other = tuple(by_name.get("tick_volume", [])[:1]) or tuple(by_name.get("quote_volume", [])[:1])
    first = {k: chosen.get(k, by_name.get(k, [None])[0]) for k in ("symbol", "timeframe", "complete")}
    if not grid.has_header and first["symbol"] is None:
        first["symbol"] = _instrument(grid, time, kinds)
    o, h, low, c = (int(prices[p]) for p in PRICES)  # type: ignore[arg-type]
    return Roles(
        time,
        clock,
        (o, h, low, c),
        volume,
        tuple(i for i in other if i not in volume),
        first["symbol"],
        first["timeframe"],
        first["complete"],
        tuple(decided),
    )


def _position(grid: Grid, role: str, column: str) -> int:
    if role not in ROLES:
        raise InvalidInput(f'"{role[:30]}" is no role; a column can be {", ".join(ROLES)}.')
    wanted = column.strip()
    heads = [{*names_, *(n.strip("<>") for n in names_)} for names_ in grid.names]
    exact = [i for i, of in enumerate(heads) if wanted in of]
    near = [i for i, of in enumerate(heads) if wanted.lower() in {n.lower() for n in of}]
    if exact or near:
        return (exact or near)[0]
    if wanted.isdigit() and 1 <= int(wanted) <= grid.width:
        return int(wanted) - 1
    shown = ", ".join(grid.name(i) for i in range(min(grid.width, 12)))
    raise InvalidInput(f'The file has no column "{wanted[:40]}" for {role}; it has {shown}.')


def _named(grid: Grid, taken: set[int]) -> dict[str, list[int]]:
    """Positions by the role that a head names, of the side (mid, bid, ask) that a chart shows first."""
    found: dict[str, dict[str, list[int]]] = {}
    for i, heads in enumerate(grid.names):
        if i in taken:
            continue
        roles = [(role, head) for head in heads if (role := names.role(head)) is not None]
        if roles:  # of several heads, `Ticker / Price / Date`, the time says what the cells are
            role, head = next((pair for pair in roles if pair[0] == "time"), roles[0])
            found.setdefault(role, {}).setdefault(names.side(head), []).append(i)
    for price in PRICES:  # a side that has no values is not the one to read
        sides_ = found.get(price, {})
        filled = {s: columns for s, columns in sides_.items() if any(row[columns[0]] for row in grid.sample)}
        if filled and len(filled) < len(sides_):
            found[price] = filled
    sides = {s for by_side in (found.get(p, {}) for p in PRICES) for s in by_side}
    side = next((s for s in names.PRICE_SIDES if s in sides), "")
    result = {role: by_side.get(side) or next(iter(by_side.values())) for role, by_side in found.items()}
    if "close" not in result and "late_close" in result:
        result["close"] = result["late_close"]
    return result


def _twice(grid: Grid, by_name: Mapping[str, list[int]], chosen: Mapping[str, int]) -> list[str]:
    decided = []
    for role in PRICES:
        same = by_name.get(role, [])
        if role in chosen or len(same) < 2:
            continue
        heads = [grid.name(i) for i in same]
        instruments = list(dict.fromkeys(n for i in same for n in grid.names[i] if names.role(n) is None))
        if len(instruments) > 1:
            named = ", ".join(instruments[:3]) + (", …" if len(instruments) > 3 else "")
            raise InvalidInput(
                f"The file holds {len(instruments):,} instruments side by side ({named}); import one at a time, or say "
                "which columns are meant."
            )
        if len({names.cleaned(h) for h in heads}) == 1:
            raise Question(f'The column "{heads[0].lower()}" is there twice; say which one is meant.', asks="columns")
        decided.append(f"Of the columns {' and '.join(heads)}, {heads[0]} was taken as {role}.")
    sides = {names.side(grid.name(by_name[p][0])) for p in PRICES if p in by_name}
    if sides & {"bid", "ask"}:
        decided.append(f"The prices are {sides.pop()} prices.")
    return decided


def _volume(by_name: Mapping[str, list[int]]) -> tuple[int, ...]:
    if "volume" in by_name:
        return tuple(by_name["volume"][:1])
    if "up" in by_name and "down" in by_name:
        return (by_name["up"][0], by_name["down"][0])
    return tuple(by_name.get("tick_volume", by_name.get("quote_volume", []))[:1])


def _time(
    grid: Grid, chosen: Mapping[str, int], by_name: Mapping[str, list[int]], kinds: Sequence[CellKind]
) -> tuple[int, int | None, list[str]]:
    if "time" in chosen and "date" not in chosen:
        return chosen["time"], chosen.get("clock"), []
    if "date" in chosen:
        clock = chosen.get("clock", chosen.get("time"))
        return chosen["date"], clock, []
    named = by_name.get("time", [])
    priced = {i for role in (*PRICES, "volume") for i in by_name.get(role, [])}
    loose = [
        i
        for i in range(grid.width)
        if i not in named
        and i not in priced
        and i not in chosen.values()
        and i not in by_name.get("close_time", [])
        and i not in by_name.get("other", [])
    ]
    exact = [k for k in CellKind if k.is_time and k is not CellKind.CLOCK]
    hits = [i for kind in exact for i in named if kinds[i] is kind] or [i for i in loose if kinds[i] in exact]
    if hits and kinds[hits[0]] is CellKind.DATE:
        clock = _clock(grid, hits[0], [*named, *loose], kinds)
        return hits[0], clock, _joined(grid, hits[0], clock)
    if hits:
        best = _best_time(
            grid,
            [i for i in hits if kinds[i] is kinds[hits[0]]],
            [i for i in named if kinds[i] in exact],
            epoch=kinds[hits[0]] is CellKind.EPOCH,
        )
        return best, None, _chosen_among(grid, best, named, kinds)
    if len(named) == 1:
        return named[0], None, []
    raise Question(
        "No column of times can be found; say which one it is. A file needs time, open, high, low and close.",
        asks="columns",
    )


def _clock(grid: Grid, date: int, places: Sequence[int], kinds: Sequence[CellKind]) -> int | None:
    """The column of times of day beside one of dates: clock times, or digits under the head of a time."""
    for i in places:
        if i != date and kinds[i] is CellKind.CLOCK:
            return i
    for i in places:
        if (
            i != date
            and kinds[i] in (CellKind.DIGITS, CellKind.DATE)
            and (any(names.role(n) == "time" for n in grid.names[i]) or (not grid.has_header and i == date + 1))
            and _are_clock([row[i] for row in grid.sample])
        ):
            return i
    return None


def _are_clock(cells: Sequence[str]) -> bool:
    filled = [c for c in cells if c]
    wide = 6 if max((len(c) for c in filled), default=0) > 4 else 4
    padded = [c.zfill(wide) for c in filled]
    return all(len(c) == wide and int(c[:2]) < 25 and int(c[2:4]) < 60 for c in padded if c.isdigit())


def _best_time(grid: Grid, equal: Sequence[int], others: Sequence[int], *, epoch: bool) -> int:
    """Of columns of times as exact: one on whole seconds (when a bar's last trade was is no open), one whose head names
    its zone, the earlier one."""
    whole = [i for i in equal if not epoch or on_whole_seconds([row[i] for row in grid.sample])]
    equal = whole or [i for i in others if i not in equal] or equal
    zoned = [i for i in equal if any(names.zone_in(n) for n in grid.names[i])]
    equal = zoned or equal
    if len(equal) == 1 or not grid.sample:
        return equal[0]
    first = [grid.sample[0][i] for i in equal]
    if all(cell.isdigit() and len(cell) == len(first[0]) for cell in first):
        return equal[first.index(min(first))]
    return equal[0]


def _chosen_among(grid: Grid, time: int, named: Sequence[int], kinds: Sequence[CellKind]) -> list[str]:
    others = [grid.name(i) for i in named if i != time and kinds[i].is_time]
    if not others:
        return []
    return [
        f"The time was taken from {grid.name(time)}; {', '.join(others)} {'is' if len(others) == 1 else 'are'} left out."
    ]


def _instrument(grid: Grid, time: int, kinds: Sequence[CellKind]) -> int | None:
    """The column before the times that names one instrument in every row of a file without heads."""
    for i in range(time):
        cells = {row[i] for row in grid.sample}
        if kinds[i] is CellKind.TEXT and len(cells) == 1 and _TICKER.fullmatch(cells.pop()):
            return i
    return None


def _joined(grid: Grid, date: int, clock: int | None) -> list[str]:
    return [] if clock is None else [f"The time is {grid.name(date)} and {grid.name(clock)} together."]


@dataclass(frozen=True, slots=True)
class _Content:
    prices: dict[str, int | None]
    volume: int | None
    decided: list[str]


def _by_content(
    grid: Grid,
    taken: set[int | None],
    kinds: Sequence[CellKind],
    missing: Sequence[str],
    by_name: Mapping[str, list[int]],
) -> _Content:
    """Prices that no head names. A file with heads needs more evidence than one without."""
    known = [p for p in PRICES if p not in missing]
    if grid.has_header and known:
        lacks = f'column "{missing[0]}"' if len(missing) == 1 else f"columns {', '.join(missing)}"
        raise Question(
            f"The {lacks} cannot be found; a file needs time, open, high, low and close. Say which column it is.",
            asks="columns",
        )
    skipped = {i for r in ("other", "close_time", "symbol", "timeframe", "volume", "time") for i in by_name.get(r, [])}
    places = [
        i
        for i in range(grid.width)
        if i not in taken
        and i not in skipped
        and (
            kinds[i].is_number
            if grid.has_header
            else kinds[i].is_number or any(is_number(row[i]) for row in grid.sample)
        )
    ]
    time = (
        next(i for i in taken if i is not None and kinds[i].is_time)
        if any(i is not None and kinds[i].is_time for i in taken)
        else None
    )
    backwards = time is not None and goes_back([row[time] for row in grid.sample])
    found = arrange(grid, places, sure=grid.has_header, backwards=backwards)
    if found is None:
        raise Question(
            "The file is not a table of candles that can be told by its heads or its cells; say which columns are time, "
            "open, high, low and close.",
            asks="columns",
        )
    prices: dict[str, int | None] = dict(zip(PRICES, found.prices, strict=True))
    return _Content(prices, found.volume, [*found.decided])
