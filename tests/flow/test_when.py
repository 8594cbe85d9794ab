"""Digests, quiet hours and filters, through the whole flow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.hours import Digest, QuietHours
from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, World

# START is noon.
DAILY = Policy(digest=Digest.parse("daily 14:30"))
NIGHT = Policy(quiet_hours=QuietHours.parse("13:30-16:00"))


async def following(*authors: str, **policies: Policy) -> World:
    """Authors with a thread each that was there; channels of these names."""
    channels = tuple(FakeChannel(name) for name in policies)
    world = World(store=MemoryStore(), channels=channels, policies=Policies(channels=policies))
    for author in authors:
        world.site.publish(f"{author}-old", START - timedelta(days=1), author=author)
        await world.follow(f"@{author}")
    return world


async def deliver(world: World, *, hours: float) -> None:
    world.clock.advance(hours=hours)
    await world.once.deliver()


async def states(world: World) -> list[str]:
    return [row.state for row in await world.store.deliveries()]


# -- digests ------------------------------------------------------------------------------------------


async def test_a_digest_is_one_message_at_its_hour():
    """Threads of two authors, found at two times, go out together."""
    world = await following("ann", "bob", me=DAILY)
    world.site.publish("a", START, author="ann")
    await world.round(hours=1)
    world.site.publish("b", START, author="bob")
    await world.round(hours=1)
    before = len(world.channels[0].inbox)
    await deliver(world, hours=0.5)

    assert before == 0
    assert len(world.channels[0].inbox) == 1
    assert sorted(world.arrived()) == ["a", "b"]


async def test_an_empty_digest_is_not_sent():
    """A day without news is a day without a message."""
    world = await following("ann", me=DAILY)
    for _ in range(4):
        await world.round(hours=24)

    assert world.channels[0].inbox == []


async def test_a_digest_that_a_restart_missed_goes_out_once():
    """The bot was off at its hour: what was gathered goes out when it is back."""
    world = await following("ann", me=DAILY)
    world.site.publish("a", START, author="ann")
    await world.round(hours=1)
    world.clock.advance(hours=5)
    world.build()
    await world.once.deliver()
    await deliver(world, hours=24)

    assert world.arrived() == ["a"]


async def test_what_is_found_after_the_hour_goes_with_the_next():
    """Not with the one that was sent."""
    world = await following("ann", me=DAILY)
    world.site.publish("a", START, author="ann")
    await world.round(hours=1)
    await deliver(world, hours=2)
    world.site.publish("b", START + timedelta(hours=3), author="ann")
    await world.round(hours=1)
    before = world.arrived()
    await deliver(world, hours=24)

    assert (before, world.arrived()) == (["a"], ["a", "b"])


async def test_a_thread_that_cannot_be_read_holds_up_no_digest():
    """It waits by itself, and goes with the digest only once it is read."""
    world = await following("ann", me=DAILY)
    world.site.publish("a", START, author="ann")
    world.site.publish("slow", START + timedelta(minutes=1), author="ann", readable=False)
    await world.round(hours=2.4)
    await deliver(world, hours=0.15)

    assert world.arrived() == ["a"]


async def test_a_thread_that_was_read_late_goes_with_the_digest():
    """It joins those that are gathered."""
    world = await following("ann", me=DAILY)
    world.site.publish("a", START, author="ann")
    world.site.publish("slow", START + timedelta(minutes=1), author="ann", readable=False)
    await world.round(hours=1)
    world.site.threads["slow"].readable = True
    await deliver(world, hours=0.3)
    before = world.arrived()
    await deliver(world, hours=1.3)

    assert before == []
    assert len(world.channels[0].inbox) == 1
    assert sorted(world.arrived()) == ["a", "slow"]


async def test_each_channel_has_its_own_time():
    """One at once, one with its digest."""
    world = await following("ann", now=Policy(), me=DAILY)
    world.site.publish("a", START, author="ann")
    await world.round(hours=1)

    assert [len(channel.inbox) for channel in world.channels] == [1, 0]


async def test_dates_are_told_in_the_channel_s_own_zone():
    """Of two channels, each in its zone."""
    zones = {name: Policy(zone=ZoneInfo(zone)) for name, zone in (("tokyo", "Asia/Tokyo"), ("lima", "America/Lima"))}
    world = await following("ann", **zones)
    world.site.publish("a", START, author="ann")
    await world.round()
    texts = [channel.inbox[0].text for channel in world.channels]

    assert ["21:00 JST" in texts[0], "07:00" in texts[1]] == [True, True]


# -- quiet hours --------------------------------------------------------------------------------------


async def test_quiet_hours_hold_and_then_release():
    """What is found in them is due at their end."""
    world = await following("ann", me=NIGHT)
    world.site.publish("a", START + timedelta(hours=2), author="ann")
    await world.round(hours=2)
    (row,) = await world.store.deliveries()
    before = list(world.channels[0].inbox)
    await deliver(world, hours=2)

    assert row.due_at == datetime(2026, 11, 1, 16, tzinfo=UTC)
    assert (before, world.arrived()) == ([], ["a"])


async def test_a_further_try_does_not_ring_in_the_night():
    """A send that failed before the quiet hours is tried again after them, and no try is counted for it."""
    world = await following("ann", me=NIGHT)
    world.channels[0].mode = "away"
    world.site.publish("a", START, author="ann")
    await world.round(hours=1.45)
    world.channels[0].mode = "ok"
    (failed,) = await world.store.deliveries()
    await deliver(world, hours=1)
    (held,) = await world.store.deliveries()
    before = list(world.channels[0].inbox)
    await deliver(world, hours=1.6)

    assert before == []
    assert (held.state, held.attempts) == ("pending", failed.attempts)
    assert world.arrived() == ["a"]


async def test_what_is_in_doubt_stays_so_over_the_quiet_hours():
    """The next try must say that it may repeat."""
    world = await following("ann", me=NIGHT)
    world.channels[0].mode = "lost"
    world.site.publish("a", START, author="ann")
    await world.round(hours=1.45)
    await deliver(world, hours=1)

    assert await states(world) == ["unknown"]


# -- filters ------------------------------------------------------------------------------------------


async def test_a_thread_that_no_channel_wants_is_kept_and_not_sent():
    """And says why, and is no fault of the audit."""
    world = await following("ann", me=Policy(exclude=("post 1",)))
    world.site.publish("a", START, author="ann")
    await world.round()
    known = (await world.store.known("fake:ann", ["a"]))["a"]

    assert (known.state, known.queued, await states(world)) == ("filtered", (), [])
    assert "post 1" in known.filtered[0]
    assert await world.store.content("fake:ann", "a") is not None


async def test_what_could_not_be_read_is_judged_once_it_is():
    """Only the card was read at first: the word that is not wanted stands on the page."""
    world = await following("ann", me=Policy(exclude=("post 2",)), all=Policy())
    world.site.publish("a", START, author="ann", readable=False)
    await world.round()
    world.site.threads["a"].readable = True
    await deliver(world, hours=0.3)
    known = (await world.store.known("fake:ann", ["a"]))["a"]

    assert [len(channel.inbox) for channel in world.channels] == [0, 1]
    assert (known.state, known.queued) == ("announced", ("all",))


async def test_a_waiting_thread_that_nobody_wants_is_withdrawn():
    """Nothing of it is left in the outbox."""
    world = await following("ann", me=Policy(exclude=("post 2",)))
    world.site.publish("a", START, author="ann", readable=False)
    await world.round()
    world.site.threads["a"].readable = True
    await deliver(world, hours=0.3)
    known = (await world.store.known("fake:ann", ["a"]))["a"]

    assert (known.state, known.queued, await states(world)) == ("filtered", (), [])
