"""Commands about candles, sessions and judgements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import As, Json, id_of, print_answer, time_of


def register(app: typer.Typer) -> None:
    app.command("import-candles")(import_candles)
    app.command("fetch")(fetch)
    app.command("run-session")(run_session)
    app.command("datasets")(list_datasets)
    app.command("import-judgements")(import_judgements)
    app.command("score")(score)


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
    print_answer(import_file(file, options, acting(person), show=show), as_json, summary)


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
        print_answer(
            search_symbols(source, symbol),
            as_json,
            lambda r: "\n".join(f"{i['symbol']:16} {i['name']}" for i in r["found"]),
        )
        return
    from services.cli.data import acting

    result = fetch_dataset(source, symbol, timeframe, time_of(start), time_of(end), acting(person), show=not as_json)
    print_answer(result, as_json, lambda r: f"Dataset {r['dataset_id']}: {r['rows']:,} candles to {r['end_at']}.")


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
        dataset_id=id_of(dataset, "dataset"),
        start=time_of(start),
        end=time_of(end),
        coverage=coverage,
        actor=acting(person),
    )
    with transaction() as session:
        count = sessions.get(session, session_id).detection_count
    result = {"session_id": str(session_id), "detections": count}
    print_answer(result, as_json, lambda r: f"Session {r['session_id']}: {r['detections']} detections.")


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
    print_answer(
        result,
        as_json,
        lambda r: "\n".join("{id}  {symbol} {timeframe}, {rows} candles".format(**d) for d in r["datasets"]),
    )


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

    count = actions.import_judgements(read_file(file), id_of(session, "session"), actor=acting(person))
    print_answer({"judgements": count}, as_json, lambda r: f"{r['judgements']} judgements.")


def score(
    session: Annotated[str, typer.Option(help="The session's id.")],
    as_json: Json = False,
) -> None:
    """Count a session's score as its judgements have it now."""
    from services import labels, sessions
    from services.database.engine import transaction

    session_id = id_of(session, "session")
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
    print_answer(result, as_json, lambda _: f"{rate.words}.")
