"""A day of the whole program, on a clock that runs fast: does it lose, repeat, grow?

200 authors, a tenth of what their site answers is faulty, a tenth of what is sent fails. The real composition, store
and HTTP client; the site and the channels are made for it. All by chance from a seed.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import random
import tempfile
import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from bot.app import App, open_app
from bot.audit import audit
from bot.commands.auditing import books
from bot.demo.site import SampleAuthor, SamplePost, SampleThread, author_page, listed_card, snowflake, thread_page
from bot.errors import ChannelDown, ChannelError, DeliveryInDoubt
from bot.model import Limits, Message
from bot.opening import owner
from bot.settings import made
from tests.command import eventually
from tests.fast_loop import FastClock, FastLoop
from tests.servers.receiver import REPEATS
from tests.trials.figures import Figures, Options

HOURS = 24.0
FEWEST_HOURS = 3.0
AUTHORS = 200
THREADS_AN_HOUR = 1000 / HOURS
OLD_THREADS = 5
CHANNELS = ("a", "b", "c")
FAULTY = 0.1
QUIET_FROM = 0.9
"""From this part of the time on nothing new appears; what is late has the rest of it, and `LATE` hours more."""
LATE = 12.0
WARM = 0.25
WINDOW = 0.125
"""Memory and the like are compared over this part of the time: after warm-up, and at the end."""
SAMPLE_EVERY = 300.0
START = datetime(2026, 3, 28, 12, tzinfo=UTC)  # in the night that follows the clocks of Europe go forward
SEND_LIMIT = 20.0

SETTINGS = {
    "timezone": "Europe/Paris",
    "poll": {"host_delay": "0.2s", "per_host": 2, "concurrency": 32},
    "channels": {name: {"kind": "tests.trials.soak:Sink", "gap": "1s"} for name in CHANNELS},
}


# -- the site -------------------------------------------------------------------------------------


@dataclass
class BusySite:
    """200 authors' pages. All threads are written before the trial begins; each shows once its time has come."""

    clock: FastClock
    chance: random.Random
    threads: dict[str, list[SampleThread]]
    appear: dict[str, float]
    """When a thread's page appears, in seconds from the start; before that for those that were there before."""
    author_of: dict[str, str]
    well: bool = True
    answers: Counter[str] = field(default_factory=Counter)
    base_url: str = ""

    def shown(self, handle: str) -> list[SampleThread]:
        now = (self.clock() - START).total_seconds()
        return [one for one in self.threads.get(handle, ()) if self.appear[one.key] <= now][::-1]

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request."""
        fault = "" if self.well or self.chance.random() >= FAULTY else self.chance.choice(SITE_FAULTS)
        self.answers["well" if self.well else fault] += 1
        page = self._page(request.path)
        if fault:
            return await _faulty(request, fault, page, self.chance)
        return web.Response(status=404) if page is None else _conditional(request, page)

    def _page(self, path: str) -> bytes | None:
        kind, name = path.strip("/").split("/")
        if kind == "user":
            shown = self.shown(name.casefold())
            author = self.threads[name.casefold()][0].author
            return author_page(author, "".join(listed_card(one) for one in shown[:15])).encode()
        key = name.removesuffix(".html")
        shown = self.shown(self.author_of.get(key, ""))
        thread = next((one for one in shown if one.key == key), None)
        more = [one for one in shown if one.key != key][:6]
        return thread_page(thread, more).encode() if thread else None


SITE_FAULTS = ("time-out", "500", "429", "garbage", "cut", "empty", "challenge")
CHALLENGE = b"<html><head><title>Just a moment...</title></head><body>cf_chl_opt</body></html>"


def _conditional(request: web.BaseRequest, page: bytes) -> web.Response:
    etag = f'"{hashlib.sha256(page).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    return web.Response(body=page, content_type="text/html", charset="utf-8", headers={"ETag": etag})


async def _faulty(
    request: web.BaseRequest, fault: str, page: bytes | None, chance: random.Random
) -> web.StreamResponse:
    match fault:
        case "time-out":
            await asyncio.sleep(45)
            return web.Response(status=504)
        case "500":
            return web.Response(status=500, text="oops")
        case "429":
            return web.Response(status=429, headers={"Retry-After": str(chance.randrange(30, 300))})
        case "garbage":
            return web.Response(body=chance.randbytes(3000), content_type="text/html")
        case "empty":
            return web.Response(body=b"", content_type="text/html")
        case "challenge":
            return web.Response(status=chance.choice((200, 403)), body=CHALLENGE, content_type="text/html")
    whole = page or b"<html></html>"
    cut = web.StreamResponse(headers={"Content-Type": "text/html", "Content-Length": str(len(whole))})
    await cut.prepare(request)
    await cut.write(whole[: len(whole) // 2])
    if request.transport is not None:
        request.transport.close()
    return cut


# -- the channels ---------------------------------------------------------------------------------


@dataclass
class Post:
    """What arrived in all channels, and how often a channel left us in doubt about a thread."""

    chance: random.Random
    well: bool = False
    arrived: dict[str, list[tuple[str, bool]]] = field(default_factory=lambda: defaultdict(list))
    doubts: Counter[tuple[str, str]] = field(default_factory=Counter)
    sends: Counter[str] = field(default_factory=Counter)

    def keep(self, channel: str, message: Message) -> None:
        self.arrived[channel] += [(key, REPEATS in message.text) for key in keys_of(message)]

    def doubt(self, channel: str, message: Message) -> None:
        self.doubts.update((channel, key) for key in keys_of(message))


def keys_of(message: Message) -> list[str]:
    links = [link for link in message.links if "/thread/" in link and link.endswith(".html")]
    return list(dict.fromkeys(link.rsplit("/", 1)[1].removesuffix(".html") for link in links))


post = Post(random.Random(0))
"""Where the channels of the running trial deliver. Settings can hand a channel only what a file can hold."""


class Sink:
    """A channel that keeps what it is sent, and fails as channels do."""

    limits = Limits()

    def __init__(self, name: str, *, gap: float = 0.0) -> None:
        self.name = name
        self.gap = gap

    async def send(self, message: Message) -> str:
        faults = ("fails", "busy", "in doubt, arrived", "in doubt, lost", "hangs, arrived", "hangs, lost")
        fault = "" if post.well or post.chance.random() >= FAULTY else post.chance.choice(faults)
        post.sends["well" if post.well else fault] += 1
        if "lost" not in fault and fault not in ("fails", "busy"):
            post.keep(self.name, message)
        if fault == "fails":
            raise ChannelError(self.name, "500")
        if fault == "busy":
            raise ChannelDown(self.name, "429", retry_after=post.chance.randrange(5, 120))
        if fault:
            post.doubt(self.name, message)
        if "hangs" in fault:
            await asyncio.sleep(SEND_LIMIT)
        if fault:
            raise DeliveryInDoubt(self.name, "no answer: it may have arrived")
        return ""

    async def check(self) -> None:
        return None

    async def close(self) -> None:
        return None


# -- what is measured -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment."""

    seconds: float
    memory: float
    files: int
    tasks: int
    threads: int


