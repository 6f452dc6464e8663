"""`python -m benchmarks.importing [--rows N]`: time and peak memory of importing large files, each in a process of its own.

Seconds are of the processor. The floor is pandas reading the same file in a process of its own in the same run, numbers and nothing checked. Memory is
what the process's peak lies above what it held with the file in it. `--bad` measures what refuses files that are too much.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def measure(shape: str, rows: int, *, floor: bool) -> dict[str, float]:
    """Seconds and megabytes in this process: of pandas for the floor, else of the import."""
    from services.candles.importer import read_candles

    data = SHAPES[shape](candles(rows))
    before, began = _resident(), time.process_time()
    found = _pandas(shape, data) if floor else read_candles(data, filename="x", tz="UTC").frame
    took = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": len(found), "file_mb": round(len(data) / 1e6, 1), "seconds": round(took, 2),
            "above_mb": round(peak - before)}  # fmt: skip


def _pandas(shape: str, data: bytes) -> pd.DataFrame:
    if shape == "parquet":
        return pd.read_parquet(io.BytesIO(data))
    german = "German" in shape
    return pd.read_csv(io.BytesIO(data), sep=";" if german else ",", decimal="," if german else ".")


def bad_files() -> dict[str, Callable[[Path], None]]:
    """What writes each file that must be refused."""

    def zeros(path: Path, size: int) -> None:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("x.csv", "w", force_zip64=True) as file,
        ):
            for _ in range(size // (1 << 24)):
                file.write(bytes(1 << 24))

    def many(path: Path) -> None:
        row = b"1704067200,10,12,9,11,5\n"
        with path.open("wb") as file:
            file.write(b"time,open,high,low,close,volume\n")
            for _ in range(100):
                file.write(row * 100_000)

    def several(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("a.csv", "b.csv", "c.csv"):
                archive.writestr(name, b"time,open,high,low,close\n2024-01-02,1,2,1,2\n")

    def sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(2 << 30)

    return {
        "2 GB": sparse,
        "10,000,000 rows": many,
        "zip of 1 GB of zeros": lambda path: zeros(path, 1 << 30),
        "zip of three files": several,
    }


def refuse(name: str, path: str) -> dict[str, object]:
    """The sentence for a file, with seconds and megabytes of this process."""
    from services.candles.importer import read_candles
    from services.cli.importing import read_file
    from services.errors import InvalidInput

    before, began = _resident(), time.process_time()
    try:
        read_candles(read_file(Path(path)), filename="x.csv")
        sentence = "NOT REFUSED"
    except InvalidInput as error:
        sentence = error.sentence
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"file": name, "seconds": round(time.process_time() - began, 2), "above_mb": round(peak - before),
            "sentence": sentence}  # fmt: skip


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024**2


def _alone(*options: str) -> dict[str, Any]:
    """What a process of its own measured."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", *options], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--bad", action="store_true", help="measure what refuses files that are too much")
    parser.add_argument("--shape", choices=list(SHAPES), help="measure this one here; all in processes without it")
    parser.add_argument("--floor", action="store_true", help="measure pandas instead of the import")
    parser.add_argument("--refuse", nargs=2, metavar=("NAME", "PATH"))
    options = parser.parse_args()
    if options.refuse:
        print(json.dumps(refuse(*options.refuse)))
        return 0
    if options.shape:
        print(json.dumps(measure(options.shape, options.rows, floor=options.floor)))
        return 0
    if options.bad:
        with tempfile.TemporaryDirectory() as folder:
            for name, write in bad_files().items():
                path = Path(folder, "file")
                write(path)
                print(_alone("--refuse", name, str(path)))
                path.unlink()
        return 0
    for shape in SHAPES:
        own, floor = (_alone("--rows", str(options.rows), "--shape", shape, *more) for more in ([], ["--floor"]))
        ratio = own["seconds"] / max(floor["seconds"], 0.01)
        print(
            f"{shape:38} {own}  pandas {floor['seconds']} s, {floor['above_mb']} MB above; {ratio:.1f} times",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
