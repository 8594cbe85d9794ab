"""The source of feeds, asked over HTTP on loopback."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import (
    FeedEnded,
    FeedGone,
    ParseError,
    SeveralFeeds,
    SourceError,
    SourceRefused,
    TemporarySourceError,
)
from bot.http import Http
from bot.model import Author, Choice, Feed, Fetched, NotModified
from bot.protocols import Expander, Pager
from bot.sources import syndication
from bot.sources.syndication import GAP_PAGES, Syndication
from tests.servers.feeds import GUID_CHANGED, Status, feed_site, nitter
from tests.sites import Clock, answer, site


@asynccontextmanager
async def reader(clock=None, **options):
    clock = clock or Clock()
    http = Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock)
    try:
        yield Syndication(http, clock=clock, **options)
    finally:
        await http.close()


@pytest.fixture
async def feeds():
    async with feed_site() as made:
        yield made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def source(clock):
    async with reader(clock) as made:
        yield made


def feed_at(url, **more):
    return Feed(
        id="syndication:f", source="syndication", address=url, author=Author(handle="", name="B"), url=url, **more
    )


def keys(fetched):
    return [entry.key.removeprefix("tag:blog,") for entry in fetched.entries]


def numbers(*many):
    return [str(one) for one in many]


async def followed(source, url):
    resolved = await source.resolve(url)
    return resolved.feed, await source.fetch(resolved.feed, resolved.cursor)


async def again(source, feed, look):
    """The next look, with the cursor as it comes back from a store."""
    return await source.fetch(feed, json.loads(json.dumps(look.cursor)))


# -- following ------------------------------------------------------------------------------------------


def test_powers(source):
    """Feeds have deeper pages and list their entries whole; an entry has no page that is read."""
    assert isinstance(source, Pager)
    assert source.lists_whole
    assert not isinstance(source, Expander)


async def test_check_asks_nobody(source):
    """There is no one site to ask."""
    await source.check()


@pytest.mark.parametrize("file", ["feed.xml", "atom.xml", "feed.json"])
async def test_a_feed_itself(feeds, source, file):
    """A feed's own address is followed, in any of the three formats."""
    feeds.blog("ann", articles=3)
    url = f"{feeds.url}/ann/{file}"
    feed, look = await followed(source, url)

    assert feed == Feed(
        id=f"syndication:{url.removeprefix('http://')}",
        source="syndication",
        address=url,
        author=Author(handle="", name="Ann’s blog", url=f"{feeds.url}/ann/"),
        url=url,
    )
    assert keys(look) == numbers(2, 1, 0)
    assert look.ordered


async def test_a_page_that_names_one_content(feeds, source):
    """Of a page's formats of the same content the best is taken."""
    feeds.blog("ann", articles=1)
    feed, _ = await followed(source, f"{feeds.url}/ann/")

    assert feed.url == f"{feeds.url}/ann/atom.xml"
    assert feeds.requests == ["/ann/", "/ann/atom.xml", "/ann/atom.xml"]


async def test_no_comments(feeds, source):
    """A feed of comments is not what is meant."""
    blog = feeds.blog("ann", articles=1, names=("feed.xml",))
    blog.extra_head = '<link rel="alternate" type="application/rss+xml" title="Comments on Ann" href="/ann/comments/">'

    assert (await source.resolve(f"{feeds.url}/ann/")).feed.url == f"{feeds.url}/ann/feed.xml"


async def test_several(feeds, source):
    """Of several contents none is the better answer; each is named by an address that means just it."""
    blog = feeds.blog("ann", articles=1, names=("feed.xml",))
    blog.extra_head = '<link rel="alternate" type="application/atom+xml" title="Pictures" href="/ann/atom.xml">'
    with pytest.raises(SeveralFeeds) as caught:
        await source.resolve(f"{feeds.url}/ann/")

    assert caught.value.choices == (
        Choice(address=f"syndication:{feeds.url}/ann/feed.xml", title="Ann’s blog (RSS 2.0)"),
        Choice(address=f"syndication:{feeds.url}/ann/atom.xml", title="Pictures"),
    )
    assert (await source.resolve(caught.value.choices[1].address)).feed.url == f"{feeds.url}/ann/atom.xml"


