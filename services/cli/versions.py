"""`patterndesk rollback` and `patterndesk adopt`: the versions page from the command line. A worker has to run."""

from __future__ import annotations

import time
import uuid

from services import actions, deployments, executions, workspaces
from services.cli.data import wait_for
from services.database.engine import transaction
from services.errors import InvalidInput, Unavailable
from services.people import Actor


def roll_back(pattern: str, to: str, reason: str, actor: Actor, *, seconds: float = 600) -> str:
    """Rolls a pattern back to a version (its number, the name of its release, or its id) and waits; its number."""
    with transaction() as session:
        workspace_id = workspaces.find_id(session, pattern)
        found = _version(deployments.list_versions(session, workspace_id), to)
        asked = deployments.request_roll_back(session, workspace_id, found.id, reason=reason, actor=actor)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with transaction() as session:
            now = deployments.get_roll_back(session, asked)
        if now.status == "done":
            return found.version
        if now.status == "failed":
            raise Unavailable(f"The roll back failed: {now.error}")
        time.sleep(0.2)
    raise Unavailable("The roll back has not ended in time; look whether a worker runs.")


def _version(versions: list[deployments.VersionRow], to: str) -> deployments.VersionRow:
    wanted = to.strip().removeprefix("v")
    fits = [v for v in versions if wanted in (v.version, v.release or "", str(v.id))]
    ran = [v for v in fits if v.deployed_at is not None] or fits
    if not ran:
        known = ", ".join(v.version for v in versions if v.deployed_at is not None) or "none"
        raise InvalidInput(f"There is no version {wanted[:40]} of this pattern that was deployed; there are {known}.")
    return ran[0]


def adopt(pattern: str, commit: str, actor: Actor, *, wait: bool) -> tuple[uuid.UUID, str, str | None]:
    """Adopts a commit made by hand; the execution's id, its status, and why it failed if it did."""
    with transaction() as session:
        workspace_id = workspaces.find_id(session, pattern)
    execution_id = actions.adopt(workspace_id, commit, actor=actor)
    if wait:
        wait_for(execution_id)
    with transaction() as session:
        row = executions.get(session, execution_id).row
    return execution_id, row.status, row.error
