"""People and roles, how the installation runs, the audit trail. Admins change things; members read the trail."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from pages.components import looks, tokens
from pages.components.actor import acting, require_actor
from pages.components.admin.backups import backups
from pages.components.admin.connections import connections
from pages.components.admin.running import runs_and_spending
from pages.components.admin.schedules import schedules
from pages.components.admin.storage import storage
from pages.components.drawn import facts
from pages.components.errors import Problem, guarded, show
from pages.components.parts import empty_state, export_menu, header
from services import audit, executions, people, releases, system
from services.agents.registry import AgentInfo, agents
from services.audit import AuditRow
from services.database.engine import transaction
from services.deploys.registry import TargetInfo, targets
from services.detectors.isolation import isolation, isolation_note
from services.errors import InvalidInput
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
        if not name.strip() or "@" not in email:
            raise InvalidInput("Give a name and an e-mail address.")
        actor = acting()
        with transaction() as session:
            people.require(actor, "manage_people")
            people.ensure_person(session, email=email.strip(), name=name.strip(), role=Role(role or Role.VIEWER))
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


def the_system(_actor: Actor) -> None:
    """What runs here, what waits, and how detectors are shut in."""
    with guarded(stop=True), transaction() as session:
        live, workers = executions.list_active(session), system.list_workers(session)
    note = isolation_note()
    settings = get_settings()
    with st.container(horizontal=True, gap="small", key="stack-system"):
        with st.container(border=True, width="stretch"):
            st.markdown("**Detectors**")
            facts([("Isolation", isolation()), *([("Why", note)] if note else [])], key="isolation")
            if isolation() != "bubblewrap":
                st.warning("Detectors run with reduced isolation on this machine.", icon=":material/gpp_maybe:")
        with st.container(border=True, width="stretch"):
            st.markdown("**Connections**")
            facts([*_connections(agents()), *_connections(targets())], key="connections")
        with st.container(border=True, width="stretch"):
            st.markdown("**Settings**")
            facts(
                [
                    ("Sign-in", "OIDC" if settings.oidc_configured else "Local, this machine only"),
                    ("Database", "Server" if settings.database_url else "Embedded"),
                    ("Approver may verify", "yes" if settings.approver_may_verify else "no"),
                    ("Marks for an approval", str(settings.min_judged_marks)),
                    ("Pattern repository", releases.repository().name),
                ],
                key="settings",
            )
    st.markdown(f"### Workers :gray[{len(workers)}]")
    if workers:
        st.dataframe(
            pd.DataFrame(
                [
                    (
                        w.worker_id,
                        looks.when(w.since),
                        ", ".join(map(str, w.executions)) or looks.MISSING,
                        looks.when(w.heartbeat_at),
                    )
                    for w in workers
                ],
                columns=["Worker", "Connected", "Executions", "Last sign of life"],
            ),
            hide_index=True,
            key="workers",
            alt="Connected workers",
        )
    else:
        st.caption("No worker is connected: executions wait until one starts.")
    st.markdown(f"### Queue :gray[{len(live)}]")
    if not live:
        st.caption("Nothing runs or waits.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                (
                    e.workspace_name,
                    e.number,
                    looks.execution_look(e.status, canceled=e.canceled).label,
                    looks.look(looks.PHASES, e.phase).label if e.phase else looks.MISSING,
                    e.progress,
                    looks.when(e.triggered_at),
                    e.triggered_by_name,
                )
                for e in live
            ],
            columns=["Workspace", "Execution", "Status", "Phase", "Progress", "Launched", "By"],
        ),
        hide_index=True,
        key="queue",
        alt="Executions that run or wait",
        column_config={"Progress": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%d%%")},
    )


def _connections(rows: list[AgentInfo] | list[TargetInfo]) -> list[tuple[str, str]]:
    return [(row.title, "connected" if row.available else "not connected") for row in rows]


def the_trail(actor: Actor) -> None:
    """Who did what, the newest first; nothing of it can be changed here."""
    rows: list[AuditRow] = st.session_state.setdefault("audit-older", [])
    with guarded(stop=True), transaction() as session:
        newest = audit.list_events(session, actor=actor)
    if not newest:
        empty_state("history", "Nothing yet", "What people and the app change is recorded here.")
        return
    seen = {row.id for row in newest}
    events = [*newest, *(row for row in rows if row.id not in seen)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"The newest {looks.count(len(events), 'event')}")
        st.space("stretch")
        export_menu("audit", {}, actor)
    st.dataframe(
        pd.DataFrame(
            [
                (
                    r.created_at,
                    r.actor_name or "the app",
                    r.action.replace("_", " "),
                    r.object_type,
                    _changes(r.before),
                    _changes(r.after),
                    r.object_id,
                )
                for r in events
            ],
            columns=["When (UTC)", "Who", "What", "On", "Before", "After", "Id"],
        ),
        hide_index=True,
        key="audit",
        height=520,
        alt="Audit trail",
        column_config={"When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC")},
    )
    if len(newest) == audit.PAGE and st.button("Show older"):
        last = events[-1]
        with guarded():
            with transaction() as session:
                st.session_state["audit-older"] = [
                    *events,
                    *audit.list_events(session, before=(last.created_at, last.id), actor=actor),
                ]
            st.rerun()


def _changes(values: dict[str, object] | None) -> str:
    return ", ".join(f"{name}: {value}" for name, value in (values or {}).items())


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
