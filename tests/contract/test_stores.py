"""What every store promises: `bot.protocols.Store`, sentence by sentence.

A new store joins by one more entry in `STORES`. `store.again()` is the same store, closed and opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import operator
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SchemaTooNew, StoreError, StoreLocked, StoreReadOnly, Unreadable
from bot.model import (
    Alert,
    Author,
    Changes,
    ChannelState,
    Delivery,
    Entry,
    Feed,
    FeedState,
    Known,
    Media,
    NextDue,
    Post,
    Record,
    Restored,
    Subscription,
    Trouble,
)
from bot.protocols import Store
from bot.stores import codec, moving
from bot.stores.files import Files
from bot.stores.journal import JournalStorage
from bot.stores.memory import MemoryStore
from bot.stores.tiny import TinyStore
from tests.faulty_files import Counting

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = "threadreader:ann"
BOB = "threadreader:bob"


async def open_memory(folder: Path) -> MemoryStore:
    return MemoryStore()


async def open_tiny(folder: Path) -> TinyStore:
    # Without waiting for the disk; the tests of what lasts open it with the real files.
    return await TinyStore.open(folder, files=Counting())


STORES: dict[str, Callable[[Path], Any]] = {"memory": open_memory, "tiny": open_tiny}
LASTING = ["tiny"]


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await STORES[request.param](tmp_path / "data")
    yield store
    await store.close()


@pytest.fixture
async def again(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[Store], Any]]:
    """Closes a store and opens it again, where it lasts."""
    opened: list[Store] = []

    async def close_and_open(store: Store) -> Store:
        if not isinstance(store, TinyStore):
            return store
        await store.close()
        opened.append(await open_tiny(tmp_path / "data"))
        return opened[-1]

    yield close_and_open
    for store in opened:
        await store.close()


def feed(feed_id: str = ANN, **more: Any) -> Feed:
    source, _, handle = feed_id.partition(":")
    return Feed(**{"id": feed_id, "source": source, "address": handle, "author": Author(handle=handle), **more})


def known(key: str, feed_id: str = ANN, **more: Any) -> Known:
    base = {"url": f"https://example.org/{key}", "state": "announced", "first_seen": NOW}
    return Known(**{"feed_id": feed_id, "key": key, **base, **more})


def delivery(delivery_id: str, **more: Any) -> Delivery:
    base = {"batch": delivery_id, "feed_id": ANN, "entry_key": "1", "channel": "me", "created_at": NOW, "due_at": NOW}
    return Delivery(**{"id": delivery_id, **base, **more})


def subscription(feed_id: str = ANN, channel: str = "me") -> Subscription:
    return Subscription(feed_id=feed_id, channel=channel, origin="follow")


def entry(key: str = "1", feed_id: str = ANN, **more: Any) -> Entry:
    base = {"url": f"https://example.org/{key}", "author": Author(handle="ann")}
    return Entry(**{"feed_id": feed_id, "key": key, **base, **more})


async def followed(store: Store, *feed_ids: str, **more: Any) -> None:
    for feed_id in feed_ids or (ANN,):
        await store.follow(feed(feed_id, **more), [subscription(feed_id)])


async def committed(store: Store, *deliveries: Delivery, **more: Any) -> None:
    await store.commit(Changes(feed_id=ANN, deliveries=deliveries, **more))


async def ids(store: Store, **which: Any) -> list[str]:
    return [row.id for row in await store.deliveries(**which)]


# -- values in, values out ----------------------------------------------------------------------------

FULL_FEED = Feed(
    id=ANN,
    source="threadreader",
    address="@Ann",
    author=Author(handle="ann", name="Ann \ud83d", url="https://example.org/ann", key="42"),
    url="https://example.org/user/ann",
    paused=True,
)
FULL_STATE = FeedState(
    feed_id=ANN,
    cursor={"etag": 'W/"x"', "n": 1, "deep": [1, None, {"a": 1.5}], "yes": True},
    baselined=True,
    horizon=NOW,
    next_poll_at=NOW + MINUTE,
    last_polled_at=NOW - MINUTE,
    last_success_at=NOW - 2 * MINUTE,
    held_until=NOW + 3 * MINUTE,
    failures=3,
    last_error="timed out",
    failing_since=NOW - MINUTE,
    fault="page",
    newest_key="9",
    newest_at=datetime(1969, 1, 1, tzinfo=UTC),
    sweep="page=2",
    sweep_at=NOW + 4 * MINUTE,
)
FULL_KNOWN = known(
    "9/a",
    state="waiting",
    title='A "title"\u2028 of 👍',
    aliases=("8", "7/b"),
    published=datetime(2020, 2, 29, 1, 2, 3, 4, tzinfo=UTC),
    post_count=0,
    content_hash="ab" * 32,
    looks=2,
    look_at=NOW,
    note="why",
    queued=("me", "team"),
    pruned=("old",),
    copy="pruned",
)
FULL_DELIVERY = delivery(
    "d",
    state="pending",
    attempts=2,
    error="refused",
    doubtful=True,
    claimed_at=NOW,
    sent_at=NOW + MINUTE,
)
FULL_CHANNEL = ChannelState(channel="me", failures=4, next_try_at=NOW, last_error="429", last_sent_at=NOW - MINUTE)
FULL_TROUBLE = Trouble(
    subject=f"feed:{ANN}",
    kind="failing",
    since=NOW,
    told_at=NOW + MINUTE,
    reason="timed out \ud83d",
    told=3,
    over_at=NOW + 2 * MINUTE,
)
FULL_ALERT = Alert(title="@ann cannot be read", lines=("timed out\n<b> \ud83d", ""), over=True)
FULL_ENTRY = entry(
    title="T",
    aliases=("2",),
    published=NOW,
    post_count=3,
    whole=True,
    posts=(
        Post(
            id="1",
            text="one\ntwo 👍 <b> \x00\ud83d",
            links=("https://example.org/a?b=c",),
            media=(Media(kind="image", url="https://example.org/i.png", alt="an image"),),
            quotes=("https://example.org/q",),
            reply_to=("bob",),
        ),
        Post(id="2", text=""),
    ),
)
FULL = Changes(feed_id=ANN, state=FULL_STATE, known=(FULL_KNOWN,), contents=(FULL_ENTRY,), deliveries=(FULL_DELIVERY,))


async def everything(store: Store) -> list[object]:
    return [
        await store.feeds(),
        await store.subscriptions(),
        await store.threads(),
        await store.known(ANN, ["9/a", "8", "7/b", "no"]),
        await store.content(ANN, "1"),
        await store.deliveries(),
        await store.channel("me"),
        await store.due_feeds(NOW + MINUTE),
        await store.due_looks(NOW),
        await store.next_due(),
        await store.orphans(),
        await store.troubles(),
        await store.poll_input(ANN),
        await store.poll_input(BOB),
    ]


async def fill(store: Store) -> None:
    await store.follow(FULL_FEED, [subscription(), subscription(channel="*")], FULL)
    await store.follow(feed(BOB), [replace(subscription(BOB), origin="settings", declared="@Bob")])
    await store.settle([], FULL_CHANNEL)
    await store.alert([FULL_TROUBLE])


async def test_feeds_come_back_as_given(store: Store) -> None:
    """Every field of a feed and of its polling state survives the store."""
    await fill(store)

    assert await store.feeds() == ((FULL_FEED, FULL_STATE), (feed(BOB), FeedState(feed_id=BOB)))


async def test_subscriptions_come_back_as_given_by_feed_id(store: Store) -> None:
    """Every subscription is listed, by feed id."""
    await fill(store)

    expected = (
        subscription(channel="*"),
        subscription(),
        Subscription(feed_id=BOB, channel="me", origin="settings", declared="@Bob"),
    )
    assert await store.subscriptions() == expected


async def test_threads_come_back_as_given(store: Store) -> None:
    """Every field of a known thread survives the store."""
    await fill(store)

    assert await store.threads() == (FULL_KNOWN,)


async def test_deliveries_come_back_as_given(store: Store) -> None:
    """Every field of a delivery survives the store."""
    await fill(store)

    assert await store.deliveries() == (FULL_DELIVERY,)


async def test_contents_come_back_as_given(store: Store) -> None:
    """Every field of a thread's content survives the store."""
    await fill(store)

    assert await store.content(ANN, "1") == FULL_ENTRY


async def test_channel_states_come_back_as_given(store: Store) -> None:
    """Every field of a channel's state survives the store."""
    await fill(store)

    assert await store.channel("me") == FULL_CHANNEL


async def test_troubles_come_back_as_given_by_id(store: Store) -> None:
    """Every field of a trouble survives the store."""
    silent = Trouble(subject="a", kind="silent", since=NOW, told_at=NOW)
    await store.alert([silent, FULL_TROUBLE])

    assert await store.troubles() == (FULL_TROUBLE, silent)


async def test_a_changed_cursor_does_not_reach_the_store(store: Store) -> None:
    """One that is changed after it went in."""
    cursor: dict[str, Any] = {"a": [1]}
    await followed(store)
    await store.commit(Changes(feed_id=ANN, state=FeedState(feed_id=ANN, cursor=cursor)))
    cursor["a"].append(2)

    again = await store.poll_input(ANN)
    assert again is not None
    assert again.state.cursor == {"a": [1]}


async def test_unknown_ids_are_answered_with_nothing(store: Store) -> None:
    """Asking for what is not there is no error, and neither is changing it."""
    await store.unsubscribe(["no"])
    await store.set_paused("no", True)
    await store.drop(["no"])
    await store.alert((), ["no"])
    await store.settle([delivery("no")])
    await store.prune(NOW)

    assert await store.feeds() == await store.subscriptions() == await store.deliveries() == ()
    assert await store.deliveries(ids=["no"]) == await store.threads("no") == await store.threads() == ()
    assert await store.known("no", ["1"]) == {}
    assert await store.content("no", "1") is await store.poll_input("no") is await store.claim("no", NOW) is None
    assert await store.channel("no") == ChannelState(channel="no")
    assert await store.next_due() == NextDue()
    assert await store.due_feeds(NOW) == await store.due_looks(NOW) == await store.orphans() == ()
    assert await store.troubles() == ()


