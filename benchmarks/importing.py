"""`python -m benchmarks.importing [--rows N]`: time and peak memory of importing large files, each in a process of its own.

The ratio is to reading the same file with Arrow's CSV reader alone, all columns as they are (for Parquet, to Arrow's
Parquet reader). Memory is the process's peak less what it held before the file was there.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

NOW = "2030-01-01T00:00:00+00:00"


def candles(rows: int) -> pd.DataFrame:
    """A seeded walk of one-minute bars."""
    rng = np.random.default_rng(1)
    closes = np.round(100 + np.cumsum(rng.normal(0, 0.02, rows + 1)), 2)
    closes += 10 - min(closes.min() - 10, 0)
    opens, ends = closes[:-1], closes[1:]
    time_ = pd.date_range("2018-01-01", periods=rows, freq="min", tz="UTC")
    high, low = np.maximum(opens, ends) + 0.03, np.minimum(opens, ends) - 0.03
    return pd.DataFrame({"time": time_, "open": opens, "high": high.round(2), "low": low.round(2), "close": ends.round(2),
                         "volume": rng.integers(1, 9_999, rows)})  # fmt: skip


def _unix(frame: pd.DataFrame) -> bytes:
    return frame.assign(time=frame["time"].astype("int64") // 10**6).to_csv(index=False).encode()


def _german(frame: pd.DataFrame) -> bytes:
    table = frame.assign(time=frame["time"].dt.strftime("%d.%m.%Y %H:%M"))
    table.columns = pd.Index(["Datum", "Eröffnung", "Hoch", "Tief", "Schluss", "Volumen"])
    return table.to_csv(index=False, sep=";", decimal=",").encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


SHAPES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv, unix time": _unix,
    "csv, ISO times": lambda frame: frame.to_csv(index=False).encode(),
    "csv, German dates and decimal comma": _german,
    "parquet": _parquet,
}


def measure(shape: str, rows: int) -> dict[str, float]:
    """Seconds and megabytes in this process."""
    import pyarrow.csv as pcsv
    import pyarrow.parquet as pq

    from services.candles.importer import read_candles

    data = SHAPES[shape](candles(rows))
    began = time.perf_counter()
    if shape == "parquet":
        pq.read_table(io.BytesIO(data))
    else:
        pcsv.read_csv(io.BytesIO(data), parse_options=pcsv.ParseOptions(delimiter=";" if "German" in shape else ","))
    floor = time.perf_counter() - began
    before = _resident()
    began = time.perf_counter()
    found = read_candles(data, filename="x", tz="UTC")
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": len(found.frame), "file_mb": round(len(data) / 1e6, 1), "seconds": round(took, 2),
            "ratio": round(took / floor, 1), "before_mb": round(before), "peak_mb": round(peak)}  # fmt: skip


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--shape", choices=list(SHAPES), help="measure this one here; all in processes without it")
    options = parser.parse_args()
    if options.shape:
        print(json.dumps(measure(options.shape, options.rows)))
        return 0
    for shape in SHAPES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.importing", "--rows", str(options.rows), "--shape", shape],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        print(f"{shape:40} {done.stdout.strip()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
