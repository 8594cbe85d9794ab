"""A world on the real clock, with a runner going; for the contract of runners and for flow tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bot.alerts import Rules
from bot.protocols import Runner
from bot.runners.lanes import Lane
from bot.runners.local import LocalRunner
from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from tests.fakes import Clock, FakeChannel, World

Make = Callable[[World, float], Runner]


NOBODY_IS_TOLD = Rules()


class RealClock:
    """The machine's clock, with what the fake world asks of one."""

    seconds = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)

    def __call__(self) -> datetime:
        return now()


def local_runner(world: World, grace: float) -> LocalRunner:
    return LocalRunner(
        store=world.store,
        poller=world.poller,
        relooker=world.relooker,
        lanes=[Lane(world.dispatcher, c, monotonic=time.monotonic) for c in world.channels],
        inspector=world.inspector,
        concurrency=4,
        clock=world.clock,
        grace=grace,
    )


def now() -> datetime:
    return datetime.now(UTC)


class Running:
    """A world on the real clock, with its runner going."""

    def __init__(
        self,
        *channels: FakeChannel,
        make: Make = local_runner,
        interval: float = 0.05,
        grace: float = 0.3,
        store: Any = None,
        rules: Rules = NOBODY_IS_TOLD,
    ) -> None:
        self.store = store or MemoryStore()
        pace = Pace(interval=timedelta(seconds=interval), min_interval=timedelta(seconds=interval / 2))
        clock = cast("Clock", RealClock())
        self.world = World(store=self.store, channels=channels or (FakeChannel(),), pace=pace, clock=clock, rules=rules)
        self.make = make
        self.grace = grace
        self.stop = asyncio.Event()

    async def __aenter__(self):
        await self.world.follow()
        runner = self.make(self.world, self.grace)
        self.task = asyncio.create_task(runner.run(self.stop))
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await asyncio.wait_for(self.task, 5)

    def titles(self, channel: int = 0) -> list[str]:
        return [message.title for message in self.world.channels[channel].inbox]

    async def until(self, true):
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)


async def hang(_message: Any) -> None:
    await asyncio.Event().wait()
