"""The same candles written in every format that the importer reads."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Bar = tuple[int, float, float, float, float, float]  # UTC seconds, open, high, low, close, volume
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def _csv(header: str, rows: Sequence[Sequence[object]], delimiter: str = ",") -> bytes:
    lines = [header] if header else []
    lines += [delimiter.join(str(cell) for cell in row) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _iso(seconds: int, hours: int = 0) -> str:
    return datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours))).isoformat()


def _clock(seconds: int, shape: str, hours: int = 0) -> str:
    return datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours))).strftime(shape)


def tradingview_unix(bars: Sequence[Bar]) -> bytes:
    return _csv("time,open,high,low,close,Volume,Plot,Plot", [(*bar, "", "NaN") for bar in bars])


def tradingview_iso(bars: Sequence[Bar]) -> bytes:
    return _csv("time,open,high,low,close,Volume", [(_iso(bar[0], -5), *bar[1:]) for bar in bars])


def canonical_csv(bars: Sequence[Bar]) -> bytes:
    return _csv("time,open,high,low,close,volume", [(_iso(bar[0]), *bar[1:]) for bar in bars])


def canonical_csv_utf16(bars: Sequence[Bar]) -> bytes:
    return canonical_csv(bars).decode().replace("\n", "\r\n").encode("utf-16")


def canonical_csv_newest_first(bars: Sequence[Bar]) -> bytes:
    return canonical_csv(bars[::-1])


def _frame(bars: Sequence[Bar]) -> pd.DataFrame:
    frame = pd.DataFrame(bars, columns=["time", "open", "high", "low", "close", "volume"])
    frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
    return frame


def parquet(bars: Sequence[Bar]) -> bytes:
    sink = io.BytesIO()
    _frame(bars).to_parquet(sink)
    return sink.getvalue()


def parquet_new_york_ns(bars: Sequence[Bar]) -> bytes:
    frame = _frame(bars)
    frame["time"] = frame["time"].dt.tz_convert("America/New_York").dt.as_unit("ns")
    sink = io.BytesIO()
    frame.set_index("time").to_parquet(sink)
    return sink.getvalue()


def parquet_epoch(bars: Sequence[Bar]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(pd.DataFrame(bars, columns=["time", "open", "high", "low", "close", "volume"])), sink)
    return sink.getvalue()


def histdata(bars: Sequence[Bar]) -> bytes:
    return _csv("", [(_clock(bar[0], "%Y%m%d %H%M%S", -5), *bar[1:]) for bar in bars], ";")


def metatrader4(bars: Sequence[Bar]) -> bytes:
    """In UTC, as the test says to the importer."""
    return _csv("", [(_clock(bar[0], "%Y.%m.%d"), _clock(bar[0], "%H:%M:%S"), *bar[1:]) for bar in bars])


def metatrader5(bars: Sequence[Bar]) -> bytes:
    """In UTC, as the test says to the importer."""
    header = "\t".join(f"<{n}>" for n in ("DATE", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL", "SPREAD"))
    rows = [(_clock(b[0], "%Y.%m.%d"), _clock(b[0], "%H:%M:%S"), *b[1:5], b[5], 0, 2) for b in bars]
    return _csv(header, rows, "\t")


def binance_ms(bars: Sequence[Bar]) -> bytes:
    return _csv("", [(bar[0] * 1000, *bar[1:], bar[0] * 1000 + 59_999, 1, 1, 1, 1, 0) for bar in bars])


def binance_us(bars: Sequence[Bar]) -> bytes:
    return _csv("", [(bar[0] * 1_000_000, *bar[1:], bar[0], 1, 1, 1, 1, 0) for bar in bars])


def ccxt_json(bars: Sequence[Bar]) -> bytes:
    return json.dumps([[bar[0] * 1000, *bar[1:]] for bar in bars]).encode()


def yahoo(bars: Sequence[Bar]) -> bytes:
    """For daily bars at UTC midnight only."""
    rows = [(_clock(b[0], "%Y-%m-%d"), *b[1:5], b[4] / 2, b[5]) for b in bars]
    return _csv("Date,Open,High,Low,Close,Adj Close,Volume", rows)


WRITERS: dict[str, tuple[Callable[[Sequence[Bar]], bytes], str]] = {
    "tradingview unix": (tradingview_unix, "tradingview"),
    "tradingview iso": (tradingview_iso, "tradingview"),
    "canonical csv": (canonical_csv, "csv"),
    "canonical csv in UTF-16": (canonical_csv_utf16, "csv"),
    "canonical csv, newest first": (canonical_csv_newest_first, "csv"),
    "parquet": (parquet, "parquet"),
    "parquet, New York, nanoseconds, as index": (parquet_new_york_ns, "parquet"),
    "parquet, unix time": (parquet_epoch, "parquet"),
    "histdata": (histdata, "histdata"),
    "metatrader 4": (metatrader4, "metatrader4"),
    "metatrader 5": (metatrader5, "metatrader5"),
    "binance, milliseconds": (binance_ms, "binance"),
    "binance, microseconds": (binance_us, "binance"),
    "ccxt json": (ccxt_json, "json"),
}
