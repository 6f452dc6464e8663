"""`patterndesk backup` and `patterndesk restore`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.common import Json
from services.errors import InvalidInput
from services.settings import get_settings

PassphraseFile = Annotated[
    Path | None, typer.Option(help="A file whose first line is the passphrase; else BACKUP_PASSPHRASE is read.")
]


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    target: Annotated[str, typer.Argument(help="A file, a folder (ending in /), or an fsspec address.")],
    passphrase_file: PassphraseFile = None,
    recipient: Annotated[list[str] | None, typer.Option(help="An age recipient (age1…) to encrypt for.")] = None,
    keep: Annotated[int | None, typer.Option(help="Keep only so many of the folder's newest backups.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Restore it into a scratch place and compare.")] = False,
    as_json: Json = False,
) -> None:
    """Write database, stored files, pattern repository and signing key into one archive, while everything runs."""
    from services import backup as backups
    from services.backup.sealing import Keys
    from services.cli.data import with_database

    settings = get_settings()
    passphrase = _passphrase(passphrase_file) if not recipient else None
    keys = Keys(passphrase=passphrase, recipients=tuple(recipient or ()))
    if verify and recipient:
        raise InvalidInput("A backup for recipients can't be verified here, because only they can open it.")
    with with_database(settings) as url:
        made = backups.backup(settings, url=url, target=target, keys=keys, keep=keep)
    if verify:
        backups.check_archive(made.path, keys=keys)
    result: dict[str, Any] = {
        "target": made.target,
        "made_at": made.made_at.isoformat(),
        "bytes": made.size,
        "tables": made.tables,
        "rows": made.rows,
        "stored_files": made.stored_files,
        "encrypted": made.encrypted,
        "removed": made.removed,
        "verified": verify,
    }
    _print(
        result,
        as_json,
        f"Backed up {made.rows:,} rows and {made.stored_files:,} stored files to {made.target} ({made.size:,} bytes"
        f"{', encrypted' if made.encrypted else ''}{', verified by a restore' if verify else ''}).",
    )


def restore(
    source: Annotated[str, typer.Argument(help="A backup: a file or an fsspec address.")],
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="An empty folder, which becomes the data folder.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    identity: Annotated[Path | None, typer.Option(help="A file of age identities that open it.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only try it in a scratch place, and remove that.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup back into an empty data folder; with DATABASE_URL set, into that empty database."""
    from services import backup as backups
    from services.backup.sealing import Keys

    if (data_dir is None) == (not check):
        raise InvalidInput("Say where to restore to with --data-dir, or try the backup with --check.")
    keys = Keys(passphrase=_passphrase(passphrase_file), identities=identity)
    if data_dir is None:
        restored = backups.check_archive(source, keys=keys)
    else:
        restored = backups.restore(source, data_dir, keys=keys, database_url=get_settings().database_url)
    notes = [] if check else _elsewhere(restored.data_dir)
    result: dict[str, Any] = {
        "data_dir": None if check else str(restored.data_dir),
        "made_at": restored.manifest.made_at.isoformat(),
        "revision": restored.manifest.revision,
        "tables": len(restored.manifest.tables),
        "rows": restored.rows,
        "stored_files": restored.stored_files,
        "refs": len(restored.manifest.refs),
        "notes": notes,
    }
    where = "It was tried in a scratch place" if check else f"Start it with DATA_DIR={restored.data_dir}"
    _print(
        result,
        as_json,
        f"Restored {restored.rows:,} rows, {restored.stored_files:,} stored files and {len(restored.manifest.refs):,} refs; "
        f"all of them are what was backed up at {restored.manifest.made_at:%Y-%m-%d %H:%M} UTC. {where}."
        + "".join(f"\n{note}" for note in notes),
    )


def _elsewhere(data_dir: Path) -> list[str]:
    """What a restore leaves to the operator: files that this installation's settings look for elsewhere."""
    settings = get_settings()
    notes = []
    if settings.storage_url:
        notes.append(f"STORAGE_URL is set: copy {data_dir / 'storage'} there, or start without it.")
    if settings.pattern_repository:
        notes.append(f"PATTERN_REPOSITORY is set: push {data_dir / 'patterns'} there, or start without it.")
    return notes


def _passphrase(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get("BACKUP_PASSPHRASE") or None
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The passphrase file {path} can't be read.") from error
    if not lines or not lines[0].strip():
        raise InvalidInput(f"The passphrase file {path} is empty.")
    return lines[0].strip()


def _print(result: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(result) if as_json else text)
