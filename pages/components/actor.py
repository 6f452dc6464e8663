"""Who is signed in. Every page asks here by itself, and nothing of it runs when nobody is.

With OIDC the identity provider vouches for the person on every run. In local mode people pick who they are. The choice
belongs to the browser's signed cookie, which only this machine can hold; a reload keeps it, a restart asks again.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from pages.components import looks
from pages.components.errors import guarded
from services import people
from services.database.engine import transaction
from services.errors import NotAllowed
from services.lifecycle import Role
from services.people import Actor, Person
from services.settings import get_settings
from services.signing_in import read_claims
from services.web.identity import LocalSession
from services.web.tokens import secret_key

_KEY: Final = "person_id"
_MOST_BROWSERS: Final = 1000
_SHOWN: Final = 8  # people as buttons; more of them become a list


def require_actor() -> Actor:
    """The signed-in person; stops the script when there is none."""
    actor = current_actor()
    if actor is None:
        sign_in_screen()
        st.stop()
    return actor


def current_actor() -> Actor | None:
    """The signed-in person as the database knows them now, or None. Who was shut out is nobody from the next run on."""
    with guarded(stop=True):
        try:
            return _known()
        except NotAllowed as error:
            _refuse(error.sentence)
    return None


def acting() -> Actor:
    """The signed-in person for an action in a dialog or a callback, which may come long after the page was drawn.

    Draws nothing, so that what was typed stays on the screen whatever happens. Raises NotAllowed when there is nobody.
    """
    actor = _known()
    if actor is None:
        raise NotAllowed("You are signed out; reload the page and sign in again.")
    return actor


def viewer_now() -> datetime:
    """The time now in the reader's own zone."""
    try:
        return datetime.now(ZoneInfo(st.context.timezone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return datetime.now(UTC)


looks.read_at(viewer_now)


def sign_out() -> None:
    """Forgets who is here. With OIDC the browser's identity cookie goes too."""
    if get_settings().oidc_configured:
        st.logout()
    _choices().pop(_browser() or "", None)
    st.session_state.pop(_KEY, None)


def sign_in_screen() -> None:
    """Asks who is here; once that is known, the page that was asked for runs."""
    with st.container(horizontal_alignment="center"):
        st.space("large")
        with st.container(width=440, border=True, gap="small"):
            st.markdown("# Pattern Desk")
            if get_settings().oidc_configured:
                st.caption("Sign in with your team's account.")
                st.button("Sign in", type="primary", icon=":material/login:", width="stretch", on_click=st.login)
            else:
                st.caption("Local mode: pick who you are. Bound to this machine only.")
                _pick()


def _known() -> Actor | None:
    return _vouched_for() if get_settings().oidc_configured else _picked()


def _vouched_for() -> Actor | None:
    """The actor behind `st.user`, whose cookie may outlive the provider's own end."""
    if not st.user.is_logged_in:
        return None
    known = read_claims(dict(st.user), get_settings())
    if known is None:
        return None
    with transaction() as session:
        return people.sign_in(session, email=known.email, name=known.name, image=known.image, role=known.role)


def _refuse(sentence: str) -> None:
    """A person who is known to the provider but not welcome here; signing out lets them try another account."""
    sign_out_label = "Sign out" if get_settings().oidc_configured else "Pick somebody else"
    st.warning(sentence, icon=":material/block:")
    if st.button(sign_out_label):
        sign_out()
        st.rerun()
    st.stop()


def _picked() -> Actor | None:
    person_id = _choices().get(_browser() or "") or st.session_state.get(_KEY)
    if person_id is None:
        return None
    with transaction() as session:
        return people.actor_by_id(session, person_id)


def _browser() -> str | None:
    """The browser's cookie when it is one of ours, which only the page's own answer sets."""
    identity = LocalSession(secret_key(), get_settings().port)
    cookies = dict(st.context.cookies)
    return cookies[identity.cookie_name] if identity.proven(cookies, host="") else None


@st.cache_resource
def _choices() -> dict[str, uuid.UUID]:
    """Who each browser picked, by its cookie, for as long as the server runs."""
    return {}


def _remember(person_id: uuid.UUID) -> None:
    browser, choices = _browser(), _choices()
    if browser is None:
        st.session_state[_KEY] = person_id
        return
    choices[browser] = person_id
    while len(choices) > _MOST_BROWSERS:
        choices.pop(next(iter(choices)))


def _pick() -> None:
    with guarded(stop=True), transaction() as session:
        active = [person for person in people.list_people(session) if person.is_active]
    if not active:
        _first_person()
    elif len(active) <= _SHOWN:
        for person in active:
            label = f"{looks.plain(person.name)} :gray[{person.role}]"
            if st.button(label, key=f"person-{person.id}", icon=":material/person:", width="stretch"):
                _enter(person)
    else:
        chosen = st.selectbox("Person", active, format_func=lambda p: f"{p.name} ({p.role})", index=None)
        if st.button("Continue", type="primary", disabled=chosen is None) and chosen:
            _enter(chosen)


def _enter(person: Person) -> None:
    with guarded():
        with transaction() as session:
            people.sign_in(session, email=person.email, name=person.name)
        _remember(person.id)
        st.rerun()


def _first_person() -> None:
    """Nobody is here yet: whoever starts the app on their machine becomes its admin."""
    st.text("Nobody is here yet. You will be the admin.")
    with st.form("first-person", border=False):
        name = st.text_input("Name", max_chars=120)
        email = st.text_input("E-mail", type="email", max_chars=254)
        if st.form_submit_button("Start", type="primary"):
            if not name.strip() or "@" not in email:
                st.error("Give a name and an e-mail address.")
                return
            with guarded():
                with transaction() as session:
                    actor = people.ensure_person(session, email=email.strip(), name=name.strip(), role=Role.ADMIN)
                _remember(actor.id)
                st.rerun()
