"""A look at an author: baseline, horizon, news, gaps, sweeps, whole threads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import SourceError
from bot.model import Subscription
from bot.schedule import Pace
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, FakeSource, World


@pytest.fixture
def world() -> World:
    world = World(store=MemoryStore())
    for day in range(1, 6):
        world.site.publish(f"old{day}", START - timedelta(days=day))
    return world


async def state(world: World):
    return (await world.store.feeds())[0][1]


async def known(world: World):
    return {thread.key: thread for thread in await world.store.threads()}


async def test_first_sight_announces_nothing(world):
    """What was there before is known, not announced."""
    await world.follow()
    await world.round()

    assert world.arrived() == []
    assert {t.state for t in (await known(world)).values()} == {"baseline"}


class Skimming(FakeSource):
    """Reads a listing faster where it is only remembered."""

    async def skim(self, feed, cursor):
        self.site.requests.append("skim")
        page = await super().fetch(feed, cursor)
        return replace(page, entries=tuple(replace(entry, posts=()) for entry in page.entries))


async def test_what_is_only_remembered_is_skimmed(world):
    """The first look at an author who was declared; what comes later is read in full, so that it can be told."""
    world.source = Skimming(world.site)
    world.build()
    feed = (await world.source.resolve("@ann")).feed
    await world.store.follow(feed, [Subscription(feed_id=feed.id, channel="*", origin="settings")])
    await world.round()
    remembered, asked = await known(world), list(world.site.requests)
    world.site.publish("new", world.clock())
    await world.round()

    page = range(1, 1 + world.site.page_size)
    assert {(t.key, t.title, t.state) for t in remembered.values()} == {
        (f"old{day}", f"Thread old{day}", "baseline") for day in page
    }
    assert (asked, world.site.requests[2:]) == (["skim", "list"], ["list", "thread new"])
    assert world.arrived() == ["new"]


async def test_the_first_look_by_hand_reads_the_posts(world):
    """A backfill tells what it finds, as far as the listing shows it where a thread's own page cannot be read."""
    world.source = Skimming(world.site)
    world.build()
    await world.follow(backfill=1)

    assert world.site.requests == ["list", "thread old1"]


async def test_the_first_look_reads_one_page(world):
    """Following costs one page of the listing, and sets the horizon at its oldest thread."""
    await world.follow()

    assert world.site.requests == ["list"]
    assert (await state(world)).horizon == START - timedelta(days=3)


async def test_a_new_thread_arrives_once(world):
    """A new thread is sent whole, and never again."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1))
    for _ in range(3):
        await world.round()

    assert world.arrived() == ["new"]
    assert "post 2" in world.channels[0].inbox[0].text


async def test_an_old_thread_that_slides_up_is_remembered(world):
    """A card older than the horizon that comes onto the page is no news."""
    await world.follow()
    world.site.threads["old1"].listed = False
    await world.round()

    assert world.arrived() == []
    assert (await known(world))["old4"].state == "baseline"


async def test_an_old_thread_unrolled_late_is_news_above_the_horizon(world):
    """An unknown thread newer than the horizon is new, wherever on the page it stands."""
    await world.follow()
    world.site.publish("late", START - timedelta(days=1, hours=5))
    await world.round()

    assert world.arrived() == ["late"]


async def test_an_author_without_threads_is_followed(world):
    """The author's own page without cards is a valid baseline; whatever comes then is news."""
    world.site.threads.clear()
    await world.follow()
    world.site.publish("late", START - timedelta(days=400))
    await world.round()

    assert world.arrived() == ["late"]


async def test_a_page_that_lost_all_threads_changes_nothing(world):
    """No cards where some are known is an error, and nothing is forgotten."""
    await world.follow()
    hidden = list(world.site.threads.values())
    for thread in hidden:
        thread.listed = False
    await world.round()
    failed = await state(world)
    for thread in hidden:
        thread.listed = True
    await world.round(hours=5)

    assert failed.failures == 1
    assert failed.last_error == "the author's page lists no thread at all, though some are known"
    assert world.arrived() == []


async def test_a_failure_is_counted_and_told(world):
    """A source that is down costs a failure, in words; the next success clears it."""
    await world.follow()
    world.site.fault = "down"
    done = await world.round()
    failed = await state(world)
    world.site.fault = ""
    await world.round(hours=5)

    assert [(p.outcome, p.error) for p in done.polled] == [("failed", "fake.example answered 503")]
    assert (failed.failures, (await state(world)).failures) == (1, 0)


