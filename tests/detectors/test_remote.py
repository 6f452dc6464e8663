"""The pattern repository and its remote: pushes that are refused, raced, or hang, and remotes that are not there."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.detectors import git as g
from services.detectors import repository as r
from services.errors import Cancelled, RepositoryError
from tests.support.processes import slower

BUSY_S = 30.0


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A clone with a bare remote beside it."""
    first = r.ensure_repository(tmp_path / "first")
    r.git(tmp_path, "clone", "-q", "--bare", str(first), str(tmp_path / "origin.git"))
    return r.ensure_repository(tmp_path / "patterns", str(tmp_path / "origin.git"))


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def commit(repo: Path, name: str = "a.txt") -> str:
    (repo / name).write_text(str(time.time()))
    sha = r.commit_all(repo, f"Change {name}")
    assert sha is not None
    return sha


def hook(repo: Path, script: str, name: str = "pre-receive") -> None:
    file = repo.parent / "origin.git" / "hooks" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def failure_of(call: Callable[[], object]) -> tuple[str | None, str]:
    with pytest.raises(RepositoryError) as caught:
        call()
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    return caught.value.failure, str(caught.value)


def alive(folder: Path) -> list[list[str]]:
    """Processes that name the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                str(folder) in " ".join(process.cmdline()) or process.cwd().startswith(str(folder))
            ):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def fetching(pid: int) -> list[psutil.Process]:
    """What fetches below a process; shorter commands may be gone by the time they are looked at."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "fetch" in process.cmdline():
                found.append(process)
    return found


class Asked:
    """Says yes to a cancel from the moment `when` holds, and knows since when."""

    def __init__(self, when: Callable[[], bool]) -> None:
        self.when, self.at = when, 0.0

    def __call__(self) -> bool:
        if self.at:
            return True
        if self.when():
            self.at = time.monotonic()
        return False  # heard with the next look, as if it came right after this one


def canceled(call: Callable[[Asked], object], when: Callable[[], bool]) -> float:
    """Seconds from the cancel to the end of the call."""
    asked = Asked(when)
    with pytest.raises(Cancelled):
        call(asked)
    assert asked.at
    return time.monotonic() - asked.at


def test_a_ref_is_pushed_and_fetched_and_forced(repo: Path, tmp_path: Path) -> None:
    ref = "refs/patterndesk/executions/x"
    one = commit(repo)
    assert r.push(repo, f"{one}:{ref}") is True
    other = r.ensure_repository(tmp_path / "other", str(tmp_path / "origin.git"))
    assert r.fetch(other, f"{ref}:{ref}") is True
    assert r.head(other, ref) == one
    r.git(repo, "commit", "--amend", "-m", "Another")
    two = r.head(repo)
    assert failure_of(lambda: r.push(repo, f"{two}:{ref}"))[0] == "git.moved"
    assert r.push(repo, f"{two}:{ref}", force=True) is True
    assert failure_of(lambda: r.fetch(other, "refs/none:refs/none"))[0] == "git.missing"
    lonely = r.ensure_repository(tmp_path / "lonely")
    assert (r.has_origin(lonely), r.push(lonely), r.fetch(lonely, "x:x")) == (False, False, False)


def test_a_hook_that_rejects_is_quoted(repo: Path) -> None:
    hook(repo, "echo 'GH006: Protected branch update failed for refs/heads/main.'; exit 1")
    commit(repo)
    kind, said = failure_of(lambda: r.push(repo))
    assert kind == "git.push_rejected"
    assert said == (
        "The remote of the pattern repository refused the push to main: pre-receive hook declined; "
        "GH006: Protected branch update failed for refs/heads/main."
    )


def test_a_branch_that_may_not_be_pushed_to_is_a_rejection(repo: Path, tmp_path: Path) -> None:
    r.git(repo, "remote", "set-url", "origin", str(tmp_path / "first"))  # it has main checked out
    commit(repo)
    kind, said = failure_of(lambda: r.push(repo))
    assert (kind, "branch is currently checked out" in said) == ("git.push_rejected", True)


