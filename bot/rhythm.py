"""What is learned of when an author posts, and when it pays to look next.

Pure: takes the time and chance (`jitter`, 0 <= jitter < 1) as arguments, stores nothing. Does not know what a look
costs a site (`budget` says the price), nor what becomes of a look that failed (`schedule`). docs/schedule.md has the
formula and where it is from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from bot import times

HALF_LIFE = timedelta(days=30)
"""After so long a post counts half: people change, and clocks are changed twice a year."""
USUAL_RATE = 1.0
"""Posts a day that are expected of somebody of whom nothing is known."""
DOUBT_OF_RATE = 0.5
"""How many days of watching that expectation is worth. Little: rates go from many a day to two a year."""
DOUBT = 1.0
"""How many posts it takes to believe as much in the hours and days that were seen as in any other ones."""
ECHO_LASTS = timedelta(hours=2)
"""A post that comes so soon after another was drawn by it: its echo. It says little of the hours of the next day."""
ECHOES = 0.25
"""How many one post draws, where nothing is known of the author; as much is believed of it as of one post."""
BLUR = timedelta(minutes=15)
"""How exact a time is held to be: an author who posted at nine may post at a quarter to, or past, tomorrow."""
JITTER = timedelta(minutes=10)
"""How far chance moves a look at the most: enough that authors do not come due together, and nine stays nine."""

USUAL_GAPS = 5.0
"""An author who lets so many of their usual gaps pass is said to be silent: one memoryless gap in 150 is so long."""
FEW_POSTS = 6.0
FEW_HOURS = 6
MOST = 0.7
"""Hours are named where so many posts at least are known, and so large a part of them fell into so few hours."""

_HOUR = 3600.0
_DAY = 86400.0
_ECHO = ECHO_LASTS.total_seconds()
_SATURDAY = 2
"""1 January 1970 was a Thursday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What is known of when an author posts. Written only when there was something new; at most 400 bytes as JSON.

    Counts fade; they are as of `at`. `hours`: how many posts fell into each hour of the day, in UTC, `weekend`: how
    many of those on a Saturday or Sunday. `echoes` are the posts that another one drew, and are not in `hours`.
    `last`: when the newest one appeared, as near as that is known. `since`: when watching began.
    """

    since: datetime
    at: datetime
    last: datetime | None = None
    hours: tuple[float, ...] = (0.0,) * 24
    weekend: float = 0.0
    echoes: float = 0.0


def new(since: datetime) -> Rhythm:
    """What is known of an author who was not watched yet."""
    return Rhythm(since=since, at=since)


# -- learning ---------------------------------------------------------------------------------------------


def learned(rhythm: Rhythm, before: datetime, now: datetime, posts: Sequence[datetime | None]) -> Rhythm:
    """The rhythm after a look at `now`, with what appeared since the look at `before`; the very same if nothing did.

    A post comes with its time where that is the time of its publication, else with None: then it may have appeared at
    any time between the two looks. So does one whose time lies outside of them (it was unrolled late).
    """
    exact = [post for post in posts if post is not None and before < post <= now]
    vague = len(posts) - len(exact)
    windows = [(before, now)] * vague + [(post, post) for post in sorted(exact)]
    for low, high in windows:
        rhythm = _with_post(_not_ahead(rhythm, now), low.timestamp(), high.timestamp(), now)
    return rhythm


def _not_ahead(rhythm: Rhythm, now: datetime) -> Rhythm:
    """The rhythm without times that are ahead: the clock was wrong then, or is now."""
    last = rhythm.last and min(rhythm.last, now)
    return replace(rhythm, since=min(rhythm.since, now), at=min(rhythm.at, now), last=last)


def from_history(dates: Iterable[datetime], now: datetime) -> Rhythm:
    """What the dates of an author's first listing tell; only of a source whose dates are those of publication."""
    posts = sorted(date for date in dates if date <= now)
    rhythm = new(posts[0] if posts else now)
    for post in posts:
        rhythm = _with_post(rhythm, post.timestamp(), post.timestamp(), post)
    return rhythm


