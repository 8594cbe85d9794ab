"""What every `Runner` keeps, whatever drives it. A new one adds a line to `RUNNERS`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot import inspection
from bot.alerts import Rules
from bot.errors import StoreError
from bot.runners import local
from tests.fakes import FakeChannel
from tests.running import Running, hang, local_runner, now

RUNNERS = {"local": local_runner}


@pytest.fixture(params=RUNNERS)
def make(request):
    return RUNNERS[request.param]


async def test_it_polls_again_and_again(make):
    """A new thread is found at the author's next look, and delivered."""
    async with Running(make=make) as bot:
        bot.world.site.publish("new", now())
        await bot.until(lambda: bot.world.arrived() == ["new"])


async def test_a_hanging_channel_delays_no_other(make):
    """One lane hangs in its send, the other has the notice."""
    dead, alive = FakeChannel("dead"), FakeChannel("alive")
    dead.send = hang
    async with Running(dead, alive, make=make) as bot:
        bot.world.site.publish("new", now())
        await bot.until(lambda: bot.world.arrived(1) == ["new"])


async def test_a_stop_leaves_a_hanging_send_in_doubt(make):
    """After the grace the send is given up, and the outbox says that it may have arrived."""
    channel = FakeChannel()
    begun = asyncio.Event()

    async def send(message):
        begun.set()
        await hang(message)

    channel.send = send
    bot = Running(channel, make=make)
    async with bot:
        bot.world.site.publish("new", now())
        await asyncio.wait_for(begun.wait(), 5)
    (row,) = await bot.store.deliveries()

    assert (row.state, row.error) == ("unknown", "stopped while sending")


async def test_a_stop_lets_a_send_finish(make):
    """What is in flight and ends within the grace is sent, and known to be."""
    channel = FakeChannel()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(_message):
        begun.set()
        await go_on.wait()

    channel.send = send
    bot = Running(channel, make=make, grace=3)
    async with bot:
        bot.world.site.publish("new", now())
        await asyncio.wait_for(begun.wait(), 5)
        bot.stop.set()
        go_on.set()
    (row,) = await bot.store.deliveries()

    assert row.state == "sent"


async def test_a_dead_author_delays_no_other(make):
    """One author's look hangs; the other's new thread arrives."""
    async with Running(make=make) as bot:
        await bot.world.follow("@bob")
        fetch = bot.world.source.fetch

        async def hang_for_bob(feed, cursor):
            if feed.id == "fake:bob":
                await asyncio.Event().wait()
            return await fetch(feed, cursor)

        bot.world.source.fetch = hang_for_bob
        bot.world.site.publish("new", now())
        await bot.until(lambda: "new" in bot.world.arrived())


async def test_trouble_and_recovery_are_told(make, monkeypatch):
    """A running bot tells both without being asked, soon after the looks that show it."""
    monkeypatch.setattr(inspection, "SHORTEST", 0.01)
    monkeypatch.setattr(inspection, "SHARE", 0)
    bot = Running(make=make, rules=Rules(channels=("me",)))
    async with bot:
        bot.world.site.fault = "down"
        await bot.until(lambda: "keepcurrent: @ann cannot be read" in bot.titles())
        bot.world.site.fault = ""
        await bot.until(lambda: "keepcurrent: @ann can be read again" in bot.titles())

    assert len(bot.titles()) == 2


async def test_a_channel_s_trouble_is_told_by_another_at_once(make, monkeypatch):
    """Also while no author is looked at."""
    monkeypatch.setattr(inspection, "SHORTEST", 0.01)
    bot = Running(
        FakeChannel("me"), FakeChannel("team"), make=make, interval=3600, rules=Rules(channels=("me",), after=1)
    )
    bot.world.channels[1].mode = "down"
    bot.world.site.publish("old", now())
    async with bot:
        await bot.world.follow("@bob", ["team"], backfill=1)
        await bot.until(lambda: "keepcurrent: channel team cannot be reached" in bot.titles())


async def test_a_full_disk_pauses_and_goes_on_without_a_restart(make, monkeypatch, caplog):
    """While the store cannot be written nothing is lost; when it can be again, all arrives once."""
    monkeypatch.setattr(local, "STORE_PAUSE", timedelta(seconds=0.02))
    bot = Running(make=make)
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
