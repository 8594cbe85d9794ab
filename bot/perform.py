"""The one place where an order is performed on an `App`: by a command alone, or by a running bot that was asked.

Calls things in order and says what came of it. Prints nothing, and does not know who asked. Beside a runner
(`running`) it leaves to the runner what is the runner's: what is being sent, and keeping the store in order.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from bot import finding, importing, orders, times
from bot.app import App
from bot.dispatch import Dispatched
from bot.errors import NotFound, OrderRefused, SettingsError, SeveralFeeds, SourceError
from bot.finding import matching
from bot.follow import Followed
from bot.lookup import known_thread
from bot.model import ChannelState, Entry, Feed, FeedState, Known
from bot.outbox import UNSENT, WAITING, Row, chosen, rows_of, stranded
from bot.poll import Polled
from bot.relook import Relooked
from bot.routing import channels_of
from bot.schedule import is_held, resumed, retried_by_hand

SHOWN = 5
"""How many of an author's newest threads `follow` shows."""


async def perform(order: orders.Order, app: App, *, running: bool = False) -> orders.Answer:
    """Do what was ordered. Raises `BotError`; what was done before it stays done."""
    match order:
        case orders.Find():
            return orders.Findings(places=tuple([await _find(order, app, address) for address in order.addresses]))
        case orders.Follow():
            return await _follow(order, app)
        case orders.Unfollow():
            return orders.Names(authors=tuple([await _unfollow(app, item) for item in await _named(app, order)]))
        case orders.Pause() | orders.Resume():
            return await _set_paused(order, app)
        case orders.Retry() | orders.Drop():
            return await _change_rows(order, app)
        case orders.Poll():
            return await _poll(order, app, running=running)
        case orders.Refresh():
            return await _refresh(order, app)
        case orders.Import() | orders.Restore():
            return await _import(order, app)
        case orders.Take():
            return await _take(order, app)


# -- who is followed ----------------------------------------------------------------------------------------


async def _follow(order: orders.Follow, app: App) -> orders.Followings:
    _require_channels(order.channels, app)
    found = order.found or tuple("" for _ in order.addresses)
    authors = tuple([await _follow_one(order, app, *one) for one in zip(order.addresses, found, strict=True)])
    if order.backfill is None:
        return orders.Followings(authors=authors)
    with app.dispatcher.heard() as sends:
        await app.once().deliver()
    return orders.Followings(authors=authors, notices=_notices(sends))


def _require_channels(names: Iterable[str], app: App) -> None:
    """A command asks only for channels of its own settings; those of a running bot may be older."""
    for name in names:
        if name not in app.channels:
            raise OrderRefused(
                f'the running bot does not know the channel "{name}" yet; reload it (kill -HUP {os.getpid()}), then ask'
                " again"
            )


async def _find(order: orders.Find, app: App, address: str) -> orders.Whereabouts:
    try:
        resolved = await app.follower.find(address, order.source)
    except SeveralFeeds as error:
        options = tuple(orders.Option(address=one.address, title=one.title) for one in error.choices)
        return orders.Whereabouts(address=address, problems=(finding.told(address, error.reason),), options=options)
    except (SourceError, SettingsError) as error:
        return orders.Whereabouts(address=address, problems=finding.problems_of(address, error))
    feed = resolved.feed
    return orders.Whereabouts(
        address=address,
        source=feed.source,
        author=feed.author.label,
        url=feed.url or feed.author.url,
        found=finding.written(resolved),
    )


async def _follow_one(order: orders.Follow, app: App, address: str, found: str) -> orders.Introduced:
    try:
        resolved = finding.read(found) if found else await app.follower.find(address)
        followed = await app.follower.follow_found(resolved, order.channels, order.backfill)
    except (SourceError, SettingsError) as error:
        return orders.Introduced(address=address, problems=finding.problems_of(address, error))
    except ValueError:
        raise OrderRefused(f"{address}: what was found there cannot be read; ask again") from None
    subscriptions = [s for s in await app.store.subscriptions() if s.feed_id == followed.feed.id]
    return _introduced(address, followed, channels_of(subscriptions, tuple(app.channels)))


