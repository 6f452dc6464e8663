"""A small installation for one test: its own database, data folder, pattern repository, people and workers."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from services import actions, executions, feedback, people, sessions, workspaces
from services.candles.demo import demo_files
from services.candles.store import load_array
from services.database.engine import get_engine, plain_url, transaction
from services.detectors.repository import ensure_repository, git, head
from services.executions import ExecutionDetail
from services.feedback import MarkPosition
from services.lifecycle import MadeBy, Role, Verdict
from services.people import Actor
from services.settings import get_settings
from tests.support.fork_server import ForkServer
from tests.support.processes import Worker, eventually, gone, lives
from tests.support.zigzag import RuleMark, near, rule_marks

ENDED = ("completed", "failed")


@dataclass
class Installation:
    """Everything of one test. `root` is the data folder."""

    url: str
    root: Path
    fork_server: ForkServer
    member: Actor
    admin: Actor
    workers: list[Worker] = field(default_factory=list)

    # Workers

    def worker(self, *, prepare: str = "", concurrency: int = 2, **env: str) -> Worker:
        """A worker of its own process. `prepare` is a function of `worker_overrides`."""
        output = self.root / f"worker-{len(self.workers)}.out"
        full = {"DATABASE_URL": self.url, "DATA_DIR": str(self.root), "TUNER_POINTS": "30"} | env
        order = {
            "env": full,
            "output": str(output),
            "prepare": prepare,
            "concurrency": concurrency,
        }
        made = Worker(self.fork_server.fork(order), output)
        self.workers.append(made)
        return made

    def errors_said(self) -> str:
        """What the workers wrote about errors, for the message of a failed assertion."""
        lines = [line for worker in self.workers for line in worker.said().splitlines()]
        return "\n".join(line[-4000:] for line in lines if '"error"' in line or "[error" in line)

    def stop(self) -> None:
        for worker in self.workers:
            if worker.alive():
                os.kill(worker.pid, signal.SIGKILL)
        for worker in self.workers:
            assert worker.ended()

    def processes(self) -> list[psutil.Process]:
        """What is alive and names this data folder in its command line, its folder or its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                inside = process.cwd().startswith(str(self.root)) or str(self.root) in " ".join(process.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if inside and lives(process) and process.pid != os.getpid():
                found.append(process)
        return found

    # The pattern repository

    @property
    def repository(self) -> Path:
        return ensure_repository(self.root / "patterns")

    def read(self, name: str) -> str:
        return (self.repository / name).read_text()

    def person_commits(self, files: dict[str, str | None], message: str = "By hand", *, to: Path | None = None) -> str:
        """A person's commit on main; None removes a file. Returns the commit."""
        repo = to or self.repository
        for name, text in files.items():
            if text is None:
                (repo / name).unlink()
            else:
                (repo / name).write_text(text)
        git(repo, "add", "--all")
        git(repo, "commit", "-m", message)
        return head(repo)

    def commits_of(self, execution_id: uuid.UUID) -> list[str]:
        """Commits on main with the execution's trailer."""
        found = git(self.repository, "log", "main", "--format=%H", f"--grep=Execution: {execution_id}")
        return found.split()

    def assert_at_rest(self) -> None:
        """No worktree, no folder of a run and no sandbox is left."""

        def trees() -> str:
            return git(self.repository, "worktree", "list", "--porcelain")

        # The end is recorded first, then the folder is removed.
        assert eventually(lambda: trees().count("worktree ") == 1), trees()
        assert eventually(lambda: not list((self.root / "work").glob("*")))
        busy = [p for w in self.workers if w.alive() for p in w.process.children(recursive=True)]
        assert gone(busy), busy

    # The product

    def workspace(self, pattern_type: str = "swings") -> uuid.UUID:
        with transaction() as session:
            made = workspaces.create(
                session, pattern_type=pattern_type, name=pattern_type.capitalize(), category="Structure",
                actor=self.member,
            )  # fmt: skip
            workspaces.describe(
                session, made, description="Turning points.", user_reasoning="Price turns there.",
                identification_steps=["Find the high", "Look at both sides"], actor=self.member,
            )  # fmt: skip
        return made

    def workspace_id(self, pattern_type: str = "swings") -> uuid.UUID:
        with transaction() as session:
            return workspaces.find_id(session, pattern_type)

    def launch(self, workspace_id: uuid.UUID, **options: Any) -> uuid.UUID:
        agent = options.pop("agent", "tuner")
        prepared = actions.prepare_launch(workspace_id, agent=agent, actor=self.member)
        max_retries = options.pop("max_retries", None)
        launched = actions.launch(prepared, actor=self.member, **options)
        if max_retries is not None:
            self.sql("UPDATE claude_executions SET max_retries = %s WHERE id = %s", max_retries, launched)
        return launched

    def get(self, execution_id: uuid.UUID) -> ExecutionDetail:
        with transaction() as session:
            return executions.get(session, execution_id)

    def status(self, workspace_id: uuid.UUID) -> str:
        with transaction() as session:
            return str(workspaces.get(session, workspace_id).status)

    def wait(self, execution_id: uuid.UUID, *statuses: str, seconds: float = 100.0) -> ExecutionDetail:
        wanted = statuses or ENDED
        reached = eventually(lambda: self.get(execution_id).row.status in wanted, seconds)
        found = self.get(execution_id)
        said = "\n".join(w.said()[-3000:] for w in self.workers)
        assert reached, f"{found.row.status} {found.row.phase} {found.retry_reason} {found.checkpoints[-1:]} {said}"
        return found

    def run(self, workspace_id: uuid.UUID, status: str = "completed", **options: Any) -> ExecutionDetail:
        found = self.wait(self.launch(workspace_id, **options))
        assert found.row.status == status, found.row.error
        return found

    def dataset(self, symbol: str = "GOOG") -> tuple[uuid.UUID, str]:
        """A demo file as a dataset: its id and storage path."""
        file = next(f for f in demo_files() if f.symbol == symbol)
        row = actions.import_candles(
            file.path.read_bytes(), filename=file.path.name, symbol=symbol, timeframe=file.timeframe, actor=self.member
        )
        return row.id, row.storage_path

    def judge_by_rule(self, session_id: uuid.UUID, pattern_type: str, path: str) -> None:
        """Each mark without a verdict gets the demo rule's, and what the rule has and the detector missed is added."""
        candles = load_array(get_settings().storage_root, path)
        with transaction() as session:
            detail = sessions.get(session, session_id)
            lead = max(0, detail.start_index - 250)
            rule = [
                RuleMark(m.index + lead, m.direction, m.price)
                for m in rule_marks(pattern_type, candles[lead : detail.end_index + 1])
                if m.index + lead >= detail.start_index
            ]
            seen = []
            for mark in sessions.marks(session, session_id).to_dict("records"):
                seen.append(RuleMark(int(mark["anchor_index"]), int(mark["direction"]), 0.0))
                if mark["verdict"] is None and mark["detection_id"] is not None:
                    right = near(rule, int(mark["anchor_index"]), int(mark["direction"])) is not None
                    verdict = Verdict.CONFIRMED if right else Verdict.FALSE_POSITIVE
                    feedback.judge(
                        session, uuid.UUID(mark["detection_id"]), verdict, made_by=MadeBy.RULE, actor=self.member
                    )
            for m in rule:
                if near(seen, m.index, m.direction) is None:
                    feedback.add_missed(
                        session, session_id, kind="swing" if pattern_type == "swings" else pattern_type,
                        direction=m.direction, place=MarkPosition(m.index, sessions.bar_time(candles, m.index), m.price),
                        made_by=MadeBy.RULE, actor=self.member,
                    )  # fmt: skip
            sessions.complete(session, session_id, actor=self.member)

    def judged_session(
        self, workspace_id: uuid.UUID, dataset: tuple[uuid.UUID, str], first: int, bars: int, pattern: str = "swings"
    ) -> uuid.UUID:
        made = actions.run_session(
            workspace_id, dataset_id=dataset[0], start_index=first, end_index=first + bars - 1, coverage="exhaustive",
            actor=self.member,
        )  # fmt: skip
        self.judge_by_rule(made, pattern, dataset[1])
        return made

    def cancel(self, execution_id: uuid.UUID) -> None:
        with transaction() as session:
            executions.cancel(session, execution_id, actor=self.member)

    def accept_plan(self, execution_id: uuid.UUID) -> None:
        with transaction() as session:
            executions.accept_plan(session, execution_id, actor=self.member)

    def comment(self, workspace_id: uuid.UUID, text: str) -> uuid.UUID:
        """A correction in words."""
        with transaction() as session:
            return feedback.add_comment_item(session, workspace_id, text, actor=self.member)

    # What is in the database

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(plain_url(self.url), autocommit=True) as connection:
            done = connection.execute(statement.encode(), values or None)
            return done.fetchall() if done.description else []

    def messages(self, execution_id: uuid.UUID, kind: str | None = None) -> list[dict[str, Any]]:
        """An execution's messages in their order."""
        rows = self.sql(
            "SELECT seq, type, title, content, data, status, progress FROM workspace_messages "
            "WHERE execution_id = %s AND (%s::text IS NULL OR type = %s) ORDER BY seq",
            execution_id, kind, kind,
        )  # fmt: skip
        names = ("seq", "type", "title", "content", "data", "status", "progress")
        return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def halted(self, kind: str, *, phase: str = "%", title: str = "%") -> Iterator[Callable[[], None]]:
        """Stops whoever writes such a message right there, its transaction open, until the block ends.

        Yields a function that waits until somebody has been stopped.
        """
        key = uuid.uuid4().int % 2**62
        with psycopg.connect(plain_url(self.url), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [key])
            connection.execute("INSERT INTO halts VALUES (%s, %s, %s, %s)", [key, kind, phase, title])

            def reached(seconds: float = 40.0) -> None:
                waiting = (
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                    "AND ((classid::bigint << 32) | objid::bigint) = %s"
                )
                there = eventually(lambda: connection.execute(waiting, [key]).fetchall(), seconds)
                assert there, "\n".join(w.said()[-3000:] for w in self.workers)

            try:
                yield reached
            finally:
                connection.execute("DELETE FROM halts WHERE key = %s", [key])
                connection.execute("SELECT pg_advisory_unlock(%s)", [key])


HALTS = """
CREATE TABLE halts (key bigint, kind text, phase text, title text);
CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE k bigint;
BEGIN
    SELECT key INTO k FROM halts
    WHERE NEW.type = kind AND coalesce(NEW.data->>'phase', '') LIKE phase AND coalesce(NEW.title, '') LIKE title;
    IF k IS NOT NULL THEN PERFORM pg_advisory_lock(k); PERFORM pg_advisory_unlock(k); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER halt BEFORE INSERT ON workspace_messages FOR EACH ROW EXECUTE FUNCTION halt();
"""


@contextmanager
def lived_in(url: str, root: Path) -> Iterator[None]:
    """This process belongs to the installation: its settings and its engine are those of `url` and `root`."""
    before = {name: os.environ.get(name) for name in ("DATABASE_URL", "DATA_DIR")}
    os.environ |= {"DATABASE_URL": url, "DATA_DIR": str(root)}
    get_settings.cache_clear()
    get_engine.cache_clear()
    try:
        yield
    finally:
        get_engine().dispose()
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        get_settings.cache_clear()
        get_engine.cache_clear()


def folk() -> tuple[Actor, Actor]:
    with transaction() as session:
        member = people.ensure_person(session, email="mara@example.com", name="Mara", role=Role.MEMBER)
        admin = people.ensure_person(session, email="adam@example.com", name="Adam", role=Role.ADMIN)
    return member, admin


def copy_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("worker-*.out", "logs"))
