"""What changed in a detector since it was verified last: of its module, the modules it imports, and its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.review.component import ChangedFile, changed_files, whole_file
from services import releases
from services.deployments import VersionRow
from services.detectors import repository
from services.detectors.bundle import code_files, module_path, read_params
from services.errors import PatternDeskError


@dataclass(frozen=True, slots=True)
class Change:
    """What it is compared with, in words, and the files that differ. `problem` says why they can't be shown."""

    sentence: str
    files: list[ChangedFile]
    problem: str | None = None


def first_deployed(versions: Sequence[VersionRow]) -> VersionRow | None:
    """The first version that ran, of versions with the newest first."""
    return next((v for v in reversed(versions) if v.deployed_at is not None), None)


def change(
    pattern_type: str, deployed: VersionRow, versions: Sequence[VersionRow], verified_commit: str | None
) -> Change:
    """The deployed version beside the last verified one, or beside the first deployed one when none was verified."""
    first = first_deployed(versions)
    if verified_commit is not None:
        same = "Nothing has changed since the last verification: it is the same commit."
        sentence, base = f"Since commit {verified_commit[:7]}, which was verified last.", verified_commit
    elif first is None or first.commit_hash == deployed.commit_hash:
        return _guarded(
            "First verification of the first version, so there is nothing to compare: the whole detector.",
            pattern_type,
            None,
            deployed.commit_hash,
        )
    else:
        same = f"First verification. The code and its parameters are those of v{first.version}, the first version."
        sentence, base = f"First verification: compared with v{first.version}, the first version.", first.commit_hash
    if base == deployed.commit_hash:
        return Change(same, [])
    found = _guarded(sentence, pattern_type, base, deployed.commit_hash)
    return found if found.files or found.problem else Change(same, [])


def _guarded(sentence: str, pattern_type: str, base: str | None, commit: str) -> Change:
    try:
        return Change(sentence, _files(pattern_type, base, commit))
    except (PatternDeskError, OSError) as error:
        problem = (
            error.sentence if isinstance(error, PatternDeskError) else f"Its files can't be read: {error.strerror}."
        )
        return Change(sentence, [], problem)


@st.cache_data(max_entries=64, show_spinner=False)
def _files(pattern_type: str, base: str | None, commit: str) -> list[ChangedFile]:
    """Commits never change, so neither does this."""
    root = releases.release(commit)
    paths = [file.relative_to(root.resolve()).as_posix() for file in code_files(root, pattern_type)]
    params = f"params/{pattern_type}.json"
    if base is None:
        shown = [whole_file(module_path(pattern_type), (root / module_path(pattern_type)).read_text(encoding="utf-8"))]
        if read_params(root, pattern_type) is not None:
            shown.append(whole_file(params, (root / params).read_text(encoding="utf-8")))
        return shown
    own = [params, module_path(pattern_type)]
    others = [path for path in paths if path not in own]
    repo = releases.repository()
    touched = set(repository.changed_files(repo, base, commit))
    diffs = [repository.diff(repo, base, commit, path_filter=path) for path in [*own, *others] if path in touched]
    return [file for text in diffs for file in changed_files(text)]
