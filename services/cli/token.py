"""`patterndesk token`: personal tokens with which a machine reads exports."""

from __future__ import annotations

import json
import uuid
from typing import Annotated

import typer

from services.cli.common import Json
from services.errors import InvalidInput
from services.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens for exports by machine.")
As = Annotated[str, typer.Option("--as", help="The e-mail address of the token's owner.")]


@app.command()
def create(
    owner: As,
    report: Annotated[list[str], typer.Option("--report", help="A report that it may read; may be given often.")],
    name: Annotated[str, typer.Option(help="What uses it.")] = "Command line",
    days: Annotated[int | None, typer.Option(help="How many days it is good for; for ever without it.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed once and can't be read again."""
    from services import access_tokens, people
    from services.cli.data import with_database
    from services.database.engine import transaction

    with with_database(get_settings()), transaction() as session:
        actor = people.actor_by_email(session, owner)
        made = access_tokens.create(session, name=name, reports=report, days=days, actor=actor)
    if as_json:
        typer.echo(json.dumps({"id": str(made.token.id), "token": made.secret, "reports": list(made.token.reports)}))
    else:
        typer.echo(made.secret)
        typer.echo(f"It reads {', '.join(made.token.reports)}; keep it now, it is not shown again.", err=True)


@app.command("list")
def list_(owner: As, as_json: Json = False) -> None:
    """A person's tokens, without their secrets."""
    from services import access_tokens, people
    from services.cli.data import with_database
    from services.database.engine import transaction

    with with_database(get_settings()), transaction() as session:
        tokens = access_tokens.list_tokens(session, actor=people.actor_by_email(session, owner))
    rows = [
        {
            "id": str(t.id),
            "name": t.name,
            "begins": t.hint,
            "reports": list(t.reports),
            "created_at": t.created_at,
            "expires_at": t.expires_at,
            "last_used_at": t.last_used_at,
            "revoked_at": t.revoked_at,
            "active": t.is_active,
        }
        for t in tokens
    ]
    if as_json:
        typer.echo(json.dumps({"tokens": rows}, default=str))
        return
    for row, token in zip(rows, tokens, strict=True):
        state = "active" if token.is_active else "ended"
        typer.echo(f"{row['id']}  {token.hint}…  {state:<6}  {token.name}: {', '.join(token.reports)}")
    if not tokens:
        typer.echo("There are no tokens yet; make one with 'patterndesk token create'.")


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="The token's id.")], owner: As) -> None:
    """End a token at once."""
    from services import access_tokens, people
    from services.cli.data import with_database
    from services.database.engine import transaction

    try:
        token_id = uuid.UUID(token)
    except ValueError:
        raise InvalidInput(f"'{token[:60]}' is no id of a token; 'patterndesk token list' shows them.") from None
    with with_database(get_settings()), transaction() as session:
        access_tokens.revoke(session, token_id, actor=people.actor_by_email(session, owner))
    typer.echo("The token is revoked.")
