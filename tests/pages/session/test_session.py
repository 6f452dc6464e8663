"""The session's screen, on a real detector's marks: judging, missed and moved marks, undo, completion, retest."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.parts import ChartClick
from pages.components.session import judging
from pages.components.session.judging import Board
from services import labels, sessions
from services.database.engine import transaction
from services.lifecycle import SessionStatus
from tests.support.product import World, open_page, words


def marks(session_id: uuid.UUID, viewer: uuid.UUID | None = None) -> pd.DataFrame:
    with transaction() as session:
        return sessions.marks(session, session_id, viewer_id=viewer)


def detail(session_id: uuid.UUID) -> sessions.SessionDetail:
    with transaction() as session:
        return sessions.get(session, session_id)


def board(at: AppTest, session_id: uuid.UUID) -> Board:
    found: Board = at.session_state[f"board-{session_id}"]
    return found


def press(at: AppTest, key: str) -> AppTest:
    next(b for b in at.button if b.key == key or str(b.key).endswith(f"-{key}")).click().run()
    assert not at.exception
    return at


def chart_spec(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(at.get("plotly_chart")[0].proto.spec)
    return found


@pytest.fixture
def session_id(world: World) -> uuid.UUID:
    return world.run()


@pytest.fixture
def at(world: World, session_id: uuid.UUID) -> AppTest:
    opened = open_page("session.py", world.member, id=str(session_id))
    assert not opened.exception
    return opened


def test_it_shows_what_ran_and_the_first_open_mark(at: AppTest, world: World, session_id: uuid.UUID) -> None:
    found = marks(session_id)
    said = words(at)
    assert "Swings v0.1.0 · 120 candles · partial window" in said.replace("\\", "")
    assert f"Mark 1 of {len(found)}" in said and f"{len(found)} left" in said
    assert board(at, session_id).current == found["detection_id"][0]
    drawn = {c[1] for trace in chart_spec(at)["data"] for c in trace.get("customdata") or [] if c[0] == "mark"}
    assert drawn == set(found["detection_id"])


def test_a_verdict_is_stored_with_its_reason_and_the_next_mark_comes(at: AppTest, session_id: uuid.UUID) -> None:
    first, second = marks(session_id)["detection_id"][:2]
    next(t for t in at.text_input if str(t.key).endswith("-reason-0")).set_value("too small")
    press(at, "false_positive")
    row = marks(session_id).set_index("detection_id").loc[first]
    assert (row["verdict"], row["reason"]) == ("false_positive", "too small")
    assert board(at, session_id).current == second
    press(at, "confirmed")
    assert list(marks(session_id)["verdict"][:2]) == ["false_positive", "confirmed"]
    assert marks(session_id)["reason"][1] is None, "the reason went with its own verdict alone"
    assert any(m.color == "#DE5B53" for m in _colours(at)), "a wrong mark is drawn in its colour"


class _Colour(str):
    @property
    def color(self) -> str:
        return str(self)


def _colours(at: AppTest) -> list[_Colour]:
    return [
        _Colour(t["marker"]["color"])
        for t in chart_spec(at)["data"]
        if isinstance(t.get("marker", {}).get("color"), str)
    ]


def test_back_and_skip_go_along_the_marks_and_stop_at_the_ends(at: AppTest, session_id: uuid.UUID) -> None:
    ids = list(marks(session_id)["detection_id"])
    press(at, "back")
    assert board(at, session_id).current == ids[0]
    press(at, "skip")
    press(at, "skip")
    assert board(at, session_id).current == ids[2]
    press(at, "back")
    assert board(at, session_id).current == ids[1]
    assert marks(session_id)["verdict"].isna().all()


def test_undo_takes_back_and_restores_what_was_there(at: AppTest, session_id: uuid.UUID) -> None:
    first = marks(session_id)["detection_id"][0]
    press(at, "confirmed")
    press(at, "session-undo")
    assert marks(session_id)["verdict"].isna().all()
    assert board(at, session_id).current == first
    press(at, "unsure")
    press(at, "back")
    press(at, "false_positive")
    press(at, "session-undo")
    assert marks(session_id)["verdict"][0] == "unsure"
    press(at, "session-undo")
    assert marks(session_id)["verdict"].isna().all()
    press(at, "session-undo")
    assert "nothing to undo" in words(at)


def test_a_moved_mark_waits_for_its_candle(at: AppTest, session_id: uuid.UUID) -> None:
    row = marks(session_id).iloc[0]
    press(at, "adjustment")
    assert marks(session_id)["verdict"].isna().all()
    assert "Click the candle where" in words(at)
    number = next(n for n in at.number_input if "move-to" in str(n.key))
    number.set_value(int(row["anchor_index"]) + 2)
    press(at, "move-here")
    moved = marks(session_id).iloc[0]
    assert (moved["verdict"], moved["expected_index"]) == ("adjustment", row["anchor_index"] + 2)
    assert board(at, session_id).moving is None


def test_a_missed_mark_is_added_and_removed(at: AppTest, session_id: uuid.UUID) -> None:
    before = marks(session_id)
    taken = set(before["anchor_index"])
    free = next(i for i in range(1510, 1600) if i not in taken)
    press(at, "session-missed")
    at.number_input[0].set_value(free).run()
    at.button_group(key=f"missed-{free}-side").set_value(-1)
    at.text_input(key=f"missed-{free}-reason").set_value("a clear low")
    press(at, "missed-add")
    after = marks(session_id)
    added = after[after["verdict"] == "false_negative"].iloc[0]
    assert (added["kind"], added["direction"], added["anchor_index"]) == ("swing", -1, free)
    assert added["reason"] == "a clear low" and len(after) == len(before) + 1
    board(at, session_id).current = added["feedback_id"]
    at.run()
    press(at, "confirmed")
    assert "can be removed, not judged" in words(at)
    press(at, "session-remove")
    assert len(marks(session_id)) == len(before)


def test_completing_says_the_counts_freezes_the_score_and_closes(at: AppTest, session_id: uuid.UUID) -> None:
    with transaction() as session:
        before = labels.score_session(session, session_id).rate  # with what other sessions judged in these bars
    press(at, "confirmed")
    press(at, "confirmed")
    press(at, "false_positive")
    press(at, "session-complete")
    left = len(marks(session_id)) - 3
    assert f"3 judged, {left} not judged" in words(at)
    press(at, "complete-yes")
    done = detail(session_id)
    assert (done.status, done.tp, done.fp, done.fn) == (
        SessionStatus.COMPLETED, 2, 1, before.fn
    )  # fmt: skip
    at.run()
    assert not [b for b in at.button if str(b.key).endswith(("-confirmed", "-undo", "-complete"))]
    assert "This session is closed" in words(at)


def test_a_viewer_sees_everything_and_can_change_nothing(world: World, session_id: uuid.UUID) -> None:
    at = open_page("session.py", world.viewer, id=str(session_id))
    assert not at.exception and at.get("plotly_chart")
    assert "You are a viewer" in words(at)
    changing = ("-confirmed", "-undo", "-complete", "-missed", "-retest", "-remove")
    assert not [b.key for b in at.button if str(b.key).endswith(changing)]


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
    for _ in range(len(marks(session_id))):
        press(at, "confirmed")
    assert "Every mark is judged" in words(at)
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


def test_the_marks_download_as_csv(at: AppTest, world: World, session_id: uuid.UUID) -> None:
    from pages.components.session.header import _csv

    lines = _csv(detail(session_id), world.viewer)().decode().splitlines()
    assert len(lines) == 1 + len(marks(session_id)) and "anchor_index" in lines[0]


def test_a_click_on_the_chart_makes_a_mark_current_and_a_candle_asks() -> None:
    tab = Board()
    mark, candle = ChartClick(mark_id="a"), ChartClick(candle_index=7, close=1.0)
    assert judging.new_click(tab, "chart", None) is None
    assert judging.new_click(tab, "chart", mark) == mark
    assert judging.new_click(tab, "chart", mark) is None, "a rerun is no second click"
    assert judging.new_click(tab, "chart", candle) == candle
    assert judging.new_click(tab, "chart", None) == candle, "the same point again takes plotly's selection away"
    judging.new_click(tab, "chart", mark)
    judging.note_drawn(tab, "another figure")
    assert judging.new_click(tab, "chart", None) is None, "a new figure has no selection"


def test_a_long_window_is_drawn_in_steady_parts(world: World, session_id: uuid.UUID) -> None:
    import dataclasses

    long = dataclasses.replace(detail(session_id), start_index=0, end_index=19_999)
    tab = Board()
    for at in (0, 999, 5_000, 12_345, 19_999):
        judging.show(tab, at, long)
        first, last = judging.drawn_window(tab, long)
        assert tab.view is not None and first <= tab.view[0] <= at <= tab.view[1] <= last
        assert last - first + 1 == judging.MAX_DRAWN
    judging.show(tab, 10_000, long)
    part = judging.drawn_window(tab, long)
    judging.show(tab, 10_130, long)
    assert judging.drawn_window(tab, long) == part


def test_a_long_session_draws_its_marks_and_moves_along(world: World) -> None:
    session_id = world.run(start=0, bars=3000)
    at = open_page("session.py", world.member, id=str(session_id))
    drawn = len(chart_spec(at)["data"][0]["x"]) if isinstance(chart_spec(at)["data"][0]["x"], list) else None
    ids = list(marks(session_id)["detection_id"])
    board(at, session_id).current = ids[-1]
    at.run()
    assert not at.exception and drawn in (None, judging.MAX_DRAWN)
    view = board(at, session_id).view
    assert view is not None and view[1] == 2999
    assert board(at, session_id).current == ids[-1]


def test_the_likely_direction_of_a_missed_mark() -> None:
    frame = pd.DataFrame({"open": [1, 2, 5, 2, 1.0], "high": [2, 3, 9, 3, 2.0], "low": [1, 2, 4, 2, 0.5],
                          "close": [2, 3, 5, 2, 1.0]})  # fmt: skip
    assert judging.likely_direction(frame, 2) == 1
    assert judging.likely_direction(frame, 4) == -1
    assert judging.kinds_of([], "swings") == ["swing"]
    assert judging.kinds_of([{"kind": "a"}, {"kind": "b"}, {"kind": "b"}], "x") == ["b", "a"]
