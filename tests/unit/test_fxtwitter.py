import dataclasses
import json
from datetime import timedelta

import pytest

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Entry, Fetched, Located, NotModified
from bot.protocols import Expander, Pager
from bot.sources.fxtwitter import MOST_PAGES, MOST_UNCLEAR, FxTwitter
from bot.sources.fxtwitter_addresses import locate
from bot.sources.fxtwitter_bookmark import FULL_AFTER, MARGIN
from bot.sources.x_addresses import time_of
from tests.servers.fxtwitter import (
    LOUD,
    PER_PAGE,
    PETRA,
    SILENT,
    Api,
    Writer,
    module,
    page,
    post_id,
    repost,
    said,
    thread,
    tombstone,
)
from tests.servers.fxtwitter import status as post
from tests.sites import Clock, answer, site

BASE = "https://api.fxtwitter.com"
KEY = "1415051905190047746"


@pytest.fixture
async def api():
    made = Api()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def http(clock):
    made = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def source(http, clock, api):
    return FxTwitter(http, clock=clock, base_url=api.base_url)


async def followed(source, address="@PolarPetra"):
    """The author's feed and its first look."""
    resolved = await source.resolve(address)
    return resolved.feed, await source.fetch(resolved.feed, resolved.cursor)


def keys(found):
    """The threads of a listing."""
    return [entry.key for entry in found.entries]


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "@PolarPetra",
        " polarpetra ",
        "x.com/PolarPetra",
        "https://www.twitter.com/polarpetra/?s=20",
        "https://m.twitter.com/PolarPetra/with_replies",
        "https://fxtwitter.com/PolarPetra",
        "https://FIXUPX.com/@PolarPetra",
        "https://d.vxtwitter.com/PolarPetra",
        "https://fxtwitter.com/PolarPetra/feed.xml?count=5",
        "https://api.fxtwitter.com/PolarPetra",
        "https://api.fxtwitter.com/2/profile/PolarPetra",
        "https://own.example/fx/2/profile/polarpetra/statuses",
        "fxtwitter:polarpetra",
        "FxTwitter:PolarPetra",
    ],
)
def test_locate_an_author(address):
    """Whatever leads to an author gives one feed id."""
    found = locate(address, "https://own.example/fx")

    assert (found.source, found.feed_id, found.thread_key) == ("fxtwitter", "fxtwitter:polarpetra", "")


@pytest.mark.parametrize(
    ("address", "handle"),
    [
        (KEY, ""),
        (f"https://x.com/i/status/{KEY}", ""),
        (f"https://x.com/i/web/status/{KEY}?s=1", ""),
        (f"https://x.com/PolarPetra/status/{KEY}/photo/1", "PolarPetra"),
        (f"https://fxtwitter.com/PolarPetra/status/{KEY}/de", "PolarPetra"),
        (f"https://api.fxtwitter.com/2/thread/{KEY}", ""),
        (f"https://api.fxtwitter.com/PolarPetra/status/{KEY}", "PolarPetra"),
    ],
)
def test_locate_a_post(address, handle):
    """An address of a post names it, and its author where that stands there."""
    found = locate(address, BASE)

    assert (found.handle, found.thread_key) == (handle, KEY)


@pytest.mark.parametrize("address", ["fxtwitter:id:123", "https://x.com/i/user/123", f"{BASE}/2/profile/id:123"])
def test_locate_a_number(address):
    """Of an author's number only the API can say who it is."""
    assert locate(address, BASE) == Located(source="fxtwitter")


@pytest.mark.parametrize(
    "address",
    [
        *("", "two words", "https://x.com", "https://x.com/home", "https://x.com/search?q=a", "https://fxtwitter.com/"),
        *("fxtwitter:", "fxtwitter:id:", "fxtwitter:id:x", "fxtwitter:a>b", "threadreader:polarpetra", "@a@b.example"),
        *("https://evilfxtwitter.com/x", "https://fxtwitter.com.evil.example/x", "ftp://x.com/a", "http://[::1/x"),
        *(
            "https://example.org/PolarPetra",
            f"https://api.fxtwitter.com/2/thread/{'9' * 30}",
            "fxtwitter:id:１２",
            "１" * 17,
            "https://x.com/i/status/１２３",
        ),
    ],
)
def test_locate_nothing(address):
    """What is no author and no post of X is left to others."""
    assert locate(address, BASE) is None


