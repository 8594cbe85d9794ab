"""What random histories over several places found, made small."""

from __future__ import annotations

from datetime import timedelta

from bot.follow import Declared
from bot.policy import Policies, Policy
from bot.stores.memory import MemoryStore
from tests.fakes import START, FakeChannel, Site, World
from tests.flow.test_lists_whole import Blog

OWLS = "how owls hear a mouse below the snow, told in order of what happens"
BRIDGES = "the long and winding talk about bridges that were never built, and why"


def made() -> World:
    world = World(store=MemoryStore(), others={"other": Site(), "third": Site()}, channels=(FakeChannel("me"),))
    for site in (world.site, *world.others.values()):
        site.publish("0", START - timedelta(days=30), words="something old that has long been known to everybody")
    return world


async def declare(world, *addresses):
    await world.follower.reconcile([Declared(addresses=addresses)])


def say(world, place, key, minutes, **more):
    site = world.site if place == "fake" else world.others[place]
    return site.publish(key, START + timedelta(minutes=minutes), words=BRIDGES, **more)


def events(world):
    return [message.event for message in world.channels[0].inbox]


async def test_what_came_while_a_thread_waited_and_was_sent_meanwhile():
    """Settling, then the site is held past the hour: the notice goes out with 2 posts. The third is told later."""
    world = made()
    await declare(world, "fake:ann")
    await world.round()
    thread = say(world, "fake", "11", 118, posts=2, latest=START + timedelta(minutes=119))
    await world.round(hours=1)
    assert events(world) == []
    world.site.fault = world.site.thread_fault = "held"
    world.site.not_before = START + timedelta(hours=6)
    thread.posts, thread.latest = 3, START + timedelta(minutes=140)
    await world.round(hours=3)
    assert "post 1" in world.channels[0].inbox[0].text
    world.site.fault = world.site.thread_fault = ""
    for _ in range(10):
        await world.round(hours=3)
    assert any("post 2" in message.text for message in world.channels[0].inbox)


async def test_a_thread_that_the_first_look_at_an_added_place_sees():
    """Written while the first place did not answer, which is when one adds a second address."""
    world = made()
    await declare(world, "fake:ann")
    await world.round()
    world.site.fault = "down"
    world.clock.advance(hours=2)
    say(world, "fake", "2089858284660662307", 120)
    say(world, "other", "2089858284660662307", 120)
    await declare(world, "fake:ann", "other:ann")
    await world.round(hours=0)
    world.site.fault = ""
    for _ in range(6):
        await world.round(hours=6)
    assert events(world) == ["new"]


async def test_a_third_place_after_the_one_that_told_is_taken_out():
    """It is known in the second place as a duplicate; the third one has it a day later: not told again."""
    world = made()
    await declare(world, "fake:ann", "other:ann", "third:ann")
    await world.round()
    say(world, "fake", "11", 70)
    await world.round(hours=1)
    say(world, "other", "22", 71)
    await world.round(hours=1)
    await declare(world, "other:ann", "third:ann")
    say(world, "third", "33", 72)
    for _ in range(4):
        await world.round(hours=6)
    assert events(world) == ["new"]


async def test_a_notice_that_waits_when_its_place_is_taken_out_of_the_settings():
    """The channel is away (or has a digest, or quiet hours); the other place has the thread, as a duplicate."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    world.channels[0].mode = "away"
    say(world, "fake", "11", 70)
    say(world, "other", "22", 71)
    await world.round(hours=1)
    await declare(world, "other:ann")
    world.channels[0].mode = "ok"
    for _ in range(6):
        await world.round(hours=6)
    assert events(world) == ["new"]


async def test_growth_in_the_place_that_is_left():
    """The place that told a thread is taken out: what the other one has more is told."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    say(world, "fake", "11", 70)
    await world.round(hours=1)
    thread = say(world, "other", "22", 71)
    await world.round(hours=1)
    await declare(world, "other:ann")
    thread.posts = 5
    for _ in range(10):
        await world.round(hours=6)
    assert events(world) == ["new", "grown"]


async def test_a_notice_that_waits_goes_to_a_blog_that_has_it_too():
    """A feed has no page of the thread: what is kept of it is told."""
    world = made()
    world.poller.sources["other"] = Blog(world.others["other"], "other")
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    world.channels[0].mode = "away"
    say(world, "fake", "11", 70)
    say(world, "other", "22", 71)
    await world.round(hours=1)
    await declare(world, "other:ann")
    world.channels[0].mode = "ok"
    for _ in range(4):
        await world.round(hours=6)

    assert events(world) == ["new"]
    assert "post 2" in world.channels[0].inbox[0].text


