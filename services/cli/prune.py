"""`patterndesk prune`: what grows, by which rule each part is bounded, and the removal of what the rules let go of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.common import Json
from services.settings import get_settings

if TYPE_CHECKING:  # it brings the database with it, which would make every command a second slower
    from services.pruning import Pruned


def register(app: typer.Typer) -> None:
    app.command("prune")(prune)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what the rules let go of: logs, worktrees, commits, releases, records, prompts, attachments, backups."""
    from services import pruning
    from services.cli.data import with_database
    from services.logs import configure

    settings = get_settings()
    configure("cli", settings.data_dir)
    with with_database(settings, migrated=True):
        done = pruning.look(settings) if dry_run else pruning.prune(settings)
    typer.echo(json.dumps(as_object(done)) if as_json else _text(done))


def as_object(done: Pruned) -> dict[str, Any]:
    """The JSON object that outside tools read."""
    return {
        "dry_run": done.dry_run,
        "bytes": done.size,
        "removable": done.removable,
        "removable_bytes": done.removable_size,
        "failed": done.failed,
        "parts": [
            {
                "name": part.name,
                "rule": part.rule,
                "setting": part.setting,
                "value": part.value,
                "count": part.count,
                "bytes": part.size,
                "removable": part.removable,
                "removable_bytes": part.removable_size,
            }
            for part in done.parts
        ],
    }


def _text(done: Pruned) -> str:
    lines = [f"{'':<34} {'things':>8} {'size':>10}   {'to remove':>9} {'size':>10}   rule"]
    lines += [
        f"{part.title:<34} {part.count:>8,} {_size(part.size):>10}   {part.removable:>9,} "
        f"{_size(part.removable_size):>10}   {part.rule} ({part.setting})"
        for part in done.parts
    ]
    verb = "could be removed" if done.dry_run else "were removed"
    lines.append(f"{done.removable:,} things of {_size(done.removable_size)} {verb}.")
    if done.failed:
        lines.append(f"{done.failed} could not be removed; the log says why.")
    return "\n".join(lines)


def _size(octets: int) -> str:
    return f"{octets / 1e6:,.1f} MB" if octets >= 100_000 else f"{octets / 1e3:,.1f} kB"
