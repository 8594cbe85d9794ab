"""Trouble made visible: from what failed, through the outbox, to the channels that are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.alerts import Rules
from bot.errors import StoreError
from bot.poll import Polled
from bot.stores.memory import MemoryStore
from tests.fakes import START, Crash, CrashingStore, FailingStore, FakeChannel, World


def new_world(store=None, *names: str, to=("me",), authors=("ann",), **rules) -> World:
    """A world that tells `to` what goes wrong."""
    channels = tuple(FakeChannel(name) for name in names or ("me",))
    world = World(store=store or MemoryStore(), channels=channels, rules=Rules(channels=to, **rules))
    for n, name in enumerate(authors):
        world.site.publish(f"old-{name}", START - timedelta(days=1, minutes=n), author=name)
    return world


async def begin(*names: str, **more) -> World:
    world = new_world(None, *names, **more)
    for name in more.get("authors", ("ann",)):
        await world.follow(f"@{name}")
    return world


def told(world: World, channel: int = 0) -> list[str]:
    return [m.title.removeprefix("keepcurrent: ") for m in world.channels[channel].inbox if "keepcurrent" in m.title]


async def test_a_dead_author_is_told_once_and_once_on_recovery():
    """However long it lasts within the day, and whoever else is fine."""
    world = await begin(authors=("ann", "bob"))
    world.site.faults["fake:ann"] = "down"
    for _ in range(6):
        await world.round(hours=3)
    during = told(world)
    world.site.faults.clear()
    for _ in range(6):
        await world.round(hours=13)

    assert (during, told(world)) == (["@ann cannot be read"], ["@ann cannot be read", "@ann can be read again"])


async def test_two_failures_and_a_recovery_are_nobody_s_business():
    """What never was told is not told to be over."""
    world = await begin()
    world.site.fault = "down"
    for _ in range(2):
        await world.round(hours=2)
    world.site.fault = ""
    await world.round(hours=3)

    assert told(world) == []


async def test_a_site_that_is_down_is_one_notice():
    """Eight authors, one site: one alert and one recovery, while none of the eight is told."""
    names = tuple(f"author{n}" for n in range(8))
    world = await begin(authors=names)
    world.site.fault = "unreachable"
    for _ in range(5):
        await world.round(hours=3)
    during = told(world)
    world.site.fault = ""
    for _ in range(3):
        await world.round(hours=13)

    assert (during, told(world)) == (["fake cannot be read"], ["fake cannot be read", "fake can be read again"])


async def test_all_that_fails_at_once_is_one_message():
    """Two authors of five are one message that names both."""
    world = await begin(authors=("ann", "bob", "eve", "joe", "kim"))
    world.site.faults = {"fake:ann": "down", "fake:bob": "page"}
    for _ in range(4):
        await world.round(hours=3)
    (message,) = world.channels[0].inbox

    assert message.title == "keepcurrent: 2 troubles"
    assert "1. @ann cannot be read" in message.text
    assert "2. @bob cannot be read" in message.text
    assert "the site may have changed" in message.text


async def test_held_looks_are_no_trouble():
    """While a site asks for a pause nobody failed."""
    world = await begin()
    world.site.fault, world.site.not_before = "held", START + timedelta(days=3)
    for _ in range(6):
        await world.round(hours=9)

    assert told(world) == []


async def test_a_dead_channel_is_told_to_the_other_and_so_is_its_return():
    """Never to itself; and what waited there arrives."""
    world = await begin("me", "team", to=("me", "team"))
    world.channels[1].mode = "down"
    world.site.publish("new", START + timedelta(minutes=1))
    for _ in range(5):
        await world.round()
    during = told(world)
    world.channels[1].mode = "ok"
    for _ in range(2):
        await world.round()

    assert during == ["channel team cannot be reached"]
    assert told(world) == [*during, "channel team is reached again"]
    assert (told(world, 1), world.arrived(1)) == ([], ["new"])


async def test_a_channel_that_nobody_else_can_tell_of_is_logged(caplog):
    """The only alert channel is the dead one: the log has it, the outbox no alert."""
    world = await begin("me")
    world.channels[0].mode = "down"
    world.site.publish("new", START + timedelta(minutes=1))
    for _ in range(5):
        await world.round()

    assert "channel me cannot be reached" in caplog.text
    assert len(await world.store.deliveries()) == 1


async def test_a_wrong_token_is_one_alert_for_all_that_it_kills():
    """Five dead notices, one message, to the other channel."""
    world = await begin("me", "team", to=("me", "team"))
    world.channels[1].mode = "refused"
    for n in range(5):
        world.site.publish(f"new{n}", world.clock() + timedelta(minutes=1))
        await world.round()
    await world.round()

    assert len(await world.store.deliveries(["dead"])) == 5
    assert told(world) == ["notices to channel team fail for good"]


@pytest.mark.parametrize("mode", ["refused", "down", "lost", "bug"])
async def test_alerts_never_raise_alerts_without_end(mode, caplog):
    """Two alert channels, both broken: a month of rounds leaves a handful of rows."""
    world = await begin("me", "team", to=("me", "team"))
    for channel in world.channels:
        channel.mode = mode
    world.site.publish("new", START + timedelta(minutes=1))
    world.site.fault = "down"
    for _ in range(60):
        await world.round(hours=12)

    assert len(await world.store.deliveries()) < 25


async def test_without_alert_channels_trouble_is_logged_only(caplog):
    """The default: nothing is sent that nobody asked for."""
    world = await begin(to=())
    world.site.fault = "down"
    for _ in range(4):
        await world.round(hours=3)

    assert await world.store.deliveries() == ()
    assert "@ann cannot be read" in caplog.text


async def test_unfollowing_does_not_lose_a_recovery_on_its_way():
    """An alert is of no author, and outlives every one."""
    world = await begin("me", "team", authors=("ann", "bob"))
    world.site.faults["fake:ann"] = "down"
    for _ in range(4):
        await world.round(hours=3)
    world.site.faults.clear()
    world.channels[0].mode = "down"
    await world.round(hours=13)
    await world.store.unsubscribe(s.id for s in await world.store.subscriptions() if s.feed_id == "fake:ann")
    world.channels[0].mode = "ok"
    await world.round()

    assert told(world) == ["@ann cannot be read", "@ann can be read again"]


async def test_silence_of_who_usually_posts_is_told():
    """A thread a day, and then none for a week: told once; the next thread ends it."""
    world = await begin()
    for n in range(8):
        world.site.publish(f"t{n}", world.clock() + timedelta(hours=1))
        await world.round(hours=24)
    for _ in range(20):
        await world.round(hours=24)
    during = told(world)
    world.site.publish("back", world.clock())
    for _ in range(3):
        await world.round(hours=24)

    assert during == told(world) == ["@ann is unusually silent"]
    assert await world.store.troubles() == ()


async def test_what_a_site_says_stays_text():
    """A reason that holds markup and pings is words, in text and in HTML."""
    world = await begin()
    channel = world.channels[0]
    channel.limits = type(channel.limits)(html=20_000, pings=("@room",))
    world.site.fault = '<img src=x onerror=alert(1)> @room https://evil.example/ <a href="javascript:x">\r\nBcc: x'
    for _ in range(4):
        await world.round(hours=3)
    (message,) = channel.inbox

    assert not LexborHTMLParser(message.html).css("img, a")
    assert "@room" not in message.text + message.html
    assert "\n" not in message.title
    assert message.links == ()


async def test_an_alert_that_cannot_be_saved_is_told_later(caplog):
    """The disk is full: notices go out all the same, and the alert follows."""
    store = FailingStore(MemoryStore())
    world = new_world(store, authors=("ann", "bob"))
    for name in ("ann", "bob"):
        await world.follow(f"@{name}")
    world.site.faults["fake:ann"] = "down"
    store.broken = "alert"
    for _ in range(4):
        await world.round(hours=3)
    world.site.publish("new", world.clock(), author="bob")
    await world.round()
    during = told(world)
    store.broken = ""
    await world.round()

    assert (during, world.arrived(), told(world)) == ([], ["new"], ["@ann cannot be read"])


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_at_any_write_neither_loses_nor_doubles_an_alert(after):
    """Die at the n-th write, for every n: trouble and recovery arrive; a repeat says that it may be one."""
    fuse = 0
    while True:
        fuse += 1
        store = CrashingStore(MemoryStore(), after=after)
        world = new_world(store, authors=("ann", "bob"))
        for name in ("ann", "bob"):
            await world.follow(f"@{name}")
        store.fuse = fuse
        for hours, fault in [(5, "down")] * 5 + [(13, "")] * 3:
            world.site.faults = {"fake:ann": fault}
            try:
                await world.round(hours=hours)
            except (Crash, BaseExceptionGroup):
                world.build()
        messages = [(m.title, m.key) for m in world.channels[0].inbox if "may repeat" not in m.text]
        assert {title for title, _ in messages} <= {
            "keepcurrent: @ann cannot be read",
            "keepcurrent: @ann can be read again",
        }
        assert set(told(world)) == {"@ann cannot be read", "@ann can be read again"}, fuse
        assert len(messages) == len(set(messages)), fuse
        assert len({m.key for m in world.channels[0].inbox}) == 2, fuse
        if store.fuse > 0:
            break
    assert fuse > 20


async def test_an_inspection_raises_what_the_store_raises_and_is_wanted_again():
    """An inspection that could not be saved has not been."""
    store = FailingStore(MemoryStore())
    world = new_world(store)
    await world.follow()
    world.site.fault, store.broken = "down", "alert"
    for _ in range(3):
        world.clock.advance(hours=9)
        world.inspector.polled(await world.poller.poll("fake:ann"))
    with pytest.raises(StoreError):
        await world.inspector.inspect()

    assert world.inspector.pause() == 0


async def test_an_inspection_is_wanted_soon_after_trouble_and_seldom_else():
    """Ten seconds after the last at the soonest, an hour after at the latest."""
    world = await begin()
    await world.inspector.inspect()
    quiet = world.inspector.pause()
    world.site.fault = "down"
    pauses = []
    for _ in range(3):
        world.inspector.polled(await world.poller.poll("fake:ann"))
        pauses.append(world.inspector.pause())
    world.clock.advance(seconds=4)

    assert (quiet, pauses, world.inspector.pause()) == (3600, [3600, 3600, 10], 6)


async def test_a_recovery_is_noticed_soon():
    """Also by a bot that was started in between and never saw the trouble begin."""
    world = await begin()
    world.site.fault = "down"
    for _ in range(4):
        await world.round(hours=5)
    world.build()
    await world.inspector.inspect()
    world.site.fault = ""
    world.inspector.polled(await world.poller.poll("fake:ann"))

    assert world.inspector.pause() == 10


async def test_what_fails_during_an_inspection_is_inspected_again():
    """A failure that came too late for this inspection makes the next one worth its while."""
    world = await begin()
    troubles = world.store.troubles

    async def meanwhile():
        world.inspector.polled(Polled(feed_id="fake:ann", outcome="failed", failures=3))
        return await troubles()

    world.store.troubles = meanwhile
    await world.inspector.inspect()

    assert world.inspector.pause() == 10


async def test_while_a_source_is_down_every_answer_counts():
    """Also that of an author who failed too seldom to be told."""
    world = await begin(authors=("ann", "bob", "eve", "joe"))
    world.site.fault = "down"
    for _ in range(4):
        await world.round(hours=4)
    await world.inspector.inspect()
    world.inspector.polled(Polled(feed_id="fake:new", outcome="nothing new"))

    assert told(world) == ["fake cannot be read"]
    assert world.inspector.pause() == 10


async def test_a_channel_s_recovery_is_noticed_soon():
    """Also by a bot that was started in between."""
    world = await begin()
    world.channels[0].mode = "down"
    world.site.publish("new", START + timedelta(minutes=1))
    await world.round()
    world.build()
    await world.inspector.inspect()
    world.channels[0].mode = "ok"
    world.clock.advance(hours=1)
    done = await world.dispatcher.dispatch("me")

    assert world.inspector.dispatched(done)
    assert not world.inspector.dispatched(done)


async def test_a_rhythm_is_worked_out_anew_for_each_new_thread():
    """With too few threads nothing is usual; once there are enough, silence is."""
    world = await begin()
    for n in range(3):
        world.site.publish(f"t{n}", world.clock() + timedelta(hours=1))
        await world.round(hours=24)
    for _ in range(9):
        await world.round(hours=24)
    early = told(world)
    for n in range(3, 9):
        world.site.publish(f"t{n}", world.clock() + timedelta(hours=1))
        await world.round(hours=24)
    for _ in range(40):
        await world.round(hours=24)

    assert (early, told(world)) == ([], ["@ann is unusually silent"])


async def test_a_round_that_is_ordered_is_heard_of_like_the_runner_s_own():
    """An author who failed, and a channel that did, are told as well soon after `poll` found them so."""
    world = await begin()
    world.site.fault = "down"
    for _ in range(4):
        await world.round(hours=5)
    await world.inspector.inspect()
    quiet = world.inspector.pause()
    world.site.fault = ""
    world.site.publish("t1", world.clock())
    world.channels[0].mode = "down"
    await world.once.extra_round(["fake:ann"])

    assert (quiet, world.inspector.pause()) == (3600, 10)


async def test_rounds_over_a_few_authors_do_not_put_off_the_inspection_over_all():
    """A `poll` by cron beside a running bot, more often than every hour."""
    world = await begin()
    await world.inspector.inspect()
    for _ in range(3):
        world.clock.advance(minutes=30)
        await world.once.extra_round([])

    assert world.inspector.pause() == 0
