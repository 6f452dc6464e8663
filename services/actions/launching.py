"""Preparing and launching an execution: the prompt is made and stored first, shown, and then sent as it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from services import (
    attachments,
    datasets,
    deployments,
    executions,
    labels,
    limiting,
    prompts,
    releases,
    storage,
    workspaces,
)
from services.candles.store import load_frame
from services.database.engine import transaction
from services.detectors.bundle import patterns
from services.feedback import FeedbackRow
from services.people import Actor, require
from services.prompts import Offered
from services.settings import get_settings

SEES_PICTURES: Final = frozenset({"claude"})  # agents


@dataclass(frozen=True, slots=True)
class PreparedLaunch:
    """What would be sent: the corrections, the prompt as text, and the key of the stored prompt file. `offered` are the
    pictures that could go along with them, `pictures` the ids of those that do."""

    workspace_id: uuid.UUID
    agent: str
    items: list[FeedbackRow]
    text: str
    prompt_file: str
    offered: tuple[Offered, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def feedback_ids(self) -> list[uuid.UUID]:
        return [f.id for f in self.items]


def why_hopeless(workspace_id: uuid.UUID, agent: str) -> str | None:
    """Why this agent's run could only fail, as a sentence: the tuner needs a detector to begin with. None when it may work.

    Raises NotFound, and RepositoryError when the pattern repository can't be read.
    """
    if agent != "tuner":
        return None
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
    if workspace.deployed_version_id is not None:
        return None
    ready = patterns(releases.repository())
    if workspace.pattern_type in ready:
        return None
    return (
        f"The tuner searches parameters and has no detector of '{workspace.pattern_type}' to begin with, so this run "
        f"would fail. There is one for {', '.join(ready) or 'no pattern'}. Connect Claude to have one written: set "
        "ANTHROPIC_API_KEY for the workers."
    )


def prepare_launch(
    workspace_id: uuid.UUID,
    *,
    feedback_ids: Sequence[uuid.UUID] | None = None,
    agent: str = "tuner",
    pictures: Collection[str] | None = None,
    actor: Actor,
) -> PreparedLaunch:
    """Makes and stores the prompt for all open corrections, or the chosen ones. Raises what a launch would raise.

    Pictures go to Claude alone: those whose ids are given, or the first `prompts.MOST`.
    """
    require(actor, "launch")
    with transaction() as session:
        workspace = workspaces.lock(session, workspace_id)
        executions.check_launchable(session, workspace)
        items = executions.batch(session, workspace, feedback_ids)
        detail = workspaces.get(session, workspace_id)
        version = deployments.get_version(session, detail.deployed_version_id) if detail.deployed_version_id else None
        wanted = {f.dataset_id for f in items if f.dataset_id}
        images = _images(session, [*detail.attachments, *(key for f in items for key in f.attachments)])
        places = {str(i): datasets.get(session, i).storage_path for i in wanted}
        held = labels.held_bars(session, workspace_id) if wanted else {}
    root = get_settings().storage_root
    frames = {
        dataset_id: load_frame(root, path).drop(index=sorted(held.get(dataset_id, ())), errors="ignore")
        for dataset_id, path in places.items()
    }
    prompt = prompts.build(detail, items, frames, params=version.params if version else None, agent=agent)
    offered = prompts.offered(detail, items, images) if agent in SEES_PICTURES else []
    picked = prompts.chosen(offered, pictures)
    prompt = prompts.with_pictures(prompt, picked, _loading(root))
    key = storage.put(root, prompts.as_bytes(prompt), suffix=".json")
    ids = tuple(one.id for one in picked)
    return PreparedLaunch(workspace_id, agent, items, prompts.readable(prompt), key, tuple(offered), ids)


def _images(session: Session, keys: Collection[str]) -> dict[str, str]:
    """The names of those attachments that are images, by storage key."""
    return {row.storage_key: row.name for row in attachments.several(session, keys) if row.kind == "image"}


def _loading(root: str) -> Callable[[str], bytes]:
    return lambda key: storage.get(root, key)


def launch(
    prepared: PreparedLaunch,
    *,
    stop_after_planning: bool = False,
    deploy_target: str = "local",
    parent_execution_id: uuid.UUID | None = None,
    actor: Actor,
) -> uuid.UUID:
    """Sends exactly what was prepared. Returns the execution's id. Raises TooMany for a person who launches without end."""
    limiting.spend("launch", actor.id)
    with transaction() as session:
        return executions.launch(
            session,
            prepared.workspace_id,
            feedback_ids=prepared.feedback_ids,
            prompt_file=prepared.prompt_file,
            agent=prepared.agent,
            deploy_target=deploy_target,
            stop_after_planning=stop_after_planning,
            parent_execution_id=parent_execution_id,
            actor=actor,
        )


def continue_from(execution_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    """Goes on from where an execution ended, in a new one. Returns its id; raises Conflict with the reason it can't."""
    with transaction() as session:
        return executions.continue_from(session, execution_id, actor=actor)
