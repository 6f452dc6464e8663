"""What a run of the contract gate says: one check a rule, each with a sentence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One rule; `detail` is a sentence, `kind` the kind of DetectorError that it stands for when it failed.

    `bar` is the candle, counted from 0 in the series that the sentence names, where it failed.
    """

    name: str
    passed: bool
    detail: str
    kind: str = ""
    bar: int | None = None


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What the contract run saw. `cuts` is the number of runs on a part of the candles.

    `gate` is the version of the gate, `profile` its size, `exemptions` what the module declared that it was let off, and
    `notes` what was run otherwise than usual; all sentences. `cached` says that it was taken from an earlier run.
    """

    passed: bool
    checks: tuple[Check, ...]
    cuts: int
    duration_s: float
    gate: int = 0
    profile: str = "full"
    exemptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cached: bool = False

    @property
    def failure(self) -> Check | None:
        """The first rule that was broken."""
        return next((check for check in self.checks if not check.passed), None)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """All broken rules as {check, detail, bar}."""
        return [{"check": c.name, "detail": c.detail, "bar": c.bar} for c in self.checks if not c.passed]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, for the version's record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ContractReport:
        """The report of `as_dict`; TypeError or KeyError when it is none."""
        checks = tuple(Check(**c) for c in value["checks"])
        lists = {name: tuple(value[name]) for name in ("exemptions", "notes")}
        return cls(**(value | lists | {"checks": checks}))