async def test_close_is_idempotent(store: Store) -> None:
    """Closing twice is closing once."""
    await store.close()
    await store.close()


# -- who is followed ----------------------------------------------------------------------------------


async def test_feeds_are_listed_by_id(store: Store) -> None:
    """Feeds come by id, not by the order of following."""
    await followed(store, BOB, ANN)

    assert [feed.id for feed, _ in await store.feeds()] == [ANN, BOB]


async def test_following_again_keeps_the_state(store: Store) -> None:
    """A feed that is there keeps its polling state and its pause."""
    await fill(store)
    await store.follow(feed(), [])

    assert (await store.feeds())[0] == (FULL_FEED, FULL_STATE)


async def test_following_again_adds_subscriptions(store: Store) -> None:
    """A second follow adds its subscriptions to those that are there."""
    await followed(store)
    await store.follow(feed(), [subscription(channel="team")])

    assert {s.channel for s in await store.subscriptions()} == {"me", "team"}


async def test_changes_of_a_follow_are_committed_over_a_feed_that_is_there(store: Store) -> None:
    """`follow` with changes on a followed feed commits them."""
    await followed(store)
    await store.follow(feed(), [], Changes(feed_id=ANN, known=(known("1"),), state=FULL_STATE))

    got = await store.poll_input(ANN)
    assert got is not None
    assert (got.has_known, got.state) == (True, FULL_STATE)


async def test_losing_the_last_subscription_forgets_the_feed(store: Store) -> None:
    """State, threads and all deliveries of the feed go."""
    await followed(store, ANN, BOB)
    rows = [delivery(state, state=state) for state in ("pending", "sending", "unknown", "dead", "sent")]
    await committed(store, *rows, known=(known("1", aliases=("2",), state="waiting", look_at=NOW),))
    await store.unsubscribe([subscription().id])

    assert [feed.id for feed, _ in await store.feeds()] == [BOB]
    assert await store.known(ANN, ["1", "2"]) == {}
    assert await store.threads() == await store.threads(ANN) == await store.due_looks(NOW) == ()
    assert await ids(store) == []
    assert await store.claim("me", NOW) is None
    assert await store.due_feeds(NOW) == (BOB,)
    assert (await store.next_due()).looks is None


async def test_losing_one_of_two_subscriptions_keeps_the_feed(store: Store) -> None:
    """A feed with a subscription left keeps everything."""
    await store.follow(feed(), [subscription(), subscription(channel="team")])
    await committed(store, delivery("d"), known=(known("1"),))
    await store.unsubscribe([subscription().id])

    assert await store.subscriptions() == (subscription(channel="team"),)
    assert [thread.key for thread in await store.threads()] == ["1"]
    assert await ids(store) == ["d"]


async def test_a_forgotten_feed_starts_afresh(store: Store) -> None:
    """Following a forgotten feed again finds no state and no known thread."""
    await fill(store)
    await store.unsubscribe([s.id for s in await store.subscriptions()])
    await followed(store)

    got = await store.poll_input(ANN)
    assert got is not None
    assert (got.feed, got.state, got.has_known) == (feed(), FeedState(feed_id=ANN), False)


async def test_pausing_changes_nothing_else(store: Store) -> None:
    """A pause keeps state, threads and deliveries, and can be taken back."""
    await followed(store)
    await committed(store, delivery("d"), known=(known("1"),), state=FULL_STATE)
    before = await everything(store)
    await store.set_paused(ANN, True)
    paused = await store.poll_input(ANN)
    assert paused is not None
    assert paused.feed.paused
    await store.set_paused(ANN, False)

    assert await everything(store) == before


async def test_feeds_of_one_person_know_each_other(store: Store, again: Any) -> None:
    """Also after the store was opened again; nobody else does, and whoever leaves is alone."""
    await followed(store, ANN, BOB, "a:eve")
    await store.join(ANN, ANN)
    await store.join(BOB, ANN)
    store = await again(store)
    ann, bob, eve = [await store.poll_input(feed_id) for feed_id in (ANN, BOB, "a:eve")]
    await store.join(BOB, "")
    alone = await store.poll_input(ANN)

    assert ann and bob and eve and alone
    assert [one.id for one in ann.siblings] == [BOB]
    assert [one.id for one in bob.siblings] == [ANN]
    assert eve.siblings == alone.siblings == ()


async def test_who_was_forgotten_is_nobody_s_sibling(store: Store) -> None:
    await followed(store, ANN, BOB)
    for feed_id in (ANN, BOB):
        await store.join(feed_id, ANN)
    await store.unsubscribe([subscription(BOB).id])
    ann = await store.poll_input(ANN)

    assert ann
    assert ann.siblings == ()


# -- polling ------------------------------------------------------------------------------------------


async def test_a_feed_that_has_ended_is_never_due(store: Store, again: Any) -> None:
    """Nor is it what comes next; once that is taken back, it is due again."""
    await followed(store, ANN)
    ended = FeedState(feed_id=ANN, fault="ended", failures=1, next_poll_at=NOW - MINUTE)
    await store.commit(Changes(feed_id=ANN, state=ended))
    store = await again(store)
    before = (await store.due_feeds(NOW), (await store.next_due()).feeds)
    await store.amend([(ended, replace(ended, fault=""))])

    assert before == ((), None)
    assert await store.due_feeds(NOW) == (ANN,)


async def test_a_feed_moves(store: Store) -> None:
    """Its address changes, its id and author do not."""
    await followed(store, ANN)
    before = await store.poll_input(ANN)
    await store.commit(Changes(feed_id=ANN, moved_to="https://new.example/ann"))
    after = await store.poll_input(ANN)

    assert before and after
    assert after.feed == replace(before.feed, url="https://new.example/ann")


async def test_a_commit_may_say_something_of_a_sibling_s_threads(store: Store) -> None:
    """… where the sibling is followed; where else a thread stands is only ever added to."""
    await followed(store, ANN, BOB)
    await store.commit(Changes(feed_id=BOB, known=(known("b", BOB, also=("https://one",)),)))
    there = (await store.known(BOB, ["b"]))["b"]
    more = replace(there, also=("https://two",))
    await store.commit(Changes(feed_id=ANN, known=(more, known("e", "a:eve"))))

    assert (await store.known(BOB, ["b"]))["b"].also == ("https://one", "https://two")
    assert await store.threads("a:eve") == ()


async def test_a_claim_says_where_else_a_thread_stands(store: Store) -> None:
    """Also what became known after it was queued."""
    await followed(store, ANN)
    await committed(store, delivery("d", entry_key="1"), known=(known("1"),), contents=(entry("1"),))
    await store.commit(Changes(feed_id=ANN, known=(known("1", also=("https://there",)),)))
    batch = await store.claim("me", NOW)

    assert batch
    assert batch.entries[0].also == ("https://there",)


async def test_due_feeds_come_the_longest_due_first(store: Store) -> None:
    """Never polled first, then by `next_poll_at`; what is not due or is paused is left out."""
    times = {"a:now": NOW, "a:past": NOW - MINUTE, "a:later": NOW + MINUTE, "a:paused": NOW - MINUTE}
    await followed(store, *times, "a:never")
    for feed_id, when in times.items():
        await store.commit(Changes(feed_id=feed_id, state=FeedState(feed_id=feed_id, next_poll_at=when)))
    await store.set_paused("a:paused", True)

    assert await store.due_feeds(NOW) == ("a:never", "a:past", "a:now")


async def test_poll_input_holds_what_a_poll_starts_from(store: Store) -> None:
    """Feed, state, the feed's own subscriptions, and whether a thread is known."""
    await followed(store, ANN, BOB)
    before = await store.poll_input(ANN)
    await committed(store, known=(known("1", state="baseline"),))
    after = await store.poll_input(ANN)

    assert before is not None
    assert before.subscriptions == (subscription(),)
    assert not before.has_known
    assert after == replace(before, has_known=True)


async def test_a_thread_is_known_by_key_and_by_alias(store: Store) -> None:
    """Each id that names a thread of the feed is answered with that thread."""
    thread = known("1", aliases=("2", "3/x"))
    await followed(store, ANN, BOB)
    await committed(store, known=(thread,))

    assert await store.known(ANN, ["1", "2", "3/x", "4"]) == {"1": thread, "2": thread, "3/x": thread}
    assert await store.known(BOB, ["1", "2"]) == {}


async def test_a_key_goes_before_an_alias(store: Store) -> None:
    """An id that is one thread's key and another's alias names the first."""
    first, second = known("1"), known("2", aliases=("1",))
    await followed(store)
    await committed(store, known=(first, second))

    assert await store.known(ANN, ["1"]) == {"1": first}


async def test_aliases_follow_the_thread(store: Store) -> None:
    """A thread that is written again is known by its new aliases only."""
    await followed(store)
    await committed(store, known=(known("1", aliases=("2",)),))
    await committed(store, known=(known("1", aliases=("3",)),))

    assert set(await store.known(ANN, ["1", "2", "3"])) == {"1", "3"}


async def test_an_alias_stays_with_the_thread_that_has_it(store: Store) -> None:
    """An alias that two threads had still names the one that keeps it."""
    second = known("2", aliases=("x",))
    await followed(store)
    await committed(store, known=(known("1", aliases=("x",)),))
    await committed(store, known=(second,))
    await committed(store, known=(known("1"),))

    assert await store.known(ANN, ["x"]) == {"x": second}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b/c", "d"), ("a:b", "c/d")),
        (("a:b%2Fc", "d"), ("a:b/c", "d")),
        (("a:b", ""), ("a:", "b")),
        (("a:A", "k"), ("a:a", "k")),
        (("a", "k"), ("a:", "k")),
    ],
)
async def test_ids_are_never_confused(store: Store, one: tuple[str, str], other: tuple[str, str]) -> None:
    """Feeds and keys that look alike when joined are different threads with different contents."""
    pair = (one, other)
    await followed(store, *{feed_id for feed_id, _ in pair})
    for feed_id, key in pair:
        changes = Changes(feed_id=feed_id, known=(known(key, feed_id),), contents=(entry(key, feed_id),))
        await store.commit(changes)

    assert len(await store.threads()) == 2
    for feed_id, key in pair:
        assert await store.known(feed_id, [key]) == {key: known(key, feed_id)}
        assert await store.content(feed_id, key) == entry(key, feed_id)


