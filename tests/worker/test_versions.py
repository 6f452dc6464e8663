"""Adopting a commit made by hand and rolling back, by a real worker: gates, deploy, files on main, and back again."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from services import actions, deployments, releases
from services.cli.versions import roll_back
from services.database.engine import transaction
from services.detectors.repository import show
from services.errors import Conflict, InvalidInput, Unavailable
from services.models import DetectorVersion
from tests.support.installation import Installation


def test_a_commit_made_by_hand_is_deployed_rolled_back_and_run_again(beta_installation: Installation) -> None:
    installation, workspace_id = beta_installation, beta_installation.workspace_id()
    installation.worker()
    first = installation.sql("SELECT commit_hash FROM detector_versions WHERE version = '0.1.0'")[0][0]
    module = show(installation.repository, "main", "detectors/swings.py")
    assert module is not None
    sha = installation.person_commits({"detectors/swings.py": module + "\n# by hand\n"}, "Say who made it")
    other = installation.person_commits({"detectors/bos.py": "# of another pattern\n" + str(
        show(installation.repository, "main", "detectors/bos.py"))})  # fmt: skip
    assert [c.commit for c in actions.hand_made(workspace_id)] == [sha]
    found = installation.wait(actions.adopt(workspace_id, sha, actor=installation.member))
    assert found.row.status == "completed", found.row.error
    assert (found.current_version, found.row.agent) == ("0.2.0", "manual")
    assert actions.hand_made(workspace_id) == []
    with transaction() as session:
        made = session.scalars(select(DetectorVersion).where(DetectorVersion.version == "0.2.0")).one()
        assert (made.origin, made.contract_report is not None) == ("manual", True)
    with pytest.raises(InvalidInput, match=r"no version 9.9.9"):
        roll_back("swings", "9.9.9", "r", installation.member)
    with pytest.raises(Conflict, match="deployed already"):
        roll_back("swings", "0.2.0", "r", installation.member)
    assert roll_back("swings", "v0.1.0", "It is only a comment.", installation.member) == "0.1.0"
    assert releases.current_commit("swings") == first
    assert show(installation.repository, "main", "detectors/swings.py") == module, "the next change begins with it"
    bos = show(installation.repository, "main", "detectors/bos.py")
    assert bos is not None and bos.startswith("# of another pattern") and other, "others' changes stay"
    assert not actions.notice_push(workspace_id) and actions.hand_made(workspace_id) == []
    assert roll_back("swings", "0.2.0", "It was fine.", installation.member) == "0.2.0"
    assert show(installation.repository, "main", "detectors/swings.py") == module + "\n# by hand\n"
    kinds = [k for (k,) in installation.sql("SELECT type FROM workspace_messages ORDER BY seq")]
    assert kinds.count("version_rolled_back") == 2
    installation.assert_at_rest()


def test_a_roll_back_to_a_commit_that_is_gone_leaves_what_runs(beta_installation: Installation) -> None:
    installation, workspace_id = beta_installation, beta_installation.workspace_id()
    module = show(installation.repository, "main", "detectors/swings.py")
    sha = installation.person_commits({"detectors/swings.py": f"{module}\n# by hand\n"})
    installation.worker()
    assert installation.wait(actions.adopt(workspace_id, sha, actor=installation.member)).row.status == "completed"
    now = releases.current_commit("swings")
    installation.sql("UPDATE detector_versions SET commit_hash = repeat('f', 40) WHERE version = '0.1.0' RETURNING 1")
    with pytest.raises(Unavailable, match="The roll back failed"):
        roll_back("swings", "0.1.0", "r", installation.member)
    assert releases.current_commit("swings") == now
    with transaction() as session:
        last = deployments.last_roll_back(session, workspace_id)
    assert last is not None and last.status == "failed" and last.error


def test_a_commit_that_a_gate_refuses_is_not_deployed(beta_installation: Installation) -> None:
    installation, workspace_id = beta_installation, beta_installation.workspace_id()
    module = show(installation.repository, "main", "detectors/swings.py")
    assert module is not None
    sha = installation.person_commits({"detectors/swings.py": module.replace("def detect(", "def detects(", 1)})
    installation.worker()
    found = installation.wait(actions.adopt(workspace_id, sha, actor=installation.member))
    assert (found.row.status, found.current_version) == ("failed", "0.1.0")
