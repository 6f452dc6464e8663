"""Personal tokens on a screen: made, named, narrowed to reports, shown once, revoked."""

from __future__ import annotations

import uuid

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.parts import empty_state
from services import access_tokens
from services.access_tokens import METRICS, Token
from services.database.engine import transaction
from services.exports.reports import REPORTS
from services.people import Actor

MADE = "token-made"
DAYS = {"30 days": 30, "90 days": 90, "1 year": 365, "For ever": None}


def own_tokens(actor: Actor) -> None:
    """A person's own tokens, and the form that makes one."""
    st.markdown("### Tokens for machines")
    st.caption(
        "A token reads the reports that it names, as you may, at /exports/REPORT.csv, .json or .parquet with the "
        "header 'Authorization: Bearer TOKEN'. It can change nothing."
    )
    made: str | None = st.session_state.pop(MADE, None)
    if made is not None:
        st.success("This is the token. Keep it now: it is not shown again.", icon=":material/key:")
        st.code(made, language=None)
    _form(actor)
    with guarded(stop=True), transaction() as session:
        tokens = access_tokens.list_tokens(session, actor=actor)
    _list(tokens, actor)


def all_tokens(actor: Actor) -> None:
    """Everybody's tokens, for admins."""
    with guarded(stop=True), transaction() as session:
        tokens = access_tokens.list_tokens(session, actor=actor, everybody=True)
    st.caption("People make their own on the page Account. Revoking one ends it at once.")
    if not tokens:
        empty_state("key", "No tokens yet", "Nobody reads reports by machine so far.")
        return
    _list(tokens, actor, owners=True)


def readable(actor: Actor) -> dict[str, str]:
    """What a token of this person's can read: the report's name and its title."""
    reports = {name: report.title for name, report in REPORTS.items() if actor.role in report.roles}
    return reports | ({METRICS: "Metrics of the server"} if actor.may("read_audit") else {})


def _form(actor: Actor) -> None:
    titles = readable(actor)
    with st.form("make-token", clear_on_submit=True):
        name = st.text_input("What will use it", max_chars=access_tokens.LONGEST_NAME, key="token-name")
        reports = st.multiselect(
            "Reports that it may read", list(titles), format_func=lambda name: titles[name], key="token-reports"
        )
        days = st.selectbox("Good for", list(DAYS), index=1, key="token-days")
        if not st.form_submit_button("Make a token", icon=":material/key:"):
            return
    with guarded():
        actor = acting()
        with transaction() as session:
            new = access_tokens.create(session, name=name, reports=reports, days=DAYS[days or "90 days"], actor=actor)
        st.session_state[MADE] = new.secret
        st.rerun()


def _list(tokens: list[Token], actor: Actor, *, owners: bool = False) -> None:
    for token in tokens:
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width="stretch", gap=None):
                owner = f" · {token.owner_name}" if owners else ""
                st.markdown(f"**{looks.plain(token.name)}** :gray[{looks.plain(token.hint)}…{looks.plain(owner)}]")
                st.caption(looks.plain(", ".join(token.reports)))
                st.caption(looks.plain(_life(token)))
            if token.is_active and st.button("Revoke", key=f"revoke-{token.id}", icon=":material/block:"):
                _revoke(token.id)


def _life(token: Token) -> str:
    made = f"made {looks.when(token.created_at)}"
    used = f"last used {looks.when(token.last_used_at)}" if token.last_used_at else "never used"
    if token.revoked_at:
        return f"{made} · {used} · revoked {looks.when(token.revoked_at)}"
    if not token.is_active:
        return f"{made} · {used} · expired {looks.when(token.expires_at)}"
    ends = f"good until {token.expires_at:%Y-%m-%d}" if token.expires_at else "good for ever"
    return f"{made} · {used} · {ends}"


def _revoke(token_id: uuid.UUID) -> None:
    with guarded():
        actor = acting()
        with transaction() as session:
            access_tokens.revoke(session, token_id, actor=actor)
        st.rerun()
