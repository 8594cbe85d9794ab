"""What a listing showed between two looks, and below its first page: read down to, however long a page fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeSource, World


class Posts(FakeSource):
    """Lists like an author's own posts: it says how far it reaches, and `older` after the first look only in a gap."""

    async def fetch(self, feed, cursor):
        page = await super().fetch(feed, {})
        reaches = page.entries[-1].published
        top, seen = page.entries[0].published.timestamp(), cursor.get("top")
        has_gap = seen is None or reaches.timestamp() > float(seen)
        return replace(page, cursor={"top": top}, reaches=reaches, older=page.older if has_gap else "")

    async def older(self, feed, token):
        page = await super().older(feed, token)
        return replace(page, reaches=page.entries[-1].published if page.entries else None)


class Undated(FakeSource):
    """Gives no thread a time."""

    async def fetch(self, feed, cursor):
        return self.without(await super().fetch(feed, {}))

    async def older(self, feed, token):
        return self.without(await super().older(feed, token))

    def without(self, page):
        return replace(page, entries=tuple(replace(entry, published=None) for entry in page.entries))


def followed(kind) -> World:
    world = World(store=MemoryStore(), pace=Pace(burst=50))
    world.source = kind(world.site)
    world.build()
    for n in range(6):
        world.site.publish(f"old{n}", START - timedelta(days=10 + n))
    return world


@pytest.mark.parametrize("outage", [1, 30, 24 * 9])
async def test_what_lies_below_a_page_that_fails_is_told_when_it_is_back(outage):
    """Also where news comes to the first page meanwhile, and the page fails for days."""
    world = followed(Posts)
    await world.follow("@ann")
    await world.round()
    for n in range(15):
        world.site.publish(f"new{n:02}", START + timedelta(minutes=n))
    world.site.deeper_fault = "down"
    for hour in range(outage):
        await world.round(hours=1)
        if hour == outage // 2:
            world.site.publish("meanwhile", world.clock())
    world.site.deeper_fault = ""
    for _ in range(6):
        await world.round(hours=12)

    assert sorted(set(world.arrived())) == ["meanwhile", *(f"new{n:02}" for n in range(15))]
    assert len(world.arrived()) == 16


async def test_an_undated_archive_is_no_news():
    """The sweep reads it page by page; nobody said when any of it was written."""
    world = followed(Undated)
    await world.follow("@ann")
    for _ in range(8):
        await world.round(hours=26)

    assert world.arrived() == []
