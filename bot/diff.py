"""What a look at an author found, against what was known: new, old, or the same thread again.

Pure: does no I/O, reads no clock, logs nothing. Does not decide when anything happens; that is `schedule`.

Identity is a thread's id and its aliases, never its date, title, URL or place on the page. A date is used
for one thing only: an unknown thread older than the horizon (how far back the listing was seen) was there
before us, and is remembered without being announced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock_time

from bot.errors import ParseError
from bot.model import (
    Backfill,
    Changes,
    Delivery,
    DeliveryState,
    Entry,
    FeedState,
    Fetched,
    Known,
    PollInput,
)
from bot.routing import Routing, delivery_id, hashed, queued
from bot.schedule import WHOLE_WITHIN, next_look, next_relook


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One page, sorted out: `new` to announce, `old` to remember. In the page's order."""

    new: tuple[Entry, ...] = ()
    old: tuple[Entry, ...] = ()
    grown: tuple[Known, ...] = ()
    """Known threads of which the listing says that they have more posts than it said before."""
    recounted: tuple[Known, ...] = ()
    """Known threads that have fewer posts than before, by the listing; or more, on a page where most of them have:
    there the site counts otherwise now, and no thread has grown for it.
    """
    edited: tuple[tuple[Entry, Known], ...] = ()
    """Known threads that the listing shows whole, and otherwise than they are kept; with what it shows."""
    unseen_below: bool = False
    """The page's oldest thread is itself new, so there may be more news on the next page."""


def require_threads(start: PollInput, fetched: Fetched) -> None:
    """Raise `ParseError` where an author with known threads suddenly has none: never read as "no threads".

    Not where the listing shows posts of the author all the same, of which none is a thread.
    """
    if not fetched.entries and fetched.reaches is None and start.has_known:
        raise ParseError(start.feed.id, "the author's page lists no thread at all, though some are known")


def judge(
    state: FeedState,
    entries: Sequence[Entry],
    known: Mapping[str, Known],
    *,
    ordered: bool = False,
    swept: bool = False,
) -> Verdict:
    """Sort one page of a listing out. `known` holds every id of `entries` that is known, as key or alias. `ordered`:
    see `Fetched`. `swept`: nobody looked for news there, so that only what is dated so is some.
    """
    once = _once(entries)
    unknown = [e for e in once if not e.ids & known.keys()]
    if not state.baselined:
        return Verdict(old=tuple(unknown))
    above = _above_known(once, known) if ordered and not swept else frozenset()
    dated = (e for e in unknown if not swept or e.published is not None)
    new = tuple(e for e in dated if (e.key in above or _is_news(e, state.horizon)) and not _was_too_short(e, state))
    fresh = {e.key for e in new}
    old = tuple(e for e in unknown if e.key not in fresh)
    last = min(entries, key=lambda e: e.published or _LONG_AGO, default=None)
    pairs = [(e, known[e.key]) for e in once if e.key in known]
    edited = tuple((e, k) for e, k in pairs if _is_edited(e, k))
    more = tuple(replace(k, listed=e.post_count) for e, k in pairs if _has_more(e, k))
    fewer = tuple(replace(k, listed=e.post_count) for e, k in pairs if 0 < (e.post_count or 0) < _listed(e, k))
    counted_otherwise = len(more) >= RECOUNT and len(more) * 2 > len(pairs)
    return Verdict(
        new=new,
        old=old,
        grown=() if counted_otherwise else more,
        recounted=(*fewer, *more) if counted_otherwise else fewer,
        edited=edited,
        unseen_below=last is not None and last in new,
    )


RECOUNT = 4
"""So many known threads that have more posts at once, of one author, were counted otherwise; they did not all grow."""


def _listed(entry: Entry, known: Known) -> int:
    """How many posts the listing said before that the thread has."""
    return known.listed or known.post_count or entry.post_count or 0


def _is_edited(entry: Entry, known: Known) -> bool:
    watched = known.state in ("announced", "filtered") and known.version > 0
    return watched and entry.whole and entry.content_hash != known.content_hash


def _above_known(entries: Sequence[Entry], known: Mapping[str, Known]) -> frozenset[str]:
    """The keys of what stands above a known thread, in a listing with the newest first."""
    last = max((at for at, entry in enumerate(entries) if entry.ids & known.keys()), default=0)
    return frozenset(entry.key for entry in entries[:last])


