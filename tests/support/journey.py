"""The whole loop of one pattern as two people and an admin go through it: every change is made on a screen.

The one thing done beside the screens is what a colleague does with git: a commit that can't be deployed, and the commit
that takes it away again.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
from playwright.sync_api import Locator, expect

from services.detectors.types import Candles
from tests.support import reviewing
from tests.support.screens import ARTIFACTS, Person
from tests.support.server import Server

RUN_MS: Final = 180_000  # an execution, on a busy machine
MEMBER, ADMIN, VIEWER = "Mara Member", "Ada Admin", "Vera Viewer"
TUNE = ("IBM 2002", 500, 660)  # name, first and last candle
HOLDOUT = ("IBM 2009", 2250, 2330)
DESCRIPTION = "A swing is a bar from which price turned, and that stands out over the bars around it."
Label = str | re.Pattern[str]
EXTRA = "detectors/extra.py"
REASON = "2 bars wide, no swing"


@dataclass
class Journey:
    """What the journey leaves for the tests to look at."""

    workspace_id: str = ""
    sessions: dict[str, str] = field(default_factory=dict)  # name on the screen to id
    comments: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # what people did, as they counted it
    csv: dict[str, pd.DataFrame] = field(default_factory=dict)
    drawn: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # charts by the name of their CSV
    console: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # by stage

    @contextmanager
    def stage(self, name: str, *people: Person) -> Iterator[None]:
        """Times a stage and keeps what everybody saw at its end."""
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)
        for person in people:
            person.picture(f"{len(self.seconds):02d} {name} - {person.name.split()[0].lower()}")


def travel(server: Server, visit: Callable[..., Person]) -> Journey:
    """Goes through the loop once, from an empty server to a verified pattern."""
    journey, table = Journey(), reviewing.candles()
    admin = visit(server.url, ADMIN)
    with journey.stage("people", admin):
        people(admin)
    member = visit(server.url, MEMBER)
    with journey.stage("import", member):
        member.open("/sessions")
        member.sign_in()
        import_candles(member)
    with journey.stage("describe", member):
        create_and_describe(member, journey)
        talk(member, journey)
    with journey.stage("first execution canceled", member):
        launch_and_cancel(member)
    with journey.stage("first version", member):
        first_version(member)
    with journey.stage("tune session", member):
        run_session(member, journey, *TUNE)
        judge_many_ways(member, journey, table)
        complete(member)
    with journey.stage("hold-out session", member, admin):
        run_session(member, journey, *HOLDOUT)
        judge_the_rest(member, table)
        disagree(admin, server, journey)
        complete(member)
    with journey.stage("batch with a deploy that fails once", member):
        send_batch(member, server, journey)
    with journey.stage("retest", member):
        retest(member, journey, table)
    with journey.stage("review", member, admin):
        review(member, admin, journey)
    with journey.stage("statistics", member):
        statistics(member, journey)
        downloads(member, journey)
    for person in (admin, member):
        journey.console[person.name] = list(person.console)
    (ARTIFACTS / "seconds.txt").write_text("\n".join(f"{took:6.1f} {stage}" for stage, took in journey.seconds.items()))
    return journey


def people(admin: Person) -> None:
    """Whoever comes first is the admin, and adds the others."""
    admin.open()
    admin.see("Nobody is here yet")
    admin.fill("Name", ADMIN)
    admin.fill("E-mail", "ada@server.test")
    admin.press("Start")
    admin.title("Workspaces")
    admin.see("No workspaces yet")
    admin.open("/admin")
    admin.title("Admin")
    for name, role in ((MEMBER, "member"), (VIEWER, "viewer")):
        admin.press("Add a person")
        with admin.dialog("Add a person") as box:
            admin.fill("Name", name, box)
            admin.fill("E-mail", f"{role}@server.test", box)
            admin.choose("Role", role, box)
            admin.button("Add", box).click()
        admin.see(f"{role}@server.test")


def import_candles(member: Person) -> None:
    """Sees what is in the file before it is kept."""
    member.title("Sessions")
    member.press("Import candles")
    with member.dialog("Import candles") as box:
        box.locator("input[type=file]").set_input_files(reviewing.FILE)
        member.see("3,270", within=box)
        member.fill("Name", "IBM daily", box)
        member.button("Import", box).click()
    member.see(re.compile("IBM daily was imported"))


def create_and_describe(member: Person, journey: Journey) -> None:
    member.screen("Workspaces")
    member.press("New workspace")
    with member.dialog("New workspace") as box:
        member.fill("Name", "Swings", box)
        expect(member.field("Pattern type", box)).to_have_value("swings")
        member.choose("Category", "Market structure", box)
        member.button("Create", box).click()
    member.title("Swings")
    journey.workspace_id = member.page.url.rpartition("id=")[2]
    member.press("Describe the pattern")
    with member.dialog("Describe the pattern") as box:
        member.fill("Description", DESCRIPTION, box)
        member.fill("Reasoning", "Everything else is measured from swings; wiggles inside a leg are noise.", box)
        member.fill("Identification steps", "Find a bar above the bars around it\nAsk whether it stands out", box)
        member.button("Save", box).click()
    member.see("Pattern described")


def talk(member: Person, journey: Journey) -> None:
    """Comments; one is said better, one is taken back."""
    for text in ("Look at 2002 frist.", "Never mind this."):
        box = member.page.get_by_test_id("stChatInputTextArea")
        box.fill(text)
        box.press("Enter")
        row(member, text)
        journey.comments += 1
    row(member, "frist").get_by_label("Edit comment").click()
    with member.dialog("Edit comment") as asked:
        member.fill("Comment", "Look at 2002 first.", asked)
        member.button("Save", asked).click()
    row(member, "Look at 2002 first.")
    member.see("edited")
    row(member, "Never mind").get_by_label("Delete comment").click()
    with member.dialog("Delete comment") as asked:
        member.button("Delete", asked).click()
    member.see("Never mind this.", shown=False)


def row(person: Person, text: str) -> Locator:
    """A row of the timeline, with the mouse over it."""
    found = person.page.locator(".row").filter(has_text=text).last
    expect(found).to_be_visible()
    found.hover()
    return found


def launch(member: Person, button: Label, *, sees: str, send: Label) -> None:
    """Launches from the workspace; the prompt is shown before it is sent."""
    member.press(button)
    with member.dialog("Launch an execution") as box:
        member.see("The prompt, as it is sent", within=box).click()
        expect(box.locator("pre.passage")).to_contain_text(sees)
        member.button(send, box).click()


def launch_and_cancel(member: Person) -> None:
    launch(member, "Launch first execution", sees=DESCRIPTION, send="Launch")
    member.press("Cancel")
    with member.dialog("Cancel the execution") as box:
        member.button("Cancel execution 1", box).click()
    expect(member.see("Execution 1 was canceled. Look at why, then launch again.")).to_be_visible(timeout=RUN_MS)
    member.see("Canceled by Mara Member.")
    badge(member, "Soon")


def badge(person: Person, text: str) -> None:
    """The status beside the title."""
    found = person.page.locator("[data-testid='stMain'] .stMarkdownBadge").filter(has_text=text)
    expect(found.first).to_be_visible(timeout=RUN_MS)


def first_version(member: Person) -> None:
    """Follows the execution on its own screen until it has ended."""
    launch(member, "Launch first execution", sees=DESCRIPTION, send="Launch")
    member.press("Follow")
    member.title("Execution 2")
    badge(member, "Completed")
    member.see("The tuner adopted the starter detector of Swings with its defaults.")
    member.page.get_by_role("navigation", name="Where this is").get_by_role("link", name="Swings").click()
    member.title("Swings")
    badge(member, "Beta")
    member.see(re.compile(r"^v0\.1\.0"))


def run_session(member: Person, journey: Journey, name: str, first: int, last: int) -> None:
    """From the workspace, over a window given by candle numbers."""
    member.open(f"/workspace?id={journey.workspace_id}")
    member.title("Swings")
    member.press("Run a session")
    with member.dialog("Run a session") as box:
        member.pick("Candle numbers", box)
        member.fill("First candle", first, box)
        member.fill("Last candle", last, box)
        member.fill("Name", name, box)
        member.settle()
        member.button("Run", box).click()
    opened(member, journey, name)


def opened(person: Person, journey: Journey, name: str) -> None:
    person.title(name)
    journey.sessions[name] = re.search(r"id=([0-9a-f-]{36})", person.page.url)[1]  # type: ignore[index]
    person.board_ready()


@dataclass(frozen=True)
class Mark:
    """What the panel says of the mark in question."""

    candle: int
    direction: int


def mark(person: Person) -> Mark:
    card = person.board.locator(".mark")
    where, kind = card.locator("dd").first.inner_text(), card.locator("h3").inner_text()
    return Mark(int(re.findall(r"#([\d,]+)", where)[0].replace(",", "")), 1 if kind == "Swing high" else -1)


def left(person: Person) -> int:
    """How many marks nobody has judged."""
    marks, judged = (int(person.board.get_attribute(name) or 0) for name in ("data-marks", "data-judged"))
    return marks - judged


def expect_left(person: Person, count: int) -> None:
    total = int(person.board.get_attribute("data-marks") or 0)
    expect(person.board).to_have_attribute("data-judged", str(total - count))
    person.all_sent()


def verdict(table: Candles, at: Mark) -> str:
    """The key of what the rule says: 1 right, 2 wrong."""
    return "2" if reviewing.is_wiggle(table, at.candle, at.direction) else "1"


def judge_the_rest(person: Person, table: Candles) -> dict[str, int]:
    """By keyboard, mark after mark."""
    given = {"1": 0, "2": 0}
    while open_marks := left(person):
        key = verdict(table, mark(person))
        person.page.keyboard.press(key)
        expect_left(person, open_marks - 1)
        given[key] += 1
    return given


def judge_many_ways(member: Person, journey: Journey, table: Candles) -> None:
    """One verdict taken back, some by clicking, one moved, one unsure, one added, one with a reason, the rest by keys."""
    total = left(member)
    member.page.keyboard.press("2")
    expect_left(member, total - 1)
    member.page.keyboard.press("z")
    expect_left(member, total)

    done = set()
    for mark_id, candle in list(member.marks_in_view().items())[2:5]:
        member.click_on_chart("mark", mark_id)
        expect(member.board).to_have_attribute("data-current", mark_id)
        judge_by_click(member, {"1": "Right", "2": "Wrong"}[verdict(table, mark(member))])
        done.add(candle)
    moved = to_wiggle(member, table, done)
    before = left(member)
    member.page.keyboard.press("3")
    member.see(re.compile("Click the candle it belongs to"))
    member.click_on_chart("candle", moved + 4)
    expect_left(member, before - 1)

    to_wiggle(member, table, done)
    member.fill("Reason", REASON)
    member.settle()
    judge_by_click(member, "Wrong")
    member.page.keyboard.press("4")
    expect_left(member, before - 3)

    add_missed(member, moved + 10)
    given = judge_the_rest(member, table)
    assert given["1"] and given["2"], "the window has both swings and wiggles"
    journey.counts["tune marks"] = total


def judge_by_click(member: Person, label: str) -> None:
    before = left(member)
    member.board.get_by_role("button", name=label, exact=True).click()
    expect_left(member, before - 1)


def to_wiggle(person: Person, table: Candles, done: set[int]) -> int:
    """Skips ahead to a wiggle that is not judged yet; its candle."""
    for _ in range(40):
        at = mark(person)
        if at.candle not in done and verdict(table, at) == "2":
            done.add(at.candle)
            return at.candle
        person.page.keyboard.press("j")
        expect(person.board.locator(".mark dd").first).not_to_have_text(re.compile(rf"^#{at.candle:,} ·"))
    raise AssertionError("no wiggle is left")


def add_missed(member: Person, candle: int) -> None:
    """Says that a mark is missing on a candle."""
    member.page.keyboard.press("m")
    member.see(re.compile("Click the candle that should have been marked"))
    member.click_on_chart("candle", candle)
    member.see(re.compile(rf"#{candle} is added as missed"))
    member.all_sent()


def complete(member: Person) -> None:
    member.press("Complete session")
    with member.dialog("Complete this session?") as box:
        member.button("Complete", box).click()
    member.see(re.compile("This session is closed"))
    badge(member, "Completed")


def disagree(admin: Person, server: Server, journey: Journey) -> None:
    """The admin judges the first mark of the open session the other way round."""
    admin.open(f"/session?id={journey.sessions[HOLDOUT[0]]}")
    opened(admin, journey, HOLDOUT[0])
    mark_id, _ = min(admin.marks_in_view().items(), key=lambda item: item[1])
    admin.click_on_chart("mark", mark_id)
    expect(admin.board).to_have_attribute("data-current", mark_id)
    table = reviewing.candles()
    other = {"1": "2", "2": "1"}[verdict(table, mark(admin))]
    admin.page.keyboard.press(other)
    admin.all_sent()
    admin.open(f"/workspace?id={journey.workspace_id}")
    row(admin, "Mark disputed")


def commit(server: Server, text: str | None, message: str) -> None:
    """What a colleague does with git in the pattern repository."""
    file = server.repository / EXTRA
    file.write_text(text) if text is not None else file.unlink()
    who = ["-c", "user.name=Colleague", "-c", "user.email=colleague@server.test", "-c", "safe.directory=*"]
    for arguments in (["add", "--all", EXTRA], ["commit", "--quiet", "-m", message]):
        subprocess.run(["git", *who, *arguments], cwd=server.repository, check=True, capture_output=True)


def send_batch(member: Person, server: Server, journey: Journey) -> None:
    """The corrections go to the tuner; what a colleague pushed can't be deployed until it is taken away again."""
    commit(server, "import requests\n\nGET = requests.get\n", "Fetch candles from the web")
    member.open(f"/workspace?id={journey.workspace_id}")
    member.title("Swings")
    launch(member, re.compile(r"Send \d+ corrections"), sees=REASON, send=re.compile(r"Send \d+ corrections$"))
    failed = member.page.locator(".row").filter(has_text="extra.py imports requests").first
    expect(failed).to_be_visible(timeout=RUN_MS)
    member.picture("deploy failed")
    commit(server, None, "Take back what detectors can't have")
    expect(member.page.locator(".row").filter(has_text="Deployed v0.1.1").first).to_be_visible(timeout=RUN_MS)
    member.see(re.compile(r"^v0\.1\.1"))
    member.open("/executions")
    member.title("Executions")
    member.picture("executions")


