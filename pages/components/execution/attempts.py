"""The attempts of an execution, side by side and one at a time, and what they cost."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import streamlit as st

from pages.components import looks, parts
from pages.components.execution import attempts_data as rows
from pages.components.execution import log as logs
from pages.components.execution import wording as view
from pages.components.execution.log import Log
from pages.components.execution.read import Facts, read_usage
from pages.components.execution.replay import Cell
from pages.components.execution.text_viewer import passage
from pages.components.runs import component as drawn
from pages.components.runs import state as states
from services import exports
from services.executions import AttemptRow
from services.settings import get_settings

CHOSEN: Final = "execution-attempt"


def attempts(facts: Facts, now: datetime, file_name: str) -> None:
    """The table of all attempts; the one that was chosen opens below it, the newest at first."""
    detail = facts.detail
    numbers = [a.number for a in detail.attempts]
    chosen = st.session_state.get(f"{CHOSEN}-{detail.row.id}", numbers[-1])
    chosen = chosen if chosen in numbers else numbers[-1]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_sum(facts), width="stretch")
        parts.download_csv_button("CSV", lambda: exports.to_csv(rows.attempt_frame(detail)), f"{file_name}-attempts",
                                  type="tertiary")  # fmt: skip
    picked = drawn.pick_table(
        rows.attempt_head(paid=states.is_paid(detail.row)), rows.attempt_cells(detail, now), numbers,
        chosen=chosen, label="Attempts side by side", key="execution-attempts",
    )  # fmt: skip
    if picked is not None and picked != chosen:
        st.session_state[f"{CHOSEN}-{detail.row.id}"] = picked
        st.rerun(scope="fragment")
    attempt = next(a for a in detail.attempts if a.number == chosen)
    _one(facts, attempt, now, file_name)


def _sum(facts: Facts) -> str:
    row = facts.detail.row
    return f"{len(facts.detail.attempts)} of at most {looks.count(row.max_retries + 1, 'attempt')}"


def _one(facts: Facts, attempt: AttemptRow, now: datetime, file_name: str) -> None:
    detail, number = facts.detail, attempt.number
    with st.container(border=True, gap="small", key="execution-attempt-card"):
        st.markdown(f"**Attempt {number}**")
        if attempt.reason:
            st.text(str(attempt.reason))
        drawn.facts(_facts(facts, attempt, now), key="execution-attempt-facts", beside=True)
        name = f"{file_name}-attempt-{number}"
        built = deploy_log(facts, attempt)
        which = "Log"
        if built.text:
            which = st.segmented_control(
                "Which log", ["Log", "Deploy log"], default="Log", required=True, label_visibility="collapsed",
                key=f"execution-attempt-which-{number}",
            )  # fmt: skip
        if which == "Log":
            passage(logs.read(detail, number), label=f"The log of attempt {number}", file_name=f"{name}-log",
                    key=f"execution-attempt-log-{number}", nothing="Nothing was written in this attempt.", height="22rem")  # fmt: skip
        else:
            passage(built, label=f"The deploy's log of attempt {number}", file_name=f"{name}-deploy",
                    key=f"execution-attempt-deploy-{number}", nothing="", height="22rem")  # fmt: skip


def deploy_log(facts: Facts, attempt: AttemptRow) -> Log:
    """The log of an attempt's deploy: stored with the attempt, or the execution's own while it is the newest."""
    if attempt.deploy_log_key:
        return logs.of_key(attempt.deploy_log_key)
    newest = attempt.number == facts.detail.attempts[-1].number
    live = attempt.ended_at is None
    own = newest and (live or attempt.deployment_id)
    return logs.of_text((facts.detail.deploy_logs or "") if own else "", grows=live)


def _facts(facts: Facts, attempt: AttemptRow, now: datetime) -> list[tuple[str, Cell]]:
    look = rows.outcome_look(attempt, facts.detail.row, now)
    shown: list[tuple[str, Cell]] = [
        ("Outcome", {"t": look.label, "badge": look.color, "icon": look.symbol}),
        ("Then", {"t": rows.decision_text(attempt)}),
        ("Ended in" if attempt.ended_at else "Now in", {"t": rows.phase_label(attempt.phase, facts.detail.row, attempt)}),
        ("Time", {"t": rows.attempt_span(attempt, now)}),
    ]  # fmt: skip
    if attempt.commit_hash:
        shown.append(("Commit", {"t": attempt.commit_hash[:12], "mono": True, "title": attempt.commit_hash}))
    if attempt.deployment_id:
        state = looks.look(looks.DEPLOYS, attempt.deploy_status) if attempt.deploy_status else None
        shown.append(("Deployment", {"t": str(attempt.deployment_id), "mono": True}))
        if state:
            shown.append(("Deploy", {"t": state.label, "badge": state.color, "icon": state.symbol}))
    if states.is_paid(facts.detail.row):
        spent = view.spent(attempt.cost_usd, attempt.input_tokens, attempt.output_tokens)
        shown.append(("Cost", {"t": " · ".join(spent)}))
    return shown


def cost(facts: Facts, file_name: str) -> None:
    """What the agent used so far against its budget, and turn by turn."""
    row = facts.detail.row
    budget = get_settings().claude_budget_usd
    used = float(row.cost_usd)
    words = " · ".join(view.spent(row.cost_usd, row.input_tokens, row.output_tokens))
    drawn.meter(words, f"{looks.percent(used / budget)} of {looks.money(budget)}", used / budget,
                color="red" if used >= budget else "orange" if used >= 0.8 * budget else "blue",
                key="execution-budget")  # fmt: skip
    usage = read_usage(row.id)
    if not usage:
        st.caption("The agent has not answered yet." if states.is_live(row) else "No answer of the agent was counted.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("By turn and model, as the answers came in.", width="stretch")
        parts.download_csv_button("CSV", lambda: exports.to_csv(rows.usage_frame(usage)), f"{file_name}-cost",
                                  type="tertiary")  # fmt: skip
    drawn.table(rows.usage_head(), rows.usage_cells(usage), label="Cost by turn", key="execution-usage")