def _with_post(rhythm: Rhythm, low: float, high: float, now: datetime) -> Rhythm:
    """The rhythm with one more post, which appeared between `low` and `high`: of its hours, or an echo."""
    # A clock that was set back meanwhile says that the look before is still ahead.
    low = min(max(low, high - _DAY), high) - BLUR.total_seconds()
    high += BLUR.total_seconds()
    middle = (low + high) / 2
    is_echo = rhythm.last is not None and middle - rhythm.last.timestamp() < _ECHO
    rhythm = _faded(rhythm, now)
    last = datetime.fromtimestamp(middle, now.tzinfo).replace(microsecond=0)
    rhythm = replace(rhythm, last=max(last, rhythm.last or last))
    if is_echo:
        return replace(rhythm, echoes=_short(rhythm.echoes + 1))
    # Where in the window it came is guessed by what is known already, as one does with times that are known by their
    # bounds only (Turnbull 1976): so nine o'clock is found though looks are hours apart.
    plan, pieces = _Plan(rhythm, middle), tuple(_pieces(low, high))
    expected = sum(plan.usual(hour, is_weekend) * length for _, length, hour, is_weekend in pieces)
    hours, weekend = list(rhythm.hours), rhythm.weekend
    for _, length, hour, is_weekend in pieces:
        part = plan.usual(hour, is_weekend) * length / expected
        hours[hour] += part
        weekend += part * is_weekend
    return replace(rhythm, hours=tuple(map(_short, hours)), weekend=_short(weekend))


def _faded(rhythm: Rhythm, now: datetime) -> Rhythm:
    """The counts as of now. In steps of a day or more: of a smaller step nothing would be left after rounding."""
    if now - rhythm.at < timedelta(days=1):
        return rhythm
    fade = _fade(now - rhythm.at)
    return replace(
        rhythm,
        at=now.replace(microsecond=0),
        hours=tuple(_short(count * fade) for count in rhythm.hours),
        weekend=_short(rhythm.weekend * fade),
        echoes=_short(rhythm.echoes * fade),
    )


def _fade(age: timedelta) -> float:
    return math.pow(0.5, max(age / HALF_LIFE, 0.0))


def _short(count: float) -> float:
    """Three digits: what is stored is small, and what has faded away is nothing."""
    return float(f"{count:.3g}") if count >= 0.001 else 0.0


# -- what is expected -------------------------------------------------------------------------------------


_Piece = tuple[float, float, int, bool]
"""A part of one hour: its start and its length, in seconds (since 1970); the hour of the day, and whether that is of a
weekend. (A tuple: each look at an author goes through up to a day of them.)"""


