"""A day in the life of a store, for tests that make its disk fail: each step tried until it is taken, beside a store in
memory that never fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.audit import Audit, audit
from bot.commands.auditing import books
from bot.errors import StoreError
from bot.model import Author, Changes, Delivery, Entry, Feed, FeedState, Known, Post, Subscription
from bot.stores.files import Files
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = "threadreader:ann"
CHANNELS = ("me", "team")
TRIES = 30
"""More than the faults in a row that any test makes."""

Step = Callable[[Any], Awaitable[Any]]


def at(n: int) -> datetime:
    return NOW + timedelta(minutes=n)


def news(n: int) -> Changes:
    """Thread n, whole, queued for both channels."""
    entry = Entry(
        feed_id=ANN,
        key=f"{n}",
        url=f"https://example.org/{n}",
        author=Author(handle="ann"),
        posts=(Post(id=f"{n}", text=f"post {n}"),),
        whole=True,
    )
    known = Known(
        feed_id=ANN,
        key=entry.key,
        url=entry.url,
        state="announced",
        first_seen=at(n),
        content_hash=entry.content_hash,
        queued=CHANNELS,
    )
    rows = tuple(
        Delivery(
            id=f"{n}-{channel}",
            batch=f"{n}-{channel}",
            feed_id=ANN,
            entry_key=entry.key,
            channel=channel,
            created_at=at(n),
            due_at=at(n),
        )
        for channel in CHANNELS
    )
    state = FeedState(feed_id=ANN, baselined=True, last_polled_at=at(n))
    return Changes(feed_id=ANN, state=state, known=(known,), contents=(entry,), deliveries=rows)


async def follow(store: Any) -> None:
    feed = Feed(id=ANN, source="threadreader", address="@ann", author=Author(handle="ann"))
    await store.follow(feed, [Subscription(feed_id=ANN, channel="*", origin="follow")])


def commit(n: int) -> Step:
    return lambda store: store.commit(news(n))


def claim(n: int) -> Step:
    return lambda store: store.claim("me", at(n))


def settle(n: int) -> Step:
    async def step(store: Any) -> None:
        rows = await store.deliveries(ids=[f"{n}-me"])
        await store.settle([replace(row, state="sent", sent_at=at(n)) for row in rows])

    return step


def drop(n: int) -> Step:
    return lambda store: store.drop([f"{n}-team"])


def prune(n: int) -> Step:
    return lambda store: store.prune(at(n))


def back_up(days: int) -> Step:
    return lambda store: store.back_up(NOW + timedelta(days=days))


async def compact(store: Any) -> None:
    """A new snapshot, as a store writes when its journal has grown."""
    if isinstance(store, TinyStore):
        await store._ask(store._ledger._storage.compact)


DAY: tuple[Step, ...] = (
    follow,
    commit(1),
    claim(1),
    settle(1),
    back_up(0),
    commit(2),
    drop(2),
    compact,
    prune(2),
    claim(3),
    settle(2),
    back_up(1),
    commit(3),
    compact,
    drop(1),
)


async def held(store: Any) -> list[object]:
    """All that a store holds, but for the kept copies: those are written before the commit that names them.

    Rows by id: rows of one moment may change places when a removal that could not be saved is undone.
    """
    rows = sorted(await store.deliveries(), key=lambda row: row.id)
    return [await store.feeds(), await store.subscriptions(), await store.threads(), rows]


async def opened(folder: Path, files: Files) -> TinyStore:
    for _ in range(TRIES):
        try:
            return await TinyStore.open(folder, files=files)
        except StoreError:
            continue
    raise AssertionError("never opened again")


async def play(folder: Path, files: Files, steps: tuple[Step, ...] = DAY) -> list[object]:
    """Do each step until it is taken; what was not taken left no trace. Returns what must be there afterwards."""
    memory = MemoryStore()
    store = await opened(folder, files)
    for step in steps:
        for _ in range(TRIES):
            before = await held(memory)
            try:
                await step(store)
            except StoreError:
                assert await held(store) == before
                continue
            break
        else:
            raise AssertionError("never worked again")
        await step(memory)
        assert await held(store) == await held(memory)
    await store.close()
    return await held(memory)


async def audited(folder: Path) -> tuple[list[object], Audit]:
    """What is on the disk, and what the audit says of it. Raises `StoreError` if it cannot be read."""
    reader = await TinyStore.open(folder, read_only=True)
    try:
        return await held(reader), audit(await books(reader, at_work=False))
    finally:
        await reader.close()


def run(work: Any) -> Any:
    """For callers without an event loop."""
    return asyncio.run(work)
