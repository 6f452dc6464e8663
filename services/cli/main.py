"""The commands. Expected errors are one sentence on stderr: exit code 2 for the caller's fault, 1 for ours."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import Abort, TyperException

from services.cli import backup as backup_commands
from services.cli import prune as prune_commands
from services.cli.people import app as people_commands
from services.cli.schedule import app as schedule_commands
from services.cli.token import app as token_commands
from services.errors import InvalidInput, PatternDeskError, Unavailable
from services.settings import get_settings

app = typer.Typer(name="patterndesk", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(people_commands, name="people")
app.add_typer(token_commands, name="token")
app.add_typer(schedule_commands, name="schedule")
backup_commands.register(app)
prune_commands.register(app)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
As = Annotated[str | None, typer.Option("--as", help="The e-mail address of the person in whose name it is done.")]


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
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


def _print(result: dict[str, Any], as_json: bool, text: Callable[[dict[str, Any]], str]) -> None:
    typer.echo(json.dumps(result, default=str) if as_json else text(result))


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

    _print(information(get_settings()), as_json, lambda r: "\n".join(f"{k}: {v}" for k, v in r.items()))


@app.command()
def doctor(as_json: Json = False) -> int:
    """Look at everything that this installation stands on; exit code 1 when something has to be mended."""
    from services.cli.doctor import examine

    checks = examine(get_settings())
    ok = all(check.ok for check in checks)
    rows = [{"name": check.name, "ok": check.ok, "sentence": check.sentence} for check in checks]
    _print(
        {"ok": ok, "checks": rows},
        as_json,
        lambda _: "\n".join(f"{'ok ' if check.ok else 'NOT'}  {check.name:<15} {check.sentence}" for check in checks),
    )
    return 0 if ok else 1


@app.command("import-candles")
def import_candles(
    file: Annotated[Path, typer.Argument(help="A file of candles, in any of the shapes that people have.")],
    symbol: Annotated[str | None, typer.Option(help="The instrument, for example AAPL.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="The length of a bar, for example 1d or 15m.")] = None,
    tz: Annotated[str | None, typer.Option(help="The zone of times without one: a name, a city, an offset.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--map", help="role=column, for example open=Price.")] = None,
    date_order: Annotated[str | None, typer.Option(help="dmy, mdy or ymd.")] = None,
    decimal: Annotated[str | None, typer.Option(help="The decimal sign, , or .")] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out rows that can't be used.")] = False,
    allow_nonpositive: Annotated[
        bool, typer.Option("--allow-nonpositive", help="Zero and negative prices are right here.")
    ] = False,
    person: As = None,
    as_json: Json = False,
) -> None:
    """Import a file of candles as a dataset. What was decided about it is printed with the result."""
    from services.cli.data import acting
    from services.cli.importing import ImportOptions, import_file, summary

    options = ImportOptions(symbol, timeframe, tz, columns or [], date_order, decimal, skip_bad_rows, allow_nonpositive)
    show = not as_json and sys.stderr.isatty()
    _print(import_file(file, options, acting(person), show=show), as_json, summary)


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
    _print(report, as_json, told)


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="yahoo, or an exchange by its ccxt id, for example kraken.")],
    symbol: Annotated[str, typer.Argument(help="The symbol as the source names it, or words to search for.")],
    timeframe: Annotated[str, typer.Option(help="The length of a bar, for example 1d or 15m.")] = "1d",
    start: Annotated[
        str | None, typer.Option("--from", help="First time; without it what is there is extended.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time; now without it.")] = None,
    search: Annotated[bool, typer.Option("--search", help="List the symbols that fit instead of fetching.")] = False,
    person: As = None,
    as_json: Json = False,
) -> None:
    """Fetch candles from an exchange or from Yahoo as a dataset (needs the extra `market`)."""
    from services.cli.fetching import fetch_dataset, search_symbols

    if search:
        _print(
            search_symbols(source, symbol),
            as_json,
            lambda r: "\n".join(f"{i['symbol']:16} {i['name']}" for i in r["found"]),
        )
        return
    from services.cli.data import acting

    result = fetch_dataset(source, symbol, timeframe, _time(start), _time(end), acting(person), show=not as_json)
    _print(result, as_json, lambda r: f"Dataset {r['dataset_id']}: {r['rows']:,} candles to {r['end_at']}.")


@app.command("run-session")
def run_session(
    pattern: Annotated[str, typer.Argument(help="The pattern type, or the workspace's id.")],
    dataset: Annotated[str, typer.Option(help="The dataset's id.")],
    start: Annotated[str | None, typer.Option("--from", help="First time of the window, ISO.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time of the window, ISO.")] = None,
    coverage: Annotated[
        str, typer.Option(help="exhaustive when every bar will be looked at, else partial.")
    ] = "partial",
    person: As = None,
    as_json: Json = False,
) -> None:
    """Run the deployed detector over a window of a dataset."""
    from services import actions, sessions, workspaces
    from services.cli.data import acting
    from services.database.engine import transaction

    with transaction() as session:
        workspace_id = workspaces.find_id(session, pattern)
    session_id = actions.run_session(
        workspace_id,
        dataset_id=_uuid(dataset, "dataset"),
        start=_time(start),
        end=_time(end),
        coverage=coverage,
        actor=acting(person),
    )
    with transaction() as session:
        count = sessions.get(session, session_id).detection_count
    result = {"session_id": str(session_id), "detections": count}
    _print(result, as_json, lambda r: f"Session {r['session_id']}: {r['detections']} detections.")


@app.command("datasets")
def list_datasets(as_json: Json = False) -> None:
    """List the datasets."""
    from services import datasets
    from services.database.engine import transaction

    with transaction() as session:
        rows = datasets.list_datasets(session)
    result = {
        "datasets": [
            {"id": str(r.id), "name": r.name, "symbol": r.symbol, "timeframe": r.timeframe, "rows": r.rows}
            for r in rows
        ]
    }
    _print(
        result,
        as_json,
        lambda r: "\n".join("{id}  {symbol} {timeframe}, {rows} candles".format(**d) for d in r["datasets"]),
    )


@app.command("import-judgements")
def import_judgements(
    file: Annotated[Path, typer.Argument(help="A CSV file of judgements.")],
    session: Annotated[str, typer.Option(help="The session's id.")],
    person: As = None,
    as_json: Json = False,
) -> None:
    """Judge places of an active session from a CSV file.

    Columns: kind, direction, index or time, verdict, expected_index, price, low, high, reason. Also places where no
    detector said anything. All rows are stored, or none.
    """
    from services import actions
    from services.cli.data import acting, read_file

    count = actions.import_judgements(read_file(file), _uuid(session, "session"), actor=acting(person))
    _print({"judgements": count}, as_json, lambda r: f"{r['judgements']} judgements.")


@app.command()
def score(
    session: Annotated[str, typer.Option(help="The session's id.")],
    as_json: Json = False,
) -> None:
    """Count a session's score as its judgements have it now."""
    from services import labels, sessions
    from services.database.engine import transaction

    session_id = _uuid(session, "session")
    with transaction() as opened:
        rate, coverage = labels.score_session(opened, session_id).rate, sessions.get(opened, session_id).coverage
    result = {
        "tp": rate.tp,
        "fp": rate.fp,
        "fn": rate.fn,
        "unjudged": rate.unjudged,
        "rate": rate.rate,
        "ci_low": rate.ci_low,
        "ci_high": rate.ci_high,
        "n_effective": rate.n_effective,
        "label": rate.label,
        "coverage": coverage,
        "windows": rate.coverage.words if rate.coverage else None,
    }
    _print(result, as_json, lambda _: f"{rate.words}.")


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
    _print(result, as_json, lambda r: "\n".join(lines(**d) for d in r["differences"]) or "Nothing differs.")


