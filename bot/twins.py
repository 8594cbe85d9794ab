"""The same thread in another place of the same person: found by its ids, or by what it says; and read there.

Commits nothing. What a twin means for a thread is decided by `diff`;
whether two texts are alike by `likeness`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot import diff, likeness, looks
from bot.model import Entry, Feed, Known, PollInput
from bot.protocols import Store
from bot.reading import Reader
from bot.routing import channels_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A known thread of a sibling feed. `start` is what a poll of that feed starts from."""

    start: PollInput
    known: Known

    @property
    def is_untold(self) -> bool:
        """Whether nobody was told of it: it was there before us in its place, or no channel wanted it there."""
        return self.known.state in ("baseline", "filtered") and not looks.who_knows(self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Finds twins."""

    store: Store
    reader: Reader

    async def find(self, start: PollInput, entry: Entry) -> Twin | None:
        """The thread of another feed of the same person that this one is, None if there is none."""
        for sibling in start.siblings:
            known = await self._by_id(start, sibling, entry) or await self._by_words(start, sibling, entry)
            there = await self.store.poll_input(sibling.id) if known is not None else None
            if known is not None and there is not None:
                return Twin(start=there, known=known)
        return None

    async def stand_in(self, start: PollInput, thread: Known, kept: Entry) -> Entry | None:
        """A thread whose page cannot be read, as it goes on in another place; None if no other page can be read."""
        for sibling in start.siblings:
            for known in await self.store.threads(sibling.id):
                if (known.same_in, known.same_as) == (thread.feed_id, thread.key):
                    read = await self.reader.elsewhere_read(sibling, known, kept)
                    if read is not None:
                        return read
        return None

    def uncovered(self, start: PollInput, twin: Twin, channels: Iterable[str]) -> frozenset[str]:
        """The channels that hear of this feed's threads, and were not told of the twin: not asked, or not wanting it
        as it was there.
        """
        knows = looks.who_knows(twin.known)
        if "*" in knows or twin.known.state in ("duplicate", "dropped"):
            return frozenset()  # who was told is not known any more, or a person took it out
        return frozenset(channels_of(start.subscriptions, tuple(channels))) - knows

    async def _by_id(self, start: PollInput, sibling: Feed, entry: Entry) -> Known | None:
        ids = sorted(filter(likeness.is_distinct, diff.ids_of(entry)), key=lambda id_: (id_ != entry.key, id_))
        found = await self.store.known(sibling.id, ids)
        # A mirror joins threads that were written side by side: a post in common does not make two threads one.
        of_root = (found[id_] for id_ in ids if id_ in found and (id_ == entry.key or found[id_].key in ids))
        known = next(of_root, None)
        if known is None or known.state != "duplicate":
            return known
        if known.same_in:  # of a third feed; or of this one, where the thread itself is known by its own id
            return known if _was_told_elsewhere(start, known) else None
        return (await self.store.known(sibling.id, [known.same_as])).get(known.same_as)

    async def _by_words(self, start: PollInput, sibling: Feed, entry: Entry) -> Known | None:
        threads = [one for one in await self.store.threads(sibling.id) if likeness.at_one_time(entry, one)]
        if not threads:
            return None
        # Who says the same each day says it once a day in each place: each thread has one twin there.
        taken = {one.same_as for one in await self.store.threads(start.feed.id) if one.same_in == sibling.id}
        for known in threads:
            if known.key in taken or (known.state == "duplicate" and not _was_told_elsewhere(start, known)):
                continue
            # A duplicate itself is not kept; the thread that it is stays in the archive, also once unfollowed.
            original = replace(known, feed_id=known.same_in, key=known.same_as) if known.same_in else known
            kept = await self.reader.kept(original) or known.as_entry(sibling.author)
            if likeness.alike(entry, kept):
                return known
        return None


def _was_told_elsewhere(start: PollInput, known: Known) -> bool:
    """Whether a duplicate is that of a thread whose own place is followed no more: it stands for what was told."""
    followed = {start.feed.id, *(sibling.id for sibling in start.siblings)}
    return bool(known.same_in) and known.same_in not in followed
