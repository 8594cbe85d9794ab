"""Pure: when a feed asks to be asked again, and which of the dates in it can be true. Reads no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from bot.sources.feeds import Document, Item

LONGEST: Final = timedelta(days=1)
"""No feed holds us off for longer, whatever it says of itself."""
AHEAD: Final = timedelta(days=2)
"""A date further ahead is a mistake: a clock, a month for a day. (Some write the day of a talk: that is one, too.)"""
FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""What is dated before the web is not dated: 1970 and 1900 stand for "unknown"."""


def asked_again(document: Document, fresh: datetime | None, now: datetime) -> datetime | None:
    """Not before when the feed wants to be asked again; None if it does not say. `fresh`: what its headers say."""
    wanted = max(fresh or now, now + max(document.ttl or timedelta(0), timedelta(0)))
    wanted = _not_skipped(min(wanted, now + LONGEST), document)
    return min(wanted, now + LONGEST) if wanted > now else None


def _not_skipped(when: datetime, document: Document) -> datetime:
    """The first hour from `when` on that the feed does not skip; skips of a whole week are not meant."""
    for _ in range(7 * 24):
        if when.hour not in document.skip_hours and when.weekday() not in document.skip_days:
            return when
        when = when.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return when - timedelta(days=7)


def written(item: Item, now: datetime) -> datetime | None:
    """When an item was written, else changed; None where what it says cannot be."""
    dates = (item.published, item.updated)
    return next((date for date in dates if date is not None and FIRST <= date <= now + AHEAD), None)


def is_newest_first(items: tuple[Item, ...]) -> bool:
    """Whether the listing's own order is that of the news: not if its dates say that the oldest stands first."""
    dates = [item.published for item in items if item.published is not None]
    steps = list(pairwise(dates))
    return sum(before < after for before, after in steps) <= sum(before > after for before, after in steps)