async def test_a_commit_saves_all_of_it(store: Store) -> None:
    """State, author, threads, contents, deliveries and withdrawals of one commit are all there."""
    author = Author(handle="ann", name="Ann")
    await followed(store)
    await committed(store, delivery("old"))
    await committed(
        store,
        delivery("new"),
        state=FULL_STATE,
        author=author,
        known=(known("1"),),
        contents=(FULL_ENTRY,),
        withdrawn=("old",),
    )

    assert await store.feeds() == ((feed(author=author), FULL_STATE),)
    assert await store.known(ANN, ["1"]) == {"1": known("1", queued=("me",))}
    assert await store.content(ANN, "1") == FULL_ENTRY
    assert await ids(store) == ["new"]


async def test_a_commit_leaves_what_it_does_not_name(store: Store) -> None:
    """Without a state and an author, those stay as they are."""
    await fill(store)
    await committed(store, known=(known("1"),))

    assert (await store.feeds())[0] == (FULL_FEED, FULL_STATE)


async def test_a_commit_for_an_unfollowed_feed_does_nothing(store: Store) -> None:
    """A poll that ends after `unfollow` leaves no trace."""
    await followed(store)
    await committed(store, delivery("d"))
    await store.unsubscribe([subscription().id])
    before = await everything(store)
    await store.commit(FULL)

    assert await everything(store) == before


@pytest.mark.parametrize("state", ["sending", "sent", "unknown", "dead"])
async def test_a_commit_leaves_deliveries_whose_send_began(store: Store, state: Any) -> None:
    """A delivery in any state but `pending` is neither overwritten nor withdrawn by a commit."""
    begun = delivery("d", state=state)
    await followed(store)
    await committed(store, begun)
    await committed(store, delivery("d", due_at=NOW + MINUTE), withdrawn=("d",))

    assert await store.deliveries() == (begun,)


async def test_a_commit_overwrites_a_pending_delivery(store: Store) -> None:
    """What is pending is replaced, and keeps its place in the order."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b"))
    await committed(store, delivery("a", due_at=NOW + MINUTE))

    assert await store.deliveries() == (delivery("a", due_at=NOW + MINUTE), delivery("b"))


async def test_due_looks_come_the_longest_due_first(store: Store) -> None:
    """Threads whose time is reached, waiting or announced; not others, and not those of paused feeds."""
    await followed(store, ANN, BOB)
    await committed(
        store,
        known=(
            known("now", state="waiting", look_at=NOW),
            known("past", state="waiting", look_at=NOW - MINUTE),
            known("later", state="waiting", look_at=NOW + MINUTE),
            known("again", state="announced", look_at=NOW - 3 * MINUTE),
            known("done", state="announced"),
        ),
    )
    paused = known("p", BOB, state="waiting", look_at=NOW - 2 * MINUTE)
    await store.commit(Changes(feed_id=BOB, known=(paused,)))
    await store.set_paused(BOB, True)

    assert [thread.key for thread in await store.due_looks(NOW)] == ["again", "past", "now"]
    await store.set_paused(BOB, False)
    assert [thread.key for thread in await store.due_looks(NOW)] == ["again", "p", "past", "now"]


async def test_a_thread_that_was_read_is_no_longer_due(store: Store) -> None:
    """A thread that stops waiting leaves the looks."""
    await followed(store)
    await committed(store, known=(known("1", state="waiting", look_at=NOW),))
    await committed(store, known=(known("1"),))

    assert await store.due_looks(NOW) == ()
    assert (await store.next_due()).looks is None


async def test_content_is_what_was_kept_last(store: Store) -> None:
    """A thread that is kept again replaces what was kept before."""
    await followed(store)
    await committed(store, contents=(entry(title="old"),))
    await committed(store, contents=(FULL_ENTRY,))

    assert await store.content(ANN, "1") == FULL_ENTRY


async def test_earlier_versions_of_a_thread_stay(store: Store) -> None:
    """A thread that grew is kept in each of its forms; the newest is what is read without saying which."""
    first, second = entry(whole=True, title="one"), entry(whole=True, title="two", version=2, read_at=NOW)
    await followed(store)
    await committed(store, contents=(first,))
    await committed(store, contents=(second,))

    assert [await store.content(ANN, "1", version) for version in (None, 1, 2, 3)] == [second, first, second, None]


async def test_a_version_that_was_never_committed_is_replaced(store: Store) -> None:
    """The archive is written before the commit; where that fails, the next try writes the same version again."""
    first, lost, second = (entry(whole=True, title=title, version=n) for title, n in (("1", 1), ("2a", 2), ("2b", 2)))
    await followed(store)
    await committed(store, contents=(first,))
    await committed(store, contents=(lost,))
    await committed(store, contents=(second,))

    assert [await store.content(ANN, "1", version) for version in (1, 2)] == [first, second]


# -- the archive: pictures, search, bounds ------------------------------------------------------------

IMAGES = ("https://example.org/1.png", "https://example.org/2.jpg?a=b/../c")
TODAY = datetime.now(UTC)
"""Kept threads are as old as their files, so what is pruned is by the machine's own clock."""
LATER = TODAY + timedelta(days=40)


def illustrated(key: str = "1", **more: Any) -> Entry:
    media = tuple(Media(kind="image", url=url) for url in IMAGES)
    post = Post(id="1", text="text", media=(*media, Media(kind="video", url="https://example.org/v")))
    return entry(key, **{"whole": True, "posts": (post,), "read_at": TODAY, **more})


async def kept(store: Store, *keys: str, pictures: bool = False, **more: Any) -> None:
    """Threads that were told of long ago, read one after the other, whole."""
    await followed(store)
    for key in keys:
        contents = (illustrated(key, read_at=TODAY + timedelta(seconds=int(key))),)
        await committed(store, known=(known(key, version=1, told=1, **more),), contents=contents)
        await asyncio.sleep(0.02)  # so that the files differ in time
        if pictures:
            await store.keep_media(ANN, key, IMAGES[0], "image/png", b"1" * 1000)


async def pruned(store: Store, now: datetime = LATER, **bounds: Any) -> None:
    bounds = {"older_than": None, "most_bytes": None, **bounds}
    while await store.prune_copies(now, **bounds):
        pass


async def copies(store: Store, *keys: str) -> list[str]:
    """Which threads are kept, with what is said of their copies: `1`, `2 bare` without pictures, `(3 pruned)` gone."""
    said = {thread.key: f"{thread.key} {thread.copy}".strip() for thread in await store.threads(ANN)}
    return [said[key] if await store.content(ANN, key) else f"({said[key]})" for key in keys]


async def test_pictures_come_back_as_given(store: Store) -> None:
    """Kept pictures are found by address, those of the kept thread only."""
    await kept(store, "1")
    await store.keep_media(ANN, "1", IMAGES[1], "image/jpeg", b"\xff\xd8\xff")
    await store.keep_media(ANN, "1", "https://example.org/other", "image/png", b"other")

    assert await store.media(ANN, "1") == {IMAGES[1]: ("image/jpeg", b"\xff\xd8\xff")}


async def test_a_picture_of_a_kind_that_is_not_kept_is_refused(store: Store) -> None:
    """No SVG, no page: nothing that could be run."""
    await kept(store, "1")

    with pytest.raises(ValueError, match="image/svg"):
        await store.keep_media(ANN, "1", IMAGES[0], "image/svg+xml", b"<svg/>")


async def test_a_picture_of_an_unknown_thread_is_not_kept(store: Store) -> None:
    """An author who was unfollowed while pictures were fetched leaves none."""
    await kept(store, "1")
    await store.keep_media(ANN, "2", IMAGES[0], "image/png", b"1")
    await committed(store, contents=(illustrated("2"),))

    assert await store.media(ANN, "2") == {}


async def test_pictures_that_are_missing(store: Store) -> None:
    """Those that are not kept; of an unknown thread, and of one that was pruned, none are to be fetched."""
    await kept(store, "1", "2", "3")
    await store.keep_media(ANN, "1", IMAGES[0], "image/png", b"1")
    await store.keep_media(ANN, "2", IMAGES[0], "image/png", b"1")
    await pruned(store, older_than=TODAY - timedelta(days=1))
    missing = [await store.missing_media(ANN, key, IMAGES) for key in ("1", "9")]
    await pruned(store, LATER + timedelta(days=2), most_bytes=0)

    assert missing == [(IMAGES[1],), ()]
    assert await store.missing_media(ANN, "1", IMAGES) == ()


async def test_search_finds_kept_threads_the_newest_first(store: Store) -> None:
    """All words, anywhere in the thread; with the line, without the posts; of one author or of all."""
    await followed(store, ANN, BOB)
    posts = (Post(id="1", text="about Cats"), Post(id="2", text="and\nＤＯＧＳ too"))
    older = entry("1", published=NOW, title="older", posts=posts)
    newer = entry("2", published=NOW + MINUTE, title="newer", posts=posts)
    other = entry("3", BOB, published=NOW + 2 * MINUTE, title="cats and dogs")
    await committed(store, contents=(older, newer, entry("4", posts=posts[:1])))
    await store.commit(Changes(feed_id=BOB, contents=(other,)))
    every = await store.search('cats "dogs"')
    of_ann = await store.search("CATS dogs", ANN)

    assert [(found.entry.key, found.posts, found.line) for found in of_ann.found] == [
        ("2", 2, "about Cats"),
        ("1", 2, "about Cats"),
    ]
    assert [found.entry.key for found in every.found] == ["3", "2", "1"]
    assert every.found[1].entry == replace(newer, posts=())


