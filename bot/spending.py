"""Keeps the requests of each host within its budget: grants them, writes them down first, and prices looks for it.

Calls things in order. How many there are, and what a look costs for that, is decided by `budget`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot import rhythm
from bot.budget import Ledger, price_within
from bot.errors import HostDown, StoreError
from bot.model import Feed, FeedState
from bot.protocols import Clock, Store
from bot.schedule import Pace

log = logging.getLogger(__name__)

CLOSE_WITHIN = 2.0
"""Seconds that giving back may take: a disk that hangs holds up no end."""
PRICED_FOR = timedelta(hours=1)
"""How long a host's price holds: to find it, all its authors are looked at in the store."""
PRICED_APART = timedelta(minutes=1)
"""The same where a host is new."""


class Spending:
    """What hosts were asked, of `per_day` requests in any 24 hours."""

    def __init__(self, *, store: Store, per_day: int, pace: Pace, clock: Clock) -> None:
        self._store = store
        self._per_day = per_day
        self._usual = pace
        self._clock = clock
        self._turn = asyncio.Lock()
        self._ledger: Ledger | None = None
        self._host_of: dict[str, str] = {}
        self._prices: dict[str, float] = {}
        self._priced_at: datetime | None = None

    def succeed(self, before: Spending) -> None:
        """Go on with the requests of the one before, which asks for none any more."""
        if before._per_day == self._per_day:
            self._ledger = before._ledger
        before._ledger = None
        self._host_of = before._host_of

    async def close(self) -> None:
        """Give back what was written down and not sent. Nothing may be asked for afterwards."""
        ledger, self._ledger = self._ledger, None
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                for row in ledger.left_over() if ledger is not None else ():
                    await self._store.spend(row)
        except (StoreError, TimeoutError) as error:
            why = str(error) or "the store does not answer"
            log.info("requests that were not sent count as sent: %s", why)

    async def grant(self, host: str, feed_id: str = "") -> datetime | None:
        """Take a request to a host out of its budget, on behalf of a feed; not before that time, where there is one.

        It is written down before it is sent, so that a crash gives nobody more. Raises `StoreError`.
        """
        async with self._turn:
            ledger = await self._opened()
            if feed_id:
                self._host_of.setdefault(feed_id, host)
                self._host_of.setdefault(feed_id.partition(":")[0], host)
            taken = ledger.take(host, self._clock())
            if taken.keep is not None:
                await self._store.spend(taken.keep)
                ledger.kept(taken.keep)
            return taken.until

    async def check(self, feed: Feed) -> None:
        """Raise `HostDown` for a look that nobody waits for, where the looks of the hour or the day are used up."""
        host = self._host_of.get(feed.id)
        until = (await self._opened()).may_look(host, self._clock()) if host else None
        if until is not None:
            when = until.strftime("%Y-%m-%d %H:%M UTC")
            reason = f"{host} was asked as often as [poll] requests_per_day allows; it is asked again at {when}"
            raise HostDown(feed.id, reason, until=until)

    async def pace(self, feed: Feed) -> Pace:
        """The pace of looks at an author, at the price that its host's budget makes."""
        now, host = self._clock(), self._host(feed)
        holds = PRICED_FOR if host in self._prices else PRICED_APART
        if self._priced_at is None or not timedelta(0) <= now - self._priced_at < holds:
            self._priced_at = now
            self._prices = dict(self._priced(await self._store.feeds(), now))
        return replace(self._usual, price=self._prices.get(host, self._usual.price))

    def _priced(self, feeds: Iterable[tuple[Feed, FeedState]], now: datetime) -> Iterable[tuple[str, float]]:
        appetites: dict[str, list[float]] = {}
        for feed, state in feeds:
            if not feed.paused:
                known = state.rhythm or rhythm.new(now)
                appetites.setdefault(self._host(feed), []).append(rhythm.appetite(known, now))
        usual, least = self._usual, self._usual.price or rhythm.price_of(self._usual.interval)
        for host, of_host in appetites.items():
            bounds = {"shortest": usual.min_interval, "longest": max(usual.max_interval, usual.min_interval)}
            yield host, price_within(of_host, self._per_day, least, **bounds)

    def _host(self, feed: Feed) -> str:
        """The host that is asked for a feed; until it was, that of its address, or of others of its source."""
        return self._host_of.get(feed.id) or feed.host or self._host_of.get(feed.source, "")

    async def _opened(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(self._per_day, await self._store.spent())
        return self._ledger
