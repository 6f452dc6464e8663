"""The check with the real model, here against the stand-in: one execution in an installation that is gone afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from services.cli.main import run as command
from services.settings import ROOT, get_settings
from tests.support.fake_model import thinking


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "live-check", "--json", "--budget", "0.5"], cwd=ROOT,
        env=given | {"TMPDIR": str(folder), "DATA_DIR": str(folder / "mine")} | env, capture_output=True, text=True, timeout=280,
        check=False,
    )  # fmt: skip


@pytest.mark.long
def test_one_tiny_execution_with_the_model(confined: None, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)  # the database may run as another account
    with thinking() as (model, env, tried):
        done = run(tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert tried == []
    told = json.loads(done.stdout)
    assert (told["pattern"], told["version"], told["attempts"]) == ("inside_bar", "0.1.0", 1)
    assert told["files"] == ["detectors/inside_bar.py", "tests/test_inside_bar.py"]
    assert 0 < told["cost_usd"] < 0.5
    for phase in ("planning", "implementing", "testing"):
        assert f"  {phase}" in done.stderr
    assert model.seen.phases == ["inside_bar plan", "inside_bar implement"]
    assert not list(tmp_path.glob("patterndesk-live-*")), "its installation is gone"
    assert not (tmp_path / "mine").exists(), "the person's own was not touched"
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or ())]


def test_without_a_key_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "mine"))
    get_settings.cache_clear()
    try:
        assert command(["live-check", "--json", "--budget", "0.5"]) == 1
    finally:
        get_settings.cache_clear()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Claude is not connected: set ANTHROPIC_API_KEY.\n")
