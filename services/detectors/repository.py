"""The pattern repository: a git repository of detectors, and what the app does with it.

All paths are local; `ensure_repository` clones when the repository is given by URL. How git is run: `detectors.git`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import shutil
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.detectors.bundle import code_sha256, read_params, write_params
from services.detectors.git import AUTHOR, NETWORK_TIMEOUT_S, TIMEOUT_S, attempt, push_fault, run
from services.errors import Cancelled, RepositoryError

__all__ = [
    "Commit", "changed_files", "check_at_rest", "check_repository", "checkout_release", "code_sha256", "commit_all", "commits_of",
    "create_worktree", "diff",
    "ensure_repository", "fetch", "git", "has_origin", "head", "merge_to_main", "pull", "push", "read_params",
    "rebased", "remove_worktree", "repository_lock", "restore_files", "show", "write_params",
]  # fmt: skip

STARTER = Path(__file__).parent / "starter"
MAIN = "main"
LOCK_S = 300.0  # that another one may take with the repository


def git(path: Path, *args: str, timeout: float = TIMEOUT_S, cancelled: Callable[[], bool] | None = None) -> str:
    """git's output, stripped; RepositoryError with its reason when it fails or takes longer than `timeout` seconds."""
    return run(path, args, timeout=timeout, cancelled=cancelled).decode("utf-8", "replace").strip()


def head(path: Path, ref: str = "HEAD") -> str:
    """The full commit hash of `ref`."""
    return git(path, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")


def _has_main(path: Path) -> bool:
    try:
        head(path, f"refs/heads/{MAIN}")
    except RepositoryError:
        return False
    return True


@contextlib.contextmanager
def _locked(file: Path, cancelled: Callable[[], bool] | None, seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if cancelled is not None and cancelled():
                    raise Cancelled("The run was canceled.") from None
                if time.monotonic() > deadline:
                    raise RepositoryError(
                        "The pattern repository is busy with another merge.", failure="git.busy"
                    ) from error
                time.sleep(0.1)
        yield


def _common(repo: Path) -> Path:
    """The folder of git's own that all worktrees of a repository share."""
    return Path(git(repo, "rev-parse", "--path-format=absolute", "--git-common-dir"))


@contextlib.contextmanager
def repository_lock(
    repo: Path, *, cancelled: Callable[[], bool] | None = None, seconds: float = LOCK_S
) -> Iterator[None]:
    """One at a time per repository, among processes and threads; not reentrant. RepositoryError after `seconds`."""
    common = _common(repo)
    with _locked(common / "patterndesk.lock", cancelled, seconds):
        yield


def ensure_repository(
    path: Path, url: str | None = None, *, cancelled: Callable[[], bool] | None = None
) -> Path:  # fmt: skip
    """The repository at `path`, made from the starter (or cloned from `url`) when there is nothing there yet.

    Safe when several processes do it at once, and leaves nothing half-made. RepositoryError when something else is
    in the way or the clone fails.
    """
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent / f".{path.name}.lock", cancelled, NETWORK_TIMEOUT_S + TIMEOUT_S):
            if not path.exists() or (path.is_dir() and not any(path.iterdir())):
                _create(path, url, cancelled)
    except OSError as error:
        reason = error.strerror or str(error)
        kind = "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "git.missing"
        raise RepositoryError(f"The pattern repository can't be made at {path}: {reason}.", failure=kind) from error
    check_repository(path, clean=False)
    return path


def _create(path: Path, url: str | None, cancelled: Callable[[], bool] | None) -> None:
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}"
    try:
        if url is not None:
            clone = ("clone", "--", url, str(temporary))
            run(path.parent, clone, timeout=NETWORK_TIMEOUT_S, cancelled=cancelled)
        else:
            shutil.copytree(STARTER, temporary, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".pytest_cache"))
            temporary.chmod(0o700)  # it came with the mode of the starter's folder
            git(temporary, "init", "--initial-branch", MAIN)
            git(temporary, "add", "--all")
            git(temporary, "commit", "-m", "Starter detectors: structure, order blocks, gaps, liquidity")
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_repository(path: Path, *, clean: bool = True) -> None:
    """RepositoryError with one sentence when it is missing, no git repository, without a main branch, or dirty."""
    if not path.is_dir():
        raise RepositoryError(f"The pattern repository {path} isn't there.", failure="git.missing")
    try:
        top = git(path, "rev-parse", "--show-toplevel")
    except RepositoryError as error:
        raise RepositoryError(f"The folder {path} is no git repository.", failure="git.missing") from error
    if Path(top).resolve() != path.resolve():
        sentence = f"The folder {path} is no git repository of its own, only a part of {top}."
        raise RepositoryError(sentence, failure="git.missing")
    if not _has_main(path):
        raise RepositoryError(f"The pattern repository {path} has no branch {MAIN}.", failure="git.missing")
    if clean and (files := _dirty(path)):
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        raise RepositoryError(f"The pattern repository {path} has changes that aren't committed: {files[0]}{more}.")


