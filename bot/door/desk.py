"""Where a running bot takes orders: each is performed on the App that is at work, and kept waiting while none is.

Owns the orders' tasks: an order is finished, or cancelled and known to be, also when whoever gave it is gone.
Does not know how an order came in (`server`), nor when the App changes (`service`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from bot.app import App
from bot.errors import BotError, OrderRefused
from bot.orders import (
    Answer,
    Drop,
    Find,
    Follow,
    Import,
    Order,
    Pause,
    Poll,
    Refresh,
    Restore,
    Resume,
    Retry,
    Take,
    Unfollow,
)
from bot.perform import perform

log = logging.getLogger(__name__)

MOST_ORDERS = 16
"""Orders taken at once, those that wait included."""
WAIT_MAX = 180.0
"""Seconds that an order waits for an App to be at work: longer than a reload takes."""
SETTLE_WITHIN = 2.0
"""Seconds that a cancelled order has for saying what is in doubt."""

STOPPED = "the running bot was stopped before it had done this; what it had done stays done"
RELOADED = "the running bot read its settings again before it had done this; what it had done stays done, ask again"
BUSY = "the running bot has too many orders already; ask again in a moment"
NOT_READY = "the running bot is not ready; ask again in a moment"


class Desk:
    """Takes orders, and performs them on the App that is at work."""

    def __init__(self) -> None:
        self.channels: tuple[str, ...] = ()
        self.stopped = False
        self._app: App | None = None
        self._wake: Callable[[], None] = lambda: None
        self._open = asyncio.Event()
        self._orders: set[asyncio.Task[Answer]] = set()
        self._begun: set[asyncio.Task[Answer]] = set()
        self._why = STOPPED

    def take(self, order: Order) -> asyncio.Task[Answer]:
        """Begin an order; the task is the desk's own. Raises `OrderRefused`."""
        if self.stopped:
            raise OrderRefused(STOPPED)
        if len(self._orders) >= MOST_ORDERS:
            raise OrderRefused(BUSY)
        task = asyncio.create_task(self._perform(order), name=f"order {order.kind}")
        self._orders.add(task)
        task.add_done_callback(self._ended)
        return task

    def outcome(self, task: asyncio.Task[Answer]) -> Answer:
        """What an order that has ended came to. Raises `BotError`."""
        if task.cancelled():
            raise OrderRefused(self._why)
        error = task.exception()
        if error is None or isinstance(error, BotError):
            return task.result()
        raise OrderRefused(f"{type(error).__name__} in the running bot, see its log") from error

    def open(self, app: App, wake: Callable[[], None]) -> None:
        """From now on perform orders on this App; `wake` is called after each."""
        self.channels = tuple(app.channels)
        self._app, self._wake = app, wake
        self._open.set()

    async def rest(self, within: float) -> None:
        """Begin no further order; let those that were begun end, for so many seconds at the most."""
        self._app = None
        self._open.clear()
        await self._end(self._begun, within, RELOADED)

    async def stop(self, within: float) -> None:
        """Take no further order; drop those that wait, let those that were begun end for so many seconds."""
        self.stopped = True
        await asyncio.gather(
            self._end(self._orders - self._begun, 0, STOPPED), self._end(self._begun, within, STOPPED)
        )

    async def _end(self, tasks: Iterable[asyncio.Task[Answer]], within: float, why: str) -> None:
        tasks = set(tasks)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within)
        self._why = why
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=SETTLE_WITHIN)

    async def _perform(self, order: Order) -> Answer:
        app = await self._at_work()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # we are in one
        self._begun.add(task)
        log.info("order: %s", _described(order))
        try:
            return await perform(order, app, running=True)
        finally:
            self._begun.discard(task)
            self._wake()

    async def _at_work(self) -> App:
        try:
            async with asyncio.timeout(WAIT_MAX):
                while self._app is None:
                    await self._open.wait()
        except TimeoutError:
            raise OrderRefused(NOT_READY) from None
        return self._app

    def _ended(self, task: asyncio.Task[Answer]) -> None:
        self._orders.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, BotError):
            log.error("%s: this program failed", task.get_name(), exc_info=error)


def _described(order: Order) -> str:
    match order:
        case Retry(ids=names) | Drop(ids=names) | Poll(authors=names):
            pass
        case Refresh(threads=names):
            pass
        case Find(addresses=names) | Follow(addresses=names):
            pass
        case Unfollow(addresses=names) | Pause(addresses=names) | Resume(addresses=names):
            pass
        case Import(address=name) | Restore(path=name) | Take(host=name):
            names = (name,)
    return " ".join((order.kind, *names))
