"""One round, for cron and for people: look at some authors, deliver what is due, stop.

Does not wait for anything that is due later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bot.dispatch import Dispatched
from bot.errors import StoreError
from bot.model import Known
from bot.poll import Polled, Poller
from bot.protocols import Store
from bot.runners.lanes import Lane, side_by_side
from bot.upkeep import take_back, tidy
from bot.watch import Watcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to."""

    polled: tuple[Polled, ...] = ()
    dispatched: tuple[Dispatched, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Runs rounds."""

    store: Store
    poller: Poller
    lanes: Sequence[Lane]
    watcher: Watcher
    concurrency: int
    report: Callable[[Polled | Dispatched], None] = field(default=lambda _: None)

    async def round(self, feed_ids: Iterable[str]) -> Round:
        """Deliver what waits, look at these authors, see what is wrong, read threads that wait for it, deliver again.

        Raises `StoreError` where nothing can be saved at all; trouble with one author is in the result.
        """
        await take_back(self.store, self.poller.clock)
        await tidy(self.store, self.poller.clock, self.poller.pace, self.poller.channels)
        waiting = await self.deliver()
        feed_ids = tuple(feed_ids)
        polled = await side_by_side((partial(self._poll, feed_id) for feed_id in feed_ids), self.concurrency)
        await self._watch(feed_ids)
        return Round(tuple(filter(None, polled)), (*waiting, *await self.deliver()))

    async def deliver(self) -> tuple[Dispatched, ...]:
        """Read what waits to be read whole, then deliver all that is due, to all channels side by side."""
        waiting = await self.store.due_looks(self.poller.clock())
        await side_by_side((partial(self._look_again, thread) for thread in waiting), self.concurrency)
        return await self._send()

    async def _send(self) -> tuple[Dispatched, ...]:
        lanes = await side_by_side((partial(self._drain, lane) for lane in self.lanes), max(len(self.lanes), 1))
        return tuple(done for lane in lanes for done in lane)

    async def _watch(self, looked_at: Sequence[str]) -> None:
        try:
            await self.watcher.watch(looked_at)
        except StoreError as error:  # what is to be told is told by a later watch; notices go out all the same
            log.error("alerts: %s", error)  # noqa: TRY400 - in words

    async def _poll(self, feed_id: str) -> Polled | None:
        try:
            polled = await self.poller.poll(feed_id)
        except StoreError as error:  # one author's archive folder, say, must not stop the others
            polled = Polled(feed_id=feed_id, outcome="failed", error=str(error))
        if polled:
            self.report(polled)
        return polled

    async def _look_again(self, waiting: Known) -> None:
        try:
            await self.poller.look_again(waiting)
        except StoreError as error:
            log.error("thread %s of %s: %s", waiting.key, waiting.feed_id, error)  # noqa: TRY400 - in words

    async def _drain(self, lane: Lane) -> list[Dispatched]:
        done = []
        async for dispatched in lane.drain():
            self.report(dispatched)
            done.append(dispatched)
        return done
