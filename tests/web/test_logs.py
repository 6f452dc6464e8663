"""Logs: what is in the file, what never is, and the reference that leads from one to the other."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from services import logs
from services.errors import Unavailable
from tests.support.logging_state import kept_logging


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return logs.configure("test", tmp_path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_unexpected_error_is_found_by_its_reference(written: Path) -> None:
    try:
        raise KeyError("missing column")
    except KeyError as error:
        reference = logs.log_unexpected(error, workspace_id="w1")
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{8}", reference)
    [line] = [line for line in lines(written) if line.get("reference") == reference]
    assert line["workspace_id"] == "w1" and "test_an_unexpected_error" in line["exception"]
    assert "missing column" in line["exception"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connect postgresql://desk:hunter22@db/desk", "hunter22"),
        ("key sk-ant-api03-abcdefghijklmnop used", "sk-ant-api03-abcdefghijklmnop"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("GET /exports/x.csv?token=IjAxOGY.signed&after=3", "IjAxOGY.signed"),
        ("password='letmein9' refused", "letmein9"),
        ("the known one: Zx81-very-own", "Zx81-very-own"),
    ],
)
def test_no_secret_reaches_the_log(written: Path, capsys: pytest.CaptureFixture[str], text: str, secret: str) -> None:
    logs.add_secret("Zx81-very-own")
    logs.get_logger("a").info(text, note=text, nested={"inner": [text]})
    logging.getLogger("b").warning("%s", text)
    own = logging.getLogger("c")  # a library with a handler of its own
    own.propagate, own.handlers = False, [logging.StreamHandler()]
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        own.exception("failed: %s", text)
        logs.log_unexpected(error)
    captured = capsys.readouterr()
    assert secret not in written.read_text() + captured.err + captured.out
    assert len(lines(written)) == 3 and logs.REDACTED in written.read_text()


def test_named_secrets_are_blanked_whatever_they_look_like(written: Path) -> None:
    logs.get_logger("a").info("settings", oidc_client_secret="abc", api_key="k", port=8501)
    [line] = lines(written)
    assert (line["oidc_client_secret"], line["api_key"], line["port"]) == (logs.REDACTED, logs.REDACTED, 8501)


def test_the_file_rotates(written: Path) -> None:
    handler = next(h for h in logging.getLogger().handlers if h.name == "patterndesk.file")
    assert isinstance(handler, logging.handlers.RotatingFileHandler)
    handler.maxBytes = 2000
    for number in range(50):
        logs.get_logger("a").info("line", number=number, filler="x" * 100)
    assert written.with_name("test.jsonl.1").exists() and written.stat().st_size <= 2000


def test_a_log_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be written"):
        logs.configure("test", tmp_path)


def test_logging_is_given_back_as_it_was(tmp_path: Path) -> None:
    root = logging.getLogger()
    alembic = logging.getLogger("alembic")
    alembic.setLevel(logging.NOTSET)
    before = (list(root.handlers), root.level, logging.getLogRecordFactory())
    with kept_logging():
        logs.configure("test", tmp_path)
        assert alembic.level == logging.WARNING and list(root.handlers) != before[0]
    assert (list(root.handlers), root.level, logging.getLogRecordFactory()) == before
    assert alembic.level == logging.NOTSET


def test_a_full_disk_costs_lines_and_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "full.jsonl").symlink_to("/dev/full")
    path = logs.configure("full", tmp_path)
    for number in range(50):
        logs.get_logger("test").info("line", number=number)
    said = capfd.readouterr().err
    assert said.count("can't be written: No space left on device.") == 1
    assert "Traceback" not in said and str(path) in said
    assert said.count("number=49") == 1  # the console has every line
