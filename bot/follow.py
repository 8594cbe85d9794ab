"""Follow and unfollow; and bring the store in line with the settings file. (Pausing is the store's alone.)

Calls things in order. Does not poll (`poll`), send (`dispatch`) or know where addresses come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from bot import diff
from bot.errors import SettingsError, SourceError
from bot.model import (
    EVERY_CHANNEL,
    Author,
    Backfill,
    Changes,
    Entry,
    Feed,
    FeedState,
    Located,
    PollInput,
    Resolved,
    Subscription,
)
from bot.poll import Poller
from bot.protocols import Source, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An author as the settings file declares it. `channels` empty = every channel."""

    address: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What following came to: the author, the threads its page shows now, and which of them are sent."""

    feed: Feed
    threads: tuple[Entry, ...] = ()
    sent: tuple[Entry, ...] = ()
    already: bool = False


def locate(sources: Mapping[str, Source], address: str) -> Located:
    """Say what an address names, without the network. Raises `SettingsError` if no source knows it."""
    for source in sources.values():
        located = source.locate(address.strip())
        if located is not None:
            return located
    raise SettingsError(
        f'"{address}" names no author: give @name, a profile URL (x.com/name, threadreaderapp.com/user/name)'
        " or the URL of one of their threads"
    )


def matching(feeds: Iterable[Feed], sources: Mapping[str, Source], address: str) -> Feed | None:
    """The followed author that an address (or an author's id or name) names, without the network."""
    feeds = tuple(feeds)
    for feed in feeds:
        if address in (feed.id, feed.address, feed.author.name) or address.casefold() == feed.address.casefold():
            return feed
    try:
        located = locate(sources, address)
    except SettingsError:
        return None
    return next((feed for feed in feeds if feed.id == located.feed_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """Changes who is followed. `poller` makes the first look."""

    store: Store
    sources: Mapping[str, Source]
    poller: Poller
    zone: tzinfo
    _reconciling: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def follow(self, address: str, channels: Sequence[str], backfill: Backfill = None) -> Followed:
        """Subscribe to an author: resolve, look, set the baseline, queue the backfill; all in one commit.

        `channels` empty = every channel, now and later. Raises `SettingsError`, `SourceError`, `StoreError`;
        then nothing has changed.
        """
        located = locate(self.sources, address)
        resolved = await self.sources[located.source].resolve(address.strip())
        async with self.poller.alone(resolved.feed.id):
            return await self._follow(resolved, channels, backfill)

    async def _follow(self, resolved: Resolved, channels: Sequence[str], backfill: Backfill) -> Followed:
        feed = resolved.feed
        before = await self.store.poll_input(feed.id)
        subscriptions = tuple(
            Subscription(feed_id=feed.id, channel=channel, origin="follow") for channel in channels or (EVERY_CHANNEL,)
        )
        already = before is not None and before.state.baselined
        if before and already and backfill is None:
            await self.store.follow(before.feed, subscriptions, self._new_way(before.state, resolved))
            return Followed(feed=before.feed, already=True)
        state = FeedState(feed_id=feed.id, cursor=resolved.cursor)
        start = PollInput(feed=feed, state=state, subscriptions=subscriptions, has_known=False)
        look = await self.poller.first_look(start, backfill, self.zone)
        feed = replace(feed, author=look.changes.author or feed.author)
        changes = diff.only_announced(look.changes) if already else look.changes
        await self.store.follow(feed, subscriptions, changes)
        queued = await self.store.deliveries(["pending"], [d.id for d in look.changes.deliveries])
        sent = tuple(e for e in look.changes.contents if e.key in {d.entry_key for d in queued})
        return Followed(feed=feed, threads=look.entries, sent=sent, already=already)

    async def enlist(self, address: str, channels: Sequence[str]) -> Followed:
        """Subscribe to an author without a look, as the settings file does: the first poll sets the baseline.

        Asks the network only where the address alone does not say who it is. Raises as `follow` does.
        """
        resolved = await self._declared(Declared(address=address), ())
        feed = resolved.feed
        already = await self.store.poll_input(feed.id) is not None
        wanted = channels or (EVERY_CHANNEL,)
        await self._declare(resolved, [Subscription(feed_id=feed.id, channel=one, origin="follow") for one in wanted])
        return Followed(feed=feed, already=already)

    @staticmethod
    def _new_way(state: FeedState, resolved: Resolved) -> Changes | None:
        """An author who fails is looked at again at once, by what was just found: a thread's URL is a second way."""
        if not state.failures:
            return None
        again = replace(state, cursor=resolved.cursor, next_poll_at=state.held_until)
        return Changes(feed_id=state.feed_id, state=again)

    async def unfollow(self, feed: Feed) -> tuple[Subscription, ...]:
        """End the subscriptions that `follow` made; returns those that the settings file still declares.

        Asks no source, so it works when the source is dead.
        """
        mine = [s for s in await self.store.subscriptions() if s.feed_id == feed.id]
        await self.store.unsubscribe(s.id for s in mine if s.origin == "follow")
        return tuple(s for s in mine if s.origin == "settings")

    async def reconcile(self, declared: Iterable[Declared]) -> tuple[tuple[str, str], ...]:
        """Make the declared subscriptions those of the settings file; returns what failed: address and reason.

        An author that is not declared any more is unfollowed, unless `follow` added it too. What cannot be
        looked up now is tried again at the next start or reload. Raises `SettingsError` for what names no author.
        """
        async with self._reconciling:
            return await self._reconcile(declared)

    async def _reconcile(self, declared: Iterable[Declared]) -> tuple[tuple[str, str], ...]:
        have = {s.id: s for s in await self.store.subscriptions() if s.origin == "settings"}
        failed: list[tuple[str, str]] = []
        keep: set[str] = set()
        for item in declared:
            try:
                resolved = await self._declared(item, have.values())
            except SourceError as error:
                failed.append((item.address, error.reason))
                continue
            feed = resolved.feed
            wanted = [
                Subscription(feed_id=feed.id, channel=channel, origin="settings", declared=item.address)
                for channel in item.channels or (EVERY_CHANNEL,)
            ]
            # Another spelling of an author who stands further up in the file is that author.
            wanted = [s for s in wanted if s.id not in keep]
            keep |= {s.id for s in wanted}
            if any(have.get(s.id) != s for s in wanted):
                await self._declare(resolved, wanted)
        resolved_feeds = {id_.split(">")[0] for id_ in keep}
        # What could not be looked up may be one of these under another spelling: then no author is let go, but
        # channels of authors who are declared still follow the file.
        gone = [s for s in have.values() if s.id not in keep and (not failed or s.feed_id in resolved_feeds)]
        await self.store.unsubscribe(s.id for s in gone)
        return tuple(failed)

    async def _declare(self, resolved: Resolved, wanted: Iterable[Subscription]) -> None:
        """Add subscriptions; a new author begins without a first look, one who is there keeps its state."""
        feed = resolved.feed
        async with self.poller.alone(feed.id):
            there = await self.store.poll_input(feed.id)
            state = FeedState(feed_id=feed.id, cursor=resolved.cursor)
            await self.store.follow(feed, wanted, None if there else Changes(feed_id=feed.id, state=state))

    async def _declared(self, item: Declared, have: Iterable[Subscription]) -> Resolved:
        """The feed that a declaration means. Asks the network only for a thread's URL."""
        located = locate(self.sources, item.address)
        known = located.feed_id or next((s.feed_id for s in have if s.declared == item.address), "")
        start = await self.store.poll_input(known) if known else None
        if start is not None:
            return Resolved(feed=start.feed)
        if not located.feed_id:
            return await self.sources[located.source].resolve(item.address)
        author = Author(handle=located.handle)
        feed = Feed(id=located.feed_id, source=located.source, address=f"@{located.handle}", author=author)
        return Resolved(feed=feed)