def _introduced(address: str, followed: Followed, channels: tuple[str, ...]) -> orders.Introduced:
    newest = sorted(followed.threads, key=_published, reverse=True)[:SHOWN]
    return orders.Introduced(
        address=address,
        author=followed.feed.author.label,
        already=followed.already,
        paused=followed.feed.paused,
        channels=channels,
        there=len(followed.threads),
        threads=tuple(_shown(entry, followed.feed) for entry in newest),
        sent=len(followed.sent),
    )


def _published(entry: Entry) -> tuple[float, str]:
    return entry.published.timestamp() if entry.published else 0.0, entry.key


def _shown(entry: Entry, feed: Feed) -> orders.Shown:
    return orders.Shown(
        id=entry.key,
        author=feed.address,
        called=feed.called,
        title=entry.title,
        url=entry.url,
        posts=entry.post_count,
        published=entry.published,
    )


async def _named(app: App, order: orders.Unfollow | orders.Pause | orders.Resume) -> list[tuple[str, Feed | None]]:
    feeds = [feed for feed, _ in await app.store.feeds()]
    return [(address, matching(feeds, address, app.finder)) for address in order.addresses]


async def _feeds_of(app: App, feed: Feed | None) -> tuple[Feed, ...]:
    """All feeds of the person whose feed this is."""
    start = await app.store.poll_input(feed.id) if feed is not None else None
    return () if start is None else (start.feed, *start.siblings)


async def _unfollow(app: App, named: tuple[str, Feed | None]) -> orders.Named:
    address, feed = named
    if feed is None:
        return orders.Named(address=address)
    unsent = [d for d in await app.store.deliveries(UNSENT) if d.feed_id == feed.id]
    declared = await app.follower.unfollow(feed)
    return orders.Named(
        address=address, author=feed.author.label, declared=bool(declared), unsent=0 if declared else len(unsent)
    )


async def _set_paused(order: orders.Pause | orders.Resume, app: App) -> orders.Names:
    named = await _named(app, order)
    for _, feed in named:
        for one in await _feeds_of(app, feed):
            await app.store.set_paused(one.id, isinstance(order, orders.Pause))
            start = await app.store.poll_input(one.id)
            if start is not None and isinstance(order, orders.Resume):
                await app.store.amend([(start.state, resumed(start.state))])
    return orders.Names(
        authors=tuple(
            orders.Named(address=address, author=feed.author.label if feed else "") for address, feed in named
        )
    )


async def _import(order: orders.Import | orders.Restore, app: App) -> orders.Answer:
    if isinstance(order, orders.Restore):
        return await importing.restore(order, app)
    _require_channels(order.channels, app)
    return await importing.import_author(order, app)


# -- the outbox ---------------------------------------------------------------------------------------------


async def _change_rows(order: orders.Retry | orders.Drop, app: App) -> orders.Rows:
    match order:
        case orders.Retry():
            return await _retry(order, app)
        case orders.Drop():
            return await _drop(order, app)


async def _retry(order: orders.Retry, app: App) -> orders.Rows:
    async with _Still(app, order.ids) as rows:
        for row in rows:
            if row.first.channel not in app.channels:
                raise NotFound(f"channel {row.first.channel} is not in the settings: add it first")
        for row in rows:
            # The channel's own back-off ends too: a person has seen to what was wrong.
            channel = ChannelState(channel=row.first.channel)
            await app.store.settle([retried_by_hand(d, app.clock()) for d in row.deliveries], channel)
    return _changed(rows)


async def _drop(order: orders.Drop, app: App) -> orders.Rows:
    # Else a look that has just read these rows would write them again.
    async with _Still(app, order.ids) as rows, app.poller.deciding:
        await app.store.drop(d.id for row in rows for d in row.deliveries)
    return _changed(rows)


