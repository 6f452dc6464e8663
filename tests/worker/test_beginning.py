"""A run whose remote repository does not answer when it begins ends with a sentence and does not stay live."""

from __future__ import annotations

from pathlib import Path

from services.detectors.repository import git
from services.worker.decisions import RULES
from tests.support.installation import Installation


def test_a_remote_that_does_not_answer_at_the_start_ends_the_run_with_a_sentence(
    new_installation: Installation, tmp_path: Path
) -> None:
    installation = new_installation
    git(installation.repository, "remote", "add", "origin", "git://127.0.0.1:1/patterns")
    installation.worker()
    found = installation.run(installation.workspace_id(), "failed")
    assert "git fetch failed in the pattern repository" in (found.row.error or "")
    assert (found.row.error or "").endswith(RULES["git.unreachable"].advice)
    assert installation.status(installation.workspace_id()) == "soon"
    installation.assert_at_rest()
