"""Authors of a Mastodon server, followed by the real flow: what they write in threads arrives, each thing once."""

from __future__ import annotations

import pytest

from bot.http import Http
from bot.sources.mastodon import Mastodon
from bot.stores.memory import MemoryStore
from tests.fakes import World
from tests.servers.mastodon import instance


@pytest.fixture
async def site():
    async with instance() as made:
        made.join("ann")
        made.join("bob")
        made.thread("ann", "Old.", "Older.")
        yield made


@pytest.fixture
async def world(site):
    made = World(store=MemoryStore())
    http = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=made.clock)
    made.poller.sources["mastodon"] = Mastodon(http, clock=made.clock)
    await made.follow(f"@ann@{site.host}")
    yield made
    await http.close()


def texts(world):
    return [message.text for message in world.channels[0].inbox]


async def rounds(world, count=4, hours=3):
    for _ in range(count):
        await world.round(hours=hours)


async def test_new_threads_arrive(world, site):
    """A new thread arrives once, whole; single posts, talks and boosts do not; nor do threads from before."""
    site.say("ann", "Coffee.")
    site.thread("ann", "A thread on ice.", "It melts.", "The end of it.")
    other = site.say("bob", "Hm?")
    site.say("ann", "No, no.", site.say("ann", "No.", other))
    site.say("ann", "Boosted.", reblog=site.statuses[other])
    await rounds(world)
    (text,) = texts(world)

    assert all(words in text for words in ("A thread on ice.", "It melts."))
    assert "Coffee" not in text


async def test_an_author_who_writes_single_posts_only(world, site):
    """A page without any thread is no fault of an author who has known ones."""
    for n in range(60):
        site.say("ann", f"Single {n}.")
        if n % 20 == 0:
            await rounds(world, 1)
    await rounds(world)
    _, state = (await world.store.feeds())[0]

    assert (state.failures, state.last_error) == (0, "")
    site.thread("ann", "New.", "And more.")
    await rounds(world)
    assert len(texts(world)) == 1


async def test_growth_arrives(world, site):
    """A thread that was told of, and goes on when it is far below the page, is told of again, with what came."""
    ids = site.thread("ann", "A thread on ice.", "It melts.")
    await rounds(world)
    for n in range(50):
        site.say("ann", f"Single {n}.")
    await rounds(world, 1)
    site.say("ann", "It froze again.", ids[-1])
    await rounds(world, 8)
    _, *grown = world.channels[0].inbox

    assert [message.event for message in grown] == ["grown"]
    assert "It froze again." in grown[0].text


async def test_many_threads_at_once(world, site):
    """What came in a long silence of ours arrives, each thread once, from the pages below, too."""
    keys = [site.thread("ann", f"Thread number {n}.", "Two.")[0] for n in range(130)]
    await rounds(world, 6)
    links = [link for message in world.channels[0].inbox for link in dict.fromkeys(message.links)]

    assert sorted(link for link in links if link != f"{site.url}/@ann") == [f"{site.url}/@ann/{key}" for key in keys]


async def test_name_taken(world, site):
    """A handle that is somebody else's now is not followed silently."""
    site.accounts["ann"]["id"] = "42"
    site.statuses.clear()
    await rounds(world, 1)
    _, state = (await world.store.feeds())[0]

    assert state.fault == "stranger"
    assert "belongs to somebody else now" in state.last_error