def retest(member: Person, journey: Journey, table: Candles) -> None:
    """The same window on the new version; verdicts on what stayed the same are there already."""
    member.open(f"/session?id={journey.sessions[TUNE[0]]}")
    member.title(TUNE[0])
    member.press("Retest with v0.1.1")
    name = f"{TUNE[0]} · retest v0.1.1"
    opened(member, journey, name)
    member.see(re.compile("retest"))
    judge_the_rest(member, table)
    while member.page.locator("[class*='st-key-gone-fine-']").count():
        member.page.locator("[class*='st-key-gone-fine-'] button").first.click()
        member.settle()
    complete(member)


def waive_the_dispute(admin: Person, journey: Journey) -> None:
    """The policy asks that every dispute is settled; an admin lets this version go without, with a reason."""
    admin.open(f"/review?id={journey.workspace_id}")
    admin.see("What an approval takes")
    admin.key("waive-settled").get_by_role("button").click()
    with admin.dialog("Waive a line of the checklist") as box:
        admin.fill("Reason", "One low of 2009 is open to taste.", box)
        admin.button("Waive", box).click()
    admin.picture("what an approval takes")


def approve(member: Person, journey: Journey, comment: str, asked: str = "Comment") -> None:
    member.open(f"/workspace?id={journey.workspace_id}")
    member.title("Swings")
    member.press("Approve for review")
    with member.dialog("Approve for review") as box:
        member.fill(asked, comment, box)
        member.button("Approve", box).click()
    badge(member, "In review")


