"""The local runner beside the contract of runners: idle, crashing, saving late."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from bot.errors import StoreError
from bot.runners import local
from bot.runners.lanes import side_by_side
from bot.stores.memory import MemoryStore
from tests.fakes import Crash, FakeChannel, World
from tests.running import Running, hang, local_runner, now


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


async def test_a_bell_makes_no_lane_ask_for_itself():
    """However many channels: a look that ends wakes them all, and the store is asked once or twice for all of them."""
    bot = Running(*(FakeChannel(name=f"c{number}") for number in range(30)), interval=0.05)
    asked = claimed = 0
    next_due, claim = bot.store.next_due, bot.store.claim

    async def counted():
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)  # as a store with a thread of its own
        return await next_due()

    async def counted_claim(*args):
        nonlocal claimed
        claimed += 1
        return await claim(*args)

    bot.store.next_due, bot.store.claim = counted, counted_claim
    async with bot:
        await bot.until(lambda: bot.world.site.requests.count("list") > 5)

    looks = bot.world.site.requests.count("list")
    assert (asked < 5 * (looks + 2), claimed) == (True, 0)


async def test_a_look_without_news_wakes_nobody_else():
    """Threads that are to be read again, lanes and inspections are let be by an answer that nothing has changed."""
    bot = Running(interval=0.02)
    bot.world.site.lies_304 = True
    asked, due_looks = 0, bot.store.due_looks

    async def counted(*args):
        nonlocal asked
        asked += 1
        return await due_looks(*args)

    bot.store.due_looks = counted
    async with bot:
        await bot.until(lambda: bot.world.site.requests.count("list") > 12)

    assert asked <= 4


async def test_a_lane_saves_what_it_owes():
    """The message went out and the disk was full for a moment: nothing else is due, and the outcome is saved."""
    bot = Running()
    settle, failures = bot.store.settle, iter([StoreError("no space left on the disk")])

    async def once(*args):
        for failure in failures:
            raise failure
        await settle(*args)

    local.STORE_PAUSE, pause = timedelta(seconds=0.02), local.STORE_PAUSE
    try:
        async with bot:
            bot.store.settle = once
            bot.world.site.publish("new", now())
            await bot.until(lambda: bot.world.arrived() == ["new"])
            await asyncio.sleep(0.2)
            rows = await bot.store.deliveries()
    finally:
        local.STORE_PAUSE = pause

    assert ([row.state for row in rows], bot.world.arrived()) == (["sent"], ["new"])


async def test_an_inspection_costs_nothing_while_all_is_well():
    """Looks that succeed make no inspection: there is one at the start, and the next within the hour."""
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


# -- beside orders ------------------------------------------------------------------------------------------


async def backlog(world: World, *keys: str) -> None:
    """Threads that are queued, each as a message of its own."""
    await world.follow()
    for key in keys:
        world.clock.advance(minutes=1)
        world.site.publish(key, world.clock())
        await world.poller.poll("fake:ann")


async def test_two_who_drain_a_lane_send_one_at_a_time():
    """A runner and an order may both drain it: one message at once, each once, and the gap between all of them."""
    world = World(store=MemoryStore(), channels=(FakeChannel(gap=5.0),))
    (channel,) = world.channels
    await backlog(world, "a", "b", "c", "d")
    at_once, most, starts = 0, 0, []

    async def send(message):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        starts.append(world.clock.seconds())
        await asyncio.sleep(0)
        channel.inbox.append(message)
        at_once -= 1

    channel.send = send
    lane = world.once.lanes[0]
    counts = await asyncio.gather(*(drained(lane) for _ in range(2)))

    assert (sum(counts), most) == (4, 1)
    assert sorted(world.arrived()) == ["a", "b", "c", "d"]
    assert all(later - earlier >= 5 for earlier, later in itertools.pairwise(starts))


async def drained(lane) -> int:
    return len([done async for done in lane.drain()])


async def test_whoever_listens_hears_what_others_send():
    """An order counts what the runner's lanes sent meanwhile, and the looks that the runner made."""
    world = World(store=MemoryStore())
    await world.follow()
    world.site.publish("new", world.clock())
    with world.poller.heard() as looks, world.dispatcher.heard() as sends, world.dispatcher.heard() as others:
        await world.poller.poll("fake:ann")
        await world.dispatcher.dispatch("me")
    await world.poller.poll("fake:ann")

    assert [look.outcome for look in looks] == ["new"]
    assert [done.outcome for done in sends] == [done.outcome for done in others] == ["sent"]


