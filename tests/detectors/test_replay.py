"""Judged places replayed on versions: each verdict's meaning, the one-to-one rule, the comparison."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detectors.replay import Window, compare, judge_cases, label_hash, tuning_counts
from services.detectors.scoring import Counts
from services.detectors.types import Case, Detection, Matcher

WINDOW = Window("d", 0, 200)
Zone = tuple[float, float]


def mark(index: int, zone: Zone | None = None, kind: str = "swing") -> Detection:
    low, high = zone or (None, None)
    return Detection(kind, 1, index, index * 60, index, index, index, price_low=low, price_high=high)


def case(
    id: str,
    verdict: str,
    expected: int | None = None,
    original: int | None = None,
    *,
    zone: Zone | None = None,
    old_zone: Zone | None = None,
    session: str = "s",
    window: Window = WINDOW,
    split: str = "tune",
    tolerance: int | None = None,
) -> Case:
    low, high = zone or (None, None)
    old_low, old_high = old_zone or (None, None)
    return Case(
        id, session, *window, verdict, "swing", 1, expected, original, low, high, old_low, old_high, tolerance, split
    )


def see(cases: Sequence[Case], *marks: Detection) -> dict[str, tuple[bool, str]]:
    return {id: (seen.passed, seen.word) for id, seen in judge_cases(cases, {WINDOW: marks}).items()}


@pytest.mark.parametrize(
    ("verdict", "expected", "original", "at", "passed", "word"),
    [
        ("confirmed", 50, 50, [50], True, "exact"),
        ("confirmed", None, 50, [51], True, "off by 1"),
        ("confirmed", 50, 50, [52], False, "off by 2"),
        ("confirmed", 50, 50, [80], False, "absent"),
        ("confirmed", 0, 0, [0], True, "exact"),
        ("false_positive", None, 50, [], True, "absent"),
        ("false_positive", None, 50, [53], True, "absent"),
        ("false_positive", None, 50, [51], False, "found"),
        ("false_positive", None, 0, [0], False, "found"),
        ("false_negative", 50, None, [50], True, "exact"),
        ("false_negative", 50, None, [], False, "absent"),
        ("false_negative", 0, None, [1], True, "off by 1"),
        ("adjustment", 55, 50, [55], True, "exact"),
        ("adjustment", 55, 50, [56], True, "off by 1"),
        ("adjustment", 55, 50, [50], False, "at the old place"),
        ("adjustment", 55, 50, [50, 55], False, "also at the old place"),
        ("adjustment", 55, 50, [], False, "absent"),
        ("adjustment", 55, 50, [57], False, "off by 2"),
        ("adjustment", 51, 50, [51], True, "exact"),
        ("adjustment", 51, 50, [50], False, "at the old place"),
        ("adjustment", 51, 50, [52], False, "off by 1"),
        ("adjustment", 51, 50, [50, 51], False, "also at the old place"),
        ("adjustment", 51, 50, [51, 53], True, "exact"),
    ],
)
def test_what_each_verdict_asks_for(
    verdict: str, expected: int | None, original: int | None, at: list[int], passed: bool, word: str
) -> None:
    assert see([case("c", verdict, expected, original)], *(mark(i) for i in at)) == {"c": (passed, word)}


def test_a_mark_of_another_kind_satisfies_nothing() -> None:
    cases = [case("here", "confirmed", 50, 50), case("not", "false_positive", None, 90)]
    assert see(cases, mark(50, kind="bos"), mark(90, kind="bos")) == {
        "here": (False, "absent"),
        "not": (True, "absent"),
    }


def test_a_case_has_its_own_tolerance() -> None:
    assert see([case("c", "confirmed", 50, tolerance=3)], mark(53)) == {"c": (True, "off by 3")}
    assert see([case("c", "confirmed", 50, tolerance=0)], mark(51)) == {"c": (False, "off by 1")}


def test_a_zone_must_overlap() -> None:
    c = case("c", "confirmed", 50, 50, zone=(10, 12))
    assert see([c], mark(50, (10, 12.5))) == {"c": (True, "exact")}
    assert see([c], mark(50, (12, 14))) == {"c": (False, "zone differs")}
    assert see([c], mark(50)) == {"c": (False, "zone differs")}
    gone = case("c", "false_positive", None, 50, old_zone=(10, 12))
    assert see([gone], mark(50, (10, 12))) == {"c": (False, "found")}
    assert see([gone], mark(50, (30, 32))) == {"c": (True, "absent")}


def test_an_adjusted_zone_needs_a_mark_nearer_to_the_new_one() -> None:
    c = case("c", "adjustment", 50, 50, zone=(10, 12), old_zone=(10, 13))
    assert see([c], mark(50, (10, 12.1))) == {"c": (True, "exact")}
    assert see([c], mark(50, (10, 13))) == {"c": (False, "at the old place")}
    assert see([c], mark(50, (10, 12.9))) == {"c": (False, "at the old place")}


def test_one_detection_cannot_satisfy_two_places() -> None:
    cases = [case("a", "confirmed", 50, 50), case("b", "false_negative", 51)]
    assert sorted(passed for passed, _ in see(cases, mark(50)).values()) == [False, True]
    assert see(cases, mark(50))["a"] == (True, "exact")
    assert see(cases, mark(50), mark(51)) == {"a": (True, "exact"), "b": (True, "exact")}
    assert see(cases, mark(51), mark(52)) == {"a": (True, "off by 1"), "b": (True, "off by 1")}


def test_a_detection_goes_to_the_nearer_side() -> None:
    cases = [case("no", "false_positive", None, 50), case("yes", "confirmed", 51, 51)]
    assert see(cases, mark(50)) == {"no": (False, "found"), "yes": (False, "absent")}
    assert see(cases, mark(51)) == {"no": (True, "absent"), "yes": (True, "exact")}
    assert see(cases, mark(50), mark(51)) == {"no": (False, "found"), "yes": (True, "exact")}
    right = [case("yes", "confirmed", 51, 51), case("no", "false_positive", None, 52)]
    assert see(right, mark(50), mark(51)) == {"yes": (True, "exact"), "no": (True, "absent")}


def test_the_same_place_judged_twice_is_one_place_with_two_results() -> None:
    cases = [
        case("moved", "adjustment", 55, 50, session="s1"),
        case("then fine", "confirmed", 55, 55, session="s2"),
        case("asked for", "false_negative", 55, session="s3"),
    ]
    assert {passed for passed, _ in see(cases, mark(55)).values()} == {True}
    result = compare(cases, {WINDOW: [mark(50)]}, {WINDOW: [mark(55)]})
    assert (result.tp, result.fp, result.fn, result.unjudged) == (1, 0, 0, 0)
    assert len(result.fixed_ids) == 3
    assert (result.before_score.tp, result.before_score.fp, result.before_score.fn) == (0, 1, 1)  # type: ignore[union-attr]
    assert result.fixed_places == 2  # "moved" asks for more than the other two, which ask for the same


def test_a_tie_does_not_depend_on_the_order_of_the_detections() -> None:
    cases = [case("a", "confirmed", 52), case("b", "confirmed", 50), case("c", "false_positive", None, 50)]
    marks = [mark(51), mark(53)]  # as near to "a", but one of them is also near the disputed place
    assert compare(cases, None, {WINDOW: marks}) == compare(cases, None, {WINDOW: marks[::-1]})


def test_contradictions_are_set_aside_and_listed() -> None:
    fine = case("z", "confirmed", 120, 120)
    cases = [case("a", "confirmed", 50, 50), case("b", "false_positive", None, 50), fine]
    result = compare(cases, {WINDOW: [mark(120)]}, {WINDOW: [mark(50), mark(120)]})
    assert result.disputed_ids == ("a", "b")
    assert [r.case_id for r in result.results] == ["z"]
    assert (result.tp, result.fp, result.fn, result.unjudged) == (1, 0, 0, 0)
    assert set(judge_cases(cases, {WINDOW: []})) == {"z"}


@pytest.mark.parametrize(
    ("first", "second", "disputed"),
    [
        (case("a", "confirmed", 50, 50), case("b", "adjustment", 51, 50), True),
        (case("a", "confirmed", 51, 51), case("b", "adjustment", 51, 50), False),
        (case("a", "adjustment", 55, 50), case("b", "adjustment", 60, 50), True),
        (case("a", "adjustment", 55, 50), case("b", "adjustment", 55, 50), False),
        (case("a", "adjustment", 55, 50), case("b", "false_positive", None, 50), False),
        (case("a", "false_negative", 50), case("b", "false_positive", None, 51), False),
        (
            case("a", "confirmed", 50, zone=(1, 2), window=Window("d", 0, 90)),
            case("b", "false_positive", None, 50, old_zone=(1, 2)),
            True,
        ),
        (
            case("a", "confirmed", 50, window=Window("other", 0, 90)),
            case("b", "false_positive", None, 50),
            False,
        ),
        (case("a", "confirmed", 50, zone=(1, 2)), case("b", "false_positive", None, 50, old_zone=(8, 9)), False),
        (
            case("a", "confirmed", 50, zone=(10, 13)),
            case("b", "adjustment", 50, 50, zone=(10, 12), old_zone=(10, 13)),
            True,
        ),
        (
            case("a", "confirmed", 50, zone=(10, 12)),
            case("b", "adjustment", 50, 50, zone=(10, 12), old_zone=(10, 13)),
            False,
        ),
    ],
)
def test_which_judgements_contradict(first: Case, second: Case, disputed: bool) -> None:
    windows = {Window(c.dataset_id, c.window_start, c.window_end): [] for c in (first, second)}
    assert bool(compare([first, second], None, windows).disputed_ids) is disputed


def test_comparison_of_two_versions() -> None:
    cases = [
        case("kept", "confirmed", 10, 10),
        case("lost", "confirmed", 20, 20),
        case("gone", "false_positive", None, 30),
        case("stays", "false_positive", None, 40),
        case("new", "false_negative", 50, split="holdout"),
        case("still missing", "false_negative", 60, split="holdout"),
    ]
    before = {WINDOW: [mark(10), mark(20), mark(30), mark(40)]}
    after = {WINDOW: [mark(10), mark(40), mark(50), mark(150), mark(170), mark(300)]}
    result = compare(cases, before, after)
    assert (result.fixed_ids, result.broken_ids, result.unchanged) == (("gone", "new"), ("lost",), 3)
    assert (result.tp, result.fp, result.fn, result.unjudged) == (2, 1, 2, 2)
    assert result.score.rate == 2 / 5
    assert result.tune and (result.tune.tp, result.tune.fp, result.tune.fn) == (1, 1, 1)
    assert result.holdout and (result.holdout.tp, result.holdout.fp, result.holdout.fn) == (1, 0, 1)
    assert result.before_tune and (result.before_tune.tp, result.before_tune.fp) == (2, 2)
    assert result.holdout_word == "better"
    assert result.p_value == 1.0 and "not sure yet" in result.evidence
    gone = next(r for r in result.results if r.case_id == "gone")
    assert (gone.before, gone.after, gone.outcome, gone.before_seen, gone.after_seen) == (
        False,
        True,
        "fixed",
        "found",
        "absent",
    )


def test_a_first_version_fixes_and_breaks_nothing() -> None:
    result = compare([case("a", "confirmed", 10), case("b", "confirmed", 20)], None, {WINDOW: [mark(10)]})
    assert (result.fixed_ids, result.broken_ids, result.unchanged) == ((), (), 2)
    assert [(r.before, r.before_seen, r.after) for r in result.results] == [(None, None, True), (None, None, False)]
    assert (result.p_value, result.before_score, result.holdout, result.holdout_word) == (None, None, None, None)


def test_in_a_fully_checked_window_what_nobody_judged_is_false() -> None:
    other = Window("e", 0, 99)
    cases = [case("a", "confirmed", 10), case("b", "confirmed", 20, window=other, split="holdout")]
    after = {WINDOW: [mark(10), mark(77), mark(11)], other: [mark(20), mark(33)]}
    loose = compare(cases, None, after)
    assert (loose.fp, loose.unjudged) == (0, 3)
    checked = compare(cases, None, after, exhaustive_windows={WINDOW})
    assert (checked.fp, checked.unjudged) == (2, 1)
    assert checked.tune and checked.tune.fp == 2
    assert checked.holdout and checked.holdout.fp == 0


def test_what_one_window_judged_is_judged_where_another_overlaps_it() -> None:
    other = Window("d", 40, 240)
    cases = [case("a", "confirmed", 50, 50), case("b", "confirmed", 220, 220, window=other)]
    result = compare(cases, None, {WINDOW: [mark(50)], other: [mark(50), mark(220)]}, exhaustive_windows={other})
    assert (result.tp, result.fp, result.unjudged) == (2, 0, 0)


def test_a_hold_out_of_false_positives_that_are_all_gone_is_better() -> None:
    cases = [case("a", "false_positive", None, 10, split="holdout")]
    assert compare(cases, {WINDOW: [mark(10)]}, {WINDOW: []}).holdout_word == "better"
    assert compare(cases, {WINDOW: []}, {WINDOW: [mark(10)]}).holdout_word == "worse"
    assert compare(cases, {WINDOW: []}, {WINDOW: []}).holdout_word == "same"


def test_counts_for_the_tuner_join_sessions_over_the_same_bars() -> None:
    far, beside = Window("d", 500, 600), Window("d", 150, 300)
    cases = [
        case("a", "confirmed", 160, session="s2"),
        case("again", "confirmed", 160, session="s1", window=beside),
        case("b", "false_positive", None, 510, session="s3", window=far),
        case("c", "false_negative", 520, session="s3", window=far),
    ]
    now = {WINDOW: [mark(160)], beside: [mark(160)], far: [mark(510)]}
    baseline = judge_cases(cases, now)
    counts, broken = tuning_counts(cases, now, baseline=baseline)
    assert counts == {"s1": Counts(1, 0, 0), "s3": Counts(0, 1, 1)}
    assert broken == 0
    counts, broken = tuning_counts(cases, {WINDOW: [], beside: [], far: [mark(520)]}, baseline=baseline)
    assert counts == {"s1": Counts(0, 0, 1), "s3": Counts(1, 0, 0)}
    assert broken == 2
    checked, _ = tuning_counts(cases, now | {far: [mark(510), mark(580)]}, exhaustive_windows={far})
    assert checked["s3"] == Counts(0, 2, 1)


@pytest.mark.parametrize(
    "bad", [case("c", "confirmed"), case("c", "false_positive", 5), case("c", "adjustment", 5), case("c", "comment", 5)]
)
def test_a_case_that_cannot_be_replayed_is_refused(bad: Case) -> None:
    with pytest.raises(ValueError, match="case c"):
        judge_cases([bad], {WINDOW: []})


def test_a_window_that_was_not_run_is_refused() -> None:
    with pytest.raises(ValueError, match="was not run"):
        judge_cases([case("c", "confirmed", 5)], {})


INDEX = st.integers(0, 25)
VERDICT = st.sampled_from(["confirmed", "false_positive", "false_negative", "adjustment"])
CASES = st.lists(st.tuples(VERDICT, INDEX, INDEX, st.sampled_from(["tune", "holdout"])), max_size=15).map(
    lambda rows: [case(f"c{i:02}", v, e, o, split=s) for i, (v, e, o, s) in enumerate(rows)]
)
MARKS = st.lists(INDEX, max_size=15, unique=True).map(lambda rows: [mark(i) for i in rows])


@given(CASES, MARKS, MARKS, st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_comparison_adds_up_and_does_not_depend_on_order(
    cases: list[Case], before: list[Detection], after: list[Detection], tolerance: int, rng: random.Random
) -> None:
    rule = Matcher(tolerance_bars=tolerance)
    result = compare(cases, {WINDOW: before}, {WINDOW: after}, matcher=rule)
    assert len(result.fixed_ids) + len(result.broken_ids) + result.unchanged == len(result.results)
    assert len(result.results) + len(result.disputed_ids) == len(cases)
    assert result.fixed_places <= len(result.fixed_ids) and result.broken_places <= len(cases)
    assert result.tp + result.unjudged <= len(after)
    back = compare(cases, {WINDOW: after}, {WINDOW: before}, matcher=rule)
    assert (back.fixed_ids, back.broken_ids) == (result.broken_ids, result.fixed_ids)
    mixed = rng.sample(cases, len(cases))
    assert compare(mixed, {WINDOW: before}, {WINDOW: rng.sample(after, len(after))}, matcher=rule) == result


@given(CASES, st.randoms(use_true_random=False))
def test_the_label_hash_is_of_the_judgements_in_any_order(cases: list[Case], rng: random.Random) -> None:
    assert label_hash(rng.sample(cases, len(cases))) == label_hash(cases)
    assert label_hash([replace(c, split="tune") for c in cases]) == label_hash(cases)
    if cases:
        assert label_hash(cases[1:]) != label_hash(cases)
        assert label_hash([replace(cases[0], verdict="other"), *cases[1:]]) != label_hash(cases)
