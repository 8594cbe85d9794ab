"""What a site says of the feed itself: that it has moved, has ended, is somebody else's, or need not be asked yet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.alerts import Rules
from bot.orders import Resume
from bot.schedule import resumed
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, World


@pytest.fixture
async def world():
    """Ann is followed; nobody is told of trouble in general ([alerts] names no channel)."""
    made = World(store=MemoryStore(), channels=(FakeChannel("me"), FakeChannel("team")))
    made.site.publish("old", START - timedelta(days=2))
    await made.follow("@ann", channels=("me",))
    return made


def subjects(world: World, channel: int = 0) -> list[str]:
    return [message.title for message in world.channels[channel].inbox]


async def state(world: World):
    ((_, found),) = await world.store.feeds()
    return found


async def test_a_feed_that_has_ended_is_not_asked_any_more(world):
    """410, or "expired": one request, and none for weeks."""
    world.site.fault = "ended"
    await world.round()
    world.site.requests.clear()
    for _ in range(20):
        await world.round(hours=24)

    assert world.site.requests == []


async def test_whoever_follows_it_is_told_once(world):
    """Though no channel hears of trouble in general; and nobody else is."""
    world.site.fault = "ended"
    for _ in range(10):
        await world.round(hours=24 * 8)

    assert subjects(world) == ["keepcurrent: @ann has ended"]
    assert subjects(world, 1) == []


async def test_it_can_be_asked_again(world):
    """A person resumes it: then it is due, and well again if the site says so."""
    world.site.fault = "ended"
    await world.round()
    before = await state(world)
    await world.store.amend([(before, resumed(before))])
    world.site.fault = ""
    await world.round()

    assert ((await state(world)).fault, (await state(world)).failures) == ("", 0)
    assert Resume(addresses=("@ann",)).kind == "resume"


async def test_a_name_that_is_somebody_else_s_now_is_told_at_once(world):
    """Not after three failures; nothing of the other is told."""
    world.site.fault = "stranger"
    world.site.publish("new", START + timedelta(minutes=30))
    await world.round()

    assert subjects(world) == ["keepcurrent: @ann is somebody else's now"]
    assert world.arrived() == []


async def test_a_feed_that_moves_is_asked_at_its_new_address(world):
    """The feed keeps its id, and all that is known of it."""
    world.site.moved_to = "https://new.example/feed"
    world.site.publish("new", START + timedelta(minutes=30))
    await world.round()
    ((feed, _),) = await world.store.feeds()

    assert (feed.id, feed.url) == ("fake:ann", "https://new.example/feed")


async def test_a_site_that_says_when_there_is_news_is_not_asked_before(world):
    world.site.fresh_until = START + timedelta(hours=6)
    world.site.publish("new", START + timedelta(minutes=30))
    await world.round()

    assert (await state(world)).next_poll_at == START + timedelta(hours=6)


async def test_no_site_puts_a_look_off_for_ever(world):
    """`max_interval` is the operator's."""
    world.site.fresh_until = START + timedelta(days=400)
    world.site.publish("new", START + timedelta(minutes=30))
    await world.round()

    assert (await state(world)).next_poll_at == START + timedelta(hours=13)


async def test_where_dates_are_not_to_be_trusted_what_stands_above_is_new(world):
    """A post with the date of its draft, a year ago, above one that is known."""
    world.site.ordered = True
    world.site.publish("drafted", START - timedelta(days=365))
    world.site.threads = {"drafted": world.site.threads["drafted"], "old": world.site.threads["old"]}
    world.site.listing = lambda _: list(world.site.threads.values())  # type: ignore[method-assign]
    await world.round()

    assert world.arrived() == ["drafted"]


async def test_what_slides_up_from_below_is_not_new(world):
    """The newest was removed, so that an older one has room on the page again."""
    world.site.ordered = True
    world.site.publish("older", START - timedelta(days=300))
    await world.round()

    assert world.arrived() == []


@pytest.mark.parametrize(("fault", "what"), [("ended", "has ended"), ("stranger", "is somebody else's now")])
async def test_it_is_told_also_where_it_could_not_be_read_before(world, fault, what):
    """That it cannot be read was told, or was nobody's to hear: this is another thing."""
    world.site.fault = "down"
    for _ in range(12):
        await world.round(hours=6)
    world.site.fault = fault
    for _ in range(4):
        await world.round(hours=12)

    assert subjects(world) == [f"keepcurrent: @ann {what}"]


async def test_what_is_resumed_is_well_once_it_was_asked():
    """Not by being asked for."""
    world = World(store=MemoryStore(), rules=Rules(channels=("me",)))
    world.site.publish("old", START - timedelta(days=2))
    await world.follow("@ann")
    world.site.fault = "ended"
    await world.round()
    before = await state(world)
    await world.store.amend([(before, resumed(before))])
    await world.inspector.inspect()
    await world.once.deliver()
    early = subjects(world)
    world.site.fault = ""
    await world.round()
    await world.round()

    assert early == ["keepcurrent: @ann has ended"]
    assert subjects(world)[1:] == ["keepcurrent: @ann can be read again"]

