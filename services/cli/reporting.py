"""`patterndesk report`: a period as one HTML page."""

from __future__ import annotations

from pathlib import Path

import typer

from services.errors import InvalidInput
from services.settings import get_settings


def write_report(period: str, pattern: str | None, output: Path | None) -> None:
    """Writes the page to a file, or to the standard output. Raises InvalidInput, NotFound."""
    from services.cli.data import with_database
    from services.database.engine import get_engine, transaction
    from services.exports.files import overview_page
    from services.exports.reports import find_report, read_filters

    given = {"period": period} | ({"workspace": pattern} if pattern else {})
    with with_database(get_settings(), migrated=True):
        with transaction() as session:
            params = read_filters(session, find_report("overview"), given)
        text = overview_page("overview", params, get_engine())
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(f"The file {output} cannot be written ({error.strerror}).") from error
    typer.echo(f"Wrote {output}.")
