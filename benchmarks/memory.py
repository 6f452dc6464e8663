"""Line 12: what a worker needs by itself and for each live execution, against the bare engine's process.

Memory is the proportional set size: pages that processes share count for each in part. Those below the worker, the
sandboxes that run detectors, are counted with it. The tuner has no process of its own.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks import bare_engine
from benchmarks.database import connect
from benchmarks.installation import Installation, installed, wait
from benchmarks.measuring import Amount, Result
from services import actions, feedback, releases, sessions
from services.candles.demo import demo_files
from services.database.engine import plain_url, transaction
from services.detectors import repository
from services.errors import Conflict
from services.lifecycle import MadeBy, Verdict

REACH_MB = 120.0  # of a live execution
SIZES = (1, 2, 4)
LOOK_S = 0.1
LONGEST_S = 8.0  # that live ones are looked at: a search on a quiet machine is over soon
WINDOWS = ((0, 249), (500, 749), (1000, 1249), (1500, 1749))


def run(url: str, *, seconds: float) -> list[Result]:
    """`seconds` is how long each number of live executions is looked at."""
    with installed(url) as here, connect(url, autocommit=True) as plain:
        bare_engine.prepare(plain)
        with here.process("benchmarks.bare_engine", plain_url(url)) as bare:
            time.sleep(5.0)  # past its migrations
            engine = _looked_at(bare, seconds)
        patterns = _patterns(max(SIZES))
        with here.process("services.cli", "worker", "--concurrency", str(max(SIZES))) as worker:
            wait(lambda: psutil.Process(worker.pid).num_threads() > 5, "the start of the worker")
            time.sleep(5.0)
            fresh = _looked_at(worker, seconds)
            workspaces = [_judged(here, pattern) for pattern in patterns]
            time.sleep(5.0)
            idle = _looked_at(worker, seconds)
            live = {n: _live(here, worker, workspaces[:n], seconds) for n in SIZES}
    results = [
        _shown("an idle worker, before its first run", fresh, engine, "the bare engine's process"),
        _shown("an idle worker, after some runs", idle, engine, "the bare engine's process"),
    ]
    for n, amount in live.items():
        each = Amount.of([(value - idle.median) / n for value in amount.values])
        met = each.p95 <= REACH_MB
        results.append(
            Result(12, f"a live execution of the tuner, {n} at a time", each, idle, "the idle worker after some runs",
                   each.median / idle.median, f"p95 ≤ {REACH_MB:.0f} MB", met)
        )  # fmt: skip
    return results


def _shown(name: str, ours: Amount, other: Amount, against: str) -> Result:
    return Result(12, name, ours, other, against, ours.median / other.median, "for information", None)


def _live(here: Installation, worker: psutil.Process, workspaces: Sequence[uuid.UUID], seconds: float) -> Amount:
    """The worker while so many runs search for parameters; they are canceled afterwards."""
    launched = [here.launch(workspace_id) for workspace_id in workspaces]
    wait(lambda: all(_searching(execution_id) for execution_id in launched), "a search by every run")
    found = _looked_at(worker, min(seconds, LONGEST_S))
    still = all(_searching(execution_id) for execution_id in launched)
    for execution_id in launched:
        with suppress(Conflict):  # it has ended, which is told below
            here.cancel(execution_id)
    wait(lambda: all(here.ended(execution_id) for execution_id in launched), "the end of the canceled runs")
    if not still:
        raise RuntimeError("a run ended while it was looked at; give it a larger TUNER_POINTS")
    return found


def _searching(execution_id: uuid.UUID) -> bool:
    from services import executions

    with transaction() as session:
        row = executions.get(session, execution_id).row
    return row.status == "running" and row.phase == "implementing"


def _looked_at(process: psutil.Process, seconds: float) -> Amount:
    """Megabytes of the process and of all below it, looked at again and again."""
    values, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        values.append(sum(_pss(one) for one in (process, *process.children(recursive=True))) / 2**20)
        time.sleep(LOOK_S)
    return Amount.of(values)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # ended, or between two programs
        return 0


def _patterns(count: int) -> list[str]:
    """So many pattern types: the starter's swings, and copies of it under other names."""
    repo = releases.repository()
    names = ["swings", *(f"swings_{n}" for n in range(2, count + 1))]
    code = (repo / "detectors" / "swings.py").read_text()
    for name in names[1:]:
        (repo / "detectors" / f"{name}.py").write_text(code.replace('spec(\n    "swings"', f'spec(\n    "{name}"'))
    repository.commit_all(repo, "Copies of swings")
    return names


def _judged(here: Installation, pattern: str) -> uuid.UUID:
    """A workspace whose first version is live and has judged sessions for the tuner to search over."""
    workspace_id = here.workspace(pattern)
    first = here.launch(workspace_id)
    wait(lambda: here.ended(first), "a first execution")
    if here.status(first) != "completed":
        raise RuntimeError(f"the first execution of {pattern} failed")
    dataset = _dataset(here)
    for start, end in WINDOWS:
        made = actions.run_session(
            workspace_id, dataset_id=dataset, start_index=start, end_index=end, coverage="exhaustive",
            actor=here.member,
        )  # fmt: skip
        with transaction() as session:
            marks = sessions.marks(session, made).to_dict("records")
            for n, mark in enumerate(marks):
                verdict = Verdict.FALSE_POSITIVE if n % 3 == 0 else Verdict.CONFIRMED
                feedback.judge(
                    session, uuid.UUID(mark["detection_id"]), verdict, made_by=MadeBy.RULE, actor=here.member
                )
            sessions.complete(session, made, actor=here.member)
    return workspace_id


def _dataset(here: Installation) -> uuid.UUID:
    file = next(f for f in demo_files() if f.symbol == "GOOG")
    return actions.import_candles(
        Path(file.path).read_bytes(), filename=file.path.name, symbol=file.symbol, timeframe=file.timeframe,
        actor=here.member,
    ).id  # fmt: skip
