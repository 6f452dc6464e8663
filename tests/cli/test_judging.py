"""Judging from the command line: a session is run, judged from a file, counted, and what can't be done says why."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from services import feedback, sessions
from services.candles.store import load_array
from services.database.engine import transaction
from services.lifecycle import Verdict
from services.settings import get_settings
from tests.cli.conftest import Answer, Command
from tests.support import product
from tests.support.product import World

HEADER = "kind,direction,index,time,verdict,expected_index,price,low,high,reason"


@pytest.fixture
def world(installation: str) -> World:
    return product.build()


def run(command: Command, world: World, *more: str) -> uuid.UUID:
    """A session of 150 candles of the deployed swings detector, by the command."""
    candles = load_array(get_settings().storage_root, world.dataset.storage_path)
    first, last = (str(candles["time"][i].astype("datetime64[s]")) for i in (1500, 1649))
    made = command(
        "run-session", "swings", "--dataset", world.dataset.id, "--from", first, "--to", last, *more, "--json"
    )
    assert made.code == 0, made.err
    return uuid.UUID(made.json["session_id"])


def anchors(session_id: uuid.UUID) -> list[tuple[int, int]]:
    """Index and direction of the session's marks."""
    with transaction() as session:
        rows = session.execute(
            text("SELECT anchor_index, direction FROM detections WHERE session_id = :s ORDER BY 1, 2"),
            {"s": session_id},
        )
        return [(int(a), int(d)) for a, d in rows]


def judge(command: Command, folder: Path, session_id: uuid.UUID, rows: list[str], person: str = "member") -> Answer:
    file = folder / "judgements.csv"
    file.write_bytes("\n".join([HEADER, *rows]).encode("utf-8", "surrogatepass"))
    return command("import-judgements", file, "--session", session_id, "--as", f"{person}@example.com", "--json")


def count(session_id: uuid.UUID) -> int:
    with transaction() as session:
        return session.scalar(text("SELECT count(*) FROM feedback_items WHERE session_id = :s"), {"s": session_id}) or 0


def test_datasets_are_listed_with_what_a_script_needs(command: Command, world: World) -> None:
    [row] = command("datasets", "--json").json["datasets"]
    assert (row["id"], row["symbol"], row["timeframe"], row["rows"]) == (
        str(world.dataset.id), world.dataset.symbol, world.dataset.timeframe, world.dataset.rows,
    )  # fmt: skip


def test_a_session_is_run_judged_from_a_file_and_counted(command: Command, world: World, tmp_path: Path) -> None:
    made = run(command, world, "--coverage", "exhaustive")
    marks = anchors(made)
    assert len(marks) >= 6
    empty = command("score", "--session", made, "--json").json
    assert (empty["tp"], empty["fp"], empty["fn"], empty["rate"], empty["coverage"]) == (
        0, len(marks), 0, 0.0, "exhaustive",
    )  # fmt: skip
    (right, side), (wrong, wrong_side), (moved, moved_side) = marks[0], marks[1], marks[2]
    free = next(i for i in range(1505, 1640) if all(abs(i - a) > 4 for a, _ in marks))
    candles = load_array(get_settings().storage_root, world.dataset.storage_path)
    day = str(candles["time"][free].astype("datetime64[s]"))
    answer = judge(command, tmp_path, made, [
        f"swing,{side},{right},,confirmed,,,,,",
        f"swing,{wrong_side},{wrong},,false_positive,,,,,too small",
        f"swing,{moved_side},{moved},,adjustment,{moved + 2},,,,",
        f"swing,1,,{day},false_negative,,,,,nobody marked it",
    ])  # fmt: skip
    assert (answer.code, answer.json) == (0, {"judgements": 4})
    found = command("score", "--session", made, "--json").json
    assert set(found) >= {"tp", "fp", "fn", "unjudged", "rate", "ci_low", "ci_high", "n_effective", "coverage"}
    # The move counts at both of its ends; every other mark of a fully checked window is on no place.
    assert (found["tp"], found["fp"], found["fn"], found["unjudged"]) == (1, len(marks) - 1, 2, 0)
    assert found["ci_low"] <= found["rate"] <= found["ci_high"] and found["rate"] == pytest.approx(1 / (len(marks) + 2))
    assert command("recount", "--json").json == {"differences": []}


def test_marks_that_nobody_judged_are_unjudged_where_only_a_part_was_checked(
    command: Command, world: World, tmp_path: Path
) -> None:
    made = run(command, world, "--coverage", "partial")
    (index, side), *others = anchors(made)
    judge(command, tmp_path, made, [f"swing,{side},{index},,confirmed,,,,,"])
    found = command("score", "--session", made, "--json").json
    assert (found["tp"], found["fp"], found["fn"], found["unjudged"]) == (1, 0, 0, len(others))
    assert found["coverage"] == "partial"


