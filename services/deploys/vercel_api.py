"""Vercel's REST API over HTTP, as its published description says it. Every version number of it is in this file.

Each method makes one request (a list: one per page) and answers with what came back, or raises VercelError with one
sentence. Asking again is the caller's (`services.deploys.waiting`).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from services.deploys.build_log import BuildEvent
from services.deploys.protocol import DeployTargetError
from services.deploys.waiting import Pace
from services.errors import InvalidInput, NotFound, until
from services.logs import add_secret, redact
from services.settings import Settings

Json = dict[str, Any]

PAGE, PAGES = 100, 50  # deployments per page of a list, and the pages that are read at most
_HEX = re.compile(r"[0-9a-f]{40}")
_WORD = re.compile(r"[a-z0-9_]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class VercelError(DeployTargetError):
    """An answer that is not what was asked for. `status` is HTTP's, if there was one."""

    def __init__(
        self,
        sentence: str,
        *,
        failure: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence, failure=failure, retry_after_s=retry_after_s)
        self.status = status


@dataclass(frozen=True, slots=True)
class Remote:
    """A deployment as a list (`uid`, `state`) or a detail (`id`, `readyState`) describes it. `created` in ms since 1970."""

    id: str
    raw: str
    created: int
    url: str | None
    commit: str | None
    pattern: str | None
    meta: Mapping[str, str]
    served: bool  # its addresses point at it
    staged: bool  # built for production, but production is not to serve it by itself
    aliases: tuple[str, ...]
    alias_error: str | None
    error: str | None


def remote(answer: Json) -> Remote:
    """Reads either form. Raises VercelError when it is neither."""
    name = answer.get("id") or answer.get("uid")
    if not isinstance(name, str):
        raise VercelError("Vercel answered with a deployment that has no id.", failure="target.unavailable")
    meta = answer.get("meta") if isinstance(answer.get("meta"), dict) else {}
    source = answer.get("gitSource") if isinstance(answer.get("gitSource"), dict) else {}
    assert meta is not None
    assert source is not None
    names = ("patterndeskCommit", "githubCommitSha", "gitlabCommitSha", "bitbucketCommitSha")
    commit = next((str(meta[n]) for n in names if meta.get(n)), str(source.get("sha") or ""))
    pattern = str(meta.get("patterndeskPattern") or "")
    url, alias_error = answer.get("url"), answer.get("aliasError") or {}
    return Remote(
        id=name,
        raw=str(answer.get("readyState") or answer.get("state") or answer.get("status") or "UNKNOWN"),
        created=int(answer.get("createdAt") or answer.get("created") or 0),
        url=f"https://{url}" if url else None,
        commit=commit if _HEX.fullmatch(commit) else None,
        pattern=pattern if _WORD.fullmatch(pattern) else None,  # both become paths on this machine
        meta={str(k): str(v) for k, v in meta.items()},
        served=bool(answer.get("aliasAssigned")),
        staged=answer.get("readySubstate") == "STAGED",
        aliases=tuple(str(a) for a in answer.get("alias") or ()),
        alias_error=_plain(alias_error.get("message") or alias_error.get("code")) or None,
        error=_plain(answer.get("errorMessage") or answer.get("readyStateReason")) or None,
    )


def _event(event: Json) -> BuildEvent:
    """One of a build's events, whose facts stand in it or in its payload."""
    payload = event.get("payload") if isinstance(event.get("payload"), dict) else {}
    assert payload is not None
    text = event.get("text") or payload.get("text")
    times = (event.get("date"), payload.get("date"), event.get("created"))
    at = next((int(t) for t in times if isinstance(t, int | float) and 0 < t < 1e14), None)
    name = event.get("id") or payload.get("id") or event.get("serial") or ""
    return BuildEvent(str(event.get("type")), text if isinstance(text, str) else None, at, str(name))


