"""`patterndesk check-detector` on repositories: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.cli.main import run
from services.detectors.repository import commit_all, ensure_repository, head
from services.settings import get_settings
from tests.support.bad_detectors import plant

LEAK = 'c = candles["close"]\nreturn [detection("mark", 1, i, i) for i in range(len(c)) if c[i] == c.max()]'


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    return ensure_repository(tmp_path / "patterns")


def test_a_commit_passes_and_a_later_one_is_refused(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    honest = head(repo)
    plant(repo, LEAK, "swings")
    assert commit_all(repo, "A leak")
    results = []
    for commit in ([], ["--commit", honest], ["--commit", honest]):
        assert run(["check-detector", "swings", "--repository", str(repo), *commit, "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert [r["passed"] for r in results] == [False, True, True]
    (failure, *_) = results[0]["failures"]
    assert failure["check"] in ("no_look_ahead", "nothing_withdrawn") and isinstance(failure["bar"], int)
    assert results[1]["failures"] == [] and results[1]["seconds"] > 0
    assert not results[1]["cached"] and results[2]["cached"]
    assert run(["check-detector", "swings", "--repository", str(repo)]) == 0
    assert "swings is refused." in capsys.readouterr().out


def test_a_repository_is_given_by_address_too(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check-detector", "swings", "--repository", f"file://{repo}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing_here"], "it has bos"),
        (["Swings"], "is no pattern type"),
        (["swings", "--commit", "0000000"], "no commit '0000000'"),
        (["swings", "--commit", "--all"], "no commit"),
        (["swings", "--repository", "/nowhere"], "no pattern repository at /nowhere"),
        (["swings", "--repository", "file:///nowhere"], "."),
    ],
)
def test_a_wrong_call_is_one_sentence(
    repo: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [] if "--repository" in arguments else ["--repository", str(repo)]
    assert run(["check-detector", *arguments, *place, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1
