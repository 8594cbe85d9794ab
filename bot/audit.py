"""Whether the store keeps the promise: each thread that was seen new has a delivery for every channel it was queued
for, once, and can be read.

Pure: values in, an `Audit` out. Does not load, print or mend anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.model import Delivery, Known

Thread = tuple[str, str]
"""Feed id and key."""

FAULTS: Mapping[str, str] = {
    "never_queued": "announced, but never queued for any channel",
    "lost": "queued for a channel, but the delivery is gone from the outbox",
    "without_thread": "in the outbox, but not of a thread that is queued for that channel",
    "sent_twice": "sent twice to one channel: under two ids, or as two deliveries",
    "no_copy": "announced whole, but the kept copy cannot be read",
}
"""What must not be, by its name in the document, and what each means."""

NOTES: Mapping[str, str] = {
    "in_doubt": "may have arrived; tried again, and then says that it may repeat",
    "dead": "given up, with the reason in `keepcurrent outbox`",
    "repeated": "sent again after it may have arrived: perhaps twice there",
}
"""What is worth knowing, but no fault: nothing of it was lost, and the outbox says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """One thing found. `channel` and `delivery` are "" where it is not about one, `thread` for a lone delivery."""

    feed_id: str
    thread: str = ""
    channel: str = ""
    delivery: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is audited. `copies` says of threads that were announced whole what is wrong with the kept copy.

    `at_work`: a process holds the store, so what is `sending` is really being sent.
    """

    threads: tuple[Known, ...]
    deliveries: tuple[Delivery, ...]
    copies: Mapping[Thread, str]
    at_work: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found: every kind of `FAULTS` and of `NOTES` is there, in that order, often with nothing."""

    faults: Mapping[str, tuple[Offender, ...]]
    notes: Mapping[str, tuple[Offender, ...]]
    threads: int
    deliveries: int

    @property
    def ok(self) -> bool:
        """Whether every count that must be zero is zero."""
        return not any(self.faults.values())


def has_copy(known: Known) -> bool:
    """Whether a whole copy of this thread must be in the archive: not once the archive's own bounds took it."""
    return known.state == "announced" and known.content_hash != "" and known.copy != "pruned"


def audit(books: Books) -> Audit:
    """Compare what is known of the threads with the outbox and with the kept copies."""
    rows = tuple(row for row in books.deliveries if row.entry_key)
    by_place: dict[tuple[str, str, str], list[Delivery]] = defaultdict(list)
    for row in rows:
        by_place[row.feed_id, row.entry_key, row.place].append(row)
    threads = {(known.feed_id, known.key): known for known in books.threads}
    have_rows = {(row.feed_id, row.entry_key) for row in rows}
    faults = {
        "never_queued": _never_queued(books.threads, have_rows),
        "lost": _lost(books.threads, by_place.keys()),
        "without_thread": _without_thread(rows, threads),
        "sent_twice": (*_doubled(by_place), *_sent_twice(books.threads, by_place)),
        "no_copy": _no_copy(books.threads, books.copies),
    }
    notes = {
        "in_doubt": (row for row in rows if _in_doubt(row, at_work=books.at_work)),
        "dead": (row for row in rows if row.state == "dead"),
        "repeated": (row for row in rows if row.state == "sent" and (row.doubtful or row.doubts)),
    }
    return Audit(
        faults={kind: tuple(faults[kind]) for kind in FAULTS},
        notes={kind: tuple(_offender(row, row.error) for row in notes[kind]) for kind in NOTES},
        threads=len(books.threads),
        deliveries=len(books.deliveries),
    )


def _never_queued(threads: Iterable[Known], have_rows: set[Thread]) -> Iterator[Offender]:
    for known in threads:
        booked = known.queued or known.pruned or (known.feed_id, known.key) in have_rows
        if known.state in ("announced", "waiting") and not booked:
            yield Offender(feed_id=known.feed_id, thread=known.key, why=f"{known.state}, without any delivery")


def _lost(threads: Iterable[Known], places: Iterable[tuple[str, str, str]]) -> Iterator[Offender]:
    there = frozenset(places)
    for known in threads:
        for place in known.queued:
            if (known.feed_id, known.key, place) not in there:
                yield Offender(feed_id=known.feed_id, thread=known.key, channel=place, why="there is no delivery")


def _without_thread(rows: Iterable[Delivery], threads: Mapping[Thread, Known]) -> Iterator[Offender]:
    for row in rows:
        known = threads.get((row.feed_id, row.entry_key))
        if known is None:
            yield _offender(row, f"{row.state}, of a thread that is not known")
        elif row.place not in known.queued:
            yield _offender(row, f"{row.state}, of a thread that is not queued there ({known.state})")


def _doubled(by_place: Mapping[tuple[str, str, str], list[Delivery]]) -> Iterator[Offender]:
    for rows in by_place.values():
        for extra in rows[1:]:
            yield _offender(extra, f"one delivery more than {rows[0].id}")


def _sent_twice(
    threads: Iterable[Known], by_place: Mapping[tuple[str, str, str], list[Delivery]]
) -> Iterator[Offender]:
    """Announced threads that are one thread, by a shared id, and were both sent to a channel."""
    first: dict[tuple[str, str, str], Known] = {}
    for known in sorted(threads, key=lambda k: (k.first_seen, k.feed_id, k.key)):
        for channel in _sent_to(known, by_place):
            ids = [(known.feed_id, id_, channel) for id_ in sorted({known.key, *known.aliases})]
            others = {first[id_].key for id_ in ids if id_ in first}
            if others:
                why = f"the same thread as {', '.join(sorted(others))}, which was sent there too"
                yield Offender(feed_id=known.feed_id, thread=known.key, channel=channel, why=why)
            first.update((id_, known) for id_ in ids if id_ not in first)


def _sent_to(known: Known, by_place: Mapping[tuple[str, str, str], list[Delivery]]) -> Iterator[str]:
    if known.state == "announced":
        for place in sorted({*known.queued, *known.pruned}):
            rows = by_place.get((known.feed_id, known.key, place), ())
            if place in known.pruned or any(row.state == "sent" for row in rows):
                yield place


def _no_copy(threads: Iterable[Known], copies: Mapping[Thread, str]) -> Iterator[Offender]:
    for known in threads:
        wrong = copies.get((known.feed_id, known.key), "")
        if wrong and has_copy(known):
            yield Offender(feed_id=known.feed_id, thread=known.key, why=wrong)


def _in_doubt(row: Delivery, *, at_work: bool) -> bool:
    return row.state == "unknown" or (row.state == "sending" and not at_work)


def _offender(row: Delivery, why: str) -> Offender:
    return Offender(feed_id=row.feed_id, thread=row.entry_key, channel=row.channel, delivery=row.id, why=why)
