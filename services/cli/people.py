"""`patterndesk people`: the people of an installation, for whoever holds the machine. Also how the first admin is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.common import Json
from services.errors import InvalidInput
from services.lifecycle import Role
from services.settings import get_settings

if TYPE_CHECKING:  # the services are loaded by the command that needs them, so that the others answer at once
    from services.people import PersonJson

app = typer.Typer(no_args_is_help=True, help="List, add, change and shut out people.")
Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
As = Annotated[
    str | None, typer.Option("--as", help="The admin in whose name it is done; the command line without it.")
]


def _role(text: str) -> Role:
    try:
        return Role(text.strip().lower())
    except ValueError:
        raise InvalidInput(f"'{text[:60]}' is no role; there are {', '.join(Role)}.") from None


def _line(row: PersonJson) -> str:
    access = "" if row["is_active"] else "  shut out"
    return f"{row['email']:<34} {row['name']:<24} {row['role']}{access}"


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Everybody, with role and whether they may come in."""
    from services import people
    from services.cli.data import with_database
    from services.database.engine import transaction

    with with_database(get_settings(), migrated=True), transaction() as session:
        rows = [people.as_row(person) for person in people.list_people(session)]
    if as_json:
        typer.echo(json.dumps({"people": rows}, default=str))
    else:
        typer.echo("\n".join(map(_line, rows)) or "Nobody is here yet; add an admin with 'patterndesk people add'.")


@app.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="The name that others see.")],
    role: Annotated[str, typer.Option(help="viewer, member or admin.")] = Role.VIEWER,
    by: As = None,
    as_json: Json = False,
) -> None:
    """Add a person. Somebody who is here already is refused, so that nobody's role changes unseen."""
    from services import people
    from services.cli.data import by_email, with_database
    from services.database.engine import transaction

    wanted = _role(role)
    with with_database(get_settings(), migrated=True), transaction() as session:
        added = people.add(session, email=email, name=name, role=wanted, actor=by_email(session, by))
        row = people.as_row(added)
    _told(row, as_json, "added as")


@app.command("role")
def role_(
    email: Email,
    role: Annotated[str, typer.Argument(help="viewer, member or admin.")],
    by: As = None,
    as_json: Json = False,
) -> None:
    """Give a person another role. The last active admin can't step down."""
    from services import people
    from services.cli.data import by_email, with_database
    from services.database.engine import transaction

    wanted = _role(role)
    with with_database(get_settings()), transaction() as session:
        person = people.find(session, email)
        people.set_role(session, person.id, wanted, actor=by_email(session, by))
        row = people.as_row(people.find(session, email))
    _told(row, as_json, "is now")


@app.command()
def deactivate(email: Email, by: As = None, as_json: Json = False) -> None:
    """Shut a person out: open pages, live updates and exports end at their next request."""
    _set_active(email, active=False, by=by, as_json=as_json)


@app.command()
def activate(email: Email, by: As = None, as_json: Json = False) -> None:
    """Let a person in again."""
    _set_active(email, active=True, by=by, as_json=as_json)


def _set_active(email: str, *, active: bool, by: str | None, as_json: bool) -> None:
    from services import people
    from services.cli.data import by_email, with_database
    from services.database.engine import transaction

    with with_database(get_settings()), transaction() as session:
        person = people.find(session, email)
        people.set_active(session, person.id, active, actor=by_email(session, by))
        row = people.as_row(people.find(session, email))
    _told(row, as_json, "may come in again as" if active else "is shut out; the role stays")


def _told(row: PersonJson, as_json: bool, what: str) -> None:
    typer.echo(json.dumps(row, default=str) if as_json else f"{row['name']} ({row['email']}) {what} {row['role']}.")
