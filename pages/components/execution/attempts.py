"""The attempts of an execution, side by side and one at a time, and what they cost."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.components import looks, parts
from pages.components.execution import attempts_data, logs, wording
from pages.components.execution.logs import Log
from pages.components.execution.read import ExecutionView, usage_of
from pages.components.execution.text_viewer import passage
from pages.components.runs import component
from pages.components.runs.cells import Cell
from pages.components.runs.state import is_live, is_paid
from services.executions import AttemptRow
from services.settings import get_settings

CHOSEN: Final = "execution-attempt"


def attempts(view: ExecutionView, file_name: str) -> None:
    """The table of all attempts; the one that was chosen opens below it, the newest at first."""
    detail = view.detail
    numbers = [a.number for a in detail.attempts]
    chosen = st.session_state.get(f"{CHOSEN}-{detail.row.id}", numbers[-1])
    chosen = chosen if chosen in numbers else numbers[-1]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_sum(view), width="stretch")
        parts.export_menu("attempts", {"execution": str(detail.row.id)}, view.actor, called=file_name, type="tertiary")
    picked = component.pick_table(
        attempts_data.attempt_head(paid=is_paid(detail.row)),
        attempts_data.attempt_cells(detail, view.now),
        numbers,
        chosen=chosen,
        label="Attempts side by side",
        key="execution-attempts",
    )
    if picked is not None and picked != chosen:
        st.session_state[f"{CHOSEN}-{detail.row.id}"] = picked
        st.rerun(scope="fragment")
    attempt = next(a for a in detail.attempts if a.number == chosen)
    _one(view, attempt, file_name)


def _sum(view: ExecutionView) -> str:
    row = view.detail.row
    return f"{len(view.detail.attempts)} of at most {looks.count(row.max_retries + 1, 'attempt')}"


def _one(view: ExecutionView, attempt: AttemptRow, file_name: str) -> None:
    detail, number = view.detail, attempt.number
    with st.container(border=True, gap="small", key="execution-attempt-card"):
        st.markdown(f"**Attempt {number}**")
        if attempt.reason:
            st.text(str(attempt.reason))
        component.facts(_facts(view, attempt), key="execution-attempt-facts", beside=True)
        name = f"{file_name}-attempt-{number}"
        built = deploy_log(view, attempt)
        which = "Log"
        if built.text:
            which = st.segmented_control(
                "Which log",
                ["Log", "Deploy log"],
                default="Log",
                required=True,
                label_visibility="collapsed",
                key=f"execution-attempt-which-{number}",
            )
        if which == "Log":
            passage(
                logs.read(detail, number),
                label=f"The log of attempt {number}",
                file_name=f"{name}-log",
                key=f"execution-attempt-log-{number}",
                nothing="Nothing was written in this attempt.",
                height="22rem",
            )
        else:
            passage(
                built,
                label=f"The deploy's log of attempt {number}",
                file_name=f"{name}-deploy",
                key=f"execution-attempt-deploy-{number}",
                nothing="",
                height="22rem",
            )


def deploy_log(view: ExecutionView, attempt: AttemptRow) -> Log:
    """The log of an attempt's deploy: stored with the attempt, or the execution's own while it is the newest."""
    if attempt.deploy_log_key:
        return logs.of_key(attempt.deploy_log_key)
    newest = attempt.number == view.detail.attempts[-1].number
    live = attempt.ended_at is None
    own = newest and (live or attempt.deployment_id)
    return logs.of_text((view.detail.deploy_logs or "") if own else "", grows=live)


def _facts(view: ExecutionView, attempt: AttemptRow) -> list[tuple[str, Cell]]:
    look = attempts_data.outcome_look(attempt, view.detail.row, view.now)
    rows: list[tuple[str, Cell]] = [
        ("Outcome", {"t": look.label, "badge": look.color, "icon": look.symbol}),
        ("Then", {"t": attempts_data.decision_text(attempt)}),
        (
            "Ended in" if attempt.ended_at else "Now in",
            {"t": attempts_data.phase_label(attempt.phase, view.detail.row, attempt)},
        ),
        ("Time", {"t": attempts_data.attempt_span(attempt, view.now)}),
    ]
    if attempt.commit_hash:
        rows.append(("Commit", {"t": attempt.commit_hash[:12], "mono": True, "title": attempt.commit_hash}))
    if attempt.deployment_id:
        state = looks.look(looks.DEPLOYS, attempt.deploy_status) if attempt.deploy_status else None
        rows.append(("Deployment", {"t": str(attempt.deployment_id), "mono": True}))
        if state:
            rows.append(("Deploy", {"t": state.label, "badge": state.color, "icon": state.symbol}))
    if is_paid(view.detail.row):
        spent = wording.spent(attempt.cost_usd, attempt.input_tokens, attempt.output_tokens)
        rows.append(("Cost", {"t": " · ".join(spent)}))
    return rows


def cost(view: ExecutionView, file_name: str) -> None:
    """What the agent used so far against its budget, and turn by turn."""
    row = view.detail.row
    budget = get_settings().claude_budget_usd
    used = float(row.cost_usd)
    words = " · ".join(wording.spent(row.cost_usd, row.input_tokens, row.output_tokens))
    component.meter(
        words,
        f"{looks.percent(used / budget)} of {looks.money(budget)}",
        used / budget,
        color="red" if used >= budget else "orange" if used >= 0.8 * budget else "blue",
        key="execution-budget",
    )
    usage = usage_of(row.id)
    if not usage:
        st.caption("The agent has not answered yet." if is_live(row) else "No answer of the agent was counted.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("By turn and model, as the answers came in.", width="stretch")
        parts.export_menu("usage", {"execution": str(row.id)}, view.actor, called=file_name, type="tertiary")
    component.table(
        attempts_data.usage_head(), attempts_data.usage_cells(usage), label="Cost by turn", key="execution-usage"
    )
