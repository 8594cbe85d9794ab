"""The composition root: builds store, sources and channels from the settings and joins them to the flow.

The only module that knows the adapters, by the names in its tables or by a dotted path. Owns the clock and
chance. Contains no logic of the flow.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from bot import __version__
from bot.alerts import Rules
from bot.dispatch import Dispatcher
from bot.errors import ChannelError, SettingsError
from bot.finding import Finder
from bot.follow import Declared, Follower
from bot.gallery import Gallery
from bot.inspection import Inspector
from bot.media import MediaKeeper
from bot.opening import now, open_store, resolve
from bot.poll import Poller
from bot.protocols import Channel, Clock, Source, Store, Successor
from bot.redact import Redactor
from bot.relook import Relooker
from bot.rhythm import price_of
from bot.routing import Router
from bot.runners.lanes import Lane
from bot.runners.local import LocalRunner
from bot.runners.once import Once
from bot.schedule import Pace
from bot.settings import ChannelKeys, ChannelSection, Settings
from bot.spending import Spending
from bot.upkeep import ArchiveBounds

if TYPE_CHECKING:
    from bot.http import Grant, Http  # loads aiohttp, which the listings do without

SOURCES = {
    "threadreader": "bot.sources.threadreader:ThreadReader",
    "fxtwitter": "bot.sources.fxtwitter:FxTwitter",
    "bluesky": "bot.sources.bluesky:Bluesky",
    "mastodon": "bot.sources.mastodon:Mastodon",
    "syndication": "bot.sources.syndication:Syndication",
}
CHANNELS = {
    "url": "bot.channels.apprise:plain",
    "email": "bot.channels.apprise:email",
    "matrix": "bot.channels.apprise:matrix",
    "slack": "bot.channels.apprise:slack",
    "console": "bot.channels.console:ConsoleChannel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The program, put together. `clock` says what time it is for all of it; `lanes`: one for each channel."""

    settings: Settings
    clock: Clock
    store: Store
    http: Http
    sources: Mapping[str, Source]
    channels: Mapping[str, Channel]
    poller: Poller
    relooker: Relooker
    dispatcher: Dispatcher
    lanes: tuple[Lane, ...]
    inspector: Inspector
    finder: Finder
    follower: Follower
    gallery: Gallery

    @property
    def bounds(self) -> ArchiveBounds:
        """How much is kept."""
        archive = self.settings.archive
        return ArchiveBounds(max_age=archive.max_age, max_size=archive.max_size)

    def succeed(self, before: App) -> None:
        """Come in the place of another App on the same store, which does nothing any more.

        What it was told to wait for stays in force, and what it could not finish is taken over.
        """
        self.http.succeed(before.http)
        self.dispatcher.succeed(before.dispatcher)
        if self.poller.spending is not None and before.poller.spending is not None:
            self.poller.spending.succeed(before.poller.spending)
        lanes = {lane.name: lane for lane in before.lanes}
        for lane in self.lanes:
            if lane.name in lanes:
                lane.succeed(lanes[lane.name])
        for name, channel in self.channels.items():
            if name in before.channels and isinstance(channel, Successor):
                channel.succeed(before.channels[name])

    @property
    def declared(self) -> tuple[Declared, ...]:
        """The authors that the settings file declares."""
        return tuple(
            Declared(addresses=follow.author, channels=follow.channels, source=follow.source)
            for follow in self.settings.follow
        )

    def once(self) -> Once:
        """What makes one round."""
        return Once(
            store=self.store,
            poller=self.poller,
            relooker=self.relooker,
            lanes=self.lanes,
            inspector=self.inspector,
            concurrency=self.settings.poll.concurrency,
            bounds=self.bounds,
            gallery=self.gallery,
        )

    def runner(self, started: Callable[[], None] = lambda: None) -> LocalRunner:
        """What runs until it is stopped. `started`: see `LocalRunner`."""
        return LocalRunner(
            store=self.store,
            poller=self.poller,
            relooker=self.relooker,
            lanes=self.lanes,
            inspector=self.inspector,
            concurrency=self.settings.poll.concurrency,
            bounds=self.bounds,
            gallery=self.gallery,
            clock=self.clock,
            started=started,
        )


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    store: Store | None = None,
    before: App | None = None,
    grant: Grant | None = None,
    clock: Clock = now,
) -> AsyncIterator[App]:
    """Build everything, and close it in reverse order. Raises `SettingsError`, `StoreError`.

    A `store` that is given stays open; `grant`: who keeps the hosts' budgets where it is not that store.
    `before`: the App on it in whose place this one comes; see `App.succeed`.
    Spans (gaps, pauses, time-outs) are measured by the event loop's own time, moments by `clock`.
    """
    async with AsyncExitStack() as stack:
        channels = build_channels(settings)
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        if store is None:
            store = await open_store(settings)
            stack.push_async_callback(store.close)
        spending = build_spending(settings, store, clock)
        if spending is not None:
            stack.push_async_callback(spending.close)
        http = build_http(settings, clock, grant or (spending.grant if spending else None))
        stack.push_async_callback(http.close)
        app = _joined(settings, store, http, channels, spending, clock)
        if before is not None:
            app.succeed(before)
        yield app


