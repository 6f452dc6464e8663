"""How detector processes are shut in: the command line and environment of the warm worker.

"bubblewrap" has no network, no /proc, no view of other processes and a read-only view of Python and the pattern
repository alone. "reduced" is the same worker with rlimits, the system call filter and a clean environment, but with
the reader's view of the disk; the app shows that it is reduced.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy
import pytest

_HERE = Path(__file__).parent
RUNNER_FILES = (_HERE / "runner.py", _HERE / "confine.py")
FORMS = ("bubblewrap", "reduced")
_TMP_BYTES = 64 << 20
_INSIDE = "/runner"


def _unique(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(paths))


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _library_paths() -> list[str]:
    """Where numpy and pytest are installed. The worker gets these alone: no .pth file, no user site."""
    return _unique([os.path.realpath(Path(m.__file__ or "").parent.parent) for m in (numpy, pytest)])


def _under(path: str, folders: list[str]) -> bool:
    return any(path == f or path.startswith(f + os.sep) for f in folders)


def _bubblewrap(binary: str, root: Path | None, *, size: bool) -> list[str]:
    """bwrap and its options. Namespaces: user (where allowed), pid, net, ipc, uts, cgroup."""
    command = [binary, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in environment("/tmp").items():
        command += ["--setenv", name, value]
    # Before the binds, which may lie below it: the app, or its data, can stand in /tmp.
    command += [*(["--size", str(_TMP_BYTES)] if size else []), "--tmpfs", "/tmp"]
    system = [p for p in ("/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache") if os.path.exists(p)]
    python = [os.path.dirname(os.path.dirname(_python())), os.path.realpath(sys.base_prefix), *_library_paths()]
    bound: list[str] = []
    for path in [*system, *python]:
        if not _under(path, bound):
            command += ["--ro-bind", path, path]
            bound.append(path)
    for device in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"):
        command += ["--dev-bind", device, device]
    for file in RUNNER_FILES:
        command += ["--ro-bind", str(file), f"{_INSIDE}/{file.name}"]
    if root is not None:
        command += ["--ro-bind", str(root), inside(root, "bubblewrap")]
    return [*command, "--remount-ro", "/", "--chdir", "/tmp", "--"]


def inside(root: Path, form: str) -> str:
    """The repository's path as the worker sees it: the place on this disk says nothing to a sandboxed detector."""
    return "/repository" if form == "bubblewrap" else str(root)


def environment(tmp: str) -> dict[str, str]:
    """All that a worker's environment holds: nothing of ours is inherited."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    base = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": tmp, "TMPDIR": tmp, "USER": "detector"}
    return base | threads | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@lru_cache(maxsize=1)
def _probe() -> tuple[list[bool], str]:
    """Whether bwrap runs Python with numpy here: [the `--size` option works], or [] with the reason why not."""
    if not sys.platform.startswith("linux"):
        return [], "bubblewrap needs Linux"
    binary = shutil.which("bwrap")
    if binary is None:
        return [], "bubblewrap (bwrap) isn't installed"
    said = ""
    for size in (True, False):
        paths = ", ".join(map(repr, _library_paths()))
        script = f"import sys; sys.path[:0] = [{paths}]; import numpy"
        command = [*_bubblewrap(binary, None, size=size), _python(), "-I", "-S", "-B", "-c", script]
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, stdin=subprocess.DEVNULL, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
            continue
        if done.returncode == 0:
            return [size], ""
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:][0] if done.stderr else "it failed"
    return [], f"bubblewrap doesn't work here ({said})"


def isolation() -> str:
    """The form that detectors run in on this machine: "bubblewrap" or "reduced". Tried once, then remembered."""
    return "bubblewrap" if _probe()[0] else "reduced"


def isolation_note() -> str:
    """Why the isolation is reduced, as a clause; empty when it isn't."""
    return _probe()[1]


def worker_command(root: Path, form: str) -> list[str]:
    """The command line of a warm worker for the repository at `root`."""
    python = [_python(), "-I", "-S", "-B"]
    if form == "reduced":
        return [*python, str(RUNNER_FILES[0]), str(os.getpid()), *_library_paths()]
    works, binary = _probe()[0], shutil.which("bwrap")
    if not works or binary is None:
        raise RuntimeError(f"bubblewrap was asked for: {_probe()[1]}")
    command = _bubblewrap(binary, root, size=works[0])
    return [*command, *python, f"{_INSIDE}/{RUNNER_FILES[0].name}", "0", *_library_paths()]
