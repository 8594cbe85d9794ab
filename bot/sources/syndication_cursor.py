"""Pure: what a look at a feed leaves behind for the next one. Reads no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from bot import conditional
from bot.model import Author, Cursor, Entry, Json
from bot.sources import stored
from bot.sources.syndication_times import Calm

REMEMBERED: Final = 50
"""So many of the newest items are remembered, to see whether a page reaches back to the look before."""

_MET: Final = 2
_MOST_HOMES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """What is in the cursor.

    `validators` of the answer from `url`, and `since` when; `digest` of what was read in it; `seen`, marks of the
    newest items; `newest`, the id of a mirrored author's newest post; `calm`: when the feed wants to be asked;
    `homes`, the hosts that the site was at, the last first.
    """

    url: str = ""
    validators: Mapping[str, Json] | None = None
    since: datetime | None = None
    digest: str = ""
    seen: tuple[str, ...] = ()
    newest: int | None = None
    calm: Calm = field(default_factory=Calm)
    homes: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> Bookmark:
        """Read a stored cursor; what is not understood counts as absent."""
        validators, newest = cursor.get("validators"), cursor.get("newest")
        return cls(
            url=stored.text_in(cursor.get("url")),
            validators=validators if isinstance(validators, dict) else None,
            since=stored.time_in(cursor.get("since")),
            digest=stored.text_in(cursor.get("digest")),
            seen=stored.texts_in(cursor.get("seen"), bool)[:REMEMBERED],
            # As text: a JSON number of 19 digits is another one in some readers.
            newest=int(newest) if isinstance(newest, str) and newest.isascii() and newest.isdigit() else None,
            calm=Calm.read(cursor.get("calm")),
            homes=stored.texts_in(cursor.get("homes"), bool)[:_MOST_HOMES],
        )

    def cursor(self) -> Cursor:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "url": self.url,
            "validators": dict(self.validators or {}),
            "since": self.since.isoformat() if self.since and self.validators else "",
            "digest": self.digest,
            "seen": list(self.seen),
            "newest": "" if self.newest is None else str(self.newest),
            "calm": self.calm.json(),
            "homes": list(self.homes),
        }
        return stored.filled(values)

    def validators_at(self, url: str, now: datetime) -> Mapping[str, Json]:
        """The validators, unless they are another address's, or so old that the site may be answering 304 for ever."""
        fresh = conditional.may_be_sent(self.since, now)
        return self.validators or {} if fresh and url == self.url else {}

    def read_at(self, url: str, now: datetime, headers: Mapping[str, str]) -> Bookmark:
        """The feed was read whole from this address, with these headers."""
        return replace(self, url=url, validators=conditional.validators(headers), since=now)

    def at(self, home: str) -> Bookmark:
        """The site is at this host now."""
        return replace(self, homes=tuple(dict.fromkeys(filter(None, (home, *self.homes))))[:_MOST_HOMES])

    def meets(self, marks: Iterable[str]) -> bool:
        """Whether these items reach down to what the look before has seen: one that stays on top for ever does not
        say so.
        """
        return len(set(self.seen).intersection(marks)) >= min(len(self.seen), _MET)


def marks_of(ids: Sequence[str]) -> tuple[str, ...]:
    """Short marks of items, by which they are known again."""
    return tuple(_hash(one)[:12] for one in ids)


def digest_of(entries: Iterable[Entry], author: Author) -> str:
    """The same for the same content: what was read, not how it was written."""
    said = (f"{entry.key} {entry.url} {entry.published} {entry.content_hash}" for entry in entries)
    return _hash("\n".join((author.name, author.handle, author.url, *said)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
