"""`patterndesk import-existing`: what comes along, what can't, and that a second or a cut-off run moves nothing twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, func, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from services import workspaces
from services.database.engine import get_engine, transaction
from services.errors import PatternDeskError
from services.existing import making
from services.existing.desk import Desk
from services.labels.keeping import keep_current
from services.models import (
    CandleDataset,
    ClaudeExecution,
    Detection,
    FeedbackItem,
    PatternSession,
    PatternWorkspace,
    PlaceRow,
    User,
    WorkspaceMessage,
)
from services.web import routes
from services.web.live import LiveHub
from tests.cli.conftest import Command
from tests.support.existing_system import ExistingSystem, cuid

SESSIONS, DETECTIONS, CORRECTIONS = 6, 10, 4


@pytest.fixture
def old(empty_url: str) -> ExistingSystem:
    system = ExistingSystem(empty_url.replace("postgresql+psycopg://", "postgresql://"))
    system.fill(sessions=SESSIONS, detections=DETECTIONS, corrections=CORRECTIONS)
    return system


def counts() -> dict[str, int]:
    models = (
        User,
        PatternWorkspace,
        PatternSession,
        CandleDataset,
        Detection,
        FeedbackItem,
        ClaudeExecution,
        WorkspaceMessage,
    )
    with transaction() as session:
        return {m.__name__: session.scalar(select(func.count()).select_from(m)) or 0 for m in models}


def test_everything_that_can_be_moved_is(command: Command, old: ExistingSystem, empty_url: str) -> None:
    answer = command("import-existing", empty_url, "--json")
    assert answer.code == 0, answer.err
    tables = answer.json["tables"]
    assert {name: (t["moved"], t["not_moved"]) for name, t in tables.items() if not t["note"]} == {
        "User": (3, 0), "PatternWorkspace": (1, 0), "PatternSession": (SESSIONS, 0),
        "PatternDetection": (SESSIONS * DETECTIONS, 0), "ClaudeExecution": (2, 0),
        "PatternCorrection": (SESSIONS * CORRECTIONS, 0), "PatternComment": (1, 0), "WorkspaceMessage": (2, 0),
        "ImplementationSession": (1, 0),
    }  # fmt: skip
    assert (tables["PatternVote"]["rows"], tables["Billing"]["rows"]) == (1, 0)
    assert counts() == {
        "User": 3, "PatternWorkspace": 2, "PatternSession": SESSIONS, "CandleDataset": SESSIONS,
        "Detection": SESSIONS * DETECTIONS, "FeedbackItem": SESSIONS * CORRECTIONS, "ClaudeExecution": 2,
        "WorkspaceMessage": 3,
    }  # fmt: skip
    with transaction() as session:
        home = session.scalars(select(PatternWorkspace).where(PatternWorkspace.pattern_type == "order_blocks")).one()
        assert (home.status, home.version, home.session_count) == ("verified", "2.1.0", SESSIONS // 2)
        assert home.identification_steps == ["Find the break", "Go back"]
        assert home.feedback_count == SESSIONS // 2 * CORRECTIONS
        assert workspaces.find_id(session, cuid("w", 1)) == home.id
        mark = session.scalars(select(Detection).order_by(Detection.id).limit(1)).one()
        assert (mark.kind, mark.direction, mark.anchor_index) == ("swing_high", -1, 0)
        unfinished = session.scalars(select(ClaudeExecution).where(ClaudeExecution.number == 2)).one()
        assert (unfinished.status, unfinished.error) == ("failed", "It had not ended in the existing system.")
        states = set(session.scalars(select(FeedbackItem.state)))
        assert states == {"open", "addressed"}
        said = session.scalars(select(WorkspaceMessage).order_by(WorkspaceMessage.seq)).all()
        assert {m.type for m in said} == {"status_changed", "comment"}
        assert any(m.content == "[claude thinking]\nLet me look." for m in said)


def test_the_address_may_be_in_the_form_that_the_existing_system_has_it(
    command: Command, old: ExistingSystem, empty_url: str
) -> None:
    sign = "&" if "?" in empty_url else "?"
    prisma = f"{empty_url}{sign}schema=public&connection_limit=5&pgbouncer=true&connect_timeout=10"
    answer = command("import-existing", prisma, "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["tables"]["PatternDetection"]["moved"] == SESSIONS * DETECTIONS
    elsewhere = command("import-existing", prisma.replace("schema=public", "schema=Other"), "--dry-run", "--json")
    assert (elsewhere.code, elsewhere.out) == (2, "")
    assert "not the existing system's database" in elsewhere.err


def test_an_old_link_leads_to_the_new_screen(command: Command, old: ExistingSystem, empty_url: str) -> None:
    command("import-existing", empty_url)
    app = Starlette(routes=routes.build(LiveHub()), exception_handlers={PatternDeskError: routes.expected_error})
    with TestClient(app, follow_redirects=False) as client, transaction() as session:
        new_id = workspaces.moved_id(session, "PatternSession", cuid("s", 1))
        found = client.get(f"/old/PatternSession/{cuid('s', 1)}")
        assert (found.status_code, found.headers["location"]) == (302, f"/session?id={new_id}")
        for path in ("/old/PatternSession/unknown", f"/old/User/{cuid('u', 1)}"):
            assert client.get(path).status_code == 404


def test_a_dry_run_counts_the_same_and_makes_nothing(command: Command, old: ExistingSystem, empty_url: str) -> None:
    before = counts()
    dry = command("import-existing", empty_url, "--dry-run", "--json")
    assert dry.json["dry_run"] is True
    assert counts() == before
    wet = command("import-existing", empty_url, "--json")
    assert {n: t["moved"] for n, t in wet.json["tables"].items()} == {
        n: t["moved"] for n, t in dry.json["tables"].items()
    }


def test_a_run_that_was_cut_off_goes_on_and_a_second_one_moves_nothing(
    command: Command, old: ExistingSystem, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making.correction
    calls = 0

    def cut_off(desk: Desk, row: object) -> object:
        nonlocal calls
        calls += 1
        if calls == CORRECTIONS + 1:
            raise KeyboardInterrupt
        return made(desk, row)  # type: ignore[arg-type]

    from services.existing import moving

    monkeypatch.setattr(moving, "_MAKE", {**moving._MAKE, "PatternCorrection": cut_off})
    assert (command("import-existing", empty_url).code, calls) == (130, CORRECTIONS + 1)
    monkeypatch.setattr(moving, "_MAKE", {**moving._MAKE, "PatternCorrection": made})
    again = command("import-existing", empty_url, "--json").json["tables"]
    assert again["PatternDetection"]["moved_before"] == SESSIONS * DETECTIONS
    assert again["PatternCorrection"]["moved"] == SESSIONS * CORRECTIONS
    after = counts()
    third = command("import-existing", empty_url, "--json").json["tables"]
    assert {name: t["moved"] for name, t in third.items()} == dict.fromkeys(third, 0)
    assert counts() == after


def test_odd_rows_are_reported_by_their_id_with_the_reason(
    command: Command, old: ExistingSystem, empty_url: str
) -> None:
    old.add_odd_rows()
    tables = command("import-existing", empty_url, "--json").json["tables"]
    problems = {p["id"]: p["reason"] for t in tables.values() for p in t["problems"]}
    assert problems == {
        cuid("u", 90): "The person has no e-mail address.",
        cuid("d", 900_000_000): "Candle 65 lies outside the session's candles.",
        cuid("d", 900_000_001): "Its session was not moved.",
        cuid("c", 90): "The comment is empty.",
        cuid("i", 90): "The implementation belongs to no session that was moved.",
    }
    with transaction() as session:
        backwards = session.scalars(select(PatternSession).where(PatternSession.symbol == "X")).one()
        assert (backwards.status, backwards.dataset_id) == ("archived", None)
        assert len(backwards.candle_data or []) == 2
        twice = session.scalars(select(FeedbackItem).where(FeedbackItem.reason == "Again")).one()
        first = session.scalars(
            select(FeedbackItem).where(FeedbackItem.detection_id == twice.detection_id, FeedbackItem.id != twice.id)
        ).one()
        assert (twice.state, first.state) == ("open", "withdrawn")
        remark = session.scalars(select(FeedbackItem).where(FeedbackItem.reason.like("A remark%"))).one()
        assert remark.verdict == "comment"


def test_the_existing_database_is_recognised_and_never_filled(
    command: Command, old: ExistingSystem, empty_url: str, clone_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.settings import get_settings

    assert "not the existing system's database" in command("import-existing", clone_url).err
    assert "cannot be reached" in command("import-existing", "postgresql://nobody@127.0.0.1:1/none").err
    monkeypatch.setenv("DATABASE_URL", empty_url)
    get_settings.cache_clear()
    refused = command("migrate")
    assert refused.code == 1
    assert "patterndesk import-existing" in refused.err


def test_a_row_that_does_not_fit_stops_no_other_row_of_its_batch(
    command: Command, old: ExistingSystem, empty_url: str
) -> None:
    """A time without end is one that Python can't hold."""
    old.connection.execute('UPDATE "PatternDetection" SET "candleTime" = \'infinity\' WHERE id = %s', [cuid("d", 1005)])
    old.connection.execute('UPDATE "PatternSession" SET "endTime" = \'-infinity\' WHERE id = %s', [cuid("s", 2)])
    tables = command("import-existing", empty_url, "--json").json["tables"]
    assert {p["id"]: p["reason"] for t in tables.values() for p in t["problems"]} == {
        cuid("d", 1005): "It holds a value that does not fit here; the log says which."
    }
    assert (tables["PatternSession"]["moved"], tables["PatternDetection"]["moved"]) == (
        SESSIONS,
        SESSIONS * DETECTIONS - 1,
    )
    old.connection.execute('UPDATE "PatternDetection" SET "candleTime" = "createdAt"')
    again = command("import-existing", empty_url, "--json").json["tables"]
    assert (again["PatternDetection"]["moved"], again["PatternDetection"]["problems"]) == (1, [])
    assert counts()["Detection"] == SESSIONS * DETECTIONS
    with transaction() as session:
        assert set(session.scalars(select(PatternSession.detection_count))) == {DETECTIONS}


