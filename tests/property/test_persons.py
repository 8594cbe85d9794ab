"""The promise for one person in two places: whatever fails where and when, each thread is told once."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.follow import Declared
from bot.stores.memory import MemoryStore
from tests.fakes import START, Crash, CrashingStore, Site, World

PLACES = ("fake", "other")
FAULTS = ("", "", "", "login", "down", "unreachable", "page", "held")

said = st.tuples(
    st.just("say"),
    st.sampled_from(("fake", "other", "both", "both")),
    st.integers(0, 300),  # minutes until it is in the second place
    st.booleans(),  # the same id in both
)
steps = st.lists(
    st.one_of(
        said,
        st.tuples(st.just("fault"), st.sampled_from(PLACES), st.sampled_from(FAULTS)),
        st.tuples(st.just("pages"), st.sampled_from(PLACES), st.sampled_from(("", "down", "login"))),
        st.tuples(st.just("wait"), st.floats(0.05, 30)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("crash"), st.integers(1, 6), st.booleans()),
        st.tuples(st.just("grow"), st.integers(0, 5)),
    ),
    max_size=14,
)


def words(number: int) -> str:
    """Some sixty letters that no other thread has."""
    return " ".join(hashlib.sha256(f"{number} {part}".encode()).hexdigest()[:12] for part in range(5))


class Play:
    """One history."""

    def __init__(self) -> None:
        self.store = CrashingStore(MemoryStore())
        self.world = World(store=self.store, others={"other": Site(page_size=6)})
        self.sites = {"fake": self.world.site, "other": self.world.others["other"]}
        self.world.site.page_size = 6
        self.said = 0
        self.later: list[tuple[object, str, int, str]] = []

    async def begin(self) -> None:
        for site in self.sites.values():
            site.publish("old", START - timedelta(days=30), words=words(-1))
        await self.world.follower.reconcile([Declared(addresses=("fake:ann", "other:ann"))])
        await self.world.round()

    async def step(self, what: str, *more) -> None:
        await getattr(self, f"do_{what}")(*more)

    async def do_say(self, where: str, minutes: int, same_id: bool) -> None:
        number, self.said = self.said, self.said + 1
        now = self.world.clock()
        for place in PLACES if where == "both" else (where,):
            key = f"{number:04}" if same_id else f"{place}-{number:04}"
            at = now + timedelta(minutes=minutes if place == "other" and where == "both" else 0)
            self.later.append((at, place, number, key))
        self.show()

    def show(self) -> None:
        """What is written by now stands there. Its time is that of its first place: it was written once."""
        now = self.world.clock()
        for item in [one for one in self.later if one[0] <= now]:
            self.later.remove(item)
            at, place, number, key = item
            self.sites[place].publish(key, at, words=words(number))

    async def do_fault(self, place: str, fault: str) -> None:
        self.sites[place].fault = fault
        self.sites[place].not_before = self.world.clock() + timedelta(hours=2) if fault in ("down", "held") else None

    async def do_pages(self, place: str, fault: str) -> None:
        self.sites[place].thread_fault = fault

    async def do_wait(self, hours: float) -> None:
        self.world.clock.advance(hours=hours)
        self.show()
        await self.round()

    async def do_restart(self) -> None:
        self.world.build()

    async def do_crash(self, fuse: int, after: bool) -> None:
        self.store.fuse, self.store.after = fuse, after
        await self.do_wait(1)
        self.store.fuse = -1

    async def do_grow(self, number: int) -> None:
        for place in PLACES:
            for thread in self.sites[place].threads.values():
                if thread.words == words(number):
                    thread.posts += 1

    async def round(self) -> None:
        try:
            await self.world.round(hours=0)
        except (Crash, BaseExceptionGroup):
            self.store.fuse = -1
            self.world.build()

    async def end(self) -> None:
        for site in self.sites.values():
            site.fault = site.thread_fault = ""
        for _ in range(8):
            await self.do_wait(13)

    def told(self, *, marked: bool) -> dict[int, int]:
        """How often each thread was told of as new, by notices that say, or do not say, that they may repeat."""
        counts = dict.fromkeys(range(self.said), 0)
        for message in self.world.channels[0].inbox:
            if message.event in ("new", None) and ("may repeat" in message.text) == marked:
                for number in counts:
                    counts[number] += words(number)[:30] in message.text
        return counts


@settings(max_examples=60, deadline=None)
@given(history=steps)
async def test_each_thread_is_told_once(history):
    play = Play()
    await play.begin()
    for step in history:
        await play.step(*step)
    await play.end()
    told, again = play.told(marked=False), play.told(marked=True)

    assert all(told[number] + again[number] >= 1 for number in told), (told, again)
    assert all(count <= 1 for count in told.values()), told
