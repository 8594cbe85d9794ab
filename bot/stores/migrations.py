"""How the documents of an older version become today's. Does not read or write files, and asks no clock.

Each step may meet documents that have its outcome already: a generation that is put back by hand is replayed with
the changes that were made after the migration.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from bot.stores.codec import KNOWN, split_id
from bot.stores.journal import Migration

Tables = dict[str, dict[str, dict[str, Any]]]

KEPT_SENT = 28 * 24 * 3600 * 1000
"""How long schema 1 surely kept the rows of what was sent, in milliseconds. It kept them 30 days; the store's last
poll, from which this is counted back, may be some time before its last tidying."""
UNRECORDED = "*"
"""Stands in `pruned` for the channels of threads whose rows were forgotten before the books were begun."""


def begin_books(tables: Tables) -> None:
    """1 to 2: each thread says which channels have a row of it.

    A thread that was announced, has no row, and is so old that its rows were forgotten is taken as sent: nobody can
    say any more where to.
    """
    queued = defaultdict(set)
    for row in tables.get("deliveries", {}).values():
        queued[row.get("feed", ""), row.get("thread", "")].add(row["channel"])
    last = _last_activity(tables)
    for doc_id, thread in tables.get("threads", {}).items():
        thread.pop("queued", None)
        if channels := queued.get(split_id(doc_id)):
            thread["queued"] = sorted(channels)
        elif thread["state"] == "announced" and thread[KNOWN.names["first_seen"]] < last - KEPT_SENT:
            thread.setdefault("pruned", [UNRECORDED])


def _last_activity(tables: Tables) -> float:
    """When the store was used last, as far as its documents say; in milliseconds since 1970."""
    return max((state.get("polled", 0) for state in tables.get("states", {}).values()), default=0)


def count_versions(tables: Tables) -> None:
    """2 to 3: a thread that was announced whole is kept in its first version, and that is what was told."""
    for thread in tables.get("threads", {}).values():
        if thread["state"] == "announced" and thread.get(KNOWN.names["content_hash"]):
            thread.setdefault("version", 1)
            thread.setdefault("told", 1)


def allow_parts(_: Tables) -> None:
    """3 to 4: nothing of them. From here on journals hold parts of documents, which older versions misread."""


MIGRATIONS: dict[int, Migration] = {1: begin_books, 2: count_versions, 3: allow_parts}
"""`MIGRATIONS[n]` changes the tables of schema n into those of n + 1."""
