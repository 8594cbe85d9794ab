"""The work itself: `poll`. (`run` is in `running`, `unroll` in `unrolling`.)"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta

from bot import show, times
from bot.app import open_app
from bot.commands.listing import row_alert
from bot.commands.ordering import ordered
from bot.commands.setting import require_channels
from bot.finding import matches, told
from bot.model import Changes, Delivery, Feed
from bot.opening import now, open_store
from bot.orders import Looked, Poll, Remark, RoundUp
from bot.outbox import WAITING, Row, rows_of
from bot.perform import choose
from bot.poll import Polled
from bot.settings import Settings
from bot.text import counted

# -- poll ---------------------------------------------------------------------------------------------------


async def poll(args: argparse.Namespace, settings: Settings) -> int:
    """One round: look at the authors that are due, deliver what is due, stop."""
    require_channels(args, settings)
    order = Poll(authors=tuple(args.author), everyone=args.all)
    if args.dry_run:
        return await _preview(args, settings, order)
    # Standard output is for the one document then: what a console channel prints goes where the log goes.
    with redirect_stdout(sys.stderr) if args.json else nullcontext(), show.progress("Looking at authors …"):
        done = await ordered(settings, order, RoundUp)
    return _report(done, as_json=args.json)


def _report(done: RoundUp, *, as_json: bool) -> int:
    for name in done.stranded:
        show.problem(f"notices wait for channel {name}, which is not in the settings; see `keepcurrent outbox`")
    if as_json:
        show.document(_document(done))
    else:
        _tell(done)
    for failure in done.failed:
        show.problem(told(failure.called or failure.author, failure.why))
    for notice in done.notices:
        if notice.error:
            show.problem(f"notice to {notice.channel}: {notice.outcome}: {notice.error}")
    return 1 if done.failed or any(notice.error for notice in done.notices) else 0


def _document(done: RoundUp) -> dict[str, object]:
    return {
        "polled": done.polled,
        "not_modified": done.not_modified,
        "failed": [{"author": failure.author, "error": failure.why} for failure in done.failed],
        "new": [_new(thread.id, thread.author, thread.title, thread.url) for thread in done.new],
        "changed": [_changed(looked) for looked in done.changed],
        "delivered": sum(notice.outcome == "sent" for notice in done.notices),
        "pending": done.pending,
        "dead": done.dead,
        "skipped": [_skipped(skipped) for skipped in done.skipped],
    }


def _new(key: str, author: str, title: str, url: str) -> dict[str, object]:
    return {"id": key, "author": author, "title": title, "url": url}


def _changed(looked: Looked) -> dict[str, object]:
    thread = looked.thread
    return {**_new(thread.id, thread.author, thread.title, thread.url), "event": looked.outcome, "posts": thread.posts}


def _skipped(skipped: Remark) -> dict[str, object]:
    return {"author": skipped.author, "why": skipped.why}


def _tell(done: RoundUp) -> None:
    for skipped in done.skipped:
        show.line(f"skipped: {skipped.called or skipped.author}: {skipped.why}")
    for thread in done.new:
        show.line(f"new: {thread.called or thread.author}: {thread.title} ({thread.url})")
    for one in done.changed:
        who = one.thread.called or one.thread.author
        show.line(f"{one.outcome}: {who}: {one.thread.title} ({one.thread.url})")
    sent = sum(notice.outcome == "sent" for notice in done.notices)
    looked = counted(done.polled, "author")
    more = f", {done.pending} waiting (`keepcurrent outbox`)" if done.pending else ""
    news, notices = counted(len(done.new), "new thread"), counted(sent, "notice")
    show.line(f"{looked} looked at, {news}, {notices} sent{more}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preview:
    """What a round would do: the looks at authors with what they would queue, and what waits already."""

    looks: Sequence[tuple[Feed, Polled, Changes]]
    skipped: Sequence[Remark]
    waiting: Sequence[Row]
    unknown: Sequence[str]


async def _preview(args: argparse.Namespace, settings: Settings, order: Poll) -> int:
    """What a round would send to whom, and why not; changes nothing and needs no lock."""
    store = await open_store(settings, read_only=True)
    try:
        async with open_app(settings, store=store) as app:
            feeds = {feed.id: feed for feed, _ in await store.feeds()}
            who = await choose(order, app)
            looks = [(feeds[id_], *look) for id_ in who.feed_ids if (look := await app.poller.look(id_)) is not None]
            declared = [address for one in app.declared for address in one.addresses]
            unknown = [address for address in declared if not matches(feeds.values(), address, app.finder)]
            waiting = rows_of(await store.deliveries(WAITING))
    finally:
        await store.close()
    preview = _Preview(looks=looks, skipped=who.skipped, waiting=waiting, unknown=unknown)
    if args.json:
        show.document(_preview_document(preview))
    else:
        _tell_preview(preview)
    return 1 if any(polled.error for _, polled, _ in looks) else 0


def _tell_preview(preview: _Preview) -> None:
    for skipped in preview.skipped:
        show.answer(f"{skipped.called or skipped.author}: skipped: {skipped.why}")
    for address in preview.unknown:
        show.answer(f"{address}: declared, not followed yet: the first look announces nothing")
    for feed, polled, changes in preview.looks:
        first = "first look: what is there is not announced"
        outcome = first if polled.outcome == "baseline" else polled.outcome
        show.answer(f"{feed.called}: {outcome}{f': {polled.error}' if polled.error else ''}")
        titles = {entry.key: entry.title for entry in polled.new}
        for delivery in changes.deliveries:
            why = f" ({held})" if (held := _held(delivery)) else ""
            show.answer(f"  would be sent to {delivery.channel}: {titles[delivery.entry_key]}{why}")
        for known in changes.known:
            if known.state == "duplicate":
                show.answer(f"  not sent: {known.title}: {known.note}")
            for reason in known.filtered if known.key in titles else ():
                show.answer(f"  not sent to {reason}: {known.title}")
    for row in preview.waiting:
        keys = row_alert(row) or ", ".join(d.entry_key for d in row.deliveries)
        due = times.when(row.first.due_at, now())
        show.answer(f"in the outbox: to {row.first.channel}, due {due}: {keys} {row.first.error}".rstrip())


def _held(delivery: Delivery) -> str:
    """Why a notice would not go out at once, "" if it would."""
    later = delivery.due_at - delivery.created_at > timedelta(seconds=1)
    return delivery.error or (f"held: digest or quiet hours, until {times.rfc3339(delivery.due_at)}" if later else "")


def _preview_document(preview: _Preview) -> dict[str, object]:
    looks = preview.looks
    return {
        "polled": len(looks),
        "not_modified": sum(polled.outcome == "not modified" for _, polled, _ in looks),
        "failed": [{"author": feed.address, "error": polled.error} for feed, polled, _ in looks if polled.error],
        "new": [_new(e.key, feed.address, e.title, e.url) for feed, polled, _ in looks for e in polled.new],
        "changed": [],
        "delivered": 0,
        "pending": len(preview.waiting),
        "dead": 0,
        "skipped": [_skipped(skipped) for skipped in preview.skipped],
        "would_send": [
            {"channel": d.channel, "author": feed.address, "thread": d.entry_key, "why_not_now": _held(d) or None}
            for feed, _, changes in looks
            for d in changes.deliveries
        ],
        "filtered": [
            {"author": feed.address, "thread": known.key, "why": reason}
            for feed, polled, changes in looks
            for known in changes.known
            if known.key in {entry.key for entry in polled.new}
            for reason in known.filtered
        ],
    }
