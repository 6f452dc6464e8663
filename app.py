"""The ASGI app: the screens with their router as main script, our routes, guards and headers around them.

Served by `patterndesk up`, or by `streamlit run app.py`, which starts beside itself what is missing.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from streamlit import config as streamlit_config
from streamlit.runtime.secrets import SecretsValue

from services import logs
from services.errors import PatternDeskError
from services.running import private_files
from services.settings import Settings, get_settings
from services.web import routes, tokens
from services.web.guards import Guard, Policy, parse_hosts
from services.web.headers import SecurityHeaders, content_security_policy, security_headers
from services.web.identity import LocalSession, SignedIn
from services.web.live import LiveHub
from services.web.standalone import Companion

settings = get_settings()
hub = LiveHub()
companion = Companion()
private_files()
logs.configure("web", settings.data_dir)

# `.streamlit/config.toml` is looked for beside the launcher, whatever folder the server was started in.
streamlit_config._main_script_path = streamlit_config._main_script_path or __file__
streamlit_config.set_option("server.cookieSecret", tokens.secret_key())
streamlit_config.set_option("server.port", settings.port)


def policy(settings: Settings) -> Policy:
    https = (settings.oidc_redirect_uri or "").startswith("https://")
    hosts = parse_hosts(settings.allowed_hosts)
    if settings.oidc_configured:
        return Policy(SignedIn(tokens.secret_key()), hosts, local=False, https=https)
    return Policy(LocalSession(tokens.secret_key(), settings.port), hosts)


def sign_in(settings: Settings) -> Mapping[str, SecretsValue] | None:
    """What `st.login` reads: the provider's settings, and the key that signs its cookie."""
    if not settings.oidc_configured or settings.oidc_client_secret is None:
        return None
    secret = settings.oidc_client_secret.get_secret_value()
    logs.add_secret(secret)
    redirect = settings.oidc_redirect_uri or f"http://localhost:{settings.port}/oauth2callback"
    return {
        "auth": {
            "redirect_uri": redirect,
            "cookie_secret": tokens.secret_key(),
            "client_id": settings.oidc_client_id or "",
            "client_secret": secret,
            "server_metadata_url": settings.oidc_server_metadata_url or "",
            "client_kwargs": {"scope": "openid email profile", "code_challenge_method": "S256"},
        }
    }


def show_error(error: Exception) -> bool:
    """What the person sees of an error that no page caught: its sentence, or the reference that finds it in the log."""
    if isinstance(error, PatternDeskError):
        st.error("Not done:", icon=":material/error:")
        st.text(error.sentence)
    else:
        reference = logs.log_unexpected(error, part="page")
        st.error(f"Something went wrong on our side. The log holds it under **{reference}**.", icon=":material/error:")
    return True


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, LiveHub]]:
    for name in ("pandas", "plotly.graph_objects"):
        import_module(name)  # what pages need is loaded before the freeze, which keeps it out of every collection
    logs.adopt("streamlit", "uvicorn", "websockets")
    await run_in_threadpool(companion.start, settings)
    hub.start()
    gc.collect()
    gc.freeze()
    try:
        yield {"hub": hub}
    finally:
        await hub.close()
        await run_in_threadpool(companion.stop)


headers = security_headers(
    content_security_policy(Path(st.__file__).parent / "static" / "index.html"), https=policy(settings).https
)
app = st.App(
    # The router is the main script, because a fresh server would serve files of a pages/ folder beside it by deep link.
    Path(__file__).parent / "pages" / "router.py",
    secrets=sign_in(settings),
    routes=routes.build(hub),
    middleware=[Middleware(SecurityHeaders, headers=headers), Middleware(Guard, policy=policy(settings))],
    lifespan=lifespan,
    on_script_error=show_error,
    exception_handlers={PatternDeskError: routes.expected_error},
)
