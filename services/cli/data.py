"""What the commands share: a database to talk to, the acting person, waiting, reports."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import executions, exports, people, sessions
from services.agents import registry as agents
from services.database import embedded
from services.database.drain import drain
from services.database.engine import database_url, get_engine, plain_url, transaction
from services.database.migrate import current, head, upgrade
from services.deploys import registry as deploys
from services.detectors.sandbox import isolation
from services.errors import InvalidInput, NotAllowed, Unavailable
from services.lifecycle import Role
from services.models import User
from services.people import Actor
from services.settings import Settings


@contextmanager
def with_database(settings: Settings, *, migrated: bool = False) -> Iterator[str]:
    """The database's address; an embedded one is started for the time being when none runs.

    With `migrated` an embedded or empty database gets its schema first, so that a command works before the first start.
    """
    if settings.database_url or embedded.running_url(settings.data_dir):
        url = plain_url(database_url())
        if migrated and (not settings.database_url or current(url) is None):  # a server's schema is its operator's
            upgrade(url)
        yield database_url()
        return
    with embedded.start(settings.data_dir) as server:
        if migrated:
            upgrade(plain_url(server.url))
        try:
            yield server.url
        finally:
            get_engine().dispose()
            get_engine.cache_clear()


def by_email(session: Session, email: str | None) -> Actor | None:
    """The person a command is done by; None is the command line itself, whose user holds the database anyway."""
    return people.actor_by_email(session, email) if email else None


def bring_up_to_date(url: str, *, patience_s: float | None) -> None:
    """Migrates the database and derives what the new rules count.

    With `patience_s`, and when there is something to migrate, it waits for workers first. Executions that a stop or a
    crash left a moment ago don't keep a start waiting.
    """
    if patience_s is not None and current(url) != head():
        drain(url, patience_s=patience_s, say=_tell)
    upgrade(url, drained=patience_s is not None)
    with transaction() as session:
        sessions.derive_places(session)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def acting(email: str | None) -> Actor:
    """The person a command acts for: the named one, or the only admin there is (of a local installation)."""
    with transaction() as session:
        if email:
            return people.actor_by_email(session, email)
        admins = session.scalars(
            select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.created_at).limit(1)
        ).all()
        if not admins:
            raise NotAllowed("There is no admin yet; name a person with --as, or build the demo first.")
        return people.actor_by_id(session, admins[0])


def read_file(file: Path) -> bytes:
    """What a file holds. Raises InvalidInput when it can't be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The file {file} can't be read: {error.strerror}.") from error


def information(settings: Settings) -> dict[str, Any]:
    """What `patterndesk info` prints. The address carries no password."""
    address: str | None = None
    try:
        address = plain_url(database_url())
    except Unavailable:
        address = None
    shown = address
    if address and "@" in address and ":" in address.split("://", 1)[1].split("@", 1)[0]:
        scheme, rest = address.split("://", 1)
        who, where = rest.split("@", 1)
        shown = f"{scheme}://{who.split(':', 1)[0]}@{where}"
    return {
        "database_url": shown,
        "data_dir": str(settings.data_dir),
        "versions": {name: version(name) for name in ("patterndesk", "streamlit", "sqlalchemy", "dbos", "pandas")}
        | {"python": sys.version.split()[0]},
        "isolation": isolation(),
        "agents": [{"name": a.name, "available": a.available, "reason": a.reason} for a in agents.agents()],
        "deploy_targets": [{"name": t.name, "available": t.available, "reason": t.reason} for t in deploys.targets()],
    }


def wait_for(execution_id: uuid.UUID, *, seconds: float = 3600) -> str:
    """Waits until the execution has ended, at most `seconds`; returns its status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with transaction() as session:
            status = executions.load(session, execution_id).status
        if status in ("completed", "failed"):
            return status
        time.sleep(0.2)
    raise Unavailable("The execution has not ended in time; look at its page.")


def write_report(report: str, filters: dict[str, str], output: Path | None, actor: Actor) -> None:
    """Streams a report to a file (written whole, or not at all) or to standard output."""
    chunks = exports.stream_csv(report, filters, actor_id=actor.id)
    if output is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    fresh = output.with_name(f".{output.name}.part")
    try:
        with fresh.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        fresh.replace(output)
    except OSError as error:
        raise InvalidInput(f"The file {output} can't be written: {error.strerror}.") from error
    finally:
        fresh.unlink(missing_ok=True)
