"""Workspaces: made once a pattern, described, listed, hidden."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services import executions, workspaces
from services.database import rows
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import Role, WorkspaceStatus
from services.models import PatternWorkspace, WorkspaceMessage
from services.people import Actor
from tests import factories
from tests.support import scenarios


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> Iterator[list[str]]:
    """Every statement that goes through the readers' one door while the block runs."""
    seen: list[str] = []

    def counted(session: Session, sql: Any, params: Any = None) -> list[tuple[Any, ...]]:
        seen.append(sql)
        return rows.fetch(session, sql, params)

    with monkeypatch.context() as patch:
        for module in modules:
            patch.setattr(module, "fetch", counted)
        yield seen


def test_creating_a_workspace_writes_a_message_and_an_audit_event(session: Session, member: Actor) -> None:
    made = workspaces.create(session, pattern_type=" Swings ", name=" Swings ", category="price", actor=member)
    found = workspaces.get(session, made)
    assert (found.pattern_type, found.name, found.status, found.version) == ("swings", "Swings", "soon", "0.0.0")
    assert (found.success_rate, found.session_count, found.feedback_count) == (None, 0, 0)
    assert scenarios.kinds(session, made) == ["pattern_created"]
    assert workspaces.find_id(session, "SWINGS") == workspaces.find_id(session, str(made)) == made


@pytest.mark.parametrize("pattern_type", ["", "a", "1a", "a b", "a-b", "ä_b", "x" * 64, "a;drop", "a\nb", "aa\n b"])
def test_a_pattern_type_has_a_form(session: Session, member: Actor, pattern_type: str) -> None:
    with pytest.raises(InvalidInput, match="pattern type"):
        workspaces.create(session, pattern_type=pattern_type, name="n", category="c", actor=member)


@pytest.mark.parametrize(
    ("name", "category"), [("", "c"), ("\x00 ", "c"), ("n" * 121, "c"), ("n", ""), ("n", "c" * 61)]
)
def test_names_have_a_length(session: Session, member: Actor, name: str, category: str) -> None:
    with pytest.raises(InvalidInput, match="characters"):
        workspaces.create(session, pattern_type="swings", name=name, category=category, actor=member)


def test_a_second_workspace_of_a_pattern_is_refused_with_a_link_to_the_first(session: Session, member: Actor) -> None:
    first = factories.workspace(session, member, "swings", name="Swings")
    before = scenarios.everything(session)
    with pytest.raises(Conflict, match="already: Swings") as refused:
        workspaces.create(session, pattern_type="SWINGS", name="Again", category="c", actor=member)
    assert refused.value.link == f"/workspace?id={first}"
    assert scenarios.everything(session) == before


def test_describing_keeps_the_words_and_counts_only_new_files(session: Session, member: Actor) -> None:
    made = factories.workspace(session, member, described=False)
    for attachments in (["a.png", "b.png"], ["b.png", "c.png"]):
        workspaces.describe(
            session, made, description=" A \x00high. ", user_reasoning="why\x00", identification_steps=[" one\x00 ", " ", "two"],
            attachments=attachments, actor=member,
        )  # fmt: skip
    found = workspaces.get(session, made)
    assert (found.description, found.user_reasoning) == ("A high.", "why")
    assert found.identification_steps == ["one", "two"]
    assert found.attachments == ["a.png", "b.png", "c.png"]
    assert found.is_described
    assert scenarios.kinds(session, made)[1:] == ["pattern_description_submitted"] * 2


@pytest.mark.parametrize(
    ("description", "reasoning", "steps"),
    [("", "r", ["s"]), ("\x00", "r", ["s"]), ("d", " ", ["s"]), ("d", "r", []), ("d", "r", ["", "\x00"]),
     ("d" * 20_001, "r", ["s"]), ("d", "r" * 20_001, ["s"]), ("d", "r", ["s"] * 51), ("d", "r", ["s" * 2001])],
)  # fmt: skip
def test_half_a_description_is_refused(
    session: Session, member: Actor, description: str, reasoning: str, steps: list[str]
) -> None:
    made = factories.workspace(session, member, described=False)
    before = scenarios.everything(session)
    with pytest.raises(InvalidInput):
        workspaces.describe(
            session, made, description=description, user_reasoning=reasoning, identification_steps=steps, actor=member
        )
    assert scenarios.everything(session) == before


