"""The versions of a pattern on a real product: what each is worth, side by side, roll back, commits made by hand."""

from __future__ import annotations

import re
import uuid

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from pages.components.charts import place_chart
from pages.components.versions.compare import marks_of, table_of
from services import actions, deployments, executions, feedback, policies, releases, review, sessions
from services.candles.store import load_frame
from services.database.engine import transaction
from services.detectors import repository
from services.errors import Conflict, InvalidInput
from services.lifecycle import Verdict, VersionStatus
from services.models import ClaudeExecution, Detection, VersionSwitch
from services.settings import get_settings
from tests import factories
from tests.support import scenarios
from tests.support.product import World, drawn, head, open_page, words


@pytest.fixture(scope="module")
def judged(world: World) -> uuid.UUID:
    """A session of 0.1.0, half of it right and half of it wrong, then 0.2.0 with other parameters."""
    made = world.run(bars=300, coverage="exhaustive")
    with transaction() as session:
        for n, mark in enumerate(session.scalars(select(Detection.id).where(Detection.session_id == made)).all()):
            verdict = Verdict.FALSE_POSITIVE if n % 2 else Verdict.CONFIRMED
            feedback.judge(session, mark, verdict, actor=world.member)
        sessions.complete(session, made, actor=world.member)
    world.deploy("0.2.0", left=8, right=8)
    return made


def keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def test_each_version_shows_its_commit_its_rates_and_when_it_ran(world: World, judged: uuid.UUID) -> None:
    at = open_page("versions.py", world.member, id=str(world.swings))
    assert not at.exception
    text = words(at)
    assert "Versions of Swings" in text.replace("\\", "")
    facts = [dict(data["rows"]) for data in drawn(at, "facts")]
    assert any(f.get("Commit") == head()[:12] and f.get("Origin", "").startswith("Starter") for f in facts)
    [table] = [t for t in drawn(at, "rates") if t["head"][0] == "Places"][:1]
    assert [row["name"] for row in table["rows"]] == ["Unseen", "Seen", "All"]
    assert "not judged yet" in {f.get("Places found") for f in facts}, "0.2.0 ran in no completed session"


def test_a_viewer_sees_no_way_to_roll_back(world: World, judged: uuid.UUID) -> None:
    assert "roll-back-0.1.0" not in keys(open_page("versions.py", world.viewer, id=str(world.swings)))
    assert {"roll-back-0.1.0"} == {
        k for k in keys(open_page("versions.py", world.member, id=str(world.swings))) if k.startswith("roll-back-")
    }


def test_rolling_back_asks_for_a_reason_and_shows_as_under_way(world: World, judged: uuid.UUID) -> None:
    with transaction() as session:
        version = next(v for v in deployments.list_versions(session, world.swings) if v.version == "0.1.0")

    def screen(workspace_id: object, version_id: object) -> None:
        from pages.components.versions.dialogs import roll_back

        roll_back(workspace_id, version_id)  # type: ignore[arg-type]  # a script's arguments come as they are

    asked = AppTest.from_function(screen, args=(world.swings, version.id), default_timeout=30)
    asked.session_state["person_id"] = world.member.id
    asked.run()
    asked.button(key="roll-back-yes").click().run()
    assert "A reason is required" in words(asked)
    asked.text_area(key="roll-back-reason").set_value("The newer one misses swings.")
    asked.button(key="roll-back-yes").click().run()
    assert not asked.exception and asked.session_state["done"] == ("Rolling back to v0.1.0.", "history")
    with transaction() as session:
        made = session.scalars(select(VersionSwitch)).one()
        assert (made.status, made.reason) == ("pending", "The newer one misses swings.")
    at = open_page("versions.py", world.member, id=str(world.swings))
    assert "asked for by Member One" in words(at).replace("\\", "")
    assert at.button(key="roll-back-0.1.0").disabled
    with transaction() as session:
        deployments.fail_roll_back(session, made.id, "The target is away.")
    assert "The target is away" in words(open_page("versions.py", world.member, id=str(world.swings)))


def test_two_versions_are_matched_with_the_places_by_the_one_matcher(world: World, judged: uuid.UUID) -> None:
    with transaction() as session:
        versions = {v.version: v for v in deployments.list_versions(session, world.swings)}
        [window] = deployments.windows(session, world.swings)
    pair = versions["0.1.0"], versions["0.2.0"]
    found = actions.side_by_side(world.swings, pair[0].id, pair[1].id, window)
    assert found.first_counts.fn == 0 and found.first_counts.tp > 0 and found.first_counts.fp > 0
    assert any(row.differs for row in found.rows), "other parameters, other swings"
    table = table_of(found.rows, pair)
    assert list(table.columns) == ["Candle", "Event", "People say", "v0.1.0", "v0.2.0", "Differs"]
    assert set(table["People say"]) <= {"There", "Not there", "Not judged"}
    assert (table["v0.1.0"] == "marked").sum() == found.first_counts.tp + found.first_counts.fp
    candles = load_frame(get_settings().storage_root, window.storage_path).iloc[window.start : window.end + 1]
    chart = place_chart(candles, marks_of(found.rows, 1)).to_plotly_json()
    assert {t["name"] for t in chart["data"] if t.get("name")} & {"Missed", "Wrong", "Right"}
    again = actions.side_by_side(world.swings, pair[0].id, pair[0].id, window)
    assert not any(row.differs for row in again.rows)


