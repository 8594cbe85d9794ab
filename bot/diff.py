"""What a look at an author found, against what was known: new, old, or the same thread again.

Pure: does no I/O, reads no clock, logs nothing. Does not decide when anything happens; that is `schedule`.

Identity is a thread's id and its aliases, never its date, title, URL or place on the page. A date is used
for one thing only: an unknown thread older than the horizon (how far back the listing was seen) was there
before us, and is remembered without being announced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from datetime import time as clock_time

from bot.errors import ParseError
from bot.model import (
    EVERY_CHANNEL,
    Backfill,
    Changes,
    Delivery,
    Entry,
    FeedState,
    Fetched,
    Known,
    PollInput,
    Subscription,
)
from bot.schedule import WHOLE_WITHIN, next_look


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One page, sorted out: `new` to announce, `old` to remember. Both in the page's order."""

    new: tuple[Entry, ...] = ()
    old: tuple[Entry, ...] = ()
    unseen_below: bool = False
    """The page's oldest thread is itself new, so there may be more news on the next page."""


def require_threads(start: PollInput, fetched: Fetched) -> None:
    """Raise `ParseError` where an author with known threads suddenly has none: never read as "no threads"."""
    if not fetched.entries and start.has_known:
        raise ParseError(start.feed.id, "the author's page lists no thread at all, though some are known")


def judge(state: FeedState, entries: Sequence[Entry], known: Mapping[str, Known]) -> Verdict:
    """Sort one page of a listing out. `known` holds every id of `entries` that is known, as key or alias."""
    unknown = [e for e in _once(entries) if not e.ids & known.keys()]
    if not state.baselined:
        return Verdict(old=tuple(unknown))
    new = tuple(e for e in unknown if _is_news(e, state.horizon))
    old = tuple(e for e in unknown if not _is_news(e, state.horizon))
    last = min(entries, key=lambda e: e.published or _LONG_AGO, default=None)
    return Verdict(new=new, old=old, unseen_below=last is not None and last in new)


def chosen(entries: Iterable[Entry], backfill: Backfill, zone: tzinfo) -> tuple[Entry, ...]:
    """Those of `entries` that a first look sends: the newest N, or those since a day (midnight in `zone`)."""
    newest_first = sorted(entries, key=_age, reverse=True)
    if backfill is None:
        return ()
    if isinstance(backfill, int):
        return tuple(newest_first[:backfill])
    return tuple(e for e in newest_first if (e.published or _LONG_AGO) >= _midnight(backfill, zone))


def wants_older(entries: Sequence[Entry], backfill: Backfill, zone: tzinfo) -> bool:
    """Whether a backfill may reach below what was read so far."""
    return bool(entries) and len(chosen(entries, backfill, zone)) == len(entries) and (
        not isinstance(backfill, int) or len(entries) < backfill
    )


def first_horizon(page: Fetched) -> datetime | None:
    """How far back a first look saw: to the oldest thread of its page. None: the author had no thread at all."""
    oldest = min((e.published for e in page.entries if e.published is not None), default=None)
    return page.reaches or oldest


def moved_back(horizon: datetime | None, entries: Iterable[Entry]) -> datetime | None:
    """The horizon after a deeper page was read as well. Where every thread is news (None) it stays so."""
    return None if horizon is None else min((horizon, *(e.published for e in entries if e.published is not None)))


def newest(state: FeedState, entries: Iterable[Entry]) -> FeedState:
    """The state with the newest thread of the author noted."""
    top = max(entries, key=_age, default=None)
    if top is None or (state.newest_at is not None and _age(top)[0] <= state.newest_at):
        return state
    return replace(state, newest_key=top.key, newest_at=top.published)


def same_thread(entry: Entry, known: Mapping[str, Known]) -> Known | None:
    """The known thread that `entry`, now read whole, turns out to be under another id; None if it is none.

    Its posts count too: a page may bear the id of any of them (seen on real pages: of the second). A thread that waits
    to be announced is not withdrawn for a duplicate, only for an original: of several that point at each other, one
    is announced.
    """
    waits = entry.key in known
    for id_ in (entry.key, *entry.aliases, *(post.id for post in entry.posts)):
        other = known.get(id_)
        if other is not None and other.key != entry.key and not (waits and other.state == "duplicate"):
            return other
    return None


def ids_of(entry: Entry) -> frozenset[str]:
    """Every id that `same_thread` would look for."""
    return entry.ids | {post.id for post in entry.posts}


def remembered(entries: Iterable[Entry], now: datetime) -> tuple[Known, ...]:
    """Threads that were there before us."""
    return tuple(_known(e, "baseline", now) for e in entries)


