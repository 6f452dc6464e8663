"""A run whose repository's remote is away when it begins ends with a sentence, and not as live for ever."""

from __future__ import annotations

from pathlib import Path

from services.detectors.repository import git
from services.worker.decisions import RULES
from tests.worker.house import House


def test_a_remote_that_is_away_at_the_start_is_told(new_house: House, tmp_path: Path) -> None:
    house = new_house
    git(house.repository, "remote", "add", "origin", "git://127.0.0.1:1/patterns")
    house.worker()
    found = house.run(house.workspace_id(), "failed")
    assert "git fetch failed in the pattern repository" in (found.row.error or "")
    assert (found.row.error or "").endswith(RULES["git.unreachable"].advice)
    assert house.status(house.workspace_id()) == "soon"
    house.assert_at_rest()
