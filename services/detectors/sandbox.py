"""Runs detector code in its own confined process and hands back checked results.

A `Worker` is one warm process (numpy loaded, see `runner.py`) that forks for each request. What goes wrong inside
becomes a DetectorError with one sentence, a kind and the log; the worker itself survives a failing request.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from services.detectors import shipped
from services.detectors.answers import Answer, judge_answer, read_value
from services.detectors.frames import Cancel, exchange, files_for
from services.detectors.isolation import environment, isolation, isolation_note, state, worker_command
from services.detectors.outputs import complete_params, parse_detections, parse_spec
from services.detectors.types import CANDLE_DTYPE, Candles, Detection, DetectorSpec, Params, check_pattern_type
from services.errors import DetectorError, InvalidInput
from services.settings import get_settings

__all__ = [
    "Cancel",
    "DetectorRun",
    "Limits",
    "Worker",
    "check_pattern_type",
    "describe",
    "isolation",
    "isolation_note",
    "parse_detections",
    "run_detector",
    "warm",
]

_START_S = 30.0
_GRACE_S = 5.0  # the worker enforces wall_s itself; this is for a worker that no longer does


@dataclass(frozen=True, slots=True)
class Limits:
    """For one request: seconds of wall clock and processor, MiB of address space, MiB of output."""

    wall_s: float = 20.0
    cpu_s: int = 20
    memory_mb: int = 1024
    output_mb: int = 16


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """What one run gave: detections ascending by anchor, milliseconds inside detect, and the form of isolation."""

    detections: tuple[Detection, ...]
    run_ms: int
    isolation: str


def _npy(candles: Candles) -> bytes:
    if candles.dtype != CANDLE_DTYPE:
        raise InvalidInput("The candles don't have the columns time, open, high, low, close, volume.")
    buffer = io.BytesIO()
    np.save(buffer, candles, allow_pickle=False)
    return buffer.getvalue()


class Worker:
    """A warm process for the repository at `root`; use it as a context manager, from one thread at a time.

    It starts on the first request, and again after it was lost. On Linux it ends with the thread that started it.
    `for_tests` gives it a folder to write into. In the reduced form it refuses code that doesn't ship with the app,
    unless a setting allows it.
    """

    def __init__(
        self,
        root: Path,
        pattern_type: str | None = None,
        *,
        limits: Limits | None = None,
        form: str | None = None,
        for_tests: bool = False,
    ) -> None:
        self.root = root.resolve()
        self.pattern_type = None if pattern_type is None else check_pattern_type(pattern_type)
        self.limits = limits or Limits()
        self.form = form or isolation()
        self.for_tests = for_tests
        self._permitted: set[str | None] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._stderr: io.BufferedRandom | None = None
        self._tmp: str | None = None
        self._spec: DetectorSpec | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker and all that it started, and remove its temporary folder."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (self._link, self._stderr):
            if stream is not None:
                stream.close()
        self._link = self._stderr = None
        if self._tmp is not None:
            shutil.rmtree(self._tmp, ignore_errors=True)
            self._tmp = None

    def turn_to(self, pattern_type: str) -> None:
        """From now on requests are for this pattern of the same repository; the process stays, since each request forks."""
        self.pattern_type, self._spec = check_pattern_type(pattern_type), None

    def spec(self, *, cancelled: Cancel | None = None) -> DetectorSpec:
        """What the module declares; asked once per worker."""
        if self._spec is None:
            raw = read_value(self.request("describe", cancelled=cancelled).body)
            self._spec = parse_spec(raw, self.pattern_type or "")
        return self._spec

    def detect(
        self, candles: Candles, params: Params, *, offset: int = 0, cancelled: Cancel | None = None
    ) -> DetectorRun:
        """Run detect once. `offset` is the dataset index of the first candle; missing parameters take defaults."""
        runs, value = self.detect_repeated(candles, params, 1, offset=offset, cancelled=cancelled)
        return DetectorRun(runs[0], round(value["run_ms"]), self.form)

    def detect_repeated(
        self, candles: Candles, params: Params, repeat: int, *, offset: int = 0, cancelled: Cancel | None = None
    ) -> tuple[list[tuple[Detection, ...]], dict[str, Any]]:
        """Run detect `repeat` times in one process on the same array; the results, and {mutated, run_ms}."""
        spec = self.spec(cancelled=cancelled)
        runs, value = self.raw_runs(candles, complete_params(spec, params), repeat=repeat, cancelled=cancelled)
        return [parse_detections(raw, candles, spec, offset=offset) for raw in runs], value

    def raw_runs(
        self, candles: Candles, values: Params, *, repeat: int = 1, cancelled: Cancel | None = None
    ) -> tuple[list[Any], dict[str, Any]]:
        """What detect gave with exactly these parameter values, not checked yet, and {mutated, run_ms, cpu_s}."""
        header = {"params": dict(values), "repeat": repeat}
        answer = self.request("detect", header, _npy(candles), cancelled=cancelled)
        value = read_value(answer.body)
        runs = value.pop("runs", None) if isinstance(value, dict) else None
        if not isinstance(runs, list) or len(runs) != repeat or not isinstance(value.get("run_ms"), float):
            raise DetectorError("The detector's output can't be used: it replaced the runner's answer.", kind="rubbish")
        return runs, value | {"cpu_s": answer.cpu_s}

    def request(
        self, op: str, header: dict[str, Any] | None = None, payload: bytes = b"", *, cancelled: Cancel | None = None
    ) -> Answer:
        """One exchange; DetectorError unless its status is ok, Cancelled (and the worker gone) when cancelled."""
        self._refuse_strange_code()
        limits = self.limits
        full = {"op": op, "pattern": self.pattern_type, "wall_s": limits.wall_s, "cpu_s": limits.cpu_s}
        full |= {"memory_mb": limits.memory_mb, "output_mb": limits.output_mb}
        line = json.dumps(full | (header or {})).encode() + b"\n"
        done = False
        with files_for(payload) as files:
            try:
                if self._process is None or self._process.poll() is not None:
                    self._start(cancelled)
                ended = self._exchange(line, files.all(), limits.wall_s + _GRACE_S, cancelled)
                done = True
            finally:
                if not done:
                    self.close()
            return judge_answer(ended, files, limits.output_mb, limits.wall_s, limits.cpu_s, testing=op == "test")

    def _start(self, cancelled: Cancel | None) -> None:
        self.close()
        if not self.root.is_dir():
            raise DetectorError("The detector is missing: its release folder isn't there.", kind="missing")
        if self.form == "reduced":
            self._tmp = tempfile.mkdtemp(prefix="patterndesk-detector-")  # bubblewrap gives its own
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        ours, theirs = socket.socketpair()
        with theirs:
            self._link = ours
            self._process = subprocess.Popen(
                worker_command(self.root, self.form, tmp=self._tmp or "/tmp", writable=self.for_tests),
                stdin=theirs.fileno(),
                stdout=self._stderr,
                stderr=self._stderr,
                env=environment(self._tmp or "/tmp"),
                cwd=self._tmp or "/",
                start_new_session=True,
            )
        self._exchange(b"", (), _START_S, cancelled)

    def _refuse_strange_code(self) -> None:
        """The reduced form runs what ships with the app; other code only where an admin allows it."""
        if self.form != "reduced" or self.pattern_type in self._permitted:
            return
        now = state()
        if get_settings().allow_reduced_isolation or (
            not self.for_tests and shipped.is_shipped(self.root, self.pattern_type)
        ):
            self._permitted.add(self.pattern_type)
            return
        sentence = (
            f"The detector may not run here: isolation is reduced because {now.reason or 'this form was asked for'}. "
            "Install bubblewrap, or let an admin set ALLOW_REDUCED_ISOLATION=true."
        )
        raise DetectorError(sentence, kind="isolation")

    def _exchange(
        self, line: bytes, files: tuple[int, ...], seconds: float, cancelled: Cancel | None
    ) -> dict[str, Any]:
        assert self._link is not None
        try:
            return exchange(self._link, line, files, seconds=seconds, cancelled=cancelled)
        except EOFError as error:
            raise self._lost() from error

    def _lost(self) -> DetectorError:
        assert self._stderr is not None
        self._stderr.seek(0)
        log = self._stderr.read(64 << 10).decode("utf-8", "replace")
        return DetectorError("The detector crashed: its process is gone.", kind="crash", log=log)


@contextlib.contextmanager
def warm(root: Path, pattern_type: str, *, limits: Limits | None = None, form: str | None = None) -> Iterator[Worker]:
    """A warm worker for many runs of one detector; it is killed on leaving. `form` overrides `isolation()`."""
    with Worker(root, pattern_type, limits=limits, form=form) as worker:
        yield worker


def describe(
    root: Path,
    pattern_type: str,
    *,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
) -> DetectorSpec:
    """What `<root>/detectors/<pattern_type>.py` declares; DetectorError of kind missing when it isn't there."""
    with warm(root, pattern_type, limits=limits, form=form) as worker:
        return worker.spec(cancelled=cancelled)


def run_detector(
    root: Path,
    pattern_type: str,
    candles: Candles,
    params: Params,
    *,
    offset: int = 0,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
) -> DetectorRun:
    """One run in a fresh worker (a cold start; use `warm` for many). Raises DetectorError or Cancelled."""
    with warm(root, pattern_type, limits=limits, form=form) as worker:
        return worker.detect(candles, params, offset=offset, cancelled=cancelled)
