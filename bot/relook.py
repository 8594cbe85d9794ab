"""Another look at a thread's own page: of one that waits to be announced, that may have grown, or that may be gone.

Calls things in order: load, read, decide (`looks`), commit. Does not decide when the next look is (`schedule`), or
whom it is told (`routing`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from bot import diff, looks, schedule
from bot.allowance import Allowance, within
from bot.errors import FeedGone, HostHeld, OutOfTime, SourceError, StoreError
from bot.model import Changes, Entry, Feed, Known, PollInput
from bot.poll import Poller
from bot.routing import channels_of

log = logging.getLogger(__name__)

PROBES = 3
"""Other threads whose pages are tried before one is said to be gone."""

Outcome = Literal["announced", "waiting", "duplicate", "unchanged", "settling", "grown", "missing", "gone", "failed"]


_AFTER_WAITING: Mapping[str, Outcome] = {"duplicate": "duplicate", "waiting": "waiting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relooked:
    """What a look at a thread's page came to. `posts` are those that it has now and that were not told yet."""

    feed: Feed
    known: Known
    outcome: Outcome
    posts: int = 0
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
        async with self.poller.alone(due[0].feed_id):
            with within(Allowance(self.poller.timeout)) as allowance:
                # The longest due first: a page that drips is due later than those it used up the time of.
                for thread in due:
                    if allowance.left <= 0:
                        break
                    try:
                        await self._look(thread)
                    except StoreError as error:
                        failed = failed or error
        if failed is not None:
            raise failed

    async def look_now(self, thread: Known) -> Relooked | None:
        """Look at one thread whether it is due or not; None if it is not known any more. Raises `StoreError`."""
        async with self.poller.alone(thread.feed_id):
            with within(Allowance(self.poller.timeout)):
                found = await self.poller.store.known(thread.feed_id, [thread.key])
                return await self._look(found[thread.key]) if thread.key in found else None

    async def _look(self, thread: Known) -> Relooked | None:
        start = await self.poller.store.poll_input(thread.feed_id)
        known = await self.poller.store.known(thread.feed_id, [thread.key])
        if start is None or known.get(thread.key) != thread:
            return None
        done = await self._looked(start, thread)
        _log(done)
        for ears in self._ears.values():
            ears.append(done)
        return done

    async def _looked(self, start: PollInput, thread: Known) -> Relooked:
        now = self.poller.clock()
        if schedule.is_held(start.state, now):
            pause = SourceError(start.feed.id, "the site asked for a pause", not_before=start.state.held_until)
            return await self._postponed(start, thread, pause)
        reader = self.poller.reader
        kept = await reader.kept(thread, thread.version or None) or thread.as_entry(start.feed.author)
        read = await reader.look(start.feed, replace(kept, whole=False))
        if isinstance(read, HostHeld | OutOfTime):
            return await self._postponed(start, thread, read)
        if thread.state == "waiting":
            return await self._waited(start, thread, kept, read)
        if isinstance(read, FeedGone):
            return await self._missing(start, thread, kept)
        if isinstance(read, SourceError):
            return await self._unread(start, thread, kept, read)
        return await self._read(start, thread, kept, diff.merged(kept, read))

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
            return looks.withdrawn(thread, other, rows.values())
        entry = replace(diff.merged(kept, read), version=1, read_at=now)
        return looks.read_whole(thread, entry, rows, self.poller.route("new", entry, start), now, jitter=jitter)

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
        async with self.poller.deciding:
            if reread.tell:
                changes = await self._grown(start, reread)
            after = schedule.after_relook(changes.known[0], now, settle=settle, jitter=self.poller.chance())
            await self.poller.store.commit(replace(changes, known=(after,)))
        outcome: Outcome = "grown" if changes.deliveries else "settling" if after.told < after.version else "unchanged"
        return Relooked(feed=start.feed, known=after, outcome=outcome)

    async def _grown(self, start: PollInput, reread: looks.Reread) -> Changes:
        rows = await self.poller.reader.rows(reread.known)
        channels = channels_of(start.subscriptions, self.poller.router.channels)
        strangers = looks.strangers(reread.known, channels)
        as_new = self.poller.route("new", reread.entry, start, only=strangers)
        told = {route.channel for route in as_new.routes}
        as_grown = self.poller.route("grown", reread.entry, start, only=set(channels) - told)
        return looks.grown(reread, rows, as_new, as_grown, self.poller.clock())

    async def _unread(self, start: PollInput, thread: Known, kept: Entry, error: SourceError) -> Relooked:
        now = self.poller.clock()
        settle = self.poller.router.settle(thread.feed_id, start.subscriptions)
        if kept.whole and schedule.is_overdue(thread, now, settle):
            return await self._settled(start, looks.Reread(known=thread, entry=kept, tell=True), settle)
        after = schedule.relook_failed(thread, now, settle=settle, jitter=self.poller.chance())
        held = schedule.held_back(start.state, error.not_before)
        state = None if held == start.state else held
        await self.poller.store.commit(Changes(feed_id=start.feed.id, known=(after,), state=state))
        return Relooked(feed=start.feed, known=after, outcome="failed", error=error.reason)

    # -- a thread whose page is not found -------------------------------------------------------------

    async def _missing(self, start: PollInput, thread: Known, kept: Entry) -> Relooked:
        now = self.poller.clock()
        if thread.gone_at is not None:
            return Relooked(feed=start.feed, known=thread, outcome="gone")
        if looks.is_gone(thread, now) and await self._works_for_others(start, thread):
            changes = looks.gone(thread, kept, self.poller.route("gone", kept, start), now)
            outcome: Outcome = "gone"
        else:
            changes = Changes(feed_id=start.feed.id, known=(looks.missing(thread, now),))
            outcome = "missing"
        async with self.poller.deciding:
            await self.poller.store.commit(changes)
        return Relooked(feed=start.feed, known=changes.known[0], outcome=outcome)

    async def _works_for_others(self, start: PollInput, thread: Known) -> bool:
        """Whether the site shows the page of another thread just now: else it is the site that has lost them all."""
        tried = 0
        async for feed, other in self._others(start, thread):
            tried += 1
            read = await self.poller.reader.look(feed, other.as_entry(feed.author))
            if isinstance(read, Entry):
                return True
            if not isinstance(read, FeedGone) or tried >= PROBES:
                return False
        # There is no other thread to ask for: the author's own page, answered since, has to do.
        answered = start.state.last_success_at
        return tried == 0 and answered is not None and answered >= (thread.missing_at or answered)

    async def _others(self, start: PollInput, thread: Known) -> AsyncIterator[tuple[Feed, Known]]:
        """Other threads of the source that were there when they were looked at last: the author's own first."""
        feeds = [feed for feed, _ in await self.poller.store.feeds() if feed.source == start.feed.source]
        for feed in sorted(feeds, key=lambda feed: feed.id != start.feed.id):
            for other in await self.poller.store.threads(feed.id):
                if other.key != thread.key and other.missing_at is None and other.gone_at is None:
                    yield feed, other


def _log(done: Relooked) -> None:
    level = logging.WARNING if done.outcome in ("failed", "missing", "gone") else logging.INFO
    details = ": ".join(filter(None, (done.outcome, done.error)))
    log.log(level, "thread %s of %s, looked at again: %s", done.known.key, done.feed.id, details)
