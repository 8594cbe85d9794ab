"""Threads grow, settle, flap and vanish: what is told of it, to whom, and once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, World

MINUTE = 1 / 60


@pytest.fixture
async def world() -> World:
    """An author with an old thread, and a new one, `t`, of three posts, that was announced just now."""
    world = World(store=MemoryStore())
    await begin(world)
    return world


async def begin(world: World) -> None:
    world.site.publish("old", START - timedelta(days=2))
    await world.follow("@ann")
    world.site.publish("t", START + timedelta(minutes=30))
    await world.round()


async def quiet(world: World, minutes: float) -> None:
    """Time passes, and what is due is done; no author is looked at."""
    world.clock.advance(minutes=minutes)
    await world.once.deliver()


async def thread(world: World, key: str = "t"):
    return (await world.store.known("fake:ann", [key]))[key]


async def rows(world: World, event: str):
    return [row for row in await world.store.deliveries() if row.event == event]


def grow(world: World, posts: int = 5) -> None:
    world.site.threads["t"].posts = posts


# -- grown ------------------------------------------------------------------------------------------


async def test_growth_is_told_once_it_has_settled(world):
    """Two more posts, seen ten minutes later, are one notice when nothing came for another ten."""
    grow(world)
    await quiet(world, 12)
    before = await rows(world, "grown")
    await quiet(world, 11)
    (row,) = await rows(world, "grown")

    assert before == []
    assert (row.state, row.since, row.version) == ("sent", 1, 2)


async def test_an_author_who_writes_live_is_one_notice(world):
    """As long as each look finds more, nothing is told; then all of it at once."""
    for posts in range(4, 8):
        grow(world, posts)
        await quiet(world, 11)
    before = await rows(world, "grown")
    await quiet(world, 11)
    (row,) = await rows(world, "grown")

    assert before == []
    assert (row.since, row.version) == (1, 5)


async def test_a_thread_that_is_never_quiet_is_told_all_the_same(world):
    """After six looks that each found more."""
    for posts in range(4, 10):
        grow(world, posts)
        await quiet(world, 11)

    assert len(await rows(world, "grown")) == 1


async def test_a_thread_that_stays_the_same_is_not_told_again(world):
    """All five looks of the schedule find nothing, and are the last."""
    for minutes in (12, 60, 6 * 60, 24 * 60, 7 * 24 * 60, 30 * 24 * 60):
        await quiet(world, minutes)

    assert len(world.channels[0].inbox) == 1
    assert (await thread(world)).look_at is None
    assert world.site.requests.count("thread t") == 1 + 5


async def test_looks_that_a_pause_of_the_bot_missed_are_one(world):
    """After a week without the bot a thread's page is asked for once, not five times."""
    world.site.requests.clear()
    await quiet(world, 8 * 24 * 60)
    await quiet(world, 1)

    assert world.site.requests == ["thread t"]


async def test_an_edit_is_told(world):
    """A post with other words is a change that a reader would want to know."""
    world.site.threads["t"].edited[1] = "something else entirely"
    await quiet(world, 12)
    await quiet(world, 11)

    assert len(await rows(world, "grown")) == 1


async def test_punctuation_is_no_event(world):
    """A comma that was put in is kept, and not told."""
    world.site.threads["t"].edited[1] = "Post, 1 of T!"
    await quiet(world, 12)
    await quiet(world, 11)

    assert await rows(world, "grown") == []
    assert (await thread(world)).version == 2


async def test_what_comes_and_goes_is_not_told(world):
    """A post that is there at one look and not at the next leaves nothing to tell."""
    grow(world)
    await quiet(world, 12)
    grow(world, 3)
    await quiet(world, 11)
    await quiet(world, 60)

    assert await rows(world, "grown") == []


async def test_updates_of_one_thread_come_at_growing_distance(world):
    """A thread that changes at each look is told twice as soon as it is quiet; the third waits for an hour."""
    for n in range(3):
        grow(world, 4 + n)
        await world.relooker.look_now(await thread(world))
        await quiet(world, 12)
    early = len(await rows(world, "grown"))
    await quiet(world, 60)

    assert (early, len(await rows(world, "grown"))) == (2, 3)


