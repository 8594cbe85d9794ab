"""The embedded store itself: every operation of the `Store` contract, synchronous, on TinyDB tables.

Does not start threads, lock, or ask the clock: `tiny` puts it on its one thread.
"""
# ruff: noqa: D102  # what each method promises stands in `bot.protocols.Store`

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bot.budget import Spent
from bot.errors import StoreError
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
from bot.stores import backups, codec, moving, rules
from bot.stores.archive import Archive
from bot.stores.codec import Shape, from_ms, join_id, split_id, to_ms
from bot.stores.files import Files
from bot.stores.index import CHANNELS, DELIVERIES, FEEDS, HOSTS, STATES, SUBSCRIPTIONS, THREADS, TROUBLES, Index
from bot.stores.journal import JournalStorage
from bot.stores.migrations import MIGRATIONS
from bot.stores.pruning import Bounds, Part, Step
from bot.stores.snapshot import damaged
from bot.stores.table import Database, JournalTable

T = TypeVar("T")

log = logging.getLogger(__name__)


class Ledger:
    """The store on one folder. Each public method is one commit, or none."""

    def __init__(self, folder: Path, *, read_only: bool = False, files: Files | None = None) -> None:
        self._index = Index()
        self._values: dict[str, dict[str, tuple[str, Any]]] = {
            table: {} for table in (FEEDS, STATES, SUBSCRIPTIONS, CHANNELS)
        }
        self._archive = Archive(folder / "archive", files)
        path = folder / "store.json"
        try:
            self._db = Database(
                path,
                read_only=read_only,
                schema=codec.SCHEMA,
                migrations=MIGRATIONS,
                files=files,
                observer=self._index.changed,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            # Its own checksum holds, or a person took it out: then a part that every document of ours has is missing.
            wrong = damaged(path, f"it holds a document that is none of ours ({type(e).__name__}: {e})")
            raise StoreError(f"{wrong}\n{backups.way_on(files or Files(), path, codec.SCHEMA)}") from e
        storage = self._db.storage
        assert isinstance(storage, JournalStorage)  # noqa: S101  # `Database.default_storage_class`
        self._storage = storage
        self.batch = storage.batch

    def close(self) -> None:
        """Give the files back. Idempotent."""
        self._db.close()

    # -- who is followed --------------------------------------------------------------------------

    def feeds(self) -> tuple[tuple[Feed, FeedState], ...]:
        return tuple((self._feed_there(feed_id), self._state(feed_id)) for feed_id in sorted(self._texts(FEEDS)))

    def subscriptions(self) -> tuple[Subscription, ...]:
        found = [self._subscription(doc_id) for doc_id in self._texts(SUBSCRIPTIONS)]
        return tuple(sorted(found, key=lambda subscription: (subscription.feed_id, subscription.id)))

    def follow(self, feed: Feed, subscriptions: Iterable[Subscription], changes: Changes | None) -> None:
        self._keep(changes)
        with self.batch():
            stored = self._feed(feed.id)
            self._put_feed(rules.followed(stored, feed))
            if stored is None:
                self._put_state(FeedState(feed_id=feed.id))
            for subscription in subscriptions:
                self._table(SUBSCRIPTIONS).put(subscription.id, codec.SUBSCRIPTION.encode(subscription))
            if changes is not None:
                self._save(changes)

    def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        with self.batch():
            for doc_id in subscription_ids:
                document = self._document(SUBSCRIPTIONS, doc_id)
                if document is not None:
                    self._table(SUBSCRIPTIONS).delete(doc_id)
                    if document["feed"] not in self._index.subscriptions:
                        self._forget(document["feed"])

    def _forget(self, feed_id: str) -> None:
        for doc_id in tuple(self._index.threads.get(feed_id, ())):
            self._table(THREADS).delete(doc_id)
        for delivery in self.deliveries(None, None):
            if delivery.feed_id == feed_id:
                self._table(DELIVERIES).delete(delivery.id)
        self._table(STATES).delete(feed_id)
        self._table(FEEDS).delete(feed_id)
        for values in self._values.values():
            values.clear()

    def set_paused(self, feed_id: str, paused: bool) -> None:
        feed = self._feed(feed_id)
        if feed is not None:
            self._put_feed(replace(feed, paused=paused))

    def join(self, feed_id: str, person: str) -> None:
        feed = self._feed(feed_id)
        if feed is not None and feed.person != person:
            self._put_feed(replace(feed, person=person))

    # -- polling ----------------------------------------------------------------------------------

    def due_feeds(self, now: datetime) -> tuple[str, ...]:
        return self._index.due_polls(now)

    def poll_input(self, feed_id: str) -> PollInput | None:
        feed = self._feed(feed_id)
        if feed is None:
            return None
        subscriptions = (self._subscription(doc_id) for doc_id in sorted(self._index.subscriptions.get(feed_id, ())))
        return PollInput(
            feed=feed,
            state=self._state(feed_id),
            subscriptions=tuple(subscriptions),
            has_known=feed_id in self._index.threads,
            siblings=tuple(self._feed_there(other) for other in self._index.siblings(feed_id)),
        )

    def known(self, feed_id: str, ids: Iterable[str]) -> dict[str, Known]:
        found = ((name, self._index.thread(feed_id, name, self._texts(THREADS))) for name in ids)
        return {name: self._thread(doc_id) for name, doc_id in found if doc_id is not None}

    def commit(self, changes: Changes) -> None:
        if changes.feed_id not in self._texts(FEEDS):
            return
        self._keep(changes)
        with self.batch():
            self._save(changes)

    def _keep(self, changes: Changes | None) -> None:
        for entry in changes.contents if changes else ():
            if entry.whole or rules.keeps(self._readable(entry.feed_id, entry.key), entry):
                self._archive.write(entry)

    def _readable(self, feed_id: str, key: str, version: int | None = None) -> Entry | None:
        try:
            return self._archive.read(feed_id, key, version)
        except StoreError:
            return None

    def _save(self, changes: Changes) -> None:
        feed = self._feed(changes.feed_id)
        if feed is None:
            return
        if (polled := rules.polled(feed, changes)) is not feed:
            self._put_feed(polled)
        if changes.state is not None:
            self._put_state(changes.state)
        withdrawn = [row for row in map(self._delivery, changes.withdrawn) if row is not None and rules.accepts(row)]
        for row in withdrawn:
            self._table(DELIVERIES).delete(row.id)
        for delivery in changes.deliveries:
            if rules.accepts(self._delivery(delivery.id)):
                self._put_delivery(delivery)
        feeds = self._texts(FEEDS)
        booked = rules.booked(changes, withdrawn, self._thread_of)
        self._put_threads(known for known in booked if known.feed_id in feeds)

    def due_looks(self, now: datetime) -> tuple[Known, ...]:
        return tuple(self._thread(doc_id) for doc_id in self._index.due_looks(now))

    def content(self, feed_id: str, key: str, version: int | None) -> Entry | None:
        return self._archive.read(feed_id, key, version)

    # -- the archive's pictures and bounds ----------------------------------------------------------

    def keep_media(self, feed_id: str, key: str, url: str, mime: str, data: bytes) -> None:
        if self._thread_of((feed_id, key)) is not None:
            self._archive.keep_media(feed_id, key, url, mime, data)

    def media(self, feed_id: str, key: str) -> dict[str, tuple[str, bytes]]:
        kept = self._archive.read(feed_id, key)
        return {} if kept is None else self._archive.media(feed_id, key, kept.image_urls)

    def missing_media(self, feed_id: str, key: str, urls: Iterable[str]) -> tuple[str, ...]:
        known = self._thread_of((feed_id, key))
        return () if known is None or known.copy else self._archive.missing_media(feed_id, key, urls)

    def search(self, text: str, feed_id: str | None) -> Search:
        return self._archive.search(text, feed_id)

    def choose_parts(self, bounds: Bounds, now: datetime) -> Step:
        """What is to go next, already noted as gone: a crash then leaves a file too many, never a copy too few."""
        step = self._archive.pruning.step(bounds, now, self._needed_files)
        chosen = tuple(self._dispensable(step.parts))
        if not chosen:
            self._archive.pruning.done()
        with self.batch():
            for part, known in chosen:
                if known is not None and rules.shrunk(known, part.kind) != known:
                    self._put_thread(rules.shrunk(known, part.kind))
        return Step(tuple(part for part, _ in chosen), step.more)

    def remove_parts(self, parts: Iterable[Part]) -> None:
        """Remove what was chosen, but for threads that were kept anew or queued again meanwhile."""
        for part, known in self._dispensable(parts):
            if known is None or rules.shrunk(known, part.kind) == known:
                self._archive.pruning.remove(part)
        self._archive.pruning.done()

    def _dispensable(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Known | None]]:
        """Those that may go now, each with what is known of its thread: nothing, once unfollowed."""
        needed = self._needed() if parts else frozenset()
        for part in parts:
            thread = self._archive.thread_at(part.thread)
            known = None if thread is None else self._thread_of(thread)
            if thread not in needed and rules.may_shrink(known):
                yield part, known

    def _needed(self) -> frozenset[rules.Thread]:
        """Threads with a delivery that is not sent: each needs what is kept, whatever it tells."""
        rows = self.deliveries(rules.UNSENT, None)
        return frozenset(thread for row in rows if (thread := rules.thread_of(row)) is not None)

    def _needed_files(self) -> frozenset[Path]:
        return frozenset(self._archive.path(*thread) for thread in self._needed())

    # -- sending ----------------------------------------------------------------------------------

    def claim(self, channel: str, now: datetime) -> Batch | None:
        queue = self._index.queues.get(channel)
        oldest = queue.oldest_due(to_ms(now)) if queue else None
        if queue is None or oldest is None:
            return None
        found = (self._item(self._delivery_there(doc_id)) for doc_id in queue.batch(oldest))
        batch = rules.make_batch(rules.claimed(item, now) for item in found)
        with self.batch():
            for delivery in batch.deliveries:
                self._put_delivery(delivery)
        return batch

    def _item(self, delivery: Delivery) -> Item:
        if delivery.alert is not None:
            return Item(delivery=delivery)
        ids = delivery.feed_id, delivery.entry_key
        feed = self._feed(delivery.feed_id) or rules.forgotten(delivery.feed_id)
        entry, before = rules.told_by(delivery, lambda version: self._readable(*ids, version))
        known = self._thread_of(ids)
        return Item(
            delivery=delivery,
            feed=feed,
            entry=rules.standing(entry or rules.entry_without_content(delivery, known, feed), known),
            before=before,
            first=self._delivery(delivery.answers),
        )

    def settle(self, deliveries: Iterable[Delivery], channel: ChannelState | None) -> None:
        with self.batch():
            for delivery in deliveries:
                if delivery.id in self._texts(DELIVERIES):
                    self._put_delivery(delivery)
            if channel is not None:
                self._put_channel(channel)

    def channel(self, name: str) -> ChannelState:
        if name not in self._texts(CHANNELS):
            return ChannelState(channel=name)
        return self._read(codec.CHANNEL, CHANNELS, name, channel=name)

    def deliveries(self, states: Iterable[DeliveryState] | None, ids: Iterable[str] | None) -> tuple[Delivery, ...]:
        wanted = None if states is None else frozenset(states)
        doc_ids = self._in_states(wanted) if ids is None else dict.fromkeys(ids)
        found = (self._delivery(doc_id) for doc_id in sorted(doc_ids, key=self._place))
        return tuple(row for row in found if row is not None and (wanted is None or row.state in wanted))

    def _in_states(self, states: frozenset[DeliveryState] | None) -> list[str]:
        """The rows to look at for these states: few of them are not sent, and those are known."""
        if states is None or "sent" in states:
            return list(self._texts(DELIVERIES))
        return [doc_id for doc_id, row in self._index.unsent.items() if row.state in states]

    def _place(self, doc_id: str) -> tuple[float, int]:
        return self._index.places.get(doc_id, (0, 0))

    def alert(self, troubles: Iterable[Trouble], over: Iterable[str], deliveries: Iterable[Delivery]) -> None:
        with self.batch():
            for doc_id in over:
                self._table(TROUBLES).delete(doc_id)
            for trouble in troubles:
                self._table(TROUBLES).put(trouble.id, codec.TROUBLE.encode(trouble))
            for delivery in deliveries:
                if rules.accepts(self._delivery(delivery.id)):
                    self._put_delivery(delivery)

    def troubles(self) -> tuple[Trouble, ...]:
        return tuple(codec.TROUBLE.decode(self._there(TROUBLES, doc_id)) for doc_id in sorted(self._texts(TROUBLES)))

    def drop(self, delivery_ids: Iterable[str]) -> None:
        self._remove(delivery_ids, rules.dropped)

    def _remove(self, delivery_ids: Iterable[str], rule: Callable[[Known, Iterable[str]], Known]) -> None:
        """Remove rows of the outbox, and bring their threads' books in step by `rule`, in one commit."""
        rows = [row for row in map(self._delivery, delivery_ids) if row is not None]
        with self.batch():
            for row in rows:
                self._table(DELIVERIES).delete(row.id)
            for known in rules.removed(rows, self._thread_of, rule):
                self._put_thread(known)

    # -- the rest ---------------------------------------------------------------------------------

    def threads(self, feed_id: str | None) -> tuple[Known, ...]:
        doc_ids = self._texts(THREADS) if feed_id is None else self._index.threads.get(feed_id, ())
        return rules.newest_first(self._thread(doc_id) for doc_id in doc_ids)

    def dates(self, feed_id: str) -> tuple[tuple[datetime, datetime], ...]:
        """As `rules.dates`, of documents: an inspection asks it of every silent author."""
        found = (self._there(THREADS, doc_id) for doc_id in self._index.threads.get(feed_id, ()))
        dated = [(d["published"], d["seen"]) for d in found if "published" in d and d["state"] != "duplicate"]
        return tuple((from_ms(published), from_ms(seen)) for published, seen in sorted(dated, reverse=True))

    def spent(self) -> tuple[Spent, ...]:
        return tuple(codec.SPENT.decode(self._there(HOSTS, host), host=host) for host in self._texts(HOSTS))

    def spend(self, row: Spent) -> None:
        self._table(HOSTS).put(row.host, codec.SPENT.encode(row))

    def next_due(self) -> NextDue:
        poll, look = self._index.next_poll(), self._index.next_look()
        return NextDue(
            feeds=None if poll is None else from_ms(poll),
            looks=None if look is None else from_ms(look),
            deliveries=dict(self._next_deliveries()),
        )

    def _next_deliveries(self) -> Iterator[tuple[str, datetime]]:
        for name, queue in sorted(self._index.queues.items()):
            for due, _ in queue.due:
                yield name, rules.delivery_due(from_ms(due), self.channel(name))
                break

    def orphans(self) -> tuple[Delivery, ...]:
        return self.deliveries(["sending"], None)

    def amend(self, pairs: Iterable[tuple[Stored, Stored]]) -> None:
        with self.batch():
            for before, after in pairs:
                match after:
                    case FeedState() if self._state(after.feed_id) == before and self._feed(after.feed_id):
                        self._put_state(after)
                    case Known() if self._thread_of((after.feed_id, after.key)) == before:
                        self._put_thread(after)
                    case Delivery() if self._delivery(after.id) == before:
                        self._put_delivery(after)
                    case ChannelState() if self.channel(after.channel) == before:
                        self._put_channel(after)

    def prune(self, sent_before: datetime) -> None:
        self._remove(self._index.sent_before(sent_before), rules.pruned)

    def back_up(self, now: datetime) -> None:
        self._storage.back_up(now.astimezone(UTC).date())

    # -- moving to another store --------------------------------------------------------------------

    def tables(self) -> dict[str, dict[str, str]]:
        """All documents as they are now, the deliveries in the order of the outbox."""
        tables = {name: dict(self._texts(name)) for name in moving.TABLES}
        rows = tables[DELIVERIES]
        tables[DELIVERIES] = {doc_id: rows[doc_id] for doc_id in sorted(rows, key=self._place)}
        return tables

    def kept(self, documents: Iterable[tuple[str, str]]) -> tuple[Record, ...]:
        """What is kept of these threads; of each, its document's id and text."""
        found: list[Entry] = []
        for doc_id, text in documents:
            feed_id, key = split_id(doc_id)
            known = codec.KNOWN.decode(json.loads(text), feed_id=feed_id, key=key)
            for version in moving.versions_of(known):
                try:
                    found += filter(None, (self._archive.read(feed_id, key, version),))
                except StoreError as e:
                    log.error("left out: %s", e)  # noqa: TRY400  # it says what is wrong; where, is no secret of ours
        return tuple(map(moving.kept_record, found))

    def fitting(self, given: moving.Load) -> tuple[moving.Load, Restored]:
        """The part of an export that would be taken now."""
        here = moving.Here(
            feeds=self._texts(FEEDS),
            deliveries=self._texts(DELIVERIES),
            channels=self._texts(CHANNELS),
            troubles=self._texts(TROUBLES),
            thread=self._thread_of,
        )
        return moving.fitting(given, here)

    def keep_contents(self, entries: Iterable[Entry]) -> None:
        """Keep threads before the commit that names them."""
        for entry in entries:
            self._archive.write(entry)

    def restore(self, given: moving.Load) -> Restored:
        part, result = self.fitting(given)
        with self.batch():
            for feed in part.feeds:
                self._put_feed(feed)
                self._put_state(part.states.get(feed.id, FeedState(feed_id=feed.id)))
            for subscription in part.subscriptions:
                self._table(SUBSCRIPTIONS).put(subscription.id, codec.SUBSCRIPTION.encode(subscription))
            for known in part.threads:
                self._put_thread(known)
            for delivery in part.deliveries:
                self._put_delivery(delivery)
            for channel in part.channels:
                self._put_channel(channel)
            for trouble in part.troubles:
                self._table(TROUBLES).put(trouble.id, codec.TROUBLE.encode(trouble))
        return result

    # -- documents --------------------------------------------------------------------------------

    def _table(self, name: str) -> JournalTable:
        table = self._db.table(name)
        assert isinstance(table, JournalTable)  # noqa: S101  # `Database.table_class`
        return table

    def _texts(self, table: str) -> dict[str, str]:
        return self._storage.texts(table)

    def _document(self, table: str, doc_id: str) -> dict[str, Any] | None:
        text = self._texts(table).get(doc_id)
        return None if text is None else json.loads(text)

    def _there(self, table: str, doc_id: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._texts(table)[doc_id])
        return document

    def _feed_there(self, feed_id: str) -> Feed:
        return self._read(codec.FEED, FEEDS, feed_id, id=feed_id)

    def _feed(self, feed_id: str) -> Feed | None:
        return self._feed_there(feed_id) if feed_id in self._texts(FEEDS) else None

    def _state(self, feed_id: str) -> FeedState:
        if feed_id not in self._texts(STATES):
            return FeedState(feed_id=feed_id)
        return self._read(codec.STATE, STATES, feed_id, feed_id=feed_id)

    def _subscription(self, doc_id: str) -> Subscription:
        return self._read(codec.SUBSCRIPTION, SUBSCRIPTIONS, doc_id)

    def _read(self, shape: Shape[T], table: str, doc_id: str, **in_id: str) -> T:
        """A value of a small table that is asked for at each look: decoded once for each text that it has.

        Whoever gets it shares it. By its type a cursor is not to be changed.
        """
        text = self._texts(table)[doc_id]
        found = self._values[table].get(doc_id)
        if found is not None and found[0] is text:
            return found[1]  # type: ignore[no-any-return]
        value = shape.decode(json.loads(text), **in_id)
        self._values[table][doc_id] = text, value
        return value

    def _thread(self, doc_id: str) -> Known:
        feed_id, key = split_id(doc_id)
        return codec.KNOWN.decode(self._there(THREADS, doc_id), feed_id=feed_id, key=key)

    def _thread_of(self, thread: rules.Thread) -> Known | None:
        doc_id = join_id(*thread)
        return self._thread(doc_id) if doc_id in self._texts(THREADS) else None

    def _put_thread(self, known: Known) -> None:
        self._put_threads([known])

    def _put_threads(self, threads: Iterable[Known]) -> None:
        documents = ((join_id(known.feed_id, known.key), codec.KNOWN.encode(known)) for known in threads)
        self._table(THREADS).put_all(documents)

    def _delivery_there(self, doc_id: str) -> Delivery:
        return codec.DELIVERY.decode(self._there(DELIVERIES, doc_id), id=doc_id)

    def _delivery(self, doc_id: str) -> Delivery | None:
        return self._delivery_there(doc_id) if doc_id in self._texts(DELIVERIES) else None

    def _put_feed(self, feed: Feed) -> None:
        self._table(FEEDS).put(feed.id, codec.FEED.encode(feed))

    def _put_state(self, state: FeedState) -> None:
        self._table(STATES).put(state.feed_id, codec.STATE.encode(state))
        # Of no use any more; kept, the old texts and values of a large round were 5 MB of 200.
        self._values[STATES].pop(state.feed_id, None)

    def _put_channel(self, channel: ChannelState) -> None:
        self._table(CHANNELS).put(channel.channel, codec.CHANNEL.encode(channel))

    def _put_delivery(self, delivery: Delivery) -> None:
        self._table(DELIVERIES).put(delivery.id, codec.DELIVERY.encode(delivery))
