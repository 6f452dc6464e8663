"""What the stand-in for the model writes: real detectors and parameters that pass the app's gates."""

from __future__ import annotations

import json
from typing import Any

INSIDE_BAR = '''"""Inside bars.

A bar whose high is below and whose low is above those of the bar before it; known at its own close. With `depth` it must
also be smaller than that share of the bar before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, param, spec

SPEC = spec(
    "inside_bar",
    ["inside_bar"],
    [param("depth", "float", {depth}, 0.1, 1.0, 0.1, "How large it may be, as a share of the bar before it.")],
    warmup_bars=1,
    confirmation_lag=0,
    max_age_bars=1,
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each inside bar as a detection at its close, with the bar before it as its reference."""
    if len(candles) < 2:
        return []
    high, low = candles["high"], candles["low"]
    size = high - low
    inside = (high[1:] < high[:-1]) & (low[1:] > low[:-1]) & (size[1:] <= params["depth"] * size[:-1])
    return [
        detection("inside_bar", 0, int(i), int(i), price_low=float(low[i]), price_high=float(high[i]), refs=[int(i) - 1])
        for i in np.flatnonzero(inside) + 1
    ]
'''
INSIDE_BAR_TESTS = """from __future__ import annotations

import numpy as np
from candles import defaults, random_walk
from detectors.inside_bar import SPEC, detect


def test_a_bar_within_the_one_before_is_found() -> None:
    candles = random_walk(3)
    candles["high"], candles["low"] = [10, 9, 12], [5, 6, 4]
    candles["open"] = candles["close"] = [7, 7, 7]
    assert [d["anchor_index"] for d in detect(candles, defaults(SPEC, depth=1.0))] == [1]


def test_one_that_touches_is_not() -> None:
    candles = random_walk(2)
    candles["high"], candles["low"] = [10, 10], [5, 6]
    assert detect(candles, defaults(SPEC, depth=1.0)) == []


def test_few_candles_give_nothing() -> None:
    for rows in (0, 1):
        assert detect(random_walk(rows), defaults(SPEC)) == []


def test_depth_drops_large_ones() -> None:
    candles = random_walk(500)
    counts = [len(detect(candles, defaults(SPEC, depth=d))) for d in (0.2, 0.6, 1.0)]
    assert counts == sorted(counts)
    assert np.all(np.diff([d["anchor_index"] for d in detect(candles, defaults(SPEC))]) > 0)
"""

WORSE = '{"left": 20, "prominence": 4.0, "right": 20}\n'  # swings so rare that judged places get lost


def files(pattern: str, prompt: dict[str, Any]) -> tuple[dict[str, str], str]:
    """What to write for a pattern, by path, and what that does. A repair differs from the first version."""
    first = prompt.get("task") != "repair"
    if pattern == "swings":
        params = {"left": 3 if first else 5, "right": 3, "prominence": 0.0}
        said = "Starts from small swings." if first else "Small wiggles inside a leg are no swings any more."
        return {"params/swings.json": json.dumps(params, indent=2, sort_keys=True) + "\n"}, said
    if pattern == "inside_bar":
        detector = INSIDE_BAR.replace("{depth}", "1.0" if first else "0.5")
        said = "Marks each bar within the one before." if first else "Bars larger than half of the one before drop out."
        written = {"detectors/inside_bar.py": detector}
        return written | ({"tests/test_inside_bar.py": INSIDE_BAR_TESTS} if first else {}), said
    raise AssertionError(f"nothing is known of {pattern}")
