"""What went wrong with the agent, as one sentence, and whether the same may go well next time."""

from __future__ import annotations

from services.agents.claude.process import Ended, Event
from services.errors import PatternDeskError

_FINAL = {
    401: "Claude's API refused the key; set a valid ANTHROPIC_API_KEY and run it again.",
    402: "The Claude account has no credit left; add some and run it again.",
    403: "The Claude key is not allowed to use this model; use another key or model.",
    413: "What the agent was given is too large for Claude's API; send fewer corrections at once.",
}
_TRANSIENT = {
    408: "Claude's API took too long to answer.",
    409: "Claude's API had a conflict of its own.",
    429: "Claude's API asked for a pause (too many requests).",
    529: "Claude's API is overloaded.",
}
_CREDIT = ("credit balance", "billing", "spend limit", "usage limit")


class AgentFault(PatternDeskError):
    """The agent could not do its work. `transient`: the same again may go well; `status` is the API's, if it had one."""

    def __init__(self, sentence: str, *, transient: bool, status: int | None = None) -> None:
        super().__init__(sentence)
        self.transient, self.status = transient, status
        self.failure = "agent.passing" if transient else "agent.fault"


def of_result(result: Event, model: str, *, budget_usd: float, max_turns: int) -> AgentFault | None:
    """The fault that a result tells of; None when it is a success with an answer.

    A failure of the API comes as subtype "success" with `is_error`, so the subtype alone says nothing.
    """
    subtype, status = str(result.get("subtype")), result.get("api_error_status")
    said = str(result.get("text") or "") or "; ".join(result.get("errors") or [])
    if subtype == "error_max_turns" or result.get("terminal_reason") == "max_turns":
        return AgentFault(f"Claude did not finish within {max_turns} turns.", transient=False)
    if subtype == "error_max_budget_usd":
        return AgentFault(f"Claude spent its budget of ${budget_usd:.2f} before it finished.", transient=False)
    if isinstance(status, int):
        return of_status(status, said, model)
    if result.get("is_error") and any(word in said.lower() for word in _CREDIT):
        return AgentFault(_FINAL[402], transient=False)
    if result.get("is_error") and subtype == "success":
        return AgentFault(f"Claude's API could not be reached, or broke off{_told(said)}", transient=True)
    if result.get("is_error") or result.get("terminal_reason") != "completed":
        return AgentFault(f"Claude stopped before it was done{_told(said)}", transient=True)
    if result.get("structured_output") is None:
        return AgentFault("Claude ended without an answer in the agreed form.", transient=True)
    return None


def of_status(status: int, said: str, model: str) -> AgentFault:
    """The fault that a status of the API means."""
    if any(word in said.lower() for word in _CREDIT):
        return AgentFault(_FINAL[402], transient=False, status=status)
    if status in _FINAL:
        return AgentFault(_FINAL[status], transient=False, status=status)
    if status == 404:
        return AgentFault(
            f"Claude's API does not know the model {model}; set CLAUDE_MODEL.", transient=False, status=404
        )
    if status in _TRANSIENT:
        return AgentFault(_TRANSIENT[status], transient=True, status=status)
    if status >= 500:
        return AgentFault(f"Claude's API failed with status {status}.", transient=True, status=status)
    return AgentFault(f"Claude's API did not accept the request{_told(said)}", transient=False, status=status)


def of_end(ended: Ended, error: Event | None, *, idle_s: float, deadline_s: float) -> AgentFault:
    """The fault of a process that ended without a result."""
    if ended.how == "idle":
        return AgentFault(f"Claude was silent for {idle_s:g} seconds and was stopped.", transient=True)
    if ended.how == "deadline":
        return AgentFault(f"Claude was not done after {deadline_s / 60:g} minutes and was stopped.", transient=False)
    said = str(error["text"]) if error else ended.stderr
    if "sandbox required but unavailable" in (said + ended.stderr).lower():
        return AgentFault(
            "Claude's command sandbox does not work on this machine, so it did not start.", transient=False
        )
    return AgentFault(f"Claude's process ended without an answer{_told(said)}", transient=True)


def _told(said: str) -> str:
    """The end of a sentence: what was said, on one line and cut."""
    line = " ".join(said.split())
    if not line:
        return "."
    return f": {line[:300].rstrip('.')}."
