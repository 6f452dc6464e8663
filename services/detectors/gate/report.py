"""What a run of the contract gate says: one check a rule, each with a sentence."""

from __future__ import annotations

from dataclasses import dataclass


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
    def failures(self) -> tuple[Check, ...]:
        """All rules that were broken."""
        return tuple(check for check in self.checks if not check.passed)
