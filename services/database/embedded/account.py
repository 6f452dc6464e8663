"""Which account the server runs as. PostgreSQL refuses root, so a start by root needs another one."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.database.embedded.paths import Home, binary
from services.errors import Unavailable

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Account:
    """`uid` and `gid` as the server sees itself; `owner` and `group` as its files show from here."""

    mode: Literal["same", "switch", "namespace"]
    uid: int
    gid: int

    @property
    def owner(self) -> int:
        return self.uid if self.mode == "switch" else os.geteuid()

    @property
    def group(self) -> int:
        return self.gid if self.mode == "switch" else os.getegid()

    def command(self, home: Home, program: str, *arguments: str) -> list[str]:
        """The command line that runs one of the wheel's programs as this account, with the home as its folder."""
        launch = [sys.executable, "-I", "-S", str(LAUNCH)]
        return [
            *launch,
            self.mode,
            str(os.getpid()),
            str(self.uid),
            str(self.gid),
            str(home.path),
            str(binary(program)),
            *arguments,
        ]

    def run(self, home: Home, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; output and errors together in `stdout`."""
        return subprocess.run(
            self.command(home, program, *arguments),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def owns(self, home: Home) -> None:
        """Hand the home to this account, where it is not its already."""
        if os.geteuid() != 0 or home.path.stat().st_uid == self.owner:
            return
        for folder, folders, files in os.walk(home.path):
            for name in (*folders, *files):
                os.chown(Path(folder) / name, self.owner, self.group, follow_symlinks=False)
        os.chown(home.path, self.owner, self.group)  # last: it is the mark that all below is done


def environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL from outside (PGPORT, PGDATA, PGTZ, ...)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def choose(home: Home) -> tuple[Account, int]:
    """The account for this home, which becomes its owner, and the binaries' major version.

    As a normal user it is that user. As root it is whoever owns the home already; for a new home `nobody`, or, where
    `nobody` cannot reach the home or the binaries (a project under /root), root's own files seen from a user namespace.
    Each is tried for real. Raises Unavailable when none works.
    """
    said: list[str] = []
    for account in _candidates(home):
        before = home.path.stat()
        account.owns(home)
        result = account.run(home, "postgres", "--version")
        if result.returncode == 0 and result.stdout.startswith("postgres (PostgreSQL) "):
            return account, int(result.stdout.split()[2].split(".")[0])
        said.append(result.stdout.strip().splitlines()[-1] if result.stdout.strip() else f"code {result.returncode}")
        if account.mode == "switch" and before.st_uid != account.owner:
            Account("same", before.st_uid, before.st_gid).owns(home)
    reason = "; ".join(said)
    if os.geteuid() == 0:
        raise Unavailable(
            f"The embedded PostgreSQL cannot run as root, and no other account reaches {home.path} and the installed "
            f"program ({reason}); start as a normal user or set DATABASE_URL."
        )
    raise Unavailable(f"The embedded PostgreSQL does not run on this machine ({reason}); set DATABASE_URL.")


def _candidates(home: Home) -> Sequence[Account]:
    if os.geteuid() != 0:
        return [Account("same", os.geteuid(), os.getegid())]
    found = home.path.stat()
    if found.st_uid != 0:
        return [Account("switch", found.st_uid, found.st_gid)]
    try:
        nobody = pwd.getpwnam("nobody")  # initdb wants a name for its uid
    except KeyError:
        return []
    switch = Account("switch", nobody.pw_uid, nobody.pw_gid)
    namespace = Account("namespace", nobody.pw_uid, nobody.pw_gid)
    if sys.platform != "linux":
        return [switch]
    return [namespace, switch] if home.cluster.exists() else [switch, namespace]
