"""What a look at a thread's own page means: read whole at last, grown, quiet again, not found, gone.

Pure: values in, `Changes` out. Does not read pages or rows (`relook`), does not say where an event goes (`routing`)
or when the next look is (`schedule`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

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
    return _released(after, rows, routing, now)


def read_whole(before: Known, entry: Entry, rows: Rows, routing: Routing, now: datetime, *, jitter: float) -> Changes:
    """A waiting thread was read: it is announced to those channels that want it, now that all of it is known."""
    due = _first_relook(before, now, jitter)
    after = replace(_with(before, entry, now), state="announced", told=entry.version, look_at=due)
    return replace(_released(after, rows, routing, now), contents=(entry,))


def withdrawn(before: Known, of: Known, rows: Iterable[Delivery]) -> Changes:
    """A waiting thread turned out to be a known one: nothing of it is sent."""
    original = of.same_as or of.key
    note = f"the same thread as {original}"
    gone = replace(before, state="duplicate", look_at=None, same_as=original, note=note, queued=())
    ids = tuple(d.id for d in rows if d.state == "pending")
    return Changes(feed_id=before.feed_id, known=(gone,), withdrawn=ids)


def _released(after: Known, rows: Rows, routing: Routing, now: datetime) -> Changes:
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
    if read.content_hash == kept.content_hash:
        known = replace(_seen(before, read, now), post_count=_most(before.post_count, read.post_count))
        return Reread(known=known, entry=kept, tell=_is_quiet(known, now, settle))
    entry = replace(read, version=before.version + 1, read_at=now)
    known = _with(before, entry, now)
    if not growth(told or kept, entry):
        # Nothing a reader would call a change; or it is again what they were told.
        return Reread(known=replace(known, told=entry.version), entry=entry, contents=(entry,))
    live = entry.version - before.told >= LIVE_VERSIONS
    return Reread(known=replace(known, grown_at=now), entry=entry, contents=(entry,), tell=live)


def _kept_first(before: Known, read: Entry, now: datetime) -> Reread:
    """A thread that was there before us, or was only read from the listing, is kept from now on.

    If it has more posts than the listing said when it was seen first, it has grown since: what there was then becomes
    its first version, and is taken as told.
    """
    more = (read.post_count or 0) - (before.post_count or read.post_count or 0)
    if before.state != "baseline" or before.version or not 0 < more < len(read.posts):
        # One whose copy the archive's bounds took goes on counting.
        entry = replace(read, version=before.version + 1, read_at=now)
        return Reread(known=replace(_with(before, entry, now), told=entry.version), entry=entry, contents=(entry,))
    first = replace(read, version=1, read_at=before.first_seen, posts=read.posts[:-more], post_count=before.post_count)
    entry = replace(read, version=2, read_at=now)
    known = replace(_with(before, entry, now), told=1, grown_at=now)
    return Reread(known=known, entry=entry, contents=(first, entry))


def _is_quiet(known: Known, now: datetime, settle: timedelta) -> bool:
    return known.told < known.version and now >= schedule.quiet_at(known, now, settle)


def strangers(known: Known, channels: Iterable[str]) -> set[str]:
    """Those channels that were not told of a thread so far, though it was announced; none where nobody was."""
    told = {place.split(" ")[0] for place in (*known.queued, *known.pruned)}
    # A store of schema 1 did not remember which channels a thread was sent to: "*".
    return set() if known.state == "baseline" or "*" in told else set(channels) - told


def grown(reread: Reread, rows: Rows, as_new: Routing, as_grown: Routing, now: datetime) -> Changes:
    """Tell of a thread's growth: the channels that know of it what is new, those that did not want it before all of it.

    A channel whose first notice still waits to be sent is told by that one.
    """
    known, entry = reread.known, reread.entry
    fresh = [queued(route, entry, now) for route in as_new.routes]
    more = [_grown(route, reread, rows, now) for route in as_grown.routes]
    after = replace(
        known,
        state="announced" if fresh else known.state,
        told=known.version,
        updates=known.updates + 1,
        updated_at=now,
        filtered=as_grown.reasons,
    )
    deliveries = (*fresh, *(row for row in more if row is not None))
    return Changes(feed_id=known.feed_id, known=(after,), contents=reread.contents, deliveries=deliveries)


def _grown(route: Route, reread: Reread, rows: Rows, now: datetime) -> Delivery | None:
    first = rows.get(route.channel)
    if first is not None and first.state == "pending":
        return None
    # A first notice that was sent late told more than what was known when it was queued.
    told = max(reread.known.told, first.version if first is not None else 0)
    if told >= reread.known.version:
        return None
    row = queued(route, reread.entry, now, "grown", since=told)
    waiting = next((r for r in rows.values() if _waits(r, route.channel, "grown")), None)
    # An update that was not sent yet tells this one too.
    return replace(waiting, version=row.version) if waiting is not None else row


def _waits(row: Delivery, channel: str, event: EventKind) -> bool:
    return row.state == "pending" and row.channel == channel and row.event == event


# -- a thread whose page is not found -------------------------------------------------------------------------


def is_gone(before: Known, now: datetime) -> bool:
    """Whether a page that is not found was not found before, long enough ago to believe it."""
    return before.missing_at is not None and now - before.missing_at >= schedule.GONE_APART * 0.9


def missing(before: Known, now: datetime) -> Known:
    """The thread after its page was not found, or not found again where that may be the site's own trouble."""
    first = before.missing_at or now
    due = now + schedule.GONE_APART if before.missing_at is None else schedule.next_relook(first, now, 0.5)
    return replace(before, missing_at=first, read_at=before.read_at, look_at=due)


def gone(before: Known, entry: Entry, routing: Routing, now: datetime) -> Changes:
    """Tell, once, that a thread is gone."""
    known = replace(
        before,
        gone_at=now,
        look_at=None,
        told=before.version,
        filtered=tuple(dict.fromkeys((*before.filtered, *routing.reasons))),
    )
    rows = tuple(queued(route, entry, now, "gone") for route in routing.routes)
    return Changes(feed_id=before.feed_id, known=(known,), deliveries=rows)


# -- parts ----------------------------------------------------------------------------------------------------


def _with(before: Known, entry: Entry, now: datetime) -> Known:
    """What is known of a thread that was read whole in this form."""
    return replace(
        _seen(before, entry, now),
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
