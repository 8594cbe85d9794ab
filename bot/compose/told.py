"""What a notice tells: events of threads, each with what changed. Pure. Does not say it in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from bot.growth import Growth, growth
from bot.model import Author, Batch, Delivery, Entry, EventKind, Feed, Item
from bot.policy import Policy

_MOST_COMPARED = 300_000
"""How many characters of all threads of one message are compared with what they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of one thread. `first`: the notice by which this channel was told of the thread, None if unknown.

    `growth` is None where nothing has grown, and where the thread as it was before is not known whole.
    """

    delivery: Delivery
    feed: Feed
    entry: Entry
    first: Delivery | None
    before: Entry | None
    growth: Growth | None
    policy: Policy

    @property
    def event(self) -> EventKind:
        """What happened."""
        return self.delivery.event

    @property
    def author(self) -> Author:
        """Who wrote it: as the thread says, or else as the feed does."""
        named = self.entry.author.handle or self.entry.author.name
        return self.entry.author if named else self.feed.author

    @property
    def posts(self) -> int:
        """How many posts the thread has, as far as that is known."""
        return max(self.entry.post_count or 0, len(self.entry.posts))

    @property
    def thread(self) -> str:
        """An id that all notices of this thread share, in every channel and after every start."""
        return hashlib.sha256(f"{self.feed.id}\n{self.entry.key}".encode("utf-8", "replace")).hexdigest()[:32]


def told_of(batch: Batch, policies: Sequence[Policy]) -> tuple[Told, ...]:
    """The events of a batch, one author's after the other's, in the order in which the authors come first."""
    pairs = zip(batch.items, chain(policies, repeat(Policy())), strict=False)
    most = _MOST_COMPARED // max(len(batch.items), 1)
    told = [_told(item, item.feed, item.entry, policy, most) for item, policy in pairs if item.feed and item.entry]
    authors = list(dict.fromkeys(one.feed.id for one in told))
    return tuple(sorted(told, key=lambda one: authors.index(one.feed.id)))


def _told(item: Item, feed: Feed, entry: Entry, policy: Policy, most: int) -> Told:
    known = item.before is not None and item.before.whole and item.delivery.event == "grown"
    return Told(
        delivery=item.delivery,
        feed=feed,
        entry=entry,
        first=item.first,
        before=item.before,
        growth=growth(item.before, entry, most=most) if known and item.before else None,
        policy=policy,
    )
