"""The review's screen on a real product: who may decide what, what the evidence shows, where links lead."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.components.review import evidence
from pages.components.review.component import MAX_LINES, changed_files, queue_card
from pages.components.review.since_verified import change
from services import deployments, feedback, labels, people, releases, review, sessions, timeline, workspaces
from services.database.engine import transaction
from services.deployments import VersionRow
from services.detectors import repository
from services.labels import KeptRates
from services.lifecycle import MessageType, Role, Verdict
from services.models import PatternWorkspace
from services.people import Actor
from services.places import ApprovalPolicy, rate
from services.review import QueueRow
from tests import factories
from tests.support.product import World, drawn, head, open_page, words


def waiting(world: World, *, approver: Actor | None = None, tp: int = 9, name: str | None = None) -> uuid.UUID:
    """A workspace in review, approved on one completed session of its deployed version 0.2.0."""
    with transaction() as session:
        made = factories.workspace(session, world.member, name=name)
        old = factories.version(session, made, "0.1.0")
        factories.completed_session(session, made, old, world.member, tp=4, fp=6, fn=0, name="Before")
        new = factories.version(session, made, "0.2.0", at=factories.DAY_ONE + factories.days(1))
        factories.completed_session(session, made, new, world.member, tp=tp, fp=2, fn=1, name="After")
        session.execute(
            update(PatternWorkspace).where(PatternWorkspace.id == made)
            .values(success_rate=tp / (tp + 3), success_tp=tp, success_fp=2, success_fn=1)
        )  # fmt: skip
        timeline.comment(session, made, "Said before the approval", actor=world.member)
        review.approve(session, made, comment="Good on gaps now.", actor=approver or world.member)
        timeline.comment(session, made, "Said afterwards", actor=world.member)
    return made


def status(workspace_id: uuid.UUID) -> tuple[str, str]:
    with transaction() as session:
        found = workspaces.get(session, workspace_id)
    return found.status, found.version


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button if button.key}


def checks(at: AppTest) -> dict[str, str]:
    """The guards by their colour: {"You are not the approver": "green"}."""
    return {item["text"]: item["color"] for item in drawn(at, "checks")[0]["items"]}


def ask(kind: str, workspace_id: uuid.UUID, actor: Actor) -> AppTest:
    """One of the two dialogs, open in every run."""

    def script(kind: str, workspace_id: object, person: object) -> None:
        import streamlit as st

        from pages.components.review import dialogs as dialogs_review

        st.session_state["person_id"] = person
        getattr(dialogs_review, kind)(workspace_id)

    return AppTest.from_function(script, args=(kind, workspace_id, actor.id), default_timeout=30).run()


def test_nothing_waits_in_a_new_product(world: World) -> None:
    at = open_page("review.py", world.admin)
    assert not at.exception
    assert "Nothing waits for verification" in words(at) and not keys(at) & {"review-verify", "review-return"}
    at.segmented_control(key="review-view").set_value("decided").run()
    assert "Nothing is verified yet" in words(at)


def test_an_admin_sees_the_evidence_and_may_decide(world: World) -> None:
    made = waiting(world, name="Order blocks")
    at = open_page("review.py", world.admin, id=str(made))
    assert not at.exception
    said = words(at).replace("\\", "")
    assert "Order blocks" in [header.value for header in at.header]
    assert "v0.2.0 · approved by Member One, just now" in said
    assert checks(at) == dict.fromkeys(
        ["Deployed version unchanged since approval", "The evidence still carries the approval", "1 completed session",
         "No live execution", "You are not the approver"], "green",
    )  # fmt: skip
    assert at.button(key="review-verify").label == "Verify as 1.0.0" and not at.button(key="review-verify").disabled
    assert {"review-return", "review-verify"} <= keys(at) and "review-withdraw" not in keys(at)
    unseen = drawn(at, "rates")[0]["rows"]
    assert [(r["name"], r["n_text"]) for r in unseen] == [("Unseen", "0"), ("Seen", "0"), ("All", "12")]
    rows = drawn(at, "sessions")[0]["rows"]
    assert [(r["name"], r["reviewer"], r["counts"], r["rate"]) for r in rows] == [
        ("After", "Member One", "9 / 2 / 1", "75%")
    ]


def test_a_version_has_the_rate_and_the_interval_of_every_other_screen(world: World) -> None:
    made = world.run(start=1500, bars=200, coverage="exhaustive")
    with transaction() as session:
        for mark in sessions.marks(session, made).to_dict("records"):
            feedback.judge(session, uuid.UUID(mark["detection_id"]), Verdict.CONFIRMED, actor=world.member)
        sessions.complete(session, made, actor=world.member)
    with transaction() as session:
        version = workspaces.get(session, world.swings).deployed_version_id
        assert version is not None
        known = labels.version_rates(session, world.swings, version).all
    assert known.n > 5 and known.n_effective < known.n, "otherwise a plain interval would look the same"
    assert [row.rate for row in evidence.read(world.swings, world.admin).by_version] == [known]


def test_what_happened_since_the_approval_begins_with_it(world: World) -> None:
    made = waiting(world)
    found = evidence.read(made, world.admin)
    assert found.entries[0]["type"] == MessageType.USER_APPROVED
    assert [e["content"] for e in found.entries if e["type"] == MessageType.COMMENT] == ["Said afterwards"]


def test_the_approver_may_withdraw_but_not_verify(world: World) -> None:
    made = waiting(world)
    at = open_page("review.py", world.member, id=str(made))
    assert checks(at)["You approved this yourself; another admin verifies it"] == "red"
    assert "review-withdraw" in keys(at) and not keys(at) & {"review-verify", "review-return"}


def test_an_admin_does_not_verify_their_own_approval(world: World) -> None:
    made = waiting(world, approver=world.admin)
    at = open_page("review.py", world.admin, id=str(made))
    verify = at.button(key="review-verify")
    assert verify.disabled and "You approved this yourself" in verify.help
    refused = ask("verify", made, world.admin)
    refused.button(key="verify-yes").click().run()
    assert "You approved this yourself" in words(refused) and status(made) == ("in_review", "0.2.0")


def test_a_version_deployed_under_the_approval_fails_its_guard(world: World) -> None:
    made = waiting(world)
    with transaction() as session:
        factories.version(session, made, "0.3.0", at=factories.DAY_ONE + factories.days(2))
    at = open_page("review.py", world.admin, id=str(made))
    assert checks(at)["The deployed version changed since the approval"] == "red"
    assert at.button(key="review-verify").disabled


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER])
def test_others_read_and_are_told_why(world: World, role: Role) -> None:
    made = waiting(world)
    with transaction() as session:
        other = people.ensure_person(session, email=f"other-{role}@example.com", name="Other", role=role)
    at = open_page("review.py", other, id=str(made))
    assert not keys(at) & {"review-verify", "review-return", "review-withdraw", "review-reopen"}
    assert f"You are a {role}, so you can read all of this" in words(at)
    assert not any("approver" in sentence for sentence in checks(at))


def test_verifying_makes_the_next_major_version(world: World) -> None:
    made = waiting(world)
    asked = ask("verify", made, world.admin)
    assert "becomes" in words(asked)
    asked.text_area(key="verify-comment").set_value("Holds up.")
    asked.button(key="verify-yes").click().run()
    assert status(made) == ("verified", "1.0.0")
    assert asked.session_state["done"][0].endswith("is verified as v1.0.0.")
    at = open_page("review.py", world.admin, id=str(made))
    assert at.segmented_control(key="review-view").value == "decided"
    assert "verified by Admin One" in words(at).replace("\\", "") and "review-reopen" in keys(at)
    assert not drawn(at, "checks")


def test_returning_takes_a_reason(world: World) -> None:
    made = waiting(world)
    asked = ask("return_to_beta", made, world.admin)
    asked.button(key="return-yes").click().run()
    assert "A reason is required" in words(asked) and status(made)[0] == "in_review"
    asked.text_area(key="return-reason").set_value("Too few gaps.")
    asked.button(key="return-yes").click().run()
    assert status(made)[0] == "beta" and asked.session_state["done"][0] == "Returned to beta."
    with transaction() as session:
        told = [entry for entry in timeline.page(session, made) if entry.type == MessageType.REVIEW_RETURNED]
    assert [entry.content for entry in told] == ["Too few gaps."]
    at = open_page("review.py", world.admin, id=str(made))
    assert "is not in review" in words(at) and "review-verify" not in keys(at)


@pytest.mark.parametrize("given", ["nonsense", str(uuid.UUID(int=7))])
def test_a_link_that_leads_nowhere_says_so(world: World, given: str) -> None:
    at = open_page("review.py", world.admin, id=given)
    assert not at.exception and "Nothing to show" in words(at)


def test_the_queue_names_what_waits(world: World) -> None:
    made = waiting(world, name="Engulfing")
    at = open_page("review.py", world.admin, id=str(made))
    queue = drawn(at, "queue")[0]
    card = next(card for card in queue["cards"] if card["id"] == str(made))
    assert queue["selected"] == str(made) and card["name"] == "Engulfing" and card["version"] == "v0.2.0"
    assert card["by"] == "Approved by Member One"
    assert [badge["text"] for badge in card["badges"]] == ["unseen –, n 0", "all 75%, n 12"]


def test_a_rate_is_green_only_when_its_interval_is_above_one_half() -> None:
    def color(share: float | None, n: int) -> str:
        unseen = rate(0, 0, 0) if share is None else rate(round(share * n), n - round(share * n), 0)
        rates, policy = KeptRates(unseen, rate(0, 0, 0), unseen), ApprovalPolicy(10, 10)
        row = QueueRow(uuid.uuid4(), "P", "in_review", "0.1.0", "A", factories.DAY_ONE, None, None, rates, policy, 2)
        card = queue_card(row, factories.DAY_ONE)
        assert card["badges"][2] == {"color": "orange", "text": "2 broken"}
        return str(card["badges"][0]["color"])

    assert [color(0.9, 40), color(0.6, 10), color(0.3, 90), color(None, 0)] == ["green", "orange", "orange", "gray"]


def commit(path: str, text: str) -> str:
    """A commit of one changed file on the pattern repository's main branch."""
    root = releases.repository()
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")
    made = repository.commit_all(root, f"Change {path}")
    assert made is not None
    return made


