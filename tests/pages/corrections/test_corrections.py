"""The screen of corrections: each with what became of it, filters in the address, ticked ones taken back or sent."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.corrections.bulk import withdraw
from pages.components.corrections.narrowing import report_filters
from pages.components.corrections.rows import fate
from services import exports, feedback
from services.database.engine import get_engine, transaction
from services.feedback import CorrectionFilter
from services.lifecycle import FeedbackState, Verdict
from services.models import FeedbackItem
from tests import factories
from tests.support.product import World, open_page, words

NOW = datetime.now(UTC)
F = FeedbackState


@pytest.fixture
def home(world: World) -> uuid.UUID:
    """A pattern with a correction in each state, a day apart, and judgements that ask for nothing."""
    with transaction() as session:
        made = factories.workspace(session, world.member)
        for n, state in enumerate(F):
            item = factories.feedback_item(session, made, world.member, at=NOW - timedelta(days=n + 1), index=n)
            row = session.get_one(FeedbackItem, item)
            row.state, row.updated_at = state, NOW
        factories.feedback_item(session, made, world.member, verdict=Verdict.CONFIRMED)
        factories.feedback_item(session, made, world.member, made_by="carried")
    return made


def listed(at: AppTest) -> pd.DataFrame:
    assert not at.exception
    found: pd.DataFrame = at.dataframe[0].value
    return found


def test_every_correction_is_listed_with_what_became_of_it(world: World, home: uuid.UUID) -> None:
    table = listed(open_page("corrections.py", world.viewer, workspace=str(home)))
    assert [state[0] for state in table["State"]] == ["Open", "Sent", "Addressed", "Verified", "Disputed", "Withdrawn"]
    assert list(table["What became of it"]) == [
        "waits to be sent", "an execution works on it", "fixed", "fixed, held", "reviewers disagree", "taken back",
    ]  # fmt: skip
    assert {row[0] for row in table["Verdict"]} == {"Wrong"} and table["Where"].iloc[0].startswith("#0")


def test_the_address_narrows_the_list_and_says_how(world: World, home: uuid.UUID) -> None:
    at = open_page("corrections.py", world.viewer, workspace=str(home), state="open,sent")
    assert len(listed(at)) == 2 and at.session_state["corrections-states"] == ["open", "sent"]
    today = NOW.date()
    given = open_page(
        "corrections.py", world.viewer, workspace=str(home), since=str(today - timedelta(days=2)), until=str(today)
    )
    assert len(listed(given)) == 2 and "given from" in words(given)
    moved = open_page("corrections.py", world.viewer, workspace=str(home), moved="verified", since=str(today))
    assert len(listed(moved)) == 1 and "became verified" in words(moved)
    stood = open_page("corrections.py", world.viewer, workspace=str(home), stood="open", on=str(today))
    assert len(listed(stood)) == 6  # all were open at midnight but those given and moved today
    odd = open_page("corrections.py", world.viewer, state="exploded", since="soon", stage="nowhere")
    assert not odd.exception and words(odd).count("left out") == 3
    none = open_page("corrections.py", world.viewer, workspace=str(home), verdict="comment")
    assert "No correction fits" in words(none)


def test_the_csv_holds_the_rows_that_are_shown(world: World, home: uuid.UUID) -> None:
    today = NOW.date()
    for wanted in (
        CorrectionFilter(home), CorrectionFilter(home, states=["open", "sent"]), CorrectionFilter(home, stage="fixed"),
        CorrectionFilter(home, moved="verified", since=today), CorrectionFilter(home, stood="open", on=today),
        CorrectionFilter(home, person_id=world.member.id, since=today - timedelta(days=3), until=today),
        CorrectionFilter(home, symbol="AAPL"), CorrectionFilter(home, verdicts=["false_positive"]),
    ):  # fmt: skip
        with transaction() as session:
            rows = feedback.corrections(session, wanted)
            assert feedback.count_corrections(session, wanted) == len(rows)
        text = b"".join(
            exports.stream_csv("corrections", report_filters(wanted), actor_id=world.viewer.id, engine=get_engine())
        )
        lines = text.decode().splitlines()[1:]
        assert len(lines) == len(rows) > 0, wanted
        assert all(str(row.id) in line for row, line in zip(rows, lines, strict=True))


def test_pages_are_turned_by_key(world: World, home: uuid.UUID) -> None:
    wanted, seen = CorrectionFilter(home), []
    before = None
    with transaction() as session:
        while rows := feedback.corrections(session, wanted, before=before, limit=4):
            seen += [row.id for row in rows]
            before = (rows[-1].created_at, rows[-1].id)
        assert seen == [row.id for row in feedback.corrections(session, wanted)] and len(seen) == 6


def test_several_are_taken_back_and_what_cannot_be_keeps_none_of_the_others(
    world: World, home: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.components.corrections import bulk

    monkeypatch.setattr(bulk, "acting", lambda: world.member)
    with transaction() as session:
        rows = {row.state: row for row in feedback.corrections(session, CorrectionFilter(home))}
    done, refused = withdraw([rows["sent"].id, rows["open"].id, rows["verified"].id])
    assert done == 1 and len(refused) == 2 and all("can't be taken back" in sentence for sentence in refused)
    with transaction() as session:
        again = {row.id: row.state for row in feedback.corrections(session, CorrectionFilter(home))}
    assert again[rows["open"].id] == "withdrawn" and again[rows["sent"].id] == "sent"


def test_a_correction_that_a_run_did_not_fix_says_so(world: World) -> None:
    with transaction() as session:
        made = factories.workspace(session, world.member)
        item = factories.feedback_item(session, made, world.member)
        factories.execution(session, made, world.member, feedback_ids=[item])
        session.get_one(FeedbackItem, item).sent_to_claude_at = NOW
        session.flush()
        row = feedback.corrections(session, CorrectionFilter(made))[0]
    assert fate(row) == "execution 1 did not fix it"
