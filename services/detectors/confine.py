"""What a process takes away from itself before it runs detector code: rlimits, capabilities, system calls.

Standard library only and importable by file path, because `runner.py` uses it inside the sandbox. The system call
filter is Linux's seccomp (x86-64 and aarch64): no new processes, no sockets, no signals to others and, for detectors,
no file opened for writing. Elsewhere the rlimits alone hold, and `apply` says what it could do.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys

# Numbers from the kernel's unistd tables; names in the order of the manual pages.
_DENIED = {
    "x86_64": {
        "fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "socket": 41, "socketpair": 53, "connect": 42,
        "kill": 62, "tkill": 200, "tgkill": 234, "rt_sigqueueinfo": 129, "pidfd_send_signal": 424, "ptrace": 101,
        "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "mount": 165, "umount2": 166,
        "setns": 308, "unshare": 272, "bpf": 321, "keyctl": 250, "io_uring_setup": 425, "userfaultfd": 323,
        "perf_event_open": 298, "setrlimit": 160, "setpriority": 141,
    },
    "aarch64": {
        "execve": 221, "execveat": 281, "socket": 198, "socketpair": 199, "connect": 203, "kill": 129, "tkill": 130,
        "tgkill": 131, "rt_sigqueueinfo": 138, "pidfd_send_signal": 424, "ptrace": 117, "process_vm_readv": 270,
        "process_vm_writev": 271, "pidfd_getfd": 438, "mount": 40, "umount2": 39, "setns": 268, "unshare": 97,
        "bpf": 280, "keyctl": 219, "io_uring_setup": 425, "userfaultfd": 282, "perf_event_open": 241,
        "setrlimit": 164, "setpriority": 140,
    },
}  # fmt: skip
_DENIED_WRITING = {
    "x86_64": {
        "creat": 85, "truncate": 76, "rename": 82, "renameat": 264, "renameat2": 316, "mkdir": 83, "mkdirat": 258,
        "rmdir": 84, "unlink": 87, "unlinkat": 263, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266,
        "chmod": 90, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "lchown": 94, "fchownat": 260, "mknod": 133,
        "mknodat": 259, "setxattr": 188, "utimensat": 280,
    },
    "aarch64": {
        "truncate": 45, "renameat": 38, "renameat2": 276, "mkdirat": 34, "unlinkat": 35, "linkat": 37,
        "symlinkat": 36, "fchmodat": 53, "fchmodat2": 452, "fchownat": 54, "mknodat": 33, "setxattr": 5,
        "utimensat": 88,
    },
}  # fmt: skip
_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_OPEN_FLAGS = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}  # (open or openat, which argument holds the flags)
_CLONE3, _OPENAT2 = 435, 437  # their arguments lie in memory, where a filter can't look: callers fall back

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x10000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38


def _op(code: int, k: int, jt: int = 0, jf: int = 0) -> bytes:
    return struct.pack("HBBI", code, jt, jf, k)


def filter_program(machine: str, *, writing: bool) -> bytes:
    """The classic BPF program for `machine` (x86_64 or aarch64); denied calls fail with EPERM."""
    refuse = _op(_RET, _FAIL | errno.EPERM)
    absent = _op(_RET, _FAIL | errno.ENOSYS)
    program = [_op(_LD, 4), _op(_JEQ, _ARCH[machine], 1, 0), refuse, _op(_LD, 0)]
    if machine == "x86_64":
        program += [_op(_JGE, 0x40000000, 0, 1), refuse]  # the x32 numbers would go round the list
    denied = dict(_DENIED[machine]) | ({} if writing else _DENIED_WRITING[machine])
    for number in denied.values():
        program += [_op(_JEQ, number, 0, 1), refuse]
    for number in (_CLONE3,) if writing else (_CLONE3, _OPENAT2):
        program += [_op(_JEQ, number, 0, 1), absent]
    # Threads are allowed, processes are not.
    program += [_op(_JEQ, _CLONE[machine], 0, 4), _op(_LD, 16), _op(_JSET, _CLONE_THREAD, 1, 0), refuse]
    program += [_op(_RET, _ALLOW)]
    if not writing:
        flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
        for number, argument in _OPEN_FLAGS[machine]:
            check = [_op(_LD, 16 + 8 * argument), _op(_JSET, flags, 0, 1), refuse, _op(_RET, _ALLOW)]
            program += [_op(_JEQ, number, 0, len(check)), *check]
    program.append(_op(_RET, _ALLOW))
    return b"".join(program)


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
    """Make this process unreadable to others of the same user (its pipes carry the protocol)."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _limit(name: str, value: int, grace: int = 0) -> None:
    kind = getattr(resource, name, None)
    if kind is None:
        return
    # A lower hard limit from outside stays in force; macOS refuses some limits altogether.
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(kind)[1]
        top = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
        resource.setrlimit(kind, (min(value, top), top))


def apply(*, cpu_s: int, memory_mb: int, file_mb: int, writing: bool) -> bool:
    """Confine this process for good; True when the system call filter is in force too.

    Limits: CPU seconds, address space and file size in MiB, 64 open files, no core file, no new process or thread
    (the last has no effect on root, whom the filter holds instead).
    """
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_CPU", cpu_s, grace=1)  # SIGXCPU first, which says why, then SIGKILL
    _limit("RLIMIT_AS", memory_mb << 20)
    _limit("RLIMIT_FSIZE", file_mb << 20)
    _limit("RLIMIT_NOFILE", 64)
    _limit("RLIMIT_NPROC", 0)
    libc = _libc()
    if libc is None:
        return False
    _drop_capabilities(libc)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = platform.machine()
    if machine not in _ARCH or struct.calcsize("P") != 8:  # a 32-bit process makes other calls
        return False
    program = filter_program(machine, writing=writing)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer)))
    return bool(libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(header), 0, 0) == 0)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    libc.capset(ctypes.byref(header), ctypes.create_string_buffer(24))
