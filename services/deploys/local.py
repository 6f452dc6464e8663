"""The local deploy: a release folder of the commit, checked and smoke-tested, then an atomic switch for its pattern.

What a deploy came to is a small file beside the releases, written whole or not at all, so that a deploy can be found
again after a kill and goes on from the start of its build.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from services import releases
from services.deploys.protocol import Deployment, DeployRequest, DeployTargetError
from services.detectors.bundle import parsed, patterns, read_params, unreadable
from services.detectors.sandbox import warm
from services.detectors.types import CANDLE_DTYPE, Candles
from services.errors import Cancelled, NotFound, PatternDeskError, RepositoryError, StaleEpoch
from services.lifecycle import DeployStatus
from services.settings import get_settings

KEEP = 10  # releases that no pattern points at
IN_USE_S = 3600.0  # since its last use: a run or a session may still work with it
_PROVIDED = {"numpy"}  # beside the standard library; what the sandbox gives a detector


class LocalDeployer:
    """Deploys to this machine. Goes through the same states and logs as a remote target."""

    name = "local"

    def create(self, request: DeployRequest, *, cancelled: Callable[[], bool] | None = None) -> Deployment:
        """Queues a deploy; the same request again finds the one that is there."""
        deployment_id = f"local-{request.execution_id}-{request.attempt}-{request.commit_hash[:12]}"
        if not self._file(deployment_id).exists():
            self._save(request, Deployment(deployment_id, DeployStatus.QUEUED, "QUEUED", ""))
        return self._load(deployment_id)[1]

    def follow(self, deployment_id: str, *, cancelled: Callable[[], bool] | None = None) -> Iterator[Deployment]:
        """Builds the release, yielding each state as it is reached; ends with ready, error or canceled."""
        request, state = self._load(deployment_id)
        if state.ended:
            yield state
            return
        log = _Log()
        log.line(f"Deploying {request.commit_hash[:12]} for {request.pattern_type} as v{request.version}")
        yield self._save(request, Deployment(deployment_id, DeployStatus.BUILDING, "BUILDING", log.text))
        try:
            for step in (self._checkout, self._check_imports, self._smoke):
                if cancelled and cancelled():
                    raise Cancelled("The deploy was canceled.")
                step(request, log, cancelled)
                yield self._save(request, Deployment(deployment_id, DeployStatus.BUILDING, "BUILDING", log.text))
            target = releases.switch(request.pattern_type, request.commit_hash)
        except StaleEpoch:
            raise
        except PatternDeskError as error:
            yield self._stopped(request, deployment_id, log, error)
            return
        except OSError as error:
            yield self._stopped(request, deployment_id, log, _unwritable("the release", error))
            return
        log.line(f"Switched {request.pattern_type} to {request.commit_hash[:12]}")
        self._prune(log)
        yield self._save(
            request, Deployment(deployment_id, DeployStatus.READY, "READY", log.text, url=f"local:{target.name}")
        )

    def _stopped(self, request: DeployRequest, deployment_id: str, log: _Log, error: PatternDeskError) -> Deployment:
        """A deploy that did not come to its end. The pattern runs what it ran before it, also after a kill."""
        previous = self._previous(deployment_id)
        if releases.current_commit(request.pattern_type) != previous:
            releases.put_back(request.pattern_type, previous)
        log.line(str(error) if isinstance(error, Cancelled) else f"Failed: {error}")
        if isinstance(error, Cancelled):
            return self._save(request, Deployment(deployment_id, DeployStatus.CANCELED, "CANCELED", log.text))
        # The change is not to blame when the release can't be written or the repository can't be read.
        of_the_machine = isinstance(error, DeployTargetError | RepositoryError)
        failure = "target.unavailable" if of_the_machine else "deploy.failed"
        return self._save(
            request,
            Deployment(deployment_id, DeployStatus.ERROR, "ERROR", log.text, error=str(error), failure=failure),
        )

    def cancel(self, deployment_id: str) -> Deployment:
        """Ends a deploy that has not ended; one that has is read again."""
        request, state = self._load(deployment_id)
        if state.ended:
            return state
        return self._save(request, Deployment(deployment_id, DeployStatus.CANCELED, "CANCELED", state.logs))

    def roll_back(self, pattern_type: str, commit_hash: str | None) -> Deployment:
        """Points the pattern at an earlier commit, or at none when it had none."""
        releases.put_back(pattern_type, commit_hash)
        where = commit_hash or "nothing"
        return Deployment(f"rollback-{where[:12]}", DeployStatus.READY, "READY", f"Switched to {where}")

    def _checkout(self, request: DeployRequest, log: _Log, cancelled: Callable[[], bool] | None) -> None:
        target = releases.release(request.commit_hash)
        log.line(f"Release folder {target.name[:12]} with {sum(1 for _ in target.rglob('*.py'))} Python files")

    def _check_imports(self, request: DeployRequest, log: _Log, cancelled: Callable[[], bool] | None) -> None:
        target = releases.release(request.commit_hash)
        for file in sorted((target / "detectors").glob("*.py")):
            for name in _imported(file):
                if name not in sys.stdlib_module_names and name not in _PROVIDED and name != "detectors":
                    raise PatternDeskError(f"{file.name} imports {name}, which detectors don't have.")
        log.line("Dependencies: the standard library and numpy alone")

    def _smoke(self, request: DeployRequest, log: _Log, cancelled: Callable[[], bool] | None) -> None:
        target = releases.release(request.commit_hash)
        candles = _smoke_candles()
        with warm(target, request.pattern_type) as worker:
            for pattern in patterns(target):
                worker.turn_to(pattern)
                spec = worker.spec(cancelled=cancelled)
                params = read_params(target, pattern) or spec.defaults()
                run = worker.detect(candles, params, cancelled=cancelled)
                log.line(f"Smoke test {pattern}: {len(run.detections)} detections in {run.run_ms} ms ({run.isolation})")

    def _prune(self, log: _Log) -> None:
        """Keeps what a pattern points at, the newest others, and what a run or a session used just now.

        Sessions make an older one again when they need it. What can't be removed stays for the next deploy.
        """
        pointed = {p.resolve().name for p in releases.pointer("x").parent.iterdir() if p.is_symlink()}
        others: list[tuple[float, Path]] = []
        for folder in releases.releases_dir().iterdir():
            with contextlib.suppress(OSError):  # another deploy removed it just now
                if folder.is_dir() and folder.name not in pointed and not folder.name.startswith("."):
                    others.append((folder.stat().st_mtime, folder))
        unused = [(at, folder) for at, folder in sorted(others, reverse=True)[KEEP:] if time.time() - at > IN_USE_S]
        for _, old in unused:
            aside = old.with_name(f".{old.name}.{uuid.uuid4().hex}")  # so that nobody meets half of it
            with contextlib.suppress(OSError):
                old.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
                log.line(f"Removed the old release {old.name[:12]}")

    def _file(self, deployment_id: str) -> Path:
        if not all(c.isalnum() or c == "-" for c in deployment_id):
            raise NotFound("There is no such deployment.", failure="target.refused")
        return get_settings().data_dir / "deploys" / f"{deployment_id}.json"

    def _load(self, deployment_id: str) -> tuple[DeployRequest, Deployment]:
        try:
            raw = json.loads(self._file(deployment_id).read_text())
        except FileNotFoundError as error:
            raise NotFound("There is no such deployment.", failure="target.refused") from error
        request = raw["request"] | {"execution_id": uuid.UUID(raw["request"]["execution_id"])}
        known = {f.name for f in fields(Deployment)}  # an earlier release of the app wrote others too
        state = {name: value for name, value in raw["deployment"].items() if name in known}
        state["status"] = DeployStatus(state["status"])
        return DeployRequest(**request), Deployment(**state)

    def _previous(self, deployment_id: str) -> str | None:
        """The commit that the pattern ran when the deploy was created."""
        previous: str | None = json.loads(self._file(deployment_id).read_text()).get("previous")
        return previous

    def _save(self, request: DeployRequest, deployment: Deployment) -> Deployment:
        file = self._file(deployment.id)
        before = self._previous(deployment.id) if file.exists() else releases.current_commit(request.pattern_type)
        content = {"request": asdict(request) | {"execution_id": str(request.execution_id)}, "previous": before}
        fresh = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(content | {"deployment": asdict(deployment)}))
            os.replace(fresh, file)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise _unwritable("how the deploy stands", error) from error
        return deployment


def test() -> str:
    """Whether a release could be written here. Raises DeployTargetError."""
    folder = releases.releases_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable("a release", error) from error
    return "Releases can be written to this machine."


def _unwritable(what: str, error: OSError) -> DeployTargetError:
    reason = error.strerror or type(error).__name__
    return DeployTargetError(f"This machine can't write {what}: {reason}.", failure="target.unavailable")


class _Log:
    def __init__(self) -> None:
        self.text = ""
        self._start = time.monotonic()

    def line(self, text: str) -> None:
        at = datetime.now(UTC).strftime("%H:%M:%S")
        self.text += f"{at} +{time.monotonic() - self._start:6.2f}s {text}\n"


def _imported(file: Path) -> set[str]:
    """Names of the modules that a file imports. Raises PatternDeskError when it is no Python."""
    try:
        tree = parsed(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise PatternDeskError(unreadable(file.name, error)) from error
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def _smoke_candles() -> Candles:
    """400 bars of a seeded random walk; enough for every starter to find something."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, 400)))
    open_ = np.concatenate([[100.0], close[:-1]])
    candles = np.zeros(400, dtype=CANDLE_DTYPE)
    candles["time"] = np.arange(400) * 86_400
    candles["open"], candles["close"] = open_, close
    candles["high"] = np.maximum(open_, close) * (1 + rng.uniform(0, 0.01, 400))
    candles["low"] = np.minimum(open_, close) * (1 - rng.uniform(0, 0.01, 400))
    candles["volume"] = 1000.0
    return candles
