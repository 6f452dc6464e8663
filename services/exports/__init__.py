"""Exports: named reports as CSV, streamed, with cells that no spreadsheet takes for a formula."""

from services.exports.cells import defuse, restore, to_csv
from services.exports.reports import REPORTS, Report, replay_frame
from services.exports.streaming import file_name, stream_csv, write_csv

__all__ = ["REPORTS", "Report", "defuse", "file_name", "replay_frame", "restore", "stream_csv", "to_csv", "write_csv"]