async def test_a_listing_that_counts_more_posts_has_the_thread_looked_at(world):
    """Also months later, when no look is due any more."""
    await quiet(world, 60 * 24 * 60)
    await quiet(world, 1)
    grow(world)
    await world.round()
    await quiet(world, 11)

    assert len(await rows(world, "grown")) == 1


async def test_growth_of_a_thread_that_was_there_before_us_is_told(world):
    """The posts that came since; what was there is its first version, and taken as told."""
    world.site.threads["old"].posts = 7
    await world.round()
    await quiet(world, 11)
    (row,) = await rows(world, "grown")
    kept = [await world.store.content("fake:ann", "old", version) for version in (1, 2)]

    assert (row.entry_key, row.since, row.version) == ("old", 1, 2)
    assert [len(entry.posts) for entry in kept if entry] == [3, 7]


async def test_a_site_that_counts_otherwise_brings_no_flood(world):
    """Where most cards count more at once, it is the site that counts otherwise."""
    for n in range(4):
        world.site.publish(f"more{n}", START + timedelta(hours=1, minutes=n))
    world.site.page_size = 10
    await world.round()
    await quiet(world, 60)
    world.site.requests.clear()
    for one in world.site.threads.values():
        one.posts += 1
    await world.round(hours=0.6)

    assert [request for request in world.site.requests if request.startswith("thread")] == []


async def test_a_notice_that_still_waits_tells_the_growth_too(world):
    """A channel that was down when the thread grew gets one notice, of all of it."""
    world.channels[0].mode = "away"
    world.site.publish("u", START + timedelta(hours=1, minutes=30))
    await world.round()
    world.site.threads["u"].posts = 6
    await quiet(world, 12)
    await quiet(world, 11)
    world.channels[0].mode = "ok"
    await quiet(world, 60)

    assert [row.entry_key for row in await rows(world, "grown")] == []
    assert "post 5" in world.channels[0].inbox[-1].text


async def test_an_update_that_still_waits_tells_the_next_one_too(world):
    """One row, from what was told to the newest version."""
    world.channels[0].mode = "away"
    for posts in (4, 5):
        grow(world, posts)
        await world.relooker.look_now(await thread(world))
        await quiet(world, 12)
    (row,) = await rows(world, "grown")

    assert (row.since, row.version) == (1, 3)


async def test_growth_whose_page_cannot_be_read_again_is_told_as_it_was_seen(world):
    """Nothing is lost because the look that should have found it quiet failed."""
    grow(world)
    await quiet(world, 12)
    world.site.thread_fault = "down"
    for _ in range(4):
        await quiet(world, 11)

    assert len(await rows(world, "grown")) == 1


async def test_updates_may_be_off(world):
    """Then they are kept, and nobody is told."""
    off = World(store=MemoryStore(), policies=Policies(channels={"me": Policy(updates="off")}))
    await begin(off)
    grow(off)
    await quiet(off, 12)
    await quiet(off, 11)

    assert await rows(off, "grown") == []
    assert (await thread(off)).version == (await thread(off)).told == 2


async def test_a_thread_that_was_too_short_is_announced_when_it_has_grown():
    """`min_posts` filtered it; with five posts it is news, whole."""
    world = World(store=MemoryStore(), policies=Policies(channels={"me": Policy(min_posts=5)}))
    await begin(world)
    before = list(world.channels[0].inbox)
    filtered = await thread(world)
    grow(world)
    await quiet(world, 12)
    await quiet(world, 11)

    assert (before, filtered.state, filtered.queued) == ([], "filtered", ())
    assert "min_posts" in filtered.filtered[0]
    assert world.arrived() == ["t"]
    assert await rows(world, "grown") == []


