"""Every version of a pattern: what it is and what it is worth, two of them side by side, roll back, adopt."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.follow.component import follow
from pages.components.follow.component import workspace as follow_workspace
from pages.components.links import back_to_seen, exists, seen
from pages.components.parts import empty_state, header
from pages.components.trail import trail
from pages.components.versions import cards
from pages.components.versions.compare import compare
from pages.components.versions.dialogs import adopt, roll_back, tell
from services import actions, deployments, executions, timeline, workspaces
from services.database.engine import transaction
from services.deployments import RollBack, VersionStory, WindowRow
from services.errors import NotFound, PatternDeskError
from services.people import Actor
from services.workspaces import WorkspaceDetail

SHOWN = 20  # versions that are drawn at first


def _wanted() -> uuid.UUID:
    given = st.query_params.get("id") or st.session_state.get("seen-workspace")
    try:
        return uuid.UUID(str(given))
    except ValueError:
        raise NotFound("The address names no workspace; open the versions from one.") from None


def page() -> None:
    actor = require_actor()
    tell()
    with guarded(stop=True):
        workspace_id = _wanted()
        try:
            with transaction() as session:
                workspace = workspaces.get(session, workspace_id)
                stories = deployments.history(session, workspace_id)
                windows = deployments.windows(session, workspace_id)
                last = deployments.last_roll_back(session, workspace_id)
                asked = executions.times_asked(session, workspace_id)
        except NotFound:
            back_to_seen("workspace", workspace_id)
            raise
        seen("workspace", workspace_id)
        st.query_params["id"] = str(workspace_id)
        _head(workspace)
        _rolling(last, workspace_id, actor)
        if not stories:
            empty_state("history", "No version yet", "The first execution makes one; it shows here with its gates.")
        if asked:
            st.caption(
                f"Places kept for testing were asked by {looks.count(asked, 'execution')}, once each after its gates."
            )
        _by_hand(workspace, actor)
        if len(stories) > 1 and windows:
            _side_by_side(workspace, stories, windows)
        _versions(workspace, stories, actor, pending=last is not None and last.status == deployments.PENDING)


def _head(workspace: WorkspaceDetail) -> None:
    trail((("Workspaces", "/"), (workspace.name, f"/workspace?id={workspace.id}")), "Versions")
    with header(f"Versions of {workspace.name}", looks.look(looks.STATUSES, workspace.status), f"v{workspace.version}"):
        for name, label, symbol in (("workspace", "Workspace", "forum"), ("review", "Review", "fact_check")):
            if exists(name):
                st.page_link(
                    f"{name}.py", label=label, icon=f":material/{symbol}:", query_params={"id": str(workspace.id)}
                )


def _rolling(last: RollBack | None, workspace_id: uuid.UUID, actor: Actor) -> None:
    """The roll back that is under way, or why the last one failed."""
    if last is None or last.status == "done":
        return
    if last.status == deployments.PENDING:
        st.fragment(_follow)(last, workspace_id, actor)
        return
    st.warning(looks.plain(f"The roll back to v{last.to_version} failed: {last.error}"), icon=":material/error:")


def _follow(last: RollBack, workspace_id: uuid.UUID, actor: Actor) -> None:
    with transaction() as session:
        seen_to = timeline.position(session, workspace_id)
        now = deployments.get_roll_back(session, last.id)
    if now.status != deployments.PENDING:
        st.rerun()
    st.info(
        looks.plain(f"Rolling back to v{last.to_version}, asked for by {last.requested_by}: {last.reason}"),
        icon=":material/history:",
    )
    follow(follow_workspace(workspace_id), actor, seen=seen_to, running=True)


def _by_hand(workspace: WorkspaceDetail, actor: Actor) -> None:
    """Commits that people made in the pattern repository, offered as candidates."""
    try:
        made = actions.hand_made(workspace.id)
    except PatternDeskError as error:
        st.caption(looks.plain(f"Commits made by hand can't be listed: {error.sentence}"))
        return
    if not made:
        return
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Made by hand** :gray[commits of the pattern's files that no execution made]")
        for number, commit in enumerate(made):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f":material/commit: `{commit.commit[:7]}`", width="content")
                st.text(f"{commit.subject} ({commit.author}, {commit.at[:10]})", width="stretch")
                newest = number == 0 and actor.may("launch")
                if newest and st.button("Adopt", icon=":material/merge:", key="versions-adopt"):
                    adopt(workspace.id, commit)


def _side_by_side(workspace: WorkspaceDetail, stories: Sequence[VersionStory], windows: Sequence[WindowRow]) -> None:
    by_id = {str(s.version.id): s.version for s in stories}
    ids = list(by_id)
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Side by side** :gray[two versions on the same window]")
        with st.container(horizontal=True, gap="small"):

            def name(i: str) -> str:
                return f"v{by_id[i].name} ({by_id[i].commit_hash[:7]})"

            first = st.selectbox("First", ids, index=1, format_func=name, key="compare-first")
            second = st.selectbox("Second", ids, index=0, format_func=name, key="compare-second")
            window = st.selectbox("Window", windows, format_func=lambda w: w.label, key="compare-window")
        if first == second:
            st.caption("Choose two different versions.")
        elif st.toggle("Compare", key="compare-on"):
            compare(
                workspace.id,
                (by_id[first], by_id[second]),
                window,
                judged_at=(workspace.message_seq, workspace.feedback_count),
            )


def _versions(workspace: WorkspaceDetail, stories: Sequence[VersionStory], actor: Actor, *, pending: bool) -> None:
    versions = [story.version for story in stories]
    every = st.session_state.get("versions-all", False)
    for story in stories if every else stories[:SHOWN]:
        version = story.version
        with st.container(border=True, gap="xsmall", key=f"card-{version.id}"):
            cards.head(story)
            with st.container(horizontal=True, gap="small"):
                if version.execution_id and exists("execution"):
                    st.page_link(
                        "execution.py",
                        label="Execution",
                        icon=":material/bolt:",
                        query_params={"id": str(version.execution_id)},
                    )
                earlier = version.deployed_at is not None and version.id != workspace.deployed_version_id
                if (
                    earlier
                    and actor.may("roll_back")
                    and st.button(
                        "Roll back to this",
                        icon=":material/history:",
                        key=f"roll-back-{version.version}",
                        disabled=pending or workspace.archived_at is not None,
                    )
                ):
                    roll_back(workspace.id, version.id)
            cards.body(story, versions, workspace.pattern_type, workspace.policy)
    older = len(stories) - SHOWN
    if not every and older > 0 and st.button(f"Show {older:,} older versions", key="versions-older"):
        st.session_state["versions-all"] = True
        st.rerun()


page()
