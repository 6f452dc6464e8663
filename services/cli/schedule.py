"""`patterndesk schedule`: exports and backups at set times, run by a worker."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from services.cli.common import Json
from services.errors import InvalidInput
from services.lifecycle import JobKind
from services.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Add, list, pause and remove schedules of exports and backups.")
As = Annotated[str | None, typer.Option("--as", help="The admin in whose name it is done; the only one without it.")]
Name = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.command()
def add(
    name: Name,
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday: '30 6 * * 1-5'.")],
    report: Annotated[str | None, typer.Option(help="The report to export; a backup without it.")] = None,
    backup: Annotated[bool, typer.Option("--backup", help="Make a backup.")] = False,
    tz: Annotated[str, typer.Option(help="The time zone, for example Europe/Berlin.")] = "UTC",
    to: Annotated[
        str | None, typer.Option(help="A folder or fsspec address (ends in /), or an address of a chat or mail.")
    ] = None,
    format: Annotated[str, typer.Option(help="csv, json or parquet.")] = "csv",
    filters: Annotated[list[str] | None, typer.Option("--filter", help="name=value, as the report takes it.")] = None,
    keep: Annotated[int | None, typer.Option(help="Keep only so many of the newest.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Restore each backup into a scratch place.")] = False,
    person: As = None,
    as_json: Json = False,
) -> None:
    """Add a schedule: an export with --report, or a backup with --backup."""
    from services import jobs
    from services.cli.data import acting, with_database
    from services.database.engine import transaction

    if (report is None) == (not backup):
        raise InvalidInput("Say what to do: --report NAME for an export, or --backup.")
    pairs = [part.partition("=") for part in filters or []]
    if any(not separator for _, separator, _ in pairs):
        raise InvalidInput("A filter is written as name=value.")
    if backup:
        spec = jobs.read_spec(
            {"kind": JobKind.BACKUP, "target": to, "verify": verify} | ({"keep": keep} if keep else {})
        )
    else:
        named = {key: value for key, _, value in pairs}
        spec = jobs.read_spec(
            {"kind": JobKind.EXPORT, "report": report, "format": format, "filters": named, "target": to, "keep": keep}
        )
    with with_database(get_settings(), migrated=True):
        actor = acting(person)
        with transaction() as session:
            jobs.add(session, name=name, cron=cron, time_zone=tz, spec=spec, actor=actor)
            made = next(row for row in jobs.list_schedules(session, actor=actor) if row.name == " ".join(name.split()))
    if as_json:
        typer.echo(json.dumps({"id": str(made.id), "name": made.name, "next_at": made.next_at}, default=str))
    else:
        typer.echo(f"{made.name}: {made.what}, next at {made.next_at:%Y-%m-%d %H:%M} UTC.")


@app.command("list")
def list_(person: As = None, as_json: Json = False) -> None:
    """All schedules, with what came of the last time."""
    from services import jobs
    from services.cli.data import acting, with_database
    from services.database.engine import transaction

    with with_database(get_settings(), migrated=True):
        actor = acting(person)
        with transaction() as session:
            rows = jobs.list_schedules(session, actor=actor)
    if as_json:
        kept = [
            {
                "id": str(row.id),
                "name": row.name,
                "kind": row.kind,
                "what": row.what,
                "cron": row.cron,
                "time_zone": row.time_zone,
                "next_at": row.next_at,
                "last_at": row.last_at,
                "last_status": row.last_status,
                "last_sentence": row.last_sentence,
                "last_good_at": row.last_good_at,
            }
            for row in rows
        ]
        typer.echo(json.dumps({"schedules": kept}, default=str))
        return
    for row in rows:
        when = f"next {row.next_at:%Y-%m-%d %H:%M} UTC" if row.next_at else "paused"
        typer.echo(f"{row.name:<24} {row.cron:<16} {row.time_zone:<16} {when}  {row.what}. {row.last_sentence or ''}")
    if not rows:
        typer.echo("There are no schedules yet; add one with 'patterndesk schedule add'.")


@app.command()
def remove(name: Name, person: As = None) -> None:
    """End a schedule. What it wrote stays."""
    _change("remove", name, person, "is removed")


@app.command()
def pause(name: Name, person: As = None) -> None:
    """Do nothing of a schedule until it is resumed."""
    _change("pause", name, person, "is paused")


@app.command()
def resume(name: Name, person: As = None) -> None:
    """Go on with a schedule."""
    _change("resume", name, person, "goes on")


def _change(verb: str, name: str, person: str | None, told: str) -> None:
    from services import jobs
    from services.cli.data import acting, with_database
    from services.database.engine import transaction

    verbs = {"remove": jobs.remove, "pause": jobs.pause, "resume": jobs.resume}
    with with_database(get_settings(), migrated=True):
        actor = acting(person)
        with transaction() as session:
            verbs[verb](session, name, actor=actor)
    typer.echo(f"The schedule {name} {told}.")
