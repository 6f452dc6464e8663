"""`patterndesk report`: a period as one HTML page."""

from __future__ import annotations

from pathlib import Path

import typer

from services.errors import InvalidInput
from services.settings import get_settings


def write_report(given: dict[str, str], output: Path | None) -> None:
    """Writes the page, narrowed by the report's filters, to a file or to the standard output. Raises InvalidInput, NotFound."""
    from services.cli.data import with_database
    from services.database.engine import get_engine, transaction
    from services.exports.files import overview_page
    from services.exports.reports import find_report, read_filters

    if ("since" in given) != ("until" in given):
        raise InvalidInput("A period of your own takes both --since and --until.")
    if "since" not in given:
        given = {"period": "last-month"} | given
    elif "period" in given:
        raise InvalidInput("Give either a period by its name, or --since and --until.")
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
