"""When things are due, and what becomes of a delivery: the rules alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import schedule
from bot.errors import (
    ChannelDown,
    ChannelError,
    ChannelRejected,
    DeliveryInDoubt,
    FeedEnded,
    HostHeld,
    ParseError,
    SourceUnreachable,
    TemporarySourceError,
    WrongAuthor,
)
from bot.model import Author, Batch, ChannelState, Delivery, Feed, FeedState, Item
from bot.schedule import Pace
from tests.fakes import START

PACE = Pace()
STATE = FeedState(feed_id="f", baselined=True)
jitters = st.floats(0, 1, exclude_max=True)


def batch(**more) -> Batch:
    row = Delivery(id="d", batch="b", feed_id="f", entry_key="k", channel="me", created_at=START, due_at=START, **more)
    feed = Feed(id="f", source="fake", address="@a", author=Author(handle="a"))
    return Batch(id="b", channel="me", items=(Item(delivery=row, feed=feed),))


@given(st.integers(0, 99), jitters)
def test_a_poll_stays_between_floor_and_ceiling(failures, jitter):
    """However often it failed and whatever chance says: not sooner than min_interval, not later than max_interval."""
    delay = schedule.next_poll(PACE, START, failures=failures, jitter=jitter, not_before=None) - START

    assert PACE.min_interval <= delay <= PACE.max_interval


@given(jitters)
def test_a_site_s_own_time_counts_beyond_the_ceiling(jitter):
    """A Retry-After of a day is kept, though max_interval is half a day."""
    error = TemporarySourceError("f", "429", not_before=START + timedelta(days=1))
    state = schedule.after_failure(STATE, error, PACE, START, jitter=jitter)

    assert state.next_poll_at == state.held_until == START + timedelta(days=1)


@given(st.integers(0, 99), jitters)
def test_no_network_is_no_reason_to_wait_for_half_a_day(failures, jitter):
    """While nobody is reached the back-off stays within an hour, and at the floor."""
    before = FeedState(feed_id="f", baselined=True, failures=failures)
    state = schedule.after_failure(before, SourceUnreachable("f", "no name"), PACE, START, jitter=jitter)

    assert state.next_poll_at is not None
    assert PACE.min_interval <= state.next_poll_at - START <= timedelta(hours=1)


def test_success_clears_what_failure_left():
    """After a look that was answered nothing of the trouble is left."""
    failed = schedule.after_failure(STATE, TemporarySourceError("f", "503"), PACE, START, jitter=0)
    state = schedule.after_success(failed, PACE, START, cursor={}, jitter=0.5)

    assert (state.failures, state.last_error, state.held_until, state.last_success_at) == (0, "", None, START)


def test_a_look_that_was_not_made_is_no_failure():
    """While the whole host is on hold, its authors wait without being counted as failing."""
    state = schedule.after_hold(STATE, HostHeld("f", "held", not_before=START + timedelta(hours=1)), START, jitter=0)

    assert (state.failures, state.next_poll_at) == (0, START + timedelta(hours=1))


def test_three_further_looks_end_within_the_hour():
    """The looks at a thread's own page fit into the time that its notice waits."""
    due, looks = START, 0
    while (later := schedule.next_look(looks, due, 0.999)) is not None:
        due, looks = later, looks + 1

    assert looks == 4
    assert due - START < schedule.WHOLE_WITHIN


def test_sent_clears_the_channel():
    """A channel that took a message has no failures left."""
    (row,), channel = schedule.after_sent(batch(error="x"), START)

    assert (row.state, row.sent_at, row.error) == ("sent", START, "")
    assert channel == ChannelState(channel="me", last_sent_at=START)


@pytest.mark.parametrize(
    ("error", "doubtful", "state"),
    [
        (ChannelRejected("me", "no"), False, "dead"),
        (ChannelRejected("me", "no"), True, "dead"),
        (DeliveryInDoubt("me", "lost"), False, "unknown"),
        (ChannelError("me", "503"), False, "pending"),
        (ChannelError("me", "503"), True, "unknown"),
    ],
)
def test_what_an_error_makes_of_a_delivery(error, doubtful, state):
    """Refused: dead. May have arrived: unknown, and it stays so over later failures. Else pending."""
    (row,), _ = schedule.after_error(batch(doubtful=doubtful), error, ChannelState(channel="me"), START, jitter=0)

    assert (row.state, row.error) == (state, error.reason)


@given(st.integers(1, 169), jitters)
def test_a_failed_delivery_is_tried_again_within_bounds(attempts, jitter):
    """Between ten seconds and an hour and a quarter later."""
    rows, channel = schedule.after_error(
        batch(attempts=attempts), ChannelError("me", "x"), ChannelState(channel="me"), START, jitter=jitter
    )

    assert timedelta(seconds=10) <= rows[0].due_at - START <= timedelta(hours=1.25)
    assert channel.next_try_at is not None
    assert channel.next_try_at - START <= timedelta(minutes=6.25)


