"""What a look at a thread's own page means: read whole at last, grown, quiet again, not found, gone.

Pure: values in, `Changes` out. Does not read pages or rows (`relook`), does not say where an event goes (`routing`)
or when the next look is (`schedule`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from bot import schedule
from bot.growth import growth
from bot.model import Changes, Delivery, Entry, EventKind, Known
from bot.routing import Route, Routing, batch_of, queued

LIVE_VERSIONS = 6
"""A thread that is never quiet is told of all the same, after so many looks that each found something new."""

Rows = Mapping[str, Delivery]
"""The deliveries of one thread that are in the outbox, by place."""


# -- a thread that waits to be announced ----------------------------------------------------------------------


def postponed(before: Known, until: datetime | None) -> Changes:
    """A look that was not made, because the site asked for a pause: it does not count."""
    return Changes(feed_id=before.feed_id, known=(replace(before, look_at=until),))


def still_unread(before: Known, rows: Rows, routing: Routing, now: datetime, *, jitter: float) -> Changes:
    """A waiting thread's page failed again: wait for the next look, or announce what the listing shows."""
    looks = before.looks + 1
    due = schedule.next_look(looks, now, jitter)
    if due is not None:
        return Changes(feed_id=before.feed_id, known=(replace(before, looks=looks, look_at=due),))
    note = "its own page could not be read; announced with what the listing shows"
    after = replace(before, state="announced", looks=looks, note=note, look_at=_first_relook(before, now, jitter))
    return released(after, rows, routing, now)


def read_whole(
    before: Known,
    entry: Entry,
    rows: Rows,
    routing: Routing,
    now: datetime,
    *,
    jitter: float,
    only: Collection[str] | None = None,
) -> Changes:
    """A waiting thread was read: it is announced to those channels that want it, now that all of it is known; to `only`
    these, where the others were told of it from another place.
    """
    due = _first_relook(before, now, jitter)
    after = replace(_with(before, entry, now), state="announced", told=entry.version, look_at=due)
    waiting = (row for row in rows.values() if row.state == "pending")
    told = tuple(row for row in waiting if only is not None and row.channel not in only)
    left = {place: row for place, row in rows.items() if row not in told}
    changes = released(after, left, routing, now)
    return replace(changes, contents=(entry,), withdrawn=(*changes.withdrawn, *(row.id for row in told)))


def withdrawn(before: Known, of: Known, rows: Iterable[Delivery]) -> Changes:
    """A waiting thread turned out to be a known one: nothing of it is sent."""
    elsewhere = of.feed_id if of.feed_id != before.feed_id else ""
    original = of.key if elsewhere else of.same_as or of.key
    note = f"the same thread as {original}{f' of {elsewhere}' if elsewhere else ''}"
    gone = replace(before, state="duplicate", look_at=None, same_as=original, same_in=elsewhere, note=note, queued=())
    ids = tuple(d.id for d in rows if d.state == "pending")
    return Changes(feed_id=before.feed_id, known=(gone,), withdrawn=ids)


def released(after: Known, rows: Rows, routing: Routing, now: datetime) -> Changes:
    """The deliveries of a thread that waits no longer: due by their routes, or withdrawn where they are not wanted."""
    routes = {route.channel: route for route in routing.routes}
    unwanted = {channel for channel, _ in routing.filtered}
    waiting = [row for row in rows.values() if row.state == "pending"]
    gone = tuple(row for row in waiting if row.channel in unwanted)
    go = tuple(_due(row, routes.get(row.channel), now) for row in waiting if row.channel not in unwanted)
    nobody = bool(gone) and len(gone) == len(rows)
    after = replace(after, filtered=routing.reasons, state="filtered" if nobody else after.state)
    return Changes(feed_id=after.feed_id, known=(after,), deliveries=go, withdrawn=tuple(row.id for row in gone))


def _due(row: Delivery, route: Route | None, now: datetime) -> Delivery:
    if route is None:  # of a channel that nobody asks for any more
        return replace(row, due_at=min(row.due_at, now), error="")
    return replace(row, due_at=route.due, batch=batch_of(route) or row.batch, error="")


