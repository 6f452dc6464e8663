"""Which sessions are hold-out: by dataset and block of bars, so that windows over the same bars go the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

Split = Literal["tune", "holdout"]

BLOCK_BARS = 250
HOLDOUT_SHARE = 0.2


class SplitWindow(NamedTuple):
    """A window of the same dataset that has its split already; indexes are inclusive dataset indexes."""

    start_index: int
    end_index: int
    split: Split


def split_of(
    dataset_content_sha256: str,
    start_index: int,
    end_index: int,
    *,
    block_bars: int = BLOCK_BARS,
    holdout_share: float = HOLDOUT_SHARE,
) -> Split:
    """The split of a window (inclusive dataset indexes) by a stable hash of the dataset and of one block of bars.

    The block is the one that holds the window's midpoint. So the same window, and windows whose midpoints lie in the
    same block, always share the split, in every workspace and on every machine. The limit: two windows that overlap
    but whose midpoints fall into different blocks (long windows, or a block's edge between them) may go different
    ways. `split_beside` closes that for windows that come after the first one.

    Raises ValueError when the window is empty, the block has no bar or the share is not within 0 and 1.
    """
    if not 0 <= start_index <= end_index:
        raise ValueError(f"not a window: {start_index} to {end_index}")
    if block_bars < 1 or not 0 <= holdout_share <= 1:
        raise ValueError(f"not a split: blocks of {block_bars} bars, share {holdout_share}")
    block = (start_index + end_index) // 2 // block_bars
    digest = hashlib.sha256(f"{dataset_content_sha256}|{block}".encode()).digest()
    return "holdout" if int.from_bytes(digest[:8], "big") < holdout_share * 2**64 else "tune"


def split_beside(
    dataset_content_sha256: str,
    start_index: int,
    end_index: int,
    others: Iterable[SplitWindow],
    *,
    block_bars: int = BLOCK_BARS,
    holdout_share: float = HOLDOUT_SHARE,
) -> Split:
    """As `split_of`, but a window that overlaps windows of the same dataset takes the split they have.

    The side that shares more bars with it wins; a tie is "tune". What stays open: a window that bridges a tune and a
    hold-out window overlaps both, and no choice keeps them apart.
    """
    shared: dict[Split, int] = {"tune": 0, "holdout": 0}
    for other in others:
        bars = min(end_index, other.end_index) - max(start_index, other.start_index) + 1
        shared[other.split] += max(0, bars)
    if not any(shared.values()):
        return split_of(
            dataset_content_sha256, start_index, end_index, block_bars=block_bars, holdout_share=holdout_share
        )
    return "holdout" if shared["holdout"] > shared["tune"] else "tune"
