"""The commands. Expected errors are one sentence on stderr: exit code 2 for the caller's fault, 1 for ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from services.cli import backup as backup_commands
from services.cli import prune as prune_commands
from services.cli import runs as run_commands
from services.cli import sessions as session_commands
from services.cli import upgrade as upgrade_commands
from services.cli.common import As, Json, print_answer
from services.cli.people import app as people_commands
from services.cli.schedule import app as schedule_commands
from services.cli.token import app as token_commands
from services.errors import InvalidInput, PatternDeskError
from services.running import private_files
from services.settings import get_settings

app = typer.Typer(name="patterndesk", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(people_commands, name="people")
app.add_typer(token_commands, name="token")
app.add_typer(schedule_commands, name="schedule")
backup_commands.register(app)
prune_commands.register(app)
session_commands.register(app)
run_commands.register(app)
upgrade_commands.register(app)


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    if "export" not in sys.argv[1:2]:  # which writes where the person says
        private_files()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command; returns its exit code."""
    from pydantic import ValidationError

    try:
        get_settings()
        result = app(args=arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except PatternDeskError as error:
        return _say(str(error), error.exit_code)
    except ValidationError as error:
        first = error.errors()[0]
        return _say(f"The setting {'.'.join(map(str, first['loc']))} can't be used: {first['msg']}.", 2)
    except Abort:
        return _say("Stopped.", 1)
    except TyperException as error:
        return _say(_usage(error), 2)
    except Exception as error:  # noqa: BLE001  # the last net: a reference instead of a traceback
        return _unexpected(error)


def _usage(error: TyperException) -> str:
    """What was wrong with the call, as the library words it."""
    worded = getattr(error, "format_message", None)
    return str(worded()) if callable(worded) else str(error)


def _say(sentence: str, code: int) -> int:
    typer.echo(sentence, err=True)
    return code


def _unexpected(error: Exception) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from services.database.engine import is_unreachable
    from services.logs import configure, log_unexpected

    if isinstance(error, SQLAlchemyError) and is_unreachable(error):
        return _say("The database can't be reached; look whether it runs and DATABASE_URL is right.", 1)
    try:
        configure("cli", get_settings().data_dir)
    except OSError:
        pass
    return _say(f"Something went wrong. Reference {log_unexpected(error)} finds it in the log.", 1)


@app.command()
def up(
    without_server: Annotated[
        bool, typer.Option("--without-server", help="Only the database and a worker, for a server started by itself.")
    ] = False,
) -> None:
    """Start everything: database, migrations, worker, server, and the demo on the first start."""
    from services.cli.up import up as start

    start(get_settings(), with_server=not without_server)


@app.command()
def worker(concurrency: Annotated[int | None, typer.Option(help="Runs at a time.", min=1, max=64)] = None) -> None:
    """Take runs from the queue until stopped. Any number of workers may run, on any number of machines."""
    from services.logs import configure
    from services.worker.main import run_worker

    settings = get_settings()
    configure("worker", settings.data_dir)
    run_worker(concurrency or settings.worker_concurrency)


@app.command()
def migrate(
    drained: Annotated[bool, typer.Option("--drain", help="Wait for live executions instead of refusing.")] = False,
) -> None:
    """Bring the database to this version's schema, and count by this version's rules."""
    from services.cli.data import bring_up_to_date, with_database
    from services.database.migrate import head

    with with_database(get_settings()) as url:
        bring_up_to_date(url, patience_s=3600.0 if drained else None)
        typer.echo(f"The database is at revision {head()}.")


@app.command()
def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Remove the demo's workspaces and make them again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before removing.")] = False,
) -> None:
    """Build the demo by running the real loop on real candles. A worker has to run."""
    from services.cli import demo as module

    if reset and not yes and sys.stdin.isatty():
        typer.confirm("Remove the demo's three workspaces and everything on their timelines?", abort=True)
    module.build(reset=reset)


