"""Measures what delay a schedule has for its requests: fixed intervals, Miniflux's entry_frequency, ours, and one that
knows the future.

    python -m benchmarks.schedule [--recorded FOLDER] [--write]

Replays when the made authors (`made_authors`) post, and, where FOLDER (../shared/real/feeds) is there, the dates of
recorded feeds. Every schedule starts without knowing anything and may use what it has seen; each of its looks counts,
from the first. All cost the same number of looks: those of the fixed interval; the factor of entry_frequency and our
price are sought that cost as many. Prints tables in Markdown; with --write they replace those between the marks of
docs/schedule.md.
"""

from __future__ import annotations

import argparse
import heapq
import math
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Protocol

from benchmarks.made_authors import DAYS, END, SEED, START, MadeAuthor, mix
from bot import budget, rhythm
from bot.sources.feeds import NotAFeed, parse

ROOT = Path(__file__).parents[1]
MARK = "<!-- written by benchmarks/schedule.py -->"
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
        """After the interval."""
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
        """After a part of the average gap."""
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
        self._rhythm: rhythm.Rhythm | None = None

    def next(self, before: datetime, now: datetime, posts: Sequence[datetime], chance: float) -> datetime:
        """When posts are expected to have waited for the price."""
        told = posts if self._dated else [None] * len(posts)
        self._rhythm = rhythm.learned(self._rhythm or rhythm.new(before), before, now, told)
        return rhythm.next_look(self._rhythm, now, self._price, shortest=SHORTEST, longest=LONGEST, jitter=chance)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long the posts of one author had to wait, in minutes, and how many looks there were."""

    kind: str
    delays: tuple[float, ...]
    looks: int
    days: float


def replay(author: MadeAuthor, schedule: Schedule, end: datetime) -> Outcome:
    """Look at one author from the start to the end, and once more for what is left."""
    chance = Random(author.name).random
    posts, delays, looks, seen = author.posts, [], 0, 0
    before, now = author.since, author.since + SHORTEST * chance()
    while seen < len(posts) or now < end:
        looks += now < end
        there = bisect_right(posts, now)
        delays += [(now - post) / timedelta(minutes=1) for post in posts[seen:there]]
        due = schedule.next(before, now, posts[seen:there], chance())
        before, now, seen = now, due, there
    return Outcome(author.kind, tuple(delays), looks, _days(author))


def clairvoyant(author: MadeAuthor) -> Outcome:
    """What cannot be beaten: a look at each post, but none within `SHORTEST` after another."""
    delays, looks, last = [], 0, author.since - SHORTEST
    for post in author.posts:
        if post > last:
            last = max(post, last + SHORTEST)
            looks += 1
        delays.append((last - post) / timedelta(minutes=1))
    return Outcome(author.kind, tuple(delays), looks, _days(author))


def _days(author: MadeAuthor) -> float:
    return (END - author.since) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Result:
    """What a schedule came to with all authors."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def looks(self) -> int:
        """All of them."""
        return sum(outcome.looks for outcome in self.outcomes)

    def per_day(self, kind: str = "") -> float:
        """Looks a day and author."""
        chosen = self._of(kind)
        return sum(outcome.looks for outcome in chosen) / sum(outcome.days for outcome in chosen)

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
    return run("fixed interval", authors, lambda: Fixed(interval))


def frequency_at(looks: int, authors: Sequence[MadeAuthor]) -> Result:
    """entry_frequency with the factor that costs so many looks."""
    name = "entry_frequency"
    return tuned(looks, 0.05, 500, lambda factor: run(name, authors, lambda: EntryFrequency(factor)))


def ours_at(looks: int, authors: Sequence[MadeAuthor], *, dated: bool = False) -> Result:
    """Ours with the price that costs so many looks."""
    name = "ours, told the dates" if dated else "ours"
    dear, cheap = rhythm.price_of(4 * LONGEST), rhythm.price_of(SHORTEST)
    return tuned(looks, 1 / dear, 1 / cheap, lambda worth: run(name, authors, lambda: Ours(1 / worth, dated=dated)))


