"""One channel dead, in every way that fits it, while the others go on.

The program in this process, with real channels over Apprise, against receivers on loopback. In each case threads are
published while all is well, then while one receiver misbehaves, and the delay of the other channels is compared; then
the receiver is well again, the clock jumps past every back-off, and the backlog has to arrive, once and in order.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bot.app import App, open_app
from bot.demo.site import SampleAuthor, UnrollSite
from bot.model import ChannelState, Delivery
from bot.runners.local import LocalRunner
from bot.schedule import retried_by_hand
from bot.settings import Settings, made
from tests.servers import receivers
from tests.servers.receivers import Receiver
from tests.trials import arrivals
from tests.trials.figures import Figures, Options
from tests.trials.publishing import Press

ALL = ("mail", "matrix", "slack", "json")
HTTP = ("matrix", "slack", "json")
FAULTS: Mapping[str, tuple[Sequence[str], set[str]]] = {
    "hangs": (ALL, {"unknown"}),
    "drops after the request": (ALL, {"unknown"}),
    # Whether an HTTP request had left before the line broke cannot be told.
    "accepts and drops the line": (ALL, {"pending", "unknown"}),
    "says nothing": (ALL, {"pending", "unknown"}),
    "refuses the connection": (ALL, {"pending"}),
    "slow": (ALL, {"sent"}),
    "401": (HTTP, {"dead"}),
    "429": (HTTP, {"pending"}),
    "500": (HTTP, {"pending"}),
    "503": (HTTP, {"pending"}),
    "421": (("mail",), {"pending"}),
    "450": (("mail",), {"pending"}),
    "451": (("mail",), {"pending"}),
    "535 at login": (("mail",), {"dead"}),
    "550": (("mail",), {"dead"}),
}
"""Faults by name: the channels that can have them, and what becomes of a delivery that meets one."""
CASES = [(kind, fault) for fault, (kinds, _) in FAULTS.items() for kind in kinds]
THREADS = 8
PATIENCE = 60.0
JUMP = timedelta(hours=3)
"""Longer than any back-off here."""
AUTHOR = SampleAuthor(handle="ada_writes", name="Ada")


class ShiftedClock:
    """The real time, and as much more as it was moved on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Desk:
    """A site, the receivers and a clock; the program is opened and closed between them."""

    folder: Path
    press: Press
    receivers: dict[str, Receiver]
    timeout: str
    clock: ShiftedClock = field(default_factory=ShiftedClock)
    published: dict[str, float] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        text = "\n".join(receiver.section for receiver in self.receivers.values())
        return made(
            data_dir=self.folder,
            poll={"interval": "1s", "min_interval": "1s", "host_delay": "0s"},
            sources={"threadreader": {"base_url": self.press.site.base_url}},
            delivery={"timeout": self.timeout},
            **tomllib.loads(text),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[App]:
        async with open_app(self.settings, clock=self.clock) as app:
            if not await app.store.feeds():
                await app.follower.follow(f"@{AUTHOR.handle}", ())
            yield app

    def publish(self) -> None:
        self.published[self.press.publish().key] = asyncio.get_running_loop().time()

    def has(self, kind: str, keys: Sequence[str]) -> bool:
        return not arrivals.lost(self.receivers[kind].arrived(), keys)

    def delays(self, kind: str, keys: Sequence[str]) -> list[float]:
        """Seconds from a thread's publication to its arrival."""
        receiver = self.receivers[kind]
        came: dict[str, float] = {}
        for arrival, time in zip(receiver.arrived(), receiver.times, strict=False):
            for key in arrival.keys:
                came.setdefault(key, time)
        return [came[key] - self.published[key] for key in keys if key in came]


@asynccontextmanager
async def desk(folder: Path, *, timeout: str = "8s", seed: int = 1) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        site = UnrollSite(threads=[], authors=[AUTHOR])
        await site.start()
        stack.push_async_callback(site.stop)
        four = await stack.enter_async_context(receivers.serve())
        press = Press(site, [AUTHOR], random.Random(seed))
        press.baseline()
        yield Desk(folder, press, four, timeout)


async def wait_for(true: Callable[[], bool], what: str, within: float = PATIENCE) -> str:
    """Wait until it is so; else say what was not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not true():
                await asyncio.sleep(0.02)
            return ""
    return f"{what}: not within {within:g} s"


@dataclass
class Outcome:
    """What one case came to. `usual` and `worst`: the slowest of the others' delays, without and with the fault."""

    kind: str
    fault: str
    usual: float = 0.0
    worst: float = 0.0
    states: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)
    repeated: int = 0
    lost: int = 0
    beyond: int = 0
    unmarked: int = 0
    disordered: int = 0
    wrong: list[str] = field(default_factory=list)


