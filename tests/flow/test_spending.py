"""A budget of requests: kept exactly, over restarts and crashes, and fair to who is due first."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.budget import Spent
from bot.errors import HostDown, StoreError
from bot.http import Http
from bot.model import Author, Feed
from bot.rhythm import price_of
from bot.schedule import Pace
from bot.spending import Spending
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.fakes import START, Clock, World
from tests.sites import answer, site

PACE = Pace(price=price_of(timedelta(minutes=30)))
DAY = timedelta(days=1)


def spending(store, clock, per_day=40):
    return Spending(store=store, per_day=per_day, pace=PACE, clock=clock)


async def asked(store, clock, hours, *, restarts=False, per_day=40):
    """When requests were granted to somebody who asks every two minutes."""
    granted, purse = [], spending(store, clock, per_day)
    for step in range(hours * 30):
        if restarts and step % 7 == 0:
            purse = spending(store, clock, per_day)
        if await purse.grant("a.example", "feed") is None:
            granted.append(clock())
        clock.advance(minutes=2)
    return granted


def most_in_a_day(granted):
    return max(sum(at <= one < at + DAY for one in granted) for at in granted)


@pytest.mark.parametrize("restarts", [False, True])
async def test_no_day_has_more(restarts):
    """Whichever 24 hours one looks at, and however often the program is started anew."""
    granted = await asked(MemoryStore(), Clock(), 72, restarts=restarts)

    assert most_in_a_day(granted) <= 40


async def test_most_of_it_is_used():
    """Counted by full hours, a twenty-fifth may stay unused."""
    granted = await asked(MemoryStore(), Clock(), 100)

    assert len(granted) >= 3 * 40


async def test_it_outlives_the_program(tmp_path):
    """On the disk before the first request is sent."""
    store, clock = await TinyStore.open(tmp_path), Clock()
    await spending(store, clock, per_day=1).grant("a.example", "feed")
    await store.close()
    again = await TinyStore.open(tmp_path)

    assert await spending(again, clock, per_day=1).grant("a.example", "feed") is not None
    await again.close()


async def test_each_host_has_its_own():
    purse = spending(MemoryStore(), Clock(), per_day=1)
    first = [await purse.grant(host, "feed") for host in ("a.example", "b.example")]

    assert first == [None, None]


async def test_a_request_beyond_it_is_not_sent():
    """Redirects count, too; the reason names the setting, and when it goes on."""
    clock = Clock()
    purse = spending(MemoryStore(), clock, per_day=2)
    async with site(page=answer()) as s:
        http = Http(user_agent="t", host_delay=0, allowed_hosts=("127.0.0.1",), clock=clock, grant=purse.grant)
        for _ in range(2):
            await http.get(f"{s.url}/page", feed_id="feed")
        with pytest.raises(HostDown, match=r"used up \(\[poll\] requests_per_day\), until 2026-11-02 1\d:00"):
            await http.get(f"{s.url}/page", feed_id="feed")
        await http.close()

        assert len(s.requests) == 2


def world_with(purse_of, **more):
    world = World(store=MemoryStore(), pace=PACE, **more)
    purse = purse_of(world)
    object.__setattr__(world.poller, "spending", purse)
    return world, purse


async def test_a_look_waits_for_its_turn_and_is_no_failure():
    """An hour takes an eighth of the day's looks at the most; nobody is told of trouble."""
    world, purse = world_with(lambda world: spending(world.store, world.clock, per_day=10))
    world.site.publish("old", START - DAY)
    await world.follow("@ann")
    await purse.grant("fake.example", "fake:ann")
    await world.round(hours=0.7)
    ((_, state),) = await world.store.feeds()

    assert (state.failures, state.held_until) == (0, None)
    assert state.next_poll_at >= START + timedelta(hours=1)