def check_at_rest(path: Path, *, cancelled: Callable[[], bool] | None = None) -> None:
    """As `check_repository`, while nobody merges: what a merge is just writing is no change that somebody left."""
    check_repository(path, clean=False)
    with repository_lock(path, cancelled=cancelled):
        check_repository(path)


def _dirty(path: Path) -> list[str]:
    rows = run(path, ("status", "--porcelain", "-z", "--no-renames")).decode("utf-8", "replace").split("\0")
    return [row[3:] for row in rows if row]


def create_worktree(path: Path, ref: str, to: Path) -> Path:
    """A worktree at `to`, detached at `ref`. One that is there already is kept as it is: a step may run twice."""
    to = to.absolute()
    if (to / ".git").exists():
        head(to)
        return to
    to.parent.mkdir(parents=True, exist_ok=True)
    with _worktrees_locked(path):
        git(path, "worktree", "prune")
        git(path, "worktree", "add", "--force", "--detach", str(to), head(path, ref))
    return to


def remove_worktree(path: Path, to: Path) -> None:
    """Remove the worktree and its files, whatever state it is in; nothing when it isn't there."""
    shutil.rmtree(to, ignore_errors=True)
    with _worktrees_locked(path):
        git(path, "worktree", "prune")


@contextlib.contextmanager
def _worktrees_locked(repo: Path) -> Iterator[None]:
    """One at a time adds or removes: git takes a worktree that another process is just adding for one that is gone."""
    with _locked(_common(repo) / "patterndesk-worktrees.lock", None, LOCK_S):
        yield


def commit_all(worktree: Path, message: str, author_name: str = AUTHOR) -> str | None:
    """Commit everything in the worktree; the new hash, or None when nothing has changed."""
    git(worktree, "add", "--all")
    if not git(worktree, "diff", "--cached", "--name-only"):
        return None
    author = author_name.translate({ord(c): None for c in "<>\n\r\0"}).strip() or AUTHOR
    run(worktree, ("commit", "--no-verify", "--cleanup=whitespace", "-m", message), author=author)
    return head(worktree)


def changed_files(worktree: Path, base: str, to: str = "HEAD") -> list[str]:
    """Paths that differ between two commits, sorted; a renamed file is both its names."""
    out = run(worktree, ("diff", "--name-only", "-z", "--no-renames", head(worktree, base), head(worktree, to), "--"))
    return sorted(name for name in out.decode("utf-8", "replace").split("\0") if name)


def show(path: Path, commit: str, name: str) -> str | None:
    """A file's text at a commit; None when the commit has no such file."""
    ref = head(path, commit)
    if not run(path, ("ls-tree", "--name-only", "-z", ref, "--", f":(literal){name}")):
        return None
    return run(path, ("show", f"{ref}:{name}")).decode("utf-8", "replace")


def last_change(path: Path, commit: str, name: str) -> Commit | None:
    """The newest commit up to `commit` that changed the file; None where neither is there."""
    form = "%H%x00%an%x00%aI%x00%s"
    ref = head(path, commit)
    out = run(path, ("log", "-1", f"--format={form}", ref, "--", f":(literal){name}")).decode("utf-8", "replace")
    parts = out.rstrip("\n").split("\0")
    return Commit(parts[0], parts[1], parts[2], parts[3], "") if len(parts) == 4 else None


