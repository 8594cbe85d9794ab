"""Pure: what is in the cursor of a Bluesky feed, and what a look has to read so that nothing is missed.

Bluesky answers no conditional requests, so the cursor remembers what the newest page said, as a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bot.model import Cursor, Json
from bot.sources import stored
from bot.sources.bluesky_addresses import is_rkey
from bot.sources.bluesky_pages import Page
from bot.sources.bluesky_posts import Seen
from bot.sources.chains import chain

_REMEMBERED: Final = 20
"""So many posts of the newest page: some may be deleted, and a thread may go on under any of them."""
_AT_LEAST: Final = 5
_MOST_LEFT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """`seen`: the author's newest posts, the oldest of them placed at `since`. `page`: the hash of the newest page.

    `left`: posts that may be the beginning of a thread and were not asked for yet.
    """

    seen: tuple[str, ...] = ()
    since: datetime | None = None
    page: str = ""
    left: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> Bookmark:
        """Read a stored cursor; what is not understood counts as absent."""
        return cls(
            seen=stored.texts_in(cursor.get("seen"), is_rkey),
            since=stored.time_in(cursor.get("since")),
            page=stored.text_in(cursor.get("page")),
            left=stored.texts_in(cursor.get("left"), is_rkey),
        )

    def cursor(self) -> Cursor:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "seen": list(self.seen),
            "since": self.since.isoformat() if self.since else "",
            "page": self.page,
            "left": list(self.left),
        }
        return stored.filled(values)

    @property
    def is_first(self) -> bool:
        """Whether nothing was looked at before."""
        return self.since is None

    def is_met(self, pages: Sequence[Page]) -> bool:
        """Whether these pages, from the newest on, show all that was written since the bookmark.

        On a first look one page that shows something is enough. Never by an old date alone: posts may come with any.
        """
        if self.since is None:
            return any(page.items for page in pages)
        ids = {seen.id for page in pages for seen in page.posts}
        met = ids & set(self.seen)
        reached = [page.reaches for page in pages if page.reaches is not None]
        is_below = bool(reached) and reached[-1] <= self.since
        return len(met) == len(self.seen) > 0 or (is_below and (bool(met) or not self.seen))

    def after(self, pages: Sequence[Page], now: datetime) -> Bookmark:
        """The bookmark of a look that read these pages."""
        newest = next((page.posts for page in pages if page.posts), ())[:_REMEMBERED]
        here = tuple(seen.id for seen in newest)
        # A newest page that is full of reposts, or empty for once, is no reason to forget what was there.
        kept = [id_ for id_ in self.seen if id_ not in here][: max(_AT_LEAST - len(here), 0)]
        placed = [seen.placed for seen in newest if seen.placed is not None]
        placed += [self.since] if self.since is not None and (kept or not placed) else []
        return replace(self, seen=(*here, *kept), since=min(placed, default=now), page=hash_of(pages[0]))

    def leaves(self, left: Iterable[str]) -> Bookmark:
        """These posts are still to be asked for."""
        return replace(self, left=tuple(dict.fromkeys(left))[:_MOST_LEFT])


def hash_of(page: Page) -> str:
    """What a page says of the author's posts and of their name. Not how often a post was liked.

    Where the next page begins tells of posts that the server does not show, as all that it takes from a long thread.
    """
    said = [(item.id, item.seen.said if item.kind == "post" else None) for item in page.items]
    return hashlib.sha256(repr((page.author, said, page.below)).encode("utf-8", "replace")).hexdigest()


def unexplained(posts: Sequence[Seen]) -> tuple[str, ...]:
    """Posts among these that begin a talk and have more answers than are here: the author's own may be among those.

    The server shows an author's answer only where all that it hangs on is on the same page, so that a thread which
    begins on one page and goes on above it is on neither.
    """
    said = [seen.said for seen in posts]
    own = {one.id: 0 for one in said}
    for one in said:
        if one.parent in own:
            own[one.parent] += 1
    replies = {seen.id: seen.replies for seen in posts}
    roots = [one for one in said if not one.parent]
    return tuple(root.id for root in roots if any(replies[one.id] > own[one.id] for one in chain(root.id, said)))
