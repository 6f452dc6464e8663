"""The warm worker inside the sandbox. Run by file path: `python -I -S -B runner.py PARENT_PID PATH...`.

It imports numpy once and then forks for each request, so that detector code only ever runs in a child that has
confined itself (`confine.py`), lives for one request and never sees another request's candles. Requests come on
stdin and answers go to stdout, both as frames: two big-endian 32-bit lengths, a JSON header, a payload.

Request header: op (describe, detect, test), root, pattern, params, repeat, wall_s, cpu_s, memory_mb, output_mb.
Its payload for detect: the candles as `.npy`. Answer header: status (ok, noise, timeout, memory, crash, rubbish,
missing), detail, log, confined; its payload is the result as JSON. Standard library and numpy only (pytest for tests).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
from typing import IO, Any

# What detectors usually import, loaded before the fork.
WARM = ("numpy", "numpy.lib.stride_tricks", "collections", "dataclasses", "enum", "functools", "itertools", "math")
LOG_BYTES = 64 << 10
TOO_MUCH_MEMORY = {"status": "memory", "detail": "it asked for more memory than it may use"}


def read_exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError
    return data


def read_frame(source: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """One frame; EOFError at the end of the stream."""
    head, body = struct.unpack(">II", read_exactly(source, 8))
    return json.loads(read_exactly(source, head)), read_exactly(source, body)


def write_frame(target: IO[bytes], header: dict[str, Any], payload: bytes) -> None:
    text = json.dumps(header).encode()
    target.write(struct.pack(">II", len(text), len(payload)) + text + payload)
    target.flush()


class Refused(Exception):
    """The request ends with this status; the text is the detail."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def plain(value: Any) -> Any:
    """numpy scalars as JSON; anything else that JSON can't hold is rubbish."""
    import numpy as np

    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} can't be passed on")


