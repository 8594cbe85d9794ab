"""Random histories of an author at a Mastodon server: whatever they write in a thread is seen, and nothing else is."""

from __future__ import annotations

import random

import pytest

from bot.http import Http
from bot.model import Author, Entry, Fetched
from bot.sources.mastodon import Mastodon
from tests.servers.mastodon import Instance, instance
from tests.sites import Clock


class Life:
    """What @ann does, by chance; `threads` says what a perfect reader would know."""

    def __init__(self, site: Instance, chance: random.Random) -> None:
        self.site = site
        self.chance = chance
        self.threads: dict[str, list[str]] = {}
        self.talks: list[str] = []

    def goes_on(self) -> None:
        for _ in range(self.chance.choice((0, 1, 2, 5, 30, 120))):
            self.chance.choice((self.thread, self.single, self.single, self.more, self.more, self.talk, self.boost))()

    def thread(self) -> None:
        ids = self.site.thread("ann", *(f"Part {n}." for n in range(self.chance.choice((2, 2, 3, 5, 30)))))
        self.threads[ids[0]] = ids

    def single(self) -> None:
        self.site.say("ann", "Coffee.")

    def more(self) -> None:
        if self.threads:
            ids = self.chance.choice(list(self.threads.values())[-12:])
            ids.append(self.site.say("ann", "And more.", self.chance.choice((ids[-1], ids[-1], ids[0]))))

    def talk(self) -> None:
        answered = self.site.say("bob", "Hm?", self.chance.choice([None, *self.threads]))
        said = self.site.say("ann", "No.", answered)
        self.site.say("ann", "Really not.", said)
        if self.talks:
            self.site.say("ann", "As I said.", self.chance.choice(self.talks))
        self.talks.append(said)

    def boost(self) -> None:
        self.site.say("ann", "Boosted.", reblog=next(iter(self.site.statuses.values()), {"id": "0"}))


async def seen_by(source, feed, cursor):
    """What a look and the pages below it show, and the next cursor."""
    found = await source.fetch(feed, cursor)
    entries = {}
    if isinstance(found, Fetched):
        older, first = found.older, not cursor
        entries = {one.key: one for one in found.entries}
        while older and not first:
            page = await source.older(feed, older)
            entries |= {one.key: one for one in page.entries if one.key not in entries}
            older = page.older
    return entries, found.cursor


@pytest.mark.parametrize("seed", range(12))
async def test_nothing_is_lost(seed):
    """Each thread is seen by the look after it was written, and with all its posts by the looks after it grew."""
    chance, clock = random.Random(seed), Clock()
    http = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock)
    async with instance() as site:
        site.join("ann")
        site.join("bob")
        site.links = chance.choice(("own", "none"))
        source, life = Mastodon(http, clock=clock), Life(site, chance)
        life.goes_on()
        feed = (await source.resolve(f"@ann@{site.host}")).feed
        _, cursor = await seen_by(source, feed, {})
        before = {key: len(ids) for key, ids in life.threads.items()}
        counts: dict[str, int] = {}
        for _ in range(6):
            life.goes_on()
            for _ in range(8):  # of many old threads that go on at once a look finds some
                entries, cursor = await seen_by(source, feed, cursor)
                counts |= {key: one.post_count for key, one in entries.items()}
                assert set(entries) <= set(life.threads)
            grown = {key: len(ids) for key, ids in life.threads.items() if len(ids) != before.get(key)}
            assert {key: counts.get(key) for key in grown} == grown
        for key, ids in list(life.threads.items())[-5:]:
            read = await source.expand(Entry(feed_id=feed.id, key=key, url="", author=Author(handle="")))
            assert [post.id for post in read.posts] == ids
    await http.close()
