"""When a digest is due and when quiet hours end, by the clock on the wall of a time zone.

Pure: the time now is an argument. Knows no delivery and does not decide what a digest holds.
A local time that daylight saving skips stands for the first moment after the gap; one that comes twice for its first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOW_DIGEST = 'is no digest; write it like "hourly", "daily 08:00" or "weekly mon 08:00"'
_HOW_QUIET = 'are no quiet hours; write them like "22:00-07:00"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """How often what is gathered goes out. `at` counts for daily and weekly, `weekday` (0 = Monday) for weekly."""

    every: Literal["hourly", "daily", "weekly"]
    at: time = time()
    weekday: int = 0

    @staticmethod
    def parse(text: str) -> Digest:
        """From `hourly`, `daily 08:00` or `weekly mon 08:00`. Raises `ValueError`."""
        match text.casefold().split():
            case ["hourly"]:
                return Digest(every="hourly")
            case ["daily", at]:
                return Digest(every="daily", at=_time_of_day(at, _HOW_DIGEST))
            case ["weekly", day, at] if day in WEEKDAYS:
                return Digest(every="weekly", at=_time_of_day(at, _HOW_DIGEST), weekday=WEEKDAYS.index(day))
        raise ValueError(_HOW_DIGEST)

    def __str__(self) -> str:
        day = (WEEKDAYS[self.weekday],) if self.every == "weekly" else ()
        at = () if self.every == "hourly" else (f"{self.at:%H:%M}",)
        return " ".join((self.every, *day, *at))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The part of each day in which nothing is sent, over midnight where `end` is before `start`."""

    start: time
    end: time

    @staticmethod
    def parse(text: str) -> QuietHours:
        """From `22:00-07:00`. Raises `ValueError`."""
        start, dash, end = text.replace("–", "-").partition("-")
        if not dash:
            raise ValueError(_HOW_QUIET)
        quiet = QuietHours(start=_time_of_day(start.strip(), _HOW_QUIET), end=_time_of_day(end.strip(), _HOW_QUIET))
        if quiet.start == quiet.end:
            raise ValueError("begin and end at the same time; leave them out to have none")
        return quiet

    def hold(self, at: time) -> bool:
        """Whether that time of a usual day lies in them."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _time_of_day(text: str, how: str) -> time:
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{how} (times go from 00:00 to 23:59)")
    return time(int(found[1]), int(found[2]))


# -- digests ------------------------------------------------------------------------------------------------


def next_digest(digest: Digest, zone: tzinfo, after: datetime) -> datetime:
    """The first time strictly after `after` that `digest` is due, in UTC.

    Follows from the arguments alone, so that a bot that was off finds the same times again.
    """
    after = after.astimezone(UTC)
    if digest.every == "hourly":
        return _next_full_hour(zone, after)
    # From yesterday: where clocks go back over midnight, or a day is skipped, the date there is no sure guide.
    return next(slot for slot in _slots(digest, zone, after.astimezone(zone).date() - _DAY) if slot > after)


def _slots(digest: Digest, zone: tzinfo, first: date) -> Iterator[datetime]:
    """The times of a daily or weekly digest from a day on, in order."""
    day = first
    while True:
        if digest.every == "weekly":
            if day.weekday() == digest.weekday:
                yield _moment(day, digest.at, zone)
        elif _exists(day, zone):
            yield _moment(day, digest.at, zone)
        day += _DAY


def _exists(day: date, zone: tzinfo) -> bool:
    """Whether that day is there at all: Samoa had no 30 December 2011."""
    return _moment(day, time(), zone) < _moment(day + _DAY, time(), zone)


def _next_full_hour(zone: tzinfo, after: datetime) -> datetime:
    """When the clock on the wall shows a full hour next; twice where it shows one twice.

    Lord Howe Island moves its clocks by half an hour, so it is the offset at the hour itself that makes it a full one.
    """
    offsets = {_offset(zone, after + hours * _HOUR) for hours in range(3)}
    slots = (_full_hour(after, offset) + hours * _HOUR for offset in offsets for hours in range(1, 4))
    return min(slot for slot in slots if slot > after and _is_full_hour(slot, _offset(zone, slot)))


def _full_hour(moment: datetime, offset: timedelta) -> datetime:
    """The last full hour at that offset, `moment` included."""
    return moment - (moment - _EPOCH + offset) % _HOUR


def _is_full_hour(moment: datetime, offset: timedelta) -> bool:
    return _full_hour(moment, offset) == moment


# -- quiet hours --------------------------------------------------------------------------------------------


def released(quiet: QuietHours, zone: tzinfo, now: datetime) -> datetime | None:
    """When the quiet hours that hold at `now` end, in UTC; None if none hold.

    Each night's begin once and end once, also where clocks go back and its last hour comes twice.
    """
    until = None
    today = now.astimezone(zone).date()
    for ahead in range(-2, 3):
        day = today + ahead * _DAY
        start = _moment(day, quiet.start, zone)
        end = _moment(day if quiet.start < quiet.end else day + _DAY, quiet.end, zone)
        if start <= (until or now) < end:
            until = end
    return until


# -- the clock on the wall ----------------------------------------------------------------------------------


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """The moment, in UTC, at which the clocks of `zone` first show that time or, if they skip it, a later one."""
    before, after = (datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # In a gap the two readings of a time (PEP 495) stand in the wrong order, on both sides of the change.
    return before if before <= after else _change(zone, after, before)


def _change(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The first second, after `low` and not after `high`, of the offset that counts at `high`."""
    offset = _offset(zone, high)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (low, middle) if _offset(zone, middle) == offset else (middle, high)
    return high


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    """What the clocks of `zone` show more than UTC at that moment."""
    local = moment.astimezone(zone)
    return local.replace(tzinfo=None) - moment.replace(tzinfo=None)
