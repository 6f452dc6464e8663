"""What may be attached, told by content: the name is only what it is called."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import puremagic
import pyarrow as pa
import pyarrow.parquet as pq

from services.attachments import images
from services.errors import InvalidInput

ACCEPTED: Final = ("png", "jpg", "jpeg", "webp", "gif", "mp4", "webm", "pdf", "csv", "txt", "parquet")
MAX_BYTES: Final = {"image": 10_000_000, "video": 100_000_000, "file": 20_000_000}
MAX_NAME: Final = 120  # characters, with the suffix

_WHAT: Final = "Attach images (PNG, JPEG, WebP, GIF), videos (MP4, WebM), PDF, CSV, text or Parquet files."
_TEXT_SUFFIXES: Final = frozenset({"", ".txt", ".csv", ".tsv", ".log", ".md", ".json"})
# A text that begins as markup, or holds what a browser would run or draw.
_MARKUP = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<[a-z!?/]|<\s*(?:!doctype|html|script|svg|math|iframe|object|embed)\b", re.IGNORECASE
)
# Names that Windows keeps for itself.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)", re.IGNORECASE)
_EBML: Final = b"\x1a\x45\xdf\xa3"
# Major brands of films; QuickTime, HEIF, AVIF and sound share the box but are other things.
_MP4_BRANDS: Final = frozenset(
    {b"isom", b"mp41", b"mp42", b"mp71", b"avc1", b"M4V ", b"dash", b"MSNV"} | {b"iso%d" % n for n in range(2, 10)}
)


@dataclass(frozen=True, slots=True)
class Checked:
    """An upload that passed. `kind` is image, video or file; `data` is what is stored (an image drawn anew);
    `name` is safe to show and to save, with the suffix of what the content is."""

    kind: str
    content_type: str
    data: bytes
    name: str
    suffix: str


def check(data: bytes, name: str) -> Checked:
    """Look at an upload's content and make it safe to keep.

    Limits: images 10 MB and 40 megapixels, videos 100 MB, files 20 MB. Raises InvalidInput with one sentence for what
    is too large, empty, damaged, or of a kind that is not taken (SVG, pages, programs, archives).
    """
    if not data:
        raise InvalidInput("This file is empty.")
    if len(data) > max(MAX_BYTES.values()):
        raise InvalidInput(f"A file has up to {_mb(max(MAX_BYTES.values()))}; this one has {_mb(len(data))}.")
    found = _kind_of(data)
    if found is None:
        return _text(data, name)
    kind, content_type, suffix = found
    _refuse_heavy(kind, data)
    if kind == "image":
        data, form = images.redraw(data)
        content_type, suffix = images.FORMATS[form]
    return Checked(kind, content_type, data, clean_name(name, suffix), suffix)


def clean_name(name: str, suffix: str | None = None) -> str:
    """A name without folders, control or invisible characters, that no system takes for something else.

    `suffix` (".png") replaces the one the name has. Never empty, up to 120 characters.
    """
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    base = "".join(c if c.isalnum() or c in " ._-()+@" else "_" for c in base if unicodedata.category(c)[0] != "C")
    stem, dot, ending = base.rpartition(".")
    if suffix is not None:
        stem, ending = (stem if dot and len(ending) <= 8 else base), suffix.removeprefix(".")
    elif not dot:
        stem, ending = base, ""
    stem = re.sub(r"\s+", " ", stem).strip(" ._") or "file"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    end = f".{ending[:16]}" if ending else ""
    return stem[: MAX_NAME - len(end)].rstrip(" .") + end


def _kind_of(data: bytes) -> tuple[str, str, str] | None:
    """(kind, content type, suffix) of what the content is and is taken; None for what may be text."""
    types = _recognised(data)
    for content_type, kind, suffix, holds in _TAKEN:
        if content_type in types and holds(data):
            return kind, content_type, suffix
    if data[:4] == b"PAR1" and _is_parquet(data):
        return "file", "application/vnd.apache.parquet", ".parquet"
    if types & {"image/svg+xml"}:
        raise InvalidInput("SVG drawings can carry scripts and are not taken; save it as PNG and attach that.")
    if types & {"text/html", "application/xhtml+xml"}:
        raise InvalidInput("Web pages are not taken; attach a picture or a PDF of it.")
    if b"\x00" in data[:4096] or data.startswith(b"#!"):
        raise InvalidInput(f"A file of this kind is not taken. {_WHAT}")
    return None


def _recognised(data: bytes) -> set[str]:
    try:
        return {match.mime_type for match in puremagic.magic_string(data)}
    except puremagic.PureError:  # it knows formats by their bytes, and plain text has none
        return set()


def _is_webm(data: bytes) -> bool:
    """Matroska with the document type WebM; its header says so within the first bytes."""
    return data.startswith(_EBML) and b"webm" in data[4:64]


# content type as puremagic says it, kind, suffix, and what the very first bytes must show beside
_TAKEN: Final[tuple[tuple[str, str, str, Callable[[bytes], bool]], ...]] = (
    ("image/png", "image", ".png", lambda d: d.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", "image", ".jpg", lambda d: d.startswith(b"\xff\xd8\xff")),
    ("image/gif", "image", ".gif", lambda d: d[:6] in (b"GIF87a", b"GIF89a")),
    ("image/webp", "image", ".webp", lambda d: d[:4] == b"RIFF" and d[8:12] == b"WEBP"),
    ("video/mp4", "video", ".mp4", lambda d: d[4:8] == b"ftyp" and d[8:12] in _MP4_BRANDS),
    ("video/webm", "video", ".webm", _is_webm),
    ("application/pdf", "file", ".pdf", lambda d: d.startswith(b"%PDF-")),
)


def _is_parquet(data: bytes) -> bool:
    try:
        pq.read_metadata(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput("This Parquet file is damaged and cannot be read.") from error
    return True


def _text(data: bytes, name: str) -> Checked:
    _refuse_heavy("file", data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(f"A file of this kind is not taken. {_WHAT}") from None
    if any(c < " " and c not in "\t\r\n\f" for c in text):
        raise InvalidInput(f"A file of this kind is not taken. {_WHAT}")
    if _MARKUP.search(data):
        raise InvalidInput("Text that holds web markup is not taken; attach a picture or a PDF of it.")
    ending = re.search(r"\.[A-Za-z0-9]{1,8}$", name.strip())
    suffix = ending.group().lower() if ending else ""
    if suffix not in _TEXT_SUFFIXES:
        raise InvalidInput(f"The name says {suffix}, but the content is plain text. {_WHAT}")
    kept = ".csv" if suffix == ".csv" else ".txt"
    return Checked("file", "text/csv" if kept == ".csv" else "text/plain", data, clean_name(name, kept), kept)


def _refuse_heavy(kind: str, data: bytes) -> None:
    if len(data) > MAX_BYTES[kind]:
        raise InvalidInput(f"A {kind} has up to {_mb(MAX_BYTES[kind])}; this one has {_mb(len(data))}.")


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.0f} MB" if size % 1_000_000 == 0 else f"{size / 1_000_000:.1f} MB"
