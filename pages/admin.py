"""People and roles, how the installation runs, the audit trail. Admins change things; members read the trail."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.components import looks, tokens
from pages.components.actor import acting, require_actor
from pages.components.admin.audit import the_trail
from pages.components.admin.backups import backups
from pages.components.admin.connections import connections
from pages.components.admin.running import runs_and_spending
from pages.components.admin.schedules import schedules
from pages.components.admin.storage import storage
from pages.components.admin.working import the_system
from pages.components.errors import Problem, guarded, show
from pages.components.parts import empty_state, export_menu, header
from services import people
from services.database.engine import transaction
from services.lifecycle import Role
from services.people import Actor, Person
from services.settings import get_settings


@st.dialog("Add a person")
def add_person() -> None:
    """In local mode people don't join by signing in, so an admin adds them."""
    with st.form("add-person", border=False):
        name = st.text_input("Name", max_chars=120, key="add-name")
        email = st.text_input("E-mail", type="email", max_chars=254, key="add-email")
        role = st.selectbox("Role", list(Role), index=1, key="add-role")
        if not st.form_submit_button("Add", type="primary", icon=":material/person_add:"):
            return
    with guarded():
        actor = acting()
        with transaction() as session:
            people.add(session, email=email, name=name, role=Role(role or Role.VIEWER), actor=actor)
        st.rerun()


def people_and_roles(actor: Actor) -> None:
    """Everybody, one row each; a change of role or access takes effect in the person's next run."""
    with guarded(stop=True), transaction() as session:
        known = people.list_people(session)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{looks.count(len(known), 'person', 'people')}")
        st.space("stretch")
        export_menu("people", {}, actor)
        if not get_settings().oidc_configured and st.button("Add a person", icon=":material/person_add:"):
            add_person()
    refused: Problem | None = st.session_state.pop("people-refused", None)
    if refused is not None:
        show(refused)
    for person in known:
        _person(person, actor)


def _person(person: Person, actor: Actor) -> None:
    turn = st.session_state.get(
        "people-turn", 0
    )  # after a refused change the widgets are drawn again with their old values
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            you = " :gray[you]" if person.id == actor.id else ""
            st.markdown(f"**{looks.plain(person.name)}**{you}")
            st.caption(looks.plain(f"{person.email} · seen {looks.when(person.last_seen_at)}"))
        role = st.segmented_control(
            f"Role of {looks.plain(person.name)}",
            list(Role),
            default=Role(person.role),
            required=True,
            label_visibility="collapsed",
            key=f"role-{person.id}-{person.role}-{turn}",
        )
        active = st.toggle("Active", person.is_active, key=f"active-{person.id}-{person.is_active}-{turn}")
    if role == person.role and active == person.is_active:
        return
    with st.empty(), guarded() as outcome, transaction() as session:
        if role != person.role:
            people.set_role(session, person.id, Role(role), actor=actor)
        else:
            people.set_active(session, person.id, active, actor=actor)
    if outcome.problem is not None:
        st.session_state["people-refused"], st.session_state["people-turn"] = outcome.problem, turn + 1
    st.rerun()


actor = require_actor()
header("Admin")
if not actor.may("read_audit"):
    empty_state("lock", "This is for members and admins", "Ask an admin to change your role.")
    st.stop()
parts: dict[str, Callable[[Actor], None]] = {"Audit": the_trail}
if actor.may("manage_people"):
    parts = {
        "People": people_and_roles,
        "System": the_system,
        "Runs": runs_and_spending,
        "Schedules": schedules,
        "Backups": backups,
        "Storage": storage,
        "Connections": connections,
        "Tokens": tokens.all_tokens,
        **parts,
    }
chosen = st.segmented_control(
    "Part",
    list(parts),
    default=next(iter(parts)),
    required=True,
    label_visibility="collapsed",
    key="admin-part",
    persist_state="session",
)
parts[chosen](actor)