async def test_named_but_not_there(feeds, source):
    """Where the better format is not there, the next is taken."""
    blog = feeds.blog("ann", articles=1, names=("feed.xml",))
    blog.extra_head = f'<link rel=alternate type=application/atom+xml title="{blog.title}" href="/ann/nothing">'

    assert (await source.resolve(f"{feeds.url}/ann/")).feed.url == f"{feeds.url}/ann/feed.xml"


async def test_formats_of_one_feed(feeds, source):
    """A page's feed says which other addresses are the same feed, so that it is not followed twice."""
    feeds.blog("ann", articles=1)
    resolved = await source.resolve(f"{feeds.url}/ann/")
    place = feeds.url.removeprefix("http://")

    assert resolved.feed.id == f"syndication:{place}/ann/atom.xml"
    assert sorted(resolved.same) == [f"syndication:{place}/ann/feed.json", f"syndication:{place}/ann/feed.xml"]
    assert (await source.resolve(f"{feeds.url}/ann/feed.xml")).same == ()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("404 No", FeedGone, "has no such page (404)"),
        ("410 Gone", FeedGone, "(410)"),
        ("403 Forbidden", SourceRefused, "refuses us (403)"),
    ],
)
async def test_named_and_refused(source, status, error, words):
    """A page that names a feed is not said to name none: why that one cannot be read is."""
    page = b'<link rel="alternate" type="application/rss+xml" href="/news.xml">'
    async with site(answer(body=page), **{"news.xml": answer(status)}) as made:
        with pytest.raises(error) as caught:
            await source.resolve(made.url)

    assert f"names the feed {made.url}/news.xml, but 127.0.0.1" in caught.value.reason
    assert words in caught.value.reason


async def test_guessed(source):
    """A site that names no feed may have one where feeds often are."""
    async with site(answer("404 No"), **{"": answer(body=b"<html>Hello"), "rss.xml": answer(body=RSS)}) as made:
        resolved = await source.resolve(made.url)

        assert resolved.feed.url == f"{made.url}/rss.xml"
        assert made.paths == ["/", "/feed", "/rss.xml"]


async def test_guesses_are_few(source):
    """A site without a feed is asked a few times, not more."""
    async with site(answer(body=b"<html>Hello")) as made:
        with pytest.raises(ParseError, match="names no feed"):
            await source.resolve(f"{made.url}/annwrites")

    assert made.paths == ["/annwrites", "/annwrites/rss", "/feed", "/rss.xml", "/atom.xml"]


async def test_page_that_points_inside(source):
    """A page cannot send us to a private address."""
    page = b'<link rel="alternate" type="application/rss+xml" href="http://10.0.0.1/feed.xml">'
    async with site(answer(body=page)) as made:
        with pytest.raises(SourceError, match="private address"):
            await source.resolve(made.url)


async def test_without_scheme(feeds, source):
    """Where nothing answers by https, and nobody said which, http is tried."""
    feeds.blog("ann", articles=1)
    resolved = await source.resolve(f"syndication:{feeds.url.removeprefix('http://')}/ann/feed.xml")

    assert resolved.feed.url == f"{feeds.url}/ann/feed.xml"


async def test_password(source):
    """An address that holds a password is not followed, and the password not repeated."""
    with pytest.raises(ParseError) as caught:
        await source.resolve("https://ann:hunter2@example.org/feed.xml")

    assert "hunter2" not in caught.value.reason


@pytest.mark.parametrize("address", ["", "@ann", "x" * 10**6])
async def test_no_address(source, address):
    """What is no web address is refused in a short sentence."""
    with pytest.raises(ParseError) as caught:
        await source.resolve(address)

    assert len(caught.value.reason) < 300


