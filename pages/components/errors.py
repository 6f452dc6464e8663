"""What a person sees when something goes wrong: one sentence, a link where it helps, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import streamlit as st

from pages.components.links import link_to
from pages.components.looks import plain
from services.database.engine import is_unreachable
from services.errors import PatternDeskError
from services.logs import log_unexpected

AWAY: Final = "The database can't be reached; what you typed is kept. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence for the person, and the address of what stands in the way where there is one."""

    sentence: str
    link: str | None = None


@dataclass(slots=True)
class Outcome:
    """How a guarded block ended; `problem` is None when it went well."""

    problem: Problem | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None


def explain(error: Exception) -> Problem:
    """The sentence for an error; one that nobody expected is logged and named by its reference alone."""
    if isinstance(error, PatternDeskError):
        return Problem(error.sentence, getattr(error, "link", None))
    if is_unreachable(error):
        return Problem(AWAY)
    return Problem(f"Something went wrong. Reference {log_unexpected(error, part='page')}.")


def show(problem: Problem) -> None:
    """The sentence as typed: it may quote what people wrote, so it is never read as markup."""
    st.error(plain(problem.sentence), icon=":material/error:")
    link_to(problem.link, "Show what stands in the way", icon=":material/arrow_forward:")


@contextmanager
def guarded(*, stop: bool = False) -> Iterator[Outcome]:
    """Runs an action and shows what went wrong. Reruns, stops and page switches pass through.

    With `stop` nothing after the block is drawn: for what a screen can't do without.
    """
    outcome = Outcome()
    try:
        yield outcome
    except Exception as error:  # noqa: BLE001  # the edge: every error becomes a sentence or a reference
        outcome.problem = explain(error)
        show(outcome.problem)
        if stop:
            if outcome.problem.sentence == AWAY:  # any rerun tries again; the key is new, since several parts may ask
                st.button("Try again", icon=":material/refresh:", key=f"again-{uuid4()}")
            st.stop()
