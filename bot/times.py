"""Times as machines and as people write them. Pure: the time now is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

# Not by strftime, which speaks the language of whatever set the process's locale.
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def rfc3339(time: datetime | None) -> str | None:
    """A time for machines, in UTC: `2026-11-22T22:30:00Z`."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if time else None


def moment(time: datetime | None, zone: tzinfo) -> str:
    """A time for people, in their zone: `2026-11-22 23:30`."""
    return time.astimezone(zone).strftime("%Y-%m-%d %H:%M") if time else "never"


def in_words(time: datetime, zone: tzinfo) -> str:
    """A time for a text that is read, in their zone: `22 November 2026, 23:30 CET`."""
    try:
        local = time.astimezone(zone)
    except OverflowError:  # the first and the last day that a datetime can hold
        local = time
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {local.tzname() or ''}".rstrip()


def span(delay: timedelta) -> str:
    """A length of time for people: `30 min`, `2 h`, `1 d 3 h`."""
    seconds = max(int(delay.total_seconds()), 0)
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} d"


def when(time: datetime | None, now: datetime) -> str:
    """A time as people say it: `in 20 min`, `3 h ago`, `now`, `never`."""
    if time is None:
        return "never"
    if time > now:
        return f"in {span(time - now)}"
    return "now" if now - time < timedelta(seconds=5) else f"{span(now - time)} ago"
