"""Asking Claude's API for a sign of life: what it says of the model in use, which costs nothing."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx

from services.agents.claude import faults
from services.settings import Settings

API: Final = "https://api.anthropic.com"
TIMEOUT_S: Final = 15.0


def test(settings: Settings) -> str:
    """A sentence. Raises AgentFault with the reason when the key, the model or the network does not do."""
    assert settings.anthropic_api_key is not None  # the registry refuses without one
    base = (settings.anthropic_base_url or API).rstrip("/")
    headers = {"x-api-key": settings.anthropic_api_key.get_secret_value().strip(), "anthropic-version": "2023-06-01"}
    try:
        with httpx.Client(proxy=settings.claude_proxy or None, timeout=TIMEOUT_S, follow_redirects=False) as client:
            answer = client.get(f"{base}/v1/models/{quote(settings.claude_model, safe='')}", headers=headers)
    except (httpx.HTTPError, ValueError) as error:
        raise faults.AgentFault(
            f"Claude's API could not be reached ({type(error).__name__}).", failure="agent.unreachable"
        ) from error
    if answer.status_code >= 300:
        raise faults.of_status(answer.status_code, answer.text[:300], settings.claude_model)
    return f"Claude's API takes the key and knows the model {settings.claude_model}."
