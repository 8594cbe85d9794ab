"""Tries bad pages on the real client, source and flow: one author on the bad page, one healthy, on one site.

`python -m tests.hostile.rounds` tries the whole table in this process and prints one line of JSON for each page, the
last one for the process. Every connection is seen where Python makes it, so that none to a foreign address goes unseen,
and none leaves the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC
from pathlib import Path

from aiohttp.abc import AbstractResolver

from bot.alerts import Rules
from bot.demo.site import author_page, listed_card, thread_page
from bot.dispatch import Dispatcher
from bot.errors import SourceError
from bot.finding import Finder
from bot.follow import Follower
from bot.http import Http
from bot.inspection import Inspector
from bot.poll import Poller
from bot.relook import Relooker
from bot.routing import Router
from bot.runners.lanes import Lane
from bot.runners.once import Once
from bot.schedule import Pace
from bot.sources.threadreader import ThreadReader
from bot.stores.memory import MemoryStore
from tests import pages
from tests.fakes import Clock, FakeChannel
from tests.hostile.pages import FOREIGN, HERE, PORT, BadPage, Place, bad_pages, chain
from tests.sites import Answer, Site, answer, site

SIDE_BY_SIDE = 12
TIMEOUT = 1.5
"""Seconds; the program's own is 20."""
PATIENCE = 30.0
FOREIGN_ADDRESS = "127.0.0.2"

OLD = [pages.thread(n) for n in range(3)]
NEW = pages.thread(10)
NEWEST = pages.thread(20)
HEALTHY = pages.thread(11, author=pages.LOUD)


@dataclass
class Tried:
    """What one bad page came to. `wrong` says in words what must not be; seconds are those of the longest round."""

    page: str
    wrong: list[str] = field(default_factory=list)
    false: int = 0
    lost: int = 0
    crashes: int = 0
    foreign: int = 0
    seconds: float = 0.0
    blocked: float = 0.0
    megabytes: float = 0.0
    errors: list[str] = field(default_factory=list)


# -- what is seen of the process ------------------------------------------------------------------


class Connections:
    """Counts connections to addresses that no page may lead to, and stops all that would leave the machine."""

    def __init__(self) -> None:
        self.foreign = 0
        self.allowed = {"127.0.0.1"}
        sys.addaudithook(self._seen)

    def _seen(self, event: str, args: tuple[object, ...]) -> None:
        if event != "socket.connect" or not isinstance(args[1], tuple) or args[1][0] in self.allowed:
            return
        if not ipaddress.ip_address(str(args[1][0]).split("%")[0]).is_global:
            self.foreign += 1
        raise OSError(f"{args[1][0]}: stopped by the test")


class Crashes(logging.Handler):
    """Counts what this program did not foresee."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(f"{record.getMessage()} {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


class Watch:
    """The longest time that the event loop was kept, in seconds of this thread's own work (not of its neighbours')."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.thread_time() - before)


def peak_megabytes() -> float:
    """The most memory since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


class Names(AbstractResolver):
    """Names whose addresses are private: always, among open ones, or from the second question on."""

    def __init__(self) -> None:
        self._asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET):
        self._asked += 1
        found = {
            "rebinds.example": ["8.8.8.8"] if self._asked == 1 else [FOREIGN_ADDRESS],
            "mixed.example": ["8.8.8.8", FOREIGN_ADDRESS, "10.0.0.1"],
            "private.example": [FOREIGN_ADDRESS, "::1"],
            "metadata.google.internal": ["169.254.169.254"],
        }.get(host) or _as_c_does(host)
        return [
            {
                "hostname": host,
                "host": one,
                "port": port,
                "family": _family(one),
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for one in found
        ]

    async def close(self) -> None:
        pass


def _as_c_does(host: str) -> list[str]:
    """What the C library takes for an address ("127.2"), without asking any name server."""
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    try:
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        raise OSError(f"no such name: {host}") from None


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# -- the world ------------------------------------------------------------------------------------


class Reader(ThreadReader):
    """The source, with what it raised."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.raised: list[tuple[str, SourceError]] = []

    async def fetch(self, feed, cursor):
        with self._noted("listing", feed.id):
            return await super().fetch(feed, cursor)

    async def older(self, feed, token):
        with self._noted("deeper", feed.id):
            return await super().older(feed, token)

    async def expand(self, entry):
        with self._noted("thread", entry.feed_id):
            return await super().expand(entry)

    @contextlib.contextmanager
    def _noted(self, place: str, feed_id: str):
        try:
            yield
        except SourceError as error:
            if feed_id == "threadreader:polarpetra":
                self.raised.append((place, error))
            raise


