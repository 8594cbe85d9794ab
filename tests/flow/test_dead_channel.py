"""A channel that is dead, in each way there is: what becomes of its deliveries, and that they arrive when it is back.

Real channels over Apprise against receivers that misbehave; the long form, with the delay of the other channels, is
`python -m tests.trials channels`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from bot.model import ChannelState
from bot.schedule import retried_by_hand
from tests.trials import arrivals
from tests.trials.channels import ALL, FAULTS, HTTP, desk, wait_for


@pytest.fixture
async def at(tmp_path):
    """The program's surroundings, with the shortest time-out that the settings allow: some faults last that long."""
    async with desk(tmp_path, timeout="1s") as made:
        for receiver in made.receivers.values():
            receiver.fault.slow = 0.1
        yield made


async def publish(at, app) -> None:
    """A new thread, found at a look a moment later."""
    at.publish()
    at.clock.ahead += timedelta(seconds=2)
    await app.once().round(await app.store.due_feeds(app.clock()))


async def outbox(app, kinds) -> dict[str, set[str]]:
    rows = await app.store.deliveries()
    return {kind: {row.state for row in rows if row.channel == kind and row.attempts} for kind in kinds}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_dead_channel_s_backlog_arrives_when_it_is_back(at, fault):
    """Its deliveries wait, are in doubt, or dead with a reason; back, it has them once, in order, without a restart."""
    kinds, states = FAULTS[fault]
    async with at.open() as app:
        for kind in kinds:
            await at.receivers[kind].misbehave(fault)
        for _ in range(2):
            await publish(at, app)
        met = await outbox(app, kinds)
        reasons = [row.error for row in await app.store.deliveries() if row.attempts and row.state != "sent"]
        for kind in kinds:
            await at.receivers[kind].misbehave("")
        dead = [retried_by_hand(row, app.clock()) for row in await app.store.deliveries(["dead"])]
        await app.store.settle(dead)
        for _ in range(2):
            at.clock.ahead += timedelta(hours=3)
            await app.once().deliver()
        doubts = {(row.channel, row.entry_key): row.doubts for row in await app.store.deliveries()}
        left = await app.store.deliveries(["pending", "sending", "unknown", "dead"])

    assert {kind: found <= states for kind, found in met.items()} == dict.fromkeys(kinds, True), met
    assert all(reasons)
    assert left == ()
    for kind in ALL:
        messages, keys = at.receivers[kind].arrived(), at.press.keys
        allowed = {key: doubts[kind, key] for key in keys if kind != "matrix"}

        assert arrivals.lost(messages, keys) == set(), kind
        assert list(dict.fromkeys(key for message in messages for key in message.keys)) == keys, kind
        assert arrivals.beyond_doubt(messages, allowed) == set(), kind
        assert arrivals.unmarked(messages) == set(), kind


@pytest.mark.parametrize("dead", ["mail", "json"])
async def test_a_channel_that_hangs_delays_no_other(at, dead):
    """While one channel hangs, a thread is at the others as soon as ever."""
    stop = asyncio.Event()
    others = [kind for kind in ALL if kind != dead]
    async with at.open() as app:
        running = asyncio.create_task(app.runner().run(stop))
        await at.receivers[dead].misbehave("hangs")
        began = time.monotonic()
        for _ in range(2):
            at.publish()
            late = await wait_for(lambda: all(at.has(kind, at.press.keys) for kind in others), "the others", 20)
        took = time.monotonic() - began
        await at.receivers[dead].misbehave("")
        stop.set()
        await running

    assert late == ""
    assert took < 15


@pytest.mark.parametrize("kind", HTTP)
async def test_a_retry_after_is_kept_over_a_restart(at, kind):
    """What a channel asked for holds also for the next process, and not a moment longer than needed."""
    arrived = []
    async with at.open() as app:
        await at.receivers[kind].misbehave("429")
        await publish(at, app)
        asked = app.clock()
    await at.receivers[kind].misbehave("")
    for ahead in (38, 42):
        async with at.open() as app:
            at.clock.ahead += asked + timedelta(seconds=ahead) - app.clock()
            await app.once().deliver()
            arrived.append(at.has(kind, at.press.keys))

    assert arrived == [False, True]


async def test_a_channel_that_was_held_is_free_when_a_person_says_so(at):
    """Sent again by hand, a delivery does not wait for the channel's own back-off."""
    async with at.open() as app:
        await at.receivers["json"].misbehave("429")
        await publish(at, app)
        await at.receivers["json"].misbehave("")
        rows = await app.store.deliveries(["pending"])
        await app.store.settle([retried_by_hand(row, app.clock()) for row in rows], ChannelState(channel="json"))
        await app.once().deliver()

    assert at.has("json", at.press.keys)
