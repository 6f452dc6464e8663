"""One run of an execution in this process: its epoch, its worktree, its log, its heartbeat and its cancel flag."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from services import datasets, deployments, executions, holding, labels, releases, storage
from services.agents import registry as agent_registry
from services.agents.protocol import Used, Work
from services.candles.store import load_array
from services.database.engine import transaction
from services.detectors import repository
from services.detectors.bundle import read_params
from services.detectors.types import Candles, DetectorSpec, Params
from services.errors import Cancelled, RepositoryError, StaleEpoch
from services.executions import ExecutionRun, UsageRow
from services.lifecycle import ExecutionPhase
from services.logs import get_logger, log_unexpected
from services.places import LabelSet, Place, Policy
from services.settings import get_settings
from services.worker.run_log import RunLog

BEAT_S = 0.5
log = get_logger(__name__)


class RunContext:
    """What the phases of one run share. Every write goes through `epoch`, so a run taken over can't write on."""

    def __init__(self, execution_id: uuid.UUID, epoch: int, worker_id: str) -> None:
        self.execution_id, self.epoch, self.worker_id = execution_id, epoch, worker_id
        self._canceled, self._lost = threading.Event(), threading.Event()
        self._log = RunLog(self.folder, execution_id, epoch)
        self.spec: tuple[str, DetectorSpec] | None = None  # by the hash of its code
        self._used: dict[str, UsageRow] = {}
        self._used_lock = threading.Lock()

    def run(self) -> ExecutionRun:
        with transaction() as session:
            return executions.load(session, self.execution_id)

    @property
    def folder(self) -> Path:
        return get_settings().data_dir / "work" / str(self.execution_id)

    @property
    def worktree(self) -> Path:
        return self.folder / "tree"

    @property
    def repository(self) -> Path:
        return releases.repository()

    @property
    def ref(self) -> str:
        """Where work in progress is kept, so that another machine can go on."""
        return releases.kept_ref(self.execution_id)

    def cancelled(self) -> bool:
        """Whether the run is to stop, because somebody canceled it or another worker has it."""
        return self._canceled.is_set() or self._lost.is_set()

    @property
    def lost(self) -> bool:
        """Whether another worker has the run."""
        return self._lost.is_set()

    def check(self, *, lost_only: bool = False) -> None:
        """Raises StaleEpoch when another worker has the run, Cancelled when somebody canceled it."""
        if self._lost.is_set():
            raise StaleEpoch("The run was taken over by another worker.")
        if self._canceled.is_set() and not lost_only:
            raise Cancelled("The run was canceled.")

    @contextmanager
    def beating(self) -> Iterator[None]:
        """While the block runs: records twice a second that the run is alive, and reads whether somebody canceled it."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(stop,), name=f"beat-{self.execution_id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=5)
            try:
                self.flush()
            except (StaleEpoch, DBAPIError) as error:  # what the block raised, or the next write, says more
                log.warning("not_flushed", execution=str(self.execution_id), error=str(error)[:200])

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_S):
            try:
                with transaction() as session:
                    if executions.heartbeat(session, self.execution_id, epoch=self.epoch):
                        self._canceled.set()
                self.flush()
            except StaleEpoch:
                self._lost.set()
                return
            except (OperationalError, InterfaceError, DBAPIError) as error:
                log.warning("heartbeat_missed", execution=str(self.execution_id), error=str(error)[:200])
            except Exception as error:  # noqa: BLE001  # without its heartbeat a run would count as frozen
                log_unexpected(error, execution=str(self.execution_id))

    def enter(self, attempt: int) -> None:
        """From now on what is written and spent belongs to this attempt."""
        self._log.enter(attempt)

    def write(self, text: str) -> None:
        """Adds a line to the run's log and to its attempt's. Never raises."""
        self._log.write(text)

    def used(self, used: Used) -> None:
        """Takes what a message of the agent's API cost; it is kept with the next sign of life."""
        row = UsageRow(
            used.message_id,
            self._log.attempt,
            used.turn,
            used.model,
            used.cost_usd,
            used.input_tokens,
            used.output_tokens,
        )
        with self._used_lock:
            self._used[row.message_id] = row

    def flush(self) -> None:
        """Keeps what was spent and the end of the log, as far as the database does not have them yet."""
        with self._used_lock:
            rows, self._used = list(self._used.values()), {}
        try:
            if rows:
                with transaction() as session:
                    executions.add_usage(session, self.execution_id, epoch=self.epoch, rows=rows)
        except BaseException:
            with self._used_lock:
                self._used = {row.message_id: row for row in rows} | self._used
            raise
        self._log.keep_tail()

    def recover_usage(self) -> None:
        """Keeps what an agent of this run spent under a worker that was killed before it recorded it."""
        for used in agent_registry.spent_in(self.folder):
            self.used(used)
        self.flush()

    def save_text(self, text: str) -> str | None:
        """Stores a text of the run, such as a deploy's log; its key, None when it is empty."""
        return (
            storage.put(get_settings().storage_root, text.encode("utf-8", "replace"), suffix=".txt") if text else None
        )

    def save_log(self) -> str | None:
        """Stores the log as it is, and that of the attempt; returns the whole one's key, None when there is none."""
        return self._log.save()

    def keep(self) -> None:
        """Keeps the worktree's commit under the execution's ref, and pushes it when there is a remote."""
        repo = self.repository
        repository.git(repo, "update-ref", self.ref, repository.head(self.worktree))
        try:
            repository.push(repo, f"{self.ref}:{self.ref}", force=True, cancelled=self.cancelled)
        except RepositoryError as error:  # costs another machine this phase at most; deploying pushes for good
            self.write(f"!! The work in progress was not pushed: {error}")

    def fetch_kept(self) -> None:
        """Brings what another machine kept of this run; nothing when there is no remote, or it has none."""
        releases.fetch_kept(self.execution_id, update_ref=True, cancelled=self.cancelled)

    def labels(self, run: ExecutionRun) -> LabelSet:
        """Every judged place of the workspace as it stands now, the hold-out's too."""
        with transaction() as session:
            return labels.keep(session, run.workspace_id)

    def known_labels(self, run: ExecutionRun) -> LabelSet:
        """The places that an agent may know of. A search has them all, so from now on they count as seen."""
        known = self.labels(run).only("tune")
        sent = set(run.feedback_ids)
        self.saw(run, [p for p in known.places if run.agent == "tuner" or sent & set(p.judgements)])
        return known

    def saw(self, run: ExecutionRun, places: Iterable[Place]) -> None:
        """Notes for ever that the agent of this run has had these places."""
        with transaction() as session:
            labels.mark_seen(session, run.workspace_id, places, execution_id=run.id)

    def policy(self, run: ExecutionRun) -> Policy:
        """What the replay lets pass in this workspace."""
        with transaction() as session:
            return labels.replay_policy(session, run.workspace_id)

    def candles(self, dataset_id: str) -> Candles:
        with transaction() as session:
            path = datasets.get(session, uuid.UUID(dataset_id)).storage_path
        return load_array(get_settings().storage_root, path)

    def checkpoint(
        self,
        phase: ExecutionPhase,
        attempt: int,
        key: str,
        text: str,
        details: str | None = None,
        ok: bool = True,
        files_changed: list[str] | None = None,
    ) -> None:
        self.write(f"[{phase}] {text}" + (f": {details}" if details else ""))
        with transaction() as session:
            executions.checkpoint(
                session,
                self.execution_id,
                epoch=self.epoch,
                phase=phase,
                attempt=attempt,
                key=key,
                text=text,
                details=details,
                ok=ok,
                files_changed=files_changed,
            )

    def report(self, phase: ExecutionPhase, attempt: int, fraction: float, task: str) -> None:
        self.check()
        with transaction() as session:
            executions.report(
                session,
                self.execution_id,
                epoch=self.epoch,
                phase=phase,
                attempt=attempt,
                fraction=fraction,
                task=task,
            )

    def work(self, run: ExecutionRun, phase: ExecutionPhase, attempt: int, round_number: int = 0) -> Work:
        """The execution as the agent sees it: without anything that is kept for testing."""
        prompt = storage.get(get_settings().storage_root, run.prompt_file) if run.prompt_file else b"{}"

        def checkpoint(key: str, text: str, details: str | None = None, ok: bool = True) -> None:
            self.checkpoint(phase, attempt, f"{phase}:{round_number}:{key}", text, details, ok)

        return Work(
            execution_id=run.id,
            pattern_type=run.pattern_type,
            name=run.workspace_name,
            is_first=run.is_first,
            worktree=self.worktree,
            prompt=prompt,
            labels=self.known_labels(run),
            policy=self.policy(run),
            refused_params=self.refused_params(),
            sent_ids=frozenset(run.feedback_ids),
            current_params=self.base_params(run),
            candles=self.candles,
            report=lambda fraction, task: self.report(phase, attempt, fraction, task),
            checkpoint=checkpoint,
            cancelled=self.cancelled,
            log=self.write,
            used=self.used,
            spent_usd=self.spent(),
            left_today_usd=self._left_today(run),
        )

    def spent(self) -> float:
        """Dollars that the agent spent on this run so far, on whichever machine."""
        with transaction() as session:
            return executions.spent(session, self.execution_id)

    def _left_today(self, run: ExecutionRun) -> float | None:
        with transaction() as session:
            return holding.left_today(session, run.workspace_id)

    def refused_params(self) -> tuple[Params, ...]:
        """Parameters of this execution's candidates so far; testing refused each of them."""
        with transaction() as session:
            return tuple(deployments.candidate_params(session, self.execution_id))

    def base_params(self, run: ExecutionRun) -> Params | None:
        """The parameters the execution began with: those at its base commit."""
        if run.deployed_version_id is None or run.base_commit is None:
            return None
        return read_params(releases.release(run.base_commit), run.pattern_type)
