"""The pictures of a thread, fetched once each and kept beside it, where the settings ask for it.

Calls things in order. A picture that cannot be had is no failure of its thread: it is tried again at the thread's next
look. Does not decide which threads' pictures are kept, for how long, or when a thread is looked at. Fetches no videos.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from bot.allowance import Allowance, within
from bot.errors import HostHeld, OutOfTime, SourceError
from bot.model import Entry
from bot.pictures import mime_of
from bot.protocols import Store

if TYPE_CHECKING:
    from bot.http import Http  # loads aiohttp, which the listings do without

log = logging.getLogger(__name__)

MOST: Final = 50
"""Pictures of one thread."""
TRIES: Final = 5
"""How often one picture is asked for in vain by one process."""
PATIENCE: Final = 120.0
"""Seconds that the pictures of one thread may take in all; those that are left wait for its next look."""
REMEMBERED: Final = 10_000
"""Failed pictures that are remembered; the oldest are forgotten."""

_ACCEPT: Final = "image/avif,image/webp,image/png,image/jpeg,image/gif,image/*;q=0.5"


class MediaKeeper:
    """Fetches and keeps pictures. `max_media`: the largest single one, in bytes. Safe for many tasks at once."""

    def __init__(self, store: Store, http: Http, *, max_media: int, patience: float = PATIENCE) -> None:
        self._store = store
        self._http = http
        self._max_media = max_media
        self._patience = patience
        self._failures: dict[str, int] = {}
        self._hosts: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def keep(self, entry: Entry) -> int:
        """Fetch the pictures of a thread that are not kept yet; returns how many are now. Raises `StoreError`."""
        missing = await self._store.missing_media(entry.feed_id, entry.key, entry.image_urls[:MOST])
        wanted = [url for url in missing if self._failures.get(url, 0) < TRIES]
        saved = 0
        try:
            async with asyncio.timeout(self._patience) as limit:
                with within(Allowance(self._patience)):
                    async for url, mime, data in self._fetched(entry, wanted):
                        await self._store.keep_media(entry.feed_id, entry.key, url, mime, data)
                        saved += 1
        except TimeoutError:
            if not limit.expired():
                raise
            log.info("pictures of %s: %d of %d in %g s", entry.key, saved, len(wanted), self._patience)
        return saved

    async def _fetched(self, entry: Entry, urls: Iterable[str]) -> AsyncIterator[tuple[str, str, bytes]]:
        for url in urls:
            try:
                data = await self._ask(entry.feed_id, url)
            except OutOfTime:
                return
            except HostHeld:  # it was not asked
                continue
            except SourceError as error:
                self._failed(entry, url, error.reason)
                continue
            if mime := mime_of(data):
                yield url, mime, data
            else:
                self._failed(entry, url, "what it answers is no picture that is kept")

    async def _ask(self, feed_id: str, url: str) -> bytes:
        # One at a time, also where the settings allow several connections: pictures can wait.
        async with self._hosts.setdefault(_host(url), asyncio.Lock()):
            answer = await self._http.get(
                url, feed_id=feed_id, headers={"Accept": _ACCEPT}, max_body=self._max_media
            )
            return answer.body

    def _failed(self, entry: Entry, url: str, reason: str) -> None:
        log.info("picture %s of %s: %s", url, entry.key, reason)
        self._failures[url] = self._failures.pop(url, 0) + 1
        if len(self._failures) > REMEMBERED:
            self._failures.pop(next(iter(self._failures)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # refused when it is asked for
        return ""
