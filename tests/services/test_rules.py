"""The rules against what they say, in Python and in SQL."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services import rules
from services.lifecycle import AuthorType, ExecutionStatus, FeedbackState, MadeBy, Verdict
from services.texts import cleaned, storable

ASKING = {"false_positive", "false_negative", "adjustment", "comment"}
LIVE = {"pending", "running", "retry"}


def test_everything_but_right_and_unsure_asks_for_a_change() -> None:
    assert {v for v in Verdict if rules.asks(v)} == ASKING
    assert {m for m in MadeBy if rules.is_original(m)} == {"person", "rule"}
    assert {s for s in ExecutionStatus if rules.is_live(s)} == LIVE
    assert not rules.is_live(None)


def test_a_fragment_of_sql_says_what_its_rule_says_in_python(session: Session) -> None:
    rows = list(product(Verdict, MadeBy, FeedbackState))
    listed = ", ".join(f"('{v}', '{m}', '{s}')" for v, m, s in rows)
    values = f"(VALUES {listed}) f (verdict, made_by, state)"
    # With a second table of the same columns, a fragment without its alias would be ambiguous.
    beside = "CROSS JOIN (VALUES ('', '', '')) g (verdict, made_by, state)"
    for alias, tables in (("f", f"{values} {beside}"), ("", values)):
        fragments = [
            made(alias)
            for made in (rules.asks_sql, rules.original_sql, rules.correction_sql, rules.open_correction_sql)
        ]
        rows_back = session.execute(text(f"SELECT f.*, {', '.join(fragments)} FROM {tables}")).all()
        assert len(rows_back) == len(rows)
        for verdict, made_by, state, *answers in rows_back:
            asks, original = verdict in ASKING, made_by != "carried"
            assert answers == [asks, original, asks and original, asks and original and state == "open"]
            assert answers == [
                rules.asks(verdict),
                rules.is_original(made_by),
                rules.is_correction(verdict, made_by),
                rules.is_open_correction(verdict, made_by, state),
            ]
    statuses = ", ".join(f"('{s}')" for s in ExecutionStatus)
    for status, live in session.execute(
        text(f"SELECT status, {rules.live_sql('e')} FROM (VALUES {statuses}) e (status)")
    ):
        assert live == (status in LIVE) == rules.is_live(status)


def test_a_rate_is_provisional_under_ten_judged_marks() -> None:
    assert [n for n in range(20) if rules.is_provisional(n)] == list(range(10))


@pytest.mark.parametrize("missing", ["description", "user_reasoning", "identification_steps"])
def test_a_pattern_is_described_when_all_three_are_there(missing: str) -> None:
    whole = {"description": "A high.", "user_reasoning": "It turns.", "identification_steps": ["Find it"]}
    assert rules.is_described(SimpleNamespace(**whole))
    for empty in (None, "", []):
        assert not rules.is_described(SimpleNamespace(**whole | {missing: empty}))


def test_agents_have_one_name_each() -> None:
    assert [rules.agent_name(name) for name in ("claude", "tuner", "other")] == ["Claude", "Tuner", "Other"]
    assert [rules.agent_in_words(name) for name in ("claude", "tuner")] == ["Claude", "the tuner"]
    assert rules.agent_author("claude") == AuthorType.CLAUDE
    assert rules.agent_author("tuner") == AuthorType.SYSTEM


def test_text_is_kept_without_what_the_database_can_not_hold() -> None:
    assert storable(" a\x00b\x00 ") == " ab "
    assert [cleaned(text) for text in (" a\x00 b\n", "\x00", " ", "", None)] == ["a b", "", "", "", ""]
