"""The tabs of an execution: Replay, Diff, Log, Tests, Prompt, Attempts, Cost. Only the open one is read and drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from pages.components import drawn, looks, parts
from pages.components.dialogs import ask_now
from pages.components.errors import guarded
from pages.components.execution import attempts, logs, read, wording
from pages.components.execution.cards import TABS_KEY
from pages.components.execution.diff import MOST_LINES, diff_files
from pages.components.execution.read import ExecutionView
from pages.components.execution.replay import (
    hidden_holdout,
    replay_cells,
    replay_counts,
    replay_head,
    replay_note,
    split_lines,
)
from pages.components.execution.text_viewer import passage
from pages.components.launch.prompt_view import prompt_view
from pages.components.runs import component
from pages.components.runs.state import is_live, is_paid
from services.executions import KeptReplay

LABELS: Final = ("Replay", "Diff", "Log", "Tests", "Prompt", "Attempts", "Cost")


def tabs(view: ExecutionView) -> None:
    """Draws the tab that is open."""
    draw: dict[str, Callable[[], None]] = {
        "Replay": lambda: _replay(view),
        "Diff": lambda: _diff(view),
        "Log": lambda: _log(view),
        "Tests": lambda: _tests(view),
        "Prompt": lambda: _prompt(view),
        "Attempts": lambda: _attempts(view),
        "Cost": lambda: attempts.cost(view, _file_name(view, "")),
    }
    labels = LABELS if is_paid(view.detail.row) else LABELS[:-1]
    if st.session_state.get(TABS_KEY) not in labels:  # it was open at another execution, which has it
        st.session_state.pop(TABS_KEY, None)
    if TABS_KEY not in st.session_state and is_live(view.detail.row) and view.candidate is None:
        st.session_state[TABS_KEY] = "Log"  # until testing there is nothing else to follow
    for label, tab in zip(labels, st.tabs(labels, key=TABS_KEY, on_change="rerun"), strict=True):
        if tab.open:
            with tab, st.container(gap="xsmall"), guarded():
                draw[label]()


def _file_name(view: ExecutionView, what: str) -> str:
    name = f"{view.detail.row.pattern_type}-execution-{view.detail.row.number}"
    return f"{name}-{what}" if what else name


def _not_yet(view: ExecutionView, live: str, ended: str) -> None:
    st.caption(live if is_live(view.detail.row) else ended)


def _replay(view: ExecutionView) -> None:
    replay = read.replay_of(view.detail.row.id)
    if replay is None:
        _not_yet(
            view,
            "The replay over all judged places comes with testing, once something is judged.",
            "There is no replay: it ended before testing, or nothing had been judged yet.",
        )
        return
    counts = replay_counts(replay)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for outcome, n in counts.items():
            look = looks.REPLAYS[outcome]
            parts.badge(look if n else looks.Look("gray", look.symbol, look.label), f"{n:,} {look.label.lower()}")
        st.space("stretch")
        st.caption(looks.plain(replay_note(replay)), width="content")
        row = view.detail.row
        parts.export_menu(
            "replay", {"execution": str(row.id)}, view.actor, called=_file_name(view, ""), type="tertiary"
        )
    evidence = [("Evidence", replay.splits.evidence or looks.MISSING)]
    drawn.facts([*evidence, *split_lines(replay)], key="execution-evidence")
    rows = replay_cells(replay)
    _offer_waiver(view)
    if rows:
        component.table(replay_head(replay), rows, label="Judged places before and after", key="execution-replay")
    _below_replay(replay, len(rows))


def _offer_waiver(view: ExecutionView) -> None:
    """A way to deploy a candidate that broken places alone held back; the reason is asked for in a dialog."""
    row = view.detail.row
    if view.why_not_continue is not None or not view.actor.may("waive"):
        return
    broken = read.waivable(row.id)
    if broken and st.button(
        "Deploy anyway…",
        icon=":material/gavel:",
        key="execution-waive",
        help=f"Deploys this candidate although it breaks {looks.count(broken, 'judged place')}; it takes a reason.",
    ):
        ask_now("waive", row.id)


def _below_replay(replay: KeptReplay, drawn: int) -> None:
    """Says what the table leaves out."""
    sentences = []
    if len(replay.rows) > drawn:
        sentences.append(f"The first {drawn} of {len(replay.rows):,} judgements; the CSV holds all of them.")
    hidden = hidden_holdout(replay)
    if hidden:
        sentences.append(
            f"{looks.count(hidden, 'judgement')} of places kept for testing are only counted, never shown one by one."
        )
    if sentences:
        st.caption(" ".join(sentences))


def _diff(view: ExecutionView) -> None:
    detail = view.detail
    base, commit = detail.base_commit, detail.row.commit_hash
    if not base or not commit:
        _not_yet(view, "Nothing is committed yet.", "This execution changed no file.")
        return
    with st.spinner("Reading the commits", show_time=False):
        text = read.diff(detail.row.id, base, commit)
    files = diff_files(text)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        so_far = " · committed so far" if is_live(detail.row) else ""
        total = (
            f"{looks.count(len(files), 'file')}, +{sum(f['added'] for f in files)} −{sum(f['removed'] for f in files)}"
        )
        st.caption(looks.plain(f"{base[:7]} → {commit[:7]} · {total}{so_far}"), width="stretch")
        st.download_button(
            "Diff",
            text,
            file_name=f"{_file_name(view, 'diff')}.diff",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            key="execution-diff-file",
        )
    if detail.commit_message:
        st.text(detail.commit_message)
    if tests := wording.changed_tests([f["path"] for f in files]):
        st.markdown(
            f":orange[:material/labs: The agent changed the pattern's own tests]: {looks.plain(', '.join(tests))}. "
            "Look at what they still prove."
        )
    component.diff(files, key="execution-diff")
    if len(text.splitlines()) > MOST_LINES:
        st.caption(f"The first {MOST_LINES:,} lines; the download holds all that was read.")


def _log(view: ExecutionView) -> None:
    detail = view.detail
    numbers = [a.number for a in detail.attempts]
    if not numbers:
        _not_yet(view, "Nothing is written yet.", "Nothing was written: it ended before it began.")
        return
    chosen = numbers[-1]
    if len(numbers) > 1:
        chosen = st.selectbox(
            "Attempt",
            [*numbers[::-1], logs.ALL],
            label_visibility="collapsed",
            width=220,
            format_func=lambda n: _log_label(n, numbers[-1]),
            key=f"execution-log-of-{len(numbers)}",
        )
    which = "all-attempts" if chosen == logs.ALL else f"attempt-{chosen}"
    passage(
        logs.read(detail, chosen),
        label=f"The log of {which.replace('-', ' ')}",
        file_name=_file_name(view, f"{which}-log"),
        key=f"execution-log-{which}",
        nothing="Nothing is written yet." if is_live(detail.row) else "Nothing was written.",
    )


def _log_label(number: int, newest: int) -> str:
    if number == logs.ALL:
        return "All attempts"
    return f"Attempt {number}{', the newest' if number == newest else ''}"


def _tests(view: ExecutionView) -> None:
    report = view.detail.test_report
    if not report:
        _not_yet(view, "The pattern repository's own tests run in the testing phase.", "It ended before testing.")
        return
    good, failed = report.total - report.failed, report.failed
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        parts.badge(looks.Look("green", "check", f"{good:,} passed"))
        if failed or not report.passed:
            parts.badge(looks.Look("red", "close", f"{failed:,} failed"))
        st.caption(f"in {looks.duration(report.duration_s)}", width="content")
    contract = view.candidate.contract_report if view.candidate else None
    checks = contract.checks if contract is not None else ()
    if checks:
        st.markdown("**Detector contract**")
        drawn.checks([(c.passed, c.name.replace("_", " ")) for c in checks], key="execution-contract")
        for check in checks:
            if not check.passed:
                st.text(check.detail)
    st.markdown("**Output of the tests**")
    component.text(report.output or "Nothing.", label="The tests' output", key="execution-tests", wrap=False)


def _prompt(view: ExecutionView) -> None:
    key = view.detail.prompt_file
    if not key:
        st.caption("This execution was launched without a prompt.")
        return
    prompt_view(key, name=_file_name(view, "prompt"), key="execution-prompt", height="30rem")


def _attempts(view: ExecutionView) -> None:
    if not view.detail.attempts:
        _not_yet(view, "The first attempt begins when a worker takes it.", "It ended before its first attempt.")
        return
    attempts.attempts(view, _file_name(view, ""))
