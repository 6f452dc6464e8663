"""Numbers as people's files write them: decimal signs, signs between thousands, currencies, K and M and B."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.candles.bars import Floats, Mask
from services.candles.questions import Question
from services.errors import InvalidInput

DECIMALS: Final = (".", ",")
ASK_DECIMAL: Final = (
    "It cannot be told whether the comma in the prices is the decimal sign or stands between thousands; say which the "
    "decimal sign is."
)
_MONEY: Final = r"(?i:(?:us|c|ca|a|au|hk|nz|s)?\$|[€£¥₹₽₿₩₺₫฿₴]|rs\.?|inr|cad|aud|nzd|cny|rmb|krw|sek|nok|dkk|pln|try|usdt?|eur|gbp|jpy|chf|btc|rub|kč|zł|r\$)"
_SCALE: Final = {"k": 1e3, "tsd": 1e3, "m": 1e6, "mio": 1e6, "mn": 1e6, "mln": 1e6, "b": 1e9, "bn": 1e9, "mrd": 1e9,
                 "g": 1e9, "t": 1e12, "tn": 1e12, "lakh": 1e5, "lac": 1e5, "crore": 1e7, "cr": 1e7, "万": 1e4, "萬": 1e4,
                 "亿": 1e8, "億": 1e8, "тыс": 1e3, "млн": 1e6, "млрд": 1e9}  # fmt: skip
_SUFFIX: Final = r"(?i:k|tsd|mio|mn|mln|m|bn|b|mrd|g|tn|t|lakh|lac|crore|cr|万|萬|亿|億|тыс|млн|млрд)"
_UNIT: Final = r"(?i:shares|shs|lots?|contracts|units|pcs|stk|stück|st|шт|股|手)"
_PLAIN: Final = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_EMPTY: Final = r"^(?i:|nan|null|none|nil|n/?a|#n/a|nat|-+|—|–|\.|\\n|na\(\))$"
_INFINITE: Final = r"^[+-]?(?i:inf|infinity)$"
_LOOKS: Final = re.compile(
    rf"[+\-−(]?\s*{_MONEY}?\s*[+\-−]?\s*\d[\d.,'’\s\u00a0\u2009\u202f_]*(?:[eE][+-]?\d+)?\s*{_SUFFIX}?\s*\.?\s*(?:{_MONEY}|{_UNIT}\.?)?\)?%?|"
    r"[.,]\d+(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)",
    re.IGNORECASE,
)
_LOOKS_EMPTY: Final = re.compile(_EMPTY[1:-1], re.IGNORECASE)
_BETWEEN: Final = "[\\s'’\u00a0\u2009\u202f_]"


def is_number(cell: str) -> bool:
    """Whether a cell may be a number in any of the ways that files write one."""
    return _LOOKS.fullmatch(cell.strip()) is not None


def is_empty(cell: str) -> bool:
    """Whether a cell stands for no value."""
    return _LOOKS_EMPTY.fullmatch(cell.strip()) is not None


@dataclass(frozen=True, slots=True)
class Decimal:
    """The decimal sign of a file, why it is that one, and whether the prices could be plain numbers already."""

    sign: str
    why: str = ""


def decide_decimal(columns: Sequence[Any], *, asked: str | None, semicolons: bool) -> Decimal:
    """The decimal sign by all cells of the price and volume columns, given as Arrow text.

    `asked` is the person's answer. `semicolons` divide the columns of files from places that write a decimal comma.
    Raises InvalidInput when both signs fit and nothing speaks for one.
    """
    if asked is not None:
        if asked not in DECIMALS:
            raise InvalidInput("The decimal sign must be , or . and nothing else.")
        return Decimal(asked, f"The decimal sign is “{asked}”, as given.")
    if all(_none(column, r"[,'’\s\x{a0}\x{2009}\x{202f}]") for column in columns):
        return Decimal(".")
    comma = any(_any(c, r",[0-9]*\.") or _any(c, r",[0-9]{3},") for c in columns)
    point = any(_any(c, r"\.[0-9]*,") or _any(c, r"\.[0-9]{3}\.") for c in columns)
    if comma != point:
        sign, other = (".", "comma") if comma else (",", "point")
        return Decimal(sign, f"The {other} stands between thousands and “{sign}” is the decimal sign.")
    if not any(_any(c, ",") for c in columns):
        return Decimal(".")
    decimal_comma, decimal_point = (
        any(
            _any(c, rf"(^|[^0-9.,])0?{sign}[0-9]") or _any(c, rf"[0-9]{sign}([0-9]{{1,2}}|[0-9]{{4,}})([^0-9]|$)")
            for c in columns
        )
        for sign in (",", r"\.")
    )
    if decimal_comma and not decimal_point:
        return Decimal(",", "The comma is the decimal sign.")
    if decimal_point and not decimal_comma:
        return Decimal(".", "The point is the decimal sign, and the comma stands between thousands.")
    if semicolons and not decimal_point:
        return Decimal(",", "The comma was taken as the decimal sign, because the columns are divided by semicolons.")
    if decimal_comma and decimal_point:
        return Decimal(".")
    raise Question(ASK_DECIMAL, asks="decimal", options=DECIMALS)


def _any(column: Any, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _none(column: Any, pattern: str) -> bool:
    return not _any(column, pattern)


def parse_numbers(column: Any, decimal: str) -> tuple[Floats, Mask]:
    """Text or numbers as float64, and where a cell is no number. Empty cells are NaN and no fault."""
    if not _is_text(column):
        return _typed(column)
    parts = [_part(chunk, decimal) for chunk in _chunks(column)]
    if not parts:
        return np.array([], dtype=np.float64), np.array([], dtype=np.bool_)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _is_text(column: Any) -> bool:
    kind = column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _chunks(column: Any) -> Iterable[Any]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _typed(column: Any) -> tuple[Floats, Mask]:
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise InvalidInput(f"The prices and volumes must hold numbers; one of their columns holds {kind} values.")
    values = np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)
    return values, np.zeros(len(values), dtype=np.bool_)


def _part(text: Any, decimal: str) -> tuple[Floats, Mask]:
    text = pc.fill_null(text, "")
    plain = pc.match_substring_regex(text, _PLAIN)
    scale = None
    if decimal == "," or not pc.all(plain).as_py():
        text, scale = _rewritten(text, decimal)
        plain = pc.match_substring_regex(text, _PLAIN)
    values = np.array(pc.cast(pc.if_else(plain, text, pa.scalar(None, pa.string())), pa.float64()), dtype=np.float64)
    if pc.all(plain).as_py():
        return values if scale is None else values * scale, np.zeros(len(values), dtype=np.bool_)
    infinite = np.asarray(pc.match_substring_regex(text, _INFINITE))
    empty = np.asarray(pc.match_substring_regex(text, _EMPTY))
    values[infinite] = np.inf
    return values if scale is None else values * scale, ~(np.asarray(plain) | infinite | empty)


def _rewritten(text: Any, decimal: str) -> tuple[Any, Floats | None]:
    """Cells in the form that Arrow reads, and what to multiply each with when some have a K, M or B behind them."""
    other = "." if decimal == "," else ","
    text = pc.replace_substring(text, "−", "-")
    text = pc.replace_substring_regex(text, rf"^([+-]?)\s*{_MONEY}\s*([+-]?[0-9.,])", r"\1\2")
    text = pc.replace_substring_regex(text, rf"([0-9.,])\s*(?:{_MONEY}|{_UNIT}\.?)$", r"\1")
    grouped = r"^([+-]?)([0-9]{1,3})((?:" + re.escape(other) + r"[0-9]{2,3})*)(" + re.escape(decimal) + r"|$|\s*\p{L})"
    if pc.any(pc.match_substring(text, other)).as_py():
        right = pc.match_substring_regex(text, grouped)
        text = pc.if_else(right, pc.replace_substring(text, other, ""), text)
    text = pc.replace_substring_regex(text, rf"([0-9]){_BETWEEN}+([0-9]{{3}})", r"\1\2")
    if decimal == ",":
        text = pc.replace_substring(text, ",", ".")
    scaled = pc.match_substring_regex(text, rf"^[+-]?[0-9.]+\s*{_SUFFIX}\.?$")
    if not pc.any(scaled).as_py():
        return text, None
    letters = pc.utf8_lower(pc.replace_substring_regex(text, r"^[^\p{L}]*|\.$", ""))
    scale = np.ones(len(text))
    for word, factor in _SCALE.items():
        scale[np.asarray(pc.and_(scaled, pc.equal(letters, word)))] = factor
    return pc.if_else(scaled, pc.replace_substring_regex(text, r"\s*\p{L}+\.?$", ""), text), scale
