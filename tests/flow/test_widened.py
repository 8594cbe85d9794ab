"""`posts` is changed from "threads" to "all", or `min_posts` made smaller: what was passed over before is no news."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeSource, World


class Chains(FakeSource):
    """Lists threads of so many posts or more."""

    shortest = 2

    async def fetch(self, feed, cursor):
        page = await super().fetch(feed, {})
        entries = tuple(entry for entry in page.entries if (entry.post_count or 0) >= self.shortest)
        return replace(page, entries=entries, shortest=self.shortest, reaches=page.entries[-1].published)


async def followed():
    world = World(store=MemoryStore())
    world.source = Chains(world.site)
    world.build()
    world.site.publish("old", START - timedelta(days=3), posts=2)
    await world.follow("@ann")
    world.site.publish("passed over", START + timedelta(minutes=5), posts=1)
    await world.round(hours=1)
    return world


async def test_single_posts_that_were_passed_over_are_no_news():
    world = await followed()
    world.source.shortest = 1
    world.site.publish("single", START + timedelta(minutes=90), posts=1)
    for _ in range(4):
        await world.round(hours=1)

    assert world.arrived() == ["single"]


async def test_what_was_too_short_and_has_grown_is_news():
    world = await followed()
    world.source.shortest = 1
    await world.round(hours=1)
    world.site.threads["passed over"].posts = 3
    for _ in range(4):
        await world.round(hours=1)

    (notice,) = world.channels[0].inbox
    assert notice.event == "grown"
