"""Bytes of a text file as UTF-8 with `\\n` line ends, whatever encoding and line ends they came with."""

from __future__ import annotations

import codecs
import re
from typing import Final

from services.errors import InvalidInput

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKUP: Final = re.compile(rb"\s*<(?:!doctype|\?xml|html|head|body|svg|table)\b", re.IGNORECASE)
_STEP: Final = 1 << 22
_BINARY: Final = "The file is binary, not a table of candles."


def to_utf8(data: bytes) -> tuple[bytes, list[str]]:
    """The text as UTF-8 bytes, and a sentence when the encoding had to be found out.

    Raises InvalidInput for binary files, web pages and text that does not hold to its own byte order mark.
    """
    data, decided = _recoded(data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = data.replace(b"\xe2\x80\xa8", b"\n").rstrip(b"\n\x1a \t") + b"\n"
    if not data.strip():
        raise InvalidInput("The file is empty.")
    if _MARKUP.match(data):
        raise InvalidInput("The file is a web page or a picture in XML, not a table of candles; export it as CSV.")
    return data, decided


def _recoded(data: bytes) -> tuple[bytes, list[str]]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            data = data[len(bom) :]
            if encoding == "utf-8":
                break
            return _decoded(data, encoding), [f"The file is {encoding[:6].upper()} text."]
    head = data[:4096]
    if b"\x00" in head:
        zeros = [head[i::2].count(0) * 2 / max(len(head), 1) for i in (0, 1)]
        if max(zeros) > 0.6 and min(zeros) < 0.1:
            encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
            return _decoded(data, encoding), ["The file is UTF-16 text without a byte order mark."]
        raise InvalidInput(_BINARY)
    if b"\x00" in data:
        raise InvalidInput(f"{_BINARY[:-1]}: it has zero bytes in it.")
    if _is_utf8(data):
        return data, []
    if sum(byte < 32 and byte not in (9, 10, 12, 13, 26) for byte in head) > len(head) // 50:
        raise InvalidInput(_BINARY)
    return data.decode("cp1252", errors="replace").encode(), ["The file is not UTF-8; it was read as Windows-1252."]


def _decoded(data: bytes, encoding: str) -> bytes:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The file is not valid {encoding.upper()} text; save it as UTF-8.") from error
    if "\x00" in text:
        raise InvalidInput(f"{_BINARY[:-1]}: it has zero bytes in it.")
    return text.encode("utf-8", errors="replace")


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for at in range(0, len(data), _STEP):
            decoder.decode(view[at : at + _STEP])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
