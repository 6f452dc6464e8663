"""`patterndesk doctor`: says in sentences what an installation lacks, and that it lacks nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.settings import ROOT, get_settings
from tests.cli.conftest import Answer, Command


def by_name(answer: Answer) -> dict[str, tuple[bool, str]]:
    return {check["name"]: (check["ok"], check["sentence"]) for check in answer.json["checks"]}


def test_an_installation_whose_worker_does_not_run(command: Command, data_dir: Path) -> None:
    data_dir.mkdir()
    answer = command("doctor", "--json")
    checks = by_name(answer)
    assert (answer.code, answer.json["ok"]) == (1, False)
    assert [name for name, (ok, _) in checks.items() if not ok] == ["workers"]
    assert "is at revision" in checks["database"][1]
    assert "agree" in checks["clock"][1]
    assert all(sentence.endswith(".") and len(sentence) > 10 for _, sentence in checks.values()), checks
    assert command("doctor").out.count("\n") == len(checks)


def test_what_is_wrong_is_named(
    command: Command, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir()
    (data_dir / "secret.key").write_text("short")
    (data_dir / "secret.key").chmod(0o644)
    (tmp_path / "patterns").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATTERN_REPOSITORY", str(tmp_path / "patterns" / "file"))
    (tmp_path / "patterns" / "file").write_text("")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        get_settings.cache_clear()
        checks = by_name(command("doctor", "--json"))
    wrong = {name for name, (ok, _) in checks.items() if not ok}
    assert {"port", "database", "repository", "keys", "data folder"} <= wrong
    assert "set PORT" in checks["port"][1]
    assert "cannot be reached" in checks["database"][1]
    assert "can be read by others" in checks["keys"][1]
    assert "HTTPS_PROXY is set" in checks["proxy"][1]


@pytest.mark.long
def test_what_a_start_makes_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    """By a command in a process of its own, for the umask is a process's."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")} | {"DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "prune", "--dry-run"], cwd=ROOT, env=env, capture_output=True, check=False,
        umask=0o022,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [path for path in folder.iterdir() if path.name != ".mpl"]
    assert (folder / "logs").is_dir()
    assert [path.name for path in made if path.stat().st_mode & 0o007] == []
