"""Hold-out by dataset and block of bars."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detectors.splits import SplitWindow, split_beside, split_of

SHA = hashlib.sha256(b"candles").hexdigest()


def test_windows_with_their_midpoint_in_one_block_share_the_split() -> None:
    for block in range(60):
        middle = 250 * block + 125
        splits = {split_of(SHA, max(0, middle - half), middle + half) for half in (1, 40, 100, 124)}
        assert len(splits) == 1


def test_about_a_fifth_is_held_out_and_it_differs_by_dataset() -> None:
    first = [split_of(SHA, 250 * b, 250 * b + 249) for b in range(2000)]
    other = [split_of("another", 250 * b, 250 * b + 249) for b in range(2000)]
    assert 0.17 < first.count("holdout") / 2000 < 0.23
    assert first != other


def test_the_hash_is_pinned_because_stored_sessions_rely_on_it() -> None:
    held_out = [b for b in range(40) if split_of("a" * 64, 250 * b, 250 * b + 249) == "holdout"]
    assert held_out == [4, 6, 7, 16, 20, 34, 36]


@given(st.integers(0, 10_000), st.integers(0, 3000), st.floats(0, 1))
def test_split_is_stable_and_the_share_is_monotonic(start: int, length: int, share: float) -> None:
    split = split_of(SHA, start, start + length, holdout_share=share)
    assert split == split_of(SHA, start, start + length, holdout_share=share)
    assert split_of(SHA, start, start + length, holdout_share=0) == "tune"
    assert split_of(SHA, start, start + length, holdout_share=1) == "holdout"
    if split == "holdout":
        assert split_of(SHA, start, start + length, holdout_share=min(1.0, share + 0.1)) == "holdout"


@pytest.mark.parametrize(
    ("start", "end", "block", "share"), [(5, 4, 250, 0.2), (-1, 4, 250, 0.2), (0, 4, 0, 0.2), (0, 4, 250, 1.5)]
)
def test_nonsense_is_refused(start: int, end: int, block: int, share: float) -> None:
    with pytest.raises(ValueError, match="not a"):
        split_of(SHA, start, end, block_bars=block, holdout_share=share)


def test_an_overlapping_window_takes_the_split_that_is_there() -> None:
    for split in ("tune", "holdout"):
        assert split_beside(SHA, 900, 1900, [SplitWindow(0, 1000, split)]) == split


def test_most_shared_bars_win_and_a_tie_is_tune() -> None:
    others = [SplitWindow(0, 100, "tune"), SplitWindow(200, 400, "holdout")]
    assert split_beside(SHA, 90, 300, others) == "holdout"
    assert split_beside(SHA, 0, 220, others) == "tune"
    assert split_beside(SHA, 100, 200, others) == "tune"


@given(st.integers(0, 5000), st.integers(0, 800))
def test_without_an_overlap_it_is_the_hash(start: int, length: int) -> None:
    far = [SplitWindow(20_000, 20_100, "holdout"), SplitWindow(30_000, 30_100, "tune")]
    assert split_beside(SHA, start, start + length, far) == split_of(SHA, start, start + length)
