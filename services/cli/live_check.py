"""One tiny execution against the real model: whether key, model, namespaces, worker and gates work together here."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services import actions, executions, people, workspaces
from services.agents.claude.agent import unavailable
from services.cli.supervising import Children
from services.database import embedded
from services.database.engine import get_engine, plain_url, transaction
from services.database.migrate import upgrade
from services.errors import Unavailable
from services.executions import ExecutionDetail
from services.lifecycle import Role
from services.settings import Settings, get_settings

LONGEST_S = 1800.0
PATTERN = "inside_bar"
_DESCRIPTION = (
    "A bar whose high is below and whose low is above those of the bar before it. Mark the inside bar itself, with "
    "kind inside_bar and direction 0; it is known at its own close."
)
_REASONING = "Volatility contracts before it expands, so I watch where price leaves the bar before."
_STEPS = ["Take two bars in a row", "The second one's high and low lie strictly within the first one's"]


def check(settings: Settings, *, budget_usd: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs it and returns what it came to. Raises Unavailable with the execution's own sentence when it fails."""
    reason = unavailable(settings)
    if reason is not None:
        raise Unavailable(reason)
    with _installation(budget_usd) as folder:
        say(f"{settings.claude_model} writes the pattern {PATTERN}; at most ${budget_usd:.2f} …")
        started = time.monotonic()
        found = _follow(_launch(), say)
        if found.row.status != "completed":
            raise Unavailable(found.row.error or "The execution failed.")
        if not (folder / "patterns" / "detectors" / f"{PATTERN}.py").is_file():
            raise Unavailable("The execution completed, but its detector is not in the repository.")
        return {
            "model": settings.claude_model, "pattern": PATTERN, "version": found.current_version,
            "seconds": round(time.monotonic() - started, 1), "cost_usd": float(found.row.cost_usd),
            "input_tokens": found.input_tokens, "output_tokens": found.output_tokens, "attempts": len(found.attempts),
            "files": found.files_changed, "summary": found.summary,
        }  # fmt: skip


@contextmanager
def _installation(budget_usd: float) -> Iterator[Path]:
    """An installation of its own, with a worker; all of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="patterndesk-live-"))
    folder.chmod(0o755)  # the database may run as another account
    own = {"DATA_DIR": str(folder), "CLAUDE_BUDGET_USD": str(budget_usd)}
    foreign = ("DATABASE_URL", "STORAGE_URL", "PATTERN_REPOSITORY")
    before = {name: os.environ.get(name) for name in (*own, *foreign)}
    for name in foreign:
        os.environ.pop(name, None)
    os.environ |= own
    get_settings.cache_clear()
    get_engine.cache_clear()
    children = Children()
    try:
        with embedded.start(folder) as server:
            upgrade(plain_url(server.url))
            children.start("worker", ["-m", "services.cli", "worker", "--concurrency", "1"])
            try:
                yield folder
            finally:
                children.stop()
                get_engine().dispose()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        get_settings.cache_clear()
        get_engine.cache_clear()
        shutil.rmtree(folder, ignore_errors=True)


def _launch() -> uuid.UUID:
    with transaction() as session:
        actor = people.ensure_person(session, email="live-check@patterndesk.local", name="Live check", role=Role.MEMBER)
        made = workspaces.create(session, pattern_type=PATTERN, name="Inside bar", category="Bars", actor=actor)
        workspaces.describe(
            session, made, description=_DESCRIPTION, user_reasoning=_REASONING, identification_steps=_STEPS, actor=actor
        )
    return actions.launch(actions.prepare_launch(made, agent="claude", actor=actor), actor=actor)


def _follow(execution_id: uuid.UUID, say: Callable[[str], None]) -> ExecutionDetail:
    """Says each checkpoint as it is made; returns the execution when it has ended."""
    shown, deadline = 0, time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        with transaction() as session:
            detail = executions.get(session, execution_id)
        for point in detail.checkpoints[shown:]:
            details = f": {point.details}" if point.details else ""
            say(f"  {point.phase:<12} {point.text}{details}"[:300])
        shown = len(detail.checkpoints)
        if detail.row.status in ("completed", "failed"):
            return detail
        time.sleep(0.3)
    raise Unavailable(f"The execution has not ended after {LONGEST_S / 60:.0f} minutes.")
