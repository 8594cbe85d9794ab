"""Authors who were made up, and when they post: the fixed mix that schedules are measured with.

Deterministic: the same seed gives the same times on every machine and every Python (only `Random.random` is used, the
one method whose sequence Python promises to keep). Twelve weeks of winter and spring, so that Europe and America change
their clocks within them, on different days. Knows nothing of any schedule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

SEED = 2026
FIRST_DAY = date(2026, 2, 2)
DAYS = 84
START = datetime.combine(FIRST_DAY, time(), UTC)
END = START + timedelta(days=DAYS)
ZONES = tuple(map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "America/Los_Angeles")))
ALWAYS = range(DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeAuthor:
    """One author: what kind of, when their threads appear, in order, and since when they are followed."""

    kind: str
    name: str
    posts: tuple[datetime, ...]
    since: datetime = START


def mix(seed: int = SEED) -> tuple[MadeAuthor, ...]:
    """The fixed mix, or with another seed one that is like it."""
    return tuple(_made(kind, number, seed) for kind in KINDS for number in range(KINDS[kind]))


def _made(kind: str, number: int, seed: int) -> MadeAuthor:
    chance = _Chance(f"{seed} {kind} {number}")
    posts = sorted(post for post in _POSTS[kind](chance, number) if START <= post < END)
    return MadeAuthor(kind=kind, name=f"{kind} {number + 1}", posts=tuple(posts))


class _Chance:
    """Distributions, all made of one sequence of numbers from 0 to 1."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def happens(self, probability: float) -> bool:
        return self._random() < probability

    def wait(self, mean: float) -> float:
        """An exponential waiting time."""
        return -mean * math.log(1 - self._random())

    def bell(self, middle: float, spread: float) -> float:
        """A normal deviate, by Box and Muller."""
        return middle + spread * math.sqrt(-2 * math.log(1 - self._random())) * math.cos(math.tau * self._random())

    def count(self, mean: float) -> int:
        """A Poisson deviate, by counting waits."""
        number, waited = 0, self.wait(1)
        while waited < mean:
            number, waited = number + 1, waited + self.wait(1)
        return number


def _at(day: int, hour: float, zone: ZoneInfo) -> datetime:
    """That hour of the wall clock in the zone."""
    return datetime.combine(FIRST_DAY + timedelta(days=day), time(), zone) + timedelta(hours=hour)


def _weekday(day: int) -> int:
    return (FIRST_DAY + timedelta(days=day)).weekday()


def _daily(chance: _Chance, number: int) -> Iterator[datetime]:
    """At nine, give or take some minutes (each author their own), and not on one day in fifteen."""
    spread = chance.between(5, 30) / 60
    for day in ALWAYS:
        if not chance.happens(1 / 15):
            yield _at(day, chance.bell(9, spread), ZONES[number % 4])


def _weekday_mornings(chance: _Chance, number: int) -> Iterator[datetime]:
    """None, one or a few between seven and noon, Monday to Friday; now and then one at another time."""
    for day in ALWAYS:
        if _weekday(day) < 5:
            for _ in range(chance.count(1.2)):
                yield _at(day, min(max(chance.bell(9.5, 1.2), 7), 12), ZONES[number % 4])
        if chance.happens(0.07):
            yield _at(day, chance.between(8, 23), ZONES[number % 4])


def _bursts(chance: _Chance, number: int) -> Iterator[datetime]:
    """Nothing for days, then several within hours: a talk, a paper, an evening."""
    every, size = chance.between(2, 6), chance.between(3, 7)
    day = chance.wait(every)
    while day < DAYS:
        hour = chance.between(8, 22)
        for _ in range(1 + chance.count(size - 1)):
            yield _at(int(day), hour, ZONES[number % 4])
            hour += chance.wait(0.5)
        day += chance.wait(every)


def _memoryless(chance: _Chance, number: int) -> Iterator[datetime]:
    """At any time of day or night: from four a day to one in three weeks."""
    day = 0.0
    while (day := day + chance.wait(_DAYS_BETWEEN[number])) < DAYS:
        yield START + timedelta(days=day)


_DAYS_BETWEEN = (0.25, 0.5, 1, 2, 4, 7, 14, 21)


def _returning(chance: _Chance, number: int) -> Iterator[datetime]:
    """One or two a day, while awake, for some weeks; then silent for weeks; then back as before."""
    leaves, stays_away = chance.between(14, 35), chance.between(21, 42)
    for day in ALWAYS:
        if not leaves <= day < leaves + stays_away:
            for _ in range(chance.count(1.4)):
                yield _at(day, chance.between(8, 23), ZONES[number % 4])


def _rare(chance: _Chance, number: int) -> Iterator[datetime]:
    """Once in two months or so, in the daytime."""
    day = chance.wait(60)
    while day < DAYS:
        yield _at(int(day), chance.between(9, 22), ZONES[number % 4])
        day += chance.wait(60)


_POSTS = {
    "daily at nine": _daily,
    "weekday mornings": _weekday_mornings,
    "bursts": _bursts,
    "memoryless": _memoryless,
    "silence, then return": _returning,
    "hardly ever": _rare,
}
KINDS = {
    "daily at nine": 8,
    "weekday mornings": 8,
    "bursts": 8,
    "memoryless": 8,
    "silence, then return": 8,
    "hardly ever": 8,
}
"""How many of each."""
