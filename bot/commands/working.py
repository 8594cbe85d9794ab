"""The work itself: `poll`, `run`, `unroll`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from bot import diff, render, show, times
from bot.app import App, now, open_app, open_store
from bot.commands.listing import UNSENT, Row, row_alert, rows_of
from bot.commands.setting import named_channels, require_channels
from bot.errors import ChannelError, NotFound, SettingsError, SourceError
from bot.follow import matching
from bot.model import EVERY_CHANNEL, Author, Batch, Changes, Delivery, Entry, Feed, FeedState
from bot.poll import Polled
from bot.protocols import Expander
from bot.runners.local import LocalRunner
from bot.runners.once import Round
from bot.schedule import is_held
from bot.settings import Settings

log = logging.getLogger(__name__)


# -- poll ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """All that `poll` tells of its round. `names` are the authors' addresses by feed id."""

    round: Round
    failed: Sequence[dict[str, str]]
    skipped: Mapping[str, str]
    names: Mapping[str, str]
    unsent: Sequence[Row]


async def poll(args: argparse.Namespace, settings: Settings) -> int:
    """One round: look at the authors that are due, deliver what is due, stop."""
    require_channels(args, settings)
    if args.dry_run:
        return await _preview(args, settings)
    # Standard output is for the one document then: what a console channel prints goes where the log goes.
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        result = await _poll(args, settings)
    return _report(result, as_json=args.json)


async def _poll(args: argparse.Namespace, settings: Settings) -> _Result:
    async with open_app(settings) as app:
        failed = await _reconcile(app)
        await _warn_of_stranded(app)
        chosen, skipped = await _chosen(app, args)
        with show.progress(f"Looking at {len(chosen)} authors …"):
            done = await app.once().round(chosen)
        names = {feed.id: feed.address for feed, _ in await app.store.feeds()}
        unsent = rows_of(await app.store.deliveries(UNSENT))
    failed += [{"author": names.get(p.feed_id, p.feed_id), "error": p.error} for p in done.polled if p.error]
    return _Result(round=done, failed=failed, skipped=skipped, names=names, unsent=unsent)


def _report(result: _Result, *, as_json: bool) -> int:
    if as_json:
        show.document(_document(result))
    else:
        _tell(result)
    for failure in result.failed:
        show.problem(f"{failure['author']}: {failure['error']}")
    for dispatched in result.round.dispatched:
        if dispatched.error:
            show.problem(f"notice to {dispatched.batch.channel}: {dispatched.outcome}: {dispatched.error}")
    return 1 if result.failed or any(d.error for d in result.round.dispatched) else 0


async def _warn_of_stranded(app: App) -> None:
    """Name the channels that authors or notices are meant for, but that the settings do not have any more."""
    waiting = {row.channel for row in await app.store.deliveries(("pending", "unknown"))}
    wanted = {s.channel for s in await app.store.subscriptions()} - {EVERY_CHANNEL}
    for name in sorted((waiting | wanted) - app.channels.keys()):
        show.problem(f"notices wait for channel {name}, which is not in the settings; see `keepcurrent outbox`")


async def _reconcile(app: App) -> list[dict[str, str]]:
    """Bring the store in line with the settings file; what could not be looked up."""
    failed = await app.follower.reconcile(app.declared)
    return [{"author": address, "error": reason} for address, reason in failed]


