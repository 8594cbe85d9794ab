"""A store that an older version wrote: opened, brought to today's form, and kept as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.model import Delivery, FeedState, Known
from bot.stores import codec
from bot.stores.codec import join_id
from bot.stores.migrations import begin_books, count_versions
from bot.stores.table import Database, JournalTable
from bot.stores.tiny import TinyStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANN = "threadreader:ann"


def known(key: str, **more: Any) -> Known:
    base = {"url": f"https://example.org/{key}", "state": "announced", "first_seen": NOW}
    return Known(**{"feed_id": ANN, "key": key, **base, **more})


def delivery(key: str, channel: str = "me", **more: Any) -> Delivery:
    base = {"batch": key, "feed_id": ANN, "entry_key": key, "created_at": NOW, "due_at": NOW}
    return Delivery(**{"id": f"{key}-{channel}", "channel": channel, **base, **more})


def put(folder: Path, tables: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """A closed store in the shape of schema 1."""
    folder.mkdir(exist_ok=True)
    db = Database(folder / "store.json", schema=1)
    for name, documents in tables.items():
        table = db.table(name)
        assert isinstance(table, JournalTable)
        for doc_id, document in documents.items():
            table.put(doc_id, document)
    db.close()


def schema_1(*rows: Delivery, threads: tuple[Known, ...]) -> dict[str, dict[str, dict[str, Any]]]:
    """The documents that schema 1 had: threads without books."""
    state = FeedState(feed_id=ANN, baselined=True, last_polled_at=NOW)
    return {
        "feeds": {ANN: {"source": "threadreader", "address": "@ann", "author": {"handle": "ann"}}},
        "states": {ANN: codec.STATE.encode(state)},
        "subscriptions": {f"{ANN}>*>follow": {"feed": ANN, "channel": "*", "origin": "follow"}},
        "threads": {join_id(ANN, known.key): codec.KNOWN.encode(known) for known in threads},
        "deliveries": {row.id: codec.DELIVERY.encode(row) for row in rows},
    }


def test_what_was_announced_whole_is_its_first_version() -> None:
    """A store of schema 2: what is kept is version 1, and that is what was told; others have none."""
    threads = known("1", content_hash="a"), known("2"), known("3", state="baseline", content_hash="b")
    tables = schema_1(threads=threads)
    count_versions(tables)
    found = [codec.KNOWN.decode(d, feed_id=ANN, key=id_.split("/")[1]) for id_, d in tables["threads"].items()]

    assert {one.key: (one.version, one.told) for one in found} == {"1": (1, 1), "2": (0, 0), "3": (0, 0)}


def test_the_first_books_are_what_the_outbox_says() -> None:
    """Each thread is booked for the channels that have a row of it."""
    rows = delivery("1"), delivery("1", "team", state="dead"), delivery("2", state="sent", sent_at=NOW)
    tables = schema_1(*rows, threads=(known("1"), known("2"), known("3", state="baseline")))
    begin_books(tables)

    assert [thread.get("queued") for thread in tables["threads"].values()] == [["me", "team"], ["me"], None]
    assert not any("pruned" in thread for thread in tables["threads"].values())


def test_what_was_sent_before_the_books_began_is_told_from_what_was_lost() -> None:
    """An announced thread without rows was sent and forgotten if it is old enough for that; else nobody queued it."""
    tables = schema_1(threads=(known("old", first_seen=NOW - 31 * DAY), known("lost", first_seen=NOW - DAY)))
    begin_books(tables)

    assert [thread.get("pruned") for thread in tables["threads"].values()] == [["*"], None]


def test_books_that_were_begun_already_come_out_the_same() -> None:
    """The step may meet documents of the newer form: a former generation with later changes replayed over it."""
    tables = schema_1(delivery("1"), threads=(known("1"), known("old", first_seen=NOW - 31 * DAY)))
    begin_books(tables)
    threads = {doc_id: dict(thread) for doc_id, thread in tables["threads"].items()}
    begin_books(tables)

    assert tables["threads"] == threads


async def test_a_store_of_schema_1_opens_and_goes_on(tmp_path: Path) -> None:
    """What an older version wrote is there with its books begun, and its rows are claimed."""
    rows = delivery("1"), delivery("2", state="sent", sent_at=NOW)
    put(tmp_path, schema_1(*rows, threads=(known("1"), known("2"))))
    store = await TinyStore.open(tmp_path)
    threads = await store.threads()
    batch = await store.claim("me", NOW)
    await store.close()

    assert threads == (known("1", queued=("me",)), known("2", queued=("me",)))
    assert batch is not None
    assert batch.deliveries == (replace(rows[0], state="sending", attempts=1, claimed_at=NOW),)
