"""Digests and quiet hours: when they are due and when they end, on the clocks of real zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.hours import WEEKDAYS, Digest, QuietHours, next_digest, released

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    *("UTC", "Europe/Paris", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata"),
    *("Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "America/Nuuk", "America/Havana", "Antarctica/Troll"),
    *("Pacific/Chatham", "Africa/Cairo", "America/Sao_Paulo"),
]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

zones = st.sampled_from([ZoneInfo(name) for name in ZONES])
moments = st.integers(1_230_768_000, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""Seconds from 2009 to 2030."""
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
digests = st.one_of(
    st.just(Digest(every="hourly")),
    st.builds(Digest, every=st.just("daily"), at=times),
    st.builds(Digest, every=st.just("weekly"), at=times, weekday=st.integers(0, 6)),
)
quiets = st.builds(QuietHours, start=times, end=times).filter(lambda quiet: quiet.start != quiet.end)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(digest: str, zone: str, after: str, count: int) -> list[str]:
    """The next times, as the clock on the wall shows them."""
    found, at = [], utc(after)
    for _ in range(count):
        at = next_digest(Digest.parse(digest), ZoneInfo(zone), at)
        found.append(f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M%z}")
    return found


# -- how they are written -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("hourly", "hourly"),
        ("daily 08:00", "daily 08:00"),
        (" Daily  8:05", "daily 08:05"),
        ("weekly Mon 08:00", "weekly mon 08:00"),
        ("weekly sun 23:59", "weekly sun 23:59"),
    ],
)
def test_a_digest_is_written_as_people_say_it(text, canonical):
    """Case, blanks and a missing zero do not matter; `str` gives it back as we write it."""
    assert str(Digest.parse(text)) == canonical


@given(digests)
def test_a_digest_is_read_as_it_is_written(digest):
    """What `str` gives, `parse` takes."""
    assert Digest.parse(str(digest)) == digest


NO_DIGESTS = ["", "daily", "daily 24:00", "daily 08:60", "daily 8", "weekly 08:00", "weekly 08:00 mon", "off"]


@pytest.mark.parametrize("text", NO_DIGESTS)
def test_what_is_no_digest_is_told_with_the_mend(text):
    """Anything else is refused, with how to write one."""
    with pytest.raises(ValueError, match="weekly mon 08:00"):
        Digest.parse(text)


@pytest.mark.parametrize(("text", "canonical"), [("22:00-07:00", "22:00-07:00"), ("9:30 – 17:00", "09:30-17:00")])
def test_quiet_hours_are_written_from_to(text, canonical):
    """With a hyphen or a dash, over midnight or within a day."""
    assert str(QuietHours.parse(text)) == canonical


@pytest.mark.parametrize("text", ["", "22:00", "22-07", "22:00-24:00", "22:00-07:00-08:00", "a-b"])
def test_what_are_no_quiet_hours_is_told_with_the_mend(text):
    """Anything else is refused, with how to write them."""
    with pytest.raises(ValueError, match="22:00-07:00"):
        QuietHours.parse(text)


def test_quiet_hours_of_no_length_are_refused():
    """They could mean none or all of the day."""
    with pytest.raises(ValueError, match="same time"):
        QuietHours.parse("08:00-08:00")


# -- digests ------------------------------------------------------------------------------------------------


def test_a_time_that_was_just_reached_is_over():
    """Strictly after: a digest that went out at 08:00 is due tomorrow again."""
    digest = Digest.parse("daily 08:00")

    assert next_digest(digest, UTC, utc("2026-11-25T08:00")) == utc("2026-11-26T08:00")
    assert next_digest(digest, UTC, utc("2026-11-25T07:59:59.999999")) == utc("2026-11-25T08:00")


def test_a_skipped_time_is_the_first_after_the_gap():
    """In spring 02:30 does not exist in Paris; the digest comes at 03:00, and once."""
    assert slots("daily 02:30", "Europe/Paris", "2026-03-28T00:00", 3) == [
        "2026-03-28 02:30+0100",
        "2026-03-29 03:00+0200",
        "2026-03-30 02:30+0200",
    ]