def _has_more(entry: Entry, known: Known) -> bool:
    before = _listed(entry, known)
    return known.state in ("baseline", "announced", "filtered") and (entry.post_count or 0) > before


def to_look_at(grown: Iterable[Known], now: datetime) -> tuple[Known, ...]:
    """Known threads that have more posts: each is looked at now, if it is not to be anyway."""
    return tuple(replace(known, look_at=min(known.look_at or now, now)) for known in grown)


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


def is_above(page: Fetched, last_look: datetime | None) -> bool:
    """Whether a deeper page, of a listing that says how far it reaches, does not reach back to the look before."""
    return page.reaches is not None and last_look is not None and page.reaches > last_look


def moved_back(horizon: datetime | None, page: Fetched) -> datetime | None:
    """The horizon after a deeper page was read as well. Where every thread is news (None) it stays so.

    By how far the page says that it reaches: an old thread that grew lately may stand on it, far above its time.
    """
    if horizon is None:
        return None
    seen = (page.reaches,) if page.reaches else (e.published for e in page.entries)
    return min((horizon, *(time for time in seen if time is not None)))


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


def twin(entry: Entry, of: Known, place: str, now: datetime) -> Known:
    """A thread that is known already from another feed of the same person; `place` says in words which."""
    note = f"the same thread as {of.key} at {place}"
    return replace(_known(entry, "duplicate", now), same_as=of.key, same_in=of.feed_id, note=note)


def paired(known: Known, entry: Entry, untold: Collection[str] | None) -> Known:
    """A known thread that stands in another place, too, where it is told to the channels that are `untold`.

    None: nobody was told of it. Then it is that of the other place from now on: a place that is added takes all that is
    there for old, and what the others have not told yet is news all the same.
    """
    if untold is None:
        note = f"the same thread as {entry.key}, which is told from another place"
        return replace(known, state="duplicate", same_as=entry.key, same_in=entry.feed_id, note=note, look_at=None)
    also = tuple(dict.fromkeys((*known.also, entry.url)))
    filtered = tuple(reason for reason in known.filtered if reason.partition(": ")[0] not in untold)
    # What waits for its own page may be read in the other place, before its notice goes out without the whole of it.
    look_at = known.first_seen if known.state == "waiting" else known.look_at
    return replace(known, also=also, filtered=filtered, look_at=look_at)


def taken_over(known: Known, original: Known, rows: Iterable[Delivery], whole: Entry | None, now: datetime) -> Changes:
    """A thread of a feed that leaves, in another place of the same person, where it was known as that one.

    Who was told of it hears of its growth from here; who was not yet is told from here. `whole`: what is kept of it,
    where this place has no page of it to be read.
    """
    unsent = [row for row in rows if row.event == "new" and row.state in ("pending", "unknown", "sending")]
    told = {*original.pruned, *original.queued} - {row.place for row in unsent}
    waits = bool(unsent) and whole is None
    moved = tuple(_moved(row, known, now + WHOLE_WITHIN if waits else now) for row in unsent)
    entry = None if whole is None else replace(whole, feed_id=known.feed_id, key=known.key, url=known.url, version=1)
    after = replace(
        known,
        state="waiting" if waits else "announced",
        same_as="",
        same_in="",
        note="",
        looks=0,
        look_at=now if whole is None else None,
        pruned=tuple(sorted(told)),
        version=1 if entry else 0,
        told=1 if entry else 0,
    )
    return Changes(feed_id=known.feed_id, known=(after,), contents=(entry,) if entry else (), deliveries=moved)