def compared(interval: timedelta, authors: Sequence[MadeAuthor]) -> tuple[Result, ...]:
    """All of them, at the number of looks that the fixed interval costs."""
    fixed = fixed_at(interval, authors)
    looks = fixed.looks
    floor = Result("clairvoyant", tuple(map(clairvoyant, authors)))
    return fixed, frequency_at(looks, authors), ours_at(looks, authors), ours_at(looks, authors, dated=True), floor


# -- one host with a budget -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spending:
    """What came of a budget. `most`: the most requests within any 24 hours."""

    result: Result
    most: int


def budgeted(per_day: int, authors: Sequence[MadeAuthor]) -> Spending:
    """All authors at one host that may be asked so often a day, each look one request, the price set once a day."""
    ledger = budget.Ledger(per_day)
    chance = Random(per_day).random
    rhythms = [rhythm.new(START) for _ in authors]
    seen, looked = [0] * len(authors), [START] * len(authors)
    delays: list[list[float]] = [[] for _ in authors]
    looks, sent = [0] * len(authors), list[datetime]()
    queue = [(START, number) for number in range(len(authors))]
    price, priced = rhythm.price_of(timedelta(minutes=30)), START
    while queue[0][0] < END:
        now, number = heapq.heappop(queue)
        held = ledger.may_look("host", now) or ledger.take("host", now).until
        if held is not None:
            heapq.heappush(queue, (held + timedelta(minutes=chance()), number))
            continue
        if now >= priced:
            price, priced = _price(rhythms, per_day, now), now + timedelta(days=1)
        sent.append(now)
        looks[number] += 1
        posts = authors[number].posts
        there = bisect_right(posts, now)
        new = posts[seen[number] : there]
        delays[number] += [(now - post) / timedelta(minutes=1) for post in new]
        rhythms[number] = rhythm.learned(rhythms[number], looked[number], now, [None] * len(new))
        looked[number], seen[number] = now, there
        due = rhythm.next_look(
            rhythms[number], now, price, shortest=SHORTEST, longest=LONGEST, jitter=chance()
        )
        heapq.heappush(queue, (due, number))
    outcomes = (Outcome(a.kind, tuple(d), n, DAYS) for a, d, n in zip(authors, delays, looks, strict=True))
    return Spending(Result("ours", tuple(outcomes)), _most_in_a_day(sent))


def _price(rhythms: Iterable[rhythm.Rhythm], per_day: int, now: datetime) -> float:
    appetites = [rhythm.appetite(one, now) for one in rhythms]
    least = rhythm.price_of(timedelta(minutes=30))
    return budget.price_within(appetites, per_day, least, shortest=SHORTEST, longest=LONGEST)


def _most_in_a_day(sent: Sequence[datetime]) -> int:
    return max(number - bisect_right(sent, last - timedelta(days=1)) for number, last in enumerate(sent, 1))


# -- recorded feeds ---------------------------------------------------------------------------------------


def recorded(folder: Path) -> tuple[MadeAuthor, ...]:
    """The last twelve weeks of each feed that has ten dates in them, moved by whole weeks to those of the mix.

    Each is followed from its first date on.
    """
    found: dict[tuple[datetime, ...], MadeAuthor] = {}
    for path in sorted(folder.glob("**/*.*")):
        posts = _moved(_dates(path))
        if len(posts) >= 10:
            found.setdefault(posts, MadeAuthor(kind="recorded", name=path.name, posts=posts, since=posts[0]))
    return tuple(found.values())


def _dates(path: Path) -> list[datetime]:
    try:
        items = parse(path.read_bytes(), content_type="", url="https://recorded.example/").items
    except (NotAFeed, ValueError):
        return []
    return sorted({item.published for item in items if item.published is not None})


def _moved(dates: Sequence[datetime]) -> tuple[datetime, ...]:
    if not dates:
        return ()
    weeks = (END - dates[-1]) // timedelta(weeks=1) * timedelta(weeks=1)
    return tuple(date + weeks for date in dates if date + weeks > START)


# -- tables -----------------------------------------------------------------------------------------------


