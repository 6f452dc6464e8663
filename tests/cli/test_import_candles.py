"""`import-candles`: what a person types, what is printed, and which option a sentence names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from services.database.engine import transaction
from services.lifecycle import Role
from tests.cli.conftest import Command
from tests.factories import person
from tests.support.candle_shapes import SHAPES, walk

Importing = Callable[..., tuple[int, str, str]]


@pytest.fixture
def importing(command: Command) -> Importing:
    """Runs the command for the only admin of a fresh installation."""
    with transaction() as session:
        person(session, Role.ADMIN)

    def call(*arguments: object) -> tuple[int, str, str]:
        answer = command("import-candles", *arguments)
        return answer.code, answer.out, answer.err

    return call


def test_a_file_becomes_a_dataset_with_guesses_and_decisions(importing: Importing, tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT-5m-2024-03.csv"
    file.write_bytes(SHAPES["newest first"].write(walk(50, 300)))
    code, out, err = importing(str(file), "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert {"dataset_id", "rows", "start_at", "end_at", "format", "decided", "warnings"} <= set(found)
    assert (found["symbol"], found["timeframe"], found["rows"], found["existed"]) == ("BTCUSDT", "5m", 50, False)
    assert found["start_at"] == "2024-03-04T09:30:00+00:00"
    assert any("newest bar first" in sentence for sentence in found["decided"])
    assert json.loads(importing(str(file), "--json")[1])["existed"]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"time,open,high,low,close\n2024-01-02 09:30,1,2,1,2\n2024-01-02 09:31,1,2,1,2\n", [], "--tz"),
        (b"Date,Open,High,Low,Close\n01/02/2024,1,2,1,2\n01/03/2024,1,2,1,2\n", [], "--date-order"),
        (b'Date,Open,High,Low,Close\n2024-01-02,"1,000","1,200","1,000","1,100"\n', [], "--decimal"),
        (b"when,a,b,c,d\n2024-01-02,1,2,1,2\n2024-01-03,1,2,1,2\n", [], "--map"),
        (b"time,open,high,low,close\n2024-01-02,1,2,1,2\n2024-01-03,5,2,1,2\n2024-01-04,1,2,1,2\n", [], "--skip-bad-rows"),
        (b"time,open,high,low,close\n2024-01-02,1,2,1,2\n", [], "--timeframe"),
        (b"time,open,high,low,close\n2024-01-02,1,2,1,2\n", ["--map", "open=Nothing"], 'no column "Nothing"'),
        (b"time,open,high,low,close\n2024-01-02,1,2,1,2\n", ["--map", "colour=open"], "is no role"),
        (b"time,open,high,low,close,x\n2024-01-02,1,2,1,2,a\n2024-01-03,1,2,1,2,b\n", ["--map", "open=x"], "cannot be the open"),
        (b"time,open,high,low,close\n2024-01-02 10:00,1,2,1,2\n", ["--tz", "CST"], "America/Chicago or Asia/Shanghai"),
    ],
)  # fmt: skip
def test_what_a_file_leaves_open_names_the_option(
    importing: Importing, tmp_path: Path, content: bytes, options: list[str], says: str
) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    code, out, err = importing(str(file), *options)
    assert (code, out) == (2, "")
    assert says in err and err.count("\n") == 1


def test_answers_on_the_command_line(importing: Importing, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"when;a;b;c;d\n02.01.2024 10:00;1,000;2,000;1,000;2,000\n02.01.2024 11:00;2;1;9;1\n"
                     b"02.01.2024 12:00;1,500;2,000;1,000;2,000\n")  # fmt: skip
    pairs = [x for p in ("time=when", "open=a", "high=b", "low=c", "close=5") for x in ("--map", p)]
    code, out, err = importing(str(file), *pairs, "--tz", "New York", "--date-order", "mdy", "--decimal", ",", "--skip-bad-rows",
        "--symbol", "es", "--timeframe", "1h", "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert (found["rows"], found["skipped"], found["symbol"]) == (2, 1, "ES")
    assert found["start_at"] == "2024-02-01T15:00:00+00:00"


def test_two_files_of_one_series_that_disagree(importing: Importing, tmp_path: Path) -> None:
    bars = walk(50, 300)
    write = SHAPES["tabs"].write
    first, longer, other = (tmp_path / n for n in ("a.csv", "b.csv", "c.csv"))
    first.write_bytes(write(bars[:40]))
    longer.write_bytes(write(bars))
    other.write_bytes(write([*bars[:5], (bars[5][0], bars[5][1], 500.0, *bars[5][3:]), *bars[6:]]))
    assert importing(str(first), "--symbol", "ES")[0] == 0
    assert importing(str(longer), "--symbol", "ES")[0] == 0
    code, _, err = importing(str(other), "--symbol", "ES")
    assert code == 2 and "disagree with the dataset ES 5m" in err and "1 of" in err and "2024-03-04 09:55" in err
    assert importing(str(other), "--symbol", "NQ")[0] == 0


def test_a_file_of_two_gigabytes_is_refused_before_it_is_read(importing: Importing, tmp_path: Path) -> None:
    file = tmp_path / "huge.csv"
    with file.open("wb") as hole:
        hole.truncate(2 * 1024**3)
    code, _, err = importing(str(file))
    assert code == 2 and "2,048 MB; up to 400 MB" in err
