"""The report of a period by the command line, narrowed by what narrows the statistics page."""

from __future__ import annotations

import json

from services.database.engine import transaction
from services.lifecycle import Role
from tests import factories
from tests.cli.conftest import Command


def test_a_report_is_narrowed_by_every_filter_of_the_page(command: Command) -> None:
    with transaction() as session:
        ann = factories.person(session, Role.MEMBER, name="Ann <Lee>")
        factories.workspace(session, ann, "gaps", name="Gaps", category="Zones")
    days = ("--since", "2026-03-01", "--until", "2026-04-01")
    page = command("report", *days, "--category", "Zones", "--person", ann.email, "--agent", "claude", "--target",
                   "local", "--symbol", "GOOG", "--places", "unseen")  # fmt: skip
    assert page.code == 0, page.err
    assert (
        "Narrowed to what Ann &lt;Lee&gt; did, executions of Claude, deployed to local, GOOG, unseen places."
        in page.out
    )
    assert "01 Mar 2026 to 31 Mar 2026" in page.out and "<h1>Zones" in page.out
    assert "<h1>Gaps" in command("report", "--pattern", "gaps").out


def test_what_a_report_cannot_be_narrowed_by_is_a_sentence(command: Command) -> None:
    for odd in (
        ("--since", "2026-03-01"), ("--agent", "gpt"), ("--person", "nobody@example.com"), ("--places", "some"),
        ("--since", "2026-03-01", "--until", "2026-04-01", "--period", "last-month"),
        ("--since", "2026-04-01", "--until", "2026-03-01"),
    ):  # fmt: skip
        answer = command("report", *odd)
        assert answer.code != 0 and answer.err.strip().endswith(".") and "Traceback" not in answer.err, odd
        assert json.dumps(answer.out) == '""'
