"""The embedded default: one folder, one writing process, no server.

`store.json` and `store.N.journal` (see `journal`), `archive/` (see `archive`), `store.lock`. All work is done on one
thread, so the event loop never waits for the disk. Does not decide anything that `ledger` and `rules` decide.
"""
# ruff: noqa: D102  # what each method promises stands in `bot.protocols.Store`

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from bot.budget import Spent
from bot.errors import StoreError, StoreReadOnly
from bot.model import (
    Batch,
    Changes,
    ChannelState,
    Delivery,
    DeliveryState,
    Entry,
    Feed,
    FeedState,
    Known,
    NextDue,
    PollInput,
    Record,
    Restored,
    Search,
    Stored,
    Subscription,
    Trouble,
)
from bot.stores import moving
from bot.stores.files import Files, reason
from bot.stores.index import THREADS
from bot.stores.ledger import Ledger
from bot.stores.lock import Lock, owner
from bot.stores.pruning import Bounds
from bot.stores.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_LIMIT = 2.5
"""How long `close` waits for what was asked before, in seconds."""


class TinyStore:
    """The `Store` on one folder. Get one with `open`."""

    def __init__(self, folder: Path, *, read_only: bool, files: Files) -> None:
        self._folder = folder
        self._read_only = read_only
        self._files = files
        self._lock = Lock(folder / "store.lock", files)
        self._worker = Worker("store")
        self._closed = False
        self._ledger: Ledger

    @classmethod
    async def open(cls, data_dir: str | Path, *, read_only: bool = False, files: Files | None = None) -> TinyStore:
        """Open the store of this folder, or begin one.

        Raises `StoreLocked` (not with `read_only`, which takes no lock and creates nothing), `SchemaTooNew`, and
        `StoreError` for whatever cannot be read or written. A reader sees the store as it was when it opened.
        """
        store = cls(Path(data_dir), read_only=read_only, files=files or Files())
        try:
            await store._ask(store._open)
        except BaseException:
            store._closed = True
            store._worker.finish(store._shut)
            raise
        return store

    def _open(self) -> None:
        if not self._read_only:
            self._take_folder()
        self._ledger = Ledger(self._folder, read_only=self._read_only, files=self._files)
        if not self._read_only:
            self._worker.batch = self._ledger.batch

    def _take_folder(self) -> None:
        try:
            self._files.make_folder(self._folder)
            self._lock.acquire()
        except OSError as e:
            raise StoreError(f"cannot write to the data folder {self._folder}: {reason(e)}") from e

    def _shut(self) -> None:
        try:
            if hasattr(self, "_ledger"):
                self._ledger.close()
        finally:
            self._lock.release()

    async def close(self) -> None:
        self._closed = True
        done = self._worker.finish(self._shut)
        try:
            await asyncio.wait_for(asyncio.shield(done), CLOSE_LIMIT)
        except TimeoutError:
            log.warning("%s: not closed after %.0f s; nothing that was confirmed is lost", self._folder, CLOSE_LIMIT)

    async def _ask(self, work: Callable[[], T], *, hurry: bool = True) -> T:
        if self._closed:
            raise StoreError(f"the store of {self._folder} is closed")
        answer: T = await self._worker.ask(work, hurry=hurry)
        return answer

    async def _change(self, work: Callable[[], T], *, hurry: bool = True) -> T:
        if self._read_only:
            raise StoreReadOnly(f"the store of {self._folder} was opened for reading only")
        return await self._ask(lambda: self._as_owner(work), hurry=hurry)

    def _as_owner(self, work: Callable[[], T]) -> T:
        # First of all: in a folder that was removed, the archive would be begun anew beside a store that is gone.
        self._lock.check_in_place()
        return work()

    @staticmethod
    def owner(data_dir: str | Path) -> int | None:
        """The pid of the process that writes to this folder's store now (0: unknown), None if there is none."""
        return owner(Path(data_dir) / "store.lock")

    # -- who is followed --------------------------------------------------------------------------

    async def feeds(self) -> tuple[tuple[Feed, FeedState], ...]:
        return await self._ask(self._ledger.feeds)

    async def subscriptions(self) -> tuple[Subscription, ...]:
        return await self._ask(self._ledger.subscriptions)

    async def follow(self, feed: Feed, subscriptions: Iterable[Subscription], changes: Changes | None = None) -> None:
        wanted = tuple(subscriptions)
        await self._change(lambda: self._ledger.follow(feed, wanted, changes))

    async def unsubscribe(self, subscription_ids: Iterable[str]) -> None:
        ids = tuple(subscription_ids)
        await self._change(lambda: self._ledger.unsubscribe(ids))

    async def set_paused(self, feed_id: str, paused: bool) -> None:
        await self._change(lambda: self._ledger.set_paused(feed_id, paused))

    async def join(self, feed_id: str, person: str) -> None:
        await self._change(lambda: self._ledger.join(feed_id, person))

    # -- polling ----------------------------------------------------------------------------------

    async def due_feeds(self, now: datetime) -> tuple[str, ...]:
        return await self._ask(lambda: self._ledger.due_feeds(now))

    async def poll_input(self, feed_id: str) -> PollInput | None:
        return await self._ask(lambda: self._ledger.poll_input(feed_id))

    async def known(self, feed_id: str, ids: Iterable[str]) -> Mapping[str, Known]:
        wanted = tuple(ids)
        return await self._ask(lambda: self._ledger.known(feed_id, wanted))

    async def commit(self, changes: Changes) -> None:
        # Most looks find nothing, and nobody waits for what they leave: then one wait for the disk is for many of them.
        hurry = bool(changes.contents or changes.deliveries or changes.withdrawn)
        await self._change(lambda: self._ledger.commit(changes), hurry=hurry)

    async def due_looks(self, now: datetime) -> tuple[Known, ...]:
        return await self._ask(lambda: self._ledger.due_looks(now))

    async def content(self, feed_id: str, key: str, version: int | None = None) -> Entry | None:
        return await self._ask(lambda: self._ledger.content(feed_id, key, version))

    # -- the archive: pictures, search, bounds ----------------------------------------------------

    async def keep_media(self, feed_id: str, key: str, url: str, mime: str, data: bytes) -> None:
        await self._change(lambda: self._ledger.keep_media(feed_id, key, url, mime, data))

    async def media(self, feed_id: str, key: str) -> Mapping[str, tuple[str, bytes]]:
        return await self._ask(lambda: self._ledger.media(feed_id, key))

    async def missing_media(self, feed_id: str, key: str, urls: Iterable[str]) -> tuple[str, ...]:
        wanted = tuple(urls)
        return await self._ask(lambda: self._ledger.missing_media(feed_id, key, wanted))

    async def search(self, text: str, feed_id: str | None = None) -> Search:
        return await self._ask(lambda: self._ledger.search(text, feed_id))

    async def prune_copies(self, now: datetime, *, older_than: datetime | None, most_bytes: int | None) -> bool:
        bounds = Bounds(older_than=older_than, most_bytes=most_bytes)
        step = await self._change(lambda: self._ledger.choose_parts(bounds, now))
        if step.parts:
            # A job of its own: the one before is on the disk when this begins.
            await self._change(lambda: self._ledger.remove_parts(step.parts))
        return step.more

    # -- sending ----------------------------------------------------------------------------------

    async def claim(self, channel: str, now: datetime) -> Batch | None:
        return await self._change(lambda: self._ledger.claim(channel, now))

    async def settle(self, deliveries: Iterable[Delivery], channel: ChannelState | None = None) -> None:
        settled = tuple(deliveries)
        await self._change(lambda: self._ledger.settle(settled, channel))

    async def channel(self, name: str) -> ChannelState:
        return await self._ask(lambda: self._ledger.channel(name))

    async def deliveries(
        self, states: Iterable[DeliveryState] | None = None, ids: Iterable[str] | None = None
    ) -> tuple[Delivery, ...]:
        in_states = None if states is None else frozenset(states)
        wanted = None if ids is None else tuple(ids)
        return await self._ask(lambda: self._ledger.deliveries(in_states, wanted))

    async def alert(
        self, troubles: Iterable[Trouble], over: Iterable[str] = (), deliveries: Iterable[Delivery] = ()
    ) -> None:
        told, ended, queued = tuple(troubles), tuple(over), tuple(deliveries)
        await self._change(lambda: self._ledger.alert(told, ended, queued))

    async def troubles(self) -> tuple[Trouble, ...]:
        return await self._ask(self._ledger.troubles)

    async def drop(self, delivery_ids: Iterable[str]) -> None:
        ids = tuple(delivery_ids)
        await self._change(lambda: self._ledger.drop(ids))

    # -- the rest ---------------------------------------------------------------------------------

    async def threads(self, feed_id: str | None = None) -> tuple[Known, ...]:
        return await self._ask(lambda: self._ledger.threads(feed_id))

    async def dates(self, feed_id: str) -> tuple[tuple[datetime, datetime], ...]:
        return await self._ask(lambda: self._ledger.dates(feed_id))

    async def spent(self) -> tuple[Spent, ...]:
        return await self._ask(self._ledger.spent)

    async def spend(self, row: Spent) -> None:
        await self._change(lambda: self._ledger.spend(row))

    async def next_due(self) -> NextDue:
        return await self._ask(self._ledger.next_due)

    async def orphans(self) -> tuple[Delivery, ...]:
        return await self._ask(self._ledger.orphans)

    async def amend(self, pairs: Iterable[tuple[Stored, Stored]]) -> None:
        amended = tuple(pairs)
        await self._change(lambda: self._ledger.amend(amended))

    async def prune(self, sent_before: datetime) -> None:
        await self._change(lambda: self._ledger.prune(sent_before))

    async def back_up(self, now: datetime) -> None:
        await self._change(lambda: self._ledger.back_up(now))

    # -- moving to another store --------------------------------------------------------------------

    async def export(self) -> AsyncIterator[Record]:
        tables = await self._ask(self._ledger.tables)
        yield moving.about()
        for name, documents in tables.items():
            for doc_id, text in documents.items():
                yield Record(table=name, id=doc_id, body=json.loads(text))
        threads = iter(tables[THREADS].items())
        while some := tuple(islice(threads, moving.AT_ONCE)):
            for record in await self._ask(lambda some=some: self._ledger.kept(some)):  # type: ignore[misc]
                yield record

    async def restore(self, records: Callable[[], Iterator[Record]], *, dry_run: bool = False) -> Restored:
        given = await asyncio.to_thread(lambda: moving.load(records()))
        if dry_run:
            return (await self._ask(lambda: self._ledger.fitting(given)))[1]
        _, planned = await self._change(lambda: self._ledger.fitting(given))
        texts = await self._keep(moving.kept_of(records(), frozenset(planned.added)))
        restored = await self._change(lambda: self._ledger.restore(given))
        return replace(restored, texts=texts if restored.added else 0)

    async def _keep(self, entries: Iterator[Entry]) -> int:
        """Keep threads, some at a time, so that others who want something of the store are not kept waiting."""
        count = 0
        while some := await asyncio.to_thread(lambda: tuple(islice(entries, moving.AT_ONCE))):
            await self._change(lambda some=some: self._ledger.keep_contents(some))  # type: ignore[misc]
            count += len(some)
        return count
