"""An inspection over all that can fail: reads how things are, has it decided what is told (`alerts`), and saves that.

What is told and what is remembered of it are one step of the store, so no alert is lost or told twice. Does not send:
the alerts go through the outbox like every notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from bot import alerts
from bot.dispatch import Dispatched
from bot.model import Feed, FeedState, Trouble
from bot.outbox import UNSENT
from bot.poll import Polled
from bot.protocols import Clock, Store
from bot.routing import channels_of

log = logging.getLogger(__name__)

EVERY = 3600.0
"""Seconds between two inspections when nothing fails: silence makes no noise."""
SHORTEST = 10.0
"""Seconds between two inspections, however much fails."""
LONGEST = 300.0
"""Seconds between a failure and its inspection at the most, however long an inspection takes."""
SHARE = 50
"""An inspection over very many authors takes at most one part in so many of the time."""


class Inspector:
    """Inspects. `channels` are the names of all channels; `monotonic` is in seconds."""

    def __init__(
        self,
        *,
        store: Store,
        channels: Sequence[str],
        rules: alerts.Rules,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._channels = channels
        self._rules = rules
        self._clock = clock
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._patience: dict[str, tuple[datetime | None, timedelta | None]] = {}
        # What only says when the next inspection is worth its while; the truth is in the store.
        self._failing: set[str] = set()
        self._failing_channels: set[str] = set()
        self._source_is_down = False
        self._failed_in_a_row = 0
        self._heard = 0
        self._considered = 0
        self._ended: float | None = None
        self._gap = SHORTEST

    def polled(self, polled: Polled) -> bool:
        """Hear how a look ended; whether that makes an inspection worth its while."""
        if polled.outcome == "held":
            return False
        if polled.outcome == "failed":
            self._failed_in_a_row += 1
            told = polled.failures >= self._rules.after or polled.for_good
            if told:
                self._failing.add(polled.feed_id)
            news = told or self._failed_in_a_row >= alerts.FEWEST
        else:
            self._failed_in_a_row = 0
            news = polled.feed_id in self._failing or self._source_is_down
            self._failing.discard(polled.feed_id)
        self._heard += news
        return news

    def dispatched(self, dispatched: Dispatched) -> bool:
        """Hear how a send ended; whether that makes an inspection worth its while."""
        name = dispatched.batch.channel
        news = bool(dispatched.error) or name in self._failing_channels
        (self._failing_channels.add if dispatched.error else self._failing_channels.discard)(name)
        self._heard += news
        return news

    def pause(self) -> float:
        """Seconds until the next inspection is worth its while: soon after a failure or a recovery, else seldom."""
        if self._ended is None:
            return 0.0
        wanted = self._gap if self._heard != self._considered else EVERY
        return max(0.0, self._ended + max(wanted, self._gap) - self._monotonic())

    async def inspect(self, looked_at: AbstractSet[str] | None = None) -> bool:
        """Find out what is wrong and what is well again, and queue what is to be told; True if anything was.

        Of the authors' silence only that of `looked_at` is found out, None: of all. Raises `StoreError`.
        """
        async with self._turn:
            heard, began = self._heard, self._monotonic()
            told = await self._inspect(looked_at)
            ended = self._monotonic()
            self._considered, self._gap = heard, min(max(SHORTEST, SHARE * (ended - began)), LONGEST)
            if looked_at is None:
                # A round now and then, over a few authors, must not put off the silence of all the others.
                self._ended = ended
            return told

    async def _inspect(self, looked_at: AbstractSet[str] | None) -> bool:
        seen = await self._see(looked_at)
        now = self._clock()
        # Beside the event loop: 30 ms for 1,000 authors.
        decision = await asyncio.to_thread(alerts.decide, seen, self._rules, now)
        deliveries = alerts.queued(decision.tellings, self._rules.channels, now)
        if decision:
            await self._store.alert(decision.troubles, decision.over, deliveries)
        for telling in decision.tellings:
            _log(telling)
        self._learn(seen, decision)
        return bool(deliveries)

    async def _see(self, looked_at: AbstractSet[str] | None) -> alerts.Seen:
        feeds = await self._store.feeds()
        known = {id_: self._patience[id_] for feed, _ in feeds if (id_ := feed.id) in self._patience}
        self._patience = known
        for feed, state in feeds:
            if (looked_at is None or feed.id in looked_at) and alerts.may_be_silent(feed, state, self._rules):
                await self._get_to_know(feed, state)
        # The outbox before the channels: what is sent between the two is then seen as the channel's recovery.
        unsent = await self._store.deliveries(UNSENT)
        troubles = await self._store.troubles()
        return alerts.Seen(
            feeds=feeds,
            channels=[await self._store.channel(name) for name in self._channels],
            unsent=unsent,
            troubles=troubles,
            patience={feed_id: span for feed_id, (_, span) in self._patience.items()},
            followers=await self._followers(alerts.with_final_trouble(feeds, troubles)),
        )

    async def _followers(self, feeds: Sequence[Feed]) -> dict[str, tuple[str, ...]]:
        subscriptions = await self._store.subscriptions() if feeds else ()
        return {
            feed.id: channels_of((s for s in subscriptions if s.feed_id == feed.id), self._channels) for feed in feeds
        }

    async def _get_to_know(self, feed: Feed, state: FeedState) -> None:
        """How long the author may be silent; worked out anew for each newest thread only."""
        newest, _ = self._patience.get(feed.id, (None, None))
        if newest != state.newest_at:
            dates = await self._store.dates(feed.id)
            self._patience[feed.id] = state.newest_at, alerts.patience(dates, self._rules.silence)

    def _learn(self, seen: alerts.Seen, decision: alerts.Decision) -> None:
        self._failing |= {feed.id for feed, state in seen.feeds if alerts.failing(state, self._rules)}
        self._failing_channels |= {channel.channel for channel in seen.channels if channel.failures}
        gone = {*decision.over, *(trouble.id for trouble in decision.troubles)}
        troubles = (*(t for t in seen.troubles if t.id not in gone), *decision.troubles)
        self._source_is_down = any(map(_is_shared, troubles))


def _is_shared(trouble: Trouble) -> bool:
    return trouble.subject.partition(":")[0] in ("source", alerts.NETWORK) and trouble.over_at is None


def _log(telling: alerts.Telling) -> None:
    level = logging.INFO if telling.alert.over else logging.WARNING
    log.log(level, "%s: %s", telling.alert.title, " ".join(telling.alert.lines))
