"""The parts of an execution's screen: error, notices, phases, checkpoints, deploy."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.execution import logs, wording
from pages.components.execution.cause import place_of
from pages.components.execution.read import ExecutionView, origin_of
from pages.components.execution.text_viewer import passage
from pages.components.links import go, link_to
from pages.components.runs import component
from pages.components.runs.cells import Cell
from pages.components.runs.phases import phase_run
from pages.components.runs.state import is_live
from services import executions
from services.database.engine import transaction
from services.deployments import VersionRow
from services.executions import KeptPlan, Relative
from services.lifecycle import ExecutionStatus

TABS_KEY: Final = "execution-tabs"
DEPLOY_LOG_KEY: Final = "execution-deploy-log"


def offers_to_continue(view: ExecutionView, broken: tuple[int, int]) -> bool:
    """Whether continuing is the one thing to do, so that the error's own card has the button."""
    step = wording.next_step(
        view.detail, broken=broken[0], hidden=broken[1], may_continue=view.why_not_continue is None
    )
    return step is not None and step.action == "continue"


def error_card(view: ExecutionView, broken: tuple[int, int]) -> str | None:
    """Why it failed, what to do next, and the button for it. Returns "again" or "continue" when that was pressed.

    `broken` counts the broken judgements that the replay shows, and those of hold-out sessions that it doesn't.
    """
    reason, advice = wording.error_parts(view.detail)
    may_run = view.actor.may("launch")
    may_continue = may_run and view.why_not_continue is None
    step = wording.next_step(view.detail, broken=broken[0], hidden=broken[1], may_continue=may_continue)
    color, symbol = ("gray", "block") if view.detail.row.canceled else ("red", "error")
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small", key="stack-error"):
        st.markdown(f":{color}[:material/{symbol}:]", width="content")
        with st.container(width="stretch", gap="xxsmall"):
            st.text(reason)
            if not view.detail.row.canceled:
                _where(view)
            if advice:
                st.caption(looks.plain(advice))
        if step is None or (step.action == "run_again" and not may_run):
            return None
        pressed = st.button(step.label, icon=f":material/{step.symbol}:", key="execution-next", type="primary")
    if not pressed:
        return None
    if step.action == "tab" and step.tab:
        st.session_state[TABS_KEY] = step.tab
    elif step.action == "deploy_log":
        st.session_state[DEPLOY_LOG_KEY] = True
    elif step.action == "workspace":
        go("workspace", id=view.detail.row.workspace_id)
    return {"run_again": "again", "continue": "continue"}.get(step.action)


def _where(view: ExecutionView) -> None:
    """The file and line that it failed at, whose commit that is, and what the log says there."""
    detail, row = view.detail, view.detail.row
    report = detail.test_report
    failed_tests = report.output if report is not None and not report.passed else ""
    log = logs.read(detail, detail.attempts[-1].number).text[-logs.SHOWN :] if detail.attempts else ""
    place = place_of([row.error or "", failed_tests, log])
    if place is None:
        return
    at = row.commit_hash or detail.base_commit or "HEAD"
    origin = origin_of(at, place.file, place.line)
    with st.container(gap="xxsmall", key="execution-cause"):
        said = f"There is a syntax error in the pattern repository: {place.words}" if place.syntax else place.words
        whose = f" · commit {origin.commit[:7]} by {origin.author}: {origin.subject}" if origin else ""
        st.markdown(f":small[:material/location_on: **{looks.plain(said)}**{looks.plain(whose)}]")
        if place.excerpt:
            component.text(place.excerpt, label="The log at that line", key="execution-cause-log", height="14rem")
        elif origin is not None and origin.source:
            component.text(origin.source, label="The file at that line", key="execution-cause-file", height="14rem")


def plan_card(view: ExecutionView) -> None:
    """The plan of a run that waits for a yes."""
    plan, may_accept = view.detail.plan or KeptPlan(), view.actor.may("launch")
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**The plan**", width="content")
            st.space("stretch")
            pressed = may_accept and st.button(
                "Accept plan", type="primary", icon=":material/check:", key="execution-accept"
            )
        st.text(plan.summary)
        st.markdown("\n".join(f"- {looks.plain(step)}" for step in plan.steps))
        if not may_accept:
            st.caption("A member accepts it.")
    if pressed:
        with guarded():
            with transaction() as session:
                executions.accept_plan(session, view.detail.row.id, actor=acting())
            st.rerun()


def phase_card(view: ExecutionView) -> None:
    """Five segments, what it does now, percent, time, attempt, cost, and what a reader should know beside it."""
    detail, now = view.detail, view.now
    with st.container(border=True, gap="xsmall"):
        component.phases(phase_run(detail.row, detail.phases, now), key="execution-phases")
        component.doing(
            wording.task(detail),
            f"{detail.row.progress}%" if detail.row.status == ExecutionStatus.RUNNING else "",
            wording.figures(detail),
            [
                {"color": n.color, "symbol": n.symbol, "text": n.text}
                for n in wording.notices(detail, now, view.workers)
            ],
            key="execution-doing",
        )