async def test_unknown(feeds, source):
    """A page that is not there is gone."""
    with pytest.raises(FeedGone):
        await source.resolve(f"{feeds.url}/nobody/feed.xml")


# -- looking again --------------------------------------------------------------------------------------


async def test_conditional(feeds, source):
    """A feed is asked with the validators that it gave, and not read again while it says that it is the same."""
    feeds.blog("ann", articles=3)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    second = await again(source, feed, look)

    assert isinstance(second, NotModified)
    assert second.cursor == look.cursor
    assert feeds.asked[-1]["If-None-Match"].startswith('"')


async def test_same_body_without_validators(feeds, source):
    """A feed without validators that says the same as before is not modified."""
    feeds.blog("ann", articles=3, has_validators=False)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")

    assert isinstance(await again(source, feed, look), NotModified)


async def test_edit_comes_through(feeds, source):
    """An entry that was changed comes with its new words, under its key."""
    blog = feeds.blog("ann", articles=3)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    blog.edit(1, html="<p>Other words.</p>")
    second = await again(source, feed, look)

    assert keys(second) == numbers(2, 1, 0)
    assert second.entries[1].posts[0].text == "Other words."
    assert second.entries[1].content_hash != look.entries[1].content_hash


async def test_validators_expire(feeds, source, clock):
    """A site that would answer 304 for ever is read whole now and then."""
    feeds.blog("ann", articles=1)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    for _ in range(3):
        clock.passes(days=3)
        look = await again(source, feed, look)

    assert ["If-None-Match" in headers for headers in feeds.asked[2:]] == [True, True, False]


async def test_validators_of_another_address(feeds, source):
    """What one address gave is not sent to another."""
    feeds.blog("ann", articles=1)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    await again(source, replace(feed, url=f"{feeds.url}/ann/atom.xml"), look)

    assert "If-None-Match" not in feeds.asked[-1]


async def test_damaged_cursor(feeds, source):
    """A cursor that is not understood is none."""
    feeds.blog("ann", articles=2)
    cursor = {"validators": 5, "since": "x", "seen": {"a": 1}, "digest": [], "newest": "٣", "calm": "no", "url": 1}
    look = await source.fetch(feed_at(f"{feeds.url}/ann/feed.xml"), cursor)

    assert keys(look) == numbers(1, 0)


async def test_cut_feed_is_asked_for_whole(source):
    """Half a feed is read, but its ETag is not kept."""
    cut = answer(body=RSS[: RSS.rindex(b"<item>") + 20], ETag='"whole"')
    async with site(cut) as made:
        feed = feed_at(f"{made.url}/feed.xml")
        look = await source.fetch(feed, {})
        assert keys(look)[:1] == ["g1"]
        assert "validators" not in look.cursor
        second = await again(source, feed, look)
        await again(source, feed, second)

    # Twice the same half is what the site has.
    assert ["if-none-match" in one.headers for one in made.requests] == [False, False, True]


async def test_304_that_nobody_asked_for(source):
    """An answer that nothing changed, since nothing, is an error."""
    async with site(answer("304 Not Modified")) as made:
        with pytest.raises(ParseError):
            await source.fetch(feed_at(f"{made.url}/feed.xml"), {})


async def test_renamed(feeds, source):
    """A feed's new title is the author's new name."""
    blog = feeds.blog("ann", articles=1)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    blog.title = "Ann writes"

    assert (await again(source, feed, look)).author.name == "Ann writes"


async def test_oldest_first(feeds, source):
    """A listing that begins with its oldest entry keeps its order, and its dates count."""
    blog = feeds.blog("ann", articles=3)
    blog.articles.reverse()
    _, look = await followed(source, f"{feeds.url}/ann/feed.xml")

    assert (keys(look), look.ordered) == (numbers(0, 1, 2), False)


