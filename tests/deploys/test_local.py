"""The local deploy on a machine that can't write: the change is not the cause, and the run ends with a sentence."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from services import releases
from services.deploys.local import KEEP, LocalDeployer
from services.deploys.protocol import DeployTargetError
from services.lifecycle import DeployStatus
from tests.support.deploy_folder import DeployFolder


def in_the_way(path: Path) -> None:
    """A file where a folder has to be: nothing can be written below it, not even by root."""
    if path.is_dir():
        path.rename(path.with_name(f"{path.name}-away"))
    path.write_text("")


def test_a_release_that_cannot_be_written_is_the_machines_fault(place: DeployFolder) -> None:
    asked, deployer = place.request(), LocalDeployer()
    made = deployer.create(asked)
    in_the_way(releases.releases_dir())
    last = list(deployer.follow(made.id))[-1]
    assert (last.status, last.failure) == (DeployStatus.ERROR, "target.unavailable")
    assert last.error == "This machine can't write the release: File exists."
    assert last.logs.rstrip().endswith(f"Failed: {last.error}")
    releases.releases_dir().unlink()
    assert list(deployer.follow(deployer.create(place.request()).id))[-1].status == DeployStatus.READY


def test_a_pointer_that_cannot_be_switched_is_the_machines_fault(place: DeployFolder) -> None:
    deployer = LocalDeployer()
    made = deployer.create(place.request(pattern="bos"))
    in_the_way(releases.pointer("bos").parent)
    last = list(deployer.follow(made.id))[-1]
    assert (last.status, last.failure) == (DeployStatus.ERROR, "target.unavailable")


def test_a_deploy_that_cannot_be_noted_says_so(place: DeployFolder) -> None:
    asked, deployer = place.request(), LocalDeployer()
    in_the_way(place.repository.parent / "deploys")
    with pytest.raises(DeployTargetError, match="can't write how the deploy stands: ") as caught:
        deployer.create(asked)
    assert caught.value.failure == "target.unavailable"


def test_what_an_earlier_release_of_the_app_noted_is_read(place: DeployFolder) -> None:
    deployer = LocalDeployer()
    made = deployer.create(place.request())
    (file,) = (place.repository.parent / "deploys").glob("*.json")
    told = json.loads(file.read_text())
    told["deployment"] |= {"cause": "deploy", "transient": False}
    del told["deployment"]["failure"]
    file.write_text(json.dumps(told))
    assert list(deployer.follow(made.id))[-1].status == DeployStatus.READY


@pytest.mark.parametrize("text", ["def (", "x = " + "-" * 5000 + "1"])
def test_a_file_that_is_no_python_fails_the_deploy_with_its_name(place: DeployFolder, text: str) -> None:
    """Also one that no detector imports: a person committed it, and no test of the repository read it."""
    deployer = LocalDeployer()
    commit = place.commit({"detectors/helper.py": text})
    last = list(deployer.follow(deployer.create(place.request(commit)).id))[-1]
    assert (last.status, last.failure) == (DeployStatus.ERROR, "deploy.failed")
    assert last.error is not None and last.error.startswith("helper.py ")


def test_a_release_that_was_used_just_now_is_not_removed(place: DeployFolder) -> None:
    long_ago, old, used = time.time() - 7200, [], []
    for number in range(KEEP + 2):
        for kind, at in ((old, long_ago - number), (used, None)):
            folder = releases.releases_dir() / f"{number}{'old' if kind is old else 'used'}"
            (folder / "detectors").mkdir(parents=True)
            kind.append(folder)
            if at is not None:
                os.utime(folder, (at, at))
    deployer = LocalDeployer()
    last = list(deployer.follow(deployer.create(place.request()).id))[-1]
    assert last.status == DeployStatus.READY
    assert all(folder.is_dir() for folder in used)
    assert not any(folder.exists() for folder in old)
    assert not list(releases.releases_dir().glob(".*"))
