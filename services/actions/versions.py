"""What concerns versions and the pattern repository: commits made by hand, pushes under an approval, comparisons."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from services import approvals, deployments, executions, labels, limiting, releases, workspaces
from services.candles.store import load_array
from services.database.engine import transaction
from services.deployments import WindowRow
from services.detectors import repository
from services.detectors.bundle import module_path, owned_paths
from services.detectors.sandbox import warm
from services.detectors.types import Detection
from services.detectors.windows import detect_windows
from services.errors import Conflict, InvalidInput, PatternDeskError, RepositoryError
from services.executions.launching import BY_HAND, check_launchable
from services.lifecycle import WorkspaceStatus
from services.logs import get_logger
from services.people import Actor, require
from services.places import Counts, Fit, Place, Window, mark_of
from services.settings import get_settings

OURS = ("Execution: ", "Roll-back: ")  # how the body of a commit of this app begins a line
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HandMade:
    """A commit of the pattern's files that no execution made."""

    commit: str
    author: str
    at: str
    subject: str


def hand_made(workspace_id: uuid.UUID) -> list[HandMade]:
    """Commits on main that touch the pattern's files, made by hand since the deployed version; the newest first.

    Left out are those that are a version, that a version which ran holds, or that went through the gates already.
    Raises RepositoryError when the repository can't be read.
    """
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        versions = deployments.list_versions(session, workspace_id)
        known = {v.commit_hash for v in versions} | executions.adopted_commits(session, workspace_id)
    deployed = next((v for v in versions if v.id == workspace.deployed_version_id), None)
    repo = releases.repository()
    base = deployed.commit_hash if deployed is not None else _first(repo)
    ran = [v.commit_hash for v in versions if v.deployed_at is not None]
    paths = owned_paths(workspace.pattern_type)
    found = repository.commits_of(repo, base, "refs/heads/main", paths, without=ran)
    return [
        HandMade(c.sha, c.author, c.at, c.subject)
        for c in found
        if c.sha not in known and not any(line.startswith(OURS) for line in c.body.splitlines())
    ]


def _first(repo: Path) -> str:
    """The commit that the repository begins with."""
    return repository.git(repo, "rev-list", "--max-parents=0", "refs/heads/main").splitlines()[0]


def adopt(workspace_id: uuid.UUID, commit: str, *, actor: Actor, deploy_target: str = "local") -> uuid.UUID:
    """Sends a commit that a person made through the gates, and deploys it when it passes. Returns the execution's id.

    Raises a sentence for a commit that is gone, has no detector of the pattern, or is deployed already.
    """
    require(actor, "launch")
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        check_launchable(session, workspaces.lock(session, workspace_id))
        versions = deployments.list_versions(session, workspace_id)
    repo = releases.repository()
    try:
        repository.pull(repo)
        sha = repository.head(repo, commit.strip())
    except RepositoryError as error:
        raise InvalidInput(f"The pattern repository has no commit '{commit.strip()[:60]}'.") from error
    deployed = next((v for v in versions if v.id == workspace.deployed_version_id), None)
    paths = owned_paths(workspace.pattern_type)
    if repository.show(repo, sha, module_path(workspace.pattern_type)) is None:
        raise InvalidInput(f"The commit {sha[:7]} has no detector for the pattern '{workspace.pattern_type}'.")
    if deployed is not None and not set(repository.changed_files(repo, deployed.commit_hash, sha)) & set(paths):
        raise Conflict(f"The commit {sha[:7]} has the pattern's files as v{deployed.version}, which is deployed.")
    main = repository.rebased(repo, sha)
    if main != sha and set(repository.changed_files(repo, sha, main)) & set(paths):
        raise Conflict(f"Main has moved on from {sha[:7]} in the pattern's files; adopt its newest commit instead.")
    limiting.spend("launch", actor.id)
    with transaction() as session:
        return executions.launch(
            session,
            workspace_id,
            prompt_file=None,
            agent=BY_HAND,
            deploy_target=deploy_target,
            commit_hash=sha,
            max_retries=3,
            actor=actor,
        )


