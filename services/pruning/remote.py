"""The commits of executions that the pattern repository's remote keeps, for other machines to go on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services import releases
from services.detectors import repository
from services.detectors.git import NETWORK_TIMEOUT_S, attempt, push_fault
from services.errors import RepositoryError
from services.logs import get_logger
from services.pruning.parts import Facts, Item

REFS: Final = "refs/patterndesk/executions"
ASK_S: Final = 10.0  # a screen waits for the answer
AT_ONCE: Final = 200  # refs of one push, which keeps its command line short
log = get_logger(__name__)


def refs(facts: Facts) -> Iterator[Item]:
    """What the remote keeps of executions of this installation. Others' may be there too, and are left alone.

    A remote that does not answer is passed over: nothing is known of it then, and nothing is removed.
    """
    try:
        found = releases.repository()
        if not repository.has_origin(found):
            return
        listed = repository.git(found, "ls-remote", "--refs", "origin", f"{REFS}/*", timeout=ASK_S).splitlines()
    except RepositoryError as error:
        log.info("remote_refs_unknown", error=str(error)[:200])
        return
    removal = _Removal(found)
    for line in listed:
        name = line.partition("\t")[2]
        execution = name.rpartition("/")[2]
        over = execution in facts.ended and facts.over(execution, facts.settings.keep_ref_days)
        if over:
            removal.names.append(name)
        yield Item(0, removal if over else None)


@dataclass
class _Removal:
    """Removes all its refs when it is called the first time, because each push asks the remote once."""

    repo: Path
    names: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        names, self.names = self.names, []
        for start in range(0, len(names), AT_ONCE):
            gone = [f":{name}" for name in names[start : start + AT_ONCE]]
            done = attempt(self.repo, ("push", "--porcelain", "origin", *gone), timeout=NETWORK_TIMEOUT_S)
            if done.returncode != 0:
                raise push_fault(done)