class _Still:
    """The rows that were asked for, with nothing of their channels on its way while the block lasts.

    What is being sent when it is asked for is waited for: to make it due again would send it twice.
    """

    def __init__(self, app: App, ids: Collection[str]) -> None:
        self._app = app
        self._ids = ids
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> list[Row]:
        channels = {row.first.channel for row in await self._rows()}
        # In the lanes' own order, so that two orders never wait for each other.
        for lane in self._app.lanes:
            if lane.name in channels:
                await self._stack.enter_async_context(lane.still())
        try:
            return await self._rows()
        except BaseException:
            await self._stack.aclose()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _rows(self) -> list[Row]:
        rows = chosen(rows_of(await self._app.store.deliveries()), self._ids)
        unsent = [row for row in rows if row.first.state in UNSENT]
        for sent in rows:
            if not any(sent.first.batch == row.first.batch for row in unsent):
                raise NotFound(f"delivery {sent.first.batch} was sent already")
        return unsent


def _changed(rows: Iterable[Row]) -> orders.Rows:
    return orders.Rows(ids=tuple(row.first.batch for row in rows))


# -- one thread ---------------------------------------------------------------------------------------------


async def _refresh(order: orders.Refresh, app: App) -> orders.Refreshed:
    found = [await _thread(app, name) for name in order.threads]
    looked = [done for known in found if (done := await app.relooker.look_now(known)) is not None]
    with app.dispatcher.heard() as sends:
        await app.once().deliver()
    return orders.Refreshed(threads=tuple(map(_looked, looked)), notices=_notices(sends))


async def _thread(app: App, name: str) -> Known:
    """The known thread of that id or URL. Raises `NotFound`."""
    key = app.finder.thread_key(name)
    known = await known_thread(app.store, name.strip(), *filter(None, (key,)))
    if known is not None:
        return known[1]
    mend = f"; `keepcurrent unroll {name}` reads it all the same" if key else ""
    raise NotFound(f"{name} is no thread that is known here: `keepcurrent threads` lists those{mend}")


def _looked(done: Relooked) -> orders.Looked:
    known = done.known
    return orders.Looked(
        thread=_shown(known.as_entry(done.feed.author), done.feed),
        outcome=done.outcome,
        error=done.error,
        version=known.version,
        told=known.told,
        next_look=known.look_at,
    )


# -- a round ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Whom a round looks at, by id, and who is left out (address) for which reason."""

    feed_ids: tuple[str, ...]
    skipped: tuple[orders.Remark, ...]


async def _poll(order: orders.Poll, app: App, *, running: bool) -> orders.RoundUp:
    failed = await reconcile(app)
    stranded = await stranded_channels(app)
    who = await choose(order, app)
    by_hand = bool(order.authors or order.everyone)
    with app.poller.heard() as looks, app.relooker.heard() as again, app.dispatcher.heard() as sends:
        if running:
            ended = await app.once().extra_round(who.feed_ids, by_hand=by_hand, only_due=not by_hand)
        else:
            ended = await app.once().round(who.feed_ids, by_hand=by_hand)
    # A runner beside us may have looked at some of them in the meantime: its looks count as well.
    heard = set(map(id, looks))
    polled = _merged(who.feed_ids, (*looks, *(look for look in ended.polled if id(look) not in heard)))
    done = await _round_up(app, who, failed=failed, polled=polled, sends=sends, stranded=stranded)
    return replace(done, changed=tuple(_looked(one) for one in again if one.outcome in ("grown", "gone")))


def _merged(feed_ids: Sequence[str], looks: Iterable[Polled]) -> tuple[Polled, ...]:
    """One result for each author: the last outcome, with all that was new."""
    merged: dict[str, Polled] = {}
    for look in looks:
        before = merged.get(look.feed_id)
        merged[look.feed_id] = replace(look, new=(*before.new, *look.new)) if before else look
    return tuple(merged[feed_id] for feed_id in feed_ids if feed_id in merged)