async def test_a_round_inside_a_running_bot_leaves_alone_what_is_being_sent():
    """What a lane has in its hands is not a dead owner's."""
    world = World(store=MemoryStore())
    await backlog(world, "new")
    await world.store.claim("me", world.clock())
    await world.once.extra_round([])
    (inside,) = await world.store.deliveries()
    await world.once.round([])
    (alone,) = await world.store.deliveries()

    assert (inside.state, alone.state) == ("sending", "unknown")


async def test_who_was_looked_at_meanwhile_is_not_looked_at_again():
    """An order for all that are due, behind a runner that has just looked at them, asks the site nothing."""
    world = World(store=MemoryStore())
    await world.follow()
    world.clock.advance(hours=1)
    first = await world.poller.poll("fake:ann", only_due=True)
    second = await world.poller.poll("fake:ann", only_due=True)

    assert (first is not None, second) == (True, None)


async def test_nothing_is_on_its_way_while_a_lane_is_still():
    """Who makes a message due again waits for a send that is under way, and none begins before that is done."""
    world = World(store=MemoryStore())
    await backlog(world, "new")
    lane = world.once.lanes[0]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(_message):
        begun.set()
        await go_on.wait()

    world.channels[0].send = send
    sending = asyncio.create_task(drained(lane))
    await begun.wait()

    async def state_when_still():
        async with lane.still():
            (row,) = await world.store.deliveries()
            return row.state

    asked = asyncio.create_task(state_when_still())
    await asyncio.sleep(0)
    go_on.set()

    assert await asked == "sent"
    assert await sending == 1


async def test_a_grace_can_be_made_longer_and_shorter():
    """A reload gives what is in flight the time it needs; a stop that comes then takes it back."""
    channel = FakeChannel()
    begun = asyncio.Event()

    async def send(message):
        begun.set()
        await hang(message)

    channel.send = send
    bot = Running(channel, make=kept_runner, grace=0.01)
    async with bot:
        bot.world.site.publish("new", now())
        await asyncio.wait_for(begun.wait(), 5)
        bot.world.runner.allow(3600)
        bot.stop.set()
        await asyncio.sleep(0.1)
        waits = not bot.task.done()
        bot.world.runner.allow(0.01)
        await asyncio.wait_for(asyncio.shield(bot.task), 3)

    assert waits


async def test_a_disk_that_hangs_holds_up_no_end():
    """However many questions to the store are under way when the stop comes."""
    bot = Running(make=kept_runner, interval=60, grace=0.1)
    asked, hung, next_due = 0, False, bot.store.next_due

    async def hanging():
        nonlocal asked
        asked += 1
        return await (asyncio.Event().wait() if hung else next_due())

    bot.store.next_due = hanging
    async with bot:
        await bot.until(lambda: bot.world.site.requests and asked)
        await asyncio.sleep(0.05)
        hung, before = True, asked
        bot.world.runner._place_bell.ring()  # as a look without news does
        await bot.until(lambda: asked == before + 1)
        bot.world.runner.wake()
        await bot.until(lambda: asked == before + 2)
        bot.stop.set()
        await asyncio.wait_for(asyncio.shield(bot.task), 3)


def kept_runner(world: World, grace: float) -> local.LocalRunner:
    world.runner = local_runner(world, grace)
    return world.runner
