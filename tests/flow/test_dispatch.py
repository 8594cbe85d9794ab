"""One batch to one channel: sent, refused, in doubt, waiting; and what a restart makes of it."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import ChannelError, StoreError
from bot.stores.memory import MemoryStore
from bot.upkeep import take_back
from tests.fakes import START, FakeChannel, World


@pytest.fixture
async def world() -> World:
    world = World(store=MemoryStore())
    world.site.publish("old", START - timedelta(days=1))
    await world.follow()
    return world


def publish(world: World, key: str = "new") -> None:
    world.site.publish(key, world.clock() + timedelta(seconds=1 + len(world.site.threads)))


async def outbox(world: World):
    return [(d.state, d.attempts, d.error) for d in await world.store.deliveries()]


async def test_a_temporary_failure_is_tried_again(world):
    """A channel that is down gets the notice when it is back."""
    world.channels[0].mode = "down"
    publish(world)
    await world.round()
    failed = await outbox(world)
    world.channels[0].mode = "ok"
    await world.round()

    assert failed == [("pending", 1, "503")]
    assert world.arrived() == ["new"]


async def test_a_retry_after_is_kept(world):
    """The channel's own time to wait counts, however short the back-off is."""
    world.channels[0].mode, world.channels[0].retry_after = "down", 7200
    publish(world)
    await world.round()
    world.channels[0].mode = "ok"
    await world.round(hours=1.9)
    early = world.arrived()
    await world.round(hours=0.2)

    assert (early, world.arrived()) == ([], ["new"])


async def test_a_refusal_is_dead_at_once_and_blocks_nothing(world):
    """A bad token ends the delivery with its reason; the next one is tried."""
    world.channels[0].mode = "refused"
    publish(world)
    await world.round()
    dead = await outbox(world)
    world.channels[0].mode = "ok"
    publish(world, "next")
    await world.round()

    assert dead == [("dead", 1, "bad token")]
    assert world.arrived() == ["next"]


async def test_a_bug_in_a_channel_is_a_refusal(world, caplog):
    """What cannot be composed or sent is dead with a reason, and never blocks what is behind it."""
    world.channels[0].mode = "bug"
    publish(world)
    await world.round()

    assert await outbox(world) == [("dead", 1, "ZeroDivisionError in this program, see the log")]


async def test_a_lost_answer_is_in_doubt_and_tried_again_saying_so(world):
    """An answer that was lost leaves the delivery `unknown`; the repeat says that it may be one, under the same key."""
    world.channels[0].mode = "arrives, then fails"
    publish(world)
    await world.round()
    doubt = await outbox(world)
    world.channels[0].mode = "ok"
    await world.round()
    first, second = world.channels[0].inbox

    assert doubt == [("unknown", 1, "the answer was lost")]
    assert first.key == second.key
    assert "may repeat" not in first.text
    assert "may repeat" in second.text


async def test_doubt_is_tried_again_after_ten_seconds(world):
    """The first further try of an `unknown` delivery comes after 10 s, and not sooner."""
    world.channels[0].mode = "lost"
    world.chance = 0.0
    publish(world)
    await world.round()
    await world.round(hours=9 / 3600)
    before = (await outbox(world))[0][1]
    await world.round(hours=1.1 / 3600)

    assert (before, (await outbox(world))[0][1]) == (1, 2)


async def test_a_backlog_arrives_in_order(world):
    """What piled up while a channel was down arrives once, in the order of writing."""
    world.channels[0].mode = "down"
    for n in range(5):
        publish(world, f"new{n}")
        await world.round()
    world.channels[0].mode = "ok"
    await world.round()

    assert world.arrived() == [f"new{n}" for n in range(5)]


@pytest.mark.parametrize(("mode", "tries"), [("away", 200), ("down", 20)])
async def test_a_long_outage_keeps_the_order(world, mode, tries):
    """What waits goes in order however long the channel was down; after errors that may be a message's own, for hours.

    Back-offs of channel and message part after five minutes: tried alone, one from the middle would have got through.
    """
    world.channels[0].mode = mode
    for n in range(5):
        publish(world, f"new{n}")
        await world.round(hours=1 / 3600)
    for _ in range(tries):
        await world.round(hours=0.1)
    world.channels[0].mode = "ok"
    await world.round(hours=0.1)

    assert world.arrived() == [f"new{n}" for n in range(5)]


@pytest.mark.parametrize(("poison", "rounds"), [(1, 12), (2, 60)])
async def test_notices_that_alone_fail_let_the_others_pass(world, monkeypatch, poison, rounds):
    """A message that the channel fails on every time comes to stand behind those that can be sent; so do two."""
    send = FakeChannel.send

    async def picky(self: FakeChannel, message):
        self.mode = "down" if "poison" in message.text else "ok"
        await send(self, message)

    monkeypatch.setattr(FakeChannel, "send", picky)
    for n in range(poison):
        publish(world, f"poison{n}")
        await world.round(hours=1 / 3600)
    publish(world, "good")
    for _ in range(rounds):
        await world.round(hours=0.1)

    assert world.arrived() == ["good"]