async def test_a_crash_between_archive_and_commit_loses_no_growth(world):
    """The archive holds the new version, the store does not know it: the next look finds it again."""
    grow(world)
    entry = await world.store.content("fake:ann", "t")
    await world.source.expand(entry)
    world.store._contents["fake:ann", "t"] = await world.source.expand(entry)
    await quiet(world, 12)
    await quiet(world, 11)

    assert len(await rows(world, "grown")) == 1


# -- gone -------------------------------------------------------------------------------------------


async def test_a_thread_is_gone_at_the_second_of_two_spaced_looks(world):
    """One notice with our copy, and no look any more."""
    world.site.threads["t"].readable = False
    await quiet(world, 12)
    early = await rows(world, "gone")
    await quiet(world, 61)
    await quiet(world, 30 * 24 * 60)
    (row,) = await rows(world, "gone")

    assert early == []
    assert row.state == "sent"
    assert "post 2" in world.channels[0].inbox[-1].text


async def test_a_thread_that_came_back_is_not_called_gone(world):
    """It is looked at again after it was said to be gone; and a second removal of the same is not told again."""
    world.site.threads["t"].readable = False
    await quiet(world, 12)
    await quiet(world, 61)
    world.site.threads["t"].readable = True
    await quiet(world, 24 * 60)
    back = await thread(world)
    world.site.threads["t"].readable = False
    for hours in (7 * 24, 2, 2):
        await quiet(world, 61 * hours)

    assert (back.gone_at, back.missing_at) == (None, None)
    assert len(await rows(world, "gone")) == 1


async def test_a_thread_that_comes_back_was_not_gone(world):
    """Not found once, found again: nothing is told."""
    world.site.threads["t"].readable = False
    await quiet(world, 12)
    world.site.threads["t"].readable = True
    for hours in (1, 6, 24, 200):
        await quiet(world, 61 * hours)

    assert await rows(world, "gone") == []
    assert (await thread(world)).missing_at is None


async def test_a_site_that_lost_all_threads_has_not_lost_one(world):
    """As long as no other thread's page is found either, it is the site's own trouble."""
    for one in world.site.threads.values():
        one.readable = False
    for hours in (0.2, 1, 1, 7, 30):
        await quiet(world, 61 * hours)
    before = await rows(world, "gone")
    world.site.threads["old"].readable = True
    await quiet(world, 7 * 24 * 60)

    assert before == []
    assert len(await rows(world, "gone")) == 1


async def test_leaving_the_listing_is_not_gone(world):
    """The thread's own page counts, nothing else."""
    world.site.threads["t"].listed = False
    for hours in (1, 6, 24, 200):
        await world.round(hours=hours)

    assert await rows(world, "gone") == []


@pytest.mark.parametrize("fault", ["down", "login", "page", "unreachable", "bug"])
async def test_a_page_that_cannot_be_read_is_not_gone(world, fault):
    """Only an answer that says so, twice."""
    world.site.thread_fault = fault
    for hours in (0.2, 1, 6, 24, 200):
        await quiet(world, 61 * hours)

    assert await rows(world, "gone") == []


# -- when and to whom ---------------------------------------------------------------------------------


async def test_several_channels_are_told_by_their_own_policies():
    """One wants all, one only what is gone."""
    policies = Policies(channels={"b": Policy(events=frozenset({"gone"}))})
    world = World(store=MemoryStore(), channels=(FakeChannel("a"), FakeChannel("b")), policies=policies)
    await begin(world)
    world.site.threads["t"].readable = False
    await quiet(world, 12)
    await quiet(world, 61)

    assert [len(channel.inbox) for channel in world.channels] == [2, 1]


async def test_an_order_to_look_now_looks_now(world):
    """Whatever the schedule says; and says what it came to."""
    grow(world)
    done = await world.relooker.look_now(await thread(world))

    assert done is not None
    assert (done.outcome, done.known.version) == ("settling", 2)


# -- what a reviewer, a user and a breaker found --------------------------------------------------------


