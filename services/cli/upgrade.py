"""`patterndesk upgrade`: the embedded database of an earlier PostgreSQL to this release's, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import Json, print_answer
from services.errors import InvalidInput
from services.settings import get_settings


def register(app: typer.Typer) -> None:
    app.command("upgrade")(upgrade)


def upgrade(
    programs: Annotated[
        Path | None,
        typer.Option(
            help="The folder with the programs of the earlier PostgreSQL (postgres, pg_dump, …): those of the earlier "
            "release's package, or of the system, for example /usr/lib/postgresql/15/bin."
        ),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Put the database of the earlier PostgreSQL back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before what was written since is set aside.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the embedded database of an earlier PostgreSQL to this release's; `up` must not run meanwhile."""
    from services import running
    from services.backup import upgrading

    settings = get_settings()
    if settings.database_url:
        raise InvalidInput(
            "DATABASE_URL is set, so there is no embedded database; upgrade that server by its own tools."
        )
    if back == (programs is not None):
        raise InvalidInput("Say where the earlier PostgreSQL's programs are with --programs, or go back with --back.")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if back and not yes:
        typer.confirm("What was written since the upgrade is set aside with the newer database. Go on?", abort=True)
    with running.only_one(settings.data_dir):
        done = (
            upgrading.go_back(settings.data_dir) if programs is None else upgrading.upgrade(settings.data_dir, programs)
        )
    result = {
        "from": done.before,
        "to": done.after,
        "tables": done.tables,
        "rows": done.rows,
        "set_aside": str(done.aside),
    }
    counted = "" if back else f"; all {done.rows:,} rows of {done.tables} tables are what they were"
    print_answer(
        result,
        as_json,
        lambda _: (
            f"The database went from PostgreSQL {done.before} to {done.after}{counted}. The other one lies in {done.aside}."
        ),
    )
