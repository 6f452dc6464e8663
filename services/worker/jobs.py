"""Running background jobs: one durable workflow a job, in a queue of its own, apart from the runs.

A job that was cut off by a kill is done again by another worker. Files are named by the job's planned time, so the
second one takes the place of the first; a notice that was sent just before a kill may come twice.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import fsspec
from dbos import DBOS
from fsspec.core import url_to_fs

from services import backup, jobs, people, pruning
from services.database.engine import database_url, transaction
from services.database.queue import RUN_JOB
from services.errors import InvalidInput, NotAllowed, PatternDeskError
from services.exports.files import Format, write
from services.exports.reports import find_report
from services.jobs import BackupSpec, ConnectionSpec, ExportSpec, JobResult, PruneSpec
from services.jobs.asking import Begun
from services.jobs.specs import is_notification, shown
from services.logs import get_logger, log_unexpected
from services.settings import ROOT, get_settings
from services.worker import connections, notifying
from services.worker.draining import Gate
from services.worker.retrying import DATABASE_ERRORS, retried_step

CONCURRENCY: Final = 1
DRAIN_S: Final = 10.0
VERIFY_S: Final = 3600.0
VERIFY: Final = """
import sys
from services.backup import check_archive
from services.errors import PatternDeskError
try:
    check_archive(sys.stdin.readline().rstrip("\\n"))
except PatternDeskError as error:
    sys.exit(error.sentence)
"""
QUOTED: Final = 1500  # characters of a report in a notice
gate = Gate()
log = get_logger(__name__)
Outcome = tuple[str, JobResult | None]


@DBOS.workflow(name=RUN_JOB)
def run_job(job_id: str) -> str:
    """Does a job; returns how it ended."""
    return retried_step("do", lambda: _run(uuid.UUID(job_id)), gate=gate)


def _run(job_id: uuid.UUID) -> str:
    try:
        with transaction() as session:
            begun = jobs.begin(session, job_id)
        if begun is None:
            return "ended"
        sentence, result = _do(begun)
        failed = False
    except DATABASE_ERRORS:
        raise
    except PatternDeskError as error:
        sentence, result, failed = error.sentence, None, True
    except Exception as error:  # noqa: BLE001  # a bug ends the job with a reference instead of hanging it
        sentence, result, failed = (
            f"Something went wrong. Reference {log_unexpected(error, job=str(job_id))}.",
            None,
            True,
        )
    with transaction() as session:
        jobs.end(session, job_id, sentence=sentence, result=result, failed=failed)
    log.info("job_ended", job=str(job_id), failed=failed, sentence=sentence)
    return "failed" if failed else "done"


def _do(begun: Begun) -> Outcome:
    match begun.spec:
        case PruneSpec():
            return _prune()
        case BackupSpec() as spec:
            return _backup(spec, begun.planned_at)
        case ExportSpec() as spec:
            return _export(spec, begun.planned_at, begun.actor_id)
        case ConnectionSpec(name=name):
            return connections.test(name), None


def _prune() -> Outcome:
    done = pruning.prune(get_settings())
    wrong = f" {done.failed} could not be removed; the log says why." if done.failed else ""
    sentence = f"Removed {done.removable:,} things of {done.removable_size / 1e6:,.1f} MB.{wrong}"
    return sentence, JobResult(done.removable_size, removed=done.removable)


def _backup(spec: BackupSpec, at: datetime) -> Outcome:
    settings = get_settings()
    target = spec.target or f"{settings.data_dir / 'backups'}/"
    made = backup.backup(settings, url=database_url(), target=target, keep=spec.keep, at=at)
    verified = ""
    if spec.verify:
        _verify(made.path)
        verified = ", verified by a restore"
    sentence = f"Backed up {made.rows:,} rows and {made.stored_files:,} stored files to {made.target}{verified}."
    return sentence, JobResult(made.size, made.rows, made.removed)


def _verify(path: str) -> None:
    """Restores a backup into a scratch place: in a process of its own, to whose main thread that database is bound."""
    done = subprocess.run(
        [sys.executable, "-c", VERIFY],
        input=path + "\n",
        text=True,
        capture_output=True,
        cwd=ROOT,
        timeout=VERIFY_S,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise InvalidInput(f"The backup was made, but can't be restored: {said[-1][:300]}")


def _export(spec: ExportSpec, at: datetime, actor_id: uuid.UUID | None) -> Outcome:
    if actor_id is None:
        raise NotAllowed("Nobody is named in whose name the report is read; add the schedule again.")
    with transaction() as session:  # who was shut out since reads nothing more
        people.actor_by_id(session, actor_id)
    if spec.target is not None and is_notification(spec.target):
        return _notice(spec, actor_id)
    folder = spec.target or f"{get_settings().data_dir / 'exports'}/"
    name = f"{spec.report}-{at:%Y%m%d-%H%M%S}.{spec.format}"
    try:
        size = _put(f"{folder}{name}", lambda file: _report(spec, file, actor_id))
        removed = _retain(folder, spec) if spec.keep else 0
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidInput(f"The export can't be written to {shown(folder)}: {reason}.") from error
    return f"Wrote {name} ({size:,} bytes) to {shown(folder)}.", JobResult(size, removed=removed)


def _report(spec: ExportSpec, file: IO[bytes], actor_id: uuid.UUID) -> None:
    write(spec.report, spec.filters, file, format=spec.format, actor_id=actor_id)


def _put(place: str, fill: Callable[[IO[bytes]], None]) -> int:
    """Writes a file; a local one is there whole or not at all."""
    if "://" in place:
        with tempfile.TemporaryFile() as draft:
            fill(draft)
            size = draft.tell()
            draft.seek(0)
            with fsspec.open(place, "wb") as file:
                while block := draft.read(1 << 20):
                    file.write(block)
        return size
    final = Path(place)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.part")
    try:
        with part.open("wb") as file:
            fill(file)
            size = file.tell()
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)
    return size


def _retain(folder: str, spec: ExportSpec) -> int:
    """Removes all but the newest exports of this report and format; how many went."""
    files, path = url_to_fs(folder)
    ours = sorted(
        str(name)
        for name in files.ls(path, detail=False)
        if Path(str(name)).name.startswith(f"{spec.report}-2") and str(name).endswith(f".{spec.format}")
    )
    gone = ours[: -spec.keep] if spec.keep else []
    for name in gone:
        files.rm_file(name)
    return len(gone)


def _notice(spec: ExportSpec, actor_id: uuid.UUID) -> Outcome:
    """The beginning of the report as text: nothing is attached to a notice, ever."""
    assert spec.target is not None
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as file:
        write(spec.report, spec.filters, file, format=Format.CSV, actor_id=actor_id)
        file.seek(0)
        rows = sum(1 for _ in file) - 1
        file.seek(0)
        text = file.read(QUOTED + 1).decode("utf-8", "ignore")
    cut = text if len(text) <= QUOTED else text[:QUOTED].rpartition("\n")[0] + "\n…"
    title = f"{find_report(spec.report).title}: {rows:,} {'row' if rows == 1 else 'rows'}"
    outcome = notifying.send_once(title, f"{cut}\n\n{get_settings().address}/statistics", spec.target)
    if not outcome.sent:
        raise InvalidInput(f"{shown(spec.target)} did not take the report: {outcome.said}")
    return f"Sent {rows:,} rows to {shown(spec.target)}.", JobResult(len(cut), rows)
