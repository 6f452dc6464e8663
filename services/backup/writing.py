"""Making an archive while everything runs: one snapshot of the database, then what it refers to, which never changes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

import fsspec
from fsspec.core import url_to_fs
from sqlalchemy.orm import Session

from services import releases
from services.backup import database
from services.backup.manifest import BUNDLE, DUMP, FORMAT, MANIFEST, MEMBER, SECRET, STORED, Manifest, Member
from services.backup.sealing import Keys, sealed
from services.database.engine import transaction
from services.detectors.repository import git
from services.errors import InvalidInput, RepositoryError, Unavailable
from services.models import Setting
from services.settings import Settings

LAST: Final = "last_backup"  # the setting that Admin reads
PREFIX: Final = "patterndesk-"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup. `size` in bytes as stored; `removed` older ones that retention took away."""

    target: str
    made_at: datetime
    size: int
    stored_files: int
    tables: int
    rows: int
    encrypted: bool
    removed: int = 0
    path: str = ""  # the address as it was given, which may hold a password; it is never kept


def backup(
    settings: Settings,
    *,
    url: str,
    target: str,
    keys: Keys | None = None,
    keep: int | None = None,
    at: datetime | None = None,
) -> Made:
    """Writes an archive to a file or any fsspec address; to a new name where `target` ends in a slash.

    `url` is the database's address; `at` the time that the name and the manifest bear, now without it. With `keep`, only so many of the folder's newest backups stay. Raises InvalidInput
    for a target that can't be written, Unavailable when a part can't be read. A local file is there whole or not at all.
    """
    keys, at = keys or Keys(), at or datetime.now(UTC)
    if keep is not None and (keep < 1 or not target.endswith("/")):
        raise InvalidInput("Retention needs a folder as target (its name ends in a slash) and at least one to keep.")
    place = f"{target}{PREFIX}{at:%Y%m%d-%H%M%S}.tar{'.age' if keys.seals else ''}" if target.endswith("/") else target
    with tempfile.TemporaryDirectory(prefix="patterndesk-backup-") as scratch:
        try:
            size, manifest = _write(settings, url, place, keys, Path(scratch), at)
        except (OSError, ImportError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InvalidInput(f"The backup can't be written to {shown_place(place)}: {reason}.") from error
    removed = _retain(target, keep) if keep else 0
    rows = sum(table.rows for table in manifest.tables.values())
    made = Made(
        shown_place(place), at, size, manifest.stored_files, len(manifest.tables), rows, keys.seals, removed, place
    )
    with transaction() as session:
        _note(session, made)
    return made


def last_backup(session: Session) -> Made | None:
    """The last backup that was finished, None before the first."""
    row = session.get(Setting, LAST)
    if row is None:
        return None
    value = dict(row.value)
    return Made(**{**value, "made_at": datetime.fromisoformat(value["made_at"])})


def _note(session: Session, made: Made) -> None:
    value: dict[str, Any] = {**asdict(made), "made_at": made.made_at.isoformat(), "path": ""}
    row = session.get(Setting, LAST, with_for_update=True)
    if row is None:
        session.add(Setting(name=LAST, value=value))
    else:
        row.value = value


def _write(settings: Settings, url: str, place: str, keys: Keys, scratch: Path, at: datetime) -> tuple[int, Manifest]:
    if "://" in place:
        with fsspec.open(place, "wb") as file:
            manifest = _fill(settings, url, file, keys, scratch, at)
        files, path = url_to_fs(place)
        return int(files.size(path)), manifest
    final = Path(place)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            manifest = _fill(settings, url, file, keys, scratch, at)
            file.flush()
            os.fsync(file.fileno())
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)
    return final.stat().st_size, manifest


def _fill(settings: Settings, url: str, file: IO[bytes], keys: Keys, scratch: Path, at: datetime) -> Manifest:
    with sealed(file, keys) as stream, tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        writer = _Writer(archive)
        with database.snapshot(url) as state:
            revision, tables = database.revision(state.connection), state.tables()
            major = state.connection.info.server_version // 10_000
            database.dump(url, scratch / DUMP, snapshot_id=state.id)
        writer.add_file(DUMP, scratch / DUMP)
        (scratch / DUMP).unlink()
        # After the snapshot: stored files never change, so all that the snapshot refers to is still there.
        _add_stored(writer, settings.storage_root)
        refs, origin = _add_repository(writer, scratch)
        key = settings.data_dir / SECRET
        if key.is_file():
            writer.add_file(SECRET, key)
        manifest = Manifest(
            format=FORMAT,
            made_at=at,
            app_version=version("patterndesk"),
            revision=revision,
            postgres_major=major,
            members=writer.members,
            tables=tables,
            refs=refs,
            origin=origin,
            current=_deployed(settings),
        )
        writer.add_bytes(MANIFEST, manifest.model_dump_json(indent=1).encode())
    return manifest


def _add_stored(writer: _Writer, root: str) -> None:
    files, base = url_to_fs(root)
    base = str(base).rstrip("/")
    if not files.exists(base):
        return
    for path in sorted(files.find(base)):
        name = STORED + str(path).removeprefix(base).lstrip("/")
        if not MEMBER.fullmatch(name):
            continue  # a file that is just being written
        with suppress(FileNotFoundError), files.open(path, "rb") as file:
            writer.add_stream(name, file, int(files.size(path)))


def _add_repository(writer: _Writer, scratch: Path) -> tuple[dict[str, str], str | None]:
    """The pattern repository with every ref, also those that keep work in progress; its refs, and its remote."""
    try:
        repository = releases.repository()
        bundle = scratch / BUNDLE
        git(repository, "bundle", "create", str(bundle), "--all", timeout=600)
        listed = git(repository, "bundle", "list-heads", str(bundle)).splitlines()
        origin = (
            git(repository, "remote", "get-url", "origin") if "origin" in git(repository, "remote").split() else None
        )
    except RepositoryError as error:
        raise Unavailable(f"The pattern repository can't be backed up: {error.sentence}") from error
    writer.add_file(BUNDLE, bundle)
    pairs = [line.split(" ", 1) for line in listed]
    # Beside refs it holds what worktrees of executions under way stand at; their kept refs hold their commits.
    return {name: commit for commit, name in pairs if name.startswith("refs/")}, origin


def _deployed(settings: Settings) -> dict[str, str]:
    folder = settings.data_dir / "current"
    links = sorted(folder.iterdir()) if folder.is_dir() else []
    return {link.name: link.resolve().name for link in links if link.is_symlink()}


class _Writer:
    """Adds members to an archive and keeps their sizes and checksums."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self.add_stream(name, file, path.stat().st_size)

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add_stream(name, io.BytesIO(data), len(data))

    def add_stream(self, name: str, source: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        counted = _Counted(source)
        self._archive.addfile(info, counted)
        self.members[name] = Member(size=size, sha256=counted.digest.hexdigest())


class _Counted:
    """A stream that hashes what is read through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size if size >= 0 else _CHUNK)
        self.digest.update(data)
        return data


def _retain(target: str, keep: int) -> int:
    """Removes all but the newest `keep` of our backups in a folder; how many went."""
    files, folder = url_to_fs(target)
    ours = sorted(
        path
        for path in files.ls(folder, detail=False)
        if Path(str(path)).name.startswith(PREFIX) and Path(str(path)).name.endswith((".tar", ".tar.age"))
    )
    for path in ours[:-keep]:
        files.rm_file(path)
    return len(ours[:-keep])


def shown_place(place: str) -> str:
    """An address without the credentials it may carry."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", place, flags=re.IGNORECASE)
