"""Fills a store through the store's own interface: `python -m benchmarks.filling DATA authors URL N`.

Measures nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Iterable
from itertools import islice
from pathlib import Path

from benchmarks import pages
from bot.model import EVERY_CHANNEL, Author, Feed, Subscription
from bot.protocols import Store
from bot.sources.threadreader_addresses import KIND, feed_id_of
from bot.sources.threadreader_pages import user_url
from bot.stores.tiny import TinyStore

AT_ONCE = 200


def feed(number: int, url: str) -> Feed:
    """An author of the stand-in site, as the program knows one who was declared and never looked at."""
    name = pages.handle(number)
    address, page = f"@{name}", user_url(url, name)
    return Feed(id=feed_id_of(name), source=KIND, address=address, author=Author(handle=name), url=page)


async def authors(store: Store, url: str, count: int) -> None:
    """Follow the first so many."""
    await _all(_follow(store, feed(number, url)) for number in range(count))


async def _follow(store: Store, one: Feed) -> None:
    await store.follow(one, [Subscription(feed_id=one.id, channel=EVERY_CHANNEL, origin="follow")])


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Side by side, so that one commit takes many."""
    todo = iter(work)
    while some := tuple(islice(todo, AT_ONCE)):
        await asyncio.gather(*some)


async def fill(data: Path, what: str, url: str, *counts: int) -> None:
    """Open the store, and write to it."""
    store = await TinyStore.open(data)
    try:
        await {"authors": authors}[what](store, url, *counts)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])))
