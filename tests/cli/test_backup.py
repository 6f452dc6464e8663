"""Backup and restore by the commands: what comes back is what there was, and what is damaged is refused."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pyrage
import pytest

from services import releases, storage
from services.backup import backup as make_backup
from services.backup.database import sums
from services.backup.writing import shown_place
from services.database import embedded
from services.database.engine import plain_url, transaction
from services.detectors.repository import create_worktree, git, head
from services.settings import get_settings
from tests import factories
from tests.cli.conftest import Command


@pytest.fixture
def filled(command: Command, data_dir: Path) -> Path:
    """An installation with people, a workspace, stored files, a repository with a kept ref, a deployed release."""
    with transaction() as session:
        admin = factories.person(session, name="Ada 😀")
        factories.workspace(session, admin, name="O'Neil; DROP TABLE")
    root = get_settings().storage_root
    for number in range(3):
        storage.put(root, b"candles %d" % number, suffix=".parquet")
    repository = releases.repository()
    git(repository, "update-ref", "refs/patterndesk/executions/1", head(repository))
    create_worktree(repository, "HEAD", data_dir / "work" / "1" / "tree")  # of an execution under way
    releases.switch("swings", head(repository))
    (data_dir / "secret.key").write_text("ab" * 32 + "\n")
    return data_dir


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_is_what_was_backed_up(
    command: Command, filled: Path, installation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, restored = tmp_path / "desk.tar", tmp_path / "restored"
    made = command("backup", archive, "--json")
    assert made.code == 0, made.err
    assert (made.json["stored_files"], made.json["encrypted"]) == (3, False)
    assert archive.stat().st_mode & 0o777 == 0o600
    with psycopg.connect(plain_url(installation)) as connection:
        expected = {name: table for name, table in sums(connection).items() if name != "public.settings"}
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("STORAGE_URL", "memory://elsewhere")
    get_settings.cache_clear()
    tmp_path.chmod(0o755)
    back = command("restore", archive, "--data-dir", restored, "--json")
    assert back.code == 0, back.err
    assert back.json["notes"] == [f"STORAGE_URL is set: copy {restored / 'storage'} there, or start without it."]
    monkeypatch.delenv("STORAGE_URL")
    get_settings.cache_clear()
    assert (back.json["rows"], back.json["refs"]) == (made.json["rows"], 2)
    with embedded.start(restored) as server, psycopg.connect(plain_url(server.url)) as connection:
        assert {name: table for name, table in sums(connection).items() if name != "public.settings"} == expected
    assert files_of(restored / "storage") == files_of(filled / "storage")
    assert (restored / "secret.key").read_text() == "ab" * 32 + "\n"
    commit = head(filled / "patterns")
    assert git(restored / "patterns", "rev-parse", "refs/patterndesk/executions/1") == commit
    assert (restored / "current" / "swings").resolve() == restored / "releases" / commit
    assert files_of(restored / "releases") == files_of(filled / "releases")
    assert not (restored / ".restoring").exists()


@pytest.mark.long
def test_a_sealed_backup_opens_with_its_key_alone(
    command: Command, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n")
    wrong.write_text("another\n")
    archive = tmp_path / "desk.tar.age"
    assert command("backup", archive, "--passphrase-file", right).code == 0
    assert b"candles" not in archive.read_bytes()
    monkeypatch.delenv("DATABASE_URL")
    get_settings.cache_clear()
    assert "encrypted by a passphrase" in command("restore", archive, "--check").err
    assert "can't be decrypted" in command("restore", archive, "--check", "--passphrase-file", wrong).err
    assert command("restore", archive, "--check", "--passphrase-file", right).code == 0


def test_a_backup_for_a_recipient_is_plain_age(command: Command, filled: Path, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    archive = tmp_path / "desk.tar.age"
    assert command("backup", archive, "--recipient", identity.to_public()).code == 0
    opened = tmp_path / "desk.tar"
    opened.write_bytes(pyrage.decrypt(archive.read_bytes(), [identity]))
    with tarfile.open(opened) as tar:
        assert tar.getnames()[0] == "database.dump"
        assert tar.getnames()[-1] == "manifest.json"


@pytest.mark.parametrize("content", [b"AGE-SECRET-KEY-1NONSENSE\n", b"\xff\xfe\x00", b""])
def test_a_file_of_identities_that_opens_nothing_is_said(
    command: Command, filled: Path, tmp_path: Path, content: bytes
) -> None:
    archive, keys = tmp_path / "desk.tar.age", tmp_path / "keys.txt"
    archive.write_bytes(pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public()]))
    keys.write_bytes(content)
    answer = command("restore", archive, "--check", "--identity", keys)
    assert (answer.code, answer.out) == (2, "")
    assert "can't be" in answer.err and "Reference" not in answer.err


@pytest.mark.parametrize("damage", ["cut", "flipped", "extra", "outside", "not an archive"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(
    damage: str, command: Command, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "desk.tar"
    assert command("backup", archive).code == 0
    if damage == "cut":
        os.truncate(archive, archive.stat().st_size // 2)
    elif damage == "flipped":
        data = bytearray(archive.read_bytes())
        place = data.index(b"candles 1")
        data[place] ^= 1
        archive.write_bytes(data)
    elif damage == "not an archive":
        archive.write_bytes(b"hello\n" * 1000)
    else:
        name = "storage/aa/aa/" + "a" * 64 if damage == "extra" else "../outside"
        with tarfile.open(archive, "a") as tar:
            tar.addfile(tarfile.TarInfo(name))
    monkeypatch.delenv("DATABASE_URL")
    get_settings.cache_clear()
    target = tmp_path / "restored"
    answer = command("restore", archive, "--data-dir", target)
    assert (answer.code, answer.out) == (2, "")
    assert "backup" in answer.err
    assert answer.err.count("\n") == 1
    assert not target.exists()
    assert not (tmp_path / "outside").exists()


def test_a_folder_or_database_in_use_is_not_overwritten(command: Command, filled: Path, tmp_path: Path) -> None:
    archive = tmp_path / "desk.tar"
    assert command("backup", archive).code == 0
    assert "is not empty" in command("restore", archive, "--data-dir", filled).err
    answer = command("restore", archive, "--data-dir", tmp_path / "new")
    assert "holds tables already" in answer.err
    assert not (tmp_path / "new").exists()


def test_retention_keeps_the_newest(command: Command, filled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for second in range(3):
        (folder / f"patterndesk-20200101-00000{second}.tar").write_bytes(b"")
    (folder / "somebody-elses.tar").write_bytes(b"")
    made = command("backup", f"{folder}/", "--keep", "2", "--json")
    assert made.json["removed"] == 2
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [Path(made.json["target"]).name, "patterndesk-20200101-000002.tar", "somebody-elses.tar"]
    )


def test_a_target_that_cannot_be_written_is_said(command: Command, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = command("backup", tmp_path / "file" / "desk.tar")
    assert (answer.code, answer.out) == (2, "")
    assert "can't be written" in answer.err
    assert "Retention needs a folder" in command("backup", tmp_path / "desk.tar", "--keep", "1").err


def test_the_last_backup_is_noted(command: Command, filled: Path, installation: str, tmp_path: Path) -> None:
    from services import backup as backups

    with transaction() as session:
        assert backups.last_backup(session) is None
    made = make_backup(get_settings(), url=installation, target=str(tmp_path / "desk.tar"))
    with transaction() as session:
        assert backups.last_backup(session) == replace(made, path=""), "the address may hold a password"


@pytest.mark.long
def test_a_backup_is_verified_at_the_address_that_was_given(command: Command, filled: Path, tmp_path: Path) -> None:
    """What is said of an address leaves out what may be a password; a folder's name is none."""
    made = command("backup", f"file://{tmp_path}/desk@home/desk.tar", "--verify", "--json")
    assert made.code == 0, made.err
    assert made.json["verified"] and made.json["target"] == f"file://{tmp_path}/desk@home/desk.tar"
    assert shown_place("ftp://me:secret@example.com/a@b/desk.tar") == "ftp://example.com/a@b/desk.tar"