async def test_what_is_older_is_pruned(store: Store) -> None:
    """By age, whole threads go with all that belongs to them, and are known to be gone."""
    await kept(store, "1", "2", pictures=True)
    await pruned(store, older_than=TODAY + timedelta(days=1))

    assert await copies(store, "1", "2") == ["(1 pruned)", "(2 pruned)"]
    assert await store.media(ANN, "1") == {}


async def test_without_a_bound_nothing_is_pruned(store: Store) -> None:
    """And what is not as old as the bound stays."""
    await kept(store, "1")
    await pruned(store)
    await pruned(store, older_than=TODAY - timedelta(days=1), most_bytes=10**9)

    assert await copies(store, "1") == ["1"]


async def test_a_young_thread_is_not_pruned(store: Store) -> None:
    """What was read within a day stays, whatever the bounds say."""
    await kept(store, "1", pictures=True)
    await pruned(store, TODAY + timedelta(hours=23), older_than=TODAY + timedelta(hours=23), most_bytes=0)

    assert await copies(store, "1") == ["1"]


async def test_pictures_of_the_oldest_go_first(store: Store) -> None:
    """What is too much goes in order: pictures of those that were read longest ago, and no more than must."""
    await kept(store, "1", "2", "3", pictures=True)
    total = await size_of(store, "1", "2", "3")
    await pruned(store, most_bytes=total - 1500)

    assert await copies(store, "1", "2", "3") == ["1 bare", "2 bare", "3"]
    assert [len(await store.media(ANN, key)) for key in ("1", "2", "3")] == [0, 0, 1]


async def test_old_versions_go_before_copies(store: Store) -> None:
    """With every picture gone, versions that are not the newest go, of all threads; then whole threads."""
    await kept(store, "1", "2")
    await committed(store, contents=(illustrated("1", version=2, title="x" * 1000),))
    await committed(store, contents=(illustrated("2", version=2, title="x" * 1000),))
    total = await size_of(store, "1", "2")
    await pruned(store, most_bytes=total + 100)

    assert await copies(store, "1", "2") == ["1", "2"]
    assert [await store.content(ANN, key, 1) for key in ("1", "2")] == [None, None]


async def size_of(store: Store, *keys: str) -> int:
    """How much the newest copies and the pictures of these threads take, as the store counts."""
    if isinstance(store, MemoryStore):
        pictures = sum(len(data) for media in store._media.values() for _, data in media.values())
        return sum(len(str(store._contents[ANN, key])) for key in keys) + pictures
    files = [path for path in Path(store._folder / "archive").glob("*/*/**/*") if path.is_file()]
    return sum(path.stat().st_size for path in files if path.parent.suffix != ".versions")


@pytest.mark.parametrize("state", ["pending", "sending", "unknown", "dead"])
async def test_what_a_delivery_needs_is_not_pruned(store: Store, state: Any) -> None:
    """A thread with a delivery that is not sent stays whole; one whose deliveries are all sent goes."""
    await kept(store, "1", "2", pictures=True)
    await committed(store, delivery("a", entry_key="1"), delivery("b", entry_key="2"))
    await store.settle([delivery("a", entry_key="1", state=state), delivery("b", entry_key="2", state="sent")])
    await pruned(store, older_than=TODAY + timedelta(days=1), most_bytes=0)

    assert await copies(store, "1", "2") == ["1", "(2 pruned)"]
    assert len(await store.media(ANN, "1")) == 1


@pytest.mark.parametrize("more", [{"state": "waiting"}, {"version": 2, "told": 1}])
async def test_what_a_look_or_growth_needs_is_not_pruned(store: Store, more: Any) -> None:
    """A thread whose own page is still to be read, and one whose growth nobody was told of, stay whole."""
    await kept(store, "1")
    await committed(store, known=(known("1", **{"version": 1, "told": 1, **more}),))
    await pruned(store, most_bytes=0)

    assert await store.content(ANN, "1") is not None


async def test_threads_of_the_unfollowed_are_pruned(store: Store) -> None:
    """What an author left who is not followed any more goes like the rest."""
    await kept(store, "1", pictures=True)
    await store.unsubscribe([subscription().id])
    await pruned(store, most_bytes=0)

    assert await store.content(ANN, "1") is None
    assert (await store.search("text")).found == ()


async def test_a_pruned_thread_that_is_kept_again_is_whole(store: Store) -> None:
    """What a commit says of the copy does not count; that it keeps the thread does."""
    await kept(store, "1", "2")
    await pruned(store, most_bytes=0)
    await committed(store, known=(known("1", title="new"), known("2", title="new")), contents=(illustrated("1"),))

    assert await copies(store, "1", "2") == ["1", "(2 pruned)"]
    assert {thread.title for thread in await store.threads()} == {"new"}


# -- sending ------------------------------------------------------------------------------------------


async def test_a_claim_marks_the_deliveries(store: Store) -> None:
    """A claimed delivery is `sending`, has one attempt more, and knows when."""
    await followed(store)
    await committed(store, delivery("d", attempts=1))
    batch = await store.claim("me", NOW)

    expected = (delivery("d", state="sending", attempts=2, claimed_at=NOW),)
    assert batch is not None
    assert (batch.id, batch.channel, batch.feeds, batch.deliveries) == ("d", "me", (feed(),), expected)
    assert await store.deliveries() == await store.orphans() == expected


async def test_growth_is_claimed_with_the_versions_that_it_tells_apart(store: Store) -> None:
    """Also when the thread has grown again meanwhile; and with the delivery that it answers."""
    versions = tuple(entry(whole=True, title=str(n), version=n) for n in (1, 2, 3))
    await followed(store)
    for version in versions:
        await committed(store, contents=(version,))
    await committed(store, delivery("first"))
    await store.settle([replace(delivery("first"), state="sent", receipt="$1")])
    await committed(store, delivery("more", event="grown", since=1, version=2, answers="first"))
    batch = await store.claim("me", NOW)

    assert batch is not None
    (item,) = batch.items
    assert (item.before, item.entry) == (versions[0], versions[1])
    assert item.first is not None
    assert item.first.receipt == "$1"


async def test_a_first_notice_tells_what_is_kept_when_it_is_sent(store: Store) -> None:
    """However long it waited."""
    await followed(store)
    await committed(store, delivery("first"), contents=(entry(whole=True),))
    await committed(store, contents=(entry(whole=True, title="grown", version=2),))
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert [one.title for one in batch.entries] == ["grown"]


async def test_events_of_a_thread_are_booked_apart(store: Store) -> None:
    """A thread knows each event that is queued for a channel; to drop one leaves the others."""
    await followed(store)
    rows = (delivery("a"), delivery("b", event="grown", since=1), delivery("c", event="gone", since=1))
    await committed(store, *rows, known=(known("1"),))
    before = (await store.threads())[0].queued
    await store.drop(["b"])

    assert before == ("me", "me gone 1", "me grown 1")
    assert (await store.threads())[0].queued == ("me", "me gone 1")


async def test_what_is_claimed_is_not_claimed_again(store: Store) -> None:
    """Two claims never give the same delivery."""
    await followed(store)
    await committed(store, delivery("d"))
    await store.claim("me", NOW)

    assert await store.claim("me", NOW) is None


@pytest.mark.parametrize("state", ["sending", "sent", "dead"])
async def test_only_pending_and_unknown_are_claimed(store: Store, state: Any) -> None:
    """What is under way, sent or dead is not claimed, nor what is due later or for another channel."""
    await followed(store)
    await committed(
        store, delivery("a", state=state), delivery("b", due_at=NOW + MINUTE), delivery("c", channel="team")
    )

    assert await store.claim("me", NOW) is None


async def test_unknown_is_claimed_again(store: Store) -> None:
    """A delivery that may have arrived is tried again once it is due."""
    await followed(store)
    await committed(store, delivery("d", state="unknown", doubtful=True, due_at=NOW))
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert batch.doubtful


async def test_the_oldest_due_batch_goes_first(store: Store) -> None:
    """Batches go in the order of creation among those that are due."""
    await followed(store)
    await committed(
        store,
        delivery("new", created_at=NOW),
        delivery("old", created_at=NOW - MINUTE),
        delivery("later", created_at=NOW - 2 * MINUTE, due_at=NOW + MINUTE),
    )
    claimed = [await store.claim("me", NOW) for _ in range(3)]

    assert [batch.id if batch else None for batch in claimed] == ["old", "new", None]


async def test_a_batch_goes_whole(store: Store) -> None:
    """All claimable deliveries of the batch go, in order, with their threads; the rest stay."""
    await followed(store)
    rows = [
        delivery("z", batch="b", entry_key="3"),
        delivery("y", batch="b", entry_key="2"),
        delivery("x", batch="b", entry_key="1", state="unknown"),
        delivery("dead", batch="b", state="dead"),
        delivery("team", batch="b", channel="team"),
        delivery("other", batch="c", due_at=NOW + MINUTE),
    ]
    await committed(store, *rows, contents=tuple(entry(key) for key in "123"))
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert [row.id for row in batch.deliveries] == ["z", "y", "x"]
    assert batch.entries == (entry("3"), entry("2"), entry("1"))
    assert await ids(store, states=["sending"]) == ["z", "y", "x"]


async def test_a_batch_waits_whole(store: Store) -> None:
    """While one delivery of a batch is not due, none of it is, and a later batch goes first."""
    await followed(store)
    rows = [delivery("a", batch="b"), delivery("z", batch="b", due_at=NOW + MINUTE), delivery("later", batch="c")]
    await committed(store, *rows)
    first, none = await store.claim("me", NOW), await store.claim("me", NOW)
    due = (await store.next_due()).deliveries
    whole = await store.claim("me", NOW + MINUTE)

    assert (first is not None and first.id, none, due) == ("c", None, {"me": NOW + MINUTE})
    assert whole is not None
    assert [row.id for row in whole.deliveries] == ["a", "z"]


