"""Attachments: images, videos and files that people add, checked by content and stored once by it."""

from services.attachments.checking import ACCEPTED, Checked, check, clean_name
from services.attachments.keeping import AttachmentRow, Opened, add, find, open_attachment, several, store

__all__ = [
    "ACCEPTED",
    "AttachmentRow",
    "Checked",
    "Opened",
    "add",
    "check",
    "clean_name",
    "find",
    "open_attachment",
    "several",
    "store",
]
