"""Putting an archive back: read and checked as a whole first, then moved into place, then compared with its manifest."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import fsspec

from services.backup import database
from services.backup.manifest import BUNDLE, DUMP, MANIFEST, MEMBER, SECRET, Manifest, Member, read_manifest
from services.backup.sealing import Keys, is_sealed, opened
from services.database import embedded
from services.database.engine import plain_url
from services.database.migrate import upgrade
from services.detectors.repository import checkout_release, git
from services.errors import Conflict, InvalidInput, Unavailable

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, after its counts and checksums were found to be the manifest's."""

    data_dir: Path
    manifest: Manifest
    rows: int
    stored_files: int


def restore(source: str, data_dir: Path, *, keys: Keys | None = None, database_url: str | None = None) -> Restored:
    """Restores an archive (a file or an fsspec address) into an empty data folder.

    The database goes into a new embedded server there, or into the empty one at `database_url`. Raises InvalidInput
    for what is no archive, is damaged or can't be opened, Conflict when the folder or database is in use, Unavailable
    when the result is not what was backed up. After an error the folder is as it was.
    """
    data_dir = data_dir.expanduser().absolute()
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise Conflict(f"The folder {data_dir} is not empty; restore into a new one and point DATA_DIR there.")
    existed = data_dir.exists()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"The folder {data_dir} can't be made: {error.strerror}.") from error
    try:
        return _into(source, data_dir, keys or Keys(), database_url)
    except BaseException:
        for path in data_dir.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not existed:
            data_dir.rmdir()
        raise


def check_archive(source: str, *, keys: Keys | None = None) -> Restored:
    """Restores into a scratch folder, compares, and removes it again. Raises what `restore` raises."""
    scratch = Path(tempfile.mkdtemp(prefix="patterndesk-check-"))
    scratch.chmod(0o755)  # the database may run as another account
    try:
        return restore(source, scratch / "data", keys=keys)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _into(source: str, data_dir: Path, keys: Keys, database_url: str | None) -> Restored:
    unpacked = data_dir / ".restoring"
    unpacked.mkdir(mode=0o700)
    manifest = _unpack(_fetched(source, unpacked, keys), unpacked)
    if (unpacked / "storage").is_dir():
        (unpacked / "storage").rename(data_dir / "storage")
    if (unpacked / SECRET).is_file():
        (unpacked / SECRET).rename(data_dir / SECRET)
    _restore_repository(unpacked / BUNDLE, data_dir, manifest)
    with _server(data_dir, database_url) as url:
        database.load(url, unpacked / DUMP)
        differences = database.compare(url, manifest.tables)
        if differences:
            raise Unavailable(f"The restored database differs from the backup in {'; '.join(differences[:5])}.")
        upgrade(plain_url(url))
    shutil.rmtree(unpacked)
    rows = sum(table.rows for table in manifest.tables.values())
    return Restored(data_dir, manifest, rows, manifest.stored_files)


@contextmanager
def _server(data_dir: Path, database_url: str | None) -> Iterator[str]:
    if database_url:
        yield database_url
        return
    with embedded.start(data_dir) as server:
        yield server.url


def _fetched(source: str, folder: Path, keys: Keys) -> Path:
    """The archive as a plain file on this machine: brought from its address, decrypted where it is sealed."""
    path = Path(source)
    try:
        if "://" in source:
            path = folder / "archive"
            with fsspec.open(source, "rb") as remote, path.open("wb") as local:
                shutil.copyfileobj(remote, local, _CHUNK)
        if not path.is_file():
            raise InvalidInput(f"There is no backup at {source}.")
        if not is_sealed(path):
            return path
    except (OSError, ImportError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"The backup {source} can't be read: {reason}.") from error
    plain = folder / "archive.tar"
    opened(path, plain, keys)
    return plain


def _unpack(archive: Path, folder: Path) -> Manifest:
    """Every member into the folder, each compared with the manifest. Raises InvalidInput for a damaged archive."""
    found: dict[str, Member] = {}
    try:
        with tarfile.open(archive, mode="r:") as tar:
            for info in tar:
                if not info.isfile() or not MEMBER.fullmatch(info.name) or info.name in found:
                    raise InvalidInput(f"The backup holds '{info.name[:80]}', which no backup of ours does.")
                content = tar.extractfile(info)
                assert content is not None
                found[info.name] = _copied(content, folder / info.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InvalidInput("The backup is damaged, or is no backup: it can't be read to its end.") from error
    if MANIFEST not in found:
        raise InvalidInput("The backup is not whole: its manifest, which is written last, is missing.")
    del found[MANIFEST]
    manifest = read_manifest((folder / MANIFEST).read_bytes())
    wrong = sorted(name for name in manifest.members.keys() | found if manifest.members.get(name) != found.get(name))
    if wrong:
        raise InvalidInput(f"The backup is damaged: {wrong[0]} is not what was backed up ({len(wrong)} in all).")
    if DUMP not in found or BUNDLE not in found:
        raise InvalidInput("The backup is not whole: the database or the pattern repository is missing.")
    return manifest


def _copied(content: IO[bytes], target: Path) -> Member:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while block := content.read(_CHUNK):
            digest.update(block)
            size += len(block)
            file.write(block)
    return Member(size=size, sha256=digest.hexdigest())


def _restore_repository(bundle: Path, data_dir: Path, manifest: Manifest) -> None:
    """The pattern repository with all its refs, its remote, and each pattern's deployed release."""
    repository = data_dir / "patterns"
    repository.mkdir()
    git(repository, "init", "--initial-branch", "main")
    git(repository, "fetch", "--update-head-ok", str(bundle), "+refs/*:refs/*", timeout=600)
    git(repository, "reset", "--hard", "refs/heads/main", timeout=600)
    if manifest.origin:
        git(repository, "remote", "add", "origin", manifest.origin)
    listed = git(repository, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    refs = {name: commit for commit, _, name in (line.partition(" ") for line in listed)}
    if refs != manifest.refs:
        raise Unavailable("The restored pattern repository has other refs than the backup says.")
    (data_dir / "releases").mkdir()
    (data_dir / "current").mkdir()
    for pattern, commit in manifest.current.items():
        release = checkout_release(repository, commit, data_dir / "releases" / commit)
        (data_dir / "current" / pattern).symlink_to(os.path.relpath(release, data_dir / "current"))
