"""What there is: `authors`, `threads`, `outbox`. Reads without the lock; `outbox retry` and `drop` are orders.

Imports neither aiohttp nor apprise: a listing answers at once.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from bot import rhythm, show, times
from bot.errors import NotFound
from bot.finding import matching
from bot.model import ChannelState, Delivery, DeliveryState, Entry, Feed, FeedState, Found, Known, Search
from bot.opening import now, open_store, owner
from bot.outbox import UNSENT, WAITING, Row, chosen, rows_of
from bot.persons import stand_ins
from bot.protocols import Store
from bot.schedule import after_crash
from bot.settings import Settings
from bot.text import counted


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Store]:
    """The store, without the lock."""
    store = await open_store(settings, read_only=True)
    try:
        yield store
    finally:
        await store.close()


async def outbox_rows(
    store: Store, settings: Settings, states: Iterable[DeliveryState] | None = None
) -> list[Delivery]:
    """The outbox as it stands: what a dead process was sending is in doubt, though nobody took it back yet."""
    rows: Sequence[Delivery] = await store.deliveries(states)
    alive = owner(settings) is not None
    rows = [after_crash(row, now()) if row.state == "sending" and not alive else row for row in rows]
    states_of = {name: await store.channel(name) for name in {row.channel for row in rows}}
    held = [row for row in rows if row.state == "pending" and not row.error and await _is_held(store, row)]
    told = {row.id: replace(row, error=_HELD) for row in held}
    return [_as_it_waits(told.get(row.id, row), states_of[row.channel], settings) for row in rows]


_HELD = "waits for its thread to be finished, or read; no longer than that"


async def _is_held(store: Store, row: Delivery) -> bool:
    """Whether a notice waits for its thread, which may be told sooner than it is due."""
    known = (await store.known(row.feed_id, [row.entry_key])).get(row.entry_key)
    return known is not None and known.state == "waiting"


def _as_it_waits(row: Delivery, channel: ChannelState, settings: Settings) -> Delivery:
    """A waiting delivery with what it really waits for: its channel, often."""
    if row.state not in WAITING:
        return row
    if row.channel not in settings.channels:
        return replace(row, error=f"channel {row.channel} is not in the settings; add it, or drop this delivery")
    if channel.next_try_at is not None and channel.next_try_at > row.due_at:
        return replace(row, due_at=channel.next_try_at, error=row.error or f"waits: {channel.last_error}")
    return row


# -- authors ------------------------------------------------------------------------------------------------


async def authors(args: argparse.Namespace, settings: Settings) -> int:
    """List who is followed."""
    async with reading(settings) as store:
        feeds = await store.feeds()
    others = stand_ins(feeds)
    if args.json:
        plans = {feed.id: _plan(feed, state, now(), settings.zone) for feed, state in feeds}
        show.document({"authors": [_author(feed, state, others.get(feed.id), plans[feed.id]) for feed, state in feeds]})
        return 0
    time, zone = now(), settings.zone
    persons = _persons([feed for feed, _ in feeds])
    show.table(
        ("author", "address", "source", "person", "last check", "next check", "why then", "newest thread", "state"),
        [
            (
                feed.author.label,
                feed.called,
                feed.source,
                persons.get(feed.id, ""),
                times.when(state.last_polled_at, time),
                _next_check(feed, state, time),
                _plan(feed, state, time, zone),
                times.moment(state.newest_at, zone),
                author_state(feed, state, zone, others.get(feed.id)),
            )
            for feed, state in feeds
        ],
        empty="Nobody is followed yet: `keepcurrent follow @name`.",
    )
    declared = sum(len(follow.author) for follow in settings.follow)
    if not feeds and declared:
        show.note(f"The settings declare {counted(declared, 'author')}: `poll` or `run` takes the first look.")
    return 0


def _persons(feeds: Sequence[Feed]) -> dict[str, str]:
    """Of each feed of a person who has several: what that person's first one is called."""
    first: dict[str, Feed] = {}
    for feed in sorted(feeds, key=lambda feed: feed.id != feed.person):
        first.setdefault(feed.person, feed)
    sizes = Counter(feed.person for feed in feeds if feed.person)
    return {feed.id: first[feed.person].called for feed in feeds if sizes[feed.person] > 1}


