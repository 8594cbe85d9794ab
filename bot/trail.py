"""What became of one thread, step by step, from the moment it was first seen to each channel's answer: `why`.

Pure: values in, sentences out, for people. Derived from what the store and the archive hold, so it never says
anything else than they do. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.growth import Growth, growth
from bot.model import Delivery, Entry, Feed, Known
from bot.routing import place_of
from bot.text import counted

_LATER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, or (`at` ahead of now) that is to come; `at` None: nobody knows when."""

    at: datetime | None
    what: str


def trail(known: Known, feed: Feed, versions: Sequence[Entry], rows: Iterable[Delivery]) -> tuple[Step, ...]:
    """The steps of a thread, in order. `versions` are those of the kept copy that can be read, the oldest first."""
    told = _told(rows, is_held=known.state == "waiting")
    steps = (*_found(known, feed), *_kept(versions), *_filtered(known), *told, *_forgotten(known), *_page(known))
    return tuple(sorted(steps, key=lambda step: step.at or _LATER))


def _found(known: Known, feed: Feed) -> Iterator[Step]:
    where = f"first seen in {feed.address}'s listing at {feed.source}"
    yield Step(at=known.first_seen, what=f"{where}: {known.title or known.key}")
    if known.published:
        yield Step(at=known.published, what=f"written by {feed.author.label}")
    match known.state:
        case "baseline":
            yield Step(at=known.first_seen, what="there before the author was followed: remembered, not announced")
        case "waiting" if known.version:
            yield Step(at=known.first_seen, what="its author may still be writing: it waits until that is finished")
        case "waiting":
            yield Step(at=known.first_seen, what=f"its own page could not be read yet ({known.looks} of 4 looks)")
        case "duplicate" | "dropped":
            yield Step(at=None, what=f"{known.state}: {known.note}")
        case _ if known.note:
            yield Step(at=None, what=known.note)


def _kept(versions: Sequence[Entry]) -> Iterator[Step]:
    for before, entry in zip((None, *versions), versions, strict=False):
        if not entry.whole:
            yield Step(at=entry.read_at, what=f"kept as the listing shows it: {counted(len(entry.posts), 'post')}")
        elif before is None or not before.whole:
            yield Step(at=entry.read_at, what=f"read whole and kept: {counted(len(entry.posts), 'post')}")
        else:
            yield Step(at=entry.read_at, what=f"kept as version {entry.version}: {_changed(growth(before, entry))}")


def _changed(grown: Growth) -> str:
    parts = (
        (len(grown.appended), "new post"),
        (len(grown.inserted), "inserted post"),
        (len(grown.edited), "edited post"),
        (len(grown.removed), "removed post"),
    )
    changed = ", ".join(counted(number, what) for number, what in parts if number)
    return changed or "no change that a reader would notice"


def _filtered(known: Known) -> Iterator[Step]:
    for reason in known.filtered:
        yield Step(at=known.updated_at or known.first_seen, what=f"not wanted by channel {reason}")


def _told(rows: Iterable[Delivery], *, is_held: bool) -> Iterator[Step]:
    """`is_held`: the thread is not finished, or not read, and its notice goes out sooner as soon as it is."""
    for row in rows:
        what = {"new": "", "grown": f" (growth since version {row.since})", "gone": " (that it is gone)"}[row.event]
        yield Step(at=row.created_at, what=f"queued for channel {row.channel}{what}, as {row.batch}")
        if row.claimed_at and row.state != "sent":
            said = f"{counted(row.attempts, 'attempt')}, {row.state}: {row.error or 'no answer'}"
            yield Step(at=row.claimed_at, what=f"channel {row.channel}: {said}")
        match row.state:
            case "sent":
                yield Step(at=row.sent_at, what=_answered(row))
            case "pending" | "unknown":
                why = f": {row.error}" if row.error else ""
                when = "at this time at the latest" if is_held else "not before this time"
                yield Step(at=row.due_at, what=f"to be sent to channel {row.channel}, {when}{why}")
            case "dead":
                yield Step(at=None, what=f"channel {row.channel}: given up; `keepcurrent outbox retry {row.batch}`")
            case "sending":
                yield Step(at=None, what=f"channel {row.channel}: being sent")


def _answered(row: Delivery) -> str:
    tries = f" at the {_ordinal(row.attempts)} attempt (before: {row.earlier})" if row.earlier else ""
    answer = f", its answer: {row.receipt}" if row.receipt else ""
    return f"sent: channel {row.channel} took it{tries}{answer}"


def _forgotten(known: Known) -> Iterator[Step]:
    for place in known.pruned:
        channel, event = place_of(place)
        yield Step(at=None, what=f"sent to channel {channel} ({event}) more than a month ago")


def _page(known: Known) -> Iterator[Step]:
    if known.read_at:
        yield Step(at=known.read_at, what="its own page was read last")
    if known.grown_at and known.told < known.version:
        yield Step(at=known.grown_at, what="last change; told when it has been quiet")
    if known.missing_at:
        yield Step(at=known.missing_at, what="its own page was not found")
    if known.gone_at:
        yield Step(at=known.gone_at, what="not found again, while the site showed others: gone; the kept copy stays")
    if known.copy:
        left = "the pictures of its kept copy" if known.copy == "bare" else "its kept copy"
        yield Step(at=None, what=f"{left} left the archive, to keep it within its bounds")
    if known.look_at:
        yield Step(at=known.look_at, what="next look at its own page")


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
