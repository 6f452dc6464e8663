"""Notices to people outside the app, by workspace, to any address on a network that apprise knows."""

from services.notifications.addresses import MOST, redacted
from services.notifications.delivering import Delivery, end_try, load, note
from services.notifications.events import approval_voided, deploy_failed, review_waiting, run_failed, session_completed
from services.notifications.reading import AddressOutcome, NoticeRow, latest
from services.notifications.subscribing import get_urls, send_test, set_urls
from services.notifications.writing import notify

__all__ = [
    "MOST",
    "AddressOutcome",
    "Delivery",
    "NoticeRow",
    "approval_voided",
    "deploy_failed",
    "end_try",
    "get_urls",
    "latest",
    "load",
    "note",
    "notify",
    "redacted",
    "review_waiting",
    "run_failed",
    "send_test",
    "session_completed",
    "set_urls",
]
