"""What is learned of when an author posts, and when it pays to look next."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.made_authors import mix
from benchmarks.schedule import compared, is_met
from bot import rhythm
from bot.stores import codec

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BOUNDS = {"shortest": 10 * MINUTE, "longest": 12 * HOUR}
HALF_HOUR = rhythm.price_of(30 * MINUTE)


def author(*posts, since=MONDAY, seen_after=timedelta(0)):
    """An author whose posts were each seen so long after they came, by dates where that is no time."""
    found = rhythm.new(since)
    for post in posts:
        if seen_after:
            found = rhythm.learned(found, post - seen_after, post + seen_after, [None])
        else:
            found = rhythm.learned(found, post - HOUR, post + MINUTE, [post])
    return found


def daily(days=30, hour=9, **more):
    return author(*(MONDAY + n * DAY + hour * HOUR for n in range(days)), **more)


def wait(found, at, *, price=HALF_HOUR, jitter=0.5):
    return rhythm.next_look(found, at, price, jitter=jitter, **BOUNDS) - at


spans = st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds))
known = st.lists(spans, max_size=30).map(lambda apart: author(*accumulate(apart, initial=MONDAY + HOUR)))


@given(known, spans, st.floats(1, 1e9), st.floats(0, 0.999))
def test_bounds_are_kept(found, age, price, jitter):
    """Whatever is known, however dear a look is, and whatever chance says."""
    assert BOUNDS["shortest"] <= wait(found, found.at + age, price=price, jitter=jitter) <= BOUNDS["longest"]


@given(known, spans, st.floats(1, 1e8))
def test_a_dearer_look_comes_no_sooner(found, age, price):
    assert wait(found, found.at + age, price=2 * price) >= wait(found, found.at + age, price=price)


@given(known)
def test_it_is_small(found):
    """It stands in the state of each author."""
    assert len(json.dumps(codec.RHYTHM.encode(found), separators=(",", ":"))) <= 400


@given(known)
def test_it_comes_back_from_the_store(found):
    assert codec.RHYTHM.decode(json.loads(json.dumps(codec.RHYTHM.encode(found)))) == found


def test_nothing_new_changes_nothing():
    """So that nothing has to be written."""
    found = daily()

    assert rhythm.learned(found, MONDAY, MONDAY + DAY, []) is found


def test_a_stranger_is_looked_at_each_interval():
    """The price is set so, for somebody of whom one post a day is expected."""
    assert wait(rhythm.new(MONDAY), MONDAY) == pytest.approx(30 * MINUTE, rel=0.1)


@pytest.mark.parametrize("seen_after", [timedelta(0), 15 * MINUTE])
def test_looks_come_when_posts_do(seen_after):
    """At nine each day: often then, seldom at night; with dates, and by looks alone."""
    found, end = daily(seen_after=seen_after), MONDAY + 30 * DAY

    assert wait(found, end + 8 * HOUR + 40 * MINUTE) <= 15 * MINUTE
    assert wait(found, end + 20 * HOUR) >= 90 * MINUTE


def test_weekends_are_told_apart():
    """Who never posts then is looked at less."""
    weekdays = author(*(MONDAY + n * DAY + 9 * HOUR for n in range(33) if n % 7 < 5))

    assert wait(weekdays, MONDAY + 33 * DAY + 8 * HOUR) > 1.5 * wait(weekdays, MONDAY + 35 * DAY + 8 * HOUR)


BURSTS = [MONDAY + n * 4 * DAY + n * 7 % 24 * HOUR + part * 20 * MINUTE for n in range(12) for part in range(5)]


def test_one_post_draws_another():
    """Somebody who posts in bursts is looked at often once one has begun."""
    found = author(*BURSTS)

    assert wait(found, BURSTS[-1] + MINUTE) < wait(found, BURSTS[-1] + DAY) / 2


def test_who_falls_silent_is_looked_at_less_and_less():
    found = daily()
    waits = [wait(found, found.at + days * DAY + 15 * HOUR) for days in (1, 30, 120, 400)]

    assert waits == sorted(waits)
    assert waits[-1] > 1.5 * waits[0]


def test_a_post_that_was_written_long_ago_came_between_the_looks():
    """It was unrolled late: its date says nothing of when."""
    late = rhythm.learned(rhythm.new(MONDAY), MONDAY, MONDAY + HOUR, [MONDAY - 90 * DAY])

    assert late == rhythm.learned(rhythm.new(MONDAY), MONDAY, MONDAY + HOUR, [None])


@pytest.mark.parametrize(
    ("found", "at", "said"),
    [
        (rhythm.new(MONDAY), MONDAY + HOUR, "just followed"),
        (rhythm.new(MONDAY), MONDAY + 90 * DAY, "nothing new in 90 d"),
        (author(*BURSTS), BURSTS[-1] + HOUR, "posted 60 min ago"),
        (daily(), MONDAY + 29 * DAY + 20 * HOUR, "usually posts 8-10 h"),
        (author(*BURSTS), BURSTS[-1] + 3 * DAY, "posts about"),
    ],
)
def test_a_plan_in_words(found, at, said):
    """What `authors` shows, by the clock of the reader."""
    assert rhythm.reason(found, at, UTC).startswith(said)


def test_the_bar():
    """At as many looks, half of a fixed interval's median delay, and no worse for the last posts; see docs/schedule.md.

    A part of the fixed mix, at one budget: `python -m benchmarks.schedule` measures all of it.
    """
    authors = mix()[::6]

    assert is_met(compared(2 * HOUR, authors))
