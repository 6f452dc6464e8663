"""Whole runs that deploy to Vercel, by a real worker against the stand-in of its API."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from services import releases
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, Stage, bad, ready, serving
from tests.support.installation import Installation
from tests.support.processes import eventually


@pytest.fixture
def vercel() -> Iterator[FakeVercel]:
    with serving() as stand_in:
        stand_in.plan = lambda: [Stage("BUILDING", ("Building",)), ready()]
        yield stand_in


def launched(installation: Installation, vercel: FakeVercel, token: str = TOKEN) -> uuid.UUID:
    """A run of the first detector, and a worker that knows the stand-in as Vercel."""
    installation.worker(
        prepare="tests.support.worker_overrides:short_pauses", VERCEL_TOKEN=token, VERCEL_PROJECT=PROJECT, VERCEL_TEAM_ID=TEAM,
        VERCEL_GIT_REPO_ID="123456", VERCEL_API=vercel.url, NO_PROXY="*",
    )  # fmt: skip
    return installation.launch(installation.workspace_id(), deploy_target="vercel")


def told(installation: Installation, execution_id: uuid.UUID) -> list[str]:
    """What went back to the agent."""
    return [m["title"] for m in installation.messages(execution_id, "claude_checkpoint") if "went back" in str(m)]


@pytest.mark.long
def test_a_failed_build_goes_back_to_the_agent_with_its_log_and_the_next_is_live(
    installation: Installation, vercel: FakeVercel
) -> None:
    plans = [bad]
    vercel.plan = lambda: plans.pop()() if plans else [Stage("BUILDING", ("Building",)), ready()]
    found = installation.wait(launched(installation, vercel))
    assert found.row.status == "completed", found.row.error
    first, second = vercel.deployed.values()
    assert [d.meta["patterndeskAttempt"] for d in (first, second)] == ["1", "2"]
    assert {d.meta["patterndeskExecution"] for d in (first, second)} == {str(found.row.id)}
    (failed,) = installation.messages(found.row.id, "deploy_failed")
    assert "No module named 'requests'" in failed["data"]["logs"]
    assert told(installation, found.row.id)
    ((url, raw, log),) = installation.sql(
        "SELECT deploy_url, deploy_state_raw, deploy_logs FROM claude_executions WHERE id = %s", found.row.id
    )
    assert (url, raw) == (f"https://{second.id}.vercel.app", "READY")
    assert "Production serves it" in log
    assert releases.current_commit("swings") == second.sha
    assert vercel.production == second.id
    installation.assert_at_rest()


def test_a_wrong_token_ends_the_run_with_one_sentence(installation: Installation, vercel: FakeVercel) -> None:
    live = releases.current_commit("swings")
    found = installation.wait(launched(installation, vercel, "vcl_wrong_wrong"))
    assert (found.row.status, found.row.retry_count, found.row.deploy_status) == ("failed", 0, "error")
    assert found.row.error == (
        "Vercel does not accept the token; set VERCEL_TOKEN to a valid one. "
        "Look at the deploy target's settings under Admin, Connections, and at its own pages, and continue the run."
    )
    (failed,) = installation.messages(found.row.id, "deploy_failed")
    assert not failed["data"]["will_retry"]
    assert releases.current_commit("swings") == live
    assert vercel.deployed == {}
    assert "vcl_wrong_wrong" not in "".join(w.said() for w in installation.workers)


@pytest.mark.long
def test_a_run_that_a_newer_deploy_overtook_deploys_again_without_the_agent(
    installation: Installation, vercel: FakeVercel
) -> None:
    def plan() -> list[Stage]:
        if len(vercel.deployed) == 1:
            vercel.add("f" * 40)
        return [ready()]

    vercel.plan = plan
    found = installation.wait(launched(installation, vercel))
    assert (found.row.status, found.row.retry_count) == ("completed", 1), found.row.error
    (failed,) = installation.messages(found.row.id, "deploy_failed")
    assert "was live first" in failed["data"]["error"]
    assert told(installation, found.row.id) == []
    assert len(vercel.asked("POST", "/v13/deployments")) == 2


@pytest.mark.long
def test_a_cancel_of_the_run_cancels_the_build_at_vercel(installation: Installation, vercel: FakeVercel) -> None:
    live = releases.current_commit("swings")
    vercel.plan = lambda: [Stage("BUILDING", ("Building",))]
    execution_id = launched(installation, vercel)
    assert eventually(lambda: installation.messages(execution_id, "deploy_building"), 60)
    installation.cancel(execution_id)
    assert eventually(lambda: [d.state for d in vercel.deployed.values()] == ["CANCELED"], 5)
    found = installation.wait(execution_id)
    assert found.row.status == "failed"
    assert releases.current_commit("swings") == live
    installation.assert_at_rest()
