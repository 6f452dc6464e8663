"""The pattern repository with real git: made once, merged in order, never half-changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.detectors import repository as r
from services.detectors.bundle import code_files, owned_paths, patterns
from services.detectors.proofs import prepare
from services.errors import Cancelled, DetectorError, RepositoryError
from services.worker.own_tests import tests_in


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return r.ensure_repository(tmp_path / "data dir" / "patterns")


def commit(repo: Path, to: Path, file: str, text: str, base: str = "main") -> str:
    """A commit on `base` made in a worktree of its own."""
    place = r.create_worktree(repo, base, to)
    (place / file).write_text(text)
    sha = r.commit_all(place, f"Change {file}")
    assert sha is not None
    return sha


def test_it_is_made_from_the_starter_with_one_commit_by_us(repo: Path) -> None:
    assert r.git(repo, "log", "--format=%an <%ae> %cn", "--all") == "Pattern Desk <patterndesk@localhost> Pattern Desk"
    assert r.git(repo, "status", "--porcelain") == ""
    assert {"AGENTS.md", ".gitignore", "detectors/swings.py", "tests/test_bos.py"} <= set(
        r.git(repo, "ls-files").split()
    )
    seven = ["bos", "choch", "equal_highs_lows", "fvg", "liquidity_sweeps", "order_blocks", "swings"]
    assert patterns(repo) == seven
    assert all(r.read_params(repo, name) is None for name in patterns(repo))
    r.check_repository(repo)


def test_making_it_again_changes_nothing(repo: Path) -> None:
    before = r.head(repo)
    (repo / "own.txt").write_text("mine")
    r.ensure_repository(repo)
    assert r.head(repo) == before and (repo / "own.txt").exists()


def test_several_processes_make_one(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from services.detectors.repository import ensure_repository, head
print(head(ensure_repository(Path({str(tmp_path / "patterns")!r}))))
"""
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    running = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    heads = {process.communicate(timeout=30)[0].strip() for process in running}
    assert heads == {r.head(tmp_path / "patterns")}
    assert not list(tmp_path.glob(".patterns.*-*")) and len(list(tmp_path.iterdir())) == 2  # and its lock


def test_no_configuration_of_the_machine_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text(
        "[user]\n\tname = Someone\n[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = x\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Someone")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    repo = r.ensure_repository(tmp_path / "patterns")
    assert r.git(repo, "log", "--format=%an") == "Pattern Desk"
    assert r.git(repo, "branch", "--show-current") == "main"


def test_hooks_do_not_run(repo: Path, tmp_path: Path) -> None:
    hook = repo / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o755)
    commit(repo, tmp_path / "w", "a.txt", "1")
    assert not (tmp_path / "ran").exists()


def test_what_is_wrong_has_its_sentence(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="isn't there"):
        r.check_repository(tmp_path / "nothing")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").write_text("x")
    for check in (r.check_repository, r.ensure_repository):
        with pytest.raises(RepositoryError, match="no git repository"):
            check(tmp_path / "plain")
    with pytest.raises(RepositoryError, match="of its own"):
        r.check_repository(repo / "detectors")
    (repo / "detectors" / "bos.py").write_text("x = 1\n")
    (repo / "new file.txt").write_text("x")
    with pytest.raises(RepositoryError, match=r"detectors/bos\.py and 1 more\.$"):
        r.check_repository(repo)
    r.git(repo, "checkout", "-q", "-b", "other")
    r.git(repo, "branch", "-D", "main")
    with pytest.raises(RepositoryError, match="no branch main"):
        r.check_repository(repo)
    with pytest.raises(RepositoryError, match="can't be made"):
        r.ensure_repository(tmp_path / "plain" / "file" / "patterns")


def test_commits_carry_their_author_and_an_empty_one_is_none(repo: Path, tmp_path: Path) -> None:
    place, base = r.create_worktree(repo, "main", tmp_path / "w"), r.head(repo)
    assert r.commit_all(place, "Nothing") is None
    (place / "detectors" / "ä b.py").write_text("x = 1\n")
    (place / "README.md").unlink()
    sha = r.commit_all(place, "# Subject\n\nBody", "Ann <x> Agent")
    assert sha == r.head(place)
    assert r.git(place, "log", "-1", "--format=%an|%cn|%B") == "Ann x Agent|Pattern Desk|# Subject\n\nBody"
    assert r.changed_files(place, base, sha) == ["README.md", "detectors/ä b.py"]
    assert "+x = 1" in r.diff(repo, base, sha, path_filter="detectors/ä b.py")
    assert "README" not in r.diff(repo, base, sha, path_filter="detectors/ä b.py")
    assert r.diff(repo, base, sha, max_bytes=50).rstrip().endswith("more bytes)")
    assert r.head(repo) == base


