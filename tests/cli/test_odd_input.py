"""Texts and numbers that break databases, wherever people give some: it is stored, or refused with a sentence."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from services import (
    access_tokens,
    feedback,
    holding,
    jobs,
    labels,
    limiting,
    notifications,
    people,
    review,
    sessions,
    timeline,
    workspaces,
)
from services.database.engine import transaction
from services.errors import PatternDeskError
from services.exports.reports import REPORTS, find_report
from services.feedback import MarkPosition
from services.jobs import ExportSpec
from services.lifecycle import Role
from services.people import Actor
from services.settings import get_settings
from services.signing_in import read_claims
from tests import factories
from tests.cli.conftest import Command
from tests.support.asking import get

LONG = 10_000_000
ODD = (
    "\ud800",
    "x\udfffy",
    "\x00",
    "a\x00b",
    "\ufffe",
    "\u202eevil",
    "\x1b[31m",
    "💥" * 100,
    "'; DROP TABLE users; --",
    "%s%(x)s",
    "\\u0000",
    '{"a":"\\u0000"}',
    "1e400",
    "NaN",
    "",
    " ",
    "\n" * 50,
)
NUMBERS = (1e400, -1e400, math.nan, 1e308, -1e308, 5e-324, 0.0, -0.0, 2**63, -(2**63), 10**30, -1)
TEXTS = st.one_of(
    st.sampled_from(ODD), st.text(max_size=200), st.text(st.characters(categories=["Cs", "Cc", "Cf"]), max_size=20)
)


@dataclass(frozen=True)
class Desk:
    admin: Actor
    workspace: uuid.UUID
    session: uuid.UUID
    comment: uuid.UUID


@pytest.fixture
def desk(command: Command) -> Desk:
    with transaction() as session:
        admin = factories.person(session, Role.ADMIN, name="Ada")
        home = factories.workspace(session, admin)
        factories.version(session, home)
        judged, _ = factories.active_session(session, home, admin)
        comment = timeline.comment(session, home, "A comment", actor=admin)
        return Desk(admin, home, judged, comment)


Verb = Callable[[Session, Desk, str], object]
WHERE: dict[str, Verb] = {
    "people.add": lambda s, d, t: people.add(s, email=f"{uuid.uuid4().hex}@x.example", name=t, role=Role.VIEWER, actor=d.admin),
    "people.add email": lambda s, d, t: people.add(s, email=f"{t}@x.example", name="x", role=Role.VIEWER, actor=d.admin),
    "people.sign_in": lambda s, d, t: people.sign_in(s, email=f"{uuid.uuid4().hex}@x.example", name=t),
    "people.sign_in email": lambda s, d, t: people.sign_in(s, email=f"{t}@x.example", name="x"),
    "people.actor_by_email": lambda s, d, t: people.actor_by_email(s, t),
    "people.find": lambda s, d, t: people.find(s, t),
    "claims": lambda s, d, t: read_claims({"email": f"{t}@x", "name": t, "groups": [t], "email_verified": t}, get_settings()),
    "workspaces.create": lambda s, d, t: workspaces.create(
        s, pattern_type=f"p{uuid.uuid4().hex[:8]}", name=t, category=t, actor=d.admin
    ),
    "workspaces.create type": lambda s, d, t: workspaces.create(s, pattern_type=t, name="x", category="x", actor=d.admin),
    "workspaces.describe": lambda s, d, t: workspaces.describe(
        s, d.workspace, description=t, user_reasoning=t, identification_steps=[t], actor=d.admin
    ),
    "workspaces.find_id": lambda s, d, t: workspaces.find_id(s, t),
    "workspaces.moved_id": lambda s, d, t: workspaces.moved_id(s, "PatternSession", t),
    "timeline.comment": lambda s, d, t: timeline.comment(s, d.workspace, t, actor=d.admin),
    "timeline.edit_comment": lambda s, d, t: timeline.edit_comment(s, d.comment, t, actor=d.admin),
    "feedback.add_comment_item": lambda s, d, t: feedback.add_comment_item(s, d.workspace, t, actor=d.admin),
    "feedback.add_missed": lambda s, d, t: feedback.add_missed(
        s, d.session, kind="swing", direction=1, place=MarkPosition(20, datetime(2026, 1, 25, tzinfo=UTC), 100.0),
        reason=t, actor=d.admin,
    ),
    "feedback.add_missed kind": lambda s, d, t: feedback.add_missed(
        s, d.session, kind=t, direction=1, place=MarkPosition(21, datetime(2026, 1, 26, tzinfo=UTC), 100.0), actor=d.admin
    ),
    "sessions.rename": lambda s, d, t: sessions.rename(s, d.session, t, actor=d.admin),
    "review.return_to_beta": lambda s, d, t: review.return_to_beta(s, d.workspace, reason=t, actor=d.admin),
    "access_tokens.create": lambda s, d, t: access_tokens.create(s, name=t, reports=["people"], actor=d.admin),
    "access_tokens.create report": lambda s, d, t: access_tokens.create(s, name="x", reports=[t], actor=d.admin),
    "access_tokens.use": lambda s, d, t: access_tokens.use(s, t, report="people"),
    "holding.pause": lambda s, d, t: (holding.pause(s, reason=t, actor=d.admin), holding.resume(s, actor=d.admin)),
    "jobs.add": lambda s, d, t: jobs.add(
        s, name=t, cron="1 1 * * *", time_zone="UTC", spec=ExportSpec(report="people"), actor=d.admin
    ),
    "jobs.add cron": lambda s, d, t: jobs.add(s, name="x", cron=t, time_zone="UTC", spec=ExportSpec(report="people"), actor=d.admin),
    "jobs.add zone": lambda s, d, t: jobs.add(
        s, name="x", cron="1 1 * * *", time_zone=t, spec=ExportSpec(report="people"), actor=d.admin
    ),
    "jobs.add target": lambda s, d, t: jobs.add(
        s, name="x", cron="1 1 * * *", time_zone="UTC", spec=ExportSpec(report="people", target=t + "/"), actor=d.admin
    ),
    "notifications.set_urls": lambda s, d, t: notifications.set_urls(s, d.workspace, [t], actor=d.admin),
    "exports.report": lambda s, d, t: find_report(t),
    "labels": lambda s, d, t: labels.score_session(s, uuid.uuid5(d.session, t.encode("utf-8", "replace").decode())),
}  # fmt: skip


def said(verb: Callable[[Session], object]) -> str | None:
    """What was said when it was refused. Anything but a sentence fails the test."""
    try:
        with transaction() as session:
            verb(session)
    except PatternDeskError as error:
        sentence = error.sentence
        assert 10 < len(sentence) <= 1000, sentence[:1000]
        assert sentence.encode("utf-8")
        assert "psycopg" not in sentence
        assert "Traceback" not in sentence
        return sentence
    return None


def test_any_text_is_stored_or_refused_with_a_sentence(desk: Desk, subtests: pytest.Subtests) -> None:
    for where in sorted(WHERE):
        with subtests.test(where=where):
            _store_or_refuse(desk, where)


def _store_or_refuse(desk: Desk, where: str) -> None:
    verb = WHERE[where]

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(TEXTS)
    def try_it(text: str) -> None:
        said(lambda session: verb(session, desk, text))

    try_it()
    for text in ODD:
        said(lambda session, text=text: verb(session, desk, text))
    refused = said(lambda session: verb(session, desk, "x" * LONG))
    assert refused is not None or where in (
        "claims",
        "holding.pause",
        "labels",
        "people.sign_in",
        "workspaces.moved_id",
    ), where


def test_any_number_is_stored_or_refused_with_a_sentence(desk: Desk, subtests: pytest.Subtests) -> None:
    for number in NUMBERS:
        with subtests.test(number=number):
            _take_or_refuse(desk, number)


def _take_or_refuse(desk: Desk, number: float) -> None:
    at = datetime(2026, 1, 25, tzinfo=UTC)
    index = int(number) if math.isfinite(number) else 20
    for place in (
        MarkPosition(20, at, number),
        MarkPosition(20, at, 100.0, number, number),
        MarkPosition(index, at, 1.0),
    ):
        said(
            lambda session, place=place: feedback.add_missed(
                session, desk.session, kind="swing", direction=1, place=place, actor=desk.admin
            )
        )
    said(lambda session: holding.set_cap(session, None, number, actor=desk.admin))
    if isinstance(number, int):
        said(lambda session: access_tokens.create(session, name="x", reports=["people"], days=number, actor=desk.admin))
        said(lambda session: jobs.read_spec({"kind": jobs.BackupSpec().kind, "keep": number}))


@pytest.mark.long
def test_filters_of_exports_by_machine(command: Command, desk: Desk, subtests: pytest.Subtests) -> None:
    command("people", "add", "mo@desk.example", "--name", "Mo", "--role", "admin")
    for report in sorted(REPORTS):
        limiting.forget()  # for one person asks more than a person may
        with subtests.test(report=report):
            _ask_with_odd_filters(command, report)


def _ask_with_odd_filters(command: Command, report: str) -> None:
    token = command("token", "create", "--as", "mo@desk.example", "--report", report, "--json").json["token"]
    for name in REPORTS[report].filters:
        for value in ("%00", "%ED%A0%80", quote("1e400"), "9" * 5000, quote("'; --")):
            answer = get(f"/exports/{report}.json?{name}={value}", token)
            assert answer.status_code in (200, 400, 404), (name, value, answer.text[:200])
            assert "psycopg" not in answer.text


@pytest.mark.parametrize("odd", ["\udcff", "\x7f\x01", "💥" * 3000])
def test_commands(command: Command, desk: Desk, odd: str) -> None:
    for arguments in (
        ("people", "add", f"{odd}@x.example", "--name", "x"),
        ("people", "add", "new@x.example", "--name", odd),
        ("people", "role", odd, "member"),
        ("token", "create", "--as", odd, "--report", "people"),
        ("token", "create", "--as", desk.admin.email, "--report", odd),
        ("schedule", "add", odd, "--cron", odd, "--report", "people"),
        ("run-session", odd, "--dataset", odd),
        ("export", odd),
        ("launch", odd),
        ("score", "--session", odd),
    ):
        answer = command(*arguments)
        assert "Something went wrong" not in answer.err, (arguments, answer.err[:300])
        assert "Traceback" not in answer.err
