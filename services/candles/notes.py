"""What the lines around a table say of it: the instrument, the length of a bar, the time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.candles import names
from services.candles.grid import Facts

_SYMBOL: Final = re.compile(
    r"\b(?:symbol|ticker|instrument|pair|asset|security|stock|contract)\s*[:=,;\t]\s*\"?([A-Za-z0-9^][A-Za-z0-9._/^=:-]{0,31})",
    re.IGNORECASE,
)
_FRAME: Final = re.compile(
    r"\b(?:timeframe|time frame|interval|period|resolution|granularity|bar size)\s*[:=,;\t]\s*\"?([A-Za-z0-9]+(?: ?[A-Za-z]+)?)",
    re.IGNORECASE,
)
_ZONE: Final = re.compile(
    r"\b(?:time ?zone|tz|zone|zeitzone|times? (?:are |is )?in|all times)\s*[:=,;\t]?\s*(?:are |is |in )*\"?\(?"
    r"([A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?|(?:UTC|GMT)\s*[+-]\s*\d{1,2}(?::?\d\d)?|[A-Z]{2,4}\b|[+-]\d\d:?\d\d)",
    re.IGNORECASE,
)


def facts_in(lines: Sequence[str]) -> Facts:
    """The facts that lines of text state as `name: value`."""
    text = "\n".join(lines)
    symbol, frame, zone = _SYMBOL.search(text), _FRAME.search(text), _ZONE.search(text)
    return Facts(symbol[1] if symbol else None, frame[1] if frame else None, zone[1].strip() if zone else None)


def with_heads(facts: Facts, heads: Sequence[tuple[str, ...]]) -> Facts:
    """A second head row may name the instrument above every column, as yfinance writes it."""
    if facts.symbol is not None or not any(len(h) > 1 for h in heads):
        return facts
    second = {name for head in heads[1:] for name in head if names.role(name) is None and re.search(r"[A-Za-z]", name)}
    return replace(facts, symbol=second.pop()) if len(second) == 1 else facts