def versions_of(world: World, commits: Sequence[str]) -> list[VersionRow]:
    """Deployed versions of these commits, the newest first."""
    with transaction() as session:
        like = deployments.list_versions(session, world.swings)[0]
    changed = [
        VersionRow(**{name: getattr(like, name) for name in VersionRow.__slots__} | {
            "id": uuid.uuid4(), "version": f"0.{n}.0", "commit_hash": sha, "deployed_at": factories.DAY_ONE,
        })
        for n, sha in enumerate(commits, 1)
    ]  # fmt: skip
    return changed[::-1]


def test_the_change_is_that_of_the_pattern_alone(world: World) -> None:
    first = head()
    module = releases.repository() / "detectors" / "swings.py"
    commit(
        "detectors/bos.py", (releases.repository() / "detectors" / "bos.py").read_text() + "\n# of another pattern\n"
    )
    commit("params/swings.json", '{\n  "left": 4\n}\n')
    last = commit("detectors/swings.py", module.read_text() + "\n# A new last line\n")
    newest, oldest = versions_of(world, [first, last])
    found = change("swings", newest, [newest, oldest], None)
    assert found.problem is None and "First verification: compared with v0.1.0" in found.sentence
    assert {file.path for file in found.files} == {"detectors/swings.py", "params/swings.json"}
    code = next(file for file in found.files if file.path.endswith(".py"))
    assert ("add", "+# A new last line") in code.lines and code.added == "+2" and code.removed == "−0"
    after = change("swings", newest, [newest, oldest], last)
    assert not after.files and "Nothing has changed since the last verification" in after.sentence
    again = change("swings", newest, [newest, oldest], first)
    assert f"Since commit {first[:7]}" in again.sentence and len(again.files) == 2