def test_a_worktree_may_be_made_and_removed_twice(repo: Path, tmp_path: Path) -> None:
    place = r.create_worktree(repo, "main", tmp_path / "w")
    (place / "half.txt").write_text("x")
    assert r.create_worktree(repo, "main", place) == place and (place / "half.txt").exists()
    r.remove_worktree(repo, place)
    r.remove_worktree(repo, place)
    assert not place.exists()
    assert r.git(repo, "worktree", "list").count("\n") == 0
    r.create_worktree(repo, "main", place)


def test_merging_moves_main_and_its_files(repo: Path, tmp_path: Path) -> None:
    sha = commit(repo, tmp_path / "w", "a.txt", "1")
    assert r.merge_to_main(repo, sha) == sha == r.head(repo, "main") == r.merge_to_main(repo, sha)
    assert (repo / "a.txt").read_text() == "1"
    r.check_repository(repo)


def test_when_main_has_moved_the_change_is_rebased_and_verified_first(repo: Path, tmp_path: Path) -> None:
    one, two = commit(repo, tmp_path / "1", "a.txt", "1"), commit(repo, tmp_path / "2", "b.txt", "2")
    r.merge_to_main(repo, one)
    seen: list[str] = []

    def refuse(sha: str) -> None:
        seen.append(sha)
        raise RepositoryError("The tests fail.")

    with pytest.raises(RepositoryError, match="tests fail"):
        r.merge_to_main(repo, two, verify=refuse)
    assert r.head(repo, "main") == one
    merged = r.merge_to_main(repo, two, verify=seen.append)
    assert merged == seen[1] != two
    assert {p.name for p in repo.glob("*.txt")} == {"a.txt", "b.txt"}
    assert r.merge_to_main(repo, two) == merged
    assert r.git(repo, "log", "--merges", "--format=%h") == ""


def test_a_conflict_is_refused_and_leaves_nothing(repo: Path, tmp_path: Path) -> None:
    one, two = commit(repo, tmp_path / "1", "a.txt", "1"), commit(repo, tmp_path / "2", "a.txt", "2")
    r.merge_to_main(repo, one)
    with pytest.raises(RepositoryError, match=r"conflicts with what is on main by now, in a\.txt\.$"):
        r.merge_to_main(repo, two)
    assert r.head(repo, "main") == one and (repo / "a.txt").read_text() == "1"
    r.check_repository(repo)
    assert len(r.git(repo, "worktree", "list").splitlines()) == 3


def test_a_dirty_tree_is_not_merged_into(repo: Path, tmp_path: Path) -> None:
    sha, before = commit(repo, tmp_path / "w", "a.txt", "1"), r.head(repo)
    (repo / "README.md").write_text("mine")
    with pytest.raises(RepositoryError, match=r"README\.md"):
        r.merge_to_main(repo, sha)
    assert r.head(repo, "main") == before and (repo / "README.md").read_text() == "mine"


def test_merges_at_once_all_arrive(repo: Path, tmp_path: Path) -> None:
    shas = [commit(repo, tmp_path / str(n), f"{n}.txt", str(n)) for n in range(4)]
    threads = [threading.Thread(target=r.merge_to_main, args=(repo, sha)) for sha in shas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {p.name for p in repo.glob("*.txt")} == {f"{n}.txt" for n in range(4)}
    assert r.git(repo, "rev-list", "--count", "main") == "5"
    r.check_repository(repo)


def test_waiting_for_the_lock_can_be_cancelled_and_ends(repo: Path) -> None:
    with r.repository_lock(repo):
        with pytest.raises(Cancelled), r.repository_lock(repo, cancelled=lambda: True):
            pass
        with pytest.raises(RepositoryError, match="busy"), r.repository_lock(repo, seconds=0.2):
            pass


def test_push_pull_and_clone(repo: Path, tmp_path: Path) -> None:
    assert r.push(repo) is False and r.pull(repo) is False
    origin = tmp_path / "origin.git"
    r.git(tmp_path, "clone", "-q", "--bare", str(repo), str(origin))
    r.git(repo, "remote", "add", "origin", str(origin))
    other = r.ensure_repository(tmp_path / "other", str(origin))
    sha = r.merge_to_main(repo, commit(repo, tmp_path / "w", "a.txt", "1"))
    assert r.push(repo) is True
    assert r.pull(other) is True and r.head(other, "main") == sha and (other / "a.txt").exists()
    r.merge_to_main(repo, commit(repo, tmp_path / "w2", "b.txt", "1"))
    r.push(repo)
    r.merge_to_main(other, commit(other, tmp_path / "w3", "c.txt", "1"))
    with pytest.raises(RepositoryError, match="Others pushed to main"):
        r.push(other)
    with pytest.raises(RepositoryError, match="diverged"):
        r.pull(other)
    with pytest.raises(RepositoryError, match="git clone failed"):
        r.ensure_repository(tmp_path / "third", str(tmp_path / "nowhere"))
    assert not (tmp_path / "third").exists()


def test_a_release_is_the_commit_whole_or_not_there(repo: Path, tmp_path: Path) -> None:
    sha = r.head(repo)
    place = r.checkout_release(repo, sha, tmp_path / "releases" / sha)
    assert not (place / ".git").exists()
    assert sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()) == sorted(
        r.git(repo, "ls-files").splitlines()
    )
    assert r.checkout_release(repo, sha, place) == place
    with pytest.raises(RepositoryError):
        r.checkout_release(repo, "0" * 40, tmp_path / "releases" / "x")
    assert os.listdir(tmp_path / "releases") == [sha]


