"""JSON in the shapes that exchanges, brokers and libraries answer with, as a grid."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from services.candles.grid import Facts, Grid, grid_of_arrays
from services.candles.opening import too_many_rows
from services.errors import InvalidInput

MAX_ROWS: Final = 2_000_000
_SCALAR: Final = (str, int, float, bool, type(None))
_SYMBOL: Final = ("symbol", "ticker", "instrument", "pair", "code", "s")
_ZONE: Final = ("exchangetimezonename", "exchangetimezone", "timezone", "tz")
_FRAME: Final = ("interval", "granularity", "timeframe", "resolution", "datagranularity")
_SHAPE: Final = "The JSON holds no list of candles; give a list of rows, a list of objects, or an object of columns."


def looks_like_json(data: bytes) -> bool:
    return data.lstrip()[:1] in (b"[", b"{")


def read_json(data: bytes) -> Grid:
    """A grid of JSON or of one JSON value a line. Raises InvalidInput for what is none, or holds no candles."""
    value, decided = _loaded(data)
    if value in ([], {}):
        raise InvalidInput("The file has no candles in it.")
    facts = _facts(value)
    names, columns, path = _table(value)
    if not columns or not columns[0]:
        raise InvalidInput("The file has no candles in it.")
    if len(columns[0]) > MAX_ROWS:
        raise too_many_rows(len(columns[0]))
    if path:
        decided.append(f"The candles lie under “{'.'.join(path)[:80]}”.")
        facts = facts if facts.symbol else _symbol_of(path, facts)
    arrays = [_array(column) for column in columns]
    if not any(names):
        decided.append("The rows have no names for their values; they were told by their content.")
    return grid_of_arrays("json", names, arrays, facts=facts, decided=decided)


def _loaded(data: bytes) -> tuple[Any, list[str]]:
    broken = "The file starts like JSON but is not valid JSON."
    try:
        return json.loads(data, parse_constant=lambda name: None if name == "NaN" else float(name)), []
    except (ValueError, RecursionError) as error:
        lines = [line for line in data.split(b"\n") if line.strip()]
        if len(lines) < 2:
            raise InvalidInput(broken) from error
        try:
            return [json.loads(line) for line in lines], ["Each line of the file is a JSON value."]
        except (ValueError, RecursionError):
            raise InvalidInput(broken) from error


def _table(value: Any) -> tuple[list[tuple[str, ...]], list[list[Any]], list[str]]:
    """Heads, columns and the keys that lead to them, of the largest table in a value."""
    found = max(_tables(value, []), key=lambda t: t[0], default=None)
    if found is None:
        raise InvalidInput(_SHAPE)
    _, names, columns, path = found
    return names, columns, path


def _tables(value: Any, path: list[str]) -> Iterator[tuple[int, list[tuple[str, ...]], list[list[Any]], list[str]]]:
    """Each table in a value, with its number of cells."""
    made = _rows(value) if isinstance(value, list) else _of_object(value) if isinstance(value, dict) else None
    if made is not None:
        names, columns = made
        yield len(columns) * len(columns[0]) if columns else 0, names, columns, path
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if len(path) < 8:
                yield from _tables(inner, [*path, str(key)])
    elif isinstance(value, list) and len(value) <= 3:
        for inner in value:
            if len(path) < 8 and isinstance(inner, dict):
                yield from _tables(inner, path)


Made = tuple[list[tuple[str, ...]], list[list[Any]]]


def _rows(value: list[Any]) -> Made | None:
    """A list of lists of scalars, or of objects of scalars (nested ones flattened)."""
    if not value:
        return None
    if all(isinstance(row, list) for row in value):
        return _lists(value)
    if all(isinstance(row, dict) for row in value):
        flat = [_flat(row) for row in value]
        keys = list(dict.fromkeys(key for row in (*flat[:50], *flat[-50:]) for key in row))
        if len(keys) < 5:
            return None
        return [(key,) for key in keys], [[row.get(key) for row in flat] for key in keys]
    return None


def _lists(value: list[list[Any]]) -> Made | None:
    head = value[0]
    if not all(isinstance(cell, _SCALAR) for row in value[:50] for cell in row):
        return None
    named = all(isinstance(cell, str) and not re.search(r"\d{2}", cell) for cell in head) and len(value) > 1
    body = value[1:] if named else value
    width = len(body[0])
    uneven = [i for i, row in enumerate(body, start=1) if len(row) != width]
    if width < 5:
        return None
    if uneven:
        raise InvalidInput(f"Each candle must hold {width} values as the first one does; not so in row {uneven[0]:,}.")
    names: list[tuple[str, ...]] = [(str(cell),) for cell in head] if named else [()] * width
    return names, [list(column) for column in zip(*body, strict=True)]


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, cell in row.items():
        if isinstance(cell, dict):
            flat.update(_flat(cell, f"{before}{key}."))
        elif isinstance(cell, _SCALAR):
            flat[f"{before}{key}"] = cell
    return flat


def _of_object(value: Mapping[str, Any]) -> Made | None:
    """An object of columns, pandas' forms of a frame, and an object of candles by their time."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return _split_frame(value)
    long = _long_lists(value)
    if len(long) >= 4:
        return [(key,) for key in long], list(long.values())
    inner = [cell for cell in value.values() if isinstance(cell, dict)]
    if len(inner) != len(value) or not inner:
        return None
    keys = list(inner[0])
    if len(inner) >= 4 and len(keys) >= 3 and all(_is_column(c, keys) for c in inner) and _timely(keys):
        names: list[tuple[str, ...]] = [("",), *((str(key),) for key in value)]
        return names, [keys, *([cell.get(k) for k in keys] for cell in inner)]
    if all(_timely([key]) for key in list(value)[:20]) and all(isinstance(v, _SCALAR) for v in inner[0].values()):
        heads = list(dict.fromkeys(key for row in inner for key in row))
        return [("time",), *((str(h),) for h in heads)], [
            [str(key) for key in value],
            *([row.get(h) for row in inner] for h in heads),
        ]
    return None


