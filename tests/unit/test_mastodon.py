"""The source `mastodon` against a server that cuts, pages and refuses as the real ones do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import (
    FeedEnded,
    FeedGone,
    HostHeld,
    ParseError,
    SourceError,
    SourceRefused,
    TemporarySourceError,
    WrongAuthor,
)
from bot.http import Http
from bot.model import Author, Entry, Feed, Fetched, NotModified
from bot.sources.mastodon import MAX_PAGES, MAX_PLACED, MOST_PAGES, Mastodon
from tests import mastodon
from tests.canned import Canned
from tests.servers.mastodon import instance
from tests.sites import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def http(clock):
    made = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def site():
    async with instance() as made:
        made.join("Ann")
        made.join("bob")
        yield made


@pytest.fixture
def source(http, clock):
    return Mastodon(http, clock=clock)


async def ann(source, site):
    """The feed of @Ann."""
    return (await source.resolve(f"@ann@{site.host}")).feed


async def looked(source, site):
    """Her feed, and what the first look at it gave."""
    feed = await ann(source, site)
    first = await source.fetch(feed, {})
    site.requests.clear()
    return feed, first


def keys(found):
    return [entry.key for entry in found.entries]


def texts(entry):
    return [post.text for post in entry.posts]


@pytest.mark.parametrize("name", mastodon.cases())
async def test_golden(name):
    """Each known shape of answers is read to exactly what a person sees in it."""
    assert await mastodon.read(name) == mastodon.expected(name)


# -- who it is ------------------------------------------------------------------------------------


async def test_resolve(source, site):
    """An author is found by one request, under the name as the server spells it."""
    feed = await ann(source, site)

    assert (feed.id, feed.address) == (f"mastodon:ann@{site.host}", f"@Ann@{site.host}")
    assert feed.author == Author(
        handle=f"Ann@{site.host}", name="Ann", url=f"{site.url}/@Ann", key=site.accounts["ann"]["id"]
    )
    assert len(site.requests) == 1


async def test_host_that_is_not_the_server(source, site, http, clock):
    """@ann@HOST may live at another server, which the host's webfinger names; looks go there."""
    async with instance() as front:
        front.speaks = False
        front.webfinger[f"ann@{front.host}"] = f"{site.url}/users/ann"
        feed = (await source.resolve(f"@ann@{front.host}")).feed
        site.thread("ann", "One.", "Two.")
        front.requests.clear()
        found = await source.fetch(feed, {})
        read = await source.expand(replace(found.entries[0], posts=(), whole=False))

    assert feed.id == f"mastodon:ann@{front.host}"
    assert found.entries[0].author.handle == f"Ann@{front.host}"
    assert read == found.entries[0]
    assert front.requests == []


@pytest.mark.parametrize("webfinger", [{}, {"ann@{}": "http://{}/users/ann"}, {"ann@{}": "javascript:1"}])
async def test_host_without_the_api(source, site, webfinger):
    """A host that does not speak the API, and names no other, is no Mastodon server."""
    site.speaks = False
    site.webfinger = {name.format(site.host): href.format(site.host) for name, href in webfinger.items()}
    with pytest.raises(ParseError, match="does not speak Mastodon's API"):
        await source.resolve(f"http://{site.host}/@ann")


async def test_moved(source, site):
    """An account that has moved is not followed; where it went is said."""
    site.accounts["ann"]["moved"] = {"id": "9", "username": "ann", "acct": "ann@new.example"}
    with pytest.raises(SourceRefused, match=r"has moved to @ann@new\.example; follow that instead"):
        await source.resolve(f"@ann@{site.host}")


async def test_suspended(source, site):
    """A suspended account is gone."""
    site.accounts["ann"]["suspended"] = True
    with pytest.raises(FeedGone, match="suspended"):
        await source.resolve(f"@ann@{site.host}")


@pytest.mark.parametrize("status", [401, 403, 422])
async def test_login(source, site, status):
    """A server for members only says so."""
    site.fails["/api/"] = status
    with pytest.raises(SourceRefused, match="shows nothing without a login"):
        await source.resolve(f"@ann@{site.host}")


