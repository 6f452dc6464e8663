"""No agent at all: a commit that a person made goes through the gates as it is."""

from __future__ import annotations

from services.agents.protocol import AgentChange, GateRefusal, Plan, Work
from services.detectors.types import DetectorSpec


class ByHand:
    """Plans and changes nothing. What a gate refuses stays refused; the person makes another commit."""

    name = "manual"
    origin = "manual"

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan:
        return Plan("Adopt a commit that was made by hand.")

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        return AgentChange(False, "A commit made by hand is taken as it is.")

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
        return AgentChange(False, f"Refused: {refusal.sentence}")
