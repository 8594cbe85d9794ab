"""Who is followed, by hand and by the settings file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import SettingsError, TemporarySourceError
from bot.follow import Declared
from bot.model import Author, Feed, Located, Resolved
from bot.stores.memory import MemoryStore
from tests.fakes import START, World


@pytest.fixture
def world() -> World:
    world = World(store=MemoryStore())
    world.site.publish("old", START - timedelta(days=1))
    return world


async def followed(world: World):
    return [feed.address for feed, _ in await world.store.feeds()]


async def wanted(world: World):
    return [(s.feed_id, s.channel, s.origin) for s in await world.store.subscriptions()]


async def test_declared_authors_are_followed_without_asking_anybody(world):
    """A name needs no network; the first look comes when it is due."""
    ann, bob = Declared(addresses=("@ann",), channels=("me",)), Declared(addresses=("@bob",))
    failed = await world.follower.reconcile([ann, bob])

    assert failed == ()
    assert world.site.requests == []
    assert await wanted(world) == [("fake:ann", "me", "settings"), ("fake:bob", "*", "settings")]


async def test_who_is_declared_no_more_is_unfollowed(world):
    """The file is what counts."""
    await world.follower.reconcile([Declared(addresses=("@ann",)), Declared(addresses=("@bob",))])
    await world.follower.reconcile([Declared(addresses=("@bob",))])

    assert await followed(world) == ["@bob"]


async def test_who_was_followed_by_hand_too_stays(world):
    """Removed from the file, an author that `follow` added is still followed."""
    await world.follow("@ann")
    await world.follower.reconcile([Declared(addresses=("@ann",))])
    await world.follower.reconcile([])

    assert await wanted(world) == [("fake:ann", "*", "follow")]


async def test_channels_follow_the_file(world):
    """Another channel in the file takes the place of the one before."""
    await world.follower.reconcile([Declared(addresses=("@ann",), channels=("me",))])
    await world.follower.reconcile([Declared(addresses=("@ann",), channels=("team",))])

    assert await wanted(world) == [("fake:ann", "team", "settings")]


async def test_reconciling_twice_changes_nothing(world):
    """The state of a declared author is kept over restarts."""
    declared = [Declared(addresses=("@ann",)), Declared(addresses=("https://fake.example/Ann",))]
    await world.follower.reconcile(declared)
    await world.round()
    before = await world.store.feeds()
    await world.follower.reconcile(declared)

    assert await world.store.feeds() == before


async def test_what_cannot_be_looked_up_lets_nobody_go(world):
    """While an address has to be asked for and the site is down, no declared author is unfollowed."""
    await world.follower.reconcile([Declared(addresses=("@ann",))])
    world.source.locate = lambda _: Located(source="fake", thread_key="1")

    async def down(address):
        raise TemporarySourceError("", "fake.example is down")

    world.source.resolve = down
    failed = await world.follower.reconcile([Declared(addresses=("https://fake.example/thread/1",))])

    assert failed == (("https://fake.example/thread/1", "fake.example is down"),)
    assert await followed(world) == ["@ann"]


async def test_unfollow_tells_what_the_file_still_declares(world):
    """A subscription of the settings file is not ended by hand."""
    await world.follow("@ann")
    await world.follower.reconcile([Declared(addresses=("@ann",))])
    ((feed, _),) = await world.store.feeds()
    left = await world.follower.unfollow(feed)

    assert [s.origin for s in left] == ["settings"]
    assert await wanted(world) == [("fake:ann", "*", "settings")]


async def test_an_address_that_is_none(world):
    """What names nobody is refused with what would."""
    with pytest.raises(SettingsError, match="@name"):
        await world.follow("two words")


async def test_a_new_way_helps_a_followed_author_who_fails(world):
    """A thread's URL for an author who is refused is taken as a second way, at once."""
    await world.follow("@ann")
    world.site.fault = "login"
    await world.round()
    world.site.fault = ""

    async def resolve(address):
        author = Author(handle="ann")
        return Resolved(feed=Feed(id="fake:ann", source="fake", address="@ann", author=author), cursor={"way": "7"})

    world.source.resolve = resolve
    await world.follow("@ann")
    ((_, state),) = await world.store.feeds()

    assert (dict(state.cursor), state.next_poll_at) == ({"way": "7"}, None)


async def test_another_format_of_a_followed_feed_is_that_feed(world):
    """A blog that is followed by its feed, and then by its page, is followed once."""
    await world.follow("@ann")

    async def resolve(address):
        author = Author(handle="")
        return Resolved(feed=Feed(id="fake:atom", source="fake", address="atom", author=author), same=("fake:ann",))

    world.source.resolve = resolve
    again = await world.follow("@page")

    assert (again.already, again.feed.id, await followed(world)) == (True, "fake:ann", ["@ann"])


async def test_a_backfill_says_only_what_it_queued(world):
    """A thread that was sent before is not sent again, and not said to be."""
    first = await world.follow("@ann", backfill=1)
    await world.round(hours=0)
    again = await world.follow("@ann", backfill=1)
    await world.round()

    assert ([e.key for e in first.sent], again.sent) == (["old"], ())
    assert world.arrived() == ["old"]


async def test_a_later_backfill_keeps_the_whole_copy(world):
    """When a thread is gone at its source, our own copy is what is sent to a new channel."""
    await world.follow("@ann", backfill=1)
    world.site.threads["old"].readable = False
    await world.follow("@ann", ["team"], backfill=1)
    kept = await world.store.content("fake:ann", "old")

    assert kept is not None
    assert (kept.whole, len(kept.posts)) == (True, 3)