def notice_push(workspace_id: uuid.UUID) -> bool:
    """Voids an approval when somebody pushed by hand to the pattern's files since. Whether it did."""
    with transaction() as session:
        workspace = workspaces.get(session, workspace_id)
        if workspace.status != WorkspaceStatus.IN_REVIEW or workspace.deployed_version_id is None:
            return False
        deployed = deployments.get_version(session, workspace.deployed_version_id)
    try:
        repo = releases.repository()
        paths = [p for p in owned_paths(workspace.pattern_type) if not p.startswith("tests/")]
        changed = set(repository.changed_files(repo, deployed.commit_hash, "refs/heads/main")) & set(paths)
        made = repository.commits_of(repo, deployed.commit_hash, "refs/heads/main", paths, most=1) if changed else []
    except PatternDeskError as error:  # the page says of the change that it can't be read
        log.info("push_not_noticed", workspace=str(workspace_id), error=str(error)[:200])
        return False
    if not made:
        return False
    with transaction() as session:
        return approvals.void_if_changed(
            session,
            workspace_id,
            pushed=(deployed.commit_hash, made[0].sha),
            reason=f"{made[0].author} pushed to {sorted(changed)[0]} by hand",
        )


@dataclass(frozen=True, slots=True)
class Beside:
    """One event on the candles of a window: what people say of it, and which of two versions marks it.

    `bar` is a dataset index; `status` is None where nobody judged.
    """

    kind: str
    direction: int
    bar: int
    status: str | None
    first: Detection | None
    second: Detection | None

    @property
    def differs(self) -> bool:
        return (self.first is None) != (self.second is None)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two versions on the same window: every event that one of them marks or that was judged, by bar."""

    rows: tuple[Beside, ...]
    first_counts: Counts
    second_counts: Counts


def side_by_side(workspace_id: uuid.UUID, first: uuid.UUID, second: uuid.UUID, window: WindowRow) -> SideBySide:
    """Runs two versions on a window and matches their marks with the judged places, by the one matcher.

    Raises a sentence when a commit is gone or a detector fails.
    """
    at = Window(str(window.dataset_id), window.start, window.end, window.series_id, window.series_offset)
    with transaction() as session:
        known = labels.label_set(session, workspace_id).within([at])
        pattern = workspaces.get(session, workspace_id).pattern_type
        pair = [deployments.get_version(session, v) for v in (first, second)]
    candles = load_array(get_settings().storage_root, window.storage_path)
    fits: list[Fit] = []
    by_key: list[dict[str, Detection]] = []
    for version in pair:
        with warm(releases.release(version.commit_hash), pattern) as worker:
            marks = detect_windows(worker, [at], lambda _: candles, version.params)[at]
        fits.append(known.fit({at: marks}))
        by_key.append({mark_of(d, offset=window.series_offset).key: d for d in marks})
    rows = _judged(fits, by_key, window.series_offset) + _loose(fits, by_key)
    rows.sort(key=lambda row: (row.bar, row.kind, row.direction))
    return SideBySide(tuple(rows), fits[0].counts, fits[1].counts)


def _judged(fits: list[Fit], by_key: list[dict[str, Detection]], offset: int) -> list[Beside]:
    places: dict[str, Place] = {}
    marked: list[dict[str, Detection]] = [{}, {}]
    for side, fitted in enumerate(fits):
        for place, mark in [*((f.place, f.mark) for f in fitted.fates), *fitted.unsettled]:
            places[place.id] = place
            if mark is not None:
                marked[side][place.id] = by_key[side][mark.key]
    return [
        Beside(p.kind, p.direction, p.spot.bar - offset, p.status, marked[0].get(p.id), marked[1].get(p.id))
        for p in places.values()
    ]


def _loose(fits: list[Fit], by_key: list[dict[str, Detection]]) -> list[Beside]:
    """Marks on no place; two of the same kind on the same bar are one row."""
    found: dict[tuple[str, int, int], list[Detection | None]] = {}
    for side, fitted in enumerate(fits):
        for _, mark in (*fitted.false, *fitted.unjudged):
            d = by_key[side][mark.key]
            found.setdefault((d.kind, d.direction, d.anchor_index), [None, None])[side] = d
    return [Beside(kind, direction, bar, None, a, b) for (kind, direction, bar), (a, b) in found.items()]
