"""Success rate, evidence and matching."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from services.detectors.scoring import (
    FIXES_FOR_EVIDENCE,
    Place,
    closeness,
    consensus,
    evidence_sentence,
    match,
    mcnemar,
    overlap,
    precision_recall,
    score,
    tally,
)
from services.detectors.types import Detection, Matcher

COUNT = st.integers(0, 400)
INDEX = st.integers(0, 30)
RULE = Matcher()


def mark(index: int, kind: str = "swing", direction: int = 1, zone: tuple[float, float] | None = None) -> Detection:
    low, high = zone or (None, None)
    return Detection(kind, direction, index, index * 60, index, index, index, price_low=low, price_high=high)


def place(index: int, kind: str = "swing", direction: int = 1, zone: tuple[float, float] | None = None) -> Place:
    low, high = zone or (None, None)
    return Place(kind, direction, index, low, high)


@given(COUNT, COUNT, COUNT)
def test_score_is_the_rate_inside_its_interval(tp: int, fp: int, fn: int) -> None:
    got = score(tp, fp, fn)
    assert got.n == tp + fp + fn
    assert got.provisional == (got.n < 10)
    if got.n == 0:
        assert (got.rate, got.ci_low, got.ci_high) == (None, None, None)
        return
    assert got.rate is not None and got.ci_low is not None and got.ci_high is not None
    assert math.isclose(got.rate, tp / got.n)
    assert 0 <= got.ci_low <= got.rate <= got.ci_high <= 1
    assert got.ci_low < got.ci_high


def test_wilson_is_the_published_formula() -> None:
    z, n, p = 1.959963984540054, 20, 0.8
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    got = score(16, 3, 1)
    assert got.ci_low == pytest.approx(centre - half)
    assert got.ci_high == pytest.approx(centre + half)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        score(1, -1, 0)


def test_tally_counts_an_adjustment_on_both_sides_and_leaves_out_what_is_no_judgement() -> None:
    verdicts = ["confirmed", "confirmed", "false_positive", "false_negative", "adjustment", "unsure", "comment"]
    assert tally([*verdicts, "disputed"]) == (2, 2, 2, 1)
    assert tally([]) == (0, 0, 0, 0)
    with pytest.raises(ValueError, match="maybe"):
        tally(["maybe"])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["confirmed"], "confirmed"),
        (["confirmed", "confirmed", "false_positive"], "confirmed"),
        (["confirmed", "false_positive"], "disputed"),
        (["confirmed", "confirmed", "false_positive", "adjustment"], "disputed"),
        (["confirmed", "unsure", "comment"], "confirmed"),
        (["unsure", "comment"], "unsure"),
        (["comment"], None),
        ([], None),
    ],
)
def test_consensus_is_the_majority_and_a_tie_is_disputed(verdicts: list[str], expected: str | None) -> None:
    assert consensus({f"reviewer {i}": v for i, v in enumerate(verdicts)}) == expected


def test_recall_is_claimed_for_fully_checked_windows_alone() -> None:
    assert precision_recall(6, 2, 4, exhaustive=False) == (0.75, None, None)
    assert precision_recall(6, 2, 4, exhaustive=True) == (0.75, 0.6, pytest.approx(2 * 0.75 * 0.6 / 1.35))
    assert precision_recall(0, 0, 0, exhaustive=True) == (None, None, None)
    assert precision_recall(0, 0, 3, exhaustive=True) == (None, 0.0, 0.0)


def test_it_takes_six_fixes_without_a_regression() -> None:
    six, five = mcnemar(FIXES_FOR_EVIDENCE, 0), mcnemar(FIXES_FOR_EVIDENCE - 1, 0)
    assert six == pytest.approx(2 / 2**6) and five is not None and five > 0.05
    assert mcnemar(0, 0) is None
    assert mcnemar(3, 5) == mcnemar(5, 3)


@pytest.mark.parametrize(
    ("fixed", "broken", "says"),
    [
        (0, 0, "No case changed, so there is nothing to compare."),
        (2, 0, "2 fixed, 0 broken: p 0.5, not sure yet: with no regression it takes 6 fixes for p < 0.05."),
        (8, 2, "8 fixed, 2 broken: p 0.11, not sure yet."),
        (6, 0, "6 fixed, 0 broken: p 0.031, better than before."),
        (0, 7, "0 fixed, 7 broken: p 0.016, worse than before."),
        (40, 1, "40 fixed, 1 broken: p < 0.001, better than before."),
    ],
)
def test_the_sentence_does_not_cheer_too_early(fixed: int, broken: int, says: str) -> None:
    assert evidence_sentence(fixed, broken) == says


def test_overlap_of_price_ranges() -> None:
    assert overlap(10, 12, 11, 13) == pytest.approx(1 / 3)
    assert overlap(10, 12, 12, 10) == 1
    assert overlap(10, 11, 12, 13) == 0
    assert overlap(5, 5, 5, 5) == 1
    assert overlap(5, 5, 6, 6) == 0


def test_another_kind_direction_bar_or_zone_is_another_mark() -> None:
    assert closeness(mark(10), place(11), RULE) == 1
    assert closeness(mark(10), place(12), RULE) is None
    assert closeness(mark(10), Place("swing", 1, 12, tolerance_bars=2), RULE) == 2
    assert closeness(mark(10), Place("swing", 1, 11, tolerance_bars=0), RULE) is None
    assert closeness(mark(10, kind="bos"), place(10), RULE) is None
    assert closeness(mark(10, direction=-1), place(10), RULE) is None
    assert closeness(mark(10, zone=(1, 3)), place(10, zone=(1, 2)), RULE) == pytest.approx(0.25)
    assert closeness(mark(10, zone=(1, 3.1)), place(10, zone=(1, 2)), RULE) is None
    assert closeness(mark(10), place(10, zone=(1, 2)), RULE) is None
    assert closeness(mark(10, zone=(1, 2)), place(10), RULE) == 0


def test_more_pairs_beat_nearer_ones_and_the_nearer_wins_among_equals() -> None:
    assert match([mark(11), mark(12)], [place(10), place(11)], RULE) == [(0, 0), (1, 1)]
    assert match([mark(9), mark(10), mark(11)], [place(10)], RULE) == [(0, 1)]
    near, far = mark(10, zone=(1, 2)), mark(10, zone=(1, 2.8))
    assert match([far, near], [place(10, zone=(1, 2))], RULE) == [(0, 1)]
    assert match([], [place(1)], RULE) == []


MARKS = st.lists(st.builds(mark, INDEX, st.sampled_from(["swing", "bos"]), st.sampled_from([1, -1])), max_size=25)
PLACES = st.lists(st.builds(place, INDEX, st.sampled_from(["swing", "bos"]), st.sampled_from([1, -1])), max_size=25)


@given(MARKS, PLACES, st.integers(0, 4))
def test_matching_is_one_to_one_allowed_and_as_large_as_can_be(
    marks: list[Detection], places: list[Place], tolerance: int
) -> None:
    rule = Matcher(tolerance_bars=tolerance)
    pairs = match(marks, places, rule)
    assert len({p for p, _ in pairs}) == len({d for _, d in pairs}) == len(pairs)
    assert all(closeness(marks[d], places[p], rule) is not None for p, d in pairs)
    allowed = np.array([[closeness(m, p, rule) is not None for m in marks] for p in places], dtype=int)
    largest = 0
    if marks and places:
        largest = int((maximum_bipartite_matching(csr_array(allowed), perm_type="column") >= 0).sum())
    assert len(pairs) == largest