async def test_a_delivery_is_given_up_after_two_weeks_of_tries(world):
    """A channel that never comes back ends in `dead`, with the reason."""
    world.channels[0].mode = "down"
    publish(world)
    for _ in range(175):
        await world.round(hours=2)

    assert await outbox(world) == [("dead", 169, "given up after 169 tries: 503")]


async def test_the_gap_between_sends_is_kept(world):
    """Sends to one channel start at least `gap` apart."""
    world.channels = (FakeChannel(gap=1.5, clock=world.clock),)
    world.build()
    for n in range(4):
        publish(world, f"new{n}")
    await world.round()
    starts = world.channels[0].starts

    assert [round(b - a, 3) for a, b in itertools.pairwise(starts)] == [1.5, 1.5, 1.5]


async def test_what_was_being_sent_at_a_crash_is_in_doubt(world):
    """A dead owner's claim is taken back: `unknown`, due ten seconds after the send began."""
    publish(world)
    await world.round(hours=0)
    world.clock.advance(hours=1)
    await world.poller.poll("fake:ann")
    began = world.clock()
    assert await world.store.claim("me", began)
    world.clock.advance(seconds=3)
    await take_back(world.store, world.clock)
    (row,) = await world.store.deliveries()

    assert (row.state, row.doubtful, row.due_at) == ("unknown", True, began + timedelta(seconds=10))


async def test_a_cancelled_send_is_settled_as_in_doubt(world):
    """When the program is told to stop in mid-send, the outbox says that it may have arrived."""
    hanging = asyncio.Event()

    async def hang(message):
        hanging.set()
        await asyncio.Event().wait()

    world.channels[0].send = hang
    publish(world)
    world.clock.advance(hours=1)
    await world.poller.poll("fake:ann")
    task = asyncio.create_task(world.dispatcher.dispatch("me"))
    await hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await outbox(world) == [("unknown", 1, "stopped while sending")]


async def test_one_dead_channel_delays_no_other():
    """The other channel has its notice in the same round."""
    world = World(store=MemoryStore())
    world.channels = (FakeChannel("dead"), FakeChannel("alive"))
    world.channels[0].mode = "lost"
    world.build()
    await world.follow()
    publish(world)
    await world.round()

    assert world.arrived(1) == ["new"]


async def deliver_for(world: World, **span: float) -> None:
    """Deliver whenever something is due, as a runner does, until so much time has passed."""
    end = world.clock() + timedelta(**span)
    while world.clock() < end:
        await world.once.deliver()
        due = (await world.store.next_due()).deliveries.get("me", end)
        world.clock.now = min(max(due, world.clock() + timedelta(seconds=1)), end)


async def test_what_fails_alone_does_not_come_forward_each_time_that_another_is_sent(world):
    """A message that its channel refuses for now, while it takes all others, keeps backing off by itself."""
    send = world.channels[0].send

    async def picky(message):
        if "t0x" in message.text:
            raise ChannelError("me", "this one not now")
        await send(message)

    world.channels[0].send = picky
    for number in range(40):
        publish(world, f"t{number}x")
        await world.round(hours=0.5)
        await deliver_for(world, minutes=1)
    (stuck,) = await world.store.deliveries(["pending"])

    assert world.arrived() == [f"t{number}x" for number in range(1, 40)]
    assert stuck.attempts < 30


async def test_a_lane_that_cannot_be_saved_leaves_no_other_in_the_middle():
    """In a round beside a runner nobody takes back what was claimed and then not sent."""

    class Torn(MemoryStore):
        async def claim(self, channel, now):
            if channel == "a":
                raise StoreError("no space")
            batch = await super().claim(channel, now)
            await asyncio.sleep(0.05)
            return batch

    world = World(store=Torn(), channels=(FakeChannel("a"), FakeChannel("b")))
    world.site.publish("old", START - timedelta(days=1))
    await world.follow()
    publish(world)
    await world.poller.poll("fake:ann")
    with pytest.raises(StoreError):
        await world.once.deliver()

    assert {d.channel: d.state for d in await world.store.deliveries()} == {"a": "pending", "b": "sent"}


async def test_the_gap_counts_from_the_send_itself():
    """However long the message took to be made: the service counts what it gets."""
    ticks = itertools.count()

    class Stamped(FakeChannel):
        async def send(self, message):
            self.began = next(ticks)
            return await super().send(message)

    world = World(store=MemoryStore(), channels=(Stamped("me"),))
    world.site.publish("old", START - timedelta(days=1))
    await world.follow()
    publish(world)
    await world.poller.poll("fake:ann")
    done = await replace(world.dispatcher, monotonic=lambda: next(ticks)).dispatch("me")

    assert done.started == world.channels[0].began - 1 > 0