async def test_ids_that_blogs_count_are_of_each_blog():
    """Number 42 is another entry there."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    say(world, "fake", "42", 70)
    await world.round(hours=1)
    world.others["other"].publish("42", START + timedelta(minutes=100), words=OWLS)
    await world.round(hours=1)

    assert events(world) == ["new", "new"]


async def test_a_thread_that_one_place_filters_is_told_from_the_other():
    """Two long posts there, four short ones here."""
    world = made()
    world.policies = Policies(default=Policy(min_posts=3))
    world.build()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    say(world, "fake", "11", 70, posts=2)
    await world.round(hours=1)
    say(world, "other", "22", 72, posts=4)
    for _ in range(4):
        await world.round(hours=3)

    assert events(world) == ["new"]


async def test_who_quotes_the_beginning_of_an_article_has_not_written_it():
    """The article is news."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    say(world, "fake", "11", 70, posts=1)
    await world.round(hours=1)
    say(world, "other", "22", 71, posts=12)
    await world.round(hours=1)

    assert events(world) == ["new", "new"]


async def test_what_begins_alike_and_ends_otherwise_is_another_thread():
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    for place, key, town in (("fake", "11", "venice"), ("other", "22", "prague")):
        site = world.site if place == "fake" else world.others[place]
        words = f"{BRIDGES}, this week those of {town}"
        site.publish(key, START + timedelta(minutes=int(key) + 60), posts=1, words=words)
    await world.round(hours=2)

    assert events(world) == ["new", "new"]


async def test_two_blocks_that_share_an_address_are_one_person():
    """Whichever stands first in the file."""
    for blocks in ((("fake:ann", "other:ann"), ("other:ann",)), (("other:ann",), ("fake:ann", "other:ann"))):
        world = made()
        await world.follower.reconcile([Declared(addresses=block) for block in blocks])
        await world.round()
        say(world, "fake", "11", 70)
        say(world, "other", "22", 71)
        await world.round(hours=1)

        assert events(world) == ["new"]


async def test_growth_of_what_was_there_before_in_both_places_is_told_once():
    world = made()
    say(world, "fake", "11", -180, posts=2)
    say(world, "other", "22", -180, posts=2)
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    world.site.threads["11"].posts = world.others["other"].threads["22"].posts = 5
    for _ in range(8):
        await world.round(hours=3)

    assert events(world) == ["grown"]


async def test_a_thread_that_waits_is_told_only_where_the_other_place_did_not_tell_it():
    """The first address goes to `me`, the second to `me` and `team`: each once."""
    world = made()
    world.channels = (FakeChannel("me"), FakeChannel("team"))
    world.build()
    await world.follower.reconcile(
        [
            Declared(addresses=("fake:ann", "other:ann"), channels=("me",)),
            Declared(addresses=("other:ann",), channels=("team",)),
        ]
    )
    await world.round()
    world.others["other"].thread_fault = "down"
    card = "something that reads wholly otherwise on its card, nobody knows the reason"
    waiting = world.others["other"].publish("22", START + timedelta(minutes=70), words=card)
    await world.round()
    say(world, "fake", "11", 75)
    world.clock.advance(minutes=20)
    await world.once.round(["fake:ann"])
    world.others["other"].thread_fault = ""
    waiting.words = BRIDGES
    for _ in range(3):
        await world.round(hours=0.5)

    assert [len(channel.inbox) for channel in world.channels] == [1, 1]


async def test_a_thread_that_a_blog_has_too_is_not_gone():
    """Though a blog has no page of it that could be looked at."""
    world = made()
    world.poller.sources["other"] = Blog(world.others["other"], "other")
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    world.site.publish("12", START + timedelta(minutes=60), words=OWLS)
    say(world, "fake", "11", 70)
    say(world, "other", "22", 70)
    await world.round()
    world.site.threads["11"].readable = False
    for _ in range(6):
        await world.round(hours=3)

    assert set(events(world)) == {"new"}


async def test_a_thread_whose_own_page_is_closed_is_read_whole_in_the_other_place():
    """Rather than told by its card."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    world.site.thread_fault = "down"
    say(world, "fake", "11", 70)
    await world.round()
    say(world, "other", "22", 72)
    for _ in range(6):
        await world.round(hours=0.4)
    (notice,) = world.channels[0].inbox

    assert "beginning" not in notice.text



async def test_threads_that_another_place_joins_are_told_one_by_one():
    """A mirror takes what was written side by side for one thread, and leaves out where the second one begins."""
    world = made()
    await declare(world, "fake:ann", "other:ann")
    await world.round()
    ids = [f"208985828466066{n}" for n in range(2327, 2333)]
    world.site.publish(ids[0], START + timedelta(minutes=70), words=OWLS, also=(*ids[1:3], *ids[4:]))
    await world.round()
    world.others["other"].publish(ids[3], START + timedelta(minutes=71), words=BRIDGES, also=tuple(ids[4:]))
    await world.round()

    assert events(world) == ["new", "new"]
