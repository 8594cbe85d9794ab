"""The program with eight channels, one of which fails: what the other seven have of it, and what becomes of the queue.

The real composition, channels and store in this process, on a wall clock that can be put forward: back-offs are as long
as ever, and nobody waits for them. `tests/e2e/test_outages.py` tries the essentials, `tests/trials/channels.py` it all.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bot.app import App, open_app
from bot.demo.site import SampleAuthor, SamplePost, SampleThread, UnrollSite, snowflake
from bot.model import ChannelState, Delivery
from bot.runners.local import LocalRunner
from bot.schedule import FIRST_RETRY, retried_by_hand
from bot.settings import made
from tests.command import eventually
from tests.servers.receiver import KINDS, RETRY_AFTER, Fault, Kind, Receiver, receiving

AUTHOR = SampleAuthor(handle="ada_writes", name="Ada")
SETTINGS = """
data_dir = "{folder}"
[poll]
min_interval = "1s"
interval = "1s"
host_delay = "0s"
[delivery]
timeout = "{timeout}s"
[sources.threadreader]
base_url = "{site}"
[sources.fxtwitter]
enabled = false
"""
BACKLOG = 3
"""Threads that appear while a channel fails."""
PATIENCE = 60.0
"""Real seconds after which something that is waited for is taken for lost."""
LONG = 12
"""Tries in vain of a long outage: half an hour, well beyond where back-offs of channel and message part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a fault must come to: the first message's state and the reason, in words, that a person reads.

    `down`: the whole channel is down, for as long as you like, and its queue keeps its order.
    """

    states: tuple[str, ...]
    reason: str = ""
    kinds: tuple[Kind, ...] = KINDS
    down: bool = False


HTTP: tuple[Kind, ...] = ("matrix", "slack", "json")
EXPECTED: dict[Fault, Expected] = {
    "hang": Expected(states=("pending", "unknown"), reason="answer"),
    "hang at the end": Expected(states=("unknown",), reason="it may have arrived", kinds=("mail",)),
    "drop": Expected(states=("unknown",), reason="the answer was lost: it may have arrived"),
    "keep and drop": Expected(states=("unknown",), reason="the answer was lost: it may have arrived"),
    "refuse": Expected(states=("pending",), reason="connection refused", down=True),
    "401": Expected(states=("dead",), reason="check user and password|not valid any more|revoked|check the token"),
    "550": Expected(states=("dead",), reason="550 no such user: check the address", kinds=("mail",)),
    "429": Expected(states=("pending",), reason="429|limited", kinds=HTTP, down=True),
    "500": Expected(states=("pending",), reason="50|451|oops"),
    "503": Expected(states=("pending",), reason="503|421|service_unavailable", down=True),
    "greylist": Expected(states=("pending",), reason="450 greylisted", kinds=("mail",), down=True),
    "greylist at the end": Expected(states=("pending",), reason="451 greylisted", kinds=("mail",)),
    "slow": Expected(states=("sent",)),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One fault of one kind of channel."""

    fault: Fault
    kind: Kind

    def __str__(self) -> str:
        return f"{self.kind}: {self.fault}"


