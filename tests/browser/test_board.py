"""The judging board in a real browser: every key once, in order, on the mark that was on the screen, whatever happens."""

from __future__ import annotations

import io
import random
import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from services import sessions
from services.database.engine import engine_for
from tests import factories
from tests.support import scenarios
from tests.support.processes import eventually
from tests.support.screens import Person, Visit
from tests.support.server import Server, running

WORDS = {"1": "confirmed", "2": "false_positive", "4": "unsure"}
KEYS = 40
GAP_MS = 30
TWO_FRAMES = "() => new Promise((answer) => requestAnimationFrame(() => requestAnimationFrame(answer)))"


@pytest.fixture(scope="module")
def desk() -> Iterator[Server]:
    with running(DEMO="false") as started:
        yield started


@pytest.fixture(scope="module")
def two(desk: Server, visit: Visit, monkeypatch_module: pytest.MonkeyPatch) -> tuple[Person, Person]:
    """Two people, signed in while they are the only ones."""
    monkeypatch_module.setattr(factories, "STORAGE", str(desk.data_dir / "storage"))
    names = ("Kim Keys", "Olga Other")
    with Session(engine_for(desk.database_url)) as session:
        for name in names:
            factories.person(session, name=name)
        session.commit()
    people = [visit(desk.url, name) for name in names]
    for person in people:
        person.open()
        person.sign_in()
    return people[0], people[1]


@pytest.fixture(scope="module")
def member(two: tuple[Person, Person]) -> Person:
    return two[0]


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def session_id(desk: Server, member: Person) -> uuid.UUID:
    with Session(engine_for(desk.database_url)) as session:
        actor = factories.person(session)
        stored = factories.dataset(session, actor, rows=1200, seed=random.randrange(10**6))
        home = scenarios.in_beta(session, actor)
        made = scenarios.run_session(session, home, actor, stored, anchors=range(20, 1180, 9))
        session.commit()
    member.open(f"/session?id={made}")
    member.board_ready()
    return made


def kept(desk: Server, session_id: uuid.UUID, result: str = "done") -> list[tuple[int, str]]:
    """Candle and verdict of every op, in the order in which the server took them."""
    return desk.rows(
        "SELECT d.anchor_index, o.verdict FROM judgement_ops o JOIN detections d ON d.id = o.mark_id "
        "WHERE o.session_id = %(s)s AND o.result = %(r)s ORDER BY o.position", s=session_id, r=result,
    )  # fmt: skip


def press(person: Person, count: int = KEYS) -> list[tuple[int, str]]:
    """Keys at a fast person's pace, and what the server has to hold after them."""
    wanted = []
    for place in range(count):
        key = random.choice("124")
        person.page.keyboard.press(key)
        person.page.wait_for_timeout(GAP_MS)
        wanted.append((20 + 9 * place, WORDS[key]))
    return wanted