async def test_address_of_a_post_alone(source, site):
    """Pleroma's addresses name a post only; its author is found by it."""
    key = site.say("ann", "One.")
    feed = (await source.resolve(f"http://{site.host}/notice/{key}")).feed

    assert feed.id == f"mastodon:ann@{site.host}"


@pytest.mark.parametrize("address", ["", "nobody", "https://example.org/", "@a@b", "a" * 100_000])
async def test_no_address(source, address):
    """What is no address of an account is said to be none, without asking."""
    with pytest.raises(ParseError):
        await source.resolve(address)


async def test_nobody_resolved(source, site):
    """A feed that says nothing but the handle is looked up, also at another server than its host; then it is known."""
    async with instance() as front:
        front.speaks = False
        front.webfinger[f"ann@{front.host}"] = f"{site.url}/users/ann"
        id_ = f"mastodon:ann@{front.host}"
        bare = Feed(id=id_, source="mastodon", address=id_, author=Author(handle=f"ann@{front.host}"))
        silent = await source.fetch(bare, {})
        site.thread("ann", "One.", "Two.")
        first = await source.fetch(bare, {})
        site.requests.clear()
        front.requests.clear()
        known = replace(bare, author=first.author)
        again = await source.fetch(known, first.cursor)

    assert (
        silent.author
        == first.author
        == Author(handle=f"Ann@{front.host}", name="Ann", url=f"{site.url}/@Ann", key=site.accounts["ann"]["id"])
    )
    assert isinstance(again, NotModified)
    assert (len(site.requests), front.requests) == (1, [])


async def test_nobody_resolved_and_moved(source, site):
    """That such an author has moved is said at the first look."""
    site.thread("ann", "One.", "Two.")
    site.accounts["ann"]["moved"] = {"id": "9", "username": "ann", "acct": "ann@new.example"}
    id_ = f"mastodon:ann@{site.host}"
    bare = Feed(id=id_, source="mastodon", address=id_, author=Author(handle=f"ann@{site.host}"))
    with pytest.raises(SourceRefused, match="has moved"):
        await source.fetch(bare, {})


async def test_name_taken(source, site):
    """An id that is gone while somebody else has the name: not followed silently."""
    feed, _ = await looked(source, site)
    site.accounts["ann"]["id"] = "42"
    with pytest.raises(WrongAuthor, match=f"id 42 instead of {feed.author.key}"):
        await source.fetch(feed, {})


async def test_author_gone(source, site):
    """An account that was deleted is gone; 410 says that it is so for good."""
    feed, _ = await looked(source, site)
    del site.accounts["ann"]
    with pytest.raises(FeedGone):
        await source.fetch(feed, {})
    site.fails["/statuses"] = 410
    with pytest.raises(FeedEnded):
        await source.fetch(feed, {})


async def test_page_of_another(clock):
    """A page that is all another account's is somebody else's."""
    account = {"id": "2", "username": "bob", "acct": "bob"}
    page = [{"id": "5", "content": "<p>One.</p>", "account": account}]
    feed = mastodon.feed_of({"id": "mastodon:ann@a.example", "key": "1", "url": "https://a.example/@ann"})
    http = Canned({"https://a.example/api/v1/accounts/1/statuses?exclude_reblogs=true&limit=40": page})
    with pytest.raises(WrongAuthor, match=r"@ann@a\.example belongs to somebody else now \(id 2 instead of 1\)"):
        await Mastodon(http, clock=clock).fetch(feed, {})


async def test_renamed(source, site):
    """The same id under another name is the same author; the new name is told."""
    feed, _ = await looked(source, site)
    site.accounts["ann"] |= {"username": "anna", "acct": "anna"}
    site.thread("ann", "One.", "Two.")
    found = await source.fetch(feed, {})

    assert (found.author.handle, found.author.key) == (f"anna@{site.host}", feed.author.key)


