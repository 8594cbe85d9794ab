"""Measures what delay a schedule has for its requests: fixed intervals, Miniflux's entry_frequency, ours, and one that
knows the future.

    python -m benchmarks.schedule [--seed N]

Replays when the made authors (`made_authors`) post. Every schedule starts without knowing anything and may use what it
has seen; each of its looks counts, from the first. Everybody is looked at every so often first; then the factor of
entry_frequency and the price of ours are sought that cost as many looks. Prints tables in Markdown, delays in minutes.
"""

from __future__ import annotations

import argparse
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from statistics import median
from typing import Protocol

from benchmarks.made_authors import DAYS, END, SEED, START, MadeAuthor, mix
from bot import rhythm

SHORTEST = timedelta(minutes=10)
LONGEST = timedelta(hours=12)
"""The bounds that everybody keeps: the defaults of `min_interval` and `max_interval`."""
INTERVALS = (timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2), timedelta(hours=6))
"""The budgets: what looking at everybody this often costs."""


class Schedule(Protocol):
    """Says when one author is looked at next. One for each author; remembers what it was told."""

    def next(self, before: datetime, now: datetime, posts: Sequence[datetime], chance: float) -> datetime:
        """After a look at `now`, where these posts were new since the one at `before`."""


@dataclass(slots=True)
class Fixed:
    """The same interval for everybody, moved by a tenth at the most."""

    interval: timedelta

    def next(self, before: datetime, now: datetime, posts: Sequence[datetime], chance: float) -> datetime:  # noqa: ARG002
        """See `Schedule`."""
        return now + self.interval * (0.9 + 0.2 * chance)


class EntryFrequency:
    """What Miniflux 2 does: the average gap between the posts of the last week, divided by a factor; `LONGEST` where
    the week had fewer than two. It goes by the dates of publication.

    From its `ScheduleNextCheck` and `WeeklyFeedEntryCount`; bounds are ours (its own are 5 minutes and 24 hours).
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._posts: list[datetime] = []

    def next(self, before: datetime, now: datetime, posts: Sequence[datetime], chance: float) -> datetime:  # noqa: ARG002
        """See `Schedule`."""
        week = timedelta(days=7)
        self._posts = [post for post in (*self._posts, *posts) if post >= now - week]
        interval = LONGEST
        if len(self._posts) > 1 and self._posts[-1] > self._posts[0]:
            gap = (self._posts[-1] - self._posts[0]) / (len(self._posts) - 1)
            interval = week / (math.ceil(week / gap) * self._factor)
        interval = min(max(interval, SHORTEST), LONGEST)
        return now + min(max(interval * (0.9 + 0.2 * chance), SHORTEST), LONGEST)


class Ours:
    """`bot.rhythm`, from first-seen times alone: `dated` tells it the times of publication, too."""

    def __init__(self, price: float, *, dated: bool = False) -> None:
        self._price = price
        self._dated = dated
        self._rhythm = rhythm.new(START)

    def next(self, before: datetime, now: datetime, posts: Sequence[datetime], chance: float) -> datetime:
        """See `Schedule`."""
        told = posts if self._dated else [None] * len(posts)
        self._rhythm = rhythm.learned(self._rhythm, before, now, told)
        return rhythm.next_look(
            self._rhythm, now, self._price, shortest=SHORTEST, longest=LONGEST, jitter=chance
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long the posts of one author had to wait, in minutes, and how many looks there were."""

    kind: str
    delays: tuple[float, ...]
    looks: int


def replay(author: MadeAuthor, schedule: Schedule, end: datetime) -> Outcome:
    """Look at one author from the start to the end, and once more for what is left."""
    chance = Random(author.name).random
    posts, delays, looks, seen = author.posts, [], 0, 0
    before, now = START, START + SHORTEST * chance()
    while seen < len(posts) or now < end:
        looks += now < end
        there = bisect_right(posts, now)
        delays += [(now - post) / timedelta(minutes=1) for post in posts[seen:there]]
        due = schedule.next(before, now, posts[seen:there], chance())
        before, now, seen = now, due, there
    return Outcome(author.kind, tuple(delays), looks)


def clairvoyant(author: MadeAuthor) -> Outcome:
    """What cannot be beaten: a look at each post, but none within `SHORTEST` after another."""
    delays, looks, last = [], 0, START - SHORTEST
    for post in author.posts:
        if post > last:
            last = max(post, last + SHORTEST)
            looks += 1
        delays.append((last - post) / timedelta(minutes=1))
    return Outcome(author.kind, tuple(delays), looks)