def _pieces(low: float, high: float) -> Iterator[_Piece]:
    """A span of time, cut at the full hours."""
    while low < high:
        hour = int(low // _HOUR)
        end = min((hour + 1) * _HOUR, high)
        yield low, end - low, hour % 24, (hour // 24 - _SATURDAY) % 7 < 2
        low = end


class _Plan:
    """How many posts are expected when, as far as is known at `now`. All in seconds."""

    def __init__(self, rhythm: Rhythm, now: float) -> None:
        fade = _fade(timedelta(seconds=now - rhythm.at.timestamp()))
        posts = sum(rhythm.hours) * fade
        self._last = rhythm.last.timestamp() if rhythm.last else None
        self.drawn = (ECHOES + rhythm.echoes * fade) / (1 + posts + rhythm.echoes * fade)
        believed = posts + DOUBT
        # With those that each will draw, of which the first is not even there yet.
        self.rate = _rate(posts, now - rhythm.since.timestamp()) / (1 - self.drawn)
        unseen, each = DOUBT / believed * self.rate, 24 * fade / believed * self.rate
        self._hours = [unseen + hour * each for hour in rhythm.hours]
        weekend = (DOUBT * 2 / 7 + rhythm.weekend * fade) / believed
        self._days = ((1 - weekend) * 7 / 5, weekend * 7 / 2)

    def usual(self, hour: int, is_weekend: bool) -> float:
        """Posts a second in that hour of the week."""
        return self._hours[hour] * self._days[is_weekend]

    def echo(self, low: float, high: float) -> float:
        """Further posts that the last one draws within that time."""
        if self._last is None:
            return 0.0
        younger, older = max(low - self._last, 0.0), max(high - self._last, 0.0)
        return self.drawn * (math.exp(-younger / _ECHO) - math.exp(-older / _ECHO))

    def appetite(self) -> float:
        """Looks a day at the price 1: one each time that posts are expected to have waited so long, echoes aside."""
        week = (5 * math.sqrt(self._days[0]) + 2 * math.sqrt(self._days[1])) / 7
        return week * sum(math.sqrt(hour / 2) * _HOUR for hour in self._hours)


def _rate(posts: float, watched: float) -> float:
    """Posts a second: the mean of a Gamma distribution, with `watched` seconds faded as the posts are."""
    span = HALF_LIFE / timedelta(days=1) / math.log(2) * (1 - _fade(timedelta(seconds=watched)))
    drawing = USUAL_RATE * (1 - ECHOES)
    return (drawing * DOUBT_OF_RATE + posts) / (DOUBT_OF_RATE + span) / _DAY


# -- when to look -----------------------------------------------------------------------------------------


def price_of(interval: timedelta) -> float:
    """What one look is worth, in seconds that posts wait: so much that an author who posts once a day, at any time, is
    looked at every `interval`.
    """
    return USUAL_RATE / _DAY * interval.total_seconds() ** 2 / 2


def next_look(
    rhythm: Rhythm, looked: datetime, price: float, *, shortest: timedelta, longest: timedelta, jitter: float
) -> datetime:
    """When to look again after a look at `looked`: once posts are expected to have waited `price` seconds, together.

    Never sooner than `shortest` nor later than `longest` after it.
    """
    due = timedelta(seconds=_wait(rhythm, looked.timestamp(), price, longest.total_seconds()))
    due = min(max(due, shortest), longest)
    # Moved inward at the bounds, so that authors who are all at one of them do not come due together either.
    moved = min(due * 0.1, JITTER)
    soonest, latest = max(due - moved, shortest), min(due + moved, longest)
    return looked + soonest + (latest - soonest) * jitter


def _wait(rhythm: Rhythm, looked: float, price: float, longest: float) -> float:
    """Seconds until the posts that are expected will have waited for `price` seconds."""
    plan = _Plan(rhythm, looked)
    waiting = waited = 0.0  # how many posts, and for how long together
    for start, length, hour, is_weekend in _pieces(looked, looked + longest):
        come = plan.usual(hour, is_weekend) * length + plan.echo(start, start + length)
        more = (waiting + come / 2) * length
        if waited + more >= price:
            # Where `waiting * x + come / length * x² / 2` makes up what is missing.
            density = come / length
            x = (math.sqrt(waiting**2 + 2 * density * (price - waited)) - waiting) / density if density else length
            return start + x - looked
        waiting, waited = waiting + come, waited + more
    return longest


def appetite(rhythm: Rhythm, now: datetime) -> float:
    """How many looks a day the author gets at the price 1; at another one, it is divided by the price's root."""
    return _Plan(rhythm, now.timestamp()).appetite()


# -- in words ---------------------------------------------------------------------------------------------


def reason(rhythm: Rhythm, now: datetime, zone: tzinfo) -> str:
    """Why the author is looked at as often as they are, in a few words, by the clock of `zone`."""
    watched, age = now - rhythm.since, now - (rhythm.last or rhythm.since)
    if rhythm.last is None and watched < timedelta(days=2):
        return "just followed"
    plan = _Plan(rhythm, now.timestamp())
    if rhythm.last and plan.echo(now.timestamp(), math.inf) > plan.rate * _ECHO:
        return f"posted {times.span(age)} ago"
    if rhythm.last is None or age.total_seconds() * plan.rate > USUAL_GAPS:
        return f"nothing new in {times.span(age)}"
    return _usual_hours(rhythm, now, zone) or f"posts {_often(plan.rate * _DAY)}"


def _usual_hours(rhythm: Rhythm, now: datetime, zone: tzinfo) -> str:
    """The few hours that most posts fall into, "" if there are none such or too little is known."""
    posts = sum(rhythm.hours)
    if posts < FEW_POSTS:
        return ""
    runs = ((length, start) for length in range(1, FEW_HOURS + 1) for start in range(24))
    found = next((run for run in runs if _within(rhythm, *run) >= MOST * posts), None)
    if found is None:
        return ""
    length, start = found
    offset = now.astimezone(zone).utcoffset() or timedelta()
    local = round(start + offset / timedelta(hours=1)) % 24
    return f"usually posts {local}-{(local + length - 1) % 24 + 1} h{_usual_days(rhythm, posts)}"


def _within(rhythm: Rhythm, length: int, start: int) -> float:
    return sum(rhythm.hours[(start + hour) % 24] for hour in range(length))


def _usual_days(rhythm: Rhythm, posts: float) -> str:
    if rhythm.weekend < posts * 0.1:
        return " on weekdays"
    return " at weekends" if rhythm.weekend > posts * 0.8 else ""


def _often(rate: float) -> str:
    """So many posts a day, as people say it."""
    for days, unit in ((1, "day"), (7, "week"), (30, "month"), (365, "year")):
        times_ = round(rate * days)
        if times_ >= 1:
            often = {1: "once", 2: "twice"}.get(times_, f"{times_} times")
            return f"about {often} a {unit}"
    return "less than once a year"
