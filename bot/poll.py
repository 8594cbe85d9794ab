"""One look at one author: load, fetch, diff, read the new threads whole, commit.

Calls things in order. Does not decide what is new (`diff`), when to look again (`schedule`) or how to fetch.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Literal
from weakref import WeakValueDictionary

from bot import diff, schedule
from bot.allowance import Allowance, within
from bot.errors import HostHeld, OutOfTime, SourceError, StoreError
from bot.looks import Reread
from bot.model import (
    Backfill,
    Changes,
    Entry,
    EventKind,
    FeedState,
    Fetched,
    Known,
    NotModified,
    PollInput,
)
from bot.protocols import Clock, Pager, Skimmer, Source, Store, appears_late, lists_whole
from bot.reading import Reader
from bot.routing import Router, Routing
from bot.spending import Spending
from bot.twins import Twin, Twins

log = logging.getLogger(__name__)

Outcome = Literal["nothing new", "new", "not modified", "baseline", "failed", "held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What one look came to. `new` are the threads found, `error` is in words, `failures` those in a row now;
    `for_good`: what failed will not pass by itself.
    """

    feed_id: str
    outcome: Outcome
    new: tuple[Entry, ...] = ()
    error: str = ""
    failures: int = 0
    for_good: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What following an author found: the listing's threads, and what is to be committed."""

    entries: tuple[Entry, ...]
    changes: Changes


@dataclass(slots=True)
class _Reading:
    """What the pages of one look add up to. `not_before`: a page asked for a pause; no other is asked then."""

    state: FeedState
    new: list[Entry]
    old: list[Entry]
    seen_again: dict[str, Known] = field(default_factory=dict)
    edited: dict[str, tuple[Entry, Known]] = field(default_factory=dict)
    not_before: datetime | None = None


