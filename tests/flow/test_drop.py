"""Rows that are dropped by hand while the bot works on them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from bot.app import App
from bot.orders import Drop
from bot.perform import perform
from bot.reading import Reader
from bot.stores.memory import MemoryStore
from tests.fakes import START, World


async def test_a_look_does_not_bring_back_what_was_dropped_meanwhile(monkeypatch):
    """The look had read the thread's rows, and was about to write them again as due."""
    world = World(store=MemoryStore())
    world.site.publish("old", START - timedelta(days=1))
    await world.follow("@ann")
    world.site.publish("new", START)
    world.site.thread_fault = "down"
    await world.round()
    world.site.thread_fault = ""
    (row,) = await world.store.deliveries(["pending"])
    read, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_reader: Reader, _entry: Any) -> None:
        read.set()
        await go_on.wait()

    monkeypatch.setattr(Reader, "same", slow)
    (waiting,) = [thread for thread in await world.store.threads() if thread.state == "waiting"]
    looking = asyncio.create_task(world.relooker.look_again(waiting))
    await read.wait()
    app = cast("App", SimpleNamespace(store=world.store, poller=world.poller, lanes=world.once.lanes))
    dropping = asyncio.create_task(perform(Drop(ids=(row.batch,)), app))
    await asyncio.wait((dropping,), timeout=0.1)
    go_on.set()
    await asyncio.gather(looking, dropping)

    assert (await world.store.deliveries(), (await world.store.threads())[0].state) == ((), "dropped")
