"""The schedule learns when an author posts, from looks alone, and spends its looks there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.rhythm import price_of, reason
from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.fakes import START, FakeSource, World

HALF_HOUR = timedelta(minutes=30)


class Late(FakeSource):
    """Says of no thread when it came to be there."""

    appears_late = True


async def watched(store, days=8):
    """An author who posts at nine each day, looked at by plan: the looks, and when each post was seen."""
    world = World(store=store, pace=Pace(price=price_of(HALF_HOUR)))
    world.source = Late(world.site)
    world.build()
    world.site.publish("old", START - timedelta(days=1))
    await world.follow("@ann")
    nines = [START + timedelta(days=day, hours=21) for day in range(days)]
    looks, delays = [], []
    while world.clock() < nines[-1]:
        (state,) = [state for _, state in await world.store.feeds()]
        world.clock.now = state.next_poll_at
        looks.append(world.clock())
        while nines and nines[0] <= world.clock():
            world.site.publish(f"t{len(nines)}", nines[0])
            delays.append(world.clock() - nines.pop(0))
            if not nines:
                return world, looks, delays
        await world.once.round(await world.store.due_feeds(world.clock()))
    return world, looks, delays


async def test_looks_come_when_posts_do():
    """After some weeks a post waits for minutes, at fewer looks than one each half hour."""
    _, looks, delays = await watched(MemoryStore(), days=28)
    late = sorted(delays[-14:])

    assert late[7] <= timedelta(minutes=15)
    assert len(looks) <= 48 * 28


async def test_the_plan_is_told_in_words():
    """So that a person sees why the next look is when it is."""
    world, *_ = await watched(MemoryStore(), days=12)
    ((_, state),) = await world.store.feeds()

    assert reason(state.rhythm, world.clock() - timedelta(hours=6), START.tzinfo).startswith("usually posts 8-")


async def test_a_rhythm_is_kept(tmp_path):
    """Over a restart, and small."""
    world, *_ = await watched(await TinyStore.open(tmp_path))
    before = await world.store.feeds()
    await world.store.close()
    again = await TinyStore.open(tmp_path, read_only=True)

    assert await again.feeds() == before
    await again.close()


async def test_dates_of_publication_tell_at_the_first_look():
    """Where they are such, an author is no stranger."""
    world = World(store=MemoryStore(), pace=Pace(price=price_of(HALF_HOUR)))
    for day in range(1, 4):
        world.site.publish(f"old{day}", START - timedelta(days=day))
    await world.follow("@ann")
    ((_, state),) = await world.store.feeds()

    assert sum(state.rhythm.hours) == pytest.approx(3, abs=0.5)


async def test_what_appears_late_tells_nothing_by_its_date():
    """A thread may be unrolled weeks after it was written."""
    world = World(store=MemoryStore(), pace=Pace(price=price_of(HALF_HOUR)))
    world.source = Late(world.site)
    world.build()
    for day in range(1, 4):
        world.site.publish(f"old{day}", START - timedelta(days=day))
    await world.follow("@ann")
    ((_, state),) = await world.store.feeds()

    assert sum(state.rhythm.hours) == 0


async def test_a_rhythm_of_a_wrong_clock_is_forgotten():
    """It would hold for years what was learned in a year to come."""
    world, *_ = await watched(MemoryStore())
    ((feed, state),) = await world.store.feeds()
    ahead = replace(state.rhythm, last=world.clock() + timedelta(days=900))
    await world.store.amend([(state, replace(state, rhythm=ahead))])
    world.clock.advance(days=1)
    await world.once.round([feed.id])
    ((_, after),) = await world.store.feeds()

    assert after.rhythm.last is None or after.rhythm.last <= world.clock()