# -- resolving ------------------------------------------------------------------------------------


async def test_resolve_tells_the_number_and_the_spelling(source):
    """The API knows the author's number and how the name is spelled."""
    feed = (await source.resolve("@polarpetra")).feed

    assert feed.author == Author(handle="PolarPetra", name="Petra", url="https://x.com/PolarPetra", key=PETRA.key)
    assert (feed.id, feed.address) == ("fxtwitter:polarpetra", "fxtwitter:PolarPetra")


async def test_resolve_a_number(source):
    """The X archive's list of followed accounts has numbers only."""
    assert (await source.resolve(f"fxtwitter:id:{PETRA.key}")).feed.id == "fxtwitter:polarpetra"


async def test_resolve_a_post(source, api):
    """A post leads to its author."""
    key = api.say(post(post_id(1), "Here."))

    assert (await source.resolve(f"https://x.com/i/status/{key}")).feed.id == "fxtwitter:polarpetra"


async def test_resolve_a_post_of_a_renamed_author(source, api):
    """A post whose address has a name that nobody has now leads to its author still."""
    key = api.say(post(post_id(1), "Here."))

    assert (await source.resolve(f"https://x.com/OldPetra/status/{key}")).feed.id == "fxtwitter:polarpetra"


async def test_resolve_somebody_protected(source, api):
    """Of an author who hides the posts nothing can be read, and that is said at once."""
    api.writers.append(Writer(key="9", handle="shy", protected=True))
    with pytest.raises(SourceRefused, match="only to followers"):
        await source.resolve("@shy")


async def test_resolve_suspended(source, api):
    """The API says why there is no such author."""
    api.faults["/2/profile/"] = said(404, message="User is suspended", reason="suspended")
    with pytest.raises(FeedGone, match="suspended"):
        await source.resolve("@PolarPetra")


async def test_powers(source):
    """It has deeper pages, and reads threads whole."""
    assert isinstance(source, Pager)
    assert isinstance(source, Expander)


async def test_check(source, api):
    """A check asks for one profile; that it is not there is an answer."""
    await source.check()

    assert api.requests == ["/2/profile/id:783214"]


async def test_check_of_a_broken_service(source, api):
    """A fault of the service is told by a check."""
    api.faults["/"] = said(500)
    with pytest.raises(TemporarySourceError):
        await source.check()


# -- a look ---------------------------------------------------------------------------------------


async def test_asks_by_number(source, api):
    """After the author was looked up once the number is asked for."""
    await followed(source)

    assert [one for one in api.requests if "statuses" in one] == [
        f"/2/profile/id:{PETRA.key}/statuses?count=20&groupthreads=1"
    ]


async def test_a_listed_thread(source, api):
    """A conversation of the author's is a thread with all that its row says."""
    made = thread(10, "First.", "Second.", "Third.", "Fourth.", "Fifth.")
    key = api.say(*made)
    _, found = await followed(source)
    entry = found.entries[0]

    assert (entry.key, entry.post_count, entry.whole) == (key, 5, False)
    assert [one.text for one in entry.posts] == ["First."]
    assert (entry.published, entry.latest) == (time_of(key), time_of(made[-1]["id"]))
    assert entry.url == f"https://x.com/PolarPetra/status/{key}"
    assert entry.author.key == PETRA.key


async def test_a_short_thread_is_listed_whole(source, api):
    """What a row shows all of need not be asked for again."""
    api.say(*thread(10, "First.", "Second."))
    _, found = await followed(source)

    assert [(one.whole, one.post_count) for one in found.entries] == [(True, 2)]


async def test_unknown_ids_are_not_whole(source, api):
    """A row that does not say what it has all is not taken for whole."""
    row = module(*thread(10, "First.", "Second."))
    del row["all_status_ids"]
    api.show(row)
    _, found = await followed(source)

    assert [one.whole for one in found.entries] == [False]


