"""Commands about executions and detector versions."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from services.cli.common import As, Json, print_answer
from services.errors import Conflict, Unavailable
from services.settings import get_settings


def register(app: typer.Typer) -> None:
    app.command("launch")(launch)
    app.command("rollback")(rollback)
    app.command("adopt")(adopt)
    app.command("check-detector")(check_detector)
    app.command("live-check")(live_check)


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
    chosen = agent or default_agent()
    hopeless = actions.why_hopeless(workspace_id, chosen)
    if hopeless is not None:
        raise Conflict(hopeless)
    prepared = actions.prepare_launch(workspace_id, agent=chosen, actor=actor)
    execution_id = actions.launch(prepared, actor=actor)
    if wait:
        wait_for(execution_id)
    with transaction() as session:
        found = executions.get(session, execution_id)
    result = {"execution_id": str(execution_id), "status": found.row.status}
    print_answer(result, as_json, lambda r: f"Execution {r['execution_id']} is {r['status']}.")
    if found.row.status == "failed":
        raise Unavailable(found.row.error or "The execution failed.")


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

    print_answer(
        {"version": roll_back(pattern, to, reason, acting(person))}, as_json, lambda r: f"v{r['version']} runs."
    )


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
    print_answer(result, as_json, lambda r: f"Execution {r['execution_id']} is {r['status']}.")
    if status == "failed":
        raise Unavailable(error or "The execution failed.")


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
    print_answer(asdict(result), as_json, lambda _: result.text())


def _progress(done: int, planned: int) -> None:
    typer.echo(f"\r{done:,} of {planned:,} runs", nl=False, err=True)


def live_check(
    budget: Annotated[float, typer.Option(help="Dollars that it may spend at most.", min=0.01, max=20)] = 1.0,
    as_json: Json = False,
) -> None:
    """Run one tiny execution against the real model, in an installation of its own that is removed afterwards.

    Needs ANTHROPIC_API_KEY and spends some cents. Nothing of this installation is read or changed.
    """
    from services.cli.live_check import check

    result = check(get_settings(), budget_usd=budget, say=lambda line: typer.echo(line, err=as_json))
    print_answer(
        result,
        as_json,
        lambda r: (
            f"{r['model']} wrote {r['pattern']} v{r['version']} in {r['seconds']:.0f} s for ${r['cost_usd']:.2f}."
        ),
    )
