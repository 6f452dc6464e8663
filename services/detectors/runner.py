"""The warm worker inside the sandbox. Run by file path: `python -I -S -B runner.py SETUP`, a socket as standard input.

It imports numpy once and then forks for each request, so that detector code only ever runs in a child that has
confined itself (`confine.py`), lives for one request and never sees another request's candles. SETUP is JSON: parent
(the process to end with, or 0), libraries (folders for sys.path), read (paths that detectors may read), root (the
repository), writable (the folder that tests may write into).

A request is one line of JSON on the socket: op (describe, detect, test), pattern, params, repeat, file, wall_s, cpu_s,
memory_mb, output_mb; with it come open files: what it works on (the candles as `.npy`, or JSON), its result, output, log and proofs.
The answer is a line with the child's exit code, or late. All that a request brings and leaves stays in these files,
which the app made and reads: this process never holds any of it, so nothing passes from one child to the next.
Standard library and numpy only (pytest for tests).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import io
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any

# What detectors usually import, loaded before the fork.
WARM = ("numpy", "numpy.lib.stride_tricks", "numpy.typing", "collections", "dataclasses", "enum", "functools",
        "itertools", "math", "typing", "datetime", "bisect")  # fmt: skip
TOO_MUCH_MEMORY = {"status": "memory", "detail": "it asked for more memory than it may use"}
TOO_LARGE, UNCONFINED = 3, 98  # exit codes of a child
FILES = 5
COMPILED: dict[str, tuple[bytes, Any]] = {}


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


class Loader(importlib.machinery.SourceFileLoader):
    """Takes a file's code from COMPILED when its text is still the one that was compiled."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        if path in COMPILED and COMPILED[path][0] == self.get_data(path):
            return COMPILED[path][1]
        return super().get_code(fullname)


def compile_repository(root: str) -> None:
    """Compiles the detectors once, without running them: it is most of what a request on few candles costs."""
    folder = os.path.join(root, "detectors")
    for name in sorted(os.listdir(folder))[:200] if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if name.endswith(".py") and os.path.isfile(path) and os.path.getsize(path) < 200_000:
            with contextlib.suppress(Exception), open(path, "rb") as file:
                text = file.read()
                COMPILED[path] = text, compile(text, path, "exec", dont_inherit=True)
    find = importlib.machinery.FileFinder.path_hook((Loader, [".py"]))

    def hook(path: str) -> Any:
        if path != folder:
            raise ImportError
        return find(path)

    sys.path_hooks.insert(0, hook)


def load(root: str, pattern: str) -> Any:
    sys.path.insert(0, root)
    if not os.path.isfile(os.path.join(root, "detectors", pattern + ".py")):
        raise Refused("missing", f"there is no detectors/{pattern}.py")
    module = importlib.import_module(f"detectors.{pattern}")
    for name in ("SPEC", "detect"):
        if not hasattr(module, name):
            raise Refused("missing", f"detectors/{pattern}.py has no {name}")
    return module


def run_describe(request: dict[str, Any], root: str, _given: bytes) -> Any:
    return load(root, request["pattern"]).SPEC


def run_detect(request: dict[str, Any], root: str, given: bytes) -> Any:
    """Calls detect `repeat` times on the same array and says whether the array or a result changed."""
    import numpy as np

    detect = load(root, request["pattern"]).detect
    candles = np.load(io.BytesIO(given), allow_pickle=False)
    before, params, runs = candles.tobytes(), json.dumps(request["params"]), []
    started = time.perf_counter()
    for _ in range(request["repeat"]):
        found = detect(candles, json.loads(params))
        if not isinstance(found, list):
            raise Refused("rubbish", f"detect returned {type(found).__name__}, not a list")
        runs.append(found)
    run_ms = (time.perf_counter() - started) * 1000 / len(runs)
    return {"runs": runs, "mutated": candles.tobytes() != before, "run_ms": run_ms}


