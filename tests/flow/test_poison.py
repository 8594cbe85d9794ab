"""Threads that would stop a queue: each arrives cleaned or is dead with a reason, and what is behind it arrives."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.dispatch import Dispatcher
from bot.model import Changes, Delivery, Entry, Known, Subscription
from bot.routing import Router
from bot.stores.tiny import TinyStore
from tests.fakes import Clock
from tests.faulty_files import Counting
from tests.hostile.readers import in_one_line
from tests.hostile.receivers import RECEIVERS, Receiver
from tests.hostile.texts import plain, poison
from tests.servers.notices import FEED, PARIS


@dataclass(frozen=True)
class Tried:
    """What became of one thread at one channel; `shown` is what a person saw."""

    name: str
    outcome: str
    reason: str
    live: tuple[str, ...]
    shown: str


def queue() -> list[tuple[str, Entry]]:
    """Each poison with a harmless thread right behind it, by name."""
    made = []
    for number, (name, entry) in enumerate(poison().items()):
        made.append((name, replace(entry, key=f"{2 * number}")))
        made.append((f"behind {name}", plain(f"{2 * number + 1}")))
    return made


def announced(threads: list[tuple[str, Entry]], channels: list[str], now: datetime) -> Changes:
    """One commit that has every thread in every channel's queue, in this order."""
    keys = [entry.key for _, entry in threads]
    return Changes(
        feed_id=FEED.id,
        known=tuple(
            Known(feed_id=FEED.id, key=entry.key, url=entry.url, state="announced", first_seen=now, title=entry.title)
            for _, entry in threads
        ),
        contents=tuple(entry for _, entry in threads),
        deliveries=tuple(
            Delivery(
                id=f"{name}-{key}",
                batch=f"{name}-{key}",
                feed_id=FEED.id,
                entry_key=key,
                channel=name,
                created_at=now,
                due_at=now,
            )
            for name in channels
            for key in keys
        ),
    )


async def drained(dispatcher: Dispatcher, receiver: Receiver, name: str, names: list[str]) -> list[Tried]:
    """Send all that is due at a channel."""
    tried = []
    while (done := await dispatcher.dispatch(name)) is not None:
        before = len(tried)
        seen = receiver.last() if done.outcome == "sent" else None
        shown = in_one_line(" ".join(part.words for part in seen.bodies)) if seen else ""
        tried.append(Tried(names[before], done.outcome, done.error, tuple(seen.live) if seen else (), shown))
    return tried


_DONE: dict[str, list[Tried]] = {}
"""One run for each channel: 5 MB of text take a second of it."""


@pytest.fixture(params=RECEIVERS)
async def tried(request: pytest.FixtureRequest, tmp_path: Path) -> list[Tried]:
    """The whole queue through one real channel, out of the real store."""
    if request.param not in _DONE:
        _DONE[request.param] = await through(request.param, tmp_path)
    return _DONE[request.param]


async def through(kind: str, folder: Path) -> list[Tried]:
    """Send the queue through this kind of channel."""
    clock = Clock(datetime(2026, 11, 22, 9, tzinfo=UTC))
    threads = queue()
    async with AsyncExitStack() as stack:
        store = await TinyStore.open(folder / "data", files=Counting())
        stack.push_async_callback(store.close)
        receiver = await stack.enter_async_context(RECEIVERS[kind]())
        await store.follow(FEED, [Subscription(feed_id=FEED.id, channel="me", origin="follow")])
        await store.commit(announced(threads, ["me"], clock()))
        dispatcher = Dispatcher(
            store=store,
            channels={"me": receiver.channel},
            router=Router(channels=("me",)),
            zone=PARIS,
            clock=clock,
            monotonic=clock.seconds,
            chance=lambda: 0.5,
        )
        return await drained(dispatcher, receiver, "me", [name for name, _ in threads])


async def test_poison_blocks_nothing(tried: list[Tried]) -> None:
    """Each thread is taken in its turn, ends sent or dead with a reason, and those behind arrive whole and in order."""
    assert [one.name for one in tried] == [name for name, _ in queue()]
    assert [one for one in tried if one.outcome not in ("sent", "dead")] == []
    assert [one.name for one in tried if one.outcome == "dead" and not one.reason] == []
    behind = [one for one in tried if one.name.startswith("behind ")]
    assert [one.name for one in behind if "Nothing to see here." not in one.shown or one.outcome != "sent"] == []


async def test_poison_arrives_cleaned(tried: list[Tried]) -> None:
    """None of them is lost, and nothing in them is live."""
    assert [(one.name, one.reason) for one in tried if one.outcome != "sent"] == []
    assert [(one.name, one.live[:3]) for one in tried if one.live] == []
