"""A known thread by any of its names. Reads the store; asks no site."""

from __future__ import annotations

from bot.model import Feed, Known
from bot.protocols import Store


async def known_thread(store: Store, *names: str) -> tuple[Feed, Known] | None:
    """The thread that one of these ids names, and its author; of a duplicate, the thread that it is. None: no such."""
    for feed, _ in await store.feeds():
        for known in (await store.known(feed.id, names)).values():
            original = (await store.known(feed.id, [known.same_as])).get(known.same_as) if known.same_as else None
            return feed, original or known
    return None