async def test_no_threads(source, api):
    """Single posts, reposts, and what the author says to others are no threads."""
    foreign = thread(5, "Loud.", "Louder.", writer=LOUD)
    single = post(post_id(20), "Alone.")
    api.say(*foreign, single, post(post_id(30), "To you.", parent=foreign[0]))
    api.show(repost(foreign[0]))
    api.show(module(foreign[0], post(post_id(31), "@loudvoice No.", parent=foreign[0])))
    _, found = await followed(source)

    assert found.entries == ()


async def test_single_posts_where_asked_for(http, clock, api):
    """Single posts come where all posts are wanted; still no reposts and no answers to others."""
    foreign = post(post_id(5), "Loud.", LOUD)
    single = post(post_id(20), "Alone.")
    api.say(foreign, single, post(post_id(30), "To you.", parent=foreign))
    api.show(repost(foreign))
    _, found = await followed(FxTwitter(http, clock=clock, base_url=api.base_url, posts="all"))

    assert [(one.key, one.whole) for one in found.entries] == [(single["id"], True)]


async def test_min_posts(http, clock, api):
    """Shorter threads are none, and what counts is what the row says, not what it shows."""
    api.say(*thread(10, "1", "2", "3"))
    key = api.say(*thread(20, "1", "2", "3", "4", "5"))
    _, found = await followed(FxTwitter(http, clock=clock, base_url=api.base_url, min_posts=4))

    assert keys(found) == [key]


async def test_posts_that_come_singly_are_joined(source, api):
    """Where X does not group, posts are joined by what they answer."""
    api.groups = False
    key = api.say(*thread(10, "1", "2", "3"))
    _, found = await followed(source)

    assert [(one.key, one.post_count, one.whole) for one in found.entries] == [(key, 3, False)]


async def test_a_thread_with_answers_to_commenters(source, api):
    """What the author answers to a comment is not of the thread."""
    made = thread(10, "1", "2")
    comment = post(post_id(15), "Why?", LOUD, parent=made[0])
    api.show(module(*made, comment, post(post_id(16), "Because.", parent=comment)))
    _, found = await followed(source)

    assert [[one.text for one in entry.posts] for entry in found.entries] == [["1", "2"]]


async def test_an_answer_to_a_hidden_commenter_makes_no_thread(source, api):
    """Ids that a row only names may be a commenter's: then the conversation is asked, and this one has one post."""
    root = post(post_id(10), "Alone.")
    comment = post(post_id(11), "Why?", LOUD, parent=root)
    answered = post(post_id(12), "Because.", parent=comment)
    api.say(post(post_id(1), "Earlier."))
    feed, found = await followed(source)
    api.say(root, comment)
    api.show(module(root, answered, ids=[root["id"], comment["id"], answered["id"]]))
    found = await source.fetch(feed, found.cursor)

    assert isinstance(found, NotModified)
    assert [one for one in api.requests if "/thread/" in one] == [f"/2/thread/{root['id']}"]


async def test_what_made_no_thread_may_make_one_later(source, api):
    """Where such a row has more, its conversation is asked again."""
    root = post(post_id(10), "1")
    comment = post(post_id(11), "Why?", LOUD, parent=root)
    answered = post(post_id(12), "Because.", parent=comment)
    api.say(post(post_id(1), "Earlier."))
    feed, found = await followed(source)
    api.say(root, comment)
    api.show(module(root, answered, ids=[root["id"], comment["id"], answered["id"]]))
    found = await source.fetch(feed, found.cursor)
    more = post(post_id(13), "2", parent=root)
    again = post(post_id(14), "Because!", parent=comment)
    api.say(more)
    api.shown.clear()
    api.show(module(root, again, ids=[root["id"], comment["id"], answered["id"], more["id"], again["id"]]))
    found = await source.fetch(feed, found.cursor)

    assert [(one.key, one.post_count) for one in found.entries] == [(root["id"], 2)]