class Trial:
    """The program over a site with two authors."""

    def __init__(self, served: Site, timeout: float) -> None:
        self.served = served
        self.failed: list[str] = []
        self.clock = Clock()
        self.http = self._client(timeout)
        self.source = Reader(self.http, clock=self.clock, base_url=served.url)
        self.store = MemoryStore()
        self.channel = FakeChannel(clock=self.clock)
        sources = {"threadreader": self.source}
        router = Router(channels=("me",))
        self.poller = Poller(store=self.store, sources=sources, router=router, pace=Pace(), clock=self.clock,
                             chance=lambda: 0.5, timeout=timeout)  # fmt: skip
        dispatcher = Dispatcher(store=self.store, channels={"me": self.channel}, router=router, zone=UTC,
                                clock=self.clock, monotonic=self.clock.seconds, chance=lambda: 0.5)  # fmt: skip
        self.follower = Follower(store=self.store, finder=Finder(sources=sources), poller=self.poller, zone=UTC)
        lane = Lane(dispatcher, self.channel, monotonic=self.clock.seconds, sleep=self.clock.sleep)
        inspector = Inspector(store=self.store, channels=("me",), rules=Rules(), clock=self.clock,
                          monotonic=self.clock.seconds)  # fmt: skip
        self.relooker = Relooker(poller=self.poller)
        self.once = Once(store=self.store, poller=self.poller, relooker=self.relooker, lanes=[lane],
                         inspector=inspector, concurrency=4)  # fmt: skip

    def _client(self, timeout: float) -> Http:
        return Http(
            user_agent="test",
            timeout=timeout,
            host_delay=0,
            allowed_hosts=["127.0.0.1"],
            clock=self.clock,
            resolver=Names(),
        )

    async def follow(self) -> None:
        """Follow both, with more patience than what is tried has: the machine may be busy with others."""
        serve(self.served, [], [])
        patient = self._client(PATIENCE)
        try:
            source = Reader(patient, clock=self.clock, base_url=self.served.url)
            sources = {"threadreader": source}
            poller = replace(self.poller, sources=sources, timeout=PATIENCE)
            follower = replace(self.follower, finder=Finder(sources=sources), poller=poller)
            await follower.follow("@PolarPetra", ())
            await follower.follow("@loudvoice", ())
        finally:
            await patient.close()

    async def round(self, *, due: bool, **later: float) -> float:
        """Make a round over all authors or those that are due; how long it took."""
        self.clock.advance(**later)
        started = time.monotonic()
        ids = await self.store.due_feeds(self.clock()) if due else [feed.id for feed, _ in await self.store.feeds()]
        done = await self.once.round(ids)
        self.failed += [polled.error for polled in done.polled if polled.outcome == "failed"]
        return time.monotonic() - started

    def arrived(self) -> list[str]:
        return [
            link.rsplit("/", 1)[1].removesuffix(".html")
            for message in self.channel.inbox
            if message.event != "grown"  # a page that heals has other words than it had
            for link in dict.fromkeys(message.links)
            if "/thread/" in link
        ]


def serve(served: Site, news, deeper) -> dict[Place, tuple[str, bytes]]:
    """Make the site right, with these threads new; where which page is, and what it is."""
    listed = sorted([*news, *([] if deeper else OLD)], key=lambda one: -one.time)
    first = author_page(pages.PETRA, "".join(map(listed_card, listed))).encode()
    below = "".join(listed_card(one) for one in (*deeper, *reversed(OLD)))
    theirs = author_page(pages.LOUD, "".join(listed_card(one) for one in ([HEALTHY] if news else []))).encode()
    right: dict[Place, tuple[str, bytes]] = {
        "listing": ("/user/PolarPetra", first),
        "thread": (f"/thread/{NEW.key}.html", thread_page(NEW).encode()),
        "deeper": (f"/user/PolarPetra?ajax=true&before={NEWEST.time + 1}", below.encode()),
    }
    also = {
        f"/thread/{NEWEST.key}.html": thread_page(NEWEST).encode(),
        "/user/loudvoice": theirs,
        f"/thread/{HEALTHY.key}.html": thread_page(HEALTHY).encode(),
        "/login": pages.LOGIN,
    }
    served.answers = {path: answer(body=body) for path, body in (*right.values(), *also.items())}
    served.answers["/user/polarpetra"] = served.answers["/user/PolarPetra"]
    served.answers["/silence"] = _silence
    served.answers |= {f"/chain/{number}": chain for number in range(40)}
    return right


async def _silence(_asked, _writer) -> None:
    await asyncio.Event().wait()


def placed(sent: bytes | Answer, here: str, foreign_port: int) -> bytes | Answer:
    """An answer with the real addresses in it, and the length that it has then."""
    if not isinstance(sent, bytes) or len(sent) > 100_000:
        return sent
    head, _, body = sent.partition(b"\r\n\r\n")
    names = {FOREIGN: FOREIGN_ADDRESS.encode(), PORT: b"%d" % foreign_port, HERE: here.encode()}
    filled = body
    for name, value in names.items():
        head, filled = head.replace(name, value), filled.replace(name, value)
    head = head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % len(filled))
    return head + b"\r\n\r\n" + filled


# -- one page -------------------------------------------------------------------------------------


