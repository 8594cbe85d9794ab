"""The default engine: one process, one event loop, until it is told to stop.

Every author is looked at when its own time has come, at most `concurrency` at once; every channel has its own
lane. Keeps nothing in memory that the store does not have: what is due is asked of the store each time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from bot import schedule
from bot.dispatch import take_back
from bot.errors import StoreError
from bot.poll import Poller
from bot.protocols import Clock, Store
from bot.runners.lanes import Lane, side_by_side

log = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds that what is in flight may take after a stop; the whole exit has ten."""
LONGEST_WAIT = timedelta(seconds=60)
"""No wait is longer, so that a changed clock or a suspended machine delays nothing by more than this."""
SHORTEST_WAIT = 0.02
"""Seconds; no worker calls itself again sooner, whatever the store says."""
STORE_PAUSE = timedelta(seconds=10)
"""How long work pauses when the store cannot be written, for example because the disk is full."""
PRUNE_EVERY = timedelta(days=1)


class LocalRunner:
    """Polls and delivers in this process."""

    def __init__(
        self,
        *,
        store: Store,
        poller: Poller,
        lanes: Sequence[Lane],
        concurrency: int,
        clock: Clock,
        grace: float = GRACE,
    ) -> None:
        self._store = store
        self._poller = poller
        self._lanes = lanes
        self._concurrency = concurrency
        self._clock = clock
        self._grace = grace
        self._work = _Bell()
        self._group = asyncio.TaskGroup()
        self._polling: dict[str, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Poll and deliver until `stop` is set. What is in flight then is finished, or left as in doubt."""
        await take_back(self._store, self._clock)
        async with self._group as group:
            workers = [
                group.create_task(self._repeat(stop, work), name=name)
                for name, work in (
                    ("polls", self._poll_due),
                    ("looks", self._look_again),
                    ("pruning", self._prune),
                    *((f"lane {lane.name}", self._drain(lane, stop)) for lane in self._lanes),
                )
            ]
            group.create_task(self._last_call(stop, workers), name="last call")

    def wake(self) -> None:
        """Look for work now: something was added from outside."""
        self._work.ring()

    # -- the workers: each does what is due and says when it wants to be called again ---------------------

    async def _repeat(self, stop: asyncio.Event, work: Callable[[], Awaitable[datetime | None]]) -> None:
        """Call `work` when it is due, when there is new work, and at least every `LONGEST_WAIT`, until `stop`."""
        while not stop.is_set():
            heard = self._work.rings
            try:
                due = await work()
            except StoreError as error:
                log.error("%s; trying again in %d s", error, STORE_PAUSE.total_seconds())  # noqa: TRY400 - in words
                due, heard = self._clock() + STORE_PAUSE, self._work.rings
            await self._work.wait(heard, due, self._clock(), stop)

    async def _poll_due(self) -> datetime | None:
        now = self._clock()
        due = [feed_id for feed_id in await self._store.due_feeds(now) if feed_id not in self._polling]
        free = self._concurrency - len(self._polling)
        for feed_id in due[:free]:
            self._polling[feed_id] = self._group.create_task(self._poll(feed_id), name=f"poll {feed_id}")
        next_due = (await self._store.next_due()).feeds
        # What is due already is in flight, or waits for a free place; a poll that ends rings the bell.
        return None if next_due is None or next_due <= now else next_due

    async def _poll(self, feed_id: str) -> None:
        try:
            await self._poller.poll(feed_id)
        except StoreError as error:
            log.error("poll %s: %s", feed_id, error)  # noqa: TRY400 - in words
            await asyncio.sleep(STORE_PAUSE.total_seconds())
        finally:
            del self._polling[feed_id]
            self._work.ring()

    async def _look_again(self) -> datetime | None:
        waiting = await self._store.due_looks(self._clock())
        if waiting:
            await side_by_side((partial(self._poller.look_again, thread) for thread in waiting), self._concurrency)
            self._work.ring()
        return (await self._store.next_due()).looks

    def _drain(self, lane: Lane, stop: asyncio.Event) -> Callable[[], Awaitable[datetime | None]]:
        async def drain() -> datetime | None:
            async for _ in lane.drain(stop):
                pass
            return (await self._store.next_due()).deliveries.get(lane.name)

        return drain

    async def _prune(self) -> datetime | None:
        now = self._clock()
        await self._store.prune(now - schedule.KEEP_SENT)
        return now + PRUNE_EVERY

    async def _last_call(self, stop: asyncio.Event, workers: Sequence[asyncio.Task[None]]) -> None:
        await stop.wait()
        self._work.ring()
        _, late = await asyncio.wait((*workers, *self._polling.values()), timeout=self._grace)
        for task in late:
            task.cancel()


class _Bell:
    """Wakes all who wait for new work. Counts its rings, so that one between look and wait is not missed."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, heard: int, due: datetime | None, now: datetime, stop: asyncio.Event) -> None:
        """Wait for a ring after the `heard`-th, until `due`, or for `LONGEST_WAIT` at the most."""
        latest = now + LONGEST_WAIT
        until = schedule.earliest((due, latest)) or latest
        if heard != self.rings or stop.is_set():
            return
        try:
            await asyncio.wait_for(self._rung.wait(), max((until - now).total_seconds(), SHORTEST_WAIT))
        except TimeoutError:
            return