async def test_a_small_budget_makes_looks_dear():
    """All authors of the host together fit in."""
    store, clock = MemoryStore(), Clock()
    for number in range(50):
        feed = Feed(id=f"x:{number}", source="x", address="", author=Author(handle=""), url="https://a.example/f")
        await store.follow(feed, ())
    rich, poor = spending(store, clock, per_day=100_000), spending(store, clock, per_day=200)

    assert (await rich.pace(feed)).price == PACE.price
    assert (await poor.pace(feed)).price > 10 * PACE.price


async def test_a_reload_goes_on_with_what_was_sent():
    store, clock = MemoryStore(), Clock()
    before, after = spending(store, clock, per_day=1), spending(store, clock, per_day=1)
    await before.grant("a.example", "feed")
    after.succeed(before)

    assert await after.grant("a.example", "feed") is not None


async def test_what_was_not_sent_is_given_back_at_an_orderly_end():
    """A round by a timer asks once or twice, and is a process of its own: nobody loses a hundredth of the day by it."""
    store, clock, granted = MemoryStore(), Clock(), 0
    for _ in range(288):
        purse = spending(store, clock, per_day=1000)
        granted += await purse.grant("a.example", "feed") is None
        await purse.close()
        clock.advance(minutes=5)

    assert granted == 288
    assert sum(row.total for row in await store.spent()) == 288


async def test_who_was_taken_over_from_gives_nothing_back():
    """What the one before has written down is in the books of the one that goes on."""
    store, clock = MemoryStore(), Clock()
    before, after = spending(store, clock, per_day=1000), spending(store, clock, per_day=1000)
    await before.grant("a.example", "feed")
    after.succeed(before)
    for _ in range(15):
        await after.grant("a.example", "feed")
    await before.close()
    await after.close()

    assert [row.total for row in await store.spent()] == [16]


async def test_a_disk_that_is_full_at_the_end_is_no_trouble():
    """Then the rest of a block counts as sent, as after a crash."""

    class FullAtTheEnd(MemoryStore):
        full = False

        async def spend(self, row):
            if self.full:
                raise StoreError("no space")
            await super().spend(row)

    store = FullAtTheEnd()
    purse = spending(store, Clock(), per_day=1000)
    await purse.grant("a.example", "feed")
    store.full = True
    await purse.close()

    assert [row.total for row in await store.spent()] == [10]


async def test_a_disk_that_hangs_at_the_end_holds_nobody_up(monkeypatch, caplog):
    """It is said what is not given back, and why."""

    class Hanging(MemoryStore):
        hangs = False

        async def spend(self, row):
            if self.hangs:
                await asyncio.Event().wait()
            await super().spend(row)

    monkeypatch.setattr("bot.spending.CLOSE_WITHIN", 0.01)
    caplog.set_level(logging.INFO)
    store = Hanging()
    purse = spending(store, Clock(), per_day=1000)
    await purse.grant("a.example", "feed")
    store.hangs = True
    await asyncio.wait_for(purse.close(), 5)

    assert "count as sent: the store does not answer" in caplog.text


async def test_a_row_that_cannot_be_saved_is_not_spent():
    """Then the request is not sent either."""

    class Full(MemoryStore):
        async def spend(self, row):
            raise OSError("no space")

    purse = spending(Full(), Clock())
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            await purse.grant("a.example", "feed")


async def test_rows_come_back_as_given(tmp_path):
    row = Spent(host="a.example", hour=12, counts=(1, 0, 3))
    for store in (MemoryStore(), await TinyStore.open(tmp_path)):
        await store.spend(row)
        await store.spend(replace(row, host="b.example"))

        assert set(await store.spent()) == {row, replace(row, host="b.example")}
        await store.close()


async def test_authors_who_were_not_looked_at_yet_count():
    """Those who are declared have no address before: they will be asked at the host of their source."""
    store, clock = MemoryStore(), Clock()
    feeds = [Feed(id=f"x:{number}", source="x", address="", author=Author(handle="")) for number in range(50)]
    for feed in feeds:
        await store.follow(feed, ())
    purse = spending(store, clock, per_day=200)
    await purse.grant("a.example", "x:1")

    assert (await purse.pace(feeds[1])).price == (await purse.pace(feeds[2])).price > 10 * PACE.price
