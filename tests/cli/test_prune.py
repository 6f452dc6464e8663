"""`patterndesk prune`: each rule lets go of what is old, keeps what is used, and says first what it would do."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services import releases, storage
from services.database.engine import plain_url, transaction
from services.detectors.repository import git, head
from services.lifecycle import ExecutionStatus, FeedbackState
from services.models import Attachment, FeedbackItem, new_id
from services.pruning.parts import changed_at, size_of
from services.settings import get_settings
from tests import factories
from tests.cli.conftest import Answer, Command

OLD = timedelta(days=400)


def parts(answer: Answer) -> dict[str, dict[str, Any]]:
    assert answer.code == 0, answer.err
    return {part["name"]: part for part in answer.json["parts"]}


def age(path: Path, days: float = 400) -> Path:
    at = time.time() - days * 86_400
    os.utime(path, (at, at), follow_symlinks=False)
    return path


def file(path: Path, text: str = "x" * 1000, *, days: float = 400) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return age(path, days)


def blob(text: str, suffix: str, *, days: float = 400) -> str:
    root = get_settings().storage_root
    key = storage.put(root, text.encode(), suffix=suffix)
    age(Path(root) / key, days)
    return key


@pytest.fixture
def filled(command: Command, data_dir: Path) -> dict[str, Any]:
    """Of everything that grows something old, something new, and something old that is still used."""
    repository = releases.repository()
    main = head(repository)
    with transaction() as session:
        admin = factories.person(session)
        home = factories.workspace(session, admin)
        at = datetime.now(UTC)
        made = {}
        for name, ended in (("old", at - OLD), ("new", at), ("live", None)):
            status = ExecutionStatus.RUNNING if ended is None else ExecutionStatus.COMPLETED
            workspace = home if ended is not None else factories.workspace(session, admin)
            execution_id = factories.execution(session, workspace, admin, status=status, at=ended or at)
            made[name] = str(execution_id)
        item = factories.feedback_item(session, home, admin)
        shown = factories.feedback_item(session, home, admin)
        withdrawn = session.get_one(FeedbackItem, item)
        withdrawn.state, withdrawn.attachments = FeedbackState.WITHDRAWN, [blob("withdrawn", ".png")]
        session.get_one(FeedbackItem, shown).attachments = [blob("shown", ".png")]
        for text in ("withdrawn", "shown"):
            session.add(
                Attachment(
                    id=new_id(),
                    content_sha256=text,
                    storage_key=blob(text, ".png"),
                    kind="image",
                    content_type="image/png",
                    name=f"{text}.png",
                    size_bytes=9,
                    uploaded_by_id=admin.id,
                    created_at=at - OLD,
                )
            )
    return made | {"main": main, "repository": repository, "withdrawn": item}


def fill(installation: str, data_dir: Path, made: dict[str, Any]) -> None:
    keys = {name: (blob(f"log {name}", ".txt"), blob(f"prompt {name}", ".json")) for name in ("old", "new", "live")}
    with psycopg.connect(plain_url(installation)) as connection:
        for name, (log, prompt) in keys.items():
            connection.execute(
                "UPDATE claude_executions SET log_key = %s, prompt_file = %s WHERE id = %s", [log, prompt, made[name]]
            )
        connection.execute(
            "UPDATE feedback_items SET updated_at = now() - interval '400 days' WHERE state = 'withdrawn'"
        )
    for name in ("old", "new", "live"):
        file(data_dir / "work" / made[name] / "log.txt")
        age(data_dir / "work" / made[name])
        file(data_dir / "deploys" / f"local-{made[name]}-1-abcdef123456.json")
        git(made["repository"], "update-ref", f"refs/patterndesk/executions/{made[name]}", made["main"])
    for name in ("web.jsonl", "web.jsonl.1"):
        file(data_dir / "logs" / name)
    file(data_dir / "logs" / "web.jsonl.2", days=1)
    releases.switch("swings", made["main"])
    age(data_dir / "releases" / made["main"])
    file(data_dir / "releases" / ("a" * 40) / "detectors" / "x.py")
    age(data_dir / "releases" / ("a" * 40))
    for left, days in ((".cut off", 2), (".being written", 0.1)):
        file(data_dir / "releases" / left / "x.py", days=days)
        age(data_dir / "releases" / left, days)
    file(data_dir / "exports" / "people-1.csv")
    file(data_dir / "exports" / "people-2.csv", days=1)
    for day in range(16):
        file(data_dir / "backups" / f"patterndesk-202601{day + 1:02}-030000.tar")
    blob("nothing refers to this", ".bin")
    blob("nothing refers to this yet", ".bin", days=0)


def test_the_rules_remove_what_is_old_and_unused_alone(
    command: Command, installation: str, data_dir: Path, filled: dict[str, Any]
) -> None:
    fill(installation, data_dir, filled)
    before = set(data_dir.rglob("*"))
    planned = command("prune", "--dry-run", "--json")
    assert planned.json["dry_run"] is True
    assert set(data_dir.rglob("*")) - {data_dir / "logs" / "cli.jsonl"} == before
    expected = {
        "logs": 1, "run_logs": 1, "worktrees": 1, "refs": 1, "releases": 2, "deploys": 1, "prompts": 1,
        "conversations": 0, "attachments": 1, "exports": 1, "backups": 2,
    }  # fmt: skip
    found = parts(planned)
    assert {name: found[name]["removable"] for name in expected} == expected
    assert all(part["bytes"] >= part["removable_bytes"] >= 0 for part in found.values())
    assert found["backups"]["removable_bytes"] == 2000
    assert (found["backups"]["setting"], found["backups"]["value"]) == ("KEEP_BACKUPS", 14)

    done = command("prune", "--json")
    assert (done.json["dry_run"], done.json["failed"]) == (False, 0)
    left = {str(path.relative_to(data_dir)) for path in data_dir.rglob("*") if path.is_file()}
    assert {name for name in left if name.startswith("logs/web")} == {"logs/web.jsonl", "logs/web.jsonl.2"}
    for name, there in (("old", False), ("new", True), ("live", True)):
        assert (f"work/{filled[name]}/log.txt" in left) is there
        assert (f"deploys/local-{filled[name]}-1-abcdef123456.json" in left) is there
        assert bool(git(filled["repository"], "for-each-ref", f"refs/patterndesk/executions/{filled[name]}")) is there
    assert releases.pointer("swings").resolve().is_dir()
    assert not (data_dir / "releases" / ("a" * 40)).exists()
    assert [(data_dir / "releases" / n).exists() for n in (".cut off", ".being written")] == [False, True]
    assert {n for n in left if n.startswith("exports/")} == {"exports/people-2.csv"}
    assert len([n for n in left if n.startswith("backups/")]) == 14
    root = get_settings().storage_root
    kept = {storage.get(root, key).decode() for key in storage.listing(root)}
    assert kept == {
        "log new", "log live", "prompt new", "prompt live", "shown", "nothing refers to this yet",
    }  # fmt: skip
    with transaction() as session:
        assert session.get_one(FeedbackItem, filled["withdrawn"]).attachments == []
    again = command("prune", "--json").json
    assert again["removable"] == 0


def test_zero_days_keep_for_ever(
    command: Command, installation: str, data_dir: Path, filled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(installation, data_dir, filled)
    names = [name for name in type(get_settings()).model_fields if name.startswith("keep_")]
    for name in names:
        monkeypatch.setenv(name.upper(), "0")
    get_settings.cache_clear()
    found = parts(command("prune", "--dry-run", "--json"))
    assert {name: part["removable"] for name, part in found.items() if part["removable"]} == {"stored_files": 1}
    assert found["logs"]["rule"] == "kept for ever"
    assert "kept for ever (KEEP_LOG_DAYS)" in command("prune", "--dry-run").out


def test_the_remote_lets_go_of_what_this_installation_kept_there(
    command: Command, installation: str, data_dir: Path, filled: dict[str, Any], tmp_path: Path
) -> None:
    repository, remote = filled["repository"], tmp_path / "remote.git"
    git(repository, "init", "--bare", str(remote))
    git(repository, "remote", "add", "origin", str(remote))
    another = "0198a1b2-0000-7000-8000-000000000001"  # of an installation that shares the remote
    kept = {name: f"refs/patterndesk/executions/{filled[name]}" for name in ("old", "new", "live")}
    for name in (*kept.values(), f"refs/patterndesk/executions/{another}"):
        git(repository, "push", "origin", f"{filled['main']}:{name}")
    planned = parts(command("prune", "--dry-run", "--json"))["remote_refs"]
    assert (planned["count"], planned["removable"], planned["setting"]) == (4, 1, "KEEP_REF_DAYS")
    assert command("prune", "--json").json["failed"] == 0
    left = git(remote, "for-each-ref", "--format=%(refname)", "refs/patterndesk").split()
    assert sorted(left) == sorted([kept["new"], kept["live"], f"refs/patterndesk/executions/{another}"])

    git(remote, "update-ref", kept["old"], filled["main"])
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert command("prune", "--json").json["failed"] == 1
    remote.rename(tmp_path / "away.git")
    away = command("prune", "--json")
    assert (away.json["failed"], parts(away)["remote_refs"]["count"]) == (0, 0)


def test_a_stored_file_that_is_put_again_is_new_again(command: Command, data_dir: Path) -> None:
    blob("twice", ".bin")
    storage.put(get_settings().storage_root, b"twice", suffix=".bin")
    assert parts(command("prune", "--json"))["stored_files"]["removable"] == 0


def test_a_full_disk_is_said_by_doctor(
    command: Command, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DISK_FULL_MB", str(10**9))
    get_settings.cache_clear()
    [disk] = [check for check in command("doctor", "--json").json["checks"] if check["name"] == "disk"]
    assert not disk["ok"]
    assert disk["sentence"].startswith("The disk is full: only ")


def test_what_a_run_removes_meanwhile_stops_nothing(tmp_path: Path) -> None:
    """Deploys and ends of runs make and remove files while all are looked at."""
    assert datetime.now(UTC) - changed_at(tmp_path / "gone") < timedelta(minutes=1)
    assert size_of(tmp_path / "gone") == 0
