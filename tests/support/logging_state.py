"""Logging belongs to the whole process; whoever configures it in a test gives it back as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from services.logs import CHATTY


@contextmanager
def kept_logging() -> Iterator[None]:
    """Handlers, levels and the maker of records are afterwards as they were before.

    A command that runs in the test's own process configures logs: it silences the libraries of CHATTY and adds handlers
    whose output the test closes.
    """
    root, factory = logging.getLogger(), logging.getLogRecordFactory()
    levels = {name: logging.getLogger(name).level for name in ("", *CHATTY)}
    before = list(root.handlers)
    try:
        yield
    finally:
        for handler in [one for one in root.handlers if one not in before]:
            root.removeHandler(handler)
            handler.close()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.setLogRecordFactory(factory)
