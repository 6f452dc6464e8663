"""Detectors that attack what is around them. Each is code that raises when it fails; what got through says so itself.

`{secret}` is the path of a file of the app, `{port}` that of a server on loopback, `{name}` an abstract socket of the app,
`{root}` the repository's path on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attack:
    """`code` is tried and got through when it ends; with `whole` it is the body of detect, and got through when its answer
    is accepted."""

    name: str
    group: str
    code: str
    whole: bool = False


_CALL = """
import ctypes, os
def call(number, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    found = library.syscall(number, *arguments)
    if found == -1: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found
"""
# Calls of the kernel by their number on x86-64.
_CALLS = {
    "fork": "57", "vfork": "58", "clone": "56, 17, 0, 0, 0, 0", "clone3": "435, 0, 0", "execveat": "322, -100, b'/usr/bin/true', 0, 0, 0",
    "socket": "41, 2, 1, 0", "socketpair": "53, 1, 1, 0, 0", "kill": "62, 1, 0", "tgkill": "234, 1, 1, 9",
    "ptrace": "101, 16, 1, 0, 0", "process_vm_readv": "310, 1, 0, 0, 0, 0, 0", "pidfd_open": "434, 1, 0",
    "mount": "165, 0, b'/tmp', b'tmpfs', 0, 0", "umount": "166, b'/tmp', 0", "unshare": "272, 0x10000000",
    "setns": "308, 0, 0", "chroot": "161, b'/'", "pivot_root": "155, b'/', b'/'", "bpf": "321, 0, 0, 0", "keyctl": "250, 0, -3, 0",
    "add_key": "248, b'user', b'k', b'v', 1, -3", "request_key": "249, b'user', b'k', 0, -3", "io_uring_setup": "425, 1, 0",
    "userfaultfd": "323, 0", "perf_event_open": "298, 0, 0, -1, -1, 0", "shmget": "29, 5, 4096, 0o1666", "msgget": "68, 5, 0o1666",
    "semget": "64, 5, 1, 0o1666", "mq_open": "240, b'k', 0o102, 0o600, 0", "memfd_create": "319, b'k', 0",
    "inotify_init": "253", "fanotify_init": "300, 0, 0", "settimeofday": "164, 0, 0", "clock_settime": "227, 0, 0",
    "sethostname": "170, b'x', 1", "reboot": "169, 0, 0, 0, 0", "init_module": "175, 0, 0, b''", "kexec_load": "246, 0, 0, 0, 0",
    "syslog": "103, 10, 0, 0", "setpriority": "141, 0, 0, 19", "sched_setaffinity": "203, 0, 8, bytes(8)", "ioprio_set": "251, 1, 0, 0",
    "prlimit of its parent": "302, os.getppid(), 7, bytes(16), 0", "personality": "135, 0x0040000", "swapon": "167, b'/tmp', 0",
    "mknod": "133, b'/tmp/x', 0o60600, 0", "name_to_handle_at": "303, -100, b'/', 0, 0, 0", "flock": "73, 0, 2",
    "sendmsg": "46, 0, 0, 0", "mincore": "27, 0, 0, 0", "get_mempolicy": "239, 0, 0, 0, 0, 0", "sysinfo": "99, bytes(200)",
}  # fmt: skip
_CODE = {
    "files": {
        "read the app's secret": "open({secret!r}).read()",
        "read the app's secret by another way": "import os; os.open(os.path.dirname({secret!r}), os.O_RDONLY)",
        "read the accounts": "open('/etc/passwd').read()",
        "read the shadow file": "open('/etc/shadow').read()",
        "read the environment of process 1": "open('/proc/1/environ', 'rb').read()",
        "read its own environment file": "open('/proc/self/environ', 'rb').read()",
        "read memory of its parent": "import os; open(f'/proc/{{os.getppid()}}/mem', 'rb')",
        "list the processes": "import os; assert [p for p in os.listdir('/proc') if p.isdigit()]",
        "list homes": "import os; assert set(os.listdir('/root')) - {{'.pyenv', '.local', '.cache'}} or os.listdir('/home')",
        "write into the repository": "open(__file__ + '.x', 'w')",
        "change its own code": "open(__file__, 'a').write('x')",
        "write into /tmp": "open('/tmp/x', 'w')",
        "write into the runner": "open('/runner/runner.py', 'a')",
        "write to a device": "open('/dev/null', 'w')",
        "make a folder": "import os; os.mkdir('/tmp/x')",
        "make a link": "import os; os.symlink('/etc/passwd', '/tmp/x')",
        "make a pipe with a name": "import os; os.mkfifo('/tmp/x')",
        "make a nameless file": "import os; os.open('/tmp', os.O_TMPFILE | os.O_RDWR)",
        "remove its module": "import os; os.unlink(__file__)",
        "rename its module": "import os; os.rename(__file__, __file__ + '.x')",
        "change a file's times": "import os; os.utime(__file__, (1, 1))",
        "change a file's mode": "import os; os.chmod(__file__, 0o777)",
        "change a file's owner": "import os; os.chown(__file__, 0, 0)",
        "change an attribute": "import os; os.setxattr(__file__, 'user.x', b'x')",
        "cut a file": "import os; os.truncate(__file__, 0)",
        "lock a file": "import fcntl; fcntl.lockf(open(__file__), fcntl.LOCK_SH)",
        "give a file a hint": "import fcntl; fcntl.fcntl(open(__file__), 1036, (2).to_bytes(8, 'little'))",
    },
    "processes": {
        "start a program": "import subprocess; subprocess.run(['/usr/bin/true'], check=True)",
        "start a shell": "import os; assert os.system('true') == 0",
        "become a program": "import os; os.execv('/usr/bin/true', ['true'])",
        "spawn": "import os; os.posix_spawn('/usr/bin/true', ['true'], {{}})",
        "fork": "import os; os.fork() or os._exit(0)",
        "a pool of processes": "import multiprocessing as m; p = m.get_context('fork').Process(target=print); p.start()",
        "end its parent": "import os; os.kill(os.getppid(), 9)",
        "end its group": "import os; os.killpg(0, 9)",
        "stop its parent": "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)",
        "leave its session": "import os; os.setsid()",
        "become root": "import os; os.setuid(0); os.setgroups([0]); open('/proc/1/root')",
        "raise its limits": "import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))",
        "see the processor's other users": "import os; os.sched_getaffinity(0); os.sched_setaffinity(0, [0])",
    },
    "network": {
        "reach a server here": "import socket; socket.create_connection(('127.0.0.1', {port}), 1)",
        "reach an abstract socket": "import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r})",
        "open an abstract socket": "import socket; socket.socket(socket.AF_UNIX).bind('\\0x')",
        "ask for a name": "import socket; socket.getaddrinfo('example.com', 80)",
        "open a raw socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "talk to the kernel": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
        "fetch a page": "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/', timeout=1)",
        "use a descriptor of the app": "import socket, os\nfor fd in range(3, 64):\n    try: socket.socket(fileno=os.dup(fd)).send(b'x'); break\n    except OSError: pass\nelse: raise OSError('none')",
    },
    "app": {
        "import the app": "import services.settings",
        "import the app's database driver": "import psycopg; psycopg.connect('host=127.0.0.1')",
        "see the app's environment": "import os; assert 'PD_HOSTILE_SECRET' in os.environ or 'DATABASE_URL' in os.environ",
        "see the app's command line": "import sys; assert any({root!r} in a for a in sys.orig_argv)",
        "POSIX shared memory": "from multiprocessing import shared_memory as s; s.SharedMemory(create=True, size=9)",
    },
}  # fmt: skip
_WHOLE = {
    "output": {
        "not a number": "return [detection('mark', 0, 0, 0, price=float('nan'))]",
        "infinite": "return [detection('mark', 0, 0, 0, price=float('inf'))]",
        "a number of 400 digits": "return [detection('mark', 0, 0, 0, price=10**400)]",
        "a number of 5,000 digits": "return [detection('mark', 0, 0, 0, price=10**5000)]",
        "half of a character": "return [detection('mark', 0, 0, 0, meta={'a': '\\ud800'})]",
        "a zero character": "return [detection('mark', 0, 0, 0, meta={'a': 'x\\0'})]",
        "a long text": "return [detection('mark', 0, 0, 0, meta={'a': 'x' * 10_000_000})]",
        "a kind that isn't declared": "return [detection('other', 0, 0, 0)]",
        "an index outside": "return [detection('mark', 0, 10**9, 10**9)]",
        "a negative index": "return [detection('mark', 0, -1, 3)]",
        "an unknown field": "return [detection('mark', 0, 0, 0) | {'sql': 'DROP TABLE users'}]",
        "thirty megabytes of lists": "return [[[]] * 8] * 1_200_000",
        "two million lists": "return [[] for _ in range(2_000_000)]",
        "fifty thousand detections": "return [detection('mark', 0, 0, 0)] * 50_000",
        "deep nesting": "x = []\nfor _ in range(100_000): x = [x]\nreturn x",
        "itself": "x = []\nx.append(x)\nreturn x",
        "an object": "return [object()]",
        "printed noise": "print('[]')\nreturn []",
        "noise on the descriptor": "import os\nos.write(1, b'{}')\nreturn []",
        "a log without end": "import sys\nwhile True: sys.stderr.write('x' * 100_000)",
        "an answer of its own": "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'{\"status\": \"ok\"}\\n{\"runs\": [[1]], \"mutated\": false, \"run_ms\": 1.0}')\n    except OSError: pass\nos._exit(0)",
        "a changed runner": "import sys\nm = sys.modules['__main__']\nm.json = type('J', (), {'dumps': staticmethod(lambda *a, **k: '1')})\nreturn []",
        "a changed json": "import json\njson.dumps = lambda *a, **k: 'x'\nreturn []",
    },
    "resources": {
        "all memory": "x = []\nwhile True: x.append(bytearray(1 << 24))",
        "a large array": "return [np.ones(1 << 30)]",
        "no end": "while True: pass",
        "no end against signals": "import signal\nfor s in (signal.SIGXCPU, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "asleep": "import time\ntime.sleep(60)",
        "threads without end": "import threading, time\nfor _ in range(9999): threading.Thread(target=time.sleep, args=(60,)).start()",
        "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\nf = lambda: f()\nf()",
        "a broken pointer": "import ctypes\nctypes.string_at(0)",
        "an early end": "import os\nos._exit(0)",
        "an abort": "import os\nos.abort()",
        "an exit": "raise SystemExit(0)",
        "a slow pattern": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    },
}  # fmt: skip


def _attacks() -> list[Attack]:
    made = [Attack(f"call {name}", "kernel", f"{_CALL}\ncall({what})") for name, what in _CALLS.items()]
    made += [Attack(name, group, code) for group, its in _CODE.items() for name, code in its.items()]
    made += [Attack(name, group, code, True) for group, its in _WHOLE.items() for name, code in its.items()]
    return made


ATTACKS = tuple(_attacks())