async def test_a_bug_in_a_source_stops_nobody_else(world, caplog):
    """An exception that nobody expected is that author's failure."""
    await world.follow()
    world.site.fault = "bug"
    done = await world.round()

    assert done.polled[0].error == "ZeroDivisionError in this program, see the log"


async def test_back_off_keeps_a_retry_after(world):
    """The site's own time is kept, and told apart from our back-off."""
    await world.follow()
    world.site.fault, world.site.not_before = "down", START + timedelta(hours=30)
    await world.round()
    held = await state(world)

    assert held.held_until == held.next_poll_at == START + timedelta(hours=30)


async def test_failures_back_off_up_to_the_longest_interval(world):
    """Half an hour, an hour, two … but never longer than max_interval."""
    world.chance = 0.5
    await world.follow()
    world.site.fault = "down"
    waits = []
    for _ in range(8):
        await world.round(hours=13)
        waits.append(((await state(world)).next_poll_at - world.clock()) / timedelta(hours=1))

    assert waits == [0.5, 1, 2, 4, 8, 11.4, 11.4, 11.4]


async def test_news_below_the_first_page_is_found(world):
    """When the whole first page is new, the pages below it are read at once, down to what is known."""
    await world.follow()
    for n in range(8):
        world.site.publish(f"new{n}", START + timedelta(minutes=n + 1))
    await world.round()

    assert sorted(world.arrived()) == sorted(f"new{n}" for n in range(8))


async def test_news_below_a_page_that_failed_is_found_later(world):
    """A deeper page that fails loses nothing: what was found counts, and the reading goes on there."""
    await world.follow()
    for n in range(8):
        world.site.publish(f"new{n}", START + timedelta(minutes=n + 1))
    world.site.deeper_fault = "down"
    await world.round()
    first = world.arrived()
    world.site.deeper_fault = ""
    await world.round(hours=2)

    assert sorted(first) == ["new5", "new6", "new7"]
    assert sorted(world.arrived()) == sorted(f"new{n}" for n in range(8))


async def test_a_sweep_finds_what_was_unrolled_late_on_a_deeper_page(world):
    """Once a deeper page was swept, an old thread that is unrolled there later is announced."""
    await world.follow()
    for _ in range(3):
        await world.round(hours=25)
    world.site.publish("late", START - timedelta(days=4, hours=1))
    for _ in range(12):
        await world.round(hours=25)

    assert world.arrived() == ["late"]


async def test_what_a_sweep_finds_below_an_unmodified_page_is_told_to_others(world):
    """The outcome is "not modified" only where nobody else has anything to do: here a thread is to be read again."""
    world.site.page_size = 3
    for number in range(9):
        world.site.publish(f"old{number}", START - timedelta(days=number + 1))
    await world.follow()
    for _ in range(12):
        await world.round(hours=25)
    world.site.lies_304 = True
    world.site.threads["old4"].posts = 7
    outcomes = []
    while (await world.store.next_due()).looks is None:
        world.clock.advance(hours=25)
        outcomes.append((await world.poller.poll("fake:ann")).outcome)

    assert len(outcomes) < 12
    assert outcomes == ["not modified"] * (len(outcomes) - 1) + ["nothing new"]


async def test_a_sweep_reads_one_page_a_day(world):
    """A sweep costs one request a day, not one for each look."""
    await world.follow()
    world.site.requests.clear()
    for _ in range(24):
        await world.round(hours=1)
    await world.round(hours=1)

    assert sum(request.startswith("older") for request in world.site.requests) == 1


async def test_an_unreadable_thread_waits_and_goes_out_whole(world):
    """The notice waits for the thread's own page, and is sent once it could be read."""
    await world.follow()
    thread = world.site.publish("new", START + timedelta(minutes=1), readable=False)
    await world.round()
    waiting = world.arrived()
    thread.readable = True
    await world.round(hours=0.05)

    assert (waiting, world.arrived()) == ([], ["new"])
    assert "post 2" in world.channels[0].inbox[0].text