def tables(folder: Path) -> Iterator[str]:
    """The page's tables, line by line."""
    authors = mix()
    posts = sum(len(author.posts) for author in authors)
    yield f"All {posts} posts of the {len(authors)} made authors together; delays in minutes:"
    yield from ("", *_pooled(authors), "")
    yield from (*_by_kind(timedelta(hours=2), authors), "")
    yield from (*_other_seeds(), "")
    yield from (*_budgets(authors), "")
    if feeds := recorded(folder):
        yield f"{len(feeds)} recorded feeds, {sum(len(feed.posts) for feed in feeds)} posts:"
        yield from ("", *_pooled(feeds))


def _pooled(authors: Sequence[MadeAuthor]) -> Iterator[str]:
    yield "| looks a day and author | schedule | median | p95 | median ÷ fixed | p95 ÷ fixed |"
    yield "|--:|---|--:|--:|--:|--:|"
    for interval in INTERVALS:
        fixed, *others = compared(interval, authors)
        for one in (fixed, *others):
            ratios = f"{one.middle() / fixed.middle():.2f} | {one.late() / fixed.late():.2f}"
            yield f"| {one.per_day():.1f} | {one.name} | {one.middle():.1f} | {one.late():.0f} | {ratios} |"


def _by_kind(interval: timedelta, authors: Sequence[MadeAuthor]) -> Iterator[str]:
    results = compared(interval, authors)
    yield f"Each kind by itself, where looking at everybody every {interval / timedelta(hours=1):g} h is what it costs:"
    yield "median / p95 in minutes (looks a day and author)."
    yield ""
    yield "| kind | " + " | ".join(result.name for result in results) + " |"
    yield "|---|" + "--:|" * len(results)
    for kind in dict.fromkeys(author.kind for author in authors):
        cells = (f"{one.middle(kind):.0f} / {one.late(kind):.0f} ({one.per_day(kind):.1f})" for one in results)
        yield f"| {kind} | " + " | ".join(cells) + " |"


def _other_seeds(seeds: Sequence[int] = (1, 2, 3, 4)) -> Iterator[str]:
    yield f"The worst of {len(seeds)} other mixes, made in the same way; ours ÷ another:"
    yield ""
    yield "| fixed interval | median ÷ fixed | p95 ÷ fixed | median ÷ entry_frequency |"
    yield "|--:|--:|--:|--:|"
    for interval in INTERVALS:
        ratios = [_ratios(interval, mix(seed)) for seed in seeds]
        cells = (f"{max(column):.2f}" for column in zip(*ratios, strict=True))
        yield f"| {interval / timedelta(minutes=1):.0f} min | " + " | ".join(cells) + " |"


def _ratios(interval: timedelta, authors: Sequence[MadeAuthor]) -> tuple[float, float, float]:
    fixed = fixed_at(interval, authors)
    frequency, ours = frequency_at(fixed.looks, authors), ours_at(fixed.looks, authors)
    return ours.middle() / fixed.middle(), ours.late() / fixed.late(), ours.middle() / frequency.middle()


def _budgets(authors: Sequence[MadeAuthor]) -> Iterator[str]:
    yield "All made authors at one host with a budget, of which looks get four fifths:"
    yield ""
    yield "| requests a day | most in any 24 h | looks a day | median | p95 |"
    yield "|--:|--:|--:|--:|--:|"
    for per_day in (250, 500, 1000):
        spending = budgeted(per_day, authors)
        one = spending.result
        yield (
            f"| {per_day} | {spending.most} | {one.looks / DAYS:.0f} | {one.middle():.0f} | {one.late():.0f} |"
        )


def main(arguments: Sequence[str]) -> int:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=f"The mix is of seed {SEED}.")
    parser.add_argument("--recorded", type=Path, default=ROOT.parent / "shared" / "real" / "feeds", metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help="into docs/schedule.md")
    options = parser.parse_args(arguments)
    lines = []
    for line in tables(options.recorded):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        page = ROOT / "docs" / "schedule.md"
        written = f"{MARK}\n\n" + "\n".join(lines).strip() + f"\n\n{MARK}"
        page.write_text(re.sub(f"{MARK}.*{MARK}", lambda _: written, page.read_text(), flags=re.DOTALL))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
