"""Have an order performed: here, or by the running bot that holds the store. A command does not see which it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Self, TypeVar

from bot import show
from bot.app import App, open_app
from bot.errors import OrderRefused, StoreLocked
from bot.orders import Answer, Granted, Order, Take
from bot.perform import perform
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.door.wire import Reply
    from bot.http import Grant

DOOR_WITHIN = 3.0
"""Seconds that an owner of the store who answers nothing may take to open its door, or to end."""
PAUSE = 0.1

A = TypeVar("A", bound=Answer)


async def ordered(settings: Settings, order: Order, answer: type[A]) -> A:
    """Have `order` performed, and return what came of it. Raises `BotError`; `StoreLocked` if nobody can."""
    result = await _ordered(settings, order)
    if not isinstance(result, answer):
        raise OrderRefused("the running bot answered something else than it was asked: restart it")
    return result


async def _ordered(settings: Settings, order: Order) -> Answer:
    from bot.door.client import NoDoor  # loads aiohttp, which the listings do without

    latest = time.monotonic() + DOOR_WITHIN
    while True:
        with suppress(NoDoor):
            return await _asked(settings, order)
        try:
            async with open_app(settings) as app:
                return await perform(order, app)
        except StoreLocked:
            if time.monotonic() >= latest:
                raise
        await asyncio.sleep(PAUSE)


async def _asked(settings: Settings, order: Order) -> Answer:
    from bot.door.client import ask

    reply = await ask(settings.data_dir, order)
    _tell_unknown_channels(settings, reply)
    return reply.result()


def _tell_unknown_channels(settings: Settings, reply: Reply) -> None:
    for name in settings.channels:
        if name not in reply.channels:
            mend = f"reload it (kill -HUP {reply.pid})"
            show.problem(f'the running bot does not know the channel "{name}" yet: {mend}')


class Orderer:
    """Has many orders performed, one after another: by the running bot, or here, then on one App for all of them.

    A bot that ends meanwhile is no loss: from then on it is done here. For use in an `async with` block.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._app: App | None = None
        self._told = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ordered(self, order: Order, answer: type[A]) -> A:
        """As `ordered`."""
        result = await self._ordered(order)
        if not isinstance(result, answer):
            raise OrderRefused("the running bot answered something else than it was asked: restart it")
        return result

    async def _ordered(self, order: Order) -> Answer:
        from bot.door.client import NoDoor

        latest = time.monotonic() + DOOR_WITHIN
        while self._app is None:
            with suppress(NoDoor):
                return await self._ask(order)
            try:
                self._app = await self._stack.enter_async_context(open_app(self._settings))
            except StoreLocked:
                if time.monotonic() >= latest:
                    raise
                await asyncio.sleep(PAUSE)
        return await perform(order, self._app)

    async def _ask(self, order: Order) -> Answer:
        from bot.door.client import ask

        reply = await ask(self._settings.data_dir, order)
        if not self._told:
            _tell_unknown_channels(self._settings, reply)
        self._told = True
        return reply.result()


@asynccontextmanager
async def budget(settings: Settings) -> AsyncIterator[Grant | None]:
    """What keeps the hosts' budgets for a command that asks hosts by itself; None where they have none."""
    if not settings.poll.requests_per_day:
        yield None
        return
    async with Orderer(settings) as orderer:

        async def grant(host: str, feed_id: str) -> datetime | None:
            return (await orderer.ordered(Take(host=host, feed_id=feed_id), Granted)).until

        yield grant