async def test_a_claim_does_not_look_at_the_channel(store: Store) -> None:
    """A channel that must wait is the caller's business."""
    await followed(store)
    await committed(store, delivery("d"))
    await store.settle([], ChannelState(channel="me", next_try_at=NOW + MINUTE))

    assert await store.claim("me", NOW) is not None


async def test_a_thread_without_content_comes_with_what_is_known(store: Store) -> None:
    """A thread whose content was never kept has its address, title and count, but no posts."""
    thread = known("1", title="T", aliases=("2",), published=NOW, post_count=3)
    await followed(store)
    await committed(store, delivery("d"), known=(thread,))
    batch = await store.claim("me", NOW)

    assert batch is not None
    expected = entry(title="T", aliases=("2",), published=NOW, post_count=3)
    assert batch.entries == (expected,)


async def test_a_thread_that_is_not_known_still_comes(store: Store) -> None:
    """A delivery whose thread was forgotten is not lost: it comes with its key."""
    await followed(store)
    await committed(store, delivery("d"))
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert batch.entries == (Entry(feed_id=ANN, key="1", url="", author=Author(handle="ann")),)


async def test_settle_saves_as_given(store: Store) -> None:
    """Deliveries and channel are what they were said to be."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b"))
    sent = delivery("a", state="sent", sent_at=NOW, attempts=1)
    await store.settle([sent], FULL_CHANNEL)

    assert await store.deliveries() == (sent, delivery("b"))
    assert await store.channel("me") == FULL_CHANNEL


async def test_a_settled_delivery_keeps_its_place(store: Store) -> None:
    """A batch that failed and waits again is still before what was created later."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b"))
    batch = await store.claim("me", NOW)
    assert batch is not None
    await store.settle([replace(row, state="pending") for row in batch.deliveries])
    again = await store.claim("me", NOW)

    assert again is not None
    assert again.id == "a"


async def test_settle_does_not_bring_back_what_was_removed(store: Store) -> None:
    """A delivery that was dropped while it was sent stays dropped; the channel is saved."""
    await followed(store)
    await committed(store, delivery("d"))
    batch = await store.claim("me", NOW)
    assert batch is not None
    await store.drop(["d"])
    await store.settle(batch.deliveries, FULL_CHANNEL)

    assert await store.deliveries() == ()
    assert await store.channel("me") == FULL_CHANNEL


async def test_the_outbox_is_listed_in_the_order_of_creation(store: Store) -> None:
    """Rows come by creation; rows of one moment in the order in which they were committed."""
    await followed(store)
    await committed(store, delivery("c"), delivery("a"), delivery("old", created_at=NOW - MINUTE), delivery("b"))

    assert await ids(store) == ["old", "c", "a", "b"]


async def test_the_outbox_is_listed_by_state_and_id(store: Store) -> None:
    """States and ids narrow the listing, also together; no state at all is nothing."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b", state="sent"), delivery("c", state="dead"))

    assert await ids(store, states=["dead", "pending"]) == ["a", "c"]
    assert await ids(store, states=["sent"]) == ["b"]
    assert await ids(store, ids=["c", "b", "c", "x"]) == ["b", "c"]
    assert await ids(store, states=["dead"], ids=["a", "c"]) == ["c"]
    assert await ids(store, states=[]) == await ids(store, ids=[]) == []


def alert_row(delivery_id: str, **more: Any) -> Delivery:
    return delivery(delivery_id, feed_id="", entry_key="", alert=FULL_ALERT, **more)


async def test_an_alert_is_one_step(store: Store) -> None:
    """Troubles are saved over those of their id, ended ones go, and what tells it is queued."""
    ended = Trouble(subject="a", kind="silent", since=NOW, told_at=NOW)
    await store.alert([FULL_TROUBLE, ended])
    again = replace(FULL_TROUBLE, told=4)
    await store.alert([again], [ended.id], [alert_row("a")])

    assert await store.troubles() == (again,)
    assert await store.deliveries() == (alert_row("a"),)


async def test_an_alert_is_claimed_without_threads(store: Store) -> None:
    """A batch of alerts carries what they tell, and no entry."""
    await store.alert((), (), [alert_row("a", batch="x"), alert_row("b", batch="x")])
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert (batch.id, batch.alerts, batch.entries) == ("x", (FULL_ALERT, FULL_ALERT), ())


async def test_an_alert_outlives_the_author(store: Store) -> None:
    """Unfollowing everybody takes no alert out of the outbox, nor what is known of trouble."""
    await fill(store)
    await store.alert((), (), [alert_row("a")])
    await store.unsubscribe([s.id for s in await store.subscriptions()])

    assert await ids(store) == ["a"]
    assert await store.troubles() == (FULL_TROUBLE,)


async def test_an_alert_leaves_deliveries_whose_send_began(store: Store) -> None:
    """An alert that is queued again is not sent again."""
    await store.alert((), (), [alert_row("a")])
    await store.claim("me", NOW)
    before = await store.deliveries()
    await store.alert((), (), [alert_row("a", due_at=NOW + MINUTE)])

    assert await store.deliveries() == before


async def test_dropped_rows_are_gone(store: Store) -> None:
    """A dropped row is neither listed nor claimed, whatever its state."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b", state="sent"), delivery("c"))
    await store.drop(["a", "b"])

    assert await ids(store) == ["c"]
    batch = await store.claim("me", NOW)
    assert batch is not None
    assert batch.id == "c"


# -- the rest -----------------------------------------------------------------------------------------


async def test_threads_come_the_newest_first(store: Store) -> None:
    """By `published`, then by key; those without a date come last."""
    await followed(store, ANN, BOB)
    await committed(
        store,
        known=(
            known("b", published=NOW),
            known("a", published=NOW),
            known("none"),
            known("new", published=NOW + MINUTE),
        ),
    )
    await store.commit(Changes(feed_id=BOB, known=(known("bob", BOB, published=NOW - MINUTE),)))

    assert [thread.key for thread in await store.threads()] == ["new", "a", "b", "bob", "none"]
    assert [thread.key for thread in await store.threads(BOB)] == ["bob"]


async def test_next_due_is_the_earliest_of_each_kind(store: Store) -> None:
    """Polls and looks of feeds that are not paused, and each channel's next claimable delivery."""
    await followed(store, ANN, BOB)
    for feed_id, minutes in ((ANN, 2), (BOB, 1)):
        await store.commit(
            Changes(
                feed_id=feed_id,
                state=FeedState(feed_id=feed_id, next_poll_at=NOW + minutes * MINUTE),
                known=(known("1", feed_id, state="waiting", look_at=NOW + 10 * minutes * MINUTE),),
            )
        )
    await store.set_paused(BOB, True)
    await committed(
        store,
        delivery("a", due_at=NOW + 5 * MINUTE),
        delivery("b", due_at=NOW + 4 * MINUTE, state="unknown"),
        delivery("c", due_at=NOW, state="dead"),
        delivery("d", due_at=NOW, channel="dead", state="dead"),
    )

    expected = NextDue(feeds=NOW + 2 * MINUTE, looks=NOW + 20 * MINUTE, deliveries={"me": NOW + 4 * MINUTE})
    assert await store.next_due() == expected


async def test_a_channel_that_must_wait_is_due_later(store: Store) -> None:
    """A channel's time is its next try, where that is later than its next delivery."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b", channel="team", due_at=NOW + 2 * MINUTE))
    for name in ("me", "team"):
        await store.settle([], ChannelState(channel=name, next_try_at=NOW + MINUTE))

    assert (await store.next_due()).deliveries == {"me": NOW + MINUTE, "team": NOW + 2 * MINUTE}


async def test_a_feed_that_was_never_polled_is_due_in_the_past(store: Store) -> None:
    """Where no time is set, there is work now."""
    await followed(store)

    feeds = (await store.next_due()).feeds
    assert feeds is not None
    assert feeds < NOW


async def test_prune_forgets_old_sent_rows_only(store: Store) -> None:
    """Sent rows older than that go; newer ones and unsent ones stay, and threads stay known."""
    await followed(store)
    await committed(
        store,
        delivery("old", state="sent", sent_at=NOW - MINUTE),
        delivery("new", state="sent", sent_at=NOW),
        delivery("dead", state="dead", sent_at=NOW - MINUTE),
        known=(known("1"),),
    )
    await store.prune(NOW)

    assert await ids(store) == ["new", "dead"]
    assert set(await store.known(ANN, ["1"])) == {"1"}


async def test_what_is_as_it_was_read_is_amended(store: Store) -> None:
    """A state, a thread, a delivery and a channel, each in place of the value that is stored."""
    await followed(store)
    await committed(store, delivery("a"), known=(known("1"),))
    ((_, state),) = await store.feeds()
    (thread,), (row,), channel = await store.threads(), await store.deliveries(), await store.channel("me")
    after = (
        replace(state, failures=2),
        replace(thread, note="mended"),
        replace(row, error="mended"),
        replace(channel, failures=3),
    )
    await store.amend(zip((state, thread, row, channel), after, strict=True))

    assert (await store.feeds())[0][1] == after[0]
    assert (await store.threads(), await store.deliveries()) == ((after[1],), (after[2],))
    assert await store.channel("me") == after[3]


async def test_what_changed_since_is_not_amended(store: Store) -> None:
    """A notice that was sent meanwhile stays sent; what was forgotten does not come back."""
    await followed(store)
    await committed(store, delivery("a"))
    (row,) = await store.deliveries()
    sent = replace(row, state="sent", sent_at=NOW)
    await store.settle([sent])
    gone = FeedState(feed_id=BOB)
    await store.amend([(row, replace(row, error="mended")), (gone, replace(gone, failures=1))])

    assert await store.deliveries() == (sent,)
    assert [state.feed_id for _, state in await store.feeds()] == [ANN]


# -- the books: `Known.queued` says which channels have a row -------------------------------------------


async def books(store: Store) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return {thread.key: (thread.state, thread.queued, thread.pruned) for thread in await store.threads()}


async def test_a_commit_books_what_it_queues(store: Store) -> None:
    """Each channel that a thread is queued for stands in `queued`, in order, whatever the commit says of it."""
    await followed(store)
    await committed(store, known=(known("1", state="baseline"),))
    rows = delivery("a", channel="team"), delivery("b")
    await committed(store, *rows, known=(known("1", queued=("other",)),))

    assert await books(store) == {"1": ("announced", ("me", "team"), ())}


async def test_what_a_new_thread_was_meant_for_is_booked_as_given(store: Store) -> None:
    """A new thread's `queued` is what its commit says, so that a row that was never made shows."""
    await followed(store)
    await committed(store, delivery("a"), known=(known("1", queued=("me", "team")),))

    assert await books(store) == {"1": ("announced", ("me", "team"), ())}


