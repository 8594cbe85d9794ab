"""What runs until it is stopped: each author and channel for itself, and an end in good order."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import StoreError
from bot.runners import local
from bot.runners.lanes import Lane, side_by_side
from bot.runners.local import LocalRunner
from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from tests.fakes import Crash, FakeChannel, World


def now() -> datetime:
    return datetime.now(UTC)


class Running:
    """A world on the real clock, with its runner going."""

    def __init__(self, *channels: FakeChannel, interval: float = 0.05, grace: float = 0.3) -> None:
        self.store = MemoryStore()
        pace = Pace(interval=timedelta(seconds=interval), min_interval=timedelta(seconds=interval / 2))
        self.world = World(store=self.store, channels=channels or (FakeChannel(),), pace=pace, clock=now)
        self.grace = grace
        self.stop = asyncio.Event()

    async def __aenter__(self):
        await self.world.follow()
        runner = LocalRunner(
            store=self.store,
            poller=self.world.poller,
            lanes=[Lane(self.world.dispatcher, c, monotonic=time.monotonic) for c in self.world.channels],
            concurrency=4,
            clock=now,
            grace=self.grace,
        )
        self.task = asyncio.create_task(runner.run(self.stop))
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await asyncio.wait_for(self.task, 5)

    async def until(self, true):
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def monotonic_world(monkeypatch):
    """The fake world's clock has no `seconds`; the real one does."""
    now.seconds = time.monotonic  # type: ignore[attr-defined]
    now.sleep = asyncio.sleep  # type: ignore[attr-defined]


async def test_it_polls_again_and_again():
    """A new thread is found at the author's next look, and delivered."""
    async with Running() as bot:
        bot.world.site.publish("new", now())
        await bot.until(lambda: bot.world.arrived() == ["new"])


async def test_a_hanging_channel_delays_no_other():
    """One lane hangs in its send, the other has the notice."""
    dead, alive = FakeChannel("dead"), FakeChannel("alive")
    dead.send = hang
    async with Running(dead, alive) as bot:
        bot.world.site.publish("new", now())
        await bot.until(lambda: bot.world.arrived(1) == ["new"])


async def hang(_message) -> None:
    await asyncio.Event().wait()


async def test_a_stop_leaves_a_hanging_send_in_doubt():
    """After the grace the send is given up, and the outbox says that it may have arrived."""
    channel = FakeChannel()
    begun = asyncio.Event()

    async def send(message):
        begun.set()
        await hang(message)

    channel.send = send
    bot = Running(channel)
    async with bot:
        bot.world.site.publish("new", now())
        await asyncio.wait_for(begun.wait(), 5)
    (row,) = await bot.store.deliveries()

    assert (row.state, row.error) == ("unknown", "stopped while sending")


async def test_a_stop_lets_a_send_finish():
    """What is in flight and ends within the grace is sent, and known to be."""
    channel = FakeChannel()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(_message):
        begun.set()
        await go_on.wait()

    channel.send = send
    bot = Running(channel, grace=3)
    async with bot:
        bot.world.site.publish("new", now())
        await asyncio.wait_for(begun.wait(), 5)
        bot.stop.set()
        go_on.set()
    (row,) = await bot.store.deliveries()

    assert row.state == "sent"


async def test_a_dead_author_delays_no_other():
    """One author's look hangs; the other's new thread arrives."""
    async with Running() as bot:
        await bot.world.follow("@bob")
        fetch = bot.world.source.fetch

        async def hang_for_bob(feed, cursor):
            if feed.id == "fake:bob":
                await asyncio.Event().wait()
            return await fetch(feed, cursor)

        bot.world.source.fetch = hang_for_bob
        bot.world.site.publish("new", now())
        await bot.until(lambda: "new" in bot.world.arrived())


async def test_a_full_disk_pauses_and_goes_on_without_a_restart(monkeypatch, caplog):
    """While the store cannot be written nothing is lost; when it can be again, all arrives once."""
    monkeypatch.setattr(local, "STORE_PAUSE", timedelta(seconds=0.02))
    bot = Running()
    full = False

    def failing(write):
        async def maybe(*args, **kwargs):
            if full:
                raise StoreError("no space left on the disk")
            return await write(*args, **kwargs)

        return maybe

    for name in ("commit", "claim", "settle"):
        setattr(bot.store, name, failing(getattr(bot.store, name)))
    async with bot:
        full = True
        bot.world.site.publish("new", now())
        await bot.until(lambda: "no space left" in caplog.text)
        full = False
        await bot.until(lambda: bot.world.arrived() == ["new"])
    (row,) = await bot.store.deliveries()

    assert row.state == "sent"


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