# -- moves, ends, pauses --------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "moves"), [(301, True), (308, True), (302, False), (307, False)])
async def test_moved(feeds, source, status, moves):
    """A permanent redirect is where to ask from now on; the feed stays the same."""
    feeds.blog("ann", articles=1)
    feeds.moved["/old.xml"], feeds.status = "/ann/feed.xml", status
    feed = feed_at(f"{feeds.url}/old.xml")
    look = await source.fetch(feed, {})

    assert look.moved_to == (f"{feeds.url}/ann/feed.xml" if moves else "")
    assert look.entries[0].feed_id == feed.id
    assert (await again(source, feed, look)).moved_to == look.moved_to


async def test_moved_before_it_was_followed(feeds, source):
    """Who follows an old address follows the feed where it is; the address that was given means it still."""
    feeds.blog("ann", articles=1)
    feeds.moved["/old.xml"] = "/ann/feed.xml"
    feed = (await source.resolve(f"{feeds.url}/old.xml")).feed

    assert (feed.url, feed.address) == (f"{feeds.url}/ann/feed.xml", f"{feeds.url}/old.xml")
    assert feed.id == source.locate(feed.address).feed_id


async def test_gone_for_good(feeds, source):
    """410 ends a feed."""
    feeds.gone.add("/ann/feed.xml")
    with pytest.raises(FeedEnded):
        await source.fetch(feed_at(f"{feeds.url}/ann/feed.xml"), {})


async def test_finished(feeds, source):
    """A feed that says that it is finished ends when its last entries were taken, and not before."""
    blog = feeds.blog("ann", articles=1)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.json")
    blog.add(1)
    blog.expired = True
    last = await again(source, feed, look)

    assert keys(last) == numbers(1, 0)
    with pytest.raises(FeedEnded):
        await again(source, feed, last)
    with pytest.raises(FeedEnded):
        await source.resolve(feed.address)


async def test_asked_to_wait(feeds, source, clock):
    """A feed says in its headers, or in itself, how long it is fresh; the longest counts, also when nothing changed."""
    blog = feeds.blog("ann", articles=1, channel="<ttl>120</ttl>", headers={"Cache-Control": "max-age=600"})
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    unchanged = await again(source, feed, look)
    blog.headers["Cache-Control"] = "max-age=10800"
    longer = await again(source, feed, look)

    assert look.not_before == unchanged.not_before == clock.now + timedelta(hours=2)
    assert longer.not_before == clock.now + timedelta(hours=3)


async def test_skipped_hours(feeds, source, clock):
    """Hours that a feed skips are skipped."""
    feeds.blog("ann", articles=1, channel="<skipHours><hour>12</hour><hour>13</hour></skipHours>")
    _, look = await followed(source, f"{feeds.url}/ann/feed.xml")

    assert look.not_before == clock.now.replace(hour=14, minute=0, second=0, microsecond=0)


async def test_site_that_moves(source):
    """The entries of a site that moves to another host are the same as before, though guid and link are others."""
    bodies = [
        RSS.replace(b"http://h/", b"https://%b/" % host)
        .replace(b"<guid>g1", b"<guid>https://%b/1" % host)
        .replace(b"<guid>g2", b"<guid>https://%b/2" % host)
        for host in (b"old.example", b"www.old.example", b"new.example")
    ]
    looks, cursor = [], {}
    for body in bodies:
        async with site(answer(body=body)) as made:
            looks.append(await source.fetch(feed_at(f"{made.url}/feed.xml"), cursor))
        cursor = looks[-1].cursor

    assert [look.entries[0].key for look in looks] == ["old.example/1", "www.old.example/1", "new.example/1"]
    assert {"old.example/1", "www.old.example/1"} <= looks[2].entries[0].ids


# -- pages ----------------------------------------------------------------------------------------------


async def test_first_look_reads_one_page(feeds, source):
    """What is below the first page is read only where a backfill asks for it."""
    feeds.blog("ann", articles=40)
    _, look = await followed(source, f"{feeds.url}/ann/feed.xml")

    assert keys(look) == numbers(*range(39, 24, -1))
    assert look.older
    assert len(feeds.requests) == 2


