"""What an execution's screen reads: its rows, its log, its prompt, its diff."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from services import deployments, executions, prompts, releases, storage, workspaces
from services.database.engine import transaction
from services.deployments import VersionRow
from services.detectors import repository
from services.executions import ExecutionDetail
from services.settings import get_settings

TAIL_BYTES: Final = 64_000  # of a log that is still being written


@dataclass(frozen=True, slots=True)
class Facts:
    """One execution with the version that is deployed now and its own candidate."""

    detail: ExecutionDetail
    deployed: VersionRow | None
    candidate: VersionRow | None
    workspace_status: str


def read(execution_id: uuid.UUID) -> Facts:
    """Raises NotFound."""
    with transaction() as session:
        detail = executions.get(session, execution_id)
        workspace = workspaces.get(session, detail.row.workspace_id)
        deployed, candidate = (
            deployments.get_version(session, version_id) if version_id else None
            for version_id in (workspace.deployed_version_id, detail.candidate_version_id)
        )
    return Facts(detail, deployed, candidate, workspace.status)


def read_replay(execution_id: uuid.UUID) -> dict[str, Any] | None:
    """The newest replay of the execution's candidate; None before testing."""
    with transaction() as session:
        return executions.replay(session, execution_id)


def parent_number(detail: ExecutionDetail) -> int | None:
    """The number of the execution that this one follows, None when it follows none."""
    if detail.parent_execution_id is None:
        return None
    with transaction() as session:
        return executions.get(session, detail.parent_execution_id).row.number


def log_text(detail: ExecutionDetail, *, tail: bool) -> tuple[str, bool]:
    """The log, and whether its beginning was left out. While it runs it is read where the worker writes it, when that
    is this machine; else the last state that the worker stored."""
    file = get_settings().data_dir / "work" / str(detail.row.id) / "log.txt"
    if file.is_file():
        data = file.read_bytes()
    elif detail.log_key:
        data = storage.get(get_settings().storage_root, detail.log_key)
    else:
        return "", False
    cut = tail and len(data) > TAIL_BYTES
    return (data[-TAIL_BYTES:] if cut else data).decode("utf-8", "replace"), cut


@st.cache_data(max_entries=100, show_spinner=False)
def prompt(key: str) -> tuple[bytes, str]:
    """The stored prompt as it was sent, and as text. A key names the same bytes for ever."""
    data = storage.get(get_settings().storage_root, key)
    return data, prompts.readable(json.loads(data))


@st.cache_data(max_entries=50, show_spinner=False)
def diff(base: str, commit: str) -> str:
    """The unified diff between two commits of the pattern repository. Raises RepositoryError."""
    return repository.diff(releases.repository(), base, commit)
