"""The answer that each phase ends with, as data. What it claims about files is checked on the disk afterwards."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class PlanAnswer(BaseModel):
    """What the agent means to do. `open_questions` are for the people who read the plan."""

    model_config = ConfigDict(extra="forbid")

    summary: Text = Field(description="What is wrong or missing, and what you will change, for traders to read.")
    steps: list[Line] = Field(max_length=20, description="The steps, in order, one sentence each.")
    open_questions: list[Line] = Field(max_length=10, description="What the corrections leave open. May be empty.")


class ChangeAnswer(BaseModel):
    """What the agent did, and the corrections that it could not follow."""

    model_config = ConfigDict(extra="forbid")

    changed: bool = Field(description="Whether you changed any file.")
    summary: Text = Field(description="What changed in the detector's behaviour and why, for traders to read.")
    commit_message: Line = Field(description="One line, imperative, at most 72 characters.")
    changes: list[Line] = Field(max_length=20, description="Each change of behaviour or parameter, in a few words.")
    not_handled: list[Line] = Field(max_length=50, description="Corrections not followed, each with the reason.")


def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The answer's JSON schema in the plain form that the API takes."""
    return answer.model_json_schema()