def test_a_file_that_can_not_be_taken_is_one_sentence_and_stores_nothing(
    command: Command, world: World, tmp_path: Path
) -> None:
    made = run(command, world)
    (index, side), (other, other_side), *_ = anchors(made)
    good = f"swing,{other_side},{other},,confirmed,,,,,"
    cases = {
        "swing,1,99,,confirmed,,,,,": "#99 is outside the session's window #1500 to #1649",
        "swing,1,,1980-01-01,confirmed,,,,,": "Row 3",
        f"tulip,{side},{index},,confirmed,,,,,": "'tulip' is no kind of this pattern; it has swing",
        f"swing,{side},{index},,maybe,,,,,": "'maybe' is no verdict",
        f"swing,7,{index},,confirmed,,,,,": "'7' is no direction",
        f"swing,{side},{index},,adjustment,,,,,": "an adjustment needs the expected_index",
        f"swing,{side},{index},,adjustment,{index},,,,": "Row 3",
        f"swing,{side},{index},,confirmed,,1e400,,,": "'1e400' is no price that can be kept",
        f"swing,{side},{index},,confirmed,,nan,,,": "'nan' is no price that can be kept",
        f"swing,{side},{index},,confirmed,,,,,\ud800": "no UTF-8 text",
        f"swing,{other_side},{other},,false_positive,,,,,": "Row",
        f"swing,{side},{index}": "has not as many cells as the header",
    }
    for row, says in cases.items():
        answer = judge(command, tmp_path, made, [good, row])
        assert answer.code == 2 and answer.out == "", row
        assert says in answer.err and answer.err.count("\n") == 1 and "Traceback" not in answer.err, (row, answer.err)
        assert count(made) == 0, row
    far = max(i for i in range(1505, 1640) if all(abs(i - a) > 4 for a, _ in anchors(made)))
    missed = f"swing,1,{far},,false_negative,,,,,"
    assert judge(command, tmp_path, made, [missed, missed]).code == 2
    assert judge(command, tmp_path, made, [missed]).code == 0
    again = judge(command, tmp_path, made, [missed])
    assert again.code == 2 and "already" in again.err, again.err
    assert count(made) == 1


@pytest.mark.long
def test_a_session_that_is_over_or_not_there_says_so(command: Command, world: World, tmp_path: Path) -> None:
    made = run(command, world)
    (index, side), *_ = anchors(made)
    row = f"swing,{side},{index},,confirmed,,,,,"
    assert "viewer" in judge(command, tmp_path, made, [row], "viewer").err
    assert judge(command, tmp_path, uuid.UUID(int=7), [row]).err.startswith("There is no such session")
    assert "no session id" in command("score", "--session", "seven", "--json").err
    assert command("score", "--session", uuid.UUID(int=7), "--json").err.startswith("There is no such session")
    with transaction() as session:
        for mark in sessions.marks(session, made).to_dict("records"):
            feedback.judge(session, uuid.UUID(mark["detection_id"]), Verdict.CONFIRMED, actor=world.member)
        sessions.complete(session, made, actor=world.member)
    before = count(made)
    late = judge(command, tmp_path, made, [row])
    assert late.code != 0 and "is not active any more" in late.err and count(made) == before


def test_versions_that_can_not_be_rolled_back_to_or_adopted_say_why(command: Command, world: World) -> None:
    """What a worker carries out is in tests/worker; this is what is refused before one is asked."""

    def roll_back(to: str, reason: str = "It repaints.") -> str:
        answer = command("rollback", "swings", "--to", to, "--reason", reason, "--as", "member@example.com", "--json")
        assert answer.code != 0 and answer.out == "" and answer.err.count("\n") == 1
        return answer.err

    world.deploy("0.2.0", left=7)
    assert "There is no version 9.9.9 of this pattern that was deployed; there are" in roll_back("9.9.9")
    assert "deployed already" in roll_back("0.2.0")
    assert "reason is required" in roll_back("0.1.0", " ")
    viewer = command("rollback", "swings", "--to", "0.1.0", "--reason", "r", "--as", "viewer@example.com")
    assert viewer.code != 0 and "viewer" in viewer.err
    for commit, says in {"f" * 40: "has no commit", "--all": "has no commit", "": "has no commit"}.items():
        answer = command("adopt", "swings", f"--commit={commit}", "--as", "member@example.com", "--json")
        assert answer.code == 2 and says in answer.err and answer.err.count("\n") == 1, answer
    none = command("adopt", "tulips", "--commit", "HEAD", "--as", "member@example.com")
    assert none.code != 0 and "tulips" in none.err
