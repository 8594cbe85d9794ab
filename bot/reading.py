"""One thread, read: from its own page, or from what is kept of it.

Calls things in order. Does not decide what a thread that was read means (`diff`, `looks`), and commits nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import diff, likeness, looks
from bot.errors import SourceError, StoreError
from bot.looks import Reread
from bot.model import Delivery, Entry, Feed, Known
from bot.protocols import Expander, Source, Store, lists_whole
from bot.routing import row_ids

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads threads."""

    store: Store
    sources: Mapping[str, Source]

    async def expand(self, feed: Feed, entry: Entry) -> Entry | SourceError:
        """The thread whole, from its own page; or why not."""
        source = self.sources[feed.source]
        if entry.whole or not isinstance(source, Expander):
            return replace(entry, whole=True)
        return await self.look(feed, entry)

    async def look(self, feed: Feed, entry: Entry) -> Entry | SourceError:
        """The thread's page as it is now; or why it cannot be read."""
        source = self.sources[feed.source]
        if not isinstance(source, Expander):
            return SourceError(feed.id, f"{feed.source} cannot read one thread")
        try:
            return await source.expand(entry)
        except SourceError as error:
            log.warning("thread %s of %s: its own page could not be read: %s", entry.key, entry.feed_id, error.reason)
            return error
        except Exception as error:  # one thread's oddity must not stop its author's others; the traceback is logged
            log.exception("thread %s of %s: this program failed to read its page", entry.key, entry.feed_id)
            return SourceError(entry.feed_id, f"{type(error).__name__} in this program, see the log")

    async def elsewhere_read(self, feed: Feed, known: Known, kept: Entry) -> Entry | None:
        """A thread as another place has it, `known` there; None if it cannot be read there."""
        if lists_whole(self.sources[feed.source]):
            # It has no page. What came to it there is seen in the listing; it stands there, or stood.
            return kept if kept.whole else None
        read = await self.look(feed, known.as_entry(feed.author))
        return likeness.continued(kept, read) if isinstance(read, Entry) else None

    async def same(self, entry: Entry) -> Known | None:
        """The known thread that this one turns out to be, under another id."""
        return diff.same_thread(entry, await self.store.known(entry.feed_id, diff.ids_of(entry)))

    async def kept(self, thread: Known | Entry, version: int | None = None) -> Entry | None:
        """Our own copy, or that version of it."""
        try:
            return await self.store.content(thread.feed_id, thread.key, version)
        except StoreError as error:  # a damaged file of one thread must not hold up the others
            log.warning("thread %s of %s: %s", thread.key, thread.feed_id, error)
            return None

    async def kept_whole(self, thread: Known | Entry, version: int | None = None) -> Entry | None:
        """The same, if it is of the whole thread."""
        kept = await self.kept(thread, version)
        return kept if kept is not None and kept.whole else None

    async def compared(self, thread: Known, read: Entry, now: datetime, settle: timedelta) -> Reread:
        """What a known thread is, now that it was read whole again."""
        kept = await self.kept_whole(thread, thread.version) if thread.version else None
        told = kept if thread.told in (0, thread.version) else await self.kept_whole(thread, thread.told)
        return looks.reread(thread, kept, told, read, now, settle=settle)

    async def elsewhere(self, known: Known, entry: Entry, now: datetime, settle: timedelta) -> Reread | None:
        """What becomes of a known thread that another page, `entry`, shows more of; None if it shows no more."""
        kept = await self.kept_whole(known, known.version) if known.version else None
        if kept is None or known.state in ("duplicate", "dropped"):
            return None
        told = kept if known.told == known.version else await self.kept_whole(known, known.told)
        return looks.grown_elsewhere(known, kept, told, entry, now, settle=settle)

    async def rows(self, thread: Known) -> dict[str, Delivery]:
        """The deliveries of a thread that are in the outbox, by place."""
        ids = row_ids(thread.feed_id, thread.key, thread.queued)
        return {row.place: row for row in await self.store.deliveries(ids=ids)}
