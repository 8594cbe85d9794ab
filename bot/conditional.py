"""Pure: what HTTP headers say about asking again: validators, Retry-After, rate limits, Cache-Control, Expires.

Sends nothing and reads no clock: `now` is an argument.
How long an answer is fresh is for documents that are published to be asked for again (feeds). On a listing it is not
looked at: every max-age seen there (60 to 120 s) is below the floor of our intervals.
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


def may_be_sent(since: datetime | None, now: datetime) -> bool:
    """Whether validators received at `since` are young enough. A time ahead is a clock that was wrong."""
    return since is not None and timedelta(0) <= now - since < VALIDATORS_LAST


def retry_after(value: str | None, now: datetime) -> datetime | None:
    """When the server allows the next request. None for junk, for the past and for "at once"."""
    pause = _pause(value.strip(), now) if value else None
    if pause is None or pause <= timedelta(0):
        return None
    return now + min(pause, LONGEST_PAUSE)


_UNIX_SINCE = 1_000_000_000
"""A Reset of so many seconds is a moment (of 2001 or later), a smaller one is a pause."""


def rate_limited_until(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the next request counts anew, where the headers say that none is left; None where some are, or for junk.

    `X-RateLimit-Reset` is ISO 8601 (Mastodon), a moment in Unix seconds (Bluesky, GitHub) or a number of seconds (the
    IETF draft, whose headers have no "X-").
    """
    for prefix in ("X-RateLimit", "RateLimit"):
        remaining, reset = headers.get(f"{prefix}-Remaining", ""), headers.get(f"{prefix}-Reset", "")
        if re.fullmatch(r"\s*0+\s*", remaining):
            pause = _until_reset(reset.strip(), now)
            if pause is not None and pause > timedelta(0):
                return now + min(pause, LONGEST_PAUSE)
    return None


def _until_reset(value: str, now: datetime) -> timedelta | None:
    try:
        if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", value):
            seconds = float(value)
            return timedelta(seconds=seconds - now.timestamp() if seconds >= _UNIX_SINCE else seconds)
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None


def fresh_until(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when the answer says that it is as good as a new one. None where it does not say, and for the past."""
    fresh = _lifetime(headers, now)
    if fresh is None or fresh <= timedelta(0):
        return None
    return now + min(fresh, LONGEST_PAUSE)


def _lifetime(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What is left of the time that the answer is fresh for; `Cache-Control` comes before `Expires` (RFC 9111)."""
    control = headers.get("Cache-Control", "")[:_LONGEST_VALIDATOR].casefold()
    if re.search(r"\bno-(?:cache|store)\b", control):
        return None
    age = _seconds(headers.get("Age", "")) or timedelta(0)
    most = re.search(r"(?<![\w-])max-age\s*=\s*\"?([0-9]+)", control)
    if most:
        return (_seconds(most[1]) or timedelta(0)) - age
    expires = _until(headers.get("Expires", ""), now)
    # By the server's own clock, which need not be ours.
    ahead = _until(headers.get("Date", ""), now)
    return None if expires is None else expires - (ahead or timedelta(0))


def _seconds(value: str) -> timedelta | None:
    """A number of seconds. Beyond ten digits it means "very long" and may not fit a timedelta."""
    if not re.fullmatch(r"[0-9]+", value):
        return None
    return timedelta(seconds=int(value)) if len(value) <= 10 else LONGEST_PAUSE


def _pause(value: str, now: datetime) -> timedelta | None:
    seconds = _seconds(value)
    return _until(value, now) if seconds is None else seconds


def _until(date: str, now: datetime) -> timedelta | None:
    try:
        when = parsedate_to_datetime(date)
        # The zone "-0000" gives a naive time, which RFC 5322 means as UTC.
        return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _can_be_sent(value: str) -> bool:
    """Whether `value` is something that a request header (and a JSON file) can hold."""
    return bool(value) and len(value) <= _LONGEST_VALIDATOR and value.isprintable()
