"""Hold-out by blocks of time: shares, neighbours, permanent ids, embargo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.places import Blocks, derive, embargo_bars
from services.places.blocks import in_share
from tests.support.judged import DAY, right

DAILY = np.arange(0, 20_000 * DAY, DAY)


def of(bar: int, blocks: Blocks, *, lag: int = 0) -> str:
    return blocks.split(derive([right(bar)])[0], DAILY, lag=lag)


@given(st.uuids(), st.integers(0, 10_000))
def test_any_eight_neighbours_hold_a_holdout_block(series: object, first: int) -> None:
    assert any(in_share(str(series), k, 0.2) for k in range(first, first + 8))


@given(st.uuids(), st.sampled_from([0.1, 0.2, 0.35]))
def test_the_share_is_kept_over_many_blocks(series: object, share: float) -> None:
    assert sum(in_share(str(series), k, share) for k in range(1000)) / 1000 == pytest.approx(share, abs=0.01)


def test_a_block_depends_on_the_series_and_its_time_alone() -> None:
    one = Blocks("series", DAY)
    assert one.block(249 * DAY) == 0 and one.block(250 * DAY) == 1
    assert [one.is_holdout(k) for k in range(20)] == [Blocks("series", 60).is_holdout(k) for k in range(20)]
    assert [one.is_holdout(k) for k in range(50)] != [Blocks("another", DAY).is_holdout(k) for k in range(50)]
    assert not any(Blocks("series", DAY, share=0.0).is_holdout(k) for k in range(50))


def test_the_formula_by_hand() -> None:
    """frac(k·φ + offset) < share, in floating point far from the edges."""
    import hashlib

    start = int.from_bytes(hashlib.sha256(b"series").digest()[:8], "big") / 2**64
    for k in range(200):
        fraction = (k * 0.618_033_988_749_894_9 + start) % 1
        if abs(fraction - 0.2) > 1e-9:
            assert in_share("series", k, 0.2) == (fraction < 0.2)


def test_inside_each_edge_lies_an_embargo_and_confirmations_do_not_cross() -> None:
    blocks = Blocks("series", DAY, embargo=5)
    k = next(
        k
        for k in range(1, 70)
        if blocks.is_holdout(k) and not blocks.is_holdout(k - 1) and not blocks.is_holdout(k + 1)
    )
    first, last = 250 * k, 250 * k + 249
    assert [of(b, blocks) for b in (first - 1, first, first + 4, first + 5, last - 5, last - 4, last, last + 1)] == [
        "tune", "embargo", "embargo", "holdout", "holdout", "embargo", "embargo", "tune",
    ]  # fmt: skip
    assert of(first - 2, blocks, lag=3) == "embargo", "it is known only in the hold-out"
    assert of(first - 4, blocks, lag=3) == "tune"


def test_the_embargo_is_counted_in_bars_not_in_time() -> None:
    """Bars that pause each night: five bars are five bars, however long the night."""
    gaps = np.cumsum([60 * (1 if n % 7 else 1000) for n in range(40_000)])
    blocks = Blocks("series", 60, embargo=5)
    starts = [
        n for n in range(10, 30_000)
        if blocks.is_holdout(blocks.block(int(gaps[n]))) and not blocks.is_holdout(blocks.block(int(gaps[n - 1])))
    ]  # fmt: skip
    first = starts[0]
    for bar in (first, first + 1):
        place = derive([right(bar)])[0]
        assert blocks.split(place, gaps) == "embargo"


def test_a_released_block_is_tune_and_the_embargo_is_the_largest_need() -> None:
    k = next(k for k in range(1, 70) if in_share("series", k, 0.2))
    assert of(250 * k + 100, Blocks("series", DAY)) == "holdout"
    assert of(250 * k + 100, Blocks("series", DAY, released=frozenset({k}))) == "tune"
    assert [embargo_bars(*a) for a in ((2, 1), (9, 1), (3, 12))] == [5, 9, 12]
