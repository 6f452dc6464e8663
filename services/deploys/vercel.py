"""The deploy to Vercel: a production build of the pushed commit, followed to its end, and a local release beside it.

Sessions always run a local release of the deployed commit, so this machine's pointer of the pattern is switched when
Vercel is ready, and put back when a deploy does not stand. Everything that a later process needs is in the deployment's
`meta`, so a deploy is found again after a kill, and a retry makes no second one.

Production is one for all patterns. A deploy that ends after a newer one of another commit would bring older code back:
production is then rolled forward to the newer one, and the older ends as an error that says so; the execution is
rebased on what is live and deployed again. Only when the newer commit contains the older one is the older ready too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services import releases
from services.deploys.protocol import Deployment, DeployRequest, DeployTargetError
from services.deploys.vercel_api import Remote, VercelApi, VercelError
from services.deploys.vercel_following import STATUS, Following, contains, failure, kind
from services.deploys.waiting import CancelWatch, Pace, patiently
from services.errors import Cancelled
from services.lifecycle import DeployStatus
from services.logs import get_logger
from services.settings import get_settings

log = get_logger(__name__)


class VercelDeployer:
    """Deploys to one Vercel project. Raises InvalidInput when the settings don't do.

    Requests raise DeployTargetError: one that passes when Vercel stayed away longer than `pace` allows, else a final one.
    """

    name = "vercel"

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._api = VercelApi(get_settings(), self._pace)

    def create(self, request: DeployRequest, *, cancelled: Callable[[], bool] | None = None) -> Deployment:
        """Finds the deploy of this execution, attempt and commit, or makes it. Raises Cancelled, RepositoryError."""
        releases.release(request.commit_hash)  # what can't be run here is not to be live there

        def find_or_make() -> Remote:
            # Looked up before every try: an answer that got lost may have been a success.
            return self._find(request) or self._api.create(request.commit_hash, _meta(request))

        try:
            return deployment_of(patiently(find_or_make, self._pace, CancelWatch(cancelled)))
        except Cancelled:
            try:
                made = self._find(request)
            except DeployTargetError as error:
                log.warning("deploy_maybe_left", execution=str(request.execution_id), error=str(error))
                made = None
            if made is None:
                raise
            return deployment_of(made)  # to be followed, which cancels it

    def follow(self, deployment_id: str, *, cancelled: Callable[[], bool] | None = None) -> Iterator[Deployment]:
        """Yields each state and each growth of the log; ends with ready, error or canceled. Raises NotFound."""
        return Following(self._api, self._pace, deployment_id, cancelled).states()

    def cancel(self, deployment_id: str) -> Deployment:
        """Cancels a deploy that has not ended; one that has is read again. Raises NotFound."""

        def ask() -> Remote:
            try:
                return self._api.cancel(deployment_id)
            except VercelError as error:
                if error.status != 400:
                    raise
                return self._api.get(deployment_id)

        return deployment_of(patiently(ask, self._pace, CancelWatch(None), self._pace.cancel_s))

    def roll_back(self, pattern_type: str, commit_hash: str | None) -> Deployment:
        """Points the pattern at an earlier commit: here at once, and production at the deploy that has it.

        Without a commit, because this was the pattern's first, it runs nothing here and production stays as it is.

        Production goes to the newest merged deploy that holds this commit and no later version of the pattern. When
        there is none, or deploys of other patterns build on a later version, production stays as it is and the answer
        is an error that says so. Raises RepositoryError.
        """
        releases.put_back(pattern_type, commit_hash)
        if commit_hash is None:
            return Deployment("rollback-nothing", DeployStatus.READY, "READY", f"{pattern_type} runs nothing here\n")
        name = f"rollback-{commit_hash[:12]}"
        try:
            patience = 3 * self._pace.cancel_s
            ready = patiently(
                lambda: list(self._api.deployments(state="READY")), self._pace, CancelWatch(None), patience
            )
            chosen = _to_go_back_to(ready, pattern_type, commit_hash)
            patiently(lambda: self._api.roll_back(chosen.id), self._pace, CancelWatch(None), patience)
        except DeployTargetError as error:
            log.warning("production_not_rolled_back", pattern=pattern_type, commit=commit_hash, error=str(error))
            return Deployment(name, DeployStatus.ERROR, "ERROR", f"{error}\n", error=str(error))
        logs = f"Switched {pattern_type} to {commit_hash[:12]}; production goes back to {chosen.id}\n"
        return Deployment(name, DeployStatus.READY, chosen.raw, logs, url=chosen.url)

    def _find(self, request: DeployRequest) -> Remote | None:
        wanted = _meta(request)
        own = ("patterndeskExecution", "patterndeskAttempt", "patterndeskCommit")
        for remote in self._api.deployments(sha=request.commit_hash):
            if all(remote.meta.get(key) == wanted[key] for key in own):
                return remote
        return None


def deployment_of(remote: Remote) -> Deployment:
    """A deployment as a single look shows it."""
    status = STATUS.get(remote.raw, DeployStatus.BUILDING)
    error = failure(remote) if status == DeployStatus.ERROR else None
    return Deployment(remote.id, status, remote.raw, "", url=remote.url, error=error, failure=kind(remote))


def _meta(request: DeployRequest) -> dict[str, str]:
    return {
        "patterndeskExecution": str(request.execution_id),
        "patterndeskAttempt": str(request.attempt),
        "patterndeskPattern": request.pattern_type,
        "patterndeskVersion": request.version,
        "patterndeskCommit": request.commit_hash,
        "patterndeskPrevious": releases.current_commit(request.pattern_type) or "",
    }


def _to_go_back_to(ready: list[Remote], pattern_type: str, commit_hash: str) -> Remote:
    """See `roll_back`. Raises DeployTargetError."""
    oldest_first = sorted(ready, key=lambda d: d.created)
    at = max((n for n, d in enumerate(oldest_first) if d.commit == commit_hash), default=None)
    if at is None:
        raise DeployTargetError(f"Vercel has no ready deploy of {commit_hash[:12]}; production stays as it is.")
    chosen, later = oldest_first[at], False
    for newer in oldest_first[at + 1 :]:
        if not contains("refs/heads/main", newer.commit) or not contains(newer.commit, commit_hash):
            continue  # was never merged, or knows nothing of it
        if newer.pattern == pattern_type and newer.commit != commit_hash:
            later = True
        elif not later:
            chosen = newer
        else:
            raise DeployTargetError(
                f"Deploys of other patterns build on a later version of {pattern_type}; production stays as it is."
            )
    return chosen


def test() -> str:
    """Asks for the project, once. Raises DeployTargetError."""
    return f"Vercel takes the token and has the project {VercelApi(get_settings(), Pace()).project_name()}."
