"""Pure: when a feed asks to be asked again, and which of the dates in it can be true. Reads no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from bot.model import Json
from bot.sources import stored
from bot.sources.feeds import Document, Item

LONGEST: Final = timedelta(days=1)
"""No feed holds us off for longer, whatever it says of itself."""
AHEAD: Final = timedelta(days=2)
"""A date further ahead is a mistake: a clock, a month for a day. (Some write the day of a talk: that is one, too.)"""
FIRST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""What is dated before the web is not dated: 1970 and 1900 stand for "unknown"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """How often, and when not, a feed wants to be asked; kept, since an answer 304 does not say it again."""

    ttl: timedelta = timedelta(0)
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()

    @classmethod
    def of(cls, document: Document) -> Calm:
        """What a feed says. A `ttl` counts for a day at the most."""
        ttl = min(max(document.ttl or timedelta(0), timedelta(0)), LONGEST)
        return cls(ttl=ttl, skip_hours=document.skip_hours, skip_days=document.skip_days)

    @classmethod
    def read(cls, kept: Json) -> Calm:
        """From JSON; nothing from what is not understood."""
        kept = kept if isinstance(kept, dict) else {}
        ttl = min(_numbers([kept.get("ttl")], below=86_401), default=0)
        return cls(
            ttl=timedelta(seconds=ttl),
            skip_hours=_numbers(kept.get("skip_hours"), below=24),
            skip_days=_numbers(kept.get("skip_days"), below=7),
        )

    def json(self) -> Json:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "ttl": int(self.ttl.total_seconds()),
            "skip_hours": [*sorted(self.skip_hours)],
            "skip_days": [*sorted(self.skip_days)],
        }
        return stored.filled(values)

    def until(self, fresh: datetime | None, now: datetime) -> datetime | None:
        """Not before when it wants to be asked again; None if it does not say. `fresh`: what headers say."""
        wanted = min(max(fresh or now, now + self.ttl), now + LONGEST)
        wanted = min(self._not_skipped(wanted), now + LONGEST)
        return wanted if wanted > now else None

    def _not_skipped(self, when: datetime) -> datetime:
        """The first hour from `when` on that is not skipped; skips of a whole week are not meant."""
        hour = when
        for _ in range(7 * 24):
            if hour.hour not in self.skip_hours and hour.weekday() not in self.skip_days:
                return hour
            hour = hour.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return when


def _numbers(values: Json, *, below: int) -> frozenset[int]:
    """Those of `values` that can be meant."""
    found = values if isinstance(values, list) else []
    return frozenset(one for one in found if isinstance(one, int) and 0 <= one < below)


def written(item: Item, now: datetime) -> datetime | None:
    """When an item was written, else changed; None where what it says cannot be."""
    dates = (item.published, item.updated)
    return next((date for date in dates if date is not None and FIRST <= date <= now + AHEAD), None)


def is_newest_first(items: tuple[Item, ...]) -> bool:
    """Whether the listing's own order is that of the news: not if its dates say that the oldest stands first."""
    dates = [item.published for item in items if item.published is not None]
    steps = list(pairwise(dates))
    return sum(before < after for before, after in steps) <= sum(before > after for before, after in steps)
