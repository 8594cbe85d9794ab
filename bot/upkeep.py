"""What keeps the store in order beside the work itself: at start, and now and then.

Calls things in order. Does not decide what is forgotten or mended (`schedule`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from bot import schedule
from bot.model import Changes
from bot.outbox import WAITING
from bot.protocols import Clock, Store

log = logging.getLogger(__name__)


async def take_back(store: Store, clock: Clock) -> int:
    """Take back what a dead owner had claimed; to be called once at start. Returns how many. Raises `StoreError`."""
    orphans = await store.orphans()
    if orphans:
        now = clock()
        await store.settle(schedule.after_crash(delivery, now) for delivery in orphans)
        log.warning("outbox: %d deliveries were being sent when the program ended; each is tried again", len(orphans))
    return len(orphans)


async def tidy(store: Store, clock: Clock, pace: schedule.Pace, channels: Iterable[str]) -> None:
    """Keep the day's backup, forget what was sent long ago, and mend times that a wrong clock left far ahead.

    Raises `StoreError`.
    """
    now = clock()
    await store.back_up(now)
    await store.prune(now - schedule.KEEP_SENT)
    for feed, state in await store.feeds():
        mended = schedule.mended_state(state, pace, now)
        if mended != state:
            await store.commit(Changes(feed_id=feed.id, state=mended))
    for known in await store.due_looks(datetime.max.replace(tzinfo=UTC)):
        if schedule.mended_look(known, now) != known:
            await store.commit(Changes(feed_id=known.feed_id, known=(schedule.mended_look(known, now),)))
    late = [row for row in await store.deliveries(WAITING) if schedule.mended_delivery(row, now) != row]
    if late:
        await store.settle(schedule.mended_delivery(row, now) for row in late)
    for name in channels:
        before = await store.channel(name)
        if schedule.mended_channel(before, now) != before:
            await store.settle((), schedule.mended_channel(before, now))
