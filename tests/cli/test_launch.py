"""`patterndesk launch`: what could only fail is refused with the reason, and nothing is launched."""

from __future__ import annotations

from sqlalchemy import text

from services.database.engine import transaction
from tests import factories
from tests.cli.conftest import Command


def test_the_tuner_is_not_launched_for_a_pattern_without_a_detector(command: Command) -> None:
    with transaction() as session:
        mara = factories.person(session, name="Mara")
        factories.workspace(session, mara, pattern_type="wedge")
        email = session.execute(text("SELECT email FROM users WHERE id = :id"), {"id": mara.id}).scalar_one()
    refused = command("launch", "wedge", "--agent", "tuner", "--as", email)
    assert refused.code == 2 and "has no detector of 'wedge' to begin with" in refused.err
    assert "swings" in refused.err, "those that have one are named"
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM claude_executions")) == 0
