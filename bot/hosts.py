"""Politeness towards a host: turns (so many at once, a pause between two) and holds (the host asked to be left alone).

Sends nothing. Does not decide what becomes of an author who has to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

MAX_QUEUE: Final = 600.0
"""The longest wait for one's turn at a host, in seconds."""
_MAX_HOSTS: Final = 1000


class QueueTooLong(Exception):
    """The turn at a host did not come in time."""


@dataclass(slots=True)
class _Place:
    slots: asyncio.Semaphore
    next_start: datetime
    pacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Turns:
    """Turns at each host: so many at once, with a pause between the starts of two."""

    def __init__(
        self,
        per_host: int,
        host_delay: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        chance: Callable[[], float],
    ) -> None:
        self._per_host = per_host
        self._host_delay = host_delay
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._places: dict[str, _Place] = {}

    def succeed(self, before: Turns) -> None:
        """Keep the pauses to the last requests of the one before, which sends nothing any more."""
        for host, place in before._places.items():
            self._place(host).next_start = place.next_start

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises `QueueTooLong`."""
        place = self._place(host)
        place.users += 1
        try:
            async with asyncio.timeout(MAX_QUEUE) as limit:
                await place.slots.acquire()
            try:
                await self._pace(place)
                yield
            finally:
                place.slots.release()
        except TimeoutError as error:
            if limit.expired():
                raise QueueTooLong from error
            raise
        finally:
            place.users -= 1

    async def _pace(self, place: _Place) -> None:
        async with place.pacing:
            pause = (place.next_start - self._clock()).total_seconds()
            if pause > 0:
                # A clock that was set back does not make the pause longer.
                await self._sleep(min(pause, self._host_delay * 1.25))
            jittered = self._host_delay * (1 + self._chance() / 4)
            place.next_start = self._clock() + timedelta(seconds=jittered)

    def _place(self, host: str) -> _Place:
        if len(self._places) > _MAX_HOSTS:
            now = self._clock()
            idle = [name for name, place in self._places.items() if not place.users and place.next_start <= now]
            for name in idle:
                del self._places[name]
        if host not in self._places:
            self._places[host] = _Place(asyncio.Semaphore(self._per_host), next_start=self._clock())
        return self._places[host]


@dataclass(frozen=True, slots=True)
class _Hold:
    """No request before `until`; then one probe, which has until `probing` to come back."""

    until: datetime
    pause: timedelta
    probing: datetime | None = None


FIRST_PAUSE: Final = timedelta(minutes=5)
"""For how long a refusal without Retry-After counts."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""The longest pause between two probes of a host that names none itself."""


class Holds:
    """Which hosts are to be left alone, and until when. Asks nothing and reads no clock.

    One feed that is refused (429, 503) is that feed's matter, and its poll's `not_before`. A second feed refused at the
    same host while the first refusal is in force holds the host. When the hold is over, one probe goes: its success
    reopens the host, its failure extends the hold.
    """

    def __init__(self, *, probe: timedelta) -> None:
        self._probe = probe
        self._refused: dict[str, dict[str, datetime]] = {}
        self._holds: dict[str, _Hold] = {}

    def held(self, host: str, now: datetime) -> datetime | None:
        """Until when the host must not be asked; None if it may be."""
        hold = self._holds.get(host)
        if hold is None:
            return None
        if now < hold.until:
            return hold.until
        return hold.probing if hold.probing is not None and now < hold.probing else None

    def ask(self, host: str, now: datetime) -> datetime | None:
        """As `held`; where the answer is None, the caller asks now, after a hold as its one probe."""
        until = self.held(host, now)
        hold = self._holds.get(host)
        if until is None and hold is not None:
            self._holds[host] = replace(hold, probing=now + self._probe)
        return until

    def refused(self, host: str, feed_id: str, now: datetime, not_before: datetime | None) -> None:
        """The host refused this feed, until `not_before` if it named a time."""
        hold = self._holds.get(host)
        if hold is not None:
            self._extend(host, hold, now, not_before)
            return
        until = not_before or now + FIRST_PAUSE
        self._forget_before(now)
        in_force = self._refused.get(host, {})
        others = [end for feed, end in in_force.items() if feed != feed_id]
        if others:
            self._refused.pop(host, None)
            self._holds[host] = _Hold(until=max(until, *others), pause=FIRST_PAUSE)
        else:
            self._refused[host] = {**in_force, feed_id: until}

    def failed(self, host: str, now: datetime) -> None:
        """The host did not answer, or with a fault of its own: a probe that ends so extends the hold."""
        hold = self._holds.get(host)
        if hold is not None and now >= hold.until:
            self._extend(host, hold, now, None)

    def answered(self, host: str, now: datetime) -> None:
        """The host answered: a probe that ends so reopens it. An answer from before the hold changes nothing."""
        hold = self._holds.get(host)
        if hold is not None and now >= hold.until:
            del self._holds[host]

    def _forget_before(self, now: datetime) -> None:
        kept = {host: {feed: end for feed, end in ends.items() if end > now} for host, ends in self._refused.items()}
        self._refused = {host: ends for host, ends in kept.items() if ends}

    def _extend(self, host: str, hold: _Hold, now: datetime, not_before: datetime | None) -> None:
        if now < hold.until:  # an answer to a request from before the hold
            self._holds[host] = replace(hold, until=max(hold.until, not_before or hold.until))
            return
        pause = min(hold.pause * 2, LONGEST_PAUSE)
        self._holds[host] = _Hold(until=not_before or now + pause, pause=pause)
