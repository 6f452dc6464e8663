"""Attachments: what is taken and what is not, told by content; images drawn anew; one row and one blob a content."""

from __future__ import annotations

import io
import struct
import uuid
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services import attachments, storage
from services.attachments import Checked, check, clean_name
from services.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from services.lifecycle import Role
from services.models import Attachment
from tests.factories import person

PAGE = b"<!doctype html><html><script>alert(1)</script></html>"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(64)
EBML = bytes.fromhex("1A45DFA3") + b"\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82"
WEBM = EBML + b"\x84webmB\x87\x81\x04" + bytes(64)
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def picture(form: str = "PNG", size: tuple[int, int] = (16, 9), mode: str = "RGB", **options: object) -> bytes:
    sink = io.BytesIO()
    image = Image.new(mode, size, 0)
    image.putpixel((3, 2), {"RGB": (200, 30, 60), "RGBA": (200, 30, 60, 90)}.get(mode, 1))
    image.save(sink, form, **options)
    return sink.getvalue()


def archive() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        file.writestr("page.html", PAGE)
    return sink.getvalue()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"close": [1.0, 2.0]}), sink)
    return sink.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its data never has: it must be refused by the header alone."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def opened(checked: Checked) -> Image.Image:
    return Image.open(io.BytesIO(checked.data))


@pytest.mark.parametrize(
    ("data", "name", "kind", "content_type", "kept"),
    [
        (picture("PNG"), "chart.png", "image", "image/png", "chart.png"),
        (picture("JPEG"), "chart.jpeg", "image", "image/jpeg", "chart.jpg"),
        (picture("WEBP"), "chart.webp", "image", "image/webp", "chart.webp"),
        (picture("GIF", mode="P"), "chart.gif", "image", "image/gif", "chart.gif"),
        (MP4, "replay.mp4", "video", "video/mp4", "replay.mp4"),
        (WEBM, "replay.webm", "video", "video/webm", "replay.webm"),
        (PDF, "rules.pdf", "file", "application/pdf", "rules.pdf"),
        (b"time,close\n1,2\n", "Candles.CSV", "file", "text/csv", "Candles.csv"),
        ("Notiz: größer als 3 < 4\n".encode(), "note.txt", "file", "text/plain", "note.txt"),
        (b"a", "one", "file", "text/plain", "one.txt"),
        (parquet(), "bars.parquet", "file", "application/vnd.apache.parquet", "bars.parquet"),
        # the content decides, whatever the name says
        (picture("JPEG"), "really.png", "image", "image/jpeg", "really.jpg"),
        (picture("PNG"), "page.html", "image", "image/png", "page.png"),
        (PDF, "setup.exe", "file", "application/pdf", "setup.pdf"),
    ],
)
def test_what_is_taken_by_its_content(data: bytes, name: str, kind: str, content_type: str, kept: str) -> None:
    checked = check(data, name)
    assert (checked.kind, checked.content_type, checked.name) == (kind, content_type, kept)
    assert kept.endswith(checked.suffix)
    if kind == "image":
        assert opened(checked).size == (16, 9)
    else:
        assert checked.data == data


@pytest.mark.parametrize(
    ("data", "name", "word"),
    [
        (b"", "empty.png", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "drawing.svg", "SVG"),
        (b"<?xml version='1.0'?><!-- x --><svg/>", "drawing.png", "markup|SVG|taken"),
        (b"\xef\xbb\xbf  <svg/>", "drawing.txt", "markup|SVG"),
        (PAGE, "page.html", "pages"),
        (PAGE, "photo.png", "pages"),
        (b"name,note\nx,<script>alert(1)</script>\n", "data.csv", "markup"),
        (b"<a href='x'>hello</a>", "note.txt", "markup|pages"),
        (b"MZ\x90\x00\x03\x00" + bytes(64), "setup.exe", "not taken"),
        (b"MZ\x90\x00\x03\x00" + bytes(64), "photo.png", "not taken"),
        (b"\x7fELF\x02\x01\x01" + bytes(64), "tool", "not taken"),
        (b"#!/bin/sh\nrm -rf /\n", "notes.txt", "not taken"),
        (archive(), "photo.png", "not taken"),
        (archive() + picture(), "photo.png", "not taken"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(40), "film.mp4", "not taken"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(40), "photo.jpg", "not taken"),
        (EBML + b"\x88matroskaB\x87\x81\x04" + bytes(40), "film.webm", "not taken"),
        (b"junk before " + PDF, "rules.pdf", "name says .pdf"),
        (b"just words", "photo.png", "name says .png"),
        (b"alert(1)", "run.js", "name says .js"),
        (b"\x00", "nothing.txt", "not taken"),
        (b"\xff\xfe\x00a", "wide.txt", "not taken"),
        (b"bell \x07", "note.txt", "not taken"),
        (b"\xff\xd8\xff", "photo.jpg", "damaged|not taken"),
        (picture()[:-30], "photo.png", "damaged"),
        (picture("BMP"), "photo.bmp", "not taken"),
        (picture("TIFF"), "photo.tiff", "not taken"),
        (b"PAR1 and nothing else PAR1", "bars.parquet", "damaged"),
    ],
)
def test_what_is_refused_with_one_sentence(data: bytes, name: str, word: str) -> None:
    with pytest.raises(InvalidInput, match=word) as refused:
        check(data, name)
    assert "\n" not in refused.value.sentence and refused.value.sentence.endswith(".")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("extra", [PAGE, archive()], ids=["page", "archive"])
def test_what_is_appended_to_an_image_is_gone(form: str, extra: bytes) -> None:
    checked = check(picture(form, mode="P" if form == "GIF" else "RGB") + extra, "photo.png")
    assert b"<script" not in checked.data and b"PK\x03\x04" not in checked.data
    assert not zipfile.is_zipfile(io.BytesIO(checked.data))
    assert opened(checked).size == (16, 9)


