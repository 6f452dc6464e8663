"""What a detector process gave out, checked: nothing from it is used before it has passed here."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

from services.detectors.types import Candles, Detection, DetectorSpec, ParamSpec
from services.errors import DetectorError

MAX_META_BYTES = 4096
MAX_DETECTIONS = 40_000  # of one run
_MAX_WHOLE = 10**15
_MAX_PRICE = 1e100  # what is reckoned with it stays a number in Python and in SQL
_MAX_HELP = 500
_FIELDS = {
    "kind", "direction", "anchor_index", "start_index", "end_index", "confirmed_index", "price", "price_low",
    "price_high", "confidence", "refs", "meta",
}  # fmt: skip
_PARAM_TYPES = ("int", "float", "bool")


def _rubbish(what: str) -> DetectorError:
    return DetectorError(f"The detector's output can't be used: {what}.", kind="rubbish")


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _is_text(value: str) -> bool:
    """Whether a database can hold it: no zero character, no lone surrogate."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _index(row: Mapping[str, Any], name: str, default: int | None, rows: int, where: str) -> int:
    value = row.get(name)
    value = default if value is None else value
    if value is None:
        raise _rubbish(f"{where} has no {name}")
    if not _is_int(value):
        raise _rubbish(f"{where} has {name} {_show(value)}, which is no whole number")
    if not 0 <= value < rows:
        raise _rubbish(f"{where} has {name} {value}, outside of its {rows} candles")
    return int(value)


