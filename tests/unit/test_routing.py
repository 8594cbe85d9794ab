"""Where an event of a thread goes, and when."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.hours import Digest, QuietHours
from bot.model import EVERY_CHANNEL, Post, Subscription
from bot.policy import Policies, Policy, Rule
from bot.routing import Route, Router, batch_of, delivery_id, held_until, place_of, queued, row_ids
from tests.fakes import START, Thread, entry_of

ENTRY = entry_of(Thread(key="t", published=START))
EVERYWHERE = (Subscription(feed_id="fake:ann", channel=EVERY_CHANNEL, origin="follow"),)


def router(**policies: Policy) -> Router:
    return Router(channels=("a", "b"), policies=Policies(channels=policies))


def test_without_policies_all_goes_everywhere_at_once():
    """No word about notices: each channel is told, now."""
    routing = router().route("new", ENTRY, EVERYWHERE, START)

    assert routing.routes == (Route(channel="a", due=START), Route(channel="b", due=START))


def test_a_channel_that_does_not_want_it_says_why():
    """The reason names the channel, as a thread remembers it."""
    routing = router(b=Policy(events=frozenset({"gone"}))).route("new", ENTRY, EVERYWHERE, START)

    assert [route.channel for route in routing.routes] == ["a"]
    assert [reason.partition(":")[0] for reason in routing.reasons] == ["b"]


def test_a_digest_waits_for_its_hour():
    """All that goes with it shares its slot, and so the message."""
    routing = router(a=Policy(digest=Digest.parse("daily 08:00"))).route("new", ENTRY, EVERYWHERE, START)
    eight = datetime(2026, 11, 2, 8, tzinfo=UTC)

    assert routing.routes[0] == Route(channel="a", due=eight, slot=eight)


def test_quiet_hours_hold_what_comes_in_them():
    """Until they end."""
    quiet = Policy(quiet_hours=QuietHours.parse("11:00-13:30"))

    assert router(a=quiet).route("new", ENTRY, EVERYWHERE, START).routes[0].due == START + timedelta(hours=1.5)
    assert held_until(quiet, START + timedelta(hours=2)) is None


def test_a_digest_in_quiet_hours_waits_for_their_end():
    """It is one message all the same."""
    policy = Policy(digest=Digest.parse("daily 08:00"), quiet_hours=QuietHours.parse("07:00-09:00"))
    (route, _) = router(a=policy).route("new", ENTRY, EVERYWHERE, START).routes

    assert (route.due.hour, route.slot and route.slot.hour) == (9, 8)


def test_growth_may_be_gathered_where_news_is_not():
    """`updates = "digest"` without a digest is one a day."""
    policy = Policy(updates="digest")

    assert router(a=policy).route("new", ENTRY, EVERYWHERE, START).routes[0].slot is None
    assert router(a=policy).route("grown", ENTRY, EVERYWHERE, START).routes[0].slot is not None


def test_of_several_rules_one_that_lets_it_pass_is_enough():
    """Two [[follow]] of one author: all that match fire."""
    rules = tuple(
        Rule(addresses=("@ann",), feed_ids=frozenset({"fake:ann"}), said={"min_posts": posts}) for posts in (99, 1)
    )
    declared = (Subscription(feed_id="fake:ann", channel=EVERY_CHANNEL, origin="settings", declared="@ann"),)
    one = Router(channels=("a",), policies=Policies(channels={}, rules=rules))

    assert [route.channel for route in one.route("new", ENTRY, declared, START).routes] == ["a"]


def test_a_delivery_is_told_by_the_rule_that_let_it_pass():
    """Not by the first one, which did not want it."""
    said = ({"min_posts": 99, "summary": "full"}, {"min_posts": 1, "summary": "preview"})
    rules = tuple(Rule(addresses=("@ann",), feed_ids=frozenset({"fake:ann"}), said=one) for one in said)
    declared = (Subscription(feed_id="fake:ann", channel=EVERY_CHANNEL, origin="settings", declared="@ann"),)
    one = Router(channels=("a",), policies=Policies(channels={}, rules=rules))
    row = queued(Route(channel="a", due=START), ENTRY, START)

    assert one.policy(row, replace(ENTRY, whole=True), declared, START).summary == "preview"


def test_only_some_channels_may_be_asked():
    """What the others think is not looked at."""
    assert [route.channel for route in router().route("new", ENTRY, EVERYWHERE, START, only={"b"}).routes] == ["b"]


@pytest.mark.parametrize(
    ("place", "channel", "event"), [("a", "a", "new"), ("a grown 2", "a", "grown"), ("a gone 2", "a", "gone")]
)
def test_a_place_names_channel_and_event(place, channel, event):
    """What a delivery's place says can be read back, and leads to its id."""
    route = Route(channel="a", due=START)
    row = queued(route, ENTRY, START, event, since=2)

    assert (row.place, place_of(row.place)) == (place, (channel, event))
    assert list(row_ids("fake:ann", "t", [place])) == [row.id]


def test_events_of_a_thread_have_ids_of_their_own():
    """So that none takes the place of another; and each knows the first."""
    route = Route(channel="a", due=START)
    rows = [queued(route, ENTRY, START), *(queued(route, ENTRY, START, "grown", since=n) for n in (1, 2))]
    rows.append(queued(route, ENTRY, START, "gone"))

    assert len({row.id for row in rows}) == len(rows)
    assert {row.answers for row in rows[1:]} == {rows[0].id} == {delivery_id("fake:ann", "t", "a")}


def test_a_digest_is_one_message_across_authors():
    """Its batch follows from the channel and the hour alone."""
    slot = START + timedelta(hours=1)
    route = Route(channel="a", due=slot, slot=slot)

    assert queued(route, ENTRY, START).batch == batch_of(route) != batch_of(Route(channel="b", due=slot, slot=slot))


def test_the_longest_quiet_that_any_channel_wants_counts():
    """One look, and one growth, for all channels."""
    policies = {"a": Policy(settle=timedelta(minutes=5)), "b": Policy(settle=timedelta(hours=1))}

    assert router(**policies).settle("fake:ann", EVERYWHERE) == timedelta(hours=1)


@pytest.mark.parametrize("differ", [False, True])
def test_many_channels_take_no_more_time_than_one(differ):
    """Twenty channels with a slow expression, the same or each its own: each in doubt, within a third of a second."""
    slow = [f"/(a|aa)+$(?#{number if differ else 0})/" for number in range(20)]
    policies = {f"c{number}": Policy(exclude=(slow[number],)) for number in range(20)}
    many = Router(channels=tuple(policies), policies=Policies(channels=policies))
    entry = replace(ENTRY, posts=(Post(id="1", text=f"{'a' * 100_000}!"),), whole=True)

    def taken() -> float:
        start = time.thread_time()
        routing = many.route("new", entry, EVERYWHERE, START)
        assert (len(routing.routes), len(routing.doubts)) == (20, 20)
        return time.thread_time() - start

    assert min(taken() for _ in range(3)) < 0.33
