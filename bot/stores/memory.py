"""A store in plain dicts, for tests and previews.

Keeps the contract as the embedded one does, by the same `rules`. Does not outlive the process.
"""
# ruff: noqa: D102  # what each method promises stands in `bot.protocols.Store`

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from bot import search
from bot.budget import Spent
from bot.model import (
    Batch,
    Changes,
    ChannelState,
    Delivery,
    DeliveryState,
    Entry,
    Feed,
    FeedState,
    Item,
    Known,
    NextDue,
    PollInput,
    Record,
    Restored,
    Search,
    Stored,
    Subscription,
    Trouble,
)
from bot.pictures import ENDINGS
from bot.stores import codec, moving, rules
from bot.stores.index import CHANNELS, DELIVERIES, FEEDS, STATES, SUBSCRIPTIONS, THREADS, TROUBLES


class MemoryStore:
    """The `Store` without a disk."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}
        self._states: dict[str, FeedState] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._spent: dict[str, Spent] = {}
        self._threads: dict[tuple[str, str], Known] = {}
        self._contents: dict[tuple[str, str], Entry] = {}
        self._versions: dict[tuple[str, str, int], Entry] = {}
        self._media: dict[tuple[str, str], dict[str, tuple[str, bytes]]] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._channels: dict[str, ChannelState] = {}
        self._troubles: dict[str, Trouble] = {}

    async def close(self) -> None:
        pass

    # -- who is followed --------------------------------------------------------------------------

    async def feeds(self) -> tuple[tuple[Feed, FeedState], ...]:
        return tuple((feed, _own(self._states[feed_id])) for feed_id, feed in sorted(self._feeds.items()))

    async def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(sorted(self._subscriptions.values(), key=lambda wanted: (wanted.feed_id, wanted.id)))

    async def follow(self, feed: Feed, subscriptions: Iterable[Subscription], changes: Changes | None = None) -> None:
        self._feeds[feed.id] = rules.followed(self._feeds.get(feed.id), feed)
        self._states.setdefault(feed.id, FeedState(feed_id=feed.id))
        self._subscriptions.update((subscription.id, subscription) for subscription in subscriptions)
        if changes is not None:
            await self.commit(changes)

    async def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        for subscription_id in subscription_ids:
            gone = self._subscriptions.pop(subscription_id, None)
            if gone is not None and not any(self._of(gone.feed_id)):
                self._forget(gone.feed_id)

    def _of(self, feed_id: str) -> Iterator[Subscription]:
        return (wanted for _, wanted in sorted(self._subscriptions.items()) if wanted.feed_id == feed_id)

    def _forget(self, feed_id: str) -> None:
        self._feeds.pop(feed_id, None)
        self._states.pop(feed_id, None)
        self._threads = {ids: known for ids, known in self._threads.items() if known.feed_id != feed_id}
        self._deliveries = {row.id: row for row in self._deliveries.values() if row.feed_id != feed_id}

    async def set_paused(self, feed_id: str, paused: bool) -> None:
        if feed_id in self._feeds:
            self._feeds[feed_id] = replace(self._feeds[feed_id], paused=paused)

    async def join(self, feed_id: str, person: str) -> None:
        if feed_id in self._feeds:
            self._feeds[feed_id] = replace(self._feeds[feed_id], person=person)

    # -- polling ----------------------------------------------------------------------------------

    async def due_feeds(self, now: datetime) -> tuple[str, ...]:
        return tuple(feed_id for due, feed_id in sorted(self._polls()) if due <= now)

    def _polls(self) -> Iterator[tuple[datetime, str]]:
        for feed_id, state in self._states.items():
            due = rules.poll_due(state)
            if due is not None and not self._feeds[feed_id].paused:
                yield due, feed_id

    async def poll_input(self, feed_id: str) -> PollInput | None:
        if feed_id not in self._feeds:
            return None
        return PollInput(
            feed=self._feeds[feed_id],
            state=_own(self._states[feed_id]),
            subscriptions=tuple(self._of(feed_id)),
            has_known=any(known.feed_id == feed_id for known in self._threads.values()),
            siblings=tuple(self._siblings(self._feeds[feed_id])),
        )

    def _siblings(self, feed: Feed) -> Iterator[Feed]:
        return (other for _, other in sorted(self._feeds.items()) if rules.are_siblings(other, feed))

    async def known(self, feed_id: str, ids: Iterable[str]) -> Mapping[str, Known]:
        found = {}
        for name in ids:
            known = self._threads.get((feed_id, name)) or self._by_alias(feed_id, name)
            if known is not None:
                found[name] = known
        return found

    def _by_alias(self, feed_id: str, alias: str) -> Known | None:
        known = (known for known in self._threads.values() if known.feed_id == feed_id and alias in known.aliases)
        return next(known, None)

    async def commit(self, changes: Changes) -> None:
        if changes.feed_id not in self._feeds:
            return
        for entry in changes.contents:
            if rules.keeps(self._contents.get((entry.feed_id, entry.key)), entry):
                self._contents[entry.feed_id, entry.key] = entry
                self._versions[entry.feed_id, entry.key, entry.version] = entry
        self._feeds[changes.feed_id] = rules.polled(self._feeds[changes.feed_id], changes)
        if changes.state is not None:
            self._states[changes.feed_id] = _own(changes.state)
        withdrawn = [row for row in map(self._deliveries.get, changes.withdrawn) if row and rules.accepts(row)]
        for row in withdrawn:
            self._deliveries.pop(row.id, None)
        for delivery in changes.deliveries:
            if rules.accepts(self._deliveries.get(delivery.id)):
                self._deliveries[delivery.id] = delivery
        self._save_threads(rules.booked(changes, withdrawn, self._threads.get))

    def _save_threads(self, threads: Iterable[Known]) -> None:
        there = [known for known in threads if known.feed_id in self._feeds]
        self._threads.update([((known.feed_id, known.key), known) for known in there])

    async def due_looks(self, now: datetime) -> tuple[Known, ...]:
        due = sorted((when, known.feed_id, known.key) for when, known in self._looks() if when <= now)
        return tuple(self._threads[feed_id, key] for _, feed_id, key in due)

    def _looks(self) -> Iterator[tuple[datetime, Known]]:
        for known in self._threads.values():
            due = rules.look_due(known)
            if due is not None and known.feed_id in self._feeds and not self._feeds[known.feed_id].paused:
                yield due, known

    async def content(self, feed_id: str, key: str, version: int | None = None) -> Entry | None:
        return self._content(feed_id, key, version)

    def _content(self, feed_id: str, key: str, version: int | None) -> Entry | None:
        return self._contents.get((feed_id, key)) if version is None else self._versions.get((feed_id, key, version))

    # -- the archive: pictures, search, bounds ----------------------------------------------------

    async def keep_media(self, feed_id: str, key: str, url: str, mime: str, data: bytes) -> None:
        if mime not in ENDINGS:
            raise ValueError(f"{mime} is not kept")
        if (feed_id, key) in self._threads:
            self._media.setdefault((feed_id, key), {})[url] = mime, data

    async def media(self, feed_id: str, key: str) -> Mapping[str, tuple[str, bytes]]:
        entry, there = self._contents.get((feed_id, key)), self._media.get((feed_id, key), {})
        return {url: there[url] for url in (entry.image_urls if entry else ()) if url in there}

    async def missing_media(self, feed_id: str, key: str, urls: Iterable[str]) -> tuple[str, ...]:
        known, there = self._threads.get((feed_id, key)), self._media.get((feed_id, key), {})
        return () if known is None or known.copy else tuple(url for url in urls if url not in there)

    async def search(self, text: str, feed_id: str | None = None) -> Search:
        wanted = search.needles(text)
        entries = (entry for ids, entry in self._contents.items() if wanted and feed_id in (None, ids[0]))
        return Search(found=rules.newest_found(filter(None, (search.found(entry, wanted) for entry in entries))))

    async def prune_copies(self, now: datetime, *, older_than: datetime | None, most_bytes: int | None) -> bool:
        needed = {rules.thread_of(row) for row in self._deliveries.values() if row.state in rules.UNSENT}
        parts = sorted(self._parts())
        left = sum(size for *_, size in parts)
        for kind, when, thread, size in parts:
            too_much = most_bytes is not None and left > most_bytes
            too_old = older_than is not None and when < older_than
            may_go = thread not in needed and rules.may_shrink(self._threads.get(thread)) and when <= now - rules.YOUNG
            if may_go and (too_much or too_old):
                self._let_go(kind, thread)
                left -= size
        return False

    def _parts(self) -> Iterator[tuple[rules.Kind, datetime, rules.Thread, int]]:
        """What is kept, in parts that can go without the rest: when the thread was read, and the part's size."""
        for thread, entry in self._contents.items():
            when = entry.read_at or rules.LONG_AGO
            if media := self._media.get(thread):
                yield rules.Kind.MEDIA, when, thread, sum(len(data) for _, data in media.values())
            if old := self._old_versions(thread):
                yield rules.Kind.VERSIONS, when, thread, sum(len(str(self._versions[ids])) for ids in old)
            yield rules.Kind.COPY, when, thread, len(str(entry))

    def _let_go(self, kind: rules.Kind, thread: rules.Thread) -> None:
        if kind == rules.Kind.MEDIA:
            del self._media[thread]
        for ids in self._old_versions(thread) if kind == rules.Kind.VERSIONS else ():
            del self._versions[ids]
        if kind == rules.Kind.COPY:
            gone = self._contents.pop(thread)
            del self._versions[(*thread, gone.version)]
        if thread in self._threads:
            self._threads[thread] = rules.shrunk(self._threads[thread], kind)

    def _old_versions(self, thread: rules.Thread) -> list[tuple[str, str, int]]:
        return [ids for ids in self._versions if ids[:2] == thread and ids[2] != self._contents[thread].version]

    # -- sending ----------------------------------------------------------------------------------

    async def claim(self, channel: str, now: datetime) -> Batch | None:
        claimable = [row for row in self._claimable() if row.channel == channel]
        oldest = next((batch for batch, due in rules.due_batches(claimable).items() if due <= now), None)
        if oldest is None:
            return None
        batch = rules.make_batch(rules.claimed(self._item(row), now) for row in claimable if row.batch == oldest)
        self._deliveries.update((row.id, row) for row in batch.deliveries)
        return batch

    def _item(self, delivery: Delivery) -> Item:
        if delivery.alert is not None:
            return Item(delivery=delivery)
        ids = delivery.feed_id, delivery.entry_key
        feed = self._feeds.get(delivery.feed_id) or rules.forgotten(delivery.feed_id)
        entry, before = rules.told_by(delivery, lambda version: self._content(*ids, version))
        known = self._threads.get(ids)
        return Item(
            delivery=delivery,
            feed=feed,
            entry=rules.standing(entry or rules.entry_without_content(delivery, known, feed), known),
            before=before,
            first=self._deliveries.get(delivery.answers),
        )

    def _claimable(self) -> list[Delivery]:
        return [row for row in self._by_creation() if row.state in rules.CLAIMABLE]

    def _by_creation(self) -> list[Delivery]:
        return sorted(self._deliveries.values(), key=lambda row: row.created_at)

    async def settle(self, deliveries: Iterable[Delivery], channel: ChannelState | None = None) -> None:
        self._deliveries.update((row.id, row) for row in deliveries if row.id in self._deliveries)
        if channel is not None:
            self._channels[channel.channel] = channel

    async def channel(self, name: str) -> ChannelState:
        return self._channels.get(name, ChannelState(channel=name))

    async def deliveries(
        self, states: Iterable[DeliveryState] | None = None, ids: Iterable[str] | None = None
    ) -> tuple[Delivery, ...]:
        in_states = None if states is None else frozenset(states)
        wanted = None if ids is None else frozenset(ids)
        return tuple(
            row
            for row in self._by_creation()
            if (in_states is None or row.state in in_states) and (wanted is None or row.id in wanted)
        )

    async def alert(
        self, troubles: Iterable[Trouble], over: Iterable[str] = (), deliveries: Iterable[Delivery] = ()
    ) -> None:
        for trouble_id in over:
            self._troubles.pop(trouble_id, None)
        self._troubles.update((trouble.id, trouble) for trouble in troubles)
        self._deliveries.update((row.id, row) for row in deliveries if rules.accepts(self._deliveries.get(row.id)))

    async def troubles(self) -> tuple[Trouble, ...]:
        return tuple(trouble for _, trouble in sorted(self._troubles.items()))

    async def drop(self, delivery_ids: Iterable[str]) -> None:
        self._remove([row for row in map(self._deliveries.get, delivery_ids) if row], rules.dropped)

    def _remove(self, rows: Iterable[Delivery], rule: Callable[[Known, Iterable[str]], Known]) -> None:
        for row in rows:
            self._deliveries.pop(row.id, None)
        self._save_threads(rules.removed(rows, self._threads.get, rule))

    # -- the rest ---------------------------------------------------------------------------------

    async def threads(self, feed_id: str | None = None) -> tuple[Known, ...]:
        return rules.newest_first(known for known in self._threads.values() if feed_id in (None, known.feed_id))

    async def dates(self, feed_id: str) -> tuple[tuple[datetime, datetime], ...]:
        return rules.dates(known for known in self._threads.values() if known.feed_id == feed_id)

    async def spent(self) -> tuple[Spent, ...]:
        return tuple(self._spent.values())

    async def spend(self, row: Spent) -> None:
        self._spent[row.host] = row

    async def next_due(self) -> NextDue:
        return NextDue(
            feeds=min((due for due, _ in self._polls()), default=None),
            looks=min((due for due, _ in self._looks()), default=None),
            deliveries=self._next_deliveries(),
        )

    def _next_deliveries(self) -> dict[str, datetime]:
        due: dict[str, datetime] = {}
        for name in sorted({row.channel for row in self._claimable()}):
            batches = rules.due_batches(row for row in self._claimable() if row.channel == name)
            state = self._channels.get(name, ChannelState(channel=name))
            due[name] = rules.delivery_due(min(batches.values()), state)
        return due

    async def orphans(self) -> tuple[Delivery, ...]:
        return await self.deliveries(["sending"])

    async def amend(self, pairs: Iterable[tuple[Stored, Stored]]) -> None:
        for before, after in pairs:
            match after:
                case FeedState() if self._states.get(after.feed_id) == before:
                    self._states[after.feed_id] = _own(after)
                case Known() if self._threads.get((after.feed_id, after.key)) == before:
                    self._save_threads([after])
                case Delivery() if self._deliveries.get(after.id) == before:
                    self._deliveries[after.id] = after
                case ChannelState() if await self.channel(after.channel) == before:
                    self._channels[after.channel] = after

    async def prune(self, sent_before: datetime) -> None:
        self._remove([row for row in self._deliveries.values() if rules.prunable(row, sent_before)], rules.pruned)

    async def back_up(self, now: datetime) -> None:
        pass

    # -- moving to another store --------------------------------------------------------------------

    async def export(self) -> AsyncIterator[Record]:
        for record in tuple(self._records()):
            yield record

    def _records(self) -> Iterator[Record]:
        yield moving.about()
        for feed_id, feed in self._feeds.items():
            yield Record(table=FEEDS, id=feed_id, body=codec.FEED.encode(feed))
        for feed_id, state in self._states.items():
            yield Record(table=STATES, id=feed_id, body=codec.STATE.encode(_own(state)))
        for wanted in self._subscriptions.values():
            yield Record(table=SUBSCRIPTIONS, id=wanted.id, body=codec.SUBSCRIPTION.encode(wanted))
        for known in self._threads.values():
            yield Record(table=THREADS, id=codec.join_id(known.feed_id, known.key), body=codec.KNOWN.encode(known))
        for row in self._by_creation():
            yield Record(table=DELIVERIES, id=row.id, body=codec.DELIVERY.encode(row))
        for name, channel in self._channels.items():
            yield Record(table=CHANNELS, id=name, body=codec.CHANNEL.encode(channel))
        for trouble in self._troubles.values():
            yield Record(table=TROUBLES, id=trouble.id, body=codec.TROUBLE.encode(trouble))
        for known in self._threads.values():
            kept = (self._content(known.feed_id, known.key, version) for version in moving.versions_of(known))
            yield from map(moving.kept_record, filter(None, kept))

    async def restore(self, records: Callable[[], Iterator[Record]], *, dry_run: bool = False) -> Restored:
        given = moving.load(records())
        here = moving.Here(
            feeds=self._feeds,
            deliveries=self._deliveries,
            channels=self._channels,
            troubles=self._troubles,
            thread=self._threads.get,
        )
        part, result = moving.fitting(given, here)
        if dry_run:
            return result
        contents = tuple(moving.kept_of(records(), frozenset(result.added)))
        self._take(part, contents)
        return replace(result, texts=len(contents))

    def _take(self, part: moving.Load, contents: Iterable[Entry]) -> None:
        for entry in contents:
            self._contents[entry.feed_id, entry.key] = entry
            self._versions[entry.feed_id, entry.key, entry.version] = entry
        self._feeds.update((feed.id, feed) for feed in part.feeds)
        states = (part.states.get(feed.id, FeedState(feed_id=feed.id)) for feed in part.feeds)
        self._states.update((state.feed_id, _own(state)) for state in states)
        self._subscriptions.update((wanted.id, wanted) for wanted in part.subscriptions)
        self._save_threads(part.threads)
        self._deliveries.update((row.id, row) for row in part.deliveries)
        self._channels.update((channel.channel, channel) for channel in part.channels)
        self._troubles.update((trouble.id, trouble) for trouble in part.troubles)


def _own(state: FeedState) -> FeedState:
    """A copy whose cursor is nobody else's."""
    return replace(state, cursor=copy.deepcopy(dict(state.cursor)))
