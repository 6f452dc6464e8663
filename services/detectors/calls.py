"""The system calls that detector code may make, as a filter program for the kernel (seccomp, classic BPF).

A list of what is allowed: Python, numpy and (for tests) pytest need these and no others. Standard library only and
importable by file path, like `confine.py`.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
from functools import lru_cache

# Numbers from the kernel's unistd tables (x86-64, aarch64), None where the machine has no such call.
_ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "poll": (7, None), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66), "access": (21, None), "select": (23, None),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24), "pause": (34, None), "nanosleep": (35, 101), "getitimer": (36, 102), "alarm": (37, None),
    "setitimer": (38, 103), "getpid": (39, 172), "exit": (60, 93), "uname": (63, 160), "getdents": (78, None),
    "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "readlink": (89, None),
    "readlinkat": (267, 78), "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175),
    "getegid": (108, 177), "getppid": (110, 173), "getpgrp": (111, None), "getgroups": (115, 158),
    "getresuid": (118, 148), "getresgid": (120, 150), "getpgid": (121, 155), "getsid": (124, 156),
    "rt_sigpending": (127, 136), "sigaltstack": (131, 132), "arch_prctl": (158, None), "gettid": (186, 178),
    "time": (201, None), "futex": (202, 98), "sched_getaffinity": (204, 123), "set_tid_address": (218, 96),
    "restart_syscall": (219, 128), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115), "exit_group": (231, 94), "newfstatat": (262, 79), "faccessat": (269, 48),
    "pselect6": (270, 72), "ppoll": (271, 73), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "pipe": (22, None), "pipe2": (293, 59), "getrandom": (318, 278), "membarrier": (324, 283), "statx": (332, 291),
    "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439),
}  # fmt: skip
_ALLOWED_WRITING: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "pwrite64": (18, 68), "fsync": (74, 82),
    "fdatasync": (75, 83), "truncate": (76, 45), "ftruncate": (77, 46), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "creat": (85, None),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35), "symlink": (88, None),
    "symlinkat": (266, 36), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "utimensat": (280, 88),
    "fallocate": (285, 47), "sendfile": (40, 71),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_OPEN_FLAGS = {"x86_64": ((2, 1), (257, 2)), "aarch64": ((56, 2),)}  # (open or openat, which argument holds the flags)
_CLONE, _FCNTL, _IOCTL, _PRCTL, _PRLIMIT = (56, 220), (72, 25), (16, 29), (157, 167), (302, 261)
_ABSENT = (435, 437)  # clone3, openat2: their arguments lie in memory, where a filter can't look; callers fall back
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)  # descriptors and their flags: no locks, leases or hints, which others can see
_IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal, how wide, close on exec
_PRCTL_COMMANDS = (15, 16, 0x53564D41)  # the names of a thread and of a mapping

_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x10000


def _op(code: int, k: int, jt: int = 0, jf: int = 0) -> bytes:
    return struct.pack("HBBI", code, jt, jf, k)


_REFUSE = _op(_RET, _FAIL | errno.EPERM)
_ACCEPT = _op(_RET, _ALLOW)


def _when(number: int, then: list[bytes]) -> list[bytes]:
    """Run `then`, which ends with a return, when the call has this number."""
    return [_op(_JEQ, number, 0, len(then)), *then]


def _argument(n: int, *, high: bool = False) -> bytes:
    return _op(_LD, 16 + 8 * n + (4 if high else 0))


def _one_of(n: int, values: tuple[int, ...]) -> list[bytes]:
    """Allow the call when its argument `n` is one of `values`."""
    return [_argument(n), *(part for v in values for part in (_op(_JEQ, v, 0, 1), _ACCEPT)), _REFUSE]


@lru_cache(maxsize=8)
def filter_program(machine: str | None = None, *, writing: bool) -> bytes | None:
    """The program for `machine` (x86_64 or aarch64, this one by default); None elsewhere. `writing` allows files.

    Calls that aren't on the list fail with EPERM, and those that the C library tries first with ENOSYS.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES or struct.calcsize("P") != 8:  # a 32-bit process makes other calls
        return None
    which, architecture = _MACHINES[machine]
    program = [_op(_LD, 4), _op(_JEQ, architecture, 1, 0), _REFUSE, _op(_LD, 0)]
    if machine == "x86_64":
        program += [_op(_JGE, 0x40000000, 0, 1), _REFUSE]  # the x32 numbers would go round the list
    allowed = _ALLOWED | (_ALLOWED_WRITING if writing else {})
    numbers = [n for pair in allowed.values() if (n := pair[which]) is not None]
    for number in numbers:
        program += _when(number, [_ACCEPT])
    for number in _ABSENT:
        if number not in numbers:
            program += _when(number, [_op(_RET, _FAIL | errno.ENOSYS)])
    if not writing:
        flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
        for number, argument in _OPEN_FLAGS[machine]:
            program += _when(number, [_argument(argument), _op(_JSET, flags, 0, 1), _REFUSE, _ACCEPT])
    # Threads are allowed, processes are not.
    program += _when(_CLONE[which], [_argument(0), _op(_JSET, _CLONE_THREAD, 0, 1), _ACCEPT, _REFUSE])
    program += _when(_FCNTL[which], _one_of(1, _FCNTL_COMMANDS))
    program += _when(_IOCTL[which], _one_of(1, _IOCTL_COMMANDS))
    program += _when(_PRCTL[which], _one_of(0, _PRCTL_COMMANDS))
    # Limits may be read, not set: those of the process above would outlive the request.
    unset = [_argument(2), _op(_JEQ, 0, 1, 0), _REFUSE, _argument(2, high=True), _op(_JEQ, 0, 1, 0), _REFUSE, _ACCEPT]
    program += _when(_PRLIMIT[which], unset)
    return b"".join([*program, _REFUSE])
