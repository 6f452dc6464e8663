"""What went wrong with the agent: its kind, as decisions name it, and one sentence for the person."""

from __future__ import annotations

from textwrap import shorten

from services.agents.claude.process import Ended, Event
from services.errors import PatternDeskError, until

# By the API's status. A sentence here is whole; what else the API said is in the log.
_BY_STATUS = {
    401: ("agent.key_refused", "Claude's API refused the key."),
    402: ("agent.no_credit", "The Claude account has no credit left, or its spend limit is reached."),
    403: ("agent.key_not_allowed", "The Claude key is not allowed to use this model."),
    408: ("agent.api_failed", "Claude's API took too long to answer."),
    409: ("agent.api_failed", "Claude's API had a conflict of its own."),
    413: ("agent.too_large", "What the agent was given is too large for Claude's API."),
    429: ("agent.rate_limited", "Claude's API asked for a pause (too many requests)."),
    529: ("agent.overloaded", "Claude's API is overloaded."),
}
# What the API says in other statuses too, by the status that it means.
_BY_WORDS = {
    401: ("invalid x-api-key", "has been disabled", "been revoked"),
    402: ("credit balance", "billing", "spend limit", "usage limit"),
    413: ("prompt is too long", "request_too_large"),
}
_ABOUT_THE_REQUEST = (400, 402, 403, 422)  # statuses whose text says more than their number
LONGEST_WAIT_S = 20.0  # a longer pause frees the worker for other runs
LONGEST_QUOTE = 300  # characters of what the API said
_CAPACITY = (429, 529)


class AgentFault(PatternDeskError):
    """The agent could not do its work. `status` is the API's, if it had one."""

    failure = "agent.fault"

    def __init__(
        self, sentence: str, *, failure: str, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(sentence, failure=failure, retry_after_s=retry_after_s)
        self.status = status


def of_result(
    result: Event, model: str, *, budget_usd: float, max_turns: int, as_text: bool = False
) -> AgentFault | None:
    """The fault that a result reports; None when it is a success with an answer, as data or `as_text`.

    A failure of the API comes as subtype "success" with `is_error`, so the subtype alone says nothing.
    """
    subtype, status = str(result.get("subtype")), result.get("api_error_status")
    text = str(result.get("text") or "") or "; ".join(result.get("errors") or [])
    if subtype == "error_max_turns" or result.get("terminal_reason") == "max_turns":
        return AgentFault(f"Claude did not finish within {max_turns} turns.", failure="agent.turns")
    if subtype == "error_max_budget_usd":
        return out_of_budget(budget_usd)
    if result.get("stop_reason") == "refusal":
        return AgentFault("Claude declined to work on this text.", failure="agent.refused")
    if isinstance(status, int):
        return of_status(status, text, model)
    if result.get("is_error") and (meant := _meant_by(text)) is not None:
        fault = of_status(meant, text, model)
        fault.status = None  # the command line did not say
        return fault
    if result.get("is_error") and subtype == "success":
        sentence = f"Claude's API could not be reached, or broke off{_quoted(text)}"
        return AgentFault(sentence, failure="agent.unreachable")
    if result.get("is_error") or result.get("terminal_reason") != "completed":
        return AgentFault(f"Claude stopped before it was done{_quoted(text)}", failure="agent.killed")
    if as_text and not text.strip():
        return AgentFault("Claude ended without an answer.", failure="agent.no_answer")
    if not as_text and result.get("structured_output") is None:
        return no_answer()
    return None


def of_status(status: int, text: str, model: str, *, retry_after_s: float | None = None) -> AgentFault:
    """The fault that a status of the API means."""
    meant = (_meant_by(text) if status in _ABOUT_THE_REQUEST else None) or status
    if meant in _BY_STATUS:
        failure, sentence = _BY_STATUS[meant]
    elif status == 404:
        failure, sentence = "agent.unknown_model", f"Claude's API does not know the model {model}."
    elif status >= 500:
        failure, sentence = "agent.api_failed", f"Claude's API failed with status {status}."
    else:
        failure, sentence = "agent.bad_request", f"Claude's API did not accept the request{_quoted(text)}"
    if retry_after_s is not None and retry_after_s > LONGEST_WAIT_S:
        sentence = f"{sentence.rstrip('.')}; it asked to wait until {until(retry_after_s)}."
    return AgentFault(sentence, failure=failure, status=status, retry_after_s=retry_after_s)


def of_retry(retry: Event, model: str, *, max_retries: int, longest_s: float = LONGEST_WAIT_S) -> AgentFault | None:
    """The fault when the command line is about to wait longer than a worker should, or often enough; None to let it.

    It alone sees the API's `retry-after`. It waits for that and a little more, and says how long; the result that
    ends a run says nothing of it. With its watchdog on it would ask for ever while the API has no capacity.
    """
    status, delay, attempt = retry.get("error_status"), retry.get("retry_delay_ms"), retry.get("attempt")
    if not isinstance(status, int) or not isinstance(delay, int | float):
        return None
    spent = status in _CAPACITY and isinstance(attempt, int) and attempt > max_retries
    if delay / 1000 <= longest_s and not spent:
        return None
    return of_status(status, str(retry.get("error") or ""), model, retry_after_s=delay / 1000)


def of_end(ended: Ended, error: Event | None, *, idle_s: float, deadline_s: float) -> AgentFault:
    """The fault of a process that ended without a result."""
    if ended.how == "idle":
        return AgentFault(f"Claude was silent for {idle_s:g} seconds and was stopped.", failure="agent.silent")
    if ended.how == "deadline":
        sentence = f"Claude was not done after {deadline_s / 60:g} minutes and was stopped."
        return AgentFault(sentence, failure="agent.deadline")
    text = str(error["text"]) if error else ended.stderr
    if "sandbox required but unavailable" in (text + ended.stderr).lower():
        sentence = "Claude's command sandbox does not work on this machine, so it did not start."
        return AgentFault(sentence, failure="agent.no_sandbox")
    return AgentFault(f"Claude's process ended without an answer{_quoted(text)}", failure="agent.killed")


def out_of_budget(budget_usd: float) -> AgentFault:
    """The execution may spend no more."""
    return AgentFault(f"Claude spent the execution's budget of ${budget_usd:.2f}.", failure="agent.budget")


def out_of_answer(budget_usd: float) -> AgentFault:
    """One answer may cost no more."""
    return AgentFault(f"Claude spent what one answer may cost, ${budget_usd:.2f}.", failure="agent.budget")


def over_day_cap() -> AgentFault:
    """The agents of this workspace may spend no more today."""
    return AgentFault("The agents of this workspace have spent today's cap.", failure="agent.day_cap")


def no_answer() -> AgentFault:
    """It ended well, but without the data that the phase ends with."""
    return AgentFault("Claude ended without an answer in the agreed form.", failure="agent.no_answer")


def _meant_by(text: str) -> int | None:
    """The status that the API's words mean, when they are known."""
    lower = text.lower()
    return next((status for status, words in _BY_WORDS.items() if any(word in lower for word in words)), None)


def _quoted(text: str) -> str:
    """The end of a sentence: the text, on one line and cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > LONGEST_QUOTE:
        line = line[:LONGEST_QUOTE].rpartition(". ")[0] or shorten(line, LONGEST_QUOTE, placeholder=" …")
    return f": {line.rstrip('.')}." if line else "."
