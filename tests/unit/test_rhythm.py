"""What is learned of an author, and when it pays to look next."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import rhythm
from bot.rhythm import Rhythm
from bot.stores import codec

MONDAY = datetime(2026, 2, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHORTEST, LONGEST = 10 * MINUTE, 12 * HOUR
BOUNDS = {"shortest": SHORTEST, "longest": LONGEST}
PRICE = rhythm.price_of(30 * MINUTE)
BERLIN = ZoneInfo("Europe/Berlin")


def poster(*hours: float, days: int = 28, only: range = range(7)) -> Rhythm:
    """An author who posted at those hours of each day, seen by looks at every half hour."""
    found = rhythm.new(MONDAY)
    for day in range(days):
        for hour in hours if day % 7 in only else ():
            post = MONDAY + day * DAY + hour * HOUR
            found = rhythm.learned(found, post - 15 * MINUTE, post + 15 * MINUTE, [None])
    return found


def gap(of: Rhythm, looked: datetime, price: float = PRICE, jitter: float = 0.5) -> timedelta:
    return rhythm.next_look(of, looked, price, jitter=jitter, **BOUNDS) - looked


def burster() -> Rhythm:
    """An author of whom four threads come within an hour, every third day, each time at another hour."""
    found = rhythm.new(MONDAY)
    for day in range(0, 28, 3):
        for part in range(4):
            post = MONDAY + day * DAY + (day * 5 % 20 + part / 3) * HOUR
            found = rhythm.learned(found, post - 5 * MINUTE, post + 5 * MINUTE, [None])
    return found


rhythms = st.builds(
    lambda hours, days, silent: (poster(*sorted(hours), days=days), MONDAY + (days + silent) * DAY),
    st.sets(st.floats(0.5, 23), max_size=4),
    st.integers(1, 30),
    st.floats(0, 4000),
)
jitters = st.floats(0, 1, exclude_max=True)


@given(rhythms, jitters, st.floats(-3, 12))
def test_a_look_is_never_sooner_than_the_floor_nor_later_than_the_ceiling(known, jitter, magnitude):
    """Whatever is known, whatever the price, whatever chance says."""
    of, now = known

    assert SHORTEST <= gap(of, now, 10**magnitude, jitter) <= LONGEST


@given(rhythms, st.floats(1, 1e9), st.floats(1, 10))
def test_a_higher_price_never_brings_a_look_sooner(known, price, dearer):
    """So that a budget can be kept by the price alone."""
    of, now = known

    assert gap(of, now, price) <= gap(of, now, price * dearer)


def test_nobody_knows_a_new_author_who_gets_the_usual_interval():
    """Just followed: `interval`, a little more or less by chance and the hours ahead."""
    assert gap(rhythm.new(MONDAY), MONDAY) == pytest.approx(30 * MINUTE, abs=2 * MINUTE)


def test_looks_are_spread_by_chance():
    """Authors who are alike do not come due together, not even at the ceiling."""
    of, now = rhythm.new(MONDAY), MONDAY + DAY
    ordinary = {gap(of, now, jitter=jitter / 10) for jitter in range(10)}
    late = {gap(of, now, 1e12, jitter / 10) for jitter in range(10)}

    assert len(ordinary) == len(late) == 10


def test_chance_moves_a_look_by_ten_minutes_at_the_most():
    """One that is due just after nine is not made at ten."""
    first, last = (gap(poster(9), MONDAY + 28 * DAY, 1e5, jitter) for jitter in (0, 0.999))

    assert HOUR < first < last < first + 20 * MINUTE


def test_who_posts_at_nine_is_looked_at_at_nine():
    """Looks are close together after nine, and far apart in the afternoon."""
    of, day = poster(9), MONDAY + 28 * DAY

    assert gap(of, day + 9 * HOUR) <= 15 * MINUTE < 3 * gap(of, day + 9 * HOUR) < gap(of, day + 15 * HOUR)


def test_who_posts_on_weekdays_is_looked_at_less_on_sundays():
    """The same hour of a Sunday and of a Monday."""
    of, monday = poster(9, only=range(5)), MONDAY + 28 * DAY + 9 * HOUR

    assert gap(of, monday - DAY) > 1.5 * gap(of, monday)


def test_who_posts_in_bursts_is_looked_at_soon_after_a_post():
    """After the first of a burst the next look is much sooner than it would be a day later."""
    now = MONDAY + 30 * DAY
    of = rhythm.learned(burster(), now - 10 * MINUTE, now, [None])

    price = rhythm.price_of(2 * HOUR)

    assert gap(of, now, price) < 0.7 * gap(of, now + DAY, price)


def test_what_follows_on_a_post_is_its_echo():
    """Most of the posts of a burst are, and hardly any of one a day at the same hour."""
    assert poster(9).echoes < 3 < 20 < burster().echoes


def test_the_silent_are_looked_at_less_and_less():
    """Half an hour at first; hours after a year."""
    of = rhythm.new(MONDAY)
    gaps = [gap(of, MONDAY + days * DAY) for days in (0, 3, 30, 365)]

    assert sorted(gaps) == gaps
    assert gaps[-1] > 2 * HOUR


def test_one_who_returns_is_followed_closely_again():
    """After three months of silence one new post shortens the interval at once."""
    of, now = poster(9, 15), MONDAY + 120 * DAY
    back = rhythm.learned(of, now - HOUR, now, [None])

    assert gap(back, now + HOUR) < 0.6 * gap(of, now + HOUR)


def test_a_look_that_found_nothing_leaves_the_very_same():
    """So nothing has to be written for it."""
    of = poster(9)

    assert rhythm.learned(of, MONDAY + 28 * DAY, MONDAY + 29 * DAY, []) is of


def test_a_post_may_have_come_at_any_time_between_two_looks():
    """Six hours between two looks: one sixth of a post for each, as near as clocks are believed."""
    hours = rhythm.learned(rhythm.new(MONDAY), MONDAY + 6 * HOUR, MONDAY + 12 * HOUR, [None]).hours

    assert max(hours[7:11]) == min(hours[7:11]) == pytest.approx(sum(hours) / 6.5, rel=0.01)
    assert sum(hours[6:12]) > 0.9 * sum(hours)


def test_nine_is_found_though_looks_are_hours_apart():
    """Looks every seven hours, at other times each day: most of what is known falls into its hour or beside it."""
    of, before, post = rhythm.new(MONDAY), MONDAY, MONDAY + 9.5 * HOUR
    while before < MONDAY + 56 * DAY:
        now = before + 7 * HOUR
        came = [None] if before < post <= now else []
        of, before, post = rhythm.learned(of, before, now, came), now, post + len(came) * DAY

    assert sum(of.hours[8:11]) > 0.6 * sum(of.hours)


def test_a_date_of_publication_is_believed():
    """It counts for its own hour, though the look came hours later."""
    post = MONDAY + 9.5 * HOUR
    found = rhythm.learned(rhythm.new(MONDAY), MONDAY, MONDAY + 20 * HOUR, [post])

    assert found.hours[9] == sum(found.hours)
    assert found.last == post


@pytest.mark.parametrize("days", [-400, 3])
def test_a_date_that_cannot_be_is_not_believed(days):
    """An old thread that was unrolled today, or one from the future, came at some time since the last look."""
    before, now = MONDAY + 6 * HOUR, MONDAY + 12 * HOUR
    found = rhythm.learned(rhythm.new(MONDAY), before, now, [MONDAY + days * DAY])

    assert found == rhythm.learned(rhythm.new(MONDAY), before, now, [None])


def test_the_dates_of_a_first_listing_tell_the_rhythm():
    """Who is just followed, and has dates, is looked at by these."""
    posts = [MONDAY + day * DAY + 9 * HOUR for day in range(28)]
    of = rhythm.from_history(posts, MONDAY + 28 * DAY)

    assert of.since == posts[0]
    assert gap(of, MONDAY + 28 * DAY + 9 * HOUR) < gap(of, MONDAY + 28 * DAY + 15 * HOUR)


def test_a_first_listing_without_posts_tells_nothing():
    """Nor does one whose dates are all in the future."""
    assert rhythm.from_history([], MONDAY) == rhythm.from_history([MONDAY + DAY], MONDAY) == rhythm.new(MONDAY)


def test_what_was_learned_fades():
    """Who changes from nine to eighteen is looked at at eighteen after two months."""
    of = poster(9)
    for day in range(28, 88):
        post = MONDAY + day * DAY + 18 * HOUR
        of = rhythm.learned(of, post - 15 * MINUTE, post + 15 * MINUTE, [None])

    assert of.hours[9] < 0.3 * of.hours[18]


def test_many_posts_a_day_fade_as_well():
    """One each 150 minutes: a count does not stand still because each step of fading is lost in rounding."""
    of = rhythm.new(MONDAY)
    for number in range(1, 1153):
        post = MONDAY + number * 150 * MINUTE
        of = rhythm.learned(of, post, post, [None])

    assert sum(of.hours) == pytest.approx(9.6 * 30 / math.log(2) * (1 - 0.5**4), rel=0.1)


def test_the_rhythm_stays_small():
    """At most 400 bytes, with each hour in use and a year of posts behind it."""
    of = poster(*[hour + 0.2 for hour in range(23)], days=60)
    of = rhythm.learned(of, MONDAY, MONDAY + 61 * DAY, [None] * 40)
    stored = {**asdict(of), "since": 1770000000000, "at": 1770000000000, "last": 1770000000000}

    assert len(json.dumps(stored, separators=(",", ":"))) <= 400


def test_a_thousand_posts_of_one_look_are_learned_at_once():
    """Who floods is looked at soon, and nothing overflows."""
    now = MONDAY + HOUR
    of = rhythm.learned(rhythm.new(MONDAY), MONDAY, now, [None] * 1000)

    assert gap(of, now) <= 11 * MINUTE


@pytest.mark.parametrize("back", [HOUR, 400 * DAY, 30_000 * DAY])
def test_a_clock_that_was_set_back_breaks_nothing(back):
    """The rhythm is from the future then; a look keeps to the bounds, and posts are learned."""
    of, now = poster(9), MONDAY + 28 * DAY - back
    again = rhythm.learned(of, now + HOUR, now, [None])
    later = rhythm.learned(again, now + 30 * HOUR, now + 29 * HOUR, [None])

    assert SHORTEST <= gap(of, now) <= LONGEST
    assert SHORTEST <= gap(later, now) <= LONGEST
    assert max(later.since, later.at, later.last) <= now + 29 * HOUR
    assert sum(later.hours) == pytest.approx(sum(again.hours) * 0.5 ** (29 / 24 / 30) + 1, abs=0.3)


def test_the_newest_of_several_posts_is_the_last():
    """One that came at some time between the looks, and one that came at their beginning."""
    now = MONDAY + 6 * HOUR

    assert rhythm.learned(rhythm.new(MONDAY), MONDAY, now, [None, MONDAY + MINUTE]).last == MONDAY + 3 * HOUR


@pytest.mark.parametrize(
    ("of", "now", "words"),
    [
        (rhythm.new(MONDAY), MONDAY + DAY, "just followed"),
        (rhythm.new(MONDAY), MONDAY + 40 * DAY, "nothing new in 40 d"),
        (poster(9, only=range(5)), MONDAY + 27 * DAY, "usually posts 9-11 h on weekdays"),
        (poster(9.5, only=range(5, 7)), MONDAY + 28 * DAY, "usually posts 10-11 h at weekends"),
        (poster(9.5), MONDAY + 27 * DAY + 20 * HOUR, "usually posts 10-11 h"),
        (poster(9.5), MONDAY + 60 * DAY, "nothing new in 33 d"),
        (poster(3.5, 11.5, 21.5), MONDAY + 28 * DAY + 9 * HOUR, "posts about 3 times a day"),
        (poster(9, only=range(1)), MONDAY + 23 * DAY, "posts about once a week"),
        (burster(), MONDAY + 27 * DAY + 17 * HOUR, "posted 60 min ago"),
    ],
)
def test_a_person_can_read_why(of, now, words):
    """By the clock of their zone, in which one UTC hour later is meant here."""
    assert rhythm.reason(of, now, BERLIN) == words


def test_hours_are_said_over_midnight():
    """An hour of the evening in America is one of the night here."""
    assert rhythm.reason(poster(23), MONDAY + 28 * DAY + 20 * HOUR, BERLIN) == "usually posts 23-1 h"


def test_rare_posts_are_said_in_months_and_years():
    """Once or twice a year is not "0 times a week"."""
    of = replace(rhythm.new(MONDAY), last=MONDAY + 100 * DAY)

    assert rhythm.reason(of, MONDAY + 110 * DAY, BERLIN) == "posts about 5 times a year"


def test_the_appetite_says_how_often_somebody_is_looked_at():
    """Within a tenth of the looks that are made in a week."""
    of = poster(9, 9.3, only=range(5))
    start = now = MONDAY + 29 * DAY
    looks, appetite = 0, rhythm.appetite(of, now)
    price = rhythm.price_of(HOUR)
    while now < start + 7 * DAY:
        now, looks = rhythm.next_look(of, now, price, jitter=0.5, **BOUNDS), looks + 1

    assert looks / 7 == pytest.approx(appetite / price**0.5, rel=0.1)


@given(rhythms)
def test_it_comes_back_from_the_store(known):
    of, _ = known

    assert codec.RHYTHM.decode(json.loads(json.dumps(codec.RHYTHM.encode(of)))) == of
