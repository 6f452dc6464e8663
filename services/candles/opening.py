"""An uploaded file down to the bytes that hold the candles: archives unpacked within limits, other kinds refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from services.errors import InvalidInput

MAX_BYTES: Final = 400 * 1024 * 1024  # of a file, and of what an archive unpacks to
MAX_ROWS: Final = 2_000_000
_STEP: Final = 1 << 20
_MB: Final = 1024 * 1024

_REFUSED: Final = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x80\x04\x95", "a Python pickle, which may hold programs,"),
    (b"\x80\x05\x95", "a Python pickle, which may hold programs,"),
)
_TABLES: Final = (".csv", ".tsv", ".json", ".parquet", ".feather", ".xlsx", ".ndjson", ".jsonl")
_PACKED: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes that hold the candles and the name they bear. `kind` is text, parquet, feather or workbook."""

    data: bytes
    filename: str
    kind: str
    decided: tuple[str, ...] = ()


def too_large(size: int) -> InvalidInput:
    """The refusal of a file of so many bytes."""
    return InvalidInput(f"The file has {size / _MB:,.0f} MB; up to {MAX_BYTES // _MB} MB can be read. Split it.")


def too_many_rows(count: int) -> InvalidInput:
    """The refusal of a file of so many rows."""
    return InvalidInput(f"The file has {count:,} rows; up to {MAX_ROWS:,} can be read. Split it.")


def open_file(data: bytes, filename: str) -> Opened:
    """Unpacks gzip, bzip2, xz and zip. Raises InvalidInput for what is too large, empty, damaged or no table."""
    decided: list[str] = []
    for _ in range(3):
        if len(data) > MAX_BYTES:
            raise too_large(len(data))
        if not data.strip():
            raise InvalidInput("The file is empty.")
        packed = next((kind for magic, kind in _PACKED if data.startswith(magic)), None)
        if packed:
            data, filename = _unpacked(data, packed), _without_suffix(filename)
            decided.append(f"The file was unpacked ({packed}).")
        elif data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            inner = _zipped(data)
            if inner is None:
                return Opened(data, filename, "workbook", tuple(decided))
            data, filename, note = inner
            decided.append(note)
        else:
            return Opened(data, filename, _kind(data), tuple(decided))
    raise InvalidInput("The file is an archive inside archives; unpack it first.")


def _kind(data: bytes) -> str:
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:6] == b"ARROW1" or data[:4] == b"FEA1":
        return "feather"
    for magic, kind in _REFUSED:
        if data.startswith(magic):
            raise InvalidInput(f"The file is {kind} and not a table of candles; export it as CSV.")
    if data[257:262] == b"ustar":
        raise InvalidInput("The file is a tar archive; unpack it and import its files one by one.")
    return "text"


def _without_suffix(filename: str) -> str:
    path = PurePath(filename)
    return path.stem if path.suffix.lower() in (".gz", ".bz2", ".xz") else path.name


def _unpacked(data: bytes, kind: str) -> bytes:
    openers: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    try:
        with openers[kind](io.BytesIO(data), "rb") as file:
            return _limited(file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InvalidInput(f"The {kind} archive is damaged and cannot be unpacked.") from error


def _limited(file: Any) -> bytes:
    """All of an unpacking file, or a refusal as soon as it gives more than MAX_BYTES, whatever it says of itself."""
    parts, size = [], 0
    while part := file.read(_STEP):
        size += len(part)
        if size > MAX_BYTES:
            raise InvalidInput(
                f"The archive unpacks to more than {MAX_BYTES // _MB} MB, which is too large to read; split the file."
            )
        parts.append(part)
    return b"".join(parts)


def _zipped(data: bytes) -> tuple[bytes, str, str] | None:
    """The one table in a zip archive: its bytes, its name and what was decided. None for a workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            names = {i.filename for i in infos}
            if any(name.startswith("xl/workbook.") for name in names) or "content.xml" in names:
                return None
            chosen, note = _choose(infos)
            if chosen.flag_bits & 1:
                raise InvalidInput("The zip archive is locked with a password; unpack it first.")
            with archive.open(chosen) as file:
                return _limited(file), PurePath(chosen.filename).name, note
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as error:
        raise InvalidInput("The zip archive is damaged and cannot be unpacked.") from error


def _choose(infos: list[zipfile.ZipInfo]) -> tuple[zipfile.ZipInfo, str]:
    seen = [i for i in infos if not PurePath(i.filename).name.startswith(".") and "__MACOSX" not in i.filename]
    if not seen:
        raise InvalidInput("The zip archive holds no file.")
    tables = [i for i in seen if PurePath(i.filename).suffix.lower() in _TABLES]
    one = seen if len(seen) == 1 else tables
    if len(one) == 1:
        beside = len(seen) - 1
        rest = f"; {beside} other {'file' if beside == 1 else 'files'} in it left out" if beside else ""
        return one[0], f"The file {PurePath(one[0].filename).name} was taken out of the zip archive{rest}."
    named = ", ".join(PurePath(i.filename).name for i in seen[:3]) + (", …" if len(seen) > 3 else "")
    raise InvalidInput(f"The zip archive holds {len(seen):,} files ({named}); import them one by one.")