def sample(seconds: float) -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        seconds,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(os.listdir("/proc/self/fd")),
        len(asyncio.all_tasks()),
        threading.active_count(),
    )


class Lines(logging.Handler):
    """Counts what is logged, and keeps tracebacks: there should be none."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.crashes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        if record.exc_info:
            self.crashes.append("".join(traceback.format_exception(*record.exc_info))[-800:])


# -- the trial ------------------------------------------------------------------------------------


def trial(options: Options) -> Figures:
    """Live a day."""
    lines = Lines()
    log = logging.getLogger("bot")
    log.addHandler(lines)
    level, log.level = log.level, logging.INFO
    random.seed(options.seed)
    try:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=FastLoop) as runner:
            return runner.run(_day(options, Path(folder) / "data", lines))
    finally:
        log.removeHandler(lines)
        log.setLevel(level)


async def _day(options: Options, folder: Path, lines: Lines) -> Figures:
    hours = max(HOURS * options.size, FEWEST_HOURS)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FastLoop)
    chance = random.Random(options.seed)
    post.__init__(random.Random(options.seed + 1))  # type: ignore[misc]
    clock = loop.clock_from(START - timedelta(days=1))
    async with _serving(_written(hours, chance, clock)) as site:
        settings = made(data_dir=folder, sources={"threadreader": {"base_url": site.base_url}}, **SETTINGS)
        async with open_app(settings, clock=clock) as app:
            for handle in site.threads:
                await app.follower.follow(f"@{handle}", ())
            clock.jump(START)
            samples = await _lived(app, site, clock, hours)
            found = audit(await books(app.store, at_work=False))
            left = Counter(row.state for row in await app.store.deliveries())
        # The store stops waiting for its own end after 2.5 s of this loop's time, which are none.
        await eventually(lambda: owner(settings) is None, within=20_000)
    wrong = [f"{kind}: {offenders[0]}" for kind, offenders in found.faults.items() if offenders]
    return _figures(site, samples, lines, hours, clock.seconds() / 3600, folder, left, wrong)


def _written(hours: float, chance: random.Random, clock: FastClock) -> BusySite:
    """Every thread that will ever be, in its author's order; each appears when it was written."""
    threads: dict[str, list[SampleThread]] = {}
    appear: dict[str, float] = {}
    handles = [f"author{n:03d}" for n in range(AUTHORS)]
    times: dict[str, list[float]] = {
        handle: [-86400.0 * (OLD_THREADS + 1 - n) for n in range(OLD_THREADS)] for handle in handles
    }
    for _ in range(round(THREADS_AN_HOUR * hours)):
        times[chance.choice(handles)].append(chance.uniform(1, hours * 3600 * QUIET_FROM))
    for number, handle in enumerate(handles):
        author = SampleAuthor(handle=handle, name=f"Author {number}")
        threads[handle] = []
        for place, at in enumerate(sorted(times[handle])):
            ids = [snowflake(START + timedelta(seconds=at), number * 10 + n) for n in range(3)]
            posts = tuple(SamplePost(id=id_, text=f"{handle} writes {place}: words, and {id_}.") for id_ in ids)
            threads[handle].append(SampleThread(author=author, posts=posts))
            appear[ids[0]] = at
    author_of = {one.key: handle for handle, written in threads.items() for one in written}
    return BusySite(clock, random.Random(chance.random()), threads, appear, author_of)


