"""Deploying: brings the commit up to main, deploys and follows it, and merges what is live."""

from __future__ import annotations

from typing import Any

from services import deployments, executions, releases
from services.database.engine import transaction
from services.deploys import registry as deploy_registry
from services.deploys.protocol import Deployer, Deployment, DeployRequest
from services.detectors import repository
from services.errors import Cancelled, RepositoryError
from services.executions import Run
from services.lifecycle import DeployStatus, ExecutionPhase
from services.worker.context import RunContext
from services.worker.phases import Outcome, in_phase, open_worktree

DEPLOYING = ExecutionPhase.DEPLOYING


def deploy(ctx: RunContext, attempt: int) -> Outcome:
    """Deploys the candidate. Outcome ready, rebased (test again), or failed with the deploy's log."""

    def body(run: Run) -> tuple[Outcome, dict[str, Any]]:
        open_worktree(ctx, run)
        if _rebase(ctx):
            head = repository.head(ctx.worktree)
            ctx.checkpoint(DEPLOYING, attempt, f"rebased:{head[:12]}", "Rebased on what others merged meanwhile")
            return {"outcome": "rebased"}, {"commit_hash": head, "base_commit": repository.head(ctx.repository, "main")}
        return _deploy(ctx, run, attempt)

    return in_phase(ctx, DEPLOYING, attempt, "Deploying", body)


def _rebase(ctx: RunContext) -> bool:
    """Replays the worktree's commits on main when main has moved; says whether it had."""
    main = repository.head(ctx.repository, "refs/heads/main")
    if repository.git(ctx.worktree, "rev-list", "--count", main, "^HEAD") == "0":
        return False
    try:
        repository.git(ctx.worktree, "rebase", main)
    except RepositoryError as error:
        repository.git(ctx.worktree, "rebase", "--abort")
        raise RepositoryError("The change conflicts with what others merged meanwhile; run it again.") from error
    return True


def _deploy(ctx: RunContext, run: Run, attempt: int) -> tuple[Outcome, dict[str, Any]]:
    deployer = deploy_registry.make(run.deploy_target)
    with transaction() as session:
        assert run.candidate_version_id is not None  # testing registered it
        version = deployments.get_version(session, run.candidate_version_id)
    request = DeployRequest(run.id, attempt, run.pattern_type, version.commit_hash, version.version)
    state = deployer.create(request)
    with transaction() as session:
        deployments.deploy_started(session, run.id, epoch=ctx.epoch, attempt=attempt, deployment_id=state.id)
    state = _follow(ctx, deployer, state, attempt)
    if state.status == DeployStatus.CANCELED:
        raise Cancelled("The run was canceled.")
    if state.status != DeployStatus.READY:
        error = state.error or f"The deploy ended as {state.raw}."
        return {"outcome": "failed", "error": error, "logs": state.logs[-8000:]}, {}
    _merge(ctx, run, deployer, version.commit_hash)
    return {"outcome": "ready", "url": state.url, "raw": state.raw, "logs": state.logs}, {}


def _follow(ctx: RunContext, deployer: Deployer, state: Deployment, attempt: int) -> Deployment:
    steps = 0
    for state in deployer.follow(state.id, cancelled=ctx.cancelled):
        steps += 1
        if not state.ended:
            with transaction() as session:
                deployments.deploy_moved(
                    session, ctx.execution_id, epoch=ctx.epoch, attempt=attempt, status=state.status, raw=state.raw,
                    logs=state.logs, url=state.url,
                )  # fmt: skip
                executions.report(
                    session, ctx.execution_id, epoch=ctx.epoch, phase=DEPLOYING, attempt=attempt,
                    fraction=steps / 6, task=state.logs.strip().rsplit("\n", 1)[-1][18:] or "Deploying",
                )  # fmt: skip
    return state


def _merge(ctx: RunContext, run: Run, deployer: Deployer, commit_hash: str) -> None:
    """Brings what is live onto main; when that can't be, the pattern goes back to what it ran before."""
    try:
        repository.merge_to_main(ctx.repository, commit_hash, cancelled=ctx.cancelled)
        repository.push(ctx.repository)
    except RepositoryError:
        with transaction() as session:
            before = (
                deployments.get_version(session, run.deployed_version_id).commit_hash
                if run.deployed_version_id
                else None
            )
        if before is not None:
            deployer.roll_back(run.pattern_type, before)
        else:
            releases.pointer(run.pattern_type).unlink(missing_ok=True)
        raise