async def _round_up(
    app: App,
    who: Chosen,
    *,
    failed: Sequence[orders.Remark],
    polled: Sequence[Polled],
    sends: Sequence[Dispatched],
    stranded: tuple[str, ...],
) -> orders.RoundUp:
    feeds = {feed.id: feed for feed, _ in await app.store.feeds()}
    # Who was unfollowed during the look: nothing of it was kept or announced.
    polled = [look for look in polled if look.feed_id in feeds]
    unsent = rows_of(await app.store.deliveries(UNSENT))
    dead = sum(row.first.state == "dead" for row in unsent)
    failures = [_remark(feeds[p.feed_id], p.error) for p in polled if p.error]
    return orders.RoundUp(
        polled=len(polled),
        not_modified=sum(p.outcome == "not modified" for p in polled),
        failed=(*failed, *failures),
        new=tuple(_shown(entry, feeds[p.feed_id]) for p in polled for entry in p.new),
        notices=_notices(sends),
        pending=len(unsent) - dead,
        dead=dead,
        skipped=who.skipped,
        stranded=stranded,
    )


def _remark(feed: Feed, why: str) -> orders.Remark:
    return orders.Remark(author=feed.address, why=why, called=feed.called)


def _notices(sends: Iterable[Dispatched]) -> tuple[orders.Notice, ...]:
    return tuple(orders.Notice(channel=d.batch.channel, outcome=d.outcome, error=d.error) for d in sends)


async def reconcile(app: App) -> tuple[orders.Remark, ...]:
    """Bring the store in line with the settings file; what could not be looked up. Raises `SettingsError`."""
    failed = await app.follower.reconcile(app.declared)
    return tuple(orders.Remark(author=address, why=reason) for address, reason in failed)


async def stranded_channels(app: App) -> tuple[str, ...]:
    """The channels that authors or notices are meant for, but that the settings do not have any more."""
    return stranded(await app.store.deliveries(WAITING), await app.store.subscriptions(), app.channels)


async def choose(order: orders.Poll, app: App) -> Chosen:
    """Whom a round looks at now. Raises `NotFound` for an author who is not followed."""
    feeds = dict(await app.store.feeds())
    wanted = await _wanted(order, app, feeds)
    skipped = {feed.id: why for feed in wanted if (why := _why_not(feed, feeds[feed], app.clock()))}
    return Chosen(
        feed_ids=tuple(feed.id for feed in wanted if feed.id not in skipped),
        skipped=tuple(_remark(feed, skipped[feed.id]) for feed in wanted if feed.id in skipped),
    )


async def _wanted(order: orders.Poll, app: App, feeds: Mapping[Feed, FeedState]) -> list[Feed]:
    if order.authors:
        named = dict.fromkeys(_followed(feeds, app, address) for address in order.authors)
        return list(dict.fromkeys(feed for one in named for feed in (one, *_others(feeds, one))))
    if order.everyone:
        return list(feeds)
    due = set(await app.store.due_feeds(app.clock()))
    return [feed for feed in feeds if feed.id in due]


def _others(feeds: Iterable[Feed], one: Feed) -> Iterator[Feed]:
    """The other feeds of the same person."""
    return (feed for feed in feeds if one.person and feed.person == one.person and feed.id != one.id)


def _followed(feeds: Iterable[Feed], app: App, address: str) -> Feed:
    feed = matching(feeds, address, app.finder)
    if feed is None:
        raise NotFound(f"{address} is not followed; `keepcurrent authors` lists who is")
    return feed


def _why_not(feed: Feed, state: FeedState, now: datetime) -> str:
    if feed.paused:
        return "paused"
    if state.fault == "ended":
        return f"has ended: {state.last_error}; `keepcurrent resume` asks again"
    if is_held(state, now):
        return f"the site asked us to come back {times.when(state.held_until, now)}"
    return ""


# -- budgets ------------------------------------------------------------------------------------------------


async def _take(order: orders.Take, app: App) -> orders.Granted:
    spending = app.poller.spending
    return orders.Granted(until=None if spending is None else await spending.grant(order.host))