def _next_check(feed: Feed, state: FeedState, time: datetime) -> str:
    if feed.paused:
        return "paused"
    return "never" if state.fault == "ended" else times.when(state.next_poll_at or time, time)


def _plan(feed: Feed, state: FeedState, time: datetime, zone: tzinfo) -> str:
    """Why the next look is when it is; "" where something else is the reason, which `state` tells."""
    if feed.paused or state.failures or state.rhythm is None:
        return ""
    return rhythm.reason(state.rhythm, time, zone)


def author_state(feed: Feed, state: FeedState, zone: tzinfo, other: Feed | None = None) -> str:
    """How it goes with an author, in words. `other`: the feed of the same person that is read meanwhile."""
    if feed.paused:
        return "paused"
    if not state.failures:
        return "ok" if state.baselined else "not looked at yet"
    meanwhile = f"; {other.called} ({other.source}) stands in" if other else ""
    if state.fault == "ended":
        return f"has ended: {state.last_error}{meanwhile}"
    often = f"{state.failures} times in a row" if state.failures > 1 else "once"
    answered = state.last_success_at
    since = f"since {times.moment(answered, zone)}" if answered else "from the first look on"
    return f"failed {often} {since}: {state.last_error}{meanwhile}"


def _author(feed: Feed, state: FeedState, other: Feed | None, plan: str) -> dict[str, object]:
    return {
        "id": feed.id,
        "address": feed.address,
        "source": feed.source,
        "name": feed.author.name or feed.author.handle,
        "paused": feed.paused,
        "last_check": times.rfc3339(state.last_polled_at),
        "last_success": times.rfc3339(state.last_success_at),
        "person": feed.person or None,
        "ended": state.fault == "ended",
        "stands_in": other.id if other else None,
        "next_check": None if feed.paused or state.fault == "ended" else times.rfc3339(state.next_poll_at),
        "plan": plan or None,
        "newest_thread": state.newest_key or None,
        "newest_published": times.rfc3339(state.newest_at),
        "failures": state.failures,
        "error": state.last_error or None,
    }


# -- threads ------------------------------------------------------------------------------------------------


async def threads(args: argparse.Namespace, settings: Settings) -> int:
    """List every thread known, with what became of it; or those kept ones that hold some words."""
    async with reading(settings) as store:
        feeds = {feed.id: feed for feed, _ in await store.feeds()}
        chosen = matching(feeds.values(), args.author) if args.author else None
        if args.author and chosen is None:
            raise NotFound(f"{args.author} is not followed; `keepcurrent authors` lists who is")
        known = await _threads_of(store, feeds.values(), chosen)
        fates = _fates(await outbox_rows(store, settings))
        if args.search:
            with show.progress("searching …"):
                search = await store.search(args.search, chosen.id if chosen and not chosen.person else None)
            if chosen is not None:
                mine = {thread.feed_id for thread in known}
                search = replace(search, found=tuple(one for one in search.found if one.entry.feed_id in mine))
            _show_found(args, settings, search, _Listed(feeds, {(k.feed_id, k.key): k for k in known}, fates))
            return 0
    rows = [(thread, feeds[thread.feed_id], _fate(thread, fates)) for thread in known if thread.feed_id in feeds]
    if args.json:
        show.document({"threads": [_thread(*row) for row in rows]})
        return 0
    show.table(
        ("published", "author", "title", "posts", "state", "id"),
        [
            (
                times.moment(thread.published, settings.zone),
                feed.called,
                thread.title,
                str(thread.post_count or ""),
                fate,
                thread.key,
            )
            for thread, feed, fate in rows
        ],
        empty="No thread is known yet.",
    )
    return 0


async def _threads_of(store: Store, feeds: Iterable[Feed], chosen: Feed | None) -> Sequence[Known]:
    """The threads of a person, in all places, or of everybody; the newest first."""
    if chosen is None or not chosen.person:
        return await store.threads(chosen.id if chosen else None)
    mine = {feed.id for feed in feeds if feed.person == chosen.person}
    return [thread for thread in await store.threads() if thread.feed_id in mine]


Fates = dict[tuple[str, str], list[str]]
_WORST_FIRST = ("dead", "unknown", "sending", "pending", "sent")


