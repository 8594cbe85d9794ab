"""Politeness towards a host: turns (so many at once, a pause between two) and holds (the host asked to be left alone,
or has not answered for a while).

Sends nothing. Does not decide what becomes of an author who has to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from bot import conditional

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
            await _slot(place.slots)
            try:
                if self._host_delay:
                    await self._pace(place)
                yield
            finally:
                place.slots.release()
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


async def _slot(slots: asyncio.Semaphore) -> None:
    """Take one of the requests that a host is asked at once. Raises `QueueTooLong`."""
    if not slots.locked():
        await slots.acquire()
        return
    try:
        async with asyncio.timeout(MAX_QUEUE):
            await slots.acquire()
    except TimeoutError as error:
        raise QueueTooLong from error


@dataclass(frozen=True, slots=True)
class Held:
    """The host is not to be asked before `until`. `asked_for`: it said so itself; else it did not answer."""

    until: datetime
    asked_for: bool


@dataclass(frozen=True, slots=True)
class _Hold:
    """No request before `until`; then one probe, which has until `probing` to come back.

    `since`: the last failure; `asked_for`: that was a refusal. `pause` doubles with each, up to `longest`.
    """

    until: datetime
    pause: timedelta
    longest: timedelta
    since: datetime
    asked_for: bool
    probing: datetime | None = None


@dataclass(slots=True)
class _Failing:
    """Failures of a host in a row, and the feeds that met them."""

    times: int = 0
    feeds: set[str] = field(default_factory=set)


FIRST_PAUSE: Final = timedelta(minutes=5)
"""For how long a refusal without Retry-After counts."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""The longest pause between two probes of a host that names none itself."""
FAILURES: Final = 5
"""So many requests in a row, of two feeds or more, that a host does not answer, and it is left alone for a while."""
DOWN_PAUSE: Final = timedelta(seconds=30)
"""How long at first; each probe in vain doubles it. A person who waits for an answer never waits longer than this."""
LONGEST_DOWN: Final = timedelta(minutes=15)


class Holds:
    """Which hosts are to be left alone, and until when. Asks nothing and reads no clock.

    One feed that is refused (429, 503) is that feed's matter, and its poll's `not_before`. A second feed refused at the
    same host while the first refusal is in force holds the host. So do several failures in a row (nobody reached,
    time-out, 5xx, bad TLS, cut answers) that more feeds than one met: one author's bad page is that author's matter.
    When a hold is over, one probe goes: its success reopens the host, its failure extends the hold.
    """

    def __init__(self, *, probe: timedelta) -> None:
        self._probe = probe
        self._refused: dict[str, dict[str, datetime]] = {}
        self._failing: dict[str, _Failing] = {}
        self._holds: dict[str, _Hold] = {}

    def held(self, host: str, now: datetime, *, by_hand: bool = False) -> Held | None:
        """Until when the host must not be asked; None if it may be. `by_hand`: a person waits for the answer."""
        hold = self._hold(host, now)
        if hold is None:
            return None
        over = min(hold.until, hold.since + DOWN_PAUSE) if by_hand and not hold.asked_for else hold.until
        if now < over:
            return Held(over, hold.asked_for)
        return Held(hold.probing, hold.asked_for) if hold.probing is not None and now < hold.probing else None

    def ask(self, host: str, now: datetime, *, by_hand: bool = False) -> Held | None:
        """As `held`; where the answer is None, the caller asks now, after a hold as its one probe."""
        held = self.held(host, now, by_hand=by_hand)
        hold = self._holds.get(host)
        if held is None and hold is not None:
            self._holds[host] = replace(hold, probing=now + self._probe)
        return held

    def refused(self, host: str, feed_id: str, now: datetime, not_before: datetime | None) -> None:
        """The host refused this feed, until `not_before` if it named a time."""
        hold = self._holds.get(host)
        if hold is not None:
            self._extend(host, hold, now, not_before, asked_for=True)
            return
        self._failing.pop(host, None)  # it does answer
        until = not_before or now + FIRST_PAUSE
        self._forget_before(now)
        in_force = self._refused.get(host, {})
        others = [min(end, now + conditional.LONGEST_PAUSE) for feed, end in in_force.items() if feed != feed_id]
        if others:
            self._refused.pop(host, None)
            self._holds[host] = _Hold(max(until, *others), FIRST_PAUSE, LONGEST_PAUSE, since=now, asked_for=True)
        else:
            self._refused[host] = {**in_force, feed_id: until}

    def used_up(self, host: str, now: datetime, until: datetime) -> None:
        """The host says that we have no request left before `until`: a limit for all of us, so nobody asks."""
        hold = self._holds.get(host)
        if hold is None or hold.until < until:
            self._holds[host] = _Hold(until, FIRST_PAUSE, LONGEST_PAUSE, since=now, asked_for=True)

    def failed(self, host: str, feed_id: str, now: datetime) -> None:
        """The host did not answer this feed, or with a fault of its own: a probe that ends so extends the hold."""
        hold = self._holds.get(host)
        if hold is not None:
            if hold.probing is not None or now >= hold.until:
                self._extend(host, hold, now, None, asked_for=False)
            return
        failing = self._failing_at(host)
        failing.times += 1
        if len(failing.feeds) < 2:
            failing.feeds.add(feed_id)
        if failing.times >= FAILURES and len(failing.feeds) >= 2:
            del self._failing[host]
            self._holds[host] = _Hold(now + DOWN_PAUSE, DOWN_PAUSE, LONGEST_DOWN, since=now, asked_for=False)

    def answered(self, host: str, now: datetime) -> None:
        """The host answered: a probe that ends so reopens it. An answer from before the hold changes nothing."""
        self._failing.pop(host, None)
        hold = self._holds.get(host)
        if hold is not None and (hold.probing is not None or now >= hold.until):
            del self._holds[host]

    def _hold(self, host: str, now: datetime) -> _Hold | None:
        """The hold; a clock that was set back does not make it longer: what was left of it then at most starts anew."""
        hold = self._holds.get(host)
        if hold is not None and now < hold.since:
            back = hold.since - now
            probing = hold.probing and hold.probing - back
            hold = self._holds[host] = replace(hold, until=hold.until - back, since=now, probing=probing)
        return hold

    def _forget_before(self, now: datetime) -> None:
        kept = {host: {feed: end for feed, end in ends.items() if end > now} for host, ends in self._refused.items()}
        self._refused = {host: ends for host, ends in kept.items() if ends}

    def _failing_at(self, host: str) -> _Failing:
        if len(self._failing) > _MAX_HOSTS:  # redirects lead to where their authors like
            self._failing.pop(next(iter(self._failing)))
        return self._failing.setdefault(host, _Failing())

    def _extend(self, host: str, hold: _Hold, now: datetime, not_before: datetime | None, *, asked_for: bool) -> None:
        if now < hold.until and hold.probing is None:  # an answer to a request from before the hold
            self._holds[host] = replace(hold, until=max(hold.until, not_before or hold.until))
            return
        pause = min(hold.pause * 2, hold.longest)
        self._holds[host] = _Hold(not_before or now + pause, pause, hold.longest, since=now, asked_for=asked_for)
