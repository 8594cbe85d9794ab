"""One round, for cron and for people, alone or beside a runner: look at some authors, deliver what is due, stop.

Does not wait for anything that is due later. What fails and what recovers the inspector hears, as from a runner.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from bot.allowance import Allowance, within
from bot.dispatch import Dispatched
from bot.errors import StoreError
from bot.gallery import Gallery
from bot.inspection import Inspector
from bot.model import Known
from bot.poll import Polled, Poller
from bot.protocols import Store
from bot.relook import Relooker
from bot.runners.lanes import Lane, by_feed, side_by_side
from bot.upkeep import UNBOUNDED, ArchiveBounds, take_back, tidy

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
    relooker: Relooker
    lanes: Sequence[Lane]
    inspector: Inspector
    concurrency: int
    bounds: ArchiveBounds = UNBOUNDED
    gallery: Gallery | None = None

    async def round(self, feed_ids: Iterable[str], *, by_hand: bool = False) -> Round:
        """Deliver what waits, look at these authors, see what is wrong, read threads that wait for it, deliver again.

        For a process of its own: what the store says is being sent is a dead owner's, and is taken back.
        What is asked of one author from the poll on shares the time of one look, and threads that wait from before
        have half as much again. `by_hand`: a person named the authors and waits.
        Raises `StoreError` where nothing can be saved at all; trouble with one author is in the result.
        """
        await take_back(self.store, self.poller.clock)
        await tidy(self.store, self.poller.clock, self.poller.pace, self.poller.router.channels, self.bounds)
        return await self.extra_round(feed_ids, by_hand=by_hand)

    async def extra_round(self, feed_ids: Iterable[str], *, by_hand: bool = False, only_due: bool = False) -> Round:
        """The same inside a running bot: what is being sent is in the hands of its lanes, and is left to them.

        `only_due`: who was looked at meanwhile is not looked at again.
        """
        with self.poller.heard() as looks, self.relooker.heard() as again:
            done = await self._round(feed_ids, by_hand=by_hand, only_due=only_due)
        if self.gallery is not None:
            await self.gallery.keep(looks, again)
        return done

    async def _round(self, feed_ids: Iterable[str], *, by_hand: bool, only_due: bool) -> Round:
        waiting = await self.deliver()
        allowances = {feed_id: Allowance(self.poller.timeout, by_hand=by_hand) for feed_id in feed_ids}
        polls = (partial(self._poll, feed_id, allowance, only_due) for feed_id, allowance in allowances.items())
        polled = await side_by_side(polls, self.concurrency)
        await self._inspect(allowances.keys())
        await self._read(allowances)
        return Round(tuple(filter(None, polled)), (*waiting, *await self._send()))

    async def deliver(self) -> tuple[Dispatched, ...]:
        """Read what waits to be read whole, then deliver all that is due, to all channels side by side."""
        await self._read({})
        return await self._send()

    async def _read(self, allowances: Mapping[str, Allowance]) -> None:
        waiting = by_feed(await self.store.due_looks(self.poller.clock()))
        looks = (partial(self._look_again, threads, allowances.get(threads[0].feed_id)) for threads in waiting)
        await side_by_side(looks, self.concurrency)

    async def _send(self) -> tuple[Dispatched, ...]:
        lanes = await side_by_side((partial(self._drain, lane) for lane in self.lanes), max(len(self.lanes), 1))
        for _, error in lanes:
            if error is not None:
                raise error
        return tuple(dispatched for done, _ in lanes for dispatched in done)

    async def _inspect(self, looked_at: AbstractSet[str]) -> None:
        try:
            await self.inspector.inspect(looked_at)
        except StoreError as error:  # what is to be told is told by a later inspection; notices go out all the same
            log.error("alerts: %s", error)  # noqa: TRY400 - in words

    async def _poll(self, feed_id: str, allowance: Allowance, only_due: bool) -> Polled | None:
        try:
            with within(allowance):
                polled = await self.poller.poll(feed_id, only_due=only_due)
        except StoreError as error:  # one author's archive folder, say, must not stop the others
            polled = Polled(feed_id=feed_id, outcome="failed", error=str(error))
        if polled is not None:
            self.inspector.polled(polled)
        return polled

    async def _look_again(self, waiting: Sequence[Known], allowance: Allowance | None) -> None:
        try:
            with within(allowance or Allowance(self.poller.timeout / 2)):
                await self.relooker.look_again(*waiting)
        except StoreError as error:
            log.error("threads of %s: %s", waiting[0].feed_id, error)  # noqa: TRY400 - in words

    async def _drain(self, lane: Lane) -> tuple[list[Dispatched], Exception | None]:
        """What went out, and what ended it. Not raised here: to cancel the other lanes would leave their sends in
        doubt, or claimed and not sent, which beside a runner nobody takes back.
        """
        done: list[Dispatched] = []
        try:
            async for dispatched in lane.drain():
                self.inspector.dispatched(dispatched)
                done.append(dispatched)
        except Exception as error:  # noqa: BLE001 - raised when the other lanes have ended
            return done, error
        return done, None