@dataclass(frozen=True, slots=True)
class Result:
    """What a schedule came to with all authors."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def looks(self) -> int:
        """All looks."""
        return sum(outcome.looks for outcome in self.outcomes)

    def per_day(self, kind: str = "") -> float:
        """Looks a day and author."""
        chosen = self._of(kind)
        return sum(outcome.looks for outcome in chosen) / len(chosen) / DAYS

    def middle(self, kind: str = "") -> float:
        """The median delay in minutes, of all posts together."""
        return median(self._delays(kind))

    def late(self, kind: str = "") -> float:
        """What 95 of 100 posts do not wait longer than, in minutes."""
        delays = sorted(self._delays(kind))
        return delays[math.ceil(len(delays) * 0.95) - 1]

    def _delays(self, kind: str) -> list[float]:
        return [delay for outcome in self._of(kind) for delay in outcome.delays]

    def _of(self, kind: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if kind in ("", outcome.kind)]


def run(name: str, authors: Iterable[MadeAuthor], make: Callable[[], Schedule], end: datetime = END) -> Result:
    """Replay all authors, each with a schedule of their own."""
    return Result(name, tuple(replay(author, make(), end) for author in authors))


def tuned(looks: int, low: float, high: float, result: Callable[[float], Result]) -> Result:
    """The result, among those of values from `low` to `high`, that costs nearest to so many looks.

    More of the value must cost more looks.
    """
    found = []
    for _ in range(14):
        middle = math.sqrt(low * high)
        found.append(result(middle))
        if abs(found[-1].looks / looks - 1) < 0.003:
            break
        low, high = (low, middle) if found[-1].looks > looks else (middle, high)
    return min(found, key=lambda one: abs(one.looks - looks))


def fixed_at(interval: timedelta, authors: Sequence[MadeAuthor]) -> Result:
    """Everybody every `interval`."""
    return run(f"fixed, {interval / timedelta(minutes=1):.0f} min", authors, lambda: Fixed(interval))


def compared(budget: timedelta, authors: Sequence[MadeAuthor]) -> tuple[Result, Result, Result, Result]:
    """Fixed, entry_frequency, ours by first-seen times, and ours by dates: all at the same number of looks."""
    fixed = fixed_at(budget, authors)
    frequency = tuned(
        fixed.looks, 0.05, 500, lambda factor: run("entry_frequency", authors, lambda: EntryFrequency(factor))
    )

    def ours(name: str, *, dated: bool) -> Result:
        return tuned(
            fixed.looks,
            1 / rhythm.price_of(LONGEST * 4),
            1 / rhythm.price_of(SHORTEST),
            lambda looks: run(name, authors, lambda: Ours(1 / looks, dated=dated)),
        )

    return fixed, frequency, ours("ours", dated=False), ours("ours, by dates", dated=True)


# -- the tables -------------------------------------------------------------------------------------------

HEAD = (
    "| looks a day | schedule | median | p95 |",
    "|--:|---|--:|--:|",
)


def pooled(results: Iterable[Result]) -> Iterator[str]:
    """A line for each schedule, over all posts together; delays in minutes."""
    for result in results:
        yield f"| {result.per_day():.1f} | {result.name} | {result.middle():.1f} | {result.late():.1f} |"


def by_kind(results: Sequence[Result], kinds: Iterable[str]) -> Iterator[str]:
    """A line for each kind of author: the median and what 95 of 100 posts do not wait longer than, by schedule."""
    yield "| author | " + " | ".join(result.name for result in results) + " |"
    yield "|---|" + "--:|" * len(results)
    for kind in kinds:
        cells = (f"{one.middle(kind):.1f} / {one.late(kind):.1f}" for one in results)
        yield f"| {kind} | " + " | ".join(cells) + " |"


def is_met(results: tuple[Result, Result, Result, Result]) -> bool:
    """The bar: half of the fixed interval's median, below entry_frequency's, and no later for 95 of 100 posts."""
    fixed, frequency, ours, _ = results
    return (
        ours.middle() <= fixed.middle() / 2
        and ours.middle() < frequency.middle()
        and ours.late() <= fixed.late()
        and ours.looks <= fixed.looks * 1.005
    )


def lines(seed: int) -> Iterator[str]:
    """The whole of it."""
    authors = mix(seed)
    kinds = tuple(dict.fromkeys(author.kind for author in authors))
    yield from HEAD
    found = [compared(budget, authors) for budget in INTERVALS]
    for results in found:
        yield from pooled(results)
    seeing = Result("clairvoyant", tuple(map(clairvoyant, authors)))
    yield from pooled([seeing])
    yield ""
    yield from by_kind(found[0], kinds)
    yield ""
    met = sum(map(is_met, found))
    yield f"The bar is met at {met} of {len(found)} budgets."


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description="Delay against looks.")
    parser.add_argument("--seed", type=int, default=SEED, help="another mix of authors")
    for line in lines(parser.parse_args().seed):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
