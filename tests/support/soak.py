"""Workers killed and frozen at seeded moments, over both agents and both deploy targets, and what became of the runs.

`make soak` does at least a hundred kills and writes `benchmarks/soak.json`; a test does a dozen. Each execution has an
installation of its own with two live workers; a killed one is replaced at once. Which phases are hit, and how long into
them, follows from the seed. Ends by itself, with a code other than 0 when anything was not as it must be.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services import releases
from services.detectors.repository import git
from tests.support.databases import Databases
from tests.support.fake_model import Model, refused_first, thinking
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, Stage, ready, serving
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.processes import Worker, eventually, gone
from tests.support.run_checks import ONCE, PHASES
from tests.support.stages import Builder, PreparedStage, build_judged

KILLS_EACH = 5  # of one execution at the most
DEEP_S = 0.9  # how far into a phase a kill comes at the latest
FREEZES = 0.08  # of all hits
REFUSED = 0.5  # of Claude's runs, whose first change the replay refuses
WITHIN_S = 10.0  # a run is to be taken over in this time
PATIENCE_S = 180.0  # for one execution to end
REST_S = 15.0
COMBINATIONS = [(a, t) for a in ("tuner", "claude") for t in ("local", "vercel")]


@dataclass
class Row:
    """What came of one execution. `wrong` holds a sentence for each thing that was not as it must be."""

    agent: str
    target: str
    turns: int = 1  # how often it is tested and committed: twice when its first change is refused
    kills: int = 0
    freezes: int = 0
    phases: list[str] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)
    thaws: list[float] = field(default_factory=list)  # takeovers of frozen workers
    attempts: int = 0
    duplicates: int = 0
    orphans: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Run:
    """One execution under fire."""

    def __init__(self, installation: Installation, env: dict[str, str], row: Row, dice: random.Random) -> None:
        self.installation, self.env, self.row, self.dice = installation, env, row, dice
        self.frozen: list[Worker] = []
        self.execution_id = uuid.UUID(int=0)

    def go(self, hits: int) -> None:
        """Launches, hits so often, and waits for the end."""
        installation, started = self.installation, time.monotonic()
        for _ in range(2):
            installation.worker(**self.env)
        workspace_id = installation.workspace_id()
        self.execution_id = installation.launch(workspace_id, agent=self.row.agent, deploy_target=self.row.target)
        for phase in sorted(self.dice.choices(PHASES, k=hits), key=PHASES.index):
            if not self._wait_for(phase):
                break
            time.sleep(self.dice.uniform(0, DEEP_S))
            self._hit()
        ended = eventually(lambda: self._status() in ("completed", "failed"), PATIENCE_S)
        self.row.seconds = time.monotonic() - started
        if not ended:
            self.row.wrong.append(f"it was not at its end after {PATIENCE_S:g} s: {self._status()}")
        self._thaw()

    def _status(self) -> str:
        return str(self.installation.sql("SELECT status FROM claude_executions WHERE id = %s", self.execution_id)[0][0])

    def _now(self) -> tuple[str, str | None, str | None, int]:
        fields = "status, phase, worker_id, epoch"
        return tuple(
            self.installation.sql(f"SELECT {fields} FROM claude_executions WHERE id = %s", self.execution_id)[0]
        )

    def _wait_for(self, phase: str) -> bool:
        """Until the run is in the phase, or beyond it; False when it has ended."""

        def there() -> bool:
            status, now, _, _ = self._now()
            return status in ("completed", "failed") or (now is not None and PHASES.index(now) >= PHASES.index(phase))

        return eventually(there, PATIENCE_S) and self._status() not in ("completed", "failed")

    def _hit(self) -> None:
        """Kills or freezes whoever has the run, puts another worker in its place and waits for the takeover."""
        status, phase, name, epoch = self._now()
        holder = next((w for w in self.installation.workers if name and f"-{w.pid}-" in name and w.alive()), None)
        if status in ("completed", "failed") or holder is None:
            return
        freeze = self.dice.random() < FREEZES
        family = holder.signal(signal.SIGSTOP if freeze else signal.SIGKILL)
        hit = time.monotonic()
        if freeze:
            self.frozen.append(holder)
            self.row.freezes += 1
        else:
            self.row.kills += 1
            if not gone(family):
                self.row.orphans += 1
                self.row.wrong.append(f"killed in {phase}: {len(family)} processes lived on")
        self.row.phases.append(str(phase))
        self.installation.worker(**self.env)

        def taken() -> bool:
            status, _, _, now = self._now()
            return now > epoch or status in ("completed", "failed")

        over = eventually(taken, 60)
        took = time.monotonic() - hit
        (self.row.thaws if freeze else self.row.takeovers).append(took)
        if not over or took > WITHIN_S * (1.5 if freeze else 1):
            self.row.wrong.append(f"{'frozen' if freeze else 'killed'} in {phase}: taken over after {took:.1f} s")

    def _thaw(self) -> None:
        """Frozen workers wake up, find their run gone, write nothing and end."""
        before = self._told()
        for worker in self.frozen:
            worker.signal(signal.SIGCONT)
        for worker in self.frozen:
            if not worker.ended(20):
                self.row.wrong.append("a worker that thawed did not end")
        if self._told() != before:
            self.row.wrong.append("a worker that thawed wrote on")

    def _told(self) -> tuple[list[dict[str, Any]], Any]:
        return self.installation.messages(self.execution_id), self.installation.get(self.execution_id).checkpoints

    def look(self, vercel: FakeVercel) -> None:
        """Everything that must hold at the end."""
        installation, row, found = self.installation, self.row, self.installation.get(self.execution_id)
        row.attempts = len(found.attempts)
        told = installation.messages(self.execution_id)
        kinds = Counter(m["type"] for m in told)
        again = {k: kinds[k] for k in ONCE if kinds[k] != 1 and not k.startswith("deploy_")} | {
            k: kinds[k] for k in ONCE if k.startswith("deploy_") and kinds[k] > row.attempts
        }
        points = Counter((m["title"], m["content"]) for m in told if m["type"] == "claude_checkpoint")
        again |= {title: n for (title, _), n in points.items() if n > row.attempts * row.turns}
        row.duplicates += sum(n - 1 for n in again.values())
        self._expect(found.row.status == "completed", f"it ended {found.row.status}: {found.row.error}")
        self._expect(not again, f"told more than once, or not at all: {again}")
        phases = {m["data"]["phase"]: m["status"] for m in told if m["type"] == "claude_phase_update"}
        self._expect(phases == dict.fromkeys(PHASES, "completed"), f"phases {phases}")
        seqs = [s for (s,) in installation.sql("SELECT seq FROM workspace_messages ORDER BY workspace_id, seq")]
        self._expect(seqs == list(range(1, len(seqs) + 1)), "gaps in the timeline")
        main = git(installation.repository, "rev-parse", "main")
        self._expect(
            main == found.row.commit_hash == releases.current_commit("swings"), "main, commit and pointer differ"
        )
        commits = len(installation.commits_of(self.execution_id))
        self._expect(commits == row.turns, f"{commits} commits on main instead of {row.turns}")
        deploys = [d for d in vercel.deployed.values() if d.meta.get("patterndeskExecution") == str(self.execution_id)]
        wanted = row.attempts if row.target == "vercel" else 0
        self._expect(len(deploys) == wanted, f"{len(deploys)} deploys at Vercel, {row.attempts} attempts")
        self._expect(self._counted(), "counters differ from a recount")
        at_rest = eventually(lambda: not list((installation.root / "work").glob("*")), REST_S)
        self._expect(at_rest, "the run's folder was left")
        trees = git(installation.repository, "worktree", "list", "--porcelain").count("worktree ")
        self._expect(trees == 1, f"{trees - 1} worktrees were left")
        own = {w.pid for w in installation.workers}
        alone = eventually(lambda: not [p for p in installation.processes() if p.pid not in own], REST_S)
        if not alone:
            left = [" ".join(p.cmdline())[:80] for p in installation.processes() if p.pid not in own]
            row.orphans += len(left)
            row.wrong.append(f"processes were left: {left}")

    def _expect(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.row.wrong.append(sentence)

    def _counted(self) -> bool:
        ((feedback, recount, sessions, there),) = self.installation.sql(
            "SELECT w.feedback_count, (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id AND f.verdict "
            "NOT IN ('confirmed', 'unsure')), w.session_count, (SELECT count(*) FROM pattern_sessions s "
            "WHERE s.workspace_id = w.id) FROM pattern_workspaces w"
        )
        return bool(feedback == recount and sessions == there)


def soak(builder: Builder, stage: PreparedStage, *, kills: int, seed: int, say: Any = print) -> list[Row]:
    """Executions until so many workers were killed; the four combinations take turns."""
    dice, rows = random.Random(seed), list[Row]()
    while sum(r.kills for r in rows) < kills and len(rows) < kills * 2:
        agent, target = COMBINATIONS[len(rows) % len(COMBINATIONS)]
        row = Row(agent, target)
        rows.append(row)
        with builder.copy(stage) as installation, outside() as (model, vercel, env):
            model.delay_s = 0.15
            if agent == "claude" and dice.random() < REFUSED:
                model.behaviour, row.turns = refused_first, 2  # so that there is something to refine
            run = Run(installation, env, row, dice)
            run.go(min(KILLS_EACH, kills - sum(r.kills for r in rows)))
            run.look(vercel)
            if row.wrong:
                row.wrong.append("workers said: " + "".join(w.said()[-1500:] for w in installation.workers))
        hit = ", ".join(row.phases) or "nothing"
        say(
            f"{len(rows):3} {agent:6} {target:6} {row.kills} killed, {row.freezes} frozen (in {hit}); {row.seconds:5.1f} s"
            f" {'all right' if not row.wrong else row.wrong}"
        )
    return rows


@contextmanager
def outside() -> Iterator[tuple[Model, FakeVercel, dict[str, str]]]:
    """The stand-ins for the model and for Vercel, and a worker's environment that knows both."""
    with thinking() as (model, env, tried), serving() as vercel:
        vercel.plan = lambda: [Stage("BUILDING", ("Building",)), ready()]
        yield model, vercel, env | {
            "VERCEL_TOKEN": TOKEN, "VERCEL_PROJECT": PROJECT, "VERCEL_TEAM_ID": TEAM, "VERCEL_GIT_REPO_ID": "1",
            "VERCEL_API": vercel.url,
        }  # fmt: skip
        assert tried == [], "the agent tried to reach somebody else"