def _fates(deliveries: Iterable[Delivery]) -> Fates:
    fates: Fates = defaultdict(list)
    for delivery in deliveries:
        fates[delivery.feed_id, delivery.entry_key].append(delivery.state)
    return fates


def _fate(thread: Known, fates: Fates) -> str:
    """What became of a thread: the worst of its deliveries, or what is known where there is none."""
    states = fates.get((thread.feed_id, thread.key), [])
    if thread.state == "waiting":
        return thread.state
    worst = min(states, key=_WORST_FIRST.index, default=thread.state)
    return "gone" if thread.gone_at and worst in ("sent", thread.state) else worst


def _thread(thread: Known, feed: Feed, fate: str) -> dict[str, object]:
    return {
        "id": thread.key,
        "author": feed.address,
        "title": thread.title,
        "url": thread.url,
        "posts": thread.post_count,
        "published": times.rfc3339(thread.published),
        "first_seen": times.rfc3339(thread.first_seen),
        "version": thread.version or None,
        "gone": times.rfc3339(thread.gone_at),
        "state": fate,
        "copy": thread.copy or None,
        "also": list(thread.also),
        "same_as": thread.same_as or None,
    }


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the store says of the threads that a search found."""

    feeds: Mapping[str, Feed]
    known: Mapping[tuple[str, str], Known]
    fates: Fates

    def author(self, entry: Entry) -> str:
        """The author's address, also of one who is not followed any more."""
        return self.feeds[entry.feed_id].address if entry.feed_id in self.feeds else entry.author.at

    def called(self, entry: Entry) -> str:
        """The same, as people are shown it."""
        return self.feeds[entry.feed_id].called if entry.feed_id in self.feeds else entry.author.at

    def state(self, entry: Entry) -> str:
        """What became of it. Kept threads outlive the author's subscription."""
        known = self.known.get((entry.feed_id, entry.key))
        return "unfollowed" if known is None else _fate(known, self.fates)


def _show_found(args: argparse.Namespace, settings: Settings, search: Search, listed: _Listed) -> None:
    if search.damaged:
        show.note(f"{counted(len(search.damaged), 'kept file')} left out; the first: {search.damaged[0]}")
    if args.json:
        show.document({"threads": [_found(found, listed) for found in search.found]})
        return
    show.table(
        ("published", "author", "title", "posts", "state", "id", "match"),
        [
            (
                times.moment(found.entry.published, settings.zone),
                listed.called(found.entry),
                found.entry.title,
                str(_posts(found)),
                listed.state(found.entry),
                found.entry.key,
                found.line,
            )
            for found in search.found
        ],
        empty="No kept thread holds all of that.",
    )


def _posts(found: Found) -> int:
    """How many posts the thread has: what the site says, as in the list of all threads."""
    return found.posts if found.entry.post_count is None else found.entry.post_count


def _found(found: Found, listed: _Listed) -> dict[str, object]:
    entry = found.entry
    known = listed.known.get((entry.feed_id, entry.key))
    return {
        "id": entry.key,
        "author": listed.author(entry),
        "title": entry.title,
        "url": entry.url,
        "posts": _posts(found),
        "published": times.rfc3339(entry.published),
        "first_seen": times.rfc3339(known.first_seen) if known else None,
        "version": (known.version or None) if known else None,
        "gone": times.rfc3339(known.gone_at) if known else None,
        "state": listed.state(entry),
        "copy": (known.copy or None) if known else None,
        "also": list(known.also) if known else [],
        "same_as": (known.same_as or None) if known else None,
        "match": found.line,
    }


# -- outbox -------------------------------------------------------------------------------------------------

async def outbox_list(args: argparse.Namespace, settings: Settings) -> int:
    """List what waits and what failed."""
    async with reading(settings) as store:
        rows = rows_of(await outbox_rows(store, settings, None if args.all else UNSENT))
        feeds = {feed.id: feed for feed, _ in await store.feeds()}
    if args.json:
        show.document({"deliveries": [_row(row, feeds) for row in rows]})
        return 0
    time = now()
    show.table(
        ("id", "state", "channel", "author", "threads", "attempts", "due", "reason"),
        [
            (
                row.first.batch,
                row.first.state,
                row.first.channel,
                _several(list(dict.fromkeys(_called(d, feeds) for d in row.deliveries))),
                row_alert(row) or _several([_event(d) for d in row.deliveries]),
                str(row.first.attempts),
                times.when(row.first.due_at, time) if row.first.state in WAITING else "",
                row.first.error,
            )
            for row in rows
        ],
        empty="Nothing waits to be sent.",
    )
    return 0