async def test_a_long_thread_of_a_renamed_author(source, api):
    """Posts that answer the author's old name are of the thread still, which is asked for."""
    made = thread(10, "1", "2", "3", "4", "5")
    api.say(post(post_id(1), "Earlier."))
    feed, found = await followed(source)
    for one in made[1:]:
        one["replying_to"]["screen_name"] = "OldPetra"
    key = api.say(*made)
    found = await source.fetch(feed, found.cursor)

    assert [(one.key, one.post_count, one.whole) for one in found.entries] == [(key, 5, True)]


async def test_nothing_newer(source, api, clock):
    """204 says that nothing is newer: nothing else is asked."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    api.requests.clear()

    assert await source.fetch(feed, found.cursor) == NotModified(cursor=found.cursor)
    assert [one.partition("&since=")[2] for one in api.requests] == [str(int(found.entries[0].latest.timestamp()))]


async def test_since_waits_for_late_posts(source, api, clock):
    """While the newest post is fresh, another of the same second may still come: all is read again."""
    made = post(post_id(10), "1")
    api.say(made)
    clock.now = time_of(made["id"]) + MARGIN / 2
    feed, found = await followed(source)
    late = [post(post_id(10, 1), "1b"), post(post_id(10, 2), "2b")]
    late[1]["replying_to"] = {"screen_name": "PolarPetra", "status": late[0]["id"]}
    api.say(*late)
    found = await source.fetch(feed, found.cursor)

    assert keys(found) == [late[0]["id"]]


async def test_since_is_not_trusted_for_ever(source, api, clock):
    """Once a day a page is read whatever `since` would say."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    clock.now += FULL_AFTER

    assert isinstance(await source.fetch(feed, found.cursor), Fetched)


async def test_growth_is_listed(source, api, clock):
    """A thread that grows comes to the top with more posts."""
    made = thread(10, "1", "2")
    key = api.say(*made)
    api.say(*thread(20, "a", "b"))
    feed, found = await followed(source)
    api.say(post(post_id(40), "3", parent=made[-1]))
    found = await source.fetch(feed, found.cursor)

    assert (found.entries[0].key, found.entries[0].post_count) == (key, 3)


async def test_a_page_of_single_posts_is_no_news(source, api):
    """An author of threads who writes single posts for weeks is no broken listing."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    for number in range(PER_PAGE):
        api.say(post(post_id(100 + number), "Alone."))
    found = await source.fetch(feed, found.cursor)
    api.say(post(post_id(200), "Alone."))

    assert isinstance(await source.fetch(feed, found.cursor), NotModified)


async def test_reaches_to_where_the_last_row_stands(source, api):
    """The root of a grown thread is old, and so is a pin; how far back all is seen is the place of the last row."""
    api.say(post(post_id(50), "Alone."))
    old = thread(-50_000, "1", "2")
    api.say(*old, post(post_id(60), "3", parent=old[-1]))
    api.show(post(post_id(-90_000), "Pinned."))
    _, found = await followed(source)

    assert found.reaches == time_of(post_id(50))


async def test_a_repost_of_ones_own(source, api):
    """An old post that the author shows again is not a post of today, nor how far back all is seen."""
    old = post(post_id(-90_000), "Old.")
    api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = page(post(post_id(50), "Alone."), repost(old))
    _, found = await followed(source)

    assert found.reaches == time_of(post_id(50))


async def test_only_reposts(source, api, clock):
    """A first page without a post of the author's own reaches to now: what is below is old."""
    api.show(repost(post(post_id(1), "Loud.", LOUD)))
    _, found = await followed(source)

    assert (found.entries, found.reaches) == ((), clock.now)


async def test_silent(source, api, clock):
    """An author without posts is a listing without threads, in whichever way the API says so."""
    _, found = await followed(source, "@silent")
    api.faults[f"/2/profile/id:{SILENT.key}/statuses"] = said(404, results=[], cursor={"top": None, "bottom": None})
    _, again = await followed(source, "@silent")

    assert found == again
    assert (found.entries, found.older, found.reaches) == ((), "", clock.now)


async def test_first_thread_of_a_silent_author(source, api, clock):
    """What a silent author begins is found."""
    feed, found = await followed(source, "@silent")
    clock.passes(hours=1)
    minutes = (clock.now - time_of(post_id(0))) / timedelta(minutes=1)
    key = api.say(*thread(minutes, "1", "2", writer=SILENT))
    clock.passes(hours=1)

    assert keys(await source.fetch(feed, found.cursor)) == [key]