async def _chosen(app: App, args: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Ids of the authors to look at now; addresses of those that are skipped, with the reason. Raises `NotFound`."""
    feeds = dict(await app.store.feeds())
    if args.author:
        wanted = list(dict.fromkeys(_named(feeds, app, address) for address in args.author))
    elif args.all:
        wanted = list(feeds)
    else:
        due = set(await app.store.due_feeds(now()))
        wanted = [feed for feed in feeds if feed.id in due]
    skipped = {feed.address: why for feed in wanted if (why := _skip(feed, feeds[feed]))}
    return [feed.id for feed in wanted if feed.address not in skipped], skipped


def _named(feeds: Iterable[Feed], app: App, address: str) -> Feed:
    feed = matching(feeds, app.sources, address)
    if feed is None:
        raise NotFound(f"{address} is not followed; `keepcurrent authors` lists who is")
    return feed


def _skip(feed: Feed, state: FeedState) -> str:
    if feed.paused:
        return "paused"
    if is_held(state, now()):
        return f"the site asked us to come back {times.when(state.held_until, now())}"
    return ""


def _document(result: _Result) -> dict[str, object]:
    polled, dispatched = result.round.polled, result.round.dispatched
    dead = sum(row.first.state == "dead" for row in result.unsent)
    return {
        "polled": len(polled),
        "not_modified": sum(p.outcome == "not modified" for p in polled),
        "failed": list(result.failed),
        "new": [_new(entry, result.names[p.feed_id]) for p in polled for entry in p.new],
        "changed": [],
        "delivered": sum(d.outcome == "sent" for d in dispatched),
        "pending": len(result.unsent) - dead,
        "dead": dead,
        "skipped": [{"author": address, "why": why} for address, why in result.skipped.items()],
    }


def _new(entry: Entry, author: str) -> dict[str, object]:
    return {"id": entry.key, "author": author, "title": entry.title, "url": entry.url}


def _tell(result: _Result) -> None:
    for address, why in result.skipped.items():
        show.line(f"skipped: {address}: {why}")
    for polled in result.round.polled:
        for entry in polled.new:
            show.line(f"new: {result.names.get(polled.feed_id, polled.feed_id)}: {entry.title} ({entry.url})")
    new = sum(len(polled.new) for polled in result.round.polled)
    sent = sum(d.outcome == "sent" for d in result.round.dispatched)
    looked = show.counted(len(result.round.polled), "author")
    waiting = sum(row.first.state != "dead" for row in result.unsent)
    more = f", {waiting} waiting (`keepcurrent outbox`)" if waiting else ""
    news, notices = show.counted(new, "new thread"), show.counted(sent, "notice")
    show.line(f"{looked} looked at, {news}, {notices} sent{more}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preview:
    """What a round would do: the looks at authors with what they would queue, and what waits already."""

    looks: Sequence[tuple[Feed, Polled, Changes]]
    skipped: Mapping[str, str]
    waiting: Sequence[Row]
    unknown: Sequence[str]


async def _preview(args: argparse.Namespace, settings: Settings) -> int:
    """What a round would send to whom, and why not; changes nothing and needs no lock."""
    store = await open_store(settings, read_only=True)
    try:
        async with open_app(settings, store=store) as app:
            feeds = {feed.id: feed for feed, _ in await store.feeds()}
            chosen, skipped = await _chosen(app, args)
            looks = [(feeds[id_], *look) for id_ in chosen if (look := await app.poller.look(id_)) is not None]
            unknown = [d.address for d in app.declared if matching(feeds.values(), app.sources, d.address) is None]
            waiting = rows_of(await store.deliveries(("pending", "unknown")))
    finally:
        await store.close()
    preview = _Preview(looks=looks, skipped=skipped, waiting=waiting, unknown=unknown)
    if args.json:
        show.document(_preview_document(preview))
    else:
        _tell_preview(preview)
    return 1 if any(polled.error for _, polled, _ in looks) else 0


def _tell_preview(preview: _Preview) -> None:
    for address, why in preview.skipped.items():
        show.answer(f"{address}: skipped: {why}")
    for address in preview.unknown:
        show.answer(f"{address}: declared, not followed yet: the first look announces nothing")
    for feed, polled, changes in preview.looks:
        first = "first look: what is there is not announced"
        outcome = first if polled.outcome == "baseline" else polled.outcome
        show.answer(f"{feed.address}: {outcome}{f': {polled.error}' if polled.error else ''}")
        titles = {entry.key: entry.title for entry in polled.new}
        for delivery in changes.deliveries:
            why = f" ({delivery.error})" if delivery.error else ""
            show.answer(f"  would be sent to {delivery.channel}: {titles[delivery.entry_key]}{why}")
        for known in changes.known:
            if known.state == "duplicate":
                show.answer(f"  not sent: {known.title}: {known.note}")
    for row in preview.waiting:
        keys = row_alert(row) or ", ".join(d.entry_key for d in row.deliveries)
        due = times.when(row.first.due_at, now())
        show.answer(f"in the outbox: to {row.first.channel}, due {due}: {keys} {row.first.error}".rstrip())


def _preview_document(preview: _Preview) -> dict[str, object]:
    looks = preview.looks
    return {
        "polled": len(looks),
        "not_modified": sum(polled.outcome == "not modified" for _, polled, _ in looks),
        "failed": [{"author": feed.address, "error": polled.error} for feed, polled, _ in looks if polled.error],
        "new": [_new(entry, feed.address) for feed, polled, _ in looks for entry in polled.new],
        "changed": [],
        "delivered": 0,
        "pending": len(preview.waiting),
        "dead": 0,
        "skipped": [{"author": address, "why": why} for address, why in preview.skipped.items()],
        "would_send": [
            {"channel": d.channel, "author": feed.address, "thread": d.entry_key, "why_not_now": d.error or None}
            for feed, _, changes in looks
            for d in changes.deliveries
        ],
    }


# -- run ----------------------------------------------------------------------------------------------------


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Poll and deliver until stopped."""
    require_channels(args, settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    async with open_app(settings) as app:
        runner = app.runner()
        # Beside the runner: a declared thread URL asks a site, which must hold up neither notices nor the stop.
        declaring = asyncio.create_task(_declare(app, runner))
        try:
            await runner.run(stop)
        finally:
            declaring.cancel()
            await asyncio.wait((declaring,))
        log.info("stopped")
    return 0


async def _declare(app: App, runner: LocalRunner) -> None:
    """Bring the store in line with the settings file, and say who is followed."""
    for failure in await _reconcile(app):
        log.warning("follow %s: %s; tried again at the next start", failure["author"], failure["error"])
    await _warn_of_stranded(app)
    feeds = await app.store.feeds()
    log.info("running: %d authors, %d channels", len(feeds), len(app.channels))
    if not feeds:
        log.warning("nobody is followed yet: stop, `keepcurrent follow @name`, and run again")
    runner.wake()


# -- unroll -------------------------------------------------------------------------------------------------


async def unroll(args: argparse.Namespace, settings: Settings) -> int:
    """One thread, whole, now; printed, written to a file, or sent to a channel."""
    from bot.stores.memory import MemoryStore

    async with open_app(settings, store=MemoryStore()) as app:
        channels = named_channels(app, args.channel) if args.channel else []
        try:
            with show.progress("Reading the thread …"):
                entry = await _read(app, args.url)
        except SourceError as error:
            show.problem(f"{args.url}: {error.reason}")
            return 1
        sent = [await _send(app, entry, channel) for channel in channels]
    if args.output is None and channels:
        return 0 if all(sent) else 1
    written = _write(render.FORMATS[args.format](entry, settings.zone), args.output)
    return 0 if all(sent) and written else 1


async def _read(app: App, url: str) -> Entry:
    located = next((found for source in app.sources.values() if (found := source.locate(url))), None)
    source: object = app.sources[located.source] if located else None
    if located is None or not located.thread_key or not isinstance(source, Expander):
        raise SettingsError(f"{url} is not the URL of a thread; it looks like https://…/thread/ID.html")
    stub = Entry(feed_id=located.feed_id, key=located.thread_key, url=url, author=Author(handle=""))
    return await source.expand(stub)


async def _send(app: App, entry: Entry, name: str) -> bool:
    feed = Feed(id=entry.feed_id, source="", address=f"@{entry.author.handle}", author=entry.author)
    key = diff.delivery_id(entry.feed_id, entry.key, f"{name} {now().timestamp()}")
    delivery = Delivery(
        id=key, batch=key, feed_id=feed.id, entry_key=entry.key, channel=name, created_at=now(), due_at=now()
    )
    batch = Batch(id=key, channel=name, feed=feed, deliveries=(delivery,), entries=(entry,))
    try:
        await app.dispatcher.send(app.channels[name], batch)
    except ChannelError as error:
        show.problem(f"channel {name}: {error.reason}")
        return False
    show.line(f"Sent to {name}: {entry.title}")
    return True


def _write(text: str, output: Path | None) -> bool:
    if output is None or output == Path("-"):
        sys.stdout.write(show.printable(text))
        return True
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        show.problem(f"{output}: {error.strerror}")
        return False
    show.note(f"Wrote {output}.")
    return True