def perform(request: dict[str, Any], root: str, given: bytes, operations: dict[str, Any]) -> dict[str, Any]:
    """Runs the operation; whatever happens in detector code becomes a status and a detail."""
    try:
        return {"status": "ok", "value": operations[request["op"]](request, root, given)}
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Refused as refused:
        return {"status": refused.status, "detail": str(refused)}
    except BaseException as error:  # a detector's SystemExit is a crash too
        with contextlib.suppress(Exception):
            traceback.print_exc()
        with contextlib.suppress(Exception):
            return {"status": "crash", "detail": f"{type(error).__name__}: {error}"[:500]}
        return {"status": "crash", "detail": type(error).__name__}


def as_text(answer: dict[str, Any]) -> bytes:
    """A line with the status and detail, then the value."""
    value = answer.pop("value", None)
    try:
        body = json.dumps(value, default=plain).encode()
    except MemoryError:
        answer, body = dict(TOO_MUCH_MEMORY), b""
    except (TypeError, ValueError, RecursionError) as error:
        answer, body = {"status": "rubbish", "detail": f"the result is no plain data: {error}"[:500]}, b""
    return json.dumps(answer).encode() + b"\n" + body


class Inside:
    """The worker's own parts, loaded before anything that isn't ours."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.confine, self.calls, self.tests = map(neighbour, ("confine", "calls", "inside_tests"))
        self.operations = {"describe": run_describe, "detect": run_detect, "test": self.tests.run_test}

    def child(self, request: dict[str, Any], files: list[int]) -> None:
        """Confines this process, runs one request and leaves what came of it in the files. Never returns."""
        given, result, out, err, proofs = files
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        testing = request["op"] == "test"
        kept = (given, result, proofs) if testing else (given, result)
        self.confine.keep_only(kept)
        if testing:
            self.tests.prepare(request, proofs)
        confined = self.confine.apply(
            self.calls,
            cpu_s=request["cpu_s"],
            memory_mb=request["memory_mb"],
            file_mb=request["output_mb"],
            read=self.setup["read"],
            write=[self.setup["writable"], os.devnull] if testing else None,
        )
        if not confined and not self.setup["unfiltered"]:
            os._exit(UNCONFINED)
        with open(given, "rb") as source:
            source.seek(0)
            content = source.read()
        text = as_text(perform(request, self.setup["root"], content, self.operations))
        try:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            view = memoryview(text)
            while view:
                view = view[os.write(result, view) :]
        except OSError:
            os._exit(TOO_LARGE)  # more output than allowed
        os._exit(0)

    def handle(self, request: dict[str, Any], files: list[int], socket_fd: int) -> dict[str, float | bool]:
        """Forks, waits, and says how the child ended."""
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(socket_fd)
            self.confine.die_with_parent(parent)
            self.child(request, files)
        ended = wait(pid, request["wall_s"])
        if ended is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"late": True}
        return {"code": os.waitstatus_to_exitcode(ended[0]), "cpu_s": round(ended[1], 4)}


def wait(pid: int, seconds: float) -> tuple[int, float] | None:
    """The child's wait status and processor seconds, or None when the time is over (the child still runs then)."""
    deadline = time.monotonic() + seconds
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
            try:
                select.select([handle], [], [], seconds)
            finally:
                os.close(handle)
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            return status, used.ru_utime + used.ru_stime
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.002)


def receive(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next request and its files; EOFError when the app is gone."""
    line = b""
    files: list[int] = []
    while not line.endswith(b"\n"):
        part, more, _flags, _address = socket.recv_fds(link, 1 << 16, FILES)
        if not part:
            raise EOFError
        line, files = line + part, files + more
    return json.loads(line), files


def main() -> None:
    setup = json.loads(sys.argv[1])
    sys.path[:0] = setup["libraries"]
    inside = Inside(setup)
    if setup["parent"]:
        inside.confine.die_with_parent(setup["parent"])
    link = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for name in WARM:
        importlib.import_module(name)
    if setup["writable"]:
        inside.tests.warm()
    compile_repository(setup["root"])
    inside.calls.filter_program(writing=bool(setup["writable"]))  # made once, not in each child
    gc.collect()
    gc.freeze()  # a child's garbage collection then doesn't copy these pages

    inside.confine.hide_memory()
    link.sendall(b'{"ready": true}\n')
    with contextlib.suppress(EOFError):
        while True:
            request, files = receive(link)
            answer = inside.handle(request, files, link.fileno())
            for fd in files:
                os.close(fd)
            link.sendall(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
