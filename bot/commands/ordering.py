"""Have an order performed: here, or by the running bot that holds the store. A command does not see which it was."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TypeVar

from bot import show
from bot.app import open_app
from bot.errors import OrderRefused, StoreLocked
from bot.orders import Answer, Order
from bot.perform import perform
from bot.settings import Settings

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
    for name in settings.channels:
        if name not in reply.channels:
            mend = f"reload it (kill -HUP {reply.pid})"
            show.problem(f'the running bot does not know the channel "{name}" yet: {mend}')
    return reply.result()
