"""How far the demo is, for the screens."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.models import Setting

NAME = "demo"


@dataclass(frozen=True, slots=True)
class DemoState:
    """`state` is building, ready or failed; `step` says what is under way, or why it failed."""

    state: str
    step: str


def read(session: Session) -> DemoState | None:
    """None when no demo was ever begun."""
    found = session.get(Setting, NAME)
    return DemoState(found.value["state"], found.value["step"]) if found else None


def write(session: Session, state: str, step: str) -> None:
    found = session.get(Setting, NAME)
    if found is None:
        session.add(Setting(name=NAME, value={"state": state, "step": step}))
    else:
        found.value = {"state": state, "step": step}