async def test_an_unreadable_thread_goes_out_with_its_card_after_three_more_looks(world):
    """After three further looks the card's text goes out, says so, and nothing follows it."""
    await world.follow()
    thread = world.site.publish("new", START + timedelta(minutes=1), readable=False)
    await world.round()
    for _ in range(3):
        await world.round(hours=0.45)
    looks = world.site.requests.count("thread new")
    thread.readable = True
    for _ in range(3):
        await world.round()

    assert looks == 4
    assert world.arrived() == ["new"]
    assert "Only the beginning of this thread could be read." in world.channels[0].inbox[0].text


async def test_an_unreadable_thread_goes_out_after_an_hour(world):
    """An hour after it was found the notice goes, however few looks there were."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1), readable=False)
    await world.round()
    await world.round(hours=1.01)

    assert world.arrived() == ["new"]


async def test_one_thread_under_two_page_ids_is_announced_once(world):
    """The first post's id tells that two pages are the same thread, also within one look."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1), first_post="root")
    world.site.publish("again", START + timedelta(minutes=2), first_post="root")
    await world.round()
    world.site.publish("thrice", START + timedelta(minutes=3), first_post="root")
    await world.round()

    assert len(world.arrived()) == 1
    assert [t.note for t in (await known(world)).values() if t.state == "duplicate"] == ["the same thread as again"] * 2


async def test_a_waiting_thread_that_turns_out_known_is_withdrawn(world):
    """A thread that is found to be a known one, once its page can be read, is not sent."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1), first_post="root")
    await world.round()
    again = world.site.publish("again", START + timedelta(minutes=2), first_post="root", readable=False)
    await world.round()
    again.readable = True
    await world.round()

    assert world.arrived() == ["new"]
    assert await world.store.deliveries(["pending", "unknown"]) == ()


async def test_a_burst_is_one_notice_that_lists_all(world):
    """Six new threads at once are one message, in the order of their writing."""
    await world.follow()
    for n in range(6):
        world.site.publish(f"new{n}", START + timedelta(minutes=n + 1))
    await world.round()
    await world.round(hours=1)

    assert len(world.channels[0].inbox) == 1
    assert world.arrived() == [f"new{n}" for n in range(6)]


async def test_each_subscribed_channel_hears_of_it(world):
    """An author with a channel of their own goes there and nowhere else; without one, everywhere."""
    world.channels = (FakeChannel("me"), FakeChannel("team"))
    world.build()
    await world.follow("@ann", ["team"])
    world.site.publish("new", START + timedelta(minutes=1))
    await world.round()

    assert (world.arrived(0), world.arrived(1)) == ([], ["new"])


async def test_a_paused_author_is_not_looked_at(world):
    """Pausing stops the looks; what was written meanwhile is news after resuming."""
    await world.follow()
    await world.store.set_paused("fake:ann", True)
    world.site.publish("new", START + timedelta(minutes=1))
    await world.round()
    paused = world.arrived()
    await world.store.set_paused("fake:ann", False)
    await world.round()

    assert (paused, world.arrived()) == ([], ["new"])


async def test_backfill_sends_the_newest(world):
    """`backfill = 2` sends the two newest threads that are there, once."""
    followed = await world.follow(backfill=2)
    await world.round()
    await world.round()

    assert [entry.key for entry in followed.sent] == ["old2", "old1"]
    assert world.arrived() == ["old2", "old1"]


async def test_backfill_reads_deeper_pages_where_it_has_to(world):
    """A backfill of more than a page reads on, and remembers the rest."""
    await world.follow(backfill=4)
    await world.round()

    assert sorted(world.arrived()) == ["old1", "old2", "old3", "old4"]
    assert (await known(world))["old5"].state == "baseline"


async def test_backfill_since_a_day(world):
    """A date sends what was written since its midnight."""
    await world.follow(backfill=(START - timedelta(days=2)).date())
    await world.round()

    assert sorted(world.arrived()) == ["old1", "old2"]


async def test_following_twice_changes_nothing(world):
    """A second `follow` keeps the baseline and announces nothing."""
    await world.follow()
    again = await world.follow("https://fake.example/ann")
    await world.round()

    assert again.already
    assert world.arrived() == []


async def test_a_failed_follow_changes_nothing(world):
    """When the author cannot be read, nobody is followed."""
    world.site.fault = "login"
    with pytest.raises(SourceError):
        await world.follow()

    assert await world.store.feeds() == ()


async def test_a_shuffled_page_is_read_the_same(world):
    """The order on the page means nothing."""
    await world.follow()
    world.site.shuffled = True
    world.site.publish("new", START + timedelta(minutes=1))
    await world.round()

    assert world.arrived() == ["new"]


async def test_looks_keep_the_site_s_retry_after(world):
    """While the site asks to wait, a waiting thread's page is not asked for either."""
    world.pace = Pace(interval=timedelta(minutes=1), min_interval=timedelta(minutes=1))
    world.build()
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1), readable=False)
    await world.round()
    world.site.fault, world.site.not_before = "down", world.clock() + timedelta(minutes=50)
    await world.round(hours=0.02)
    world.site.requests.clear()
    await world.round(hours=0.3)

    assert world.site.requests == []