async def test_suddenly_nothing(source, api, clock):
    """An author who had posts and shows none is a fault of the service, not silence."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    for fault in (page(bottom="c"), said(404, results=[], cursor={})):
        api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = fault
        with pytest.raises(TemporarySourceError):
            await source.fetch(feed, found.cursor)


# -- no gap ---------------------------------------------------------------------------------------


async def test_reads_on_to_where_the_last_look_began(source, api):
    """What was written since the last look is among the entries, also where it fills several pages."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    made = [api.say(*thread(100 + 5 * number, "1", "2")) for number in range(3 * PER_PAGE)]
    found = await source.fetch(feed, found.cursor)

    assert set(made) <= set(keys(found))
    assert found.older == ""


async def test_reads_no_further_than_the_last_look(source, api):
    """What was seen before is not read again: one page more than the news fills, and nothing is left for later."""
    for number in range(5 * PER_PAGE):
        api.say(post(post_id(number), "Alone."))
    feed, found = await followed(source)
    for number in range(PER_PAGE):
        api.say(*thread(1_000 + 5 * number, "1", "2"))
    api.requests.clear()
    found = await source.fetch(feed, found.cursor)

    assert len(api.requests) == 2
    assert (found.older, "gap" in found.cursor) == ("", False)


async def looks(source, feed, cursor, most=20):
    """Keys of all threads that looks find until one finds nothing."""
    seen = set()
    for _ in range(most):
        found = await source.fetch(feed, cursor)
        cursor = json.loads(json.dumps(found.cursor))
        if isinstance(found, NotModified) and "gap" not in cursor:
            return seen
        seen |= set(keys(found)) if isinstance(found, Fetched) else set()
    raise AssertionError("never comes to an end")


async def test_a_long_absence(source, api):
    """What one look cannot reach, the next ones do, also where nothing is newer meanwhile."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    made = {api.say(*thread(100 + 5 * number, "1", "2")) for number in range(2 * MOST_PAGES * PER_PAGE + 7)}
    first = await source.fetch(feed, found.cursor)

    assert first.older
    assert set(keys(first)) | await looks(source, feed, first.cursor) >= made


async def test_a_gap_is_kept_while_more_is_written(source, api):
    """New posts do not make the rest of a long absence forgotten, be they few or many."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    made = {api.say(*thread(100 + 5 * number, "1", "2")) for number in range(2 * MOST_PAGES * PER_PAGE)}
    found = await source.fetch(feed, found.cursor)
    seen = set(keys(found))
    made |= {api.say(*thread(10_000 + 5 * number, "1", "2")) for number in range(MOST_PAGES * PER_PAGE + 3)}

    assert seen | await looks(source, feed, found.cursor) >= made


async def test_a_gap_after_a_failure(source, api):
    """A deeper page that fails costs nothing: the next look comes down from the top again."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    made = {api.say(*thread(100 + 5 * number, "1", "2")) for number in range(3 * PER_PAGE)}
    api.faults[f"/2/profile/id:{PETRA.key}/statuses?count=20&groupthreads=1&cursor=c40"] = said(500)
    found = await source.fetch(feed, found.cursor)
    api.faults.clear()
    again = await source.fetch(feed, found.cursor)

    assert set(keys(found)) | set(keys(again)) >= made
    assert len(keys(found)) == 2 * PER_PAGE


async def test_single_posts_in_a_gap(source, api):
    """A gap goes on where its first pages have no thread."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    key = api.say(*thread(50, "1", "2"))
    for number in range(MOST_PAGES * PER_PAGE + 5):
        api.say(post(post_id(100 + number), "Alone."))

    assert await looks(source, feed, found.cursor) == {key, found.entries[0].key}


