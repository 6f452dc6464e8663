"""The list of datasets: its columns."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from services.datasets import DatasetRow

ADJUSTMENTS: Final = {
    "raw": "Raw, as traded",
    "split": "Adjusted for splits",
    "total": "Adjusted for splits and dividends",
    "unknown": "Not known",
}


def dataset_columns() -> list[Column[DatasetRow]]:
    """The list's columns; a click on a row shows its quality report."""
    kinds = st.column_config
    small = kinds.TextColumn(width="small")
    warnings = kinds.NumberColumn(width="small", help="Click a row for its quality report")
    return [
        Column("Dataset", attrgetter("name"), kinds.TextColumn(width="medium")),
        Column("Symbol", attrgetter("symbol"), small),
        Column("Timeframe", attrgetter("timeframe"), small),
        Column("Candles", attrgetter("rows"), kinds.NumberColumn(width="small")),
        Column("From", lambda row: f"{looks.day(row.start_at)} {row.start_at.year}"),
        Column("To", lambda row: f"{looks.day(row.end_at)} {row.end_at.year}"),
        Column("Prices", lambda row: ADJUSTMENTS.get(row.price_adjustment, row.price_adjustment)),
        Column("Format", attrgetter("source_format"), small),
        Column("Warnings", lambda row: len(row.warnings), warnings),
        Column("By", lambda row: row.uploaded_by_name or looks.MISSING),
        Column(
            "Imported",
            lambda row: looks.ago(row.created_at).capitalize(),
            st.column_config.TextColumn(help=looks.zone_help()),
        ),
    ]
