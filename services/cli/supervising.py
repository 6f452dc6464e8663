"""Looking after the parts of an installation: whatever ends unasked is brought back, ever more slowly while it keeps
ending, with a sentence on the console, in the log and for /readyz."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.database import embedded
from services.database.embedded import EmbeddedServer
from services.errors import PatternDeskError
from services.logs import get_logger, log_unexpected
from services.running import Part
from services.settings import ROOT

STOP_S: Final = 25.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 20.0  # after so long a life, an end counts as the first one again
_PR_SET_PDEATHSIG: Final = 1
log = get_logger(__name__)


class Kept(ABC):
    """A part that has to run. `look` is called a few times a second and never raises."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.part = Part(up=False, sentence=f"The {name} is being started.")
        self._ends, self._since, self._again_at = 0, time.monotonic(), 0.0

    @abstractmethod
    def runs(self) -> bool: ...

    @abstractmethod
    def start(self) -> None:
        """Starts the part. Raises Unavailable or OSError when it can't be."""

    def ended_how(self) -> str:
        return "ended"

    def look(self, say: Callable[[str], None]) -> None:
        """Notices an end, plans the next start after a growing pause, and carries it out when its time has come."""
        if self.runs():
            self.part = Part(up=True)
            if time.monotonic() - self._since > STEADY_S:
                self._ends = 0
            return
        if self._again_at == 0.0:
            pause = min(FIRST_PAUSE_S * 2.0 ** min(self._ends, 60), LONGEST_PAUSE_S)
            self._ends += 1
            self._again_at = time.monotonic() + pause
            self._tell(f"The {self.name} {self.ended_how()}; it is started again in {pause:g} s.", say)
        if time.monotonic() >= self._again_at:
            self._again_at, self._since = 0.0, time.monotonic()
            try:
                self.start()
            except (PatternDeskError, OSError) as error:
                self._tell(f"The {self.name} could not be started: {str(error).rstrip('.')}.", say)
                return
            except Exception as error:  # noqa: BLE001  # the other parts are looked after all the same
                reference = log_unexpected(error, part=self.name)
                self._tell(f"The {self.name} could not be started; the log holds the error under {reference}.", say)
                return
            say(f"The {self.name} runs again." if self._ends else f"The {self.name} runs.")
            self.part = Part(up=True)

    def _tell(self, sentence: str, say: Callable[[str], None]) -> None:
        self.part = Part(up=False, sentence=sentence)
        log.warning("part_down", part=self.name, ends=self._ends, sentence=sentence)
        say(sentence)


class Database(Kept):
    """The embedded server. It has to be started on the main thread, to which its life is bound."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__("database")
        self._data_dir = data_dir
        self.server: EmbeddedServer | None = None

    def runs(self) -> bool:
        return self.server is not None and self.server.running

    def start(self) -> None:
        self.server = embedded.start(self._data_dir)

    def ended_how(self) -> str:
        return "was killed or ended"

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()


class Child(Kept):
    """A process of ours, in a session of its own: a Ctrl-C reaches this process alone, which then stops the others."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        super().__init__(name)
        self._command = [sys.executable, *arguments]
        self.process: subprocess.Popen[bytes] | None = None

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # this process has no threads at this point
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def ended_how(self) -> str:
        code = None if self.process is None else self.process.poll()
        return f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"


class Children:
    """The processes that are started together and stopped together. `once`: a job that may end by itself."""

    def __init__(self, say: Callable[[str], None] = lambda _sentence: None) -> None:
        self._kept: dict[str, Child] = {}
        self._jobs: dict[str, Child] = {}
        self._say = say

    def start(self, name: str, arguments: list[str], *, once: bool = False) -> None:
        child = Child(name, arguments)
        child.start()
        (self._jobs if once else self._kept)[name] = child

    def ended(self, name: str) -> int | None:
        process = self._kept[name].process
        assert process is not None
        return process.poll()

    def look_after(self) -> None:
        """Brings back what ended unasked; notes a job that failed."""
        for child in self._kept.values():
            child.look(self._say)
        for name, job in list(self._jobs.items()):
            if not job.runs():
                del self._jobs[name]
                code = job.process.poll() if job.process else None
                if code:
                    log.warning("job_failed", name=name, code=code)

    def parts(self) -> dict[str, Part]:
        return {name: child.part for name, child in self._kept.items()}

    def stop(self) -> None:
        """Asks all of them to end, then ends what does not, with everything they started."""
        running = [child.process for child in (*self._kept.values(), *self._jobs.values()) if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _end_with_parent() -> None:
    """In the child: ends it when this process dies, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
