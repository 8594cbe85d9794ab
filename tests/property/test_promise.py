"""The promise, over random histories: nothing new is missed, nothing is announced twice, the baseline never.

And with crashes: the process dies at any durable write, and still nothing is lost, and nothing repeats but what
was in doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.audit import audit
from bot.commands.auditing import books
from bot.errors import StoreError
from bot.stores.memory import MemoryStore
from tests.fakes import START, Crash, CrashingStore, FailingStore, FakeChannel, World

EXISTING = [START - timedelta(days=3 * n + 1) for n in range(8)]

# One step of a history: what happens at the site, or a look at it.
step = st.one_of(
    st.just(("publish",)),
    st.tuples(st.just("unroll late"), st.integers(1, 30 * 24)),
    st.tuples(st.just("vanish"), st.integers(0, 30)),
    st.tuples(st.just("return"), st.integers(0, 30)),
    st.tuples(st.just("site"), st.sampled_from(["", "", "down", "login", "an empty page", "bug"])),
    st.tuples(st.just("deeper"), st.sampled_from(["", "down"])),
    st.tuples(st.just("shuffle"), st.booleans()),
    st.tuples(st.just("unreadable"), st.integers(0, 30)),
    st.tuples(st.just("readable"), st.integers(0, 30)),
    st.tuples(st.just("twin"), st.integers(0, 30)),
    st.tuples(st.just("flood"), st.integers(6, 9)),
    st.tuples(st.just("store"), st.sampled_from(["", "", "commit", "claim", "settle"])),
    st.tuples(st.just("channel"), st.sampled_from(["ok", "ok", "down", "lost", "arrives, then fails"])),
    st.tuples(st.just("look"), st.sampled_from([0.2, 1.0, 13.0, 26.0])),
)
histories = st.lists(step, min_size=5, max_size=45)
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


class History:
    """Plays a history and knows what ought to come of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = 0
        self.there = set(world.site.threads)

    async def play(self, steps) -> None:
        for name, *more in steps:
            await getattr(self, name.replace(" ", "_"))(*more)

    def _new(self, at) -> None:
        self.made += 1
        # Ids are distinct and so are their times, as on the real site, where the time is in the id.
        self.world.site.publish(f"t{self.made}", at + timedelta(milliseconds=self.made))

    async def publish(self) -> None:
        self._new(self.world.clock())

    async def unroll_late(self, hours) -> None:
        self._new(self.world.clock() - timedelta(hours=hours))

    def _thread(self, n):
        threads = list(self.world.site.threads.values())
        return threads[n % len(threads)]

    async def vanish(self, n) -> None:
        thread = self._thread(n)
        thread.listed = False
        if thread.key not in {known.key for known in await self.world.store.threads()}:
            # Hidden before we ever saw it: coming back, it is like a thread that was unrolled late.
            self.there.discard(thread.key)

    async def _return(self, n) -> None:
        self._thread(n).listed = True

    async def unreadable(self, n) -> None:
        self._thread(n).readable = False

    async def readable(self, n) -> None:
        self._thread(n).readable = True

    async def twin(self, n) -> None:
        """A second page of a thread that is there: same first post, another id."""
        thread = self._thread(n)
        known = {known.key for known in await self.world.store.threads()}
        if thread.key in self.there or (thread.key in known and not thread.first_post):
            return  # no site gives the posts of a thread that is there other ids
        thread.first_post = thread.first_post or f"root of {thread.key}"
        await self.publish()
        self.world.site.threads[f"t{self.made}"].first_post = thread.first_post

    async def flood(self, many) -> None:
        for _ in range(many):
            await self.publish()

    async def store(self, broken) -> None:
        self.world.store.broken = broken

    async def site(self, fault) -> None:
        self.world.site.fault = fault

    async def deeper(self, fault) -> None:
        self.world.site.deeper_fault = fault

    async def shuffle(self, on) -> None:
        self.world.site.shuffled = on

    async def channel(self, mode) -> None:
        self.world.channels[0].mode = mode

    async def look(self, hours) -> None:
        with contextlib.suppress(StoreError):
            await self.world.round(hours=hours)
        await audited(self.world)

    async def heal(self) -> None:
        """All is well again, and time passes until every page was swept and every back-off is over."""
        self.world.site.fault = self.world.site.deeper_fault = self.world.store.broken = ""
        self.world.channels[0].mode = "ok"
        for thread in self.world.site.threads.values():
            thread.listed = thread.readable = True
        # One deeper page a day: twice down the listing, from wherever a sweep stands.
        for _ in range(2 * len(self.world.site.threads) // self.world.site.page_size + 15):
            await self.world.round(hours=26)


setattr(History, "return", History._return)


async def begin(store=None) -> tuple[World, History]:
    world = World(store=FailingStore(store or MemoryStore()))
    for n, at in enumerate(EXISTING):
        world.site.publish(f"old{n}", at)
    await world.follow()
    return world, History(world)


async def audited(world: World) -> None:
    """The store agrees with itself: nothing seen and not queued, queued and lost, or sent twice."""
    found = audit(await books(world.store, at_work=False))

    assert found.ok, found.faults


async def check(world: World, history: History) -> None:
    await audited(world)
    arrived = world.arrived()
    first = [m for m in world.channels[0].inbox if m.event in ("new", None)]
    certain = [link for m in first if "may repeat" not in m.text for link in _threads(m)]
    horizon = EXISTING[world.site.page_size - 1]
    threads = [t for t in world.site.threads.values() if t.published >= horizon and t.key not in history.there]
    news = {t.key for t in threads if not t.first_post}
    twins = {t.first_post: {o.key for o in threads if o.first_post == t.first_post} for t in threads if t.first_post}

    assert not set(arrived) & history.there, "the baseline was announced"
    assert news <= set(arrived), f"lost: {news - set(arrived)}"
    for root, keys in twins.items():
        assert keys & set(arrived), f"lost under all its ids: {root}"
    assert len(certain) == len(set(certain)), "announced twice"


@slow
@given(histories)
def test_nothing_is_lost_nothing_repeated_the_baseline_never_announced(steps):
    """Over any history of pages and faults every new thread arrives, once."""

    async def trial() -> None:
        world, history = await begin()
        await history.play(steps)
        await history.heal()
        await check(world, history)

    asyncio.run(trial())


@slow
@given(histories)
def test_the_same_page_again_decides_nothing(steps):
    """When nothing changed at the site, another look queues nothing and remembers nothing new."""

    async def trial() -> None:
        world, history = await begin()
        await history.play(steps)
        await history.heal()
        before = {thread.key: thread for thread in await world.store.threads()}
        world.site.requests.clear()
        await world.round(hours=13)

        assert {thread.key: thread for thread in await world.store.threads()} == before
        assert not any(request.startswith("thread") for request in world.site.requests)

    asyncio.run(trial())


async def with_crashes(steps, fuses, *, after: bool) -> tuple[World, History]:
    """Play a history; after so many writes the process dies, and starts again."""
    store = CrashingStore(MemoryStore(), after=after)
    world, history = await begin(store)
    pending = list(steps)
    for fuse in fuses:
        store.fuse = fuse
        while pending:
            try:
                await history.play([pending.pop(0)])
            except (Crash, BaseExceptionGroup) as death:
                assert isinstance(death, Crash) or death.split(Crash)[1] is None, death
                world.build()
                await audited(world)
                break
    store.fuse = -1
    await history.play(pending)
    await history.heal()
    return world, history


@slow
@given(histories, st.lists(st.integers(1, 12), min_size=1, max_size=6), st.booleans())
def test_a_crash_at_any_write_loses_nothing(steps, fuses, after):
    """The process may die before or just after any durable write: every new thread still arrives."""

    async def trial() -> None:
        world, history = await with_crashes(steps, fuses, after=after)
        await check(world, history)

    asyncio.run(trial())


@slow
@given(histories, st.lists(st.integers(1, 12), min_size=1, max_size=6), st.booleans())
def test_a_repeat_says_so_and_bears_the_same_key(steps, fuses, after):
    """Whatever arrives a second time says that it may repeat, and has the key of the first."""

    async def trial() -> None:
        world, _ = await with_crashes(steps, fuses, after=after)
        seen = set()
        for message in world.channels[0].inbox:
            assert message.key not in seen or "may repeat" in message.text
            seen.add(message.key)
        keys = [key for message in world.channels[0].inbox for key in _threads(message)]
        assert len(seen) == len({frozenset(_threads(m)) for m in world.channels[0].inbox}), keys

    asyncio.run(trial())


def _threads(message) -> list[str]:
    return [link for link in dict.fromkeys(message.links) if "/thread/" in link]


async def test_a_fake_channel_that_never_answers_is_no_reason_to_lose_anything():
    """A lost message is tried until it arrives."""
    world, history = await begin()
    world.channels[0].mode = "lost"
    await history.publish()
    for _ in range(5):
        await world.round(hours=2)
    await history.heal()

    assert set(world.arrived()) == {"t1"}
    assert isinstance(world.channels[0], FakeChannel)
