"""Equal highs and equal lows: two swings at one price, behind which stops gather.

Two swing highs, one confirmed after the other and at most `max_age` bars apart, whose prices differ by at most `tolerance` average
true ranges, with no bar between them above the higher of both by more than that. The mark sits on the second swing, is known
when that is confirmed, and its price is the higher high; `refs` is the first. Each pair of neighbours counts once, so three
equal highs are two marks. The first bar later on that trades above that price, within `max_age` bars, is a new mark,
"equal_highs_lows_swept". Equal lows are the mirror image; direction +1 are highs, -1 lows.

Source: the "double top" of Edwards and Magee (Technical Analysis of Stock Trends, 1948), as M. J. Huddleston reads it: relative
equal highs as liquidity (Inner Circle Trader, 2022 mentorship).
"""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec
from .levels import Happening, as_detections, first_beyond
from .structure import MAX_AGE, WARMUP
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

PARAMS = [
    *SWING_PARAMS,
    param("tolerance", "float", 0.15, 0.0, 1.0, 0.05, "How far both prices may differ.", "ATR"),
    param("max_age", "int", 60, 10, MAX_AGE, 10, "Bars that may lie between, and until it is swept.", "bars"),
]
SPEC = spec(
    "equal_highs_lows", ["equal_highs_lows", "equal_highs_lows_swept"], PARAMS, warmup_bars=WARMUP,
    confirmation_lag=MAX_SIDE, max_age_bars=2 * MAX_AGE,
)  # fmt: skip


def find_pairs(candles: Candles, params: dict[str, Any]) -> list[tuple[int, int, int, float]]:
    """(first swing, second swing, side, level) of each pair, by the second."""
    scale, pairs = atr(candles, ATR_PERIOD), []
    swings = find_swings(candles, params)
    for side in (1, -1):
        tips = candles["high" if side > 0 else "low"] * side
        its = [i for i, s in swings if s == side]
        for n, second in enumerate(its):
            allowed = float(params["tolerance"]) * scale[second]
            for m in range(n - 1, -1, -1):
                first = its[m]
                if second - first > int(params["max_age"]):
                    break
                top = max(tips[first], tips[second])
                if abs(tips[first] - tips[second]) <= allowed:
                    between = tips[first + 1 : second]
                    if not len(between) or between.max() <= top + allowed:
                        pairs.append((first, second, side, float(top * side)))
                    break
    return sorted(pairs, key=lambda p: (p[1], p[2]))


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Pairs of kind "equal_highs_lows", and the first time that each was traded through."""
    right, out, swept = int(params["right"]), [], []
    for first, second, side, level in find_pairs(candles, params):
        known = second + right
        out.append(
            detection(
                "equal_highs_lows",
                side,
                second,
                known,
                start=first,
                end=second,
                price=level,
                refs=[first],
                meta={"bars_between": second - first},
            )
        )
        tips = candles["high" if side > 0 else "low"]
        at = first_beyond(tips, level, side, known + 1, known + int(params["max_age"]))
        if at is not None:
            swept.append(Happening(at, second, side, level, level))
    return out + as_detections("equal_highs_lows_swept", swept)
