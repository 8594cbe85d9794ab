"""One lane per channel: what is due goes out one after the other, never faster than the channel's gap.

Lanes do not know of each other, so a slow or dead channel holds up no other. Decides nothing about failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from bot import schedule
from bot.dispatch import Dispatched, Dispatcher
from bot.model import Known
from bot.protocols import Channel

Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


async def side_by_side(work: Iterable[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """Call and await all of `work`, at most so many at once; results in order. The first exception ends the rest."""
    results: dict[int, T] = {}
    waiting = enumerate(work)

    async def one_after_the_other() -> None:
        for number, call in waiting:
            results[number] = await call()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):  # not a task for each: 10,000 take 40 MB
                group.create_task(one_after_the_other())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [results[number] for number in sorted(results)]


def by_feed(waiting: Iterable[Known]) -> tuple[tuple[Known, ...], ...]:
    """Threads that wait, put together by author, in order: each author's share one look's time."""
    groups: dict[str, list[Known]] = {}
    for thread in waiting:
        groups.setdefault(thread.feed_id, []).append(thread)
    return tuple(tuple(group) for group in groups.values())


class Lane:
    """Sends to one channel, one message at a time, whoever drains it.

    The gap is kept from the start of one send to the start of the next.
    """

    def __init__(
        self, dispatcher: Dispatcher, channel: Channel, *, monotonic: Callable[[], float], sleep: Sleep = asyncio.sleep
    ) -> None:
        self.name = channel.name
        self._dispatcher = dispatcher
        self._gap = channel.gap
        self._monotonic = monotonic
        self._sleep = sleep
        self._last_start: float | None = None
        self._turn = asyncio.Lock()

    @property
    def owes(self) -> bool:
        """Whether an outcome is still to be saved."""
        return self._dispatcher.owes(self.name)

    def succeed(self, before: Lane) -> None:
        """Keep the gap to the last send of the lane in whose place this one comes."""
        self._last_start = before._last_start

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Wait for a send that is under way; none begins before the block ends."""
        async with self._turn:
            yield

    async def drain(self, stop: asyncio.Event | None = None) -> AsyncIterator[Dispatched]:
        """Send all that is due, until nothing is, the channel has to wait, or `stop` is set. Raises `StoreError`."""
        while not (stop and stop.is_set()):
            async with self._turn:
                pause = schedule.next_start(self._last_start, self._gap, self._monotonic())
                done = None if pause else await self._dispatcher.dispatch(self.name)
                if done is not None:
                    self._last_start = done.started
            if pause:
                await self._sleep(pause)
            elif done is None:
                return
            else:
                yield done
