"""A month of a busy team, day by day, with and without pruning: what grows, and what the rules keep of it.

    python -m tests.support.month [--executions 10000] [--days 30] [--keep 7] [--write docs/growth.md]

The database, the storage, the data folder and the pattern repository are real; what an execution leaves there (its log,
its prompt, its kept commit, its deploy record, the engine's record, attachments, files of a schedule, backups, the app's
logs) is written with the day's date and the sizes that real runs have. After each day the rules of `patterndesk prune`
are carried out as of that day. Every rule is set to a week, so that a month shows its bound.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from services import pruning, releases, storage
from services.database.engine import plain_url, transaction
from services.detectors.repository import head
from services.lifecycle import ExecutionStatus, FeedbackState
from services.models import Attachment, ExecutionAttempt, FeedbackItem, new_id
from services.pruning import Pruned
from services.settings import get_settings
from tests import factories
from tests.support.databases import Databases
from tests.support.installation import lived_in

SEED: Final = 7
LOG_BYTES, PROMPT_BYTES, IMAGE_BYTES = 24_000, 9_000, 60_000
APP_LOG_BYTES: Final = 2_000_000  # a day
BACKUP_BYTES: Final = 3_000_000
RULES: Final = (
    "KEEP_LOG_DAYS", "KEEP_RUN_LOG_DAYS", "KEEP_WORKTREE_DAYS", "KEEP_REF_DAYS", "KEEP_RELEASE_DAYS", "KEEP_DEPLOY_DAYS",
    "KEEP_PROMPT_DAYS", "KEEP_CONVERSATION_DAYS", "KEEP_WITHDRAWN_DAYS", "KEEP_EXPORT_DAYS", "KEEP_BACKUPS", "KEEP_JOB_DAYS",
)  # fmt: skip
WORKFLOW: Final = (
    "INSERT INTO engine.workflow_status (workflow_uuid, status, name, created_at, updated_at, priority, output) "
    "SELECT gen_random_uuid()::text, 'SUCCESS', 'execute', %(at)s, %(at)s, 0, repeat('x', 300) FROM generate_series(1, %(n)s)"
)


class Month:
    """One installation that lives through the month. Sizes are bytes."""

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root, self.dice = url, root, random.Random(SEED)
        with transaction() as session:
            self.actor = factories.person(session)
            self.homes = [factories.workspace(session, self.actor) for _ in range(20)]
        self.repository = releases.repository()
        self.main = head(self.repository)

    def day(self, at: datetime, executions: int) -> None:
        """What a day leaves behind."""
        made = self._executions(at, executions)
        self._refs(made)
        for name in made:
            self._file(f"deploys/local-{name}-1-abcdef123456.json", 900, at)
        for name in made[: max(1, executions // 100)]:  # cut off by a kill
            self._file(f"work/{name}/tree/left.txt", 200_000, at)
            self._file(f"work/{name}/claude/talk.jsonl", 400_000, at)
            for folder in (f"work/{name}/claude", f"work/{name}"):
                os.utime(self.root / folder, (at.timestamp(), at.timestamp()))
        for _ in range(executions // 10):
            commit = uuid.uuid4().hex + "0" * 8
            self._file(f"releases/{commit}/detectors/x.py", 40_000, at)
            os.utime(self.root / "releases" / commit, (at.timestamp(), at.timestamp()))
        self._file(f"logs/web.jsonl.{at:%j}", APP_LOG_BYTES, at)
        for number in range(3):
            self._file(f"exports/executions-{at:%Y%m%d}-{number}.csv", 250_000, at)
        self._file(f"backups/patterndesk-{at:%Y%m%d}-030000.tar", BACKUP_BYTES, at)
        for _ in range(5):
            self._blob(20_000, ".bin", at)  # uploads that nobody saved
        with psycopg.connect(plain_url(self.url)) as connection:
            connection.execute(WORKFLOW.encode(), {"at": int(at.timestamp() * 1000), "n": executions * 2})

    def _executions(self, at: datetime, count: int) -> list[str]:
        made = []
        with transaction() as session:
            for number in range(count):
                when = at - timedelta(seconds=number * 60)
                execution_id = factories.execution(
                    session, self.dice.choice(self.homes), self.actor, at=when, took=timedelta(minutes=4),
                    status=ExecutionStatus.FAILED if self.dice.random() < 0.1 else ExecutionStatus.COMPLETED,
                    log_key=self._blob(LOG_BYTES, ".txt", at), prompt_file=self._blob(PROMPT_BYTES, ".json", at),
                )  # fmt: skip
                session.add(
                    ExecutionAttempt(
                        id=new_id(),
                        execution_id=execution_id,
                        number=1,
                        started_at=when,
                        ended_at=when,
                        log_key=self._blob(LOG_BYTES // 2, ".txt", at),
                    )
                )
                made.append(str(execution_id))
                if number % 5 == 0:
                    self._item(session, at, withdrawn=number % 10 == 0)
        return made

    def _item(self, session: Any, at: datetime, *, withdrawn: bool) -> None:
        """A feedback item with a picture; half of them are withdrawn the same day."""
        row = session.get_one(FeedbackItem, factories.feedback_item(session, self.dice.choice(self.homes), self.actor))
        key = self._blob(IMAGE_BYTES, ".png", at)
        row.attachments, row.updated_at = [key], at
        if withdrawn:
            row.state = FeedbackState.WITHDRAWN
        session.add(
            Attachment(
                id=new_id(),
                content_sha256=uuid.uuid4().hex,
                storage_key=key,
                kind="image",
                content_type="image/png",
                name="chart.png",
                size_bytes=IMAGE_BYTES,
                uploaded_by_id=self.actor.id,
                created_at=at,
            )
        )

    def _blob(self, size: int, suffix: str, at: datetime) -> str:
        root = get_settings().storage_root
        key = storage.put(root, self.dice.randbytes(16) + bytes(size - 16), suffix=suffix)
        os.utime(Path(root) / key, (at.timestamp(), at.timestamp()))
        return key

    def _file(self, name: str, size: int, at: datetime) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)  # counted by its length; takes no room
        os.utime(path, (at.timestamp(), at.timestamp()))

    def _refs(self, made: list[str]) -> None:
        lines = "".join(f"create refs/patterndesk/executions/{name} {self.main}\n" for name in made)
        subprocess.run(["git", "update-ref", "--stdin"], cwd=self.repository, input=lines, text=True, check=True)


def live(executions: int, days: int, keep: int) -> tuple[dict[int, Pruned], Pruned]:
    """The state after the rules of some days, and at the end what nobody would have removed (counted beforehand)."""
    databases, folder = Databases.prepare(), Path(tempfile.mkdtemp(prefix="pd-month-"))
    before = {name: os.environ.get(name) for name in RULES}
    os.environ |= dict.fromkeys(RULES, str(keep))
    try:
        databases.make_template()
        url = databases.address(databases.clone())
        with lived_in(url, folder):
            month, settings = Month(url, folder), get_settings()
            first = datetime.now(UTC) - timedelta(days=days)
            kept: dict[int, Pruned] = {}
            removed: dict[str, tuple[int, int]] = {}
            for day in range(1, days + 1):
                at = first + timedelta(days=day - 1)
                month.day(at, executions // days)
                done = pruning.prune(settings, now=at + timedelta(hours=1))
                assert done.failed == 0
                for part in done.parts:
                    count, size = removed.get(part.name, (0, 0))
                    removed[part.name] = (count + part.removable, size + part.removable_size)
                kept[day] = pruning.look(settings, now=at + timedelta(hours=1))
                print(
                    f"day {day}: {kept[day].size / 1e6:,.0f} MB are kept, {done.removable:,} things removed", flush=True
                )
            return kept, _with(kept[days], removed)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        get_settings.cache_clear()
        databases.finish()
        shutil.rmtree(folder, ignore_errors=True)


def _with(last: Pruned, removed: dict[str, tuple[int, int]]) -> Pruned:
    """What would lie there without the rules: what is kept and what was removed."""
    return replace(
        last,
        parts=tuple(
            replace(p, count=p.count + removed[p.name][0], size=p.size + removed[p.name][1]) for p in last.parts
        ),
    )


def unbounded(kept: dict[int, Pruned], keep: int) -> list[str]:
    """The parts that still grow after the rules had two weeks to take hold. Attachments in use stay for good."""
    days = max(kept)
    middle, last = ({p.name: p for p in kept[day].parts} for day in (min(2 * keep + 1, days), days))
    used = {"attachments", "stored_files", "job_records"}  # the engine's tables give room back to themselves alone
    return [n for n, p in last.items() if n not in used and (p.count > 1.3 * middle[n].count + 3 or p.removable)]


def table(kept: dict[int, Pruned], without: Pruned) -> str:
    days = sorted(kept)
    shown = [days[len(days) // 3], days[2 * len(days) // 3], days[-1]]
    head = " | ".join(f"day {day}" for day in shown)
    lines = [
        f"| part | rule | {head} | day {days[-1]} without the rule |",
        f"| --- | --- |{' ---: |' * (len(shown) + 1)}",
    ]
    for n, part in enumerate(kept[days[-1]].parts):
        cells = [_cell(kept[day].parts[n].count, kept[day].parts[n].size) for day in shown]
        lines.append(
            f"| {part.title} | {part.rule} | {' | '.join(cells)} | {_cell(without.parts[n].count, without.parts[n].size)} |"
        )
    return "\n".join(lines)


def _cell(count: int, size: int) -> str:
    return f"{count:,} · {size / 1e6:,.1f} MB" if size else f"{count:,}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--keep", type=int, default=7)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    began = time.monotonic()
    kept, without = live(given.executions, given.days, given.keep)
    wrong = unbounded(kept, given.keep)
    text = table(kept, without)
    print(
        f"\n{text}\n\n{time.monotonic() - began:.0f} s. {'Still growing: ' + ', '.join(wrong) if wrong else 'All are bounded.'}"
    )
    if given.write:
        head = f"# What grows, over a month\n\n{(__doc__ or '').strip()}\n\n{given.executions:,} executions in {given.days} days:\n\n"
        given.write.write_text(f"{head}{text}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
