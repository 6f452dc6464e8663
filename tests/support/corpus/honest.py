"""Detectors that a person may write and the gate must not refuse: (name, body, parameters, declared, needs)."""

from __future__ import annotations

from dataclasses import dataclass

N = '[param("n", "int", 3, 1, 20, 1)]'


@dataclass(frozen=True, slots=True)
class Honest:
    """`params` is the source of the parameter list, `declares` the fields of SPEC that are true."""

    name: str
    body: str
    params: str = N
    declares: tuple[str, ...] = ()


HONEST = (
    Honest("nothing", "return []"),
    Honest("pivots", 'h, n = candles["high"], params["n"]\nreturn [detection("mark", 1, i, i + n) for i in range(n, len(h) - n) if h[i] == h[i - n : i + n + 1].max()]'),
    Honest("new highs of ten bars", 'h = candles["high"]\nreturn [detection("mark", 1, i, i, price=float(h[i])) for i in range(10, len(h)) if h[i] > h[i - 10 : i].max()]'),
    Honest("inside bars", 'h, l = candles["high"], candles["low"]\nreturn [detection("mark", 0, i, i, price_low=float(l[i]), price_high=float(h[i])) for i in range(1, len(h)) if h[i] < h[i - 1] and l[i] > l[i - 1]]'),
    Honest("engulfing candles", 'o, c = candles["open"], candles["close"]\nreturn [detection("mark", 1, i, i, start=i - 1, end=i) for i in range(1, len(c)) if c[i - 1] < o[i - 1] and c[i] > o[i - 1] and o[i] <= c[i - 1]]'),
    Honest("dojis by share of the range", 'o, h, l, c = (candles[k] for k in ("open", "high", "low", "close"))\nreturn [detection("mark", 0, i, i, confidence=0.5) for i in range(len(c)) if h[i] > l[i] and abs(c[i] - o[i]) < 0.05 * (h[i] - l[i])]'),
    Honest("moves in average true ranges", 'a, c = atr(candles), candles["close"]\nreturn [detection("mark", 1 if c[i] > c[i - 1] else -1, i, i, meta={"size": round(float(abs(c[i] - c[i - 1]) / a[i]), 3)}) for i in range(15, len(c)) if abs(c[i] - c[i - 1]) > 1.5 * a[i]]'),
    Honest("logarithms of returns", 'c = candles["close"]\nr = np.diff(np.log(c)) if len(c) > 1 else np.zeros(0)\nreturn [detection("mark", 1, i + 1, i + 1, confidence=float(min(1, abs(r[i]) * 10))) for i in range(20, len(r)) if r[i] > 2 * r[i - 20 : i].std()]'),
    Honest("logarithms of prices", 'l = np.log(candles["close"])\nreturn [detection("mark", 1, i, i) for i in range(10, len(l)) if l[i] - l[i - 10] > 0.01]'),
    Honest("percent", 'c = candles["close"]\nreturn [detection("mark", 1, i, i, meta={"percent": float(100 * (c[i] / c[i - 5] - 1))}) for i in range(5, len(c)) if c[i] / c[i - 5] > 1.005]'),
    Honest("rolling mean crossed", 'c = candles["close"]\nif len(c) < 22: return []\nm = np.convolve(c, np.ones(20) / 20, "valid")\nx = c[19:]\nreturn [detection("mark", 1, i + 19, i + 19) for i in range(1, len(x)) if x[i] > m[i] * (1 + 1e-6) and x[i - 1] <= m[i - 1] * (1 + 1e-6)]'),
    Honest("bands of two deviations", 'c = candles["close"]\nreturn [detection("mark", 1, i, i, price=float(c[i])) for i in range(20, len(c)) if c[i] > c[i - 20 : i].mean() + 2 * c[i - 20 : i].std() * (1 + 1e-6)]'),
    Honest("volume beyond its average", 'v = candles["volume"]\nreturn [detection("mark", 0, i, i) for i in range(20, len(v)) if v[i] > 1.8 * v[i - 20 : i].mean()]'),
    Honest("a level that is touched later, as a new mark", 'h, l = candles["high"], candles["low"]\nout = []\nfor i in range(5, len(h)):\n    if h[i] > h[i - 5 : i].max() and l[i] > l[i - 1]:\n        out.append(detection("mark", 1, i, i, price=float(h[i])))\n    if l[i] < l[i - 5 : i].min():\n        out.append(detection("mark", -1, i, i, refs=[i - 1]))\nreturn out'),
    Honest("a gap in time", 't = candles["time"]\nreturn [detection("mark", 0, i, i) for i in range(2, len(t)) if t[i] - t[i - 1] > 2 * (t[i - 1] - t[i - 2])]'),
    Honest("hours by a clock", 't = candles["time"]\nreturn [detection("mark", 0, i, i) for i in range(1, len(t)) if t[i] % 86400 < t[i - 1] % 86400]', declares=("clock",)),
    Honest("months by a clock", 'from datetime import datetime, timezone\nt = [datetime.fromtimestamp(int(s), timezone.utc) for s in candles["time"]]\nreturn [detection("mark", 0, i, i) for i in range(1, len(t)) if t[i].month != t[i - 1].month]', declares=("clock",)),
    Honest("sessions by a time zone", 't = candles["time"]\nreturn [detection("mark", 0, i, i) for i in range(len(t)) if (t[i] // 86400 + 3) % 7 == 0 and 28800 <= t[i] % 86400 < 32400]'),
    Honest("round numbers", 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(1, len(c)) if c[i] // 10 > c[i - 1] // 10]', declares=("absolute_levels",)),
    Honest("a move in prices as a parameter", 'c, s = candles["close"], params["step"]\nreturn [detection("mark", 1, i, i, price=float(c[i] - s)) for i in range(1, len(c)) if c[i] - c[i - 1] > s]', '[param("step", "float", 0.4, 0.01, 5.0, 0.01, "a move", "price")]'),
    Honest("sums from the start of each window", 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(30, len(c)) if (c[i - 30 : i] > c[i]).sum() == 0]'),
    Honest("a third of a second for a run", 'import time\nend = time.perf_counter() + 0.3\nwhile time.perf_counter() < end: pass\nh = candles["high"]\nreturn [detection("mark", 1, i, i) for i in range(8, len(h)) if h[i] > h[i - 8 : i].max()]'),
    Honest("a third of a second asleep", 'import time\ntime.sleep(0.3)\nh = candles["high"]\nreturn [detection("mark", 1, i, i) for i in range(8, len(h)) if h[i] > h[i - 8 : i].max()]'),
)  # fmt: skip