# -- a thread that is known whole -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """What a thread is after its page was read again. `contents`: the new versions, none if nothing changed.

    `tell`: it has grown, has been quiet since, and is to be told of now.
    """

    known: Known
    entry: Entry
    contents: tuple[Entry, ...] = ()
    tell: bool = False


def reread(
    before: Known, kept: Entry | None, told: Entry | None, read: Entry, now: datetime, *, settle: timedelta
) -> Reread:
    """Compare a thread with how it is kept, and with how it was told last."""
    if before.state in ("duplicate", "dropped"):
        return Reread(known=replace(before, look_at=None), entry=read)
    if kept is None or before.version == 0:
        return _kept_first(before, read, now)
    read = _completed(kept, read)
    if read.content_hash == kept.content_hash:
        known = replace(_seen(before, read, now), post_count=_most(before.post_count, read.post_count))
        return Reread(known=known, entry=kept, tell=_is_quiet(known, now, settle))
    entry = replace(read, version=before.version + 1, read_at=now)
    known = _with(before, entry, now)
    if not growth(told or kept, entry):
        # Nothing a reader would call a change; or it is again what they were told.
        return Reread(known=replace(known, told=entry.version), entry=entry, contents=(entry,))
    live = entry.version - before.told >= LIVE_VERSIONS and now >= schedule.damped_until(before, now)
    return Reread(known=replace(known, grown_at=now), entry=entry, contents=(entry,), tell=live)


def _completed(kept: Entry, read: Entry) -> Entry:
    """What was read, with those kept posts in their places that it lacks though it says that there are more.

    A page that counts eight posts and shows two is a part of the thread; what it does not show was not removed.
    """
    if (read.post_count or 0) <= len(read.posts):
        return read
    shown = {post.id for post in read.posts}
    posts = list(read.posts)
    for before, post in pairwise((None, *kept.posts)):
        if post is not None and post.id not in shown:
            at = next((n for n, one in enumerate(posts, 1) if before is not None and one.id == before.id), 0)
            posts.insert(at, post)
    return replace(read, posts=tuple(posts))


def _kept_first(before: Known, read: Entry, now: datetime) -> Reread:
    """A thread of which there is no copy is kept from now on: it was there before us, only the listing was read, or
    the archive's bounds took the copy.

    If there are more posts than there were, it has grown: what there was then becomes a version of its own, and is
    taken as told.
    """
    more = _more(before, read)
    if before.state == "filtered" or not 0 < more < len(read.posts):
        entry = replace(read, version=before.version + 1, read_at=now)
        return Reread(known=replace(_with(before, entry, now), told=entry.version), entry=entry, contents=(entry,))
    first = replace(
        read,
        version=before.version + 1,
        read_at=before.read_at or before.first_seen,
        posts=read.posts[:-more],
        post_count=before.post_count,
    )
    entry = replace(read, version=first.version + 1, read_at=now)
    known = replace(_with(before, entry, now), told=first.version, grown_at=now)
    return Reread(known=known, entry=entry, contents=(first, entry))


def _more(before: Known, read: Entry) -> int:
    """How many posts have come since a thread of which there is no copy was seen first: by its page, which may be ahead
    of the listing, or by the listing, which may count otherwise. Rather one too many than a post that nobody hears of.
    """
    count = before.post_count
    return 0 if count is None else max(read.post_count or 0, before.listed or 0) - count


def _is_quiet(known: Known, now: datetime, settle: timedelta) -> bool:
    return known.told < known.version and now >= schedule.quiet_at(known, now, settle)


def grown_elsewhere(
    before: Known, kept: Entry, told: Entry | None, read: Entry, now: datetime, *, settle: timedelta
) -> Reread | None:
    """A known thread of which another page shows posts that its own does not; None if that page has none.

    Somebody had a part of it unrolled, and then the whole: that page is read from now on, and the posts are growth.
    """
    have = {post.id for post in kept.posts}
    if all(post.id in have for post in read.posts):
        return None
    shown = {post.id for post in read.posts}
    union = (*(post for post in kept.posts if post.id not in shown), *read.posts)
    entry = replace(read, key=kept.key, url=kept.url, posts=union, post_count=len(union))
    done = reread(before, kept, told, entry, now, settle=settle)
    look_at = schedule.quiet_at(done.known, now, settle) if done.known.told < done.known.version else before.look_at
    return replace(done, known=replace(done.known, page=read.key, look_at=look_at))


def who_knows(known: Known) -> frozenset[str]:
    """The channels that a thread was sent to, or is queued for. "*": a store of schema 1 did not remember which."""
    return frozenset(place.split(" ")[0] for place in (*known.queued, *known.pruned))


def strangers(known: Known) -> frozenset[str]:
    """The channels that did not want a thread when it was new, and may want it now that it is longer."""
    return frozenset(reason.partition(": ")[0] for reason in known.filtered) - who_knows(known)


def grown(
    reread: Reread, rows: Rows, as_new: Routing, as_grown: Routing, now: datetime, *, reverted: Collection[str] = ()
) -> Changes:
    """Tell of a thread's growth: the channels that know of it what is new, those that did not want it before all of it.

    A channel whose first notice still waits to be sent is told by that one. `reverted`: places of updates that wait,
    and of which nothing is left to tell.
    """
    known, entry = reread.known, reread.entry
    fresh = [queued(route, entry, now) for route in as_new.routes]
    more = [_grown(route, reread, rows, reverted, now) for route in as_grown.routes]
    deliveries = (*fresh, *(row for row in more if row is not None))
    told = {row.channel for row in deliveries}
    # Why a channel did not want the thread itself says more than why it does not want to hear of its growth.
    reasons = {reason.partition(": ")[0]: reason for reason in (*as_grown.reasons, *known.filtered, *as_new.reasons)}
    after = replace(
        known,
        state="announced" if fresh else known.state,
        told=known.version,
        updates=known.updates + bool(deliveries),
        updated_at=now if deliveries else known.updated_at,
        filtered=tuple(reason for channel, reason in reasons.items() if channel not in told),
    )
    withdrawn = tuple(rows[place].id for place in reverted)
    return Changes(
        feed_id=known.feed_id, known=(after,), contents=reread.contents, deliveries=deliveries, withdrawn=withdrawn
    )


def _grown(route: Route, reread: Reread, rows: Rows, reverted: Collection[str], now: datetime) -> Delivery | None:
    first = rows.get(route.channel)
    if first is not None and first.state == "pending":
        return None
    waiting = next((row for row in rows.values() if _waits(row, route.channel, "grown")), None)
    if waiting is not None:
        # An update that was not sent yet tells this one too.
        return None if waiting.place in reverted else replace(waiting, version=reread.known.version)
    # A first notice that was sent late told more than what was known when it was queued.
    told = max(reread.known.told, first.version if first is not None else 0)
    if told >= reread.known.version:
        return None
    return queued(route, reread.entry, now, "grown", since=told)


def _waits(row: Delivery, channel: str, event: EventKind) -> bool:
    return row.state == "pending" and row.channel == channel and row.event == event


# -- a thread whose page is not found -------------------------------------------------------------------------


def is_gone(before: Known, now: datetime) -> bool:
    """Whether a page that is not found was not found before, long enough ago to believe it."""
    return before.missing_at is not None and now - before.missing_at >= schedule.GONE_APART * 0.9


def missing(before: Known, now: datetime) -> Known:
    """The thread after its page was not found, or not found again where that may be the site's own trouble."""
    first = min(before.missing_at or now, now)
    due = now + schedule.GONE_APART if before.missing_at is None else schedule.next_relook(first, now, 0.5)
    if due is None and before.told < before.version:
        due = now + schedule.RELOOKS[-2]
    return replace(before, missing_at=first, look_at=due)