async def case(at: Desk, kind: str, fault: str, threads: int) -> Outcome:
    """Play one case from its beginning to its end."""
    outcome = Outcome(kind, fault)
    others = [other for other in ALL if other != kind]
    stop = asyncio.Event()
    async with at.open() as app:
        runner = app.runner()
        running = asyncio.create_task(runner.run(stop))
        before = await _publish(at, threads)
        outcome.wrong.append(await wait_for(lambda: all(at.has(one, before) for one in ALL), "all well"))
        await _all_sent(app)
        outcome.usual = max(delay for other in others for delay in at.delays(other, before))
        await at.receivers[kind].misbehave(fault)
        during = await _publish(at, threads)
        outcome.wrong.append(await wait_for(lambda: all(at.has(one, during) for one in others), "the others"))
        outcome.worst = max(delay for other in others for delay in at.delays(other, during))
        # What is dead blocks nothing: then all of them meet the fault.
        every = "dead" in FAULTS[fault][1]
        for row in await _tried(app, kind, during, len(during) if every else 1):
            outcome.states.add(row.state)
            outcome.reasons.add(row.error)
        await at.receivers[kind].misbehave("")
        await recover(at, app, runner)
        outcome.wrong.append(await wait_for(lambda: at.has(kind, during), "the backlog"))
        await _all_sent(app)
        rows = await app.store.deliveries()
        stop.set()
        await running
    _judge(at, outcome, rows)
    return outcome


async def _publish(at: Desk, threads: int) -> list[str]:
    """So many threads, one about every 0.6 s, which is anywhere between two looks."""
    keys = len(at.press.keys)
    for number in range(threads):
        at.publish()
        await asyncio.sleep(0.25 + (number * 0.37) % 0.7)
    return at.press.keys[keys:]


async def _tried(app: App, channel: str, keys: Sequence[str], many: int) -> list[Delivery]:
    """The deliveries that have met the fault, once there are so many whose outcome is known."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = [row for row in await app.store.deliveries() if row.channel == channel and row.entry_key in keys]
            done = [row for row in rows if row.attempts and row.state != "sending"]
            if len(done) >= many:
                return done
            await asyncio.sleep(0.05)


async def recover(at: Desk, app: App, runner: LocalRunner) -> None:
    """Time passes beyond every back-off, and a person sends again what is dead."""
    at.clock.ahead += JUMP
    dead = [retried_by_hand(row, app.clock()) for row in await app.store.deliveries(["dead"])]
    if dead:
        await app.store.settle(dead, ChannelState(channel=dead[0].channel))
    runner.wake()


async def _all_sent(app: App) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while await app.store.deliveries(["pending", "sending", "unknown", "dead"]):
                await asyncio.sleep(0.05)


def _judge(at: Desk, outcome: Outcome, rows: Sequence[Delivery]) -> None:
    keys = at.press.keys
    for channel in ALL:
        messages = at.receivers[channel].arrived()
        doubts = {row.entry_key: row.doubts for row in rows if row.channel == channel}
        allowed = doubts if channel == outcome.kind != "matrix" else {}
        first = dict.fromkeys(key for message in messages for key in message.keys)
        order = [keys.index(key) for key in first if key in keys]
        outcome.repeated += arrivals.repeated(messages)
        outcome.lost += len(arrivals.lost(messages, keys))
        outcome.beyond += len(arrivals.beyond_doubt(messages, allowed))
        outcome.unmarked += len(arrivals.unmarked(messages))
        disordered = sum(later < earlier for earlier, later in pairwise(order))
        outcome.disordered += disordered
        outcome.wrong += [f"{channel}: came as {order}"] if disordered else []
    unsent = [f"{row.channel}: {row.state}: {row.error}" for row in rows if row.state != "sent"]
    wanted = FAULTS[outcome.fault][1]
    if not outcome.states <= wanted:
        outcome.wrong.append(f"was {outcome.states}, not {wanted}: {outcome.reasons}")
    outcome.wrong = [words for words in (*outcome.wrong, *unsent) if words]


def trial(options: Options) -> Figures:
    """Every fault for every channel that can have it, eight threads each; `--quick`: each fault for one channel."""
    for loud in ("mail.log", "bot"):
        logging.getLogger(loud).setLevel(logging.ERROR)
    full = options.size >= 1
    cases = CASES if full else [(kinds[n % len(kinds)], fault) for n, (fault, (kinds, _)) in enumerate(FAULTS.items())]
    outcomes = [asyncio.run(_case(kind, fault, THREADS if full else 2)) for kind, fault in cases]
    counted: dict[str, float] = {
        "cases": len(outcomes),
        "slowest of the others without a fault (s)": round(max(one.usual for one in outcomes), 2),
        "with one (s)": round(max(one.worst for one in outcomes), 2),
        "most that a fault added (s)": round(max(one.worst - one.usual for one in outcomes), 2),
        "repeated": sum(one.repeated for one in outcomes),
        "lost": sum(one.lost for one in outcomes),
        "repeated beyond doubt": sum(one.beyond for one in outcomes),
        "repeats not marked": sum(one.unmarked for one in outcomes),
        "out of order": sum(one.disordered for one in outcomes),
        "otherwise wrong": sum(bool(one.wrong) for one in outcomes),
    }
    bars = dict.fromkeys(list(counted)[5:], 0.0) | {"most that a fault added (s)": 3.0}
    found = [f"{one.kind}, {one.fault}: {'; '.join(one.wrong)}" for one in outcomes if one.wrong]
    return Figures(trial="channels", counted=counted, bars=bars, found=tuple(found))


async def _case(kind: str, fault: str, threads: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="keepcurrent-channels-") as folder:
        async with desk(Path(folder)) as at:
            outcome = await case(at, kind, fault, threads)
    print(
        f"  {kind}, {fault}: {outcome.usual:.2f} s, {outcome.worst:.2f} s, {'/'.join(sorted(outcome.states))}:"
        f" {' | '.join(sorted(outcome.reasons))}, repeated {outcome.repeated}, out of order {outcome.disordered}",
        file=sys.stderr,
        flush=True,
    )
    return outcome
