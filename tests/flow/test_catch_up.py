"""Catching up: after a time without looks, with a clock that jumps, and when everything comes at once: all of it
arrives, and as few notices as can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.model import Changes
from bot.runners import local
from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from tests.fakes import START, Clock, FakeChannel, World
from tests.running import RealClock, Running


async def begin(*names: str, authors: tuple[str, ...] = ("ann",), **more) -> World:
    """A world where each author has one thread, known, and was looked at just now."""
    world = World(store=MemoryStore(), channels=tuple(FakeChannel(name) for name in names or ("me",)), **more)
    for n, name in enumerate(authors):
        world.site.publish(f"old-{name}", world.clock() - timedelta(days=1, minutes=n), author=name)
        await world.follow(f"@{name}")
    await world.round()
    return world


def publish(world: World, many: int, author: str = "ann", *, over: timedelta = timedelta(hours=1)) -> list[str]:
    """New threads of an author, spread over a time from now on."""
    start = world.clock()
    keys = [f"{author}-{len(world.site.threads)}-{n}" for n in range(many)]
    for n, key in enumerate(keys):
        world.site.publish(key, start + over * (n + 1) / (many + 1), author=author)
    return keys


async def settle(world: World, rounds: int = 4) -> None:
    """Rounds until whatever was read late is out."""
    for _ in range(rounds):
        await world.round(hours=2)


@pytest.mark.parametrize("fewer_than_burst", [2, 4])
async def test_thirty_days_off_are_one_digest_for_each_author_and_channel(fewer_than_burst):
    """Even few threads come as one notice then."""
    world = await begin("me", "team", authors=("ann", "bob"))
    keys = [key for name in ("ann", "bob") for key in publish(world, fewer_than_burst, name, over=timedelta(days=29))]
    await world.round(hours=30 * 24)
    await settle(world)

    for channel in (0, 1):
        assert len(world.channels[channel].inbox) == 2
        assert sorted(world.arrived(channel)) == sorted(keys)


async def test_a_single_thread_after_thirty_days_is_an_ordinary_notice():
    """One is no flood."""
    world = await begin()
    (key,) = publish(world, 1)
    await world.round(hours=30 * 24)

    assert world.arrived() == [key]
    assert "post 2" in world.channels[0].inbox[0].text


async def test_after_a_night_there_is_a_notice_for_each_thread():
    """A digest is for long absences only."""
    world = await begin()
    publish(world, 3)
    await world.round(hours=10)

    assert len(world.channels[0].inbox) == 3


async def test_an_author_who_was_dead_for_weeks_comes_back_with_a_digest():
    """The bot ran all the while; the author's page did not."""
    world = await begin()
    world.site.fault = "down"
    keys = publish(world, 4, over=timedelta(days=20))
    for _ in range(40):
        await world.round(hours=13)
    world.site.fault = ""
    await settle(world, 8)

    assert (len(world.channels[0].inbox), sorted(world.arrived())) == (1, sorted(keys))


async def test_a_pause_of_weeks_ends_with_a_digest():
    """What was written while an author was paused is one notice."""
    world = await begin()
    await world.store.set_paused("fake:ann", True)
    keys = publish(world, 4, over=timedelta(days=13))
    await world.round(hours=14 * 24)
    await world.store.set_paused("fake:ann", False)
    await settle(world)

    assert (len(world.channels[0].inbox), sorted(world.arrived())) == (1, sorted(keys))


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=3650), timedelta(days=-3650)])
async def test_a_clock_that_jumps_loses_nothing_and_floods_nobody(jump):
    """Forward or back, by an hour or by ten years, and put right again: each thread once, and soon."""
    world = await begin()
    keys = publish(world, 3)
    world.clock.now += jump
    await settle(world, 2)
    wrong = len(world.channels[0].inbox)
    world.clock.now -= jump
    keys += publish(world, 3)
    await settle(world, 7)

    assert sorted(world.arrived()) == sorted(keys)
    assert wrong <= 3
    assert len(world.channels[0].inbox) <= 6
    (_, state), = await world.store.feeds()
    assert state.next_poll_at <= world.clock() + world.pace.max_interval


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), ["29 March 2026, 01:58 CET", "29 March 2026, 03:34 CEST"]),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), ["25 October 2026, 02:58 CEST", "25 October 2026, 02:34 CET"]),
    ],
)
async def test_a_change_to_summer_time_or_back_changes_nothing(when, shown):
    """A thread in the hour that there is not, or is twice, comes once, with its local time; no look is skipped."""
    world = await begin(clock=Clock(when - timedelta(hours=3)), zone=ZoneInfo("Europe/Paris"))
    looks = []
    for n in range(8):
        world.site.publish(f"dst{n}", world.clock() + timedelta(minutes=10), author="ann")
        done = await world.round(hours=0.6)
        looks.append(len(done.polled))
    await settle(world, 2)

    assert looks == [1] * 8
    assert world.arrived() == [f"dst{n}" for n in range(8)]
    text = "\n".join(message.text for message in world.channels[0].inbox)
    assert [time for time in shown if time in text] == shown


