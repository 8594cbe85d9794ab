"""What a look found, sorted out: the cases that a history does not show by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta

import pytest

from bot import diff
from bot.errors import ParseError
from bot.model import EVERY_CHANNEL, Author, Feed, FeedState, Fetched, PollInput, Post, Subscription
from bot.routing import Route, Routing, channels_of
from tests.fakes import START, Thread, entry_of


def card(key, days=0.0):
    return entry_of(Thread(key=key, published=START - timedelta(days=days)))


def state(**more):
    return FeedState(feed_id="fake:ann", baselined=True, **more)


def known(*entries):
    return {id_: k for e, k in zip(entries, diff.remembered(entries, START), strict=True) for id_ in e.ids}


def to(*channels, news):
    """News that go to these channels at once."""
    routing = Routing(routes=tuple(Route(channel=channel, due=START) for channel in channels))
    return [replace(item, routing=routing) for item in news]


def test_before_the_baseline_everything_is_old():
    """A first look finds nothing new."""
    verdict = diff.judge(FeedState(feed_id="fake:ann"), [card("a"), card("b", 1)], {})

    assert ([e.key for e in verdict.old], verdict.new) == (["a", "b"], ())


def test_identity_is_the_id_not_the_date():
    """A known thread with another date and title is the same thread."""
    changed = replace(card("a"), published=START + timedelta(days=9), title="Another title")

    assert diff.judge(state(), [changed], known(card("a"))).new == ()


def test_an_alias_is_the_same_thread():
    """A card whose alias is known is known."""
    seen = replace(card("a"), aliases=("root",))

    assert diff.judge(state(), [replace(card("b"), aliases=("root",))], known(seen)).new == ()


def test_a_card_that_stands_twice_is_one_thread():
    """A page that shows a card twice has one new thread."""
    assert len(diff.judge(state(), [card("a"), card("a")], {}).new) == 1


def test_the_horizon_itself_is_news():
    """An unknown thread of the very time of the horizon is rather announced than missed."""
    assert [e.key for e in diff.judge(state(horizon=START), [card("a"), card("b", 1)], {}).new] == ["a"]


def test_a_thread_without_a_time_is_news():
    """What cannot be placed before the horizon is announced."""
    timeless = replace(card("a"), published=None)

    assert diff.judge(state(horizon=START), [timeless], {}).new == (timeless,)


def test_more_news_may_stand_below_a_page_whose_oldest_is_new():
    """Only then the next page is read at once."""
    old, new = card("old", 2), card("new")

    assert diff.judge(state(), [new], {}).unseen_below
    assert not diff.judge(state(), [new, old], known(old)).unseen_below


def test_a_stand_in_sets_the_horizon_where_it_says():
    """A thread page from years ago, standing in for the listing, does not make years of threads news."""
    years_ago = card("old", 3000)
    page = Fetched(entries=(years_ago, card("a"), card("b", 3)), cursor={}, reaches=START - timedelta(days=3))

    assert diff.first_horizon(page) == START - timedelta(days=3)


def test_where_all_is_news_it_stays_so():
    """A sweep does not give an author who began without threads a horizon."""
    assert diff.moved_back(None, Fetched(entries=(card("a", 5),), cursor={})) is None


def test_no_cards_is_an_error_once_threads_are_known():
    """An author with known threads never has none."""
    start = PollInput(
        feed=Feed(id="fake:ann", source="fake", address="@ann", author=Author(handle="ann")),
        state=state(),
        subscriptions=(),
        has_known=True,
    )
    with pytest.raises(ParseError, match="lists no thread"):
        diff.require_threads(start, Fetched(entries=(), cursor={}))
    diff.require_threads(replace(start, has_known=False), Fetched(entries=(), cursor={}))


def test_a_page_bears_the_id_of_any_post():
    """A thread whose second post is a known page is that page's thread."""
    whole = replace(card("root"), posts=(Post(id="root", text=""), Post(id="page", text="")), whole=True)

    assert diff.same_thread(whole, known(card("page"))).key == "page"
    assert diff.same_thread(card("page"), known(card("page"))) is None