def test_a_first_version_shows_the_whole_detector(world: World) -> None:
    only = versions_of(world, [head()])
    found = change("swings", only[0], only, None)
    assert found.files[0].path == "detectors/swings.py" and "whole detector" in found.sentence
    assert any("def detect" in text for _, text in found.files[0].lines)


def test_a_commit_that_is_gone_is_a_sentence_on_its_card(world: World) -> None:
    made = waiting(world)
    at = open_page("review.py", world.admin, id=str(made))
    assert not at.exception and any("git" in text.value for text in at.text) and "review-verify" in keys(at)


def test_diffs_are_read_as_files_and_lines() -> None:
    diff = (
        "diff --git a/params/x.json b/params/x.json\nindex 1..2 100644\n--- a/params/x.json\n+++ b/params/x.json\n"
        '@@ -1,3 +1,3 @@\n {\n---left\n+  "left": 2\n }\n\\ No newline at end of file\n'
        "diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n"
    )
    first, second = changed_files(diff)
    assert (first.path, first.added, first.removed) == ("params/x.json", "+1", "−1")
    assert first.lines[0] == ("at", "@@ -1,3 +1,3 @@") and ("cut", "---left") in first.lines
    assert (second.path, second.added, second.removed) == ("gone.py", "+0", "−1")
    long = "diff --git a/l b/l\n@@ @@\n" + "+x\n" * (MAX_LINES + 5)
    lines = changed_files(long)[0].lines
    assert len(lines) == MAX_LINES + 1 and "6 more lines" in lines[-1][1] and changed_files(long)[0].added == "+2005"


def test_old_sessions_are_counted_not_drawn(world: World) -> None:
    made = waiting(world)
    with transaction() as session:
        deployed = workspaces.get(session, made).deployed_version_id
        for n in range(10):
            factories.completed_session(session, made, deployed, world.member, name=f"More {n}")
    at = open_page("review.py", world.admin, id=str(made))
    table = drawn(at, "sessions")[0]
    assert len(table["rows"]) == 8 and table["more"] == "and 3 older sessions"