CASES = tuple(Case(fault, kind) for fault, expected in EXPECTED.items() for kind in expected.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a case came to. `before` and `during`: seconds until the slowest of the others had a thread."""

    case: Case
    before: float
    during: float
    lost: int
    repeated: int
    disordered: int
    wrong: tuple[str, ...]

    @property
    def extra(self) -> float:
        """How much later than without the fault the others had a thread, at the worst."""
        return self.during - self.before


class JumpingClock:
    """The machine's clock, put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead += timedelta(seconds=max(seconds, 0.0))


@dataclass
class Scene:
    """The program and its surroundings. `faulty` is the place that fails, `others` those that do not."""

    site: UnrollSite
    places: Sequence[Receiver]
    folder: Path
    timeout: float
    hurried: bool = False
    clock: JumpingClock = field(default_factory=JumpingClock)
    published: list[str] = field(default_factory=list)

    @property
    def faulty(self) -> Receiver:
        return self.places[0]

    @property
    def others(self) -> Sequence[Receiver]:
        return self.places[1:]

    # -- the program ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the program on the store of this folder, and let it run."""
        base = SETTINGS.format(folder=self.folder, site=self.site.base_url, timeout=self.timeout)
        settings = made(**tomllib.loads(base + "".join(place.settings for place in self.places)))
        self._stack = AsyncExitStack()
        self.app: App = await self._stack.enter_async_context(open_app(settings, clock=self.clock))
        if not await self.app.store.feeds():
            await self.app.follower.follow(f"@{AUTHOR.handle}", ())
        self._stop = asyncio.Event()
        self._runner: LocalRunner = self.app.runner()
        self._running = asyncio.create_task(self._runner.run(self._stop))

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        self._stop.set()
        try:
            await asyncio.wait_for(self._running, 15)
        finally:
            await self._stack.aclose()

    # -- what happens -----------------------------------------------------------------------------

    async def publish(self) -> str:
        """A new thread appears; where nothing is measured, the next look at its author comes at once."""
        now = self.clock()
        number = len(self.published)
        posts = tuple(
            SamplePost(id=snowflake(now, number * 10 + n), text=f"Post {n} of thread {number}.") for n in (1, 2)
        )
        self.site.publish(SampleThread(author=AUTHOR, posts=posts))
        self.published.append(posts[0].id)
        if self.hurried:
            await self.skip(1.2)
        return posts[0].id

    async def tell_others(self) -> float:
        """Publish a thread; seconds until the slowest of the others has it."""
        began = time.monotonic()
        key = await self.publish()
        await eventually(lambda: all(key in place.copies() for place in self.others), within=PATIENCE)
        return max(next(one.at for one in place.arrived if key in one.keys) for place in self.others) - began

    async def skip(self, seconds: float) -> None:
        """Put the clock forward, and let the program notice."""
        self.clock.skip(seconds)
        self._runner.wake()

    async def skip_to_next_try(self) -> None:
        """Put the clock forward to when the faulty channel is tried again."""
        due = (await self.app.store.next_due()).deliveries.get(self.faulty.name)
        if due is not None:
            await self.skip((due - self.clock()).total_seconds())

    # -- what the books say -----------------------------------------------------------------------

    async def rows(self) -> list[Delivery]:
        """The faulty channel's rows for what was published while it failed, in order."""
        rows = await self.app.store.deliveries()
        wanted = set(self.published[-BACKLOG:])
        return [row for row in rows if row.channel == self.faulty.name and row.entry_key in wanted]

    async def first(self) -> Delivery:
        """The first of them."""
        return (await self.rows())[0]

    async def state(self) -> ChannelState:
        """What is known of the faulty channel."""
        return await self.app.store.channel(self.faulty.name)

    async def settled(self) -> Delivery:
        """The first of them, once the first try of it has come to something."""
        async with asyncio.timeout(PATIENCE):
            while (row := await self.first()).attempts == 0 or row.state == "sending":
                await asyncio.sleep(0.02)
        return row


@asynccontextmanager
async def scene(kind: Kind, folder: Path, *, timeout: float = 20.0, hurried: bool = False) -> AsyncIterator[Scene]:
    """Eight channels, two of each kind; the first, of this kind, is the one that will fail."""
    kinds = (kind, *(other for other in KINDS * 2 if other != kind), kind)
    async with AsyncExitStack() as stack:
        site = UnrollSite(threads=[], authors=[AUTHOR])
        await site.start()
        stack.push_async_callback(site.stop)
        names = [f"{one}{number}" for number, one in enumerate(kinds)]
        places = [await stack.enter_async_context(receiving(*pair)) for pair in zip(kinds, names, strict=True)]
        made_scene = Scene(site, places, folder, timeout, hurried)
        await made_scene.start()
        try:
            yield made_scene
        finally:
            await made_scene.stop()


# -- one case -------------------------------------------------------------------------------------


async def attempt(
    case: Case, folder: Path, *, timeout: float = 20.0, samples: int = 3, hurried: bool = False
) -> Outcome:
    """Let a channel fail while threads appear, heal it, and count. `timeout`: that of a send, in seconds.

    `samples`: threads that appear before the fault, for comparison. `hurried`: nothing is to be measured.
    """
    async with scene(case.kind, folder, timeout=timeout, hurried=hurried) as made_scene:
        await made_scene.tell_others()  # the first send of each channel loads what it needs
        before = max([await made_scene.tell_others() for _ in range(samples)], default=0.0)
        await eventually(lambda: len(made_scene.faulty.copies()) == samples + 1, within=PATIENCE)
        await made_scene.faulty.misbehave(case.fault)
        during = max([await made_scene.tell_others() for _ in range(BACKLOG)])
        wrong = await _wrong_while_failing(made_scene, case)
        if EXPECTED[case.fault].down:
            wrong += await _stay_down(made_scene)
        doubts = {row.entry_key: row.doubts for row in await made_scene.rows()}
        await _heal(made_scene, case)
        doubts = {row.entry_key: max(row.doubts, doubts[row.entry_key]) for row in await made_scene.rows()}
        after = await _lives(made_scene)
        return Outcome(
            case=case,
            before=before,
            during=during,
            lost=_lost(made_scene),
            repeated=_repeated(made_scene, doubts),
            disordered=_disordered(made_scene),
            wrong=(*wrong, *after, *await _wrong_in_the_end(made_scene)),
        )


async def _wrong_while_failing(made_scene: Scene, case: Case) -> list[str]:
    """What the books should say while the channel fails, and do not."""
    expected = EXPECTED[case.fault]
    if case.fault == "slow":
        return []
    row = await made_scene.settled()
    wrong = []
    if row.state not in expected.states:
        wrong.append(f"{row.state} ({row.error}), not {' or '.join(expected.states)}")
    if not re.search(expected.reason, row.error):
        wrong.append(f'the reason is "{row.error}", not "{expected.reason}"')
    if row.state == "dead":
        return wrong + await _wrong_when_dead(made_scene)
    state = await made_scene.state()
    if row.claimed_at is None or min(row.due_at, state.next_try_at or row.claimed_at) - row.claimed_at < FIRST_RETRY:
        wrong.append("tried again sooner than after 10 s")
    if row.doubtful != (row.state == "unknown"):
        wrong.append(f"{row.state}, doubtful: {row.doubtful}")
    return wrong + (await _wrong_when_asked_to_wait(made_scene) if case.fault == "429" else [])


async def _wrong_when_dead(made_scene: Scene) -> list[str]:
    """A refusal for ever: each is dead at its first try, with a reason."""
    await _until_all_are(made_scene, ("dead",))
    rows = await made_scene.rows()
    late = [row for row in rows if row.state != "dead" or row.attempts != 1 or not row.error]
    return [f"refused for ever, but {row.state} after {row.attempts}" for row in late]


async def _wrong_when_asked_to_wait(made_scene: Scene) -> list[str]:
    """A Retry-After is kept to the second, and over a restart."""
    wrong = []
    until = (await made_scene.state()).next_try_at
    row = await made_scene.first()
    if until is None or row.claimed_at is None or (until - row.claimed_at).total_seconds() < RETRY_AFTER:
        return ["the Retry-After is not kept"]
    await made_scene.stop()
    await made_scene.start()
    if (await made_scene.state()).next_try_at != until:
        wrong.append("the Retry-After is forgotten over a restart")
    tries = made_scene.faulty.tries
    await made_scene.skip((until - made_scene.clock()).total_seconds() - 2)
    await asyncio.sleep(0.5)  # long enough for a program that does not wait to show it
    if made_scene.faulty.tries != tries:
        wrong.append("asked again before its Retry-After was over")
    return wrong


async def _stay_down(made_scene: Scene) -> list[str]:
    """Let the outage last for many tries."""
    for _ in range(LONG):
        failures = (await made_scene.state()).failures
        await made_scene.skip_to_next_try()
        async with asyncio.timeout(PATIENCE):
            while (await made_scene.state()).failures == failures:
                await asyncio.sleep(0.01)
    first = await made_scene.first()
    return [] if first.attempts > LONG else [f"of {LONG + 1} tries the first in the queue had {first.attempts}"]


async def _heal(made_scene: Scene, case: Case) -> None:
    """Let the place be well again, what is dead be sent again by hand, and wait until nothing waits."""
    if case.fault != "slow":
        await made_scene.faulty.misbehave("")
    dead = [row for row in await made_scene.rows() if row.state == "dead"]
    if dead:
        await made_scene.app.store.settle(retried_by_hand(row, made_scene.clock()) for row in dead)
    await _until_all_are(made_scene, ("sent", "dead"))


async def _until_all_are(made_scene: Scene, states: tuple[str, ...]) -> None:
    """Wait for it, skipping what has to be waited for; no longer than patience lasts."""
    end = time.monotonic() + PATIENCE * 2
    while time.monotonic() < end:
        rows = await made_scene.rows()
        if len(rows) == BACKLOG and all(row.state in states for row in rows):
            return
        if not any(row.state == "sending" for row in rows):
            await made_scene.skip_to_next_try()
        await asyncio.sleep(0.05)


async def _lives(made_scene: Scene) -> list[str]:
    """After it all, one more thread reaches everybody, without a restart."""
    key = await made_scene.publish()
    try:
        await eventually(lambda: all(key in place.copies() for place in made_scene.places), within=PATIENCE)
    except TimeoutError:
        return ["a thread after the fault did not arrive"]
    return []


async def _wrong_in_the_end(made_scene: Scene) -> list[str]:
    async with asyncio.timeout(PATIENCE):
        while any(row.state == "sending" for row in await made_scene.app.store.deliveries()):
            await asyncio.sleep(0.02)
    rows = await made_scene.app.store.deliveries()
    return [f"{row.channel}: {row.state} ({row.error})" for row in rows if row.state != "sent"]


def _lost(made_scene: Scene) -> int:
    return sum(len(set(made_scene.published) - place.copies().keys()) for place in made_scene.places)


def _repeated(made_scene: Scene, doubts: dict[str, int]) -> int:
    """Copies that no doubt accounts for, and copies that do not say that they may repeat."""
    beyond = 0
    for place in made_scene.places:
        seen: set[str] = set()
        for one in place.arrived:
            for key in one.keys:
                beyond += key in seen and not one.may_repeat
                seen.add(key)
        for key, copies in place.copies().items():
            allowed = doubts.get(key, 0) if place is made_scene.faulty and place.kind != "matrix" else 0
            beyond += max(copies - 1 - allowed, 0)
    return beyond


def _disordered(made_scene: Scene) -> int:
    """Threads that arrived before an earlier one."""
    count = 0
    for place in made_scene.places:
        ranks = [made_scene.published.index(key) for key in place.order()]
        count += sum(later < earlier for earlier, later in pairwise(ranks))
    return count


def some(cases: Sequence[Case], number: int, seed: int) -> list[Case]:
    """So many of these, chosen by chance."""
    return random.Random(seed).sample(list(cases), number) if number < len(cases) else list(cases)
