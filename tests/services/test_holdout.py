"""What is kept for testing is asked once an execution."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from services import executions
from services.people import Actor
from tests.support import scenarios


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
