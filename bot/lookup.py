"""A known thread by any of its names. Reads the store and what is kept; asks no site."""

from __future__ import annotations

from bot.errors import StoreError
from bot.model import Feed, Known
from bot.protocols import Store

MOST_READ = 3_000
"""Kept threads that are read for the id of one post, the newest of each author first: a few seconds."""


async def known_thread(store: Store, *names: str, feed_id: str = "") -> tuple[Feed, Known] | None:
    """The thread that one of these ids names, and its author; of a duplicate, the thread that it is. None: no such.

    An id may be that of any post of a kept thread. `feed_id`: whose thread it is, "" if that is not known.
    """
    feeds = [feed for feed, _ in await store.feeds() if feed_id in ("", feed.id)]
    for feed in feeds:
        for known in (await store.known(feed.id, names)).values():
            original = (await store.known(feed.id, [known.same_as])).get(known.same_as) if known.same_as else None
            return feed, original or known
    return await _by_post(store, feeds, frozenset(names))


async def _by_post(store: Store, feeds: list[Feed], ids: frozenset[str]) -> tuple[Feed, Known] | None:
    left = MOST_READ
    for feed in feeds:
        for known in await store.threads(feed.id):
            if not known.version:
                continue
            if (left := left - 1) < 0:
                return None
            if await _holds(store, known, ids):
                return feed, known
    return None


async def _holds(store: Store, known: Known, ids: frozenset[str]) -> bool:
    try:
        kept = await store.content(known.feed_id, known.key)
    except StoreError:  # a damaged copy is no reason not to look further
        return False
    return kept is not None and any(post.id in ids for post in kept.posts)
