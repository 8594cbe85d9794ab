"""A whole store as documents on their way to another one: what they are, and which of them that other one takes.

An export of an older version is brought to today's form as an older store is. What comes in may have been edited by
hand, so each value is checked before any is taken: a store never meets a wrong one. Does not read, save or lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from bot.errors import SchemaTooNew, StoreError, Unreadable
from bot.model import (
    ChannelState,
    Delivery,
    Entry,
    Feed,
    FeedState,
    Known,
    Record,
    Restored,
    Subscription,
    Trouble,
)
from bot.stores import codec
from bot.stores.archive import document_of, entry_of
from bot.stores.codec import join_id, split_id
from bot.stores.index import CHANNELS, DELIVERIES, FEEDS, STATES, SUBSCRIPTIONS, THREADS, TROUBLES
from bot.stores.migrations import MIGRATIONS
from bot.stores.rules import Thread, thread_of

if TYPE_CHECKING:
    from pydantic import BaseModel

ABOUT = "about"
CONTENTS = "contents"
TABLES = (FEEDS, STATES, SUBSCRIPTIONS, THREADS, DELIVERIES, CHANNELS, TROUBLES)
AT_ONCE = 50
"""Kept threads that are read or written in one job: others who wait for the store get their turn in between."""
MOST_VERSIONS = 100_000
"""No thread changes so often; each version is looked for at the next export."""

Documents = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Load:
    """The values of an export, but for the kept threads."""

    feeds: tuple[Feed, ...] = ()
    states: Mapping[str, FeedState] = field(default_factory=dict)
    subscriptions: tuple[Subscription, ...] = ()
    threads: tuple[Known, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    channels: tuple[ChannelState, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Here:
    """What a store has: the ids that are taken, and its thread of an id."""

    feeds: Collection[str]
    deliveries: Collection[str]
    channels: Collection[str]
    troubles: Collection[str]
    thread: Callable[[Thread], Known | None]


# -- out ----------------------------------------------------------------------------------------------


def about() -> Record:
    """The first record of an export."""
    return Record(table=ABOUT, id="store", body={"schema": codec.SCHEMA})


def kept_record(entry: Entry) -> Record:
    """A kept thread in one of its versions."""
    return Record(table=CONTENTS, id=f"{join_id(entry.feed_id, entry.key)} {entry.version}", body=document_of(entry))


def versions_of(known: Known) -> tuple[int | None, ...]:
    """Which forms of a thread are to be read for an export: the older first. None is the newest, whichever that is.

    One that is newer than what is known of the thread was kept by a commit that is not finished.
    """
    if known.copy == "pruned":
        return ()
    return tuple(range(1, known.version + 1)) or (None,)


# -- in -----------------------------------------------------------------------------------------------


def load(records: Iterable[Record]) -> Load:
    """All values of an export, each checked. Raises `Unreadable`, `SchemaTooNew`."""
    tables: Documents = {name: {} for name in TABLES}
    schema = 0
    for record in records:
        if record.table == ABOUT:
            schema = _schema(record) if record.id == "store" else schema
        elif record.table == CONTENTS:
            kept(record)
        elif record.table in tables:
            tables[record.table][record.id] = dict(record.body)
        else:
            raise Unreadable(f'there is a part "{record.table}" in it that no store has')
    if not schema:
        raise Unreadable("it does not say which form of the store it holds")
    try:
        for step in range(schema, codec.SCHEMA):
            MIGRATIONS[step](tables)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Unreadable(f"what an older version exported cannot be brought to today's form ({error!r})") from error
    return _values(tables)


def _schema(record: Record) -> int:
    schema = record.body.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise Unreadable("it does not say which form of the store it holds")
    if schema > codec.SCHEMA:
        raise SchemaTooNew(
            f"it was exported by a newer version (its schema is {schema}, this version knows {codec.SCHEMA}): "
            "install that version here too"
        )
    return schema


def _values(tables: Documents) -> Load:
    feeds = tuple(_value(codec.FEED, FEEDS, doc, id=name) for name, doc in tables[FEEDS].items())
    ids = {feed.id for feed in feeds}
    states = (_value(codec.STATE, STATES, doc, feed_id=name) for name, doc in tables[STATES].items())
    subscriptions = (_value(codec.SUBSCRIPTION, SUBSCRIPTIONS, doc) for doc in tables[SUBSCRIPTIONS].values())
    threads = (_thread(name, doc) for name, doc in tables[THREADS].items())
    rows = (_value(codec.DELIVERY, DELIVERIES, doc, id=name) for name, doc in tables[DELIVERIES].items())
    return Load(
        feeds=feeds,
        states={state.feed_id: state for state in states if state.feed_id in ids},
        subscriptions=tuple(one for one in subscriptions if one.feed_id in ids),
        threads=tuple(known for known in threads if known.feed_id in ids),
        deliveries=tuple(row for row in rows if row.feed_id in ids or row.alert is not None),
        channels=tuple(_value(codec.CHANNEL, CHANNELS, doc, channel=name) for name, doc in tables[CHANNELS].items()),
        troubles=tuple(_value(codec.TROUBLE, TROUBLES, doc) for doc in tables[TROUBLES].values()),
    )


def _thread(name: str, document: Mapping[str, Any]) -> Known:
    feed_id, key = split_id(name)
    known = _value(codec.KNOWN, THREADS, document, feed_id=feed_id, key=key)
    if not 0 <= known.version <= MOST_VERSIONS:
        raise Unreadable(f"under {THREADS}, {name} cannot be in its version {known.version}")
    return known


def _value(shape: codec.Shape[codec.T], table: str, document: Mapping[str, Any], **in_id: str) -> codec.T:
    try:
        value = shape.decode(document, **in_id)
        _check(value)
    except (StoreError, TypeError, ValueError, AttributeError) as error:
        name = next(iter(in_id.values()), "")
        raise Unreadable(f"under {table}, {name or document!r} is not what a store holds ({_first(error)})") from error
    return value


def kept(record: Record) -> Entry:
    """The kept thread of a record. Raises `Unreadable`."""
    try:
        entry = entry_of(record.body, record.body["feed"])  # type: ignore[arg-type]  # checked next
        _check(entry)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise Unreadable(f"under {CONTENTS}, {record.id} is no kept thread ({_first(error)})") from error
    return entry


def _check(value: Any) -> None:  # noqa: ANN401 - each of our dataclasses
    """Raise `ValueError` where a field of a value, or of one inside it, holds something else than it may."""
    kind: Any = type(value)
    found = {name: getattr(value, name) for name in _names(kind)}
    _form(kind).model_validate(found, strict=True)
    for inner in found.values():
        for part in inner if isinstance(inner, tuple) else (inner,):
            if is_dataclass(part):
                _check(part)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(part.name for part in fields(kind))


@cache
def _form(kind: type) -> type[BaseModel]:
    from pydantic import create_model  # the listings do without

    # Into a cursor only its source looks, and checks what it finds. pydantic does not know what refers to itself.
    hints = {**get_type_hints(kind), **{part.name: dict[str, Any] for part in fields(kind) if part.type == "Cursor"}}
    # By their order: some names are pydantic's own ("copy").
    parts: dict[str, Any] = {f"p{place}": (hints[name], _aliased(name)) for place, name in enumerate(_names(kind))}
    return create_model(kind.__name__, **parts)


def _aliased(name: str) -> Any:  # noqa: ANN401 - as pydantic's
    from pydantic import Field

    return Field(alias=name)


def _first(error: Exception) -> str:
    """The first line of an error that may tell much."""
    return next((line for line in str(error).splitlines()[1:] if line.strip()), str(error)).strip()[:200]


# -- what is taken --------------------------------------------------------------------------------------


def fitting(given: Load, here: Here) -> tuple[Load, Restored]:
    """The part of an export that a store takes, and what is to be said of it."""
    added = tuple(feed.id for feed in given.feeds if feed.id not in here.feeds)
    there = [feed.id for feed in given.feeds if feed.id in here.feeds]
    lost = _not_held(given, frozenset(there), here)
    result = Restored(
        held=tuple(name for name in there if name not in lost),
        conflicts=tuple(name for name in there if name in lost),
    )
    if result.conflicts:
        return Load(), result
    part = _of(given, frozenset(added), here, all_else=bool(added) or not here.feeds)
    return part, replace(
        result,
        added=added,
        threads=len(part.threads),
        deliveries=sum(row.state != "sent" for row in part.deliveries),
        sending=tuple(row.id for row in part.deliveries if row.state == "sending"),
    )


def _not_held(given: Load, feed_ids: frozenset[str], here: Here) -> frozenset[str]:
    """Those of the authors of whom the export says something that is not known here."""
    threads = (known for known in given.threads if known.feed_id in feed_ids)
    rows = (row for row in given.deliveries if row.feed_id in feed_ids and row.state != "sent")
    return frozenset(
        (
            *(known.feed_id for known in threads if not _knows(here, known)),
            *(row.feed_id for row in rows if not _has(here, row)),
        )
    )


def _knows(here: Here, known: Known) -> bool:
    mine = here.thread((known.feed_id, known.key))
    return mine is not None and not (known.state == "waiting" and mine.state == "baseline")


def _has(here: Here, row: Delivery) -> bool:
    """Whether the store has, or had, what this row tells."""
    thread = thread_of(row)
    mine = here.thread(thread) if thread else None
    return mine is not None and (mine.state == "dropped" or row.place in (*mine.queued, *mine.pruned))


def _of(given: Load, feed_ids: frozenset[str], here: Here, *, all_else: bool) -> Load:
    rows = tuple(
        row
        for row in given.deliveries
        if row.id not in here.deliveries and (row.feed_id in feed_ids if row.alert is None else all_else)
    )
    return Load(
        feeds=tuple(feed for feed in given.feeds if feed.id in feed_ids),
        states={name: state for name, state in given.states.items() if name in feed_ids},
        subscriptions=tuple(one for one in given.subscriptions if one.feed_id in feed_ids),
        threads=tuple(known for known in given.threads if known.feed_id in feed_ids),
        deliveries=rows,
        channels=tuple(one for one in given.channels if all_else and one.channel not in here.channels),
        troubles=tuple(one for one in given.troubles if all_else and one.id not in here.troubles),
    )


def kept_of(records: Iterable[Record], feed_ids: Collection[str]) -> Iterator[Entry]:
    """The kept threads of these authors."""
    for record in records:
        if record.table == CONTENTS:
            entry = kept(record)
            if entry.feed_id in feed_ids:
                yield entry