async def test_suspended_later(source, site):
    """Of a suspended account Mastodon lists nothing, with 200: that is no silence."""
    site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    site.accounts["ann"]["suspended"] = True
    with pytest.raises(FeedGone, match="suspended"):
        await source.fetch(feed, first.cursor)


async def test_moved_later(source, site):
    """What was written before the author left arrives; then the silence is explained, at every look."""
    site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    key = site.thread("ann", "Bye.", "All.")[0]
    site.accounts["ann"]["moved"] = {"id": "9", "username": "ann", "acct": "ann@new.example"}
    found = await source.fetch(feed, first.cursor)
    cursor = {name: value for name, value in found.cursor.items() if name != "validators"}

    assert keys(found)[0] == key
    with pytest.raises(SourceRefused, match=r"moved to @ann@new\.example"):
        await source.fetch(feed, cursor)


# -- one look -------------------------------------------------------------------------------------


async def test_one_request(source, site):
    """A look asks once, for all that was written by the author, boosts left out; without a change it is told so."""
    site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    again = await source.fetch(feed, first.cursor)

    assert again == NotModified(cursor=first.cursor)
    key = feed.author.key
    assert site.requests == [f"/api/v1/accounts/{key}/statuses?exclude_reblogs=true&limit=40"]


async def test_likes_are_no_change(source, site):
    """A page that differs in counts only is not modified."""
    ids = site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    site.statuses[ids[0]]["favourites_count"] = 99

    assert isinstance(await source.fetch(feed, first.cursor), NotModified)


async def test_edit(source, site):
    """An edited post is a change, though nothing was written and nothing counts otherwise."""
    ids = site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    site.statuses[ids[1]] |= {"content": "<p>Two, mended.</p>", "edited_at": "2026-08-02T08:00:00.000Z"}
    found = await source.fetch(feed, first.cursor)

    assert texts(found.entries[0]) == ["One.", "Two, mended."]


async def test_growth(source, site):
    """A thread on the page that goes on is listed with its new count."""
    ids = site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    site.say("ann", "Three.", ids[-1])
    found = await source.fetch(feed, first.cursor)

    assert [(one.key, one.post_count, one.whole) for one in found.entries] == [(ids[0], 3, True)]


async def test_single_posts_move_the_cursor(source, site):
    """A single post is no thread: nothing changed, but the next look starts from it."""
    site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    key = site.say("ann", "Coffee.")
    again = await source.fetch(feed, first.cursor)

    assert isinstance(again, NotModified)
    assert again.cursor["tops"][0] == key


async def test_all(http, clock, site):
    """Single posts are threads of one where all are asked for; answers to others and boosts never are."""
    source = Mastodon(http, clock=clock, posts="all")
    single = site.say("ann", "Coffee.")
    other = site.say("bob", "Hm?")
    answer = site.say("ann", "No.", other)
    site.say("ann", "Still no.", answer)
    site.say("ann", "RT", reblog=site.statuses[other])
    _, first = await looked(source, site)

    assert keys(first) == [single]


async def test_silent_then_not(source, site):
    """The first thread of an author who had none is found; also where many single posts came with it."""
    feed, first = await looked(source, site)
    key = site.thread("ann", "One.", "Two.")[0]
    for n in range(50):
        site.say("ann", f"Single {n}.")
    found = await source.fetch(feed, first.cursor)

    assert keys(found) == [key]


async def test_reaches(source, site):
    """A first look says how far back it saw: to its oldest post, a thread or not."""
    site.thread("ann", "One.", "Two.")
    for n in range(40):
        site.say("ann", f"Single {n}.")
    _, first = await looked(source, site)

    assert (first.entries, bool(first.older)) == ((), True)
    assert first.reaches.isoformat() == "2026-08-01T08:02:00+00:00"


# -- what goes on further down --------------------------------------------------------------------


