"""The four seams and their contracts: `Source`, `Store`, `Channel`, `Runner`.

Whoever writes a new one reads this file and joins the contract suite in `tests/contract/`.
Optional powers are small protocols of their own (`Pager`, `Expander`, `Successor`), not flags.
Decides nothing: when and why is decided by the pure modules, an adapter only knows how.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.budget import Spent
from bot.model import (
    Batch,
    Changes,
    ChannelState,
    Cursor,
    Delivery,
    DeliveryState,
    Entry,
    Feed,
    FeedState,
    Fetched,
    Known,
    Limits,
    Located,
    Message,
    NextDue,
    NotModified,
    PollInput,
    Record,
    Resolved,
    Restored,
    Search,
    Stored,
    Subscription,
    Trouble,
)

Clock = Callable[[], datetime]
"""Gives the time now, in UTC. Only the composition root and the runners own one."""


class Source(Protocol):
    """A kind of place where threads are listed by author.

    Knows nothing of the flow, the store or the settings; asks the network only through `http.Http`.
    """

    kind: str

    def locate(self, address: str) -> Located | None:
        """Say what `address` names at this source, without asking the network; None if it is not ours.

        The same author gives the same `feed_id` however the address is spelled (case, URL, "@").
        """
        ...

    async def resolve(self, address: str) -> Resolved:
        """Look `address` up. Raises `SourceError`: `SourceRefused` if only another kind of address can help,
        `SeveralFeeds` if it leads to several.
        """
        ...

    async def check(self) -> None:
        """Ask the source whether it answers at all. Raises `SourceError`."""
        ...

    async def fetch(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """Read the newest page of the author's listing.

        A page is recognised (it shows that it is this author's) or the call raises `SourceError`:
        an answer that is empty, a placeholder, a login or a challenge is never `Fetched(entries=())`.
        Asks conditionally where the cursor allows it. Keeps no state of its own between calls.
        What was written since the look that gave the cursor is in the page, or below `older`.
        Raises `WrongAuthor` where `feed.author.key` is known and the page is of another one, `FeedEnded` where there
        will never be anything again.
        """
        ...


@runtime_checkable
class Pager(Protocol):
    """A source whose listing has deeper pages."""

    async def older(self, feed: Feed, token: str) -> Fetched:
        """Read the page that `token` (a `Fetched.older`) names. Past the end: `Fetched(entries=())`.

        Raises `SourceError` as `fetch` does; the cursor of what it returns is not used.
        """
        ...


@runtime_checkable
class Skimmer(Protocol):
    """A source that reads a listing faster where all that it shows is only remembered, as at a first look."""

    async def skim(self, feed: Feed, cursor: Cursor) -> Fetched | NotModified:
        """As `fetch`; the entries have their ids, title, time and count, and may be without posts."""
        ...


@runtime_checkable
class Expander(Protocol):
    """A source that can read one thread whole."""

    async def expand(self, entry: Entry) -> Entry:
        """Read `entry` from its own page: all posts, aliases, title, count; `whole` is True.

        Only `entry.key`, `entry.url` and `entry.feed_id` need to be set. Raises `SourceError`
        (`FeedGone`: no such thread; `WrongAuthor`: `entry.author` is set and is not who wrote it).
        """
        ...


def lists_whole(source: Source) -> bool:
    """Whether a listing there holds its threads whole, as they are now, which the source says by `lists_whole`.

    Its entries are `whole`, and their pages are not looked at for changes. What slides off the listing is not gone, and
    is not looked at any more.
    """
    return bool(getattr(source, "lists_whole", False))


def appears_late(source: Source) -> bool:
    """Whether a thread may appear there long after it was written, so that its time says nothing of when it did: the
    source says so by `appears_late`.
    """
    return bool(getattr(source, "appears_late", False))


@runtime_checkable
class SaysWhatItTakes(Protocol):
    """A source that can say what names an author there, as the end of a sentence: `@name, or the URL of a post`."""

    takes: str


class Store(Protocol):
    """Where the state is. One call is one durable, atomic step, or it raises `StoreError` and changes nothing.

    Values go in and out frozen; nothing returned aliases what is stored. Unknown ids are answered with
    None or nothing, not with an error. All times are UTC. Blocking work stays off the event loop.
    """

    # -- who is followed --------------------------------------------------------------------------

    async def feeds(self) -> tuple[tuple[Feed, FeedState], ...]:
        """Every followed author with what polling knows, by feed id."""
        ...

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """Every subscription, by feed id."""
        ...

    async def follow(self, feed: Feed, subscriptions: Iterable[Subscription], changes: Changes | None = None) -> None:
        """Add a feed with subscriptions and, if given, what its first look decided, in one step.

        A feed that is there stays as it is (address, author, pause, state), and `changes` are committed over it.
        """
        ...

    async def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        """Remove subscriptions. A feed that has none left is forgotten: state, threads, all its deliveries."""
        ...

    async def set_paused(self, feed_id: str, paused: bool) -> None:
        """Stop or restart polling of a feed. Nothing else changes."""
        ...

    async def join(self, feed_id: str, person: str) -> None:
        """Say whose feed this is: "" for nobody's but its own author's. Nothing else changes."""
        ...

    # -- polling ----------------------------------------------------------------------------------

    async def due_feeds(self, now: datetime) -> tuple[str, ...]:
        """Ids of feeds to poll, the longest due first: not paused or ended, `next_poll_at` reached or never set."""
        ...

    async def poll_input(self, feed_id: str) -> PollInput | None:
        """What a poll of this feed starts from."""
        ...

    async def known(self, feed_id: str, ids: Iterable[str]) -> Mapping[str, Known]:
        """For each id that is a key or an alias of a known thread of this feed: that thread."""
        ...

    async def commit(self, changes: Changes) -> None:
        """Save all of `changes`, contents first. For a feed that is no longer followed: does nothing. Of another feed
        (a sibling) they may hold what is known of threads; that is saved where that one is followed.

        A whole thread that was kept is never replaced by one that is not.

        A delivery that is stored in any state but `pending` is neither overwritten nor withdrawn; withdrawals come
        before deliveries.

        The store keeps the books, here and wherever rows come and go: in the same step, a thread's `queued` are the
        places (`Delivery.place`) that have a row of it. What `changes` says of them counts only for a thread that is
        not stored yet. A thread that was dropped stays so, unless `changes` queues it again. `copy` is "" again for a
        thread that is among `contents`, whole.
        """
        ...

    async def due_looks(self, now: datetime) -> tuple[Known, ...]:
        """Threads whose `look_at` is reached (a `waiting` one without it is due), the longest due first; not those of
        paused feeds.
        """
        ...

    async def content(self, feed_id: str, key: str, version: int | None = None) -> Entry | None:
        """The thread as it was last kept, or that version of it. Raises `StoreError` if it was kept and cannot be read.

        Every version of a whole thread stays until the archive is pruned; None if it was never kept, or is pruned.
        """
        ...

    # -- the archive: pictures, search, bounds ----------------------------------------------------

    async def keep_media(self, feed_id: str, key: str, url: str, mime: str, data: bytes) -> None:
        """Keep a picture of a known thread. `ValueError` for a kind that is not in `pictures.ENDINGS`."""
        ...

    async def media(self, feed_id: str, key: str) -> Mapping[str, tuple[str, bytes]]:
        """The kept pictures of the thread as it was last kept: kind and bytes by address. What cannot be read is left
        out.
        """
        ...

    async def missing_media(self, feed_id: str, key: str, urls: Iterable[str]) -> tuple[str, ...]:
        """Those of these pictures that are not kept; none for a thread that is not known, or whose pictures or copy
        were pruned.
        """
        ...

    async def search(self, text: str, feed_id: str | None = None) -> Search:
        """The kept threads (of one feed) that hold all words of `text`, by the rules of `bot.search`; also those of
        authors who are not followed any more. Not old versions.

        May take seconds, in which this store does nothing else: for a store that was opened for reading.
        """
        ...

    async def prune_copies(self, now: datetime, *, older_than: datetime | None, most_bytes: int | None) -> bool:
        """Let go of a part of what was kept longer ago, or is more than so many bytes; says whether more is to do.

        Pictures go first, those of the threads that were read longest ago first; then old versions; then whole copies
        (`Known.copy` says so, from before it goes). Never what was read within a day, nor what a delivery that is not
        sent, or growth that was not told, still needs. Copies of authors who were unfollowed count and go, too.
        What cannot be removed is told in the log and does not raise.
        """
        ...

    # -- sending ----------------------------------------------------------------------------------

    async def claim(self, channel: str, now: datetime) -> Batch | None:
        """Take the oldest batch (by `created_at`, then in the order committed) that is due, and mark it `sending`.

        Due: every delivery of the batch that is `pending` or `unknown` has reached its `due_at`, so that a batch
        goes whole or waits whole. `attempts` grows by one, `claimed_at` is `now`.
        Does not look at the channel's state: whether the channel may be asked is not the store's business.
        A first notice comes with what is kept of the thread now, and its row notes the `version`; a `grown` one with
        the two versions that it tells apart. A thread whose kept content cannot be read comes with what is known of
        it, without posts.
        """
        ...

    async def settle(self, deliveries: Iterable[Delivery], channel: ChannelState | None = None) -> None:
        """Save what became of claimed deliveries (and of their channel), as given.

        A delivery that was removed meanwhile stays removed.
        """
        ...

    async def channel(self, name: str) -> ChannelState:
        """What is known of a channel; a fresh state for an unknown one."""
        ...

    async def deliveries(
        self, states: Iterable[DeliveryState] | None = None, ids: Iterable[str] | None = None
    ) -> tuple[Delivery, ...]:
        """The outbox in the order of creation, in these states (None: every state), with these ids."""
        ...

    async def alert(
        self, troubles: Iterable[Trouble], over: Iterable[str] = (), deliveries: Iterable[Delivery] = ()
    ) -> None:
        """Save what is told of trouble in one step: troubles over those of the same id, without those whose id is in
        `over`, and the deliveries that tell it. They are of no feed, and outlive every one.
        """
        ...

    async def troubles(self) -> tuple[Trouble, ...]:
        """Every trouble that was told and is not over, by id."""
        ...

    async def drop(self, delivery_ids: Iterable[str]) -> None:
        """Remove rows of the outbox. A thread that is then queued nowhere, and was sent nowhere, is `dropped`."""
        ...

    # -- the rest ---------------------------------------------------------------------------------

    async def threads(self, feed_id: str | None = None) -> tuple[Known, ...]:
        """Every known thread (of one feed), the newest first by `published`, then by key."""
        ...

    async def dates(self, feed_id: str) -> tuple[tuple[datetime, datetime], ...]:
        """When each thread of a feed was published and first seen, the newest first; without those that are told as
        another, and those that bear no time.
        """
        ...

    async def next_due(self) -> NextDue:
        """When there is work again: polls, looks, and for each channel its next delivery.

        A channel's time is when its first batch is due, or its `next_try_at` where that is later.
        """
        ...

    async def orphans(self) -> tuple[Delivery, ...]:
        """Deliveries in state `sending`. At start all of them are a dead owner's: only one process writes."""
        ...

    async def amend(self, pairs: Iterable[tuple[Stored, Stored]]) -> None:
        """For each pair, put the second value in the place of the first, where that is what is stored still."""
        ...

    async def spent(self) -> tuple[Spent, ...]:
        """What was asked of each host lately."""
        ...

    async def spend(self, row: Spent) -> None:
        """Remember what was asked of a host."""
        ...

    async def prune(self, sent_before: datetime) -> None:
        """Forget `sent` rows older than that. Threads stay known, with the channel noted in `pruned`."""
        ...

    async def back_up(self, now: datetime) -> None:
        """Keep a copy of the store for that day, unless there is one; forget old copies.

        A copy that cannot be made is told in the log and does not raise. Raises `StoreError` where the store was
        removed or replaced, so that this is noticed also when nothing is saved for long.
        """
        ...

    # -- moving to another store --------------------------------------------------------------------

    def export(self) -> AsyncIterator[Record]:
        """Everything that is stored, as of one moment, for `restore`: first what it is, then the documents, and last
        the kept threads with their older versions, read while they are handed out. No pictures, and nothing of the
        settings. A kept thread that cannot be read is left out, and told in the log.
        """
        ...

    async def restore(self, records: Callable[[], Iterator[Record]], *, dry_run: bool = False) -> Restored:
        """Add what an `export` holds of authors who are not here, in one step; `dry_run` only says what would be done.

        An author who is here stays as is, where the export says nothing of him that is not known here (`held`).
        Otherwise what was known there would be lost or told twice: he is one of `conflicts`, and nothing is added.
        What is of no author (channels, troubles, alerts) comes along with whoever is added, where it is not here yet.
        `records` begins anew at each call, and is asked twice, off the event loop; what it raises is raised.
        Raises `Unreadable` for what no export holds, `SchemaTooNew`.
        """
        ...

    async def close(self) -> None:
        """Release everything. Idempotent."""
        ...


class Channel(Protocol):
    """A place where notices go."""

    name: str
    limits: Limits
    gap: float
    """The least time between the starts of two sends, in seconds."""

    async def send(self, message: Message) -> str:
        """Send one message, once; when the channel has taken it, return its own id of it, "" where it gives none.

        Raises `ChannelError` (try again later), `ChannelDown` (the same, and the message has nothing to do with it),
        `ChannelRejected` (never), `DeliveryInDoubt` (may have arrived).
        Does not retry, split or cut. Ends within the time-out it was built with, whatever the other side does.
        A repeated send with the same `message.key` is recognised where the service allows it.
        """
        ...

    async def check(self) -> None:
        """Load what the channel needs; raise `ChannelError` if it cannot be built. Sends nothing.

        To be awaited once before `limits` is asked for: what loads takes its time off the event loop.
        """
        ...

    async def close(self) -> None:
        """Release everything. Idempotent."""
        ...


@runtime_checkable
class Successor(Protocol):
    """A channel that can come in the place of one of its name, when the settings are read again."""

    def succeed(self, before: Channel) -> None:
        """Take over what is still on its way from the one before, if it is the same place: what nobody can cancel must
        not be sent a second time while it still runs. `before` is asked for nothing any more.
        """
        ...


class Runner(Protocol):
    """What drives the flow until it is told to stop."""

    async def run(self, stop: asyncio.Event) -> None:
        """Poll and deliver until `stop` is set, then leave nothing half done and return."""
        ...