async def attempt(bad: BadPage, connections: Connections, foreign_port: int, *, timeout: float = TIMEOUT) -> Tried:
    """Two rounds on the bad page, then some after it has healed."""
    tried = Tried(page=bad.id)
    watch, crashes = Watch(), Crashes()
    before = connections.foreign
    async with site() as served:
        trial = Trial(served, timeout)
        await trial.follow()
        deeper = bad.place == "deeper"
        news, below = ([NEWEST], [NEW]) if deeper else ([NEW], [])
        right = serve(served, news, below)
        path, page = right[bad.place]
        sent = placed(bad.make(page), f"127.0.0.1:{served.port}", foreign_port)
        served.answers[path] = sent
        if bad.heavy:
            forget_peak()
        logging.getLogger("bot").addHandler(crashes)
        watching = asyncio.create_task(watch.run())
        try:
            await _bad_rounds(trial, bad, tried)
            del sent
            serve(served, news, below)
            for later in ({"minutes": 12}, {"hours": 5}, {"hours": 30}):
                tried.seconds = max(tried.seconds, await trial.round(due=True, **later))
            tried.megabytes = peak_megabytes()
        finally:
            watching.cancel()
            logging.getLogger("bot").removeHandler(crashes)
            await trial.http.close()
        _judge_healed(trial, tried, [*news, *below])
        _judge_requests(served, tried)
    tried.blocked = watch.longest
    tried.crashes = len(crashes.seen) if bad.heavy else sum("this program failed" in one for one in crashes.seen)
    tried.wrong += [f"crash: {one}" for one in crashes.seen]
    tried.foreign = connections.foreign - before if bad.heavy else 0
    return tried


async def _bad_rounds(trial: Trial, bad: BadPage, tried: Tried) -> None:
    tried.seconds = await trial.round(due=False, hours=1)
    arrived = trial.arrived()
    if HEALTHY.key not in arrived:
        tried.wrong.append("the healthy author's thread was not delivered in the same round")
    if bad.error is None and NEW.key not in arrived:
        tried.wrong.append("the thread was not delivered at once, though its page can be read")
    tried.seconds = max(tried.seconds, await trial.round(due=False, minutes=6))
    raised = [error for place, error in trial.source.raised if place == bad.place]
    tried.errors = sorted({*(f"{type(error).__name__}: {error.reason}" for error in raised), *trial.failed})
    if bad.error is None and trial.source.raised:
        tried.wrong.append("was not read in place")
    if (
        bad.error is not None
        and not any(isinstance(error, bad.error) for error in raised)
        and not (trial.failed and not raised)
    ):
        tried.wrong.append(f"raised no {bad.error.__name__}")
    if bad.error is not None and NEW.key in trial.arrived():
        tried.wrong.append("was announced from a bad page")


def _judge_healed(trial: Trial, tried: Tried, news) -> None:
    arrived, meant = trial.arrived(), {HEALTHY.key, *(one.key for one in news)}
    false = [key for key in arrived if key not in meant or arrived.count(key) > 1]
    lost = meant - set(arrived)
    tried.false, tried.lost = len(false), len(lost)
    tried.wrong += [f"false or twice: {key}" for key in false] + [f"lost: {key}" for key in sorted(lost)]
    for message in trial.channel.inbox:
        # What has no link is an alert: that the page is somebody else's now is told at once.
        if message.links and message.event != "grown" and "Second" not in message.text:
            tried.wrong.append("a notice without its whole thread")


def _judge_requests(served: Site, tried: Tried) -> None:
    if any({"cookie", "authorization"} & asked.headers.keys() for asked in served.requests):
        tried.wrong.append("a cookie or a password was sent")


# -- the table ------------------------------------------------------------------------------------


async def try_all(
    table: Iterable[BadPage], connections: Connections, *, timeout: float = TIMEOUT, heavy_timeout: float = 10.0
) -> list[Tried]:
    """Try pages: the heavy ones one by one, the others side by side. The last result is for the process as a whole."""
    foreign_before = connections.foreign
    async with site(answer(body=b"secret"), host=FOREIGN_ADDRESS) as foreign:
        table = list(table)
        forget_peak()
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(bad: BadPage) -> Tried:
            async with places:
                return await attempt(bad, connections, foreign.port, timeout=timeout)

        light = await asyncio.gather(*(one(bad) for bad in table if not bad.heavy))
        heavy = [
            await attempt(bad, connections, foreign.port, timeout=max(timeout, heavy_timeout))
            for bad in table
            if bad.heavy
        ]
        results = [*light, *heavy]
        whole = Tried(page="all together", foreign=connections.foreign - foreign_before + foreign.connections)
        whole.seconds = max((one.seconds for one in results), default=0)
        whole.blocked = max((one.blocked for one in results), default=0)
        whole.megabytes = max((one.megabytes for one in results), default=0)
        return [*results, whole]


def main() -> None:
    logging.getLogger("bot").propagate = False
    wanted = sys.argv[1:]
    table = [bad for bad in bad_pages() if not wanted or any(word in bad.id for word in wanted)]
    for tried in asyncio.run(try_all(table, Connections())):
        print(json.dumps(asdict(tried)))


if __name__ == "__main__":
    main()