async def test_old_thread_goes_on(source, site):
    """A post that goes on with a thread far below the page brings that thread, whole, under its own key."""
    ids = site.thread("ann", "One.", "Two.")
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    site.say("ann", "Three.", ids[-1])
    found = await source.fetch(feed, first.cursor)

    assert [(one.key, texts(one), one.whole) for one in found.entries] == [(ids[0], ["One.", "Two.", "Three."], True)]
    assert len(site.requests) == 3
    assert isinstance(await source.fetch(feed, found.cursor), NotModified)


async def test_old_thread_goes_on_within_the_second(source, site):
    """Some servers write whole seconds: what came in the second of the last look's newest post is new all the same."""
    site.tick = timedelta(0)
    ids = site.thread("ann", "One.", "Two.")
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    site.say("ann", "Three.", ids[-1])

    assert keys(await source.fetch(feed, first.cursor)) == [ids[0]]


async def test_post_from_the_future(source, site):
    """A post whose time is ahead of ours hides nothing that is written after it."""
    soon = site.say("ann", "Soon.", created_at="2099-01-01T00:00:00.000Z")
    feed, first = await looked(source, site)
    site.delete(soon)
    written = [site.thread("ann", f"{n}.", "Two.")[0] for n in range(30)]
    found = await source.fetch(feed, first.cursor)

    assert {*keys(found), *(one.key for one in await all_older(source, feed, found))} == set(written)


async def test_very_old_and_long_thread_goes_on(source, site):
    """Also where its root is more posts above than the server shows."""
    ids = site.thread("ann", *(f"Part {n}." for n in range(130)))
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    site.say("ann", "The end.", ids[-1])
    found = await source.fetch(feed, first.cursor)

    assert [(one.key, one.post_count) for one in found.entries] == [(ids[0], 131)]


async def test_talk_goes_on(source, site):
    """A post that goes on with a talk with others is looked at once, and is no thread."""
    other = site.say("bob", "Hm?")
    answer = site.say("ann", "No.", other)
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    site.say("ann", "Still no.", answer)
    found = await source.fetch(feed, first.cursor)
    site.requests.clear()

    assert isinstance(found, NotModified)
    assert isinstance(await source.fetch(feed, found.cursor), NotModified)
    assert len(site.requests) == 1


async def test_many_old_threads_go_on(source, site):
    """Of many old threads that go on at once some are found at this look, the others at the next ones."""
    threads = [site.thread("ann", f"Thread {n}.", "Two.") for n in range(MAX_PLACED + 2)]
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    for ids in threads:
        site.say("ann", "Three.", ids[-1])
    found = await source.fetch(feed, first.cursor)
    rest = await source.fetch(feed, found.cursor)

    assert len(found.entries) == MAX_PLACED
    assert {*keys(found), *keys(rest)} == {ids[0] for ids in threads}
    assert isinstance(await source.fetch(feed, rest.cursor), NotModified)


@pytest.mark.parametrize("status", [500, 503])
async def test_old_thread_that_cannot_be_read_now(source, site, status, clock):
    """Trouble with one old thread keeps nothing else; it is found when the trouble is over."""
    ids = site.thread("ann", "One.", "Two.")
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    site.say("ann", "Three.", ids[-1])
    new = site.thread("ann", "New.", "And more.")[0]
    site.fails["/context"] = status
    found = await source.fetch(feed, first.cursor)
    site.fails.clear()
    clock.passes(hours=1)
    later = await source.fetch(feed, found.cursor)

    assert keys(found) == [new]
    assert ids[0] in keys(later)


async def test_orphan(source, site):
    """What is left of a thread whose first post was deleted is no new thread."""
    ids = site.thread("ann", "One.", "Two.", "Three.")
    feed, _ = await looked(source, site)
    site.delete(ids[0])

    assert (await source.fetch(feed, {})).entries == ()


# -- gaps and deeper pages ------------------------------------------------------------------------


async def all_older(source, feed, page):
    """The keys below a page, to the end."""
    found, steps = [], 0
    while page.older:
        page, steps = await source.older(feed, page.older), steps + 1
        found += page.entries
        assert steps < 100
    return found