async def test_queueing_again_keeps_the_books_of_what_was_sent(store: Store) -> None:
    """A later backfill for another channel leaves the first one's row, and its booking."""
    await followed(store)
    await committed(store, delivery("a", state="sent"), known=(known("1"),))
    again = delivery("a"), delivery("b", channel="team")
    await committed(store, *again, known=(known("1", queued=("team",)),))

    assert await books(store) == {"1": ("announced", ("me", "team"), ())}


async def test_a_withdrawal_is_booked_where_it_counts(store: Store) -> None:
    """The channel of a withdrawn row leaves `queued`; that of a row whose send began stays, as the row does."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b", channel="team", state="sending"), known=(known("1"),))
    await committed(store, withdrawn=("a", "b"), known=(known("1", state="duplicate"),))

    assert await books(store) == {"1": ("duplicate", ("team",), ())}
    assert await ids(store) == ["b"]


async def test_dropping_the_last_row_marks_the_thread(store: Store) -> None:
    """A thread whose rows were all dropped is `dropped`, in the same step; it is not looked at any more."""
    await followed(store)
    await committed(store, delivery("a"), known=(known("1", state="waiting", look_at=NOW),))
    await store.drop(["a"])
    (thread,) = await store.threads()

    assert (thread.state, thread.queued, thread.look_at, thread.note) == ("dropped", (), None, "dropped by hand")
    assert await store.due_looks(NOW) == ()


async def test_dropping_one_of_two_rows_leaves_the_thread(store: Store) -> None:
    """A thread that still goes to another channel is no dropped one."""
    await followed(store)
    await committed(store, delivery("a"), delivery("b", channel="team"), known=(known("1"),))
    await store.drop(["a"])

    assert await books(store) == {"1": ("announced", ("team",), ())}


async def test_a_dropped_thread_stays_so_unless_it_is_queued_again(store: Store) -> None:
    """A look that had begun before the drop does not undo it; queueing the thread anew does."""
    await followed(store)
    waiting = known("1", state="waiting", look_at=NOW)
    await committed(store, delivery("a"), known=(waiting,))
    await store.drop(["a"])
    await committed(store, known=(replace(waiting, looks=2, queued=("me",)),))
    kept = await books(store)
    await committed(store, delivery("a"), known=(known("1"),))

    assert kept == {"1": ("dropped", (), ())}
    assert await books(store) == {"1": ("announced", ("me",), ())}


async def test_prune_moves_the_channel_to_what_was_forgotten(store: Store) -> None:
    """What was sent long ago is told from what was never queued; queueing it again brings it back."""
    await followed(store)
    old = delivery("a", state="sent", sent_at=NOW - MINUTE)
    await committed(store, old, delivery("b", channel="team"), known=(known("1"),))
    await store.prune(NOW)
    forgotten = await books(store)
    await committed(store, delivery("a"), known=(known("1"),))

    assert forgotten == {"1": ("announced", ("team",), ("me",))}
    assert await books(store) == {"1": ("announced", ("me", "team"), ())}


async def test_rows_of_no_thread_leave_the_books_alone(store: Store) -> None:
    """A delivery without a thread is queued, dropped and pruned like any other, and books nothing."""
    await followed(store)
    await committed(store, delivery("a", entry_key=""), delivery("b", entry_key="", state="sent"), known=(known("1"),))
    await store.drop(["a"])
    await store.prune(NOW + MINUTE)

    assert await ids(store) == []
    assert await books(store) == {"1": ("announced", (), ())}


# -- stores agree ------------------------------------------------------------------------------------

MINUTES = st.integers(-2, 2).map(lambda n: NOW + n * MINUTE)
FEED_IDS = st.sampled_from([ANN, BOB])
STATES: list[Any] = ["pending", "sending", "sent", "unknown", "dead"]
ROWS = {"a": ("1", "me"), "b": ("1", "team"), "c": ("2", "me"), "d": ("2", "team"), "alert": ("", "me")}
DELIVERIES = st.builds(
    lambda name, **more: delivery(name, entry_key=ROWS[name][0], channel=ROWS[name][1], **more),
    st.sampled_from(sorted(ROWS)),
    batch=st.sampled_from(["x", "y"]),
    created_at=MINUTES,
    due_at=MINUTES,
    state=st.sampled_from(STATES),
    sent_at=st.none() | MINUTES,
)
CHANGES = st.builds(
    lambda feed_id, next_poll_at, threads, rows, withdrawn: Changes(
        feed_id=feed_id,
        state=FeedState(feed_id=feed_id, next_poll_at=next_poll_at),
        known=tuple(replace(thread, feed_id=feed_id) for thread in threads),
        # As in the program, a row's id follows from its thread and channel, and its thread is known.
        deliveries=tuple(
            replace(row, feed_id=feed_id, id=f"{feed_id} {row.id}")
            for row in rows
            if row.entry_key in ("", *(thread.key for thread in threads))
        ),
        withdrawn=tuple(f"{feed_id} {name}" for name in withdrawn),
    ),
    FEED_IDS,
    st.none() | MINUTES,
    st.lists(
        st.builds(
            known,
            st.sampled_from(["1", "2"]),
            state=st.sampled_from(["waiting", "announced"]),
            look_at=st.none() | MINUTES,
            published=st.none() | MINUTES,
        ),
        max_size=2,
    ),
    st.lists(DELIVERIES, max_size=3),
    st.lists(st.sampled_from(["a", "b"]), max_size=1),
)
CALLS = st.one_of(
    st.tuples(st.just("follow"), st.builds(feed, FEED_IDS), FEED_IDS.map(lambda i: [subscription(i)])),
    st.tuples(st.just("unsubscribe"), FEED_IDS.map(lambda i: [subscription(i).id])),
    st.tuples(st.just("set_paused"), FEED_IDS, st.booleans()),
    st.tuples(st.just("commit"), CHANGES),
    st.tuples(st.just("commit"), CHANGES),
    st.tuples(st.just("claim"), st.sampled_from(["me", "team"]), MINUTES),
    st.tuples(
        st.just("settle"),
        st.lists(st.builds(lambda row: replace(row, id=f"{ANN} {row.id}"), DELIVERIES), max_size=2),
    ),
    st.tuples(st.just("drop"), st.lists(st.sampled_from([f"{ANN} a", f"{ANN} b", f"{BOB} a"]), max_size=2)),
    st.tuples(st.just("prune"), MINUTES),
    st.tuples(
        st.just("alert"),
        st.lists(st.builds(Trouble, subject=FEED_IDS, kind=st.just("silent"), since=MINUTES, told_at=MINUTES)),
        st.lists(FEED_IDS.map(lambda feed_id: f"silent {feed_id}"), max_size=1),
        st.lists(DELIVERIES.map(lambda row: replace(row, feed_id="", entry_key="", alert=FULL_ALERT)), max_size=2),
    ),
)


async def agree(store: Store) -> None:
    """The books and the outbox say the same."""
    booked = {(thread.feed_id, thread.key, channel) for thread in await store.threads() for channel in thread.queued}
    rows = [(row.feed_id, row.entry_key, row.channel) for row in await store.deliveries() if row.entry_key]
    assert sorted(rows) == sorted(booked)


@settings(max_examples=80, deadline=None)
@given(calls=st.lists(CALLS, max_size=25))
async def test_every_store_gives_the_same_answers(calls: list[Any]) -> None:
    """Random calls have the same results in every store, and leave the same behind; also after opening again."""
    with tempfile.TemporaryDirectory() as folder:
        stores = {kind: await open_store(Path(folder) / kind) for kind, open_store in STORES.items()}
        for name, *arguments in [("follow", feed(), [subscription()]), *calls]:
            answers = [await getattr(store, name)(*arguments) for store in stores.values()]
            assert answers == [answers[0]] * len(answers)
            states = [await everything(store) for store in stores.values()]
            assert states == [states[0]] * len(states)
            await agree(stores["memory"])
        for kind, store in stores.items():
            await store.close()
            if kind in LASTING:
                again = await STORES[kind](Path(folder) / kind)
                assert await everything(again) == states[0]
                await again.close()


# -- stores that last ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LASTING)
async def test_opening_again_gives_the_same(kind: str, tmp_path: Path) -> None:
    """Everything is there after a close, and the queues go on where they were."""
    store = await STORES[kind](tmp_path)
    await fill(store)
    await committed(store, delivery("a"), delivery("b"), delivery("c", state="sent"))
    await store.claim("me", NOW)
    before = await everything(store)
    await store.close()
    store = await STORES[kind](tmp_path)

    assert await everything(store) == before
    await store.close()


@pytest.mark.parametrize("kind", LASTING)
async def test_a_reader_sees_the_same_without_the_lock(kind: str, tmp_path: Path) -> None:
    """A reader beside the writer sees all that was committed, and changes nothing."""
    store = await STORES[kind](tmp_path)
    await fill(store)
    reader = await TinyStore.open(tmp_path, read_only=True)

    assert await everything(reader) == await everything(store)
    for change in (
        reader.follow(feed(), []),
        reader.unsubscribe([]),
        reader.set_paused(ANN, False),
        reader.commit(FULL),
        reader.claim("me", NOW),
        reader.settle([]),
        reader.drop([]),
        reader.prune(NOW),
        reader.alert([FULL_TROUBLE]),
    ):
        with pytest.raises(StoreReadOnly):
            await change
    await reader.close()
    await store.close()


async def test_reading_where_nothing_is_creates_nothing(tmp_path: Path) -> None:
    """A reader of a folder that is not there sees an empty store and leaves the disk alone."""
    reader = await TinyStore.open(tmp_path / "none", read_only=True)

    assert await reader.feeds() == ()
    assert list(tmp_path.iterdir()) == []
    await reader.close()


async def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """A second process learns who has the store; the first one goes on."""
    store = await TinyStore.open(tmp_path)
    script = f"""
