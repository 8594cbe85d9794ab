"""One person at several addresses: each thread once, wherever it stands; and what goes on when one place fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.follow import Declared
from bot.model import Changes, Cursor, Feed, Fetched, NotModified
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, Site, World

BRIDGES = "the long and winding talk about bridges that were never built, and why"
OWLS = "how owls hear a mouse below the snow, told in order of what happens"
ANN = ("fake:ann", "other:ann")


@pytest.fixture
async def world():
    """Ann, at two sites, both looked at."""
    made = World(store=MemoryStore(), others={"other": Site()}, channels=(FakeChannel("me"), FakeChannel("team")))
    for site in (made.site, made.others["other"]):
        site.publish("0", START - timedelta(days=30), words="something old that has long been known to everybody")
    await declare(made)
    await made.round()
    return made


async def declare(world: World, *more: Declared, addresses: tuple[str, ...] = ANN) -> None:
    await world.follower.reconcile([Declared(addresses=addresses), *more])


def say(world: World, place: str, key: str, words: str, *, minutes: float = 70, **more) -> None:
    site = world.site if place == "fake" else world.others[place]
    site.publish(key, START + timedelta(minutes=minutes), words=words, **more)


def told(world: World, channel: int = 0) -> list[tuple[str, ...]]:
    """For each notice of a thread: the places that it names."""
    new = (message for message in world.channels[channel].inbox if message.event == "new")
    return [tuple(link.rsplit("/", 1)[1] for link in message.links if "/thread/" in link) for message in new]


async def test_the_same_thread_in_two_places_is_one_notice_with_both_links(world):
    """Other ids, a minute apart."""
    say(world, "fake", "11", BRIDGES)
    say(world, "other", "22", BRIDGES, minutes=71)
    await world.round()

    assert [set(places) for places in told(world)] == [{"11", "22"}]


async def test_a_thread_that_comes_to_the_second_place_later_is_not_told_again(world):
    say(world, "fake", "11", BRIDGES)
    await world.round()
    say(world, "other", "22", BRIDGES, minutes=100)
    await world.round()
    await world.round()

    assert told(world) == [("11",)]


async def test_a_thread_that_stands_in_one_place_only_is_told(world):
    """Each place brings what the other does not have."""
    say(world, "fake", "11", BRIDGES)
    say(world, "other", "22", OWLS)
    await world.round()

    assert sorted(told(world)) == [("11",), ("22",)]


async def test_the_same_id_in_two_places_is_one_thread(world):
    """A post of X has one id at every site that shows it, whatever a card says of it."""
    say(world, "fake", "2089858284660662307", "as one site words it, with much more round it than the other one has")
    say(world, "other", "2089858284660662307", "otherwise")
    await world.round()

    assert len(told(world)) == 1


async def test_when_one_place_fails_the_other_takes_over_and_nothing_is_told_twice(world):
    """… also when the first one is back, and lists what was told meanwhile."""
    world.site.fault = "login"
    say(world, "fake", "11", BRIDGES)
    say(world, "other", "22", BRIDGES)
    await world.round()
    during = told(world)
    world.site.fault = ""
    for _ in range(6):
        await world.round(hours=3)

    assert (during, told(world)) == ([("22",)], [("22",)])


async def test_who_hears_of_one_place_only_is_told_by_that_one(world):
    """Two [[follow]] that share an address: the second one's channel must not miss what was told for the first."""
    await declare(world, Declared(addresses=("other:ann",), channels=("team",)), addresses=("fake:ann", "other:ann"))
    store_channels = {s.channel for s in await world.store.subscriptions() if s.feed_id == "other:ann"}
    say(world, "fake", "11", BRIDGES)
    await world.round()
    say(world, "other", "22", BRIDGES, minutes=100)
    await world.round()

    assert store_channels == {"*", "team"}
    assert (told(world, 0), told(world, 1)) == ([("11",)], [("11",)])


async def test_a_channel_of_the_second_place_alone_is_told(world):
    """The first place goes to `me` alone, the second to `me` and `team`."""
    await world.follower.reconcile(
        [
            Declared(addresses=ANN, channels=("me",)),
            Declared(addresses=("other:ann",), channels=("team",)),
        ]
    )
    say(world, "fake", "11", BRIDGES)
    await world.round()
    say(world, "other", "22", BRIDGES, minutes=100)
    await world.round()

    assert [places[0] for places in told(world, 0)] == ["11"]
    assert [places[0] for places in told(world, 1)] == ["22"]


async def test_who_says_the_same_each_day_is_told_each_day(world):
    """One thread has one twin: what is said again is news in both places, once."""
    for day in range(3):
        say(world, "fake", f"1{day}", BRIDGES, minutes=70 + day * 1440)
        await world.round(hours=12)
        say(world, "other", f"2{day}", BRIDGES, minutes=75 + day * 1440)
        await world.round(hours=12)

    assert [places[0] for places in told(world)] == ["10", "11", "12"]


async def test_news_in_one_place_brings_a_look_at_the_other(world):
    """So that the notice can name both; a place that was looked at just now is left alone."""
    say(world, "fake", "11", BRIDGES)
    world.clock.advance(hours=1)
    world.others["other"].requests.clear()
    await world.once.round(["fake:ann"])
    first = list(world.others["other"].requests)
    say(world, "fake", "12", OWLS, minutes=130)
    world.clock.advance(minutes=2)
    await world.once.round(["fake:ann"])

    assert (first, world.others["other"].requests) == (["list"], ["list"])