@pytest.mark.parametrize("links", ["own", "none", "http://127.0.0.1:9", "http://evil.example"])
async def test_no_gap(source, site, links):
    """Whatever was written since the last look is on its pages, or below their token; the server's links lead nowhere
    else.
    """
    site.thread("ann", "Old.", "Old.")
    feed, first = await looked(source, site)
    site.links = links
    written = [site.thread("ann", f"{n}.", "Two.")[0] for n in range(150)]
    found = await source.fetch(feed, first.cursor)
    assert len(site.requests) == MAX_PAGES
    below = await all_older(source, feed, found)

    assert {*keys(found), *(one.key for one in below)} >= set(written)


async def test_gap_leaves_old_threads_for_the_next_look(source, site):
    """While there is more below, no old thread is among the entries: it would pass for the end of the news."""
    ids = site.thread("ann", "One.", "Two.")
    for n in range(50):
        site.say("ann", f"Single {n}.")
    feed, first = await looked(source, site)
    for n in range(110):
        site.thread("ann", f"{n}.", "Two.")
    site.say("ann", "Three.", ids[-1])
    found = await source.fetch(feed, first.cursor)

    assert found.older
    assert ids[0] not in keys(found)
    assert ids[0] in keys(await source.fetch(feed, found.cursor))


async def test_hundreds_of_single_posts(source, site):
    """Where no page holds a thread more pages are read, and the thread below them is found."""
    site.thread("ann", "Old.", "Old.")
    feed, first = await looked(source, site)
    key = site.thread("ann", "One.", "Two.")[0]
    for n in range(300):
        site.say("ann", f"Single {n}.")
    found = await source.fetch(feed, first.cursor)

    assert key in keys(found)
    assert MAX_PAGES < len(site.requests) < MOST_PAGES


async def test_deeper_pages_are_whole(source, site):
    """A thread that straddles two pages is listed where its first post stands, with all its posts counted."""
    long = site.thread("ann", *(f"Part {n}." for n in range(60)))
    short = site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    below = await all_older(source, feed, first)

    assert keys(first) == [short[0]]
    assert [(one.key, one.post_count, len(one.posts), one.whole) for one in below] == [(long[0], 60, 22, False)]


async def test_server_that_cannot_page(source, site):
    """A server that gives the first page again and again ends it."""
    for n in range(30):
        site.thread("ann", f"{n}.", "Two.")
    feed, first = await looked(source, site)
    site.ignores_max_id = True
    await all_older(source, feed, first)
    cursor = {**first.cursor, "tops": ["1"], "at": "2020-01-01T00:00:00+00:00", "validators": {}}
    await source.fetch(feed, cursor)

    assert len(site.requests) <= 4


async def test_pages_in_a_circle(clock):
    """Pages that lead back up end the way down."""
    account = {"id": "1", "username": "ann", "acct": "ann"}

    def page(*ids):
        return [
            {"id": str(n), "content": "x", "account": account, "created_at": f"2026-08-01T08:0{n}:00Z"} for n in ids
        ]

    feed = mastodon.feed_of({"id": "mastodon:ann@a.example", "key": "1", "url": "https://a.example/@ann"})
    base = "https://a.example/api/v1/accounts/1/statuses?exclude_reblogs=true&limit=40"
    http = Canned({base: page(9, 8), f"{base}&max_id=8": page(7, 6), f"{base}&max_id=6": page(9, 8)})
    source = Mastodon(http, clock=clock)
    await all_older(source, feed, await source.fetch(feed, {}))

    assert len(http.asked) == 3


@pytest.mark.parametrize("token", ["", " ", "a b*c", "x*y", "<", "117020600000000001 junk a*9 b*" + "9" * 5000])
async def test_odd_token(source, site, token):
    """A token that is none of ours is an error, or is read as far as it goes."""
    feed, _ = await looked(source, site)
    try:
        assert isinstance(await source.older(feed, token), Fetched)
    except SourceError as error:
        assert error.feed_id == feed.id


