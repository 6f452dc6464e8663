"""What an execution's screen reads: its rows, its prompt, its diff."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from pages.components.actor import viewer_now
from pages.components.execution.cause import source_around
from pages.components.runs.state import is_live, is_stalled, waits_for_worker
from services import deployments, executions, releases, system, workspaces
from services.database.engine import transaction
from services.deployments import VersionRow
from services.detectors import repository
from services.errors import RepositoryError
from services.executions import ExecutionDetail, KeptReplay, UsageSum
from services.lifecycle import ExecutionStatus
from services.people import Actor

FETCH_SECONDS: Final = 10.0
NOT_FAILED: Final = "Only a run that failed can be continued."


@dataclass(frozen=True, slots=True)
class ExecutionView:
    """What the screen of one execution shows, and for whom: read in one transaction, and handed whole to what draws."""

    detail: ExecutionDetail
    deployed: VersionRow | None
    candidate: VersionRow | None
    workspace_status: str
    workers: int | None  # how many are connected; counted only where the run waits for one
    actor: Actor
    now: datetime  # in the reader's own zone
    position: int  # of the workspace's timeline before the rows were read
    why_not_continue: str | None  # None when a new execution can go on from where this one failed


def execution_view(execution_id: uuid.UUID, actor: Actor) -> ExecutionView:
    """Raises NotFound."""
    with transaction() as session:
        detail = executions.get(session, execution_id)
        row = detail.row
        workspace = workspaces.get(session, row.workspace_id)
        position = workspace.message_seq
        deployed, candidate = (
            deployments.get_version(session, version_id) if version_id else None
            for version_id in (workspace.deployed_version_id, detail.candidate_version_id)
        )
        lacks_worker = is_live(row) and (waits_for_worker(row) or is_stalled(row, datetime.now(UTC)))
        workers = len(system.list_workers(session)) if lacks_worker else None
        why_not = (
            executions.why_not_continue(session, execution_id) if row.status == ExecutionStatus.FAILED else NOT_FAILED
        )
    status = workspace.status
    return ExecutionView(detail, deployed, candidate, status, workers, actor, viewer_now(), position, why_not)


def replay_of(execution_id: uuid.UUID) -> KeptReplay | None:
    """The newest replay of the execution's candidate; None before testing."""
    with transaction() as session:
        return executions.replay(session, execution_id)


def waivable(execution_id: uuid.UUID) -> int:
    """How many judged places alone kept the candidate from being deployed."""
    with transaction() as session:
        return len(executions.waivable(session, execution_id))


def usage_of(execution_id: uuid.UUID) -> list[UsageSum]:
    """What the agent used, by attempt, turn and model."""
    with transaction() as session:
        return executions.usage(session, execution_id)


@st.cache_data(max_entries=50, show_spinner=False)
def diff(execution_id: uuid.UUID, base: str, commit: str) -> str:
    """The unified diff between two commits of the pattern repository; another machine's are fetched where there is a
    remote. Raises RepositoryError."""
    repo = releases.repository()
    try:
        return repository.diff(repo, base, commit)
    except RepositoryError:
        if not _brought(execution_id, commit):
            raise
        return repository.diff(repo, base, commit)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a failing line comes from: the newest commit that changed its file, and the line with those around it."""

    commit: str
    author: str
    subject: str
    source: str


@st.cache_data(max_entries=50, ttl=600, show_spinner=False)
def origin_of(commit: str, file: str, line: int) -> Origin | None:
    """None where this machine does not have the commit or the file."""
    repo = releases.repository()
    try:
        changed = repository.last_change(repo, commit, file)
        source = repository.show(repo, commit, file)
    except RepositoryError:
        return None
    if changed is None:
        return None
    return Origin(changed.sha, changed.author, changed.subject, source_around(source or "", line))


@st.cache_data(max_entries=50, ttl=30, show_spinner=False)
def _brought(execution_id: uuid.UUID, commit: str) -> bool:
    """Asked at most twice a minute for a commit, because a page that follows a run asks every second."""
    return releases.fetch_kept(execution_id, timeout=FETCH_SECONDS)
