"""The results of durable steps: what is written is read again, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.agents.protocol import GateRefusal
from services.codec import DoesNotFit
from services.database.queue import WORKFLOW_VERSION
from services.worker import results, step_codec
from services.worker.step_codec import STEPS, StepKind

# A run that a release began is only read by a release of the same workflow version. Whoever changes a field of a
# result bumps `WORKFLOW_VERSION`, so that older runs are taken up anew, and puts the new pair here.
FORMS = {"4": "a755af0f11d14c22"}


def kinds() -> list[Any]:
    return [pytest.param(kind, one, id=f"{kind.name}-{name}") for kind in STEPS for name, one in kind.classes.items()]


@pytest.mark.parametrize(("kind", "result"), kinds())
@given(data=st.data())
def test_each_result_of_each_step_is_read_as_it_was_written(kind: StepKind[Any], result: type, data: Any) -> None:
    one = data.draw(st.from_type(result))
    assume("nan" not in repr(one) and "inf" not in repr(one))  # no pause of a run is one
    assert kind.decode(kind.encode(one)) == one


def test_the_form_of_the_results_belongs_to_the_workflow_version() -> None:
    results_of = {f"{n} {kind.name}": sorted(kind.classes) for n, kind in enumerate(STEPS)}
    own = [one for one in vars(results).values() if isinstance(one, type)]
    forms = {one.__name__: {f.name: str(f.type) for f in fields(one)} for one in own}
    text = json.dumps([results_of, forms], sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == FORMS.get(WORKFLOW_VERSION)


def test_a_result_that_does_not_fit_fails_where_it_is_made() -> None:
    with pytest.raises(DoesNotFit, match=r"'test'.*'refusal\.log'") as caught:
        step_codec.TEST.encode(results.GatesRefused(GateRefusal("replay", "Broken.", log=3)))  # type: ignore[arg-type]
    assert caught.value.field == "refusal.log"
    with pytest.raises(DoesNotFit, match="a Deployed is none of GatesPassed, GatesRefused, StepFailed, StepCanceled"):
        step_codec.TEST.encode(results.Deployed(None, "READY", ""))  # type: ignore[arg-type]


KEPT = step_codec.TEST.encode(results.GatesRefused(GateRefusal("replay", "Broken.", "log", ("a",))))


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        ({"outcome": "ok", "fixed_ids": []}, ""),  # as releases before workflow version 3 kept it
        (None, ""),
        ("no JSON", ""),
        ("[]", ""),
        (KEPT.replace(f'"format": "{WORKFLOW_VERSION}"', '"format": "2"'), "format"),
        (KEPT.replace('"step": "test"', '"step": "deploy"'), "step"),
        (KEPT.replace("GatesRefused", "Deployed"), "result"),
        (KEPT.replace('"log": "log"', '"log": 3'), "refusal.log"),
        (KEPT.replace('"sentence"', '"said"'), "refusal.sentence"),
        (KEPT.replace('"log": "log"', '"log": "log", "more": 1'), "refusal.more"),
    ],
)
def test_what_was_stored_otherwise_is_refused_by_its_field(stored: object, field: str) -> None:
    with pytest.raises(DoesNotFit, match="result of the step 'test' does not fit") as caught:
        step_codec.TEST.decode(stored)
    assert caught.value.field == field