async def test_no_gap_no_page(feeds, source):
    """While a page reaches back to the look before, none below it is asked for."""
    blog = feeds.blog("ann", articles=40)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    for number in range(40, 53):
        blog.add(number)
    asked = len(feeds.requests)
    second = await again(source, feed, look)

    assert (len(feeds.requests) - asked, second.older) == (1, "")
    assert keys(second) == numbers(*range(52, 37, -1))


async def test_gap(feeds, source):
    """Where a page does not reach back, the pages below are read until they do."""
    blog = feeds.blog("ann", articles=20)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    for number in range(20, 60):
        blog.add(number)
    second = await again(source, feed, look)

    assert set(numbers(*range(20, 60))) <= set(keys(second))
    assert (second.older, len(feeds.requests)) == ("", 2 + 3)


async def test_gap_under_an_entry_that_stays_on_top(feeds, source):
    """An entry that stays on top for ever does not say that the page reaches back."""
    blog = feeds.blog("ann", articles=20)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    top = blog.articles.pop(0)
    for number in range(20, 60):
        blog.add(number)
    blog.articles.insert(0, top)
    second = await again(source, feed, look)

    assert set(numbers(*range(20, 60))) <= set(keys(second))


async def test_long_gap(feeds, source):
    """A gap that is too long for one look goes on below the token."""
    blog = feeds.blog("ann", articles=20)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    for number in range(20, 20 + 15 * (GAP_PAGES + 3)):
        blog.add(number)
    asked = len(feeds.requests)
    second = await again(source, feed, look)
    assert len(feeds.requests) - asked == GAP_PAGES + 1
    found, token = set(keys(second)), second.older
    while token:
        page = await source.older(feed, token)
        found, token = found | set(keys(page)), page.older

    assert found == set(numbers(*range(20 + 15 * (GAP_PAGES + 3))))


async def test_gap_whose_page_fails(feeds, source):
    """What was read counts; the page that failed is named for whoever tries again."""
    blog = feeds.blog("ann", articles=20)
    feed, look = await followed(source, f"{feeds.url}/ann/feed.xml")
    for number in range(20, 40):
        blog.add(number)
    feeds.failing.add("/ann/feed.xml?page=2")
    second = await again(source, feed, look)
    feeds.failing.clear()

    assert keys(second) == numbers(*range(39, 24, -1))
    assert keys(await source.older(feed, second.older)) == numbers(*range(24, 9, -1))


RSS = (
    b'<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>T</title>'
    b'<link>http://h/</link><atom:link rel="next" href="%s"/>'
    b"<item><title>One</title><guid>g1</guid></item><item><title>Two</title><guid>g2</guid></item></channel></rss>"
)


@pytest.mark.parametrize(
    "following", [b"/feed.xml", b"/feed.xml#2", b"?", b"https://elsewhere.example/feed.xml", b"ftp://x"]
)
async def test_no_page_below(source, following):
    """A feed that names itself as its next page, or a page of another site, has none."""
    async with site(answer(body=RSS.replace(b"%s", following))) as made:
        look = await source.fetch(feed_at(f"{made.url}/feed.xml"), {})

    assert look.older == ""


async def test_circle(source):
    """Pages that name each other are read once."""
    first, second = RSS.replace(b"%s", b"/2"), RSS.replace(b"%s", b"/feed.xml").replace(b"g1", b"g3")
    async with site(answer(body=first), **{"2": answer(body=second)}) as made:
        feed = feed_at(f"{made.url}/feed.xml")
        look = await source.fetch(feed, {})
        page = await source.older(feed, look.older)

    assert (keys(page), page.older) == (["g3", "g2"], "")


async def test_pages_without_end(source):
    """A site that sends the same page under ever new addresses comes to an end."""
    asked = []

    async def endless(request, writer):
        asked.append(request.path)
        writer.write(answer(body=RSS.replace(b"%s", b"/page/%d" % len(asked))))

    async with site(endless) as made:
        feed = feed_at(f"{made.url}/feed.xml")
        token = (await source.fetch(feed, {})).older
        while token:
            token = (await source.older(feed, token)).older

    assert len(asked) == 2