@dataclass(slots=True)
class _Sorting:
    """New threads of one look, as they are sorted out.

    `taken`: those that are news, by all their ids. `known`: those that are known already. `longer`: known ones, by key,
    that a new page shows more of. `paired`: known ones of other places, by feed and key, that are told here, too.
    """

    news: list[diff.News] = field(default_factory=list)
    taken: dict[str, Known] = field(default_factory=dict)
    known: list[Known] = field(default_factory=list)
    longer: dict[str, Reread] = field(default_factory=dict)
    paired: dict[tuple[str, str], Known] = field(default_factory=dict)

    def take(self, item: diff.News, known: Known) -> None:
        self.news.append(item)
        # Of a card the posts have no ids of their own.
        self.taken |= dict.fromkeys(diff.ids_of(item.entry) if item.entry.whole else item.entry.ids, known)

    def is_known(self, known: Known, more: Reread | None = None) -> None:
        self.known.append(known)
        if more is not None:
            self.longer.setdefault(more.known.key, more)

    def pair(self, known: Known) -> None:
        self.paired[known.feed_id, known.key] = known

    def beside(self, changes: Changes) -> Changes:
        """What is to be committed, with the changes that announce the news."""
        longer = self.longer.values()
        return replace(
            changes,
            known=(*changes.known, *self.known, *(more.known for more in longer), *self.paired.values()),
            contents=(*changes.contents, *(entry for more in longer for entry in more.contents)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """Looks at authors.

    `timeout`: how many seconds the requests of one look may take together. `deciding` is held, for no longer than the
    store takes, while rows of the outbox are read that are then written again: who drops some holds it, too.
    """

    store: Store
    sources: Mapping[str, Source]
    router: Router
    pace: schedule.Pace
    clock: Clock
    chance: Callable[[], float]
    timeout: float = 20.0
    spending: Spending | None = None
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _asked: Counter[str] = field(default_factory=Counter)
    _ears: dict[int, list[Polled]] = field(default_factory=dict)

    @property
    def reader(self) -> Reader:
        """What reads one thread."""
        return Reader(store=self.store, sources=self.sources)

    @property
    def twins(self) -> Twins:
        """What finds the same thread in another place."""
        return Twins(store=self.store, reader=self.reader)

    @contextmanager
    def heard(self) -> Iterator[list[Polled]]:
        """A list that takes up every look that ends while the block lasts, whoever asked for it."""
        looks: list[Polled] = []
        self._ears[id(looks)] = looks
        try:
            yield looks
        finally:
            del self._ears[id(looks)]

    async def poll(self, feed_id: str, *, only_due: bool = False) -> Polled | None:
        """Look at one author and commit what was found; None if the author is not followed any more.

        `only_due`: None also if somebody else looked meanwhile, so that the author is not due any more.
        A failure of the source is committed and returned, not raised. Raises `StoreError`.
        """
        self._asked[feed_id] += 1
        try:
            async with self.turn(feed_id) as start:
                if start is None or (only_due and (start.state.next_poll_at or self.clock()) > self.clock()):
                    return None
                polled, changes = await self._look_safely(start)
                await self.store.commit(changes)
        finally:
            self._asked[feed_id] -= 1
        _log(polled)
        for looks in self._ears.values():
            looks.append(polled)
        if polled.new:
            await self._look_elsewhere(start)
        return polled

    async def _look_elsewhere(self, start: PollInput) -> None:
        """Look at the other feeds of a person who has news, so that one notice names all places where it stands.

        Not at those that were looked at just now, that somebody waits for a look at, or whose site asked for a pause.
        """
        for sibling in start.siblings:
            there = await self.store.poll_input(sibling.id)
            if there is None or there.feed.paused or self._asked[sibling.id]:
                continue
            if schedule.may_be_early(there.state, self.pace, self.clock()):
                await self.poll(sibling.id)

    async def look(self, feed_id: str) -> tuple[Polled, Changes] | None:
        """Look at one author, and say what `poll` would commit. Changes nothing. Raises `StoreError`."""
        start = await self.store.poll_input(feed_id)
        return None if start is None else await self._look_safely(start)

    async def _look_safely(self, start: PollInput) -> tuple[Polled, Changes]:
        feed_id = start.feed.id
        try:
            with within(Allowance(self.timeout)) as allowance:
                if self.spending is not None and not allowance.by_hand:
                    await self.spending.check(start.feed)
                return await self._look(start)
        except SourceError as error:
            return self._failed(start, error)
        except StoreError:
            raise
        except Exception as error:  # one author's oddity must not stop the others; the traceback is logged
            log.exception("poll %s: this program failed", feed_id)
            return self._failed(start, SourceError(feed_id, f"{type(error).__name__} in this program, see the log"))

    @asynccontextmanager
    async def turn(self, feed_id: str) -> AsyncIterator[PollInput | None]:
        """One look at a person at a time: two that read the same thread side by side would both announce it.

        Gives what a look at the feed starts from, None if it is not followed. Whoever else writes a feed's state, or
        says whose it is (`follow`), takes a turn, too: an older state must not come over a newer one.
        """
        who = feed_id  # most are nobody else's
        while True:
            # One lock, never two, so that nobody waits in a circle.
            async with self._turns.setdefault(who, asyncio.Lock()):
                start = await self.store.poll_input(feed_id)
                now = _whose(feed_id, start)
                if now == who:
                    yield start
                    return
            who = now  # it became somebody else's while this waited

    def route(
        self,
        event: EventKind,
        entry: Entry,
        start: PollInput,
        *,
        only: Collection[str] | None = None,
        told: Collection[str] = (),
    ) -> Routing:
        """Where an event of this author's goes now."""
        routing = self.router.route(event, entry, start.subscriptions, self.clock(), only=only, told=told)
        for doubt in routing.doubts:
            log.warning("thread %s of %s: %s", entry.key, entry.feed_id, doubt)
        return routing

    async def first_look(self, start: PollInput, backfill: Backfill, zone: tzinfo) -> FirstLook:
        """Read an author's listing, set the baseline and queue the backfill; commits nothing.

        For an author who is followed already only the backfill is new. Raises `SourceError`, `StoreError`.
        """
        with within(Allowance(self.timeout * schedule.FIRST_LOOK_LASTS)):
            return await self._first_look(start, backfill, zone)

    async def _first_look(self, start: PollInput, backfill: Backfill, zone: tzinfo) -> FirstLook:
        source = self.sources[start.feed.source]
        found = await source.fetch(start.feed, start.state.cursor)
        if not isinstance(found, Fetched):
            raise SourceError(start.feed.id, "the site answered that nothing changed, though nothing was asked")
        diff.require_threads(start, found)
        pace = await self._pace(start)
        state = schedule.after_success(start.state, pace, self.clock(), cursor=found.cursor, jitter=self.chance())
        reading = _Reading(state=diff.widened(state, found.shortest, None), new=[], old=[])
        await self._take(reading, found)
        self._learn(start, reading, found, pace)
        entries = await self._back_to(source, start, reading, found, backfill, zone)
        changes = await self._announced(start, reading, diff.chosen(entries, backfill, zone))
        done = {known.key for known in changes.known}
        old = [entry for entry in reading.old if entry.key not in done]
        changes = replace(
            changes,
            state=schedule.held_back(reading.state, reading.not_before),
            author=found.author,
            known=(*diff.remembered(old, self.clock()), *changes.known),
        )
        return FirstLook(entries=entries, changes=changes)

    async def _back_to(
        self, source: Source, start: PollInput, reading: _Reading, first: Fetched, backfill: Backfill, zone: tzinfo
    ) -> tuple[Entry, ...]:
        """The threads of the first page and of the pages below it that a backfill reaches into."""
        entries, token = list(first.entries), first.older
        for _ in range(schedule.DEEPER_PAGES):
            if not (token and isinstance(source, Pager) and diff.wants_older(entries, backfill, zone)):
                break
            page = await source.older(start.feed, token)
            have = {entry.key for entry in entries}
            fresh = [entry for entry in page.entries if entry.key not in have]
            if not fresh and page.older in ("", token):
                break
            entries += fresh
            reading.old += fresh
            reading.state = replace(reading.state, horizon=diff.moved_back(reading.state.horizon, page))
            token = page.older
        return tuple(entries)

    # -- one look ----------------------------------------------------------------------------------------

    async def _look(self, start: PollInput) -> tuple[Polled, Changes]:
        source = self.sources[start.feed.source]
        # What a first look finds is remembered and told to nobody, so that nobody reads the posts.
        ask = source.skim if not start.state.baselined and isinstance(source, Skimmer) else source.fetch
        found = await ask(start.feed, start.state.cursor)
        pace = await self._pace(start)
        state = schedule.after_success(
            start.state,
            pace,
            self.clock(),
            cursor=found.cursor,
            jitter=self.chance(),
            not_before=found.not_before,
        )
        reading = _Reading(state=state, new=[], old=[])
        below = ""
        if isinstance(found, Fetched):
            diff.require_threads(start, found)
            reading.state = diff.widened(reading.state, found.shortest, start.state.last_success_at)
            below = await self._take(reading, found)
            if found.partial and len(reading.new) == len(found.entries) > 0:
                log.warning("poll %s: all threads of a stand-in listing are new; there may be more", start.feed.id)
        await self._read_deeper(start, reading, below)
        self._learn(start, reading, found, pace)
        return await self._concluded(start, found, reading)

    async def _pace(self, start: PollInput) -> schedule.Pace:
        """How often this author is looked at, by what its host may be asked."""
        return self.pace if self.spending is None else await self.spending.pace(start.feed)

    def _learn(
        self, start: PollInput, reading: _Reading, found: Fetched | NotModified, pace: schedule.Pace
    ) -> None:
        """Take what is new for a sign of when the author posts. A look without news changes nothing of that."""
        before = start.state.last_success_at if start.state.baselined else None
        posts = reading.new if before else reading.old
        if posts or before is None or start.state.rhythm is None:
            dated = not appears_late(self.sources[start.feed.source])
            reading.state = schedule.learned(
                reading.state,
                pace,
                self.clock(),
                before=before,
                posts=[post.published if dated else None for post in posts],
                jitter=self.chance(),
                not_before=found.not_before,
            )

    async def _take(self, reading: _Reading, page: Fetched) -> str:
        """Sort a first page out; the token of the next page if news may reach below this one."""
        verdict = await self._judge(reading, page)
        has_gap = reading.state.baselined and page.reaches is not None
        if not reading.state.baselined:
            horizon = diff.first_horizon(page)
            reading.state = replace(reading.state, baselined=True, horizon=horizon)
            reading.state = schedule.swept(reading.state, "", self.clock())
        reading.state = replace(reading.state, older=page.older)
        return page.older if verdict.unseen_below or has_gap else ""

    async def _judge(self, reading: _Reading, page: Fetched, *, swept: bool = False) -> diff.Verdict:
        ids = {id_ for entry in page.entries for id_ in entry.ids}
        known = await self.store.known(reading.state.feed_id, ids) if ids else {}
        verdict = diff.judge(reading.state, page.entries, known, ordered=page.ordered, swept=swept)
        have = {entry.key for entry in (*reading.new, *reading.old)}
        reading.new += [e for e in verdict.new if e.key not in have]
        reading.old += [e for e in verdict.old if e.key not in have]
        reading.edited |= {entry.key: (entry, thread) for entry, thread in verdict.edited}
        looked_at = diff.to_look_at((*verdict.grown, *(thread for _, thread in verdict.edited)), self.clock())
        reading.seen_again |= {thread.key: thread for thread in (*looked_at, *verdict.recounted)}
        reading.state = diff.newest(reading.state, page.entries)
        return verdict

    async def _read_deeper(self, start: PollInput, reading: _Reading, below: str) -> None:
        """Read on where news reaches below a page, or did before; else, now and then, one page of the sweep.

        A deeper page that fails loses nothing: what was found so far counts, and another look goes on there.
        """
        source, gaps = self.sources[start.feed.source], tuple(schedule.gaps(start.state, below))
        wanted = bool(gaps) or schedule.sweep_due(start.state, self.clock())
        if not (wanted and isinstance(source, Pager)):
            return
        for token, since in gaps:
            left = await self._read_down(source, start, reading, token, since)
            reading.state = schedule.gap_left(reading.state, start.state, left, self.clock())
            if left:
                return
        if not gaps:
            await self._sweep(source, start, reading)

    async def _read_down(
        self, source: Pager, start: PollInput, reading: _Reading, token: str, since: datetime | None
    ) -> str:
        """Read pages down to what is known, or to what was written before; the token of that where it broke off."""
        for _ in range(schedule.DEEPER_PAGES):
            page = await self._older(source, start, reading, token)
            if not isinstance(page, Fetched):
                return token
            verdict = await self._judge_deeper(reading, page)
            if page.older in ("", token) or not (verdict.unseen_below or diff.is_above(page, since)):
                return ""
            token = page.older
        return token

    async def _sweep(self, source: Pager, start: PollInput, reading: _Reading) -> None:
        """Read a deeper page, and on below it where it shows news."""
        token = reading.state.sweep or reading.state.older
        for _ in range(schedule.DEEPER_PAGES):
            if not token:
                return
            page = await self._older(source, start, reading, token)
            if not isinstance(page, Fetched):
                failed = not isinstance(page, HostHeld | OutOfTime)
                reading.state = schedule.sweep_from(reading.state, token, self.clock(), failed=failed)
                return
            verdict = await self._judge_deeper(reading, page, swept=True)
            reading.state = schedule.swept(reading.state, page.older if page.entries else "", self.clock())
            token = page.older if verdict.unseen_below and page.older != token else ""
        reading.state = schedule.sweep_from(reading.state, token, self.clock(), failed=False)

    async def _older(self, source: Pager, start: PollInput, reading: _Reading, token: str) -> Fetched | SourceError:
        try:
            return await source.older(start.feed, token)
        except SourceError as error:
            log.warning("poll %s: a deeper page could not be read: %s", start.feed.id, error.reason)
            reading.not_before = error.not_before
            return error

    async def _judge_deeper(self, reading: _Reading, page: Fetched, *, swept: bool = False) -> diff.Verdict:
        verdict = await self._judge(reading, page, swept=swept)
        reading.state = replace(reading.state, horizon=diff.moved_back(reading.state.horizon, page))
        return verdict

    async def _concluded(
        self, start: PollInput, found: Fetched | NotModified, reading: _Reading
    ) -> tuple[Polled, Changes]:
        if isinstance(found, NotModified) and not (reading.new or reading.old or reading.seen_again or reading.edited):
            # Most looks end here.
            state = schedule.held_back(reading.state, reading.not_before)
            changes = Changes(feed_id=start.feed.id, state=state, moved_to=found.moved_to)
            return Polled(feed_id=start.feed.id, outcome="not modified"), changes
        now = self.clock()
        settle = self.router.settle(start.feed.id, start.subscriptions)
        changes = await self._announced(start, reading, reading.new, settle)
        rereads = [await self._reread(*pair, settle) for pair in self._listed_anew(start, reading)]
        reading.seen_again |= {reread.known.key: reread.known for reread in rereads}
        changes = replace(
            changes,
            contents=(*changes.contents, *(entry for reread in rereads for entry in reread.contents)),
            state=schedule.held_back(reading.state, reading.not_before),
            author=found.author if isinstance(found, Fetched) else None,
            moved_to=found.moved_to,
            known=(
                *diff.remembered(reading.old, now),
                *reading.seen_again.values(),
                *changes.known,
            ),
        )
        keys = {entry.key for entry in reading.new}
        new = tuple(entry for entry in changes.contents if entry.key in keys)
        return Polled(feed_id=start.feed.id, outcome=_outcome(start, new), new=new), changes

    async def _announced(
        self, start: PollInput, reading: _Reading, new: Sequence[Entry], settle: timedelta | None = None
    ) -> Changes:
        """Read new threads whole, tell those apart that are known under another id, and queue the rest.

        One that was written within `settle` waits until it is quiet; None: a person waits for it.
        """
        sorting = _Sorting()
        # The longest first: of a whole thread and a part of it that are new together, the part is the duplicate.
        for position, entry in enumerate(sorted(new, key=lambda entry: -(entry.post_count or 0))):
            at_once = position < self.pace.burst and reading.not_before is None
            item = await self._read(start, reading, entry) if at_once else diff.News(entry=entry)
            await self._sort(start, sorting, entry, item, settle)
        now = self.clock()
        burst = 1 if schedule.catching_up(start.state, self.pace, now) else self.pace.burst
        changes = diff.announce(start.feed.id, sorting.news, now, burst=burst, jitter=self.chance())
        if lists_whole(self.sources[start.feed.source]):
            changes = replace(changes, known=tuple(map(schedule.unwatched, changes.known)))
        return sorting.beside(changes)

    async def _sort(
        self, start: PollInput, sorting: _Sorting, entry: Entry, item: diff.News, settle: timedelta | None
    ) -> None:
        """Put a new thread, as it was listed and as it was read, where it belongs."""
        now = self.clock()
        other = diff.same_thread(item.entry, sorting.taken) or await self.reader.same(item.entry)
        if other is not None:
            more = await self._elsewhere(start, other, item.entry) if item.entry.whole else None
            sorting.is_known(diff.duplicate(entry, other, now), more)
            return
        twin = await self.twins.find(start, item.entry)
        untold: Collection[str] | None = None
        if twin is not None:
            untold = None if twin.is_untold else self.twins.uncovered(start, twin, self.router.channels)
            sorting.pair(diff.paired(twin.known, item.entry, untold))
            if untold is not None and not untold:
                sorting.is_known(diff.twin(entry, twin.known, _place(twin), now))
                return
        routing = self.route("new", item.entry, start, only=untold)
        news = item if settle is None else self._settling(item, settle)
        news = replace(news, listed=entry.post_count, twin=twin.known if twin else None, routing=routing)
        sorting.take(news, diff.remembered([item.entry], now)[0])

    def _listed_anew(self, start: PollInput, reading: _Reading) -> Iterable[tuple[Entry, Known]]:
        """Known threads that the listing itself shows as they are now, so that no page of theirs need be asked for."""
        return reading.edited.values() if lists_whole(self.sources[start.feed.source]) else ()

    async def _reread(self, entry: Entry, thread: Known, settle: timedelta) -> Reread:
        done = await self.reader.compared(thread, entry, self.clock(), settle)
        after = schedule.after_relook(done.known, self.clock(), settle=settle, jitter=self.chance())
        return replace(done, known=schedule.unwatched(after))

    def _settling(self, item: diff.News, settle: timedelta) -> diff.News:
        now = self.clock()
        quiet_at = schedule.quiet_from(item.entry.latest, now, settle, now) if item.entry.whole else None
        return replace(item, quiet_at=quiet_at, within=schedule.told_within(settle)) if quiet_at else item

    async def _elsewhere(self, start: PollInput, other: Known, entry: Entry) -> Reread | None:
        settle = self.router.settle(other.feed_id, start.subscriptions)
        return await self.reader.elsewhere(other, entry, self.clock(), settle)

    async def _read(self, start: PollInput, reading: _Reading, entry: Entry) -> diff.News:
        """The thread whole if its page, or our own copy, can be read now."""
        before = (await self.store.known(entry.feed_id, [entry.key])).get(entry.key)
        read = await self.reader.expand(start.feed, entry)
        if isinstance(read, SourceError):
            reading.not_before = read.not_before
            kept = await self.reader.kept_whole(entry)
            if kept is None:
                looks = 0 if isinstance(read, HostHeld | OutOfTime) else 1
                return diff.News(entry=entry, looks=looks, before=before)
            read = kept
        # One that is announced once more, by a backfill, goes on counting: its updates have the numbers of versions.
        version = before.version + 1 if before else 1
        whole = replace(diff.merged(entry, read), version=version, read_at=self.clock())
        return diff.News(entry=whole, before=before)

    def _failed(self, start: PollInput, error: SourceError) -> tuple[Polled, Changes]:
        now, jitter = self.clock(), self.chance()
        if isinstance(error, HostHeld):
            state = schedule.after_hold(start.state, error, now, jitter=jitter)
            polled = Polled(feed_id=start.feed.id, outcome="held", error=error.reason)
        else:
            state = schedule.after_failure(start.state, error, self.pace, now, jitter=jitter)
            polled = Polled(
                feed_id=start.feed.id,
                outcome="failed",
                error=error.reason,
                failures=state.failures,
                for_good=state.fault in ("stranger", "ended"),
            )
        return polled, Changes(feed_id=start.feed.id, state=state)


def _whose(feed_id: str, start: PollInput | None) -> str:
    """Whose turn a look at a feed is: the person's, or the feed's own."""
    return (start.feed.person if start is not None else "") or feed_id


def _place(twin: Twin) -> str:
    feed = twin.start.feed
    return f"{feed.source} ({feed.address})"


def _outcome(start: PollInput, new: Sequence[Entry]) -> Outcome:
    """What a look came to that found anything, be it below a first page that was not modified."""
    if new:
        return "new"
    return "nothing new" if start.state.baselined else "baseline"


def _log(polled: Polled) -> None:
    level = logging.WARNING if polled.outcome in ("failed", "held") else logging.INFO
    details = ": ".join(filter(None, (polled.outcome, polled.error, ", ".join(e.key for e in polled.new))))
    log.log(level, "poll %s: %s", polled.feed_id, details)
