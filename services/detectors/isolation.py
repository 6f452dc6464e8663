"""How detector processes are shut in: the command line and environment of the warm worker, and what that is worth.

"bubblewrap" has no network, no /proc, no view of other processes and a read-only view of Python and the pattern
repository alone. "reduced" is the same worker with rlimits, the system call filter, Landlock where the kernel has it,
and a clean environment. It can't hide that others read a file (its access time changes), where a folder lies, or
processes of the same user, so code that was written by an agent or a person runs in it only where an admin said so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy
import pytest

from services.detectors.calls import filter_program
from services.detectors.confine import landlock_version
from services.settings import get_settings

_HERE = Path(__file__).parent
RUNNER_FILES = tuple(_HERE / name for name in ("runner.py", "confine.py", "calls.py", "inside_tests.py"))
FORMS = ("bubblewrap", "reduced")
_TMP_BYTES = 64 << 20
PROBE_S = 60  # some tenths on a quiet machine
_INSIDE = "/runner"
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


@dataclass(frozen=True, slots=True)
class IsolationState:
    """What a screen says of isolation. `sealed`: nothing of ours or of another request can be reached.

    `allowed`: code that isn't shipped with the app may run. `sentence` is one plain sentence, `reason` why the form is
    reduced (a clause, empty when it isn't).
    """

    form: str
    sealed: bool
    allowed: bool
    landlock: bool
    filtered: bool
    reason: str
    sentence: str


def state() -> IsolationState:
    """How detectors are shut in on this machine, for the screens; asked at any time, it costs nothing."""
    form, reason = isolation(), isolation_note()
    filtered, landlock = filter_program(writing=False) is not None, landlock_version() > 0
    sealed = form == "bubblewrap" and filtered
    allowed = sealed or get_settings().allow_reduced_isolation
    if sealed:
        sentence = "Detectors run sealed off from the network, the disk, each other and the app."
    elif allowed:
        sentence = f"Detectors run with reduced isolation because {reason}; an admin allowed that for all code."
    else:
        sentence = f"Only the detectors that ship with the app run here, with reduced isolation, because {reason}."
    return IsolationState(form, sealed, allowed, landlock, filtered, reason, sentence)


def _unique(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(paths))


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _library_paths() -> list[str]:
    """Where numpy and pytest are installed. The worker gets these alone: no .pth file, no user site."""
    return _unique([os.path.realpath(Path(m.__file__ or "").parent.parent) for m in (numpy, pytest)])


def _under(path: str, folders: list[str]) -> bool:
    return any(path == f or path.startswith(f + os.sep) for f in folders)


def _readable() -> list[str]:
    """The folders and files of Python, its libraries and the system's that a worker needs, outermost ones alone."""
    system = [p for p in _SYSTEM if os.path.exists(p)]
    python = [os.path.dirname(os.path.dirname(_python())), os.path.realpath(sys.base_prefix), *_library_paths()]
    kept: list[str] = []
    for path in [*system, *python]:
        if not _under(path, kept):
            kept.append(path)
    return kept


def _bubblewrap(binary: str, root: Path | None, *, size: bool, writable: bool) -> list[str]:
    """bwrap and its options. Namespaces: user (where allowed), pid, net, ipc, uts, cgroup.

    All is read-only, which also keeps the access times of files as they are. Tests get a /tmp of their own.
    """
    command = [binary, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in environment("/tmp").items():
        command += ["--setenv", name, value]
    # Before the binds, which may lie below it: the app, or its data, can stand in /tmp.
    if writable:
        command += [*(["--size", str(_TMP_BYTES)] if size else []), "--tmpfs", "/tmp"]
    else:
        command += ["--dir", "/tmp"]
    for path in _readable():
        command += ["--ro-bind", path, path]
    for device in _DEVICES:
        command += ["--dev-bind", device, device]
    for file in RUNNER_FILES:
        command += ["--ro-bind", str(file), f"{_INSIDE}/{file.name}"]
    if root is not None:
        command += ["--ro-bind", str(root), inside(root, "bubblewrap")]
    return [*command, "--remount-ro", "/", "--chdir", "/", "--"]


def inside(root: Path, form: str) -> str:
    """The repository's path as the worker sees it: the place on this disk says nothing to a sandboxed detector."""
    return "/repository" if form == "bubblewrap" else str(root)


def environment(tmp: str) -> dict[str, str]:
    """All that a worker's environment holds: nothing of ours is inherited."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    base = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": tmp, "TMPDIR": tmp, "USER": "detector"}
    return base | threads | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _probe() -> tuple[list[bool], str]:
    """Whether bwrap runs Python with numpy here: [the `--size` option works], or [] with the reason why not.

    A machine that is too busy to answer is asked again the next time.
    """
    try:
        return _tried()
    except subprocess.TimeoutExpired:
        return [], f"bubblewrap did not answer within {PROBE_S} seconds"


@lru_cache(maxsize=1)
def _tried() -> tuple[list[bool], str]:
    if not sys.platform.startswith("linux"):
        return [], "bubblewrap needs Linux"
    binary = shutil.which("bwrap")
    if binary is None:
        return [], "bubblewrap (bwrap) isn't installed"
    said = ""
    for size in (True, False):
        paths = ", ".join(map(repr, _library_paths()))
        script = f"import sys; sys.path[:0] = [{paths}]; import numpy"
        options = _bubblewrap(binary, None, size=size, writable=True)
        command = [*options, _python(), "-I", "-S", "-B", "-c", script]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PROBE_S, stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
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


def worker_command(root: Path, form: str, *, tmp: str, writable: bool) -> list[str]:
    """The command line of a warm worker for the repository at `root`; `writable` for one that runs tests.

    `tmp` is the reduced form's own temporary folder.
    """
    python, wrapped = [_python(), "-I", "-S", "-B"], form == "bubblewrap"
    place = inside(root, form)
    setup = {
        "parent": 0 if wrapped else os.getpid(),
        "libraries": _library_paths(),
        "read": ["/"] if wrapped else [*_readable(), *_DEVICES, place],
        "root": place,
        "writable": ("/tmp" if wrapped else tmp) if writable else "",
        "unfiltered": filter_program(writing=False) is None,
    }
    if not wrapped:
        return [*python, str(RUNNER_FILES[0]), json.dumps(setup)]
    works, binary = _probe()[0], shutil.which("bwrap")
    if not works or binary is None:
        raise RuntimeError(f"bubblewrap was asked for: {_probe()[1]}")
    command = _bubblewrap(binary, root, size=works[0], writable=writable)
    return [*command, *python, f"{_INSIDE}/{RUNNER_FILES[0].name}", json.dumps(setup)]
