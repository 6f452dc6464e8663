"""Following one deployment at Vercel to its end. Only polling counts; the state that is reported never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from services import releases
from services.deploys.build_log import BuildLog
from services.deploys.protocol import Deployment, DeployTargetError
from services.deploys.vercel_api import Remote, VercelApi, VercelError
from services.deploys.waiting import Backoff, Pace, Watch, patiently
from services.detectors import repository
from services.errors import Cancelled, NotFound, RepositoryError
from services.lifecycle import DeployStatus

QUEUED, BUILDING, READY, ERROR, CANCELED = DeployStatus  # in the order a deploy goes through them
# An unknown word is followed like a build until the deadline, and never taken for ready.
STATUS = {
    "QUEUED": QUEUED,
    "INITIALIZING": BUILDING,
    "BUILDING": BUILDING,
    "READY": READY,
    "ERROR": ERROR,
    "CANCELED": CANCELED,
    "BLOCKED": ERROR,
    "DELETED": ERROR,
}

DELETED = "The deployment was deleted at Vercel."


class Following:
    """One process's following of one deployment."""

    def __init__(self, api: VercelApi, pace: Pace, deployment_id: str, cancelled: Callable[[], bool] | None) -> None:
        self._api, self._pace, self._id = api, pace, deployment_id
        self._watch = Watch(cancelled)
        self._backoff = Backoff(pace)
        self._log = BuildLog(int(time.time() * 1000))
        self._seen: Remote | None = None
        self._status = QUEUED
        self._deadline = time.monotonic() + pace.deadline_s
        self._built_at: float | None = None
        self._cancel_at: float | None = None
        self._promoted = False

    def states(self) -> Iterator[Deployment]:
        """Each state that differs from the one before, the last one ended. Raises NotFound, DeployTargetError."""
        last: Deployment | None = None
        pause = 0.0
        while True:
            try:
                self._watch.wait(pause)
                state, pause = self._next()
            except Cancelled:
                if (given_up := self._cancel()) is not None:
                    yield given_up
                    return
                pause = 0.0
                continue
            if state != last:
                yield state
                last = state
            if state.ended:
                return

    def _next(self) -> tuple[Deployment, float]:
        """The state now, and how long to wait before the next look."""
        try:
            state = self._look()
        except NotFound:
            if self._seen is None:
                raise
            return self._end(ERROR, DELETED, raw="DELETED", failure="target.refused"), 0.0
        except DeployTargetError as error:
            if (over := self._out_of_time()) is not None:
                return over, 0.0
            pause = self._backoff.after(error)
            if self._seen is None:
                return Deployment(self._id, QUEUED, "UNKNOWN", self._log.text), pause
            self._log.line(f"{error} Asking again in {pause:.0f} s.")
            return self._present(), pause
        self._backoff.reset()
        if not state.ended and (over := self._out_of_time()) is not None:
            return over, 0.0
        return state, self._pace.poll_s if self._cancel_at is None else min(self._pace.poll_s, 0.5)

    def _look(self) -> Deployment:
        remote = self._watch.call(lambda: self._api.get(self._id))
        if self._seen is None:
            self._log = BuildLog(remote.created)
            version = remote.meta.get("patterndeskVersion", "?")
            what = f"{(remote.commit or 'an unknown commit')[:12]} for {remote.pattern or 'no pattern'} as v{version}"
            self._log.line(f"Deploying {what} to Vercel ({remote.id})")
        if self._seen is None or self._seen.raw != remote.raw:
            known = "" if remote.raw in STATUS else ", which is not a state of its description"
            self._log.line(f"Vercel says {remote.raw}{known}")
        self._seen = remote
        status = STATUS.get(remote.raw, BUILDING)
        self._read_events(final=status not in (QUEUED, BUILDING))
        if status == READY:
            return self._built(remote)
        if status == ERROR:
            return self._end(ERROR, failure(remote), failure=kind(remote))
        if status == CANCELED:
            return self._end(CANCELED, None)
        if status == BUILDING:
            self._status = BUILDING
        return self._present()

    def _read_events(self, *, final: bool) -> None:
        """Adds what the build said since the last look; at the end all is read again, for lines that came late."""
        since = None if final else self._log.last
        try:
            self._log.add(self._watch.call(lambda: self._api.events(self._id, since)))
        except (DeployTargetError, NotFound) as error:
            if final:
                self._log.once(f"The end of the build's log could not be read: {error}")

    def _built(self, remote: Remote) -> Deployment:
        """READY says that the build stands, not yet that production serves it; both are in the log."""
        newer = self._newer(remote)
        if newer is not None and contains(newer.commit, remote.commit):
            self._log.once(f"A newer deploy, {newer.id} of {(newer.commit or '')[:12]}, contains this commit")
            return self._ready(remote)
        if newer is not None:
            return self._overtaken(remote, newer)
        if remote.alias_error:
            sentence = f"Vercel built it, but could not point production at it: {remote.alias_error}."
            return self._end(ERROR, sentence, failure="target.refused")
        if remote.served and not remote.staged:
            self._log.line(f"Production serves it: {', '.join(remote.aliases) or remote.url or remote.id}")
            return self._ready(remote)
        now = time.monotonic()
        self._built_at = now if self._built_at is None else self._built_at
        if now - self._built_at > self._pace.alias_s:
            sentence = f"Vercel built it, but production did not serve it within {self._pace.alias_s:.0f} s."
            return self._end(ERROR, sentence, failure="target.unavailable")
        self._log.once("Built; waiting until production serves it")
        if remote.staged and not self._promoted:
            self._api.promote(remote.id)
            self._promoted = True
            self._log.line("Vercel keeps it staged; asked for its promotion")
        self._status = BUILDING
        return self._present()

    def _newer(self, remote: Remote) -> Remote | None:
        """The newest ready production deploy of another commit that was made after this one."""
        ready = self._watch.call(lambda: list(self._api.deployments(state="READY", since=remote.created)))
        others = [
            d
            for d in ready
            if d.id != remote.id and d.raw == "READY" and d.created > remote.created and d.commit != remote.commit
        ]
        return max(others, key=lambda d: d.created, default=None)

    def _overtaken(self, remote: Remote, newer: Remote) -> Deployment:
        what = f"{newer.id} of {(newer.commit or 'another source')[:12]}"
        self._log.once(f"A newer deploy ended first: {what}")
        try:
            self._api.promote(newer.id)
            self._log.line(f"Production was rolled forward to {what}")
        except VercelError as error:
            if error.passes:
                raise
            self._log.line(f"Production was not rolled forward to {what}: {error}")
        sentence = f"A newer deploy ({what}) was live first, so this older one was not kept."
        return self._end(ERROR, sentence, failure="target.overtaken")  # again, on top of what is live

    def _ready(self, remote: Remote) -> Deployment:
        if remote.pattern and remote.commit:
            releases.switch(remote.pattern, remote.commit)  # sessions run a local release of what is deployed
            self._log.line(f"Switched {remote.pattern} to {remote.commit[:12]} on this machine")
        return self._end(READY, None)

    def _cancel(self) -> Deployment | None:
        """Asks Vercel once; what came of it is read on. A deployment when Vercel could not be asked."""
        self._watch = Watch(None)
        self._cancel_at = time.monotonic()
        self._log.line("Canceling")
        try:
            patiently(lambda: self._api.cancel(self._id), self._pace, self._watch, self._pace.cancel_s)
        except (VercelError, NotFound) as error:
            if isinstance(error, VercelError) and error.status != 400:  # 400: it has ended
                return self._unconfirmed(str(error))
        return None

    def _unconfirmed(self, why: str) -> Deployment:
        sentence = f"Vercel did not confirm the cancel, so look there whether it still builds: {why}"
        return self._end(CANCELED, sentence)

    def _out_of_time(self) -> Deployment | None:
        now = time.monotonic()
        if self._cancel_at is not None and now - self._cancel_at > self._pace.cancel_s:
            return self._unconfirmed(f"it says {self._seen.raw if self._seen else 'nothing'}.")
        if now < self._deadline:
            return None
        state = self._seen.raw if self._seen else "nothing"
        try:
            self._api.cancel(self._id)
        except (VercelError, NotFound) as error:
            self._log.line(f"It could not be canceled at Vercel: {error}")
        minutes = self._pace.deadline_s / 60
        sentence = f"The deploy did not end within {minutes:.0f} minutes; Vercel still said {state}."
        return self._end(ERROR, sentence, failure="target.refused")

    def _present(self) -> Deployment:
        assert self._seen is not None  # asked only after the first look
        return Deployment(self._id, self._status, self._seen.raw, self._log.text, url=self._seen.url)

    def _end(
        self,
        status: DeployStatus,
        error: str | None,
        *,
        raw: str | None = None,
        failure: str = "deploy.failed",
    ) -> Deployment:
        """The last state. The pattern runs what it ran before unless the deploy stands, also after a kill."""
        if status != READY:
            self._put_back()
        if error:
            self._log.line(f"Failed: {error}" if status == ERROR else error)
        elif status == CANCELED:
            self._log.line("The deploy was canceled.")
        raw = raw or (self._seen.raw if self._seen else status.upper())
        url = self._seen.url if self._seen else None
        return Deployment(self._id, status, raw, self._log.text, url, error, failure)

    def _put_back(self) -> None:
        seen = self._seen
        if seen is None or not seen.pattern or not seen.commit or releases.current_commit(seen.pattern) != seen.commit:
            return
        previous = seen.meta.get("patterndeskPrevious")
        if previous != seen.commit:
            releases.put_back(seen.pattern, previous or None)


def failure(remote: Remote) -> str:
    """One sentence for a deployment that ended badly."""
    if remote.raw == "DELETED":
        return DELETED
    if remote.raw == "BLOCKED":
        return f"Vercel blocked the deploy: {remote.error or 'it gives no reason'}."
    return f"Vercel's build failed: {remote.error or 'its log says why'}."


def kind(remote: Remote) -> str:
    """What a deployment that ended badly is to the run: a failed build is the code's, a blocked or deleted one is not."""
    return "deploy.failed" if remote.raw == "ERROR" else "target.refused"


def contains(newer: str | None, older: str | None) -> bool:
    """Whether one commit (or ref) has the other in its history, as far as the repository on this machine knows."""
    if newer is None or older is None:
        return False
    try:
        repository.git(releases.repository(), "merge-base", "--is-ancestor", older, newer)
    except RepositoryError:
        return False
    return True
