"""Datasets as a table: what the list's rows come to, and how its columns look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from services.datasets import DatasetRow

DATASET_COLUMNS: Final = (
    "Dataset", "Symbol", "Timeframe", "Candles", "From", "To", "Prices", "Format", "Warnings", "By", "Imported",
)  # fmt: skip
ADJUSTMENTS: Final = {
    "raw": "Raw, as traded",
    "split": "Adjusted for splits",
    "total": "Adjusted for splits and dividends",
    "unknown": "Not known",
}


def dataset_table(rows: Sequence[DatasetRow]) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    return pd.DataFrame([_dataset(row) for row in rows], columns=list(DATASET_COLUMNS))


def _dataset(row: DatasetRow) -> tuple[Any, ...]:
    return (
        row.name,
        row.symbol,
        row.timeframe,
        row.rows,
        f"{looks.day(row.start_at)} {row.start_at.year}",
        f"{looks.day(row.end_at)} {row.end_at.year}",
        ADJUSTMENTS.get(row.price_adjustment, row.price_adjustment),
        row.source_format,
        len(row.warnings),
        row.uploaded_by_name or looks.MISSING,
        looks.ago(row.created_at).capitalize(),
    )


def dataset_columns() -> dict[str, Any]:
    kinds = st.column_config
    return {
        "Dataset": kinds.TextColumn(width="medium"),
        "Symbol": kinds.TextColumn(width="small"),
        "Timeframe": kinds.TextColumn(width="small"),
        "Candles": kinds.NumberColumn(width="small"),
        "Warnings": kinds.NumberColumn(width="small", help="Click a row for its quality report"),
        "Format": kinds.TextColumn(width="small"),
    }
