"""Filters that stand in a page's address, so that a link opens a list already narrowed and what is seen can be shared."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

import streamlit as st

from pages.components import looks

T = TypeVar("T")
Written = str | uuid.UUID | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. `odd` are sentences about what of it is not known; that is left out."""

    given: Mapping[str, str]
    odd: list[str] = field(default_factory=list)

    def text(self, name: str, known: Sequence[str] | None = None) -> str | None:
        """The value of a name, one of `known` where those are given."""
        value = self.given.get(name)
        if value is None or known is None or value in known:
            return value
        self.odd.append(f"'{value[:40]}' is no {name.replace('_', ' ')}; it was left out.")
        return None

    def several(self, name: str, known: Sequence[str]) -> list[str]:
        """The values between commas that are known."""
        asked = [value for value in self.given.get(name, "").split(",") if value]
        unknown = [value for value in asked if value not in known]
        if unknown:
            self.odd.append(f"'{unknown[0][:40]}' is no {name}; it was left out.")
        return [value for value in asked if value in known]

    def id(self, name: str) -> uuid.UUID | None:
        return self._read(name, uuid.UUID)

    def day(self, name: str) -> date | None:
        return self._read(name, date.fromisoformat)

    def number(self, name: str) -> float | None:
        return self._read(name, _finite)

    def whole(self, name: str) -> int | None:
        return self._read(name, _whole)

    def _read(self, name: str, reads: Callable[[str], T]) -> T | None:
        value = self.given.get(name)
        if value is None:
            return None
        try:
            return reads(value)
        except (ValueError, OverflowError):
            self.odd.append(f"'{value[:40]}' can't be read as {name.replace('_', ' ')}; it was left out.")
            return None


def _finite(text: str) -> float:
    value = float(text)
    if not -1e15 < value < 1e15:
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100_000:
        raise ValueError(text)
    return value


def asked() -> Asked:
    """The page's address as it stands; empty values count as not given."""
    return Asked({name: value for name, value in st.query_params.to_dict().items() if value})


def write(values: Mapping[str, Written]) -> None:
    """Writes filters into the address; those that are None or empty are taken out, other names stay."""
    for name, value in values.items():
        text = str(value or "") if value is None or isinstance(value, str | uuid.UUID) else ",".join(value)
        if text and st.query_params.get(name) != text:
            st.query_params[name] = text
        elif not text and name in st.query_params:
            del st.query_params[name]


def arrived(key: str) -> bool:
    """Whether the address is another one than this page wrote or saw last: then its filters are taken over."""
    now = tuple(sorted(st.query_params.to_dict().items()))
    new = st.session_state.get(key) != now
    st.session_state[key] = now
    return new


def settled(key: str) -> None:
    """Remembers the address that the page itself has just written."""
    st.session_state[key] = tuple(sorted(st.query_params.to_dict().items()))


def days(since: date | None, until: date | None) -> str:
    """A period in words: both its days are in it."""
    last = until - timedelta(days=1) if until else None
    first, final = (f"{day.day} {day:%b %Y}" if day else None for day in (since, last))
    if first == final and first is not None:
        return f"on {first}"
    return " ".join(part for part in (f"from {first}" if first else "", f"to {final}" if final else "") if part)


def notes(odd: Sequence[str]) -> None:
    for sentence in odd:
        st.warning(looks.plain(sentence), icon=":material/link_off:")


def narrowed(words: Sequence[str], clears: Sequence[str], *, key: str) -> None:
    """Says what a link narrowed the list to beside its usual filters, with a button that takes it off again."""
    if not words:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(":material/filter_list: " + looks.plain(" · ".join(words)), width="content")
        st.button("Show all", key=key, type="tertiary", on_click=write, args=(dict.fromkeys(clears),))