def _is_column(cell: Mapping[str, Any], keys: Sequence[str]) -> bool:
    return len(cell) == len(keys) and all(isinstance(v, _SCALAR) for v in cell.values())


def _timely(keys: Sequence[str]) -> bool:
    """Whether keys are times, or the numbers of rows."""
    return all(re.fullmatch(r"\d+|\d{4}-\d\d-\d\d.*|\d\d?[./]\d\d?[./]\d{4}.*", str(key)) for key in keys[:20])


def _split_frame(value: Mapping[str, Any]) -> Made | None:
    heads = [str(h) for h in value["columns"]]
    rows = value["data"]
    if not rows or not all(isinstance(row, list) and len(row) == len(heads) for row in rows):
        return None
    columns = [list(column) for column in zip(*rows, strict=True)]
    index = value.get("index")
    if isinstance(index, list) and len(index) == len(rows):
        return [("",), *((h,) for h in heads)], [index, *columns]
    return [(h,) for h in heads], columns


def _long_lists(value: Mapping[str, Any], before: int = 0) -> dict[str, list[Any]]:
    """Lists of scalars of one length anywhere in an object: charts' answers spread their columns over several places."""
    found: list[tuple[str, list[Any]]] = []

    def look(inner: Any, depth: int) -> None:
        items = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for key, cell in items:
            if isinstance(cell, list) and cell and all(isinstance(c, _SCALAR) for c in (*cell[:5], *cell[-5:])):
                if isinstance(key, str):
                    found.append((key, cell))
            elif depth < 6 and isinstance(cell, dict | list) and len(cell) <= 50:
                look(cell, depth + 1)

    look(value, before)
    sizes = [len(cells) for _, cells in found]
    most = max(set(sizes), key=lambda n: (sizes.count(n), n), default=0)
    columns: dict[str, list[Any]] = {}
    for key, cells in found:
        if len(cells) == most:
            columns.setdefault(key, cells)
    return columns


def _facts(value: Any) -> Facts:
    """What keys beside the candles say. Deep trees and long lists are passed over."""
    seen: dict[str, str] = {}

    def look(inner: Any, depth: int) -> None:
        if depth > 5:
            return
        if isinstance(inner, dict) and len(inner) <= 60:
            for key, cell in inner.items():
                word = re.sub(r"^\d+\.\s*|[\W_]", "", str(key).lower())
                if isinstance(cell, str) and cell:
                    seen.setdefault(word, cell)
                else:
                    look(cell, depth + 1)
        elif isinstance(inner, list) and len(inner) <= 3:
            for cell in inner:
                look(cell, depth + 1)

    look(value, 0)
    symbol = next((seen[k] for k in _SYMBOL if k in seen and seen[k] not in ("ok", "no_data")), None)
    return Facts(
        symbol, next((seen[k] for k in _FRAME if k in seen), None), next((seen[k] for k in _ZONE if k in seen), None)
    )


def _symbol_of(path: Sequence[str], facts: Facts) -> Facts:
    """A key that looks like an instrument leads to its candles: `result.XXBTZUSD`, `bars.AAPL`."""
    last = next((p for p in reversed(path) if re.fullmatch(r"[A-Z][A-Z0-9./:_-]{1,20}", p)), None)
    return Facts(last, facts.timeframe, facts.zone)


def _array(cells: list[Any]) -> Any:
    """Cells as an Arrow array: numbers where all are numbers, else text as JSON has it."""
    if all((isinstance(c, int | float) and not isinstance(c, bool)) or c is None for c in cells):
        if all(isinstance(c, int) or c is None for c in cells):
            try:
                return pa.array(cells, type=pa.int64())
            except (OverflowError, pa.ArrowInvalid):
                pass
        try:
            return pa.array(np.array([np.nan if c is None else float(c) for c in cells]), from_pandas=True)
        except OverflowError as error:
            raise InvalidInput("The candles hold a number that is too large.") from error
    return pa.array(["" if c is None else str(c) for c in cells], type=pa.string())
