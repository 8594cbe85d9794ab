"""Pure: what HTTP headers say about asking again. ETag, Last-Modified, Retry-After.

Sends nothing and reads no clock: `now` is an argument.
Cache-Control is not read: every max-age seen on listings (60 to 120 s) is below the floor of our intervals,
and on a page kept by a cache it would only make news late.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.model import Json

LONGEST_PAUSE = timedelta(days=1)
"""No Retry-After holds for longer: some servers send years."""

VALIDATORS_LAST = timedelta(days=8)
"""Validators older than this are not sent: some servers answer 304 for ever (NetNewsWire drops them after as long)."""

_LONGEST_VALIDATOR = 1024


def validators(headers: Mapping[str, str]) -> dict[str, Json]:
    """What to remember of an answer so that the next request can be conditional, exactly as received."""
    found = {"etag": headers.get("ETag", ""), "last_modified": headers.get("Last-Modified", "")}
    return {name: value for name, value in found.items() if _can_be_sent(value)}


def request_headers(remembered: Mapping[str, Json]) -> dict[str, str]:
    """The headers that make a request conditional, from what `validators` remembered."""
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    headers = {}
    for name, header in names.items():
        value = remembered.get(name)
        if isinstance(value, str) and _can_be_sent(value):
            headers[header] = value
    return headers


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """When the server allows the next request. None for junk, for the past and for "at once"."""
    pause = _pause(value.strip(), now) if value else None
    if pause is None or pause <= timedelta(0):
        return None
    return now + min(pause, LONGEST_PAUSE)


def _pause(value: str, now: datetime) -> timedelta | None:
    if re.fullmatch(r"[0-9]+", value):
        # Beyond ten digits the number means "very long" and may not fit a timedelta.
        return timedelta(seconds=int(value)) if len(value) <= 10 else LONGEST_PAUSE
    try:
        when = parsedate_to_datetime(value)
        # The zone "-0000" gives a naive time, which RFC 5322 means as UTC.
        return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _can_be_sent(value: str) -> bool:
    """Whether `value` is something that a request header (and a JSON file) can hold."""
    return bool(value) and len(value) <= _LONGEST_VALIDATOR and value.isprintable()