import asyncio, sys
from bot.errors import StoreLocked
from bot.stores.tiny import TinyStore
from tests.faulty_files import Counting
try:
    asyncio.run(TinyStore.open({str(tmp_path)!r}))
except StoreLocked as e:
    print(e.pid, "running as pid" in str(e))
"""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.stdout.split(), done.stderr) == ([str(os.getpid()), "True"], "")
    assert TinyStore.owner(tmp_path) == os.getpid()
    await followed(store)
    await store.close()
    assert TinyStore.owner(tmp_path) is None


async def test_the_lock_is_free_after_close(tmp_path: Path) -> None:
    """What was refused while the store was open works once it is closed."""
    store = await TinyStore.open(tmp_path)
    with pytest.raises(StoreLocked):
        await TinyStore.open(tmp_path)
    await store.close()

    await (await TinyStore.open(tmp_path)).close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Asking a closed store is an error, not a hang."""
    store = await TinyStore.open(tmp_path)
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.feeds()


async def test_files_are_private(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    for mask in (0o000, 0o777):
        folder = tmp_path / f"{mask:o}" / "deep"
        old = os.umask(mask)
        try:
            store = await TinyStore.open(folder)
            await fill(store)
            await store.close()
        finally:
            os.umask(old)
        modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}

        assert modes == {True: 0o700, False: 0o600}


class Refusing(Files):
    """A folder that may not be written to. (Root may write anywhere, so the refusal is made here.)"""

    def open(self, path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))


async def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """The error names the folder, the user and the mend."""
    with pytest.raises(StoreError, match=rf"{tmp_path}.*uid {os.getuid()}.*chown"):
        await TinyStore.open(tmp_path, files=Refusing())


async def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    """The data folder must be a folder."""
    (tmp_path / "data").write_text("x")

    with pytest.raises(StoreError, match="cannot write to the data folder"):
        await TinyStore.open(tmp_path / "data")


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A store of a newer version is not touched."""
    JournalStorage(tmp_path / "store.json", schema=99).close()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(SchemaTooNew, match="newer version"):
        await TinyStore.open(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


async def test_damaged_content_does_not_stop_a_claim(tmp_path: Path) -> None:
    """A thread whose file is damaged comes with what is known, and asking for it is an error that names the file."""
    store = await TinyStore.open(tmp_path)
    await followed(store)
    await committed(store, delivery("d"), known=(known("1", title="T"),), contents=(FULL_ENTRY,))
    (file,) = (tmp_path / "archive").rglob("*.json")
    file.write_text("{")
    batch = await store.claim("me", NOW)

    assert batch is not None
    assert batch.entries == (entry(title="T"),)
    with pytest.raises(StoreError, match=str(file)):
        await store.content(ANN, "1")
    await store.close()


async def test_many_commits_share_one_wait_for_the_disk(tmp_path: Path) -> None:
    """Commits that were asked for together are saved together, each with its own answer."""
    store = await TinyStore.open(tmp_path)
    feed_ids = [f"a:{n}" for n in range(50)]
    await asyncio.gather(*(store.follow(feed(feed_id), [subscription(feed_id)]) for feed_id in feed_ids))
    await store.close()
    lines = sum(len(path.read_bytes().splitlines()) - 1 for path in tmp_path.glob("store.*.journal"))

    assert 1 <= lines < len(feed_ids)
    reader = await TinyStore.open(tmp_path, read_only=True)
    assert len(await reader.feeds()) == len(feed_ids)
    await reader.close()


class Full(Files):
    """A disk that takes no journal record while it is `full`."""

    full = False

    def fsync(self, fd: int) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().fsync(fd)


async def test_a_full_disk_changes_nothing_and_is_survived(tmp_path: Path) -> None:
    """A commit that cannot be saved is an error and leaves no trace; the next one works without a restart."""
    files = Full()
    store = await TinyStore.open(tmp_path, files=files)
    await fill(store)
    before = await everything(store)
    files.full = True
    failed = await asyncio.gather(
        store.follow(feed("a:c"), [subscription("a:c")]),
        store.claim("me", NOW),
        store.unsubscribe([s.id for s in await store.subscriptions()]),
        store.drop(["d"]),
        return_exceptions=True,
    )
    assert [type(error) for error in failed] == [StoreError] * 4
    assert await everything(store) == before
    files.full = False
    assert await store.claim("me", NOW) is not None
    expected = await everything(store)
    await store.close()

    reader = await TinyStore.open(tmp_path, read_only=True)
    assert await everything(reader) == expected
    await reader.close()


async def test_a_cancelled_caller_does_not_cancel_the_commit(tmp_path: Path) -> None:
    """What was asked for is done, also if whoever asked is gone."""
    store = await TinyStore.open(tmp_path)
    asked = asyncio.ensure_future(followed(store))
    await asyncio.sleep(0)
    asked.cancel()

    assert len(await store.feeds()) == 1
    await store.close()


# -- moving to another store --------------------------------------------------------------------------


async def exported(store: Store) -> tuple[Record, ...]:
    return tuple([record async for record in store.export()])


@pytest.fixture(params=STORES)
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await STORES[request.param](tmp_path / "other")
    yield store
    await store.close()


async def moved(store: Store, other: Store, **more: Any) -> Restored:
    records = await exported(store)
    return await other.restore(lambda: iter(records), **more)


async def fill_more(store: Store) -> None:
    """Everything, with threads and rows whose books fit, as a running program leaves them."""
    await fill(store)
    rows = [delivery(f"{n}", entry_key=f"{n}", created_at=NOW - n * MINUTE) for n in range(3)]
    threads = [known(f"{n}", version=1, told=1) for n in range(3)]
    texts = [entry(f"{n}", whole=True, title=f"text {n}") for n in range(3)]
    await committed(store, *rows, known=tuple(threads), contents=tuple(texts))
    await store.settle([replace(rows[1], state="sent", sent_at=NOW)])
    told = delivery("alert", feed_id="", entry_key="", batch="alerts", alert=FULL_ALERT)
    await store.alert([], deliveries=[told])


async def test_an_export_makes_another_store_the_same(store: Store, other: Store) -> None:
    """What was exported from one store and restored in another is all there, value by value, in every pair."""
    await fill_more(store)
    await moved(store, other)

    assert await everything(store) == await everything(other)


async def test_what_is_exported_again_is_the_same(store: Store, other: Store) -> None:
    """Export, restore, export: the same documents, in whatever order."""
    await fill_more(store)
    await moved(store, other)

    def by_id(records: tuple[Record, ...]) -> dict[tuple[str, str], Record]:
        return {(record.table, record.id): record for record in records}

    assert by_id(await exported(store)) == by_id(await exported(other))


async def test_a_restored_store_lasts(store: Store, tmp_path: Path) -> None:
    """What was restored is there after the store was closed and opened again."""
    await fill_more(store)
    other = await open_tiny(tmp_path / "other")
    await moved(store, other)
    await other.close()
    again = await open_tiny(tmp_path / "other")

    assert await everything(store) == await everything(again)
    await again.close()


async def test_an_export_comes_with_every_version_of_a_thread(store: Store, other: Store) -> None:
    """Growth that was not told needs the text that was: older versions come along."""
    await followed(store)
    for version in (1, 2, 3):
        text = entry(whole=True, version=version, title=f"as in {version}")
        await committed(store, known=(known("1", version=version, told=1),), contents=(text,))
    restored = await moved(store, other)

    kept = [await other.content(ANN, "1", version) for version in (1, 2, None)]
    assert [text and text.title for text in kept] == ["as in 1", "as in 2", "as in 3"]
    assert restored.texts == 3


async def test_an_export_leaves_out_what_is_pruned(store: Store, other: Store) -> None:
    """A thread whose copy was pruned is known in the other store, without one."""
    await followed(store)
    old = NOW - timedelta(days=9)
    text = entry(whole=True, read_at=old)
    await committed(store, known=(known("1", version=1, told=1),), contents=(text,))
    for _ in range(20):
        if not await store.prune_copies(NOW + timedelta(days=99), older_than=NOW + timedelta(days=90), most_bytes=None):
            break
    await moved(store, other)

    assert (await other.threads())[0].copy == "pruned"
    assert await other.content(ANN, "1") is None


async def test_restoring_says_what_was_added(store: Store, other: Store) -> None:
    """Authors, threads, notices that are not sent, kept texts, and what was on its way."""
    await fill_more(store)
    batch = await store.claim("me", NOW + MINUTE)
    assert batch is not None
    restored = await moved(store, other)

    assert (restored.added, restored.threads, restored.deliveries) == ((ANN, BOB), 4, 4)
    assert restored.sending == tuple(row.id for row in batch.deliveries)


async def test_restoring_what_is_there_changes_nothing(store: Store) -> None:
    """The same export a second time, into the store it came from."""
    await fill_more(store)
    before = await everything(store)
    restored = await moved(store, store)

    assert restored == Restored(held=(ANN, BOB))
    assert await everything(store) == before


async def test_restoring_an_older_export_changes_nothing(store: Store) -> None:
    """What was sent, dropped, pruned and found since the export was made stays as it is: nothing is queued again."""
    await fill_more(store)
    records = await exported(store)
    await store.settle([replace(row, state="sent", sent_at=NOW) for row in await store.deliveries(["pending"])])
    await store.prune(NOW + MINUTE)
    await committed(store, delivery("new", entry_key="new"), known=(known("new"),))
    before = await everything(store)
    restored = await store.restore(lambda: iter(records))

    assert restored == Restored(held=(ANN, BOB))
    assert await everything(store) == before


async def test_restoring_adds_to_who_is_there_already(store: Store, other: Store) -> None:
    """Authors who are in one of the two only are all there in the end."""
    await followed(store, ANN)
    await followed(other, BOB)
    restored = await moved(store, other)

    assert restored.added == (ANN,)
    assert [feed.id for feed, _ in await other.feeds()] == [ANN, BOB]


async def test_restoring_refuses_who_is_there_with_less(store: Store, other: Store) -> None:
    """An author who was followed anew here, without a notice that waits there: nothing is added, nobody is lost."""
    await followed(store, ANN, BOB)
    await committed(store, delivery("d"), known=(known("1"),))
    await followed(other, ANN)
    await other.commit(Changes(feed_id=ANN, known=(known("1", state="baseline"),)))
    before = await everything(other)
    restored = await moved(store, other)

    assert restored == Restored(conflicts=(ANN,))
    assert await everything(other) == before


async def test_restoring_refuses_a_thread_that_is_not_known_here(store: Store, other: Store) -> None:
    """It would be announced here a second time once it is listed again."""
    await followed(store)
    await committed(store, known=(known("1", pruned=("me",)),))
    await followed(other)

    assert (await moved(store, other)).conflicts == (ANN,)


async def test_restoring_refuses_a_thread_that_waits_there_and_is_baseline_here(store: Store, other: Store) -> None:
    """It would never be announced."""
    for each, state in ((store, "waiting"), (other, "baseline")):
        await followed(each)
        await each.commit(Changes(feed_id=ANN, known=(known("1", state=state),)))

    assert (await moved(store, other)).conflicts == (ANN,)


async def test_restoring_does_not_bring_back_what_was_dropped_since(store: Store) -> None:
    """A notice that a person took out of the outbox stays out."""
    await followed(store)
    await committed(store, delivery("d"), known=(known("1"),))
    records = await exported(store)
    await store.drop(["d"])
    restored = await store.restore(lambda: iter(records))

    assert restored == Restored(held=(ANN,))
    assert await store.deliveries() == ()


async def test_the_feeds_of_one_person_are_so_in_the_other_store(store: Store, other: Store) -> None:
    """Else the same thread would be told from each of them."""
    await followed(store, ANN, BOB)
    for feed_id in (ANN, BOB):
        await store.join(feed_id, ANN)
    await moved(store, other)
    start = await other.poll_input(BOB)

    assert start is not None
    assert [sibling.id for sibling in start.siblings] == [ANN]


async def test_a_dry_run_of_restoring_changes_nothing(store: Store, other: Store) -> None:
    """It says what would be added."""
    await fill_more(store)
    restored = await moved(store, other, dry_run=True)

    assert restored.added == (ANN, BOB)
    assert await everything(other) == await everything(MemoryStore())


async def test_restoring_keeps_what_a_channel_waits_for(store: Store, other: Store) -> None:
    """A pause that a channel asked for is in force in the other store too; one that is there already counts."""
    await fill(store)
    await other.settle([], ChannelState(channel="me", failures=9))
    await moved(store, other)

    assert (await other.channel("me")).failures == 9


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("threads", {"posts": "many"}),
        ("threads", {"state": "lost"}),
        ("threads", {"version": 10**30}),
        ("threads", {"seen": "yesterday"}),
        ("deliveries", {"created": None}),
        ("feeds", {"author": {"handle": 5}}),
        ("feeds", {"author": 5}),
        ("states", {"cursor": [1]}),
        ("states", {"failures": 1.5}),
        ("subscriptions", {"origin": "nowhere"}),
        ("troubles", {"kind": "none"}),
        ("contents", {"posts": [5]}),
        ("contents", {"posts": [{"id": 1}]}),
        ("contents", {"feed": None}),
        ("contents", {"version": "1"}),
        ("about", {"schema": 0}),
        ("about", {"schema": "4"}),
    ],
)
async def test_restoring_refuses_what_is_none_of_ours(store: Store, other: Store, table: str, change: Any) -> None:
    """A value of another kind, put in by hand, is refused before anything is written: no store ever meets it."""
    await fill_more(store)
    records = [
        replace(record, body={**record.body, **change}) if record.table == table else record
        for record in await exported(store)
    ]

    with pytest.raises(Unreadable):
        await other.restore(lambda: iter(records))
    assert await everything(other) == await everything(MemoryStore())


async def test_restoring_keeps_no_text_of_what_it_refuses(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is checked before the first kept text is written."""
    monkeypatch.setattr(moving, "AT_ONCE", 1)
    await fill_more(store)
    *good, last = await exported(store)

    with pytest.raises(Unreadable):
        await other.restore(lambda: iter([*good, replace(last, body={})]))
    assert [await other.content(ANN, f"{n}") for n in range(3)] == [None] * 3