async def test_deeper_pages_end(source, api, http, clock):
    """A service that sends the same page for ever is not asked for ever."""
    made = thread(10, "1", "2")
    async with site(answer(body=page(module(*made), bottom="same"))) as broken:
        reader = FxTwitter(http, clock=clock, base_url=broken.url)
        feed, _ = await followed(source)
        token, pages = "99999999999999 first", 0
        while token and pages < 10:
            token, pages = (await reader.older(feed, token)).older, pages + 1

    assert pages <= 2


# -- posts whose conversation must be asked for ---------------------------------------------------


async def test_a_root_below_the_page(source, api):
    """A post that goes on with a thread whose beginning is on no page that was read leads to that thread."""
    api.groups = False
    made = thread(10, "1", "2")
    key = api.say(*made)
    for number in range(PER_PAGE + 5):
        api.say(post(post_id(100 + number), "Alone."))
    feed, found = await followed(source)
    api.say(post(post_id(300), "3", parent=made[-1]))
    found = await source.fetch(feed, found.cursor)

    assert [(one.key, one.post_count, one.whole) for one in found.entries] == [(key, 3, True)]


async def test_what_was_looked_into_is_not_again(source, api):
    """A post whose conversation was read is asked for once."""
    api.groups = False
    made = thread(10, "1", "2")
    api.say(*made)
    for number in range(PER_PAGE + 5):
        api.say(post(post_id(100 + number), "Alone."))
    feed, found = await followed(source)
    api.say(post(post_id(300), "3", parent=made[-1]))
    found = await source.fetch(feed, found.cursor)
    api.say(post(post_id(301), "Alone."))
    api.requests.clear()
    await source.fetch(feed, found.cursor)

    assert [one for one in api.requests if "/thread/" in one] == []


async def test_unclear_posts_wait_for_their_turn(source, api):
    """No more than a few conversations are read in one look; the rest follow, though nothing is newer."""
    api.groups = False
    roots = [thread(10 * number, "1", "2") for number in range(2 * MOST_UNCLEAR)]
    for one in roots:
        api.say(*one)
    for number in range(PER_PAGE + 5):
        api.say(post(post_id(1000 + number), "Alone."))
    feed, found = await followed(source)
    for number, one in enumerate(roots):
        api.say(post(post_id(2000 + number), "3", parent=one[-1]))
    api.requests.clear()
    first = await source.fetch(feed, found.cursor)
    second = await source.fetch(feed, first.cursor)

    assert {*keys(first), *keys(second)} == {one[0]["id"] for one in roots}
    assert len(keys(first)) == MOST_UNCLEAR


async def test_an_unclear_post_is_asked_for_again(source, api):
    """A conversation that cannot be read now is read by a later look."""
    api.groups = False
    made = thread(10, "1", "2")
    key = api.say(*made)
    for number in range(PER_PAGE + 5):
        api.say(post(post_id(100 + number), "Alone."))
    feed, found = await followed(source)
    api.say(post(post_id(300), "3", parent=made[-1]))
    api.faults["/2/thread/"] = said(500)
    failed = await source.fetch(feed, found.cursor)
    api.faults.clear()

    assert isinstance(failed, NotModified)
    assert keys(await source.fetch(feed, failed.cursor)) == [key]


# -- who it is ------------------------------------------------------------------------------------


async def test_renamed(source, api):
    """A new name of the same author is told, and followed on."""
    api.say(*thread(10, "1", "2"))
    feed, _ = await followed(source)
    renamed = dataclasses.replace(PETRA, handle="Petra2")
    api.writers[0] = renamed
    for one in api.posts:
        one["author"] = {**one["author"], "screen_name": "Petra2"}
        if one["replying_to"]:
            one["replying_to"]["screen_name"] = "Petra2"
    found = await source.fetch(feed, {})

    assert found.author.handle == "Petra2"
    assert len(found.entries) == 1


