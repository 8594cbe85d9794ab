"""How many requests a host gets in a day, counted so that not one more is sent, and what one look costs for that.

Pure: takes the time as an argument, stores nothing, sends nothing. Does not know how an author posts (`rhythm`), nor
what becomes of a look that has to wait (`schedule`). A day is any 24 hours, not those from midnight to midnight.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

LOOKS: Final = 0.8
"""The part of the budget that goes to looks at listings. The rest is kept for what they lead to: new threads' own
pages, deeper pages, growth, and what a person asks for."""
HOURLY: Final = 1 / 8
"""The part of the day's looks that one hour may take: after a start all authors are due at once."""
BLOCK: Final = 100
"""Requests are written down before they are sent, a hundredth of the budget at a time."""

_HOURS: Final = 25
"""Any 24 hours lie within 25 full ones."""
_SECONDS: Final = 3600
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The requests to one host: how many in each hour. The last of `counts` is of the hour `hour`, since 1970."""

    host: str
    hour: int = 0
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """In the last 24 hours, or a little more."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Whether a request may be sent: not before `until`, where that is set.

    Where `keep` is set it may be sent only when that is saved (`Ledger.kept`).
    """

    until: datetime | None = None
    keep: Spent | None = None


class Ledger:
    """What was sent to each host, of those `per_day` that each has. Asks nothing and reads no clock.

    Requests are granted in blocks, each saved before the first of it is sent. So a crash forgets none; what was left of
    a block then counts as sent. At an orderly end that is given back (`left_over`).
    """

    def __init__(self, per_day: int, rows: Iterable[Spent] = ()) -> None:
        self._per_day = per_day
        self._rows = {row.host: row for row in rows}
        self._left: dict[str, int] = {}
        self._unsaved: set[str] = set()

    def take(self, host: str, now: datetime) -> Taken:
        """Take one request to a host out of its budget."""
        row = self._row(host, now)
        if not self._left.get(host):
            block = min(max(self._per_day // BLOCK, 1), self._per_day - row.total)
            if block <= 0:
                return Taken(until=free_at(row, self._per_day, now))
            row = self._rows[host] = with_more(row, block)
            self._left[host] = block
            self._unsaved.add(host)
        self._left[host] -= 1
        return Taken(keep=row if host in self._unsaved else None)

    def kept(self, row: Spent) -> None:
        """That row is saved."""
        if self._rows.get(row.host) == row:
            self._unsaved.discard(row.host)

    def left_over(self) -> tuple[Spent, ...]:
        """The rows without what was saved of a last block and is not used; there will be no further request."""
        unused = {host: left for host, left in self._left.items() if left}
        self._left.clear()
        return tuple(with_more(self._rows[host], -left) for host, left in unused.items())

    def may_look(self, host: str, now: datetime) -> datetime | None:
        """None if a look may begin that nobody waits for; else when that may be so."""
        row = with_more(self._row(host, now), -self._left.get(host, 0))
        looks = max(int(self._per_day * LOOKS), 1)
        if row.total >= looks:
            return free_at(row, looks, now)
        if row.counts[-1] >= max(int(looks * HOURLY), 1):
            return _start_of(row.hour + 1)
        return None

    def _row(self, host: str, now: datetime) -> Spent:
        """The host's row at `now`. What an hour did not use up of its last block goes back to the budget with it."""
        row = self._rows.get(host, Spent(host=host))
        moved = moved_on(row, now)
        if moved.hour != row.hour and host in self._left:
            moved = moved_on(with_more(row, -self._left.pop(host)), now)
        self._rows[host] = moved
        return moved


def moved_on(row: Spent, now: datetime) -> Spent:
    """The row with the hour of `now` as its last.

    A clock that was set back forgets nothing: what was sent then counts as if it were just now.
    """
    hour = int(now.timestamp() // _SECONDS)
    passed = min(max(hour - row.hour, 0), _HOURS)
    counts = (*row.counts, *(0,) * passed)[-_HOURS:] or (0,)
    return replace(row, hour=hour, counts=counts)


def with_more(row: Spent, requests: int) -> Spent:
    """The row with so many more requests in its last hour."""
    return replace(row, counts=(*row.counts[:-1], row.counts[-1] + requests))


def free_at(row: Spent, limit: int, now: datetime) -> datetime:
    """When so many of its requests are past that there are less than `limit`."""
    total, oldest = row.total, row.hour - len(row.counts) + 1
    for age, count in enumerate(row.counts):
        total -= count
        if total < limit:
            return _start_of(oldest + age + _HOURS)
    return now + _DAY  # there is none at all


def _start_of(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * _SECONDS, UTC)


def price_within(
    appetites: Collection[float], per_day: int, least: float, *, shortest: timedelta, longest: timedelta
) -> float:
    """The price of a look at which the authors of a host together fit in its budget; `least` if that is enough.

    `appetites`: how many looks a day each gets at the price 1 (`rhythm.appetite`). Where even a look at each every
    `longest` is too much, no price helps: then who comes first is looked at first.
    """
    often, seldom = _DAY / shortest, _DAY / longest

    def looks(price: float) -> float:
        return sum(min(max(appetite / math.sqrt(price), seldom), often) for appetite in appetites)

    limit = per_day * LOOKS
    if looks(least) <= limit:
        return least
    low, high = least, max(least, *((appetite / seldom) ** 2 for appetite in appetites))
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if looks(middle) > limit else (low, middle)
    return high
