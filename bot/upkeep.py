"""What keeps the store in order beside the work itself: at start, and now and then.

Calls things in order. Does not decide what is forgotten or mended (`schedule`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot import schedule
from bot.model import Stored
from bot.outbox import WAITING
from bot.protocols import Clock, Store

log = logging.getLogger(__name__)

STEPS = 10_000
"""The most steps of pruning at one time: five million files. (100,000 take 200 steps, 10 ms of the disk's thread each;
it must be enough for all, as a round for cron has only one go.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveBounds:
    """How long and how much is kept of the threads, in bytes; None: without end."""

    max_age: timedelta | None = None
    max_size: int | None = None


UNBOUNDED = ArchiveBounds()


async def take_back(store: Store, clock: Clock) -> int:
    """Take back what a dead owner had claimed; to be called once at start. Returns how many. Raises `StoreError`."""
    orphans = await store.orphans()
    if orphans:
        now = clock()
        await store.settle(schedule.after_crash(delivery, now) for delivery in orphans)
        log.warning("outbox: %d deliveries were being sent when the program ended; each is tried again", len(orphans))
    return len(orphans)


async def tidy(
    store: Store,
    clock: Clock,
    pace: schedule.Pace,
    channels: Iterable[str],
    bounds: ArchiveBounds = UNBOUNDED,
) -> None:
    """Keep the day's backup, forget what was sent long ago, mend times that a wrong clock left far ahead, and keep the
    archive within its bounds.

    Raises `StoreError`.
    """
    now = clock()
    await store.back_up(now)
    await store.prune(now - schedule.KEEP_SENT)
    late = [pair for pair in await _mended(store, now, pace, channels) if pair[0] != pair[1]]
    if late:
        # What changed since it was read is left alone: a notice that was sent meanwhile would be sent again.
        await store.amend(late)
    await prune_archive(store, now, bounds)


async def prune_archive(store: Store, now: datetime, bounds: ArchiveBounds) -> None:
    """Let go of what is older or more than the bounds allow: step by step, so that other work comes in between."""
    if bounds == UNBOUNDED:
        return
    older_than = None if bounds.max_age is None else now - bounds.max_age
    for _ in range(STEPS):
        if not await store.prune_copies(now, older_than=older_than, most_bytes=bounds.max_size):
            return


async def _mended(
    store: Store, now: datetime, pace: schedule.Pace, channels: Iterable[str]
) -> list[tuple[Stored, Stored]]:
    """All that bears a time, with what it is without one that is too far ahead."""
    pairs: list[tuple[Stored, Stored]] = []
    pairs += ((state, schedule.mended_state(state, pace, now)) for _, state in await store.feeds())
    waiting = await store.due_looks(datetime.max.replace(tzinfo=UTC))
    pairs += ((known, schedule.mended_look(known, now)) for known in waiting)
    pairs += ((row, schedule.mended_delivery(row, now)) for row in await store.deliveries(WAITING))
    states = [await store.channel(name) for name in channels]
    pairs += ((state, schedule.mended_channel(state, now)) for state in states)
    return pairs