@app.command()
def launch(
    pattern: Annotated[str, typer.Argument(help="The pattern type, or the workspace's id.")],
    agent: Annotated[str | None, typer.Option(help="claude or tuner; Claude where it is connected.")] = None,
    person: As = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end.")] = False,
    as_json: Json = False,
) -> None:
    """Launch an execution over the open corrections, or the first one over the description."""
    from services import actions, executions, workspaces
    from services.agents.registry import default_agent
    from services.cli.data import acting, wait_for
    from services.database.engine import transaction

    actor = acting(person)
    with transaction() as session:
        workspace_id = workspaces.find_id(session, pattern)
    prepared = actions.prepare_launch(workspace_id, agent=agent or default_agent(), actor=actor)
    execution_id = actions.launch(prepared, actor=actor)
    if wait:
        wait_for(execution_id)
    with transaction() as session:
        found = executions.get(session, execution_id)
    result = {"execution_id": str(execution_id), "status": found.row.status}
    _print(result, as_json, lambda r: f"Execution {r['execution_id']} is {r['status']}.")
    if found.row.status == "failed":
        raise Unavailable(found.row.error or "The execution failed.")


@app.command()
def rollback(
    pattern: Annotated[str, typer.Argument(help="The pattern type, or the workspace's id.")],
    to: Annotated[str, typer.Option(help="The version to go back to, for example 0.1.0.")],
    reason: Annotated[str, typer.Option(help="Why; it shows on the timeline.")],
    person: As = None,
    as_json: Json = False,
) -> None:
    """Deploy an earlier version again, with its rate, and put its files back onto main."""
    from services.cli.data import acting
    from services.cli.versions import roll_back

    _print({"version": roll_back(pattern, to, reason, acting(person))}, as_json, lambda r: f"v{r['version']} runs.")


