"""The prompt of an execution: what the agent gets to read, as data and as text."""

from services.prompts.building import build, instructions
from services.prompts.document import Prompt, PromptContext, PromptItem, PromptSession, as_bytes, read
from services.prompts.texts import Size, measure, readable

__all__ = [
    "Prompt",
    "PromptContext",
    "PromptItem",
    "PromptSession",
    "Size",
    "as_bytes",
    "build",
    "instructions",
    "measure",
    "read",
    "readable",
]
