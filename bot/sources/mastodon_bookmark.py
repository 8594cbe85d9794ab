"""Pure: what a look at a Mastodon author leaves for the next one, and what one page leaves for the one below it.

Ids are opaque: which of two posts is newer is known by their order on the page and by their times only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile

from bot import conditional
from bot.model import Cursor, Entry, Json
from bot.sources import stored
from bot.sources.mastodon_addresses import is_id
from bot.sources.mastodon_posts import Toot

_TOPS = 10
"""So many ids are remembered: whoever deletes a post deletes one or two."""
_UNPLACED = 40
_HANGING = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """What is in the cursor.

    `tops`: the ids of the newest posts, `at`: the time of the newest; `digest` of what was listed, "" before the first
    look; `unplaced`: posts that go on with something that is not on the page, whose thread is yet to be found.
    """

    validators: Mapping[str, Json] = field(default_factory=dict)
    since: datetime | None = None
    tops: tuple[str, ...] = ()
    at: datetime | None = None
    digest: str = ""
    unplaced: tuple[str, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> Bookmark:
        """Read a stored cursor; what is not understood counts as absent."""
        validators = cursor.get("validators")
        return cls(
            validators=validators if isinstance(validators, dict) else {},
            since=stored.time_in(cursor.get("since")),
            tops=stored.texts_in(cursor.get("tops"), is_id),
            at=stored.time_in(cursor.get("at")),
            digest=stored.text_in(cursor.get("digest")),
            unplaced=stored.texts_in(cursor.get("unplaced"), is_id),
        )

    def cursor(self) -> Cursor:
        """As JSON, without what is empty."""
        values: dict[str, Json] = {
            "validators": dict(self.validators),
            "since": self.since.isoformat() if self.since and self.validators else "",
            "tops": list(self.tops),
            "at": self.at.isoformat() if self.at else "",
            "digest": self.digest,
            "unplaced": list(self.unplaced),
        }
        return stored.filled(values)

    @property
    def is_first(self) -> bool:
        """Whether nothing was read yet."""
        return not self.digest

    def headers_at(self, now: datetime) -> dict[str, str]:
        """What makes the request conditional: not while posts wait for their thread, nor with what is too old."""
        fresh = conditional.may_be_sent(self.since, now)
        return conditional.request_headers(self.validators) if fresh and not self.unplaced else {}

    def meets(self, toots: Sequence[Toot]) -> bool:
        """Whether these posts, the newest first, reach down to what was read before."""
        if not self.tops and self.at is None:
            return self.is_first
        known = set(self.tops)
        return any(toot.id in known for toot in toots) or bool(toots and self._is_old(toots[-1]))

    def new(self, toots: Iterable[Toot]) -> tuple[Toot, ...]:
        """Those above what was read before."""
        known = set(self.tops)
        return tuple(takewhile(lambda toot: toot.id not in known and not self._is_old(toot), toots))

    def _is_old(self, toot: Toot) -> bool:
        # Not "<=": some servers write whole seconds, and a second has room for another post.
        return self.at is not None and toot.said.at is not None and toot.said.at < self.at

    def after(
        self, toots: Sequence[Toot], entries: Iterable[Entry], headers: Mapping[str, str], now: datetime
    ) -> Bookmark:
        """The page was read, with this on it and these headers."""
        times = [toot.said.at for toot in toots if toot.said.at is not None]
        return replace(
            self,
            validators=conditional.validators(headers),
            since=now,
            tops=tuple(toot.id for toot in toots[:_TOPS]),
            # A time ahead is a wrong clock; believed, it would hide all that is written until then.
            at=max((time for time in times if time <= now), default=self.at),
            digest=_digest(entries),
        )

    def waiting(self, unplaced: Iterable[str]) -> Bookmark:
        """These posts wait for their thread to be found at a later look."""
        return replace(self, unplaced=tuple(dict.fromkeys(unplaced))[:_UNPLACED])


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The page below one: what is older than the post `below`, the oldest above being of the time `at`.

    `hanging`: how many posts above go on with a post that was not there yet, by its id.
    """

    below: str
    at: datetime | None = None
    hanging: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, token: str) -> Token | None:
        """What `str` wrote; None for anything else."""
        below, _, rest = token.partition(" ")
        time, _, rest = rest.partition(" ")
        pairs = (word.rpartition("*") for word in rest.split())
        hanging = {id_: int(count) for id_, _, count in pairs if is_id(id_) and re.fullmatch(r"[0-9]{1,6}", count)}
        return cls(below=below, at=stored.time_in(time), hanging=hanging) if is_id(below) else None

    def __str__(self) -> str:
        hanging = [f"{id_}*{count}" for id_, count in self.hanging.items()]
        return " ".join((self.below, self.at.isoformat() if self.at else "-", *hanging[-_HANGING:]))


def hanging_below(toots: Sequence[Toot], above: Mapping[str, int]) -> dict[str, int]:
    """How many own posts, of these and of those `above`, hang on each own post that is still further down.

    The newest stand first, so each post is met before the one that it answers.
    """
    counts: Counter[str] = Counter(above)
    for toot in toots:
        hung = counts.pop(toot.id, 0)
        if toot.goes_on:
            counts[toot.said.parent] += hung + 1
    return dict(counts)


def _digest(entries: Iterable[Entry]) -> str:
    listed = [[entry.key, entry.post_count, entry.content_hash] for entry in entries]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