async def test_a_name_in_other_hands(source, api):
    """Who took the name of an author who is gone is not followed instead."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    api.writers[0] = dataclasses.replace(PETRA, key="77")
    for cursor in ({}, found.cursor):
        with pytest.raises(WrongAuthor, match=r"@PolarPetra belongs to somebody else now \(id 77 instead of 4000001\)"):
            await source.fetch(feed, cursor)


async def test_gone(source, api):
    """An author whom X suspended, or who left, is gone."""
    api.say(*thread(10, "1", "2"))
    feed, found = await followed(source)
    api.faults["/2/profile/"] = said(404, message="User is suspended", reason="suspended", results=[])
    for cursor in ({}, found.cursor):
        with pytest.raises(FeedGone, match="suspended"):
            await source.fetch(feed, cursor)


async def test_protected_later(source, api):
    """An author who hides the posts now is not gone."""
    feed, _ = await followed(source)
    api.writers[0] = dataclasses.replace(PETRA, protected=True)
    with pytest.raises(SourceRefused):
        await source.fetch(feed, {})


async def test_a_page_of_somebody_else(source, api):
    """A page that has nothing of the author is refused."""
    feed, _ = await followed(source)
    api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = page(post(post_id(1), "Loud.", LOUD))
    with pytest.raises(WrongAuthor):
        await source.fetch(feed, {})


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, SourceRefused),
        (403, SourceRefused),
        (429, TemporarySourceError),
        (500, TemporarySourceError),
        (418, ParseError),
        (True, ParseError),
        ("200", ParseError),
        (None, ParseError),
        (10**300, ParseError),
    ],
)
async def test_an_error_in_a_200(source, api, code, kind):
    """The code in the body counts also where the answer's own status says that all is well."""
    feed, _ = await followed(source)
    api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = page(post(post_id(1), "1"), code=code)
    with pytest.raises(kind) as caught:
        await source.fetch(feed, {})

    assert caught.value.feed_id == feed.id


async def test_a_404_in_a_200(source, api):
    """A thread that is gone may be told so in a good answer."""
    api.faults["/2/thread/"] = json.dumps({"code": 404, "status": tombstone("5"), "thread": None}).encode()
    with pytest.raises(FeedGone, match="deleted"):
        await source.expand(entry("5"))


async def test_a_404_of_another_server(source, http, clock):
    """A 404 that is not the API's says nothing of the author."""
    feed, _ = await followed(source)
    async with site(answer("404 Not Found", b"<html>nginx</html>")) as broken:
        with pytest.raises(ParseError):
            await FxTwitter(http, clock=clock, base_url=broken.url).fetch(feed, {})


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":200}',
        b'{"code":200,"results":{},"cursor":{}}',
        b'{"code":200,"results":[1,null],"cursor":{}}',
        b'{"code":200,"results":[],"cursor":[]}',
        b'{"code":200,"results":[],"cursor":NaN}',
        b'{"code":200,"results":' + b"[" * 100_000,
        b'{"code":' + b"9" * 10_000 + b"}",
        b"\xff\xfe\x00",
    ],
)
async def test_not_a_page(source, api, body):
    """What is no page of a timeline is refused."""
    feed, _ = await followed(source)
    api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = body
    with pytest.raises(ParseError):
        await source.fetch(feed, {})


async def test_one_odd_post_loses_no_other(source, api):
    """A post that is not as we know them is left out, and the others are read."""
    made = thread(10, "1", "2")
    odd = {**post(post_id(5), "odd"), "author": None}
    api.faults[f"/2/profile/id:{PETRA.key}/statuses"] = page(odd, {"type": "thread", "statuses": 3}, module(*made))
    _, found = await followed(source)

    assert keys(found) == [made[0]["id"]]


# -- whole threads --------------------------------------------------------------------------------


def entry(key, **more):
    """What expanding starts from."""
    return Entry(**{"feed_id": "fxtwitter:polarpetra", "key": key, "url": "", "author": Author(handle="")} | more)


async def test_a_long_thread_in_pieces(source, api):
    """X sends a long thread in pieces: it is asked for from the last post on until there is no more."""
    api.piece = 20
    key = api.say(*thread(10, *map(str, range(90))))
    found = await source.expand(entry(key))

    assert [one.text for one in found.posts] == list(map(str, range(90)))
    assert (found.whole, found.post_count) == (True, 90)


async def test_a_long_thread_from_its_end(source, api):
    """X sends a part of what is above a post only: its beginning is asked for, too."""
    api.piece = 20
    made = thread(10, *map(str, range(50)))
    api.say(*made)
    found = await source.expand(entry(made[-1]["id"]))

    assert [one.text for one in found.posts] == list(map(str, range(50)))
    assert found.aliases == (made[0]["id"],)


