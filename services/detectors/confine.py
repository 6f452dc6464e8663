"""What a process takes away from itself before it runs detector code: rlimits, capabilities, files, system calls.

Standard library only and importable by file path, because `runner.py` uses it inside the sandbox. The system call
filter is Linux's seccomp (x86-64 and aarch64) and allows a list of calls (`calls.py`): what isn't on it, fails. So
there is no call left that starts or signals a process, opens a socket, changes a file's times, attributes or mode, takes a
lock, or reaches shared memory, message queues, semaphores or keys, through which one request could tell another.
Landlock, where the kernel has it, says which folders may be read and written. Elsewhere the rlimits alone hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import stat
import struct
import sys
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same on every machine
_WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
# All rights over files that each version of Landlock knows: 1, 2 (refer), 3 (truncate), 5 (ioctl on devices).
_FS_RIGHTS = ((5, 0xFFFF), (3, 0x7FFF), (2, 0x3FFF), (1, 0x1FFF))
_NET_RIGHTS, _SCOPES = 0b11, 0b11  # TCP bind and connect; abstract sockets and signals


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """End this process when the thread that started it ends; at once if `parent` has already gone."""
    libc = _libc()
    if libc is None:
        return
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def hide_memory() -> None:
    """Make this process unreadable to others of the same user."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_only(descriptors: tuple[int, ...]) -> None:
    """Close all descriptors from 3 on but these."""
    start = 3
    for fd in sorted(descriptors):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, 4096)


def _limit(name: str, value: int, grace: int = 0) -> None:
    kind = getattr(resource, name, None)
    if kind is None:
        return
    # A lower hard limit from outside stays in force; macOS refuses some limits altogether.
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(kind)[1]
        top = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
        resource.setrlimit(kind, (min(value, top), top))


def apply(calls: Any, *, cpu_s: int, memory_mb: int, file_mb: int, read: list[str], write: list[str] | None) -> bool:
    """Confine this process for good; True when the system call filter is in force.

    `calls` is the module of that name. `read` are the paths that may be read; `write` is None for a detector, which
    writes no file at all, or the folders that tests may write into. Limits: CPU seconds, address space and file size
    in MiB, 64 open files, no core file, no new process (the last has no effect on root, whom the filter holds).
    """
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_CPU", cpu_s, grace=1)  # SIGXCPU first, which says why, then SIGKILL
    _limit("RLIMIT_AS", memory_mb << 20)
    _limit("RLIMIT_FSIZE", file_mb << 20)
    _limit("RLIMIT_NOFILE", 64)
    _limit("RLIMIT_NPROC", 0)
    _limit("RLIMIT_MSGQUEUE", 0)
    _limit("RLIMIT_MEMLOCK", 0)
    libc = _libc()
    if libc is None:
        return False
    _drop_capabilities(libc)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    restrict_files(libc, read, write or [])
    program = calls.filter_program(writing=write is not None)
    if program is None:
        return False
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer)))
    return bool(libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(header), 0, 0) == 0)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    libc.capset(ctypes.byref(header), ctypes.create_string_buffer(24))


def landlock_version() -> int:
    """The version of Landlock that the kernel offers; 0 without it."""
    libc = _libc()
    return 0 if libc is None else max(0, int(libc.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def restrict_files(libc: ctypes.CDLL, read: list[str], write: list[str]) -> bool:
    """Let this process read below `read` and do anything below `write`; True when Landlock holds it to that."""
    version = landlock_version()
    if version < 1:
        return False
    rights = next(mask for least, mask in _FS_RIGHTS if version >= least)
    attributes = struct.pack("=QQQ", rights, _NET_RIGHTS, _SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = libc.syscall(_LANDLOCK_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path in read:
            _allow(libc, ruleset, path, (_READ_FILE | _READ_DIR) & rights)
        for path in write:
            _allow(libc, ruleset, path, rights)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what isn't there can't be read
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _WRITE_FILE | _READ_FILE | _TRUNCATE
        libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)
