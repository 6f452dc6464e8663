"""Runs detector code in its own confined process and hands back checked results.

A `Worker` is one warm process (numpy loaded, see `runner.py`) that forks for each request. What goes wrong inside
becomes a DetectorError with one sentence, a kind and the log; the worker itself survives a failing request.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from services.detectors.frames import Cancel, exchange, pack
from services.detectors.isolation import environment, inside, isolation, isolation_note, worker_command
from services.detectors.outputs import complete_params, parse_detections, parse_spec
from services.detectors.types import CANDLE_DTYPE, Candles, Detection, DetectorSpec, Params
from services.errors import DetectorError, InvalidInput

__all__ = [
    "Cancel", "DetectorRun", "Limits", "TestReport", "Worker", "describe", "isolation", "isolation_note",
    "parse_detections", "run_detector", "run_tests", "warm",
]  # fmt: skip

_START_S = 30.0
_GRACE_S = 5.0  # the worker enforces wall_s itself; this is for a worker that no longer does
_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SAYINGS = {
    "noise": "The detector printed to its output, which only its result may use",
    "timeout": "The detector took too long",
    "memory": "The detector ran out of memory",
    "crash": "The detector crashed",
    "rubbish": "The detector's output can't be used",
    "missing": "The detector is missing",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """For one request: seconds of wall clock and processor, MiB of address space, MiB of output."""

    wall_s: float = 20.0
    cpu_s: int = 20
    memory_mb: int = 1024
    output_mb: int = 32


TEST_LIMITS = Limits(wall_s=120.0, cpu_s=120, memory_mb=2048, output_mb=32)


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """What one run gave: detections ascending by anchor, milliseconds inside detect, and the form of isolation."""

    detections: tuple[Detection, ...]
    run_ms: int
    isolation: str


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the pattern repository's own tests said; `output` is pytest's, its middle cut when it is long."""

    __test__ = False

    passed: bool
    total: int
    failed: int
    duration_s: float
    output: str


def check_pattern_type(pattern_type: str) -> str:
    """A pattern type is a module name: small letters, digits and underscores; InvalidInput otherwise."""
    if not _PATTERN.fullmatch(pattern_type):
        raise InvalidInput(f"{pattern_type[:40]!r} is no pattern type: use small letters, digits and underscores.")
    return pattern_type


def _npy(candles: Candles) -> bytes:
    if candles.dtype != CANDLE_DTYPE:
        raise InvalidInput("The candles don't have the columns time, open, high, low, close, volume.")
    buffer = io.BytesIO()
    np.save(buffer, candles, allow_pickle=False)
    return buffer.getvalue()


