"""Text of dates and times into their parts, whole columns at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.candles.bars import Floats, Ints, Mask
from services.candles.months import month

_TIME: Final = (
    r"(?:(?:[T ,;@]|at|um|\s-)*\s*(?P<h>[0-9]{1,2})(?:[:h](?P<m>[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,:](?P<f>[0-9]{1,9}))?)?|"
    r"[ -]?(?P<q>[AaPp]\.?[Mm]\b))\s*(?P<p>[AaPp]\.?[Mm]\b\.?)?)?"
)
_HHMMSS: Final = (
    r"(?:[T _-]*(?P<h>[0-9]{2}):?(?P<m>[0-9]{2})(?::?(?P<s>[0-9]{2})(?:[.:]?(?P<f>[0-9]{1,9}))?)?(?P<p>)?)?"
)
_ZONE: Final = (
    r"\s*(?P<z>(?:Z|z|[A-Za-z]{1,4}T|UTC|GMT|UCT|CEST|MESZ|MEZ|MSK|[A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?)?\s*"
    r"(?:[+-][0-9]{1,2}(?::?[0-9]{2})?)?)(?:\s*(?:\[[^\]]*\]|\([^)]*\)|[A-Z]{3}))?$"
)
_WEEKDAY: Final = r"^(?:[^\W\d_]{2,10}\.?,?\s+)?"
_SEP: Final = r"\s*[-/.]\s*"
# by their names; a, b and c are the three parts in the order that they stand in
SHAPES: Final = {
    "ymd": r"^(?P<a>[0-9]{4})" + _SEP + r"(?P<b>[0-9]{1,2})" + _SEP + r"(?P<c>[0-9]{1,2})\.?" + _TIME + _ZONE,
    "cjk": r"^(?P<a>[0-9]{4})[年년]\s*(?P<b>[0-9]{1,2})[月월]\s*(?P<c>[0-9]{1,2})[日일]?" + _TIME + _ZONE,
    "compact": r"^(?P<a>(?:19|20)[0-9]{2})(?P<b>0[1-9]|1[0-2])(?P<c>0[1-9]|[12][0-9]|3[01])" + _HHMMSS + _ZONE,
    "parts": _WEEKDAY + r"(?P<a>[0-9]{1,2})" + _SEP + r"(?P<b>[0-9]{1,2})" + _SEP + r"(?P<c>[0-9]{4}|[0-9]{2})" + _TIME
    + _ZONE,
    "d mon y": _WEEKDAY + r"(?P<a>[0-9]{1,2})(?:st|nd|rd|th|\.|º)?[\s./-]*(?:de\s+)?(?P<b>[^\W\d_]{3,12})\.?[\s,./-]*"
    r"(?:de\s+)?(?P<c>[0-9]{4}|'?[0-9]{2})" + _TIME + _ZONE,
    "mon d y": _WEEKDAY + r"(?P<a>[^\W\d_]{3,12})\.?[\s./-]*(?P<b>[0-9]{1,2})(?:st|nd|rd|th)?[\s,./-]+(?P<c>[0-9]{4})"
    + _TIME + _ZONE,
    "mon d h y": _WEEKDAY + r"(?P<a>[^\W\d_]{3,12})\.?\s+(?P<b>[0-9]{1,2})\s+(?P<h>[0-9]{1,2}):(?P<m>[0-9]{2})"
    r"(?::(?P<s>[0-9]{2}))?(?P<f>)(?P<p>)(?:\s+(?P<z>[A-Z]{3,4}))?\s+(?P<c>[0-9]{4})$",
    "y mon d": r"^(?P<a>[0-9]{4})[\s./-]*(?P<b>[^\W\d_]{3,12})\.?[\s./-]*(?P<c>[0-9]{1,2})" + _TIME + _ZONE,
    "six": r"^(?P<a>[0-9]{2})(?P<b>[0-9]{2})(?P<c>[0-9]{2})(?:[T ]+(?P<h>[0-9]{2}):?(?P<m>[0-9]{2})(?::?(?P<s>[0-9]{2})"
    r"(?P<f>)(?P<p>)?)?)?" + _ZONE,
    "eight": r"^(?P<a>[0-9]{2})(?P<b>[0-9]{2})(?P<c>[0-9]{4})" + _TIME + _ZONE,
}  # fmt: skip
CLOCK: Final = (
    r"^(?P<h>[0-9]{1,2})[:.h](?P<m>[0-9]{2})(?:[:.](?P<s>[0-9]{2})(?:[.,:](?P<f>[0-9]{1,9}))?)?\s*(?P<p>[AaPp]\.?[Mm]\b\.?)?"
    + _ZONE
)
DIGIT_CLOCK: Final = r"^[0-9]{1,6}(?:\.0+)?$"
EPOCH: Final = r"^[+-]?[0-9]+(?:[.,][0-9]*)?(?:[eE]\+?[0-9]+)?$"


@dataclass(frozen=True, slots=True)
class Parts:
    """Dates as three numbers each (a month by name is its number, 0 for none), the seconds of the day, whether there
    is a time of day and a fraction of a second, the zone as it stands (an index into `labels`), and where the text has
    another shape."""

    a: Ints
    b: Ints
    c: Ints
    seconds: Ints
    timed: Mask
    uneven: Mask
    zone: Ints
    bad: Mask
    labels: list[str] = field(default_factory=list)


def shape_of(sample: Iterable[str]) -> str | None:
    """The shape of dates that most of the cells have, or None."""
    cells = [cell for cell in sample if cell.strip()]
    best, most = None, 0
    for name, pattern in SHAPES.items():
        compiled = re.compile(pattern.replace("[^\\W\\d_]", "[^\\W\\d_]"))
        count = sum(compiled.match(cell) is not None for cell in cells)
        if name in ("d mon y", "mon d y", "mon d h y", "y mon d") and count:
            count = sum(_months(compiled.match(cell), name) for cell in cells)
        if count > most:
            best, most = name, count
    return best if most * 2 > len(cells) else None


def _months(found: re.Match[str] | None, name: str) -> bool:
    return found is not None and month(found["a" if name.startswith("mon") else "b"]) > 0


def read_dates(text: Any, shape: str) -> Parts:
    """A column of text in a shape of `SHAPES`."""
    return _read(text, SHAPES[shape], dated=True)


def read_clock(text: Any, digits: bool) -> Parts:
    """A column of times of day: `09:30:00`, `9:30 PM`, or digits only (`93000`, `0930`)."""
    if not digits:
        return _read(text, CLOCK, dated=False)
    longest = pc.max(pc.utf8_length(text)).as_py() or 0
    width = 6 if longest > 4 else 4
    padded = pc.utf8_lpad(pc.replace_substring_regex(text, r"\.0+$", ""), width, "0")
    pattern = (
        r"^(?P<h>[0-9]{2})(?P<m>[0-9]{2})"
        + (r"(?P<s>[0-9]{2})" if width == 6 else r"(?P<s>)")
        + r"(?P<f>)(?P<p>)(?P<z>)$"
    )
    return _read(padded, pattern, dated=False)


def _read(text: Any, pattern: str, *, dated: bool) -> Parts:
    labels: list[str] = []
    chunks = text.chunks if isinstance(text, pa.ChunkedArray) else [text]
    found = [_chunk(pc.fill_null(chunk, ""), pattern, dated, labels) for chunk in chunks if len(chunk)]
    if not found:
        none = np.array([], dtype=np.int64)
        empty = np.array([], dtype=np.bool_)
        return Parts(none, none, none, none, empty, empty, none, empty)
    a, b, c, seconds, timed, uneven, zone, bad = (np.concatenate(column) for column in zip(*found, strict=True))
    return Parts(a, b, c, seconds, timed, uneven, zone, bad, labels)


def _chunk(text: Any, pattern: str, dated: bool, labels: list[str]) -> tuple[Any, ...]:
    # RE2 has no [^\W\d_]: its classes of Unicode letters say the same
    parts = pc.extract_regex(text, pattern.replace(r"[^\W\d_]", r"\p{L}"))
    bad = np.asarray(pc.is_null(parts))
    count = len(text)

    def whole(name: str) -> Ints:
        cells = pc.fill_null(pc.struct_field(parts, name), "")
        digits = pc.match_substring_regex(cells, "^[0-9]+$")
        return np.asarray(pc.cast(pc.if_else(digits, cells, "0"), pa.int64()), dtype=np.int64)

    def part(name: str) -> Ints:
        cells = pc.fill_null(pc.struct_field(parts, name), "")
        if not pc.any(pc.match_substring_regex(cells, r"\p{L}")).as_py():
            return whole(name)
        coded = cells.dictionary_encode()
        numbers = np.array([month(word) for word in coded.dictionary.to_pylist()], dtype=np.int64)
        return np.asarray(numbers[np.asarray(coded.indices)])

    zeros = np.zeros(count, dtype=np.int64)
    a, b, c = (part(n) for n in "abc") if dated else (zeros, zeros, zeros)
    hours = whole("h")
    half = pc.utf8_lower(pc.utf8_slice_codeunits(_half(parts), 0, 1))
    pm, am = np.asarray(pc.equal(half, "p")), np.asarray(pc.equal(half, "a"))
    wrong = (pm | am) & ((hours < 1) | (hours > 12))
    hours = np.where(pm & (hours < 12), hours + 12, np.where(am & (hours == 12), 0, hours))
    minutes, secs = whole("m"), whole("s")
    seconds = hours * 3600 + minutes * 60 + secs
    timed = ~np.asarray(pc.equal(pc.fill_null(pc.struct_field(parts, "h"), ""), ""))
    uneven = np.asarray(pc.match_substring_regex(pc.fill_null(pc.struct_field(parts, "f"), ""), "[1-9]"))
    bad = bad | wrong | (minutes > 59) | (secs > 59) | (seconds > 86_400)
    return a, b, c, seconds, timed, uneven, _zones(pc.struct_field(parts, "z"), labels), bad


def _half(parts: Any) -> Any:
    """Each row's am or pm, behind minutes or right behind the hour (`09:30 AM`, `09-AM`)."""
    behind = pc.fill_null(pc.struct_field(parts, "p"), "")
    if parts.type.get_field_index("q") < 0:
        return behind
    return pc.binary_join_element_wise(behind, pc.fill_null(pc.struct_field(parts, "q"), ""), "")