async def test_a_pause_that_a_thread_page_asks_for_holds_the_author(world):
    """A Retry-After on one thread's page: no other page is asked, and the author is held as long."""
    await world.follow()
    for n in range(3):
        world.site.publish(f"new{n}", START + timedelta(minutes=n + 1))
    world.site.thread_fault, world.site.not_before = "down", START + timedelta(hours=9)
    await world.round()

    assert sum(request.startswith("thread") for request in world.site.requests) == 1
    assert (await state(world)).held_until == START + timedelta(hours=9)


async def test_a_look_that_the_host_s_hold_forbade_does_not_count(world):
    """A page that was never asked for is no failed look; the notice goes after its hour all the same."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1))
    world.site.thread_fault, world.site.not_before = "held", START + timedelta(hours=1.5)
    await world.round()
    looks = (await known(world))["new"].looks
    await world.round(hours=1.1)

    assert looks == 0
    assert world.arrived() == ["new"]


async def test_a_look_at_a_dead_host_is_made_when_it_is_asked_again(world):
    """A thread whose host is left alone stays due, for when the host is asked again; the author is not held."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1))
    world.site.thread_fault, world.site.not_before = "dead", START + timedelta(hours=1, minutes=5)
    await world.round()
    waiting = (await known(world))["new"]
    world.site.thread_fault = ""
    await world.round(hours=0.1)

    assert (waiting.looks, waiting.look_at) == (0, world.site.not_before)
    assert (await state(world)).held_until is None
    assert world.arrived() == ["new"]


@pytest.mark.parametrize("fault", ["held", "dead"])
async def test_a_deeper_page_that_was_not_asked_for_has_not_failed(world, fault):
    """A hold on the host is no failure of the sweep."""
    await world.follow()
    world.site.deeper_fault, world.site.not_before = fault, START + timedelta(hours=26)
    await world.round(hours=25)

    assert (await state(world)).sweep_failures == 0


async def test_a_bug_on_one_thread_s_page_keeps_no_other_back(world, caplog):
    """An exception that nobody expected is that page's failure alone."""
    await world.follow()
    world.site.publish("new", START + timedelta(minutes=1))
    world.site.thread_fault = "bug"
    done = await world.round()

    assert done.polled[0].outcome == "new"
    assert (await known(world))["new"].state == "waiting"


async def test_a_deeper_page_that_is_refused_for_ever_is_given_up(world):
    """After five tries the sweep starts again below the first page, a day later."""
    await world.follow()
    await world.round(hours=25)
    world.site.deeper_fault = "down"
    for _ in range(40):
        await world.round(hours=13)
    world.site.deeper_fault = ""
    world.site.requests.clear()
    for _ in range(4):
        await world.round(hours=25)

    assert len({request for request in world.site.requests if request.startswith("older")}) >= 2


async def test_two_ids_of_one_thread_that_both_wait_are_announced_once(world):
    """Neither withdraws the other for good, whichever page can be read first."""
    await world.follow()
    pair = [
        world.site.publish(key, START + timedelta(minutes=n), first_post="root", readable=False)
        for n, key in enumerate(("one", "two"))
    ]
    await world.round()
    for thread in pair:
        thread.readable = True
    for _ in range(3):
        await world.round(hours=0.2)

    assert len(world.arrived()) == 1


async def test_a_clock_that_was_years_ahead_silences_nobody(world):
    """A look made in 2036 by mistake: when the clock is right again, so are the times."""
    await world.follow()
    world.clock.advance(days=3650)
    world.site.publish("new", START + timedelta(minutes=1), readable=False)
    await world.round()
    world.clock.advance(days=-3650)
    world.site.threads["new"].readable = True
    for _ in range(3):
        await world.round()

    assert world.arrived() == ["new"]
    assert (await state(world)).next_poll_at < world.clock() + timedelta(hours=13)
