"""Run as a script, this becomes the given program under the right account, bound to its parent's life.

`launch.py <mode> <parent pid> <uid> <gid> <folder> <program> <arguments...>`; mode is `same`, `switch` (become that
account; needs root) or `namespace` (stay root outside, be that account inside a user namespace). It imports nothing of
ours, and runs as its own process so that the account can change without code between fork and exec in a threaded parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def enter_namespace(uid: int, gid: int) -> None:
    """Appear as `uid` and `gid` inside a new user namespace while files are still reached as the account outside."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace can be made here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside_gid} 1")


def die_with_parent(parent: int) -> None:
    """Ask the kernel for a SIGINT (PostgreSQL's fast shutdown) when the parent ends. Linux only.

    It must come after the account changed, which clears it.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses PR_SET_PDEATHSIG")
    if os.getppid() != parent:  # it ended before we asked
        raise OSError("the process that started the database has ended")


def main() -> None:
    mode, parent, uid, gid, folder, *command = sys.argv[1:]
    try:
        if mode == "switch":
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        elif mode == "namespace":
            enter_namespace(int(uid), int(gid))
        die_with_parent(int(parent))
        os.umask(0o077)
        os.chdir(folder)
        os.execv(command[0], command)  # noqa: S606  # becoming the server is the point
    except OSError as error:
        sys.exit(f"launch: {error}")


if __name__ == "__main__":
    main()
