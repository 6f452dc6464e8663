"""Text from people, agents and logs, made fit to be stored."""

from __future__ import annotations

from typing import Final

from services.errors import InvalidInput

MOST: Final = 2_000_000  # characters that any text may have; most have a limit of their own below it


def storable(text: str) -> str:
    """The text without NUL characters and halves of surrogate pairs, which PostgreSQL can't hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def cleaned(text: str | None, *, most: int = MOST) -> str:
    """A person's text as it is kept, without blanks at both ends; empty for None. Raises InvalidInput when too long."""
    kept = storable(text or "").strip()
    if len(kept) > most:
        raise InvalidInput(f"This text has {len(kept):,} characters; up to {most:,} are kept.")
    return kept
