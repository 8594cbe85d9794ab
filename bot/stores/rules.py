"""What every store must decide alike, as pure functions: what a commit may overwrite, what is due, what is forgotten.

Does not load or save anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from bot.model import (
    Author,
    Batch,
    Changes,
    ChannelState,
    Copy,
    Delivery,
    DeliveryState,
    Entry,
    Feed,
    FeedState,
    Found,
    Item,
    Known,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed that was never polled, or a look without a time, is said to be due."""

CLAIMABLE = frozenset({"pending", "unknown"})

YOUNG = timedelta(days=1)
"""Nothing of a thread that was read so recently is pruned."""


class Kind(IntEnum):
    """What a part of a kept thread is, in the order of leaving: left by an interrupted write, pictures, old versions,
    the thread.
    """

    DRAFT = 0
    MEDIA = 1
    VERSIONS = 2
    COPY = 3


UNSENT: frozenset[DeliveryState] = frozenset({"pending", "sending", "unknown", "dead"})
"""Deliveries that need what is kept of their thread; a dead one may be sent again by hand."""


def accepts(stored: Delivery | None) -> bool:
    """Whether a commit may write or withdraw this delivery: not once a send began."""
    return stored is None or stored.state == "pending"


def prunable(delivery: Delivery, sent_before: datetime) -> bool:
    """Whether the row is sent and that old."""
    return delivery.state == "sent" and (delivery.sent_at or delivery.created_at) < sent_before


Thread = tuple[str, str]
"""Feed id and key."""


def thread_of(delivery: Delivery) -> Thread | None:
    """The thread that a delivery is of; None for one that is of no thread."""
    return (delivery.feed_id, delivery.entry_key) if delivery.entry_key else None


def booked(
    changes: Changes, withdrawn: Iterable[Delivery], stored: Callable[[Thread], Known | None]
) -> Iterator[Known]:
    """Every thread that a commit changes, as it is to be saved: with its books in step with the outbox.

    `withdrawn` are the deliveries that the commit really removes. What a commit says of a stored thread's books
    does not count: whoever made it may have read the thread before the outbox changed. For the same reason a thread
    that was dropped by hand stays so, unless the commit queues it again. Nor does what it says of the kept copy: that
    is whole again where the commit keeps it anew.
    """
    gone, queued = _places_by_thread(withdrawn), _places_by_thread(changes.deliveries)
    given = {(known.feed_id, known.key): known for known in changes.known}
    kept = {(entry.feed_id, entry.key) for entry in changes.contents if entry.whole}
    for thread in dict.fromkeys((*given, *gone, *queued)):
        before = stored(thread)
        after = given.get(thread, before)
        if after is None:
            continue
        if before is None and thread not in queued and not (after.queued or after.pruned or after.copy or after.also):
            yield after  # most threads of a first look: nothing is in any book
            continue
        if before is not None and before.state == "dropped" and thread not in queued:
            after = before
        books = before or after
        places = {*books.queued} - gone.get(thread, set()) | queued.get(thread, set())
        also = tuple(dict.fromkeys((*books.also, *after.also)))
        after = _altered(after, copy="" if thread in kept else books.copy, also=also)
        yield _with_books(after, places, {*books.pruned, *after.pruned})


def dropped(known: Known, places: Iterable[str]) -> Known:
    """The thread after its deliveries to these places were taken out by hand; it may still go to others."""
    after = _with_books(known, {*known.queued} - {*places}, known.pruned)
    if after.queued or after.pruned or known.state == "baseline":
        return after
    return replace(after, state="dropped", look_at=None, note="dropped by hand")


def pruned(known: Known, places: Iterable[str]) -> Known:
    """The thread after its old deliveries to these places were forgotten."""
    places = {*places}
    return _with_books(known, {*known.queued} - places, {*known.pruned} | places)


def removed(
    rows: Iterable[Delivery], stored: Callable[[Thread], Known | None], rule: Callable[[Known, Iterable[str]], Known]
) -> Iterator[Known]:
    """The threads of rows that are removed from the outbox, as `dropped` or `pruned` leaves them."""
    for thread, places in _places_by_thread(rows).items():
        known = stored(thread)
        if known is not None:
            yield rule(known, places)


def _places_by_thread(rows: Iterable[Delivery]) -> dict[Thread, set[str]]:
    places: dict[Thread, set[str]] = {}
    for row in rows:
        thread = thread_of(row)
        if thread is not None:
            places.setdefault(thread, set()).add(row.place)
    return places


def _with_books(known: Known, queued: Iterable[str], pruned: Iterable[str]) -> Known:
    queued = {*queued}
    return _altered(known, queued=tuple(sorted(queued)), pruned=tuple(sorted({*pruned} - queued)))


def _altered(known: Known, **fields: Any) -> Known:  # noqa: ANN401  # as `replace`
    """As `replace`, which takes 8 µs for the thirty fields: not where all are so already, as of most threads."""
    is_so = all(getattr(known, name) == value for name, value in fields.items())
    return known if is_so else replace(known, **fields)


