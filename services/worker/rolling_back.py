"""Rolling back: has the deploy target run an earlier version again, then puts its files back onto main.

One step that may run twice: the target finds the deploy of the same request, files that are back already make no commit,
and the switch in the database happens once. A roll back that can't be carried out is undone at the target.
"""

from __future__ import annotations

import uuid
from typing import Final

from dbos import DBOS

from services import deployments, releases
from services.database.engine import transaction
from services.database.queue import ROLL_BACK
from services.deployments import RollBack
from services.deploys import registry as deploy_registry
from services.deploys.protocol import DeployRequest
from services.detectors import repository
from services.detectors.bundle import owned_paths
from services.errors import PatternDeskError
from services.lifecycle import DeployStatus
from services.logs import get_logger, log_unexpected
from services.worker.retrying import DATABASE_ERRORS, retried_step
from services.worker.steps import gate

CONCURRENCY: Final = 1
MOVES: Final = 5  # times that others may merge while the files are put back
log = get_logger(__name__)


@DBOS.workflow(name=ROLL_BACK)
def roll_back(switch_id: str) -> str:
    """Carries a roll back out; returns what became of it."""
    return retried_step("roll_back", lambda: _carry_out(uuid.UUID(switch_id)), gate=gate)


def _carry_out(switch_id: uuid.UUID) -> str:
    with transaction() as session:
        asked = deployments.get_roll_back(session, switch_id)
    if asked.status != deployments.PENDING:
        return asked.status
    switched = False
    try:
        _deploy(asked)
        switched = True
        restore_on_main(asked)
        with transaction() as session:
            deployments.finish_roll_back(session, switch_id)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it was, the person is told and the target runs what it ran
        return _give_up(asked, error, switched=switched)
    log.info("rolled_back", pattern=asked.pattern_type, to=asked.to_commit[:12])
    return "done"


def _deploy(asked: RollBack) -> None:
    """The target builds the earlier commit again and switches to it. Raises PatternDeskError with its reason."""
    deployer = deploy_registry.make(asked.deploy_target)
    request = DeployRequest(asked.id, 1, asked.pattern_type, asked.to_commit, asked.to_version)
    state = deployer.create(request)
    for reached in deployer.follow(state.id):
        state = reached
    if state.status != DeployStatus.READY:
        raise PatternDeskError(state.error or f"The deploy ended as {state.raw}.")


def restore_on_main(asked: RollBack) -> str | None:
    """Commits the pattern's files of the earlier version onto main, so that the next change begins with them.

    Returns the commit, None when main has them already. Others' changes on main stay.
    """
    repo = releases.repository()
    repository.pull(repo)
    for _ in range(MOVES):
        made = repository.restore_files(
            repo,
            asked.to_commit,
            owned_paths(asked.pattern_type),
            f"Roll {asked.pattern_type} back to v{asked.to_version}\n\n{asked.reason}\n\nRoll-back: {asked.id}\n",
        )
        if made is None:
            return None
        try:
            repository.push(repo, f"{made}:refs/heads/main")
        except PatternDeskError as error:
            if error.failure != "git.moved":
                raise
            repository.pull(repo)
            continue
        repository.merge_to_main(repo, made)
        return made
    raise PatternDeskError("Others pushed again and again meanwhile; try it when it is quieter.")


def _give_up(asked: RollBack, error: Exception, *, switched: bool) -> str:
    sentence = str(error) if isinstance(error, PatternDeskError) else ""
    if not sentence:
        sentence = f"Something went wrong. Reference {log_unexpected(error, roll_back=str(asked.id))}."
    if switched:
        try:
            deploy_registry.make(asked.deploy_target).roll_back(asked.pattern_type, asked.from_commit)
        except PatternDeskError as second:
            sentence += f" The target could not be put back either: {second}"
    with transaction() as session:
        deployments.fail_roll_back(session, asked.id, sentence)
    log.warning("roll_back_failed", pattern=asked.pattern_type, error=sentence[:200])
    return "failed"
