"""What is claimed while something else is decided, held in quiet hours, or cannot be made: nothing of it is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from bot.compose import compose as really_compose
from bot.hours import Digest, QuietHours
from bot.policy import Policies, Policy
from bot.reading import Reader
from bot.stores.memory import MemoryStore
from tests.fakes import START, FailingStore, World


async def announced(world: World, *keys: str) -> None:
    world.site.publish("old", START - timedelta(days=2))
    await world.follow("@ann")
    for n, key in enumerate(keys):
        world.site.publish(key, START + timedelta(minutes=10 + n))
    await world.round()


async def rows(world: World, event: str = "grown") -> list[Any]:
    return [row for row in await world.store.deliveries() if row.event == event]


async def test_an_update_is_not_claimed_while_a_look_adds_to_it(monkeypatch):
    """Else what was added would be told to nobody: the row is being sent, and the thread is taken as told."""
    world = World(store=MemoryStore(), policies=Policies(channels={"me": Policy(summary="full")}))
    await announced(world, "t")
    world.channels[0].mode = "away"
    for posts in (4, 5):
        world.site.threads["t"].posts = posts
        await world.relooker.look_now((await world.store.known("fake:ann", ["t"]))["t"])
        world.clock.advance(minutes=12)
        if posts == 4:
            await world.once.deliver()
    world.channels[0].mode = "ok"
    world.clock.advance(minutes=10)
    really, read, go_on = Reader.rows, asyncio.Event(), asyncio.Event()

    async def slow(reader: Reader, known: Any) -> Any:
        found = await really(reader, known)
        read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(Reader, "rows", slow)
    look = asyncio.create_task(world.relooker.look_now((await world.store.known("fake:ann", ["t"]))["t"]))
    await read.wait()
    send = asyncio.create_task(world.dispatcher.dispatch("me"))
    for _ in range(20):
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(look, send)
    texts = "".join(message.text for message in world.channels[0].inbox)

    assert "post 3 of t" in texts
    assert "post 4 of t" in texts


async def test_what_quiet_hours_hold_is_saved_though_the_disk_was_full():
    """The row is not left as one that is being sent, which nobody would take up before a restart."""
    night = Policies(channels={"me": Policy(quiet_hours=QuietHours.parse("13:30-16:00"))})
    store = FailingStore(MemoryStore())
    world = World(store=store, policies=night)
    world.channels[0].mode = "away"
    await announced(world, "t")
    world.channels[0].mode = "ok"
    world.clock.advance(hours=1)
    store.broken = "settle"
    for _ in range(2):
        try:
            await world.dispatcher.dispatch("me")
        except Exception as error:  # as the runner does, which tries again
            assert "no space" in str(error)
    store.broken = ""
    await world.dispatcher.dispatch("me")
    (row,) = await world.store.deliveries()

    assert (row.state, world.channels[0].inbox) == ("pending", [])


async def test_one_thread_that_cannot_be_made_into_a_notice_takes_no_digest_along(monkeypatch):
    """The others go out, each by itself; it alone is dead."""
    digest = Policies(channels={"me": Policy(digest=Digest.parse("daily 14:00"))})
    world = World(store=MemoryStore(), policies=digest)
    await announced(world, "a", "b", "c")

    def compose(batch: Any, *args: Any, **more: Any) -> Any:
        if "b" in {entry.key for entry in batch.entries}:
            raise ZeroDivisionError
        return really_compose(batch, *args, **more)

    monkeypatch.setattr("bot.composing.compose", compose)
    world.clock.advance(hours=1)
    await world.once.deliver()

    assert sorted(world.arrived()) == ["a", "c"]
    assert {row.entry_key: row.state for row in await world.store.deliveries()} == {
        "a": "sent",
        "b": "dead",
        "c": "sent",
    }


async def test_what_comes_late_to_a_digest_is_a_message_of_its_own():
    """With a key of its own: a homeserver would take it for the first one, sent again."""
    digest = Policies(channels={"me": Policy(digest=Digest.parse("daily 14:00"))})
    world = World(store=MemoryStore(), policies=digest)
    await announced(world, "a")
    world.clock.advance(hours=1)
    await world.once.deliver()
    world.clock.advance(hours=-0.5)  # the clock is set back over the time of the digest
    world.build()
    world.site.publish("b", START + timedelta(minutes=50))
    await world.once.round(["fake:ann"])
    world.clock.advance(hours=1)
    await world.once.deliver()

    assert world.arrived() == ["a", "b"]
    assert len({message.key for message in world.channels[0].inbox}) == 2


async def test_what_several_digests_gather_in_quiet_hours_is_one_message():
    """Hourly, over a night."""
    policy = Policy(digest=Digest.parse("hourly"), quiet_hours=QuietHours.parse("12:30-20:00"))
    world = World(store=MemoryStore(), policies=Policies(channels={"me": policy}))
    await announced(world)
    for n in range(4):
        world.site.publish(f"t{n}", START + timedelta(hours=1 + n))
        await world.round()
    world.clock.advance(hours=6)
    await world.once.deliver()

    assert len(world.channels[0].inbox) == 1
    assert len(set(world.arrived())) == 4
