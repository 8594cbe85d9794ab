"""Stand-ins for tests, mean on purpose: a site that pages, hides, lies and answers 304; a channel that fails in
every way a channel can; a clock and a store that crash when told to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bot.alerts import Rules
from bot.dispatch import Dispatcher
from bot.errors import (
    ChannelDown,
    ChannelError,
    ChannelRejected,
    DeliveryInDoubt,
    FeedEnded,
    FeedGone,
    HostDown,
    HostHeld,
    ParseError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    StoreError,
    TemporarySourceError,
    WrongAuthor,
)
from bot.finding import Finder
from bot.follow import Follower
from bot.inspection import Inspector
from bot.model import (
    Author,
    Cursor,
    Entry,
    Feed,
    Fetched,
    Limits,
    Located,
    Message,
    NotModified,
    Post,
    Resolved,
)
from bot.policy import Policies
from bot.poll import Poller
from bot.relook import Relooker
from bot.routing import Router
from bot.runners.lanes import Lane
from bot.runners.once import Once
from bot.schedule import Pace

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to. Called, it says the time."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **spans: float) -> None:
        self.now += timedelta(**spans)

    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds=seconds)


@dataclass
class Thread:
    """A thread on the fake site; of every author there, unless `author` names one.

    `edited` are posts with other words, `hidden` those that its page does not show. `words`: what its posts are about,
    where that is not its key; `latest`: when its newest post was written, where the site says that. `also`: more ids.
    """

    key: str
    published: datetime
    posts: int = 3
    listed: bool = True
    readable: bool = True
    first_post: str = ""
    author: str = ""
    edited: dict[int, str] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    words: str = ""
    latest: datetime | None = None
    also: tuple[str, ...] = ()


@dataclass
class Site:
    """What is true at the fake site, and how it misbehaves just now: to all (`fault`), to some feeds (`faults`)."""

    threads: dict[str, Thread] = field(default_factory=dict)
    page_size: int = 3
    fault: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    deeper_fault: str = ""
    thread_fault: str = ""
    not_before: datetime | None = None
    lies_304: bool = False
    moved_to: str = ""
    fresh_until: datetime | None = None
    ordered: bool = False
    shuffled: bool = False
    requests: list[str] = field(default_factory=list)

    def publish(self, key: str, at: datetime, **more: Any) -> Thread:
        self.threads[key] = Thread(key=key, published=at, **more)
        return self.threads[key]

    def listing(self, author: str) -> list[Thread]:
        listed = [thread for thread in self.threads.values() if thread.listed and thread.author in ("", author)]
        return sorted(listed, key=lambda thread: thread.published, reverse=True)

    def version(self, author: str) -> str:
        return ",".join(f"{thread.key} {thread.posts}" for thread in self.listing(author)[: self.page_size])


class FakeSource:
    """A source over a `Site`: conditional, paged, expandable."""

    def __init__(self, site: Site, kind: str = "fake") -> None:
        self.site = site
        self.kind = kind

    def locate(self, address: str) -> Located | None:
        name = address.removeprefix("https://fake.example/").removeprefix("@").casefold()
        if not name.isidentifier():
            return None
        return Located(source=self.kind, feed_id=f"{self.kind}:{name}", handle=name)

    async def resolve(self, address: str) -> Resolved:
        located = self.locate(address)
        assert located is not None
        self._misbehave(located.feed_id, self.site.fault)
        author = Author(handle=located.handle)
        return Resolved(feed=Feed(id=located.feed_id, source=self.kind, address=f"@{located.handle}", author=author))

    async def check(self) -> None:
        self._misbehave("", self.site.fault)

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        self.site.requests.append("list")
        self._misbehave(feed.id, self.site.fault)
        version = self.site.version(feed.author.handle)
        if cursor.get("version") == version and (self.site.lies_304 or version):
            return NotModified(cursor=cursor, moved_to=self.site.moved_to, not_before=self.site.fresh_until)
        return self._page(feed, self.site.listing(feed.author.handle), {"version": version})

    async def older(self, feed: Feed, token: str) -> Fetched:
        self.site.requests.append(f"older {token}")
        self._misbehave(feed.id, self.site.fault or self.site.deeper_fault)
        threads = self.site.listing(feed.author.handle)
        return self._page(feed, [t for t in threads if t.published.timestamp() < float(token)], {})

    async def expand(self, entry: Entry) -> Entry:
        self.site.requests.append(f"thread {entry.key}")
        self._misbehave(entry.feed_id, self.site.thread_fault)
        thread = self.site.threads[entry.key]
        if not thread.readable:
            raise FeedGone(entry.feed_id, "there is no such thread")
        whole = entry_of(thread, entry.feed_id)
        first = thread.first_post or thread.key
        shown = (n for n in range(thread.posts) if n not in thread.hidden)
        about = thread.words or thread.key
        posts = tuple(Post(id=f"{first}.{n}", text=thread.edited.get(n, f"post {n} of {about}")) for n in shown)
        aliases = (thread.first_post,) if thread.first_post else ()
        return replace(whole, posts=posts, aliases=aliases, whole=True, latest=thread.latest)

    def _page(self, feed: Feed, threads: list[Thread], cursor: Cursor) -> Fetched:
        page = threads[: self.site.page_size]
        older = str(page[-1].published.timestamp()) if page else ""
        if self.site.shuffled:
            page = page[::-1]
        entries = tuple(entry_of(thread, feed.id) for thread in page)
        return Fetched(
            entries=entries,
            cursor=cursor,
            older=older,
            author=feed.author,
            ordered=self.site.ordered,
            moved_to=self.site.moved_to,
            not_before=self.site.fresh_until,
        )

    def _misbehave(self, feed_id: str, fault: str) -> None:
        fault = self.site.faults.get(feed_id, fault)
        if fault == "unreachable":
            raise SourceUnreachable(feed_id, "nobody answers at fake.example")
        if fault == "page":
            raise ParseError(feed_id, "the page is not an author's page")
        if fault == "down":
            raise TemporarySourceError(feed_id, "fake.example answered 503", not_before=self.site.not_before)
        if fault == "held":
            raise HostHeld(feed_id, "fake.example asked for a pause", not_before=self.site.not_before)
        if fault == "dead":
            raise HostDown(feed_id, "fake.example did not answer others", until=self.site.not_before or START)
        if fault == "ended":
            raise FeedEnded(feed_id, "fake.example says that the page is gone for good (410)")
        if fault == "stranger":
            raise WrongAuthor(feed_id, "@ann belongs to somebody else now")
        if fault == "login":
            raise SourceRefused(feed_id, "fake.example wants a login")
        if fault == "bug":
            raise ZeroDivisionError("a bug in the source")
        if fault:
            raise SourceError(feed_id, fault)


def entry_of(thread: Thread, feed_id: str = "fake:ann") -> Entry:
    """The card of a thread."""
    return Entry(
        feed_id=feed_id,
        key=thread.key,
        url=f"https://fake.example/thread/{thread.key}",
        author=Author(handle=feed_id.split(":")[1]),
        title=f"Thread {thread.key}",
        published=thread.published,
        post_count=thread.posts,
        aliases=thread.also,
        posts=(Post(id=f"{thread.key}.0", text=f"post 0 of {thread.words or thread.key}"),),
    )


class FakeChannel:
    """A channel whose `mode` says how the next sends go; `inbox` holds what arrived."""

    def __init__(self, name: str = "me", *, gap: float = 0.0, clock: Clock | None = None) -> None:
        self.name = name
        self.limits = Limits()
        self.gap = gap
        self.mode = "ok"
        self.retry_after: float | None = None
        self.inbox: list[Message] = []
        self.starts: list[float] = []
        self._clock = clock

    async def send(self, message: Message) -> str:
        if self._clock:
            self.starts.append(self._clock.seconds())
        if self.mode in ("ok", "arrives, then fails"):
            self.inbox.append(message)
        if self.mode == "arrives, then fails":
            raise DeliveryInDoubt(self.name, "the answer was lost")
        if self.mode == "lost":
            raise DeliveryInDoubt(self.name, "timed out")
        if self.mode == "away":
            raise ChannelDown(self.name, "connection refused")
        if self.mode == "down":
            raise ChannelError(self.name, "503", retry_after=self.retry_after)
        if self.mode == "refused":
            raise ChannelRejected(self.name, "bad token")
        if self.mode == "bug":
            raise ZeroDivisionError("a bug in the channel")
        return f"receipt of {message.key}"

    async def check(self) -> None:
        return None

    async def close(self) -> None:
        return None


class Crash(BaseException):
    """The process dies here."""


class CrashingStore:
    """A store whose `fuse`-th write kills the process: before it is done, or just after. `writes` names them all."""

    WRITES = frozenset(
        {"commit", "claim", "settle", "follow", "unsubscribe", "drop", "prune", "set_paused", "join", "alert", "amend"}
    )

    def __init__(self, behind: Any, fuse: int = -1, *, after: bool = False) -> None:
        self._behind = behind
        self.fuse = fuse
        self.after = after
        self.writes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._behind, name)
        if name not in self.WRITES:
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            self.fuse -= 1
            self.writes.append(name)
            if self.fuse == 0 and not self.after:
                raise Crash
            result = await method(*args, **kwargs)
            if self.fuse == 0:
                raise Crash
            return result

        return write


class FailingStore:
    """A store whose writes of one kind fail while `broken` names it; the process lives on."""

    def __init__(self, behind: Any) -> None:
        self._behind = behind
        self.broken = ""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._behind, name)
        if name not in ("commit", "claim", "settle", "alert"):
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            if self.broken == name:
                raise StoreError("no space left on the disk")
            return await method(*args, **kwargs)

        return write


@dataclass
class World:
    """The program put together over fakes, for flow tests."""

    store: Any
    site: Site = field(default_factory=Site)
    clock: Clock = field(default_factory=Clock)
    channels: tuple[FakeChannel, ...] = ()
    pace: Pace = field(default_factory=Pace)
    rules: Rules = field(default_factory=Rules)
    policies: Policies = field(default_factory=Policies)
    zone: tzinfo = UTC
    chance: float = 0.5
    others: dict[str, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channels = self.channels or (FakeChannel(clock=self.clock),)
        self.source = FakeSource(self.site)
        self.build()

    def build(self) -> None:
        """Start the program, as after a restart: everything but store, site and channels is new."""
        sources = {"fake": self.source, **{kind: FakeSource(site, kind) for kind, site in self.others.items()}}
        names = tuple(channel.name for channel in self.channels)
        self.router = Router(channels=names, policies=self.policies)
        self.poller = Poller(
            store=self.store,
            sources=sources,
            router=self.router,
            pace=self.pace,
            clock=self.clock,
            chance=lambda: self.chance,
        )
        self.dispatcher = Dispatcher(
            store=self.store,
            channels={channel.name: channel for channel in self.channels},
            router=self.router,
            deciding=self.poller.deciding,
            zone=self.zone,
            clock=self.clock,
            monotonic=self.clock.seconds,
            chance=lambda: self.chance,
        )
        self.follower = Follower(store=self.store, finder=Finder(sources=sources), poller=self.poller, zone=self.zone)
        lanes = [
            Lane(self.dispatcher, c, monotonic=self.clock.seconds, sleep=self.clock.sleep) for c in self.channels
        ]
        self.inspector = Inspector(
            store=self.store, channels=names, rules=self.rules, clock=self.clock, monotonic=self.clock.seconds
        )
        self.relooker = Relooker(poller=self.poller)
        self.once = Once(
            store=self.store,
            poller=self.poller,
            relooker=self.relooker,
            lanes=lanes,
            inspector=self.inspector,
            concurrency=4,
        )

    async def follow(self, address: str = "@ann", channels: Iterable[str] = (), **more: Any) -> Any:
        return await self.follower.follow(address, tuple(channels), **more)

    async def round(self, *, hours: float = 1) -> Any:
        """Let time pass, then make one round over all authors that are due."""
        self.clock.advance(hours=hours)
        return await self.once.round(await self.store.due_feeds(self.clock()))

    def arrived(self, channel: int = 0) -> list[str]:
        """Keys of the threads that arrived at a channel, one for each time."""
        return [
            link.rsplit("/", 1)[1]
            for message in self.channels[channel].inbox
            if message.event in ("new", None)
            for link in dict.fromkeys(message.links)
            if "/thread/" in link
        ]