def review(member: Person, admin: Person, journey: Journey) -> None:
    """A line waived, approved, returned with a reason, approved again with an answer, verified."""
    waive_the_dispute(admin, journey)
    approve(member, journey, "Wiggles are gone.")
    admin.open("/review")
    admin.title("Review")
    badge(admin, "In review")
    admin.press("Return")
    with admin.dialog("Return to beta") as box:
        admin.fill("Reason", "Say which years you looked at.", box)
        admin.button("Return", box).click()
    admin.see("Nothing waits for verification")
    member.page.reload()
    member.title("Swings")
    badge(member, "Beta")
    row(member, "Say which years you looked at.")
    approve(member, journey, "2002 and 2009.", asked="What was done about it")
    admin.page.reload()
    admin.title("Review")
    admin.press("Verify as 1.0.0")
    with admin.dialog("becomes") as box:
        admin.button("Verify as 1.0.0", box).click()
    admin.see("Nothing waits for verification")
    member.page.reload()
    member.title("Swings")
    badge(member, "Verified")
    member.see(re.compile(r"^v1\.0\.0"))


def statistics(member: Person, journey: Journey) -> None:
    """The charts of the pattern, and the CSV of each that the issue names."""
    member.screen("Statistics")
    member.choose("Pattern", "Swings")
    for name in ("success by version", "executions per day"):
        key = f"swings-{name.replace(' ', '-')}"
        chart = member.page.locator(f".st-key-chart-{key} .js-plotly-plot")
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
        journey.drawn[name] = member.page.evaluate(DRAWN, f"chart-{key}")
        journey.csv[name] = member.csv(member.key(f"csv-{key}").get_by_role("button"))
    member.picture("statistics")