def test_every_key_is_kept_once_in_order_on_the_mark_that_was_shown(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    wanted = press(member)
    expect(member.board).to_have_attribute("data-judged", str(KEYS))
    member.all_sent()
    assert kept(desk, session_id) == wanted
    member.page.keyboard.press("z")
    expect(member.board).to_have_attribute("data-judged", str(KEYS - 1))
    member.all_sent()
    assert (
        desk.one("SELECT count(*) FROM feedback_items WHERE session_id = %(s)s AND state <> 'withdrawn'", s=session_id)
        == KEYS - 1
    )


def test_nothing_is_lost_without_a_connection_or_by_a_reload(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    member.page.route("**/board/judgements", lambda route: route.abort())
    wanted = press(member, 20)
    expect(member.board.get_by_role("status").filter(has_text="kept in this browser")).to_be_visible()
    assert kept(desk, session_id) == []
    member.page.unroute("**/board/judgements")
    member.page.reload()
    member.board_ready()
    expect(member.board).to_have_attribute("data-judged", "20")
    member.all_sent()
    assert kept(desk, session_id) == wanted


def test_a_quick_reason_keeps_its_key_and_a_held_key_judges_one_mark(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    for reason in ("too early", "too late"):
        member.fill("Reason", reason, member.board)
        member.page.keyboard.press("1")
    member.all_sent()
    member.page.reload()
    member.board_ready()
    chips = member.board.locator(".reasons .chip")
    expect(chips).to_have_text(["⇧1too late", "⇧2too early"])
    for _ in range(3):
        for key in ("Shift+Digit2", "2"):
            member.page.keyboard.press(key)
        member.all_sent()
    member.page.keyboard.down("4")
    member.page.keyboard.down("4")  # what a browser sends again while the key is held
    member.page.keyboard.up("4")
    member.all_sent()
    expect(chips).to_have_text(["⇧1too late", "⇧2too early"])
    given = desk.rows(
        "SELECT verdict, reason FROM feedback_items WHERE session_id = %(s)s ORDER BY candle_index", s=session_id
    )
    assert given[2:] == [*[("false_positive", "too early")] * 3, ("unsure", None)]


def test_the_mark_in_question_stays_in_view_when_the_size_changes(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    for _ in range(7):
        member.page.keyboard.press("j")
    current = member.board.get_attribute("data-current")
    try:
        for width, height in ((390, 844), (844, 390), (1440, 900)):
            member.page.set_viewport_size({"width": width, "height": height})
            member.page.wait_for_function(f"innerWidth === {width}")
            member.board.evaluate(TWO_FRAMES)
            assert eventually(lambda: current in member.marks_in_view()), f"the mark is out of view at {width} px"
    finally:
        member.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.long
def test_a_session_completed_by_somebody_else_refuses_with_a_sentence(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    press(member, 3)
    member.all_sent()
    member.page.route("**/board/events**", lambda route: route.abort())
    with Session(engine_for(desk.database_url)) as session:
        sessions.complete(session, session_id, actor=factories.person(session))
        session.commit()
    member.page.keyboard.press("1")
    expect(member.board.locator(".closed")).to_be_visible()
    member.all_sent()
    member.page.unroute("**/board/events**")
    assert len(kept(desk, session_id)) == 3
    assert desk.one("SELECT status FROM pattern_sessions WHERE id = %(s)s", s=session_id) == "completed"
    expect(member.board).to_have_attribute("data-judged", "3")


def test_a_second_tab_sees_what_the_first_did_and_never_overwrites_it_unseen(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    page = member.context.new_page()
    page.route("**/board/events**", lambda route: route.abort())  # a tab that hears of nothing
    page.goto(f"{desk.url}/session?id={session_id}")
    deaf = page.get_by_test_id("board")
    expect(deaf).to_have_attribute("data-ready", "true")
    member.page.bring_to_front()
    member.page.keyboard.press("1")
    member.all_sent()
    page.bring_to_front()
    expect(deaf).to_have_attribute("data-judged", "0")
    page.keyboard.press("2")
    expect(deaf.get_by_text("You judged Swing high #20 in another tab meanwhile.")).to_be_visible()
    assert kept(desk, session_id) == [(20, "confirmed")]
    deaf.get_by_role("button", name="Keep this tab's verdict").click()
    expect(deaf).to_have_attribute("data-unsent", "0")
    expect(member.board.locator(".tallies")).to_contain_text("Wrong1")  # the other tab hears of it
    assert kept(desk, session_id) == [(20, "confirmed"), (20, "false_positive")]
    page.close()


@pytest.mark.long
def test_a_picture_goes_with_the_next_verdict(desk: Server, member: Person, session_id: uuid.UUID) -> None:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(data, "PNG")
    chosen = {"name": "where it turned.png", "mimeType": "image/png", "buffer": data.getvalue()}
    member.board.locator("input[type=file]").set_input_files(files=[chosen])  # type: ignore[list-item]
    expect(member.board.locator(".files")).to_contain_text("where it turned.png")
    press(member, 2)
    expect(member.board.locator(".files")).to_be_hidden()
    member.all_sent()
    kept = desk.rows(
        "SELECT cardinality(attachments) FROM feedback_items WHERE session_id = %(s)s ORDER BY candle_index",
        s=session_id,
    )
    assert [count for (count,) in kept] == [1, 0]


@pytest.mark.long
def test_others_show_once_one_has_judged_and_are_named_while_they_are_there(
    desk: Server, two: tuple[Person, Person], session_id: uuid.UUID
) -> None:
    member, other = two
    other.open(f"/session?id={session_id}")
    other.board_ready()
    expect(member.board.get_by_text("Also here: Olga Other")).to_be_visible()
    other.page.keyboard.press("2")
    other.all_sent()
    expect(member.board.get_by_text("Others' verdicts show once you have judged the mark.")).to_be_visible()
    expect(member.board).to_have_attribute("data-judged", "0")
    member.page.keyboard.press("1")
    member.all_sent()
    member.page.keyboard.press("k")
    expect(member.board.locator(".others")).to_contain_text("Olga Other")
    expect(member.board.locator(".others")).to_contain_text("Wrong")
    assert sorted(verdict for _, verdict in kept(desk, session_id)) == ["confirmed", "false_positive"]
    other.open("/")
    expect(member.board.get_by_text("Also here: Olga Other")).to_be_hidden()


def test_no_click_is_lost_however_fast_and_whatever_is_said_over_the_chart(
    desk: Server, member: Person, session_id: uuid.UUID
) -> None:
    """The second click within half a second, and one where a sentence stands over the chart; the hint stands below it."""
    hint = member.board.get_by_text("Click the candle it belongs to")
    notice = member.board.locator(".notice")
    mark = list(member.marks_in_view())[2]
    member.click_on_chart("mark", mark)
    member.page.keyboard.press("3")
    chart, below = member.board.locator(".chart").bounding_box(), hint.bounding_box()
    assert chart is not None and below is not None and below["y"] >= chart["y"] + chart["height"]
    member.click_on_chart("candle", 60)
    expect(hint).to_be_hidden()
    member.page.keyboard.press("m")
    member.click_on_chart("candle", 70)
    expect(notice).to_contain_text("is added as missed")
    member.page.keyboard.press("3")
    expect(hint).to_be_visible()
    box = notice.bounding_box()
    assert box is not None
    member.page.mouse.click(box["x"] + 20, box["y"] + box["height"] / 2)
    expect(hint).to_be_hidden()
    expect(member.board).to_have_attribute("data-judged", "2")
    member.all_sent()
    expected = desk.rows(
        "SELECT expected_index FROM feedback_items WHERE session_id = %(s)s AND verdict = 'adjustment'", s=session_id
    )
    assert len(expected) == 2 and (60,) in expected


@pytest.mark.long
def test_a_drag_is_no_click(member: Person, session_id: uuid.UUID) -> None:
    box = member.board.locator(".chart").bounding_box()
    assert box is not None
    member.page.keyboard.press("3")
    member.page.mouse.move(box["x"] + 500, box["y"] + 200)
    member.page.mouse.down()
    member.page.mouse.move(box["x"] + 400, box["y"] + 200, steps=5)
    member.page.mouse.up()
    expect(member.board.get_by_text("Click the candle it belongs to")).to_be_visible()
    expect(member.board).to_have_attribute("data-judged", "0")


@pytest.fixture
def labelling(desk: Server, member: Person) -> uuid.UUID:
    """A session on candles 100 to 899 of a dataset of 1,000 days, before there is a detector."""
    with Session(engine_for(desk.database_url)) as session:
        actor = factories.person(session)
        stored = factories.dataset(session, actor, rows=1000, seed=random.randrange(10**6))
        array = factories.dataset_candles(stored)
        home = factories.workspace(session, actor)
        made = sessions.open_for_labels(
            session, home, array, dataset_id=stored.id, start_index=100, end_index=899, actor=actor
        )
        session.commit()
    member.open(f"/session?id={made}")
    member.board_ready()
    return made


def pointed_at(person: Person) -> int:
    """The candle that the legend is about."""
    return int(person.board.locator(".ohlc b").inner_text().strip("#").replace(",", ""))


def test_places_are_marked_by_keys_alone_before_there_is_a_detector(
    desk: Server, member: Person, labelling: uuid.UUID
) -> None:
    for key in ("m", "ArrowRight"):
        member.page.keyboard.press(key)
    begin = pointed_at(member)
    for key in ("s", "ArrowUp", "Enter", "Shift+ArrowLeft", "ArrowLeft", "ArrowDown", "Enter", "Escape"):
        member.page.keyboard.press(key)
    member.all_sent()
    kept = desk.rows(
        "SELECT candle_index, expected_direction, severity FROM feedback_items WHERE session_id = %(s)s "
        "AND verdict = 'false_negative' ORDER BY candle_index DESC", s=labelling,
    )  # fmt: skip
    assert kept == [(begin, 1, "high"), (begin - 11, -1, None)]


def go_to(person: Person, text: str) -> None:
    person.page.keyboard.press("g")
    person.field("Go to a date", person.board).fill(text)
    person.page.keyboard.press("Enter")


def test_one_goes_to_a_date_or_a_candle_as_one_writes_it_and_marks_from_there(
    member: Person, labelling: uuid.UUID
) -> None:
    legend, notice = member.board.locator(".ohlc"), member.board.locator(".notice")
    go_to(member, "#300")
    expect(legend).to_contain_text("#300")
    day = datetime.strptime(" ".join(legend.inner_text().split()[1:4]), "%d %b %Y")  # the dataset's candles are days
    later = day + timedelta(days=20)
    go_to(member, f"{later:%d.%m.%Y}")
    expect(legend).to_contain_text("#320")
    member.page.keyboard.press("m")  # begins at the candle that was gone to
    member.page.keyboard.press("ArrowRight")
    expect(legend).to_contain_text("#321")
    member.page.keyboard.press("Escape")
    go_to(member, "05/07/2026")
    alert = member.board.get_by_role("alert")
    expect(alert).to_contain_text("It can't be told whether 05/07/2026 is 5 Jul 2026 or 7 May 2026.")
    seen = "(one) => { const box = one.getBoundingClientRect(); return one.contains(one.getRootNode().elementFromPoint(box.x + 9, box.y + 9)) }"
    assert alert.evaluate(seen), "something lies over the sentence"
    member.page.keyboard.press("Escape")
    go_to(member, "1.1.1990")
    expect(notice).to_contain_text("1.1.1990 lies before the window. This is its first candle, #100")
    go_to(member, "950")
    expect(notice).to_contain_text("950 lies after the window. This is its last candle, #899")


def test_marking_begins_in_the_window_also_from_the_candles_beside_it(member: Person, labelling: uuid.UUID) -> None:
    go_to(member, "100")
    expect(member.board.locator(".ohlc")).to_contain_text("#100")
    for _ in range(2):
        member.page.keyboard.press("Shift+ArrowLeft")  # beyond the window's beginning
    member.page.keyboard.press("m")
    expect(member.board.locator(".ohlc")).to_contain_text("#100")
    expect(member.board.get_by_text("Click the candle that should have been marked")).to_be_visible()


def test_a_labelling_session_opens_full_of_candles_at_its_beginning_or_the_last_place(
    member: Person, labelling: uuid.UUID
) -> None:
    across = "board => ['100', '190'].map((which) => board.placeOf('candle', which))"
    view = member.board.evaluate(across)
    box = member.board.locator(".chart").bounding_box()
    assert box is not None and view[0] is not None and view[0][0] < box["x"] + box["width"] * 0.1
    assert view[1] is not None and view[1][0] < box["x"] + box["width"], "the candles go on to the right"
    go_to(member, "500")
    expect(member.board.locator(".ohlc")).to_contain_text("#500")
    for key in ("m", "Enter"):
        member.page.keyboard.press(key)
    member.all_sent()
    member.page.reload()
    member.board_ready()
    expect(member.board.locator(".ohlc")).to_contain_text("#500")
    member.page.keyboard.press("m")
    expect(member.board.locator(".ohlc")).to_contain_text("#500")


def test_one_walks_over_the_places_one_made_and_takes_one_away(
    desk: Server, member: Person, labelling: uuid.UUID
) -> None:
    card, notice = member.board.locator(".card.mark"), member.board.locator(".notice")
    for candle in (120, 700, 300):
        go_to(member, str(candle))
        expect(member.board.locator(".ohlc")).to_contain_text(f"#{candle}")
        for key in ("m", "Enter", "Escape"):
            member.page.keyboard.press(key)
    expect(card).to_contain_text("Your place 2 of 3")
    for key, candle in (("j", 700), ("j", 700), ("k", 300), ("k", 120), ("k", 120), ("j", 300)):
        member.page.keyboard.press(key)
        expect(card).to_contain_text(f"#{candle}")
    member.page.keyboard.press("Delete")
    expect(notice).to_contain_text("#300 is taken away. M and Enter put it back.")
    member.page.keyboard.press("j")
    expect(card).to_contain_text("Your place 2 of 2")
    expect(card).to_contain_text("#700")
    member.page.keyboard.press("k")
    expect(card).to_contain_text("#120")
    member.page.keyboard.press("z")  # the newest of what is left is 700, which is out of view
    expect(notice).to_contain_text("#700 is taken away.")
    chart = member.board.locator(".chart").bounding_box()
    assert chart is not None
    where = "board => board.placeOf('candle', '700')?.[0] ?? 0"
    assert eventually(lambda: chart["x"] < member.board.evaluate(where) < chart["x"] + chart["width"])
    member.all_sent()
    left = "SELECT candle_index FROM feedback_items WHERE session_id = %(s)s AND state <> 'withdrawn'"
    assert desk.rows(left, s=labelling) == [(120,)]


def test_the_fields_outside_checks_rely_on(member: Person, session_id: uuid.UUID, desk: Server) -> None:
    found = member.board.evaluate("board => ({ ...board.dataset })")
    first = desk.one(
        "SELECT id::text FROM detections WHERE session_id = %(s)s ORDER BY anchor_index LIMIT 1", s=session_id
    )
    assert (found["session"], found["current"], found["judged"], found["unsent"]) == (str(session_id), first, "0", "0")


def test_two_people_and_two_tabs_on_a_session_write_over_nothing_and_one_opens_it_again(
    desk: Server, two: tuple[Person, Person], session_id: uuid.UUID
) -> None:
    kim, olga = two
    tab = kim.context.new_page()
    tab.goto(f"{desk.url}/session?id={session_id}")
    second = tab.get_by_test_id("board")
    expect(second).to_have_attribute("data-ready", "true")
    olga.open(f"/session?id={session_id}")
    olga.board_ready()
    kim.page.bring_to_front()
    kim.page.keyboard.press("1")
    expect(second).to_have_attribute("data-judged", "1")  # the other tab hears of it
    expect(olga.board).to_have_attribute("data-judged", "0")  # the review is blind
    olga.page.keyboard.press("2")
    olga.all_sent()
    tab.bring_to_front()
    tab.keyboard.press("k")
    tab.keyboard.press("2")
    expect(second).to_have_attribute("data-unsent", "0")
    kim.picture("two tabs of one person")
    mine = (
        "SELECT u.name, f.verdict FROM feedback_items f JOIN users u ON u.id = f.author_id WHERE f.session_id = %(s)s"
    )
    assert sorted(desk.rows(mine, s=session_id)) == [(kim.name, "false_positive"), (olga.name, "false_positive")]
    assert kept(desk, session_id) == [(20, "confirmed"), (20, "false_positive"), (20, "false_positive")]

    olga.press("Complete session")
    with olga.dialog(re.compile("Complete this")) as box:
        olga.button("Complete", box).click()
    olga.see("Score at completion")
    for board in (kim.board, second):
        expect(board.locator(".closed")).to_be_visible()
    kim.page.bring_to_front()
    kim.page.keyboard.press("1")
    kim.picture("a session that somebody else completed")
    assert len(kept(desk, session_id)) == 3, "a closed session takes nothing"
    frozen = desk.rows("SELECT tp, fp, fn FROM pattern_sessions WHERE id = %(s)s", s=session_id)

    kim.page.reload()
    kim.board_ready()
    expect(kim.button("Open again")).to_have_count(0)  # only who completed it, or an admin
    olga.button("Open again").click()
    olga.button(re.compile("Open this .+ again$")).click()
    olga.see("Give a reason of up to 1,000 characters; it shows on the timeline.")
    olga.fill("Reason", "Kim saw one more")
    olga.picture("opening a session again")
    olga.button(re.compile("Open this .+ again$")).click()
    expect(olga.button("Complete session")).to_be_visible()
    revision = "SELECT tp, fp, fn, reason FROM session_revisions WHERE session_id = %(s)s"
    assert desk.rows(revision, s=session_id) == [(*frozen[0], "Kim saw one more")]
    expect(kim.board.locator(".closed")).to_be_hidden()
    kim.page.keyboard.press("1")
    kim.all_sent()
    assert kept(desk, session_id)[3:] == [(29, "confirmed")]
    tab.close()


def test_the_setting_of_a_blind_review_shows_on_the_board_and_on_the_timeline(
    desk: Server, two: tuple[Person, Person], session_id: uuid.UUID
) -> None:
    kim, olga = two
    home = desk.one("SELECT workspace_id FROM pattern_sessions WHERE id = %(s)s", s=session_id)
    olga.open(f"/session?id={session_id}")
    olga.board_ready()
    olga.page.keyboard.press("2")
    olga.all_sent()
    expect(kim.board.get_by_text("Others' verdicts show once you have judged the mark.")).to_be_visible()
    kim.open(f"/workspace?id={home}")
    kim.see("Session started")
    kim.see("Olga Other", shown=False)
    kim.button(re.compile("More")).click()
    kim.page.get_by_role("menuitem", name=re.compile("Blind review")).click()
    with kim.dialog("Blind review") as box:
        kim.see("Others' verdicts on a mark show only once one has judged it.", within=box)
        kim.picture("the dialog of a blind review")
        kim.button("Show them at once", box).click()
    kim.see("Olga Other")
    assert desk.one("SELECT blind_review FROM pattern_workspaces WHERE id = %(w)s", w=home) is False
    kim.open(f"/session?id={session_id}")
    kim.board_ready()
    expect(kim.board.get_by_text("Others' verdicts show once")).to_have_count(0)
    expect(kim.board).to_have_attribute("data-judged", "1")
    kim.picture("others' verdicts at once")
