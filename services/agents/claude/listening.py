"""What the agent's process says, event by event: what it cost, how it ended, when the API is asked again, and the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from services.agents.claude import faults, process
from services.agents.claude.spend import Entry, Ledger
from services.agents.protocol import Used
from services.settings import Settings


class Listener:
    """Takes the events that every job has. `key` is what the spending belongs to; the key and the folder are hidden from
    the log. Raises AgentFault when the API asks for a wait that is too long, which ends the process."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        key: str,
        folder: Path,
        *,
        used: Callable[[Used], None],
        log: Callable[[str], None],
    ) -> None:
        assert settings.anthropic_api_key is not None  # the registry refuses without one
        self._settings, self._ledger, self._key, self._folder = settings, ledger, key, folder
        self._secret = settings.anthropic_api_key.get_secret_value()
        self._used, self._write = used, log
        self.result: process.Event | None = None
        self.error: process.Event | None = None

    def take(self, event: process.Event) -> None:
        kind = event["type"]
        if kind == "usage":
            entry = self._ledger.add(self._key, str(event["message"]), str(event["model"]), event["usage"])
            self._used(used_of(entry))
        elif kind == "result":
            self.result = event
            self.log(
                f"result {event.get('subtype')}, {event.get('terminal_reason')}, {event.get('num_turns')} turns, "
                f"${event.get('total_cost_usd') or 0:.5f} in this conversation"
            )
        elif kind == "error":
            self.error = event
            self.log(f"{event.get('kind')}: {event.get('text')}")
        elif kind == "tool":
            self.log(f"→ {event.get('name')} {event.get('input')}")
        elif kind == "refused":
            self.log(f"refused {event.get('tool')}: {event.get('reason')}")
        elif kind == "retry":
            self._retry(event.get("data") or {})
        elif kind in {"text", "tool_error", "stderr"}:
            self.log(f"{event.get('text')}")

    def _retry(self, retry: process.Event) -> None:
        """The command line waits before it asks the API again; what is raised here ends its process."""
        status, seconds = retry.get("error_status"), (retry.get("retry_delay_ms") or 0) / 1000
        self.log(f"API retry {retry.get('attempt')} in {seconds:.1f} s after {status or 'no answer'}")
        settings = self._settings
        longest = min(faults.LONGEST_WAIT_S, settings.claude_idle_s / 2)  # else the watchdog takes it for dead
        fault = faults.of_retry(
            retry, settings.claude_model, max_retries=settings.claude_max_retries, longest_s=longest
        )
        if fault is not None:
            raise fault

    def log(self, text: str) -> None:
        self._write(f"claude: {self.safe(text)}")

    def safe(self, text: str) -> str:
        """The text without the key and without where the files lie."""
        return text.replace(self._secret, "•••").replace(str(self._folder), ".")


def used_of(entry: Entry) -> Used:
    """A line of the ledger as the app keeps it."""
    spend = entry.spend
    return Used(entry.message, entry.phase, entry.model, spend.cost_usd, spend.input_tokens, spend.output_tokens)
