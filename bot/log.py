"""Logging: one line per event, on stderr. Does not decide what is logged, only how it looks and how much."""

from __future__ import annotations

import logging
import sys
import time

from bot.redact import Redactor
from bot.text import clean

LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)


class Formatter(logging.Formatter):
    """One line an event, whatever an author or a server put into its words; only a traceback has more lines.

    `redact` blots out secrets, which an error of somebody else's code may quote.
    """

    redact = Redactor(())

    def format(self, record: logging.LogRecord) -> str:
        """The whole event, fit for a terminal and a log file."""
        return clean(self.redact(super().format(record)))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Its first line."""
        return clean(super().formatMessage(record)).replace("\n", " ")


def hide(redact: Redactor) -> None:
    """Blot secrets out of every event, from now on."""
    for handler in logging.getLogger("bot").handlers:
        if isinstance(handler.formatter, Formatter):
            handler.formatter.redact = redact


def set_up(verbosity: int, *, timestamps: bool) -> None:
    """Send our log to stderr: errors only (0), events (1), everything (2). Times are UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = Formatter("%(asctime)s %(levelname)s %(message)s" if timestamps else "keepcurrent: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    handler.setFormatter(formatter)
    ours = logging.getLogger("bot")
    ours.handlers[:] = [handler]
    ours.setLevel(LEVELS[min(verbosity, 2)])
    ours.propagate = False