@pytest.mark.parametrize(("burst", "batches"), [(3, 3), (2, 1)])
def test_more_than_burst_is_one_message(burst, batches):
    """Up to `burst` new threads are a message each, more are one for all."""
    news = [diff.News(entry=replace(card(key, n), whole=True)) for n, key in enumerate("abc")]
    changes = diff.announce("fake:ann", to("me", "team", news=news), START, burst=burst, jitter=0)

    for channel in ("me", "team"):
        assert len({d.batch for d in changes.deliveries if d.channel == channel}) == batches
    assert [d.entry_key for d in changes.deliveries if d.channel == "me"] == ["c", "b", "a"]


def test_a_batch_of_another_channel_has_another_id():
    """Message keys differ between channels."""
    news = [diff.News(entry=replace(card("a"), whole=True))]
    deliveries = diff.announce("fake:ann", to("me", "team", news=news), START, burst=5, jitter=0).deliveries

    assert len({d.batch for d in deliveries}) == len({d.id for d in deliveries}) == 2


def test_a_thread_not_read_whole_waits_for_an_hour_at_the_most():
    """Its delivery is queued at once, for the end of the hour."""
    news = to("me", news=[diff.News(entry=card("a"), looks=1)])
    changes = diff.announce("fake:ann", news, START, burst=5, jitter=0.5)

    assert changes.deliveries[0].due_at == START + timedelta(hours=1)
    assert (changes.known[0].state, changes.known[0].look_at) == ("waiting", START + timedelta(minutes=2))


@pytest.mark.parametrize(
    ("backfill", "sent"),
    [(None, []), (2, ["a", "b"]), (9, ["a", "b", "c"]), (date(2026, 10, 31), ["a", "b"]), (date(2026, 12, 1), [])],
)
def test_backfill_chooses_the_newest(backfill, sent):
    """None, the newest N, or those since a day."""
    entries = [card("c", 2), card("a"), card("b", 1)]

    assert [e.key for e in diff.chosen(entries, backfill, UTC)] == sent


def test_every_channel_means_those_of_the_settings():
    """A subscription to every channel leads to each of them once, also beside a named one."""
    wanted = [
        Subscription(feed_id="f", channel=EVERY_CHANNEL, origin="follow"),
        Subscription(feed_id="f", channel="team", origin="settings"),
        Subscription(feed_id="f", channel="gone", origin="settings"),
    ]

    assert channels_of(wanted[:2], ["me", "team"]) == ("me", "team")
    assert channels_of(wanted[1:2], ["me", "team"]) == ("team",)


def test_a_channel_that_is_gone_from_the_settings_still_counts():
    """What is queued for it can be seen, and is sent when the channel is back."""
    gone = [Subscription(feed_id="f", channel="gone", origin="follow")]

    assert channels_of(gone, ["me"]) == ("gone",)


def test_of_two_that_point_at_each_other_one_is_announced():
    """A duplicate of a thread is no reason to withdraw that thread."""
    first = replace(card("first"), aliases=("second",), whole=True)
    second = diff.duplicate(card("second"), diff.remembered([first], START)[0], START)

    assert diff.same_thread(first, {"second": second, **known(first)}) is None


def test_of_three_that_point_in_a_circle_one_is_announced():
    """Duplicates are passed over, whatever they are duplicates of; only their original counts."""
    a, b, c = (replace(card(key), posts=tuple(Post(id=i, text="") for i in "abc"), whole=True) for key in "abc")
    known_b = diff.duplicate(b, diff.remembered([c], START)[0], START)

    pointing = {"b": known_b, "a": diff.duplicate(a, known_b, START)}

    assert diff.same_thread(c, {**pointing, **known(c)}) is None
    assert diff.same_thread(b, known(b, c)).key == "c"


def test_a_new_page_of_a_known_duplicate_is_that_thread():
    """A third page id of a thread is no news, though only a duplicate bears its id."""
    known_b = diff.duplicate(card("b"), diff.remembered([card("c")], START)[0], START)
    third = replace(card("d"), posts=(Post(id="b", text=""),), whole=True)

    assert diff.same_thread(third, {"b": known_b}).key == "b"


def test_what_stands_above_on_a_swept_page_is_not_new():
    """An old item slipped between two pages; nobody looked for news there."""
    state = FeedState(feed_id="f", baselined=True, horizon=START - timedelta(days=20))
    page, known = [card("slipped", 400 * 24), card("old", 401 * 24)], diff.remembered([card("old", 401 * 24)], START)
    there = {one.key: one for one in known}

    assert diff.judge(state, page, there, ordered=True, swept=True).new == ()
    assert [e.key for e in diff.judge(state, page, there, ordered=True).new] == ["slipped"]

