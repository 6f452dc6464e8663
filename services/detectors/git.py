"""git as a process: nothing of the machine's configuration, no hooks, no questions; ended with all that it started.

What git can't do is raised as a RepositoryError of the kind that decisions name, from git's own words under a fixed
language.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import shorten

from services.errors import Cancelled, RepositoryError

AUTHOR = "Pattern Desk"
EMAIL = "patterndesk@localhost"
TIMEOUT_S = 60.0
NETWORK_TIMEOUT_S = 180.0
POLL_S = 0.1  # how long a cancel may go unheard
GRACE_S = 0.1  # for removing lock files, before git is killed
_REMOTE = {"clone", "fetch", "ls-remote", "push"}
_SETTINGS = {
    "safe.directory": "*",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "core.quotePath": "false",
    "commit.gpgSign": "false",
    "gc.autoDetach": "false",
    "protocol.ext.allow": "never",
    "rebase.autoStash": "false",
}
_KEPT = ("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")  # for pushing by ssh and https
# What git says, by kind; the first that is found decides.
_SAID = (
    ("disk", ("No space left on device", "Disk quota exceeded")),
    ("git.busy", (".lock': File exists", "Another git process")),
    (
        "git.no_access",
        ("Permission denied (", "Authentication failed", "could not read Username", "could not read Password",
         "Host key verification failed", "returned error: 401", "returned error: 403"),
    ),
    (
        "git.missing",
        ("does not appear to be a git repository", "not a git repository", "epository not found", "does not exist",
         "couldn't find remote ref", "returned error: 404", "Needed a single revision", "bad object"),
    ),
    (
        "git.unreachable",
        ("Could not resolve host", "Could not read from remote repository", "unable to access", "unable to connect",
         "Connection refused", "Connection reset", "Connection timed out", "Connection closed", "Network is unreachable",
         "No route to host", "early EOF", "hung up unexpectedly", "unexpected disconnect", "RPC failed"),
    ),
)  # fmt: skip
_RACES = ("cannot lock ref", "failed to update ref", "incorrect old value", "reference already exists")


@dataclass(frozen=True, slots=True)
class Done:
    """A git command that ended by itself."""

    command: str
    returncode: int
    out: bytes
    said: str

    def fault(self) -> RepositoryError:
        """Its failure as an error, by what it said."""
        lines = (self.said or self.out.decode("utf-8", "replace")).strip().splitlines()
        reasons = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:] or ["no reason"]
        sentence = f"git {self.command} failed in the pattern repository: {reasons[0][:300].rstrip('.')}."
        return RepositoryError(sentence, failure=kind_of(self.said))


def kind_of(said: str) -> str:
    """The kind of failure that git's words tell of."""
    return next((kind for kind, texts in _SAID if any(text in said for text in texts)), "git")


def push_fault(done: Done) -> RepositoryError:
    """The failure of a push, from the lines of `--porcelain` that tell what the remote said to the ref.

    git.moved when others were quicker, git.push_rejected when the remote refuses it; else as any command's.
    """
    rows = [line.split("\t") for line in done.out.decode("utf-8", "replace").splitlines() if line.startswith("!\t")]
    if not rows or len(rows[0]) < 3:
        return done.fault()
    to, summary = rows[0][1].rpartition(":")[2].removeprefix("refs/heads/"), rows[0][2]
    if summary.startswith("[rejected]") or any(words in summary for words in _RACES):
        sentence = f"Others pushed to {to} of the pattern repository meanwhile."
        return RepositoryError(sentence, failure="git.moved")
    if not summary.startswith("[remote rejected]"):
        return done.fault()
    hints = [line.removeprefix("remote:").strip() for line in done.said.splitlines() if line.startswith("remote:")]
    reason = summary.removeprefix("[remote rejected]").strip(" ()")
    told = shorten("; ".join([reason, *(hint for hint in hints if hint)]), 300, placeholder=" …")
    sentence = f"The remote of the pattern repository refused the push to {to}: {told.rstrip('.')}."
    return RepositoryError(sentence, failure="git.push_rejected")


def run(
    path: Path,
    args: tuple[str, ...],
    *,
    timeout: float = TIMEOUT_S,
    author: str = AUTHOR,
    cancelled: Callable[[], bool] | None = None,
) -> bytes:
    """git's output. RepositoryError with its kind and reason when it fails; Cancelled once nothing of it is alive."""
    done = attempt(path, args, timeout=timeout, author=author, cancelled=cancelled)
    if done.returncode != 0:
        raise done.fault()
    return done.out


def attempt(
    path: Path,
    args: tuple[str, ...],
    *,
    timeout: float,
    author: str = AUTHOR,
    cancelled: Callable[[], bool] | None = None,
) -> Done:
    """As `run`, but a command that fails is answered too."""
    command = [*_leash(args[0]), "git", *(part for item in _SETTINGS.items() for part in ("-c", "=".join(item))), *args]
    # A connection that ssh keeps open for later holds on to this file, so it is none that is read to its end.
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                cwd=path,
                env=_environment(author),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                process_group=0,
            )
        except FileNotFoundError as error:
            if path.is_dir():
                raise RepositoryError("git isn't installed.") from error
            sentence = f"The pattern repository's folder {path} isn't there."
            raise RepositoryError(sentence, failure="git.missing") from error
        try:
            out = _output(process, args[0], timeout, cancelled)
        finally:
            _end(process)
        said.seek(0)
        return Done(args[0], process.returncode, out, said.read().decode("utf-8", "replace"))


def _output(process: subprocess.Popen[bytes], name: str, timeout: float, cancelled: Callable[[], bool] | None) -> bytes:
    """What it writes until it ends. Raises Cancelled, or RepositoryError after the time; it is alive then."""
    deadline = time.monotonic() + timeout
    while True:
        if cancelled is not None and cancelled():
            raise Cancelled("The run was canceled.")
        left = deadline - time.monotonic()
        if left <= 0:
            kind = "git.unreachable" if name in _REMOTE else "git.busy"
            raise RepositoryError(
                f"git {name} in the pattern repository wasn't done after {timeout:g} s.", failure=kind
            )
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=left if cancelled is None else min(left, POLL_S))[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it with its helpers: they are one process group. It is asked first, so that it removes its lock files."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    _signal(process, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@lru_cache(maxsize=1)
def _setpriv() -> str | None:
    return shutil.which("setpriv")


def _leash(name: str) -> tuple[str, ...]:
    """Lets a command that may wait for a remote end with this process. One on the disk alone rather ends its work."""
    setpriv = _setpriv() if name in _REMOTE else None
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def _environment(author: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    who = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": EMAIL, "GIT_COMMITTER_NAME": AUTHOR}
    return (
        kept
        | who
        | {
            "GIT_COMMITTER_EMAIL": EMAIL,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
            "GIT_EDITOR": "true",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0",  # a look takes no lock that a merge at the same moment would fail at
            "LC_ALL": "C.UTF-8",
        }
    )