async def test_growth_is_told_where_the_page_vanishes_before_it_is_quiet(world):
    """To a channel that does not want to hear of removals, the posts are told all the same."""
    policies = Policies(channels={"b": Policy(events=frozenset({"new", "grown"}))})
    both = World(store=MemoryStore(), channels=(FakeChannel("a"), FakeChannel("b")), policies=policies)
    await begin(both)
    grow(both)
    await quiet(both, 12)
    both.site.threads["t"].readable = False
    await quiet(both, 11)
    await quiet(both, 61)

    assert [(row.channel, row.event) for row in await both.store.deliveries() if row.event != "new"] == [
        ("a", "gone"),
        ("b", "grown"),
    ]


async def test_growth_is_told_though_the_page_is_not_found_again(world):
    """Nothing says that it is gone, since no other page is found either: what was seen is told."""
    grow(world)
    await quiet(world, 12)
    for one in world.site.threads.values():
        one.readable = False
    for minutes in (11, 61, 6 * 60, 24 * 60, 7 * 24 * 60):
        await quiet(world, minutes)
    known = await thread(world)

    assert len(await rows(world, "grown")) == 1
    assert known.told == known.version


async def test_an_author_who_leaves_the_site_takes_all_threads_along(world):
    """Then another author's page shows that the site works."""
    world.site.publish("bob-old", START - timedelta(days=1), author="bob")
    await world.follow("@bob")
    for one in world.site.threads.values():
        one.readable = one.author == "bob"
    await quiet(world, 12)
    await quiet(world, 61)

    assert [row.entry_key for row in await rows(world, "gone")] == ["t"]


async def test_the_only_author_s_threads_are_gone_after_a_day(world):
    """There is nobody else to ask for; the author's own page is answered all the while."""
    for one in world.site.threads.values():
        one.readable = False
    await quiet(world, 12)
    await quiet(world, 61)
    early = await rows(world, "gone")
    for _ in range(3):
        await world.round(hours=12)

    assert early == []
    assert [row.entry_key for row in await rows(world, "gone")] == ["t"]


async def test_a_page_that_shows_a_part_of_what_it_counts_removes_nothing(world, monkeypatch):
    """It says five posts and shows two: the others are kept, and nobody is told that they were removed."""
    whole = world.source.expand

    async def part(entry):
        read = await whole(entry)
        return replace(read, posts=read.posts[:1], post_count=3)

    monkeypatch.setattr(world.source, "expand", part)
    await quiet(world, 12)
    await quiet(world, 61)

    assert await rows(world, "grown") == []
    assert len((await world.store.content("fake:ann", "t")).posts) == 3


async def test_a_channel_that_refused_a_thread_is_not_told_of_it_later():
    """Neither that it has grown nor that it is gone."""
    world = World(store=MemoryStore(), policies=Policies(channels={"me": Policy(max_age=timedelta(minutes=1))}))
    await begin(world)
    grow(world)
    await quiet(world, 12)
    await quiet(world, 11)
    world.site.threads["t"].readable = False
    await quiet(world, 61)
    await quiet(world, 6 * 60)

    assert await world.store.deliveries() == ()


async def test_what_was_dropped_by_hand_does_not_come_back():
    """Sent to one channel, dropped for the other: growth is the first one's alone."""
    world = World(store=MemoryStore(), channels=(FakeChannel("a"), FakeChannel("b")))
    world.channels[1].mode = "away"
    await begin(world)
    waiting = [row.id for row in await world.store.deliveries() if row.channel == "b"]
    await world.store.drop(waiting)
    world.channels[1].mode = "ok"
    grow(world)
    for _ in range(4):
        await quiet(world, 12)

    assert [(row.channel, row.event) for row in await world.store.deliveries()] == [("a", "new"), ("a", "grown")]


async def test_a_live_thread_is_told_at_growing_distance_too(world):
    """A post every half hour for two days is a handful of updates."""
    for posts in range(4, 100):
        grow(world, posts)
        await quiet(world, 30)

    assert len(await rows(world, "grown")) <= 8


