"""The audit trail on a screen: in words, with the names of people and things, narrowed and searched."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from pages.components.errors import guarded
from pages.components.links import open_link
from pages.components.parts import empty_state, export_menu
from pages.components.rows.component import rows_table
from services import audit, people, words
from services.audit import AuditFilter, AuditRow
from services.database.engine import transaction
from services.people import Actor

_OLDER: Final = "audit-older"
_MOST: Final = 90  # characters of a value that is shown


def the_trail(actor: Actor) -> None:
    """Who did what, the newest first; nothing of it can be changed here."""
    wanted = _filters(actor)
    held: tuple[AuditFilter, list[AuditRow]] = st.session_state.get(_OLDER, (wanted, []))
    older = held[1] if held[0] == wanted else []
    with guarded(stop=True), transaction() as session:
        newest = audit.list_events(session, wanted, actor=actor)
    if not newest:
        if wanted == AuditFilter():
            empty_state("history", "Nothing yet", "What people and the app change is recorded here.")
        else:
            empty_state("search_off", "Nothing fits", "Change the person, the kind of thing or the search.")
        return
    seen = {row.id for row in newest}
    events = [*newest, *(row for row in older if row.id not in seen)]
    st.caption(
        f"The newest {looks.count(len(events), 'event')}; times are in your zone. A click opens what it speaks of."
    )
    opened, _ = rows_table(columns(), events, key="audit", label="Audit trail", titles=3, most=560)
    if opened is not None and (link := events[opened].link) is not None:
        open_link(link)
    if len(newest) == audit.PAGE and st.button("Show older", icon=":material/expand_more:"):
        last = events[-1]
        with guarded():
            with transaction() as session:
                more = audit.list_events(session, wanted, before=(last.created_at, last.id), actor=actor)
            st.session_state[_OLDER] = wanted, [*events, *more]
            st.rerun()


def _filters(actor: Actor) -> AuditFilter:
    with guarded(stop=True), transaction() as session:
        persons = {person.id: person.name for person in people.list_people(session)}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        search = st.text_input(
            "Search the trail",
            type="search",
            placeholder="Search the trail",
            label_visibility="collapsed",
            width=240,
            live=True,
            key="audit-search",
        )
        person = st.selectbox(
            "Person",
            list(persons),
            index=None,
            format_func=persons.__getitem__,
            placeholder="Everybody",
            label_visibility="collapsed",
            width=200,
            key="audit-person",
        )
        kind = st.selectbox(
            "Kind of thing",
            list(audit.OBJECTS),
            index=None,
            format_func=audit.OBJECTS.__getitem__,
            placeholder="Everything",
            label_visibility="collapsed",
            width=170,
            key="audit-kind",
        )
        st.space("stretch")
        export_menu("audit", {}, actor)
    return AuditFilter(person, kind, (search or "").strip() or None)


def columns() -> list[Column[AuditRow]]:
    """The trail's columns; its CSV is the report of the trail."""
    kinds = st.column_config
    here = looks.now_here().tzinfo
    small = kinds.TextColumn(width="small")
    at = kinds.TextColumn(width=150, help=looks.zone_help())
    return [
        Column("When", lambda row: f"{row.created_at.astimezone(here):%Y-%m-%d %H:%M:%S}", at),
        Column("Who", lambda row: row.actor_name or "The app", small),
        Column("What", told, kinds.TextColumn(width="large")),
        Column("Before", lambda row: changes(row.before), kinds.TextColumn(width="medium")),
        Column("After", lambda row: changes(row.after), kinds.TextColumn(width="medium")),
    ]


def told(row: AuditRow) -> str:
    """ "launched execution 4 of Swings" """
    kind = audit.OBJECTS.get(row.object_type, row.object_type.replace("_", " ")).lower()
    named = row.object_name or (f"this {kind}" if row.object_id == "all" else f"{kind} {row.object_id[:8]}")
    return f"{row.what} {named}"


def changes(values: dict[str, Any] | None) -> str:
    """What changed, without brackets and quotes: "role: admin, may sign in: yes"."""
    return ", ".join(
        f"{words.AUDIT_FIELDS.get(name, name.replace('_', ' '))}: {_said(value)}"
        for name, value in (values or {}).items()
    )


def _said(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')} {_said(each)}" for name, each in value.items())[:_MOST]
    text = str(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
