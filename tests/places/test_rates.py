"""What a rate is worth: effective n, few windows, clusters, moves once, coverage; and the interval by simulation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.detectors.types import Matcher
from services.places import Counts, Coverage, Run, Stretch, derive, fit, rate, rate_of, rate_of_fit, units
from services.places.rates import Unit, effective_n, wilson, wilson_sql
from services.places.simulation import World, simulate
from tests.support.judged import DAY, mark, missed, moved, right, wrong


def one_each(rights: list[int], per_block: int = 10) -> list[Unit]:
    """Blocks of ten places with so many right ones."""
    return [Unit(("s", b), int(i < r), 1) for b, r in enumerate(rights) for i in range(per_block)]


def test_wilson_is_the_librarys_on_whole_numbers() -> None:
    for right_count, n in ((0, 5), (3, 10), (27, 30), (8, 8)):
        library = binomtest(right_count, n).proportion_ci(method="wilson")
        assert wilson(right_count, n) == pytest.approx((library.low, library.high), abs=1e-12)
    assert wilson(0, 0) == (0.0, 1.0)


def test_under_four_blocks_the_interval_is_wilsons_on_two_thirds_and_says_so() -> None:
    result = rate(24, 4, 2)
    assert (result.n, result.n_effective, result.label, result.blocks) == (30, 20.0, "few windows", 1)
    assert (result.ci_low, result.ci_high) == pytest.approx(wilson(16, 20))
    assert effective_n(one_each([8, 8, 8])) == 20.0


def test_from_four_blocks_the_spread_between_them_is_what_counts() -> None:
    alike, apart = effective_n(one_each([8] * 10)), effective_n(one_each([10, 10, 10, 10, 10, 10, 10, 10, 0, 0]))
    assert apart < 20 < 60 < alike < 100, "as many right ones; two bad windows are worth far fewer places"
    assert rate_of(one_each([8] * 4), Counts(32, 8, 0)).label == ""


def test_a_move_counts_once_in_what_the_interval_stands_on() -> None:
    places = derive([moved(10, 14), right(30), missed(50)])
    both = fit(places, [Run(Stretch("series", 0, 99), (mark(10), mark(30)))], [], Matcher())
    assert both.counts == Counts(1, 1, 2, 0)
    result = rate_of_fit(both, seconds=DAY)
    assert result.n == 4 and result.n_effective == 3 / 1.5


def test_false_marks_in_checked_bars_are_units_and_absent_places_without_a_mark_are_none() -> None:
    window = Stretch("series", 0, 99)
    one = fit(derive([wrong(10), right(30)]), [Run(window, (mark(30), mark(60)))], [window], Matcher())
    assert sorted(units(one, seconds=DAY)) == [Unit(("series", 0), 0, 1), Unit(("series", 0), 1, 1)]


def test_blocks_are_of_bars_and_by_series() -> None:
    places = derive([right(10), right(260), right(510), right(10, series="other")])
    runs = [Run(Stretch(s, 0, 999), ()) for s in ("series", "other")]
    assert rate_of_fit(fit(places, runs, [], Matcher()), seconds=DAY).blocks == 4


def test_a_rate_says_its_coverage_and_what_was_not_judged() -> None:
    result = rate(5, 1, 0, 3, Coverage(1, 4))
    assert result.words == "83% (36 to 98%) of 6, on 1 of 4 windows, few windows, 3 marks unjudged"
    assert rate(0, 0, 0).words == "not judged yet" and rate(0, 0, 0).rate is None
    with pytest.raises(ValueError, match="negative"):
        rate(-1, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(1, 2)), min_size=1, max_size=80))
def test_an_interval_holds_its_rate_and_no_set_is_worth_more_than_its_units(rows: list[tuple[int, int, int]]) -> None:
    drawn = [Unit(("s", b), y, max(y, x)) for b, y, x in rows]
    right_count, n = sum(u.right for u in drawn), sum(u.n for u in drawn)
    result = rate_of(drawn, Counts(right_count, n - right_count, 0))
    assert result.rate is not None and result.ci_low is not None and result.ci_high is not None
    assert 0 <= result.ci_low <= result.rate <= result.ci_high <= 1
    assert 0 < result.n_effective <= len(drawn)


def test_the_interval_holds_the_truth_by_simulation() -> None:
    """The corners of what the design asks for: moves 0-40 %, spread 0-15 % between 4-20 blocks. Seeded."""
    seen = [
        simulate(World(0.8, moves, spread, blocks), trials=300, seed=n)
        for n, (moves, spread, blocks) in enumerate(
            [(0.0, 0.0, 4), (0.4, 0.0, 20), (0.0, 0.15, 8), (0.4, 0.15, 4), (0.2, 0.075, 12), (0.4, 0.15, 20)]
        )
    ]
    assert sum(s.covered for s in seen) / len(seen) >= 0.93
    assert min(s.covered for s in seen) >= 0.91, "0.93 less the noise of 300 trials"
    assert sum(s.wider for s in seen) / len(seen) <= 1.3


@pytest.mark.parametrize(("right_count", "n"), [(0, 4), (3, 10), (27, 30), (8, 8)])
def test_the_bounds_in_sql_are_those_of_python(session: Session, right_count: int, n: int) -> None:
    statement = f"SELECT {wilson_sql('CAST(:share AS float8)', 'CAST(:n AS float8)', 'low')}, " + wilson_sql(
        "CAST(:share AS float8)", "CAST(:n AS float8)", "high"
    )
    bounds = session.execute(text(statement), {"share": right_count / n, "n": n}).one()
    assert tuple(bounds) == pytest.approx(wilson(right_count, n), abs=1e-12)
