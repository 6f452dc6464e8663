"""The journeys of a review through the screens: a dispute and its rule, the policy, a void approval, going back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.journey import RUN_MS, badge, complete, expect_left, left, row
from tests.support.review_case import Case, prepare
from tests.support.screens import Person, Visit
from tests.support.server import Server, running

pytestmark = [pytest.mark.long, pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(900)]

RULE = "A turn of less than two average true ranges is no swing."
WAIVED = "The dispute is about a rule of the next version."
REASON = "It marks what is no swing."


@pytest.fixture(scope="module")
def reviewed(browser: Browser) -> Iterator[Server]:
    with running(DEMO="false", TUNER_POINTS="30") as started:
        yield started


@pytest.fixture(scope="module")
def case(reviewed: Server) -> Case:
    return prepare(reviewed)


@pytest.fixture(scope="module")
def member(reviewed: Server, case: Case, visit: Visit) -> Person:
    return entered(reviewed, visit, "Member One")


@pytest.fixture(scope="module")
def admin(reviewed: Server, case: Case, visit: Visit) -> Person:
    return entered(reviewed, visit, "Admin One")


def entered(server: Server, visit: Visit, name: str) -> Person:
    person = visit(server.url, name)
    person.open()
    person.sign_in()
    return person


def approve(person: Person, case: Case, *, asked: str = "Comment for the admin", comment: str = "Ready.") -> None:
    person.open(f"/review?id={case.workspace}")
    person.press("Approve for review")
    with person.dialog("Approve for review") as box:
        person.fill(asked, comment, box)
        person.button("Approve", box).click()
    badge(person, "In review")


def withdraw(person: Person, case: Case) -> None:
    person.open(f"/review?id={case.workspace}")
    person.press("Withdraw")
    with person.dialog("Withdraw") as box:
        person.button(re.compile("Withdraw"), box).click()
    person.see("Its status is beta now.")


def test_a_dispute_names_itself_where_an_approval_is_asked_for(member: Person, case: Case) -> None:
    """The policy is not met: the page names the line, and so does the refusal."""
    member.open(f"/review?id={case.workspace}")
    member.see("What an approval takes")
    member.see("1 dispute unsettled")
    member.press("Approve for review")
    box = member.page.get_by_role("dialog").filter(has_text="Approve for review")
    member.button("Approve", box).click()
    member.see(re.compile(r"Not yet: 1 dispute unsettled"), within=box)
    member.page.keyboard.press("Escape")
    member.picture("review 1 the policy is not met")


def test_an_admin_waives_a_line_with_a_reason_that_stays_beside_it(member: Person, admin: Person, case: Case) -> None:
    member.open(f"/review?id={case.workspace}")
    member.see("An admin may waive a line with a reason.")
    assert member.page.get_by_role("button", name=re.compile("^.*Waive")).count() == 0
    admin.open(f"/review?id={case.workspace}")
    admin.press(re.compile("Waive “disputes settled”"))
    with admin.dialog("Waive a line of the checklist") as box:
        admin.fill("Reason", WAIVED, box)
        admin.button("Waive", box).click()
    admin.see(re.compile(f"1 dispute unsettled.*waived by Admin One: {WAIVED}"))
    admin.picture("review 1b a line is waived")
    approve(member, case)
    member.open(f"/workspace?id={case.workspace}")
    row(member, WAIVED)
    withdraw(member, case)


def test_it_is_settled_in_its_room_and_the_rule_is_in_the_next_prompt(
    member: Person, admin: Person, case: Case
) -> None:
    admin.open(f"/disputes?id={case.workspace}")
    admin.see("Price never turned there.")
    admin.see(re.compile("Member One"))
    admin.page.get_by_test_id("stRadioOption").filter(has_text="It is there").click()
    admin.fill("The rule in words", RULE)
    admin.press("Settle")
    admin.see(re.compile(rf"Admin One settled it.*{RULE}"))
    expect(admin.field("Rules")).to_have_value(re.compile(RULE))
    admin.picture("review 2 the dispute is settled")
    member.open(f"/workspace?id={case.workspace}")
    member.press(re.compile(r"Send \d+ corrections"))
    with member.dialog("Launch an execution") as box:
        expect(box.locator("pre.passage")).to_contain_text(RULE)
        member.page.keyboard.press("Escape")
    member.open(f"/review?id={case.workspace}")
    member.see("No dispute is unsettled")


def test_two_versions_stand_side_by_side(member: Person, case: Case) -> None:
    member.open(f"/versions?id={case.workspace}")
    member.title("Versions of Swings")
    member.key("compare-on").locator("label").click()
    member.settle()
    member.see(re.compile(r"\d+ events? of \d+ differ"))
    expect(member.page.locator("[data-testid='stMain'] [data-testid='stPlotlyChart']")).to_have_count(2)
    expect(member.page.get_by_test_id("stDataFrame")).to_be_visible()
    member.picture("review 3 side by side")


def test_evidence_that_gets_worse_voids_the_approval_with_its_numbers(member: Person, case: Case) -> None:
    approve(member, case)
    member.open(f"/session?id={case.open_session}")
    member.board_ready()
    assert left(member) == 1
    member.page.keyboard.press("2")
    expect_left(member, 0)
    complete(member)
    member.open(f"/workspace?id={case.workspace}")
    badge(member, "Beta")
    told = row(member, "Approval voided")
    expect(told).to_contain_text(re.compile(r"Success rate: \d+% .* → \d+% of \d+"))
    member.picture("review 4 the approval is void")


def test_what_was_returned_is_answered_before_it_is_approved_again(member: Person, admin: Person, case: Case) -> None:
    approve(member, case)
    admin.open(f"/review?id={case.workspace}")
    admin.press("Return")
    with admin.dialog("Return to beta") as box:
        admin.fill("Reason", "Half of the last session is wrong.", box)
        admin.button("Return", box).click()
    member.open(f"/review?id={case.workspace}")
    member.see(re.compile("Returned by Admin One.*Half of the last session is wrong."))
    approve(member, case, asked="What was done about it", comment="I know; the rest is right.")
    withdraw(member, case)


def test_a_pattern_is_rolled_back_and_back_again(member: Person, case: Case) -> None:
    member.open(f"/versions?id={case.workspace}")
    roll_back(member, "0.1.0")
    roll_back(member, "0.2.0")
    member.open(f"/workspace?id={case.workspace}")
    row(member, "Rolled back to v0.1.0")
    row(member, "Rolled back to v0.2.0")
    member.picture("review 5 rolled back and back again")
    member.no_errors()


def roll_back(person: Person, to: str) -> None:
    person.key(f"roll-back-{to.replace('.', '-')}").get_by_role("button").click()
    with person.dialog("Roll back") as box:
        person.fill("Reason", REASON, box)
        person.button(f"Roll back to v{to}", box).click()
    expect(person.page.get_by_text(f"v{to}", exact=True).first).to_be_visible(timeout=RUN_MS)
    expect(person.page.get_by_text(re.compile(f"^Rolling back to v{to}, asked"))).to_have_count(0, timeout=RUN_MS)
    person.settle()
    expect(person.key(f"roll-back-{to.replace('.', '-')}")).to_have_count(0, timeout=RUN_MS)
