"""A backup taken while eight executions run, restored elsewhere and looked at; and damaged copies of it, all refused."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

from services import storage
from services.backup.database import sums
from services.backup.manifest import MANIFEST, Manifest, read_manifest
from services.database import embedded
from services.database.engine import plain_url
from services.detectors.repository import git
from services.settings import ROOT
from tests.support.desk import Desk, environment, started
from tests.support.drills.load import RUN_ENV, Load, loaded
from tests.support.drills.report import Row

RUNS: Final = 8
FLIPS: Final = 12  # places of the archive where one bit is turned
CUTS: Final = (0.0, 0.1, 0.5, 0.9, 0.999)  # what is left of it
SEED: Final = 10
# Every column that names a stored file, and every one that names a commit.
FILES: Final = (
    "SELECT log_key FROM claude_executions WHERE log_key IS NOT NULL UNION SELECT prompt_file FROM claude_executions "
    "WHERE prompt_file IS NOT NULL UNION SELECT storage_key FROM attachments UNION SELECT storage_path FROM candle_datasets"
)
COMMITS: Final = (
    "SELECT commit_hash FROM claude_executions WHERE commit_hash IS NOT NULL UNION SELECT base_commit FROM "
    "claude_executions WHERE base_commit IS NOT NULL UNION SELECT commit_hash FROM detector_versions WHERE commit_hash IS NOT NULL"
)


def backup(folder: Path) -> list[Row]:
    """Backs up under load, restores, compares, lets the restored executions run on, and damages copies."""
    row = Row("backup under load", f"`backup` with {RUNS} executions under way and a writer, restored elsewhere")
    archive, restored = folder / "desk.tar", folder / "restored"
    env = RUN_ENV | {"WORKER_CONCURRENCY": str(RUNS)}
    with started(folder / "data", folder / "up.log", env) as desk, loaded(desk, patterns=RUNS) as load:
        with load.writing():
            for _ in range(RUNS):
                load.launch()
            time.sleep(4)
            live, before = load.live(), list(load.acknowledged)
            made = _command(desk, "backup", str(archive), "--json")
            took = load.live()
        if live < RUNS:
            row.wrong.append(f"only {live} executions were under way")
        row.wrong += load.wrong()
    back = _restore(archive, restored)
    if back.returncode != 0:
        return [row, Row("restore", "`restore`", wrong=[back.stderr.strip()])]
    manifest = _manifest(archive)
    row.wrong += _compared(manifest, restored)
    row.seen = (
        f"{live} executions live before and {took} after; {made['rows']:,} rows of {made['tables']} tables, "
        f"{made['stored_files']} stored files and {len(manifest.refs)} refs are what the snapshot held"
    )
    return [row, _goes_on(restored, folder, load, before), _damaged(archive, folder)]


def _goes_on(restored: Path, folder: Path, load: Load, before: list[Any]) -> Row:
    row = Row("restored and started", "`up` on the restored folder; the executions that the snapshot held go on")
    with started(restored, folder / "up.log", RUN_ENV) as desk, loaded(desk, patterns=0) as again:
        again.launched, again.acknowledged = load.launched, before
        row.wrong += again.wrong()
    row.seen = (
        f"{len(load.launched)} executions completed there, {len(before):,} comments from before the backup are there"
    )
    return row


def _compared(manifest: Manifest, restored: Path) -> list[str]:
    """Tables, files and refs of the restored folder against the manifest, and what rows refer to against what is there."""
    wrong = []
    with embedded.start(restored) as server, psycopg.connect(plain_url(server.url)) as connection:
        found = sums(connection)
        wrong += [
            f"table {name} differs" for name in sorted(manifest.tables) if found.get(name) != manifest.tables[name]
        ]
        wrong += [f"table {name} was not backed up" for name in sorted(found.keys() - manifest.tables.keys())]
        files = {row[0] for row in connection.execute(FILES).fetchall()}
        commits = {row[0] for row in connection.execute(COMMITS).fetchall()}
    there = storage.listing(str(restored / "storage"))
    wrong += [f"the stored file {name} is missing" for name in sorted(files - there.keys())]
    repository = restored / "patterns"
    listed = git(repository, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    if {line.split(" ", 1)[1]: line.split(" ", 1)[0] for line in listed} != manifest.refs:
        wrong.append("refs differ")
    known = git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    wrong += [f"the commit {commit} is missing" for commit in sorted(commits - set(known))]
    return wrong


def _damaged(archive: Path, folder: Path) -> Row:
    """One bit turned at many places, cut short, and without its manifest: each is refused and leaves nothing."""
    row = Row("damaged backup", f"one bit turned at {FLIPS} places, cut at {len(CUTS)}, its manifest taken out")
    data, dice = archive.read_bytes(), random.Random(SEED)
    copies: dict[str, bytes] = {}
    for place in _content_places(archive, dice):
        copies[f"bit of byte {place:,} turned"] = (
            data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
        )
    copies |= {f"cut to {part:.1%}": data[: int(_content_end(archive) * part)] for part in CUTS}
    bad, target = folder / "bad.tar", folder / "never"
    sentences = set()
    for name, content in copies.items():
        bad.write_bytes(content)
        sentences.add(_refused(row, name, bad, target))
    with tarfile.open(archive) as whole, tarfile.open(bad, "w") as cut:
        for member in whole:
            if member.name != MANIFEST:
                cut.addfile(member, whole.extractfile(member))
    sentences.add(_refused(row, "without its manifest", bad, target))
    row.seen = f"{len(copies) + 1} copies refused, with: {' / '.join(sorted(sentences))[:400]}"
    return row


def _refused(row: Row, name: str, bad: Path, target: Path) -> str:
    ended = _restore(bad, target)
    if ended.returncode == 0 or target.exists() or ended.stderr.count("\n") != 1:
        row.wrong.append(f"{name}: code {ended.returncode}, {ended.stderr.strip()[:200]}")
        shutil.rmtree(target, ignore_errors=True)
    return " ".join(ended.stderr.split())[:60]


def _content_places(archive: Path, dice: random.Random) -> list[int]:
    """Places of the archive that hold something: what fills a member up to a whole block says nothing."""
    with tarfile.open(archive) as tar:
        members = [m for m in tar if m.size]
    chosen = [members[0], members[-1], *dice.choices(members, k=FLIPS - 4)]
    places = [m.offset_data + dice.randrange(m.size) for m in chosen]
    return [*places, members[0].offset + 3, members[-1].offset + 3]  # and the names of two


def _content_end(archive: Path) -> int:
    """Where the last member ends: what follows fills the archive up to a whole record, and says nothing."""
    with tarfile.open(archive) as tar:
        return max(m.offset_data + m.size for m in tar)


def _manifest(archive: Path) -> Manifest:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(MANIFEST)
        assert file is not None
        return read_manifest(file.read())


def _restore(archive: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "restore", str(archive), "--data-dir", str(target)],
        cwd=ROOT, env=environment(target, 1), capture_output=True, text=True, check=False,
    )  # fmt: skip


def _command(desk: Desk, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], cwd=ROOT, env=desk.environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
