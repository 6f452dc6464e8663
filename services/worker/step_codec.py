"""How the results of durable steps are kept: JSON text that says its format, its step and its class.

A form belongs to one workflow version. A run that an older release began is taken up anew (`services.database.queue`),
so no form but this release's is ever read here; what does not fit ends the run with a sentence instead of a guess.
"""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

from services.codec import Codec, DoesNotFit, JsonObject
from services.database.queue import WORKFLOW_VERSION
from services.worker import results
from services.worker.results import Stopped

T = TypeVar("T")


class StepKind(Generic[T]):
    """A kind of step: its name, and the classes that its result can be of beside those of `Stopped`."""

    def __init__(self, name: str, *classes: type[T]) -> None:
        self.name = name
        self.classes = {one.__name__: one for one in (*classes, results.StepFailed, results.StepCanceled)}
        self._codecs: dict[str, Codec[Any]] = {
            title: Codec(one, f"result of the step '{name}'", exact=True) for title, one in self.classes.items()
        }

    def encode(self, result: T | Stopped) -> str:
        """Raises DoesNotFit naming the field, or the class when this step has no such result."""
        name = type(result).__name__
        if name not in self._codecs:
            raise DoesNotFit(f"result of the step '{self.name}'", "result", f"a {name} is none of {self._names()}")
        fields = self._codecs[name].to_json(result)
        kept = {"format": WORKFLOW_VERSION, "step": self.name, "result": name, "fields": fields}
        return json.dumps(kept)

    def decode(self, stored: object) -> T | Stopped:
        """Raises DoesNotFit."""
        what = f"result of the step '{self.name}'"
        kept = _envelope(stored, what)
        if kept.get("format") != WORKFLOW_VERSION:
            raise DoesNotFit(what, "format", f"this release reads {WORKFLOW_VERSION}, it is {kept.get('format')}")
        if kept.get("step") != self.name:
            raise DoesNotFit(what, "step", f"it is of the step '{kept.get('step')}'")
        codec = self._codecs.get(str(kept.get("result")))
        if codec is None:
            raise DoesNotFit(what, "result", f"a {kept.get('result')} is none of {self._names()}")
        result: T | Stopped = codec.from_text(json.dumps(kept.get("fields")))
        return result

    def _names(self) -> str:
        return ", ".join(self._codecs)


def _envelope(stored: object, what: str) -> JsonObject:
    if not isinstance(stored, str):
        raise DoesNotFit(what, "", f"this release keeps text, it is a {type(stored).__name__}")
    try:
        kept = json.loads(stored)
    except ValueError as error:
        raise DoesNotFit(what, "", "it is no JSON") from error
    if not isinstance(kept, dict):
        raise DoesNotFit(what, "", "it is no JSON object")
    return kept


BEGIN = StepKind[results.Begun]("begin", results.Begun)
PLAN = StepKind[results.Planned]("plan", results.Planned)
WAIT = StepKind[results.PlanAccepted | results.PlanAwaited]("wait", results.PlanAccepted, results.PlanAwaited)
IMPLEMENT = StepKind[results.Changed | results.Unchanged]("implement", results.Changed, results.Unchanged)
NOTHING = StepKind[results.Completed]("nothing", results.Completed)
TEST = StepKind[results.GatesPassed | results.GatesRefused]("test", results.GatesPassed, results.GatesRefused)
REFINE = StepKind[results.Changed | results.Unchanged]("refine", results.Changed, results.Unchanged)
PASS = StepKind[results.NothingToRefine]("refine", results.NothingToRefine)
DEPLOY = StepKind[results.Deployed | results.Rebased]("deploy", results.Deployed, results.Rebased)
FINISH = StepKind[results.Completed]("finish", results.Completed)
SETTLE = StepKind[results.RetryPlanned | results.RunFailed]("settle", results.RetryPlanned, results.RunFailed)
RETRY = StepKind[results.RetryAnnounced]("retry", results.RetryAnnounced)
STEPS = (BEGIN, PLAN, WAIT, IMPLEMENT, NOTHING, TEST, REFINE, PASS, DEPLOY, FINISH, SETTLE, RETRY)
