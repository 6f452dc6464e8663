"""Deploying: brings the commit up to main, deploys and follows it, and merges what is live."""

from __future__ import annotations

from functools import partial

from services import deployments, executions
from services.database.engine import transaction
from services.deploys import registry as deploy_registry
from services.deploys.protocol import Deployer, Deployment, DeployRequest
from services.detectors import repository
from services.errors import Cancelled, RepositoryError
from services.executions import ExecutionRun, PhaseFacts
from services.lifecycle import DeployStatus, ExecutionPhase
from services.worker.context import RunContext
from services.worker.phases import in_phase, open_worktree
from services.worker.results import Deployed, Rebased, StepFailed

DEPLOYING = ExecutionPhase.DEPLOYING
ARRIVED_S = 1.5  # to ask the remote what became of a push
LOG_CHARACTERS = 8000  # of a failed deploy, as the agent gets them
LOG_STAMP = 18  # characters of the time at the start of a log line


class _Moved(RepositoryError):
    """Main has moved since the commit was tested."""


Outcome = Deployed | Rebased | StepFailed


def deploy(ctx: RunContext, attempt: int) -> Outcome:
    """Deploys the candidate. A deploy that failed is a result, with its log, for the phase is at its end."""

    def body(run: ExecutionRun) -> tuple[Outcome, PhaseFacts]:
        open_worktree(ctx, run)
        if _rolled_back(ctx, run):
            return Rebased(), PhaseFacts()
        repository.pull(ctx.repository, cancelled=ctx.cancelled)
        if not _is_on_main(ctx):
            return _rebase(ctx, attempt)
        try:
            return _deploy(ctx, run, attempt)
        except _Moved:
            return _rebase(ctx, attempt)

    return in_phase(ctx, DEPLOYING, attempt, "Deploying", body)


def _rolled_back(ctx: RunContext, run: ExecutionRun) -> bool:
    """Whether the pattern was rolled back since the candidate was replayed, so that it has to be replayed again.

    Raises RepositoryError, to be tried again, while a roll back is under way.
    """
    with transaction() as session:
        if deployments.roll_back_under_way(session, run.workspace_id):
            raise RepositoryError("A roll back of this pattern is under way.", failure="git.busy")
        moved = deployments.baseline_moved(session, run.id)
    if moved:
        ctx.checkpoint(DEPLOYING, 1, f"baseline:{run.candidate_version_id}", "Another version runs now: testing again")
    return moved


def _is_on_main(ctx: RunContext) -> bool:
    """Whether the worktree's commit has all that main has."""
    return repository.git(ctx.worktree, "rev-list", "--count", "refs/heads/main", "^HEAD") == "0"


def _rebase(ctx: RunContext, attempt: int) -> tuple[Outcome, PhaseFacts]:
    """Replays the worktree's commits on main, to be tested again."""
    main = repository.head(ctx.repository, "refs/heads/main")
    try:
        repository.git(ctx.worktree, "rebase", main)
    except RepositoryError as error:
        files = repository.git(ctx.worktree, "diff", "--name-only", "--diff-filter=U").splitlines()
        repository.git(ctx.worktree, "rebase", "--abort")
        where = f" in {', '.join(files[:3])}" if files else ""
        raise RepositoryError(
            f"The change conflicts with what others merged meanwhile{where}.", failure="git.conflict"
        ) from error
    head = repository.head(ctx.worktree)
    ctx.checkpoint(DEPLOYING, attempt, f"rebased:{head[:12]}", "Rebased on what others merged meanwhile")
    return Rebased(), PhaseFacts(commit_hash=head, base_commit=main)


