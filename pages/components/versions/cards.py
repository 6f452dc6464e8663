"""One version of a pattern as a card: number, commit, origin, parameters, gates, rates, what it fixed and broke."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import streamlit as st

from pages.components import looks, rates
from pages.components.drawn import checks, facts, rate_table
from pages.components.links import exists
from pages.components.parts import badge
from services import releases
from services.deployments import Period, VersionRow, VersionStory
from services.detectors import repository
from services.detectors.bundle import owned_paths
from services.errors import PatternDeskError
from services.feedback import FeedbackRow
from services.places import ApprovalPolicy

ORIGINS: Final = {"agent": "Claude", "tuner": "Tuner", "manual": "Made by hand", "starter": "Starter"}
STATES: Final = {
    "candidate": looks.Look("gray", "pending", "Candidate"),
    "deployed": looks.Look("green", "check_circle", "Deployed"),
    "retired": looks.Look("gray", "history", "Retired"),
    "rejected": looks.Look("red", "block", "Rejected"),
}
SHOWN_PLACES: Final = 12  # links to what a version fixed or broke


def head(story: VersionStory) -> None:
    """The first row: number, state, when it ran."""
    version = story.version
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(looks.plain(f"v{version.name}"), anchor=False, width="content")
        badge(looks.look(STATES, version.status))
        st.caption(looks.plain(ran(story.periods)), width="content")


def ran(periods: Sequence[Period]) -> str:
    """When a version was deployed, from and to, each time."""
    if not periods:
        return "never deployed"
    return "; ".join(
        f"{'rolled back to' if p.how == 'roll_back' else 'deployed'} {_moment(p.started_at)} – {_moment(p.ended_at)}"
        for p in periods
    )


def _moment(at: datetime | None) -> str:
    return "now" if at is None else f"{at.astimezone(looks.now_here().tzinfo):%Y-%m-%d %H:%M}"


def body(story: VersionStory, versions: Sequence[VersionRow], pattern_type: str, policy: ApprovalPolicy) -> None:
    """Everything below the first row."""
    version = story.version
    key = f"version-{version.id}"
    parent = next((v for v in versions if v.id == version.parent_id), None)
    made = ORIGINS.get(version.origin, version.origin)
    rows = [
        ("Commit", version.commit_hash[:12]),
        ("Origin", made + (f", execution {story.execution_number}" if story.execution_number else "")),
        ("Parent", f"v{parent.name}" if parent else looks.MISSING),
        ("Places found", f"{story.found:,} of {story.places:,}" if story.rates else rates.NOT_JUDGED),
    ]
    facts(rows, key=f"{key}-facts")
    if story.rates is not None:
        its = story.rates
        table = [
            (name, rate.rate, rate.ci_low, rate.ci_high, rate.n)
            for name, rate in (("Unseen", its.unseen), ("Seen", its.seen), ("All", its.all))
        ]
        rate_table(table, name="Places", key=f"{key}-rates")
        notes = [rates.notes(its.all)]
        notes += [f"unseen: {short}"] if (short := rates.shortage(its.unseen, policy.unseen)) else []
        notes += [f"all: {short}"] if (short := rates.shortage(its.all, policy.judged)) else []
        st.caption(looks.plain("; ".join(note for note in notes if note)))
    _changed(story, key)
    _contract(version, key)
    with st.expander("Parameters and diff", icon=":material/difference:", key=f"{key}-diff"):
        _params(version, parent)
        _diff(version, parent, pattern_type)


def _changed(story: VersionStory, key: str) -> None:
    if story.baseline is None:
        return
    st.markdown(
        f":small[**Against v{looks.plain(story.baseline)}**: {len(story.fixed):,} fixed, {len(story.broken):,} broken"
        + (f", {story.held_changed:,} changed among places kept for testing" if story.held_changed else "")
        + "]"
    )
    if story.sentence:
        st.caption(looks.plain(story.sentence))
    for word, rows in (("fixed", story.fixed), ("broken", story.broken)):
        if rows and exists("session"):
            with st.expander(f"{word.capitalize()} places ({len(rows):,})", key=f"{key}-{word}"):
                for row in rows[:SHOWN_PLACES]:
                    _place(row)
                if len(rows) > SHOWN_PLACES:
                    st.caption(f"and {len(rows) - SHOWN_PLACES:,} more")


def _place(row: FeedbackRow) -> None:
    label = f"{looks.kind_label(row.kind or 'mark', row.direction or 0)} {looks.candle_label(row.candle_index, row.candle_time)}"
    if row.session_id is None:
        st.caption(looks.plain(label))
        return
    query = {"id": str(row.session_id), "mark": str(row.detection_id or row.id)}
    st.page_link("session.py", label=looks.plain(label), icon=":material/candlestick_chart:", query_params=query)


def _contract(version: VersionRow, key: str) -> None:
    report = version.contract_report
    if report is None:
        st.caption("The contract was not checked for this version.")
        return
    with st.expander(
        f"Contract: {'passed' if report.passed else 'refused'}, {report.cuts:,} runs",
        icon=":material/fact_check:",
        key=f"{key}-contract",
    ):
        checks(
            [(c.passed, c.name.replace("_", " ") + ("" if c.passed else f": {c.detail}")) for c in report.checks],
            key=f"{key}-checks",
        )
        for line in (*report.exemptions, *report.notes):
            st.caption(looks.plain(line))


def _params(version: VersionRow, parent: VersionRow | None) -> None:
    before = parent.params if parent else {}
    names = sorted({*version.params, *before})
    rows = []
    for name in names:
        new, old = version.params.get(name), before.get(name)
        rows.append((name, str(new) if parent is None or new == old else f"{old} → {new}"))
    facts(rows or [("Parameters", "none")], key=f"version-{version.id}-params")


def _diff(version: VersionRow, parent: VersionRow | None, pattern_type: str) -> None:
    if parent is None:
        st.caption("It has no version before it to be compared with.")
        return
    text, problem = diff_of(pattern_type, parent.commit_hash, version.commit_hash)
    if problem:
        st.text(problem)
    elif text:
        st.code(text, language="diff", height=320)
    else:
        st.caption("The pattern's files are the same.")


@st.cache_data(max_entries=64, show_spinner=False)
def diff_of(pattern_type: str, base: str, commit: str) -> tuple[str, str]:
    """The diff of the pattern's files, or why there is none. Commits never change, so neither does this."""
    try:
        repo = releases.repository()
        touched = set(repository.changed_files(repo, base, commit))
        parts = [repository.diff(repo, base, commit, path_filter=p) for p in owned_paths(pattern_type) if p in touched]
    except PatternDeskError as error:
        return "", error.sentence
    return "\n".join(parts), ""
