"""Another look at a thread's own page: of one that waits to be announced, that may have grown, or that may be gone.

Calls things in order: load, read, decide (`looks`), commit. Does not decide when the next look is (`schedule`), or
whom it is told (`routing`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Literal

from bot import diff, likeness, looks, schedule
from bot.allowance import Allowance, within
from bot.errors import FeedGone, HostHeld, OutOfTime, SourceError, StoreError
from bot.growth import growth
from bot.model import Changes, Entry, Feed, Known, PollInput
from bot.poll import Poller
from bot.protocols import lists_whole
from bot.routing import Routing, channels_of, gathered

log = logging.getLogger(__name__)

PROBES = 3
"""Other threads of the author, and of others, whose pages are tried before one is said to be gone."""
ALONE = timedelta(hours=20)
"""How long all threads of the only author of a source must be missing, while that author's page answers, before they
are said to be gone."""

Outcome = Literal["announced", "waiting", "duplicate", "unchanged", "settling", "grown", "missing", "gone", "failed"]


_AFTER_WAITING: Mapping[str, Outcome] = {"duplicate": "duplicate", "waiting": "waiting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relooked:
    """What a look at a thread's page came to. `error`: why it could not be read, in words."""

    feed: Feed
    known: Known
    outcome: Outcome
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relooker:
    """Looks at threads again. What it shares with the `Poller` is the poller's: one look at an author at a time."""

    poller: Poller
    _ears: dict[int, list[Relooked]] = field(default_factory=dict)

    @contextmanager
    def heard(self) -> Iterator[list[Relooked]]:
        """A list that takes up every look that ends while the block lasts, whoever asked for it."""
        done: list[Relooked] = []
        self._ears[id(done)] = done
        try:
            yield done
        finally:
            del self._ears[id(done)]

    async def look_again(self, *due: Known) -> None:
        """Look at threads of one author that are due, and commit what came of each.

        All within the time of one look, in the order given; those that it does not suffice for stay due. Raises
        `StoreError`, once the others were tried.
        """
        failed: StoreError | None = None
        async with self.poller.turn(due[0].feed_id):
            with within(Allowance(self.poller.timeout)) as allowance:
                # The longest due first: a page that drips is due later than those it used up the time of.
                for thread in due:
                    if allowance.left <= 0:
                        break
                    try:
                        await self._look_safely(thread)
                    except StoreError as error:
                        failed = failed or error
        if failed is not None:
            raise failed

    async def _look_safely(self, thread: Known) -> None:
        """One thread's oddity must not stop the others; the traceback is logged, and it waits. Raises `StoreError`."""
        try:
            await self._look(thread)
        except StoreError:
            raise
        except Exception:
            log.exception("thread %s of %s, looked at again: this program failed", thread.key, thread.feed_id)
            await self.poller.store.amend([(thread, schedule.after_oddity(thread, self.poller.clock()))])

    async def look_now(self, thread: Known) -> Relooked | None:
        """Look at one thread whether it is due or not; None if it is not known any more. Raises `StoreError`."""
        async with self.poller.turn(thread.feed_id):
            with within(Allowance(self.poller.timeout)):
                found = await self.poller.store.known(thread.feed_id, [thread.key])
                return await self._look(found[thread.key], by_hand=True) if thread.key in found else None

    async def _look(self, thread: Known, *, by_hand: bool = False) -> Relooked | None:
        start = await self.poller.store.poll_input(thread.feed_id)
        known = await self.poller.store.known(thread.feed_id, [thread.key])
        if start is None or known.get(thread.key) != thread:
            return None
        done = await self._looked(start, thread, by_hand=by_hand)
        _log(done)
        for ears in self._ears.values():
            ears.append(done)
        return done

    async def _looked(self, start: PollInput, thread: Known, *, by_hand: bool) -> Relooked:
        now = self.poller.clock()
        if schedule.is_held(start.state, now):
            pause = SourceError(start.feed.id, "the site asked for a pause", not_before=start.state.held_until)
            return await self._postponed(start, thread, pause)
        reader = self.poller.reader
        kept = await reader.kept(thread, thread.version or None) or thread.as_entry(start.feed.author)
        if lists_whole(self.poller.sources[start.feed.source]):
            return await self._as_listed(start, thread, kept)
        read = await reader.look(start.feed, replace(kept, whole=False, key=thread.page or thread.key))
        if isinstance(read, HostHeld | OutOfTime):
            return await self._postponed(start, thread, read)
        if thread.also:
            read = await self._in_any_place(start, thread, kept, read)
        if thread.state == "waiting":
            if by_hand and isinstance(read, SourceError):
                # Its looks are counted: asking by hand must not bring the notice without the whole thread sooner.
                return Relooked(feed=start.feed, known=thread, outcome="waiting", error=read.reason)
            # One that waited until it was finished is kept whole already.
            known_whole = kept.whole and isinstance(read, SourceError)
            return await self._waited(start, thread, kept, kept if known_whole else read)
        if isinstance(read, FeedGone):
            return await self._missing(start, thread, kept)
        if isinstance(read, SourceError):
            return await self._unread(start, thread, kept, read)
        return await self._read(start, thread, kept, diff.merged(kept, read))

    async def _as_listed(self, start: PollInput, thread: Known, kept: Entry) -> Relooked:
        """A thread that its listing shows whole: as the last poll saw it, told of if it has been quiet since."""
        if kept.whole and thread.state == "waiting":
            return await self._waited(start, thread, kept, kept)
        if not kept.whole:
            after = schedule.unwatched(replace(thread, told=thread.version))
            await self.poller.store.commit(Changes(feed_id=start.feed.id, known=(after,)))
            return Relooked(feed=start.feed, known=after, outcome="unchanged")
        return await self._read(start, thread, kept, kept)

    async def _in_any_place(
        self, start: PollInput, thread: Known, kept: Entry, read: Entry | SourceError
    ) -> Entry | SourceError:
        """What was read of a thread that stands in several places; from another one where its own cannot be read."""
        if isinstance(read, SourceError):
            return await self.poller.twins.stand_in(start, thread, kept) or read
        return likeness.returned(kept, read) if kept.whole else read

    async def _postponed(self, start: PollInput, thread: Known, error: SourceError) -> Relooked:
        if not isinstance(error, OutOfTime):
            until = schedule.asked_again(error, self.poller.clock())
            await self.poller.store.commit(looks.postponed(thread, until))
        return Relooked(feed=start.feed, known=thread, outcome="failed", error=error.reason)

    # -- a thread that waits to be announced ---------------------------------------------------------

    async def _waited(self, start: PollInput, thread: Known, kept: Entry, read: Entry | SourceError) -> Relooked:
        async with self.poller.deciding:
            changes = await self._waited_changes(start, thread, kept, read)
            await self.poller.store.commit(changes)
        after = changes.known[0]
        error = read.reason if isinstance(read, SourceError) else ""
        return Relooked(feed=start.feed, known=after, outcome=_AFTER_WAITING.get(after.state, "announced"), error=error)

    async def _waited_changes(self, start: PollInput, thread: Known, kept: Entry, read: Entry | SourceError) -> Changes:
        now, jitter = self.poller.clock(), self.poller.chance()
        rows = await self.poller.reader.rows(thread)
        if isinstance(read, SourceError):
            routing = self.poller.route("new", kept, start)
            changes = looks.still_unread(thread, rows, routing, now, jitter=jitter)
            held = schedule.held_back(start.state, read.not_before)
            return changes if held == start.state else replace(changes, state=held)
        other = await self.poller.reader.same(read)
        if other is not None:
            changes = looks.withdrawn(thread, other, rows.values())
            settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
            more = await self.poller.reader.elsewhere(other, read, now, settle)
            return replace(changes, known=(*changes.known, more.known), contents=more.contents) if more else changes
        entry = replace(diff.merged(kept, read), version=1, read_at=now)
        settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
        if kept.whole and any(row.state != "pending" for row in rows.values()):
            return self._sent_meanwhile(start, thread, kept, entry, rows, settle)
        quiet_at = schedule.quiet_from(entry.latest, thread.first_seen, settle, now)
        if quiet_at is not None:
            return replace(looks.postponed(thread, quiet_at), contents=(entry,))
        twin = await self.poller.twins.find(start, entry)
        if twin is None:
            return looks.read_whole(thread, entry, rows, self.poller.route("new", entry, start), now, jitter=jitter)
        untold = None if twin.is_untold else self.poller.twins.uncovered(start, twin, self.poller.router.channels)
        pair = diff.paired(twin.known, entry, untold)
        if untold is not None and not untold:
            withdrawn = looks.withdrawn(thread, twin.known, rows.values())
            return replace(withdrawn, known=(*withdrawn.known, pair))
        routing = self.poller.route("new", entry, start, only=untold)
        told = looks.read_whole(thread, entry, rows, routing, now, jitter=jitter, only=untold)
        return replace(told, known=(*told.known, pair))

    def _sent_meanwhile(
        self, start: PollInput, thread: Known, kept: Entry, entry: Entry, rows: looks.Rows, settle: timedelta
    ) -> Changes:
        """A thread that waited to be finished, and was sent as it was kept: what it has more is growth."""
        now = self.poller.clock()
        routing = self.poller.route("new", kept, start)
        reread = looks.reread(replace(thread, state="announced"), kept, kept, entry, now, settle=settle)
        changes = looks.released(reread.known, rows, routing, now)
        after = schedule.after_relook(changes.known[0], now, settle=settle, jitter=self.poller.chance())
        return replace(changes, known=(after,), contents=reread.contents)

    # -- a thread that is known whole ----------------------------------------------------------------

    async def _read(self, start: PollInput, thread: Known, kept: Entry, read: Entry) -> Relooked:
        now = self.poller.clock()
        whole = kept if kept.whole else None
        told = whole if thread.told in (0, thread.version) else await self.poller.reader.kept_whole(thread, thread.told)
        settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
        return await self._settled(start, looks.reread(thread, whole, told, read, now, settle=settle), settle)

    async def _settled(self, start: PollInput, reread: looks.Reread, settle: timedelta) -> Relooked:
        """Commit what a look found: growth that is told now, that waits for quiet, or none."""
        now = self.poller.clock()
        changes = Changes(feed_id=start.feed.id, known=(reread.known,), contents=reread.contents)
        is_old = reread.tell and reread.known.state == "baseline"
        twin = await self.poller.twins.find(start, reread.entry) if is_old else None
        async with self.poller.deciding:
            if twin is not None and not twin.is_untold:  # the other place tells what comes to it
                changes = replace(looks.withdrawn(reread.known, twin.known, ()), contents=reread.contents)
            elif reread.tell:
                changes = await self._grown(start, reread)
                pair = (diff.paired(twin.known, reread.entry, None),) if twin is not None else ()
                changes = replace(changes, known=(*changes.known, *pair))
            after = schedule.after_relook(changes.known[0], now, settle=settle, jitter=self.poller.chance())
            if lists_whole(self.poller.sources[start.feed.source]):
                after = schedule.unwatched(after)
            if after.state == "duplicate":
                after = replace(after, look_at=None)
            await self.poller.store.commit(replace(changes, known=(after, *changes.known[1:])))
        outcome: Outcome = "grown" if changes.deliveries else "settling" if after.told < after.version else "unchanged"
        return Relooked(feed=start.feed, known=after, outcome=outcome)

    async def _grown(self, start: PollInput, reread: looks.Reread, *, but: Collection[str] = ()) -> Changes:
        """Queue what is to be told of growth, to all channels that want it `but` some."""
        known, router = reread.known, self.poller.router
        rows = await self.poller.reader.rows(known)
        channels = set(channels_of(start.subscriptions, router.channels)) - set(but)
        strangers = looks.strangers(known) & channels
        as_new = self.poller.route("new", reread.entry, start, only=strangers)
        routing = self.poller.route("grown", reread.entry, start, only=self._told_of(start, known) & channels)
        as_grown = await self._gathered(known, "grown", routing)
        reverted = await self._reverted(reread, rows)
        return looks.grown(reread, rows, as_new, as_grown, self.poller.clock(), reverted=reverted)

    def _told_of(self, start: PollInput, known: Known) -> set[str]:
        """The channels that hear of a thread that they know: by their first notice, or since they want no such."""
        channels = channels_of(start.subscriptions, self.poller.router.channels)
        knows = set(looks.who_knows(known))
        if known.state == "baseline" or "*" in knows:
            return set(channels)
        wanting = (c for c in channels if self.poller.router.wants(c, "new", known.feed_id, start.subscriptions))
        return knows & set(channels) | set(channels) - set(wanting)

    async def _reverted(self, reread: looks.Reread, rows: looks.Rows) -> set[str]:
        """The updates that wait, and of which nothing is left to tell: the thread is again as it was before them."""
        waiting = [row for row in rows.values() if row.state == "pending" and row.event == "grown"]
        before = [(row.place, await self.poller.reader.kept_whole(reread.known, row.since)) for row in waiting]
        return {place for place, entry in before if entry is not None and not growth(entry, reread.entry)}

    async def _gathered(self, known: Known, event: Literal["grown", "gone"], routing: Routing) -> Routing:
        """Of many threads of an author that change within an hour, those beyond a burst are one notice."""
        now = self.poller.clock()
        others = [one for one in await self.poller.store.threads(known.feed_id) if one.key != known.key]
        if sum(schedule.is_lately(one, event, now) for one in others) < self.poller.pace.burst:
            return routing
        return gathered(routing, known.feed_id, event, now)

    async def _unread(self, start: PollInput, thread: Known, kept: Entry, error: SourceError) -> Relooked:
        now = self.poller.clock()
        settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
        if schedule.is_overdue(thread, now, settle) and kept.whole:
            return await self._settled(start, looks.Reread(known=thread, entry=kept, tell=True), settle)
        after = schedule.relook_failed(thread, now, settle=settle, jitter=self.poller.chance())
        if schedule.is_overdue(thread, now, settle):
            after = looks.given_up(thread)
        held = schedule.held_back(start.state, error.not_before)
        state = None if held == start.state else held
        await self.poller.store.commit(Changes(feed_id=start.feed.id, known=(after,), state=state))
        return Relooked(feed=start.feed, known=after, outcome="failed", error=error.reason)

    # -- a thread whose page is not found -------------------------------------------------------------

    async def _missing(self, start: PollInput, thread: Known, kept: Entry) -> Relooked:
        now = self.poller.clock()
        if thread.gone_at is not None:
            after = replace(thread, look_at=schedule.next_relook(thread.gone_at, now, self.poller.chance()))
            await self.poller.store.commit(Changes(feed_id=start.feed.id, known=(after,)))
            return Relooked(feed=start.feed, known=after, outcome="gone")
        believed = looks.is_gone(thread, now) and await self._works_for_others(start, thread)
        async with self.poller.deciding:
            changes = await self._gone(start, thread, kept) if believed else await self._not_found(start, thread, kept)
            await self.poller.store.commit(changes)
        return Relooked(feed=start.feed, known=changes.known[0], outcome="gone" if believed else "missing")

    async def _gone(self, start: PollInput, thread: Known, kept: Entry) -> Changes:
        """Tell that it is gone; and to those who do not want to hear of that, what was still to be told."""
        told_of = self._told_of(start, thread)
        knows = looks.who_knows(thread)
        routing = self.poller.route("gone", kept, start, only=told_of, told=knows)
        routing = await self._gathered(thread, "gone", routing)
        changes = looks.gone(thread, kept, routing, self.poller.clock())
        if thread.told >= thread.version or not kept.whole:
            return changes
        told = {route.channel for route in routing.routes}
        more = await self._grown(start, looks.Reread(known=thread, entry=kept, tell=True), but=told)
        known = replace(changes.known[0], updates=more.known[0].updates, updated_at=more.known[0].updated_at)
        return replace(more, known=(known,), deliveries=(*changes.deliveries, *more.deliveries))

    async def _not_found(self, start: PollInput, thread: Known, kept: Entry) -> Changes:
        """Remember that it was not found; growth that waited for a quiet page is told, as it was seen."""
        now = self.poller.clock()
        after = looks.missing(thread, now)
        settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
        if not (kept.whole and schedule.is_overdue(thread, now, settle)):
            return Changes(feed_id=start.feed.id, known=(after,))
        return await self._grown(start, looks.Reread(known=after, entry=kept, tell=True))

    async def _works_for_others(self, start: PollInput, thread: Known) -> bool:
        """Whether the site shows the page of another thread just now: else it is the site that has lost them all."""
        strangers = tried = 0
        async for feed, other in self._others(start, thread):
            tried += 1
            strangers += feed.id != start.feed.id
            read = await self.poller.reader.look(feed, other.as_entry(feed.author))
            if isinstance(read, Entry):
                return True
            if not isinstance(read, FeedGone) or strangers >= PROBES:
                return False
        # There is no other author to ask for: this one's page, answered since, and for long enough, has to do.
        answered, since = start.state.last_success_at, thread.missing_at or self.poller.clock()
        long = self.poller.clock() - since >= (ALONE if tried else timedelta(0))
        return strangers == 0 and long and answered is not None and answered >= since

    async def _others(self, start: PollInput, thread: Known) -> AsyncIterator[tuple[Feed, Known]]:
        """Other threads of the source that were there when they were looked at last: some of the author's own, and then
        one of each other author, for who leaves the site takes all threads along.
        """
        feeds = [feed for feed, _ in await self.poller.store.feeds() if _at_one_site(feed, start.feed)]
        for feed in sorted(feeds, key=lambda feed: feed.id != start.feed.id):
            threads = await self.poller.store.threads(feed.id)
            there = (one for one in threads if one.key != thread.key and not one.missing_at and not one.gone_at)
            for other in islice(there, PROBES if feed.id == start.feed.id else 1):
                yield feed, other


def _at_one_site(one: Feed, other: Feed) -> bool:
    # Of a declared author whose site was not asked yet only the source is known.
    at_one_host = one.host == other.host or not (one.host and other.host)
    return one.source == other.source and at_one_host


def _log(done: Relooked) -> None:
    level = logging.WARNING if done.outcome in ("failed", "missing", "gone") else logging.INFO
    details = ": ".join(filter(None, (done.outcome, done.error)))
    log.log(level, "thread %s of %s, looked at again: %s", done.known.key, done.feed.id, details)
