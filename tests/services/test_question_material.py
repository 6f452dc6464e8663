"""What an answer rests on: all that an agent may know of a pattern, and nothing that is kept for testing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest
from sqlalchemy.orm import Session

from services import disputes, feedback, questions, sessions, timeline
from services.candles.store import load_frame
from services.lifecycle import FeedbackState, MessageType, Verdict
from services.models import CandleDataset, FeedbackItem, WorkspaceMessage
from services.people import Actor
from services.places.blocks import in_share
from services.questions import Material
from services.questions import material as module
from services.questions.material import MOST_JUDGEMENTS
from services.settings import get_settings
from tests import factories
from tests.support import scenarios

TOLD, HELD = (10, 20, 30), (35, 40, 45)  # candles of two series: one an agent may know of, one kept for testing


@pytest.fixture(autouse=True)
def _stored_candles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The candles of the factories are where the services look."""
    monkeypatch.setenv("STORAGE_URL", factories.STORAGE)
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


def series(session: Session, workspace_id: uuid.UUID, actor: Actor, *, held: bool) -> uuid.UUID:
    """A session on a series all of whose blocks are kept for testing, or none."""
    stored = factories.dataset(session, actor, seed=2 if held else 1, symbol="HELD" if held else "TOLD")
    made = scenarios.run_session(session, workspace_id, actor, stored, anchors=HELD if held else TOLD)
    block = int(factories.DAY_ONE.timestamp()) // (250 * 86_400)
    names = map(uuid.UUID, map("{:032x}".format, range(999)))
    blocks = (block, block + 1)
    fitting = (i for i in names if all(in_share(str(i), k, 0.5) is held for k in blocks))
    session.get_one(CandleDataset, stored.id).series_id = next(fitting)
    session.flush()
    return made


def judge(session: Session, made: uuid.UUID, actor: Actor, anchor: int, reason: str) -> uuid.UUID:
    mark = scenarios.detections(session, made)[anchor]
    return feedback.judge(session, mark, Verdict.FALSE_POSITIVE, reason=reason, actor=actor)


@pytest.fixture
def both(session: Session, member: Actor, home: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID]:
    """The sessions of the series that may be told, and of the one that is kept for testing."""
    scenarios.row(session, home).holdout_share = 0.5
    return series(session, home, member, held=False), series(session, home, member, held=True)


def files_of(material: Material) -> dict[str, str]:
    root = get_settings().storage_root

    def load(path: str) -> pd.DataFrame:
        return load_frame(root, path)

    return questions.documents(material, load)


def test_judgements_and_candles_kept_for_testing_are_not_in_it(
    session: Session, member: Actor, home: uuid.UUID, both: tuple[uuid.UUID, uuid.UUID]
) -> None:
    told, held = both
    judge(session, told, member, 10, "the wick is long")
    judge(session, held, member, 35, "SECRET first")
    taken_back = judge(session, held, member, 40, "SECRET withdrawn")
    session.get_one(FeedbackItem, taken_back).state = FeedbackState.WITHDRAWN
    feedback.add_comment_item(session, home, "Mind the gaps.", actor=member)
    material = questions.read(session, home)
    files = files_of(material)
    everything = "\n".join(files.values())
    assert sorted(str(f.reason) for f in material.judgements) == ["Mind the gaps.", "the wick is long"]
    assert "the wick is long" in everything and "Mind the gaps." in everything
    assert "SECRET" not in everything
    judged = [json.loads(line) for line in files["about/judgements.jsonl"].splitlines()]
    assert [j["judgement"]["candle_index"] for j in judged if j["judgement"]["candle_index"] is not None] == [10]
    [around] = [json.loads(line) for line in files["about/candles.jsonl"].splitlines()]
    assert [c[0] for c in around["candles"]] == list(range(23))
    dataset = session.get_one(FeedbackItem, taken_back).dataset_id
    assert material.held == {str(dataset): frozenset(material.held[str(dataset)])}
    assert all(len(line) < 2000 for text in files.values() for line in text.splitlines()), "longer ones are cut"


def test_numbers_are_of_what_may_be_told(
    session: Session, member: Actor, home: uuid.UUID, both: tuple[uuid.UUID, uuid.UUID]
) -> None:
    told, held = both
    for made, anchors, verdict in ((told, TOLD, Verdict.CONFIRMED), (held, HELD, Verdict.FALSE_POSITIVE)):
        for anchor in anchors:
            feedback.judge(session, scenarios.detections(session, made)[anchor], verdict, actor=member)
        sessions.complete(session, made, actor=member)
    material = questions.read(session, home)
    [live] = [v for v in material.versions if v.status == "deployed"]
    assert (live.right, live.wrong, live.rate) == (3, 0, 1.0), "all that is wrong is kept for testing"
    everything = "\n".join(files_of(material).values())
    assert "session_completed" not in everything
    assert '"rate":0.5' not in everything


