"""Exports: named reports as CSV, streamed, with cells that no spreadsheet takes for a formula."""

from services.exports.cells import defuse, restore, to_csv
from services.exports.reports import REPORTS, Report
from services.exports.sheets import SEPARATORS, Sheet, read_sheet, words_of
from services.exports.streaming import file_name, stream_csv, stream_sheet, write_csv

__all__ = [
    "REPORTS",
    "SEPARATORS",
    "Report",
    "Sheet",
    "defuse",
    "file_name",
    "read_sheet",
    "restore",
    "stream_csv",
    "stream_sheet",
    "to_csv",
    "words_of",
    "write_csv",
]