def test_a_time_that_comes_twice_counts_once():
    """In autumn 02:30 comes twice in Paris; the digest comes with the first."""
    assert slots("daily 02:30", "Europe/Paris", "2026-10-24T12:00", 2) == [
        "2026-10-25 02:30+0200",
        "2026-10-26 02:30+0100",
    ]


def test_hourly_keeps_to_real_hours():
    """In autumn the hour that comes twice has two digests, in spring none is missing."""
    assert slots("hourly", "Europe/Paris", "2026-10-24T23:30", 4) == [
        "2026-10-25 02:00+0200",
        "2026-10-25 02:00+0100",
        "2026-10-25 03:00+0100",
        "2026-10-25 04:00+0100",
    ]
    assert slots("hourly", "Europe/Paris", "2026-03-28T23:30", 3) == [
        "2026-03-29 01:00+0100",
        "2026-03-29 03:00+0200",
        "2026-03-29 04:00+0200",
    ]


def test_hourly_is_on_the_local_full_hour():
    """India is half an hour off; Lord Howe Island changes its clocks by half an hour."""
    assert slots("hourly", "Asia/Kolkata", "2026-01-01T00:00", 1) == ["2026-01-01 06:00+0530"]
    assert slots("hourly", "Australia/Lord_Howe", "2026-04-04T13:30", 3) == [
        "2026-04-05 01:00+1100",
        "2026-04-05 02:00+1030",
        "2026-04-05 03:00+1030",
    ]


def test_a_day_that_was_skipped_has_no_digest():
    """Samoa had no 30 December 2011."""
    assert slots("daily 08:00", "Pacific/Apia", "2011-12-29T00:00", 3) == [
        "2011-12-29 08:00-1000",
        "2011-12-31 08:00+1400",
        "2012-01-01 08:00+1400",
    ]


def test_a_week_whose_day_was_skipped_keeps_its_digest():
    """Its Friday missing, it comes when Saturday begins."""
    assert slots("weekly fri 08:00", "Pacific/Apia", "2011-12-24T00:00", 2) == [
        "2011-12-31 00:00+1400",
        "2012-01-06 08:00+1400",
    ]


@given(digests, zones, moments)
def test_digests_come_one_after_the_other(digest, zone, after):
    """Each is strictly later than the one before, in UTC, and there is none between two."""
    first = next_digest(digest, zone, after)
    second = next_digest(digest, zone, first)

    assert after < first < second
    assert first.tzinfo is UTC
    assert next_digest(digest, zone, first - timedelta(microseconds=1)) == first
    assert next_digest(digest, zone, first + (second - first) / 2) == second


@settings(deadline=None)
@given(zones, times, moments)
def test_each_day_has_one_digest(zone, at, after):
    """At its time, or where the clocks skip that, right after the gap; so for 400 days on end."""
    digest = Digest(every="daily", at=at)
    days = []
    for _ in range(400):
        after = next_digest(digest, zone, after)
        local = after.astimezone(zone)
        in_gap = local.time() != at
        days.append(local.date() - DAY if in_gap and local.time() < at else local.date())
        assert not in_gap or _skips(zone, days[-1], at)
        assert in_gap or local.fold == 0
    missing = {days[0] + n * DAY for n in range((days[-1] - days[0]).days)} - set(days)

    assert len(set(days)) == len(days)
    assert missing <= {date(2011, 12, 30)}


def _skips(zone: ZoneInfo, day: date, at: time) -> bool:
    local = datetime.combine(day, at, zone)
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None)


