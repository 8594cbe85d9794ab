"""How many requests a host gets in a day, and what a look costs for that."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import budget
from bot.budget import Ledger, Spent

START = datetime(2026, 2, 2, 10, 30, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(hours=12)


def send(ledger: Ledger, saved: dict[str, Spent], host: str, now: datetime) -> datetime | None:
    """Send one request if that may be, as a caller has to: what is to be kept is kept first."""
    taken = ledger.take(host, now)
    if taken.keep is not None:
        saved[host] = taken.keep
        ledger.kept(taken.keep)
    return taken.until


def most_in_a_day(sent: list[datetime]) -> int:
    return max((number - bisect_right(sent, last - DAY) for number, last in enumerate(sent, 1)), default=0)


@given(st.integers(1, 40), st.randoms(use_true_random=False))
def test_no_24_hours_have_more_requests_than_the_budget(per_day, chance: random.Random):
    """With crashes at any time, between two hosts, whenever the requests come."""
    saved: dict[str, Spent] = {}
    ledger, now = Ledger(per_day), START
    sent: dict[str, list[datetime]] = {"a": [], "b": []}
    for _ in range(150):
        now += timedelta(seconds=chance.choice((0, 1, 600, 3600, 30_000)))
        if chance.random() < 0.1:
            ledger = Ledger(per_day, saved.values())
        host = chance.choice("ab")
        if send(ledger, saved, host, now) is None:
            sent[host].append(now)

    assert max(most_in_a_day(sent["a"]), most_in_a_day(sent["b"])) <= per_day


def test_the_whole_budget_can_be_spent():
    """Not one less, where all comes within the same hour."""
    ledger = Ledger(250)
    granted = sum(send(ledger, {}, "host", START) is None for _ in range(300))

    assert granted == 250


@given(st.integers(1, 300), st.integers(1, 80))
def test_who_is_refused_is_told_when_there_is_room_again(per_day, minutes):
    """Then there is; and not a second sooner."""
    ledger, now, saved = Ledger(per_day), START, {}
    while (until := send(ledger, saved, "host", now)) is None:
        now += timedelta(minutes=minutes) if minutes * per_day < 60 * 23 else SECOND
    before = Ledger(per_day, saved.values())

    assert before.take("host", until - SECOND).until == until
    assert ledger.take("host", until).until is None


def test_a_restart_does_not_begin_a_new_day():
    """What was sent before it is counted."""
    ledger, saved = Ledger(10), {}
    for _ in range(10):
        send(ledger, saved, "host", START)

    assert Ledger(10, saved.values()).take("host", START + HOUR).until is not None


def test_what_is_granted_is_to_be_saved_before_it_is_sent():
    """A block is shown until it is said to be saved; the requests of one block are written down once."""
    ledger = Ledger(1000)
    first, second = ledger.take("host", START), ledger.take("host", START)
    ledger.kept(second.keep)

    assert first.keep == second.keep is not None
    assert [ledger.take("host", START).keep for _ in range(8)] == [None] * 8
    assert ledger.take("host", START).keep is not None


def test_an_older_row_that_is_saved_late_does_not_hide_a_newer_one():
    """Two tasks save side by side: the newer block is still to be saved."""
    ledger = Ledger(1000)
    older, *_, newer = [ledger.take("host", START).keep for _ in range(11)]
    ledger.kept(older)

    assert ledger.take("host", START).keep == newer != older


def test_what_an_hour_leaves_of_its_block_goes_back_to_the_budget():
    """One request of a block of ten, and two hours later another one."""
    ledger, saved = Ledger(1000), {}
    send(ledger, saved, "host", START)
    send(ledger, saved, "host", START + 2 * HOUR)

    assert saved["host"].counts[-3:] == (1, 0, 10)


def test_each_host_has_a_budget_of_its_own():
    """One that is used up holds nobody else back."""
    ledger, saved = Ledger(1), {}
    send(ledger, saved, "a", START)

    assert ledger.take("a", START).until is not None
    assert ledger.take("b", START).until is None


def test_looks_leave_a_fifth_for_what_they_lead_to():
    """Over a day of looks whenever they may be, a fifth of the budget is not used up by them."""
    ledger, now, looks = Ledger(100), START, 0
    while now < START + DAY:
        until = ledger.may_look("host", now)
        if until is None:
            ledger.take("host", now)
            looks += 1
        now = until or now

    assert looks == 80
    assert [ledger.take("host", now - SECOND).until for _ in range(20)] == [None] * 20


def test_one_hour_does_not_use_up_a_day_of_looks():
    """After a start all authors are due: an eighth of the looks now, the next ones in the next hour."""
    ledger, looks = Ledger(1000), 0
    while ledger.may_look("host", START) is None:
        ledger.take("host", START)
        looks += 1

    assert looks == 100
    assert ledger.may_look("host", START) == START.replace(hour=11, minute=0)


def test_a_budget_of_one_request_lets_one_look_through():
    """However small it is, it is not nothing."""
    ledger = Ledger(1)

    assert ledger.may_look("host", START) is None
    assert ledger.take("host", START).until is None
    assert ledger.may_look("host", START) is not None


@pytest.mark.parametrize("back", [HOUR, 1000 * DAY])
def test_a_clock_that_was_set_back_neither_forgets_nor_blocks_for_ever(back):
    """What was sent counts as if it were just now, so after a day and an hour it is past."""
    ledger, saved = Ledger(10), {}
    for _ in range(10):
        send(ledger, saved, "host", START)
    now = START - back

    assert ledger.take("host", now).until is not None
    assert ledger.take("host", now + DAY + HOUR).until is None


def test_a_row_stays_small():
    """What is written for a block of requests is under 200 bytes, however long it has gone on."""
    ledger, saved = Ledger(100_000), {}
    for hour in range(60):
        for _ in range(150):
            send(ledger, saved, "public.api.bsky.app", START + hour * HOUR)

    assert len(json.dumps(asdict(saved["public.api.bsky.app"]), separators=(",", ":"))) <= 200


appetites = st.lists(st.floats(1, 1e6), max_size=30)


@given(appetites, st.integers(1, 5000))
def test_at_the_price_the_authors_fit(appetites, per_day):
    """In the looks' part of the budget, or all of them are at the ceiling."""
    price = budget.price_within(appetites, per_day, 100.0, shortest=SHORTEST, longest=LONGEST)
    looks = sum(min(max(appetite / price**0.5, 2), 144) for appetite in appetites)

    assert price >= 100
    assert looks <= max(per_day * budget.LOOKS, 2 * len(appetites)) * (1 + 1e-6)


@given(appetites, st.integers(1, 5000))
def test_no_more_is_asked_than_is_needed(appetites, per_day):
    """A price a little lower would not fit, unless it is the least."""
    price = budget.price_within(appetites, per_day, 100.0, shortest=SHORTEST, longest=LONGEST)
    looks = sum(min(max(appetite / (price * 0.99) ** 0.5, 2), 144) for appetite in appetites)

    assert price == 100 or looks >= per_day * budget.LOOKS * (1 - 1e-6)