def test_the_timeline_tells_words_and_no_scores(session: Session, member: Actor, home: uuid.UUID) -> None:
    timeline.comment(session, home, "Why so few?", actor=member)
    gone = timeline.comment(session, home, "Never mind.", actor=member)
    timeline.delete_comment(session, gone, actor=member)
    for kind, data in (
        (MessageType.APPROVAL_VOIDED, {"previous_status": "in_review", "new_status": "beta", "reason": "SECRET"}),
        (MessageType.CLAUDE_COMPLETED, {"execution_id": uuid.uuid4(), "duration_s": 1.0, "files_changed": [],
                                        "commit_hash": None, "commit_message": None, "summary": "SECRET"}),
        (MessageType.CLAUDE_CHECKPOINT, {"execution_id": uuid.uuid4(), "phase": "testing", "checkpoint": "SECRET"}),
    ):  # fmt: skip
        timeline.append(session, home, kind, data=data, title="SECRET", content="SECRET")
    text = files_of(questions.read(session, home))["about/timeline.jsonl"]
    said = [json.loads(line) for line in text.splitlines()]
    assert (said[-2]["words"], said[-2]["by"]) == ("Why so few?", member.name)
    assert said[-1]["words"] == "It ended without a deploy."
    assert "SECRET" not in text
    assert "Never mind." not in text


def test_a_candle_that_is_kept_for_testing_is_known_by_its_number(
    session: Session, member: Actor, home: uuid.UUID, both: tuple[uuid.UUID, uuid.UUID]
) -> None:
    timeline.comment(session, home, "#777 looks odd", actor=member)
    timeline.comment(session, home, "777 trades a day", actor=member)
    material = replace(questions.read(session, home), hidden=frozenset({777}))
    for named in ("why #777?", "Why is candle 777 no swing", "bars #777"):
        assert questions.held_candle(named, material) == 777
    for other in ("777 trades", "a#777", "see /x/#777", "#7771", "why #10?"):
        assert questions.held_candle(other, material) is None
    words = [module._said(e, frozenset({777})) for e in timeline.page(session, home) if e.type == "comment"]
    assert [w.words if w else None for w in words] == [None, "777 trades a day"]
    assert material.held, "a number that is another candle's too hides nothing"
    assert questions.read(session, home).hidden == frozenset()


def test_long_histories_are_cut_to_the_newest(session: Session, member: Actor, home: uuid.UUID) -> None:
    for n in range(3):
        timeline.comment(session, home, f"{n} " + "x" * 5000, actor=member)
    last = timeline.comment(session, home, "newest", actor=member)
    for n in range(MOST_JUDGEMENTS + 5):
        note = factories.feedback_item(session, home, member, verdict=Verdict.COMMENT, reason=f"note {n}")
        session.get_one(FeedbackItem, note).candle_index = None
    material = questions.read(session, home)
    assert len(material.judgements) == MOST_JUDGEMENTS
    assert session.get_one(WorkspaceMessage, last).content == "newest"
    lines = files_of(material)["about/timeline.jsonl"].splitlines()
    assert all(len(line) < 2000 for line in lines)


def test_a_dispute_about_a_place_kept_for_testing_tells_an_agent_nothing_of_it(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, both: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """Where it lies, how it was settled and by which rule stay in its room, not on the timeline that an agent reads."""
    for made, anchor in zip(both, (10, 35), strict=True):
        mark = scenarios.detections(session, made)[anchor]
        feedback.judge(session, mark, Verdict.CONFIRMED, actor=member)
        feedback.judge(session, mark, Verdict.FALSE_POSITIVE, actor=admin)
    for place in disputes.list_disputes(session, home):
        word = "HELD" if place.split != "tune" else "TOLD"
        disputes.settle(session, home, place.id, present=True, rule=f"{word} by the close.", actor=member)
    everything = "\n".join(files_of(questions.read(session, home)).values())
    assert "TOLD by the close." in everything
    assert "HELD by the close." not in everything
    held_day = factories.DAY_ONE + factories.days(35)
    assert f"{held_day:%Y-%m-%d}" not in everything