class VercelApi:
    """The requests that a deploy needs, for one project. Raises InvalidInput when the settings don't do."""

    def __init__(self, settings: Settings, pace: Pace) -> None:
        if (reason := unusable(settings)) is not None:
            raise InvalidInput(reason, failure="target.not_connected")
        assert settings.vercel_token is not None  # `unusable` looked
        assert settings.vercel_project is not None
        token = settings.vercel_token.get_secret_value().strip()
        add_secret(token)
        self.project = settings.vercel_project
        self._settings = settings
        self._client = httpx.Client(
            base_url=settings.vercel_api.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "User-Agent": "patterndesk"},
            params={"teamId": settings.vercel_team_id} if settings.vercel_team_id else {},
            timeout=httpx.Timeout(pace.timeout_s, connect=min(5.0, pace.timeout_s)),
            follow_redirects=False,  # the token goes to this host alone
        )

    def create(self, commit: str, meta: dict[str, str]) -> Remote:
        """A production build of the commit. Always a new one: Vercel may else answer with an earlier, similar deploy."""
        body = {
            "name": self.project,
            "project": self.project,
            "target": "production",
            "meta": meta,
            "gitSource": _git_source(self._settings, commit),
        }
        return remote(self._dict("POST", "/v13/deployments", {"forceNew": "1"}, body))

    def project_name(self) -> str:
        """The project's name as Vercel has it; raises VercelError when the token or the project does not do."""
        return _plain(self._dict("GET", f"/v9/projects/{quote(self.project, safe='')}").get("name")) or self.project

    def get(self, deployment_id: str) -> Remote:
        """Raises NotFound."""
        return remote(self._dict("GET", f"/v13/deployments/{_id(deployment_id)}"))

    def cancel(self, deployment_id: str) -> Remote:
        """Raises VercelError with status 400 when the deployment has ended, and NotFound."""
        return remote(self._dict("PATCH", f"/v12/deployments/{_id(deployment_id)}/cancel"))

    def deployments(self, **filters: str | int) -> Iterator[Remote]:
        """The project's production deployments, newest first."""
        query: dict[str, str | int] = {"projectId": self.project, "target": "production", "limit": PAGE, **filters}
        for _ in range(PAGES):
            page = self._dict("GET", "/v6/deployments", query)
            yield from (remote(d) for d in page.get("deployments") or [])
            until = (page.get("pagination") or {}).get("next")
            if until is None or until == query.get("until"):
                return
            query["until"] = until

    def events(self, deployment_id: str, since: int | None) -> list[BuildEvent]:
        """The build's log from a time on (ms since 1970), oldest first."""
        query: dict[str, str | int] = {"limit": -1, "direction": "forward"}
        if since is not None:
            query["since"] = since
        events = self._call("GET", f"/v3/deployments/{_id(deployment_id)}/events", query)
        return [_event(e) for e in events if isinstance(e, dict)] if isinstance(events, list) else []

    def promote(self, deployment_id: str) -> None:
        """Points the project's production addresses at a deployment, without building it again."""
        self._call("POST", f"/v10/projects/{quote(self.project, safe='')}/promote/{_id(deployment_id)}", {}, {})

    def roll_back(self, deployment_id: str) -> None:
        """Points them at an earlier one. Vercel then serves later ones only when they are promoted."""
        self._call("POST", f"/v1/projects/{quote(self.project, safe='')}/rollback/{_id(deployment_id)}", {}, {})

    def _dict(self, method: str, path: str, query: Mapping[str, str | int] = {}, body: Json | None = None) -> Json:
        answer = self._call(method, path, query, body)
        if not isinstance(answer, dict):
            raise VercelError("Vercel answered with something that is not its format.", failure="target.unavailable")
        return answer

    def _call(self, method: str, path: str, query: Mapping[str, str | int] = {}, body: Json | None = None) -> Any:
        try:
            answer = self._client.request(method, path, params=dict(query), json=body)
        except httpx.TimeoutException as error:
            raise VercelError("Vercel did not answer in time.", failure="target.unavailable") from error
        except httpx.HTTPError as error:
            raise VercelError(
                f"Vercel could not be reached ({type(error).__name__}).", failure="target.unavailable"
            ) from error
        if answer.status_code >= 300:
            raise self._refusal(answer, path)
        if not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError as error:
            raise VercelError(
                "Vercel answered with something that is not JSON.", failure="target.unavailable"
            ) from error

    def _refusal(self, answer: httpx.Response, path: str) -> Exception:
        status, error = answer.status_code, _error(answer)
        reason = _plain(error.get("message")) or f"status {status}"
        if status == 429:
            wait = _reset(answer, error)
            when = f"; it asks to wait until {until(wait)}" if wait is not None else ""
            return VercelError(
                f"Vercel's rate limit is reached{when}.",
                failure="target.rate_limited",
                status=status,
                retry_after_s=wait,
            )
        if status >= 500 or status == 408:
            return VercelError(f"Vercel has a fault ({status}).", failure="target.unavailable", status=status)
        if status == 401 or error.get("invalidToken"):
            sentence = "Vercel does not accept the token; set VERCEL_TOKEN to a valid one."
        elif status == 403:
            team = f" of the team {self._settings.vercel_team_id}" if self._settings.vercel_team_id else ""
            sentence = f"The Vercel token may not deploy the project {self.project}{team}: {reason}."
        elif status == 404 and path.startswith(("/v13/deployments/", "/v12/", "/v3/")):
            return NotFound("There is no such deployment.", failure="target.refused")
        elif status == 404:
            sentence = f"Vercel has no project {self.project}: {reason}."
        elif status == 402:
            sentence = f"Vercel asks for a payment first: {reason}."
        else:
            sentence = f"Vercel refused the request: {reason}."
        return VercelError(sentence, status=status)