def diff(path: Path, base: str, to: str, *, path_filter: str | None = None, max_bytes: int = 200_000) -> str:
    """The unified diff between two commits, of one path if given; cut at `max_bytes` with a last line saying so."""
    only = ["--", f":(literal){path_filter}"] if path_filter else ["--"]
    out = run(path, ("diff", "--no-color", "--no-ext-diff", "--no-textconv", head(path, base), head(path, to), *only))
    if len(out) <= max_bytes:
        return out.decode("utf-8", "replace")
    kept = out[:max_bytes].decode("utf-8", "ignore")
    return f"{kept}\n(cut: {len(out) - max_bytes} more bytes)\n"


def restore_files(repo: Path, commit: str, paths: Sequence[str], message: str) -> str | None:
    """A commit on top of main where `paths` are as they were at `commit` (or gone, as there); None when they are already.

    Main itself does not move; `merge_to_main` does that.
    """
    common = _common(repo)
    place = common / "patterndesk-restore" / uuid.uuid4().hex
    source = head(repo, commit)
    create_worktree(repo, f"refs/heads/{MAIN}", place)
    try:
        for name in paths:
            if show(repo, source, name) is not None:
                git(place, "checkout", source, "--", f":(literal){name}")
            elif (place / name).exists():
                git(place, "rm", "--quiet", "--", f":(literal){name}")
        return commit_all(place, message)
    finally:
        remove_worktree(repo, place)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as people recognise it."""

    sha: str
    author: str
    at: str  # ISO
    subject: str
    body: str


def commits_of(
    repo: Path, base: str, to: str, paths: Sequence[str], *, without: Sequence[str] = (), most: int = 50
) -> list[Commit]:
    """The commits between two that touched some files, the newest first.

    Those that a commit of `without` holds are left out; one that is gone leaves nothing out.
    """
    held = [f"^{sha}" for sha in without]
    only = [f":(literal){name}" for name in paths]
    form = "--format=%H%x1f%an%x1f%aI%x1f%s%x1f%b%x1e"
    out = run(
        repo,
        (
            "log",
            "--ignore-missing",
            f"--max-count={most}",
            form,
            f"{head(repo, base)}..{head(repo, to)}",
            *held,
            "--",
            *only,
        ),
    )
    parts = [row.strip("\n").split("\x1f") for row in out.decode("utf-8", "replace").split("\x1e") if row.strip()]
    return [Commit(*part) for part in parts if len(part) == 5]


def rebased(repo: Path, sha: str) -> str:
    """`sha` itself where it holds all of main, main where main holds it, else its commits replayed on main."""
    main, new = head(repo, f"refs/heads/{MAIN}"), head(repo, sha)
    if _is_ancestor(repo, new, main):
        return main
    return new if _is_ancestor(repo, main, new) else _rebased(repo, new, main)


def _is_ancestor(repo: Path, older: str, newer: str) -> bool:
    return git(repo, "rev-list", "--count", older, f"^{newer}") == "0"


def _rebased(repo: Path, sha: str, onto: str) -> str:
    """`sha` and what leads to it, replayed on `onto` in a worktree of its own; RepositoryError on a conflict."""
    common = _common(repo)
    place = common / "patterndesk-merge" / uuid.uuid4().hex
    create_worktree(repo, sha, place)
    try:
        try:
            git(place, "rebase", onto)
        except RepositoryError as error:
            files = git(place, "diff", "--name-only", "--diff-filter=U").splitlines()
            if not files:
                raise
            where = ", ".join(files[:3])
            sentence = f"The change conflicts with what is on {MAIN} by now, in {where}."
            raise RepositoryError(sentence, failure="git.conflict") from error
        return head(place)
    finally:
        remove_worktree(repo, place)


def merge_to_main(
    repo: Path,
    sha: str,
    *,
    verify: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> str:
    """Bring `sha` onto main by fast-forward, rebased if main has moved; the commit that main then has.

    Under the repository's lock. `verify` is called with the commit inside the lock before main moves, and only when a
    rebase made it differ from `sha`; what it raises stops the merge. A working tree that has main checked out is
    updated with it. Merging the same commit again changes nothing. RepositoryError on a conflict or a dirty tree.
    """
    with repository_lock(repo, cancelled=cancelled):
        check_repository(repo)
        main, new = head(repo, f"refs/heads/{MAIN}"), head(repo, sha)
        if _is_ancestor(repo, new, main):
            return main
        if not _is_ancestor(repo, main, new):
            new = _rebased(repo, new, main)
            if new == main:
                return main
            if verify is not None:
                verify(new)
        _move_main(repo, main, new)
        return new


def pull(repo: Path, *, cancelled: Callable[[], bool] | None = None) -> bool:
    """Bring main up to `origin`'s main by fast-forward; False when there is no such remote.

    Commits that only we have stay. RepositoryError when both sides have some, or the remote doesn't answer.
    """
    if not has_origin(repo):
        return False
    with repository_lock(repo, cancelled=cancelled):
        check_repository(repo)
        git(repo, "fetch", "origin", MAIN, timeout=NETWORK_TIMEOUT_S, cancelled=cancelled)
        main, theirs = head(repo, f"refs/heads/{MAIN}"), head(repo, "FETCH_HEAD")
        if _is_ancestor(repo, theirs, main):
            return True
        if not _is_ancestor(repo, main, theirs):
            sentence = f"The branch {MAIN} of the pattern repository and that of its origin have diverged."
            raise RepositoryError(sentence, failure="git.diverged")
        _move_main(repo, main, theirs)
    return True


def _move_main(repo: Path, old: str, new: str) -> None:
    if git(repo, "rev-parse", "--abbrev-ref", "HEAD") == MAIN:
        git(repo, "merge", "--ff-only", new)
    else:
        git(repo, "update-ref", f"refs/heads/{MAIN}", new, old)


def has_origin(repo: Path) -> bool:
    """Whether the repository has a remote that it shares its work with."""
    return "origin" in git(repo, "remote").splitlines()


def fetch(
    repo: Path, refspec: str, *, timeout: float = NETWORK_TIMEOUT_S, cancelled: Callable[[], bool] | None = None
) -> bool:
    """Fetch a ref from `origin`; False when there is no such remote. RepositoryError when it has no such ref."""
    if not has_origin(repo):
        return False
    git(repo, "fetch", "origin", refspec, timeout=timeout, cancelled=cancelled)
    return True


def push(
    repo: Path, refspec: str = f"refs/heads/{MAIN}:refs/heads/{MAIN}", *,
    cancelled: Callable[[], bool] | None = None, force: bool = False,
) -> bool:  # fmt: skip
    """Push `from:to` to `origin`; False when there is no such remote.

    RepositoryError of kind git.moved when others pushed there meanwhile, git.push_rejected when the remote refuses it
    (a protected branch, a hook), else as any command. Cancelled once nothing of it is alive here; what the remote had
    begun by then may still come to its end there.
    """
    if not has_origin(repo):
        return False
    forced = ("--force",) if force else ()
    args = ("push", "--porcelain", *forced, "origin", refspec)
    done = attempt(repo, args, timeout=NETWORK_TIMEOUT_S, cancelled=cancelled)
    if done.returncode != 0:
        raise push_fault(done)
    return True


def checkout_release(repo: Path, sha: str, to: Path) -> Path:
    """The files of a commit at `to`, without git's own; complete or not there at all. Kept when it is there already."""
    if to.is_dir():
        return to
    archive = run(repo, ("archive", "--format=tar", head(repo, sha)))
    temporary = to.parent / f".{to.name}.{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(temporary, filter="data")
        temporary.rename(to)
    except (OSError, tarfile.TarError) as error:
        if not to.is_dir():  # another process may have been quicker
            sentence = f"The release {sha[:12]} can't be written to {to.parent}: {error}."
            raise RepositoryError(sentence, failure="disk") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return to
