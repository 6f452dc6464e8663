"""The prompt of an execution: what the agent gets to read, as data and as text."""

from services.prompts.building import build, instructions
from services.prompts.document import Prompt, PromptContext, PromptItem, PromptPicture, PromptSession, as_bytes, read
from services.prompts.pictures import MOST, Offered, chosen, offered, tokens, with_pictures
from services.prompts.texts import Size, measure, readable

__all__ = [
    "MOST",
    "Offered",
    "Prompt",
    "PromptContext",
    "PromptItem",
    "PromptPicture",
    "PromptSession",
    "Size",
    "as_bytes",
    "build",
    "chosen",
    "instructions",
    "measure",
    "offered",
    "read",
    "readable",
    "tokens",
    "with_pictures",
]