@app.command()
def info(as_json: Json = False) -> None:
    """What runs here: database, data folder, versions, isolation, agents, deploy targets."""
    from services.cli.data import information

    print_answer(information(get_settings()), as_json, lambda r: "\n".join(f"{k}: {v}" for k, v in r.items()))


@app.command()
def doctor(as_json: Json = False) -> int:
    """Look at everything that this installation stands on; exit code 1 when something has to be mended."""
    from services.cli.doctor import examine

    checks = examine(get_settings())
    ok = all(check.ok for check in checks)
    rows = [{"name": check.name, "ok": check.ok, "sentence": check.sentence} for check in checks]
    print_answer(
        {"ok": ok, "checks": rows},
        as_json,
        lambda _: "\n".join(f"{'ok ' if check.ok else 'NOT'}  {check.name:<15} {check.sentence}" for check in checks),
    )
    return 0 if ok else 1


@app.command("import-existing")
def import_existing(
    url: Annotated[str, typer.Argument(help="The address of the existing system's PostgreSQL database.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be made, and make nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Move the data of the system that this one follows. May be stopped and run again; nothing is moved twice."""
    from services.cli.data import with_database
    from services.cli.existing import move, told
    from services.logs import configure

    configure("cli", get_settings().data_dir)
    with with_database(get_settings(), migrated=True):
        report = move(url, dry_run=dry_run, settings=get_settings(), say=lambda line: typer.echo(line, err=True))
    print_answer(report, as_json, told)


@app.command()
def recount(
    fix: Annotated[
        bool, typer.Option("--fix", help="Write counters, rates and places again; frozen scores get a note.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Count every score, counter and rate again from the judgements, and say what differs."""
    from services.cli import recount as module
    from services.database.engine import transaction

    with transaction() as session:
        result = module.as_json(module.recount(session, fix=fix))
    lines = "{what} of {where}: {kept} is kept, {counted} is counted".format
    print_answer(result, as_json, lambda r: "\n".join(lines(**d) for d in r["differences"]) or "Nothing differs.")


@app.command()
def report(
    period: Annotated[
        str | None, typer.Option(help="last-month (when nothing is said), this-month, 30-days, this-quarter …")
    ] = None,
    pattern: Annotated[str | None, typer.Option(help="Of one pattern, by its type; of all without it.")] = None,
    since: Annotated[str | None, typer.Option(help="The first day, as 2026-01-31, in place of a period.")] = None,
    until: Annotated[str | None, typer.Option(help="The first day after it.")] = None,
    category: Annotated[str | None, typer.Option(help="Patterns of this category alone.")] = None,
    person: Annotated[
        str | None, typer.Option(help="What this person launched and corrected; an e-mail address or an id.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Executions of this agent alone: claude, tuner.")] = None,
    target: Annotated[str | None, typer.Option(help="Executions that deploy there: local, vercel.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Corrections and sessions of this symbol.")] = None,
    places: Annotated[str | None, typer.Option(help="Success rates on all, seen or unseen places.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to; the standard output without it.")
    ] = None,
) -> None:
    """Write the report of a period: one HTML page with everything in it, narrowed as the statistics page is."""
    from services.cli.reporting import write_report

    asked = {
        "period": period,
        "workspace": pattern,
        "since": since,
        "until": until,
        "category": category,
        "person": person,
        "agent": agent,
        "target": target,
        "symbol": symbol,
        "places": places,
    }
    write_report({name: value for name, value in asked.items() if value}, output)


@app.command()
def export(
    report: Annotated[str, typer.Argument(help="The report's name; a wrong one lists them all.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The file; standard output without it.")] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="name=value, as the report takes it.")] = None,
    person: As = None,
) -> None:
    """Write a report as CSV."""
    from services.cli.data import acting, write_report

    pairs = [f.partition("=") for f in filters or []]
    if any(not sep for _, sep, _ in pairs):
        raise InvalidInput("A filter is written as name=value.")
    write_report(report, {name: value for name, _, value in pairs}, output, acting(person))