DRAWN = """(key) => document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullData.map(
  (trace) => ({ name: trace.name, x: Array.from(trace.x, String), y: Array.from(trace.y, Number) }))"""


def downloads(member: Person, journey: Journey) -> None:
    member.screen("Sessions")
    member.key("export-sessions").get_by_role("button").click()
    journey.csv["sessions"] = member.csv(member.key("csv-sessions").get_by_role("link"))
    member.screen("Executions")
    member.key("export-executions").get_by_role("button").click()
    journey.csv["executions"] = member.csv(member.key("csv-executions").get_by_role("link"))
    member.open(f"/workspace?id={journey.workspace_id}")
    member.title("Swings")
    member.press(re.compile("More"))
    member.page.get_by_text("Export CSV").click()
    box = member.page.get_by_role("dialog")
    journey.csv["timeline"] = member.csv(member.button("Timeline of a workspace", box))


def address(server: Server, journey: Journey, screen: str) -> str:
    """The deep link to this screen, and to something on it where it shows one thing."""
    last = "SELECT id::text FROM claude_executions WHERE workspace_id = %(w)s ORDER BY number DESC LIMIT 1"
    ids = {"workspace": journey.workspace_id, "session": journey.sessions[TUNE[0]]}
    if screen == "execution":
        ids[screen] = server.one(last, w=journey.workspace_id)
    return f"/{screen}?id={ids[screen]}" if screen in ids else f"/{screen}"