async def test_a_short_thread_takes_one_request(source, api):
    """A thread of a few posts is whole in one answer."""
    key = api.say(*thread(10, "1", "2", "3"))
    await source.expand(entry(key))

    assert api.requests == [f"/2/thread/{key}"]


async def test_only_the_authors_posts(source, api):
    """Others who stand in the conversation are left out, and what the author says to them."""
    made = thread(10, "1", "2")
    comment = post(post_id(15), "Why?", LOUD, parent=made[1])
    answered = post(post_id(16), "Because.", parent=comment)
    api.faults["/2/thread/"] = conversation(made[0], made[0], made[1], comment, answered)

    assert [one.text for one in (await source.expand(entry(made[0]["id"]))).posts] == ["1", "2"]


def conversation(focal, *parts):
    """The body of a thread's answer."""
    return json.dumps({"code": 200, "status": focal, "thread": parts, "author": focal["author"]}).encode()


async def test_a_post_that_is_missing(source, api):
    """A deleted post does not end the thread; the count says that it is missing."""
    made = thread(10, "1", "2", "3")
    api.faults["/2/thread/"] = conversation(made[0], made[0], tombstone(made[1]["id"]), made[2])
    found = await source.expand(entry(made[0]["id"]))

    assert ([one.text for one in found.posts], found.post_count) == (["1", "3"], 3)


async def test_another_ones_missing_post_bridges_nothing(source, api):
    """An answer to somebody else whose post is gone is not of the thread."""
    made = thread(10, "1", "2")
    answered = post(post_id(20), "To you.", parent=post(post_id(15), "", LOUD))
    api.faults["/2/thread/"] = conversation(made[0], *made, tombstone(post_id(15)), answered)
    found = await source.expand(entry(made[0]["id"]))

    assert ([one.text for one in found.posts], found.post_count) == (["1", "2"], 2)


async def test_expand_from_the_middle(source, api):
    """A post in the middle of a thread leads to all of it; the first post's id is an alias."""
    made = thread(10, "1", "2", "3")
    api.say(*made)
    found = await source.expand(entry(made[1]["id"]))

    assert (found.key, found.aliases) == (made[1]["id"], (made[0]["id"],))
    assert [one.text for one in found.posts] == ["1", "2", "3"]


async def test_what_the_listing_showed_is_asked_for(source, api):
    """A post that the listing showed and the conversation lacks is asked for by its own id."""
    made = thread(10, "1", "2", "3")
    api.say(*made)
    api.faults[f"/2/thread/{made[0]['id']}"] = conversation(made[0], made[0])
    _, listed = await followed(source)

    assert [one.text for one in (await source.expand(listed.entries[0])).posts] == ["1", "2", "3"]


async def test_a_thread_that_could_not_be_read(source, api):
    """Where X gives the service one post only, that is not a thread of one post."""
    made = post(post_id(1), "1")
    api.faults["/2/thread/"] = json.dumps({"code": 200, "status": made, "thread": None}).encode()
    with pytest.raises(TemporarySourceError):
        await source.expand(entry(made["id"]))


async def test_expand_by_number(source, api):
    """The number says whose a thread is, whatever the name was when the listing was read."""
    key = api.say(*thread(10, "1", "2"))
    found = await source.expand(entry(key, author=Author(handle="OldPetra", key=PETRA.key)))

    assert found.author.handle == "PolarPetra"
    with pytest.raises(WrongAuthor):
        await source.expand(entry(key, author=Author(handle="PolarPetra", key="77")))


async def test_expand_another_post(source, api):
    """An answer about another post than the one asked for is refused."""
    made = thread(10, "1", "2")
    api.faults["/2/thread/"] = conversation(made[1], *made)
    with pytest.raises(SourceError):
        await source.expand(entry(made[0]["id"]))


async def test_expand_no_number(source):
    """What is no id of X is not put into a path."""
    with pytest.raises(ParseError):
        await source.expand(entry("../profile/x"))
