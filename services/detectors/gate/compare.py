"""Comparing detections field by field. Pure values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from services.detectors.types import Detection

REL_TOL = 1e-9  # sums over differently aligned arrays may differ in their last bits
Place = tuple[str, int, int]
Same = Callable[[Any, Any], bool]
_PRICES = ("price", "price_low", "price_high")


def place(d: Detection) -> Place:
    """What makes two detections the same one: kind, direction, anchor."""
    return d.kind, d.direction, d.anchor_index


def name(d: Detection) -> str:
    """A detection in a sentence."""
    sign = {1: "+1", -1: "-1", 0: "0"}[d.direction]
    return f"{d.kind} {sign} at #{d.anchor_index}"


def same(one: Any, other: Any) -> bool:
    """Equality of plain values; floats up to their last bits."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=REL_TOL, abs_tol=1e-12)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def changed_field(one: Detection, other: Detection) -> str | None:
    """The first field in which two detections of one place differ."""
    return next((f.name for f in fields(one) if not same(getattr(one, f.name), getattr(other, f.name))), None)


def difference(one: Iterable[Detection], other: Iterable[Detection], here: str, there: str) -> tuple[str, int] | None:
    """The first difference of two runs as a clause with a full stop, and its bar; None when they are the same."""
    return _first({place(d): d for d in one}, {place(d): d for d in other}, here, there, changed_field)


def scaled_difference(
    one: Iterable[Detection], other: Iterable[Detection], factor: float, here: str, there: str
) -> tuple[str, int] | None:
    """As `difference`, when the prices of `other` should be `factor` times those of `one`."""

    def changed(a: Detection, b: Detection) -> str | None:
        for f in fields(a):
            x, y = getattr(a, f.name), getattr(b, f.name)
            if f.name in _PRICES:
                fine = same(None if x is None else x * factor, y)
            else:
                fine = _meta_same(x, y, lambda v: v * factor) if f.name == "meta" else same(x, y)
            if not fine:
                return f.name
        return None

    return _first({place(d): d for d in one}, {place(d): d for d in other}, here, there, changed)


def moved_difference(
    one: Iterable[Detection], other: Iterable[Detection], seconds: int, here: str, there: str
) -> tuple[str, int] | None:
    """As `difference`, when all times of `other` should be `seconds` later."""

    def changed(a: Detection, b: Detection) -> str | None:
        for f in fields(a):
            x, y = getattr(a, f.name), getattr(b, f.name)
            if f.name == "anchor_time":
                fine = x + seconds == y
            else:
                fine = _meta_same(x, y, lambda v: v + seconds) if f.name == "meta" else same(x, y)
            if not fine:
                return f.name
        return None

    return _first({place(d): d for d in one}, {place(d): d for d in other}, here, there, changed)


def _meta_same(one: Any, other: Any, change: Callable[[float], float]) -> bool:
    """Whether facts for the reader are the same, each number as it was or changed along."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_meta_same(one[k], other[k], change) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_meta_same(a, b, change) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        # A fact that was rounded for the reader may differ in its last digit.
        return same(float(one), float(other)) or math.isclose(change(one), other, rel_tol=1e-4, abs_tol=1e-9)
    return same(one, other)


def _first(
    ours: Mapping[Place, Detection],
    theirs: Mapping[Place, Detection],
    here: str,
    there: str,
    changed: Callable[[Detection, Detection], str | None],
) -> tuple[str, int] | None:
    for at in sorted(ours.keys() | theirs.keys(), key=lambda p: (p[2], p)):
        a, b = ours.get(at), theirs.get(at)
        if a is None or b is None:
            d, yes, no = (a, here, there) if a is not None else (b, there, here)
            assert d is not None
            return f"{yes} the detector says {name(d)} (confirmed at #{d.confirmed_index}), {no} it doesn't.", at[2]
        if field := changed(a, b):
            x, y = getattr(a, field), getattr(b, field)
            return f"{here} the detector says {name(a)} with {field} {x}, {there} {y}.", at[2]
    return None
