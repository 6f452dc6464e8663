"""The session's screen around the board, on a real detector's marks: what the board gets, completion, retest."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from services import exports, feedback, labels, sessions
from services.database.engine import transaction
from services.lifecycle import SessionStatus, Verdict
from services.web import tokens
from tests.support.product import World, open_page, words


def marks(session_id: uuid.UUID, viewer: uuid.UUID | None = None) -> pd.DataFrame:
    with transaction() as session:
        return sessions.marks(session, session_id, viewer_id=viewer)


def detail(session_id: uuid.UUID) -> sessions.SessionDetail:
    with transaction() as session:
        return sessions.get(session, session_id)


def press(at: AppTest, key: str) -> AppTest:
    next(b for b in at.button if b.key == key or str(b.key).endswith(f"-{key}")).click().run()
    assert not at.exception
    return at


def judge_all(session_id: uuid.UUID, world: World, *, last: Verdict = Verdict.CONFIRMED) -> None:
    ids = [uuid.UUID(found) for found in marks(session_id)["detection_id"]]
    with transaction() as session:
        for place, found in enumerate(ids):
            verdict = last if place == len(ids) - 1 else Verdict.CONFIRMED
            feedback.judge(session, found, verdict, actor=world.member)


def board_data(at: AppTest) -> dict[str, Any]:
    """What the board gets, among the components of the page."""
    every: list[dict[str, Any]] = [json.loads(component.proto.json or "{}") for component in at.get("bidi_component")]
    return next(data for data in every if "may_judge" in data)


@pytest.fixture
def session_id(world: World) -> uuid.UUID:
    return world.run()


@pytest.fixture
def at(world: World, session_id: uuid.UUID) -> AppTest:
    opened = open_page("session.py", world.member, id=str(session_id))
    assert not opened.exception
    return opened


def test_the_board_gets_ids_sizes_and_a_token_alone(at: AppTest, world: World, session_id: uuid.UUID) -> None:
    assert "Swings v0.1.0 · 120 candles · partial window" in words(at).replace("\\", "")
    data = board_data(at)
    assert (data["session"], data["person"]) == (str(session_id), str(world.member.id))
    assert (data["start"], data["end"], data["marks"]) == (1500, 1619, len(marks(session_id)))
    assert data["may_judge"] and data["totals"]["1"] == data["total"] == world.dataset.rows
    assert len(json.dumps(data)) < 2000
    grant = tokens.read("board", data["token"])
    assert grant.object["session"] == str(session_id)
    at.run()
    assert board_data(at) == data, "a rerun draws nothing anew"


def test_completing_says_the_counts_freezes_the_score_and_closes(
    at: AppTest, world: World, session_id: uuid.UUID
) -> None:
    with transaction() as session:
        before = labels.score_session(session, session_id).rate  # with what other sessions judged in these bars
    judge_all(session_id, world, last=Verdict.FALSE_POSITIVE)
    at.run()
    press(at, "session-complete")
    total = len(marks(session_id))
    assert f"{total} judged, 0 not judged" in words(at)
    press(at, "complete-yes")
    done = detail(session_id)
    assert (done.status, done.tp, done.fp, done.fn) == (SessionStatus.COMPLETED, total - 1, 1, before.fn)
    at.run()
    assert "session-complete" not in {b.key for b in at.button}
    assert board_data(at)["why_not"] == "This session is closed"


def test_a_viewer_sees_everything_and_can_change_nothing(world: World, session_id: uuid.UUID) -> None:
    at = open_page("session.py", world.viewer, id=str(session_id))
    assert not at.exception
    data = board_data(at)
    assert not data["may_judge"] and data["why_not"].startswith("You are a viewer")
    assert not [b.key for b in at.button if str(b.key).endswith(("-complete", "-retest"))]


@pytest.mark.parametrize("wrong", ["", "not-an-id", "00000000-0000-7000-8000-000000000000"])
def test_a_wrong_address_is_one_sentence_and_a_way_out(world: World, wrong: str) -> None:
    at = open_page("session.py", world.member, **({"id": wrong} if wrong else {}))
    assert not at.exception
    assert "No session to show" in words(at)
    assert [link.proto.label for link in at.get("page_link")] == ["All sessions"]


def test_a_failed_session_says_why_and_offers_another_run(world: World) -> None:
    with transaction() as session:
        plan = sessions.create(session, world.swings, dataset_id=world.dataset.id, start_index=0, end_index=99,
                               actor=world.member)  # fmt: skip
        sessions.fail(session, plan.session_id, "The detector printed 'hello'.")
    at = open_page("session.py", world.member, id=str(plan.session_id))
    assert "The detector printed 'hello'." in words(at)
    before = len(_all(world))
    at.button(key="session-again").click().run()
    again = [s for s in _all(world) if s.start_index == 0 and s.status == SessionStatus.ACTIVE]
    assert len(_all(world)) == before + 1 and again[0].detection_count > 0


def _all(world: World) -> list[sessions.SessionRow]:
    with transaction() as session:
        return sessions.list_sessions(session, workspace_id=world.swings)


def test_a_retest_carries_verdicts_and_asks_of_what_is_gone(world: World) -> None:
    session_id = world.run(start=900)
    at = open_page("session.py", world.member, id=str(session_id))
    assert "session-retest" not in {b.key for b in at.button}
    judge_all(session_id, world)
    world.deploy("0.1.1", prominence=4.0)
    try:
        at.run()
        assert at.button(key="session-retest").label == "Retest with v0.1.1"
        at.button(key="session-retest").click().run()
        made = _all(world)[0]
        assert made.name.endswith("retest v0.1.1") and made.start_index == 900
        kept = marks(made.id)
        assert len(kept) < len(marks(session_id)) and (kept["made_by"] == "carried").all()
        again = open_page("session.py", world.member, id=str(made.id))
        lost = len(marks(session_id)) - len(kept)
        assert f"{lost} mark" in words(again) and "gone since the last version" in words(again)
        missed = [b for b in again.button if str(b.key).startswith("gone-missed-")]
        missed[0].click().run()
        fine = [b for b in again.button if str(b.key).startswith("gone-fine-")]
        assert len(fine) == lost - 1 and list(marks(made.id)["verdict"]).count("false_negative") == 1
        fine[0].click().run()
        assert len([b for b in again.button if str(b.key).startswith("gone-fine-")]) == lost - 2
    finally:
        world.deploy("0.1.2")


def test_the_marks_download_as_csv(world: World, session_id: uuid.UUID) -> None:
    chunks = exports.stream_csv("marks", {"session": str(session_id)}, actor_id=world.viewer.id)
    lines = b"".join(chunks).decode().splitlines()
    assert len(lines) == 1 + len(marks(session_id)) and "anchor_index" in lines[0]
