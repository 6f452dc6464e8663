"""What the commands share: options, ids and times as a person writes them, and an answer as text or JSON."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from services.errors import InvalidInput

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
As = Annotated[str | None, typer.Option("--as", help="The e-mail address of the person in whose name it is done.")]


def print_answer(result: dict[str, Any], as_json: bool, text: Callable[[dict[str, Any]], str]) -> None:
    typer.echo(json.dumps(result, default=str) if as_json else text(result))


def id_of(text: str, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no {what} id.") from error


def time_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no time; write it as 2013-06-17 or 2013-06-17T14:30+00:00.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
