"""What the embedded store looks up often, in memory: what is due, what is queued, which threads a feed has.

Fed by the storage with every change, done or undone, so it never says what the tables do not. Rebuilt at start.
Does not hold the values themselves.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from bot.stores import rules
from bot.stores.codec import KNOWN, join_id, split_id, to_ms

FEEDS = "feeds"
STATES = "states"
SUBSCRIPTIONS = "subscriptions"
THREADS = "threads"
DELIVERIES = "deliveries"
CHANNELS = "channels"
TROUBLES = "troubles"
HOSTS = "hosts"

LONG_AGO = to_ms(rules.LONG_AGO)

K = TypeVar("K", int, float, "Place")


class Place(NamedTuple):
    """Where a delivery stands in the queue: by creation, then in the order in which rows were written."""

    created: float
    number: int


class Timeline(Generic[K]):
    """Ids in the order of their keys. Setting, removing and the first one cost next to nothing at any size."""

    def __init__(self) -> None:
        self._keys: dict[str, K] = {}
        # Sorted at the first question, so that loading many costs one sort.
        self._order: list[tuple[K, str]] | None = None

    def set(self, name: str, key: K | None) -> None:
        """Put `name` at `key`; None removes it."""
        old = self._keys.pop(name, None)
        if self._order is not None and old is not None:
            del self._order[bisect_left(self._order, (old, name))]
        if key is None:
            return
        self._keys[name] = key
        if self._order is not None:
            insort(self._order, (key, name))

    def key(self, name: str) -> K:
        """Where `name` is."""
        return self._keys[name]

    def __iter__(self) -> Iterator[tuple[K, str]]:
        """Keys and names, in order. The timeline must not change meanwhile."""
        if self._order is None:
            self._order = sorted((key, name) for name, key in self._keys.items())
        return iter(self._order)

    def __bool__(self) -> bool:
        return bool(self._keys)


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of a delivery that is not sent."""

    state: str
    channel: str
    batch: str


class Queue:
    """The claimable batches of one channel. A batch is due when all of its deliveries are."""

    def __init__(self) -> None:
        self.due: Timeline[float] = Timeline()
        self._order: Timeline[Place] = Timeline()
        self._rows: dict[str, dict[str, tuple[Place, float]]] = {}

    def set(self, name: str, batch: str, place: Place, due: float) -> None:
        """Queue a delivery."""
        self._rows.setdefault(batch, {})[name] = place, due
        self._stand(batch)

    def remove(self, name: str, batch: str) -> None:
        """Take a delivery out of the queue."""
        del self._rows[batch][name]
        self._stand(batch)

    def oldest_due(self, now: float) -> str | None:
        """The oldest batch that is due."""
        first = next(iter(self.due), None)
        if first is None or first[0] > now:
            return None
        return next(batch for _, batch in self._order if self.due.key(batch) <= now)

    def batch(self, batch: str) -> list[str]:
        """All that goes out together, in order."""
        rows = self._rows[batch]
        return sorted(rows, key=lambda name: rows[name])

    def _stand(self, batch: str) -> None:
        rows = self._rows[batch].values()
        self.due.set(batch, max((due for _, due in rows), default=None))
        self._order.set(batch, min((place for place, _ in rows), default=None))
        if not rows:
            del self._rows[batch]


