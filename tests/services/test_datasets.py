"""Datasets: recorded once by content, with what was given checked."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services import dataset_changes, datasets
from services.candles.store import load_frame, save_parquet
from services.cli.recount import recount_statistics
from services.database.rows import fetch
from services.errors import InvalidInput, NotAllowed, NotFound
from services.lifecycle import Role
from services.models import AuditEvent, CandleDataset, FeedbackItem
from services.people import Actor
from tests.factories import DAY_ONE, STORAGE, candles, dataset, days, feedback_item, person, workspace


def imported(session: Session, actor: Actor, **given: str | None) -> datasets.DatasetRow:
    found = candles(rows=40)
    known: dict[str, str | None] = {"name": "Walk", "symbol": "test", "timeframe": "1d", **given}
    key = save_parquet(STORAGE, found)
    return datasets.import_dataset(session, found, storage_key=key, actor=actor, **known)  # type: ignore[arg-type]


def test_what_was_imported_is_recorded_with_its_bars_times_and_hashes(session: Session, member: Actor) -> None:
    found = candles(rows=40)
    row = imported(session, member, licence_note=" public domain ")
    assert (row.name, row.symbol, row.timeframe, row.rows, row.existed) == ("Walk", "TEST", "1d", 40, False)
    assert (row.start_at, row.end_at) == (DAY_ONE, DAY_ONE + days(39))
    assert (row.content_sha256, row.source_sha256) == (found.content_sha256, found.source_sha256)
    assert (row.price_adjustment, row.licence_note, row.uploaded_by_name) == ("raw", "public domain", member.name)
    assert row.quality == found.quality.as_json()
    assert row.warnings == found.quality.warnings
    assert load_frame(STORAGE, row.storage_path).equals(found.frame)
    assert datasets.get(session, row.id) == row
    audit = session.scalars(select(AuditEvent).where(AuditEvent.object_id == str(row.id))).one()
    assert (audit.action, audit.actor_id) == ("import_candles", member.id)


def test_the_same_candles_again_are_the_dataset_that_is_there(session: Session, member: Actor) -> None:
    first = imported(session, member)
    again = imported(session, person(session), name="Another name", symbol="OTHER", price_adjustment="split")
    assert again.existed and not first.existed
    assert (again.id, again.name, again.symbol, again.price_adjustment) == (first.id, "Walk", "TEST", "raw")
    assert session.scalar(select(func.count()).select_from(CandleDataset)) == 1
    told = select(func.count()).where(AuditEvent.action == "import_candles")
    assert session.scalar(told) == 1


def test_the_list_goes_by_symbol(session: Session, member: Actor) -> None:
    for seed, symbol in enumerate(("ZZZ", "AAA", "MMM")):
        found = candles(rows=30, seed=seed)
        datasets.import_dataset(
            session, found, storage_key=save_parquet(STORAGE, found), name=symbol, symbol=symbol, timeframe="1d",
            actor=member,
        )  # fmt: skip
    assert [row.symbol for row in datasets.list_datasets(session)] == ["AAA", "MMM", "ZZZ"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"name": "   "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "=CMD()"}, "symbol"),
        ({"symbol": "A" * 33}, "symbol"),
        ({"symbol": "<b>"}, "symbol"),
        ({"timeframe": "daily"}, "timeframe"),
        ({"timeframe": ""}, "timeframe"),
        ({"price_adjustment": "some"}, "adjustment"),
        ({"licence_note": "x" * 2001}, "licence"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    session: Session, member: Actor, given: dict[str, str], word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        imported(session, member, **given)
    assert datasets.list_datasets(session) == []


def test_a_viewer_may_not_import_and_an_unknown_id_is_not_found(session: Session) -> None:
    with pytest.raises(NotAllowed, match="import candles"):
        imported(session, person(session, Role.VIEWER))
    with pytest.raises(NotFound):
        datasets.get(session, uuid.uuid4())


def test_a_renamed_symbol_takes_its_sums_along(session: Session, member: Actor) -> None:
    """The statistics keep corrections by symbol, so they follow a dataset to its new one."""
    row = dataset(session, member, symbol="OLD")
    item = feedback_item(session, workspace(session, member), member)
    assert recount_statistics(session) == []
    dataset_changes.rename(
        session, row.id, name="Walk", symbol="new", timeframe="1d", licence_note=None, actor=member
    )  # fmt: skip
    symbols = {s for (s,) in fetch(session, "SELECT DISTINCT symbol FROM stat_days WHERE measure = 'given'")}
    assert symbols == {"NEW"}
    assert fetch(session, "SELECT DISTINCT symbol FROM correction_moves") in ([("NEW",)], [])
    assert session.get_one(FeedbackItem, item).dataset_id == row.id
    assert recount_statistics(session) == []