def test_only_tries_in_doubt_count_as_doubts():
    """A channel that was down for hours and then answers too late once is not given up."""
    before = ChannelState(channel="me")
    (row,), _ = schedule.after_error(batch(attempts=60), DeliveryInDoubt("me", "late"), before, START, jitter=0)
    late = DeliveryInDoubt("me", "late")
    (last,), _ = schedule.after_error(batch(attempts=60, doubts=11), late, before, START, jitter=0)

    assert (row.state, row.doubts, last.state) == ("unknown", 1, "dead")


@given(st.integers(1, 5000), st.integers(0, 5000), jitters)
def test_while_a_channel_is_down_its_queue_waits_as_one(attempts, failures, jitter):
    """A message is due when its channel is, however often it was tried: the oldest is always the next."""
    before = ChannelState(channel="me", failures=failures)
    (row,), channel = schedule.after_error(
        batch(attempts=attempts), ChannelDown("me", "refused"), before, START, jitter=jitter
    )

    assert row.due_at == channel.next_try_at


@pytest.mark.parametrize(
    ("attempts", "days", "state"), [(999, 13.9, "pending"), (24, 14, "dead"), (23, 30, "pending")]
)
def test_a_delivery_is_given_up_after_many_tries_and_two_weeks(attempts, days, state):
    """Not sooner while a channel is down and tried every five minutes; nor one that a person just sent again."""
    now = START + timedelta(days=days)
    before = ChannelState(channel="me", failures=5)
    (row,), _ = schedule.after_error(batch(attempts=attempts), ChannelDown("me", "refused"), before, now, jitter=0)

    assert row.state == state


def test_an_endless_retry_after_is_bounded():
    """A channel that asks for a year is asked again after a day."""
    error = ChannelError("me", "429", retry_after=365 * 86400)
    (row,), channel = schedule.after_error(batch(attempts=1), error, ChannelState(channel="me"), START, jitter=0)

    assert row.due_at == channel.next_try_at == START + timedelta(days=1)


def test_a_crash_while_the_clock_was_ahead_waits_no_longer():
    """The clock was put back since the send began: the next try still comes within ten seconds."""
    began = batch(state="sending", claimed_at=START + timedelta(days=3650)).deliveries[0]

    assert schedule.after_crash(began, START).due_at == START + timedelta(seconds=10)


def test_retry_by_hand_keeps_the_doubt():
    """A delivery that may have arrived says so also when a person sends it again."""
    for state, doubtful in (("unknown", True), ("sending", True), ("dead", False)):
        row = schedule.retried_by_hand(batch(state=state, attempts=9).deliveries[0], START)

        assert (row.state, row.attempts, row.doubtful, row.due_at) == ("pending", 0, doubtful, START)


@pytest.mark.parametrize(("last", "now", "wait"), [(None, 5, 0), (5, 5.5, 1.0), (5, 9, 0), (5, 6.5, 0)])
def test_the_next_start_is_a_gap_after_the_last(last, now, wait):
    """The gap is measured from start to start."""
    assert schedule.next_start(last, 1.5, now) == wait


def test_the_beginning_of_a_trouble_stays():
    """However often a look fails, it is the first failure that counts; a success forgets it."""
    first = schedule.after_failure(STATE, TemporarySourceError("f", "503"), PACE, START, jitter=0)
    later = schedule.after_failure(first, TemporarySourceError("f", "503"), PACE, START + timedelta(hours=1), jitter=0)
    well = schedule.after_success(later, PACE, START + timedelta(hours=2), cursor={}, jitter=0)

    assert (first.failing_since, later.failing_since, well.failing_since) == (START, START, None)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (SourceUnreachable("f", "no name"), "unreachable"),
        (ParseError("f", "not an author's page"), "page"),
        (WrongAuthor("f", "somebody else's page"), "stranger"),
        (FeedEnded("f", "gone for good"), "ended"),
        (TemporarySourceError("f", "503"), ""),
    ],
)
def test_what_a_failure_was(error, fault):
    """Nobody reached and a page that is not known are kept apart from all else; a success clears it."""
    failed = schedule.after_failure(STATE, error, PACE, START, jitter=0)

    assert (failed.fault, schedule.after_success(failed, PACE, START, cursor={}, jitter=0).fault) == (fault, "")


@pytest.mark.parametrize(
    ("ago", "is_long"),
    [
        (None, False),
        (timedelta(hours=23), False),
        (timedelta(days=1), False),
        (timedelta(days=1, seconds=1), True),
        (timedelta(hours=-1), False),
        (timedelta(days=-3650), True),
    ],
)
def test_catching_up_begins_after_a_day(ago, is_long):
    """Also where the last answer lies years ahead: the clock was wrong, and nobody knows how long ago it was."""
    state = FeedState(feed_id="f", last_success_at=None if ago is None else START - ago)

    assert schedule.catching_up(state, PACE, START) == is_long


def test_where_looks_are_days_apart_catching_up_begins_later():
    """Twice the longest interval is no absence."""
    state = FeedState(feed_id="f", last_success_at=START - timedelta(days=3))

    assert not schedule.catching_up(state, Pace(max_interval=timedelta(days=2)), START)