def checkpoint_list(view: ExecutionView) -> None:
    """What was done and found, by phase."""
    st.subheader("Checkpoints", anchor=False)
    groups = wording.checkpoint_groups(view.detail, view.now)
    if groups:
        component.checkpoints(groups, key="execution-checkpoints")
    else:
        st.caption("None yet." if is_live(view.detail.row) else "It ended before its first checkpoint.")


def deploy_facts(view: ExecutionView) -> None:
    """Where it deploys to, how far that is, and which versions are concerned."""
    detail = view.detail
    row = detail.row
    st.subheader("Deploy", anchor=False)
    state = looks.look(looks.DEPLOYS, row.deploy_status) if row.deploy_status else looks.PHASE_STATES["next"]
    rows: list[tuple[str, Cell]] = [
        ("Target", {"t": row.deploy_target}),
        ("State", {"t": state.label, "badge": state.color, "icon": state.symbol}),
    ]
    if detail.deploy_state_raw and detail.deploy_state_raw.lower() != row.deploy_status:
        rows.append(("State in the target's own words", {"t": detail.deploy_state_raw}))
    if row.commit_hash:
        whole = f"{row.commit_hash}: {detail.commit_message or ''}"
        rows.append(("Commit", {"t": row.commit_hash[:7], "mono": True, "title": whole}))
    rows += [(name, {"t": value}) for name, value in _versions(view)]
    if detail.deploy_url:
        rows.append(("Address", {"t": detail.deploy_url, "mono": True}))
    if detail.deploy_started_at and detail.deploy_completed_at:
        took = (detail.deploy_completed_at - detail.deploy_started_at).total_seconds()
        rows.append(("Duration", {"t": looks.duration(took)}))
    component.facts(rows, key="execution-deploy")
    if detail.deploy_url and detail.deploy_url.startswith("https://"):
        st.link_button("Open the deploy", detail.deploy_url, icon=":material/open_in_new:")
    _deploy_log(view)


def _deploy_log(view: ExecutionView) -> None:
    """The newest deploy's log, read once it is opened."""
    row = view.detail.row
    attempts = [a for a in view.detail.attempts if a.deploy_log_key]
    if not view.detail.deploy_logs and not attempts:
        return
    with st.expander("Deploy log", key=DEPLOY_LOG_KEY, on_change="rerun", icon=":material/article:") as opened:
        if not opened.open:
            return
        own = view.detail.deploy_logs
        key = attempts[-1].deploy_log_key if attempts and (not own or not is_live(row)) else None
        log = logs.of_key(key) if key else logs.of_text(own or "", grows=is_live(row))
        passage(
            log,
            label="The deploy's log",
            file_name=f"{row.pattern_type}-execution-{row.number}-deploy",
            key="execution-deploy-log-text",
            nothing="",
            height="20rem",
        )


def _versions(view: ExecutionView) -> list[tuple[str, str]]:
    """The version that runs now and the one this execution makes, each with its commit."""
    candidate, deployed = view.candidate, view.deployed
    rows = [("Runs now", _version(deployed))] if deployed else [("Runs now", "no version yet")]
    if candidate is None or (deployed and candidate.id == deployed.id):
        return rows
    if candidate.status == "candidate":
        rows.append(("Next version", _version(candidate)))
    else:
        word = {"rejected": "rejected", "retired": "replaced since"}.get(candidate.status, candidate.status)
        rows.append(("This version", f"{_version(candidate)} · {word}"))
    return rows


def _version(version: VersionRow) -> str:
    return f"v{version.version} · {version.commit_hash[:7]}"


def related(view: ExecutionView) -> None:
    """Where it belongs, what it follows and what followed it."""
    detail = view.detail
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        workspace = f"/workspace?id={detail.row.workspace_id}"
        link_to(workspace, looks.plain(detail.row.workspace_name), icon=":material/forum:")
        # buttons, because a page link to the page one is on reads as the chosen one
        if detail.parent:
            verb = "Continues" if detail.continues else "Follows"
            _to(detail.parent, f"{verb} execution {detail.parent.number}", "undo")
        for child in detail.children:
            verb = "Continued by" if child.continues else "Followed by"
            _to(child, f"{verb} execution {child.number}", "subdirectory_arrow_right")


def _to(relative: Relative, label: str, symbol: str) -> None:
    if st.button(label, icon=f":material/{symbol}:", type="tertiary", key=f"execution-family-{relative.number}"):
        go("execution", id=relative.id)
