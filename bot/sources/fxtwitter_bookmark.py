"""Pure: what a look at an author's timeline leaves for the next one. Reads no answers and asks nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.model import Cursor, Json
from bot.sources import stored

MARGIN: Final = timedelta(minutes=15)
"""Until the newest post has been there so long, all is read again: `since` would miss another of the same second, or
one that X shows late."""
FULL_AFTER: Final = timedelta(days=1)
"""How long `since` is trusted without reading a page."""
_UNCLEAR = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_KEPT: Final = 200
"""How many ids of posts are remembered, at the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """What is in the cursor.

    `newest`: when the newest post seen was written (or when the first look found none), `looked_at`: when a page was
    read last, `saw_posts`: whether there was ever one. `gap`: the API's cursor of the page where the reading goes on,
    down to `floor`; "" where nothing is missing. `settled` and `unclear`: posts whose conversation was read, and is to
    be read.
    """

    newest: datetime | None = None
    looked_at: datetime | None = None
    saw_posts: bool = False
    gap: str = ""
    floor: datetime | None = None
    settled: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> Bookmark:
        """Read a stored cursor; what is not understood counts as absent."""
        floor = stored.time_in(cursor.get("floor"))
        return cls(
            newest=stored.time_in(cursor.get("newest")),
            looked_at=stored.time_in(cursor.get("looked_at")),
            saw_posts=cursor.get("saw_posts") is True,
            gap=stored.text_in(cursor.get("gap")) if floor is not None else "",
            floor=floor,
            settled=stored.texts_in(cursor.get("settled"), _UNCLEAR.fullmatch),
            unclear=stored.texts_in(cursor.get("unclear"), _UNCLEAR.fullmatch),
        )

    def cursor(self) -> Cursor:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "newest": self.newest.isoformat() if self.newest else "",
            "looked_at": self.looked_at.isoformat() if self.looked_at else "",
            "saw_posts": self.saw_posts,
            "gap": self.gap,
            "floor": self.floor.isoformat() if self.floor and self.gap else "",
            "settled": list(self.settled),
            "unclear": list(self.unclear),
        }
        return stored.filled(values)

    def since(self, now: datetime) -> int | None:
        """The time after which a post is news to us; None where a page is to be read whatever it says."""
        if self.newest is None or self.looked_at is None or self.looked_at - self.newest < MARGIN:
            return None
        is_fresh = timedelta(0) <= now - self.looked_at < FULL_AFTER
        return int(self.newest.timestamp()) if is_fresh else None

    def read_at(self, now: datetime, newest: datetime | None, reached: datetime | None, below: str) -> Bookmark:
        """A first page was read, down to `reached`: what is between it and the last look is a gap, `below` it."""
        seen = min(newest, now) if newest else None  # a time ahead is a clock that was wrong
        top = max((time for time in (self.newest, seen) if time), default=now)
        marked = replace(self, newest=top, looked_at=now, saw_posts=self.saw_posts or seen is not None)
        if self.newest is None or (reached is not None and reached <= self.newest):
            return marked
        return replace(marked, gap=below, floor=self.floor if self.gap else self.newest)

    def met(self, reached: datetime | None) -> Bookmark:
        """The reading came down to a post of this time."""
        is_over = reached is not None and self.floor is not None and reached <= self.floor
        return replace(self, gap="", floor=None) if is_over else self

    def at(self, below: str) -> Bookmark:
        """The next page to read; "" at the end of the timeline."""
        return replace(self, gap=below if below != self.gap else "")

    def back_to_floor(self) -> Bookmark:
        """Forget how far the reading came: the next look starts from the top."""
        return replace(self, newest=self.floor or self.newest, gap="", floor=None)

    def still_unclear(self, found: Iterable[str]) -> tuple[str, ...]:
        """The posts whose conversation is to be read, those that wait first."""
        return tuple(dict.fromkeys((*self.unclear, *(one for one in found if one not in self.settled))))

    def clear(self, settled: Iterable[str], left: Sequence[str]) -> Bookmark:
        """These were looked into, those are left."""
        known = tuple(dict.fromkeys((*settled, *self.settled)))
        return replace(self, settled=known[:_KEPT], unclear=tuple(left[:_KEPT]))
