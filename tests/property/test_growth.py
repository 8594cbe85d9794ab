"""The promise for threads that grow, over random histories: every post reaches every channel, none of them twice.

With crashes and lost answers: still none is lost, and what comes twice says that it may.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.audit import audit
from bot.commands.auditing import books
from bot.errors import StoreError
from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, Crash, CrashingStore, FailingStore, FakeChannel, World

WHOLE = Policies(channels={name: Policy(summary="full") for name in ("a", "b")})

step = st.one_of(
    st.just(("publish",)),
    st.tuples(st.just("grow"), st.integers(0, 30), st.integers(1, 3)),
    st.tuples(st.just("grow"), st.integers(0, 30), st.integers(1, 3)),
    st.tuples(st.just("find_a_middle"), st.integers(0, 30)),
    st.tuples(st.just("pages"), st.sampled_from(["", "", "down", "unreachable"])),
    st.tuples(st.just("store"), st.sampled_from(["", "", "commit", "claim", "settle"])),
    st.tuples(st.just("channel"), st.integers(0, 1), st.sampled_from(["ok", "ok", "down", "away"])),
    st.tuples(st.just("look"), st.sampled_from([0.1, 0.2, 0.2, 1.0, 7.0, 26.0])),
    st.just(("restart",)),
)
histories = st.lists(step, min_size=5, max_size=40)
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


class History:
    """Plays a history of one author, who has two threads that were there before us."""

    def __init__(self, store) -> None:
        channels = (FakeChannel("a"), FakeChannel("b"))
        self.world = World(store=FailingStore(store), channels=channels, policies=WHOLE)
        self.made = 0

    async def begin(self) -> None:
        for n in range(2):
            self.world.site.publish(f"old{n}", START - timedelta(days=n + 1))
        await self.world.follow()

    async def play(self, steps) -> None:
        for name, *more in steps:
            await getattr(self, name)(*more)

    async def publish(self) -> None:
        self.made += 1
        self.world.site.publish(f"t{self.made}", self.world.clock() + timedelta(milliseconds=self.made))

    def _thread(self, n):
        threads = list(self.world.site.threads.values())
        return threads[n % len(threads)]

    async def grow(self, n, posts) -> None:
        self._thread(n).posts += posts

    async def find_a_middle(self, n) -> None:
        """A thread of which a post is missing; or it is found again."""
        thread = self._thread(n)
        if thread.hidden:
            thread.hidden.clear()
        elif thread.key not in await self._known():
            thread.hidden.add(1)

    async def _known(self) -> set[str]:
        return {known.key for known in await self.world.store.threads()}

    async def pages(self, fault) -> None:
        self.world.site.thread_fault = fault

    async def store(self, broken) -> None:
        self.world.store.broken = broken

    async def channel(self, which, mode) -> None:
        self.world.channels[which].mode = mode

    async def restart(self) -> None:
        self.world.build()

    async def look(self, hours) -> None:
        with contextlib.suppress(StoreError):
            await self.world.round(hours=hours)
        found = audit(await books(self.world.store, at_work=False))

        assert found.ok, found.faults

    async def heal(self) -> None:
        """All is well again, and each thread is looked at until it is quiet and told."""
        self.world.store.broken = self.world.site.thread_fault = ""
        for channel in self.world.channels:
            channel.mode = "ok"
        for thread in self.world.site.threads.values():
            thread.hidden.clear()
        for hours in (*[0.3] * 6, *[26.0] * 12):
            await self.look(hours)
        for thread in self.world.site.threads.values():
            # Whoever waits for longer than the schedule looks asks for it.
            known = (await self.world.store.known("fake:ann", [thread.key]))[thread.key]
            await self.world.relooker.look_now(known)
        for hours in (0.3, 26.0, 26.0):
            await self.look(hours)

    def told(self, channel: int, *, certain: bool = False) -> Counter[str]:
        """How often each post was told to a channel."""
        messages = [m for m in self.world.channels[channel].inbox if not (certain and "may repeat" in m.text)]
        return Counter(post for m in messages for post in set(re.findall(r"post \d+ of \w+", m.text)))

    def news(self) -> set[str]:
        """Every post that came since the author is followed."""
        return {
            f"post {n} of {thread.key}"
            for thread in self.world.site.threads.values()
            for n in range(3 if thread.key.startswith("old") else 0, thread.posts)
        }

    def only_begun(self, channel: int) -> set[str]:
        """Threads of which the page could not be read for an hour: the notice said so, and there is no second one."""
        messages = (m for m in self.world.channels[channel].inbox if "Only the beginning" in m.text)
        return {link.rsplit("/", 1)[1] for m in messages for link in m.links if "/thread/" in link}

    def check(self) -> None:
        for channel in range(2):
            told, certain = self.told(channel), self.told(channel, certain=True)
            lost = {post for post in self.news() - set(told) if post.split()[-1] not in self.only_begun(channel)}

            assert lost == set()
            assert set(told) <= self.news(), f"the baseline was told: {set(told) - self.news()}"
            assert [post for post, times in certain.items() if times > 1] == [], "told twice"


@slow
@given(histories)
def test_every_post_of_every_thread_is_told_once(steps):
    """Over any history of growth, faults and restarts."""

    async def trial() -> None:
        history = History(MemoryStore())
        await history.begin()
        await history.play(steps)
        await history.heal()
        history.check()

    asyncio.run(trial())


@slow
@given(histories, st.lists(st.integers(1, 25), min_size=1, max_size=5), st.booleans())
def test_a_crash_at_any_write_loses_no_post(steps, fuses, after):
    """The process dies before or after a durable write, and starts again; and again."""

    async def trial() -> None:
        crashing = CrashingStore(MemoryStore())
        history = History(crashing)
        await history.begin()
        crashing.after, waiting = after, list(fuses)
        crashing.fuse = waiting.pop()
        for one in (*steps, ("look", 0.3), ("look", 1.0)):
            try:
                await history.play([one])
            except (Crash, BaseExceptionGroup):
                history.world.build()
                crashing.fuse = waiting.pop() if waiting else -1
        crashing.fuse = -1
        history.world.build()
        await history.heal()
        history.check()

    asyncio.run(trial())


def test_a_post_that_was_told_twice_is_seen():
    """The trial itself: it would find a repeat."""
    history = History(MemoryStore())
    history.world.site.publish("t1", START)
    for _ in range(2):
        asyncio.run(history.world.channels[0].send(_message("post 0 of t1")))

    assert history.told(0)["post 0 of t1"] == 2


def _message(text: str):
    from bot.model import Message

    return Message(key="k", title="t", text=text)