def test_many_rows_cost_few_questions_to_the_database(command: Command, old: ExistingSystem, empty_url: str) -> None:
    command("import-existing", empty_url)
    made = datetime(2025, 3, 2)
    for number in range(200):
        old.add("PatternDetection", id=cuid("d", 50_000 + number), sessionId=cuid("s", number % SESSIONS), candleIndex=1,
                candleTime=made + timedelta(seconds=number), price=1.0, detectionType="swing", status="active",
                createdAt=made)  # fmt: skip
    asked = 0

    def count(*_call: object) -> None:
        nonlocal asked
        asked += 1

    event.listen(get_engine(), "before_cursor_execute", count)
    try:
        tables = command("import-existing", empty_url, "--json").json["tables"]
    finally:
        event.remove(get_engine(), "before_cursor_execute", count)
    assert tables["PatternDetection"]["moved"] == 200
    assert asked < 100


def test_a_judgement_keeps_its_time_and_the_places_are_derived_again(
    command: Command, old: ExistingSystem, empty_url: str
) -> None:
    command("import-existing", empty_url)
    with transaction() as session:
        items = session.scalars(select(FeedbackItem)).all()
        assert {item.judged_at for item in items} == {item.created_at for item in items}
        home = workspaces.find_id(session, "order_blocks")
        keep_current(session, home)
        assert session.scalar(select(func.count()).select_from(PlaceRow).where(PlaceRow.workspace_id == home))
    old.add("PatternCorrection", id=cuid("k", 50_000), sessionId=cuid("s", 1), userId=cuid("u", 1), correctionType="missed",
            correctedIndex=55, correctedTime=datetime(2025, 3, 1, 5), correctedType="Bullish OB", reason="One more",
            status="pending", createdAt=datetime(2025, 3, 3), updatedAt=datetime(2025, 3, 3))  # fmt: skip
    command("import-existing", empty_url)
    with transaction() as session:
        before = session.scalar(select(func.count()).select_from(PlaceRow).where(PlaceRow.workspace_id == home))
        keep_current(session, home)
        after = session.scalar(select(func.count()).select_from(PlaceRow).where(PlaceRow.workspace_id == home))
        assert (before or 0) + 1 == after
