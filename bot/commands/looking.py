"""One thread: `refresh` looks at it again now, `why` prints what became of it.

`refresh` is an order; `why` reads without the lock, as the listings do, and loads neither aiohttp nor apprise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime, tzinfo

from bot import show, times
from bot.commands.listing import outbox_rows, reading
from bot.errors import NotFound, StoreError
from bot.lookup import known_thread
from bot.model import Entry, Feed, Known
from bot.opening import now
from bot.orders import Looked, Refresh, Refreshed
from bot.protocols import Store
from bot.settings import Settings
from bot.text import counted
from bot.trail import Step, trail

MOST_VERSIONS = 50
"""Versions of a thread that `why` compares, the newest ones."""

_SAID = {
    "announced": "read whole now; it is announced",
    "waiting": "its page still cannot be read",
    "duplicate": "the same thread as one that is known",
    "unchanged": "nothing new",
    "settling": "it has changed; told when it has been quiet",
    "grown": "it has grown, and is told",
    "missing": "its page is not found; believed when it is not found again, an hour or more after the first time",
    "gone": "its page is gone; the kept copy stays: keepcurrent unroll",
    "failed": "could not be looked at",
}


async def refresh(args: argparse.Namespace, settings: Settings) -> int:
    """Look at threads again, now, and tell what has changed."""
    from bot.commands.ordering import ordered  # loads the whole program

    with show.progress("Looking at the thread …"):
        done = await ordered(settings, Refresh(threads=tuple(args.thread)), Refreshed)
    if args.json:
        show.document({"threads": [_document(looked) for looked in done.threads]})
    for looked in () if args.json else done.threads:
        _tell(looked, settings.zone)
    for notice in done.notices:
        if notice.error:
            show.problem(f"notice to {notice.channel}: {notice.outcome}: {notice.error}")
    failed = any(looked.outcome == "failed" for looked in done.threads)
    return 1 if failed or any(notice.error for notice in done.notices) else 0


def _tell(looked: Looked, zone: tzinfo) -> None:
    thread, said = looked.thread, _SAID.get(looked.outcome, looked.outcome)
    if looked.outcome == "failed":
        show.problem(f"{thread.id}: {said}: {looked.error}")
        return
    posts = f", {counted(thread.posts, 'post')}" if thread.posts else ""
    again = f"; next look {times.moment(looked.next_look, zone)}" if looked.next_look else ""
    show.line(f"{thread.called or thread.author}: {thread.title} ({thread.id}{posts}): {said}{again}")


def _document(looked: Looked) -> dict[str, object]:
    thread = looked.thread
    return {
        "id": thread.id,
        "author": thread.author,
        "title": thread.title,
        "url": thread.url,
        "posts": thread.posts,
        "outcome": looked.outcome,
        "version": looked.version,
        "told": looked.told,
        "next_look": times.rfc3339(looked.next_look),
        "error": looked.error or None,
    }


# -- why ----------------------------------------------------------------------------------------------------


async def why(args: argparse.Namespace, settings: Settings) -> int:
    """Print what became of one thread, step by step."""
    async with reading(settings) as store:
        feed, known = await _find(store, args.thread)
        rows = [row for row in await outbox_rows(store, settings) if row.entry_key == known.key]
        rows = [row for row in rows if row.feed_id == known.feed_id]
        steps = trail(known, feed, await _versions(store, known), rows)
    if args.json:
        document = {"id": known.key, "author": feed.address, "title": known.title, "url": known.url}
        trail_ = [{"at": times.rfc3339(step.at), "what": step.what} for step in steps]
        show.document({**document, "state": known.state, "trail": trail_})
        return 0
    show.answer(f"{known.key}  {feed.called}  {known.title}")
    _print(steps, settings.zone, now())
    return 0


def _print(steps: Sequence[Step], zone: tzinfo, time: datetime) -> None:
    for step in steps:
        when = times.moment(step.at, zone) if step.at else "-"
        ahead = f" ({times.when(step.at, time)})" if step.at and step.at > time else ""
        show.answer(f"  {when:<16}  {step.what}{ahead}")


async def _versions(store: Store, known: Known) -> list[Entry]:
    numbers = range(max(1, known.version - MOST_VERSIONS), max(known.version, 1) + 1)
    return [entry for number in numbers if (entry := await _kept(store, known, number)) is not None]


async def _kept(store: Store, known: Known, version: int) -> Entry | None:
    try:
        return await store.content(known.feed_id, known.key, version)
    except StoreError as error:
        show.note(str(error))
        return None


async def _find(store: Store, wanted: str) -> tuple[Feed, Known]:
    """The thread of that id, other id, or URL."""
    tail = wanted.partition("?")[0].rstrip("/").rsplit("/", 1)[-1].removesuffix(".html")
    if found := await known_thread(store, wanted, tail):
        return found
    raise NotFound(
        f"{wanted} is no thread that is known here: it was in no listing of an author who is followed; "
        "`keepcurrent threads` lists what is known"
    )
