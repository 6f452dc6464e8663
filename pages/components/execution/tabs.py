"""The tabs of an execution: Replay, Diff, Log, Tests, Prompt, Attempts, Cost. Only the open one is read and drawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import streamlit as st

from pages.components import looks, parts
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.execution import attempts as tries
from pages.components.execution import log as logs
from pages.components.execution import read as data
from pages.components.execution import replay as tables
from pages.components.execution import wording as view
from pages.components.execution.cards import TABS_KEY
from pages.components.execution.dialogs import ask
from pages.components.execution.read import Facts
from pages.components.execution.text_viewer import passage, prompt_view
from pages.components.runs import component as drawn
from pages.components.runs import state as states
from services import exports
from services.executions import KeptReplay

LABELS: Final = ("Replay", "Diff", "Log", "Tests", "Prompt", "Attempts", "Cost")


def tabs(facts: Facts, now: datetime) -> None:
    """Draws the tab that is open."""
    draw: dict[str, Callable[[], None]] = {
        "Replay": lambda: _replay(facts),
        "Diff": lambda: _diff(facts),
        "Log": lambda: _log(facts),
        "Tests": lambda: _tests(facts),
        "Prompt": lambda: _prompt(facts),
        "Attempts": lambda: _attempts(facts, now),
        "Cost": lambda: tries.cost(facts, _file_name(facts, "")),
    }
    labels = LABELS if states.is_paid(facts.detail.row) else LABELS[:-1]
    if st.session_state.get(TABS_KEY) not in labels:  # it was open at another execution, which has it
        st.session_state.pop(TABS_KEY, None)
    if TABS_KEY not in st.session_state and states.is_live(facts.detail.row) and facts.candidate is None:
        st.session_state[TABS_KEY] = "Log"  # until testing there is nothing else to follow
    for label, tab in zip(labels, st.tabs(labels, key=TABS_KEY, on_change="rerun"), strict=True):
        if tab.open:
            with tab, st.container(gap="xsmall"), guarded():
                draw[label]()


def _file_name(facts: Facts, what: str) -> str:
    name = f"{facts.detail.row.pattern_type}-execution-{facts.detail.row.number}"
    return f"{name}-{what}" if what else name


def _not_yet(facts: Facts, live: str, ended: str) -> None:
    st.caption(live if states.is_live(facts.detail.row) else ended)


def _replay(facts: Facts) -> None:
    replay = data.read_replay(facts.detail.row.id)
    if replay is None:
        _not_yet(facts, "The replay over all judged places comes with testing, once something is judged.",
                 "There is no replay: it ended before testing, or nothing had been judged yet.")  # fmt: skip
        return
    counts = tables.replay_counts(replay)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for outcome, n in counts.items():
            look = looks.REPLAYS[outcome]
            parts.badge(look if n else looks.Look("gray", look.symbol, look.label), f"{n:,} {look.label.lower()}")
        st.space("stretch")
        st.caption(looks.plain(tables.replay_note(replay)), width="content")
        parts.download_csv_button("CSV", lambda: exports.to_csv(tables.replay_frame(replay)),
                                  _file_name(facts, "replay"), type="tertiary")  # fmt: skip
    evidence = [("Evidence", replay.splits.evidence or looks.MISSING)]
    parts.facts([*evidence, *tables.split_lines(replay)], key="execution-evidence")
    rows = tables.replay_cells(replay)
    _offer_waiver(facts)
    if rows:
        drawn.table(tables.replay_head(replay), rows, label="Judged places before and after", key="execution-replay")
    _below_replay(replay, len(rows))


def _offer_waiver(facts: Facts) -> None:
    """A way to deploy a candidate that broken places alone held back; the reason is asked for in a dialog."""
    row = facts.detail.row
    if facts.why_not_continue is not None or not require_actor().may("waive"):
        return
    broken = data.waivable(row.id)
    if broken and st.button(
        "Deploy anyway…", icon=":material/gavel:", key="execution-waive",
        help=f"Deploys this candidate although it breaks {looks.count(broken, 'judged place')}; it takes a reason.",
    ):  # fmt: skip
        ask("waive", row.id)
        st.rerun()


def _below_replay(replay: KeptReplay, shown: int) -> None:
    """What the table leaves out, said."""
    said = []
    if len(replay.rows) > shown:
        said.append(f"The first {shown} of {len(replay.rows):,} cases; the CSV holds all of them.")
    hidden = tables.hidden_holdout(replay)
    if hidden:
        said.append(f"{looks.count(hidden, 'case')} of hold-out sessions are told as a whole only.")
    if said:
        st.caption(" ".join(said))


def _diff(facts: Facts) -> None:
    detail = facts.detail
    base, commit = detail.base_commit, detail.row.commit_hash
    if not base or not commit:
        _not_yet(facts, "Nothing is committed yet.", "This execution changed no file.")
        return
    with st.spinner("Reading the commits", show_time=False):
        text = data.diff(detail.row.id, base, commit)
    files = tables.diff_files(text)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        so_far = " · committed so far" if states.is_live(detail.row) else ""
        total = (
            f"{looks.count(len(files), 'file')}, +{sum(f['added'] for f in files)} −{sum(f['removed'] for f in files)}"
        )
        st.caption(looks.plain(f"{base[:7]} → {commit[:7]} · {total}{so_far}"), width="stretch")
        st.download_button(
            "Diff", text, file_name=f"{_file_name(facts, 'diff')}.diff", mime="text/plain",
            icon=":material/download:", on_click="ignore", type="tertiary", key="execution-diff-file",
        )  # fmt: skip
    if detail.commit_message:
        st.text(detail.commit_message)
    if tests := view.changed_tests([f["path"] for f in files]):
        st.markdown(f":orange[:material/labs: The agent changed the pattern's own tests]: {looks.plain(', '.join(tests))}. "
                    "Look at what they still prove.")  # fmt: skip
    drawn.diff(files, key="execution-diff")
    if len(text.splitlines()) > tables.MOST_LINES:
        st.caption(f"The first {tables.MOST_LINES:,} lines; the download holds all that was read.")


def _log(facts: Facts) -> None:
    detail = facts.detail
    numbers = [a.number for a in detail.attempts]
    if not numbers:
        _not_yet(facts, "Nothing is written yet.", "Nothing was written: it ended before it began.")
        return
    chosen = numbers[-1]
    if len(numbers) > 1:
        chosen = st.selectbox(
            "Attempt", [*numbers[::-1], logs.ALL], label_visibility="collapsed", width=220,
            format_func=lambda n: _log_label(n, numbers[-1]), key=f"execution-log-of-{len(numbers)}",
        )  # fmt: skip
    which = "all-attempts" if chosen == logs.ALL else f"attempt-{chosen}"
    passage(
        logs.read(detail, chosen), label=f"The log of {which.replace('-', ' ')}", file_name=_file_name(facts, f"{which}-log"),
        key=f"execution-log-{which}",
        nothing="Nothing is written yet." if states.is_live(detail.row) else "Nothing was written.",
    )  # fmt: skip


def _log_label(number: int, newest: int) -> str:
    if number == logs.ALL:
        return "All attempts"
    return f"Attempt {number}{', the newest' if number == newest else ''}"


def _tests(facts: Facts) -> None:
    report = facts.detail.test_report
    if not report:
        _not_yet(facts, "The pattern repository's own tests run in the testing phase.", "It ended before testing.")
        return
    good, failed = report.total - report.failed, report.failed
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        parts.badge(looks.Look("green", "check", f"{good:,} passed"))
        if failed or not report.passed:
            parts.badge(looks.Look("red", "close", f"{failed:,} failed"))
        st.caption(f"in {looks.duration(report.duration_s)}", width="content")
    contract = facts.candidate.contract_report if facts.candidate else None
    checks = contract.checks if contract is not None else ()
    if checks:
        st.markdown("**Detector contract**")
        parts.checks([(c.passed, c.name.replace("_", " ")) for c in checks], key="execution-contract")
        for check in checks:
            if not check.passed:
                st.text(check.detail)
    st.markdown("**What the tests said**")
    drawn.text(report.output or "Nothing.", label="The tests' output", key="execution-tests", wrap=False)


def _prompt(facts: Facts) -> None:
    key = facts.detail.prompt_file
    if not key:
        st.caption("This execution was launched without a prompt.")
        return
    prompt_view(key, name=_file_name(facts, "prompt"), key="execution-prompt", height="30rem")


def _attempts(facts: Facts, now: datetime) -> None:
    if not facts.detail.attempts:
        _not_yet(facts, "The first attempt begins when a worker takes it.", "It ended before its first attempt.")
        return
    tries.attempts(facts, now, _file_name(facts, ""))
