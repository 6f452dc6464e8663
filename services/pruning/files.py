"""The parts that lie in the data folder and in the pattern repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from services import releases
from services.detectors import repository
from services.errors import RepositoryError
from services.pruning.parts import Facts, Item, changed_at, entries, is_id, remove, size_of
from services.pruning.remote import REFS

_ROTATED: Final = re.compile(r".+\.(?:jsonl|log)\.\d+")
_EXECUTION: Final = re.compile(r"local-([0-9a-f-]{36})-\d+-[0-9a-f]{1,12}\.json")
_BACKUP: Final = re.compile(r"patterndesk-\d{8}-\d{6}\.tar(?:\.age)?")


def logs(facts: Facts) -> Iterator[Item]:
    """The app's own logs. The file that is written to stays; the logging itself bounds it."""
    for path in entries(facts.settings.data_dir / "logs"):
        gone = _ROTATED.fullmatch(path.name) and facts.old(changed_at(path), facts.settings.keep_log_days)
        yield Item(size_of(path), partial(remove, path) if gone else None)


def worktrees(facts: Facts) -> Iterator[Item]:
    """The folders of runs: an end removes its own, so what lies here of an ended one was left by a kill."""
    for path in entries(facts.settings.data_dir / "work"):
        over = facts.over(path.name, facts.settings.keep_worktree_days) and facts.old(changed_at(path), 1)
        tree = path / "tree"

        def drop(path=path, tree=tree) -> None:  # type: ignore[no-untyped-def]
            if tree.is_dir():
                repository.remove_worktree(releases.repository(), tree)
            remove(path)

        yield Item(size_of(path) - size_of(path / "claude"), drop if over else None)


def conversations(facts: Facts) -> Iterator[Item]:
    """What agents keep of their talk beside the worktree. A run whose talk is gone begins a new one from its plan."""
    for path in entries(facts.settings.data_dir / "work"):
        talk = path / "claude"
        if not talk.is_dir():
            continue
        days = facts.settings.keep_conversation_days
        over = (path.name in facts.waits_for_plan and facts.old(changed_at(talk), days)) or facts.over(path.name, days)
        yield Item(size_of(talk), partial(remove, talk) if over else None)


def refs(facts: Facts) -> Iterator[Item]:
    """Commits that executions keep for going on. What was deployed is on main as well."""
    try:
        found = releases.repository()
        listed = repository.git(found, "for-each-ref", "--format=%(refname)", REFS).split()
    except RepositoryError:
        return
    for name in listed:
        over = facts.over(name.rpartition("/")[2], facts.settings.keep_ref_days)
        yield Item(0, partial(repository.git, found, "update-ref", "-d", name) if over else None)


def old_releases(facts: Facts) -> Iterator[Item]:
    """Files of commits. One that is needed again is made again from the repository. A hidden one was left by a kill in
    the middle of being written or removed."""
    pointed = {path.resolve().name for path in entries(facts.settings.data_dir / "current") if path.is_symlink()}
    for path in entries(facts.settings.data_dir / "releases"):
        days = facts.settings.keep_release_days
        days = min(days, 1) if path.name.startswith(".") else days
        unused = path.name not in pointed | facts.commits and facts.old(changed_at(path), days)
        yield Item(size_of(path), partial(remove, path) if unused else None)


def deploys(facts: Facts) -> Iterator[Item]:
    """How each local deploy went. Its outcome and log stay with the execution."""
    for path in entries(facts.settings.data_dir / "deploys"):
        match = _EXECUTION.fullmatch(path.name)
        over = facts.old(changed_at(path), facts.settings.keep_deploy_days) and (
            match is None or not is_id(match[1]) or facts.over(match[1], facts.settings.keep_deploy_days)
        )
        yield Item(size_of(path), partial(remove, path) if over else None)


def exports(facts: Facts) -> Iterator[Item]:
    """Files that schedules wrote to the data folder."""
    for path in entries(facts.settings.data_dir / "exports"):
        over = facts.old(changed_at(path), facts.settings.keep_export_days)
        yield Item(size_of(path), partial(remove, path) if over else None)


def backups(facts: Facts) -> Iterator[Item]:
    """Archives in the data folder: the newest stay. Those elsewhere follow the retention of their own schedule."""
    ours = [path for path in entries(facts.settings.data_dir / "backups") if _BACKUP.fullmatch(path.name)]
    kept = set(ours[-facts.settings.keep_backups :]) if facts.settings.keep_backups else set(ours)
    for path in ours:
        yield Item(size_of(path), None if path in kept else partial(remove, path))


def tidy_repository() -> None:
    """Frees what no ref of the pattern repository holds any more."""
    repository.git(releases.repository(), "gc", "--quiet", timeout=600)
