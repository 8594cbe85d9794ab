"""A crash at each durable write there is: at the first, the second, the third … until a story meets none.

As SQLite is tested. `test_promise` crashes at chance points of chance histories; this one leaves out no write of one
story in which every part that writes has its say: follow, poll, look again, dispatch, upkeep, retry by hand.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from bot.model import ChannelState
from bot.schedule import retried_by_hand
from bot.stores.memory import MemoryStore
from tests.fakes import START, Crash, CrashingStore, World

BASELINE = ("old1", "old2", "old3")
NEWS = ("plain", "doubtful", "unreadable", "ahead", "refused")


async def follow(world: World) -> None:
    """The newest of the threads there is to be sent."""
    await world.follow(backfill=1)


async def poll(world: World) -> None:
    """A new thread that nothing stands in the way of."""
    await _publish(world, "plain")


async def dispatch(world: World) -> None:
    """A new thread that arrives, and whose answer is lost."""
    world.channels[0].mode = "arrives, then fails"
    await _publish(world, "doubtful")
    world.channels[0].mode = "ok"
    await world.round()


async def look_again(world: World) -> None:
    """A new thread whose own page cannot be read at first."""
    world.site.thread_fault = "down"
    await _publish(world, "unreadable")
    world.site.thread_fault = ""
    await world.round()


async def upkeep(world: World) -> None:
    """A new thread that a clock ten years ahead finds, while the channel is down; and what was sent long ago."""
    real = world.clock.now + timedelta(days=40)
    world.clock.now, world.channels[0].mode = real + timedelta(days=3650), "down"
    await _publish(world, "ahead")
    world.clock.now, world.channels[0].mode = real, "ok"
    await world.round()


async def retry_by_hand(world: World) -> None:
    """A new thread that is refused for ever, until a person has it sent again."""
    world.channels[0].mode = "refused"
    await _publish(world, "refused")
    dead = await world.store.deliveries(["dead"])
    world.channels[0].mode = "ok"
    await world.store.settle([retried_by_hand(row, world.clock()) for row in dead], ChannelState(channel="me"))
    await world.round()


async def peace(world: World) -> None:
    """Nothing happens, and time passes."""
    for _ in range(5):
        await world.round(hours=26)


async def _publish(world: World, key: str) -> None:
    if key not in world.site.threads:
        world.site.publish(key, START + timedelta(minutes=len(world.site.threads)))
    await world.round()


STORY = (follow, poll, dispatch, look_again, upkeep, retry_by_hand, peace)


class Told:
    """The story, told over a store that dies once; each step that was cut short is begun again."""

    def __init__(self, fuse: int, *, after: bool) -> None:
        self.store = CrashingStore(MemoryStore(), fuse, after=after)
        self.world = World(store=self.store)
        self.writes: dict[str, list[str]] = {}
        for number, key in enumerate(BASELINE, 1):
            self.world.site.publish(key, START - timedelta(days=number))

    @property
    def crashed(self) -> bool:
        return self.store.fuse <= 0

    async def tell(self) -> Told:
        for step in STORY:
            before = len(self.store.writes)
            try:
                await step(self.world)
            except (Crash, BaseExceptionGroup) as death:
                assert isinstance(death, Crash) or death.split(Crash)[1] is None, death
                self.world.build()
                self.world.channels[0].mode, self.world.site.thread_fault = "ok", ""
                await step(self.world)
            self.writes[step.__name__] = self.store.writes[before:]
        return self


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_every_write_in_turn_loses_nothing(after):
    """Wherever the process dies: each new thread arrives, the baseline never, and a repeat says that it is one."""
    fuse, crashed = 0, True
    while crashed:
        fuse += 1
        told = await Told(fuse, after=after).tell()
        crashed = told.crashed
        inbox = told.world.channels[0].inbox
        at = f"write {fuse}, {'after' if after else 'before'} {told.store.writes[fuse - 1 : fuse]}"
        certain = Counter(m.key for m in inbox if "may repeat" not in m.text)

        assert set(told.world.arrived()) == {BASELINE[0], *NEWS}, at
        assert max(certain.values()) == 1, at
        assert len({m.key for m in inbox}) == len(NEWS) + 1, f"a repeat under another key, {at}"
        assert [row.state for row in await told.store.deliveries(["pending", "sending", "unknown", "dead"])] == [], at


async def test_every_part_that_writes_has_its_say():
    """Each step of the story writes what it is there for, so that the test above crashes there."""
    told = await Told(-1, after=False).tell()
    wanted = {
        "follow": {"follow"},
        "poll": {"commit", "claim", "settle", "prune"},
        "dispatch": {"claim", "settle"},
        "look_again": {"commit"},
        "upkeep": {"commit", "settle", "prune"},
        "retry_by_hand": {"settle"},
    }

    assert {step: wanted[step] - set(told.writes[step]) for step in wanted} == {step: set() for step in wanted}