@settings(deadline=None)
@given(zones, times, st.integers(0, 6), moments)
def test_each_week_has_one_digest(zone, at, weekday, after):
    """Seven days apart by the calendar."""
    digest = Digest(every="weekly", at=at, weekday=weekday)
    found = []
    for _ in range(60):
        after = next_digest(digest, zone, after)
        found.append(after.astimezone(zone))
    for one, next_one in pairwise(found):
        assert timedelta(days=6, hours=20) < next_one - one < timedelta(days=7, hours=4) or one.year in (2011, 2012)
    on_its_day = [local.weekday() == weekday and local.time() == at for local in found]

    assert on_its_day.count(False) <= 2
    assert WEEKDAYS[weekday] in str(digest)


@settings(deadline=None)
@given(zones, moments)
def test_each_hour_has_one_digest(zone, after):
    """Always on the full hour of the wall, one real hour apart but where clocks move by less."""
    found = []
    for _ in range(50):
        after = next_digest(Digest(every="hourly"), zone, after)
        found.append(after)

    assert {at.astimezone(zone).minute for at in found} == {0}
    moved = {one for one, two in pairwise(found) if two - one != HOUR}
    assert not moved or (zone.key == "Australia/Lord_Howe" and len(moved) == 1)


# -- quiet hours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "now", "ends"),
    [
        ("22:00-07:00", "2026-11-25T20:59", None),
        ("22:00-07:00", "2026-11-25T21:00", "2026-11-26T06:00"),
        ("22:00-07:00", "2026-11-26T05:59", "2026-11-26T06:00"),
        ("22:00-07:00", "2026-11-26T06:00", None),
        ("12:00-14:00", "2026-11-25T12:00", "2026-11-25T13:00"),
        ("12:00-14:00", "2026-11-25T14:00", None),
        ("02:30-02:00", "2026-11-25T01:15", None),
        ("02:30-02:00", "2026-11-25T02:00", "2026-11-26T01:00"),
    ],
)
def test_quiet_hours_hold_and_release(quiet, now, ends):
    """From the first minute on, until the last is over; here in Paris, an hour ahead of UTC."""
    assert released(QuietHours.parse(quiet), PARIS, utc(now)) == (utc(ends) if ends else None)


def test_a_night_of_spring_is_an_hour_shorter():
    """What ends at a time that the clocks skip ends right after the gap."""
    assert released(QuietHours.parse("22:00-02:30"), PARIS, utc("2026-03-29T00:30")) == utc("2026-03-29T01:00")
    assert released(QuietHours.parse("22:00-07:00"), PARIS, utc("2026-03-29T00:30")) == utc("2026-03-29T05:00")


def test_a_night_of_autumn_ends_once():
    """02:30 comes twice; after the first, the night is over."""
    quiet = QuietHours.parse("22:00-02:30")

    assert released(quiet, PARIS, utc("2026-10-25T00:29")) == utc("2026-10-25T00:30")
    assert [released(quiet, PARIS, utc(f"2026-10-25T0{at}")) for at in ("0:30", "1:15")] == [None, None]


def test_a_skipped_day_joins_two_nights():
    """In Samoa's missing day the quiet night of the 29th went over into that of the 31st."""
    quiet = QuietHours.parse("22:00-07:00")

    assert released(quiet, ZoneInfo("Pacific/Apia"), utc("2011-12-30T09:30")) == utc("2011-12-30T17:00")


@given(quiets, zones, moments)
def test_quiet_hours_end_after_now_and_are_over_then(quiet, zone, now):
    """Never in the past, never more than a day and a change of clocks away, and not quiet at their end."""
    until = released(quiet, zone, now)

    assert until is None or now < until <= now + timedelta(hours=50)
    assert until is None or released(quiet, zone, until) is None


@given(quiets, zones, moments)
def test_quiet_hours_are_those_of_the_wall(quiet, zone, now):
    """A few hours away from any change of the clocks it is quiet exactly when the clock on the wall says so."""
    offsets = {(now + hours * HOUR).astimezone(zone).utcoffset() for hours in range(-30, 31)}
    if len(offsets) == 1:
        assert (released(quiet, zone, now) is not None) == quiet.hold(now.astimezone(zone).time())