@asynccontextmanager
async def _serving(site: BusySite) -> AsyncIterator[BusySite]:
    server = web.Server(site.answer, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    site.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        listening.close()
        await server.shutdown(0.01)


async def _lived(app: App, site: BusySite, clock: FastClock, hours: float) -> list[Sample]:
    """Run for so many hours, and on until nothing is late."""
    stop = asyncio.Event()
    running = asyncio.create_task(app.runner().run(stop))
    site.well = False
    samples = []
    end = hours * 3600
    while clock.seconds() < end + LATE * 3600 and not running.done():
        await asyncio.sleep(SAMPLE_EVERY)
        if clock.seconds() < end:
            samples.append(sample(clock.seconds()))
            continue
        site.well = post.well = True
        if not _missing(site) and not await app.store.deliveries(("pending", "unknown", "sending")):
            break
    stop.set()
    await running
    return samples


def _missing(site: BusySite) -> list[tuple[str, str]]:
    """Threads that appeared after their author was followed, and are not in each channel."""
    new = {key for key, at in site.appear.items() if at > 0}
    have = {name: {key for key, _ in post.arrived[name]} for name in CHANNELS}
    return [(name, key) for name in CHANNELS for key in sorted(new - have[name])]


def _repeats(site: BusySite) -> tuple[int, int]:
    """Copies beyond the first: all, and those that no doubt accounts for, that say nothing, or of old threads."""
    copies, beyond = 0, 0
    for name in CHANNELS:
        seen: Counter[str] = Counter()
        for key, may_repeat in post.arrived[name]:
            beyond += site.appear[key] <= 0 or (seen[key] > 0 and not may_repeat)
            seen[key] += 1
        copies += sum(seen.values()) - len(seen)
        beyond += sum(max(many - 1 - post.doubts[name, key], 0) for key, many in seen.items())
    return copies, beyond


def _figures(
    site: BusySite,
    samples: list[Sample],
    lines: Lines,
    hours: float,
    lasted: float,
    folder: Path,
    left: Counter[str],
    wrong: list[str],
) -> Figures:
    def window(start: float) -> list[Sample]:
        return [one for one in samples if start <= one.seconds / 3600 / hours < start + WINDOW]

    warm, late = window(WARM), window(1 - WINDOW)
    missing = _missing(site)
    copies, beyond = _repeats(site)
    counted = {
        "simulated h": lasted,
        "requests": site.answers.total(),
        "faulty answers %": _faults(site.answers),
        "threads": sum(at > 0 for at in site.appear.values()),
        "sends": post.sends.total(),
        "faulty sends %": _faults(post.sends),
        "lost": len(missing),
        "repeated in doubt": copies - beyond,
        "repeated beyond doubt": beyond,
        "dead": left["dead"],
        "audit faults": len(wrong),
        "crashes": len(lines.crashes),
        "memory MB": max(one.memory for one in warm),
        "memory growth MB": max(one.memory for one in late) - max(one.memory for one in warm),
        **_growth("open files", [one.files for one in warm], [one.files for one in late]),
        **_growth("tasks", [one.tasks for one in warm], [one.tasks for one in late]),
        **_growth("python threads", [one.threads for one in warm], [one.threads for one in late]),
        "store kB": _size(folder, archive=False) / 1000,
        "archive kB": _size(folder, archive=True) / 1000,
        "log lines an hour": lines.count / lasted,
    }
    none = ("lost", "repeated beyond doubt", "dead", "audit faults", "crashes", "python threads growth")
    # Open files: two connections to the host are kept, and both their ends are ours. Tasks: some polls are in flight
    # also at the quietest moment; a leak of one an hour would be twice that.
    slack = {"memory growth MB": 10.0, "open files growth": 4.0, "tasks growth": 8.0, "log lines an hour": 2000.0}
    bars = dict.fromkeys(none, 0.0) | slack
    found = [f"{name}: {key} did not arrive" for name, key in missing[:5]] + wrong + lines.crashes[:3]
    return Figures(trial="soak", counted=counted, bars=bars, found=tuple(found))


def _faults(counted: Counter[str]) -> float:
    """How many in a hundred were faulty while there were faults."""
    return 100 * (1 - counted[""] / (counted.total() - counted["well"]))


def _growth(name: str, warm: list[int], late: list[int]) -> dict[str, float]:
    """The fewest there were at any time: what is in flight comes and goes, what leaks stays."""
    return {name: min(late), f"{name} growth": min(late) - min(warm)}


def _size(folder: Path, *, archive: bool) -> int:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if ("archive" in path.parts) is archive)
