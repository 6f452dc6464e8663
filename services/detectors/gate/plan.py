"""How much of the candles a run of the gate looks at: the full gate, a smaller one for tests, and slow detectors."""

from __future__ import annotations

from dataclasses import dataclass

GATE_VERSION = 2  # part of every report and of the key under which it is kept; raise it when the gate gets stricter
SCALES = (-1, 1, 3)  # powers of two
WEEKS = (-1043, 522)  # about twenty years back and ten on
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Profile:
    """Bars and cuts of one run of the gate. `dense` series are cut at every bar, unless the detector is slow.

    `series` is how many dense ones there are. `slow_s` is the seconds a run on `dense` bars may take for that; a slower one gets `slow_cuts` a series. One that takes
    more than `longest_s` is refused.
    """

    name: str
    dense: int
    short: int
    long: int
    long_cuts: int
    own_cuts: int
    moved_cuts: int
    suffixes: int = 12
    series: int = 3
    slow_cuts: int = 300
    slow_s: float = 0.05
    longest_s: float = 2.0


FULL = Profile("full", dense=1500, short=300, long=10_000, long_cuts=300, own_cuts=100, moved_cuts=300)
# For tests of what lies around the gate: real runs, but too few to rely on; its reports say so.
SMALL = Profile(
    "small", dense=60, short=0, long=400, long_cuts=6, own_cuts=6, moved_cuts=6, suffixes=4, series=1, slow_cuts=20
)
PROFILES = {p.name: p for p in (FULL, SMALL)}


def every(bars: int) -> list[int]:
    """Every number of candles from none to one less than all."""
    return list(range(bars))


def grid(bars: int, count: int) -> list[int]:
    """`count` fixed numbers of candles below `bars`, in no rhythm (multiples of the golden ratio), and the last five."""
    if bars <= count + 5:
        return every(bars)
    step, at, chosen = 0, 0.5, set[int]()
    while len(chosen) < count:
        step += 1
        at = (at + _GOLDEN) % 1
        chosen.add(int(at * bars))
    return sorted(chosen | set(range(bars - 5, bars)))


def spread(low: int, high: int, count: int) -> list[int]:
    """`count` whole numbers from `low` to below `high`, evenly spread."""
    if high <= low:
        return []
    return sorted({low + (high - low) * i // count for i in range(count)})