@pytest.mark.parametrize(
    "token", ["", "x", "[]", "[1,2]", '["ftp://h/","x"]', "[" * 10_000, '{"a":"b"}', '["http://h/"]']
)
async def test_no_token(source, token):
    """What is no token of ours is an error."""
    with pytest.raises(ParseError):
        await source.older(feed_at("http://127.0.0.1:1/"), token)


# -- what is no feed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["401 No", "403 No"])
async def test_refused_with_a_hint(monkeypatch, source, status):
    """Of a host that is known to refuse data centres it is said."""
    monkeypatch.setattr(syndication, "_is_substack", lambda host: host == "127.0.0.1")
    async with site(answer(status)) as made:
        with pytest.raises(SourceRefused, match="data centres"):
            await source.resolve(f"{made.url}/feed")


async def test_mirror_without_feeds(source):
    """A mirror that has its feeds switched off says so."""
    async with site(answer("403 Forbidden", b"<div>RSS feed is disabled</div>")) as made:
        with pytest.raises(SourceRefused, match="switched off"):
            await source.resolve(f"{made.url}/annwrites/rss")


async def test_empty_page(source):
    """An empty answer is a refusal, never a feed without entries."""
    async with site(answer(body=b"")) as made:
        with pytest.raises(SourceRefused):
            await source.resolve(f"{made.url}/annwrites/rss")


async def test_only_empty_items(source):
    """A feed of which nothing can be read is an error."""
    async with site(answer(body=b"<rss><channel><title>T</title><item/><item></item></channel></rss>")) as made:
        with pytest.raises(ParseError):
            await source.fetch(feed_at(f"{made.url}/feed.xml"), {})


# -- a mirror of X --------------------------------------------------------------------------------------

NEW = GUID_CHANGED + (100 << 22)
ME = "R to @annwrites: "


async def test_mirror(source):
    """A mirror's feed is its author's; threads are told of, single posts are not."""
    body = nitter(Status(id=NEW + 1, prefix=ME), Status(id=NEW), Status(id=NEW - (1 << 22)))
    async with site(answer(body=body)) as made:
        feed, look = await followed(source, f"{made.url}/annwrites/rss")

    assert feed.author == Author(handle="annwrites", name="Ann", url="https://x.com/annwrites")
    assert feed.address == f"{made.url}/annwrites/rss"
    assert [(entry.key, entry.post_count) for entry in look.entries] == [(str(NEW), 2)]
    assert (look.ordered, look.reaches) == (False, look.entries[0].published - timedelta(milliseconds=1))


async def test_mirror_of_single_posts():
    """Single posts are told of where they are asked for."""
    async with reader(posts="all") as source, site(answer(body=nitter(Status(id=NEW)))) as made:
        _, look = await followed(source, f"{made.url}/annwrites/rss")

    assert [entry.key for entry in look.entries] == [str(NEW)]


async def test_mirror_that_is_none_any_more(source):
    """A mirrored author's feed that is something else now is an error: its entries would all be news."""
    async with site(answer(body=nitter(Status(id=NEW)))) as made:
        feed, look = await followed(source, f"{made.url}/annwrites/rss")
    async with site(answer(body=RSS)) as made:
        with pytest.raises(ParseError, match="@annwrites"):
            await again(source, replace(feed, url=made.url), look)


async def test_mirror_pages(source):
    """A mirror says in a header where its feed goes on; what is new of a thread below is told of."""
    first, second = NEW, NEW + (1 << 30)
    pages = {
        "annwrites/rss": answer(body=nitter(Status(id=second + 1, prefix=ME)), Min_Id="AB=="),
        "annwrites/rss?cursor=AB%3D%3D": answer(body=nitter(Status(id=second), Status(id=first))),
    }
    async with site(answer(body=nitter(Status(id=first))), **pages) as made:
        feed = feed_at(f"{made.url}/annwrites/before")
        look = await source.fetch(feed, {})
        found = await again(source, replace(feed, url=f"{made.url}/annwrites/rss"), look)

    assert [(entry.key, entry.post_count) for entry in found.entries] == [(str(second), 2)]


