"""The local runner beside the contract of runners: idle, crashing, saving late."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.errors import StoreError
from bot.runners import local
from bot.runners.lanes import side_by_side
from bot.stores.memory import MemoryStore
from tests.fakes import Crash, World
from tests.running import Running, now


async def test_an_outcome_that_could_not_be_saved_is_saved_later():
    """The message went out and the disk was full: it is not sent again, and becomes `sent` when there is room."""
    world = World(store=MemoryStore())
    await world.follow()
    world.site.publish("new", world.clock())
    world.clock.advance(hours=1)
    await world.poller.poll("fake:ann")
    settle = world.store.settle

    async def full(*_args):
        raise StoreError("no space left on the disk")

    world.store.settle = full
    with pytest.raises(StoreError):
        await world.dispatcher.dispatch("me")
    world.store.settle = settle
    await world.dispatcher.dispatch("me")
    (row,) = await world.store.deliveries()

    assert (row.state, len(world.channels[0].inbox)) == ("sent", 1)


async def test_an_idle_bot_asks_the_store_rarely():
    """With nothing due, no worker calls itself again before its time."""
    bot = Running(interval=3600)
    calls = 0
    due_feeds = bot.store.due_feeds

    async def counted(time):
        nonlocal calls
        calls += 1
        return await due_feeds(time)

    bot.store.due_feeds = counted
    async with bot:
        await asyncio.sleep(0.4)

    assert calls <= 3


async def test_a_watch_costs_nothing_while_all_is_well():
    """Looks that succeed make no watch: there is one at the start, and the next within the hour."""
    bot = Running(interval=0.02)
    calls = 0
    troubles = bot.store.troubles

    async def counted():
        nonlocal calls
        calls += 1
        return await troubles()

    bot.store.troubles = counted
    async with bot:
        await bot.until(lambda: bot.world.site.requests.count("list") > 10)

    assert calls == 1


async def test_what_nobody_foresaw_in_one_poll_ends_nothing(caplog):
    """An exception out of one look is logged; the others go on, the author is looked at again, the stop works."""
    bot = Running()
    commit = bot.store.commit
    failures = iter([ValueError("a bug")])

    async def once(changes):
        for failure in failures:
            raise failure
        await commit(changes)

    local.STORE_PAUSE, pause = timedelta(seconds=0.02), local.STORE_PAUSE
    try:
        async with bot:
            bot.store.commit = once
            bot.world.site.publish("new", now())
            await bot.until(lambda: bot.world.arrived() == ["new"])
    finally:
        local.STORE_PAUSE = pause

    assert "this program failed" in caplog.text


async def test_a_crash_in_a_worker_ends_the_run():
    """What nobody foresaw does not leave half a bot running."""
    bot = Running()
    async with bot:
        bot.store.due_feeds = crash
        with pytest.raises(BaseExceptionGroup):
            await asyncio.wait_for(asyncio.shield(bot.task), 5)
        bot.task = asyncio.create_task(asyncio.sleep(0))


async def crash(_now):
    raise Crash


async def test_side_by_side_keeps_to_its_number():
    """No more than that many run at once, and the results stand in order."""
    at_once = most = 0

    async def work(n):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return n

    assert await side_by_side([lambda n=n: work(n) for n in range(9)], 3) == list(range(9))
    assert most == 3
