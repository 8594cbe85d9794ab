"""FxTwitter in the whole flow, over random histories of an author: every new thread arrives once, and nothing else."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from bot.http import Http
from bot.sources.fxtwitter import FxTwitter
from bot.sources.x_addresses import time_of
from bot.stores.memory import MemoryStore
from tests.fakes import World
from tests.servers.fxtwitter import LOUD, Api, post_id, repost, thread
from tests.servers.fxtwitter import status as post

ROUNDS = 25


class History:
    """Writes as an author does: single posts, threads, more posts for either, reposts; `begun` are the threads."""

    def __init__(self, api: Api, world: World, chance: random.Random) -> None:
        self.api, self.world, self.chance = api, world, chance
        self.begun: set[str] = set()
        self._open: list[list[dict]] = []

    def now(self) -> float:
        return (self.world.clock() - time_of(post_id(0))) / timedelta(minutes=1)

    def before(self) -> None:
        """What was written before anybody followed."""
        for number in range(60):
            self.api.say(*thread(self.now() - 100 * (number + 1), *["old"] * self.chance.choice([1, 1, 1, 2, 3, 6])))

    def step(self) -> None:
        kind, at = self.chance.random(), self.now() - 50 * self.chance.random()
        if kind < 0.4:
            self._say(thread(at, "single"))
        elif kind < 0.8:
            self._say(thread(at, *["new"] * self.chance.choice([2, 3, 7])))
        elif kind < 0.9 and self._open:
            self._add(self.chance.choice(self._open), self.now() - self.chance.random())
        else:
            self.api.show(repost(post(post_id(1), "Loud.", LOUD)))

    def _say(self, posts: list[dict]) -> None:
        self.api.say(*posts)
        self._open.append(posts)
        if len(posts) > 1:
            self.begun.add(posts[0]["id"])

    def _add(self, posts: list[dict], at: float) -> None:
        if int(post_id(at)) > int(posts[-1]["id"]):
            posts.append(post(post_id(at), "more", parent=posts[-1]))
            self.api.say(posts[-1])
            self.begun.add(posts[0]["id"])


@pytest.fixture
async def api():
    made = Api()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def world(api):
    """The flow, with FxTwitter in it."""
    made = World(store=MemoryStore())
    http = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=made.clock)
    made.poller.sources["fxtwitter"] = FxTwitter(http, clock=made.clock, base_url=api.base_url)
    yield made
    await http.close()


@pytest.mark.parametrize("groups", [True, False], ids=["grouped", "single"])
@pytest.mark.parametrize("seed", range(2))
async def test_every_thread_arrives_once(world, api, seed, groups):
    """However X groups posts, however many there are between two looks: no thread is missed, and none told twice."""
    chance, api.groups = random.Random(seed), groups
    history = History(api, world, chance)
    history.before()
    await world.follow("fxtwitter:PolarPetra")
    for _ in range(ROUNDS):
        for _ in range(chance.choice([0, 0, 1, 2, 5, 40 if chance.random() < 0.2 else 1])):
            history.step()
        await world.round(hours=chance.choice([1, 1, 1, 30]))
    for _ in range(3):
        await world.round(hours=24)

    inbox = [message for message in world.channels[0].inbox if message.event in ("new", None)]
    told = Counter(
        link.rsplit("/", 1)[1]
        for message in inbox
        for link in dict.fromkeys(message.links)
        if link.startswith("https://x.com/PolarPetra/status/")
    )
    assert told == Counter(history.begun)
    assert len(history.begun) > 10
