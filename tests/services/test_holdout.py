"""What is kept for testing: asked once an execution, and not to be read out of a prompt, not even as candles."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services import executions, feedback, labels, prompts, workspaces
from services.candles.store import load_frame
from services.datasets import DatasetRow
from services.lifecycle import Verdict
from services.people import Actor
from services.places import Blocks, Stretch
from services.settings import get_settings
from tests import factories
from tests.support import scenarios


@pytest.fixture
def kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The services read candles where the factories put them."""
    with monkeypatch.context() as changed:
        changed.setenv("STORAGE_URL", factories.STORAGE)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def test_what_is_kept_for_testing_is_asked_once_an_execution(session: Session, member: Actor, home: uuid.UUID) -> None:
    """After a deploy that failed another candidate may come: it would be chosen by the answer, so it gets none."""
    made = scenarios.launch(session, home, member, continues=True)
    epoch = scenarios.begin(session, made)
    first = scenarios.candidate(session, made, epoch, params={"left": 4})
    assert executions.times_asked(session, home) == 0
    assert executions.ask_holdout(session, made, epoch=epoch)
    assert executions.ask_holdout(session, made, epoch=epoch), "a step may run twice"
    scenarios.start_deploy(session, made, epoch)
    scenarios.retry(session, made, epoch, 1, "The deploy failed.", kind="deploy.failed")
    second = scenarios.candidate(session, made, epoch, code="b", params={"left": 5})
    assert second != first
    assert not executions.ask_holdout(session, made, epoch=epoch)
    assert scenarios.run_row(session, made).holdout_asked_of == first
    assert executions.times_asked(session, home) == 1


def test_no_candle_of_what_is_kept_for_testing_stands_in_a_prompt(
    session: Session, member: Actor, home: uuid.UUID, kept_in_memory: None
) -> None:
    """The candles around a correction reach over the edge of a block; there they end."""
    stored = _partly_kept(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=range(4, 1190, 3), coverage="exhaustive")
    for detection in scenarios.detections(session, made).values():
        feedback.judge(session, detection, Verdict.FALSE_POSITIVE, actor=member)
    session.flush()
    held = labels.held_bars(session, home)[str(stored.id)]
    found = labels.label_set(session, home)
    assert {p.spot.bar for p in found.places if found.split(p.id) == "holdout"} <= held
    items = feedback.open_batch(session, home)
    bars = [i.candle_index for i in items if i.candle_index is not None]
    near = [b for b in bars if {b - 12, b + 12} & held]
    assert near, "otherwise this would show nothing"
    frame = load_frame(get_settings().storage_root, stored.storage_path)
    workspace = workspaces.get(session, home)
    whole, cut = (
        prompts.build(workspace, items, {str(stored.id): one}, params={"left": 3}, agent="tuner")
        for one in (frame, frame.drop(index=sorted(held)))
    )

    def sent(prompt: prompts.Prompt) -> set[int]:
        return {candle[0] for part in prompt.sessions for item in part.items for candle in item.candles}

    assert sent(whole) & held and not sent(cut) & held
    assert sent(cut) == sent(whole) - held


def _partly_kept(session: Session, member: Actor) -> DatasetRow:
    """A dataset with a block that is kept for testing between bars that are not; which ones are follows from its id."""
    for number in range(100):
        stored = factories.dataset(session, member, rows=1200, symbol=f"KEPT{number}")
        series = session.scalar(text("SELECT series_id::text FROM candle_datasets WHERE id = :i"), {"i": stored.id})
        rule = Blocks(str(series), 86_400)
        held = [rule.is_holdout(rule.block(int(t))) for t in factories.dataset_candles(stored)["time"]]
        if any(held[100:-100]) and not all(held[100:-100]):
            return stored
    raise AssertionError("no dataset of a hundred has such a block")


def test_every_bar_counts_as_kept_where_the_candles_cannot_be_read(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member, rows=80)
    scenarios.run_session(session, home, member, stored)
    session.flush()
    assert labels.held_bars(session, home) == {str(stored.id): set(range(80))}


def test_a_series_whose_longest_dataset_begins_later_is_kept_by_the_same_blocks(
    session: Session, member: Actor, home: uuid.UUID, kept_in_memory: None
) -> None:
    """Rolling files: the newest one is the longest and lacks the first bars of the series."""
    stored = _partly_kept(session, member)
    scenarios.run_session(session, home, member, stored)
    session.flush()
    before = labels.held_bars(session, home)
    assert before[str(stored.id)] and len(before[str(stored.id)]) < stored.rows
    session.execute(text("UPDATE candle_datasets SET series_offset = 50 WHERE id = :i"), {"i": stored.id})
    assert labels.held_bars(session, home) == before
    assert labels.label_set(session, home).bars is not None


def test_earlier_candles_that_are_imported_later_keep_the_blocks(
    session: Session, member: Actor, home: uuid.UUID, kept_in_memory: None
) -> None:
    """The same file with one row more at its beginning is the longest dataset, and begins before the series does."""
    stored = _partly_kept(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=range(4, 1190, 3), coverage="exhaustive")
    for detection in scenarios.detections(session, made).values():
        feedback.judge(session, detection, Verdict.CONFIRMED, actor=member)
    before = labels.label_set(session, home)
    held = labels.held_bars(session, home)
    assert before.bars is not None and before.bars["holdout"]
    session.execute(text("UPDATE candle_datasets SET series_offset = -1 WHERE id = :i"), {"i": stored.id})
    after = labels.label_set(session, home)
    assert labels.held_bars(session, home) == held
    assert [after.split(p.id) for p in after.places] == [before.split(p.id) for p in before.places]
    assert after.bars is not None, "else the bars that are kept for testing would count for the search"
    assert after.bars == {
        split: tuple(Stretch(s.series, s.first - 1, s.last - 1) for s in parts) for split, parts in before.bars.items()
    }