def test_the_comparison_draws_both_and_a_table(world: World, judged: uuid.UUID) -> None:
    at = open_page("versions.py", world.member, id=str(world.swings))
    at.toggle(key="compare-on").set_value(True).run()
    assert not at.exception
    assert re.search(r"\d+ events? of \d+ differ", words(at).replace("\\", ""))
    assert len(at.dataframe) == 1 and len(at.get("plotly_chart")) == 2


def test_a_version_whose_commit_is_gone_says_so(world: World, judged: uuid.UUID) -> None:
    with transaction() as session:
        lost = factories.version(session, world.swings, "0.0.9", status=VersionStatus.REJECTED)
        window = deployments.windows(session, world.swings)[0]
        kept = deployments.list_versions(session, world.swings)[-1]
    with pytest.raises(Exception, match=r"git|commit|revision"):
        actions.side_by_side(world.swings, lost, kept.id, window)


def test_a_commit_made_by_hand_is_offered_and_adopted(world: World, judged: uuid.UUID) -> None:
    root = releases.repository()
    file = root / "detectors" / "swings.py"
    file.write_text(file.read_text() + "\n# by hand\n")
    sha = repository.commit_all(root, "Widen the comment", "Hannah Hand")
    assert sha is not None
    [offered] = actions.hand_made(world.swings)
    assert (offered.commit, offered.author, offered.subject) == (sha, "Hannah Hand", "Widen the comment")
    at = open_page("versions.py", world.member, id=str(world.swings))
    assert "Widen the comment (Hannah Hand" in words(at) and "versions-adopt" in keys(at)
    assert "versions-adopt" not in keys(open_page("versions.py", world.viewer, id=str(world.swings)))
    for bad in ("nonsense", "--upload-pack=x", "f" * 40, ""):
        with pytest.raises(InvalidInput, match="has no commit"):
            actions.adopt(world.swings, bad, actor=world.member)
    with pytest.raises(Conflict, match="which is deployed"):
        actions.adopt(world.swings, f"{sha}~1", actor=world.member)
    made = actions.adopt(world.swings, sha[:12], actor=world.member)
    with transaction() as session:
        row = session.get_one(ClaudeExecution, made)
        assert (row.agent, row.commit_hash, row.status, row.feedback_ids) == ("manual", sha, "pending", [])
        executions.cancel(session, made, actor=world.member)


def test_a_push_by_hand_voids_an_approval(world: World) -> None:
    with transaction() as session:
        scenarios.judged(session, world.swings, world.member, right=12)
        review.approve(session, world.swings, actor=world.member)
    assert actions.notice_push(world.swings), "the commit of the test before lies on main since"
    with transaction() as session:
        assert scenarios.row(session, world.swings).status == "beta"
        told = scenarios.kinds(session, world.swings)
    assert told[-2:] == ["approval_voided", "status_changed"]
    assert not actions.notice_push(world.swings)


@pytest.mark.parametrize("given", ["nonsense", str(uuid.UUID(int=7))])
def test_a_link_that_leads_nowhere_says_so(world: World, given: str) -> None:
    at = open_page("versions.py", world.member, id=given)
    assert (not at.exception and at.error) or "no such workspace" in words(at) or "names no workspace" in words(at)


def test_a_place_that_people_agree_on_is_pinned_and_let_go_on_the_page(world: World, judged: uuid.UUID) -> None:
    viewer = open_page("versions.py", world.viewer, id=str(world.swings))
    assert "pins-on" not in keys(viewer)
    at = open_page("versions.py", world.member, id=str(world.swings))
    assert not at.exception
    before = len(at.selectbox(key="pins-place").options)
    assert re.match(r"AAPL \d{4}-\d\d-\d\d, Swing .*: (there|not there)$", at.selectbox(key="pins-place").options[0])
    at.button(key="pins-on").click().run()
    with transaction() as session:
        [pin] = policies.pins(session, world.swings)
    assert len(at.selectbox(key="pins-place").options) == before - 1
    at.button(key=f"pins-off-{pin.id}").click().run()
    with transaction() as session:
        assert policies.pins(session, world.swings) == []