def test_of_two_who_push_at_once_one_has_moved_main(repo: Path, tmp_path: Path) -> None:
    """Both see the same main; the hook holds the first inside the remote until the second has come as far."""
    other = r.ensure_repository(tmp_path / "other", str(tmp_path / "origin.git"))
    hook(
        repo,
        f"n=$(mktemp '{tmp_path}/here-XXXX'); for i in $(seq 200); do "
        f"[ $(ls '{tmp_path}' | grep -c ^here-) -ge 2 ] && break; sleep 0.05; done",
    )
    commits = [commit(repo), commit(other, "b.txt")]
    ended: dict[Path, str | None] = {}

    def push(one: Path) -> None:
        try:
            r.push(one)
            ended[one] = None
        except RepositoryError as error:
            ended[one] = error.failure

    threads = [threading.Thread(target=push, args=(one,)) for one in (repo, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY_S)
    assert sorted(ended.values(), key=str) == [None, "git.moved"]
    assert r.head(tmp_path / "origin.git", "refs/heads/main") in commits


def test_a_cancel_ends_a_push_whose_hook_hangs(repo: Path, tmp_path: Path) -> None:
    hook(repo, f"touch '{tmp_path}/hangs'; sleep 300")
    commit(repo)
    before = r.head(tmp_path / "origin.git", "refs/heads/main")
    took = canceled(lambda asked: r.push(repo, cancelled=asked), (tmp_path / "hangs").exists)
    assert took < slower()
    assert alive(tmp_path) == []
    assert r.head(tmp_path / "origin.git", "refs/heads/main") == before
    hook(repo, "exit 0")
    assert r.push(repo) is True, "nothing it left is in the way"


def test_a_push_that_hangs_ends_with_its_time(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(r, "NETWORK_TIMEOUT_S", 1.0)
    hook(repo, "sleep 300")
    commit(repo)
    assert failure_of(lambda: r.push(repo)) == (
        "git.unreachable", "git push in the pattern repository wasn't done after 1 s.",
    )  # fmt: skip
    assert alive(tmp_path) == []


def test_a_cancel_ends_each_command_that_waits_for_a_silent_remote(repo: Path, tmp_path: Path, silent: int) -> None:
    url = f"git://127.0.0.1:{silent}/patterns"
    r.git(repo, "remote", "set-url", "origin", url)
    commands: list[Callable[[Asked], object]] = [
        lambda asked: r.push(repo, cancelled=asked),
        lambda asked: r.fetch(repo, "x:x", cancelled=asked),
        lambda asked: r.pull(repo, cancelled=asked),
        lambda asked: r.ensure_repository(tmp_path / "new", url, cancelled=asked),
    ]
    for command in commands:
        started = time.monotonic()
        assert canceled(command, lambda at=started: time.monotonic() - at > 0.5) < 1.0
    assert alive(tmp_path) == []
    assert not (tmp_path / "new").exists()


def test_a_silent_remote_is_not_waited_for_for_ever(
    repo: Path, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(r, "NETWORK_TIMEOUT_S", 0.5)
    r.git(repo, "remote", "set-url", "origin", f"git://127.0.0.1:{silent}/patterns")
    assert failure_of(lambda: r.pull(repo))[0] == "git.unreachable"


def test_a_remote_that_is_not_there_is_told_apart_from_one_that_can_not_be_reached(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "origin.git").rename(tmp_path / "elsewhere")
    commit(repo)
    assert failure_of(lambda: r.push(repo))[0] == "git.missing"
    assert failure_of(lambda: r.pull(repo))[0] == "git.missing"
    assert failure_of(lambda: r.ensure_repository(tmp_path / "new", str(tmp_path / "origin.git")))[0] == "git.missing"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"git://127.0.0.1:{port}/x", f"http://127.0.0.1:{port}/x"):
        r.git(repo, "remote", "set-url", "origin", url)
        assert failure_of(lambda: r.push(repo))[0] == "git.unreachable", url


def test_a_lock_of_another_git_is_busy(repo: Path) -> None:
    (repo / "new.txt").write_text("x")
    lock = repo / ".git" / "index.lock"
    lock.touch()
    kind, said = failure_of(lambda: r.commit_all(repo, "x"))
    assert (kind, "index.lock" in said) == ("git.busy", True)
    lock.unlink()
    assert r.commit_all(repo, "x")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "git.no_access",
        ),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "git.no_access"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", "git.no_access"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "git.unreachable"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 502", "git.unreachable"),
        ("ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote", "git.unreachable"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "git.missing"),
        ("fatal: write error: No space left on device", "disk"),
        ("fatal: something else", "git"),
    ],
)
def test_what_git_says_of_remotes_elsewhere(said: str, kind: str) -> None:
    assert g.kind_of(said) == kind


def test_a_killed_worker_leaves_no_git_that_waits(repo: Path, tmp_path: Path, silent: int) -> None:
    r.git(repo, "remote", "set-url", "origin", f"git://127.0.0.1:{silent}/patterns")
    script = (
        f"from pathlib import Path; from services.detectors import repository; repository.pull(Path({str(repo)!r}))"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    found: list[psutil.Process] = []
    deadline = time.monotonic() + BUSY_S
    while not found and time.monotonic() < deadline:
        time.sleep(0.02)
        found = fetching(worker.pid)
    assert found
    worker.kill()
    worker.wait()
    _, left = psutil.wait_procs(found, timeout=5)
    assert left == []


def test_output_that_fills_a_pipe_arrives_whole(repo: Path) -> None:
    (repo / "big.txt").write_text("x" * 300_000 + "\n")
    r.commit_all(repo, "Big")
    assert r.git(repo, "show", "HEAD:big.txt", cancelled=lambda: False) == "x" * 300_000