def test_the_code_hash_follows_what_the_module_imports(repo: Path) -> None:
    names = [str(p.relative_to(repo)) for p in code_files(repo, "bos")]
    assert names == [f"detectors/{n}.py" for n in ("__init__", "base", "bos", "structure", "swings")]
    before = {name: r.code_sha256(repo, name) for name in ("swings", "bos", "choch")}
    assert len(set(before.values())) == 3

    def changed(file: str) -> set[str]:
        path = repo / file
        text = path.read_text()
        path.write_text(text + "\n# changed\n")
        after = {name: r.code_sha256(repo, name) for name in before}
        path.write_text(text)
        return {name for name in before if after[name] != before[name]}

    assert changed("detectors/structure.py") == {"bos", "choch"}
    assert changed("detectors/swings.py") == {"swings", "bos", "choch"}
    assert changed("detectors/choch.py") == {"choch"}
    assert changed("tests/test_bos.py") == set() == changed("README.md")
    r.write_params(repo, "bos", {"left": 9})
    assert r.code_sha256(repo, "bos") == before["bos"]


def test_a_dynamic_import_binds_all_detectors(repo: Path) -> None:
    (repo / "detectors" / "odd.py").write_text(
        "import importlib\nSPEC = {}\nimportlib.import_module('detectors.' + 'bos')\n"
    )
    assert repo / "detectors" / "bos.py" in code_files(repo, "odd")
    (repo / "detectors" / "broken.py").write_text("def (")
    with pytest.raises(DetectorError):
        r.code_sha256(repo, "broken")
    with pytest.raises(DetectorError):
        r.code_sha256(repo, "nothing")


def test_parameters_are_stable_bytes(repo: Path) -> None:
    file = r.write_params(repo, "bos", {"right": 2, "left": 3.5, "use_wick": True})
    assert file.read_text() == '{\n  "left": 3.5,\n  "right": 2,\n  "use_wick": true\n}\n'
    assert r.read_params(repo, "bos") == json.loads(file.read_text())
    assert os.listdir(file.parent).count("bos.json") == 1 and len(os.listdir(file.parent)) == 2
    for text in ("[1]", "{", "\xff"):
        file.write_bytes(text.encode("latin-1"))
        with pytest.raises(RepositoryError, match=r"params/bos\.json"):
            r.read_params(repo, "bos")
    assert owned_paths("bos") == ("detectors/bos.py", "params/bos.json", "tests/test_bos.py")


@pytest.mark.parametrize("value", ["1e400", "NaN", "-Infinity", '"\\u0000"', '"\\ud800"', "[" * 100_000])
def test_parameters_that_no_database_takes_are_refused_with_their_file(repo: Path, value: str) -> None:
    (repo / "params" / "bos.json").write_text(f'{{"left": {value}}}')
    with pytest.raises(RepositoryError, match=r"params/bos\.json"):
        r.read_params(repo, "bos")


@pytest.mark.parametrize("text", ["x = " + "-" * 5000 + "1", "x = " + "-" * 200_000 + "1", "x = a" + ".b" * 50_000])
def test_code_that_is_nested_too_deeply_is_no_python(repo: Path, text: str) -> None:
    (repo / "detectors" / "deep.py").write_text(text)
    assert "deep" not in patterns(repo) and "bos" in patterns(repo)
    with pytest.raises(DetectorError, match=r"detectors/deep\.py can't be read as Python: it is nested too deeply"):
        r.code_sha256(repo, "deep")
    assert tests_in(text) == set()
    with pytest.raises(SyntaxError):
        prepare(text.encode())


def test_worktrees_are_added_and_removed_at_once(repo: Path, tmp_path: Path) -> None:
    faults: list[RepositoryError] = []

    def work(number: int) -> None:
        for turn in range(6):
            place = tmp_path / f"{number}-{turn}" / "tree"  # git calls them all "tree", with a number
            try:
                r.create_worktree(repo, "main", place)
                r.remove_worktree(repo, place)
            except RepositoryError as error:
                faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert r.git(repo, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_a_merge_that_is_under_way_is_no_change_that_somebody_left(repo: Path, tmp_path: Path) -> None:
    many = {f"detectors/many_{n}.py": f"x = {n}\n" * 20 for n in range(150)}
    faults: list[RepositoryError] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                r.check_at_rest(repo)
            except RepositoryError as error:
                faults.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for turn in range(4):
            place = r.create_worktree(repo, "main", tmp_path / str(turn))
            for name, text in many.items():
                (place / name).write_text(f"# {turn}\n{text}")
            sha = r.commit_all(place, f"Turn {turn}")
            assert sha is not None
            r.merge_to_main(repo, sha)
    finally:
        over.set()
        looking.join()
    assert faults == []