def row_alert(row: Row) -> str:
    """What a message of alerts tells, in one line; "" for one about threads."""
    from bot.compose import alert_title  # loads what makes notices

    told = [d.alert for d in row.deliveries if d.alert is not None]
    return alert_title(told) if told else ""


def _event(delivery: Delivery) -> str:
    """A thread, and what is told of it where it is not that it is new."""
    return delivery.entry_key if delivery.event == "new" else f"{delivery.entry_key} ({delivery.event})"


def _several(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"


def _address(delivery: Delivery, feeds: dict[str, Feed]) -> str:
    return feeds[delivery.feed_id].address if delivery.feed_id in feeds else delivery.feed_id


def _called(delivery: Delivery, feeds: dict[str, Feed]) -> str:
    """The author as people are shown it."""
    return feeds[delivery.feed_id].called if delivery.feed_id in feeds else delivery.feed_id


def _row(row: Row, feeds: dict[str, Feed]) -> dict[str, object]:
    return {
        "id": row.first.batch,
        "state": row.first.state,
        "channel": row.first.channel,
        "author": _address(row.first, feeds),
        "threads": [delivery.entry_key for delivery in row.deliveries if delivery.entry_key],
        "events": [delivery.event for delivery in row.deliveries if delivery.entry_key],
        "alert": row_alert(row) or None,
        "attempts": row.first.attempts,
        "due": times.rfc3339(row.first.due_at) if row.first.state in WAITING else None,
        "error": row.first.error or None,
    }


async def outbox_show(args: argparse.Namespace, settings: Settings) -> int:
    """Show one message of the outbox with all that is known of it."""
    async with reading(settings) as store:
        rows = chosen(rows_of(await outbox_rows(store, settings)), [args.id])
        feeds = {feed.id: feed for feed, _ in await store.feeds()}
        titles = {(known.feed_id, known.key): known.title for known in await store.threads()}
    zone = settings.zone
    for row in rows:
        if args.json:
            show.document(_row(row, feeds))
            continue
        first = row.first
        show.answer(f"{first.batch}: {first.state}, to {first.channel}, {counted(first.attempts, 'attempt')}")
        show.answer(f"  queued {times.moment(first.created_at, zone)}")
        if first.claimed_at:
            show.answer(f"  last try began {times.moment(first.claimed_at, zone)}")
        if first.state in WAITING:
            show.answer(f"  next try {times.moment(first.due_at, zone)}")
        if first.sent_at:
            show.answer(f"  sent {times.moment(first.sent_at, zone)}")
        if first.error:
            show.answer(f"  {first.error}")
        for delivery in row.deliveries:
            if delivery.alert is not None:
                show.answer(f"  {delivery.alert.title}")
                for line in delivery.alert.lines:
                    show.answer(f"    {line}")
                continue
            title = titles.get((delivery.feed_id, delivery.entry_key), "")
            show.answer(f"  {_called(delivery, feeds)}  {_event(delivery)}  {title}")
    return 0


async def outbox_retry(args: argparse.Namespace, settings: Settings) -> int:
    """Send messages of the outbox again: at once by a running bot, else at the next `poll` or `run`."""
    from bot.commands.ordering import ordered  # loads the whole program
    from bot.orders import Retry, Rows

    retried = await ordered(settings, Retry(ids=tuple(args.id)), Rows)
    for row in retried.ids:
        show.line(f"{row} is due now; `keepcurrent poll` or `keepcurrent run` sends it.")
    return 0


async def outbox_drop(args: argparse.Namespace, settings: Settings) -> int:
    """Remove messages from the outbox; they are not sent."""
    from bot.commands.ordering import ordered
    from bot.orders import Drop, Rows

    dropped = await ordered(settings, Drop(ids=tuple(args.id)), Rows)
    for row in dropped.ids:
        show.line(f"Dropped {row}.")
    return 0
