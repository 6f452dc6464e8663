"""What the palette finds, and that it looks nowhere at every row."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from services import finding
from services.lifecycle import Role
from services.people import Actor
from tests import factories


def found(session: Session, words: str, actor: Actor) -> list[tuple[str, str]]:
    return [(item["kind"], item["label"]) for item in finding.find(session, words, actor=actor)]


def test_patterns_and_people_are_found_by_a_part_of_their_name(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member, name="Order blocks of the night")
    factories.person(session, Role.VIEWER, name="Nightingale")
    items = finding.find(session, "night", actor=member)
    assert [item["link"] for item in items if item["kind"] == "pattern"] == [f"/workspace?id={home}"]
    assert [item["note"] for item in items if item["kind"] == "person"] == ["their corrections", "their executions"]


def test_an_execution_is_found_by_its_number_and_by_its_commit(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member, name="Gaps")
    session.execute(
        text(
            "INSERT INTO claude_executions (id, workspace_id, number, status, phase, progress, triggered_by, agent, "
            "deploy_target, commit_hash, error) VALUES (gen_random_uuid(), :w, 4711, 'failed', 'planning', 0, :p, "
            "'tuner', 'local', 'abc1234def', 'x')"
        ),
        {"w": home, "p": member.id},
    )
    for words in ("4711", "#4711", "execution 4711", "abc1234"):
        assert found(session, words, member) == [("execution", "Execution 4711")], words


def test_signs_of_a_search_are_letters_like_others(session: Session, member: Actor) -> None:
    factories.workspace(session, member, name="Hundred % sure_")
    assert found(session, "%", member) == [("pattern", "Hundred % sure_")]
    assert found(session, "e_", member) == [("pattern", "Hundred % sure_")]
    assert found(session, "x'; DROP TABLE users; --\x00", member) == []
    assert found(session, "   ", member) == []
    assert found(session, "9" * 400, member) == []


def test_numbers_and_commits_are_looked_up_in_an_index(session: Session) -> None:
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for condition, index in (("number = 7", "numbered"), ("commit_hash LIKE 'abc1234%'", "committed")):
        plan = session.scalars(text(f"EXPLAIN SELECT id FROM claude_executions WHERE {condition}")).all()
        assert any(f"ix_claude_executions_{index}" in line for line in plan), plan