def test_an_archived_one_is_hidden_and_keeps_all_of_it(session: Session, member: Actor) -> None:
    admin = factories.person(session, Role.ADMIN)
    made = scenarios.in_beta(session, member)
    workspaces.archive(session, made, actor=admin)
    workspaces.archive(session, made, actor=admin)
    assert made not in {w.id for w in workspaces.list_workspaces(session)}
    assert made in {w.id for w in workspaces.list_workspaces(session, archived=True)}
    messages = scenarios.count(session, WorkspaceMessage, WorkspaceMessage.workspace_id == made)
    assert messages == workspaces.get(session, made).message_seq > 10
    workspaces.restore(session, made, actor=admin)
    assert made in {w.id for w in workspaces.list_workspaces(session)}
    running = factories.workspace(session, member)
    execution = scenarios.launch(session, running, member)
    with pytest.raises(Conflict, match="is live"):
        workspaces.archive(session, running, actor=admin)
    executions.cancel(session, execution, actor=member)
    workspaces.archive(session, running, actor=admin)


def test_the_list_finds_by_status_person_and_words_with_odd_characters(session: Session, member: Actor) -> None:
    other = factories.person(session)
    plain = factories.workspace(session, member, "plain", name="Plain 100 gap")
    odd = factories.workspace(session, other, "odd_one", name="100% gap\\up")

    def found(**filters: Any) -> set[uuid.UUID]:
        return {w.id for w in workspaces.list_workspaces(session, **filters)} & {plain, odd}

    assert found(search="100% gap") == {odd}
    assert found(search="d_o") == {odd}
    assert found(search="gap\\up") == {odd}
    assert found(search="100\x00") == {plain, odd}
    assert found(search="PLAIN") == {plain}
    assert found(created_by_id=other.id) == {odd}
    assert found(statuses=["beta"]) == set()
    assert found(statuses=["soon", "beta"]) == {plain, odd}


def test_the_list_has_the_latest_execution_and_message_of_each_in_one_statement(
    session: Session, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.workspaces import reading

    made = {scenarios.in_beta(session, member) for _ in range(3)}
    with statements(monkeypatch, reading) as seen:
        listed = [w for w in workspaces.list_workspaces(session) if w.id in made]
    assert len(seen) == 1
    assert {(w.execution_number, w.execution_status, w.version) for w in listed} == {(1, "completed", "0.1.0")}
    assert {w.message_type for w in listed} == {"claude_completed"}
    assert [w.id for w in listed] == [w.id for w in sorted(listed, key=lambda w: (w.category, w.name, w.id))]


def test_the_sparkline_is_the_rate_by_version_of_what_was_tested(session: Session, member: Actor) -> None:
    made = scenarios.in_beta(session, member)
    first = scenarios.row(session, made).deployed_version_id
    factories.completed_session(session, made, first, member, tp=1, fp=1, fn=0)
    second = factories.version(session, made, "0.2.0", at=factories.DAY_ONE + factories.days(9999))
    factories.completed_session(session, made, second, member, tp=3, fp=0, fn=1)
    factories.completed_session(session, made, second, member, tp=0, fp=0, fn=0)
    assert workspaces.sparklines(session, [made]) == {made: [0.5, 0.75]}


def test_the_first_sample_query_has_the_whole_of_a_workspace(session: Session, member: Actor) -> None:
    made = scenarios.in_beta(session, member)
    stored = factories.dataset(session, member)
    for _ in range(6):
        scenarios.run_session(session, made, member, stored)
    whole = workspaces.with_timeline(session, made)
    assert [m.seq for m in whole.messages] == list(range(1, whole.workspace.message_seq + 1))
    assert len(whole.sessions) == 5
    assert whole.latest_execution is not None
    assert whole.latest_execution["number"] == 1


def test_what_is_not_there_is_a_sentence(session: Session, member: Actor) -> None:
    nowhere = uuid.uuid4()
    for attempt in (
        lambda: workspaces.get(session, nowhere),
        lambda: workspaces.lock(session, nowhere),
        lambda: workspaces.find_id(session, "no_such_pattern"),
        lambda: workspaces.find_id(session, str(nowhere)),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert scenarios.count(session, PatternWorkspace, PatternWorkspace.status == WorkspaceStatus.BETA) == 0
