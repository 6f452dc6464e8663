"""Clock times of a zone in UTC, with the nights on which the clocks change."""

from __future__ import annotations

from datetime import tzinfo

import numpy as np
import pandas as pd

from services.candles.bars import Ints
from services.candles.questions import Faults


def localise(naive: Ints, where: tzinfo, faults: Faults, places: Ints) -> tuple[Ints, list[str]]:
    """Seconds of a zone's clock as UTC seconds, and what was decided. `places` are the rows' places in the faults.

    The hour that an autumn night has twice is told apart by the order of the bars: once the clock has gone back, it is
    the second one. A time that a spring night leaves out is a fault.
    """
    backwards = len(naive) > 1 and naive[0] > naive[-1]
    clock = naive[::-1] if backwards else naive
    stamps = pd.DatetimeIndex(clock.astype("datetime64[s]"))
    first = stamps.tz_localize(where, ambiguous=np.ones(len(clock), dtype=np.bool_), nonexistent="NaT")
    second = stamps.tz_localize(where, ambiguous=np.zeros(len(clock), dtype=np.bool_), nonexistent="NaT")
    early, late = (np.asarray(t.asi8, dtype=np.int64) for t in (first, second))
    gone = np.asarray(first.isna())
    doubled = (early != late) & ~gone
    seconds, single = early.copy(), 0
    if doubled.any():
        turns, single = _turns(clock, doubled)
        seconds[turns] = late[turns]
    if backwards:
        seconds, gone = seconds[::-1].copy(), gone[::-1]
    missing = np.zeros(len(faults.rows), dtype=np.bool_)
    missing[places[gone]] = True
    faults.add(f"the time does not exist in the zone {where} (change of the clocks)", missing & ~faults.mask)
    seconds[gone] = 0
    notes = []
    if single:
        bars = "A bar" if single == 1 else f"{single:,} bars"
        notes.append(
            f"{bars} in the hour that comes twice in autumn, there only once, {'was' if single == 1 else 'were'} taken as the first."
        )
    return seconds, notes


def _turns(clock: Ints, doubled: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[Ints, int]:
    """Places of bars in the second of two equal hours, and how many bars lie in an hour that is there only once."""
    places = np.flatnonzero(doubled)
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    later: list[Ints] = []
    single = 0
    for run in runs:
        back = np.flatnonzero(np.diff(clock[run]) <= 0)
        if len(back):
            later.append(run[back[0] + 1 :])
        else:
            single += len(run)
    return (np.concatenate(later) if later else np.array([], dtype=np.int64)), single