async def test_the_second_look_waits_for_its_time_where_the_place_asked_for_a_pause(world):
    """Politeness stands above naming both places."""
    world.others["other"].fault = "down"
    world.others["other"].not_before = START + timedelta(days=1)
    await world.round()
    world.others["other"].requests.clear()
    say(world, "fake", "11", BRIDGES)
    world.clock.advance(hours=1)
    await world.once.round(["fake:ann"])

    assert world.others["other"].requests == []


async def test_a_place_that_is_taken_out_of_the_settings_leaves_the_other_alone(world):
    """The rest of a person goes on, as a feed of its own."""
    await declare(world, addresses=("fake:ann",))
    ((feed, _),) = await world.store.feeds()

    assert (feed.id, feed.person) == ("fake:ann", "")


async def test_a_thread_that_waits_to_be_finished_is_withdrawn_when_the_other_place_told_it(world):
    """Whichever is finished first is told; the other is the same thread."""
    say(world, "fake", "11", BRIDGES, latest=START + timedelta(minutes=118), readable=True)
    world.site.thread_fault = "down"
    await world.round()
    say(world, "other", "22", BRIDGES, minutes=100)
    world.site.thread_fault = "down"
    await world.round(hours=0.3)
    world.site.thread_fault = ""
    for _ in range(4):
        await world.round(hours=1)

    assert len(told(world)) == 1


async def test_what_grows_where_it_was_told_no_more_is_read_in_the_other_place(world):
    """The first place is closed for good: growth is told from the second, and only what is new."""
    say(world, "fake", "11", BRIDGES, posts=2)
    say(world, "other", "22", BRIDGES, posts=2)
    await world.round()
    world.site.fault = world.site.thread_fault = "login"
    world.others["other"].threads["22"].posts = 3
    world.others["other"].threads["22"].edited[2] = "and this is how it ends: nobody ever walked from side to side"
    for _ in range(6):
        await world.round(hours=3)
    grown = [message.text for message in world.channels[0].inbox if message.event == "grown"]

    assert len(grown) == 1
    assert "nobody ever walked" in grown[0]
    assert "post 0" not in grown[0]


async def test_what_was_read_elsewhere_is_not_told_again_when_the_first_place_is_back(world):
    """The same words stand there, under an id of that place."""
    await test_what_grows_where_it_was_told_no_more_is_read_in_the_other_place(world)
    world.site.fault = world.site.thread_fault = ""
    first = world.site.threads["11"]
    first.posts, first.edited = 3, dict(world.others["other"].threads["22"].edited)
    for _ in range(6):
        await world.round(hours=6)

    assert [message.event for message in world.channels[0].inbox] == ["new", "grown"]


async def test_a_thread_that_stands_in_one_place_still_is_not_gone(world):
    """Removed at the first, read at the second: no notice says that it cannot be found."""
    say(world, "fake", "11", BRIDGES)
    say(world, "fake", "12", OWLS)
    say(world, "other", "22", BRIDGES)
    await world.round()
    world.site.threads["11"].readable = False
    for _ in range(6):
        await world.round(hours=3)

    assert {message.event for message in world.channels[0].inbox} == {"new"}


async def test_what_is_said_again_is_news_also_where_the_second_place_is_first(world):
    """Today's thread is not yesterday's, which has its twin already."""
    say(world, "fake", "11", BRIDGES)
    say(world, "other", "21", BRIDGES)
    await world.round(hours=12)
    say(world, "other", "22", BRIDGES, minutes=70 + 1440)
    await world.round(hours=24)

    assert len(told(world)) == 2


async def test_two_looks_at_a_person_do_not_run_side_by_side(world, monkeypatch):
    """Each would find nothing of the other's, and tell the thread."""
    really = MemoryStore.commit

    async def slow(store: MemoryStore, changes: Changes) -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        await really(store, changes)

    monkeypatch.setattr(MemoryStore, "commit", slow)
    say(world, "fake", "11", BRIDGES)
    say(world, "other", "22", BRIDGES)
    await world.round()

    assert len(told(world)) == 1


async def pause() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_another_order_of_addresses_locks_nobody_out(world):
    """It is declared while both are being looked at: each look, and each that follows, ends."""
    gate, inside, really = asyncio.Event(), asyncio.Event(), world.source.fetch

    async def slow(feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        inside.set()
        await gate.wait()
        return await really(feed, cursor)

    world.poller.sources["fake"].fetch = slow
    (thread,) = await world.store.threads("fake:ann")
    looks = [asyncio.create_task(world.poller.poll("fake:ann"))]
    await inside.wait()
    looks.append(asyncio.create_task(world.relooker.look_now(thread)))
    await pause()
    looks.append(asyncio.create_task(world.poller.poll("other:ann")))
    await pause()
    declared = asyncio.create_task(declare(world, addresses=("other:ann", "fake:ann")))
    await pause()
    gate.set()
    async with asyncio.timeout(5):
        await asyncio.gather(declared, *looks)

    assert {feed.person for feed, _ in await world.store.feeds()} == {"other:ann"}


async def test_a_place_that_wants_no_look_yet_is_not_looked_at_for_the_other_s_news(world):
    """It said how long its answer is fresh."""
    world.others["other"].fresh_until = START + timedelta(hours=10)
    await world.round()
    world.others["other"].requests.clear()
    say(world, "fake", "11", BRIDGES, minutes=130)
    world.clock.advance(hours=1)
    await world.once.round(["fake:ann"])

    assert (told(world), world.others["other"].requests) == ([("11",)], [])
