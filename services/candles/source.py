"""An uploaded file as bytes or text, with what is certainly no table of candles refused by its content."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from services.errors import InvalidInput

MAX_BYTES = 50 * 1024 * 1024
MAX_ROWS = 2_000_000

_NO_TABLES = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MARKUP = re.compile(r"\s*<(?:!doctype|\?xml|html|head|body|svg)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to recognise. `text` has `\\n` line ends and is None for Parquet; `header` is its first line that is not
    blank, split at `delimiter`; `header_row` is that line's 1-based number."""

    data: bytes
    filename: str
    text: str | None = None
    header: tuple[str, ...] = ()
    header_row: int = 1
    delimiter: str = ","

    @property
    def names(self) -> tuple[str, ...]:
        """The header in lower case, without quotes and angle brackets."""
        return tuple(cell.lower() for cell in self.header)


def open_source(data: bytes, filename: str) -> Source:
    """Look at the bytes. Raises InvalidInput when they are empty, too many, of a kind that is no table, or no text."""
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"The file has {len(data) / 1048576:.0f} MB; up to {MAX_BYTES // 1048576} MB can be read.")
    if not data.strip():
        raise InvalidInput("The file is empty.")
    if data[:4] == b"PAR1":
        return Source(data, filename)
    for magic, kind in _NO_TABLES:
        if data.startswith(magic):
            raise InvalidInput(f"The file is {kind}, not a table of candles; export it as CSV.")
    text = _decode(data)
    if _MARKUP.match(text):
        raise InvalidInput("The file is a web page, not a table of candles; export it as CSV.")
    if text.count("\n") > MAX_ROWS + 1:
        raise InvalidInput(f"The file has more than {MAX_ROWS:,} rows; split it.")
    return _with_header(data, filename, text)


def _decode(data: bytes) -> str:
    encoding, start = "utf-8", 0
    for bom, name in _BOMS:
        if data.startswith(bom):
            encoding, start = name, len(bom)
    try:
        text = data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        if b"\x00" in data[:4096] and encoding == "utf-8":
            raise InvalidInput("The file is binary, not a table of candles.") from error
        row = data.count(b"\n", 0, start + error.start) + 1
        raise InvalidInput(f"Row {row} of the file is not valid {encoding.upper()} text; save it as UTF-8.") from error
    if "\x00" in text:
        halves = [set(text[i:64:2]) == {"\x00"} for i in (0, 1)]
        if encoding == "utf-8" and halves[0] != halves[1]:
            raise InvalidInput("The file seems to be UTF-16 without a byte order mark; save it as UTF-8.")
        raise InvalidInput("The file is binary, not a table of candles: it has zero bytes in it.")
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if not text.strip():
        raise InvalidInput("The file is empty.")
    return text


def _with_header(data: bytes, filename: str, text: str) -> Source:
    before = len(text) - len(text.lstrip())
    blank = text.count("\n", 0, before)
    body = text[text.rfind("\n", 0, before) + 1 :]
    first = body.split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    cells = tuple(cell.strip().strip('"').strip("<>").strip() for cell in first[:100_000].split(delimiter))
    return Source(data, filename, body, cells, 1 + blank, delimiter)