def _number(row: Mapping[str, Any], name: str, where: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    if not _is_number(value):
        raise _rubbish(f"{where} has {name} {_show(value)}, which is no finite number")
    if abs(value) > _MAX_PRICE:
        raise _rubbish(f"{where} has {name} {_show(value)}, which is too large to be reckoned with")
    return float(value)


def _meta(row: Mapping[str, Any], where: str) -> dict[str, Any]:
    meta = row.get("meta")
    if meta is None or meta == {}:
        return {}
    if not isinstance(meta, dict):
        raise _rubbish(f"{where} has a meta that is no table of names and values")
    try:
        text = json.dumps(meta, allow_nan=False)
        plain = json.dumps(meta, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise _rubbish(f"{where} has a meta with a number that is not finite") from error
    if "\\u0000" in text or not _is_text(plain):
        raise _rubbish(f"{where} has a meta with a zero character or half of a character")
    if len(text) > MAX_META_BYTES:
        raise _rubbish(f"{where} has a meta of more than {MAX_META_BYTES} bytes")
    if _largest(meta) > _MAX_WHOLE:
        raise _rubbish(f"{where} has a meta with a number beyond {_MAX_WHOLE:.0e}")
    return meta


def _largest(value: object) -> float:
    """The largest absolute whole number in it; one that no float holds is infinite."""
    if isinstance(value, dict):
        return max(map(_largest, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_largest, value), default=0)
    if isinstance(value, int):
        return abs(value) if abs(value) <= _MAX_WHOLE else math.inf
    return 0


def _detection(row: object, number: int, candles: Candles, spec: DetectorSpec, offset: int) -> Detection:
    where, rows = f"detection {number}", len(candles)
    if not isinstance(row, dict):
        raise _rubbish(f"{where} is {_show(row)}, not a detection")
    if unknown := sorted(set(row) - _FIELDS):
        raise _rubbish(f"{where} has the unknown field {_show(unknown[0])}")
    if row.get("kind") not in spec.kinds:
        raise _rubbish(f"{where} has the kind {_show(row.get('kind'))}, which the module doesn't declare")
    direction = row.get("direction")
    if not _is_int(direction) or direction not in (-1, 0, 1):
        raise _rubbish(f"{where} has the direction {_show(direction)}, not -1, 0 or 1")
    anchor = _index(row, "anchor_index", None, rows, where)
    start = _index(row, "start_index", anchor, rows, where)
    end = _index(row, "end_index", anchor, rows, where)
    confirmed = _index(row, "confirmed_index", None, rows, where)
    if start > end:
        raise _rubbish(f"{where} ends at {end} before it starts at {start}")
    if confirmed < max(anchor, end):
        raise _rubbish(f"{where} is confirmed at {confirmed}, before its last bar {max(anchor, end)}")
    low, high = _number(row, "price_low", where), _number(row, "price_high", where)
    if (low is None) != (high is None) or (low is not None and high is not None and low > high):
        raise _rubbish(f"{where} has a zone from {low} to {high}")
    confidence = _number(row, "confidence", where)
    if confidence is not None and not 0 <= confidence <= 1:
        raise _rubbish(f"{where} has the confidence {confidence}, not 0 to 1")
    refs = row.get("refs") or []
    if not isinstance(refs, list):
        raise _rubbish(f"{where} has refs {_show(refs)}, which is no list of bars")
    bars = [_index({"ref": ref}, "ref", None, rows, where) for ref in refs]
    return Detection(
        kind=str(row["kind"]),
        direction=int(direction),
        anchor_index=anchor + offset,
        anchor_time=int(candles["time"][anchor]),
        start_index=start + offset,
        end_index=end + offset,
        confirmed_index=confirmed + offset,
        price=_number(row, "price", where),
        price_low=low,
        price_high=high,
        confidence=confidence,
        refs=tuple(bar + offset for bar in bars),
        meta=_meta(row, where),
    )


def parse_detections(raw: object, candles: Candles, spec: DetectorSpec, *, offset: int = 0) -> tuple[Detection, ...]:
    """The detections in `raw` (the parsed JSON of one run over `candles`), ascending by anchor, kind and direction.

    `offset` is the dataset index of the first candle; the result's indexes are those of the dataset. Raises
    DetectorError of kind rubbish with the first thing that is wrong.
    """
    if not isinstance(raw, list):
        raise _rubbish(f"it is {_show(raw)}, not a list of detections")
    if len(raw) > MAX_DETECTIONS:
        raise _rubbish(f"it has {len(raw):,} detections; at most {MAX_DETECTIONS:,} are read")
    found = [_detection(row, number, candles, spec, offset) for number, row in enumerate(raw)]
    found.sort(key=lambda d: (d.anchor_index, d.kind, d.direction))
    for one, other in itertools.pairwise(found):
        if one.key == other.key:
            raise _rubbish(f"bar {one.anchor_index} has the same {one.kind} twice")
    return tuple(found)


def _param(row: object, number: int) -> ParamSpec:
    where = f"parameter {number}"
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"].isidentifier():
        raise _rubbish(f"{where} of SPEC has no proper name")
    where = f"the parameter {row['name']}"
    kind, default = row.get("type"), row.get("default")
    if not isinstance(kind, str) or kind not in _PARAM_TYPES:
        raise _rubbish(f"{where} has the type {_show(kind)}, not int, float or bool")
    text, unit = str(row.get("help") or ""), str(row.get("unit") or "")
    if len(text) > _MAX_HELP or not _is_text(text) or not _is_text(unit):
        raise _rubbish(f"{where} has a help that is no text of at most {_MAX_HELP} characters")
    if unit == "price" and kind != "float":
        raise _rubbish(f"{where} has the unit price, so its type has to be float")
    if kind == "bool":
        if not isinstance(default, bool):
            raise _rubbish(f"{where} has the default {_show(default)}, which is no bool")
        return ParamSpec(row["name"], kind, default, help=text, unit=unit)
    low, high, step = row.get("low"), row.get("high"), row.get("step")
    check = _is_int if kind == "int" else _is_number
    for name, value in (("default", default), ("low", low), ("high", high)):
        if not check(value):
            raise _rubbish(f"{where} has the {name} {_show(value)}, which is no {kind}")
    if step is not None and (not _is_number(step) or step <= 0):
        raise _rubbish(f"{where} has the step {_show(step)}")
    assert low is not None and high is not None and default is not None
    if not low <= default <= high:
        raise _rubbish(f"{where} has the default {default} outside of {low} to {high}")
    return ParamSpec(row["name"], kind, default, low, high, step, text, unit)


def parse_spec(raw: object, pattern_type: str) -> DetectorSpec:
    """The SPEC of a module; DetectorError of kind rubbish with the first thing that is wrong."""
    if not isinstance(raw, dict):
        raise _rubbish("SPEC is no table")
    if raw.get("pattern_type") != pattern_type:
        raise _rubbish(f"SPEC is for {_show(raw.get('pattern_type'))}, not for {pattern_type}")
    kinds = raw.get("kinds")
    if not isinstance(kinds, list) or not kinds or not all(isinstance(k, str) and k.isidentifier() for k in kinds):
        raise _rubbish(f"SPEC has the kinds {_show(kinds)}")
    rows = raw.get("params")
    if not isinstance(rows, list):
        raise _rubbish("SPEC has no list of parameters")
    params = tuple(_param(row, number) for number, row in enumerate(rows))
    if len({p.name for p in params}) != len(params):
        raise _rubbish("SPEC declares a parameter twice")
    bars: dict[str, int] = {}
    flags: dict[str, bool] = {}
    for name in ("warmup_bars", "confirmation_lag", "max_age_bars"):
        value = raw.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
            raise _rubbish(f"SPEC has the {name} {_show(value)}")
        bars[name] = value
    for name in ("absolute_levels", "clock"):
        flag = raw.get(name, False)
        if not isinstance(flag, bool):
            raise _rubbish(f"SPEC has the {name} {_show(flag)}, which is no bool")
        flags[name] = flag
    return DetectorSpec(
        pattern_type=pattern_type,
        kinds=tuple(kinds),
        params=params,
        absolute_levels=flags["absolute_levels"],
        clock=flags["clock"],
        **bars,
    )


def complete_params(spec: DetectorSpec, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` with the defaults for what is missing, each checked against its declaration.

    Raises DetectorError of kind rubbish for an unknown name, a wrong type or a value outside of its bounds.
    """
    known = {p.name: p for p in spec.params}
    if unknown := sorted(set(params) - set(known)):
        raise DetectorError(f"The detector has no parameter {unknown[0]}.", kind="rubbish")
    values = spec.defaults() | dict(params)
    for name, value in values.items():
        p = known[name]
        fits = isinstance(value, bool) if p.type == "bool" else (_is_int if p.type == "int" else _is_number)(value)
        if fits and p.low is not None and p.high is not None:
            fits = p.low <= value <= p.high
        if not fits:
            bounds = "" if p.type == "bool" else f" from {p.low} to {p.high}"
            raise DetectorError(f"The parameter {name} is {_show(value)}, not a {p.type}{bounds}.", kind="rubbish")
    return values
