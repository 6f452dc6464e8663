"""What may be claimed, when a replay passes, and when the hold-out ends a run."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from scipy.stats import binomtest

from services.detectors.types import Detection, Matcher
from services.places import (
    Change,
    Fit,
    Judgement,
    LabelSet,
    Mark,
    Run,
    Stretch,
    Window,
    claim,
    compare,
    default_policy,
    derive,
    fit,
    holdout_ends,
    replay,
    seen_words,
)
from services.places.claims import mcnemar
from services.places.replaying import replay_versions
from tests.support.judged import DAY, mark, missed, moved, right, wrong

WINDOW = Stretch("series", 0, 1000)


def fits(said: list[Judgement], *versions: list[Mark], checked: bool = False) -> list[Fit]:
    places = derive(said)
    return [fit(places, [Run(WINDOW, tuple(v))], [WINDOW] if checked else [], Matcher()) for v in versions]


def bars(*at: int) -> list[Mark]:
    return [mark(b) for b in at]


def test_places_are_compared_once_and_a_move_is_one() -> None:
    before, after = fits([right(10), missed(20), wrong(30), moved(40, 45)], bars(10, 30, 40), bars(20, 45))
    change = compare(before, after)
    assert (change.places, change.fixed_count, change.broken_count) == (4, 3, 1)
    assert len(change.fixed) == 4 and len(change.broken) == 1
    only = compare(before, after, only=[before.fates[0].place.id])
    assert (only.places, only.fixed_count, only.broken_count) == (1, 0, 1)


def test_better_takes_six_net_fixes_of_unseen_places() -> None:
    said = [missed(10 * n) for n in range(1, 21)]
    before, five, six = fits(said, [], bars(*(10 * n for n in range(1, 6))), bars(*(10 * n for n in range(1, 7))))
    unsure = claim(compare(before, five))
    assert (unsure.word, unsure.more_places) == ("not sure yet", 4), unsure.sentence
    assert "it takes about 4 more judged places" in unsure.sentence
    sure = claim(compare(before, six))
    assert sure.word == "better" and sure.p_value == 2 / 2**6
    assert "6 fixed, 0 broken of 20 unseen judged places" in sure.sentence


def test_nothing_is_claimed_of_places_that_a_search_has_had() -> None:
    """Labels that the search had optimised once gave "better, p = 1e-10"."""
    places = derive([missed(10 * n) for n in range(1, 9)])
    ids, window = [p.id for p in places], Window("d", 0, 100, "series")
    labels = LabelSet(
        places, (window,), (), {"series": DAY}, splits=dict.fromkeys(ids, "holdout"), seen=frozenset(ids[:5])
    )
    found = tuple(Detection("swing", 1, b, b * DAY, b, b, b, None) for b in range(10, 90, 10))
    claimed = replay_versions(labels, {window: ()}, {window: found}, policy="net").claim
    assert claimed is not None and (claimed.word, claimed.change.places) == ("not sure yet", 3)
    fresh = replay_versions(replace(labels, seen=frozenset()), {window: ()}, {window: found}, policy="net").claim
    assert fresh is not None and (fresh.word, fresh.change.places) == ("better", 8)


def test_a_detector_that_says_nothing_is_not_better() -> None:
    """It "fixes" every false mark and breaks no absent place; its success rate is 0."""
    said = [wrong(10 * n) for n in range(1, 21)] + [missed(500)]
    before, silent = fits(said, bars(*(10 * n for n in range(1, 21))), [])
    change = compare(before, silent)
    assert change.fixed_count == 20 and change.rate_before == change.rate_after == 0.0
    assert claim(change).word == "not sure yet"


def test_a_detector_that_marks_everything_pays_for_what_nobody_judged() -> None:
    said = [missed(10 * n) for n in range(1, 11)] + [right(900), wrong(910)]
    before, everywhere = fits(said, bars(900, 910), bars(*range(0, 905, 2)))
    assert compare(before, everywhere).fixed_count >= 10
    assert claim(compare(before, everywhere)).word == "not sure yet"


def test_worse_and_nothing() -> None:
    said = [right(10 * n) for n in range(1, 11)]
    good, lost = fits(said, bars(*(10 * n for n in range(1, 11))), bars(10))
    assert claim(compare(good, lost)).word == "worse"
    assert claim(compare(good, good)).word == "nothing to compare"
    assert claim(compare(good, good, only=[])).sentence.endswith("no unseen place is judged on both versions.")
    assert claim(compare(lost, good, only=[])).more_places is None


def test_of_seen_places_only_counts_are_told() -> None:
    before, after = fits([missed(10), missed(20)], [], bars(10))
    assert seen_words(compare(before, after)) == "1 fixed, 0 broken of 2 seen judged places"


def test_strict_lets_nothing_break_and_waivers_are_a_persons() -> None:
    before, after = fits(
        [right(10), *(missed(20 * n) for n in range(1, 9))], bars(10), bars(*(20 * n for n in range(1, 9)))
    )
    no = replay(before, after, "strict")
    assert not no.passes and no.sentence == "1 judged place was right and is broken."
    assert replay(before, after, "strict", waived=no.in_the_way).passes
    assert replay(before, before, "strict").passes


def test_net_takes_three_fixed_for_each_broken_one() -> None:
    said = [right(10), *(missed(20 * n) for n in range(1, 9))]
    before, three, two = fits(said, bars(10), bars(20, 40, 60), bars(20, 40))
    assert replay(before, three, "net").passes
    assert "3 fixed for each broken one" in replay(before, two, "net").sentence
    no = replay(before, three, "net", pinned=[before.fates[0].place.id])
    assert not no.passes and "pinned" in no.sentence
    firm = [right(10), right(10, person="bob", session="s2"), *said[1:]]
    before, three = fits(firm, bars(10), bars(20, 40, 60))
    assert not replay(before, three, "net").passes, "two people confirmed it"


def test_net_lets_no_success_rate_fall() -> None:
    said = [right(10), wrong(900), *(missed(20 * n) for n in range(1, 9))]
    before, noisy = fits(said, bars(10, 900), bars(20, 40, 60, 80, *range(201, 600, 3)))
    assert "success rate" in replay(before, noisy, "net").sentence


def test_what_is_kept_for_testing_is_out_of_a_replay() -> None:
    before, after = fits([right(10), right(20)], bars(10, 20), bars(10))
    assert replay(before, after, "strict", only=[before.fates[0].place.id]).passes


def test_policies_and_the_holdouts_word() -> None:
    assert [default_policy(s) for s in ("beta", "verified")] == ["net", "strict"]
    at = {n: Change(10, (), (), 1, n, None, None) for n in (2, 3)}
    assert not holdout_ends(at[2]) and holdout_ends(at[3])


def test_the_exact_test_is_the_librarys() -> None:
    for fixed, broken in itertools.product(range(25), repeat=2):
        if fixed + broken:
            assert mcnemar(fixed, broken) == pytest.approx(binomtest(fixed, fixed + broken).pvalue, abs=1e-12)