def build_spending(settings: Settings, store: Store, clock: Clock) -> Spending | None:
    """What keeps each host's requests within its budget; None where there is none."""
    per_day = settings.poll.requests_per_day
    return Spending(store=store, per_day=per_day, pace=pace_of(settings), clock=clock) if per_day else None


def _joined(
    settings: Settings,
    store: Store,
    http: Http,
    channels: Mapping[str, Channel],
    spending: Spending | None,
    clock: Clock,
) -> App:
    """The flow, joined to what was opened for it."""
    sources = build_sources(settings, http, clock)
    poller = build_poller(settings, store, sources, clock, spending)
    dispatcher = build_dispatcher(settings, store, channels, poller, clock)
    return App(
        settings=settings,
        clock=clock,
        store=store,
        http=http,
        sources=sources,
        channels=channels,
        poller=poller,
        relooker=Relooker(poller=poller),
        dispatcher=dispatcher,
        lanes=tuple(Lane(dispatcher, channel, monotonic=_seconds()) for channel in channels.values()),
        inspector=build_inspector(settings, store, clock),
        finder=Finder(sources=sources),
        follower=Follower(store=store, finder=Finder(sources=sources), poller=poller, zone=settings.zone),
        gallery=Gallery(
            store=store,
            keeper=MediaKeeper(store, http, max_media=settings.archive.max_media),
            policies=poller.router.policies,
        ),
    )


def _seconds() -> Callable[[], float]:
    """What spans are measured by: the event loop's own time."""
    return asyncio.get_running_loop().time


def build_poller(
    settings: Settings, store: Store, sources: Mapping[str, Source], clock: Clock, spending: Spending | None = None
) -> Poller:
    """What looks at authors."""
    return Poller(
        store=store,
        sources=sources,
        router=build_router(settings, sources),
        pace=pace_of(settings),
        clock=clock,
        chance=random.random,
        timeout=settings.poll.timeout.total_seconds(),
        spending=spending,
    )


def build_router(settings: Settings, sources: Mapping[str, Source]) -> Router:
    """What says where an event of a thread goes."""

    finder = Finder(sources=sources)

    def locate(address: str, source: str) -> str:
        found = finder.first(address, source)
        return found.located.feed_id if found is not None else ""

    return Router(channels=tuple(settings.channels), policies=settings.policies(locate))


def build_dispatcher(
    settings: Settings, store: Store, channels: Mapping[str, Channel], poller: Poller, clock: Clock
) -> Dispatcher:
    """What sends notices. It takes turns with the looks where both write rows of the outbox."""
    router, deciding = poller.router, poller.deciding
    return Dispatcher(
        store=store,
        channels=channels,
        router=router,
        deciding=deciding,
        zone=settings.zone,
        clock=clock,
        monotonic=_seconds(),
        chance=random.random,
        redact=Redactor(settings.secrets()),
    )


