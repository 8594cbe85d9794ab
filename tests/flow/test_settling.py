"""A thread that is still being written is told of once it is finished: whole, once, and not too late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, World

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
async def world():
    made = World(
        store=MemoryStore(),
        policies=Policies(default=Policy(summary="full", settle=HALF_AN_HOUR)),
    )
    made.site.publish("old", START - timedelta(days=2))
    await made.follow("@ann")
    return made


def write(world: World, posts: int, minutes: float) -> None:
    """The thread has so many posts now, the newest written so long after the start."""
    latest = START + timedelta(minutes=minutes)
    if "t" in world.site.threads:
        world.site.threads["t"].posts, world.site.threads["t"].latest = posts, latest
    else:
        world.site.publish("t", latest, posts=posts, latest=latest)


async def test_it_waits_until_it_is_quiet(world):
    """Half an hour after the newest post it is told of, with all that was written meanwhile."""
    write(world, 2, minutes=59)
    await world.round()
    early = len(world.channels[0].inbox)
    write(world, 5, minutes=80)
    await world.round(hours=0.5)
    still_early = len(world.channels[0].inbox)
    await world.round(hours=0.5)
    (notice,) = world.channels[0].inbox

    assert (early, still_early) == (0, 0)
    assert "post 4 of t" in notice.text


async def test_one_that_was_finished_long_ago_is_told_of_at_once(world):
    write(world, 2, minutes=10)
    await world.round()

    assert world.arrived() == ["t"]


async def test_one_that_is_written_for_hours_is_told_of_after_an_hour(world):
    """… and what comes after that is growth; nothing is told twice."""
    for step in range(12):
        write(world, 2 + step, minutes=60 + 12 * step)
        await world.round(hours=1 if step == 0 else 0.2)
    for _ in range(4):
        await world.round(hours=3)
    new, *grown = world.channels[0].inbox
    words = "\n".join(message.text for message in world.channels[0].inbox)

    assert (new.event, {message.event for message in grown}) == ("new", {"grown"})
    assert [words.count(f"post {n} of t") for n in range(13)] == [1] * 13


async def test_one_whose_page_is_gone_before_it_was_told_of_is_told_from_the_copy(world):
    """It was kept when it was seen first."""
    write(world, 3, minutes=59)
    await world.round()
    world.site.threads["t"].readable = False
    await world.round(hours=0.6)
    (notice,) = world.channels[0].inbox

    assert "post 2 of t" in notice.text


async def test_a_restart_in_between_loses_nothing(world):
    write(world, 3, minutes=59)
    await world.round()
    world.build()
    await world.round(hours=0.6)

    assert world.arrived() == ["t"]


async def test_a_backfill_does_not_wait(world):
    """A person waits for it."""
    write(world, 3, minutes=-1)
    await world.follower.unfollow((await world.store.feeds())[0][0])
    await world.follow("@ann", backfill=1)
    await world.once.deliver()

    assert world.arrived() == ["t"]


async def test_a_time_ahead_of_ours_holds_nothing_up(world):
    """A clock that is wrong, there or here: it waits for its span of quiet, no longer."""
    write(world, 3, minutes=60 * 24 * 30)
    world.site.threads["t"].published = START + timedelta(minutes=50)
    await world.round()
    await world.round(hours=1.2)

    assert world.arrived() == ["t"]