class Worker:
    """A warm process for the repository at `root`; use it as a context manager, from one thread at a time.

    It starts on the first request, and again after it was lost. On Linux it ends with the thread that started it.
    """

    def __init__(
        self, root: Path, pattern_type: str | None = None, *, limits: Limits | None = None, form: str | None = None
    ) -> None:
        self.root = root.resolve()
        self.pattern_type = None if pattern_type is None else check_pattern_type(pattern_type)
        self.limits = limits or Limits()
        self.form = form or isolation()
        self.confined = False  # whether the last request's system call filter was in force
        self._process: subprocess.Popen[bytes] | None = None
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
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None
        if self._tmp is not None:
            shutil.rmtree(self._tmp, ignore_errors=True)
            self._tmp = None

    def turn_to(self, pattern_type: str) -> None:
        """From now on requests are for this pattern of the same repository; the process stays, since each request forks."""
        self.pattern_type, self._spec = check_pattern_type(pattern_type), None

    def spec(self, *, cancelled: Cancel | None = None) -> DetectorSpec:
        """What the module declares; asked once per worker."""
        if self._spec is None:
            raw = _value(self.request("describe", cancelled=cancelled)[1])
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
        values = complete_params(spec, params)
        header = {"params": values, "repeat": repeat}
        _, body = self.request("detect", header, _npy(candles), cancelled=cancelled)
        value = _value(body)
        runs = value.pop("runs", None) if isinstance(value, dict) else None
        if not isinstance(runs, list) or len(runs) != repeat or not isinstance(value.get("run_ms"), float):
            raise _replaced()
        return [parse_detections(raw, candles, spec, offset=offset) for raw in runs], value

    def request(
        self, op: str, header: dict[str, Any] | None = None, payload: bytes = b"", *, cancelled: Cancel | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """One exchange; DetectorError unless its status is ok, Cancelled (and the worker gone) when cancelled."""
        limits = self.limits
        full = {"op": op, "root": inside(self.root, self.form), "pattern": self.pattern_type, "wall_s": limits.wall_s}
        full |= {"cpu_s": limits.cpu_s, "memory_mb": limits.memory_mb, "output_mb": limits.output_mb}
        text = json.dumps(full | (header or {})).encode()
        frame = pack(text, payload)
        done = False
        try:
            if self._process is None or self._process.poll() is not None:
                self._start(cancelled)
            answer, body = self._exchange(frame, limits.wall_s + _GRACE_S, cancelled)
            done = True
        finally:
            if not done:
                self.close()
        status, detail, log = answer["status"], answer.get("detail", ""), answer.get("log", "")
        self.confined = bool(answer.get("confined"))
        if status != "ok":
            status = status if status in _SAYINGS else "crash"
            raise DetectorError(f"{_SAYINGS[status]}: {detail.rstrip('.')}.", kind=status, log=log)
        return answer, body

    def _start(self, cancelled: Cancel | None) -> None:
        self.close()
        if not self.root.is_dir():
            raise DetectorError("The detector is missing: its release folder isn't there.", kind="missing")
        if self.form == "reduced":  # bubblewrap gives its own, which ends with it
            self._tmp = tempfile.mkdtemp(prefix="patterndesk-detector-")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._process = subprocess.Popen(
            worker_command(self.root, self.form),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment(self._tmp or "/tmp"),
            cwd=self._tmp or "/",
            start_new_session=True,
            bufsize=0,
        )
        self._exchange(b"", _START_S, cancelled)

    def _exchange(self, frame: bytes, seconds: float, cancelled: Cancel | None) -> tuple[dict[str, Any], bytes]:
        assert self._process is not None
        largest = (self.limits.output_mb << 20) + (1 << 20)
        try:
            return exchange(self._process, frame, seconds=seconds, largest=largest, cancelled=cancelled)
        except EOFError as error:
            raise self._lost() from error

    def _lost(self) -> DetectorError:
        assert self._stderr is not None
        self._stderr.seek(0)
        log = self._stderr.read(64 << 10).decode("utf-8", "replace")
        return DetectorError("The detector crashed: its process is gone.", kind="crash", log=log)


def _replaced() -> DetectorError:
    return DetectorError("The detector's output can't be used: it replaced the runner's answer.", kind="rubbish")


def _value(body: bytes) -> Any:
    """Detector code shares its process with the runner's last steps, so even the answer's form is checked."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _replaced() from error


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


def run_tests(
    root: Path,
    pattern_type: str | None = None,
    *,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
) -> TestReport:
    """The repository's tests (or those of one pattern) by pytest, in the sandbox.

    Tests that time out, crash or aren't there are a report that didn't pass, not an error.
    """
    targets = ["tests"] if pattern_type is None else [f"tests/test_{check_pattern_type(pattern_type)}.py"]
    started = time.monotonic()
    if not (root / targets[0]).exists():
        return TestReport(False, 0, 0, 0.0, f"There is no {targets[0]} in the pattern repository.")
    with Worker(root, limits=limits or TEST_LIMITS, form=form) as worker:
        try:
            answer, body = worker.request("test", {"targets": targets}, cancelled=cancelled)
        except DetectorError as error:
            return TestReport(False, 0, 0, time.monotonic() - started, f"{error}\n{error.log}".rstrip())
    value = _value(body)
    if not isinstance(value, dict) or not all(isinstance(value.get(k), int) for k in ("status", "total", "failed")):
        raise _replaced()
    total, failed = value["total"], value["failed"]
    passed = value["status"] == 0 and failed == 0 and total > 0
    return TestReport(passed, total, failed, time.monotonic() - started, answer["log"])