def _moved(row: Delivery, known: Known, due: datetime) -> Delivery:
    id_ = delivery_id(known.feed_id, known.key, row.channel)
    # One that may have arrived says so, wherever the next try comes from.
    state: DeliveryState = "pending" if row.state == "pending" and not row.doubtful else "unknown"
    return replace(
        row,
        id=id_,
        batch=id_,
        feed_id=known.feed_id,
        entry_key=known.key,
        state=state,
        doubtful=state == "unknown",
        due_at=max(row.due_at, due),
        version=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A new thread as far as it could be read; `looks` counts the failed reads of its own page so far. `listed`: how
    many posts the listing says it has. `before`: what is known of it, where it is announced once more. `quiet_at`:
    until when it may still be being written, `within`: how long it may wait. `twin`: what is known of it where it was
    found in another place of the same person; then it is told where that one is not.
    """

    entry: Entry
    looks: int = 0
    listed: int | None = None
    before: Known | None = None
    quiet_at: datetime | None = None
    within: timedelta = WHOLE_WITHIN
    twin: Known | None = None
    routing: Routing = field(default_factory=Routing)

    @property
    def waits(self) -> str:
        """Why it is not told of at once; "" if it is."""
        if self.quiet_at is not None:
            return "waits until the author has finished it"
        return "" if self.entry.whole else "waits until the whole thread can be read, for an hour at the most"


def announce(feed_id: str, news: Sequence[News], now: datetime, *, burst: int, jitter: float) -> Changes:
    """Queue new threads for the channels that want them, the oldest first: one message each, or one for all if they
    are many; in a digest, one for all that is in it.

    A thread not read whole is queued for the end of its hour; the next looks bring it forward.
    """
    ordered = sorted(news, key=lambda n: _age(n.entry))
    channels = dict.fromkeys(route.channel for item in ordered for route in item.routing.routes)
    deliveries = [row for channel in channels for row in _to_channel(channel, ordered, now, burst)]
    return Changes(
        feed_id=feed_id,
        known=tuple(_as_news(item, now, jitter) for item in ordered),
        contents=tuple(item.entry for item in ordered),
        deliveries=tuple(deliveries),
    )


def _to_channel(channel: str, ordered: Sequence[News], now: datetime, burst: int) -> Iterator[Delivery]:
    routed = [(item, route) for item in ordered for route in item.routing.routes if route.channel == channel]
    at_once = [item.entry for item, route in routed if route.slot is None]
    for item, route in routed:
        together = at_once if len(at_once) > burst else [item.entry]
        batch = hashed(channel, *(f"{entry.feed_id} {entry.key}" for entry in together))
        if item.waits:
            # Not in a digest yet: one that waits would hold up all the others in it.
            later = replace(route, due=max(route.due, now + item.within), slot=None)
            yield replace(queued(later, item.entry, now, batch=batch), error=item.waits)
        else:
            yield queued(route, item.entry, now, batch=batch)


def only_announced(changes: Changes) -> Changes:
    """A later backfill of an author who is followed already: what polling knows stays as it is."""
    announced = {entry.key for entry in changes.contents}
    return replace(changes, state=None, known=tuple(k for k in changes.known if k.key in announced))


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LAST_DAY = date(9998, 12, 31)


def _once(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.key, entry)
    return tuple(first.values())


def _was_too_short(entry: Entry, state: FeedState) -> bool:
    """Whether a look before the settings were changed has seen it, and did not list it."""
    if state.widened_at is None or entry.published is None or entry.post_count is None:
        return False
    return entry.post_count < state.too_short and entry.published < state.widened_at


def widened(state: FeedState, shortest: int, last: datetime | None) -> FeedState:
    """The state before a listing is judged that has threads down to `shortest` posts; `last`: the look before."""
    if not shortest:
        return state
    if shortest < state.shortest:
        state = replace(state, too_short=state.shortest, widened_at=last)
    return replace(state, shortest=shortest)


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
    entry, routing = item.entry, item.routing
    version = entry.version if entry.whole else 0
    found = replace(
        _known(entry, "waiting" if item.waits else "announced", item.before.first_seen if item.before else now),
        version=version,
        told=version,
        updates=item.before.updates if item.before else 0,
        updated_at=item.before.updated_at if item.before else None,
        read_at=now if entry.whole else None,
        listed=None if item.listed == entry.post_count else item.listed,
        queued=tuple(sorted(route.channel for route in routing.routes)),
        filtered=routing.reasons,
        same_as=item.twin.key if item.twin else "",
        same_in=item.twin.feed_id if item.twin else "",
        also=(item.twin.url,) if item.twin else (),
    )
    if routing.filtered and not routing.routes:
        return replace(found, state="filtered", look_at=next_relook(now, now, jitter))
    if item.quiet_at is not None:
        return replace(found, look_at=item.quiet_at)
    if entry.whole:
        return replace(found, look_at=next_relook(now, now, jitter))
    return replace(found, looks=item.looks, look_at=next_look(item.looks, now, jitter))


def merged(kept: Entry, read: Entry) -> Entry:
    """What the thread's own page says, with what only the listing knew."""
    return replace(
        read,
        feed_id=kept.feed_id,
        key=kept.key,
        url=kept.url,
        author=read.author if read.author.at else kept.author,
        title=read.title or kept.title,
        aliases=tuple(sorted((read.ids | kept.ids) - {kept.key})),
        published=kept.published or read.published,
        post_count=read.post_count or len(read.posts),
    )