@pytest.mark.parametrize("junk", [1, [], {}, "x", None, [1, "<", {}], {"etag": 5}])
async def test_odd_cursor(source, site, junk):
    """A cursor that is damaged counts as none."""
    site.thread("ann", "One.", "Two.")
    feed, first = await looked(source, site)
    found = await source.fetch(feed, dict.fromkeys(first.cursor, junk))

    assert keys(found) == keys(first)


# -- one thread -----------------------------------------------------------------------------------


def stub(feed, key, **more):
    return Entry(feed_id=feed.id, key=key, url="", author=Author(handle=""), **more)


async def test_long_thread(source, site):
    """A thread of 200 posts is read whole, though the server shows 20 at once; from its middle, too."""
    ids = site.thread("ann", *(f"Part {n}." for n in range(200)))
    feed = await ann(source, site)
    read = await source.expand(stub(feed, ids[0]))
    middle = await source.expand(stub(feed, ids[100]))

    assert texts(read) == [f"Part {n}." for n in range(200)]
    assert (middle.key, middle.aliases, middle.posts) == (ids[0], (ids[100],), read.posts)


async def test_short_thread_costs_two_requests(source, site):
    """A thread that fits in one answer is asked for twice: the post, and what is round it."""
    ids = site.thread("ann", "One.", "Two.", "Three.")
    site.say("bob", "Nice.", ids[0])
    feed = await ann(source, site)
    site.requests.clear()
    await source.expand(stub(feed, ids[0]))

    assert len(site.requests) == 2


async def test_thread_among_answers(source, site):
    """A thread is read whole under hundreds of other people's answers, none of which is taken for it."""
    ids = [site.say("ann", "Part 0.")]
    for n in range(1, 50):
        for _ in range(5):
            site.say("bob", "Nice!", ids[-1])
        ids.append(site.say("ann", f"Part {n}.", ids[-1]))
    talk = site.say("ann", "Thanks.", site.say("bob", "Wow.", ids[0]))
    feed = await ann(source, site)
    read = await source.expand(stub(feed, ids[0]))

    assert texts(read) == [f"Part {n}." for n in range(50)]
    assert talk not in {post.id for post in read.posts}


async def test_thread_behind_answers(source, site):
    """Also where so many answered before the author went on that an answer has no room for what the author wrote."""
    ids = [site.say("ann", "Part 0.")]
    for _ in range(100):
        site.say("bob", "First!", ids[0])
    for n in range(1, 90):
        ids.append(site.say("ann", f"Part {n}.", ids[-1]))
    site.thread("ann", "Another.", "Thread.")
    late = site.say("ann", "A late branch.", ids[3])
    feed = await ann(source, site)
    site.requests.clear()
    read = await source.expand(stub(feed, ids[0]))

    assert [post.id for post in read.posts] == [*ids, late]
    assert len(site.requests) <= 6


async def test_endless_thread(source, site):
    """A thread longer than is read ends where we stop; the number of requests is bounded."""
    site.depth = 2
    ids = site.thread("ann", *(f"Part {n}." for n in range(100)))
    feed = await ann(source, site)
    site.requests.clear()
    read = await source.expand(stub(feed, ids[0]))

    assert 40 <= len(read.posts) < 60
    assert len(site.requests) <= 23


async def test_circle(source, site):
    """Posts that answer each other in a circle end nowhere, and soon."""
    ids = site.thread("ann", "One.", "Two.", "Three.")
    me = site.accounts["ann"]["id"]
    site.statuses[ids[0]] |= {"in_reply_to_id": ids[2], "in_reply_to_account_id": me}
    feed = await ann(source, site)
    site.requests.clear()

    assert (await source.fetch(feed, {})).entries == ()
    site.requests.clear()
    site.descendants = 0
    await source.expand(stub(feed, ids[1]))
    assert len(site.requests) < 30


