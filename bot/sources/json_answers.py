"""Pure: the body of an answer that should be JSON, the times in it, and what it is instead.

Knows no API: whoever asks says what else it may be, and what is raised.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final, Literal

from bot.http import is_challenge

_PASSWORD = re.compile(rb"<input\b[^>]{0,500}\btype=[\"']?password", re.IGNORECASE)
_LOOKED_AT: Final = 100_000
_LONGEST_TIME: Final = 64


def read_json(body: bytes) -> object:
    """What a body holds. Raises `ValueError` for what is no JSON, or none that can be read here.

    The latter is JSON nested too deeply for Python's reader, and a number of more digits than Python takes.
    """
    try:
        found: object = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return found


def instead_of_json(body: bytes) -> Literal["challenge", "login", "unknown"]:
    """What a body is that is no JSON: a page that wants a browser to prove itself, one that wants a password."""
    if is_challenge(body):
        return "challenge"
    return "login" if _PASSWORD.search(body[:_LOOKED_AT]) else "unknown"


def time_of(value: object) -> datetime | None:
    """A time as APIs write it (ISO 8601), in UTC, which is meant too where no zone is named; None for anything else."""
    if not isinstance(value, str) or len(value) > _LONGEST_TIME:
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