def unusable(settings: Settings) -> str | None:
    """Why Vercel can't be used with these settings: a sentence, or None when it can."""
    token = settings.vercel_token.get_secret_value().strip() if settings.vercel_token else ""
    if not token or not settings.vercel_project:
        missing = " and ".join(
            n for n, v in (("VERCEL_TOKEN", token), ("VERCEL_PROJECT", settings.vercel_project)) if not v
        )
        return f"Vercel is not connected; set {missing}. Releases are deployed to this machine."
    named = settings.vercel_git_org and settings.vercel_git_repo and settings.vercel_git_type != "gitlab"
    if not settings.vercel_git_repo_id and not named:
        if settings.vercel_git_type == "gitlab":
            return "Vercel does not know the repository; set VERCEL_GIT_REPO_ID to GitLab's number of the project."
        return "Vercel does not know the repository; set VERCEL_GIT_REPO_ID, or VERCEL_GIT_ORG and VERCEL_GIT_REPO."
    address = urlsplit(settings.vercel_api)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
        return "VERCEL_API has to begin with https://, because the token is sent there."
    return None


def _git_source(settings: Settings, commit: str) -> Json:
    """The commit in the form that each provider's repositories are named in."""
    kind, repo_id = settings.vercel_git_type, settings.vercel_git_repo_id
    org, repo = settings.vercel_git_org, settings.vercel_git_repo
    names: Json
    if kind == "gitlab":
        names = {"projectId": repo_id}
    elif kind == "bitbucket":
        names = {"repoUuid": repo_id} if repo_id else {"owner": org, "slug": repo}
    else:
        names = {"repoId": repo_id} if repo_id else {"org": org, "repo": repo}
    return {"type": kind, "ref": "main", "sha": commit, **names}


def _id(deployment_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", deployment_id):
        raise NotFound("There is no such deployment.", failure="target.refused")
    return deployment_id


def _error(answer: httpx.Response) -> Json:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _plain(text: object) -> str:
    return _CONTROL.sub(" ", redact(str(text or "")))[:300].strip().rstrip(".")


def _reset(answer: httpx.Response, error: Json) -> float | None:
    """Seconds until the limit ends: epoch seconds in the header or the body, else Retry-After; None when neither is there."""
    limit = error.get("limit")
    at = answer.headers.get("X-RateLimit-Reset") or (limit.get("reset") if isinstance(limit, dict) else None)
    try:
        wait = float(at) - time.time() if at is not None else float(answer.headers["Retry-After"])
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, wait) if math.isfinite(wait) else None