async def test_hidden_middle(source, site):
    """What hangs on a post that not everybody may see is not shown, in the listing as in the thread."""
    ids = site.thread("ann", "One.", "Two.", "For followers.", "Four.")
    site.statuses[ids[2]]["visibility"] = "private"
    feed, first = await looked(source, site)
    read = await source.expand(stub(feed, ids[0]))

    assert [texts(one) for one in (*first.entries, read)] == [["One.", "Two."]] * 2


async def test_listing_and_page_agree(source, site):
    """A thread reads the same from the listing as from its own page: no edit is seen where there is none."""
    ids = site.thread("ann", '<p>A <a href="https://a.example/long">a.example/…</a></p>', "Two.", "Three.")
    site.say("ann", "A branch.", ids[0])
    feed, first = await looked(source, site)
    read = await source.expand(stub(feed, ids[0]))

    assert (read.content_hash, read.post_count) == (first.entries[0].content_hash, 4)


@pytest.mark.parametrize("status", [404, 410])
async def test_thread_gone(source, site, status):
    """A deleted thread is gone; its author is not."""
    feed = await ann(source, site)
    site.fails["/statuses/"] = status
    with pytest.raises(FeedGone) as caught:
        await source.expand(stub(feed, "117020600000000001"))

    assert type(caught.value) is FeedGone


async def test_thread_of_another(source, site):
    """A thread that is somebody else's is not handed on, by the id or by the name."""
    key = site.thread("bob", "One.", "Two.")[0]
    feed = await ann(source, site)
    for author in (Author(handle="x", key=feed.author.key), Author(handle="ann"), Author(handle=f"Ann@{site.host}")):
        with pytest.raises(WrongAuthor):
            await source.expand(replace(stub(feed, key), author=author))
    assert await source.expand(replace(stub(feed, key), author=Author(handle=f"BOB@{site.host}")))


async def test_boost_is_no_thread(source, site):
    """A boost has no thread of its own."""
    other = site.say("bob", "Hm?")
    key = site.say("ann", "Hm?", reblog=site.statuses[other])
    feed = await ann(source, site)
    with pytest.raises(ParseError):
        await source.expand(stub(feed, key))


@pytest.mark.parametrize("key", ["", "../../x", "1?x", "a" * 100, "١"])
async def test_odd_key(source, site, key):
    """An id that no server can have is asked for nowhere."""
    feed = await ann(source, site)
    site.requests.clear()
    with pytest.raises(FeedGone):
        await source.expand(stub(feed, key))

    assert site.requests == []


async def test_thread_of_nowhere(source):
    """A thread whose server is not known cannot be read."""
    with pytest.raises(ParseError):
        await source.expand(Entry(feed_id="x", key="1", url="", author=Author(handle="")))


# -- limits ---------------------------------------------------------------------------------------


async def test_rate_limit(source, site, clock):
    """When the server says that no request is left, nothing is asked there before the limit counts anew."""
    site.thread("ann", "One.", "Two.")
    feed = await ann(source, site)
    site.headers = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "0"}
    site.headers["X-RateLimit-Reset"] = (clock.now + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%S.212100Z")
    first = await source.fetch(feed, {})
    site.requests.clear()
    with pytest.raises(HostHeld) as caught:
        await source.fetch(feed, first.cursor)

    assert timedelta(minutes=4) < caught.value.not_before - clock.now < timedelta(minutes=4, seconds=1)
    assert site.requests == []


async def test_slow_down(source, site, clock):
    """Mastodon's 429 has no Retry-After: its time is that of the limit."""
    feed = await ann(source, site)
    site.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-09-01T12:03:00.000000Z"}
    site.fails["/statuses"] = 429
    with pytest.raises(TemporarySourceError) as caught:
        await source.fetch(feed, {})

    assert caught.value.not_before == clock.now + timedelta(minutes=3)


async def test_error_with_200(source, site):
    """An error that comes as an answer is no listing."""
    feed = await ann(source, site)
    site.fails["/statuses"] = 200
    with pytest.raises(SourceRefused, match="answers with an error: This API requires an authenticated user"):
        await source.fetch(feed, {})
