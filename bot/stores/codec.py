"""Our values as compact JSON documents, and back.

A document leaves out what equals the default and what already stands in its id; times are milliseconds since 1970
(with a fraction where there is one, so that what comes out equals what went in). Does not touch a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property
from operator import attrgetter
from sys import intern
from typing import Any, Generic, NamedTuple, TypeVar

from bot.budget import Spent
from bot.errors import StoreError
from bot.model import Alert, Author, ChannelState, Delivery, Feed, FeedState, Known, Subscription, Trouble
from bot.rhythm import Rhythm

SCHEMA = 4
"""Raise it when a document changes so that an older version would misread it; add the step to `migrations`."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

T = TypeVar("T")


def to_ms(when: datetime) -> int | float:
    """Milliseconds since 1970. Exact to the microsecond: today's times have 16 digits, a float holds them all."""
    micros = (when - EPOCH) // MICROSECOND
    return micros / 1000 if micros % 1000 else micros // 1000


def from_ms(ms: float) -> datetime:
    """The time in UTC."""
    return EPOCH + timedelta(microseconds=round(ms * 1000))


def join_id(feed_id: str, key: str) -> str:
    """The id of a thread's document. The first "/" is always the border, whatever the parts hold."""
    return f"{feed_id.replace('%', '%25').replace('/', '%2F')}/{key}"


def split_id(doc_id: str) -> tuple[str, str]:
    """Feed id and key of a thread's document."""
    feed, _, key = doc_id.partition("/")
    if "%" not in feed:
        return feed, key
    return feed.replace("%2F", "/").replace("%25", "%"), key


class _Part(NamedTuple):
    """One field: its name in the value, in the document, and how it comes back."""

    field: str
    name: str
    default: object
    rich: Callable[[Any], object] | None


@dataclass(frozen=True, kw_only=True)
class Shape(Generic[T]):
    """How one kind of value is written: `names` are the shorter names, `in_id` the fields that its id holds."""

    make: type[T]
    names: Mapping[str, str] = field(default_factory=dict)
    in_id: tuple[str, ...] = ()

    def encode(self, value: T) -> dict[str, Any]:
        """The document of a value."""
        values = self._values_of(value)
        return {
            name: found if type(found) in _PLAIN else _plain(found)
            for name, default, found in zip(self._names, self._defaults, values, strict=True)
            if found is not default and found != default
        }

    def decode(self, document: Mapping[str, Any], **in_id: str) -> T:
        """The value of a document. Raises `StoreError` if the document is not of this kind."""
        found: dict[str, Any] = dict(in_id)
        try:
            for name, value in document.items():
                part = self._by_name.get(name)
                if part is not None:
                    found[part.field] = part.rich(value) if part.rich else value
            return self.make(**found)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, OSError) as e:
            raise StoreError(f"the store holds something that is no {self.make.__name__}: {in_id} ({e})") from e

    @cached_property
    def _values_of(self) -> Callable[[T], tuple[object, ...]]:
        # One step in C for all thirty fields of a thread, of which most are as by default: 6 of 9 µs.
        return attrgetter(*(part.field for part in self._parts))

    @cached_property
    def _names(self) -> list[str]:
        return [part.name for part in self._parts]

    @cached_property
    def _defaults(self) -> list[object]:
        return [part.default for part in self._parts]

    @cached_property
    def _by_name(self) -> dict[str, _Part]:
        return {part.name: part for part in self._parts}

    @cached_property
    def _parts(self) -> list[_Part]:
        return [
            _Part(part.name, self.names.get(part.name, part.name), _default(part), _RICH.get(_kind(part)))
            for part in fields(self.make)  # type: ignore[arg-type]  # each is a dataclass
            if part.name not in self.in_id
        ]


def _default(part: Field[Any]) -> object:
    return part.default if part.default_factory is MISSING else part.default_factory()


def _kind(part: Field[Any]) -> str:
    """The annotation, which is text (PEP 563)."""
    return str(part.type).removesuffix(" | None")


_PLAIN = frozenset((str, int, bool, float))
"""What JSON has, too."""


def _plain(value: object) -> object:
    match value:
        case datetime():
            return to_ms(value)
        case Author():
            return AUTHOR.encode(value)
        case Rhythm():
            return RHYTHM.encode(value)
        case Alert():
            return {"title": value.title, "lines": list(value.lines), **({"over": True} if value.over else {})}
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            return value


AUTHOR: Shape[Author] = Shape(make=Author)
RHYTHM: Shape[Rhythm] = Shape(make=Rhythm)

_RICH: dict[str, Callable[[Any], object]] = {
    "datetime": from_ms,
    "Author": lambda value: Author(**value),
    "Cursor": lambda value: {intern(name): part for name, part in value.items()},
    "Origin": intern,
    "Rhythm": RHYTHM.decode,
    "Alert": lambda value: Alert(**{**value, "lines": tuple(value["lines"])}),
    "tuple[str, ...]": tuple,
    "tuple[float, ...]": tuple,
    "tuple[int, ...]": tuple,
}
"""How a field comes back from JSON, by its annotation; what is not named comes back as it is."""


FEED = Shape(make=Feed, in_id=("id",))
STATE = Shape(
    make=FeedState,
    names={
        "next_poll_at": "next",
        "last_polled_at": "polled",
        "last_success_at": "success",
        "held_until": "held",
        "last_error": "error",
    },
    in_id=("feed_id",),
)
SUBSCRIPTION = Shape(make=Subscription, names={"feed_id": "feed"})
KNOWN = Shape(
    make=Known,
    names={
        "first_seen": "seen",
        "post_count": "posts",
        "content_hash": "hash",
        "look_at": "look",
        "grown_at": "grown",
        "updated_at": "updated",
        "read_at": "read",
        "missing_at": "missing",
        "gone_at": "gone",
    },
    in_id=("feed_id", "key"),
)
DELIVERY = Shape(
    make=Delivery,
    names={
        "feed_id": "feed",
        "entry_key": "thread",
        "created_at": "created",
        "due_at": "due",
        "claimed_at": "claimed",
        "sent_at": "sent",
    },
    in_id=("id",),
)
CHANNEL = Shape(
    make=ChannelState,
    names={"next_try_at": "next", "last_error": "error", "last_sent_at": "sent"},
    in_id=("channel",),
)
SPENT = Shape(make=Spent, in_id=("host",))
TROUBLE = Shape(make=Trouble, names={"told_at": "at", "over_at": "over"})
