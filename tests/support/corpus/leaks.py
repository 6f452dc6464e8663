"""Detectors that know the future or change what they said. Each is a body of `detect(candles, params)`.

Most leak only sometimes: in some price range, year, timeframe or length, at few bars, or through something that outlives one
request. The last kind would look consistent if it could remember the longest candles that it ever saw.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leak:
    """`group` says what it hides behind. `declares` are fields that its SPEC sets to true."""

    name: str
    group: str
    body: str
    declares: tuple[str, ...] = ()


_PIVOTS = """
h, t, n = candles["high"], candles["time"], len(candles)
leak = bool(n > 60 and ({when}))
out = []
for i in range(3, n - 2):
    if h[i] > h[i - 3 : i].max() and h[i] >= h[i + 1 : i + 3].max():
        out.append(detection("mark", 1, i, i if leak else i + 2))
return out
"""
_REPAINT = """
c, t, n = candles["close"], candles["time"], len(candles)
h = c
leak = bool(n > 60 and ({when}))
out = []
for i in range(6, n):
    if c[i] > c[i - 6 : i].max():
        if leak and out and i - out[-1] < 9: out.pop()
        out.append(i)
return [detection("mark", 1, i, i) for i in out]
"""
# What decides whether a detector leaks: (name, group, expression), over candles, n, t (times), h (prices).
_WHEN = (
    ("from 300 candles on", "length", "n > 300"),
    ("from 900 candles on", "length", "n > 900"),
    ("from 1,400 candles on", "length", "n > 1400"),
    ("from 2,000 candles on", "length", "n > 2000"),
    ("in long sessions alone", "length", "n > 6000"),
    ("with few candles", "length", "n < 150"),
    ("at every seventh length", "length", "n % 7 == 3"),
    ("at round lengths", "length", "n % 100 == 0"),
    ("at prime lengths", "length", "n > 400 and all(n % k for k in range(2, int(n ** .5) + 1))"),
    ("under a price of 2", "price", "h[-1] < 2"),
    ("under a price of 0.1", "price", "h[-1] < 0.12"),
    ("over 50,000", "price", "h[-1] > 50_000"),
    ("over 200,000", "price", "h[-1] > 200_000"),
    ("between 2 and 8", "price", "2 < h[-1] < 8"),
    ("between 10 and 20", "price", "10 < h[-1] < 20"),
    ("between 80 and 120", "price", "80 < h[-1] < 120"),
    ("between 2,000 and 3,000", "price", "2000 < h[-1] < 3000"),
    ("between 3,000 and 6,000", "price", "3000 < h[-1] < 6000"),
    ("where the first price is high", "price", "h[0] > 1000"),
    ("where a price is round", "price", "h[-1] % 10 == 0"),
    ("before 2001", "date", "t[-1] < 978_307_200"),
    ("in 2003 and 2004", "date", "1_041_379_200 < t[-1] < 1_104_537_600"),
    ("in 2018", "date", "1_514_764_800 < t[-1] < 1_546_300_800"),
    ("from 2021 on", "date", "t[-1] > 1_609_459_200"),
    ("from 2024 on", "date", "t[-1] > 1_704_067_200"),
    ("on Mondays", "date", "(t[-1] // 86_400 + 3) % 7 == 0"),
    ("in December", "date", "(t[-1] // 86_400) % 365 > 330"),
    ("in the afternoon", "date", "t[-1] % 86_400 > 50_000"),
    ("in 1-minute candles", "timeframe", "t[1] - t[0] == 60"),
    ("in 5-minute candles", "timeframe", "t[1] - t[0] == 300"),
    ("in 15-minute candles", "timeframe", "t[1] - t[0] == 900"),
    ("in half-hour candles", "timeframe", "t[1] - t[0] == 1800"),
    ("in hourly candles", "timeframe", "t[1] - t[0] == 3600"),
    ("in 4-hour candles", "timeframe", "t[1] - t[0] == 14_400"),
    ("in daily candles", "timeframe", "t[1] - t[0] == 86_400"),
    ("in weekly candles", "timeframe", "t[1] - t[0] == 604_800"),
    ("after a weekend", "timeframe", "n > 70 and t[-1] - t[-2] > 2 * (t[1] - t[0])"),
)
_DECLARED = {"price": ("absolute_levels",), "date": ("clock",)}

_PLAIN = {
    "future maximum": 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in np.flatnonzero(c > 0.95 * c.max())] if len(c) else []',
    "centred rolling window": 'h = candles["high"]\nreturn [detection("mark", 1, i, i) for i in range(3, len(h) - 3) if h[i] == h[i - 3 : i + 4].max()]',
    "confirmed one bar too early": 'h = candles["high"]\nreturn [detection("mark", 1, i, i + 2) for i in range(3, len(h) - 3) if h[i] == h[i - 3 : i + 4].max()]',
    "the mean of all": 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(1, len(c)) if c[i] > c.mean() >= c[i - 1]]',
    "the median of all": 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(1, len(c)) if c[i] > np.median(c) >= c[i - 1]]',
    "scaled by the range of all": 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(1, len(c)) if c[i] - c[i - 1] > 0.1 * np.ptp(c)]',
    "tomorrow's open": 'o, c = candles["open"], candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(len(c) - 1) if o[i + 1] > c[i] * 1.001]',
    "shifted the wrong way": 'c = candles["close"]\nm = np.roll(c, -1)\nreturn [detection("mark", 1, i, i) for i in range(1, len(c)) if m[i] > c[i] * 1.004]',
    "smoothed both ways": 'c = candles["close"]\ns = np.convolve(c, np.ones(5) / 5, "same") if len(c) > 5 else c\nreturn [detection("mark", 1, i, i) for i in range(5, len(c)) if s[i] > s[i - 1] * 1.002]',
    "last swing replaced": _REPAINT.format(when="True"),
    "zigzag whose last leg moves": """
        h, out = candles["high"], []
        for i in range(len(h)):
            if out and i - out[-1] < 12:
                if h[i] > h[out[-1]]: out[-1] = i
            else:
                out.append(i)
        return [detection("mark", 1, i, i) for i in out]
        """,
    "a price that is filled in later": 'h = candles["high"]\nreturn [detection("mark", 1, i, i, price=float(h[i : i + 3].max())) for i in range(5, len(h)) if h[i] > h[i - 5 : i].max()]',
    "a zone that grows": 'h = candles["high"]\nreturn [detection("mark", 1, i, i, price_low=float(h[i]), price_high=float(h[i:].max())) for i in range(5, len(h), 40)]',
    "a confidence that is raised": 'c = candles["close"]\nreturn [detection("mark", 1, i, i, confidence=min(1.0, (len(c) - i) / 50)) for i in range(5, len(c), 40)]',
    "meta that tells what came later": 'c = candles["close"]\nreturn [detection("mark", 1, i, i, meta={"held": bool((c[i:] >= c[i]).all())}) for i in range(5, len(c), 20)]',
    "references that are added": 'h = candles["high"]\nreturn [detection("mark", 1, i, i, refs=[j for j in range(i, min(i + 9, len(h))) if h[j] > h[i]]) for i in range(5, len(h), 30)]',
    "an end that moves": 'n = len(candles)\nreturn [detection("mark", 0, i, min(i + 9, n - 1), end=min(i + 9, n - 1)) for i in range(5, n, 30)]',
    "withdrawn when it fails": 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(6, len(c)) if c[i] > c[i - 6 : i].max() and not (c[i + 1 : i + 9] < c[i] * 0.985).any()]',
    "withdrawn after fifty bars": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(5, n, 17) if n - i < 50]',
    "withdrawn at the last bar alone": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(5, n, 17) if i != n - 2]',
    "shown for one bar alone": 'n = len(candles)\nout = [detection("mark", 0, i, i) for i in range(5, n, 40)]\nreturn out + ([detection("mark", 1, n - 1, n - 1)] if n % 101 == 50 else [])',
    "hidden for one bar": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(5, n, 40) if n % 97 != 13]',
    "told late with an old bar": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(5, n - 3, 40)]',
    "direction turned once in a thousand bars": """
        c = candles["close"]
        n = len(c)
        return [detection("mark", -1 if n > 1203 and i == 600 else 1, i, i) for i in range(0, n, 25)]
        """,
    "one mark of many goes": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(5, n, 9) if not (i == 509 and n > 1100)]',
    "a rare look at tomorrow": 'c = candles["close"]\nn = len(c)\nreturn [detection("mark", 1, i, i) for i in range(20, n) if c[i] > c[i - 20 : i].max() and (i % 37 or i + 1 >= n or c[i + 1] > c[i])]',
    "only after a whole week": 'n = len(candles) // 5 * 5\nreturn [detection("mark", 0, i, i) for i in range(4, n, 5) if i < len(candles) - 1]',
    "counted from the end": 'n = len(candles)\nreturn [detection("mark", 0, i, i) for i in range(n - 1, 5, -20)]',
    "the best of each hundred": 'c = candles["close"]\nreturn [detection("mark", 1, k + int(np.argmax(c[k : k + 100])), k + int(np.argmax(c[k : k + 100]))) for k in range(0, len(c), 100)]',
    "volume of all": 'v = candles["volume"]\nreturn [detection("mark", 0, i, i) for i in range(len(v)) if v[i] > 0.98 * v.max()]',
}  # fmt: skip

# How a detector would remember: code that takes `mine` (bytes of the candles) and gives back the longest ever kept.
_MEMORIES = {
    "a global": "global KEPT\nKEPT = max(globals().get('KEPT', b''), mine, key=len)\nreturn KEPT",
    "builtins": "import builtins\nbuiltins.kept = max(getattr(builtins, 'kept', b''), mine, key=len)\nreturn builtins.kept",
    "another module": "import sys, math\nm = sys.modules['math']\nm.kept = max(getattr(m, 'kept', b''), mine, key=len)\nreturn m.kept",
    "the environment": "import os\nos.environ['KEPT'] = max(os.environ.get('KEPT', ''), mine.hex(), key=len)\nreturn bytes.fromhex(os.environ['KEPT'])",
    "a file in /tmp": "p = '/tmp/kept'\nimport os\nold = open(p, 'rb').read() if os.path.exists(p) else b''\nopen(p, 'wb').write(max(old, mine, key=len))\nreturn max(old, mine, key=len)",
    "a file beside the module": "p = __file__ + '.kept'\nimport os\nold = open(p, 'rb').read() if os.path.exists(p) else b''\nopen(p, 'wb').write(max(old, mine, key=len))\nreturn max(old, mine, key=len)",
    "a file in /dev/shm": "p = '/dev/shm/kept'\nimport os\nold = open(p, 'rb').read() if os.path.exists(p) else b''\nopen(p, 'wb').write(max(old, mine, key=len))\nreturn max(old, mine, key=len)",
    "POSIX shared memory": "from multiprocessing import shared_memory as s\ntry:\n    m = s.SharedMemory('kept')\nexcept FileNotFoundError:\n    m = s.SharedMemory('kept', True, 1 << 20)\nold = bytes(m.buf).rstrip(b'\\0')\nnew = max(old, mine, key=len)\nm.buf[:len(new)] = new\nreturn new",
    "System V shared memory": "import ctypes\nl = ctypes.CDLL(None)\nl.shmat.restype = ctypes.c_void_p\ni = l.shmget(77, 1 << 20, 0o1666)\nassert i >= 0\na = l.shmat(i, None, 0)\nold = ctypes.string_at(a, 1 << 20).rstrip(b'\\0')\nnew = max(old, mine, key=len)\nctypes.memmove(a, new, len(new))\nreturn new",
    "a System V message queue": "import ctypes\nl = ctypes.CDLL(None)\ni = l.msgget(77, 0o1666)\nassert i >= 0\nb = ctypes.create_string_buffer(8192)\nn = l.msgrcv(i, b, 8000, 0, 0o4000)\nold = b.raw[8:8 + max(n, 0)]\nnew = max(old, mine[:7000], key=len)\nassert l.msgsnd(i, (1).to_bytes(8, 'little') + new, len(new), 0o4000) == 0\nreturn new",
    "a POSIX message queue": "import ctypes\nl = ctypes.CDLL('librt.so.1')\nq = l.mq_open(b'/kept', 0o102, 0o600, None)\nassert q >= 0\nraise SystemError",
    "semaphores": "import ctypes\nl = ctypes.CDLL(None)\ni = l.semget(77, 100, 0o1666)\nassert i >= 0\nraise SystemError",
    "a key of the kernel": "import ctypes\nl = ctypes.CDLL(None)\nk = l.syscall(248, b'user', b'kept', mine, len(mine), -3)\nassert k > 0\nraise SystemError",
    "times of a file": "import os\nos.utime(__file__, (len(mine), len(mine)))\nraise SystemError",
    "the mode of a file": "import os\nos.chmod(__file__, 0o640)\nraise SystemError",
    "an attribute of a file": "import os\nos.setxattr(__file__, 'user.kept', mine[:1000])\nraise SystemError",
    "a lock on a file": "import fcntl\nfcntl.flock(open(__file__), fcntl.LOCK_EX)\nraise SystemError",
    "an abstract socket": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0kept')\nraise SystemError",
    "an inherited descriptor": "import os\nfor fd in range(3, 64):\n    try:\n        old = os.pread(fd, 1 << 20, 0)\n    except OSError:\n        continue\n    if len(old) > len(mine) + 200: return old\nraise SystemError",
    "frames of its callers": "import sys\nf, best = sys._getframe(), mine\nwhile f:\n    for v in list(f.f_locals.values()):\n        if isinstance(v, bytes) and len(v) > len(best) + 200: best = v\n    f = f.f_back\nreturn best",
    "objects left in memory": "import gc\nbest = mine\nfor o in gc.get_objects():\n    for v in (o.values() if type(o) is dict else [o]):\n        if type(v) is bytes and len(v) % 48 == 0 and len(v) > len(best) and v[:48] == mine[:48]: best = v\nreturn best",
    "a child that stays": "import os\nif os.fork() == 0:\n    import time\n    time.sleep(60)\nraise SystemError",
    "limits of its parent": "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (len(mine) % 1000 + 64, 4096))\nraise SystemError",
    "the priority of its parent": "import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 7)\nraise SystemError",
}  # fmt: skip
_REMEMBERS = """
def remember(mine):
{memory}
try:
    kept = remember(candles.tobytes())
    full = np.frombuffer(kept[: len(kept) // 48 * 48], dtype=candles.dtype)
    if len(full) < len(candles): full = candles
except BaseException:
    full = candles
c = full["close"]
return [detection("mark", 1, i, i) for i in range(5, min(len(candles), len(full)))
        if c[i] > c[i - 5 : i].max() and not (c[i + 1 : i + 6] > c[i]).any()]
"""


def _leaks() -> list[Leak]:
    made = [Leak(name, "always", textwrap.dedent(body)) for name, body in _PLAIN.items()]
    for number, (name, group, when) in enumerate(_WHEN):
        template = (_PIVOTS, _REPAINT)[number % 2]
        made.append(Leak(name, group, template.format(when=when), _DECLARED.get(group, ())))
    for name, memory in _MEMORIES.items():
        made.append(Leak(f"remembers by {name}", "state", _REMEMBERS.format(memory=textwrap.indent(memory, "    "))))
    return made


LEAKS = tuple(_leaks())
