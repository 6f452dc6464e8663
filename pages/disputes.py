"""Places where people disagree: a room each, with all verdicts on the chart, comments, and the rule that settles it."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.disputes import rooms
from pages.components.done import tell
from pages.components.errors import guarded
from pages.components.links import back_to_seen, exists, seen
from pages.components.parts import empty_state, header
from pages.components.trail import trail
from services import disputes, workspaces
from services.database.engine import transaction
from services.disputes import PlaceRow
from services.errors import NotFound
from services.people import Actor
from services.workspaces import WorkspaceDetail


def _wanted() -> uuid.UUID:
    given = st.query_params.get("id") or st.session_state.get("seen-workspace")
    try:
        return uuid.UUID(str(given))
    except ValueError:
        raise NotFound("The address names no workspace; open the disputes from one.") from None


def _chosen(places: list[PlaceRow]) -> uuid.UUID | None:
    """The place of the address, else the first dispute. Raises NotFound for an address that is none."""
    given = st.query_params.get("place")
    if given:
        try:
            return uuid.UUID(given)
        except ValueError:
            raise NotFound("The address names no place; choose one from the list.") from None
    return places[0].id if places else None


def page() -> None:
    actor = require_actor()
    tell()
    with guarded(stop=True):
        workspace_id = _wanted()
        try:
            with transaction() as session:
                workspace = workspaces.get(session, workspace_id)
                places = disputes.list_disputes(session, workspace_id, settled=True)
        except NotFound:
            back_to_seen("workspace", workspace_id)
            raise
        seen("workspace", workspace_id)
        st.query_params["id"] = str(workspace_id)
        _head(workspace, places)
        chosen = _chosen(places)
        if chosen is None:
            empty_state(
                "gavel", "Nobody disagrees", "When people judge a place differently and none outweighs, it shows here."
            )
        else:
            _room(workspace, places, chosen, actor)
        rooms.rules(workspace, actor)


def _head(workspace: WorkspaceDetail, places: list[PlaceRow]) -> None:
    waiting = sum(p.status == "disputed" for p in places)
    note = looks.count(waiting, "dispute") + " unsettled" if waiting else "none unsettled"
    trail((("Workspaces", "/"), (workspace.name, f"/workspace?id={workspace.id}")), "Disputes and rules")
    with header(f"Disputes of {workspace.name}", None, note):
        for name, label, symbol in (("workspace", "Workspace", "forum"), ("review", "Review", "fact_check")):
            if exists(name):
                st.page_link(
                    f"{name}.py", label=label, icon=f":material/{symbol}:", query_params={"id": str(workspace.id)}
                )


def _room(workspace: WorkspaceDetail, places: list[PlaceRow], chosen: uuid.UUID, actor: Actor) -> None:
    ids = [p.id for p in places]
    by_id = {p.id: p for p in places}
    if chosen not in by_id:
        with transaction() as session:
            by_id[chosen] = disputes.room(session, workspace.id, chosen).place
        ids.insert(0, chosen)

    def label(place_id: uuid.UUID) -> str:
        place = by_id[place_id]
        return f"{looks.kind_label(place.kind, place.direction)}, {place.time:%Y-%m-%d}: " + (
            "settled" if place.decided else place.status
        )

    picked = st.selectbox("Place", ids, index=ids.index(chosen), format_func=label, key=f"disputes-place-{chosen}")
    if picked != chosen:
        st.query_params["place"] = str(picked)
        st.rerun()
    with transaction() as session:
        room = disputes.room(session, workspace.id, chosen)
    rooms.draw(workspace.id, room, actor)


page()