async def test_many_threads_that_change_at_once_are_few_notices(world):
    """Those beyond a burst are one list."""
    for n in range(12):
        world.site.publish(f"u{n}", START + timedelta(minutes=31 + n))
    world.site.page_size = 20
    await world.round()
    before = len(world.channels[0].inbox)
    for key, one in world.site.threads.items():
        one.readable = key == "old"
    for minutes in (12, 61, 30, 30):
        await quiet(world, minutes)

    assert len({row.entry_key for row in await rows(world, "gone")}) == 12
    assert len(world.channels[0].inbox) - before <= world.pace.burst + 2


async def test_an_update_of_which_nothing_is_left_is_not_sent():
    """A post came and went again while the channel's updates were gathered."""
    world = World(store=MemoryStore(), policies=Policies(channels={"me": Policy(updates="digest")}))
    await begin(world)
    grow(world)
    await quiet(world, 12)
    await quiet(world, 11)
    queued = await rows(world, "grown")
    grow(world, 3)
    await world.relooker.look_now(await thread(world))
    await quiet(world, 12)

    assert len(queued) == 1
    assert await rows(world, "grown") == []


async def test_the_whole_of_a_thread_of_which_a_part_was_unrolled_first_is_told(world):
    """The page of the whole has another id: its posts are growth of the known thread, and it is read from now on."""
    part = world.site.threads["t"]
    part.hidden = {0, 1}
    world.site.publish("whole", START + timedelta(minutes=20), posts=6, first_post="t")
    await world.round()
    await quiet(world, 12)
    await quiet(world, 60)
    (row,) = await rows(world, "grown")
    kept = await world.store.content("fake:ann", "t")

    assert row.entry_key == "t"
    assert [post.id for post in kept.posts] == [f"t.{n}" for n in range(6)]
    assert (await thread(world)).page == "whole"


async def test_a_thread_that_is_backfilled_after_it_grew_goes_on_growing(world):
    """Its versions go on counting, so no update of it has the number of one that was sent."""
    world.site.threads["old"].posts = 5
    await world.round()
    await quiet(world, 11)
    await world.follow("@ann", backfill=5)
    await world.once.deliver()
    world.site.threads["old"].posts = 7
    await world.round()
    await quiet(world, 11)
    await quiet(world, 60)

    assert len([row for row in await rows(world, "grown") if row.entry_key == "old"]) == 2


async def test_growth_of_a_thread_whose_copy_left_the_archive_is_told(world):
    """By the counts, as of a thread that was there before us."""
    world.store._contents.clear()
    world.store._versions.clear()
    grow(world)
    await quiet(world, 12)
    await quiet(world, 11)
    (row,) = await rows(world, "grown")

    assert (row.since, row.version, row.state) == (2, 3, "sent")


async def test_a_thread_that_cannot_be_looked_at_stops_no_other(world, monkeypatch, caplog):
    """What nobody foresaw is logged, and it waits for an hour."""
    for key in ("a", "u"):
        world.site.publish(key, START + timedelta(minutes=40))
    await world.round()
    monkeypatch.setattr("bot.relook.Relooker._missing", None)
    world.site.threads["a"].readable = False
    world.site.threads["u"].posts = 5
    await quiet(world, 12)
    await quiet(world, 11)

    assert [row.entry_key for row in await rows(world, "grown")] == ["u"]
    assert "this program failed" in caplog.text


async def test_two_looks_that_are_not_spaced_are_one(world):
    """By hand, twice in a row: nothing is believed yet."""
    world.site.threads["t"].readable = False
    for _ in range(2):
        done = await world.relooker.look_now(await thread(world))

    assert done.outcome == "missing"
    assert await rows(world, "gone") == []


async def test_a_clock_that_was_ahead_asks_for_no_page_in_a_circle(world):
    """What was found a year ahead is looked at on the schedule, from now."""
    world.clock.advance(days=365)
    world.site.publish("ahead", world.clock())
    await world.round()
    world.clock.advance(days=-365)
    world.site.requests.clear()
    for _ in range(6 * 24):
        await quiet(world, 10)

    assert world.site.requests.count("thread ahead") <= 5
