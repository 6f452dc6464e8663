"""The cap of a day from end to end: a real worker, the agent's real command line, and the stand-in that charges for each call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services import executions, holding
from services.database.engine import transaction
from services.errors import Conflict, NotAllowed
from tests.support.agent_setup import ONE_CALL
from tests.support.fake_model import Model, thinking
from tests.support.installation import Installation

Claude = tuple[Model, dict[str, str]]


@pytest.fixture
def claude(confined: None) -> Iterator[Claude]:
    with thinking() as (model, env, tried):
        yield model, env
        assert tried == [], "the agent tried to reach somebody else"


def set_cap(installation: Installation, usd: float | None) -> None:
    with transaction() as session:
        holding.set_cap(session, installation.workspace_id(), usd, actor=installation.admin)


def test_a_run_that_reaches_the_cap_ends_with_its_sentence_and_goes_on_once_an_admin_raises_it(
    installation: Installation, claude: Claude
) -> None:
    model, env = claude
    workspace_id = installation.workspace_id()
    set_cap(installation, 1.5 * ONE_CALL)
    installation.worker(**env)

    capped = installation.wait(installation.launch(workspace_id, agent="claude"))
    assert (capped.row.status, capped.attempts[-1].decision) != ("completed", None)
    assert capped.row.error is not None and "have spent today's cap" in capped.row.error
    assert "ask an admin to raise the workspace's cap" in capped.row.error
    assert installation.messages(capped.row.id, "deploy_started") == []
    asked = len(model.asked)
    assert asked * ONE_CALL == pytest.approx(float(capped.row.cost_usd))
    assert asked <= 3, "it stops at the call that reaches the cap"

    with pytest.raises(Conflict, match=r"have spent today's cap of \$0\.0"):
        installation.launch(workspace_id, agent="claude")
    assert len(model.asked) == asked, "nothing was spent on what was refused"
    with transaction() as session, pytest.raises(NotAllowed):
        holding.set_cap(session, workspace_id, 100.0, actor=installation.member)

    set_cap(installation, 10.0)
    found = installation.run(workspace_id, agent="claude")
    assert found.current_version == "0.1.1"
    with transaction() as session:
        spent = holding.spent_today(session, workspace_id)[workspace_id]
        assert spent == pytest.approx(len(model.asked) * ONE_CALL)
        assert executions.get(session, capped.row.id).row.status == "failed"


def test_the_cap_of_one_workspace_is_not_anothers_and_does_not_touch_the_tuner(
    installation: Installation, claude: Claude
) -> None:
    _, env = claude
    set_cap(installation, 0.0)
    installation.worker(**env)
    with pytest.raises(Conflict, match="spent today's cap"):
        installation.launch(installation.workspace_id(), agent="claude")
    other = installation.workspace("inside_bar")
    assert installation.wait(installation.launch(other, agent="claude")).row.status == "completed"
    assert installation.run(installation.workspace_id(), agent="tuner").row.status == "completed"