def _deploy(ctx: RunContext, run: ExecutionRun, attempt: int) -> tuple[Outcome, PhaseFacts]:
    deployer = deploy_registry.make(run.deploy_target)
    with transaction() as session:
        assert run.candidate_version_id is not None  # testing registered it
        version = deployments.get_version(session, run.candidate_version_id)
    request = DeployRequest(run.id, attempt, run.pattern_type, version.commit_hash, version.version)
    state = deployer.create(request, cancelled=partial(_asked_to_stop, ctx))
    with transaction() as session:
        deployments.deploy_started(session, run.id, epoch=ctx.epoch, attempt=attempt, deployment_id=state.id)
    state = _follow(ctx, deployer, state.id, attempt)
    log_key = ctx.save_text(state.logs)
    with transaction() as session:
        executions.keep_deploy(session, run.id, epoch=ctx.epoch, attempt=attempt, log_key=log_key)
    if state.status == DeployStatus.CANCELED:
        raise Cancelled("The run was canceled.")
    if state.status != DeployStatus.READY:
        error = state.error or f"The deploy ended as {state.raw}."
        return StepFailed(state.failure, error, deploy_log=state.logs[-LOG_CHARACTERS:]), PhaseFacts()
    _merge(ctx, run, deployer, version.commit_hash)
    return Deployed(state.url, state.raw, state.logs), PhaseFacts()


def _follow(ctx: RunContext, deployer: Deployer, deployment_id: str, attempt: int) -> Deployment:
    """Records each state as the target reaches it; returns the last one."""
    last: Deployment | None = None
    for steps, state in enumerate(deployer.follow(deployment_id, cancelled=partial(_asked_to_stop, ctx)), start=1):
        last = state
        if not state.ended:
            with transaction() as session:
                deployments.deploy_moved(
                    session,
                    ctx.execution_id,
                    epoch=ctx.epoch,
                    attempt=attempt,
                    status=state.status,
                    raw=state.raw,
                    logs=state.logs,
                    url=state.url,
                )
                executions.report(
                    session,
                    ctx.execution_id,
                    epoch=ctx.epoch,
                    phase=DEPLOYING,
                    attempt=attempt,
                    fraction=steps / 6,
                    task=state.logs.strip().rsplit("\n", 1)[-1][LOG_STAMP:] or "Deploying",
                )
    assert last is not None  # a target says at least how it ended
    return last


def _asked_to_stop(ctx: RunContext) -> bool:
    """Whether somebody canceled. A run that was lost stops without ending the deploy: another worker follows it."""
    ctx.check(lost_only=True)
    return ctx.cancelled()


def _merge(ctx: RunContext, run: ExecutionRun, deployer: Deployer, commit_hash: str) -> None:
    """Brings what is live onto main; when that can't be, the pattern goes back to what it ran before.

    Raises _Moved when somebody was quicker.
    """
    try:
        with transaction() as session:
            executions.heartbeat(session, ctx.execution_id, epoch=ctx.epoch)  # an old epoch pushes nothing
        _push(ctx, commit_hash)
        repository.merge_to_main(ctx.repository, commit_hash, verify=_refuse_moved, cancelled=ctx.cancelled)
    except (RepositoryError, Cancelled):
        if not ctx.lost:
            _undo(run, deployer)
        raise


def _push(ctx: RunContext, commit_hash: str) -> None:
    """To the remote first: it is where a race with others is decided."""
    try:
        repository.push(ctx.repository, f"{commit_hash}:refs/heads/main", cancelled=ctx.cancelled)
    except Cancelled:
        if not _has_arrived(ctx, commit_hash):
            raise
    except RepositoryError as error:
        if error.failure != "git.moved":
            raise
        repository.pull(ctx.repository, cancelled=ctx.cancelled)
        raise _Moved("Others pushed meanwhile.") from error


def _has_arrived(ctx: RunContext, commit_hash: str) -> bool:
    """Whether a push that was cut off came to its end at the remote all the same; then it is too late to cancel."""
    try:
        remote_main = repository.git(ctx.repository, "ls-remote", "origin", "refs/heads/main", timeout=ARRIVED_S)
    except RepositoryError:
        return False
    return remote_main.startswith(commit_hash)


def _refuse_moved(_commit: str) -> None:
    raise _Moved("Others merged meanwhile.")


def _undo(run: ExecutionRun, deployer: Deployer) -> None:
    """Has the target run again what it ran before this deploy; nothing when it was the pattern's first."""
    commit_hash = None
    if run.deployed_version_id is not None:
        with transaction() as session:
            commit_hash = deployments.get_version(session, run.deployed_version_id).commit_hash
    deployer.roll_back(run.pattern_type, commit_hash)
