"""Have an order performed: here, or by the running bot that holds the store. A command does not see which it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from bot import show
from bot.app import App, build_spending, open_app
from bot.errors import BotError, OrderRefused, SourceError, StoreLocked
from bot.opening import now, open_store
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
    return await _by_owner(partial(_asked, settings, order), partial(_performed, settings, order))


async def _by_owner(ask: Callable[[], Awaitable[Answer]], do: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask the running bot; without one do it here. Who holds the store and takes no orders has a little time to end."""
    from bot.door.client import NoDoor  # loads aiohttp, which the listings do without

    latest = time.monotonic() + DOOR_WITHIN
    while True:
        with suppress(NoDoor):
            return await ask()
        try:
            return await do()
        except StoreLocked:
            if time.monotonic() >= latest:
                raise
        await asyncio.sleep(PAUSE)


async def _performed(settings: Settings, order: Order) -> Answer:
    async with open_app(settings) as app:
        return await perform(order, app)


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


def granting(settings: Settings) -> Grant | None:
    """What keeps the hosts' budgets for a command that asks hosts by itself; None where they have none.

    The running bot counts, or the store, which is opened for each request alone: others may work on it in between.
    """
    if not settings.poll.requests_per_day:
        return None

    async def grant(host: str, feed_id: str) -> datetime | None:
        order = Take(host=host)
        try:
            answer = await _by_owner(partial(_asked_quietly, settings, order), partial(_taken, settings, order))
        except BotError as error:
            raise SourceError(feed_id, f"{host}: not asked, since that could not be counted: {error}") from error
        return answer.until if isinstance(answer, Granted) else None

    return grant


async def _asked_quietly(settings: Settings, order: Take) -> Answer:
    from bot.door.client import ask

    return (await ask(settings.data_dir, order)).result()


async def _taken(settings: Settings, order: Take) -> Granted:
    async with AsyncExitStack() as stack:
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        spending = build_spending(settings, store, now)
        if spending is None:
            return Granted()
        stack.push_async_callback(spending.close)
        return Granted(until=await spending.grant(order.host))