class Suspended(RealClock):
    """The machine's clock, which jumps over the time for which the machine slept."""

    slept = timedelta(0)

    def __call__(self) -> datetime:
        return super().__call__() + self.slept


async def test_a_resumed_machine_looks_again_at_once(monkeypatch):
    """The wall clock jumps over a night's suspend while the monotonic one stood still: no wait is slept out."""
    monkeypatch.setattr(local, "LONGEST_WAIT", timedelta(seconds=0.05))
    bot = Running(interval=3600)
    bot.world.clock = clock = Suspended()
    bot.world.build()
    async with bot:
        bot.world.site.publish("new", clock())
        clock.slept = timedelta(hours=9)
        await bot.until(lambda: bot.world.arrived() == ["new"])


async def test_three_hundred_threads_of_one_author_are_one_notice_that_lists_them():
    """None is dropped, though there are more than fit with their titles."""
    world = await begin()
    world.site.page_size = 15
    keys = publish(world, 300)
    for _ in range(3):
        await world.round(hours=2)
    (message,) = world.channels[0].inbox

    assert world.arrived() == keys
    assert len(message.text) <= world.channels[0].limits.text
    assert await world.store.deliveries(["pending", "unknown", "dead"]) == ()


async def test_every_author_at_once_arrives_whole():
    """Forty authors with three threads each: each a notice of its own, none lost, nothing left in the queue."""
    names = tuple(f"author{n}" for n in range(40))
    world = await begin(authors=names, pace=Pace())
    world.site.page_size = 5
    keys = [key for name in names for key in publish(world, 3, name)]
    await world.round(hours=2)
    await settle(world, 2)

    assert sorted(world.arrived()) == sorted(keys)
    assert len(world.channels[0].inbox) == 120
    assert await world.store.deliveries(["pending", "unknown", "dead"]) == ()


async def test_every_author_at_once_after_thirty_days_is_a_digest_each():
    """Forty authors, forty notices."""
    names = tuple(f"author{n}" for n in range(40))
    world = await begin(authors=names)
    keys = [key for name in names for key in publish(world, 3, name, over=timedelta(days=29))]
    await world.round(hours=30 * 24)
    await settle(world, 2)

    assert sorted(world.arrived()) == sorted(keys)
    assert len(world.channels[0].inbox) == 40


async def test_an_old_backup_put_back_repeats_little_and_loses_nothing():
    """What the backup does not know is one digest, also what was sent since it was made."""
    world = await begin()
    backup = await world.store.poll_input("fake:ann"), await world.store.threads()
    keys = publish(world, 4, over=timedelta(days=9))
    for _ in range(30):
        await world.round(hours=12)
    before = len(world.channels[0].inbox)
    world.store = MemoryStore()
    start, threads = backup
    await world.store.follow(
        start.feed, start.subscriptions, Changes(feed_id="fake:ann", state=start.state, known=threads)
    )
    world.build()
    await settle(world)

    assert before == 4
    assert len(world.channels[0].inbox) == 5
    assert sorted(world.arrived()) == sorted([*keys, *keys])


async def test_a_first_look_and_a_backfill_are_no_catch_up():
    """A backfill of three is three notices, as before."""
    world = World(store=MemoryStore())
    for n in range(3):
        world.site.publish(f"t{n}", START - timedelta(days=n + 1))
    await world.follow(backfill=3)
    await world.round()

    assert len(world.channels[0].inbox) == 3
