"""The timeline's script in a real browser, mounted as Streamlit mounts it: in a shadow root, with data and triggers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from pages.components import looks
from pages.components.timeline import component as timeline

START = datetime.now(UTC) - timedelta(hours=1)
ME = {"id": str(uuid.uuid4()), "name": "Tom Osei", "image": None}
RUN = {"id": str(uuid.uuid4()), "number": 15, "status": "running", "phase": "implementing", "progress": 42}
RUN |= {
    "live": True,
    "agent": "claude",
    "agent_name": "Claude",
    "canceled": False,
    "cost_usd": 0.31,
    "feedback_count": 8,
    "completed_at": None,
}
RUN |= {"started_at": START.isoformat(), "phases": {"planning": {"status": "completed"}}}
MOUNT = """([css, html]) => {
  const host = document.body.appendChild(document.createElement("div"))
  const root = host.attachShadow({ mode: "open" })
  root.innerHTML = `<style>${css}</style>${html}`
  window.sent = []
  window.streams = []
  window.EventSource = class extends EventTarget {
    static CLOSED = 2
    constructor(url) { super(); this.url = url; this.readyState = 1; window.streams.push(this) }
    close() { this.readyState = 2 }
  }
  window.show = (data) => window.run({ data, parentElement: root, setTriggerValue: (name, value) => window.sent.push([name, value]) })
  window.live = (name, value) => window.streams.at(-1).dispatchEvent(new MessageEvent(name, { data: JSON.stringify(value) }))
  window.scroller = root.querySelector(".scroller")
}"""


def entry(seq: int, type_: str = "comment", **changes: Any) -> dict[str, Any]:
    made = {"id": str(uuid.uuid4()), "seq": seq, "type": type_, "author": ME, "author_type": "user", "data": {}}
    made |= {"created_at": (START + timedelta(seconds=seq)).isoformat(), "content": f"Comment {seq}", "attachments": []}
    empty = dict.fromkeys(
        ["title", "session", "feedback", "execution", "status", "progress", "edited_at", "deleted_at"]
    )
    return made | empty | changes


def data(entries: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    made = {
        "entries": entries,
        "live_url": None,
        "can_load_older": False,
        "viewer": ME["id"],
        "scope": "",
        "kinds": None,
    }
    made |= {
        "last_seq": None,
        "workspace": "",
        "focus": None,
        "can_load_newer": False,
        "read_to": None,
        "marked": None,
        "empty": {"title": "Nothing yet", "text": "Begin"},
        "height": "400px",
        "looks": looks.FOR_COMPONENTS,
    }
    return made | changes


@pytest.fixture
def page(tab: Page) -> Page:
    tab.goto("about:blank")
    script = timeline.JS.replace("export default function", "window.run = function")
    tab.evaluate(MOUNT, [timeline.CSS, timeline.HTML])
    tab.add_script_tag(content=script, type="module")
    tab.wait_for_function("!!window.run")
    return tab


def show(page: Page, shown: dict[str, Any]) -> None:
    page.evaluate("data => { window.show(data) }", shown)


def stream(page: Page, *entries: dict[str, Any]) -> None:
    page.evaluate("list => live('entries', list)", list(entries))


def place(page: Page) -> list[float]:
    return list(page.evaluate("[scroller.scrollTop, scroller.scrollHeight - scroller.clientHeight]"))


def test_what_people_type_stays_text(page: Page) -> None:
    wicked = "<img src=x onerror='window.hit = 1'><b>bold</b>"
    author = {"id": "x", "name": wicked, "image": "javascript:window.hit=1"}
    item = {"id": "f", "verdict": wicked, "state": wicked, "kind": wicked, "direction": 1, "candle_index": 0}
    files = [{"key": "k", "name": wicked, "kind": "file", "url": "javascript:window.hit=1"}]
    show(
        page,
        data([entry(1, content=wicked, author=author, attachments=files), entry(2, "feedback_added", feedback=item)]),
    )
    assert page.locator(".said").first.inner_text() == wicked
    assert page.locator(".rows img, .rows b, .rows a").count() == 0 and page.evaluate("window.hit") is None
    assert page.locator(".mono").inner_text() == "#0"  # the first candle is one like any other


def test_messages_of_one_execution_are_one_card(page: Page) -> None:
    phase = {"phase": "implementing", "current_task": "Editing detectors/bos.py"}
    messages = [
        entry(1, "claude_started", execution=RUN),
        entry(2, content="In between"),
        entry(3, "claude_checkpoint", execution=RUN, data={"checkpoint": "Cause found", "phase": "planning"}),
        entry(4, "claude_phase_update", execution=RUN, data=phase, status="in_progress", progress=50),
    ]
    show(page, data(messages))
    card = page.locator(".row").first
    assert page.locator(".row").count() == 2
    assert all(
        text in card.inner_text()
        for text in ("Execution 15", "Running", "42%", "Cause found", "Editing detectors/bos.py")
    )
    assert page.locator(".phase.now .bar i").get_attribute("style") == "width: 50%;"
    assert page.locator(".phase.done").count() == 1 and page.locator(".phase.next").count() == 3
    ended = RUN | {"status": "completed", "live": False, "progress": 100, "completed_at": datetime.now(UTC).isoformat()}
    done = entry(5, "claude_completed", execution=ended, data={"commit_hash": "4f2a91c77aa", "files_changed": ["a"]})
    show(page, data([*messages, done]))
    assert page.locator(".row").count() == 2 and page.locator(".phase.done").count() >= 2
    page.get_by_text("1 checkpoint, 1 file, commit 4f2a91c").click()
    assert page.locator(".step").count() == 1
    page.get_by_text("Open", exact=True).click()
    assert page.evaluate("window.sent.at(-1)") == ["open", {"kind": "execution", "id": RUN["id"]}]


def test_a_deploy_is_one_line_until_it_is_tried_again(page: Page) -> None:
    started = entry(1, "deploy_started", data={"execution_id": "e", "commit_hash": "abcdef123"})
    failed = entry(2, "deploy_failed", data={"execution_id": "e", "error": "Timed out", "logs": "exit 1"})
    again = entry(3, "deploy_retry", data={"execution_id": "e", "retry_number": 1, "max_retries": 10})
    ready = entry(5, "deploy_success", data={"execution_id": "e", "version": "0.6.0", "duration_s": 51})
    show(page, data([started]))
    assert (
        page.locator(".row").inner_text().startswith("rocket_launch")
        and "Deploying" in page.locator(".row").inner_text()
    )
    show(page, data([started, failed, again, entry(4, "deploy_started", data={"execution_id": "e"}), ready]))
    rows = page.locator(".row").all_inner_texts()
    assert len(rows) == 3 and "Timed out" in rows[0] and "retry 1 of 10" in rows[1] and "Deployed v0.6.0" in rows[2]


def test_the_reader_is_followed_at_the_end_and_left_alone_elsewhere(page: Page) -> None:
    other = {"id": "o", "name": "Mara Klein", "image": None}
    entries = [entry(n) for n in range(40, 80)]
    show(page, data(entries, live_url="/live?token=a", can_load_older=True))
    assert place(page)[0] == pytest.approx(place(page)[1], abs=2)
    assert page.evaluate("streams[0].url") == "/live?token=a&after=79"
    stream(page, entry(80, author=other))
    assert place(page)[0] == pytest.approx(place(page)[1], abs=2) and page.locator(".new").is_hidden()
    page.evaluate("scroller.scrollTop = 100")
    page.wait_for_timeout(50)
    stream(page, entry(81, author=other))
    assert place(page)[0] == 100 and page.locator(".new").inner_text().split() == ["arrow_downward", "1", "new"]
    before = page.get_by_text("Comment 43", exact=True).bounding_box()
    show(page, data([*(entry(n) for n in range(1, 40)), *entries], live_url="/live?token=b"))
    after = page.get_by_text("Comment 43", exact=True).bounding_box()
    assert before and after and after["y"] == pytest.approx(before["y"], abs=1) and place(page)[0] > 1000
    assert page.get_by_text("Comment 81", exact=True).count() == 1 and page.evaluate("streams.length") == 1
    page.locator(".new").click()
    assert place(page)[0] == pytest.approx(place(page)[1], abs=2)


def test_a_changed_entry_replaces_its_row_and_the_filter_holds_for_live_ones(page: Page) -> None:
    first = entry(1)
    show(page, data([first], live_url="/live?token=a", kinds=["comment"]))
    changed = first | {"content": "Said better", "edited_at": START.isoformat()}
    stream(page, changed, entry(2, "mark_disputed"))
    assert page.locator(".row").count() == 1 and "Said better" in page.locator(".row").inner_text()
    assert "edited" in page.locator(".row").inner_text()
    page.get_by_label("Edit comment").click(force=True)
    page.get_by_label("Delete comment").click(force=True)
    assert [s for s in page.evaluate("sent") if s[0] != "refresh"] == [["edit", first["id"]], ["delete", first["id"]]]
    show(page, data([], scope="another"))
    assert page.locator(".empty").inner_text().endswith("Begin")


def test_refresh_is_throttled_and_a_spent_token_is_renewed_once(page: Page) -> None:
    show(page, data([entry(1)], live_url="/live?token=a"))
    page.evaluate("for (let i = 0; i < 20; i++) live('tick', {})")
    page.wait_for_timeout(300)
    page.evaluate("live('tick', {})")
    assert [s[0] for s in page.evaluate("sent")] == ["refresh"]
    page.wait_for_timeout(1000)
    assert [s[0] for s in page.evaluate("sent")] == ["refresh", "refresh"]
    page.evaluate("live('expired', {}); live('expired', {})")
    page.wait_for_timeout(50)
    assert [s[0] for s in page.evaluate("sent")].count("renew") == 1
    show(page, data([entry(1)], live_url="/live?token=b"))
    assert page.evaluate("streams.at(-1).url") == "/live?token=b&after=1" and page.evaluate("streams.length") == 2


def test_a_thousand_entries_are_drawn_at_once_and_kept_when_nothing_changed(page: Page) -> None:
    entries = [entry(n, content="A level that was broken by a close, not by a wick. " * 3) for n in range(1, 1001)]
    kept = page.evaluate(
        """data => {
          const rows = () => [...scroller.querySelectorAll(".row")]
          window.show(structuredClone(data))
          const first = rows()
          window.show(structuredClone(data))
          return rows().filter((row, at) => row === first[at]).length
        }""",
        data(entries),
    )
    assert kept == page.locator(".row").count() == 1000, "the same rows, not new ones like them"


def test_a_rate_shows_the_interval_that_was_sent_and_reckons_none(page: Page) -> None:
    sent = {"tp": 3, "fp": 1, "fn": 0, "success_rate": 0.75, "ci_low": 0.114, "ci_high": 0.226}
    before = {key: value for key, value in sent.items() if not key.startswith("ci_")}
    show(page, data([entry(1, "session_completed", data=sent), entry(2, "session_completed", data=before)]))
    rows = page.get_by_text("3 right, 1 wrong, 0 missed").all_inner_texts()
    assert [row.split("· ")[-1] for row in rows] == ["75% (11–23%), n 4", "n 4"]  # no rate without its interval


def correction(seq: int, verdict: str, session: str, author: dict[str, Any] = ME) -> dict[str, Any]:
    item = {"id": str(uuid.uuid4()), "verdict": verdict, "state": "open", "kind": "swing", "direction": 1}
    item |= {"candle_index": 300 + seq, "candle_time": None, "price": 1.5, "execution_number": None}
    where = {"id": session, "name": "GOOG daily"}
    return entry(seq, "feedback_added", feedback=item, session=where, author=author, data={"verdict": verdict})


def test_a_sessions_corrections_are_one_card_that_counts_and_opens(page: Page) -> None:
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    given = [correction(n, "false_positive" if n % 3 else "false_negative", ids[0]) for n in range(1, 66)]
    show(page, data([*given, correction(66, "adjustment", ids[1])], live_url="/live?token=x"))
    assert page.locator(".row").count() == 2
    card = page.locator(".row").first
    assert all(
        text in card.inner_text() for text in ("65 corrections", "44 wrong", "21 missed", "GOOG daily", "by Tom")
    )
    card.get_by_text("Show them").click()
    assert card.locator(".correction").count() == 65
    stream(page, correction(67, "false_positive", ids[0]))
    assert "66 corrections" in card.inner_text() and card.locator(".correction").count() == 66


def test_a_decision_and_the_status_that_comes_with_it_are_one_row(page: Page) -> None:
    at = {"created_at": START.isoformat()}
    status = {"previous_status": "beta", "new_status": "in_review", "reason": None}
    approved = {"previous_status": "beta", "new_status": "in_review", "comment": "Fine"}
    show(page, data([entry(1, "status_changed", data=status, **at), entry(2, "user_approved", data=approved, **at)]))
    assert page.locator(".row").count() == 1 and "Approved for review" in page.locator(".row").inner_text()
    show(page, data([entry(1, "status_changed", data=status, **at)], scope="alone"))
    assert "Status: In review" in page.locator(".row").inner_text()


def test_addresses_numbers_and_names_in_a_comment_are_links_and_nothing_else_is(page: Page) -> None:
    words = "See https://example.com/a?b=1. and #312, javascript:alert(1) a#5 &#6; @Ann Lee @Ann"
    named = {"mentions": [{"name": "Ann Lee"}]}
    show(page, data([entry(1, content=words, data=named)]))
    said = page.locator(".said")
    assert said.inner_text() == words
    assert said.locator("a").evaluate_all("list => list.map((a) => [a.href, a.rel])") == [
        ["https://example.com/a?b=1", "noopener noreferrer nofollow"]
    ]
    assert said.locator(".mention").all_inner_texts() == ["@Ann Lee"]
    assert said.locator("button").all_inner_texts() == ["#312"]
    said.locator("button").click()
    assert page.evaluate("window.sent.at(-1)") == ["number", 312]


def test_what_came_since_the_last_visit_is_below_a_line(page: Page) -> None:
    other = ME | {"id": str(uuid.uuid4())}
    show(page, data([entry(n, author=other) for n in range(1, 9)], read_to=5))
    rows = page.locator(".rows > *").evaluate_all("list => list.map((row) => row.className)")
    assert rows.index("day unread") == 6 and page.locator(".unread").inner_text() == "3 new since you were here"
    show(page, data([entry(n, author=other) for n in range(1, 9)], read_to=8, scope="again"))
    assert page.locator(".unread").count() == 0


# The browser says of a page without a window that it is visible, so the tests say when it is not.
VISIBILITY = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


def reads(page: Page) -> list[dict[str, Any]]:
    """What was sent as read, by itself or with a refresh."""
    sent: list[list[Any]] = page.evaluate("window.sent")
    told = [value for name, value in sent if name in ("read", "refresh") and "seq" in value]
    return [{name: value[name] for name in ("seq", "returned")} for value in told]


def test_only_a_tab_in_sight_reads(page: Page) -> None:
    other = ME | {"id": str(uuid.uuid4())}
    entries = [entry(n, author=other) for n in range(1, 4)]
    page.evaluate(VISIBILITY, "hidden")
    show(page, data(entries, marked=2, last_seq=3, live_url="/live?token=t"))
    stream(page, entry(4, author=other))
    page.wait_for_function("sent.some(([name]) => name === 'refresh')")
    assert reads(page) == [], "a tab in the background reads nothing, and is refreshed all the same"
    page.evaluate(VISIBILITY, "visible")
    assert reads(page) == [{"seq": 4, "returned": True}]
    show(page, data([*entries, entry(4, author=other)], marked=4, last_seq=4, live_url="/live?token=t"))
    assert len(reads(page)) == 1, "what is kept as read is not said again"
    page.evaluate("sent.length = 0")
    stream(page, entry(5, author=other))
    page.wait_for_function("sent.some(([name]) => name === 'refresh')")
    assert reads(page) == [{"seq": 5, "returned": False}], "with the refresh, not by a run of its own"
    page.evaluate("sent.length = 0")
    show(page, data(entries, marked=None, last_seq=None, scope="claude/"))
    page.evaluate(VISIBILITY, "hidden")
    page.evaluate(VISIBILITY, "visible")
    assert reads(page) == [], "a filtered list shows not all that is new"


def test_a_message_that_a_link_names_is_brought_in_sight(page: Page) -> None:
    entries = [entry(n) for n in range(1, 80)]
    sought = entries[20]
    show(page, data(entries, focus=sought["id"], can_load_newer=True, scope="around"))
    box = page.evaluate("scroller.getBoundingClientRect().toJSON()")
    row = page.locator(f"[data-key='{sought['id']}']").bounding_box()
    assert row and box["top"] < row["y"] < box["bottom"]
    page.get_by_text("To the newest").click()
    assert page.evaluate("window.sent.at(-1)[0]") == "newest"


def answer(seq: int, status: str, content: str | None = None, **facts: Any) -> dict[str, Any]:
    given = {"asked_by": "Tom Osei"} | facts
    return entry(seq, "claude_answer", author=None, author_type="claude", content=content, status=status, data=given)


def test_an_answer_is_read_while_it_is_written_and_then_says_what_it_cost(page: Page) -> None:
    waiting = answer(2, "pending", doing="Waiting for a worker")
    show(page, data([entry(1, content="@claude why?"), waiting], live_url="/live?token=a"))
    row = page.locator(".row").nth(1)
    assert "Claude to Tom Osei" in row.inner_text() and "Waiting for a worker" in row.inner_text()
    assert page.locator(".row").first.locator(".mention").all_inner_texts() == ["@claude"]
    told = {"asked_by": "Tom Osei", "doing": "Reading detectors/bos.py"}
    for words in ("Because", "Because the wick at #312"):
        stream(page, waiting | {"status": "in_progress", "content": words, "data": told})
        assert row.locator(".said").inner_text() == words and "Reading detectors/bos.py" in row.inner_text()
    page.wait_for_timeout(1300)
    assert page.evaluate("sent") == [], "what streams draws its own row and nothing else of the page"
    said = "Because the wick at #312 is long; see https://example.com/x."
    facts = {"cost_usd": 0.0042, "input_tokens": 12_345, "output_tokens": 67, "model": "claude-x", "version": "0.2.0"}
    stream(page, waiting | {"status": "completed", "content": said, "data": {"asked_by": "Tom Osei"} | facts})
    assert row.locator(".said").inner_text() == said
    assert row.locator(".said button").all_inner_texts() == ["#312"]
    assert row.locator(".said a").count() == 0, "an address that a model wrote is no link"
    assert "$0.0042 · 12,345 tokens in, 67 out · claude-x · about v0.2.0" in row.inner_text()
    page.wait_for_function("sent.some(([name]) => name === 'refresh')")


def test_an_answer_that_failed_says_why_and_may_be_asked_again_by_who_may_ask(page: Page) -> None:
    failed = answer(1, "failed", error="Claude is not connected: set ANTHROPIC_API_KEY.")
    show(page, data([failed]))
    assert page.locator(".problem").inner_text() == "Claude is not connected: set ANTHROPIC_API_KEY."
    assert page.get_by_text("Ask again").count() == 0
    show(page, data([failed], may_ask=True, scope="member"))
    page.get_by_text("Ask again").click()
    assert page.evaluate("window.sent.at(-1)") == ["again", failed["id"]]
