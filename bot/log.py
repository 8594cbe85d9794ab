"""Logging: one line per event, on stderr. Does not decide what is logged, only how it looks and how much."""

from __future__ import annotations

import logging
import sys
import time

LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)


def set_up(verbosity: int, *, timestamps: bool) -> None:
    """Send our log to stderr: errors only (0), events (1), everything (2). Times are UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s" if timestamps else "keepcurrent: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
    formatter.default_msec_format = "%s.%03dZ"
    handler.setFormatter(formatter)
    ours = logging.getLogger("bot")
    ours.handlers[:] = [handler]
    ours.setLevel(LEVELS[min(verbosity, 2)])
    ours.propagate = False