def claimed(item: Item, now: datetime) -> Item:
    """The row as its send begins. Of a first notice it notes the version that it tells: that is what is kept now."""
    delivery, entry = item.delivery, item.entry
    told = entry.version if entry is not None and entry.whole and delivery.event == "new" else delivery.version
    row = replace(delivery, state="sending", attempts=delivery.attempts + 1, claimed_at=now, version=told)
    return replace(item, delivery=row)


def keeps(stored: Entry | None, given: Entry) -> bool:
    """Whether `given` is kept in place of what was: never a card in place of the whole thread."""
    return given.whole or stored is None or not stored.whole


def may_shrink(known: Known | None) -> bool:
    """Whether bounds of the archive may take from the thread's copy, as far as what is known of it goes.

    Not while its own page waits to be read, nor while it has grown and nobody was told: that needs both versions.
    """
    return known is None or (known.state != "waiting" and (not known.told or known.told == known.version))


def shrunk(known: Known, kind: Kind) -> Known:
    """The thread once such a part of its copy is gone."""
    left: Copy = "pruned" if kind == Kind.COPY else "bare" if kind == Kind.MEDIA and not known.copy else known.copy
    return replace(known, copy=left)


def told_by(delivery: Delivery, read: Callable[[int | None], Entry | None]) -> tuple[Entry | None, Entry | None]:
    """The thread as a delivery tells it, and as it was told before; `read` gives a kept version, None: the newest.

    A first notice tells what is kept when it is sent, however long it waited. A version that is gone is the newest.
    """
    if delivery.event != "grown":
        return read(None), None
    return read(delivery.version) or read(None), read(delivery.since)


def due_batches(claimable: Iterable[Delivery]) -> dict[str, datetime]:
    """When each batch is due, in the order of the rows: when all of its deliveries are."""
    due: dict[str, datetime] = {}
    for row in claimable:
        due[row.batch] = max(row.due_at, due.get(row.batch, row.due_at))
    return due


def look_due(known: Known) -> datetime | None:
    """When the thread's own page is to be read again; None if it is not."""
    return (known.look_at or LONG_AGO) if known.state == "waiting" else known.look_at


def delivery_due(earliest: datetime, channel: ChannelState) -> datetime:
    """When the channel's next delivery may go."""
    return max(earliest, channel.next_try_at or earliest)


def followed(stored: Feed | None, given: Feed) -> Feed:
    """The feed after `follow`: one that is there stays as it is, with its pause and what is known of the author."""
    return stored or given


def polled(feed: Feed, changes: Changes) -> Feed:
    """The feed after a commit; the very same one if that changes nothing of it."""
    if changes.author in (None, feed.author) and changes.moved_to in ("", feed.url):
        return feed
    return replace(feed, author=changes.author or feed.author, url=changes.moved_to or feed.url)


def are_siblings(one: Feed, other: Feed) -> bool:
    """Whether two feeds are one person's."""
    return one.id != other.id and bool(one.person) and one.person == other.person


def poll_due(state: FeedState) -> datetime | None:
    """When the feed is to be polled; None: never, since its site says that there will be nothing."""
    return None if state.fault == "ended" else state.next_poll_at or LONG_AGO


def make_batch(of: Iterable[Item]) -> Batch:
    """What one message carries."""
    items = tuple(of)
    first = items[0].delivery
    return Batch(id=first.batch, channel=first.channel, items=items)


def forgotten(feed_id: str) -> Feed:
    """A feed that was forgotten meanwhile, told by its id."""
    source, _, handle = feed_id.partition(":")
    return Feed(id=feed_id, source=source, address=handle, author=Author(handle=handle))


def entry_without_content(delivery: Delivery, known: Known | None, feed: Feed) -> Entry:
    """A thread whose kept content cannot be read: what is known of it, without posts."""
    if known is None:
        return Entry(feed_id=delivery.feed_id, key=delivery.entry_key, url="", author=feed.author)
    return known.as_entry(feed.author)


def standing(entry: Entry, known: Known | None) -> Entry:
    """A thread with the other places where it is known to stand."""
    return entry if known is None or not known.also else replace(entry, also=known.also)


def newest_first(threads: Iterable[Known]) -> tuple[Known, ...]:
    """By `published`, those without one last; then by key."""
    return tuple(sorted(threads, key=_age))


def dates(threads: Iterable[Known]) -> tuple[tuple[datetime, datetime], ...]:
    """As `Store.dates`."""
    dated = ((k.published, k.first_seen) for k in threads if k.published is not None and k.state != "duplicate")
    return tuple(sorted(dated, reverse=True))


def newest_found(found: Iterable[Found]) -> tuple[Found, ...]:
    """In the same order."""
    return tuple(sorted(found, key=lambda found: _age(found.entry)))


def _age(thread: Known | Entry) -> tuple[float, str, str]:
    age = float("inf") if thread.published is None else -thread.published.timestamp()
    return age, thread.key, thread.feed_id