def duplicate(entry: Entry, of: Known, now: datetime) -> Known:
    """A thread that is known already under another id."""
    original = of.same_as or of.key
    return replace(_known(entry, "duplicate", now), same_as=original, note=f"the same thread as {original}")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A new thread as far as it could be read; `looks` counts the failed reads of its own page so far."""

    entry: Entry
    looks: int = 0


def announce(
    feed_id: str, news: Sequence[News], channels: Iterable[str], now: datetime, *, burst: int, jitter: float
) -> Changes:
    """Queue new threads for channels, the oldest first: one message each, or one for all if they are many.

    A thread not read whole is queued for the end of its hour; the next looks bring it forward.
    """
    ordered = sorted(news, key=lambda n: _age(n.entry))
    channels = tuple(dict.fromkeys(channels))
    deliveries = [
        _delivery(item, channel, ordered if len(ordered) > burst else (item,), now)
        for channel in channels
        for item in ordered
    ]
    return Changes(
        feed_id=feed_id,
        known=tuple(replace(_as_news(item, now, jitter), queued=tuple(sorted(channels))) for item in ordered),
        contents=tuple(item.entry for item in ordered),
        deliveries=tuple(deliveries),
    )


def only_announced(changes: Changes) -> Changes:
    """A later backfill of an author who is followed already: what polling knows stays as it is."""
    announced = {entry.key for entry in changes.contents}
    return replace(changes, state=None, known=tuple(k for k in changes.known if k.key in announced))


def looked_again(
    before: Known, kept: Entry, read: Entry | None, deliveries: Iterable[Delivery], now: datetime, *, jitter: float
) -> Changes:
    """What another look at a waiting thread's own page decided; `read` None: it failed again."""
    if read is None:
        looks = before.looks + 1
        due = next_look(looks, now, jitter)
        if due is not None:
            return Changes(feed_id=before.feed_id, known=(replace(before, looks=looks, look_at=due),))
        note = "its own page could not be read; announced with what the listing shows"
        after = replace(before, state="announced", looks=looks, look_at=None, note=note)
        return Changes(feed_id=before.feed_id, known=(after,), deliveries=_brought_forward(deliveries, now))
    after = replace(
        _known(merged(kept, read), "announced", before.first_seen),
        looks=before.looks,
        queued=before.queued,
        pruned=before.pruned,
    )
    return Changes(
        feed_id=before.feed_id,
        known=(after,),
        contents=(merged(kept, read),),
        deliveries=_brought_forward(deliveries, now),
    )


def postponed(before: Known, until: datetime | None) -> Changes:
    """A look that was not made, because the site asked for a pause: it does not count."""
    return Changes(feed_id=before.feed_id, known=(replace(before, look_at=until),))


def withdrawn(before: Known, of: Known, deliveries: Iterable[Delivery]) -> Changes:
    """A waiting thread turned out to be a known one: nothing of it is sent."""
    original = of.same_as or of.key
    note = f"the same thread as {original}"
    gone = replace(before, state="duplicate", look_at=None, same_as=original, note=note, queued=())
    ids = tuple(d.id for d in deliveries if d.state == "pending")
    return Changes(feed_id=before.feed_id, known=(gone,), withdrawn=ids)


def channels_of(subscriptions: Iterable[Subscription], every: Sequence[str]) -> tuple[str, ...]:
    """The channels that some subscriptions lead to, each once; `every` are those of the settings, in their order.

    One that is named but not in the settings counts: what is queued for it can be seen, and sent when it is back.
    """
    named = dict.fromkeys(s.channel for s in subscriptions)
    known = [name for name in every if name in named or EVERY_CHANNEL in named]
    return tuple(dict.fromkeys((*known, *(name for name in named if name != EVERY_CHANNEL))))


def delivery_id(feed_id: str, key: str, channel: str) -> str:
    """The id of the one delivery of a new thread to a channel."""
    return _digest(feed_id, key, channel)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LAST_DAY = date(9998, 12, 31)


def _once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.key, entry)
    return tuple(first.values())


def _is_news(entry: Entry, horizon: datetime | None) -> bool:
    # A thread without a time cannot be placed before the horizon: rather one notice too many than none.
    return horizon is None or entry.published is None or entry.published >= horizon


def _age(entry: Entry) -> tuple[datetime, str]:
    return entry.published or _LONG_AGO, entry.key


def _midnight(day: date, zone: tzinfo) -> datetime:
    # The first and last days of the calendar have no midnight in some zones.
    return _LONG_AGO if day.year <= 1 else datetime.combine(min(day, _LAST_DAY), clock_time(), zone).astimezone(UTC)


def _known(entry: Entry, state: str, now: datetime) -> Known:
    return Known(
        feed_id=entry.feed_id,
        key=entry.key,
        url=entry.url,
        state=state,  # type: ignore[arg-type]
        first_seen=now,
        title=entry.title,
        aliases=entry.aliases,
        published=entry.published,
        post_count=entry.post_count,
        content_hash=entry.content_hash if entry.whole else "",
    )


def _as_news(item: News, now: datetime, jitter: float) -> Known:
    if item.entry.whole:
        return _known(item.entry, "announced", now)
    waiting = _known(item.entry, "waiting", now)
    return replace(waiting, looks=item.looks, look_at=next_look(item.looks, now, jitter))


def _delivery(item: News, channel: str, together: Sequence[News], now: datetime) -> Delivery:
    entry = item.entry
    batch = _digest(channel, *(f"{n.entry.feed_id} {n.entry.key}" for n in together))
    return Delivery(
        id=delivery_id(entry.feed_id, entry.key, channel),
        batch=batch,
        feed_id=entry.feed_id,
        entry_key=entry.key,
        channel=channel,
        created_at=now,
        due_at=now if entry.whole else now + WHOLE_WITHIN,
        error="" if entry.whole else "waits until the whole thread can be read, for an hour at the most",
    )


def _brought_forward(deliveries: Iterable[Delivery], now: datetime) -> tuple[Delivery, ...]:
    return tuple(replace(d, due_at=min(d.due_at, now), error="") for d in deliveries if d.state == "pending")


def merged(kept: Entry, read: Entry) -> Entry:
    """What the thread's own page says, with what only the listing knew."""
    return replace(
        read,
        feed_id=kept.feed_id,
        key=kept.key,
        url=kept.url,
        author=read.author if read.author.handle else kept.author,
        title=read.title or kept.title,
        aliases=tuple(sorted((read.ids | kept.ids) - {kept.key})),
        published=kept.published or read.published,
        post_count=read.post_count or len(read.posts),
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
