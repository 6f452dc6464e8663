"""What `fetch` does: searching a source's symbols, and fetching with a progress line."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from services import actions
from services.people import Actor


def search_symbols(source: str, text: str) -> dict[str, Any]:
    """The instruments of a source that fit the text."""
    return {
        "source": source,
        "found": [{"symbol": i.symbol, "name": i.name} for i in actions.find_instruments(source, text)],
    }


def fetch_dataset(
    source: str, symbol: str, timeframe: str, start: datetime | None, end: datetime | None, actor: Actor, *, show: bool
) -> dict[str, Any]:
    """Fetches and stores; `show` writes how far it is to standard error."""

    def progress(count: int, share: float) -> None:
        if show:
            sys.stderr.write(f"\r{count:,} candles, {share:.0%}")
            sys.stderr.flush()

    row = actions.fetch_candles(source, symbol, timeframe, start=start, end=end, progress=progress, actor=actor)
    if show:
        sys.stderr.write("\n")
    return {
        "dataset_id": str(row.id),
        "symbol": row.symbol,
        "timeframe": row.timeframe,
        "rows": row.rows,
        "start_at": row.start_at.isoformat(),
        "end_at": row.end_at.isoformat(),
        "format": row.source_format,
        "decided": row.quality.get("decided", []),
        "warnings": row.warnings,
    }
