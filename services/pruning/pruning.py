"""Every part with its rule, its setting and its size; and the removal of what the rules let go of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services import storage
from services.database.engine import transaction
from services.database.rows import driver, fetch
from services.errors import PatternDeskError
from services.logs import get_logger
from services.pruning import files, remote, stored
from services.pruning.parts import Facts, Item, facts
from services.pruning.stored import StoredPart
from services.settings import Settings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """One part that grows. `setting` is the variable of its rule and `value` its value here; sizes in bytes."""

    name: str
    title: str
    rule: str
    setting: str
    value: int
    count: int
    size: int
    removable: int
    removable_size: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a look or a removal found. After a removal `failed` counts what could not be removed."""

    parts: tuple[Kept, ...]
    dry_run: bool
    failed: int = 0

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def removable_size(self) -> int:
        return sum(part.removable_size for part in self.parts)

    @property
    def removable(self) -> int:
        return sum(part.removable for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    title: str
    rule: str  # "{}" is the setting's value
    setting: str
    items: Callable[[Facts], Iterator[Item]] | None = None
    stored: StoredPart | None = None


_RULES: Final = (
    _Rule("logs", "Logs of the app", "older files go after {} days", "keep_log_days", files.logs),
    _Rule("run_logs", "Logs of executions", "go {} days after the end", "keep_run_log_days", stored=stored.RUN_LOGS),
    _Rule("worktrees", "Worktrees", "left ones go {} days after the end", "keep_worktree_days", files.worktrees),
    _Rule("refs", "Kept commits", "go {} days after the end", "keep_ref_days", files.refs),
    _Rule("remote_refs", "Kept commits at the remote", "go {} days after the end", "keep_ref_days", remote.refs),
    _Rule("releases", "Releases", "go {} days after their last use", "keep_release_days", files.old_releases),
    _Rule("deploys", "Deploy records", "go {} days after the end", "keep_deploy_days", files.deploys),
    _Rule("prompts", "Prompts", "go {} days after the end", "keep_prompt_days", stored=stored.PROMPTS),
    _Rule(
        "conversations", "Agent conversations", "of a run that waits, go after {} days", "keep_conversation_days",
        files.conversations,
    ),
    _Rule(
        "attachments", "Attachments", "of withdrawn items, go after {} days", "keep_withdrawn_days",
        stored=stored.ATTACHMENTS,
    ),
    _Rule("exports", "Scheduled exports", "go after {} days", "keep_export_days", files.exports),
    _Rule("backups", "Backups", "the newest {} stay", "keep_backups", files.backups),
)  # fmt: skip
_ORPHANS: Final = ("stored_files", "Stored files", "what nothing refers to goes after 1 day", "STORAGE_URL")
_JOBS: Final = ("job_records", "Records of jobs and of the engine", "go after {} days", "keep_job_days")
_COUNT_RECORDS: LiteralString = """
SELECT (SELECT count(*) FROM background_jobs)
         + (SELECT count(*) FROM engine.workflow_status),
       (SELECT count(*) FROM background_jobs WHERE status IN ('done', 'failed') AND ended_at < %(before)s)
         + (SELECT count(*) FROM engine.workflow_status WHERE status IN ('SUCCESS', 'ERROR', 'CANCELLED')
            AND updated_at < %(before_ms)s),
       pg_total_relation_size('background_jobs')
         + coalesce((SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
                     WHERE c.relkind = 'r' AND c.relnamespace = 'engine'::regnamespace), 0)
"""
_REMOVE_RECORDS: tuple[LiteralString, ...] = (
    "DELETE FROM background_jobs WHERE status IN ('done', 'failed') AND ended_at < %(before)s",
    # Everything that the engine keeps of a workflow goes with its row.
    "DELETE FROM engine.workflow_status WHERE status IN ('SUCCESS', 'ERROR', 'CANCELLED') "
    "AND updated_at < %(before_ms)s",
)


def look(settings: Settings, *, now: datetime | None = None) -> Pruned:
    """What there is and what the rules would remove; removes nothing. `now` is the time to which ages are counted."""
    return _run(settings, now or datetime.now(UTC), dry_run=True)


def prune(settings: Settings, *, now: datetime | None = None) -> Pruned:
    """Removes what the rules let go of. A part that can't be removed is logged and counted, and the others go on."""
    return _run(settings, now or datetime.now(UTC), dry_run=False)


def _run(settings: Settings, now: datetime, *, dry_run: bool) -> Pruned:
    with transaction() as session:
        known = facts(session, settings, now)
    blobs = storage.listing(settings.storage_root)
    parts, failed = [], 0
    for rule in _RULES:
        if rule.stored is not None:
            parts.append(_stored(rule, rule.stored, known, blobs, dry_run=dry_run))
        elif rule.items is not None:
            kept, wrong = _files(rule, rule.items, known, dry_run=dry_run)
            parts.append(kept)
            failed += wrong
    parts.append(_orphans(known, blobs, dry_run=dry_run))
    parts.append(_records(known, dry_run=dry_run))
    if not dry_run:
        removed_refs = next(part.removable for part in parts if part.name == "refs")
        failed += 0 if not removed_refs else _tidied()
    return Pruned(tuple(parts), dry_run, failed)


def _files(rule: _Rule, items: Callable[[Facts], Iterator[Item]], known: Facts, *, dry_run: bool) -> tuple[Kept, int]:
    found = list(items(known))
    over = [item for item in found if item.remove is not None]
    failed = 0
    for item in () if dry_run else over:
        assert item.remove is not None
        try:
            item.remove()
        except (OSError, PatternDeskError) as error:
            failed += 1
            log.warning("not_removed", part=rule.name, error=str(error)[:200])
    sizes = sum(item.size for item in found), sum(item.size for item in over)
    return _kept(rule, known, len(found), sizes[0], len(over), sizes[1]), failed


def _stored(rule: _Rule, part: StoredPart, known: Facts, blobs: dict[str, storage.Blob], *, dry_run: bool) -> Kept:
    with transaction() as session:
        references = list(part.references(session, known))
        over = {r.key for r in references if r.over} - {r.key for r in references if not r.over}
        if not dry_run and any(r.over for r in references):
            part.forget(session, known)
    sizes = {r.key: blobs[r.key].size for r in references if r.key in blobs}
    return _kept(rule, known, len(sizes), sum(sizes.values()), len(over), sum(sizes.get(key, 0) for key in over))


def _orphans(known: Facts, blobs: dict[str, storage.Blob], *, dry_run: bool) -> Kept:
    with transaction() as session:
        gone = stored.orphans(blobs, stored.referenced(session), known.now)
    if not dry_run:
        stored.remove_all(known.settings, iter(gone))
    name, title, rule, setting = _ORPHANS
    total = sum(blob.size for blob in blobs.values())
    return Kept(name, title, rule, setting, 1, len(blobs), total, len(gone), sum(b.size for b in gone.values()))


def _records(known: Facts, *, dry_run: bool) -> Kept:
    name, title, text, setting = _JOBS
    days = known.settings.keep_job_days
    before = known.now - timedelta(days=days or 365 * 1000)
    values = {"before": before, "before_ms": int(before.timestamp() * 1000)}
    with transaction() as session:
        count, over, size = fetch(session, _COUNT_RECORDS, values)[0]
        if not dry_run:
            _delete(session, before)
    share = int(size) * int(over) // max(int(count), 1)
    return Kept(name, title, _worded(text, days), setting.upper(), days, int(count), int(size), int(over), share)


def _delete(session: Session, before: datetime) -> None:
    values = {"before": before, "before_ms": int(before.timestamp() * 1000)}
    for statement in _REMOVE_RECORDS:
        driver(session).execute(statement, values)


def _tidied() -> int:
    try:
        files.tidy_repository()
    except PatternDeskError as error:
        log.warning("repository_not_tidied", error=str(error)[:200])
        return 1
    return 0


def _kept(rule: _Rule, known: Facts, count: int, size: int, removable: int, removable_size: int) -> Kept:
    value = int(getattr(known.settings, rule.setting))
    text = _worded(rule.rule, value)
    return Kept(rule.name, rule.title, text, rule.setting.upper(), value, count, size, removable, removable_size)


def _worded(text: str, value: int) -> str:
    return text.format(value) if value or "{}" not in text else "kept for ever"