class Index:
    """Everything the store finds without looking through its tables. Times are in milliseconds since 1970."""

    def __init__(self) -> None:
        self.polls: Timeline[float] = Timeline()
        self.looks: Timeline[float] = Timeline()
        self.paused: set[str] = set()
        self.persons: dict[str, set[str]] = {}
        self._person_of: dict[str, str] = {}
        self.threads: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.subscriptions: dict[str, tuple[str, ...]] = {}
        self.queues: dict[str, Queue] = {}
        self.unsent: dict[str, Row] = {}
        self.sent: Timeline[float] = Timeline()
        self.places: dict[str, Place] = {}
        self._written = 0

    def changed(self, table: str, doc_id: str, before: str | None, after: str | None) -> None:
        """Follow one change of the tables; both texts are JSON, None where there is no document."""
        match table:
            case "feeds":
                self._feed(doc_id, after)
            case "states":
                self.polls.set(doc_id, None if after is None else _poll_due(json.loads(after)))
            case "subscriptions":
                self._subscription(doc_id, before, after)
            case "threads":
                self._thread(doc_id, before, after)
            case "deliveries":
                self._delivery(doc_id, after)

    def due_polls(self, now: datetime) -> tuple[str, ...]:
        """Feeds to poll, the longest due first."""
        return tuple(name for _, name in self._until(self.polls, to_ms(now)) if name not in self.paused)

    def due_looks(self, now: datetime) -> tuple[str, ...]:
        """Documents of threads to read again, the longest due first."""
        return tuple(name for _, name in self._until(self.looks, to_ms(now)) if not self._of_paused(name))

    def sent_before(self, when: datetime) -> tuple[str, ...]:
        """Deliveries that were sent before that."""
        return tuple(doc_id for sent, doc_id in self._until(self.sent, to_ms(when)) if sent < to_ms(when))

    def next_poll(self) -> float | None:
        """When the next feed is due."""
        return next((when for when, name in self.polls if name not in self.paused), None)

    def next_look(self) -> float | None:
        """When the next look is due."""
        return next((when for when, name in self.looks if not self._of_paused(name)), None)

    def thread(self, feed_id: str, name: str, table: dict[str, str]) -> str | None:
        """The document of the thread that has this key or alias."""
        doc_id = join_id(feed_id, name)
        return doc_id if doc_id in table else self.aliases.get(doc_id)

    def _of_paused(self, doc_id: str) -> bool:
        return bool(self.paused) and split_id(doc_id)[0] in self.paused

    @staticmethod
    def _until(timeline: Timeline[float], now: float) -> Iterator[tuple[float, str]]:
        for when, name in timeline:
            if when > now:
                return
            yield when, name

    def siblings(self, feed_id: str) -> tuple[str, ...]:
        """The other feeds of the same person."""
        person = self._person_of.get(feed_id, "")
        return tuple(sorted(self.persons.get(person, set()) - {feed_id}))

    def _feed(self, feed_id: str, after: str | None) -> None:
        document = {} if after is None else json.loads(after)
        if document.get("paused"):
            self.paused.add(feed_id)
        else:
            self.paused.discard(feed_id)
        self._set_person(feed_id, document.get("person", ""))

    def _set_person(self, feed_id: str, person: str) -> None:
        before = self._person_of.pop(feed_id, "")
        if before:
            self.persons[before].discard(feed_id)
        if before and not self.persons[before]:
            del self.persons[before]
        if person:
            self._person_of[feed_id] = person
            self.persons.setdefault(person, set()).add(feed_id)

    def _subscription(self, doc_id: str, before: str | None, after: str | None) -> None:
        feed_id = json.loads(after or before or "{}")["feed"]
        others = (one for one in self.subscriptions.pop(feed_id, ()) if one != doc_id)
        ids = (*others, doc_id) if after is not None else tuple(others)
        if ids:
            self.subscriptions[feed_id] = ids

    def _thread(self, doc_id: str, before: str | None, after: str | None) -> None:
        if before is None or after is None:
            self._count_thread(doc_id, is_there=after is not None)
        if before is not None and _is_worth_parsing(before):
            self._unwatch(doc_id, json.loads(before))
        if after is not None and _is_worth_parsing(after):
            self._watch(doc_id, json.loads(after))

    def _count_thread(self, doc_id: str, *, is_there: bool) -> None:
        feed_id, _ = split_id(doc_id)
        if is_there:
            self.threads.setdefault(feed_id, []).append(doc_id)
            return
        # A feed's threads go together, in this order, so this finds the first place at once.
        self.threads[feed_id].remove(doc_id)
        if not self.threads[feed_id]:
            del self.threads[feed_id]

    def _watch(self, doc_id: str, document: dict[str, Any]) -> None:
        feed_id, _ = split_id(doc_id)
        for alias in document.get("aliases", ()):
            self.aliases[join_id(feed_id, alias)] = doc_id
        due = document.get(KNOWN.names["look_at"], LONG_AGO if document["state"] == "waiting" else None)
        self.looks.set(doc_id, due)

    def _unwatch(self, doc_id: str, document: dict[str, Any]) -> None:
        feed_id, _ = split_id(doc_id)
        self.looks.set(doc_id, None)
        for alias in document.get("aliases", ()):
            if self.aliases.get(join_id(feed_id, alias)) == doc_id:
                del self.aliases[join_id(feed_id, alias)]

    def _delivery(self, doc_id: str, after: str | None) -> None:
        self.sent.set(doc_id, None)
        row = self.unsent.pop(doc_id, None)
        if row is not None and row.state in rules.CLAIMABLE:
            self.queues[row.channel].remove(doc_id, row.batch)
        if after is None:
            self.places.pop(doc_id, None)
            return
        document = json.loads(after)
        place = self._place(doc_id, document)
        state = document.get("state", "pending")
        if state == "sent":
            self.sent.set(doc_id, document.get("sent", document["created"]))
            return
        self.unsent[doc_id] = row = Row(state, document["channel"], document["batch"])
        if state in rules.CLAIMABLE:
            self.queues.setdefault(row.channel, Queue()).set(doc_id, row.batch, place, document["due"])

    def _place(self, doc_id: str, document: dict[str, Any]) -> Place:
        known = self.places.get(doc_id)
        if known is None:
            self._written += 1
        number = self._written if known is None else known.number
        self.places[doc_id] = place = Place(document["created"], number)
        return place


def _is_worth_parsing(text: str) -> bool:
    """Whether a thread is looked at again or has several ids. Most are not parsed at start (200,000: 0.7 s)."""
    # In JSON text a quote inside a string has a backslash before it, so none of these can be part of a title.
    return '"waiting"' in text or '"aliases":' in text or '"look":' in text


def _poll_due(state: Mapping[str, Any]) -> float | None:
    """As `rules.poll_due`, of a document."""
    due: float = state.get("next", LONG_AGO)
    return None if state.get("fault") == "ended" else due
