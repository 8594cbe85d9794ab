"""A known thread by any of its names. Reads the store and what is kept; asks no site."""

from __future__ import annotations

from bot.errors import StoreError
from bot.model import Feed, Known
from bot.protocols import Store

MOST_READ = 3_000
"""Kept threads that are read for the id of one post, the newest of each author first: a few seconds."""


async def known_thread(store: Store, *names: str, feed_id: str = "") -> tuple[Feed, Known] | None:
    """The thread that the first of these ids or URLs names, and its author; of a duplicate, the thread that it is.
    None: no such.

    An id may be that of any post of a kept thread. `feed_id`: whose thread it is, "" if that is not known.
    """
    feeds = [feed for feed, _ in await store.feeds() if feed_id in ("", feed.id)]
    for name in names:
        if found := await _by_id(store, feeds, name) or await _by_url(store, feeds, name):
            return found
    ids = frozenset(name for name in names if "/" not in name)
    return await _by_post(store, feeds, ids) if ids else None


async def _by_id(store: Store, feeds: list[Feed], name: str) -> tuple[Feed, Known] | None:
    # What is read of feeds is known by its address without the scheme.
    plain = _without_scheme(name)
    spellings = dict.fromkeys((name, plain, plain.rstrip("/"), f"{plain}/"))
    for feed in feeds:
        for known in (await store.known(feed.id, spellings)).values():
            return feed, await _original(store, feed, known)
    return None


async def _by_url(store: Store, feeds: list[Feed], name: str) -> tuple[Feed, Known] | None:
    wanted = _page(name) if "/" in name else ""
    for feed in feeds if wanted else ():
        for known in await store.threads(feed.id):
            if _page(known.url) == wanted:
                return feed, await _original(store, feed, known)
    return None


async def _original(store: Store, feed: Feed, known: Known) -> Known:
    original = (await store.known(feed.id, [known.same_as])).get(known.same_as) if known.same_as else None
    return original or known


def _without_scheme(url: str) -> str:
    return url.strip().removeprefix("https://").removeprefix("http://")


def _page(url: str) -> str:
    """The page that a URL names, however its host, its end and its scheme are spelled."""
    host, slash, path = _without_scheme(url).partition("#")[0].partition("/")
    return f"{host.casefold()}{slash}{path}".rstrip("/")


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
