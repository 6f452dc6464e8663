"""Text from people, agents and logs, made fit to be stored."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without NUL characters, which PostgreSQL can't hold."""
    return text.replace("\x00", "")


def cleaned(text: str | None) -> str:
    """The text without NUL characters and without blanks at both ends; empty for None."""
    return storable(text or "").strip()
