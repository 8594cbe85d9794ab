"""The default engine: one process, one event loop, until it is told to stop.

Every author is looked at when its own time has come, at most `concurrency` at once; every channel has its own
lane. What is due is asked of the store each time; only what the store could not save is kept in memory until it can.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from bot import schedule
from bot.errors import StoreError
from bot.gallery import Gallery
from bot.inspection import Inspector
from bot.model import Known, NextDue
from bot.poll import Polled, Poller
from bot.protocols import Clock, Store
from bot.relook import Relooked, Relooker
from bot.runners.lanes import Lane, by_feed, side_by_side
from bot.upkeep import UNBOUNDED, ArchiveBounds, take_back, tidy

log = logging.getLogger(__name__)

GRACE = 4.0
"""Seconds that what is in flight may take after a stop. The whole exit has ten: saving what was cancelled may take
two of them, closing the store two and a half."""
LONGEST_WAIT = timedelta(seconds=60)
"""No wait is longer, so that a changed clock or a suspended machine delays nothing by more than this."""
SHORTEST_WAIT = 0.02
"""Seconds; no worker calls itself again sooner, whatever the store says."""
STORE_PAUSE = timedelta(seconds=10)
"""How long work pauses when the store cannot be written, for example because the disk is full."""
UNSAVED_MAX = timedelta(minutes=30)
"""The longest pause before an author is asked again whose last look could not be saved."""
TIDY_EVERY = timedelta(minutes=10)


class LocalRunner:
    """Polls and delivers in this process.

    `started` is called when what a dead owner was sending is taken back: not before may anybody else send.
    """

    def __init__(
        self,
        *,
        store: Store,
        poller: Poller,
        relooker: Relooker,
        lanes: Sequence[Lane],
        inspector: Inspector,
        concurrency: int,
        bounds: ArchiveBounds = UNBOUNDED,
        gallery: Gallery | None = None,
        clock: Clock,
        grace: float = GRACE,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._poller = poller
        self._relooker = relooker
        self._lanes = lanes
        self._inspector = inspector
        self._concurrency = concurrency
        self._bounds = bounds
        self._gallery = gallery
        self._clock = clock
        self._grace = grace
        self._started = started
        self._last_limit: asyncio.Timeout | None = None
        # A look has ended: whoever looks at authors has a place more. There is work: all look for theirs. The stop.
        self._place_bell = _Bell()
        self._bell = _Bell(self._place_bell)
        self._last_bell = _Bell(self._bell)
        self._group = asyncio.TaskGroup()
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._unsaved: dict[str, tuple[datetime, int]] = {}
        self._tidied: float | None = None
        self._asked: tuple[int, asyncio.Task[NextDue | Exception] | None] = 0, None
        self._asking: set[asyncio.Task[NextDue | Exception]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll and deliver until `stop` is set. What is in flight then is finished, or left as in doubt."""
        await take_back(self._store, self._clock)
        self._started()
        with self._poller.heard() as looks, self._relooker.heard() as again:
            await self._work(stop, looks, again)

    async def _work(self, stop: asyncio.Event, looks: list[Polled], again: list[Relooked]) -> None:
        """The workers, side by side. `looks` and `again` take up the looks that end, whoever asked for them."""
        async with self._group as group:
            workers = [
                group.create_task(self._repeat(stop, self._place_bell, partial(self._poll_due, stop)), name="polls"),
                group.create_task(self._repeat(stop, self._bell, self._look_again), name="looks"),
                group.create_task(self._repeat(stop, self._last_bell, self._tidy), name="tidying"),
                group.create_task(self._repeat(stop, self._bell, self._inspect), name="inspection"),
                group.create_task(
                    self._repeat(stop, self._bell, partial(self._keep_pictures, looks, again)), name="pictures"
                ),
            ]
            for lane in self._lanes:
                drain = self._repeat(stop, self._bell, partial(self._drain, lane, stop))
                workers.append(group.create_task(drain, name=f"lane {lane.name}"))
            group.create_task(self._last_call(stop, workers), name="last call")

    def wake(self) -> None:
        """Look for work now: something was added from outside."""
        self._bell.ring()

    def allow(self, grace: float) -> None:
        """Let what is in flight at the stop take that many seconds: from the stop on, or from now if it came."""
        self._grace = grace
        if self._last_limit is not None:
            self._last_limit.reschedule(asyncio.get_running_loop().time() + grace)

    # -- the workers: each does what is due and says when it wants to be called again ---------------------

    async def _repeat(
        self, stop: asyncio.Event, bell: _Bell, work: Callable[[], Awaitable[datetime | None]]
    ) -> None:
        """Call `work` when it is due, when the bell rings, and at least every `LONGEST_WAIT`, until `stop`.

        What nobody foresaw is logged and does not end the others' work.
        """
        while not stop.is_set():
            heard = bell.rings
            try:
                due = await work()
            except StoreError as error:
                log.error("%s; trying again in %d s", error, STORE_PAUSE.total_seconds())  # noqa: TRY400 - in words
                due, heard = self._clock() + STORE_PAUSE, bell.rings
            except Exception:
                log.exception("this program failed; trying again in %d s", STORE_PAUSE.total_seconds())
                due, heard = self._clock() + STORE_PAUSE, bell.rings
            await bell.wait(heard, due, self._clock(), stop)

    async def _poll_due(self, stop: asyncio.Event) -> datetime | None:
        now = self._clock()
        due = [feed_id for feed_id in await self._store.due_feeds(now) if self._may_poll(feed_id, now)]
        next_due = (await self._next_due()).feeds
        if stop.is_set():
            return None
        free = self._concurrency - len(self._polling)
        for feed_id in due[:free]:
            self._polling[feed_id] = self._group.create_task(self._poll(feed_id), name=f"poll {feed_id}")
        # What is due already is in flight, or waits for a free place; a poll that ends rings the bell.
        later = None if next_due is None or next_due <= now else next_due
        return schedule.earliest((later, *(until for until, _ in self._unsaved.values() if until > now)))

    def _may_poll(self, feed_id: str, now: datetime) -> bool:
        return feed_id not in self._polling and self._unsaved.get(feed_id, (now, 0))[0] <= now

    async def _poll(self, feed_id: str) -> None:
        bell = self._bell
        try:
            polled = await self._poller.poll(feed_id)
            if polled is not None and not self._inspector.polled(polled) and polled.outcome == "not modified":
                # Most looks: nobody else has anything to do for it. With 100 channels, each has a lane that would ask.
                bell = self._place_bell
            self._unsaved.pop(feed_id, None)
        except StoreError as error:
            self._look_later(feed_id)
            log.error("poll %s: %s", feed_id, error)  # noqa: TRY400 - in words
        except Exception:
            self._look_later(feed_id)
            log.exception("poll %s: this program failed", feed_id)
        finally:
            del self._polling[feed_id]
            bell.ring()

    def _look_later(self, feed_id: str) -> None:
        """The store does not know that we looked: without a pause of our own we would ask the site again at once."""
        tries = self._unsaved.get(feed_id, (None, 0))[1] + 1
        self._unsaved[feed_id] = self._clock() + min(STORE_PAUSE * 2 ** min(tries - 1, 9), UNSAVED_MAX), tries

    async def _look_again(self) -> datetime | None:
        waiting = await self._store.due_looks(self._clock())
        if waiting:
            await side_by_side((partial(self._read, *threads) for threads in by_feed(waiting)), self._concurrency)
            self._bell.ring()
        return (await self._next_due()).looks

    async def _read(self, *waiting: Known) -> None:
        try:
            await self._relooker.look_again(*waiting)
        except StoreError as error:  # one author's archive folder, say, must not hold up the others
            log.error("threads of %s: %s", waiting[0].feed_id, error)  # noqa: TRY400 - in words
            await asyncio.sleep(STORE_PAUSE.total_seconds())

    async def _drain(self, lane: Lane, stop: asyncio.Event) -> datetime | None:
        due = (await self._next_due()).deliveries.get(lane.name)
        if not lane.owes and (due is None or due > self._clock()):
            return due
        async for dispatched in lane.drain(stop):
            if self._inspector.dispatched(dispatched):
                self._bell.ring()
        return (await self._next_due()).deliveries.get(lane.name)

    async def _next_due(self) -> NextDue:
        """What the store has to do next, asked once for all who ask at once: a bell wakes every lane.

        After a ring it is asked anew: what is under way may have been answered before what the bell was rung for.
        """
        rings, asking = self._asked
        if asking is None or asking.done() or rings != self._place_bell.rings:
            asking = self._group.create_task(self._ask_next_due(), name="next due")
            self._asked = self._place_bell.rings, asking
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
        answer = await asyncio.shield(asking)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _ask_next_due(self) -> NextDue | Exception:
        try:
            return await self._store.next_due()
        except Exception as error:  # noqa: BLE001 - for those who asked: raised here, it would end the whole group
            return error

    async def _tidy(self) -> datetime | None:
        # By the loop's monotonic time: a wall clock that jumps is what this mends.
        seconds = asyncio.get_running_loop().time()
        if self._tidied is None or seconds - self._tidied >= TIDY_EVERY.total_seconds():
            self._tidied = seconds
            await tidy(self._store, self._clock, self._poller.pace, self._poller.router.channels, self._bounds)
        return None

    async def _keep_pictures(self, looks: list[Polled], again: list[Relooked]) -> None:
        """Keep the pictures of the threads that were looked at, beside all other work."""
        ended, seen = tuple(looks), tuple(again)
        looks.clear()
        again.clear()
        if self._gallery is not None:
            await self._gallery.keep(ended, seen)

    async def _inspect(self) -> datetime:
        """See what is wrong, soon after something failed or recovered, and now and then."""
        if self._inspector.pause() == 0 and await self._inspector.inspect():
            self._bell.ring()
        return self._clock() + timedelta(seconds=self._inspector.pause())

    async def _last_call(self, stop: asyncio.Event, workers: Sequence[asyncio.Task[None]]) -> None:
        """Give what is in flight its grace, then cancel it."""
        await stop.wait()
        self._last_bell.ring()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace) as self._last_limit:
                await asyncio.wait(workers)
                # The workers have ended, so no further poll is begun.
                if polls := tuple(self._polling.values()):
                    await asyncio.wait(polls)
        self._last_limit = None
        for task in (*workers, *self._polling.values(), *self._asking):
            task.cancel()


class _Bell:
    """Wakes all who wait for it, and for the `others` that ring with it. Counts its rings, so that one between look and
    wait is not missed.
    """

    def __init__(self, *others: _Bell) -> None:
        self._others = others
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rung.set()
        self._rung = asyncio.Event()
        for other in self._others:
            other.ring()

    async def wait(self, heard: int, due: datetime | None, now: datetime, stop: asyncio.Event) -> None:
        """Wait for a ring after the `heard`-th, until `due`, or for `LONGEST_WAIT` at the most."""
        latest = now + LONGEST_WAIT
        until = schedule.earliest((due, latest)) or latest
        if heard != self.rings or stop.is_set():
            return
        # Not `wait_for`: on Python 3.11 it swallows a cancel that comes with a ring.
        with suppress(TimeoutError):
            async with asyncio.timeout(max((until - now).total_seconds(), SHORTEST_WAIT)):
                await self._rung.wait()
