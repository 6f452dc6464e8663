"""The recount by SQL agrees with the services on sessions with several reviewers, moves, disputes and retests."""

from __future__ import annotations

import os
import uuid
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services import feedback, labels, sessions
from services.cli.recount import recount
from services.errors import PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import Verdict, VersionStatus
from services.people import Actor
from tests import factories
from tests.support import generated, scenarios
from tests.support.pandas_recount import recounted

V = Verdict


def judge_at_random(session: Session, made: uuid.UUID, people: list[Actor], random: Random) -> None:
    """Each person judges some of the session's marks and adds some missed places; what contradicts is refused."""
    for actor in people:
        for anchor, detection in scenarios.detections(session, made).items():
            verdict = random.choice([V.CONFIRMED, V.CONFIRMED, V.FALSE_POSITIVE, V.ADJUSTMENT, V.UNSURE, None])
            if verdict is None:
                continue
            to = MarkPosition(min(59, anchor + random.choice([1, 2, 5])), factories.DAY_ONE)
            try:
                with session.begin_nested():
                    feedback.judge(
                        session, detection, verdict, expected=to if verdict == V.ADJUSTMENT else None, actor=actor
                    )
            except PatternDeskError:
                continue
        for _ in range(random.randrange(4)):
            at = MarkPosition(random.randrange(60), factories.DAY_ONE)
            try:
                with session.begin_nested():
                    feedback.add_missed(session, made, kind="swing_high", direction=1, place=at, actor=actor)
            except PatternDeskError:
                continue


@pytest.mark.parametrize("seed", range(6))
def test_the_recount_agrees_with_the_services(session: Session, seed: int) -> None:
    random = Random(seed)
    people = [factories.person(session) for _ in range(3)]
    home = scenarios.in_beta(session, people[0])
    stored = factories.dataset(session, people[0])
    first = None
    for number in range(3):
        anchors = sorted(random.sample(range(60), 10))
        made = scenarios.run_session(
            session, home, people[0], stored, anchors=anchors, retest_of=first if number == 1 else None,
            coverage=random.choice(["partial", "exhaustive"]),
        )  # fmt: skip
        judge_at_random(session, made, people, random)
        session.flush()
        labels.keep(session, home)
        found = [d for d in recount(session, fix=False) if d.what != "feedback"]
        assert found == [], "\n".join(map(str, [*found, *labels.judgements(session, home)]))
        score = labels.score_session(session, made).fit.counts
        row = session.execute(text("SELECT tp, fp, fn, unjudged FROM rc_score WHERE scope = :s"), {"s": made}).one()
        assert tuple(row) == tuple(score)
        sessions.complete(session, made, actor=people[0])
        first = made
        factories.version(session, home, f"0.{number + 2}.0", status=VersionStatus.DEPLOYED)


def test_what_was_tampered_with_is_found_and_fixed(session: Session) -> None:
    member = factories.person(session)
    home = scenarios.in_beta(session, member)
    made = scenarios.run_session(session, home, member, factories.dataset(session, member), anchors=[10, 20])
    feedback.judge(session, scenarios.detections(session, made)[10], V.CONFIRMED, actor=member)
    sessions.complete(session, made, actor=member)
    assert recount(session, fix=False) == []
    session.execute(text("UPDATE pattern_workspaces SET success_tp = 7, session_count = 9"))
    session.execute(text("UPDATE pattern_sessions SET tp = 5"))
    session.execute(text("UPDATE places SET status = 'absent'"))
    found = recount(session, fix=True)
    assert {d.what.split()[0] for d in found} == {"sessions", "place", "success", "frozen"}
    assert recount(session, fix=False) == []


SESSIONS = int(os.environ.get("RECOUNT_SESSIONS", "12"))  # 200 for a whole look
EACH = 4


@pytest.mark.long
@pytest.mark.parametrize("seed", range(-(-SESSIONS // EACH)))
def test_three_ways_of_counting_agree(session: Session, seed: int) -> None:
    """The services, SQL and pandas, on sessions with reviewers who disagree, moves, retests, gone marks and zones."""
    frozen: list[tuple[int, ...]] = []

    def completed(one: uuid.UUID) -> None:
        row = session.execute(text("SELECT tp, fp, fn FROM pattern_sessions WHERE id = :s"), {"s": one}).one()
        again = recounted(session.connection()).loc[str(one)].to_numpy().tolist()
        assert list(row) == again[:3], one
        frozen.append(tuple(row))

    made = generated.world(session, Random(f"recount {seed}"), EACH, completed)
    session.flush()
    counted = recounted(session.connection())
    by_sql = [d for d in recount(session, fix=False) if d.what != "feedback"]
    assert by_sql == []
    for one in made:
        counts = tuple(labels.score_session(session, one).fit.counts)
        row = session.execute(text("SELECT tp, fp, fn, unjudged FROM rc_score WHERE scope = :s"), {"s": one}).one()
        assert counts == tuple(row) == tuple(counted.loc[[str(one)]].to_numpy()[0].tolist()), one
    assert sum(counted.sum()) > 30 and frozen


@pytest.mark.long
def test_the_generated_sessions_have_everything_that_is_to_be_counted(session: Session) -> None:
    for seed in range(3):
        generated.world(session, Random(f"recount {seed}"), EACH)
    session.flush()
    kinds = {
        "people who judged": "SELECT count(DISTINCT author_id) FROM feedback_items",
        "moves": "SELECT count(*) FROM feedback_items WHERE verdict = 'adjustment'",
        "missed places": "SELECT count(*) FROM feedback_items WHERE verdict = 'false_negative'",
        "zones": "SELECT count(*) FROM feedback_items WHERE expected_low IS NOT NULL",
        "copies of retests": "SELECT count(*) FROM feedback_items WHERE made_by = 'carried'",
        "decisions": "SELECT count(*) FROM place_decisions",
        "disputes": "SELECT count(*) FROM places WHERE status = 'disputed'",
        "places without a mark": "SELECT count(*) FROM feedback_items WHERE detection_id IS NULL AND verdict = 'confirmed'",
    }
    assert [name for name, query in kinds.items() if not session.scalar(text(query))] == []