def test_metadata_is_left_out_and_the_camera_s_turn_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Secret Camera"
    checked = check(picture("JPEG", exif=exif, comment=b"Secret comment"), "photo.jpg")
    assert b"Secret" not in checked.data
    image = opened(checked)
    assert image.size == (9, 16) and not image.getexif()
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Author", "Secret Person")
    png = check(picture("PNG", pnginfo=facts, exif=exif), "photo.png")
    assert b"Secret" not in png.data and opened(png).size == (9, 16)
    assert b"Secret" not in check(picture("GIF", mode="P", comment=b"Secret"), "x.gif").data


def test_pixels_and_transparency_stay() -> None:
    image = opened(check(picture("PNG", mode="RGBA"), "a.png")).convert("RGBA")
    assert image.getpixel((3, 2)) == (200, 30, 60, 90) and image.getpixel((0, 0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_keeps_its_frames_and_their_time(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    sink = io.BytesIO()
    frames[0].save(sink, form, save_all=True, append_images=frames[1:], duration=[100, 250, 400], loop=0)
    image = opened(check(sink.getvalue(), "steps"))
    times = []
    for index in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(index)
        image.load()
        times.append(round(image.info["duration"]))
    assert times == [100, 250, 400]


@pytest.mark.parametrize("size", [(7000, 7000), (60000, 60000), (2**31 - 1, 2**31 - 1)])
def test_an_image_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match=r"megapixels|damaged"):
        check(png_of_size(*size), "bomb.png")


def test_many_frames_count_together() -> None:
    frames = [Image.new("1", (2000, 2000), i % 2) for i in range(12)]
    sink = io.BytesIO()
    frames[0].save(sink, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidInput, match="megapixels"):
        check(sink.getvalue(), "bomb.gif")


@pytest.mark.parametrize(
    ("data", "size", "word"),
    [(picture() + b"x", 10_000_000, "image"), (PDF, 20_000_000, "file"), (b"x", 20_000_000, "file")],
)
def test_sizes_are_limited_by_kind(data: bytes, size: int, word: str) -> None:
    with pytest.raises(InvalidInput, match=rf"A {word} has up to {size // 1_000_000} MB; this one has"):
        check(data + b" " * size, "large")


def test_a_video_may_be_larger_than_a_file_and_has_its_own_limit() -> None:
    assert check(MP4 + bytes(20_000_001), "film.mp4").kind == "video"
    with pytest.raises(InvalidInput, match="up to 100 MB"):
        check(MP4 + bytes(100_000_000), "film.mp4")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd.png"),
        ("..\\..\\windows\\system32\\evil.dll", "evil.png"),
        ("/absolute/path/a.png", "a.png"),
        ("..", "file.png"),
        ("", "file.png"),
        (".htaccess", "file.png"),
        ("CON.png", "_CON.png"),
        ("a\x00b\r\nc.png", "abc.png"),
        ("invoice\u202egnp.exe", "invoicegnp.png"),
        ('"><img src=x>.png', "img src_x.png"),
        ("Übersicht  März.png", "Übersicht März.png"),
        ("archive.tar.gz", "archive.tar.png"),
        ("v1.2 of the rules", "v1.2 of the rules.png"),
    ],
)
def test_names_are_made_safe(name: str, kept: str) -> None:
    assert clean_name(name, ".png") == kept


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_name_becomes_a_plain_one(name: str) -> None:
    kept = clean_name(name, ".txt")
    assert kept.endswith(".txt") and 5 <= len(kept) <= 120
    assert not set(kept) & set('/\\<>:"|?*\r\n\x00') and not kept.startswith(".")


@settings(deadline=None)
@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_bytes_are_taken_or_refused_with_a_sentence(data: bytes, name: str) -> None:
    try:
        checked = check(data, name)
    except InvalidInput as error:
        assert error.sentence
    else:
        assert checked.kind in ("image", "video", "file")


def test_an_upload_is_stored_once_and_opens_again(session: Session, tmp_path: Path) -> None:
    first, second, root = person(session), person(session), str(tmp_path)
    checked = check(picture(), "mine.png")
    key = attachments.add(session, checked, storage_key=attachments.store(checked, root=root), actor=first)
    again = check(picture() + PAGE, "theirs.png")  # drawn anew it is the same picture
    assert attachments.add(session, again, storage_key=attachments.store(again, root=root), actor=second) == key
    assert session.scalar(select(func.count()).select_from(Attachment)) == 1
    assert attachments.open_attachment(session, key, root=root) == (checked.data, "image/png", "mine.png")
    row = attachments.find(session, key)
    assert (row.kind, row.size_bytes, row.uploaded_by_id) == ("image", len(checked.data), first.id)


def test_only_recorded_attachments_open_and_viewers_may_not_add(session: Session, tmp_path: Path) -> None:
    checked, root = check(picture(), "mine.png"), str(tmp_path)
    key = attachments.store(checked, root=root)
    for wrong in (key, "../../etc/passwd", str(uuid.uuid4()), ""):
        with pytest.raises(NotFound):
            attachments.open_attachment(session, wrong, root=root)
    with pytest.raises(NotAllowed, match="upload"):
        attachments.add(session, checked, storage_key=key, actor=person(session, Role.VIEWER))
    assert attachments.add(session, checked, storage_key=key, actor=person(session)) == key
    (tmp_path / key).write_bytes(b"something else")
    with pytest.raises(Unavailable, match="damaged"):
        attachments.open_attachment(session, key, root=root)
    (tmp_path / key).unlink()
    with pytest.raises(NotFound):
        attachments.open_attachment(session, key, root=root)
    assert not storage.exists(root, key)