def table(rows: list[Row]) -> list[dict[str, Any]]:
    """The outcomes by agent and target, and of all."""
    groups = [(f"{a}, {t}", [r for r in rows if (r.agent, r.target) == (a, t)]) for a, t in COMBINATIONS]
    return [_summed(name, group) for name, group in [*groups, ("all", rows)] if group]


def _summed(name: str, rows: list[Row]) -> dict[str, Any]:
    takeovers, thaws = [t for r in rows for t in r.takeovers], [t for r in rows for t in r.thaws]
    return {
        "runs of": name, "executions": len(rows), "kills": sum(r.kills for r in rows),
        "frozen": sum(r.freezes for r in rows), "all right": sum(not r.wrong for r in rows),
        "more than one attempt": sum(r.attempts > 1 for r in rows),
        "takeover p50": _at(takeovers, 50), "p95": _at(takeovers, 95), "max": max(takeovers, default=None),
        "frozen max": max(thaws, default=None), "duplicates": sum(r.duplicates for r in rows),
        "orphans": sum(r.orphans for r in rows),
    }  # fmt: skip


def _at(values: list[float], percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def printed(rows: list[dict[str, Any]]) -> str:
    """The table in Markdown."""
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    for row in rows:
        cells = ["–" if v is None else f"{v:.2f} s" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def ground() -> Iterator[tuple[Builder, PreparedStage]]:
    """A server, a template, a fork server and the installation that each execution begins from."""
    databases, fork_server, folder = Databases.prepare(), ForkServer(), Path(tempfile.mkdtemp(prefix="pd-soak-"))
    try:
        databases.make_template()
        builder = Builder(databases, fork_server, folder)
        yield builder, build_judged(builder, databases.template)
    finally:
        fork_server.close()
        databases.finish()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="a file for the outcomes, as JSON")
    given = parser.parse_args()
    started = time.monotonic()
    with ground() as (builder, stage):
        rows = soak(builder, stage, kills=given.kills, seed=given.seed, say=lambda line: print(line, flush=True))
    outcomes, phases = table(rows), Counter(p for r in rows for p in r.phases)
    print(
        f"\n{printed(outcomes)}\n\nHit in: {dict(phases)}; seed {given.seed}, {time.monotonic() - started:.0f} s in all."
    )
    if given.write:
        told = {"seed": given.seed, "outcomes": outcomes, "phases": phases, "wrong": [r.wrong for r in rows if r.wrong]}
        given.write.write_text(json.dumps(told, indent=1) + "\n")
    return int(any(r.wrong for r in rows))


if __name__ == "__main__":
    sys.exit(main())