def pace_of(settings: Settings) -> Pace:
    """How often authors are looked at."""
    poll = settings.poll
    return Pace(
        interval=poll.interval,
        min_interval=poll.min_interval,
        max_interval=poll.max_interval,
        burst=poll.burst,
        price=price_of(poll.interval),
    )


def build_inspector(settings: Settings, store: Store, clock: Clock) -> Inspector:
    """What finds out that something goes wrong."""
    rules = Rules(
        channels=settings.alerts.channels,
        after=settings.alerts.after,
        silence=settings.alerts.silence,
        interval=settings.poll.interval,
        zone=settings.zone,
    )
    names = tuple(settings.channels)
    return Inspector(store=store, channels=names, rules=rules, clock=clock, monotonic=_seconds())


def build_http(settings: Settings, clock: Clock = now, grant: Grant | None = None) -> Http:
    """The HTTP client. Hosts that the settings file names may be private; what pages point to may not.

    Without `grant` it asks as often as it is told to.
    """
    from bot.http import Http

    poll = settings.poll
    contact = f"; {poll.contact}" if poll.contact else ""
    addresses = (getattr(options, "base_url", "") for _, options in settings.sources)
    declared = (address for follow in settings.follow for address in follow.author)
    named = filter(None, map(_host, (*addresses, *declared)))
    return Http(
        user_agent=f"keepcurrent/{__version__} (+https://pypi.org/project/keepcurrent/{contact})",
        timeout=poll.timeout.total_seconds(),
        per_host=poll.per_host,
        host_delay=poll.host_delay.total_seconds(),
        allowed_hosts=(*named, *settings.allow_private_hosts),
        grant=grant,
        clock=clock,
    )


def _host(address: str) -> str:
    """The host that an address names, "" if it names none."""
    try:
        return urlsplit(address[address.find("http") :] if "://" in address else "").hostname or ""
    except ValueError:
        return ""


def build_sources(settings: Settings, http: Http, clock: Clock = now) -> dict[str, Source]:
    """The sources by kind."""
    return {
        kind: resolve(path)(http, clock=clock, **options.model_dump(exclude={"enabled"}))
        for kind, path in SOURCES.items()
        if (options := getattr(settings.sources, kind)).enabled
    }


def build_channels(settings: Settings) -> dict[str, Channel]:
    """The channels by name, in the order of the settings. Raises `SettingsError` with all that cannot be built."""
    channels: dict[str, Channel] = {}
    problems: list[str] = []
    for name, section in settings.channels.items():
        try:
            channels[name] = build_channel(name, section, settings)
        except ChannelError as error:
            problems.append(f"[channels.{name}]: {error.reason}")
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            # Only a foreign kind can come here: a path that leads nowhere, or options that it does not take.
            problems.append(f"[channels.{name}]: {getattr(section, 'kind', 'url')}: {error}")
    if problems:
        raise SettingsError(*problems)
    return channels


def build_channel(name: str, section: BaseModel, settings: Settings) -> Channel:
    """One channel, with its options as plain arguments."""
    # What is said of notices is not the channel's business: a policy is made of it.
    said = ((key, value) for key, value in section if key not in ChannelKeys.model_fields)
    options = {key: _plain(value) for key, value in said if value is not None}
    kind = str(options.pop("kind", "url"))
    gap = options.pop("gap", None)
    if gap is not None:
        options["gap"] = gap.total_seconds()
    if isinstance(section, ChannelSection) and kind != "console":
        options["timeout"] = settings.delivery.timeout.total_seconds()
    channel = resolve(CHANNELS.get(kind, kind))(name, **options)
    # Of the type first: to ask a channel for its limits loads Apprise, a fifth of a second that a quiet round spares.
    parts = ("name", "limits", "gap", "send", "check", "close")
    if not all(hasattr(type(channel), part) or hasattr(channel, part) for part in parts):
        raise TypeError("is no channel")
    return cast("Channel", channel)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever an option may be
    return value.get_secret_value() if isinstance(value, SecretStr) else value
