"""Follow and unfollow; and bring the store in line with the settings file. (Pausing is the store's alone.)

Calls things in order. Does not poll (`poll`), send (`dispatch`) or know where addresses come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from bot import diff
from bot.errors import SourceError, WrongAuthor
from bot.finding import Finder, same_author
from bot.model import (
    EVERY_CHANNEL,
    Backfill,
    Changes,
    Entry,
    Feed,
    FeedState,
    PollInput,
    Resolved,
    Subscription,
)
from bot.poll import Poller
from bot.protocols import Store, lists_whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A person as the settings file declares it: the addresses, the first one first. `channels` empty = every channel;
    `source` "" = whichever knows the address.
    """

    addresses: tuple[str, ...]
    channels: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What following came to: the author, the threads its page shows now, and which of them are sent."""

    feed: Feed
    threads: tuple[Entry, ...] = ()
    sent: tuple[Entry, ...] = ()
    already: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """Changes who is followed. `poller` makes the first look."""

    store: Store
    finder: Finder
    poller: Poller
    zone: tzinfo
    _reconciling: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, address: str, source: str = "") -> Resolved:
        """Look an author up; one who is followed already is that one, also under another name. Changes nothing.

        Raises `SettingsError`, `SourceError`: `WrongAuthor` where the name was that of another who is followed.
        """
        resolved = await self.finder.resolve(address, source)
        feeds = [feed for feed, _ in await self.store.feeds()]
        there = same_author(feeds, resolved) or next((feed for feed in feeds if feed.id == resolved.feed.id), None)
        if there is None:
            return resolved
        now, before = resolved.feed.author, there.author
        if now.key and before.key and now.key != before.key:
            raise WrongAuthor(
                there.id,
                f"{there.address} belongs to somebody else now ({now.label}, id {now.key}), and the one before (id"
                f" {before.key}) is followed: first `keepcurrent unfollow {there.address}`",
            )
        return replace(resolved, feed=there)

    async def follow(self, address: str, channels: Sequence[str], backfill: Backfill = None) -> Followed:
        """Subscribe to an author: resolve, look, set the baseline, queue the backfill; all in one commit.

        `channels` empty = every channel, now and later. Raises `SettingsError`, `SourceError`, `StoreError`;
        then nothing has changed.
        """
        return await self.follow_found(await self.find(address), channels, backfill)

    async def follow_found(self, resolved: Resolved, channels: Sequence[str], backfill: Backfill = None) -> Followed:
        """The same for an author who was looked up already."""
        async with self.poller.turn(resolved.feed.id):
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
        resolved = await self._declared(Declared(addresses=(address,)), address, ())
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
        persons: dict[str, str] = {}
        before = {feed.id: feed for feed, _ in await self.store.feeds()}
        for item in declared:
            found = [one async for one in self._found(item, have.values(), failed)]
            members = _unite(persons, [resolved.feed.id for _, resolved in found])
            # Now, not when all others were looked up: what is found meanwhile would be told in each place.
            await self._join({feed_id: persons[feed_id] for feed_id in members})
            for address, resolved in found:
                feed = resolved.feed
                wanted = [
                    Subscription(feed_id=feed.id, channel=channel, origin="settings", declared=address)
                    for channel in item.channels or (EVERY_CHANNEL,)
                ]
                # Another spelling of an author who stands further up in the file is that author.
                wanted = [s for s in wanted if s.id not in keep]
                keep |= {s.id for s in wanted}
                if any(have.get(s.id) != s for s in wanted):
                    await self._declare(replace(resolved, feed=replace(feed, person=persons[feed.id])), wanted)
        resolved_feeds = {id_.split(">")[0] for id_ in keep}
        # What could not be looked up may be one of these under another spelling: then no author is let go, but
        # channels of authors who are declared still follow the file.
        gone = [s for s in have.values() if s.id not in keep and (not failed or s.feed_id in resolved_feeds)]
        await self._hand_over({s.feed_id for s in gone if s.feed_id not in resolved_feeds}, before)
        await self.store.unsubscribe(s.id for s in gone)
        return tuple(failed)

    async def _found(
        self, item: Declared, have: Iterable[Subscription], failed: list[tuple[str, str]]
    ) -> AsyncIterator[tuple[str, Resolved]]:
        """Each address of a person with what it means; what cannot be looked up now is added to `failed`."""
        for address in item.addresses:
            try:
                yield address, await self._declared(item, address, have)
            except SourceError as error:
                failed.append((address, error.reason))

    async def _hand_over(self, undeclared: Collection[str], before: Mapping[str, Feed]) -> None:
        """Let the other feeds of a person tell what those that leave have not told, or will not see growing. `before`:
        the feeds as they belonged together until now.
        """
        followed = {s.feed_id for s in await self.store.subscriptions() if s.origin == "follow"}
        leaving = [before[feed_id] for feed_id in undeclared if feed_id in before and feed_id not in followed]
        for feed in leaving:
            left = [one for one in before.values() if one.person == feed.person and one not in leaving]
            for sibling in left if feed.person else ():
                async with self.poller.turn(sibling.id):
                    await self._take_over(feed.id, sibling)

    async def _take_over(self, leaving: str, sibling: Feed) -> None:
        """What is known in one feed as a thread of one that leaves is its own from now on."""
        poller = self.poller
        there = [one for one in await self.store.threads(sibling.id) if one.same_in == leaving]
        originals = await self.store.known(leaving, [one.same_as for one in there])
        for known in there:
            original = originals.get(known.same_as)
            if original is None:
                continue
            rows = await poller.reader.rows(original)
            kept = await poller.reader.kept_whole(original)
            whole = kept if lists_whole(poller.sources[sibling.source]) else None
            async with poller.deciding:
                await self.store.commit(diff.taken_over(known, original, rows.values(), whole, poller.clock()))

    async def _join(self, persons: Mapping[str, str]) -> None:
        """Say of these feeds whose they are."""
        for feed_id, person in persons.items():
            start = await self.store.poll_input(feed_id)
            if start is not None and start.feed.person != person:
                async with self.poller.turn(feed_id):
                    await self.store.join(feed_id, person)

    async def _declare(self, resolved: Resolved, wanted: Iterable[Subscription]) -> None:
        """Add subscriptions; a new author begins without a first look, one who is there keeps its state."""
        feed = resolved.feed
        async with self.poller.turn(feed.id) as there:
            state = FeedState(feed_id=feed.id, cursor=resolved.cursor)
            await self.store.follow(feed, wanted, None if there else Changes(feed_id=feed.id, state=state))

    async def _declared(self, item: Declared, address: str, have: Iterable[Subscription]) -> Resolved:
        """The feed that a declaration means. Asks the network only for what an address alone does not tell."""
        candidates = self.finder.candidates(address, item.source)
        sources = {one.located.source for one in candidates}
        before = (s.feed_id for s in have if s.declared == address and s.feed_id.partition(":")[0] in sources)
        known = next(before, candidates[0].located.feed_id)
        start = await self.store.poll_input(known) if known else None
        if start is not None:
            return Resolved(feed=start.feed)
        feed = self.finder.feed_of(candidates[0])
        return Resolved(feed=feed) if feed is not None else await self.find(address, item.source)


def _unite(persons: dict[str, str], feed_ids: Sequence[str]) -> list[str]:
    """Say of each of these feeds whose it is: all are one person's, with all that those of an earlier [[follow]] are.
    Returns them all.

    The person is named by the first feed; an address that cannot be looked up now may stand before it.
    """
    before = {persons[feed_id] or feed_id for feed_id in feed_ids if feed_id in persons}
    members = [feed_id for feed_id, who in persons.items() if (who or feed_id) in before] if before else []
    members += [feed_id for feed_id in feed_ids if feed_id not in persons]
    persons.update(dict.fromkeys(members, members[0] if len(members) > 1 else ""))
    return members
