"""One round, for cron and for people: look at some authors, deliver what is due, stop.

Does not wait for anything that is due later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bot.dispatch import Dispatched, take_back
from bot.poll import Polled, Poller
from bot.protocols import Store
from bot.runners.lanes import Lane, side_by_side
from bot.schedule import KEEP_SENT


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
    concurrency: int
    report: Callable[[Polled | Dispatched], None] = field(default=lambda _: None)

    async def round(self, feed_ids: Iterable[str]) -> Round:
        """Look at these authors, then at threads that wait to be read whole, then deliver. Raises `StoreError`."""
        await take_back(self.store, self.poller.clock)
        await self.store.prune(self.poller.clock() - KEEP_SENT)
        polled = await side_by_side((partial(self._poll, feed_id) for feed_id in feed_ids), self.concurrency)
        return Round(tuple(filter(None, polled)), await self.deliver())

    async def deliver(self) -> tuple[Dispatched, ...]:
        """Deliver all that is due, to all channels side by side."""
        waiting = await self.store.due_looks(self.poller.clock())
        await side_by_side((partial(self.poller.look_again, thread) for thread in waiting), self.concurrency)
        lanes = await side_by_side((partial(self._drain, lane) for lane in self.lanes), max(len(self.lanes), 1))
        return tuple(done for lane in lanes for done in lane)

    async def _poll(self, feed_id: str) -> Polled | None:
        polled = await self.poller.poll(feed_id)
        if polled:
            self.report(polled)
        return polled

    async def _drain(self, lane: Lane) -> list[Dispatched]:
        done = []
        async for dispatched in lane.drain():
            self.report(dispatched)
            done.append(dispatched)
        return done