@app.command()
def adopt(
    pattern: Annotated[str, typer.Argument(help="The pattern type, or the workspace's id.")],
    commit: Annotated[str, typer.Option(help="The commit in the pattern repository.")],
    person: As = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end.")] = False,
    as_json: Json = False,
) -> None:
    """Send a commit made by hand through the gates, and deploy it when it passes."""
    from services.cli.data import acting
    from services.cli.versions import adopt as send

    execution_id, status, error = send(pattern, commit, acting(person), wait=wait)
    result = {"execution_id": str(execution_id), "status": status}
    _print(result, as_json, lambda r: f"Execution {r['execution_id']} is {r['status']}.")
    if status == "failed":
        raise Unavailable(error or "The execution failed.")


@app.command("check-detector")
def check_detector(
    pattern: Annotated[str, typer.Argument(help="The pattern type, which is the detector's module.")],
    repository: Annotated[
        str | None, typer.Option(help="Path or URL of a pattern repository; ours by default.")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="A commit, branch or tag; the newest commit by default.")] = None,
    as_json: Json = False,
) -> None:
    """Run the contract gate on a detector: look-ahead, repainting, memory, price units, years. Changes nothing."""
    from services.cli.detectors import check

    if sys.stderr.isatty() and not as_json:
        result = check(get_settings(), pattern, repository=repository, commit=commit, progress=_progress)
        typer.echo("", err=True)
    else:
        result = check(get_settings(), pattern, repository=repository, commit=commit, progress=None)
    _print(asdict(result), as_json, lambda _: result.text())


def _progress(done: int, planned: int) -> None:
    typer.echo(f"\r{done:,} of {planned:,} runs", nl=False, err=True)


@app.command("live-check")
def live_check(
    budget: Annotated[float, typer.Option(help="Dollars that it may spend at most.", min=0.01, max=20)] = 1.0,
    as_json: Json = False,
) -> None:
    """Run one tiny execution against the real model, in an installation of its own that is removed afterwards.

    Needs ANTHROPIC_API_KEY and spends some cents. Nothing of this installation is read or changed.
    """
    from services.cli.live_check import check

    result = check(get_settings(), budget_usd=budget, say=lambda line: typer.echo(line, err=as_json))
    _print(
        result,
        as_json,
        lambda r: (
            f"{r['model']} wrote {r['pattern']} v{r['version']} in {r['seconds']:.0f} s for ${r['cost_usd']:.2f}."
        ),
    )


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


def _uuid(text: str, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no {what} id.") from error


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' is no time; write it as 2013-06-17 or 2013-06-17T14:30+00:00.") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