def _zones(cells: Any, labels: list[str]) -> Ints:
    """Each row's zone as an index into `labels`, which grows."""
    coded = pc.utf8_trim_whitespace(pc.fill_null(cells, "")).dictionary_encode()
    places = []
    for label in coded.dictionary.to_pylist():
        if label not in labels:
            labels.append(label)
        places.append(labels.index(label))
    return np.asarray(np.array(places, dtype=np.int64)[np.asarray(coded.indices)])


def days_from_civil(year: Ints, month_: Ints, day: Ints) -> tuple[Ints, Mask]:
    """Days since 1970-01-01 of dates of the Gregorian calendar, and where there is no such date."""
    wrong = (month_ < 1) | (month_ > 12) | (day < 1) | (day > 31)
    m = np.where(wrong, 1, month_)
    first = (year * 12 + m - 1 - 1970 * 12).astype("datetime64[M]")
    days = first.astype("datetime64[D]").astype(np.int64)
    length = (first + 1).astype("datetime64[D]").astype(np.int64) - days
    return np.asarray(days + np.where(wrong, 1, day) - 1), np.asarray(wrong | (day > length))


def ordered(parts: Parts, order: str, shape: str) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of dates whose parts stand in the order `dmy`, `mdy` or `ymd`."""
    by = {"ymd": (parts.a, parts.b, parts.c), "dmy": (parts.c, parts.b, parts.a), "mdy": (parts.c, parts.a, parts.b)}
    year, month_, day = by[order]
    return full_years(year) if shape in ("parts", "six", "d mon y") else year, month_, day


def full_years(years: Ints) -> Ints:
    """Years of two digits as those from 1970 to 2069."""
    return np.asarray(np.where(years >= 100, years, np.where(years >= 70, years + 1900, years + 2000)))


def to_float(text: Any) -> Floats:
    """Numbers in text that is known to hold numbers only."""
    return np.array(pc.cast(pc.replace_substring(text, ",", "."), pa.float64()), dtype=np.float64)