async def test_mirrored_part_is_told_of_once(source):
    """What goes on with a thread whose root is not in the feed any more is an entry once."""
    bodies = [nitter(Status(id=NEW)), nitter(Status(id=NEW + 5), Status(id=NEW + 3, prefix=ME))]
    looks = []
    cursor = {}
    for body in [*bodies, bodies[-1] + b" "]:
        async with site(answer(body=body)) as made:
            look = await source.fetch(feed_at(f"{made.url}/annwrites/rss"), cursor)
        cursor = look.cursor
        looks.append([entry.key for entry in look.entries])

    assert looks == [[], [str(NEW + 3)], []]


async def test_mirror_that_is_empty_for_once(source):
    """The newest post that was seen is remembered while a mirror shows none."""
    looks, cursor = [], {}
    for body in (nitter(Status(id=NEW)), nitter(), nitter(Status(id=NEW + 5), Status(id=NEW + 3, prefix=ME))):
        async with site(answer(body=body)) as made:
            looks.append(await source.fetch(feed_at(f"{made.url}/annwrites/rss"), cursor))
        cursor = looks[-1].cursor

    assert [entry.key for entry in looks[-1].entries] == [str(NEW + 3)]


# -- large feeds ----------------------------------------------------------------------------------------


async def test_large_feed_stops_nobody(feeds, source):
    """While a large feed is read, the rest of the program goes on."""
    blog = feeds.blog("ann", articles=300, per_page=1_000)
    blog.articles = [replace(article, html="<p>Words and more words.</p>" * 400) for article in blog.articles]
    longest, last = 0.0, asyncio.get_running_loop().time()
    stop = asyncio.Event()

    async def watch():
        nonlocal longest, last
        while not stop.is_set():
            await asyncio.sleep(0.005)
            now = asyncio.get_running_loop().time()
            longest, last = max(longest, now - last), now

    watching = asyncio.ensure_future(watch())
    look = await source.fetch(feed_at(f"{feeds.url}/ann/feed.xml"), {})
    stop.set()
    await watching

    assert len(look.entries) == 300
    assert longest < 0.5


async def test_feed_that_takes_too_long(monkeypatch, feeds, source):
    """A feed that cannot be read in time is an error, and while it is being read still, others fail for now only."""
    release = threading.Event()
    monkeypatch.setattr(syndication, "_READ_WITHIN", 0.01)
    monkeypatch.setattr(syndication, "_LARGE", 0)
    monkeypatch.setattr(syndication.feeds, "parse", lambda *_, **__: release.wait(10))
    feeds.blog("ann", articles=1)
    feed = feed_at(f"{feeds.url}/ann/feed.xml")
    try:
        for _ in range(2):
            with pytest.raises(ParseError, match="within"):
                await source.fetch(feed, {})
        with pytest.raises(TemporarySourceError):
            await source.fetch(feed, {})
    finally:
        release.set()


async def test_error_in_a_thread(monkeypatch, source):
    """What is no feed is the same error where it is found out in a thread."""
    monkeypatch.setattr(syndication, "_LARGE", 0)
    async with site(answer(body=b"<html>Hello")) as made:
        with pytest.raises(ParseError):
            await source.fetch(feed_at(f"{made.url}/feed.xml"), {})


async def test_same_look_twice(feeds, source):
    """The same cursor gives the same answer: the source keeps nothing between looks."""
    feeds.blog("ann", articles=3)
    feed = feed_at(f"{feeds.url}/ann/feed.xml")
    first, second = await source.fetch(feed, {}), await source.fetch(feed, {})

    assert isinstance(first, Fetched)
    assert first == second
