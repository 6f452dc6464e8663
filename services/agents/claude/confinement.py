"""The namespaces that the agent's process lives in, and its environment.

It sees Python, the app's own code, the system's programs and the worktree; not the home folder, the app's data, other
executions or the repository behind the worktree. While planning the worktree is mounted read-only. All of it is one
process namespace that ends with its first process, so nothing the agent started outlives it, whoever is killed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import services
from services.settings import Settings

CODE = Path(services.__file__ or "").resolve().parent  # mypy: a package always has a file
PROGRAMS = {"bwrap": "bubblewrap", "socat": "socat", "unshare": "util-linux", "setpriv": "util-linux"}
USER_ID = "1000"
PASSING_HOME = Path("/tmp/agent")  # inside, where /tmp is memory that ends with the process
PROBE_S = 60  # some tenths on a quiet machine
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
_NETWORK = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
)


def missing() -> str | None:
    """What this machine lacks for the agent, as a sentence; None when it has all."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    if spec is None or spec.origin is None:
        return "Claude needs the extra `claude`: install patterndesk[claude]."
    if not (Path(spec.origin).parent / "_bundled" / "claude").is_file():
        return "Claude's command line is missing from the installed claude-agent-sdk; install its wheel."
    if not sys.platform.startswith("linux"):
        return "Claude runs on Linux only, where the app can shut it in."
    absent = sorted({package for name, package in PROGRAMS.items() if shutil.which(name) is None})
    if absent:
        return f"Claude needs {' and '.join(absent)} on this machine to be shut in."
    try:
        reason = _probe()
    except subprocess.TimeoutExpired:  # too busy to answer: asked again the next time
        reason = f"it did not answer within {PROBE_S} seconds"
    return f"Claude can't be shut in on this machine ({reason})." if reason else None


@lru_cache(maxsize=1)
def _probe() -> str | None:
    """Tries the namespaces once, with the command sandbox's kind inside; the reason when they don't work."""
    inner = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    command = [*command_for(None, None, may_write=False), *inner]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=PROBE_S, stdin=subprocess.DEVNULL, check=False, env={"PATH": _path()}
        )
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it failed"])[-1]


def command_for(worktree: Path | None, home: Path | None, *, may_write: bool, keeps_home: bool = True) -> list[str]:
    """The command line up to the program itself. `home` is a folder of the execution, with config/ below it.

    Without `keeps_home` the process has its home in memory and writes to no disk at all; PASSING_HOME is its path.

    Three steps, because each does what the others can't: setpriv ends the chain with the thread that started it,
    unshare gives a process namespace with a whole /proc (the command sandbox mounts its own inside), and bubblewrap
    decides what is there to be seen.
    """
    chain = ["setpriv", "--pdeathsig", "KILL", "--"]
    chain += [
        "unshare",
        "--user",
        "--map-current-user",
        "--keep-caps",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "--mount",
        "--mount-proc",
        "--",
    ]
    # Another user id: a process that maps the id 0 of its parent may not make the namespaces of the command sandbox.
    chain += [
        "bwrap",
        "--unshare-user",
        "--uid",
        USER_ID,
        "--gid",
        USER_ID,
        "--unshare-ipc",
        "--unshare-uts",
        "--cap-drop",
        "ALL",
        "--die-with-parent",
        "--tmpfs",
        "/tmp",
        "--bind",
        "/proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    for path in _SYSTEM + _NETWORK:
        chain += ["--ro-bind-try", path, path]
    for path in _python_paths():
        chain += ["--ro-bind", path, path]
    if home is not None and worktree is not None:
        chain += ["--ro-bind", str(home / "passwd"), "/etc/passwd"]
        chain += ["--bind", str(home), str(home)] if keeps_home else ["--dir", str(PASSING_HOME / "config")]
        chain += ["--bind" if may_write else "--ro-bind", str(worktree), str(worktree)]
        if may_write:  # where the worktree's repository is, is not the agent's to say
            chain += ["--ro-bind-try", str(worktree / ".git"), str(worktree / ".git")]
        chain += ["--chdir", str(worktree)]
    return [*chain, "--remount-ro", "/", "--"]


def _python_paths() -> list[str]:
    """The interpreter, its packages and the app's code, outermost folders only."""
    wanted = (os.path.realpath(sys.base_prefix), sys.prefix, str(CODE))
    folders: list[str] = []
    for path in sorted(wanted, key=len):
        if not any(path == f or path.startswith(f + os.sep) for f in (*_SYSTEM, *folders)):
            folders.append(path)
    return folders


def python_command() -> list[str]:
    """The runner's command line; isolated, so that no file of the worktree is imported in place of a library."""
    start = (
        f"import sys; sys.path.insert(0, {str(CODE.parent)!r}); from services.agents.claude.runner import main; main()"
    )
    return [sys.executable, "-I", "-B", "-c", start]


def _path(more: Iterable[str] = ()) -> str:
    return ":".join((*more, "/usr/bin", "/bin"))


def prepare_home(home: Path, *, keeps_home: bool = True) -> None:
    """Makes the execution's own home: configuration, conversation and a user list with nobody real in it."""
    (home / "config" if keeps_home else home).mkdir(parents=True, exist_ok=True)
    inside = home if keeps_home else PASSING_HOME
    (home / "passwd").write_text(f"agent:x:{USER_ID}:{USER_ID}::{inside}:/bin/bash\n", encoding="utf-8")


def environment(settings: Settings, home: Path) -> dict[str, str]:
    """All that the process's environment holds; nothing of this one's is inherited."""
    assert settings.anthropic_api_key is not None  # the registry refuses without one
    variables = {
        "PATH": _path((os.path.join(sys.prefix, "bin"),)),
        "HOME": str(home),
        "USER": "agent",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "ANTHROPIC_API_KEY": settings.anthropic_api_key.get_secret_value(),
        "CLAUDE_CONFIG_DIR": str(home / "config"),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(settings.claude_max_retries),
        "CLAUDE_CODE_RETRY_WATCHDOG": "1",  # it reports long waits instead of giving up without their length
        "API_TIMEOUT_MS": str(round(settings.claude_idle_s * 1000)),
        "CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS": str(round(settings.claude_idle_s * 1000)),
    }
    if settings.anthropic_base_url:
        variables["ANTHROPIC_BASE_URL"] = settings.anthropic_base_url
    if settings.claude_proxy:
        variables |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), settings.claude_proxy)
        variables["NO_PROXY"] = "127.0.0.1,localhost"
    return variables
