"""The sums of the statistics are filled from the rows that are there, and go again on the way down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.cli.recount import recount_statistics
from services.database import migrate
from services.lifecycle import FeedbackState
from services.stats import Filters, kept
from tests.factories import DAY_ONE, days, execution, feedback_item, person, workspace
from tests.support.databases import engine_of

pytestmark = pytest.mark.migration


def test_sums_and_moves_are_filled_from_the_rows_that_are_there(database: str) -> None:
    migrate.upgrade(database, with_engine=False)
    with Session(engine_of(database)) as session:
        actor = person(session)
        home = workspace(session, actor)
        fixed = feedback_item(session, home, actor, state=FeedbackState.VERIFIED, at=DAY_ONE)
        missed = feedback_item(session, home, actor, at=DAY_ONE)
        feedback_item(session, home, actor, state=FeedbackState.WITHDRAWN, at=DAY_ONE)
        execution(
            session, home, actor, at=DAY_ONE + days(1), took=timedelta(hours=3), feedback_ids=[fixed, missed],
            fixed_ids=[fixed], cost_usd="0.5", phases={"planning": "odd"},
        )  # fmt: skip
        session.commit()
    migrate.downgrade(database, "0017")
    with engine_of(database).connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('stat_days')")) is None
        names = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'stat\\_%' OR proname = 'note_correction_move'"
        assert connection.scalar(text(names)) == 0
    migrate.upgrade(database, with_engine=False)
    with Session(engine_of(database)) as session:
        assert recount_statistics(session) == []
        assert kept.run_totals(session, Filters(home)) == {"completed": 1}
        flow = kept.flow(session, Filters(home), "day")
        found: dict[int, dict[str, int]] = {(day.date() - DAY_ONE.date()).days: {} for day in flow["day"]}
        for day, state, n in flow.itertuples(index=False):
            found[(day.date() - DAY_ONE.date()).days][state] = n
        assert found[0]["open"] == 3
        assert found[1]["sent"] == 2 and found[1]["addressed"] == 1 and found[1]["reopened"] == 1
        fixes = kept.fix_times(session, Filters(home))
        assert fixes.n == 1 and fixes.mean == 27 * 3600