def gone(before: Known, entry: Entry, routing: Routing, now: datetime) -> Changes:
    """Tell that a thread is gone; once, unless it came back with something new. Nobody is told of one that nobody heard
    of and that is not kept.
    """
    told = () if before.version == 0 and before.state == "baseline" else routing.routes
    # It may come back: then it is looked at like any other again, and `threads` and `why` do not call it gone.
    again = schedule.next_relook(now, now, 0.5)
    known = replace(before, gone_at=now, look_at=again, told=before.version)
    rows = tuple(queued(route, entry, now, "gone", since=before.version) for route in told)
    return Changes(feed_id=before.feed_id, known=(known,), deliveries=rows)


def given_up(before: Known) -> Known:
    """A thread whose growth cannot be told: neither its page nor its kept copy can be read."""
    note = "it has grown, but neither its page nor the kept copy could be read: nobody was told"
    return replace(before, told=before.version, look_at=None, note=note)


# -- parts ----------------------------------------------------------------------------------------------------


def _with(before: Known, entry: Entry, now: datetime) -> Known:
    """What is known of a thread that was read whole in this form."""
    listed = before.post_count if before.version == 0 and before.listed is None else before.listed
    return replace(
        _seen(before, entry, now),
        listed=listed,
        title=entry.title,
        published=before.published or entry.published,
        aliases=tuple(sorted((entry.ids | {*before.aliases}) - {before.key})),
        post_count=_most(before.post_count, entry.post_count),
        content_hash=entry.content_hash,
        version=entry.version,
        copy="",
    )


def _seen(before: Known, entry: Entry, now: datetime) -> Known:
    """Its page was found."""
    return replace(before, read_at=now, missing_at=None, gone_at=None, url=before.url or entry.url)


def _most(before: int | None, now: int | None) -> int | None:
    """The larger count: a listing that counts otherwise than the page must not bring a look at each poll."""
    return max((count for count in (before, now) if count is not None), default=None)


def _first_relook(before: Known, now: datetime, jitter: float) -> datetime | None:
    return schedule.next_relook(before.first_seen, now, jitter)
