"""Pure: the dates that feeds are written with.

Does not guess between day and month: a form that could be read in two ways is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

EARLIEST: Final = 1990
"""No feed is older: 1970 and 0001 stand for "unknown"."""

_LONGEST: Final = 100
_ISO = re.compile(
    r"(\d{4})-(\d\d?)(?:-(\d\d?)(?:(?:[T ]|\s*-\s*)\s*(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,12})?)?\s*(.*))?)?",
    re.IGNORECASE,
)
_RFC_822 = re.compile(
    r"(?:[^\W\d]{2,12}(?:\.?,\s*|\.?\s+))?(?:(\d{1,2})(?:st|nd|rd|th)?[\s-]+([^\W\d]{3,12})\.?|([^\W\d]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?),?"
    r"[\s-]+(\d{4}|\d{2})(?:,?\s+(?:at\s+)?(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*([ap]m)?\s*(.*))?",
    re.IGNORECASE,
)
_ASCTIME = re.compile(
    r"\w{3,9},?\s+([^\W\d]{3,12})\s+(\d{1,2})\s+(\d\d?):(\d\d):(\d\d)\s+(?:([A-Z]{1,5})\s+)?(\d{4})", re.IGNORECASE
)
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?\s*([+-])(\d\d?):?(\d\d)?(?:\s*\(.*)?", re.IGNORECASE)
_MONTHS = {
    name: number
    for number, names in enumerate(
        # English, German, French, Spanish, Italian, Portuguese, Dutch, by their first letters.
        (
            "jan jän gen ene", "feb fév fev", "mar mär mrz maa", "apr avr abr", "may mai mag mei maj",
            "jun jui giu juin", "jul lug juil", "aug aoû aou ago", "sep set", "oct okt ott out", "nov",
            "dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_ZONES = {
    "": 0, "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "etc/gmt": 0, "etc/utc": 0,
    "bst": 1, "cet": 1, "met": 1, "west": 1, "cest": 2, "mest": 2, "eet": 2, "sast": 2, "eest": 3, "msk": 3,
    "ist": 5.5, "sgt": 8, "hkt": 8, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    "adt": -3, "ast": -4, "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8,
    "akdt": -8, "akst": -9, "hst": -10, "et": -5, "ct": -6, "mt": -7, "pt": -8,
}  # fmt: skip


def moment(text: str) -> datetime | None:
    """The time that `text` names, in UTC; None for no date, one before 1990, and one that does not exist.

    Without a zone, or with one that nobody knows, it is taken as UTC.
    """
    text = " ".join(text[:_LONGEST].split())
    try:
        return sensible(_iso(text) or _rfc_822(text) or _asctime(text))
    except (ValueError, OverflowError):
        return None


def sensible(found: datetime | None) -> datetime | None:
    """`found`, unless no feed can be as old."""
    return found if found and found.year >= EARLIEST else None


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    return _utc(int(year), int(month), int(day or 1), hour, minute, second, zone)


def _rfc_822(text: str) -> datetime | None:
    match = _RFC_822.fullmatch(text)
    if not match:
        return None
    day, month, month_first, day_second, year, hour, minute, second, half, zone = match.groups()
    number = _month(month or month_first)
    if number is None:
        return None
    if half:
        hour = str(int(hour) % 12 + (12 if half.casefold() == "pm" else 0))
    return _utc(_year(year), number, int(day or day_second), hour, minute, second, zone)


def _asctime(text: str) -> datetime | None:
    match = _ASCTIME.fullmatch(text)
    if not match:
        return None
    month, day, hour, minute, second, zone, year = match.groups()
    number = _month(month)
    return _utc(int(year), number, int(day), hour, minute, second, zone) if number else None


def _utc(
    year: int, month: int, day: int, hour: str | None, minute: str | None, second: str | None, zone: str | None
) -> datetime:
    # A leap second, and 24:00, which ISO 8601 has for the end of a day.
    seconds = 3600 * int(hour or 0) + 60 * int(minute or 0) + min(int(second or 0), 59)
    if seconds > 86_400 or int(minute or 0) > 59:
        raise ValueError("no such time of day")
    start = datetime(year, month, day, tzinfo=timezone(_offset(zone or "")))
    return (start + timedelta(seconds=seconds)).astimezone(UTC)


def _offset(zone: str) -> timedelta:
    match = _OFFSET.fullmatch(zone)
    if not match:
        return timedelta(hours=_ZONES.get(zone.partition("(")[0].strip().casefold(), 0))
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _month(name: str) -> int | None:
    name = name.casefold()
    return _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (1900 if year >= 90 else 2000)