async def test_restoring_refuses_the_export_of_a_newer_version(store: Store) -> None:
    """What this version does not know it would lose."""
    with pytest.raises(SchemaTooNew):
        await store.restore(lambda: iter([Record(table="about", id="store", body={"schema": 99})]))


async def test_restoring_brings_an_older_export_to_todays_form(store: Store) -> None:
    """As an older store is: a thread that schema 2 announced is in its first version, and that was told."""
    whole = Known(feed_id=ANN, key="1", url="u", state="announced", first_seen=NOW, content_hash="ab")
    records = [
        Record(table="about", id="store", body={"schema": 2}),
        Record(table="feeds", id=ANN, body=codec.FEED.encode(feed())),
        Record(table="threads", id=f"{ANN}/1", body=codec.KNOWN.encode(whole)),
    ]
    await store.restore(lambda: iter(records))

    assert [(known.version, known.told) for known in await store.threads()] == [(1, 1)]


async def test_an_export_that_breaks_off_changes_nothing(store: Store, other: Store) -> None:
    """What its reader raises is raised, and no part of it is there."""
    await fill_more(store)
    records = await exported(store)

    def broken() -> Any:
        yield from records[:-1]
        raise Unreadable("it ends in the middle")

    with pytest.raises(Unreadable):
        await other.restore(broken)
    assert await everything(other) == await everything(MemoryStore())


async def test_an_export_is_as_of_one_moment(store: Store) -> None:
    """What is committed while it is read is in it whole or not at all."""
    await fill_more(store)
    records = []
    async for record in store.export():
        records.append(record)
        if len(records) == 2:
            await committed(store, delivery("late", entry_key="late"), known=(known("late"),))

    assert not [record for record in records if "late" in record.id]


async def test_the_folder_that_is_read_only_can_be_exported(tmp_path: Path) -> None:
    """Beside the process that owns it."""
    owner = await open_tiny(tmp_path / "data")
    await fill_more(owner)
    reader = await TinyStore.open(tmp_path / "data", read_only=True)

    assert await exported(reader) == await exported(owner)
    with pytest.raises(StoreReadOnly):
        await moved(owner, reader)
    await reader.close()
    await owner.close()


async def test_a_kept_thread_that_cannot_be_read_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rest is exported, and the log says which file it is."""
    store = await open_tiny(tmp_path / "data")
    await fill_more(store)
    (file,) = (tmp_path / "data" / "archive").rglob("0.json")
    file.write_text("{")
    caplog.set_level("ERROR", logger="bot")

    assert len([record for record in await exported(store) if record.table == "contents"]) == 2
    assert "0.json is damaged" in caplog.text
    await store.close()


_WRONG = st.sampled_from([None, True, 0, -1, 1.5, 10**30, "", "x", "\ud83d", [], [1], ["a"], {}, {"a": 1}])


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a JSON value has another one inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inside for place in ((*above, key), *_places(part, (*above, key)))]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_an_export_that_was_edited_is_refused_or_of_use(data: st.DataObject) -> None:
    """Whatever is changed in it: it is refused, or the store that took it lists, claims, prunes, exports and opens."""

    async def trial(folder: Path) -> None:
        source = MemoryStore()
        await fill_more(source)
        records = list(await exported(source))
        number = data.draw(st.sampled_from([n for n, record in enumerate(records) if record.body]))
        body = copy.deepcopy(dict(records[number].body))
        *above, last = data.draw(st.sampled_from(_places(body)))
        inside: Any = functools.reduce(operator.getitem, above, body)
        inside[last] = data.draw(_WRONG)
        records[number] = replace(records[number], body=body)
        store = await open_tiny(folder)
        with contextlib.suppress(Unreadable, SchemaTooNew):
            await store.restore(lambda: iter(records))
        await store.claim("me", NOW + MINUTE)
        await store.prune(NOW)
        await exported(store)
        before = await everything(store)
        await store.close()
        again = await open_tiny(folder)
        assert await everything(again) == before
        await again.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(trial(Path(folder)))


async def test_dates(store):
    """Of one feed, the newest first; nothing of duplicates, nor of what bears no time."""
    days = [NOW - timedelta(days=n) for n in range(3)]
    await followed(store, ANN)
    threads = [known(str(n), published=day, first_seen=NOW) for n, day in enumerate(days)]
    threads += [known("8", published=NOW, state="duplicate", same_as="0"), known("9", published=None)]
    await store.commit(Changes(feed_id=ANN, known=tuple(threads)))

    assert await store.dates(ANN) == tuple((day, NOW) for day in days)
    assert await store.dates("nobody") == ()