def neighbour(name: str) -> Any:
    """A module beside this file, loaded without putting this folder on the path (it holds a `types.py`)."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(root: str, pattern: str) -> Any:
    sys.path.insert(0, root)
    if not os.path.isfile(os.path.join(root, "detectors", pattern + ".py")):
        raise Refused("missing", f"there is no detectors/{pattern}.py")
    module = importlib.import_module(f"detectors.{pattern}")
    for name in ("SPEC", "detect"):
        if not hasattr(module, name):
            raise Refused("missing", f"detectors/{pattern}.py has no {name}")
    return module


def run_describe(request: dict[str, Any], _payload: bytes) -> Any:
    return load(request["root"], request["pattern"]).SPEC


def run_detect(request: dict[str, Any], payload: bytes) -> Any:
    """Calls detect `repeat` times on the same array and says whether the array or a result changed."""
    import numpy as np

    detect = load(request["root"], request["pattern"]).detect
    candles = np.load(io.BytesIO(payload), allow_pickle=False)
    before, params, runs = candles.tobytes(), request["params"], []
    started = time.perf_counter()
    for _ in range(request.get("repeat", 1)):
        found = detect(candles, json.loads(json.dumps(params)))
        if not isinstance(found, list):
            raise Refused("rubbish", f"detect returned {type(found).__name__}, not a list")
        runs.append(found)
    run_ms = (time.perf_counter() - started) * 1000 / len(runs)
    return {"runs": runs, "mutated": candles.tobytes() != before, "run_ms": run_ms}


def run_test(request: dict[str, Any], _payload: bytes) -> Any:
    """pytest in this process, without plugins from outside and without leaving files behind."""
    import pytest

    class Counter:
        """Counts tests by outcome; a failing set-up or a broken file counts as a failure."""

        def __init__(self) -> None:
            self.outcomes: dict[str, str] = {}

        def pytest_runtest_logreport(self, report: Any) -> None:
            counts = report.when == "call" or report.outcome != "passed"
            if counts and self.outcomes.get(report.nodeid) != "failed":
                self.outcomes[report.nodeid] = report.outcome

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                self.outcomes[report.nodeid] = "failed"

    root, counter = request["root"], Counter()
    os.chdir(root)
    sys.path.insert(0, root)
    config = os.path.join(root, "pytest.ini")
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", root, "--color=no"]
    options += ["-c", config if os.path.isfile(config) else os.devnull]
    status = int(pytest.main([*options, *request["targets"]], plugins=[counter]))
    failed = sum(outcome == "failed" for outcome in counter.outcomes.values())
    return {"status": status, "total": len(counter.outcomes), "failed": failed}


OPERATIONS = {"describe": run_describe, "detect": run_detect, "test": run_test}


def perform(request: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """Runs the operation; whatever happens in detector code becomes a status and a detail."""
    try:
        return {"status": "ok", "value": OPERATIONS[request["op"]](request, payload)}
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Refused as refused:
        return {"status": refused.status, "detail": str(refused)}
    except BaseException as error:  # a detector's SystemExit is a crash too
        with contextlib.suppress(Exception):
            traceback.print_exc()
        return {"status": "crash", "detail": f"{type(error).__name__}: {error}"[:500]}


def as_text(answer: dict[str, Any]) -> bytes:
    """A line with the status and detail, then the value: the worker passes the value on without reading it."""
    value = answer.pop("value", None)
    try:
        body = json.dumps(value, default=plain).encode()
    except MemoryError:
        answer, body = dict(TOO_MUCH_MEMORY), b""
    except (TypeError, ValueError, RecursionError) as error:
        answer, body = {"status": "rubbish", "detail": f"the result is no plain data: {error}"[:500]}, b""
    return json.dumps(answer).encode() + b"\n" + body


def child(request: dict[str, Any], payload: bytes, files: tuple[IO[bytes], ...], confine: Any) -> None:
    """Confines this process, runs one request and leaves what came of it in the first file. Never returns."""
    result, out, err = files
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    confined = confine.apply(
        cpu_s=request["cpu_s"],
        memory_mb=request["memory_mb"],
        file_mb=request["output_mb"],
        writing=request["op"] == "test",
    )
    answer = perform(request, payload)
    text = as_text(answer | {"confined": confined})
    try:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        result.write(text)
        result.flush()
    except OSError:
        os._exit(3)  # more output than allowed
    os._exit(0)


def wait(pid: int, seconds: float) -> int | None:
    """The child's wait status, or None when the time is over (the child still runs then)."""
    deadline = time.monotonic() + seconds
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
            try:
                select.select([handle], [], [], seconds)
            finally:
                os.close(handle)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def tail(source: IO[bytes]) -> str:
    """The text of a captured stream, its middle left out when it is long."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if size <= LOG_BYTES:
        return source.read().decode("utf-8", "replace")
    first = source.read(LOG_BYTES // 2)
    source.seek(-(LOG_BYTES // 2), os.SEEK_END)
    return (first + b"\n... (cut) ...\n" + source.read()).decode("utf-8", "replace")


def judge(request: dict[str, Any], status: int | None, line: bytes) -> dict[str, Any]:
    """What came of a child: its own answer, or why it has none."""
    if status is None:
        return {"status": "timeout", "detail": f"it was not done after {request['wall_s']:g} s"}
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return {"status": "timeout", "detail": f"it used more than {request['cpu_s']} s of processor time"}
    if code in (3, -signal.SIGXFSZ):
        return {"status": "rubbish", "detail": f"it gave out more than {request['output_mb']} MB"}
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if code != 0 or not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"status": "crash", "detail": f"its process ended with {how} and left no result"}
    return answer


def handle(request: dict[str, Any], payload: bytes, secret_fds: tuple[int, ...], confine: Any) -> tuple[Any, bytes]:
    """Forks, waits, and turns what the child left into an answer frame."""
    with contextlib.ExitStack() as stack:
        result, out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            for fd in secret_fds:
                os.close(fd)
            confine.die_with_parent(parent)
            child(request, payload, (result, out, err), confine)
        status = wait(pid, request["wall_s"])
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        result.seek(0)
        answer = judge(request, status, result.readline())
        value = result.read() if answer["status"] == "ok" else b""
        noise, log = tail(out), tail(err)
    if answer["status"] == "ok" and request["op"] != "test" and noise:
        answer = {"status": "noise", "detail": f"it printed {noise[:80]!r}"}
    header = {"status": answer["status"], "detail": str(answer.get("detail", "")), "log": noise + log}
    header["confined"] = bool(answer.get("confined"))
    return header, value


def main() -> None:
    sys.path[:0] = sys.argv[2:]
    confine = neighbour("confine")
    if sys.argv[1] != "0":
        confine.die_with_parent(int(sys.argv[1]))
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_RDONLY)
    os.dup2(quiet, 0)
    os.dup2(2, 1)
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # a child's garbage collection then doesn't copy these pages

    confine.hide_memory()
    write_frame(answers, {"status": "ready"}, b"")
    with contextlib.suppress(EOFError):
        while True:
            header, payload = read_frame(requests)
            write_frame(answers, *handle(header, payload, (requests.fileno(), answers.fileno()), confine))


if __name__ == "__main__":
    main()
